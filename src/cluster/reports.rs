//! What metrics say of the resources of pods, read piece by piece by whoever asks.

use std::sync::Arc;

use crate::model::{PodKey, ResourceReport};
use crate::units::PodId;

use super::{Cluster, Place};

/// What is said of one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodReport {
    /// Namespace and name.
    pub key: PodKey,
    /// The node that the API server says it is on.
    pub node: Option<Box<str>>,
    /// Its priority; `None` where unset.
    pub priority: Option<i32>,
    /// What it asks for and may use at most.
    pub resources: Arc<ResourceReport>,
}

/// What is said of some of the pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodReports {
    /// These, in no particular order.
    pub pods: Vec<PodReport>,
    /// Where the next ones begin; `None` where these are the last ones.
    pub next: Option<u32>,
}

impl Cluster {
    /// Puts what is kept in the place of `report` where it is the same, so that a pod that waits has none of
    /// its own.
    pub fn share_report(&self, report: &mut Arc<ResourceReport>) {
        let known = self.reports.find(&*report).and_then(|number| self.reports.get(number));
        if let Some(known) = known {
            *report = Arc::clone(known);
        }
    }

    /// What is said of the pods whose numbers are at least `from`, of at most `max` numbers.
    #[must_use]
    pub fn reports(&self, from: u32, max: u32) -> PodReports {
        let end = from.saturating_add(max);
        let pods = (from..end).filter_map(|id| self.report(PodId(id))).collect();
        PodReports { pods, next: (self.pods.len() > end as usize).then_some(end) }
    }

    fn report(&self, id: PodId) -> Option<PodReport> {
        let entry = self.pod(id)?;
        let resources = Arc::clone(self.reports.get(entry.report)?);
        Some(PodReport {
            key: entry.key.clone(),
            node: match entry.place {
                Place::Bound(node) => Some(self.node_name(node).into()),
                Place::Pending | Place::Assumed(_) => None,
            },
            priority: resources.has_priority.then_some(entry.priority),
            resources,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Pod;

    use super::*;

    fn pod(name: &str, scheduler: &str, node: Option<&str>) -> Pod {
        let report = ResourceReport { scheduler_name: scheduler.into(), ..Default::default() };
        Pod {
            key: PodKey { namespace: "a".into(), name: name.into() },
            node_name: node.map(Into::into),
            report: Arc::new(report),
            ..Pod::default()
        }
    }

    #[test]
    fn every_pod_is_said_once_and_equal_reports_are_one() {
        let mut cluster = Cluster::new(1);
        let ids: Vec<_> = [("p", None), ("q", Some("n")), ("r", Some("n"))]
            .map(|(name, node)| cluster.add_pod(&pod(name, "s", node), 0))
            .into();
        cluster.remove_pod(ids[1]);
        let first = cluster.reports(0, 2);
        assert_eq!(first.next, Some(2));
        assert!(first.pods.len() == 1 && &*first.pods[0].key.name == "p");
        assert_eq!((&first.pods[0].node, first.pods[0].priority), (&None, None));
        let second = cluster.reports(2, 2);
        assert_eq!((second.pods.len(), second.next), (1, None));
        assert_eq!(second.pods[0].node.as_deref(), Some("n"));
        assert!(Arc::ptr_eq(&first.pods[0].resources, &second.pods[0].resources));
        let mut waiting = pod("w", "s", None);
        cluster.share_report(&mut waiting.report);
        assert!(Arc::ptr_eq(&first.pods[0].resources, &waiting.report));
        cluster.update_pod(ids[0], &pod("p", "t", None), 0);
        cluster.remove_pod(ids[2]);
        drop((first, second, waiting));
        assert_eq!(&*cluster.reports(0, 9).pods[0].resources.scheduler_name, "t");
        assert_eq!(cluster.reports.iter().count(), 1);
    }
}
