//! Binding a pod to a node.
//!
//! Upstream: registry/core/pod/storage BindingREST and the plugin PodTopologyLabels, v1.37.

use serde_json::Value;

use super::create::set_condition;
use crate::apiserver::objects::admission::topology_labels;
use crate::apiserver::objects::json::{ensure, fields, list, name, set, take, text};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::{Lookup, Refusal, names};

/// The pod on the node that `binding` names.
pub(in crate::apiserver::objects) fn bind(
    mut pod: Value,
    binding: &Value,
    now: &str,
    lookup: &dyn Lookup,
) -> Result<Value, Refusal> {
    if name(&pod) != name(binding) {
        let text = "name in URL does not match name in Binding object";
        return Err(Refusal::BadRequest(text.to_owned()));
    }
    validate(binding)?;
    check_state(&pod, binding)?;
    let node = text(&binding["target"], "name");
    set(&mut pod["spec"], "nodeName", node);
    take(&mut pod["status"], "nominatedNodeName");
    merge(&mut pod, "annotations", &binding["metadata"]["annotations"]);
    merge(&mut pod, "labels", &binding["metadata"]["labels"]);
    if text(&binding["target"], "kind") == "Node" {
        topology_labels::copy(&mut pod, node, lookup);
    }
    set_condition(&mut pod, "PodScheduled", "True", now);
    Ok(pod)
}

fn validate(binding: &Value) -> Result<(), Refusal> {
    let mut causes = Causes::default();
    let (target, field) = (&binding["target"], Field::new("target"));
    let kind = text(target, "kind");
    if !kind.is_empty() && kind != "Node" {
        causes.not_supported(&field.child("kind"), kind, &["Node", "<empty>"]);
    }
    match text(target, "name") {
        "" => causes.required(&field.child("name"), ""),
        name if kind.is_empty() || kind == "Node" => {
            causes.invalid_each(&field.child("name"), name, names::subdomain(name));
        }
        _ => {}
    }
    causes.finish_as_error()
}

/// Whether the pod is one that can be bound, and the one that is meant.
fn check_state(pod: &Value, binding: &Value) -> Result<(), Refusal> {
    let (meta, wanted) = (&pod["metadata"], &binding["metadata"]);
    for (key, what) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let (want, have) = (text(wanted, key), text(meta, key));
        if !want.is_empty() && want != have {
            let namespace = text(meta, "namespace");
            return Err(conflict(
                "pods",
                pod,
                &format!(
                    "StorageError: invalid object, Code: 4, Key: /registry/pods/{namespace}/{}, \
                     ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: {what} in \
                     precondition: {want}, {what} in object meta: {have}",
                    name(pod)
                ),
            ));
        }
    }
    let why = if !meta["deletionTimestamp"].is_null() {
        format!("pod {} is being deleted, cannot be assigned to a host", name(pod))
    } else if let node @ 1.. = text(&pod["spec"], "nodeName").len() {
        let node = &text(&pod["spec"], "nodeName")[..node];
        format!("pod {} is already assigned to node {node:?}", name(pod))
    } else if !list(&pod["spec"], "schedulingGates").is_empty() {
        format!("pod {} has non-empty .spec.schedulingGates", name(pod))
    } else {
        return Ok(());
    };
    Err(conflict("pods/binding", pod, &why))
}

fn conflict(resource: &str, pod: &Value, why: &str) -> Refusal {
    let name = name(pod);
    Refusal::Conflict(format!("Operation cannot be fulfilled on {resource} {name:?}: {why}"))
}

/// Puts the entries of `from` into the pod's labels or annotations.
fn merge(pod: &mut Value, which: &str, from: &Value) {
    let Some(target) = ensure(pod, "metadata").and_then(|meta| ensure(meta, which)) else {
        return;
    };
    for (key, value) in fields(from) {
        set(target, key, value.clone());
    }
}
