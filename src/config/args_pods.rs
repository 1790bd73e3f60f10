//! The args of InterPodAffinity and PodTopologySpread. Called by `args`.

use super::args::{Args, Meaning, check_known, check_range, fields};
use super::names::label_key_error;
use super::reader::Reader;
use super::value::{Value, quoted};
use crate::model::{DefaultSpread, InterPodAffinityArgs, SpreadConstraint, WhenUnsatisfiable};

const HARD: &str = "DoNotSchedule";
const SOFT: &str = "ScheduleAnyway";
const HONOR: &str = "Honor";

/// Upstream: ValidateInterPodAffinityArgs, v1.37.
pub(super) fn inter_pod_affinity(reader: &mut Reader, value: &Value) -> Args {
    let (mut weight, mut ignore) = (None, None);
    fields(reader, "InterPodAffinity", value, |reader, key, value| match key {
        "hardPodAffinityWeight" => {
            weight = reader.int32(value);
            check_range(reader, value, weight.map(i64::from), 0, 100);
        }
        "ignorePreferredTermsOfExistingPods" => ignore = reader.bool(value),
        _ => reader.unknown(),
    });
    let default = InterPodAffinityArgs::default();
    let args = InterPodAffinityArgs {
        hard_pod_affinity_weight: weight.map_or(default.hard_pod_affinity_weight, i64::from),
        ignore_preferred_terms_of_existing_pods: ignore.unwrap_or_default(),
    };
    let ignore = args.ignore_preferred_terms_of_existing_pods;
    let fields = Value::map([
        ("hardPodAffinityWeight", args.hard_pod_affinity_weight.into()),
        ("ignorePreferredTermsOfExistingPods", ignore.into()),
    ]);
    Args { fields, meaning: Meaning::PodAffinity(args) }
}

/// Upstream: ValidatePodTopologySpreadArgs, v1.37.
pub(super) fn pod_topology_spread(reader: &mut Reader, value: &Value) -> Args {
    const SYSTEM: &str = "System";
    let (mut kind, mut constraints, mut shown) = (String::new(), Vec::new(), Vec::new());
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
                constraints.push(read_constraint(reader, value, &mut seen));
                shown.push(value.clone());
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
    let shown = if shown.is_empty() { Value::Null } else { Value::List(shown) };
    let fields = [("defaultingType", kind.as_str().into()), ("defaultConstraints", shown)];
    let spread =
        if kind == SYSTEM { DefaultSpread::System } else { DefaultSpread::List(constraints) };
    Args { fields: Value::map(fields), meaning: Meaning::Spread(spread) }
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
        "minDomains" => constraint.min_domains = reader.int32(value),
        "nodeAffinityPolicy" | "nodeTaintsPolicy" if matches!(value, Value::Null) => {}
        "nodeAffinityPolicy" => constraint.honors_node_affinity = reads_honor(reader, value),
        "nodeTaintsPolicy" => constraint.honors_taints = reads_honor(reader, value),
        "matchLabelKeys" => constraint.match_label_keys = reader.strings(value),
        _ => reader.unknown(),
    });
    if !is_map {
        return constraint;
    }
    constraint.max_skew = skew;
    constraint.topology_key = key_given.as_str().into();
    constraint.when_unsatisfiable = match &*action {
        HARD => WhenUnsatisfiable::DoNotSchedule,
        SOFT => WhenUnsatisfiable::ScheduleAnyway,
        _ => WhenUnsatisfiable::Unknown,
    };
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
            check_known(reader, &value, &action, &[HARD, SOFT]);
        }
    });
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
    reader.string(value).is_some_and(|policy| policy == HONOR)
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
