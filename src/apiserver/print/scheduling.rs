//! Kinds of scheduling: priority classes, groups of pods, and the devices of `resource.k8s.io`.
//!
//! Upstream: the functions print* of these kinds, v1.37.

use serde_json::Value;

use super::column::{AGE, Column, NAME};
use super::duration::{since, time};
use super::fields::{at, is_deleting, list, text};

/// The columns of priority classes.
pub(super) const PRIORITY_CLASSES: &[Column] = &[
    NAME,
    Column::number("Value", "value"),
    Column::flag("Global-Default", "globalDefault", false),
    AGE,
    Column::field("PreemptionPolicy", "preemptionPolicy"),
];

const POLICY: Column = Column::read("Policy", |group| {
    if at(group, "spec.schedulingPolicy.gang").is_object() { "Gang" } else { "Basic" }.into()
});
const WORKLOAD: Column = Column::field_or("Workload", "spec.workloadRef.workloadName", "<none>");

/// The columns of pod groups.
pub(super) const POD_GROUPS: &[Column] =
    &[NAME, POLICY, WORKLOAD, Column::read("Status", |group| group_status(group).into()), AGE];

/// The columns of composite pod groups.
pub(super) const COMPOSITE_POD_GROUPS: &[Column] = &[NAME, POLICY, WORKLOAD, AGE];

/// The columns of resource claims.
pub(super) const RESOURCE_CLAIMS: &[Column] =
    &[NAME, Column::read("State", |claim| claim_state(claim).into()), AGE];

/// The columns of resource slices.
pub(super) const RESOURCE_SLICES: &[Column] = &[
    NAME,
    Column::field("Node", "spec.nodeName"),
    Column::field("Driver", "spec.driver"),
    Column::field("Pool", "spec.pool.name"),
    AGE,
];

/// The columns of rules that taint devices.
pub(super) const DEVICE_TAINT_RULES: &[Column] = &[
    NAME,
    Column::field("Key", "spec.taint.key"),
    Column::field("Value", "spec.taint.value"),
    Column::field("Effect", "spec.taint.effect"),
    Column::timed("TimeAdded", |rule, now| {
        let added = time(at(rule, "spec.taint.timeAdded"));
        added.map_or_else(String::new, |added| since(Some(added), now))
    }),
    AGE,
];

fn group_status(group: &Value) -> &str {
    // Of several conditions of one type, the last one counts.
    let condition =
        |kind| list(group, "status.conditions").iter().rfind(|c| text(c, "type") == kind);
    if let Some(disruption) = condition("DisruptionTarget") {
        return text(disruption, "reason");
    }
    match condition("PodGroupInitiallyScheduled").map(|found| text(found, "status")) {
        None => "Pending",
        Some("True") => "Scheduled",
        Some(_) => "Unschedulable",
    }
}

fn claim_state(claim: &Value) -> &'static str {
    let is_allocated = at(claim, "status.allocation").is_object();
    let is_reserved = is_allocated && !list(claim, "status.reservedFor").is_empty();
    match (is_deleting(claim), is_allocated, is_reserved) {
        (false, false, _) => "pending",
        (false, true, false) => "allocated",
        (false, true, true) => "allocated,reserved",
        (true, false, _) => "deleted",
        (true, true, false) => "deleted,allocated",
        (true, true, true) => "deleted,allocated,reserved",
    }
}
