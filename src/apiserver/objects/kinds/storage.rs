//! StorageClasses, CSINodes, CSIDrivers and CSIStorageCapacities.
//!
//! Upstream: storage/v1 defaults and storage/validation, v1.37.

use serde_json::{Value, json};

use crate::apiserver::objects::json::{ensure, fields, list, quantity, set_default, text};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::{names, selector};
use crate::units::Quantity;

const RECLAIM_POLICIES: [&str; 2] = ["Delete", "Retain"];
const BINDING_MODES: [&str; 2] = ["Immediate", "WaitForFirstConsumer"];
const NODE_ID_MAX: usize = 192;

/// Fills in a class.
pub(super) fn class_defaults(class: &mut Value) {
    set_default(class, "reclaimPolicy", "Delete");
    set_default(class, "volumeBindingMode", "Immediate");
}

/// What is refused in a class.
pub(super) fn validate_class(class: &Value, causes: &mut Causes) {
    let provisioner = text(class, "provisioner");
    let field = Field::new("provisioner");
    if provisioner.is_empty() {
        causes.required(&field, "");
    } else {
        let wrong = names::qualified(&provisioner.to_lowercase());
        causes.invalid_each(&field, &provisioner.to_lowercase(), wrong);
    }
    let policy = text(class, "reclaimPolicy");
    if !policy.is_empty() && !RECLAIM_POLICIES.contains(&policy) {
        causes.not_supported(&Field::new("reclaimPolicy"), policy, &RECLAIM_POLICIES);
    }
    let mode = text(class, "volumeBindingMode");
    if !BINDING_MODES.contains(&mode) {
        causes.not_supported(&Field::new("volumeBindingMode"), mode, &BINDING_MODES);
    }
    let parameters = Field::new("parameters");
    if fields(&class["parameters"]).any(|(key, _)| key.is_empty()) {
        causes.invalid(&parameters, "", "field can not be empty.");
    }
    for (at, term) in list(class, "allowedTopologies").iter().enumerate() {
        let field = Field::new("allowedTopologies").index(at).child("matchLabelExpressions");
        for (at, requirement) in list(term, "matchLabelExpressions").iter().enumerate() {
            let field = field.index(at);
            if list(requirement, "values").is_empty() {
                causes.required(&field.child("values"), "");
            }
            selector::label_key(text(requirement, "key"), &field.child("key"), causes);
        }
    }
}

/// What is refused in a change of a class.
pub(super) fn validate_class_update(new: &Value, old: &Value, causes: &mut Causes) {
    for key in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
        causes.unchanged(&Field::new(key), &new[key], &old[key]);
    }
}

/// Fills in what a node says about its drivers.
pub(super) fn node_defaults(node: &mut Value) {
    ensure(node, "spec");
    ensure(node, "status");
}

/// What is refused in a CSINode.
pub(super) fn validate_node(node: &Value, causes: &mut Causes) {
    let drivers = list(&node["spec"], "drivers");
    for (at, driver) in drivers.iter().enumerate() {
        let field = Field::new("spec.drivers").index(at);
        let (name, id) = (text(driver, "name"), text(driver, "nodeID"));
        if name.is_empty() {
            causes.required(&field.child("name"), "");
        } else {
            let wrong = names::subdomain(&name.to_lowercase());
            causes.invalid_each(&field.child("name"), name, wrong);
        }
        if id.is_empty() {
            causes.required(&field.child("nodeID"), "");
        } else if id.len() > NODE_ID_MAX {
            let why = format!("must be {NODE_ID_MAX} characters or less");
            causes.invalid(&field.child("nodeID"), id, &why);
        }
        let count = driver["allocatable"]["count"].as_i64();
        causes.not_negative(&field.child("allocatable").child("count"), count);
        if drivers[..at].iter().any(|other| text(other, "name") == name) {
            causes.duplicate(&field.child("name"), name, "");
        }
    }
}

/// Fills in a driver.
pub(super) fn driver_defaults(driver: &mut Value) {
    let Some(spec) = ensure(driver, "spec") else { return };
    set_default(spec, "attachRequired", true);
    for key in [
        "podInfoOnMount",
        "storageCapacity",
        "requiresRepublish",
        "seLinuxMount",
        "preventPodSchedulingIfMissing",
    ] {
        set_default(spec, key, false);
    }
    set_default(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
    if list(spec, "volumeLifecycleModes").is_empty() {
        crate::apiserver::objects::json::set(spec, "volumeLifecycleModes", json!(["Persistent"]));
    }
}

/// What is refused in a CSIStorageCapacity.
pub(super) fn validate_capacity(capacity: &Value, causes: &mut Causes) {
    let topology = Field::new("nodeTopology");
    selector::selector(&capacity["nodeTopology"], &topology, causes);
    let class = text(capacity, "storageClassName");
    causes.invalid_each(&Field::new("storageClassName"), class, names::subdomain(class));
    for key in ["capacity", "maximumVolumeSize"] {
        let amount = quantity(&capacity[key]).filter(|amount| amount.amount() < Quantity::ZERO);
        if let Some(amount) = amount {
            let why = "must be greater than or equal to 0";
            causes.invalid(&Field::new(key), amount.to_string(), why);
        }
    }
}
