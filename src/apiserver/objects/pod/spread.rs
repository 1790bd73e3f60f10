//! What is refused in the topology spread constraints of a pod.
//!
//! Upstream: core/validation validateTopologySpreadConstraints, v1.37.

use serde_json::Value;

use super::affinity::match_label_keys;
use crate::apiserver::objects::json::{int, text};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::selector;

/// Checks the constraints.
pub(super) fn constraints(all: &[Value], field: &Field, causes: &mut Causes) {
    for (at, constraint) in all.iter().enumerate() {
        one(constraint, &all[at + 1..], &field.index(at), causes);
    }
}

fn one(constraint: &Value, others: &[Value], field: &Field, causes: &mut Causes) {
    positive(int(constraint, "maxSkew").unwrap_or(0), &field.child("maxSkew"), causes);
    let (key, action) = (text(constraint, "topologyKey"), text(constraint, "whenUnsatisfiable"));
    if key.is_empty() {
        causes.required(&field.child("topologyKey"), "can not be empty");
    }
    let actions = ["DoNotSchedule", "ScheduleAnyway"];
    if !actions.contains(&action) {
        causes.not_supported(&field.child("whenUnsatisfiable"), action, &actions);
    }
    let same = |other: &Value| {
        text(other, "topologyKey") == key && text(other, "whenUnsatisfiable") == action
    };
    if others.iter().any(same) {
        let at = field.child("{topologyKey, whenUnsatisfiable}");
        causes.duplicate(&at, format!("{{{key}, {action}}}"), "");
    }
    if let Some(domains) = int(constraint, "minDomains") {
        let at = field.child("minDomains");
        positive(domains, &at, causes);
        if action != "DoNotSchedule" {
            let why =
                format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
            causes.invalid(&at, domains, &why);
        }
    }
    for which in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
        let policies = ["Honor", "Ignore"];
        if let Some(policy) = constraint[which].as_str().filter(|name| !policies.contains(name)) {
            causes.not_supported(&field.child(which), policy, &policies);
        }
    }
    match_label_keys(constraint, field, causes);
    selector::selector(&constraint["labelSelector"], &field.child("labelSelector"), causes);
}

fn positive(number: i64, field: &Field, causes: &mut Causes) {
    if number <= 0 {
        causes.invalid(field, number, "must be greater than zero");
    }
}
