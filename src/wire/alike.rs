//! [`Alike`]: what pods of one template have in common is made once and shared by those that are read after
//! each other. `client` keeps one for its watch of pods; the engine then copies and drops shares of it.

use std::hash::BuildHasher;
use std::sync::Arc;

use kube::core::ObjectMeta;

use crate::model::{Labels, PodResources, ResourceReport, Toleration};
use crate::units::Set;

use super::metadata;
use super::pod::{PodSpec, Toleration as Read};

/// Templates that are remembered, by the hashes of their labels; of two in one place the later one.
const PLACES: usize = 256;

/// What the pods that were read of late have in common.
#[derive(Debug, Default)]
pub struct Alike {
    /// None before the first pod.
    seen: Vec<Shares>,
}

/// The parts of one pod that the next one may have, too.
#[derive(Clone, Debug, Default)]
pub(super) struct Shares {
    labels: Labels,
    scheduler_name: Arc<str>,
    tolerations: Arc<[Toleration]>,
    images: Arc<[Box<str>]>,
    report: Option<Arc<ResourceReport>>,
}

impl Alike {
    /// What is remembered in the place of pods with the labels of `metadata`.
    pub(super) fn shares(&mut self, metadata: &ObjectMeta) -> &mut Shares {
        if self.seen.is_empty() {
            self.seen.resize_with(PLACES, Shares::default);
        }
        let hash = Set::<()>::default().hasher().hash_one(&metadata.labels);
        let place = usize::try_from(hash % PLACES as u64).unwrap_or_default();
        &mut self.seen[place]
    }
}

impl Shares {
    pub(super) fn labels(&mut self, metadata: &ObjectMeta) -> Labels {
        let read = metadata.labels.iter().flatten();
        if !self.labels.iter().eq(read.map(|(key, value)| (key.as_str(), value.as_str()))) {
            self.labels = metadata::labels(metadata);
        }
        self.labels.clone()
    }

    pub(super) fn scheduler_name(&mut self, name: &str) -> Arc<str> {
        if *self.scheduler_name != *name {
            self.scheduler_name = name.into();
        }
        Arc::clone(&self.scheduler_name)
    }

    pub(super) fn tolerations(&mut self, read: &[Read]) -> Arc<[Toleration]> {
        if !self.tolerations.iter().eq(read.iter().map(|toleration| &toleration.0)) {
            self.tolerations = read.iter().map(|toleration| toleration.0.clone()).collect();
        }
        Arc::clone(&self.tolerations)
    }

    pub(super) fn images(&mut self, spec: &PodSpec) -> Arc<[Box<str>]> {
        if !spec.images().eq(self.images.iter().map(|name| &**name)) {
            self.images = spec.images().map(Into::into).collect();
        }
        Arc::clone(&self.images)
    }

    pub(super) fn report(
        &mut self,
        resources: &PodResources,
        scheduler_name: &str,
        has_priority: bool,
    ) -> Arc<ResourceReport> {
        let known = self.report.take();
        let report = resources.report_as(scheduler_name, has_priority, known);
        self.report = Some(Arc::clone(&report));
        report
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::model;
    use crate::wire::Pod;

    use super::*;

    fn read(name: &str, app: &str, image: &str, cpu: &str) -> Pod {
        let toleration = json!({"key": app, "operator": "Exists"});
        let requests = json!({"cpu": cpu});
        serde_json::from_value(json!({
            "metadata": {"name": name, "labels": {"app": app, "tier": "front"}},
            "spec": {
                "schedulerName": "berth",
                "tolerations": [toleration],
                "containers": [{"name": "c", "image": image, "resources": {"requests": requests}}],
            },
        }))
        .unwrap()
    }

    #[test]
    fn pods_of_one_template_share_and_are_what_they_would_be_alone() {
        let mut alike = Alike::default();
        let mut pod = |read: &Pod| -> model::Pod {
            let pod = read.to_model_among(&mut alike).unwrap();
            assert_eq!(pod, read.to_model().unwrap());
            pod
        };
        let (one, other) = (pod(&read("a", "x", "i", "1")), pod(&read("b", "x", "i", "1")));
        assert!(Arc::ptr_eq(&one.tolerations, &other.tolerations));
        assert!(Arc::ptr_eq(&one.images, &other.images));
        assert!(Arc::ptr_eq(&one.scheduler_name, &other.scheduler_name));
        assert!(Arc::ptr_eq(&one.report, &other.report));
        let changed = pod(&read("c", "x", "j:1", "2"));
        assert!(Arc::ptr_eq(&one.tolerations, &changed.tolerations));
        assert!(!Arc::ptr_eq(&one.images, &changed.images));
        for app in 0..2 * PLACES {
            pod(&read("d", &format!("app-{app}"), "i", "1"));
        }
        let bare = json!({"metadata": {"name": "e"}});
        assert_eq!(pod(&serde_json::from_value(bare).unwrap()).labels, Labels::EMPTY);
        assert_eq!(alike.seen.len(), PLACES);
    }
}
