//! What pods of a class mean to the pod in question: which of the terms of either mean the other, and what
//! each of them adds to which sum.

use crate::cluster::{Cluster, PodClass};
use crate::model::{AffinityTerm, InterPodAffinityArgs, Labels, Pod, PodAffinity, WeightedTerm};

/// The sums that are kept, each by the values of the topology keys of its terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sum {
    /// Pods that all required affinity terms of the pod mean.
    Affinity,
    /// Pods that a required anti-affinity term of the pod means.
    AntiAffinity,
    /// Required anti-affinity terms of other pods that mean the pod.
    ExistingAntiAffinity,
    /// Weights of the terms that say which nodes are better.
    Score,
}

/// The pod in question, as far as terms look at it.
pub(super) struct Incoming {
    namespace: Box<str>,
    namespace_labels: Labels,
    labels: Labels,
    affinity: Option<Box<PodAffinity>>,
    /// Terms that score count: what a required affinity term of another pod weighs.
    hard_weight: Option<i64>,
}

impl Incoming {
    pub(super) fn new(pod: &Pod, cluster: &Cluster, args: InterPodAffinityArgs) -> Self {
        let own = pod.pod_affinity.as_deref();
        let prefers = own.is_some_and(|a| !a.preferred.is_empty() || !a.anti_preferred.is_empty());
        let scored = prefers || !args.ignore_preferred_terms_of_existing_pods;
        Self {
            namespace: pod.key.namespace.clone(),
            namespace_labels: cluster.namespace_labels(&pod.key.namespace).clone(),
            labels: pod.labels.clone(),
            affinity: pod.pod_affinity.clone(),
            hard_weight: scored.then_some(args.hard_pod_affinity_weight),
        }
    }

    /// Its required affinity terms.
    pub(super) fn required(&self) -> &[AffinityTerm] {
        self.affinity.as_ref().map_or(&[], |own| &own.required)
    }

    /// Tells `add` the sums that its own terms add to, each with its topology key.
    pub(super) fn own_sums(&self, mut add: impl FnMut(Sum, &str)) {
        let Some(own) = self.affinity.as_deref() else { return };
        own.required.iter().for_each(|term| add(Sum::Affinity, &term.topology_key));
        own.anti_required.iter().for_each(|term| add(Sum::AntiAffinity, &term.topology_key));
        if self.hard_weight.is_some() {
            weighted(own).for_each(|(term, _)| add(Sum::Score, &term.topology_key));
        }
    }

    /// Whether it has required terms of either kind.
    pub(super) fn has_required(&self) -> bool {
        let anti = self.affinity.as_ref().is_some_and(|own| !own.anti_required.is_empty());
        anti || !self.required().is_empty()
    }

    /// Whether it has any term.
    pub(super) fn has_terms(&self) -> bool {
        self.affinity.is_some()
    }

    /// Whether all its required affinity terms mean the pod itself.
    pub(super) fn matches_itself(&self, cluster: &Cluster) -> bool {
        self.all_required_mean(cluster, &self.namespace, &self.labels)
    }

    /// Whether there are required affinity terms, and all of them mean such a pod.
    ///
    /// Upstream: podMatchesAllAffinityTerms, v1.37.
    fn all_required_mean(&self, cluster: &Cluster, namespace: &str, labels: &Labels) -> bool {
        let of_namespace = cluster.find_namespace(namespace);
        let means =
            |term: &AffinityTerm| term.means(&self.namespace, namespace, of_namespace, labels);
        !self.required().is_empty() && self.required().iter().all(means)
    }

    /// Tells `add` what a pod of `class` adds to which sum, and the topology key whose value on the pod's
    /// node it counts for.
    ///
    /// Upstream: updateWithPod and processExistingPod, v1.37. The pod's own terms select only namespaces
    /// that exist; a namespace that is not known has no labels for the terms of others.
    pub(super) fn effects<'a>(
        &'a self,
        cluster: &Cluster,
        class: &'a PodClass,
        mut add: impl FnMut(Sum, &'a str, i64),
    ) {
        if let Some(own) = self.affinity.as_deref() {
            self.own_effects(own, cluster, class, &mut add);
        }
        if let Some(theirs) = class.affinity.as_deref() {
            self.effects_of_others(theirs, class, &mut add);
        }
    }

    fn own_effects<'a>(
        &'a self,
        own: &'a PodAffinity,
        cluster: &Cluster,
        class: &'a PodClass,
        add: &mut impl FnMut(Sum, &'a str, i64),
    ) {
        let PodClass { namespace, labels, .. } = class;
        let of_namespace = cluster.find_namespace(namespace);
        let means =
            |term: &AffinityTerm| term.means(&self.namespace, namespace, of_namespace, labels);
        if self.all_required_mean(cluster, namespace, labels) {
            own.required.iter().for_each(|term| add(Sum::Affinity, &term.topology_key, 1));
        }
        for term in own.anti_required.iter().filter(|term| means(term)) {
            add(Sum::AntiAffinity, &term.topology_key, 1);
        }
        if self.hard_weight.is_some() {
            for (term, weight) in weighted(own).filter(|(term, _)| means(term)) {
                add(Sum::Score, &term.topology_key, weight);
            }
        }
    }

    fn effects_of_others<'a>(
        &'a self,
        theirs: &'a PodAffinity,
        class: &'a PodClass,
        add: &mut impl FnMut(Sum, &'a str, i64),
    ) {
        let of_namespace = Some(&self.namespace_labels);
        let means = |term: &AffinityTerm| {
            term.means(&class.namespace, &self.namespace, of_namespace, &self.labels)
        };
        for term in theirs.anti_required.iter().filter(|term| means(term)) {
            add(Sum::ExistingAntiAffinity, &term.topology_key, 1);
        }
        let Some(hard_weight) = self.hard_weight else { return };
        let hard = theirs.required.iter().filter(|_| hard_weight > 0);
        let hard = hard.map(|term| (term, hard_weight));
        for (term, weight) in hard.chain(weighted(theirs)).filter(|(term, _)| means(term)) {
            add(Sum::Score, &term.topology_key, weight);
        }
    }
}

/// The preferred terms of both kinds; those of anti-affinity count against a node.
fn weighted(affinity: &PodAffinity) -> impl Iterator<Item = (&AffinityTerm, i64)> {
    let anti = affinity.anti_preferred.iter();
    // Upstream multiplies in 32 bits as well.
    let anti = anti.map(|WeightedTerm { weight, term }| (term, weight.wrapping_neg().into()));
    affinity
        .preferred
        .iter()
        .map(|WeightedTerm { weight, term }| (term, i64::from(*weight)))
        .chain(anti)
}
