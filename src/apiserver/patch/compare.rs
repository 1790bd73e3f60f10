//! Which fields an object has, and which differ between two: what becomes of who owns them.
//!
//! Upstream: structured-merge-diff, typed/compare.go and typed/tofieldset.go. The field managedFields
//! itself is not looked at.

use serde_json::{Map, Value};

use super::element;
use super::fields::FieldSet;
use crate::apiserver::schema::{ListKind, Shape, Type};
use crate::units::Map as HashMap;

const MANAGED_FIELDS: &str = "managedFields";
const OBJECT_META: &str = "meta.v1.ObjectMeta";

/// What differs between two objects.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// What the second has and the first has not, or has otherwise.
    pub(super) changed: FieldSet,
    /// What the first has and the second has not.
    pub(super) removed: FieldSet,
}

impl Difference {
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.removed.is_empty()
    }

    fn put(&mut self, step: impl Fn() -> String, below: Self) {
        if !below.changed.is_empty() {
            self.changed.put(step(), below.changed);
        }
        if !below.removed.is_empty() {
            self.removed.put(step(), below.removed);
        }
    }
}

/// Compares two values of a type; at least one must be there.
pub(super) fn compare(
    shape: Option<&Type>,
    left: Option<&Value>,
    right: Option<&Value>,
) -> Difference {
    let mut difference = Difference::default();
    let is_leaf = match shape.map(|shape| (shape, &shape.shape)) {
        Some((shape, Shape::Struct { atomic: false, .. } | Shape::Map { atomic: false, .. })) => {
            let (left, right) = (object(left), object(right));
            let empty = left.is_none() && right.is_none();
            if !empty {
                compare_fields(shape, left, right, &mut difference);
            }
            empty
        }
        Some((_, Shape::List { item, kind: kind @ (ListKind::Set | ListKind::Map(_)) })) => {
            let (left, right) = (list(left), list(right));
            let empty = left.is_empty() && right.is_empty();
            if left != right {
                compare_items(item, kind, left, right, &mut difference);
            }
            empty
        }
        _ => true,
    };
    match (left, right) {
        (None, _) => difference.changed.here = true,
        (_, None) => difference.removed.here = true,
        (Some(left), Some(right)) => {
            difference.changed.here |= is_leaf && !is_same(left, right);
        }
    }
    difference
}

/// Equal, where `1` and `1.0` are.
fn is_same(left: &Value, right: &Value) -> bool {
    left == right
        || left
            .as_f64()
            .zip(right.as_f64())
            .is_some_and(|(left, right)| left.total_cmp(&right).is_eq())
}

fn object(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object).filter(|fields| !fields.is_empty())
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn is_object_meta(shape: &Type) -> bool {
    shape.as_struct().is_some_and(|found| found.name == OBJECT_META)
}

fn compare_fields(
    shape: &Type,
    left: Option<&Map<String, Value>>,
    right: Option<&Map<String, Value>>,
    difference: &mut Difference,
) {
    let skip = is_object_meta(shape);
    for (name, value) in left.into_iter().flatten() {
        if !(skip && name == MANAGED_FIELDS) {
            let other = right.and_then(|right| right.get(name));
            let below = compare(shape.child(name), Some(value), other);
            difference.put(|| element::field(name), below);
        }
    }
    for (name, value) in right.into_iter().flatten() {
        let is_new = left.is_none_or(|left| !left.contains_key(name));
        if is_new && !(skip && name == MANAGED_FIELDS) {
            let below = compare(shape.child(name), None, Some(value));
            difference.put(|| element::field(name), below);
        }
    }
}

/// Elements by their step. Those that can have none are not looked at.
fn by_step<'a>(
    item: &Type,
    kind: &ListKind,
    items: &'a [Value],
) -> HashMap<String, Vec<&'a Value>> {
    let mut found: HashMap<String, Vec<&Value>> = HashMap::default();
    for value in items {
        if let Ok(step) = element::item(kind, item, value) {
            found.entry(step).or_default().push(value);
        }
    }
    found
}

fn compare_items(
    item: &Type,
    kind: &ListKind,
    left: &[Value],
    right: &[Value],
    difference: &mut Difference,
) {
    let mut left = by_step(item, kind, left);
    for (step, right) in by_step(item, kind, right) {
        let left = left.remove(&step).unwrap_or_default();
        difference.put(|| step.clone(), compare_alike(item, &left, &right));
    }
    for (step, left) in left {
        difference.put(|| step.clone(), compare_alike(item, &left, &[]));
    }
}

/// Compares the elements of one key: usually one on each side. Several are one value together.
fn compare_alike(item: &Type, left: &[&Value], right: &[&Value]) -> Difference {
    match (left, right) {
        ([] | [_], [] | [_]) => compare(Some(item), left.first().copied(), right.first().copied()),
        ([_, _, ..], [_, _, ..]) => {
            let mut difference = Difference::default();
            difference.changed.here = left != right;
            difference
        }
        ([_, _, ..], rest) => {
            let mut difference = rest
                .first()
                .map(|right| compare(Some(item), None, Some(right)))
                .unwrap_or_default();
            difference.removed.here = true;
            difference
        }
        (rest, _) => {
            let mut difference =
                rest.first().map(|left| compare(Some(item), Some(left), None)).unwrap_or_default();
            difference.changed.here = true;
            difference
        }
    }
}

/// The fields that a value has.
pub(super) fn fields_of(shape: Option<&Type>, value: &Value) -> FieldSet {
    let mut set = FieldSet::default();
    match (shape.map(|shape| (shape, &shape.shape)), value) {
        (
            Some((
                _,
                Shape::Struct { atomic: false, .. }
                | Shape::Map { atomic: false, .. }
                | Shape::List { kind: ListKind::Set | ListKind::Map(_), .. },
            )),
            Value::Null,
        ) => {}
        (
            Some((shape, Shape::Struct { atomic: false, .. } | Shape::Map { atomic: false, .. })),
            Value::Object(fields),
        ) => {
            let is_map = matches!(shape.shape, Shape::Map { .. });
            let skip = is_object_meta(shape);
            for (name, value) in fields {
                if skip && name == MANAGED_FIELDS {
                    continue;
                }
                let mut below = fields_of(shape.child(name), value);
                below.here |= is_map
                    || value.is_null()
                    || value.as_object().is_some_and(serde_json::Map::is_empty);
                set.put(element::field(name), below);
            }
        }
        (
            Some((_, Shape::List { item, kind: kind @ (ListKind::Set | ListKind::Map(_)) })),
            Value::Array(items),
        ) => {
            for (step, alike) in by_step(item, kind, items) {
                let mut below = match alike[..] {
                    [one] => fields_of(Some(item), one),
                    _ => FieldSet::default(),
                };
                below.here = true;
                set.put(step, below);
            }
        }
        _ => set.here = true,
    }
    set
}
