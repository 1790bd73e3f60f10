//! The args of NodeAffinity: an affinity that is added to that of every pod. Called by `args`.

use super::args::{Args, Meaning, check_known, fields};
use super::names::{label_key_error, label_value_error};
use super::reader::Reader;
use super::value::Value;
use crate::model::{NodeAffinity, NodeOperator, NodeRequirement, NodeSelectorTerm, PreferredTerm};

const OPERATORS: [(&str, NodeOperator); 6] = [
    ("In", NodeOperator::In),
    ("NotIn", NodeOperator::NotIn),
    ("Exists", NodeOperator::Exists),
    ("DoesNotExist", NodeOperator::DoesNotExist),
    ("Gt", NodeOperator::Gt),
    ("Lt", NodeOperator::Lt),
];

/// Upstream: ValidateNodeAffinityArgs, v1.37. An affinity that asks for nothing is none.
pub(super) fn read(reader: &mut Reader, value: &Value) -> Args {
    let (mut added, mut shown) = (NodeAffinity::default(), Value::Null);
    fields(reader, "NodeAffinity", value, |reader, key, value| match key {
        "addedAffinity" => {
            shown = value.clone();
            added = read_affinity(reader, value);
        }
        _ => reader.unknown(),
    });
    let added = (added != NodeAffinity::default()).then_some(added);
    Args { fields: Value::map([("addedAffinity", shown)]), meaning: Meaning::Affinity(added) }
}

fn read_affinity(reader: &mut Reader, value: &Value) -> NodeAffinity {
    let mut affinity = NodeAffinity::default();
    reader.fields(value, |reader, key, value| match key {
        "requiredDuringSchedulingIgnoredDuringExecution" if matches!(value, Value::Null) => {}
        "requiredDuringSchedulingIgnoredDuringExecution" => {
            let mut terms = Vec::new();
            reader.fields(value, |reader, key, value| match key {
                "nodeSelectorTerms" => reader.items(value, |reader, _, value| {
                    terms.push(read_term(reader, value, true));
                }),
                _ => reader.unknown(),
            });
            affinity.required = Some(terms);
        }
        "preferredDuringSchedulingIgnoredDuringExecution" => {
            reader.items(value, |reader, _, value| {
                affinity.preferred.extend(read_preferred(reader, value));
            });
        }
        _ => reader.unknown(),
    });
    affinity
}

/// A term with its weight; one with the weight zero is read, but not checked, and counts for nothing.
fn read_preferred(reader: &mut Reader, value: &Value) -> Option<PreferredTerm> {
    let weight_of = |value: &Value| Reader::default().int32(value).unwrap_or_default();
    let weight = value.all("weight").next().map_or(0, weight_of);
    let mut term = NodeSelectorTerm::default();
    reader.fields(value, |reader, key, value| match key {
        "weight" => drop(reader.int32(value)),
        "preference" => term = read_term(reader, value, weight != 0),
        _ => reader.unknown(),
    });
    (weight != 0).then_some(PreferredTerm { weight, term })
}

fn read_term(reader: &mut Reader, value: &Value, checked: bool) -> NodeSelectorTerm {
    let mut term = NodeSelectorTerm::default();
    reader.fields(value, |reader, key, value| match key {
        "matchExpressions" => reader.items(value, |reader, _, value| {
            let check = if checked { check_expression } else { |_: &mut _, _: &_, _: &_| {} };
            term.expressions.push(read_requirement(reader, value, check));
        }),
        "matchFields" => reader.items(value, |reader, _, value| {
            let check = if checked { check_field } else { |_: &mut _, _: &_, _: &_| {} };
            term.fields.push(read_requirement(reader, value, check));
        }),
        _ => reader.unknown(),
    });
    term
}

/// Reads a requirement, and checks it where its types are right; `check` also gets the operator's name.
fn read_requirement(
    reader: &mut Reader,
    value: &Value,
    check: fn(&mut Reader, &NodeRequirement, &str),
) -> NodeRequirement {
    let mut operator = String::new();
    let mut requirement =
        NodeRequirement { key: Box::default(), operator: None, values: Vec::new() };
    let right = reader.is_right(|reader| {
        reader.fields(value, |reader, key, value| match key {
            "key" => requirement.key = reader.string(value).unwrap_or_default().into(),
            "operator" => operator = reader.string(value).unwrap_or_default(),
            "values" => requirement.values = reader.strings(value),
            _ => reader.unknown(),
        });
    });
    let known = OPERATORS.iter().find(|(name, _)| *name == operator);
    requirement.operator = known.map(|(_, operator)| *operator);
    if right {
        check(reader, &requirement, &operator);
    }
    requirement
}

/// Upstream: labels.NewRequirement, v1.37.
fn check_expression(reader: &mut Reader, requirement: &NodeRequirement, operator: &str) {
    let NodeRequirement { key, values, .. } = requirement;
    let Some(known) = requirement.operator else {
        return check_operator(reader, operator, &OPERATORS.map(|(name, _)| name));
    };
    if let Some(message) = label_key_error(key) {
        reader.field("key", |reader| reader.refuse(&Value::from(&**key), &message));
    }
    if let Some(message) = known.wrong_count(values) {
        reader.field("values", |reader| reader.refuse(&values_value(values), message));
    }
    reader.each("values", values, |reader, text| {
        let value = Value::from(&**text);
        if known.is_ordered() && text.parse::<i64>().is_err() {
            reader.refuse(&value, "for 'Gt', 'Lt' operators, the value must be an integer");
        }
        if let Some(message) = label_value_error(text) {
            reader.refuse(&value, &message);
        }
    });
}

/// Upstream: nodeSelectorRequirementsAsFieldSelector, v1.37; any key will do.
fn check_field(reader: &mut Reader, requirement: &NodeRequirement, operator: &str) {
    if !matches!(requirement.operator, Some(NodeOperator::In | NodeOperator::NotIn)) {
        return check_operator(reader, operator, &["In", "NotIn"]);
    }
    if requirement.values.len() != 1 {
        let values = values_value(&requirement.values);
        reader.field("values", |reader| reader.refuse(&values, "must have one element"));
    }
}

fn check_operator(reader: &mut Reader, operator: &str, known: &[&str]) {
    let value = Value::from(operator);
    reader.field("operator", |reader| check_known(reader, &value, operator, known));
}

fn values_value(values: &[Box<str>]) -> Value {
    Value::List(values.iter().map(|value| Value::from(&**value)).collect())
}
