//! Quantities made canonical wherever a kind has them, and sums of the resources of a pod.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::json::{fields, list, quantity, text};
use crate::units::Canonical;

/// Lists of resources: each quantity is rounded up to thousandths.
const LISTS: [&str; 14] = [
    "requests",
    "limits",
    "capacity",
    "allocatable",
    "allocatedResources",
    "overhead",
    "podFixed",
    "hard",
    "used",
    "default",
    "defaultRequest",
    "min",
    "max",
    "maxLimitRequestRatio",
];
/// Single quantities, which are not rounded.
const SINGLES: [&str; 5] = ["sizeLimit", "divisor", "maximumVolumeSize", "capacity", "usage"];

/// Quantities by resource.
pub(super) type Amounts = BTreeMap<String, Canonical>;

/// Writes every quantity in `value` as upstream does.
pub(super) fn make_canonical(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, field) in object {
                match field {
                    // The one list of that name that is none: how many volumes a driver takes.
                    Value::Object(entries) if entries.contains_key("count") => {}
                    Value::Object(entries) if LISTS.contains(&key.as_str()) => {
                        entries.values_mut().for_each(round);
                    }
                    Value::String(_) | Value::Number(_) if SINGLES.contains(&key.as_str()) => {
                        if let Some(amount) = quantity(field) {
                            *field = amount.to_string().into();
                        }
                    }
                    other => make_canonical(other),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(make_canonical),
        _ => {}
    }
}

/// One entry of a list of resources; what is an object has its quantity further in.
fn round(value: &mut Value) {
    match quantity(value) {
        Some(amount) => *value = amount.rounded_to_milli().to_string().into(),
        None => make_canonical(value),
    }
}

/// The quantities of a list of resources.
pub(super) fn amounts(list: &Value) -> Amounts {
    fields(list).filter_map(|(name, value)| Some((name.clone(), quantity(value)?))).collect()
}

/// A list of resources with these quantities.
pub(super) fn to_list(amounts: &Amounts) -> Value {
    let entry = |(name, amount): (&String, &Canonical)| (name.clone(), amount.to_string().into());
    Value::Object(amounts.iter().map(entry).collect::<Map<_, _>>())
}

/// What all containers of a pod need at once: `which` is `requests` or `limits`.
///
/// Upstream: component-helpers resource.AggregateContainerRequests and -Limits, v1.37.
pub(super) fn of_containers(spec: &Value, which: &str) -> Amounts {
    let mut sum = Amounts::new();
    for container in list(spec, "containers") {
        add(&mut sum, &amounts(&container["resources"][which]));
    }
    let (mut sidecars, mut most) = (Amounts::new(), Amounts::new());
    for container in list(spec, "initContainers") {
        let mut own = amounts(&container["resources"][which]);
        if text(container, "restartPolicy") == "Always" {
            add(&mut sum, &own);
            add(&mut sidecars, &own);
            own.clone_from(&sidecars);
        } else {
            add(&mut own, &sidecars);
        }
        raise(&mut most, &own);
    }
    raise(&mut sum, &most);
    sum
}

/// As [`of_containers`], with what the pod itself names in place of the sums.
pub(super) fn of_pod(spec: &Value, which: &str) -> Amounts {
    let mut sum = of_containers(spec, which);
    for (name, amount) in amounts(&spec["resources"][which]) {
        if name == "cpu" || name == "memory" {
            sum.insert(name, amount);
        }
    }
    sum
}

fn add(sum: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        let new = sum.get(name).map_or_else(|| amount.clone(), |old| old.plus(amount));
        sum.insert(name.clone(), new);
    }
}

fn raise(most: &mut Amounts, other: &Amounts) {
    for (name, amount) in other {
        if most.get(name).is_none_or(|old| amount.compare(old).is_gt()) {
            most.insert(name.clone(), amount.clone());
        }
    }
}
