//! What is refused in requests and limits, of containers and of pods.
//!
//! Upstream: core/validation validateResourceRequirements and validatePodResources, v1.37.

use serde_json::Value;

use super::create::{is_huge_page, is_supported};
use super::placement::claim_names;
use crate::apiserver::objects::amounts::{amounts, of_containers};
use crate::apiserver::objects::json::{fields, list, quantity};
use crate::apiserver::objects::names;
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::units::{Canonical, Quantity};

/// What a container can ask for without a prefix.
const OF_CONTAINERS: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];
/// What may stand somewhere in a list of resources without a prefix.
const STANDARD: [&str; 20] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "storage",
    "requests.storage",
    "services.nodeports",
    "services.loadbalancers",
];
/// What comes in whole pieces without a prefix.
const WHOLE: [&str; 9] = [
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// Checks the resources of a container; `claims` are those of its pod.
pub(super) fn of_container(
    resources: &Value,
    claims: &[Value],
    field: &Field,
    causes: &mut Causes,
) {
    requirements(resources, container_name, field, causes);
    let named = list(resources, "claims");
    claim_names(named, claims, &field.child("claims"), causes);
}

/// Checks the overhead of a pod, which upstream takes for the limits of a container.
pub(super) fn overhead(overhead: &Value, field: &Field, causes: &mut Causes) {
    requirements(&serde_json::json!({"limits": overhead}), container_name, field, causes);
}

/// Checks the resources of the pod as a whole.
pub(super) fn of_pod(spec: &Value, field: &Field, causes: &mut Causes) {
    let own = &spec["resources"];
    if own.is_null() {
        return;
    }
    if !own["claims"].is_null() {
        let why = "claims may not be set for Resources at pod-level";
        causes.forbidden(&field.child("claims"), why);
    }
    requirements(own, pod_name, field, causes);
    let requests = amounts(&own["requests"]);
    for (name, sum) in of_containers(spec, "requests") {
        if let Some(own) = requests.get(&name).filter(|own| sum.compare(own).is_gt()) {
            let why =
                format!("must be greater than or equal to aggregate container requests of {sum}");
            causes.invalid(&field.child("requests").key(&name), own.to_string(), &why);
        }
    }
    let limits = amounts(&own["limits"]);
    for (name, sum) in of_containers(spec, "limits") {
        let own = limits.get(&name).filter(|own| is_huge_page(&name) && sum.compare(own).is_gt());
        if let Some(own) = own {
            let why =
                format!("must be greater than or equal to aggregate container limits of {sum}");
            causes.invalid(&field.child("limits").key(&name), own.to_string(), &why);
        }
    }
    for (at, container) in list(spec, "containers").iter().enumerate() {
        for (name, limit) in amounts(&container["resources"]["limits"]) {
            if let Some(own) = limits.get(&name).filter(|own| limit.compare(own).is_gt()) {
                let at = field.child("containers").index(at).key(&name).child("limits");
                let why = format!("must be less than or equal to pod limits of {own}");
                causes.invalid(&at, limit.to_string(), &why);
            }
        }
    }
}

type NameCheck = fn(&str, &Field, &mut Causes);

fn requirements(resources: &Value, name_check: NameCheck, field: &Field, causes: &mut Causes) {
    let (limits, at_limits) = (amounts(&resources["limits"]), field.child("limits"));
    let (requests, at_requests) = (amounts(&resources["requests"]), field.child("requests"));
    for (name, amount) in &limits {
        let at = at_limits.key(name);
        name_check(name, &at, causes);
        value(name, amount, &at, causes);
        huge_page(name, amount, &at, causes);
    }
    for (name, amount) in &requests {
        let at = at_requests.key(name);
        name_check(name, &at, causes);
        value(name, amount, &at, causes);
        match limits.get(name) {
            Some(limit) if amount.compare(limit).is_ne() && !may_overcommit(name) => {
                let why = format!("must be equal to {name} limit of {limit}");
                causes.invalid(&at_requests, amount.to_string(), &why);
            }
            Some(limit) if amount.compare(limit).is_gt() => {
                let why = format!("must be less than or equal to {name} limit of {limit}");
                causes.invalid(&at_requests, amount.to_string(), &why);
            }
            None if !may_overcommit(name) => {
                causes.required(&at_limits, "Limit must be set for non overcommitable resources");
            }
            _ => {}
        }
        huge_page(name, amount, &at, causes);
    }
    let all = || limits.keys().chain(requests.keys());
    let plain = all().any(|name| name == "cpu" || name == "memory");
    if !plain && all().any(|name| is_huge_page(name)) {
        causes.forbidden(field, "HugePages require cpu or memory");
    }
}

/// Whether requests and limits of the resource may differ.
fn may_overcommit(name: &str) -> bool {
    is_native(name) && !is_huge_page(name)
}

fn is_native(name: &str) -> bool {
    !name.contains('/') || name.contains("kubernetes.io/")
}

fn is_extended(name: &str) -> bool {
    !is_native(name)
        && !name.starts_with("requests.")
        && names::qualified(&format!("requests.{name}")).is_empty()
}

/// A resource name anywhere; says whether it is one.
fn plain_name(name: &str, field: &Field, causes: &mut Causes) -> bool {
    let wrong = names::qualified(name);
    let good = wrong.is_empty();
    causes.invalid_each(field, name, wrong);
    let known = STANDARD.contains(&name) || is_huge_page(name) || name.contains('/');
    if good && !known {
        let why = "must be a standard resource type or fully qualified";
        causes.invalid(field, name, why);
    }
    good && known
}

fn container_name(name: &str, field: &Field, causes: &mut Causes) {
    plain_name(name, field, causes);
    if !name.contains('/') {
        if !OF_CONTAINERS.contains(&name) && !is_huge_page(name) {
            causes.invalid(field, name, "must be a standard resource for containers");
        }
    } else if !is_native(name) && !is_extended(name) {
        causes.invalid(field, name, "doesn't follow extended resource name standard");
    }
}

fn pod_name(name: &str, field: &Field, causes: &mut Causes) {
    if plain_name(name, field, causes) && !is_supported(name) {
        causes.not_supported(field, name, &["cpu", "hugepages-", "memory"]);
    }
}

/// Checks one amount of a resource.
fn value(name: &str, amount: &Canonical, field: &Field, causes: &mut Causes) {
    if amount.amount() < Quantity::ZERO {
        let why = "must be greater than or equal to 0";
        causes.invalid(field, amount.to_string(), why);
    }
    let whole = WHOLE.contains(&name) || is_extended(name);
    if whole && amount.amount().milli_value() % 1000 != 0 {
        causes.invalid(field, amount.to_string(), "must be an integer");
    }
}

fn huge_page(name: &str, amount: &Canonical, field: &Field, causes: &mut Causes) {
    let Some(size) = name.strip_prefix("hugepages-") else { return };
    let divides = Canonical::parse(size).is_ok_and(|size| {
        let (size, bytes) = (size.amount().value(), amount.amount().value());
        size > 0 && bytes % size == 0
    });
    if !divides {
        let why = format!("{amount} is not positive integer multiple of {name}");
        causes.invalid(field, amount.to_string(), &why);
    }
}

/// Checks the amounts of a node or a volume, whose names may be any. The path of an amount is that of
/// its list and its name with a dot.
pub(in crate::apiserver::objects) fn list_of_amounts(
    list: &Value,
    field: &Field,
    causes: &mut Causes,
) {
    for (name, amount) in fields(list) {
        if let Some(amount) = quantity(amount) {
            value(name, &amount, &field.child(name), causes);
        }
    }
}
