//! What in a pod's spec berth cannot judge yet, so that such a pod is held and not placed wrongly. Each
//! rule is upstream's rule of when the plugin in question has something to say.

use crate::model::{self, PodResources, Unsupported, UnsupportedFeature};

use super::pod::PodSpec;

/// Prefix of the resources that a `DeviceClass` stands for.
///
/// Upstream: resource.k8s.io/v1 `ResourceDeviceClassPrefix`, v1.37.
const DEVICE_CLASS_PREFIX: &str = "deviceclass.resource.kubernetes.io/";

/// The features that `spec` uses, each with its path, in the order of the upstream plugins here;
/// `resources` are its resources with all defaults.
pub(super) fn unsupported(spec: &PodSpec, resources: &PodResources) -> Vec<Unsupported> {
    let mut found = Found(Vec::new());
    if !spec.resource_claims.is_empty() {
        found.add(UnsupportedFeature::ResourceClaims, "spec.resourceClaims");
    }
    device_classes(&resources.containers, "spec.containers", &mut found);
    device_classes(&resources.init_containers, "spec.initContainers", &mut found);
    found.0
}

struct Found(Vec<Unsupported>);

impl Found {
    fn add(&mut self, feature: UnsupportedFeature, path: impl Into<Box<str>>) {
        self.0.push(Unsupported { feature, path: path.into() });
    }
}

/// Resources that name a `DeviceClass`. A class can take any other extended resource for itself as well;
/// that cannot be seen here.
///
/// Upstream: dynamicresources.hasDeviceClassMappedExtendedResource, v1.37.
fn device_classes(containers: &[model::Container], path: &str, found: &mut Found) {
    for (i, container) in containers.iter().enumerate() {
        for (name, quantity) in &container.requests {
            if name.starts_with(DEVICE_CLASS_PREFIX) && !quantity.is_zero() {
                let path = format!("{path}[{i}].resources.requests.{name}");
                found.add(UnsupportedFeature::ResourceClaims, path);
            }
        }
    }
}
