//! [`FieldSet`]: a set of paths into an object, as a tree.
//!
//! Upstream: structured-merge-diff, fieldpath.Set.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::{Map, Value};

use super::element;
use crate::apiserver::schema::{Shape, Type};

/// A set of paths. A branch without any member is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    /// Whether the path that leads here is a member.
    pub(super) here: bool,
    /// By the steps of [`super::element`].
    below: BTreeMap<String, FieldSet>,
}

impl FieldSet {
    pub(super) fn is_empty(&self) -> bool {
        !self.here && self.below.is_empty()
    }

    /// What is below a step.
    pub(super) fn get(&self, step: &str) -> Option<&Self> {
        self.below.get(step)
    }

    /// Puts `set` below a step where nothing is yet.
    pub(super) fn put(&mut self, step: String, set: Self) {
        if !set.is_empty() {
            self.below.insert(step, set);
        }
    }

    /// Adds all members of `other`.
    pub(super) fn unite(&mut self, other: Self) {
        self.here |= other.here;
        for (step, set) in other.below {
            match self.below.entry(step) {
                Entry::Vacant(place) => {
                    place.insert(set);
                }
                Entry::Occupied(mut place) => place.get_mut().unite(set),
            }
        }
    }

    /// Takes out the members of `other`.
    pub(super) fn subtract(&mut self, other: &Self) {
        self.here &= !other.here;
        if other.below.is_empty() || self.below.is_empty() {
            return;
        }
        self.below.retain(|step, set| {
            if let Some(other) = other.below.get(step) {
                set.subtract(other);
            }
            !set.is_empty()
        });
    }

    /// The members that are in both.
    pub(super) fn intersection(&self, other: &Self) -> Self {
        let mut both = Self { here: self.here && other.here, below: BTreeMap::new() };
        for (step, set) in &self.below {
            if let Some(other) = other.below.get(step) {
                both.put(step.clone(), set.intersection(other));
            }
        }
        both
    }

    /// Whether a path is a member.
    pub(super) fn has(&self, path: &[String]) -> bool {
        match path.split_first() {
            Some((step, rest)) => self.below.get(step).is_some_and(|set| set.has(rest)),
            None => self.here,
        }
    }

    /// Takes out a path of field names and all below it.
    pub(super) fn cut(&mut self, names: &[&str]) {
        let Some((name, rest)) = names.split_first() else {
            *self = Self::default();
            return;
        };
        let step = element::field(name);
        if let Some(set) = self.below.get_mut(&step) {
            set.cut(rest);
            if set.is_empty() {
                self.below.remove(&step);
            }
        }
    }

    /// Takes out a path of field names, but nothing below it.
    pub(super) fn cut_member(&mut self, names: &[&str]) {
        let Some((name, rest)) = names.split_first() else {
            self.here = false;
            return;
        };
        let step = element::field(name);
        if let Some(set) = self.below.get_mut(&step) {
            set.cut_member(rest);
            if set.is_empty() {
                self.below.remove(&step);
            }
        }
    }

    /// Keeps only what is at or below one of the paths; `*` is any step.
    pub(super) fn keep(&mut self, paths: &[&[&str]]) {
        if paths.iter().any(|path| path.is_empty()) {
            return;
        }
        self.here = false;
        self.below.retain(|step, set| {
            let name = step.strip_prefix("f:");
            let rest: Vec<&[&str]> = paths
                .iter()
                .filter_map(|path| path.split_first())
                .filter(|(first, _)| **first == "*" || Some(**first) == name)
                .map(|(_, rest)| rest)
                .collect();
            set.keep(&rest);
            !rest.is_empty() && !set.is_empty()
        });
    }

    /// Makes the fields of structs on the way to a member members, too.
    pub(super) fn with_named_fields(mut self, shape: Option<&Type>) -> Self {
        for (step, set) in &mut self.below {
            let mut inner = None;
            if let Some(name) = step.strip_prefix("f:") {
                inner = shape.and_then(|shape| shape.child(name));
                if inner.is_some()
                    && matches!(shape, Some(Type { shape: Shape::Struct { .. }, .. }))
                {
                    set.here = true;
                }
            } else if let Some(Type { shape: Shape::List { item, .. }, .. }) = shape
                && step.starts_with("k:")
            {
                inner = Some(&**item);
            }
            *set = std::mem::take(set).with_named_fields(inner);
        }
        self
    }

    /// Calls `visit` with every member, those of a level before those below it.
    pub(super) fn each(&self, path: &mut Vec<String>, visit: &mut impl FnMut(&[String])) {
        for (step, _) in self.below.iter().filter(|(_, set)| set.here) {
            path.push(step.clone());
            visit(path);
            path.pop();
        }
        for (step, set) in self.below.iter().filter(|(_, set)| !set.below.is_empty()) {
            path.push(step.clone());
            set.each(path, visit);
            path.pop();
        }
    }

    /// As FieldsV1 has it.
    pub(super) fn into_json(self) -> Value {
        let mut fields = Map::new();
        if self.here && !self.below.is_empty() {
            fields.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (step, set) in self.below {
            fields.insert(step, set.into_json());
        }
        Value::Object(fields)
    }

    /// From FieldsV1; `None` when it is malformed. With `known` the steps are in our form already.
    pub(super) fn from_json(value: Value, known: bool) -> Option<Self> {
        let mut root = Self::read(value, known)?;
        // Nobody owns the object itself.
        root.here = false;
        Some(root)
    }

    fn read(value: Value, known: bool) -> Option<Self> {
        let Value::Object(fields) = value else { return None };
        let mut set = Self { here: fields.is_empty(), below: BTreeMap::new() };
        for (step, below) in fields {
            if step == "." {
                set.here = true;
            } else {
                let step = if known { step } else { element::normal(&step)? };
                set.below.insert(step, Self::read(below, known)?);
            }
        }
        Some(set)
    }
}

/// A path as messages show it: `.spec.containers[name="a"].image`.
pub(super) fn path_text(path: &[String]) -> String {
    path.iter().map(|step| element::display(step)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(value: Value) -> FieldSet {
        FieldSet::from_json(value, false).expect("fields")
    }

    #[test]
    fn sets_and_their_json() {
        let a = json!({"f:a": {".": {}, "f:b": {}}, "f:c": {}});
        let b = json!({"f:a": {"f:b": {}, "f:d": {}}});
        assert_eq!(set(a.clone()).into_json(), a);
        let mut union = set(a.clone());
        union.unite(set(b.clone()));
        assert_eq!(
            union.clone().into_json(),
            json!({"f:a": {".": {}, "f:b": {}, "f:d": {}}, "f:c": {}})
        );
        union.subtract(&set(a.clone()));
        assert_eq!(union.into_json(), json!({"f:a": {"f:d": {}}}));
        assert_eq!(set(a.clone()).intersection(&set(b)).into_json(), json!({"f:a": {"f:b": {}}}));
        let mut cut = set(a.clone());
        cut.cut_member(&["a"]);
        assert_eq!(cut.into_json(), json!({"f:a": {"f:b": {}}, "f:c": {}}));
        let mut cut = set(a.clone());
        cut.cut(&["a"]);
        assert_eq!(cut.into_json(), json!({"f:c": {}}));
        let mut kept = set(a.clone());
        kept.keep(&[&["*", "b"]]);
        assert_eq!(kept.into_json(), json!({"f:a": {"f:b": {}}}));
        let mut paths = Vec::new();
        set(a).each(&mut Vec::new(), &mut |path| paths.push(path_text(path)));
        assert_eq!(paths, [".a", ".c", ".a.b"]);
        assert_eq!(FieldSet::from_json(json!({"f:a": 1}), false), None);
        assert_eq!(FieldSet::from_json(json!({"x": {}}), false), None);
    }
}
