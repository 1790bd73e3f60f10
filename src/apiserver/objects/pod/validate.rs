//! What is refused in a pod or in a template.
//!
//! Upstream: core/validation ValidatePodCreate, ValidatePodSpec, v1.37.

use serde_json::Value;

use super::container::{self, Surroundings};
use super::{affinity, placement, resources, spread, volumes};
use crate::apiserver::objects::json::{fields, int, list, name, text};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::{metadata, names, selector};

const RESTART_POLICIES: [&str; 3] = ["Always", "OnFailure", "Never"];
const DNS_POLICIES: [&str; 4] = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
const MIRROR: &str = "kubernetes.io/config.mirror";
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const HOST_NAME_MAX: usize = 64;

/// Checks a new pod.
pub(in crate::apiserver::objects) fn on_create(pod: &Value, causes: &mut Causes) {
    metadata_and_spec(pod, causes);
    let (own, field) = (&pod["spec"], Field::new("spec"));
    if !list(own, "ephemeralContainers").is_empty() {
        causes.forbidden(&field.child("ephemeralContainers"), "cannot be set on create");
    }
    if !text(own, "nodeName").is_empty() && !list(own, "schedulingGates").is_empty() {
        let why = "cannot be set until all schedulingGates have been cleared";
        causes.forbidden(&field.child("nodeName"), why);
    }
}

/// Checks what holds for a pod at any time.
pub(super) fn metadata_and_spec(pod: &Value, causes: &mut Causes) {
    metadata::on_create(&pod["metadata"], names::subdomain, true, causes);
    annotations(pod, causes);
    let (own, field) = (&pod["spec"], Field::new("spec"));
    spec(own, Some(name(pod)), &field, causes);
    let at = field.child("terminationGracePeriodSeconds");
    causes.not_negative(&at, int(own, "terminationGracePeriodSeconds"));
    for which in ["containers", "initContainers"] {
        for (at, container) in list(own, which).iter().enumerate() {
            let image = text(container, "image");
            if image.trim().len() != image.len() {
                let at = field.child(which).index(at).child("image");
                causes.invalid(&at, image, "must not have leading or trailing whitespace");
            }
        }
    }
}

fn annotations(pod: &Value, causes: &mut Causes) {
    let (own, field) = (&pod["metadata"]["annotations"], Field::new("metadata.annotations"));
    if let Some(value) = own[MIRROR].as_str()
        && text(&pod["spec"], "nodeName").is_empty()
    {
        let why = "must set spec.nodeName if mirror pod annotation is set";
        causes.invalid(&field.key(MIRROR), value, why);
    }
    if let Some(cost) = own[DELETION_COST].as_str().filter(|cost| cost.parse::<i32>().is_err()) {
        causes.invalid(&field.key(DELETION_COST), cost, "must be a 32bit integer");
    }
}

/// Checks the spec of a pod, or of a template, whose pods have no name yet.
pub(in crate::apiserver::objects) fn spec(
    spec: &Value,
    pod: Option<&str>,
    field: &Field,
    causes: &mut Causes,
) {
    let at = |key: &str| field.child(key);
    let mountable = volumes::volumes(spec, pod.unwrap_or_default(), &at("volumes"), causes);
    placement::claims(list(spec, "resourceClaims"), &at("resourceClaims"), causes);
    container::all(&Surroundings { spec, volumes: &mountable }, field, causes);
    resources::of_pod(spec, &at("resources"), causes);
    host_network(spec, pod.is_some(), field, causes);
    causes.one_of(&at("restartPolicy"), text(spec, "restartPolicy"), &RESTART_POLICIES);
    causes.one_of(&at("dnsPolicy"), text(spec, "dnsPolicy"), &DNS_POLICIES);
    selector::labels(&spec["nodeSelector"], &at("nodeSelector"), causes);
    let security = &spec["securityContext"];
    for key in ["fsGroup", "runAsUser", "runAsGroup"] {
        user_id(security, key, &at("securityContext"), causes);
    }
    seccomp(security, &at("securityContext"), causes);
    if spec["hostPID"] == true && spec["shareProcessNamespace"] == true {
        let why = "ShareProcessNamespace and HostPID cannot both be enabled";
        causes.invalid(&at("shareProcessNamespace"), true, why);
    }
    affinity::affinity(&spec["affinity"], &at("affinity"), causes);
    dns_config(spec, &at("dnsConfig"), causes);
    placement::readiness_gates(list(spec, "readinessGates"), &at("readinessGates"), causes);
    placement::gates(list(spec, "schedulingGates"), &at("schedulingGates"), causes);
    let constraints = list(spec, "topologySpreadConstraints");
    spread::constraints(constraints, &at("topologySpreadConstraints"), causes);
    host_name(spec, field, causes);
    plain_names(spec, field, causes);
    let deadline = int(spec, "activeDeadlineSeconds");
    let most = i64::from(i32::MAX);
    if let Some(seconds) = deadline.filter(|seconds| !(1..=most).contains(seconds)) {
        let why = format!("must be between 1 and {most}, inclusive");
        causes.invalid(&at("activeDeadlineSeconds"), seconds, &why);
    }
    placement::tolerations(list(spec, "tolerations"), &at("tolerations"), causes);
    host_aliases(spec, &at("hostAliases"), causes);
    if !spec["preemptionPolicy"].is_null() {
        let policy = text(spec, "preemptionPolicy");
        causes.one_of(&at("preemptionPolicy"), policy, &["PreemptLowerPriority", "Never"]);
    }
    resources::overhead(&spec["overhead"], &at("overhead"), causes);
    system(spec, &at("os"), causes);
}

/// Fields that hold a name, if anything.
fn plain_names(spec: &Value, field: &Field, causes: &mut Causes) {
    let rules: [(&str, metadata::NameRule); 6] = [
        ("serviceAccountName", names::subdomain),
        ("nodeName", names::subdomain),
        ("hostname", names::dns_label),
        ("subdomain", names::dns_label),
        ("priorityClassName", names::subdomain),
        ("runtimeClassName", names::subdomain),
    ];
    for (key, rule) in rules {
        let name = text(spec, key);
        if !name.is_empty() {
            causes.invalid_each(&field.child(key), name, rule(name));
        }
    }
}

fn host_network(spec: &Value, is_pod: bool, field: &Field, causes: &mut Causes) {
    if spec["hostNetwork"] != true {
        return;
    }
    for (index, container) in list(spec, "containers").iter().enumerate() {
        for (at, port) in list(container, "ports").iter().enumerate() {
            let number = |key: &str| int(port, key).unwrap_or(0);
            let (host, own) = (number("hostPort"), number("containerPort"));
            if (is_pod || host != 0) && host != own {
                let field = field.child("containers").index(index).child("ports").index(at);
                let why = "must match `containerPort` when `hostNetwork` is true";
                causes.invalid(&field.child("hostPort"), host, why);
            }
        }
    }
}

/// A user or a group, where one is named.
pub(super) fn user_id(context: &Value, key: &str, field: &Field, causes: &mut Causes) {
    let most = i64::from(i32::MAX);
    if let Some(id) = int(context, key).filter(|id| !(0..=most).contains(id)) {
        let why = format!("must be between 0 and {most}, inclusive");
        causes.invalid(&field.child(key), id, &why);
    }
}

/// The seccomp profile, where one is named.
pub(super) fn seccomp(context: &Value, field: &Field, causes: &mut Causes) {
    let (profile, field) = (&context["seccompProfile"], field.child("seccompProfile"));
    if profile.is_null() {
        return;
    }
    let kind = text(profile, "type");
    let kinds = ["Localhost", "RuntimeDefault", "Unconfined"];
    if kind.is_empty() {
        causes.required(&field.child("type"), "type is required when seccompProfile is set");
    } else if !kinds.contains(&kind) {
        causes.not_supported(&field.child("type"), kind, &kinds);
    }
    let (own, at) = (&profile["localhostProfile"], field.child("localhostProfile"));
    if kind == "Localhost" && own.is_null() {
        causes.required(&at, "must be set when seccomp type is Localhost");
    } else if kind != "Localhost" && !own.is_null() {
        causes.invalid(&at, own.clone(), "can only be set when seccomp type is Localhost");
    }
}

/// An address.
fn address(text: &str, field: &Field, causes: &mut Causes) {
    if text.parse::<std::net::IpAddr>().is_err() {
        let why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
        causes.invalid(field, text, why);
    }
}

fn dns_config(spec: &Value, field: &Field, causes: &mut Causes) {
    let config = &spec["dnsConfig"];
    let servers = list(config, "nameservers");
    if text(spec, "dnsPolicy") == "None" {
        if config.is_null() {
            causes.required(field, "must provide `dnsConfig` when `dnsPolicy` is None");
        } else if servers.is_empty() {
            let why = "must provide at least one DNS nameserver when `dnsPolicy` is None";
            causes.required(&field.child("nameservers"), why);
        }
    }
    if servers.len() > 3 {
        let why = "must not have more than 3 nameservers";
        causes.invalid(&field.child("nameservers"), servers.to_vec(), why);
    }
    for (at, server) in servers.iter().filter_map(Value::as_str).enumerate() {
        address(server, &field.child("nameservers").index(at), causes);
    }
    for (at, option) in list(config, "options").iter().enumerate() {
        if text(option, "name").is_empty() {
            causes.required(&field.child("options").index(at), "must not be empty");
        }
    }
}

fn host_name(spec: &Value, field: &Field, causes: &mut Causes) {
    let Some(name) = spec["hostnameOverride"].as_str() else { return };
    let field = field.child("hostnameOverride");
    if spec["setHostnameAsFQDN"] == true {
        causes.forbidden(&field, "may not be specified when setHostnameAsFQDN is true");
    }
    if spec["hostNetwork"] == true {
        causes.forbidden(&field, "may not be specified when hostNetwork is true");
    }
    if name.len() > HOST_NAME_MAX {
        causes.too_long(&field, HOST_NAME_MAX);
    }
    causes.invalid_each(&field, name, names::subdomain(name));
}

fn host_aliases(spec: &Value, field: &Field, causes: &mut Causes) {
    for (at, alias) in list(spec, "hostAliases").iter().enumerate() {
        let field = field.index(at);
        address(text(alias, "ip"), &field.child("ip"), causes);
        for (index, host) in list(alias, "hostnames").iter().filter_map(Value::as_str).enumerate() {
            let field = field.child("hostnames").index(index);
            causes.invalid_each(&field, host, names::subdomain(host));
        }
    }
}

fn system(spec: &Value, field: &Field, causes: &mut Causes) {
    let os = &spec["os"];
    if os.is_null() {
        return;
    }
    match text(os, "name") {
        "" => causes.required(&field.child("name"), ""),
        "linux" | "windows" => {}
        other => causes.not_supported(field, other, &["linux", "windows"]),
    }
}

/// Checks the template of pods: its labels, annotations and spec.
pub(in crate::apiserver::objects) fn template(
    template: &Value,
    field: &Field,
    causes: &mut Causes,
) {
    // Upstream leaves the metadata out of the path.
    selector::labels(&template["metadata"]["labels"], &field.child("labels"), causes);
    for (key, _) in fields(&template["metadata"]["annotations"]) {
        let wrong = names::qualified(&key.to_lowercase());
        causes.invalid_each(&field.child("annotations"), key, wrong);
    }
    spec(&template["spec"], None, &field.child("spec"), causes);
    if !list(&template["spec"], "ephemeralContainers").is_empty() {
        let at = field.child("spec").child("ephemeralContainers");
        causes.forbidden(&at, "ephemeral containers not allowed in pod template");
    }
}
