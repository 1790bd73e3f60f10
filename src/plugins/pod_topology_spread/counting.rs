//! Which pods and which nodes a constraint counts, and how many pods there are in each domain.

use crate::cluster::{Cluster, LabelColumn, View};
use crate::model::{Effect, Pod, Taint, Toleration};
use crate::units::NodeId;

use super::super::required_affinity::RequiredAffinity;
use super::constraint::Constraint;

/// The classes of pods that a constraint means, by number.
#[derive(Clone, Debug)]
pub(super) struct Classes {
    /// Their pods on nodes are counted.
    counted: Vec<bool>,
    /// Their pods make a difference when they come or go in thought.
    ///
    /// Upstream: updateWithPod, v1.37, which counts those that are being deleted as well, and all pods
    /// where the selector is empty.
    moving: Vec<bool>,
}

impl Classes {
    /// Those in the namespace of `pod` that `constraint` selects.
    pub(super) fn of(constraint: &Constraint, pod: &Pod, cluster: &Cluster) -> Self {
        let bound = cluster.classes_bound();
        let (mut counted, mut moving) = (vec![false; bound], vec![false; bound]);
        let counts = constraint.counts();
        for (number, class, _) in cluster.classes() {
            if class.namespace == pod.key.namespace && constraint.selects(&class.labels) {
                moving[number as usize] = true;
                counted[number as usize] = counts && !class.terminating;
            }
        }
        Self { counted, moving }
    }

    /// How many pods are counted on `node`.
    pub(super) fn on(&self, cluster: &Cluster, node: NodeId) -> u32 {
        let on_node = cluster.classes_on(node).iter();
        on_node.filter(|(class, _)| self.counted[*class as usize]).map(|(_, pods)| pods).sum()
    }

    /// How many pods more there are in thought on the node that `view` changes.
    pub(super) fn change(&self, view: &View<'_>) -> i64 {
        let means = |class: u32| self.moving.get(class as usize).copied().unwrap_or_default();
        view.class_changes().filter(|(class, _)| means(*class)).map(|(_, change)| change).sum()
    }
}

/// Which nodes count, by `nodeAffinityPolicy` and `nodeTaintsPolicy`.
pub(super) struct Inclusion {
    /// What the pod requires, where it does and a constraint honours it.
    affinity: Option<RequiredAffinity>,
    /// By number of a set of taints: the pod tolerates it. Empty where no constraint honours taints.
    tolerated: Vec<bool>,
}

impl Inclusion {
    /// What `constraints` say of nodes for `pod`.
    pub(super) fn new(constraints: &[Constraint], pod: &Pod, view: &View<'_>) -> Self {
        let affinity = RequiredAffinity::of(pod, view);
        let honored = constraints.iter().any(|constraint| constraint.honors_node_affinity);
        let affinity = (honored && !affinity.is_empty()).then_some(affinity);
        let mut tolerated = Vec::new();
        if let Some(honoring) = constraints.iter().find(|constraint| constraint.honors_taints) {
            tolerated.resize(view.cluster.taint_sets_bound(), false);
            for (set, taints) in view.cluster.taint_sets() {
                tolerated[set as usize] =
                    tolerates(&pod.tolerations, taints, honoring.compares_taints);
            }
        }
        Self { affinity, tolerated }
    }

    /// Which of `nodes` the pod's node affinity allows; `None` where it allows all.
    pub(super) fn allowed(&self, view: &View<'_>, nodes: &[NodeId]) -> Option<Vec<bool>> {
        let affinity = self.affinity.as_ref()?;
        let mut allowed = vec![true; nodes.len()];
        affinity.narrow(view, nodes, &mut allowed);
        Some(allowed)
    }

    /// Whether `node` counts for `constraint`; `allowed` is what the pod's node affinity says of it.
    pub(super) fn includes(
        &self,
        view: &View<'_>,
        constraint: &Constraint,
        node: NodeId,
        allowed: bool,
    ) -> bool {
        (allowed || !constraint.honors_node_affinity)
            && (!constraint.honors_taints || self.tolerated[view.row(node).taints as usize])
    }

    /// As [`Inclusion::includes`] for a single node.
    pub(super) fn includes_one(
        &self,
        view: &View<'_>,
        constraint: &Constraint,
        node: NodeId,
    ) -> bool {
        let allowed = self.allowed(view, &[node]).is_none_or(|allowed| allowed[0]);
        self.includes(view, constraint, node, allowed)
    }
}

/// Whether the taints that keep pods away are all tolerated.
fn tolerates(tolerations: &[Toleration], taints: &[Taint], compares: bool) -> bool {
    taints.iter().all(|taint| {
        !matches!(taint.effect, Effect::NoSchedule | Effect::NoExecute)
            || tolerations.iter().any(|toleration| toleration.tolerates(taint, compares))
    })
}

/// The nodes that have all labels that `constraints` name.
pub(super) fn nodes_with_all_keys(constraints: &[Constraint], view: &View<'_>) -> Vec<NodeId> {
    let columns = constraints.iter().map(|c| view.cluster.label_column(&c.topology_key));
    let Some(columns) = columns.collect::<Option<Vec<_>>>() else { return Vec::new() };
    let has_all = |node: &NodeId| columns.iter().all(|column| column.number(*node).is_some());
    view.cluster.nodes().filter(has_all).collect()
}

/// How many pods are counted in each domain.
#[derive(Clone, Debug, Default)]
pub(super) struct Domains {
    /// By number of the domain's value; `None` is no domain.
    counts: Vec<Option<u32>>,
    /// Pods on nodes that have no such label.
    without: u32,
}

impl Domains {
    /// Empty, with room for the values of `column`.
    pub(super) fn new(column: Option<LabelColumn<'_>>) -> Self {
        let bound = column.map_or(0, |column| column.numbers_bound());
        Self { counts: vec![None; bound], without: 0 }
    }

    /// Counts `pods` on a node with this value.
    pub(super) fn add(&mut self, domain: Option<u32>, pods: u32) {
        match domain {
            None => self.without += pods,
            Some(domain) => *self.counts[domain as usize].get_or_insert_default() += pods,
        }
    }

    /// Counts the pods on nodes that have no such label in `domain` as well.
    pub(super) fn merge_without(&mut self, domain: u32) {
        if let Some(pods) = self.counts.get_mut(domain as usize).filter(|_| self.without > 0) {
            *pods.get_or_insert_default() += self.without;
        }
    }

    /// Number of pods in a domain, none where it is no domain.
    pub(super) fn pods(&self, domain: u32) -> u32 {
        self.counts.get(domain as usize).copied().flatten().unwrap_or_default()
    }

    /// One more than the largest number of a domain.
    pub(super) fn bound(&self) -> usize {
        self.counts.len()
    }

    /// The domains with their numbers of pods.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        (0u32..).zip(&self.counts).filter_map(|(domain, pods)| Some((domain, (*pods)?)))
    }
}

/// Counts the pods of `classes` in the domains of `constraint`, on those of `nodes` that count.
pub(super) fn count_domains(
    constraint: &Constraint,
    classes: &Classes,
    inclusion: &Inclusion,
    (nodes, allowed): (&[NodeId], Option<&[bool]>),
    view: &View<'_>,
) -> Domains {
    let column = view.cluster.label_column(&constraint.topology_key);
    let mut domains = Domains::new(column);
    for (at, node) in nodes.iter().enumerate() {
        let allowed = allowed.is_none_or(|allowed| allowed[at]);
        if inclusion.includes(view, constraint, *node, allowed) {
            let domain = column.and_then(|column| column.number(*node));
            domains.add(domain, classes.on(view.cluster, *node));
        }
    }
    domains
}
