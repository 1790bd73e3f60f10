//! Nodes: ready or not, with what roles, and what runs on them.
//!
//! Upstream: printNode, v1.37.

use std::collections::BTreeSet;

use serde_json::Value;

use super::column::{AGE, Column, NAME};
use super::duration::UNKNOWN;
use super::fields::{at, joined, list, text, text_or};

/// The label that carries a role in its key.
const ROLE_PREFIX: &str = "node-role.kubernetes.io/";
/// The label that carries a role in its value.
const ROLE_LABEL: &str = "kubernetes.io/role";

/// The columns of nodes.
pub(super) const NODES: &[Column] = &[
    NAME,
    Column::read("Status", |node| status(node).into()),
    Column::read("Roles", |node| roles(node).into()),
    AGE,
    Column::field("Version", "status.nodeInfo.kubeletVersion"),
    Column::read("Internal-IP", |node| address(node, "InternalIP").into()).wide(),
    Column::read("External-IP", |node| address(node, "ExternalIP").into()).wide(),
    Column::read("OS-Image", |node| info(node, "status.nodeInfo.osImage")).wide(),
    Column::read("Kernel-Version", |node| kernel(node).into()).wide(),
    Column::read("Container-Runtime", |node| info(node, "status.nodeInfo.containerRuntimeVersion"))
        .wide(),
];

fn info(node: &Value, path: &str) -> Value {
    text_or(node, path, UNKNOWN).into()
}

fn status(node: &Value) -> String {
    // Of several conditions of one type, the last one counts.
    let ready = list(node, "status.conditions").iter().rfind(|c| text(c, "type") == "Ready");
    let ready = match ready.map(|condition| text(condition, "status")) {
        None => "Unknown",
        Some("True") => "Ready",
        Some(_) => "NotReady",
    };
    if at(node, "spec.unschedulable") == true {
        format!("{ready},SchedulingDisabled")
    } else {
        ready.to_owned()
    }
}

fn roles(node: &Value) -> String {
    let labels = at(node, "metadata.labels").as_object().into_iter().flatten();
    let role = |(key, value): (&'_ String, _)| -> Option<String> {
        let value: &Value = value;
        let in_value = value.as_str().filter(|_| key == ROLE_LABEL);
        let role = key.strip_prefix(ROLE_PREFIX).or(in_value)?;
        (!role.is_empty()).then(|| role.to_owned())
    };
    let roles: BTreeSet<_> = labels.filter_map(role).collect();
    joined(roles.iter().map(String::as_str), "<none>")
}

/// The first address of a type.
fn address<'a>(node: &'a Value, kind: &str) -> &'a str {
    let mut addresses = list(node, "status.addresses").iter();
    addresses.find(|a| text(a, "type") == kind).map_or("<none>", |found| text(found, "address"))
}

fn kernel(node: &Value) -> String {
    let version = text_or(node, "status.nodeInfo.kernelVersion", UNKNOWN);
    match text(node, "status.nodeInfo.architecture") {
        "" => version.to_owned(),
        architecture => format!("{version} ({architecture})"),
    }
}
