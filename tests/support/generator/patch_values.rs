//! Random values of the types of the API, variants of them, and strategic patches: small words and numbers,
//! so that keys meet. [`super::patches`] makes cases of them.

use berth::apiserver::schema::{Field, ListKind, Merge, Shape, Struct, Type};
use serde_json::{Map, Value, json};

use super::rng::Rng;

const WORDS: [&str; 4] = ["a", "b", "c", "d/e"];
/// How deep a random value goes before it becomes empty.
const DEPTH: usize = 7;
/// Fields of metadata that the server sets or that are cases of their own.
const SERVER_FIELDS: [&str; 8] = [
    "managedFields",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "selfLink",
    "generateName",
];

/// Draws values.
pub(super) struct Values<'a> {
    pub(super) rng: &'a mut Rng,
    /// Whether a value may be null, zero or written otherwise than the API server stores it.
    pub(super) loose: bool,
}

impl Values<'_> {
    /// A value of a type.
    pub(super) fn draw(&mut self, shape: &Type, depth: usize) -> Value {
        match &shape.shape {
            Shape::Bool => self.rng.percent(70).into(),
            Shape::Int(_) | Shape::Float => self.rng.between(usize::from(!self.loose), 4).into(),
            Shape::String => self.word().into(),
            Shape::Bytes => self.rng.pick(&["YQ==", "YWI=", "YWJj"]).into(),
            Shape::Quantity if self.loose => {
                self.rng.pick(&["1", "1000m", "0.5", "1024Ki", "1.5Gi", "1e3", "100M", "0"]).into()
            }
            Shape::Quantity => self.rng.pick(&["1", "500m", "1Gi", "2k"]).into(),
            Shape::Time if self.loose && self.rng.percent(30) => {
                "2001-02-03T04:05:06.7+01:00".into()
            }
            Shape::Time => self.rng.pick(&["2001-02-03T04:05:06Z", "2001-02-03T04:05:07Z"]).into(),
            Shape::MicroTime => "2001-02-03T04:05:06.000007Z".into(),
            Shape::Duration => "30s".into(),
            Shape::IntOrString => {
                if self.rng.percent(50) {
                    json!("50%")
                } else {
                    self.rng.between(1, 4).into()
                }
            }
            Shape::FieldsV1 => json!({}),
            Shape::Raw => json!({"x": self.rng.between(1, 4), "y": [self.word()]}),
            Shape::Struct { .. } => {
                let Some(of) = shape.as_struct() else { return json!({}) };
                self.object(of, depth)
            }
            Shape::List { item, kind } => {
                let count =
                    if depth == 0 { 0 } else { self.rng.between(usize::from(!self.loose), 4) };
                let items = (0..count).map(|_| self.draw(item, depth - 1)).collect();
                Value::Array(distinct(items, item, kind))
            }
            Shape::Map { value, .. } => {
                let from = usize::from(!self.loose);
                let count = self.rng.between(from, 4);
                (0..count).map(|_| (self.word().to_owned(), self.draw(value, depth))).collect()
            }
        }
    }

    fn word(&mut self) -> &'static str {
        if self.loose && self.rng.percent(5) { "" } else { self.rng.pick(&WORDS) }
    }

    /// Some fields of a struct; few of those with many.
    fn object(&mut self, of: &Struct, depth: usize) -> Value {
        let mut object = Map::new();
        let chance = (300 / of.fields().len().max(1)).clamp(12, 60);
        for field in of.fields() {
            if self.takes(field, chance) && depth > 0 {
                let null = self.loose && self.rng.percent(4);
                let value = if null { Value::Null } else { self.draw(&field.holds, depth - 1) };
                object.insert(field.name.to_owned(), value);
            }
        }
        Value::Object(object)
    }

    fn takes(&mut self, field: &Field, chance: usize) -> bool {
        let is_key = matches!(field.name, "name" | "type" | "mountPath" | "port" | "uid" | "ip");
        let chance = if field.name == "status" { 10 } else { chance };
        !SERVER_FIELDS[..1].contains(&field.name)
            && (field.required || is_key || self.rng.percent(chance))
    }

    /// An object of a kind: named, with the fields that a client gives.
    pub(super) fn root(&mut self, shape: &Type, api_version: &str, kind: &str) -> Value {
        let mut object = self.draw(shape, DEPTH);
        if !object["metadata"].is_object() {
            object["metadata"] = json!({});
        }
        if let Some(metadata) = object["metadata"].as_object_mut() {
            for field in SERVER_FIELDS {
                metadata.remove(field);
            }
            metadata.insert("name".to_owned(), "a".into());
        }
        object["apiVersion"] = api_version.into();
        object["kind"] = kind.into();
        object
    }

    /// `value` with some things added, changed, taken away or in another order.
    pub(super) fn vary(&mut self, shape: &Type, value: &Value, depth: usize) -> Value {
        match (&shape.shape, value) {
            (Shape::Struct { .. }, Value::Object(fields)) => {
                let Some(of) = shape.as_struct() else { return value.clone() };
                let mut varied = fields.clone();
                for (name, value) in fields {
                    let Some(field) = of.field(name) else { continue };
                    let fixed = matches!(&**name, "apiVersion" | "kind" | "managedFields" | "uid");
                    if !fixed && self.rng.percent(30) {
                        varied.insert(name.clone(), self.vary(&field.holds, value, depth));
                    } else if !fixed && name != "name" && name != "metadata" && self.rng.percent(8)
                    {
                        varied.remove(name);
                    }
                }
                if depth > 0 && self.rng.percent(25) && !of.fields().is_empty() {
                    let field = &of.fields()[self.rng.below(of.fields().len())];
                    if !SERVER_FIELDS.contains(&field.name) && !varied.contains_key(field.name) {
                        let value = self.draw(&field.holds, depth.min(3));
                        varied.insert(field.name.to_owned(), value);
                    }
                }
                Value::Object(varied)
            }
            (Shape::Map { value: inner, .. }, Value::Object(fields)) => {
                let mut varied = fields.clone();
                let name = self.word();
                if self.rng.percent(60) {
                    varied.insert(name.to_owned(), self.draw(inner, depth));
                } else {
                    varied.remove(name);
                }
                Value::Object(varied)
            }
            (Shape::List { item, kind }, Value::Array(items)) => {
                let mut varied: Vec<Value> = items
                    .iter()
                    .map(|value| {
                        if self.rng.percent(40) {
                            self.vary(item, value, depth)
                        } else {
                            value.clone()
                        }
                    })
                    .collect();
                if self.rng.percent(30) && !varied.is_empty() {
                    varied.remove(self.rng.below(varied.len()));
                }
                if self.rng.percent(40) && depth > 0 {
                    let at = self.rng.below(varied.len() + 1);
                    varied.insert(at, self.draw(item, depth.min(3)));
                }
                if self.rng.percent(20) {
                    varied.reverse();
                }
                Value::Array(distinct(varied, item, kind))
            }
            _ => self.draw(shape, depth),
        }
    }

    /// A strategic patch for values of a type, with directives here and there.
    pub(super) fn strategic(&mut self, shape: &Type, live: &Value, depth: usize) -> Value {
        let Some(of) = shape.as_struct() else { return self.draw(shape, depth) };
        let mut patch = Map::new();
        if self.rng.percent(3) {
            let directive = self.rng.pick(&["replace", "delete", "merge", "nonsense"]);
            patch.insert("$patch".to_owned(), directive.into());
        }
        let chance = (200 / of.fields().len().max(1)).clamp(6, 50);
        for field in of.fields() {
            let in_live = live.get(field.name);
            let more = if in_live.is_some() { 40 } else { 0 };
            if !self.takes(field, chance + more) || depth == 0 {
                continue;
            }
            let live = in_live.unwrap_or(&Value::Null);
            let value = match &field.holds.shape {
                _ if self.rng.percent(8) => Value::Null,
                Shape::Struct { .. } => self.strategic(&field.holds, live, depth - 1),
                Shape::List { item, .. } => {
                    self.strategic_list(&mut patch, field, item, live, depth)
                }
                _ => self.draw(&field.holds, depth - 1),
            };
            patch.insert(field.name.to_owned(), value);
        }
        if self.rng.percent(5) {
            let mut keys: Vec<&str> = patch.keys().map(String::as_str).collect();
            keys.extend(of.fields().first().map(|field| field.name));
            if self.rng.percent(10) {
                keys.pop();
                keys.pop();
            }
            let keys = json!(keys);
            patch.insert("$retainKeys".to_owned(), keys);
        }
        Value::Object(patch)
    }

    fn strategic_list(
        &mut self,
        patch: &mut Map<String, Value>,
        field: &Field,
        item: &Type,
        live: &Value,
        depth: usize,
    ) -> Value {
        let key = field.merge_key.unwrap_or("name");
        let none = Vec::new();
        let live = live.as_array().unwrap_or(&none);
        let mut items = Vec::new();
        for value in live {
            if self.rng.percent(40) {
                let mut part = self.strategic(item, value, depth.min(2));
                if item.as_struct().is_none() {
                    part = value.clone();
                } else if let Some(part) = part.as_object_mut() {
                    part.insert(key.to_owned(), value[key].clone());
                    if self.rng.percent(15) {
                        part.insert("$patch".to_owned(), "delete".into());
                    }
                }
                items.push(part);
            }
        }
        for _ in 0..self.rng.below(3) {
            items.push(self.draw(item, depth.min(3)));
        }
        if item.as_struct().is_some() && self.rng.percent(4) {
            items.push(json!({"$patch": self.rng.pick(&["replace", "merge", "x"])}));
        }
        if self.rng.percent(40) {
            let mut order: Vec<Value> = items.iter().chain(live).cloned().collect();
            if item.as_struct().is_some() {
                order.retain(|value| value.get("$patch").is_none());
                order = order.iter().map(|value| json!({key: value[key]})).collect();
            }
            if self.rng.percent(20) {
                order.reverse();
            }
            patch.insert(format!("$setElementOrder/{}", field.name), Value::Array(order));
        }
        // Upstream carries out the two in any order, so they must not meet.
        let gone = self.draw(item, 1);
        let merges = field.merge == Merge::Merge && !items.contains(&gone);
        if item.as_struct().is_none() && merges && self.rng.percent(30) {
            let gone = json!([gone]);
            patch.insert(format!("$deleteFromPrimitiveList/{}", field.name), gone);
        }
        Value::Array(items)
    }
}

/// What server-side apply takes: each key once.
fn distinct(items: Vec<Value>, item: &Type, kind: &ListKind) -> Vec<Value> {
    let mut seen = Vec::new();
    items
        .into_iter()
        .filter(|value| {
            let key = match kind {
                ListKind::Atomic => return true,
                ListKind::Set => value.clone(),
                ListKind::Map(keys) => keys
                    .iter()
                    .map(|key| {
                        let default = item
                            .as_struct()
                            .and_then(|found| found.field(key)?.key_default.clone());
                        let given = value.get(key).filter(|value| !value.is_null());
                        given.cloned().or(default).unwrap_or_default()
                    })
                    .collect(),
            };
            let is_new = !seen.contains(&key)
                && !key.as_array().is_some_and(|key| key.iter().all(Value::is_null));
            seen.push(key);
            is_new
        })
        .collect()
}
