//! Which victims pod disruption budgets protect.

use crate::cluster::Cluster;
use crate::model::PodDisruptionBudget;

use super::dry_run::Victim;

/// The budgets that protect anything, and what is left of each.
pub(super) struct Budgets<'a> {
    cluster: &'a Cluster,
    all: Vec<&'a PodDisruptionBudget>,
    /// What is left of each budget, while the pods of a node are looked at.
    left: Vec<i32>,
    /// By class of pods, which budgets are theirs; found out when a pod of the class is met.
    of_class: Vec<Option<Box<[usize]>>>,
}

impl<'a> Budgets<'a> {
    pub(super) fn new(cluster: &'a Cluster) -> Self {
        // A budget without a selector, or with an empty one, protects nothing.
        let selects = |budget: &&PodDisruptionBudget| {
            budget.selector.as_ref().is_some_and(|selector| !selector.requirements.is_empty())
        };
        let all: Vec<_> = cluster.objects().disruption_budgets.iter().filter(selects).collect();
        Self { cluster, all, left: Vec::new(), of_class: Vec::new() }
    }

    /// Marks those of `victims`, the most important one first, whose eviction would break a budget; says how
    /// many they are.
    ///
    /// Upstream: FilterVictimsWithPDBViolation, v1.37. A pod takes from its budgets until one is broken.
    pub(super) fn mark(&mut self, victims: &mut [Victim]) -> usize {
        if self.all.is_empty() {
            return 0;
        }
        self.left.clear();
        self.left.extend(self.all.iter().map(|budget| budget.disruptions_allowed));
        let mut marked = 0;
        for victim in victims {
            let violating = self.breaks(victim);
            victim.set_violating(violating);
            marked += usize::from(violating);
        }
        marked
    }

    fn breaks(&mut self, victim: &Victim) -> bool {
        self.learn(victim.class());
        let Some(Some(of_class)) = self.of_class.get(victim.class() as usize) else { return false };
        let Some(pod) = self.cluster.pod(victim.id) else { return false };
        for &at in of_class {
            // Its eviction was let through before, and is counted already.
            let budget = self.all[at];
            if budget.disrupted_pods.binary_search(&pod.key.name).is_ok() {
                continue;
            }
            self.left[at] = self.left[at].saturating_sub(1);
            if self.left[at] < 0 {
                return true;
            }
        }
        false
    }

    /// Finds out which budgets are those of the pods of `class`.
    fn learn(&mut self, class: u32) {
        let slot = class as usize;
        if self.of_class.len() <= slot {
            self.of_class.resize(slot + 1, None);
        }
        if self.of_class[slot].is_some() {
            return;
        }
        let Some(of) = self.cluster.class(class) else { return };
        let protects = |budget: &PodDisruptionBudget| {
            let selects = |selector: &crate::model::LabelSelector| selector.matches(&of.labels);
            // A pod without labels is protected by none.
            !of.labels.is_empty()
                && budget.namespace == of.namespace
                && budget.selector.as_ref().is_some_and(selects)
        };
        let budgets = self.all.iter().enumerate();
        let own = budgets.filter(|(_, budget)| protects(budget)).map(|(at, _)| at);
        self.of_class[slot] = Some(own.collect());
    }
}
