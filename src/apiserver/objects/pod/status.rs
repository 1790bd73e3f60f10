//! What may change in the status of a pod.
//!
//! Upstream: registry/core/pod podStatusStrategy and core/validation ValidatePodStatusUpdate, v1.37.

use serde_json::{Value, json};

use crate::apiserver::objects::json::{copy, ensure, int, list, list_mut, set, take, text};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::{metadata, names, selector};

/// Conditions that the system itself keeps.
const SYSTEM: [&str; 3] = ["PodScheduled", "Ready", "Initialized"];
const LISTS: [&str; 3] =
    ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];

/// Puts back what a change of the status cannot reach, and fills in the status.
pub(in crate::apiserver::objects) fn prepare(new: &mut Value, old: &Value) {
    copy(new, old, "spec");
    for key in ["deletionTimestamp", "ownerReferences", "generation"] {
        copy(&mut new["metadata"], &old["metadata"], key);
    }
    let Some(status) = ensure(new, "status") else { return };
    if text(status, "qosClass").is_empty() {
        copy(status, &old["status"], "qosClass");
    }
    let kept = [
        "resourceClaimStatuses",
        "extendedResourceClaimStatus",
        "nodeAllocatableResourceClaimStatuses",
    ];
    for key in kept {
        if status[key].is_null() {
            copy(status, &old["status"], key);
        }
    }
    if int(status, "observedGeneration").unwrap_or(0) == 0 {
        copy(status, &old["status"], "observedGeneration");
    }
    observed_generations(status, &old["status"]);
    addresses(status);
    for which in LISTS {
        for container in list_mut(status, which) {
            ensure(container, "state");
            ensure(container, "lastState");
        }
    }
}

/// A condition without a generation keeps the one it had.
fn observed_generations(status: &mut Value, old: &Value) {
    let mut had: Vec<(String, Value)> = list(old, "conditions")
        .iter()
        .map(|was| (text(was, "type").to_owned(), was["observedGeneration"].clone()))
        .collect();
    for condition in list_mut(status, "conditions") {
        let at = had.iter().position(|(kind, _)| kind == text(condition, "type"));
        let Some((_, generation)) = at.map(|at| had.remove(at)) else { continue };
        if int(condition, "observedGeneration").unwrap_or(0) == 0 && !generation.is_null() {
            set(condition, "observedGeneration", generation);
        }
    }
}

/// Keeps the one address and the list of addresses the same.
///
/// Upstream: `SetDefaults_PodStatus`, v1.37.
fn addresses(status: &mut Value) {
    for (one, all) in [("podIP", "podIPs"), ("hostIP", "hostIPs")] {
        let single = text(status, one).to_owned();
        let first = list(status, all).first().map(|entry| text(entry, "ip").to_owned());
        if one == "hostIP" {
            // Upstream keeps only the addresses of the pod in step.
            continue;
        }
        match first {
            Some(first) if single.is_empty() => set(status, one, first),
            Some(first) if first == single => {}
            _ if single.is_empty() => drop(take(status, all)),
            _ => set(status, all, json!([{"ip": single}])),
        }
    }
}

/// Checks a change of the status.
pub(in crate::apiserver::objects) fn validate(new: &Value, old: &Value, causes: &mut Causes) {
    metadata::on_update(&new["metadata"], &old["metadata"], causes);
    let (field, (status, was)) = (Field::new("status"), (&new["status"], &old["status"]));
    for (at, condition) in list(status, "conditions").iter().enumerate() {
        let (kind, field) = (text(condition, "type"), field.child("conditions").index(at));
        let generation = int(condition, "observedGeneration").filter(|number| *number < 0);
        if let Some(generation) = generation {
            let at = field.child("observedGeneration");
            causes.invalid(&at, generation, "must be a non-negative integer");
        }
        if !SYSTEM.contains(&kind) {
            selector::label_key(kind, &field.child("Type"), causes);
        }
    }
    let at = field.child("nominatedNodeName");
    let (nominated, before) = (text(status, "nominatedNodeName"), text(was, "nominatedNodeName"));
    if nominated != before && !nominated.is_empty() {
        causes.invalid_each(&at, nominated, names::subdomain(nominated));
        if !text(&old["spec"], "nodeName").is_empty() {
            causes.forbidden(&at, "may not be set on pods that are already bound to a node");
        }
    }
    causes.unchanged(&field.child("qosClass"), &status["qosClass"], &was["qosClass"]);
    for (which, specs) in LISTS.into_iter().zip(super::CONTAINER_LISTS) {
        transitions(new, old, which, specs, &field.child(which), causes);
    }
    let claims = list(&new["spec"], "resourceClaims");
    let statuses = list(status, "resourceClaimStatuses");
    for (at, claim) in statuses.iter().enumerate() {
        let name = text(claim, "name");
        let field = field.child("resourceClaimStatuses").index(at).child("name");
        if !claims.iter().any(|claim| text(claim, "name") == name) {
            let why = "must match the name of an entry in `spec.resourceClaims`";
            causes.invalid(&field, name, why);
        }
        if statuses[..at].iter().any(|other| text(other, "name") == name) {
            causes.duplicate(&field, name, "");
        }
    }
}

/// A container that has ended for good does not run again.
fn transitions(
    new: &Value,
    old: &Value,
    which: &str,
    specs: &str,
    field: &Field,
    causes: &mut Causes,
) {
    let spec = &old["spec"];
    for (at, was) in list(&old["status"], which).iter().enumerate() {
        let terminated = &was["state"]["terminated"];
        if terminated.is_null() {
            continue;
        }
        let name = text(was, "name");
        let by_name = |item: &&Value| text(item, "name") == name;
        let now = list(&new["status"], which).iter().find(by_name);
        if now.is_none_or(|now| !now["state"]["terminated"].is_null()) {
            continue;
        }
        let container = list(spec, specs).iter().find(by_name);
        let code = int(terminated, "exitCode").unwrap_or(0);
        if !container.is_some_and(|container| restarts(container, spec, code)) {
            let why = "may not be transitioned to non-terminated state";
            causes.forbidden(&field.index(at).child("state"), why);
        }
    }
}

/// Whether a container that ended with `code` is started again.
///
/// Upstream: podutil.ContainerShouldRestart, v1.37.
fn restarts(container: &Value, spec: &Value, code: i64) -> bool {
    for rule in list(container, "restartPolicyRules") {
        let listed = list(&rule["exitCodes"], "values").contains(&json!(code));
        let applies = match text(&rule["exitCodes"], "operator") {
            "In" => listed,
            "NotIn" => !listed,
            _ => false,
        };
        if applies {
            return true;
        }
    }
    let policy = match text(container, "restartPolicy") {
        "" => text(spec, "restartPolicy"),
        own => own,
    };
    policy == "Always" || (policy == "OnFailure" && code != 0)
}
