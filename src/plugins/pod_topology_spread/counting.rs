//! Which pods and which nodes a constraint counts. Used by `counter`.

use crate::cluster::{Cluster, PodClass, View};
use crate::model::{Effect, Pod, Taint, Toleration};
use crate::units::NodeId;

use super::super::required_affinity::RequiredAffinity;
use super::constraint::Constraint;

/// The classes of pods that a constraint means, by number.
#[derive(Clone, Debug)]
pub(super) struct Classes {
    known: Vec<Known>,
}

/// What is known of the class of a number.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The stamp of the class that it is known of.
    stamp: u32,
    /// Its pods on nodes are counted.
    counted: bool,
    /// Its pods make a difference when they come or go in thought.
    ///
    /// Upstream: updateWithPod, v1.37, which counts those that are being deleted as well, and all pods
    /// where the selector is empty.
    moving: bool,
}

impl Known {
    fn of(constraint: &Constraint, namespace: &str, class: &PodClass, stamp: u32) -> Self {
        let moving = *class.namespace == *namespace && constraint.selects(&class.labels);
        let counted = moving && !class.terminating && constraint.counts();
        Self { stamp, counted, moving }
    }
}

impl Classes {
    /// Those in `namespace` that `constraint` selects.
    pub(super) fn of(constraint: &Constraint, namespace: &str, cluster: &Cluster) -> Self {
        let mut known = vec![Known::default(); cluster.classes_bound()];
        for (number, class, _) in cluster.classes() {
            let stamp = cluster.class_stamp(number);
            known[number as usize] = Known::of(constraint, namespace, class, stamp);
        }
        Self { known }
    }

    /// How many pods are counted on `node`, all of whose classes are known.
    pub(super) fn on(&self, cluster: &Cluster, node: NodeId) -> u32 {
        let on_node = cluster.classes_on(node).iter();
        on_node.filter(|(class, _)| self.known[*class as usize].counted).map(|(_, pods)| pods).sum()
    }

    /// Gets to know the classes on `node`; `constraint` and `namespace` are those that it was made with.
    pub(super) fn learn(
        &mut self,
        constraint: &Constraint,
        namespace: &str,
        cluster: &Cluster,
        node: NodeId,
    ) {
        for &(number, _) in cluster.classes_on(node) {
            let (at, stamp) = (number as usize, cluster.class_stamp(number));
            if self.known.get(at).is_some_and(|known| known.stamp == stamp) {
                continue;
            }
            if self.known.len() <= at {
                self.known.resize(at + 1, Known::default());
            }
            if let Some(class) = cluster.class(number) {
                self.known[at] = Known::of(constraint, namespace, class, stamp);
            }
        }
    }

    /// How many pods more there are in thought on the node that `view` changes.
    pub(super) fn change(&self, constraint: &Constraint, namespace: &str, view: &View<'_>) -> i64 {
        let means = |number: u32| {
            let stamp = view.cluster.class_stamp(number);
            let known = self.known.get(number as usize).filter(|known| known.stamp == stamp);
            match (known, view.cluster.class(number)) {
                (Some(known), _) => known.moving,
                (None, Some(class)) => Known::of(constraint, namespace, class, stamp).moving,
                (None, None) => false,
            }
        };
        view.class_changes().filter(|(class, _)| means(*class)).map(|(_, change)| change).sum()
    }

    /// What it keeps, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.known.capacity() * size_of::<Known>()
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
            && (!constraint.honors_taints || self.tolerates(view, node) == Some(true))
    }

    /// Whether the pod tolerates the taints of `node`; `None` where nobody looked at such a set of them.
    fn tolerates(&self, view: &View<'_>, node: NodeId) -> Option<bool> {
        self.tolerated.get(view.row(node).taints as usize).copied()
    }

    /// Whether it can tell of `node`: its taints are not new.
    pub(super) fn knows(&self, view: &View<'_>, node: NodeId) -> bool {
        self.tolerated.is_empty() || self.tolerates(view, node).is_some()
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
