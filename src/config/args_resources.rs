//! The args of NodeResourcesFit and NodeResourcesBalancedAllocation. Called by `args`.

use super::args::{Args, Meaning, check_known, check_range, fields};
use super::names::label_key_error;
use super::reader::Reader;
use super::value::Value;
use crate::model::{
    BalancedResources, NodeResourcesFitArgs, ScoringStrategy, StrategyKind, WeightedResource,
};

const LEAST: &str = "LeastAllocated";
const MOST: &str = "MostAllocated";
const RATIO: &str = "RequestedToCapacityRatio";

/// Upstream: ValidateNodeResourcesBalancedAllocationArgs, v1.37.
pub(super) fn read_balanced(reader: &mut Reader, value: &Value) -> Args {
    let mut resources = Vec::new();
    fields(reader, "NodeResourcesBalancedAllocation", value, |reader, key, value| match key {
        "resources" => resources = read_resources(reader, value),
        _ => reader.unknown(),
    });
    if resources.is_empty() {
        resources = ScoringStrategy::default().resources;
    }
    let mut seen = Vec::new();
    reader.each("resources", &resources, |reader, resource| {
        if seen.contains(&&resource.name) {
            let name = Value::from(&*resource.name);
            reader.field("name", |reader| reader.refuse(&name, "duplicate value"));
        }
        seen.push(&resource.name);
        if resource.weight != 1 {
            reader.field("weight", |reader| reader.refuse(&resource.weight.into(), "must be 1"));
        }
    });
    let fields = Value::map([("resources", resources_value(&resources))]);
    let names = resources.into_iter().map(|resource| resource.name).collect();
    Args { fields, meaning: Meaning::Balanced(BalancedResources(names)) }
}

/// What is said of NodeResourcesFit.
#[derive(Default)]
struct FitFields {
    ignored_resources: Vec<Box<str>>,
    ignored_resource_groups: Vec<Box<str>>,
    strategy: Option<StrategyFields>,
}

/// `scoringStrategy`. Upstream fills in no type where only that is left out.
struct StrategyFields {
    kind: String,
    resources: Vec<WeightedResource>,
    shape: Option<Vec<(i64, i64)>>,
}

/// Upstream: ValidateNodeResourcesFitArgs, v1.37. It is called only where the plugin is made, so what is
/// wrong with the args of a plugin that is not `enabled` is warned about.
pub(super) fn read_fit(reader: &mut Reader, value: &Value, enabled: bool) -> Args {
    let mut fit = FitFields::default();
    let right = reader.is_right(|reader| {
        fields(reader, "NodeResourcesFit", value, |reader, key, value| match key {
            "ignoredResources" => fit.ignored_resources = reader.strings(value),
            "ignoredResourceGroups" => fit.ignored_resource_groups = reader.strings(value),
            "scoringStrategy" if matches!(value, Value::Null) => {}
            "scoringStrategy" => fit.strategy = Some(read_strategy(reader, value)),
            _ => reader.unknown(),
        });
    });
    if right && enabled {
        check_fit(reader, &fit);
    } else if right {
        let note = "accepted because the plugin is not enabled";
        reader.only_warn(note, |reader| check_fit(reader, &fit));
    }
    let strategy = fit.strategy.map_or_else(ScoringStrategy::default, |strategy| ScoringStrategy {
        kind: match strategy.kind.as_str() {
            MOST => StrategyKind::MostAllocated,
            RATIO => StrategyKind::RequestedToCapacityRatio(strategy.shape.unwrap_or_default()),
            _ => StrategyKind::LeastAllocated,
        },
        resources: strategy.resources,
    });
    let list = |names: &[Box<str>]| match names {
        [] => Value::Null,
        names => Value::List(names.iter().map(|name| Value::from(&**name)).collect()),
    };
    let fields = Value::map([
        ("ignoredResources", list(&fit.ignored_resources)),
        ("ignoredResourceGroups", list(&fit.ignored_resource_groups)),
        ("scoringStrategy", strategy_value(&strategy)),
    ]);
    let args = NodeResourcesFitArgs {
        ignored_resources: fit.ignored_resources,
        ignored_resource_groups: fit.ignored_resource_groups,
        strategy,
    };
    Args { fields, meaning: Meaning::Fit(args) }
}

fn read_strategy(reader: &mut Reader, value: &Value) -> StrategyFields {
    let (mut kind, mut resources, mut shape) = (String::new(), Vec::new(), None);
    reader.fields(value, |reader, key, value| match key {
        "type" => kind = reader.string(value).unwrap_or_default(),
        "resources" => resources = read_resources(reader, value),
        "requestedToCapacityRatio" if matches!(value, Value::Null) => {}
        "requestedToCapacityRatio" => {
            let mut points = Vec::new();
            reader.fields(value, |reader, key, value| match key {
                "shape" => points = read_points(reader, value),
                _ => reader.unknown(),
            });
            shape = Some(points);
        }
        _ => reader.unknown(),
    });
    if resources.is_empty() {
        resources = ScoringStrategy::default().resources;
    }
    StrategyFields { kind, resources, shape }
}

fn check_fit(reader: &mut Reader, fit: &FitFields) {
    let names = |reader: &mut Reader, field: &str, names: &[Box<str>], slash: bool| {
        reader.each(field, names, |reader, name| {
            let value = Value::from(&**name);
            if !slash && name.contains('/') {
                reader.refuse(&value, "resource group name can't contain '/'");
            } else if let Some(message) = label_key_error(name) {
                reader.refuse(&value, &message);
            }
        });
    };
    names(reader, "ignoredResources", &fit.ignored_resources, true);
    names(reader, "ignoredResourceGroups", &fit.ignored_resource_groups, false);
    if let Some(strategy) = &fit.strategy {
        reader.field("scoringStrategy", |reader| check_strategy(reader, strategy));
    }
}

fn check_strategy(reader: &mut Reader, strategy: &StrategyFields) {
    let kind = strategy.kind.as_str();
    reader.field("type", |reader| {
        check_known(reader, &Value::from(kind), kind, &[LEAST, MOST, RATIO]);
    });
    reader.each("resources", &strategy.resources, |reader, resource| {
        if !(1..=100).contains(&resource.weight) {
            let message =
                format!("resource weight of {} not in valid range (0, 100]", resource.name);
            reader.field("weight", |reader| reader.refuse(&resource.weight.into(), &message));
        }
    });
    reader.field("requestedToCapacityRatio", |reader| match (&strategy.shape, kind == RATIO) {
        (None, true) => reader.missing("must be specified when type is RequestedToCapacityRatio"),
        (Some(points), true) => reader.field("shape", |reader| {
            if points.is_empty() {
                reader.missing("at least one point must be specified");
            }
            check_points(reader, points);
        }),
        (Some(_), false) => {
            reader.missing("must be nil when type is not RequestedToCapacityRatio");
        }
        (None, false) => {}
    });
}

/// The points of a shape, checked; empty where there are none.
///
/// Upstream: validateFunctionShape, v1.37, without its refusal of an empty shape.
pub(super) fn read_shape(reader: &mut Reader, value: &Value) -> Vec<(i64, i64)> {
    let points = read_points(reader, value);
    check_points(reader, &points);
    points
}

fn read_points(reader: &mut Reader, value: &Value) -> Vec<(i64, i64)> {
    let mut points = Vec::new();
    reader.items(value, |reader, _, value| {
        let (mut utilization, mut score) = (0, 0);
        reader.fields(value, |reader, key, value| match key {
            "utilization" => utilization = reader.int32(value).unwrap_or_default().into(),
            "score" => score = reader.int32(value).unwrap_or_default().into(),
            _ => reader.unknown(),
        });
        points.push((utilization, score));
    });
    points
}

fn check_points(reader: &mut Reader, points: &[(i64, i64)]) {
    let unsorted = points.windows(2).position(|pair| pair[0].0 >= pair[1].0).map(|at| at + 1);
    for (index, (utilization, score)) in points.iter().enumerate() {
        reader.index(index, |reader| {
            let value = Value::from(*utilization);
            reader.field("utilization", |reader| {
                if unsorted == Some(index) {
                    reader.refuse(&value, "values must be sorted in increasing order");
                }
                check_range(reader, &value, Some(*utilization), 0, 100);
            });
            let value = Value::from(*score);
            reader.field("score", |reader| {
                check_range(reader, &value, Some(*score), 0, 10);
            });
        });
    }
}

/// The points as a file has them.
pub(super) fn shape_value(points: &[(i64, i64)]) -> Value {
    let point = |(utilization, score): &(i64, i64)| {
        Value::map([("utilization", (*utilization).into()), ("score", (*score).into())])
    };
    Value::List(points.iter().map(point).collect())
}

/// Resources with weights, where none or zero is one.
fn read_resources(reader: &mut Reader, value: &Value) -> Vec<WeightedResource> {
    let mut resources = Vec::new();
    reader.items(value, |reader, _, value| {
        let (mut name, mut weight) = (String::new(), 0);
        reader.fields(value, |reader, key, value| match key {
            "name" => name = reader.string(value).unwrap_or_default(),
            "weight" => weight = reader.int64(value).unwrap_or_default(),
            _ => reader.unknown(),
        });
        let weight = if weight == 0 { 1 } else { weight };
        resources.push(WeightedResource { name: name.into(), weight });
    });
    resources
}

fn resources_value(resources: &[WeightedResource]) -> Value {
    let entry = |resource: &WeightedResource| {
        Value::map([("name", (*resource.name).into()), ("weight", resource.weight.into())])
    };
    Value::List(resources.iter().map(entry).collect())
}

fn strategy_value(strategy: &ScoringStrategy) -> Value {
    let (kind, ratio) = match &strategy.kind {
        StrategyKind::LeastAllocated => (LEAST, Value::Null),
        StrategyKind::MostAllocated => (MOST, Value::Null),
        StrategyKind::RequestedToCapacityRatio(points) => {
            (RATIO, Value::map([("shape", shape_value(points))]))
        }
    };
    Value::map([
        ("type", kind.into()),
        ("resources", resources_value(&strategy.resources)),
        ("requestedToCapacityRatio", ratio),
    ])
}
