//! What pods made from one template have in common, as far as plugins judge nodes by it.
//! `engine::tables` finds the table of a pod by it.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use crate::units::Set;

use super::{LabelSelector, Labels, Owner, Pod, PodAffinity, PodVolume, VolumeSource};

/// All that an eval may read of a pod that is kept for others ([`Eval::lasting`](crate::framework::Eval::lasting)):
/// everything but names, what its object says of its state, labels that nobody selects by, and which claims its
/// volumes are: a StatefulSet's pods have claims of their own.
#[derive(Clone, Debug)]
pub struct Template {
    /// One of the pods, with just those labels.
    pod: Box<Pod>,
}

/// Everything but the labels.
fn facts(pod: &Pod) -> impl Hash + Eq + '_ {
    let owner = pod.owner.as_ref().filter(|owner| is_read(owner));
    let who = (&pod.key.namespace, owner, pod.priority, pod.never_preempts);
    let needs = (&pod.requests, &pod.host_ports, Shared(&pod.images), Volumes(&pod.volumes));
    let nodes = (Shared(&pod.tolerations), &pod.node_selector, &pod.node_affinity, &pod.node_name);
    let others = (&pod.pod_affinity, &pod.topology_spread);
    (who, needs, nodes, others, &pod.required_features, &pod.unsupported)
}

/// A list that pods of one template share: one and the same needs no second look.
#[derive(Hash)]
struct Shared<'a, T>(&'a Arc<[T]>);

impl<T: Eq> PartialEq for Shared<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.0, other.0) || self.0 == other.0
    }
}

impl<T: Eq> Eq for Shared<'_, T> {}

/// The volumes of a pod, whatever its claims are called.
struct Volumes<'a>(&'a [PodVolume]);

impl<'a> Volumes<'a> {
    /// The names of the volumes, and what they are, `None` for a claim.
    fn all(&self) -> impl Iterator<Item = (&'a str, Option<&'a VolumeSource>)> {
        self.0.iter().map(|PodVolume { name, source }| {
            (&**name, (!matches!(source, VolumeSource::Claim { .. })).then_some(source))
        })
    }
}

impl Hash for Volumes<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.len().hash(state);
        self.all().for_each(|volume| volume.hash(state));
    }
}

impl PartialEq for Volumes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.all().eq(other.all())
    }
}

impl Eq for Volumes<'_> {}

/// Whether somebody looks at what the controller selects. Every Job has pods of its own and selects for nobody.
fn is_read(owner: &Owner) -> bool {
    matches!(&*owner.kind, "ReplicationController" | "ReplicaSet" | "StatefulSet")
}

/// The labels that tell templates apart.
fn selected<'a>(
    labels: &'a Labels,
    selects: &'a impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    labels.iter().filter(|(key, _)| selects(key))
}

impl Template {
    /// That of `pod`, where labels with these keys matter, and those that the pod itself selects by.
    #[must_use]
    pub fn of(pod: &Pod, selects: impl Fn(&str) -> bool) -> Self {
        let selects = |key: &str| selects(key) || selects_by(pod, key);
        let mut template = pod.clone();
        template.labels = selected(&pod.labels, &selects).collect();
        Self { pod: Box::new(template) }
    }

    /// Whether it is that of `pod`.
    #[must_use]
    pub fn is_of(&self, pod: &Pod, selects: impl Fn(&str) -> bool) -> bool {
        let selects = |key: &str| selects(key) || selects_by(pod, key);
        let labels = self.pod.labels.iter();
        facts(&self.pod) == facts(pod) && labels.eq(selected(&pod.labels, &selects))
    }

    /// A hash that pods of one template share, `seed` mixed in.
    #[must_use]
    pub fn hash_of(pod: &Pod, seed: usize, selects: impl Fn(&str) -> bool) -> u64 {
        let selects = |key: &str| selects(key) || selects_by(pod, key);
        let labels: Vec<_> = selected(&pod.labels, &selects).collect();
        Set::<()>::default().hasher().hash_one((seed, facts(pod), labels))
    }
}

/// Whether a selector of the pod's own is about the label `key`: it may mean the pod itself.
fn selects_by(pod: &Pod, key: &str) -> bool {
    let spread = pod.topology_spread.iter().any(|constraint| {
        names(constraint.selector.as_ref(), key)
            || constraint.match_label_keys.iter().any(|own| **own == *key)
    });
    spread || pod.pod_affinity.as_deref().is_some_and(|own| own.selects_by(key))
}

fn names(selector: Option<&LabelSelector>, key: &str) -> bool {
    let requirements = selector.into_iter().flat_map(|selector| &selector.requirements);
    requirements.into_iter().any(|requirement| *requirement.key == *key)
}

impl PodAffinity {
    /// Whether a term is about the label `key` of pods.
    fn selects_by(&self, key: &str) -> bool {
        self.terms().any(|term| names(term.selector.as_ref(), key))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        AffinityTerm, HostPort, LabelOperator, LabelRequirement, NodeAffinity, PodKey, PodRequests,
        SpreadConstraint, Toleration, TolerationOperator,
    };
    use super::*;

    fn nobody(_: &str) -> bool {
        false
    }

    #[test]
    fn names_and_labels_make_no_template() {
        let one = Pod { uid: "1".into(), ..Pod::default() };
        let labels = Labels::from_iter([("app", "web")]);
        let other = Pod { uid: "2".into(), labels, ..Pod::default() };
        assert!(Template::of(&one, nobody).is_of(&other, nobody));
        assert_eq!(Template::hash_of(&one, 0, nobody), Template::hash_of(&other, 0, nobody));
        let app = |key: &str| key == "app";
        assert!(!Template::of(&one, app).is_of(&other, app));
        assert_ne!(Template::hash_of(&one, 0, app), Template::hash_of(&other, 0, app));
    }

    #[test]
    fn labels_do_that_the_pod_selects_by() {
        let requirements = vec![LabelRequirement {
            key: "app".into(),
            operator: LabelOperator::Exists,
            values: Vec::new(),
        }];
        let selector = Some(LabelSelector { requirements });
        let spread = SpreadConstraint { selector: selector.clone(), ..SpreadConstraint::default() };
        let keys = SpreadConstraint {
            match_label_keys: vec!["app".into()],
            ..SpreadConstraint::default()
        };
        let term = AffinityTerm {
            selector,
            namespaces: Vec::new(),
            namespace_selector: None,
            topology_key: "zone".into(),
        };
        let affinity = PodAffinity { anti_required: vec![term], ..PodAffinity::default() };
        for pod in [
            Pod { topology_spread: vec![spread], ..Pod::default() },
            Pod { topology_spread: vec![keys], ..Pod::default() },
            Pod { pod_affinity: Some(Box::new(affinity)), ..Pod::default() },
        ] {
            let labelled = |app, index| Pod {
                labels: Labels::from_iter([("app", app), ("index", index)]),
                ..pod.clone()
            };
            let web = Template::of(&labelled("web", "1"), nobody);
            assert!(web.is_of(&labelled("web", "2"), nobody), "{pod:?}");
            assert!(!web.is_of(&labelled("db", "1"), nobody), "{pod:?}");
        }
    }

    #[test]
    fn names_of_claims_make_no_template_either() {
        let volume = |name: &str, source| PodVolume { name: name.into(), source };
        let claim = |name: &str| VolumeSource::Claim { name: name.into() };
        let with = |volume| Pod { volumes: vec![volume], ..Pod::default() };
        let one = with(volume("data", claim("data-0")));
        let same = |other: &Pod| {
            let hash = |pod: &Pod| Template::hash_of(pod, 0, nobody);
            let is_it = Template::of(&one, nobody).is_of(other, nobody);
            assert_eq!(is_it, hash(&one) == hash(other));
            is_it
        };
        assert!(same(&with(volume("data", claim("data-1")))));
        assert!(!same(&with(volume("logs", claim("data-0")))), "another volume");
        assert!(!same(&with(volume("data", VolumeSource::Ephemeral))), "another kind");
        assert!(!same(&Pod::default()));
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
        let in_namespace = PodKey { namespace: "other".into(), name: "".into() };
        let volume = PodVolume { name: "v".into(), source: VolumeSource::Ephemeral };
        let owner = |kind: &str| Owner {
            api_version: "apps/v1".into(),
            kind: kind.into(),
            name: "o".into(),
            uid: "u".into(),
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
            ("tolerations", Pod { tolerations: [toleration].into(), ..Pod::default() }),
            (
                "node selector",
                Pod { node_selector: Labels::from_iter([("a", "b")]), ..Pod::default() },
            ),
            (
                "node affinity",
                Pod { node_affinity: Some(NodeAffinity::default()), ..Pod::default() },
            ),
            ("ports", Pod { host_ports: vec![port], ..Pod::default() }),
            ("images", Pod { images: ["a".into()].into(), ..Pod::default() }),
            ("never preempts", Pod { never_preempts: true, ..Pod::default() }),
            ("namespace", Pod { key: in_namespace, ..Pod::default() }),
            ("node name", Pod { node_name: Some("n".into()), ..Pod::default() }),
            ("owner", Pod { owner: Some(owner("ReplicaSet")), ..Pod::default() }),
            ("volumes", Pod { volumes: vec![volume], ..Pod::default() }),
            ("affinity", Pod { pod_affinity: Some(Box::default()), ..Pod::default() }),
            (
                "spread",
                Pod { topology_spread: vec![SpreadConstraint::default()], ..Pod::default() },
            ),
            ("features", Pod { required_features: vec!["F"], ..Pod::default() }),
        ] {
            assert!(!Template::of(&plain, nobody).is_of(&pod, nobody), "{name}");
            let hash = |pod: &Pod| Template::hash_of(pod, 0, nobody);
            assert_ne!(hash(&plain), hash(&pod), "{name}");
        }
        let hash = |profile| Template::hash_of(&plain, profile, nobody);
        assert_ne!(hash(0), hash(1), "profiles");
        let of_job = Pod { owner: Some(owner("Job")), ..Pod::default() };
        assert!(
            Template::of(&plain, nobody).is_of(&of_job, nobody),
            "nobody reads a Job's selector"
        );
    }
}
