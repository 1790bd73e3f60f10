//! Volumes, claims, classes, and what CSI drivers report.
//!
//! Upstream: the functions print* of these kinds, v1.37. Amounts are shown as they are stored, which is
//! their canonical form.

use serde_json::Value;

use super::column::{AGE, Column, NAME};
use super::fields::{annotation, at, is_deleting, joined, list, text};

/// The annotation that names the class of a volume or a claim in the old way; it wins.
const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";
/// The annotations that make a storage class the default one, the present and the old.
const DEFAULT_CLASS: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];
/// The access modes in the order in which they are shown.
const ACCESS_MODES: [(&str, &str); 4] = [
    ("ReadWriteOnce", "RWO"),
    ("ReadOnlyMany", "ROX"),
    ("ReadWriteMany", "RWX"),
    ("ReadWriteOncePod", "RWOP"),
];

const STATUS: Column = Column::read("Status", |object| {
    if is_deleting(object) { "Terminating" } else { text(object, "status.phase") }.into()
});
const CLASS: Column = Column::read("StorageClass", |object| {
    let class = annotation(object, BETA_CLASS);
    class.unwrap_or_else(|| text(object, "spec.storageClassName")).into()
});
const ATTRIBUTES_CLASS: Column =
    Column::field_or("VolumeAttributesClass", "spec.volumeAttributesClassName", "<unset>");
const VOLUME_MODE: Column = Column::field_or("VolumeMode", "spec.volumeMode", "<unset>").wide();

/// The columns of persistent volumes.
pub(super) const PERSISTENT_VOLUMES: &[Column] = &[
    NAME,
    Column::field_or("Capacity", "spec.capacity.storage", "0"),
    Column::read("Access Modes", |volume| access_modes(list(volume, "spec.accessModes")).into()),
    Column::field("Reclaim Policy", "spec.persistentVolumeReclaimPolicy"),
    STATUS,
    Column::read("Claim", |volume| claim(volume).into()),
    CLASS,
    ATTRIBUTES_CLASS,
    Column::field("Reason", "status.reason"),
    AGE,
    VOLUME_MODE,
];

/// The columns of persistent volume claims: capacity and modes only once there is a volume.
pub(super) const PERSISTENT_VOLUME_CLAIMS: &[Column] = &[
    NAME,
    STATUS,
    Column::field("Volume", "spec.volumeName"),
    Column::read("Capacity", |claim| {
        let capacity = at(claim, "status.capacity.storage").as_str().unwrap_or("0");
        if has_volume(claim) { capacity } else { "" }.into()
    }),
    Column::read("Access Modes", |claim| {
        let modes = if has_volume(claim) { list(claim, "status.accessModes") } else { &[] };
        access_modes(modes).into()
    }),
    CLASS,
    ATTRIBUTES_CLASS,
    AGE,
    VOLUME_MODE,
];

/// The columns of storage classes. A list marks the default class in the first of them.
pub(super) const STORAGE_CLASSES: &[Column] = &[
    NAME,
    Column::field("Provisioner", "provisioner"),
    Column::field_or("ReclaimPolicy", "reclaimPolicy", "Delete"),
    Column::field_or("VolumeBindingMode", "volumeBindingMode", "Immediate"),
    Column::flag("AllowVolumeExpansion", "allowVolumeExpansion", false).typed("string"),
    AGE,
];

/// The columns of volume attributes classes.
pub(super) const VOLUME_ATTRIBUTES_CLASSES: &[Column] =
    &[NAME, Column::field("DriverName", "driverName"), AGE];

/// The columns of CSI nodes.
pub(super) const CSI_NODES: &[Column] = &[NAME, Column::count("Drivers", "spec.drivers"), AGE];

/// The columns of CSI drivers.
pub(super) const CSI_DRIVERS: &[Column] = &[
    NAME,
    Column::flag("AttachRequired", "spec.attachRequired", true),
    Column::flag("PodInfoOnMount", "spec.podInfoOnMount", false),
    Column::flag("StorageCapacity", "spec.storageCapacity", false),
    Column::read("TokenRequests", |driver| match at(driver, "spec.tokenRequests") {
        Value::Array(requests) => {
            joined(requests.iter().map(|request| text(request, "audience")), "").into()
        }
        _ => "<unset>".into(),
    }),
    Column::flag("RequiresRepublish", "spec.requiresRepublish", false),
    Column::read("Modes", |driver| {
        let modes = list(driver, "spec.volumeLifecycleModes").iter();
        joined(modes.filter_map(Value::as_str), "<none>").into()
    }),
    AGE,
];

/// The columns of volume attachments.
pub(super) const VOLUME_ATTACHMENTS: &[Column] = &[
    NAME,
    Column::field("Attacher", "spec.attacher").names(),
    Column::field("PV", "spec.source.persistentVolumeName"),
    Column::field("Node", "spec.nodeName"),
    Column::flag("Attached", "status.attached", false),
    AGE,
];

/// The position of the class that claims without a class get: the youngest of those marked as default,
/// then the first in the alphabet. `None` if none is.
pub(super) fn default_class<'a>(classes: impl Iterator<Item = &'a Value>) -> Option<usize> {
    let is_default = |class| DEFAULT_CLASS.iter().any(|key| annotation(class, key) == Some("true"));
    let marked = classes.enumerate().filter(|(_, class)| is_default(class));
    let rank = |class| {
        // Times of this form compare as texts.
        (text(class, "metadata.creationTimestamp"), std::cmp::Reverse(text(class, "metadata.name")))
    };
    marked.max_by_key(|(_, class)| rank(class)).map(|(position, _)| position)
}

fn has_volume(claim: &Value) -> bool {
    !text(claim, "spec.volumeName").is_empty()
}

fn access_modes(modes: &[Value]) -> String {
    let there = ACCESS_MODES.iter().filter(|(mode, _)| modes.iter().any(|found| found == mode));
    joined(there.map(|(_, short)| *short), "")
}

/// The claim that a volume is bound to: `namespace/name`.
fn claim(volume: &Value) -> String {
    let claim = at(volume, "spec.claimRef");
    if !claim.is_object() {
        return String::new();
    }
    format!("{}/{}", text(claim, "namespace"), text(claim, "name"))
}
