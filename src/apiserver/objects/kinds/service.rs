//! Services. Their addresses are made up, but no two services have the same.
//!
//! Upstream: core/v1 `SetDefaults_Service`, core/validation validateService, registry/core/service, v1.37.
//! Differs from upstream: one stack, IPv4, as with the flag `--service-cluster-ip-range` of one range.

use serde_json::{Value, json};

use crate::apiserver::objects::json::{
    ensure, int, length, list, list_mut, name, namespace, set, set_default, set_default_text, take,
    text,
};
use crate::apiserver::objects::pod::probe;
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::{Lookup, names, selector};
use crate::units::hash_bytes;

const TYPES: [&str; 4] = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
const AFFINITIES: [&str; 2] = ["ClientIP", "None"];
const POLICIES: [&str; 2] = ["Cluster", "Local"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
/// How long a client stays with its pod, in seconds.
const AFFINITY_SECONDS: i64 = 10_800;
/// The last byte of the addresses `10.0.0.x` that are handed out; 1 is the API server's.
const ADDRESSES: std::ops::RangeInclusive<u64> = 2..=254;
/// The ports of nodes that are handed out.
const NODE_PORTS: std::ops::RangeInclusive<u64> = 30_000..=32_767;

/// Fills in a service.
pub(super) fn defaults(service: &mut Value) {
    let Some(spec) = ensure(service, "spec") else { return };
    set_default_text(spec, "sessionAffinity", "None");
    if text(spec, "sessionAffinity") == "None" {
        take(spec, "sessionAffinityConfig");
    } else if spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"].is_null() {
        let config = json!({"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}});
        set(spec, "sessionAffinityConfig", config);
    }
    set_default_text(spec, "type", "ClusterIP");
    for port in list_mut(spec, "ports") {
        set_default_text(port, "protocol", "TCP");
        if port["targetPort"].is_null() || port["targetPort"] == 0 || port["targetPort"] == "" {
            let number = port["port"].clone();
            set(port, "targetPort", number);
        }
    }
    let kind = text(spec, "type").to_owned();
    let external = kind == "NodePort" || kind == "LoadBalancer";
    if external || !list(spec, "externalIPs").is_empty() {
        set_default_text(spec, "externalTrafficPolicy", "Cluster");
    }
    if kind != "ExternalName" {
        set_default(spec, "internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        set_default(spec, "allocateLoadBalancerNodePorts", true);
    }
    if length(&spec["selector"]) == 0 {
        take(spec, "selector");
    }
    let address = text(spec, "clusterIP").to_owned();
    if !address.is_empty() {
        set_default(spec, "clusterIPs", json!([address]));
    } else if let Some(first) = list(spec, "clusterIPs").first().cloned() {
        set(spec, "clusterIP", first);
    }
    if let Some(status) = ensure(service, "status") {
        ensure(status, "loadBalancer");
    }
}

/// Makes the service a new one.
pub(super) fn create(service: &mut Value, _now: &str) {
    set(service, "status", json!({"loadBalancer": {}}));
    let spec = &mut service["spec"];
    if text(spec, "type") == "ExternalName" {
        return;
    }
    let headless = text(spec, "clusterIP") == "None" && spec["selector"].is_null();
    let policy = if headless { "RequireDualStack" } else { "SingleStack" };
    set_default(spec, "ipFamilyPolicy", policy);
    let dual = headless && text(spec, "ipFamilyPolicy") != "SingleStack";
    let families = if dual { json!(["IPv4", "IPv6"]) } else { json!(["IPv4"]) };
    set_default(spec, "ipFamilies", families);
}

/// Gives a service its address and its ports on nodes, where it needs some that it has not.
pub(in crate::apiserver::objects) fn allocate(service: &mut Value, lookup: &dyn Lookup) {
    let kind = text(&service["spec"], "type").to_owned();
    if kind == "ExternalName" {
        return;
    }
    let others = lookup.list("services", None);
    let seed = hash_bytes(0, format!("{}/{}", namespace(service), name(service)).as_bytes());
    if text(&service["spec"], "clusterIP").is_empty() {
        let taken =
            |address: &str| others.iter().any(|other| text(&other["spec"], "clusterIP") == address);
        let free = from(seed, ADDRESSES).map(|byte| format!("10.0.0.{byte}"));
        if let Some(address) = { free }.find(|address| !taken(address)) {
            set(&mut service["spec"], "clusterIPs", json!([address]));
            set(&mut service["spec"], "clusterIP", address);
        }
    }
    let wanted = kind == "NodePort"
        || (kind == "LoadBalancer" && service["spec"]["allocateLoadBalancerNodePorts"] == true);
    if !wanted {
        return;
    }
    let ports_of = |service: &Value| -> Vec<i64> {
        let ports = list(&service["spec"], "ports").iter();
        ports.filter_map(|port| int(port, "nodePort")).collect()
    };
    let mut taken: Vec<i64> = others.iter().flat_map(|other| ports_of(other)).collect();
    taken.extend(ports_of(service));
    for port in list_mut(&mut service["spec"], "ports") {
        if int(port, "nodePort").unwrap_or(0) != 0 {
            continue;
        }
        let free = from(seed, NODE_PORTS).filter_map(|number| i64::try_from(number).ok());
        if let Some(number) = { free }.find(|number| !taken.contains(number)) {
            set(port, "nodePort", number);
            taken.push(number);
        }
    }
}

/// All numbers of a range, from one on that `seed` says, around.
fn from(seed: u64, range: std::ops::RangeInclusive<u64>) -> impl Iterator<Item = u64> {
    let (first, count) = (*range.start(), range.end() - range.start() + 1);
    (0..count).map(move |step| first + (seed % count + step) % count)
}

/// What is refused in a service.
pub(super) fn validate(service: &Value, causes: &mut Causes) {
    let (spec, field) = (&service["spec"], Field::new("spec"));
    if !addresses(spec, &field.child("clusterIPs"), causes) {
        return;
    }
    let kind = text(spec, "type");
    let (ports, headless) = (list(spec, "ports"), text(spec, "clusterIP") == "None");
    if !headless && kind != "ExternalName" && ports.is_empty() {
        causes.required(&field.child("ports"), "");
    }
    let name = text(spec, "externalName");
    if kind == "ExternalName" {
        let at = field.child("externalName");
        if name.is_empty() {
            causes.required(&at, "");
        } else {
            let wrong = names::subdomain(name.strip_suffix('.').unwrap_or(name));
            causes.invalid_each(&at, name, wrong);
        }
        if !text(spec, "clusterIP").is_empty() {
            let why = "may not be set when `type` is 'ExternalName'";
            causes.forbidden(&field.child("clusterIPs"), why);
        }
    } else if kind == "LoadBalancer" && headless {
        let why = "may not be set to 'None' for LoadBalancer services";
        causes.invalid(&field.child("clusterIPs").index(0), "None", why);
    }
    for (at, port) in ports.iter().enumerate() {
        one_port(port, ports.len() > 1, &ports[..at], &field.child("ports").index(at), causes);
    }
    selector::labels(&spec["selector"], &field.child("selector"), causes);
    causes.one_of(&field.child("sessionAffinity"), text(spec, "sessionAffinity"), &AFFINITIES);
    causes.one_of(&field.child("type"), kind, &TYPES);
    let (policy, at) = (text(spec, "externalTrafficPolicy"), field.child("externalTrafficPolicy"));
    let external = kind == "NodePort" || kind == "LoadBalancer";
    if !policy.is_empty() && !external && list(spec, "externalIPs").is_empty() {
        causes.invalid(&at, policy, "may only be set for externally-accessible services");
    } else if !policy.is_empty() && !POLICIES.contains(&policy) {
        causes.not_supported(&at, policy, &POLICIES);
    }
}

/// Upstream looks at the addresses first, and no further where one is wrong.
fn addresses(spec: &Value, field: &Field, causes: &mut Causes) -> bool {
    let before = causes.len();
    for (at, address) in list(spec, "clusterIPs").iter().filter_map(Value::as_str).enumerate() {
        if address != "None" && address.parse::<std::net::IpAddr>().is_err() {
            let why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
            causes.invalid(&field.index(at), address, why);
        }
    }
    causes.len() == before
}

fn one_port(port: &Value, named: bool, before: &[Value], field: &Field, causes: &mut Causes) {
    let (name, protocol) = (text(port, "name"), text(port, "protocol"));
    if name.is_empty() {
        if named {
            causes.required(&field.child("name"), "");
        }
    } else {
        causes.invalid_each(&field.child("name"), name, names::dns_label(name));
        if before.iter().any(|other| text(other, "name") == name) {
            causes.duplicate(&field.child("name"), name, "");
        }
    }
    let number = int(port, "port").unwrap_or(0);
    for why in names::port_number(number) {
        causes.invalid(&field.child("port"), number, &why);
    }
    causes.one_of(&field.child("protocol"), protocol, &PROTOCOLS);
    probe::port(&port["targetPort"], &field.child("targetPort"), causes);
    let same = |other: &Value| {
        text(other, "protocol") == protocol && int(other, "port").unwrap_or(0) == number
    };
    if before.iter().any(same) {
        causes.duplicate(field, json!({"protocol": protocol, "port": number}), "");
    }
}

/// What is refused in a change of a service.
pub(super) fn validate_update(new: &Value, old: &Value, causes: &mut Causes) {
    let (spec, was) = (&new["spec"], &old["spec"]);
    let external = |spec: &Value| text(spec, "type") == "ExternalName";
    if external(spec) || external(was) {
        return;
    }
    let before = list(was, "clusterIPs").first().cloned().unwrap_or_default();
    let now = list(spec, "clusterIPs").first().cloned().unwrap_or_default();
    if !before.is_null() && now != before {
        let field = Field::new("spec.clusterIPs").index(0);
        let why = if now.is_null() {
            "primary clusterIP can not be unset"
        } else {
            "may not change once set"
        };
        causes.invalid(&field, list(spec, "clusterIPs").to_vec(), why);
    }
}

/// Drops what only the old type of a service has, where the change leaves it as it was.
///
/// Upstream: registry/core/service dropTypeDependentFields, v1.37.
fn leave_type(spec: &mut Value, was: &Value) {
    let external = |spec: &Value| matches!(text(spec, "type"), "NodePort" | "LoadBalancer");
    if external(spec) || !external(was) {
        return;
    }
    for key in ["externalTrafficPolicy", "allocateLoadBalancerNodePorts", "loadBalancerClass"] {
        if spec[key] == was[key] {
            take(spec, key);
        }
    }
    let had: Vec<Value> = list(was, "ports").iter().map(|port| port["nodePort"].clone()).collect();
    for port in list_mut(spec, "ports") {
        if had.contains(&port["nodePort"]) {
            take(port, "nodePort");
        }
    }
}

/// Keeps what a change does not name.
pub(in crate::apiserver::objects) fn keep(new: &mut Value, old: &Value) {
    let (spec, was) = (&mut new["spec"], &old["spec"]);
    if text(spec, "type") == "ExternalName" {
        return;
    }
    for key in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"] {
        if spec[key].is_null() {
            crate::apiserver::objects::json::copy(spec, was, key);
        }
    }
    leave_type(spec, was);
    if text(spec, "type") == text(was, "type") {
        for port in list_mut(spec, "ports") {
            let same = |other: &&Value| {
                int(other, "port") == int(port, "port")
                    && text(other, "protocol") == text(port, "protocol")
            };
            let had = list(was, "ports").iter().find(same);
            if let Some(number) = had.and_then(|had| int(had, "nodePort")) {
                set_default(port, "nodePort", number);
            }
        }
    }
}
