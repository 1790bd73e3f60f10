//! What creation does to a pod once admission has had it: its status, the merging of label keys into
//! selectors, and the resources of the pod as a whole.
//!
//! Upstream: registry/core/pod strategy.PrepareForCreate, v1.37.

use serde_json::{Value, json};

use super::qos;
use crate::apiserver::objects::amounts::{Amounts, amounts, of_containers, to_list};
use crate::apiserver::objects::json::{
    items, length, list, list_mut, part, push, set, set_default,
};

/// Makes the pod one that has just been created.
pub(in crate::apiserver::objects) fn prepare(pod: &mut Value, now: &str) {
    set(&mut pod["metadata"], "generation", 1);
    let gated = !list(&pod["spec"], "schedulingGates").is_empty();
    set(pod, "status", json!({"phase": "Pending"}));
    if gated {
        let condition = json!({
            "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
            "lastTransitionTime": now,
        });
        set(&mut pod["status"], "conditions", vec![condition]);
    }
    let labels = pod["metadata"]["labels"].clone();
    merge_label_keys(&mut pod["spec"], &labels);
    pod_level_resources(&mut pod["spec"]);
    let class = qos::class(&pod["spec"]);
    set(&mut pod["status"], "qosClass", class);
}

fn merge_label_keys(spec: &mut Value, labels: &Value) {
    for which in ["podAffinity", "podAntiAffinity"] {
        let Some(affinity) = part(spec, "affinity").and_then(|all| part(all, which)) else {
            continue;
        };
        for term in list_mut(affinity, "requiredDuringSchedulingIgnoredDuringExecution") {
            merge_keys(term, labels);
        }
        for term in list_mut(affinity, "preferredDuringSchedulingIgnoredDuringExecution") {
            if let Some(term) = part(term, "podAffinityTerm") {
                merge_keys(term, labels);
            }
        }
    }
    for constraint in list_mut(spec, "topologySpreadConstraints") {
        merge_keys(constraint, labels);
    }
}

/// Adds what `matchLabelKeys` and `mismatchLabelKeys` mean for `labels` to the selector, if there is one.
fn merge_keys(term: &mut Value, labels: &Value) {
    let sides = [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")];
    let mut added = Vec::new();
    for (keys, operator) in sides {
        for key in items(&term[keys]).iter().filter_map(Value::as_str) {
            if let Some(value) = labels[key].as_str() {
                added.push(json!({"key": key, "operator": operator, "values": [value]}));
            }
        }
    }
    let Some(selector) = part(term, "labelSelector") else { return };
    for requirement in added {
        push(selector, "matchExpressions", requirement);
    }
}

/// Fills in the requests and limits of the pod as a whole.
///
/// Upstream: podutil.DefaultPodLevelResources, v1.37.
pub(super) fn pod_level_resources(spec: &mut Value) {
    let own = &spec["resources"];
    if length(&own["requests"]) + length(&own["limits"]) == 0 {
        return;
    }
    let (mut requests, mut limits) = (amounts(&own["requests"]), amounts(&own["limits"]));
    let of_all = (of_containers(spec, "requests"), of_containers(spec, "limits"));
    for (name, amount) in &of_all.1 {
        if is_huge_page(name) && !requests.contains_key(name) {
            limits.entry(name.clone()).or_insert_with(|| amount.clone());
        }
    }
    for (name, amount) in &of_all.0 {
        if is_supported(name) && !is_huge_page(name) {
            requests.entry(name.clone()).or_insert_with(|| amount.clone());
        }
    }
    for (name, amount) in &limits {
        if is_supported(name) {
            requests.entry(name.clone()).or_insert_with(|| amount.clone());
        }
    }
    limits_from_containers(spec, &requests, &mut limits, &of_all.1);
    let Some(own) = part(spec, "resources") else { return };
    set(own, "requests", to_list(&requests));
    set(own, "limits", to_list(&limits));
}

/// A resource that every container limits is limited for the pod, too.
fn limits_from_containers(spec: &Value, requests: &Amounts, limits: &mut Amounts, sums: &Amounts) {
    for (name, request) in requests {
        if !is_supported(name) || limits.contains_key(name) {
            continue;
        }
        let everywhere = super::own_containers(spec)
            .all(|container| !container["resources"]["limits"][name.as_str()].is_null());
        let Some(sum) = sums.get(name).filter(|_| everywhere) else { continue };
        let limit = if request.compare(sum).is_gt() { request } else { sum };
        limits.insert(name.clone(), limit.clone());
    }
}

/// Whether the pod as a whole can ask for the resource.
pub(super) fn is_supported(name: &str) -> bool {
    name == "cpu" || name == "memory" || is_huge_page(name)
}

/// Whether the resource is memory in huge pages.
pub(super) fn is_huge_page(name: &str) -> bool {
    name.starts_with("hugepages-")
}

/// Sets a condition as upstream's helper does: its time moves only with its status.
///
/// Upstream: podutil.UpdatePodCondition, v1.37.
pub(super) fn set_condition(pod: &mut Value, kind: &str, status: &str, now: &str) {
    set_default(pod, "status", json!({}));
    let conditions = list(&pod["status"], "conditions");
    let at = conditions.iter().position(|condition| condition["type"] == kind);
    let old = at.map(|at| &conditions[at]).filter(|old| old["status"] == status);
    let time = old.map_or(Value::from(now), |old| old["lastTransitionTime"].clone());
    let new = json!({"type": kind, "status": status, "lastTransitionTime": time});
    match at {
        Some(at) => list_mut(&mut pod["status"], "conditions")[at] = new,
        None => push(&mut pod["status"], "conditions", new),
    }
}
