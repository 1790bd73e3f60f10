//! What is refused in the containers of a pod.
//!
//! Upstream: core/validation validateContainers, validateInitContainers, validateContainerCommon, v1.37.
//! Differs from upstream: privileged containers are taken, as on a cluster that was set up by kubeadm.

use serde_json::Value;

use super::volumes::mounts;
use super::{field_refs, probe, resources};
use crate::apiserver::objects::json::{int, list, text};
use crate::apiserver::objects::names;
use crate::apiserver::objects::refusal::{Causes, Field};

const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const PULL_POLICIES: [&str; 3] = ["Always", "IfNotPresent", "Never"];
const MESSAGE_POLICIES: [&str; 2] = ["File", "FallbackToLogsOnError"];
const RESTART_POLICIES: [&str; 3] = ["Always", "Never", "OnFailure"];
/// Most rules on when a container restarts.
const RESTART_RULES_MAX: usize = 20;

/// What containers are checked against.
pub(super) struct Surroundings<'a> {
    /// The spec of the pod.
    pub(super) spec: &'a Value,
    /// The volumes that can be mounted.
    pub(super) volumes: &'a [&'a Value],
}

/// Checks all containers of a pod.
pub(super) fn all(around: &Surroundings<'_>, field: &Field, causes: &mut Causes) {
    let spec = around.spec;
    let grace = int(spec, "terminationGracePeriodSeconds");
    let (containers, at) = (list(spec, "containers"), field.child("containers"));
    if containers.is_empty() {
        causes.required(&at, "");
    }
    for (index, container) in containers.iter().enumerate() {
        let field = at.index(index);
        common(container, around, &field, causes);
        if has_name(&containers[..index], text(container, "name")) {
            causes.duplicate(&field.child("name"), text(container, "name"), "");
        }
        probe::all(container, grace, &field, causes);
        restart_policy(container, &field, causes);
    }
    host_ports(containers.iter(), &at, causes);
    init_containers(around, grace, &field.child("initContainers"), causes);
    ephemeral_containers(around, &field.child("ephemeralContainers"), causes);
}

fn has_name(containers: &[Value], name: &str) -> bool {
    containers.iter().any(|container| text(container, "name") == name)
}

fn init_containers(
    around: &Surroundings<'_>,
    grace: Option<i64>,
    list_field: &Field,
    causes: &mut Causes,
) {
    let containers = list(around.spec, "initContainers");
    for (index, container) in containers.iter().enumerate() {
        let (field, name) = (list_field.index(index), text(container, "name"));
        common(container, around, &field, causes);
        restart_policy(container, &field, causes);
        let taken = has_name(list(around.spec, "containers"), name)
            || (has_name(&containers[..index], name) && !name.is_empty());
        if taken {
            causes.duplicate(&field.child("name"), name, "");
        }
        host_ports([container].into_iter(), list_field, causes);
        if text(container, "restartPolicy") == "Always" {
            probe::all(container, grace, &field, causes);
            continue;
        }
        for key in ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] {
            if !container[key].is_null() {
                let why = "may not be set for init containers without restartPolicy=Always";
                causes.forbidden(&field.child(key), why);
            }
        }
        for (at, policy) in list(container, "resizePolicy").iter().enumerate() {
            if text(policy, "restartPolicy") == "RestartContainer" {
                let at = field.child("resizePolicy").index(at).child("restartPolicy");
                let why = "must not be set to 'RestartContainer' for non-sidecar initContainers";
                causes.invalid(&at, "RestartContainer", why);
            }
        }
    }
}

fn ephemeral_containers(around: &Surroundings<'_>, list_field: &Field, causes: &mut Causes) {
    let spec = around.spec;
    let containers = list(spec, "ephemeralContainers");
    for (index, container) in containers.iter().enumerate() {
        let (field, name) = (list_field.index(index), text(container, "name"));
        common(container, around, &field, causes);
        let others = [list(spec, "containers"), list(spec, "initContainers")];
        if others.iter().any(|others| has_name(others, name))
            || has_name(&containers[..index], name)
        {
            causes.duplicate(&field.child("name"), name, "");
        }
        let target = text(container, "targetContainerName");
        if !target.is_empty() && !others.iter().any(|others| has_name(others, target)) {
            causes.not_found(&field.child("targetContainerName"), target, "");
        }
        for key in [
            "ports",
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
            "lifecycle",
            "resizePolicy",
        ] {
            if !container[key].is_null() {
                causes.forbidden(&field.child(key), "cannot be set for an Ephemeral Container");
            }
        }
    }
}

fn common(container: &Value, around: &Surroundings<'_>, field: &Field, causes: &mut Causes) {
    let (name, at) = (text(container, "name"), field.child("name"));
    if name.is_empty() {
        causes.required(&at, "");
    } else {
        causes.invalid_each(&at, name, names::dns_label(name));
    }
    if text(container, "image").is_empty() {
        causes.required(&field.child("image"), "");
    }
    let policy = text(container, "terminationMessagePolicy");
    causes.one_of(&field.child("terminationMessagePolicy"), policy, &MESSAGE_POLICIES);
    ports(list(container, "ports"), &field.child("ports"), causes);
    environment(container, field, causes);
    mounts(container, around.volumes, field, causes);
    let policy = text(container, "imagePullPolicy");
    causes.one_of(&field.child("imagePullPolicy"), policy, &PULL_POLICIES);
    let claims = list(around.spec, "resourceClaims");
    resources::of_container(&container["resources"], claims, &field.child("resources"), causes);
    resize_policies(container, around.spec, &field.child("resizePolicy"), causes);
    security(&container["securityContext"], &field.child("securityContext"), causes);
}

fn ports(all: &[Value], field: &Field, causes: &mut Causes) {
    for (at, port) in all.iter().enumerate() {
        let (name, field) = (text(port, "name"), field.index(at));
        if !name.is_empty() {
            let wrong = names::port_name(name);
            if wrong.is_empty() && all[..at].iter().any(|other| text(other, "name") == name) {
                causes.duplicate(&field.child("name"), name, "");
            }
            causes.invalid_each(&field.child("name"), name, wrong);
        }
        let number = int(port, "containerPort").unwrap_or(0);
        if number == 0 {
            causes.required(&field.child("containerPort"), "");
        }
        let host = int(port, "hostPort").unwrap_or(0);
        for (key, number) in [("containerPort", number), ("hostPort", host)] {
            let wrong = names::port_number(number).into_iter().filter(|_| number != 0);
            wrong.for_each(|why| causes.invalid(&field.child(key), number, &why));
        }
        causes.one_of(&field.child("protocol"), text(port, "protocol"), &PROTOCOLS);
    }
}

/// No two containers may want the same port of the node.
fn host_ports<'a>(containers: impl Iterator<Item = &'a Value>, field: &Field, causes: &mut Causes) {
    let mut taken: Vec<String> = Vec::new();
    for (index, container) in containers.enumerate() {
        for (at, port) in list(container, "ports").iter().enumerate() {
            let number = int(port, "hostPort").unwrap_or(0);
            if number == 0 {
                continue;
            }
            let key = format!("{}/{}/{number}", text(port, "protocol"), text(port, "hostIP"));
            if taken.contains(&key) {
                let at = field.index(index).child("ports").index(at).child("hostPort");
                causes.duplicate(&at, key, "");
            } else {
                taken.push(key);
            }
        }
    }
}

fn environment(container: &Value, field: &Field, causes: &mut Causes) {
    for (at, variable) in list(container, "env").iter().enumerate() {
        let field = field.child("env").index(at);
        match text(variable, "name") {
            "" => causes.required(&field.child("name"), ""),
            name => causes.invalid_each(&field.child("name"), name, names::env_name(name)),
        }
        value_from(variable, &field.child("valueFrom"), causes);
    }
    let at_list = field.child("envFrom");
    for (at, source) in list(container, "envFrom").iter().enumerate() {
        let keys = ["configMapRef", "secretRef"];
        for key in keys.into_iter().filter(|key| !source[*key].is_null()) {
            if text(&source[key], "name").is_empty() {
                causes.required(&at_list.index(at).child(key).child("name"), "");
            }
        }
        let given = keys.map(|key| !source[key].is_null());
        match given.iter().filter(|given| **given).count() {
            0 => {
                let why = "must specify one of: `configMapRef` or `secretRef`";
                causes.invalid(&at_list, "", why);
            }
            1 => {}
            _ => {
                let why = "may not have more than one field specified at a time";
                causes.invalid(&at_list, "", why);
            }
        }
    }
}

fn value_from(variable: &Value, field: &Field, causes: &mut Causes) {
    let source = &variable["valueFrom"];
    if source.is_null() {
        return;
    }
    field_refs::variable(source, field, causes);
    let keys = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
    let given = keys.iter().filter(|key| !source[**key].is_null()).count();
    for key in ["configMapKeyRef", "secretKeyRef"] {
        let reference = &source[key];
        if reference.is_null() {
            continue;
        }
        let (field, name) = (field.child(key), text(reference, "name"));
        causes.invalid_each(&field.child("name"), name, names::subdomain(name));
        match text(reference, "key") {
            "" => causes.required(&field.child("key"), ""),
            key => causes.invalid_each(&field.child("key"), key, names::data_key(key)),
        }
    }
    if given == 0 {
        let why = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, \
                   `secretKeyRef` or `fileKeyRef`";
        causes.invalid(field, "", why);
    } else if !text(variable, "value").is_empty() {
        causes.invalid(field, "", "may not be specified when `value` is not empty");
    } else if given > 1 {
        causes.invalid(field, "", "may not have more than one field specified at a time");
    }
}

fn restart_policy(container: &Value, field: &Field, causes: &mut Causes) {
    let (at, rules) = (field.child("restartPolicy"), list(container, "restartPolicyRules"));
    match container["restartPolicy"].as_str() {
        None if !rules.is_empty() => {
            causes.required(&at, "must specify restartPolicy when restart rules are used");
        }
        Some(policy) if !RESTART_POLICIES.contains(&policy) => {
            causes.not_supported(&at, policy, &RESTART_POLICIES);
        }
        _ => {}
    }
    let at = field.child("restartPolicyRules");
    if rules.len() > RESTART_RULES_MAX {
        causes.too_many(&at, rules.len(), RESTART_RULES_MAX);
    }
    for (index, rule) in rules.iter().enumerate() {
        let actions = ["Restart", "RestartAllContainers"];
        let (field, action) = (at.index(index), text(rule, "action"));
        if !actions.contains(&action) {
            causes.not_supported(&field.child("action"), action, &actions);
        }
        let (codes, at) = (&rule["exitCodes"], field.child("exitCodes"));
        if codes.is_null() {
            causes.required(&at, "must be specified");
        } else if !matches!(text(codes, "operator"), "In" | "NotIn") {
            causes.not_supported(&at.child("operator"), text(codes, "operator"), &["In", "NotIn"]);
        }
    }
}

fn resize_policies(container: &Value, spec: &Value, field: &Field, causes: &mut Causes) {
    let policies = list(container, "resizePolicy");
    for (at, policy) in policies.iter().enumerate() {
        let (name, restart) = (text(policy, "resourceName"), text(policy, "restartPolicy"));
        if policies[..at].iter().any(|other| text(other, "resourceName") == name) {
            causes.duplicate(&field.index(at), name, "");
        }
        causes.one_of(field, name, &["cpu", "memory"]);
        causes.one_of(field, restart, &["NotRequired", "RestartContainer"]);
        if text(spec, "restartPolicy") == "Never" && restart != "NotRequired" {
            let why = "must be 'NotRequired' when pod `restartPolicy` is 'Never'";
            causes.invalid(field, restart, why);
        }
    }
}

fn security(context: &Value, field: &Field, causes: &mut Causes) {
    for key in ["runAsUser", "runAsGroup"] {
        super::validate::user_id(context, key, field, causes);
    }
    super::validate::seccomp(context, field, causes);
    if context["allowPrivilegeEscalation"] == false && context["privileged"] == true {
        let why = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true";
        causes.invalid(field, context.clone(), why);
    }
}
