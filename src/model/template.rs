//! What pods made from one template have in common, as far as plugins judge single nodes by it.
//! `engine::tables` finds the table of a pod by it.

use std::hash::{BuildHasher, Hash};

use crate::units::{Resources, Set};

use super::{HostPort, Labels, NodeAffinity, Pod, PodRequests, Toleration};

/// All that an eval may read of a pod whose word on a node lasts (`Eval::lasting`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    priority: i32,
    requests: PodRequests,
    tolerations: Vec<Toleration>,
    node_selector: Labels,
    node_affinity: Option<NodeAffinity>,
    host_ports: Vec<HostPort>,
    images: Vec<Box<str>>,
    required_features: Vec<&'static str>,
}

impl Template {
    /// That of `pod`.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        Self {
            priority: pod.priority,
            requests: pod.requests.clone(),
            tolerations: pod.tolerations.clone(),
            node_selector: pod.node_selector.clone(),
            node_affinity: pod.node_affinity.clone(),
            host_ports: pod.host_ports.clone(),
            images: pod.images.clone(),
            required_features: pod.required_features.clone(),
        }
    }

    /// Whether it is that of `pod`.
    #[must_use]
    pub fn is_of(&self, pod: &Pod) -> bool {
        self.priority == pod.priority
            && self.requests == pod.requests
            && self.tolerations == pod.tolerations
            && self.node_selector == pod.node_selector
            && self.node_affinity == pod.node_affinity
            && self.host_ports == pod.host_ports
            && self.images == pod.images
            && self.required_features == pod.required_features
    }

    /// A hash that pods of one template share, `seed` mixed in.
    #[must_use]
    pub fn hash_of(pod: &Pod, seed: usize) -> u64 {
        let PodRequests { request, scored, usage, non_zero_milli_cpu, non_zero_memory } =
            &pod.requests;
        let amounts = |r: &Resources| (r.milli_cpu, r.memory, r.ephemeral_storage);
        let sums = [amounts(request), amounts(scored), amounts(usage)];
        let needs = (sums, non_zero_milli_cpu, non_zero_memory, &request.scalars);
        let where_to = (&pod.tolerations, &pod.node_selector, &pod.node_affinity);
        let rest = (&pod.host_ports, &pod.images, &pod.required_features);
        hash(&(seed, pod.priority, needs, where_to, rest))
    }
}

fn hash(value: &impl Hash) -> u64 {
    Set::<()>::default().hasher().hash_one(value)
}

#[cfg(test)]
mod tests {
    use super::super::TolerationOperator;
    use super::*;

    #[test]
    fn names_and_labels_make_no_template() {
        let one = Pod { uid: "1".into(), ..Pod::default() };
        let labels = Labels::from_iter([("app", "web")]);
        let other = Pod { uid: "2".into(), labels, ..Pod::default() };
        assert!(Template::of(&one).is_of(&other));
        assert_eq!(Template::hash_of(&one, 0), Template::hash_of(&other, 0));
    }

    #[test]
    fn every_other_field_does() {
        let requests = |change: fn(&mut PodRequests)| {
            let mut requests = PodRequests::default();
            change(&mut requests);
            Pod { requests, ..Pod::default() }
        };
        let port = HostPort { protocol: "TCP".into(), ip: "0.0.0.0".into(), port: 80 };
        let toleration = Toleration {
            key: "k".into(),
            operator: TolerationOperator::Exists,
            value: "".into(),
            effect: None,
        };
        let plain = Pod::default();
        for (name, pod) in [
            ("priority", Pod { priority: 1, ..Pod::default() }),
            ("request", requests(|r| r.request.milli_cpu = 1)),
            ("scored", requests(|r| r.scored.memory = 1)),
            ("usage", requests(|r| r.usage.ephemeral_storage = 1)),
            ("scalars", requests(|r| r.request.scalars = vec![("example.com/gpu".into(), 1)])),
            ("non-zero CPU", requests(|r| r.non_zero_milli_cpu = 1)),
            ("non-zero memory", requests(|r| r.non_zero_memory = 1)),
            ("tolerations", Pod { tolerations: vec![toleration], ..Pod::default() }),
            (
                "node selector",
                Pod { node_selector: Labels::from_iter([("a", "b")]), ..Pod::default() },
            ),
            (
                "node affinity",
                Pod { node_affinity: Some(NodeAffinity::default()), ..Pod::default() },
            ),
            ("ports", Pod { host_ports: vec![port], ..Pod::default() }),
            ("images", Pod { images: vec!["a".into()], ..Pod::default() }),
            ("features", Pod { required_features: vec!["F"], ..Pod::default() }),
        ] {
            assert!(!Template::of(&plain).is_of(&pod), "{name}");
            assert_ne!(Template::hash_of(&plain, 0), Template::hash_of(&pod, 0), "{name}");
        }
        assert_ne!(Template::hash_of(&plain, 0), Template::hash_of(&plain, 1), "profiles");
    }
}
