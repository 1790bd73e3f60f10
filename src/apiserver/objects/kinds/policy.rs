//! PodDisruptionBudgets, PriorityClasses and the bindings of roles.
//!
//! Upstream: policy/validation, scheduling/validation, rbac/v1 defaults, v1.37.

use serde_json::{Value, json};

use super::workload_rules::{int_or_percent, not_over_all};
use crate::apiserver::objects::json::{
    ensure, flag, int, list_mut, name, part, set, set_default, set_default_text, text,
};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::selector;

/// The highest priority that users can give.
const USER_PRIORITY_MAX: i64 = 1_000_000_000;
/// The classes that come with the system.
const SYSTEM_CLASSES: [(&str, i64); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];
const RBAC: &str = "rbac.authorization.k8s.io";

/// Makes the budget a new one.
pub(super) fn create_budget(budget: &mut Value, _now: &str) {
    ensure(budget, "spec");
    let status = json!({
        "disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0,
    });
    set(budget, "status", status);
    set(&mut budget["metadata"], "generation", 1);
}

/// What is refused in a budget.
pub(super) fn validate_budget(budget: &Value, causes: &mut Causes) {
    let (spec, field) = (&budget["spec"], Field::new("spec"));
    let keys = ["minAvailable", "maxUnavailable"];
    if keys.iter().all(|key| !spec[*key].is_null()) {
        let why = "minAvailable and maxUnavailable cannot be both set";
        causes.invalid(&field, spec.clone(), why);
    }
    for key in keys.into_iter().filter(|key| !spec[*key].is_null()) {
        int_or_percent(&spec[key], &field.child(key), causes);
        not_over_all(&spec[key], &field.child(key), causes);
    }
    selector::selector(&spec["selector"], &field.child("selector"), causes);
    let policies = ["AlwaysAllow", "IfHealthyBudget"];
    let policy = text(spec, "unhealthyPodEvictionPolicy");
    if !policy.is_empty() && !policies.contains(&policy) {
        causes.not_supported(&field.child("unhealthyPodEvictionPolicy"), policy, &policies);
    }
}

/// Fills in a PriorityClass.
pub(super) fn class_defaults(class: &mut Value) {
    set_default(class, "preemptionPolicy", "PreemptLowerPriority");
    set_default(class, "value", 0);
}

/// What is refused in a PriorityClass.
pub(super) fn validate_class(class: &Value, causes: &mut Causes) {
    let value = int(class, "value").unwrap_or(0);
    if name(class).starts_with("system-") {
        if let Some(why) = not_of_system(class, value) {
            let why = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: \
                 {why}"
            );
            causes.forbidden(&Field::new("metadata.name"), &why);
        }
    } else if value > USER_PRIORITY_MAX {
        let why =
            format!("maximum allowed value of a user defined priority is {USER_PRIORITY_MAX}");
        causes.forbidden(&Field::new("value"), &why);
    }
    let policies = ["PreemptLowerPriority", "Never"];
    causes.one_of(&Field::new("preemptionPolicy"), text(class, "preemptionPolicy"), &policies);
}

/// Why a class is none of those that come with the system.
fn not_of_system(class: &Value, value: i64) -> Option<String> {
    let name = name(class);
    let known = SYSTEM_CLASSES.iter().find(|(system, _)| *system == name);
    let Some((_, wanted)) = known else {
        return Some(format!("{name} is not a known system priority class"));
    };
    if value != *wanted {
        return Some(format!("value of {name} PriorityClass must be {wanted}"));
    }
    let default = flag(class, "globalDefault");
    default.then(|| format!("globalDefault of {name} PriorityClass must be false"))
}

/// What is refused in a change of a PriorityClass.
pub(super) fn validate_class_update(new: &Value, old: &Value, causes: &mut Causes) {
    if new["value"] != old["value"] {
        causes.forbidden(&Field::new("value"), "may not be changed in an update.");
    }
    let key = "preemptionPolicy";
    causes.unchanged(&Field::new(key), &new[key], &old[key]);
}

/// Fills in the binding of a role.
pub(super) fn binding_defaults(binding: &mut Value) {
    if let Some(role) = part(binding, "roleRef") {
        set_default_text(role, "apiGroup", RBAC);
    }
    for subject in list_mut(binding, "subjects") {
        if matches!(text(subject, "kind"), "User" | "Group") {
            set_default_text(subject, "apiGroup", RBAC);
        }
    }
}
