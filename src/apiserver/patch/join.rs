//! Merges what is applied into what is there, by the schema.
//!
//! Upstream: structured-merge-diff, typed/merge.go.

use serde_json::{Map, Value};

use super::element;
use crate::apiserver::schema::{ListKind, Shape, Type};
use crate::units::{Map as HashMap, Set};

/// The two values merged, `right` before `left`; at least one must be there.
pub(super) fn join(
    shape: Option<&Type>,
    left: Option<&Value>,
    right: Option<&Value>,
) -> Option<Value> {
    match shape.map(|shape| (shape, &shape.shape)) {
        Some((shape, Shape::Struct { atomic: false, .. } | Shape::Map { atomic: false, .. })) => {
            let (left, right) = match (fields(left), fields(right)) {
                (Some(left), Some(right)) => (left, right),
                (Some(_), None) => return left.cloned(),
                (None, Some(_)) => return right.cloned(),
                (None, None) => return right.or(left).cloned(),
            };
            let mut merged = Map::new();
            for (name, value) in left {
                let other = right.get(name);
                merged
                    .extend(join(shape.child(name), Some(value), other).map(|v| (name.clone(), v)));
            }
            for (name, value) in right.iter().filter(|(name, _)| !left.contains_key(*name)) {
                let value = join(shape.child(name), None, Some(value));
                merged.extend(value.map(|value| (name.clone(), value)));
            }
            Some(Value::Object(merged))
        }
        Some((_, Shape::List { item, kind: kind @ (ListKind::Set | ListKind::Map(_)) })) => {
            match (items(left), items(right)) {
                (Some(left), Some(right)) => {
                    Some(Value::Array(Lists::new(item, kind, left, right).join()))
                }
                (Some(_), None) => left.cloned(),
                (None, Some(_)) => right.cloned(),
                (None, None) => right.or(left).cloned(),
            }
        }
        _ => right.or(left).cloned(),
    }
}

fn fields(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value?.as_object().filter(|fields| !fields.is_empty())
}

fn items(value: Option<&Value>) -> Option<&Vec<Value>> {
    value?.as_array().filter(|items| !items.is_empty())
}

/// Two lists whose elements have steps.
struct Lists<'a> {
    item: &'a Type,
    left: Vec<(String, &'a Value)>,
    right: Vec<(String, &'a Value)>,
    /// By step; `None` where several on the left have it, which are then replaced as one.
    left_by_step: HashMap<String, Option<&'a Value>>,
    right_steps: Set<String>,
}

impl<'a> Lists<'a> {
    fn new(item: &'a Type, kind: &ListKind, left: &'a [Value], right: &'a [Value]) -> Self {
        let steps = |items: &'a [Value]| -> Vec<(String, &'a Value)> {
            let step = |value| element::item(kind, item, value).ok().map(|step| (step, value));
            items.iter().filter_map(step).collect()
        };
        let (left, right) = (steps(left), steps(right));
        let mut left_by_step: HashMap<String, Option<&Value>> = HashMap::default();
        for (step, value) in &left {
            left_by_step
                .entry(step.clone())
                .and_modify(|found| *found = None)
                .or_insert(Some(*value));
        }
        let right_steps = right.iter().map(|(step, _)| step.clone()).collect();
        Self { item, left, right, left_by_step, right_steps }
    }

    /// Elements that both have stand in the order of the right; the others keep their place between
    /// them as well as that allows.
    fn join(&self) -> Vec<Value> {
        let shared: Vec<&str> = self
            .right
            .iter()
            .map(|(step, _)| &**step)
            .filter(|step| self.left_by_step.contains_key(*step))
            .collect();
        let mut shared = shared.into_iter();
        let mut next_shared = shared.next();
        let mut done: Set<&str> = Set::default();
        let mut out = Vec::with_capacity(self.left.len() + self.right.len());
        let (mut l, mut r) = (0, 0);
        while l < self.left.len() || r < self.right.len() {
            if let (Some((left, _)), Some((right, value))) = (self.left.get(l), self.right.get(r)) {
                if left == right {
                    done.insert(left);
                    out.extend(self.both(left, value));
                    (l, r) = (l + 1, r + 1);
                    next_shared = shared.next();
                    continue;
                }
                let is_other_shared = next_shared.is_some_and(|next| next != left);
                if self.right_steps.contains(left) && is_other_shared {
                    l += 1;
                    continue;
                }
            }
            if let Some((left, value)) = self.left.get(l) {
                if !self.right_steps.contains(left) {
                    out.extend(join(Some(self.item), Some(value), None));
                    l += 1;
                    continue;
                }
                if done.contains(&**left) {
                    l += 1;
                }
            }
            if let Some((right, value)) = self.right.get(r) {
                done.insert(right);
                out.extend(self.both(right, value));
                r += 1;
                if next_shared == Some(&**right) {
                    next_shared = shared.next();
                }
            }
        }
        out
    }

    fn both(&self, step: &str, right: &Value) -> Option<Value> {
        let left = self.left_by_step.get(step).copied().flatten();
        join(Some(self.item), left, Some(right))
    }
}
