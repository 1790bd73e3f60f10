//! PersistentVolumes.
//!
//! Upstream: core/v1 defaults and core/validation ValidatePersistentVolume, v1.37.
//! Differs from upstream: the sources are not looked into, but for hostPath, local and csi.

use serde_json::{Value, json};

use crate::apiserver::objects::json::{
    ensure, fields, length, list, part, quantity, set, set_default, set_default_text, text,
};
use crate::apiserver::objects::names;
use crate::apiserver::objects::pod::affinity::node_selector;
use crate::apiserver::objects::pod::volume_defaults;
use crate::apiserver::objects::pod::volumes::given_sources;
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::units::Quantity;

const ACCESS_MODES: [&str; 4] =
    ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
const RECLAIM_POLICIES: [&str; 3] = ["Delete", "Recycle", "Retain"];
/// The fields of a spec that are no sources.
const COMMON: [&str; 9] = [
    "accessModes",
    "capacity",
    "claimRef",
    "mountOptions",
    "nodeAffinity",
    "persistentVolumeReclaimPolicy",
    "storageClassName",
    "volumeAttributesClassName",
    "volumeMode",
];

/// Fills in a volume.
pub(super) fn defaults(volume: &mut Value) {
    if let Some(spec) = ensure(volume, "spec") {
        set_default_text(spec, "persistentVolumeReclaimPolicy", "Retain");
        set_default(spec, "volumeMode", "Filesystem");
        if let Some(path) = part(spec, "hostPath") {
            set_default(path, "type", "");
        }
        for source in ["iscsi", "rbd", "azureDisk", "scaleIO"] {
            if let Some(inner) = part(spec, source) {
                volume_defaults::in_tree(inner, source);
            }
        }
        if text(spec, "storageClassName").is_empty() {
            crate::apiserver::objects::json::take(spec, "storageClassName");
        }
    }
    if let Some(status) = ensure(volume, "status") {
        set_default_text(status, "phase", "Pending");
    }
}

/// Makes the volume a new one.
pub(super) fn create(volume: &mut Value, now: &str) {
    set(volume, "status", json!({"phase": "Pending", "lastPhaseTransitionTime": now}));
}

/// What is refused in a volume.
pub(super) fn validate(volume: &Value, causes: &mut Causes) {
    let (spec, field) = (&volume["spec"], Field::new("spec"));
    access_modes(spec, "", &field.child("accessModes"), causes);
    capacity(&spec["capacity"], &field.child("capacity"), causes);
    let policy = text(spec, "persistentVolumeReclaimPolicy");
    if !RECLAIM_POLICIES.contains(&policy) {
        let at = field.child("persistentVolumeReclaimPolicy");
        causes.not_supported(&at, policy, &RECLAIM_POLICIES);
    }
    let affinity = &spec["nodeAffinity"];
    if !affinity.is_null() {
        let at = field.child("nodeAffinity").child("required");
        if affinity["required"].is_null() {
            causes.required(&at, "must specify required node constraints");
        } else {
            node_selector(&affinity["required"], &at, causes);
        }
    }
    sources(spec, &field, causes);
    mode_and_class(spec, &field, causes);
}

fn capacity(capacity: &Value, field: &Field, causes: &mut Causes) {
    if length(capacity) == 0 {
        causes.required(field, "");
    }
    if length(capacity) != 1 || capacity["storage"].is_null() {
        let shown = if capacity.is_null() { "null".to_owned() } else { capacity.to_string() };
        causes.not_supported_json(field, &shown, &["storage"]);
    }
    for (name, amount) in fields(capacity) {
        let amount = quantity(amount).filter(|amount| amount.amount() <= Quantity::ZERO);
        if let Some(amount) = amount {
            if amount.amount() < Quantity::ZERO {
                let why = "must be a valid resource quantity";
                causes.invalid(&field.key(name), amount.amount().value(), why);
            }
            causes.invalid(&field.key(name), amount.to_string(), "must be greater than zero");
        }
    }
}

fn sources(spec: &Value, field: &Field, causes: &mut Causes) {
    let given = given_sources(spec, &COMMON);
    if given.is_empty() {
        causes.required(field, "must specify a volume type");
    }
    for other in given.iter().skip(1) {
        causes.forbidden(&field.child(other), "may not specify more than 1 volume type");
    }
    for (source, key) in [("hostPath", "path"), ("local", "path"), ("csi", "driver")] {
        if !spec[source].is_null() && text(&spec[source], key).is_empty() {
            causes.required(&field.child(source).child(key), "");
        }
    }
    let driver = text(&spec["csi"], "driver");
    if !driver.is_empty() {
        let at = field.child("csi").child("driver");
        causes.invalid_each(&at, driver, names::subdomain(&driver.to_lowercase()));
    }
    if !spec["csi"].is_null() && text(&spec["csi"], "volumeHandle").is_empty() {
        causes.required(&field.child("csi").child("volumeHandle"), "");
    }
    if !spec["local"].is_null() && spec["nodeAffinity"].is_null() {
        causes.required(&field.child("nodeAffinity"), "Local volume requires node affinity");
    }
}

/// Checks the access modes of a volume or a claim; `missing` is said where there are none.
pub(super) fn access_modes(spec: &Value, missing: &str, field: &Field, causes: &mut Causes) {
    let modes = list(spec, "accessModes");
    if modes.is_empty() {
        causes.required(field, missing);
    }
    for mode in modes.iter().filter_map(Value::as_str).filter(|mode| !ACCESS_MODES.contains(mode)) {
        causes.not_supported(field, mode, &ACCESS_MODES);
    }
    let known = modes.iter().filter(|mode| ACCESS_MODES.iter().any(|known| *mode == known));
    let (alone, others): (Vec<_>, Vec<_>) = known.partition(|mode| *mode == "ReadWriteOncePod");
    if !alone.is_empty() && !others.is_empty() {
        causes.forbidden(field, "may not use ReadWriteOncePod with other access modes");
    }
}

/// Checks the mode and the class of a volume or a claim.
pub(super) fn mode_and_class(spec: &Value, field: &Field, causes: &mut Causes) {
    let (mode, modes) = (text(spec, "volumeMode"), ["Block", "Filesystem"]);
    if !modes.contains(&mode) {
        causes.not_supported(&field.child("volumeMode"), mode, &modes);
    }
    let class = text(spec, "storageClassName");
    if !class.is_empty() {
        causes.invalid_each(&field.child("storageClassName"), class, names::subdomain(class));
    }
}

/// What is refused in a change of a volume.
pub(super) fn validate_update(new: &Value, old: &Value, causes: &mut Causes) {
    let (spec, was) = (&new["spec"], &old["spec"]);
    let source = |spec: &Value| -> Vec<(String, Value)> {
        let sources = fields(spec).filter(|(key, _)| !COMMON.contains(&key.as_str()));
        sources.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    if source(spec) != source(was) {
        let why = "spec.persistentvolumesource is immutable after creation\n";
        causes.forbidden(&Field::new("spec.persistentvolumesource"), why);
    }
    causes.unchanged(&Field::new("volumeMode"), &spec["volumeMode"], &was["volumeMode"]);
}

/// Keeps the time of the last change of the phase.
///
/// Upstream: registry/core/persistentvolume persistentvolumeStatusStrategy, v1.37.
pub(in crate::apiserver::objects) fn phase_time(new: &mut Value, old: &Value, now: &str) {
    let key = "lastPhaseTransitionTime";
    let was = old["status"][key].clone();
    let same = new["status"]["phase"] == old["status"]["phase"];
    let time = new["status"][key].clone();
    if same && time.is_null() && !was.is_null() {
        set(&mut new["status"], key, was);
    } else if !same && (time.is_null() || time == was) {
        set(&mut new["status"], key, now);
    }
}
