//! Objects that make no sense, by the thousand: good nodes and pods with fields taken away, doubled and put
//! in each other's place, through the decoder into the engine. Nothing panics, and the good objects around
//! them are seen and scheduled.

mod support;

use std::sync::Arc;

use berth::engine::{BindOutcome, Effect, Engine, EngineConfig, Event, Kind, Next};
use berth::framework::{NoProbe, Profile, ProfileSpec};
use berth::plugins::PLUGINS;
use berth::queue::Backoff;
use berth::units::Nanos;
use berth::wire::{self, Change, Page};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use support::generator::rng::Rng;

/// Objects that are made wrong.
const CASES: usize = 20_000;
/// How many of them one engine gets to see.
const CASES_PER_ENGINE: usize = 100;
/// Attempts after which an engine must have placed the good pod. Mutated pods are tried as well.
const ATTEMPTS_MAX: usize = 1_000;

#[test]
fn whatever_an_object_looks_like_the_good_ones_are_scheduled() {
    let (mut upserts, mut unreadable) = (0, 0);
    for batch in 0..CASES / CASES_PER_ENGINE {
        let text = format!("mutated objects {batch}");
        let mut rng = Rng::new(&text);
        let mut world = World::new();
        for case in 0..CASES_PER_ENGINE {
            let pod = case % 2 == 0;
            let mut object = if pod { good_pod("odd") } else { good_node("odd") };
            if case % 4 == 0 {
                object["spec"]["nodeName"] = json!("odd");
            }
            for _ in 0..=rng.below(3) {
                mutate(&mut object, &mut rng);
            }
            let (seen, passed_over) =
                if pod { world.take_pod(&object) } else { world.take_node(&object) };
            upserts += seen;
            unreadable += passed_over;
        }
        world.place_the_good_pod(&text);
    }
    // That the mutations are neither too mild nor too wild.
    assert!(upserts > CASES / 10 && unreadable > CASES / 10, "{upserts} {unreadable}");
}

#[test]
fn whatever_a_line_looks_like_it_is_read_or_refused() {
    let mut rng = Rng::new("mutated lines");
    let (mut read, mut refused) = (0, 0);
    for case in 0..CASES {
        let object = if case % 2 == 0 { good_pod("odd") } else { good_node("odd") };
        let line = json!({"type": "MODIFIED", "object": object}).to_string();
        let mut line = line.into_bytes();
        for _ in 0..=rng.below(3) {
            mutate_text(&mut line, &mut rng);
        }
        let outcome = if case % 2 == 0 {
            wire::change::<wire::Pod>(&line).map(drop)
        } else {
            wire::change::<wire::Node>(&line).map(drop)
        };
        drop(wire::page::<wire::Pod>(&line));
        match outcome {
            Ok(()) => read += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(read > CASES / 20 && refused > CASES / 20, "{read} {refused}");
}

/// An engine, and a clock.
struct World {
    engine: Engine,
    now: Nanos,
    next: Next,
    bound: Vec<String>,
}

impl World {
    fn new() -> Self {
        let spec = ProfileSpec::of_defaults("berth", PLUGINS);
        let engine = Engine::new(EngineConfig {
            seed: 7,
            profiles: vec![Profile::compile(&spec, PLUGINS).expect("the defaults fit")],
            extenders: Vec::new(),
            bindings_in_flight_max: 4,
            backoff: Backoff::default(),
            announces_nodes: true,
            dry_run: false,
            probe: Arc::new(NoProbe),
        });
        let now = Nanos::from_secs(1_000_000);
        let mut world = Self { engine, now, next: Next::default(), bound: Vec::new() };
        for kind in Kind::all() {
            world.step(Event::ListBegin(kind));
            world.step(Event::ListEnd(kind));
        }
        world
    }

    /// Takes in a page with the object between two good ones, then a change of it; says how many of both
    /// could be used and how many could not.
    fn take_pod(&mut self, odd: &Value) -> (usize, usize) {
        let page = page::<wire::Pod>(&[good_pod("a"), odd.clone(), good_pod("b")]);
        // The good one is not to be placed before the end.
        let names = ["a", "b"].map(|name| format!("default/{name}"));
        let mut models: Vec<_> = page.objects.iter().map(wire::Pod::to_model).collect();
        let good = models.iter().flatten().filter(|pod| names.contains(&pod.key.to_string()));
        assert!(good.count() >= 2, "the good pods are read");
        models.push(match change::<wire::Pod>(odd) {
            Some(pod) => pod.to_model(),
            None => return (0, 1),
        });
        let odd = models.into_iter().flatten().filter(|pod| !names.contains(&pod.key.to_string()));
        let odd: Vec<_> = odd.collect();
        for pod in &odd {
            self.step(Event::PodUpsert(Box::new(pod.clone())));
            self.attempt();
        }
        if odd.is_empty() { (0, 1) } else { (1, 0) }
    }

    /// As [`World::take_pod`], with a node.
    fn take_node(&mut self, odd: &Value) -> (usize, usize) {
        let page = page::<wire::Node>(&[good_node("a"), odd.clone(), good_node("b")]);
        let models: Vec<_> = page.objects.iter().map(wire::Node::to_model).collect();
        let good = models.iter().flatten().filter(|node| matches!(&*node.name, "a" | "b"));
        assert!(good.count() >= 2, "the good nodes are read");
        let node = change::<wire::Node>(odd).and_then(|node| node.to_model().ok());
        let Some(node) = node else { return (0, 1) };
        self.step(Event::NodeUpsert(Box::new(node)));
        self.attempt();
        (1, 0)
    }

    fn place_the_good_pod(&mut self, seed: &str) {
        let node: wire::Node = serde_json::from_value(good_node("good")).expect("it is good");
        self.step(Event::NodeUpsert(Box::new(node.to_model().expect("it is good"))));
        let pod: wire::Pod = serde_json::from_value(good_pod("good")).expect("it is good");
        self.step(Event::PodUpsert(Box::new(pod.to_model().expect("it is good"))));
        let placed = |world: &Self| world.bound.iter().any(|pod| pod == "default/good");
        for _ in 0..ATTEMPTS_MAX {
            if placed(self) {
                break;
            }
            self.attempt();
        }
        assert!(placed(self), "{seed}: the good pod is not placed");
    }

    fn attempt(&mut self) {
        self.now = self.now + Nanos::SECOND;
        self.step(Event::Tick);
        if self.next.attempt {
            self.step(Event::Attempt);
        }
    }

    /// One step; Bindings succeed at once.
    fn step(&mut self, event: Event) {
        let mut effects = Vec::new();
        self.next = self.engine.step(event, self.now, &mut effects);
        for effect in effects {
            if let Effect::Bind { attempt, pod, .. } = effect {
                self.bound.push(pod.key.to_string());
                let outcome = BindOutcome::Bound;
                self.step(Event::BindResult { attempt, outcome });
            }
        }
    }
}

fn page<K>(items: &[Value]) -> Page<K>
where
    K: kube::Resource<DynamicType = ()> + DeserializeOwned,
{
    let list = json!({"metadata": {"resourceVersion": "1"}, "items": items}).to_string();
    let page = wire::page::<K>(list.as_bytes()).expect("it is a list");
    assert_eq!(page.objects.len() + page.unreadable.len(), items.len(), "none is lost");
    page
}

/// What a watch makes of the object; nothing where it cannot be decoded.
fn change<K>(object: &Value) -> Option<K>
where
    K: kube::Resource<DynamicType = ()> + DeserializeOwned,
{
    let line = json!({"type": "MODIFIED", "object": object}).to_string();
    let change = wire::change::<K>(line.as_bytes()).expect("it is a line of a watch");
    assert!(matches!(change, Change::Upsert(_) | Change::Unreadable(_)), "it is a change");
    match change {
        Change::Upsert(object) => Some(object),
        _ => None,
    }
}

/// Does something to a field of `object`, or of what is in it.
fn mutate(object: &mut Value, rng: &mut Rng) {
    let place = place_in(object, rng);
    match rng.below(4) {
        0 => *place = odd_value(rng),
        1 => *place = Value::Null,
        2 => match place {
            Value::Object(fields) => take_one_away(fields, rng),
            Value::Array(items) => drop(items.pop()),
            other => *other = odd_value(rng),
        },
        _ => match place {
            Value::Object(fields) => {
                let wrapped = Value::Object(std::mem::take(fields));
                *place = json!([wrapped]);
            }
            Value::Array(items) => items.extend(items.clone()),
            other => *other = json!({"value": other.take()}),
        },
    }
}

fn take_one_away(fields: &mut Map<String, Value>, rng: &mut Rng) {
    let names: Vec<_> = fields.keys().cloned().collect();
    if let Some(name) = names.get(rng.below(names.len())) {
        fields.remove(name);
    }
}

/// A field somewhere in `value`, the deeper the rarer.
fn place_in<'a>(value: &'a mut Value, rng: &mut Rng) -> &'a mut Value {
    let inside = match value {
        Value::Object(fields) => fields.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    };
    if inside == 0 || rng.percent(15) {
        return value;
    }
    let at = rng.below(inside);
    let next = match value {
        Value::Object(fields) => fields.values_mut().nth(at),
        Value::Array(items) => items.get_mut(at),
        _ => None,
    };
    place_in(next.expect("it is inside"), rng)
}

fn odd_value(rng: &mut Rng) -> Value {
    let odd = [
        json!(true),
        json!(-1),
        json!(0),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(1e30),
        json!(0.1),
        json!(""),
        json!("-5"),
        json!("-9223372036854775808"),
        json!("9223372036854775807"),
        json!("9999999E"),
        json!("1e30"),
        json!("nonsense"),
        json!("a/b/c \u{202e} \u{0}"),
        json!("x".repeat(10_000)),
        json!([]),
        json!([null]),
        json!({}),
        json!({"a": {"b": ["c"]}}),
        json!("Exists"),
        json!("Gt"),
        json!("Infeasible"),
    ];
    odd[rng.below(odd.len())].clone()
}

/// Does something to a text.
fn mutate_text(text: &mut Vec<u8>, rng: &mut Rng) {
    let at = rng.below(text.len());
    let end = (at + 1 + rng.below(40)).min(text.len());
    match rng.below(4) {
        0 => text.truncate(at.max(1)),
        1 => text[at] = *b"\"{}[],:0a\x00\xff\\".get(rng.below(12)).unwrap_or(&b' '),
        2 => {
            let span = text[at..end].to_vec();
            text.splice(at..at, span);
        }
        _ => drop(text.drain(at..end)),
    }
    if text.is_empty() {
        text.push(b' ');
    }
}

fn good_node(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "uid": format!("uid-{name}"), "resourceVersion": "5",
            "labels": {"zone": "a", "kubernetes.io/hostname": name},
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"taints": [{"key": "a", "value": "b", "effect": "PreferNoSchedule"}],
            "unschedulable": false},
        "status": {
            "allocatable": {"cpu": "64", "memory": "256Gi", "pods": "110", "example.com/gpu": "8"},
            "capacity": {"cpu": "64", "memory": "256Gi", "pods": "110", "example.com/gpu": "8"},
            "images": [{"names": ["example.com/c:1"], "sizeBytes": 100_000_000}],
        },
    })
}

fn good_pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "uid": format!("uid-{name}"),
            "resourceVersion": "5", "generation": 1, "labels": {"app": "a"}},
        "spec": {
            "schedulerName": "berth", "priority": 10, "nodeSelector": {"zone": "a"},
            "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}],
            "affinity": {"nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}]},
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 5, "preference":
                    {"matchExpressions": [{"key": "n", "operator": "Gt", "values": ["3"]}]}}]}},
            "overhead": {"cpu": "1m"},
            "initContainers": [{"name": "i", "image": "example.com/i:1", "restartPolicy": "Always",
                "resources": {"requests": {"cpu": "10m"}}}],
            "containers": [{"name": "c", "image": "example.com/c:1",
                "ports": [{"containerPort": 80, "protocol": "TCP"}],
                "resources": {"requests": {"cpu": "100m", "memory": "64Mi"},
                    "limits": {"cpu": "1", "memory": "128Mi"}}}],
        },
        "status": {"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
    })
}
