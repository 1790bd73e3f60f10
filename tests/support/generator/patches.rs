//! Random cases for `tests/upstream/patches`, and some written by hand.

use berth::apiserver::schema::{GroupVersionKind, Schema, complete, prune};
use berth::apiserver::{patch, schema};
use serde_json::{Value, json};

use super::patch_examples::examples;
use super::patch_values::Values;
use super::rng::Rng;

/// The kinds of the cases, the important ones more than once.
const KINDS: [&str; 22] = [
    "/v1/Pod",
    "/v1/Pod",
    "/v1/Pod",
    "apps/v1/Deployment",
    "apps/v1/Deployment",
    "apps/v1/StatefulSet",
    "apps/v1/DaemonSet",
    "/v1/Node",
    "/v1/Node",
    "/v1/Service",
    "/v1/Service",
    "/v1/ConfigMap",
    "/v1/PersistentVolume",
    "/v1/PersistentVolumeClaim",
    "batch/v1/Job",
    "policy/v1/PodDisruptionBudget",
    "storage.k8s.io/v1/CSINode",
    "coordination.k8s.io/v1/Lease",
    "resource.k8s.io/v1/ResourceClaim",
    "resource.k8s.io/v1/ResourceSlice",
    "discovery.k8s.io/v1/EndpointSlice",
    "scheduling.k8s.io/v1beta1/PodGroup",
];
/// The kinds whose status is written through its subresource, as far as the program knows their rules.
const STATUS: [&str; 11] = [
    "/v1/Pod",
    "apps/v1/Deployment",
    "apps/v1/StatefulSet",
    "apps/v1/DaemonSet",
    "/v1/Node",
    "/v1/Service",
    "/v1/PersistentVolume",
    "/v1/PersistentVolumeClaim",
    "batch/v1/Job",
    "policy/v1/PodDisruptionBudget",
    "storage.k8s.io/v1/CSINode",
];
/// How many writes a chain of owners has.
const CHAIN: usize = 6;
const DEPTH: usize = 6;

/// The kind of a case.
pub(crate) fn kind_of(case: &Value) -> GroupVersionKind {
    let mut parts = case["kind"].as_str().unwrap_or_default().split('/');
    let mut next = || parts.next().unwrap_or_default();
    let (group, version) = (next(), next());
    GroupVersionKind::new(group, version, next())
}

/// What berth makes of a case, in the form of the program's answers.
pub(crate) fn answer(case: &Value) -> Value {
    let kind = kind_of(case);
    let text = |name: &str| case[name].as_str().unwrap_or_default();
    let before = Some(&case["before"]).filter(|before| !before.is_null());
    let mut object = case["doc"].clone();
    let patch = &case["patch"];
    let done = match text("op") {
        "strategic" => patch::strategic(&kind, &mut object, patch),
        "json" => patch::json(&mut object, patch),
        "merge" => patch::merge(&mut object, patch),
        "update" => {
            let options = patch::TrackOptions {
                manager: text("manager"),
                subresource: text("subresource"),
                time: "now",
            };
            patch::track(&kind, before, &mut object, &options);
            Ok(())
        }
        "apply" => {
            let options = patch::ApplyOptions {
                manager: text("manager"),
                force: case["force"] == true,
                subresource: text("subresource"),
                time: "now",
            };
            patch::apply(&kind, before, patch, &options).map(|result| object = result)
        }
        "decode" => return decode(&kind, &object),
        other => return json!({"error": format!("no such op: {other}")}),
    };
    match done {
        Ok(()) => json!({"object": object}),
        Err(error) => json!({"error": error.to_string()}),
    }
}

fn decode(kind: &GroupVersionKind, doc: &Value) -> Value {
    if let Some(error) = schema::type_error(kind, doc) {
        let error =
            error.split_once("cannot be handled as a ").and_then(|(_, rest)| rest.split_once(": "));
        return json!({"error": error.map(|(_, error)| error)});
    }
    let mut object = doc.clone();
    prune(kind, &mut object);
    complete(kind, &mut object);
    let strict = schema::unknown_fields(kind, doc);
    if strict.is_empty() {
        json!({"object": object})
    } else {
        json!({"object": object, "strict": strict})
    }
}

/// Those written by hand and `count` more, a chain of writes now and then: the same seed gives the same cases, as long as berth gives the
/// same answers.
pub(crate) fn cases(seed: &str, count: usize) -> Vec<Value> {
    let mut cases = examples();
    for index in 0..count {
        let mut rng = Rng::new(&format!("patches/{seed}/{index}"));
        let kind = rng.pick(&KINDS);
        match index % 5 {
            0 | 1 => cases.push(strategic(&mut rng, kind)),
            2 => cases.push(decoded(&mut rng, kind)),
            3 => cases.extend(chain(&mut rng, kind)),
            _ => cases.push(plain(&mut rng)),
        }
    }
    cases
}

fn strategic(rng: &mut Rng, kind: &str) -> Value {
    let gvk = kind_of(&json!({"kind": kind}));
    let Some(shape) = Schema::of(&gvk) else { return Value::Null };
    let mut values = Values { rng, loose: false };
    let doc = values.root(shape, &gvk.api_version(), &gvk.kind);
    let patch = values.strategic(shape, &doc, DEPTH);
    json!({"op": "strategic", "kind": kind, "doc": doc, "patch": patch})
}

fn decoded(rng: &mut Rng, kind: &str) -> Value {
    let gvk = kind_of(&json!({"kind": kind}));
    let Some(shape) = Schema::of(&gvk) else { return Value::Null };
    let mut values = Values { rng, loose: true };
    let mut doc = values.root(shape, &gvk.api_version(), &gvk.kind);
    if values.rng.percent(20) {
        doc["unknown"] = json!({"x": 1});
    }
    if values.rng.percent(30) {
        let mut places = Vec::new();
        pointers(&doc, String::new(), &mut places);
        let place = &places[values.rng.below(places.len())];
        let wrong =
            [json!("x y"), json!(1.5), json!(true), json!([]), json!({}), json!(3_000_000_000_u32)];
        let wrong = wrong[values.rng.below(wrong.len())].clone();
        if let Some(value) = doc.pointer_mut(place)
            && !place.contains("apiVersion")
            && !place.contains("kind")
        {
            *value = wrong;
        }
    }
    json!({"op": "decode", "kind": kind, "doc": doc})
}

fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(value, format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
    if !at.is_empty() {
        found.push(at);
    }
}

/// Several write the same object, by apply and otherwise.
fn chain(rng: &mut Rng, kind: &str) -> Vec<Value> {
    let gvk = kind_of(&json!({"kind": kind}));
    let Some(shape) = Schema::of(&gvk) else { return Vec::new() };
    let mut cases = Vec::new();
    let mut before = Value::Null;
    let mut applied: Vec<(usize, Value)> = Vec::new();
    for step in 0..CHAIN {
        let mut values = Values { rng: &mut *rng, loose: false };
        let who = values.rng.below(3);
        let manager = ["kubectl", "b", "c"][who];
        let has_status = STATUS.contains(&kind);
        let through_status = has_status && !before.is_null() && values.rng.percent(25);
        let subresource = if through_status { "status" } else { "" };
        let by_apply = values.rng.percent(60);
        let case = if by_apply {
            let last = applied.iter().rev().find(|(other, _)| *other == who);
            let mut patch = match last {
                Some((_, last)) => values.vary(shape, last, DEPTH),
                None if before.is_null() || values.rng.percent(50) => {
                    values.root(shape, &gvk.api_version(), &gvk.kind)
                }
                None => values.vary(shape, &before, DEPTH),
            };
            for name in ["managedFields", "uid"] {
                patch["metadata"].as_object_mut().map(|metadata| metadata.remove(name));
            }
            applied.push((who, patch.clone()));
            if values.rng.percent(12) {
                spoil(values.rng, &mut patch);
            }
            let force = values.rng.percent(60);
            json!({"op": "apply", "kind": kind, "before": before, "patch": patch, "manager": manager,
                "force": force, "subresource": subresource})
        } else {
            let mut doc = match &before {
                Value::Null => values.root(shape, &gvk.api_version(), &gvk.kind),
                before => values.vary(shape, before, DEPTH),
            };
            prune(&gvk, &mut doc);
            complete(&gvk, &mut doc);
            if values.rng.percent(20) {
                remember(&mut doc);
            }
            if values.rng.percent(8) {
                let entries = [json!([]), json!([{}]), json!([{"operation": "x"}]), Value::Null];
                doc["metadata"]["managedFields"] = entries[values.rng.below(entries.len())].clone();
            }
            json!({"op": "update", "kind": kind, "before": before, "doc": doc, "manager": manager,
                "subresource": subresource})
        };
        let answer = answer(&case);
        cases.push(case);
        if let Some(object) = answer.get("object") {
            before = object.clone();
            prune(&gvk, &mut before);
            complete(&gvk, &mut before);
            before["metadata"]["uid"] = "u".into();
            for entry in before["metadata"]["managedFields"].as_array_mut().into_iter().flatten() {
                if entry["time"] == "now" {
                    entry["time"] = format!("2001-01-01T00:00:{step:02}Z").into();
                }
            }
        }
    }
    cases
}

/// Puts something into what is applied that does not belong there, or that is null or twice there.
fn spoil(rng: &mut Rng, patch: &mut Value) {
    let mut places = Vec::new();
    pointers(patch, String::new(), &mut places);
    let fixed = ["/metadata", "/metadata/name", "/apiVersion", "/kind"];
    places.retain(|place| !fixed.contains(&place.as_str()));
    let Some(place) = places.get(rng.below(places.len())) else { return };
    let Some(value) = patch.pointer_mut(place) else { return };
    match (rng.below(4), value) {
        (0, Value::Array(items)) if !items.is_empty() => items.push(items[0].clone()),
        (0, Value::Object(fields)) => {
            fields.insert("unknown".to_owned(), json!(1));
        }
        // A key that is no scalar has another text in upstream's messages.
        (1, value) if !["name", "type", "uid", "ip"].iter().any(|key| place.ends_with(key)) => {
            *value = json!({"a": []});
        }
        (_, value) => *value = Value::Null,
    }
}

/// What client-side apply leaves behind.
fn remember(doc: &mut Value) {
    let mut last = doc.clone();
    if let Some(metadata) = last["metadata"].as_object_mut() {
        metadata.remove("managedFields");
        metadata.remove("annotations");
        metadata.remove("uid");
    }
    let name = "kubectl.kubernetes.io/last-applied-configuration";
    doc["metadata"]["annotations"][name] = last.to_string().into();
}

/// JSON patches and merge patches, which know no types.
fn plain(rng: &mut Rng) -> Value {
    let words = ["a", "b", "0", "1", "-"];
    let mut value = |depth: usize| tree(rng, depth);
    let (doc, patch) = (json!({"a": value(3), "b": value(3)}), value(3));
    if rng.percent(50) {
        let patch = if patch.is_object() { patch } else { json!({"a": patch}) };
        return json!({"op": "merge", "kind": "/v1/Pod", "doc": doc, "patch": patch});
    }
    let pointer = |rng: &mut Rng| {
        let steps = rng.between(1, 4);
        let first = format!("/{}", rng.pick(&["a", "b"]));
        (1..steps).fold(first, |path, _| format!("{path}/{}", rng.pick(&words)))
    };
    let mut patch = Vec::new();
    for _ in 0..rng.between(1, 3) {
        let op = rng.pick(&["add", "remove", "replace", "move", "copy", "test"]);
        let (from, to) = (pointer(rng), pointer(rng));
        patch.push(match op {
            "remove" => json!({"op": op, "path": to}),
            "move" | "copy" => json!({"op": op, "from": from, "path": to}),
            _ => json!({"op": op, "path": to, "value": tree(rng, 1)}),
        });
    }
    json!({"op": "json", "kind": "/v1/Pod", "doc": doc, "patch": patch})
}

fn tree(rng: &mut Rng, depth: usize) -> Value {
    match rng.below(if depth == 0 { 3 } else { 6 }) {
        0 => json!(1),
        1 => json!("x"),
        2 => json!(true),
        3 => (0..rng.below(3)).map(|_| tree(rng, depth - 1)).collect(),
        _ => {
            let names: Vec<&str> =
                ["a", "b", "0"].into_iter().filter(|_| rng.percent(60)).collect();
            names.into_iter().map(|name| (name.to_owned(), tree(rng, depth - 1))).collect()
        }
    }
}
