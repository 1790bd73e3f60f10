//! Default requests and limits, and the bounds of both, from the LimitRanges of a namespace.
//!
//! Upstream: the admission plugin LimitRanger, v1.37.

use std::cmp::Ordering;

use serde_json::{Value, json};

use crate::apiserver::objects::amounts::{Amounts, amounts, of_pod};
use crate::apiserver::objects::json::{ensure, fields, list, list_mut, name, namespace, set, text};
use crate::apiserver::objects::refusal::join_errors;
use crate::apiserver::objects::{Lookup, Refusal};
use crate::units::Canonical;

const ANNOTATION: &str = "kubernetes.io/limit-ranger";
/// The bounds of a LimitRange: the field, its name in messages, and the side of it that is forbidden.
const BOUNDS: [(&str, &str, Ordering); 2] =
    [("min", "minimum", Ordering::Less), ("max", "maximum", Ordering::Greater)];

/// Gives the containers of a new pod what they do not say themselves.
pub(in crate::apiserver::objects) fn mutate(pod: &mut Value, lookup: &dyn Lookup) {
    for range in lookup.list("limitranges", Some(namespace(pod))) {
        let (mut requests, mut limits) = (json!({}), json!({}));
        for item in list(&range["spec"], "limits") {
            if text(item, "type") == "Container" {
                merge(&mut requests, &item["defaultRequest"]);
                merge(&mut limits, &item["default"]);
            }
        }
        let mut notes = Vec::new();
        for (which, kind) in [("containers", "container"), ("initContainers", "init container")] {
            for container in list_mut(&mut pod["spec"], which) {
                let own = name_of(container);
                let request = fill(container, "requests", &requests);
                let limit = fill(container, "limits", &limits);
                for (what, set) in [("request", request), ("limit", limit)] {
                    if !set.is_empty() {
                        notes.push(format!("{} {what} for {kind} {own}", set.join(", ")));
                    }
                }
            }
        }
        if notes.is_empty() {
            continue;
        }
        if let Some(target) = ensure(pod, "metadata").and_then(|meta| ensure(meta, "annotations")) {
            set(target, ANNOTATION, format!("LimitRanger plugin set: {}", notes.join("; ")));
        }
    }
}

fn name_of(container: &Value) -> String {
    text(container, "name").to_owned()
}

fn merge(into: &mut Value, from: &Value) {
    for (key, value) in fields(from) {
        set(into, key, value.clone());
    }
}

/// Sets the resources that the container does not name; returns them, sorted.
fn fill(container: &mut Value, which: &str, from: &Value) -> Vec<String> {
    let own = &container["resources"][which];
    let missing = fields(from).filter(|(key, _)| own[key.as_str()].is_null());
    let missing: Vec<_> = missing.map(|(key, value)| (key.clone(), value.clone())).collect();
    let target = ensure(container, "resources").and_then(|part| ensure(part, which));
    let Some(target) = target.filter(|_| !missing.is_empty()) else { return Vec::new() };
    for (key, value) in &missing {
        set(target, key, value.clone());
    }
    let mut names: Vec<String> = missing.into_iter().map(|(key, _)| key).collect();
    names.sort();
    names
}

/// Refuses a pod that is outside the bounds of a LimitRange.
pub(in crate::apiserver::objects) fn validate_pod(
    pod: &Value,
    lookup: &dyn Lookup,
) -> Result<(), Refusal> {
    let spec = &pod["spec"];
    for range in lookup.list("limitranges", Some(namespace(pod))) {
        let mut errors = Vec::new();
        for item in list(&range["spec"], "limits") {
            match text(item, "type") {
                "Container" => {
                    for which in ["containers", "initContainers"] {
                        for container in list(spec, which) {
                            let own = |key: &str| amounts(&container["resources"][key]);
                            check(item, &own("requests"), &own("limits"), &mut errors);
                        }
                    }
                }
                "Pod" => {
                    check(item, &of_pod(spec, "requests"), &of_pod(spec, "limits"), &mut errors);
                }
                _ => {}
            }
        }
        refuse("pods", pod, &errors)?;
    }
    Ok(())
}

/// Refuses a claim that is outside the bounds of a LimitRange.
pub(in crate::apiserver::objects) fn validate_claim(
    claim: &Value,
    lookup: &dyn Lookup,
) -> Result<(), Refusal> {
    let requests = amounts(&claim["spec"]["resources"]["requests"]);
    for range in lookup.list("limitranges", Some(namespace(claim))) {
        let mut errors = Vec::new();
        let items = list(&range["spec"], "limits").iter();
        for item in items.filter(|item| text(item, "type") == "PersistentVolumeClaim") {
            let kind = "PersistentVolumeClaim";
            for (field, which, wrong) in BOUNDS {
                for (resource, bound) in amounts(&item[field]) {
                    let amounts = [("request", requests.get(&resource)), ("limit", None)];
                    errors.extend(outside(which, wrong, (kind, &resource, &bound), amounts));
                }
            }
        }
        refuse("persistentvolumeclaims", claim, &errors)?;
    }
    Ok(())
}

fn refuse(resource: &str, object: &Value, errors: &[String]) -> Result<(), Refusal> {
    if errors.is_empty() {
        return Ok(());
    }
    Err(Refusal::forbidden(resource, name(object), &join_errors(errors)))
}

fn check(item: &Value, requests: &Amounts, limits: &Amounts, errors: &mut Vec<String>) {
    let kind = text(item, "type");
    for (field, which, wrong) in BOUNDS {
        for (resource, bound) in amounts(&item[field]) {
            let mut amounts =
                [("request", requests.get(&resource)), ("limit", limits.get(&resource))];
            if wrong.is_gt() {
                amounts.reverse();
            }
            errors.extend(outside(which, wrong, (kind, &resource, &bound), amounts));
        }
    }
    for (resource, bound) in amounts(&item["maxLimitRequestRatio"]) {
        let (request, limit) = (requests.get(&resource), limits.get(&resource));
        errors.extend(ratio(kind, &resource, &bound, request, limit));
    }
}

/// What is wrong with amounts that `bound`, the `which` one, holds for: the first of them must be there, and
/// none may lie on the `wrong` side of it.
fn outside(
    which: &str,
    wrong: Ordering,
    (kind, resource, bound): (&str, &str, &Canonical),
    amounts: [(&str, Option<&Canonical>); 2],
) -> Option<String> {
    let text = format!("{which} {resource} usage per {kind} is {bound}");
    if let [(what, None), _] = amounts {
        return Some(format!("{text}.  No {what} is specified"));
    }
    let is_wrong = |amount: &&Canonical| amount.compare(bound) == wrong;
    let find = |(what, amount): (&str, Option<&Canonical>)| {
        amount.filter(is_wrong).map(|amount| format!("{text}, but {what} is {amount}"))
    };
    amounts.into_iter().find_map(find)
}

#[expect(clippy::cast_precision_loss, reason = "upstream compares these ratios as floats")]
fn ratio(
    kind: &str,
    resource: &str,
    bound: &Canonical,
    request: Option<&Canonical>,
    limit: Option<&Canonical>,
) -> Option<String> {
    let text = format!("{resource} max limit to request ratio per {kind} is {bound}, but");
    let set = |value: Option<&Canonical>| {
        value.map(|value| value.amount().milli_value()).filter(|milli| *milli != 0)
    };
    let Some(request) = set(request) else {
        return Some(format!("{text} no request is specified or request is 0"));
    };
    let Some(limit) = set(limit) else {
        return Some(format!("{text} no limit is specified or limit is 0"));
    };
    let ratio = limit as f64 / request as f64;
    let too_high = ratio * 1000.0 > bound.amount().milli_value() as f64;
    too_high.then(|| format!("{text} provided ratio is {ratio:.6}"))
}
