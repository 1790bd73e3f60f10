//! Which pods and which nodes a constraint counts. Used by `counter`.

use crate::cluster::{Cluster, PodClass, View};
use crate::model::{Effect, Pod, Taint, Toleration};
use crate::units::NodeId;

use super::super::required_affinity::RequiredAffinity;
use super::constraint::Constraint;

/// The classes of pods that a constraint means, by number.
#[derive(Clone, Debug)]
pub(super) struct Classes {
    meanings: Vec<Meaning>,
    /// The stamp of the class that each meaning is about.
    stamps: Vec<u32>,
}

/// What the pods of a class are to a constraint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Meaning {
    /// Nothing.
    #[default]
    None,
    /// They make a difference only when they come or go in thought.
    ///
    /// Upstream: updateWithPod, v1.37, which counts those that are being deleted as well, and all pods
    /// where the selector is empty.
    Moving,
    /// Those on nodes are counted, too.
    Counted,
}

impl Meaning {
    fn of(constraint: &Constraint, namespace: &str, class: &PodClass) -> Self {
        if *class.namespace != *namespace || !constraint.selects(&class.labels) {
            Self::None
        } else if class.terminating || !constraint.counts() {
            Self::Moving
        } else {
            Self::Counted
        }
    }
}

impl Classes {
    /// Those in `namespace` that `constraint` selects.
    pub(super) fn of(constraint: &Constraint, namespace: &str, cluster: &Cluster) -> Self {
        let mut meanings = vec![Meaning::None; cluster.classes_bound()];
        for (number, class, _) in cluster.classes() {
            meanings[number as usize] = Meaning::of(constraint, namespace, class);
        }
        Self { meanings, stamps: cluster.class_stamps().to_vec() }
    }

    /// How many pods are counted on `node`, all of whose classes are known.
    pub(super) fn on(&self, cluster: &Cluster, node: NodeId) -> u32 {
        let counted = |class: u32| self.meanings[class as usize] == Meaning::Counted;
        let on_node = cluster.classes_on(node).iter();
        on_node.filter(|(class, _)| counted(*class)).map(|(_, pods)| pods).sum()
    }

    /// How many pods are counted on `node`; gets to know its classes. `constraint` and `namespace` are those
    /// that it was made with.
    pub(super) fn learn(
        &mut self,
        constraint: &Constraint,
        namespace: &str,
        cluster: &Cluster,
        node: NodeId,
    ) -> u32 {
        let mut counted = 0;
        for &(number, pods) in cluster.classes_on(node) {
            let (at, stamp) = (number as usize, cluster.class_stamp(number));
            if self.stamps.get(at) != Some(&stamp)
                && let Some(class) = cluster.class(number)
            {
                if self.stamps.len() <= at {
                    self.stamps.resize(at + 1, 0);
                    self.meanings.resize(at + 1, Meaning::None);
                }
                self.stamps[at] = stamp;
                self.meanings[at] = Meaning::of(constraint, namespace, class);
            }
            if self.meanings[at] == Meaning::Counted {
                counted += pods;
            }
        }
        counted
    }

    /// Whether it is known that pods of the class that had this number and stamp are not counted.
    #[inline]
    pub(super) fn leave_out(&self, number: u32, stamp: u32) -> bool {
        let at = number as usize;
        self.stamps.get(at) == Some(&stamp) && self.meanings[at] != Meaning::Counted
    }

    /// How many pods more there are in thought on the node that `view` changes.
    pub(super) fn change(&self, constraint: &Constraint, namespace: &str, view: &View<'_>) -> i64 {
        let means = |number: u32| {
            let (at, stamp) = (number as usize, view.cluster.class_stamp(number));
            let meaning = match view.cluster.class(number) {
                _ if self.stamps.get(at) == Some(&stamp) => self.meanings[at],
                Some(class) => Meaning::of(constraint, namespace, class),
                None => Meaning::None,
            };
            meaning != Meaning::None
        };
        view.class_changes().filter(|(class, _)| means(*class)).map(|(_, change)| change).sum()
    }

    /// What it keeps, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.meanings.capacity() * (size_of::<Meaning>() + size_of::<u32>())
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
