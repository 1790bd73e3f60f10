//! What is refused in tolerations, scheduling gates, readiness gates and resource claims.
//!
//! Upstream: core/validation ValidateTolerations, validateSchedulingGates, validatePodResourceClaims, v1.37.

use serde_json::Value;

use crate::apiserver::objects::json::{list, text};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::{names, selector};

/// What a taint or a toleration can do.
pub(in crate::apiserver::objects) const EFFECTS: [&str; 3] =
    ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/// Checks tolerations.
pub(super) fn tolerations(all: &[Value], field: &Field, causes: &mut Causes) {
    for (at, toleration) in all.iter().enumerate() {
        one(toleration, &field.index(at), causes);
    }
}

fn one(toleration: &Value, field: &Field, causes: &mut Causes) {
    let (key, operator) = (text(toleration, "key"), text(toleration, "operator"));
    let (value, effect) = (text(toleration, "value"), text(toleration, "effect"));
    let at = field.child("operator");
    if !key.is_empty() {
        selector::label_key(key, &field.child("key"), causes);
    } else if operator != "Exists" {
        let why = "operator must be Exists when `key` is empty, which means \"match all values and \
                   all keys\"";
        causes.invalid(&at, operator, why);
    }
    if !toleration["tolerationSeconds"].is_null() && effect != "NoExecute" {
        let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        causes.invalid(&field.child("effect"), effect, why);
    }
    match operator {
        "Equal" | "" => {
            let wrong = names::label_value(value);
            if !wrong.is_empty() {
                causes.invalid(&at, value, &wrong.join(";"));
            }
        }
        "Exists" => {
            if !value.is_empty() {
                causes.invalid(&at, value, "value must be empty when `operator` is 'Exists'");
            }
        }
        // The gate TaintTolerationComparisonOperators is off.
        "Lt" | "Gt" => causes.not_supported(&at, operator, &["Equal", "Exists", "Lt", "Gt"]),
        other => causes.not_supported(&at, other, &["Equal", "Exists"]),
    }
    if !effect.is_empty() && !EFFECTS.contains(&effect) {
        causes.not_supported(&field.child("effect"), effect, &EFFECTS);
    }
}

/// Checks scheduling gates.
pub(super) fn gates(all: &[Value], field: &Field, causes: &mut Causes) {
    for (at, gate) in all.iter().enumerate() {
        let (name, field) = (text(gate, "name"), field.index(at));
        selector::label_key(name, &field, causes);
        if all[..at].iter().any(|other| text(other, "name") == name) {
            causes.duplicate(&field, name, "");
        }
    }
}

/// Checks readiness gates.
pub(super) fn readiness_gates(all: &[Value], field: &Field, causes: &mut Causes) {
    for (at, gate) in all.iter().enumerate() {
        let field = field.index(at).child("conditionType");
        selector::label_key(text(gate, "conditionType"), &field, causes);
    }
}

/// Checks the resource claims of a pod.
pub(super) fn claims(all: &[Value], field: &Field, causes: &mut Causes) {
    for (at, claim) in all.iter().enumerate() {
        let (name, field) = (text(claim, "name"), field.index(at));
        let at_name = field.child("name");
        if name.is_empty() {
            causes.required(&at_name, "");
        } else if all[..at].iter().any(|other| text(other, "name") == name) {
            causes.duplicate(&at_name, name, "");
        } else {
            causes.invalid_each(&at_name, name, names::dns_label(name));
        }
        let sources = ["resourceClaimName", "resourceClaimTemplateName"];
        let given = sources.map(|source| claim[source].as_str());
        if given.iter().all(Option::is_some) {
            let why = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be \
                       specified";
            causes.invalid(&field, claim.clone(), why);
        }
        if given.iter().all(Option::is_none) {
            let why = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`";
            causes.invalid(&field, claim.clone(), why);
        }
        for (source, name) in sources.into_iter().zip(given) {
            if let Some(name) = name {
                causes.invalid_each(&field.child(source), name, names::subdomain(name));
            }
        }
    }
}

/// Checks which claims a container names; `of_pod` are those of its pod.
pub(super) fn claim_names(all: &[Value], of_pod: &[Value], field: &Field, causes: &mut Causes) {
    let mut seen: Vec<String> = Vec::new();
    for (at, claim) in all.iter().enumerate() {
        let (name, request, field) = (text(claim, "name"), text(claim, "request"), field.index(at));
        if name.is_empty() {
            causes.required(&field, "");
            continue;
        }
        if seen.iter().any(|other| other == name) {
            causes.duplicate(&field, name, "");
        } else {
            let mut key = name.to_owned();
            if !request.is_empty() {
                let wrong = names::dns_label(request);
                causes.invalid_each(&field.child("request"), request, wrong);
                key = format!("{name}/{request}");
            }
            let part_of = |other: &String| other.split_once('/').is_some_and(|(of, _)| of == name);
            if seen.contains(&key) {
                causes.duplicate(&field, key.clone(), "");
            } else if request.is_empty() {
                for _ in seen.iter().filter(|other| part_of(other)) {
                    causes.duplicate(&field, name, "");
                }
            }
            seen.push(key);
        }
        let mut known: Vec<&str> = of_pod.iter().map(|claim| text(claim, "name")).collect();
        if !known.contains(&name) {
            known.retain(|name| !name.is_empty());
            known.sort_unstable();
            let rule = "must be one of the names in pod.spec.resourceClaims";
            let why = match known[..] {
                [] => format!("{rule} which is empty"),
                _ => format!("{rule}: {}", known.join(", ")),
            };
            causes.not_found(&field, name, &why);
        }
    }
}

/// Checks that no toleration has gone or changed but in its seconds.
pub(super) fn only_added(new: &[Value], old: &[Value], field: &Field, causes: &mut Causes) {
    let without_seconds = |toleration: &Value| {
        let mut copy = toleration.clone();
        crate::apiserver::objects::json::take(&mut copy, "tolerationSeconds");
        copy
    };
    let kept: Vec<Value> = new.iter().map(without_seconds).collect();
    if old.iter().any(|old| !kept.contains(&without_seconds(old))) {
        let why = "existing toleration can not be modified except its tolerationSeconds";
        causes.forbidden(field, why);
        return;
    }
    tolerations(new, field, causes);
}

/// Checks that no gate is new.
pub(super) fn only_removed(new: &Value, old: &Value, field: &Field, causes: &mut Causes) {
    let had = list(old, "schedulingGates");
    for (at, gate) in list(new, "schedulingGates").iter().enumerate() {
        let name = text(gate, "name");
        if !had.iter().any(|gate| text(gate, "name") == name) {
            let why = format!("only deletion is allowed, but found new scheduling gate '{name}'");
            causes.forbidden(&field.index(at).child("name"), &why);
        }
    }
}
