//! The args of PodTopologySpread: how pods without constraints of their own are spread. Called by `args`.

use super::args::{Args, Meaning, check_known, fields};
use super::names::label_key_error;
use super::reader::Reader;
use super::value::{Value, quoted};
use crate::model::{PodTopologySpreadArgs, SpreadConstraint, WhenUnsatisfiable};

/// Upstream: ValidatePodTopologySpreadArgs, v1.37.
pub(super) fn read(reader: &mut Reader, value: &Value) -> Args {
    const SYSTEM: &str = "System";
    let (mut kind, mut constraints) = (String::new(), Vec::new());
    let mut default_constraints = Vec::new();
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
                default_constraints.push(read_constraint(reader, value, &mut seen));
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
    let system_defaulted = kind == SYSTEM;
    Args {
        fields: Value::map([
            ("defaultingType", kind.as_str().into()),
            ("defaultConstraints", constraints),
        ]),
        meaning: Meaning::Spread(PodTopologySpreadArgs { system_defaulted, default_constraints }),
    }
}

/// One of the default constraints; `seen` has the topology keys and actions of those before it.
fn read_constraint(
    reader: &mut Reader,
    value: &Value,
    seen: &mut Vec<(String, String)>,
) -> SpreadConstraint {
    let mut constraint = SpreadConstraint::default();
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
        "minDomains" | "nodeAffinityPolicy" | "nodeTaintsPolicy"
            if matches!(value, Value::Null) => {}
        "minDomains" => constraint.min_domains = reader.int32(value),
        "nodeAffinityPolicy" => constraint.honors_node_affinity = reads_honor(reader, value),
        "nodeTaintsPolicy" => constraint.honors_taints = reads_honor(reader, value),
        "matchLabelKeys" => drop(reader.strings(value)),
        _ => reader.unknown(),
    });
    if !is_map {
        return constraint;
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
    constraint.max_skew = skew;
    constraint.topology_key = key_given.as_str().into();
    constraint.when_unsatisfiable = match &*action {
        "DoNotSchedule" => WhenUnsatisfiable::DoNotSchedule,
        "ScheduleAnyway" => WhenUnsatisfiable::ScheduleAnyway,
        _ => WhenUnsatisfiable::Unknown,
    };
    let entry = (key_given, action);
    if seen.contains(&entry) {
        let shown = quoted(&format!("{{{}, {}}}", entry.0, entry.1));
        reader.missing(&format!("duplicate value: {shown}"));
    }
    seen.push(entry);
    constraint
}

/// A policy for nodes: anything but `Honor` is not to honour.
fn reads_honor(reader: &mut Reader, value: &Value) -> bool {
    reader.string(value).is_some_and(|policy| policy == "Honor")
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
