//! The args of plugins that berth does not have yet, read and checked as upstream does. Called by `args`.
//! Each function gives the fields with their defaults.

use super::args::{check_known, check_range, fields};
use super::args_resources::{read_shape, shape_value};
use super::duration::go_duration;
use super::names::label_key_error;
use super::reader::Reader;
use super::value::{Value, quoted};

const SECOND: i64 = 1_000_000_000;

/// Upstream: ValidateDynamicResourcesArgs with the feature gates of v1.37.
pub(super) fn dynamic_resources(reader: &mut Reader, value: &Value) -> Value {
    let (mut filter, mut binding) = (None, None);
    fields(reader, "DynamicResources", value, |reader, key, value| match key {
        "filterTimeout" => {
            filter = reader.duration_nanos(value);
            if filter.is_some_and(|filter| filter < 0) {
                reader.refuse(value, "must be zero or positive");
            }
        }
        "bindingTimeout" => {
            binding = reader.duration_nanos(value);
            if binding.is_some_and(|binding| binding < SECOND) {
                reader.refuse(value, "must be at least 1 second");
            }
        }
        _ => reader.unknown(),
    });
    let shown = |nanos: Option<i64>, seconds: i64| {
        Value::String(go_duration(nanos.unwrap_or(seconds * SECOND)))
    };
    Value::map([("filterTimeout", shown(filter, 10)), ("bindingTimeout", shown(binding, 600))])
}

/// Upstream: ValidateInterPodAffinityArgs, v1.37.
pub(super) fn inter_pod_affinity(reader: &mut Reader, value: &Value) -> Value {
    let (mut weight, mut ignore) = (None, None);
    fields(reader, "InterPodAffinity", value, |reader, key, value| match key {
        "hardPodAffinityWeight" => {
            weight = reader.int32(value);
            check_range(reader, value, weight.map(i64::from), 0, 100);
        }
        "ignorePreferredTermsOfExistingPods" => ignore = reader.bool(value),
        _ => reader.unknown(),
    });
    Value::map([
        ("hardPodAffinityWeight", weight.unwrap_or(1).into()),
        ("ignorePreferredTermsOfExistingPods", ignore.unwrap_or_default().into()),
    ])
}

/// Upstream: ValidateVolumeBindingArgs with StorageCapacityScoring on, as it is in v1.37.
pub(super) fn volume_binding(reader: &mut Reader, value: &Value) -> Value {
    let (mut timeout, mut shape) = (None, Vec::new());
    fields(reader, "VolumeBinding", value, |reader, key, value| match key {
        "bindTimeoutSeconds" => {
            timeout = reader.int64(value);
            if timeout.is_some_and(|timeout| timeout < 0) {
                let message = "invalid BindTimeoutSeconds, should not be a negative value";
                reader.refuse(value, message);
            }
        }
        "shape" => shape = read_shape(reader, value),
        _ => reader.unknown(),
    });
    if shape.is_empty() {
        shape = vec![(0, 10), (100, 0)];
    }
    Value::map([
        ("bindTimeoutSeconds", timeout.unwrap_or(600).into()),
        ("shape", shape_value(&shape)),
    ])
}

/// Upstream: ValidatePodTopologySpreadArgs, v1.37.
pub(super) fn pod_topology_spread(reader: &mut Reader, value: &Value) -> Value {
    const SYSTEM: &str = "System";
    let (mut kind, mut constraints) = (String::new(), Vec::new());
    fields(reader, "PodTopologySpread", value, |reader, key, value| match key {
        "defaultingType" => {
            kind = reader.string(value).unwrap_or_default();
            if !kind.is_empty() {
                check_known(reader, value, &kind, &[SYSTEM, "List"]);
            }
        }
        "defaultConstraints" => {
            let mut seen = Vec::new();
            reader.items(value, |reader, _, value| {
                read_constraint(reader, value, &mut seen);
                constraints.push(value.clone());
            });
        }
        _ => reader.unknown(),
    });
    if kind.is_empty() {
        SYSTEM.clone_into(&mut kind);
    }
    if kind == SYSTEM && !constraints.is_empty() {
        reader.field("defaultingType", |reader| {
            let message = "when .defaultConstraints are not empty; it must be \"List\"";
            reader.refuse(&Value::from(SYSTEM), message);
        });
    }
    let constraints = if constraints.is_empty() { Value::Null } else { Value::List(constraints) };
    Value::map([("defaultingType", kind.as_str().into()), ("defaultConstraints", constraints)])
}

/// One of the default constraints; `seen` has the topology keys and actions of those before it.
fn read_constraint(reader: &mut Reader, value: &Value, seen: &mut Vec<(String, String)>) {
    let (mut skew, mut key_given, mut action) = (0, String::new(), String::new());
    let is_map = matches!(value, Value::Null | Value::Map(_));
    reader.fields(value, |reader, key, value| match key {
        "maxSkew" => {
            // What is no number has been said; it is not said again that zero is too little.
            skew = reader.int32(value).unwrap_or(i32::from(!matches!(value, Value::Null)));
        }
        "topologyKey" => key_given = reader.string(value).unwrap_or_default(),
        "whenUnsatisfiable" => action = reader.string(value).unwrap_or_default(),
        "labelSelector" => {
            read_label_selector(reader, value);
            if !matches!(value, Value::Null) {
                let message = "constraint must not define a selector, as they deduced for each pod";
                reader.refuse(value, message);
            }
        }
        "minDomains" => drop(reader.int32(value)),
        "nodeAffinityPolicy" | "nodeTaintsPolicy" => drop(reader.string(value)),
        "matchLabelKeys" => drop(reader.strings(value)),
        _ => reader.unknown(),
    });
    if !is_map {
        return;
    }
    if skew <= 0 {
        let value = Value::from(skew);
        reader.field("maxSkew", |reader| reader.refuse(&value, "not in valid range (0, inf)"));
    }
    reader.field("topologyKey", |reader| {
        if key_given.is_empty() {
            reader.missing("can not be empty");
        } else if let Some(message) = label_key_error(&key_given) {
            reader.refuse(&Value::from(key_given.as_str()), &message);
        }
    });
    reader.field("whenUnsatisfiable", |reader| {
        if action.is_empty() {
            reader.missing("can not be empty");
        } else {
            let value = Value::from(action.as_str());
            check_known(reader, &value, &action, &["DoNotSchedule", "ScheduleAnyway"]);
        }
    });
    let entry = (key_given, action);
    if seen.contains(&entry) {
        let shown = quoted(&format!("{{{}, {}}}", entry.0, entry.1));
        reader.missing(&format!("duplicate value: {shown}"));
    }
    seen.push(entry);
}

/// Only so far as a strict reader refuses what is no selector; any selector is refused afterwards.
fn read_label_selector(reader: &mut Reader, value: &Value) {
    reader.fields(value, |reader, key, value| match key {
        "matchLabels" => reader.fields(value, |reader, _, value| drop(reader.string(value))),
        "matchExpressions" => reader.items(value, |reader, _, value| {
            reader.fields(value, |reader, key, value| match key {
                "key" | "operator" => drop(reader.string(value)),
                "values" => drop(reader.strings(value)),
                _ => reader.unknown(),
            });
        }),
        _ => reader.unknown(),
    });
}
