//! Nodes.
//!
//! Upstream: core/v1 `SetDefaults_NodeStatus`, core/validation ValidateNode, v1.37.

use serde_json::{Value, json};

use crate::apiserver::objects::json::{ensure, list, list_mut, set_default, set_default_int, text};
use crate::apiserver::objects::pod::placement::EFFECTS;
use crate::apiserver::objects::pod::resources::list_of_amounts;
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::{names, selector};

/// What a kubelet says about its machine; empty until it does.
const INFO: [&str; 10] = [
    "architecture",
    "bootID",
    "containerRuntimeVersion",
    "kernelVersion",
    "kubeProxyVersion",
    "kubeletVersion",
    "machineID",
    "operatingSystem",
    "osImage",
    "systemUUID",
];

/// Fills in a node.
pub(super) fn defaults(node: &mut Value) {
    if let Some(spec) = ensure(node, "spec") {
        pod_ranges(spec);
    }
    let Some(status) = ensure(node, "status") else { return };
    if status["allocatable"].is_null() && !status["capacity"].is_null() {
        let capacity = status["capacity"].clone();
        set_default(status, "allocatable", capacity);
    }
    for condition in list_mut(status, "conditions") {
        set_default(condition, "status", "");
    }
    let endpoint = ensure(status, "daemonEndpoints").and_then(|own| ensure(own, "kubeletEndpoint"));
    if let Some(endpoint) = endpoint {
        set_default_int(endpoint, "Port", 0);
    }
    if let Some(info) = ensure(status, "nodeInfo") {
        for key in INFO {
            set_default(info, key, "");
        }
    }
}

/// Keeps the one range of addresses and the list of ranges the same.
///
/// Upstream: `Convert_v1_NodeSpec_To_core_NodeSpec`, v1.37.
fn pod_ranges(spec: &mut Value) {
    let (one, all) = (text(spec, "podCIDR").to_owned(), list(spec, "podCIDRs"));
    if one.is_empty() {
        if let Some(first) = all.first().cloned() {
            set_default(spec, "podCIDR", first);
        }
    } else if all.first().and_then(Value::as_str) != Some(&one) {
        crate::apiserver::objects::json::set(spec, "podCIDRs", json!([one]));
    }
}

/// What is refused in a node.
pub(super) fn validate(node: &Value, causes: &mut Causes) {
    // Upstream has taints under metadata in its messages, too.
    taints(list(&node["spec"], "taints"), &Field::new("metadata.taints"), causes);
    let (status, field) = (&node["status"], Field::new("status"));
    for which in ["capacity", "allocatable"] {
        list_of_amounts(&status[which], &field.child(which), causes);
    }
    let ranges = list(&node["spec"], "podCIDRs");
    let field = Field::new("spec.podCIDRs");
    for (at, range) in ranges.iter().filter_map(Value::as_str).enumerate() {
        if !is_range(range) {
            let why = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
            causes.invalid(&field.index(at), range, why);
        }
    }
    let six = |range: &Value| range.as_str().is_some_and(|text| text.contains(':'));
    let mixed = ranges.len() == 2 && six(&ranges[0]) != six(&ranges[1]);
    let bad = ranges.iter().filter_map(Value::as_str).enumerate().find(|(_, own)| !is_range(own));
    if let Some((at, range)) = bad.filter(|_| ranges.len() > 1) {
        let why = format!(
            "invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[{at}]: <nil> \
             (invalid CIDR address: {range})"
        );
        causes.internal(&field, &why);
    }
    if ranges.len() > 1 && (!mixed || bad.is_some()) {
        let why = "may specify no more than one CIDR for each IP family";
        causes.invalid(&field, ranges.to_vec(), why);
    }
}

fn is_range(range: &str) -> bool {
    let Some((address, bits)) = range.split_once('/') else { return false };
    let most = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|bits| bits <= most)
}

fn taints(all: &[Value], field: &Field, causes: &mut Causes) {
    for (at, taint) in all.iter().enumerate() {
        let (key, value, effect) =
            (text(taint, "key"), text(taint, "value"), text(taint, "effect"));
        let field = field.index(at);
        selector::label_key(key, &field.child("key"), causes);
        let wrong = names::label_value(value);
        if !wrong.is_empty() {
            causes.invalid(&field.child("value"), value, &wrong.join(";"));
        }
        causes.one_of(&field.child("effect"), effect, &EFFECTS);
        let same = |other: &Value| text(other, "key") == key && text(other, "effect") == effect;
        if all[..at].iter().any(same) {
            let why = "taints must be unique by key and effect pair";
            causes.duplicate(&field, taint.clone(), why);
        }
    }
}

/// What is refused in a change of a node.
pub(super) fn validate_update(new: &Value, old: &Value, causes: &mut Causes) {
    let (spec, was) = (&new["spec"], &old["spec"]);
    if !list(was, "podCIDRs").is_empty() && spec["podCIDRs"] != was["podCIDRs"] {
        let why = "node updates may not change podCIDR except from \"\" to valid";
        causes.forbidden(&Field::new("spec.podCIDRs"), why);
    }
    let (id, before) = (text(spec, "providerID"), text(was, "providerID"));
    if !before.is_empty() && id != before {
        let what = if id.is_empty() { "cleared" } else { "modified" };
        let why = format!("field cannot be {what} once set");
        causes.invalid(&Field::new("spec.providerID"), Value::Null, &why);
    }
    let addresses = list(&new["status"], "addresses");
    for (at, address) in addresses.iter().enumerate() {
        if addresses[..at].contains(address) {
            causes.duplicate(&Field::new("status.addresses").index(at), address.clone(), "");
        }
    }
}
