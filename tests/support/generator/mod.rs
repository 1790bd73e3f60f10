//! Random clusters and pending pods, for the comparison with the upstream scheduler.
//!
//! `tests/fresh_scenarios.rs` asks for them; any other test may. A topic decides which features occur:
//! the plain topics are meant to stay as they are, so that a number has the same meaning later, and
//! the topics with a `+` reach further into their subject, as does `large`, which has all of them at once
//! on many nodes. Everything in `resources+`, `taints+` and `images+` is what an API server would take. The
//! others are looser: a request above its limit or a host port twice in one pod can occur there.

mod affinity;
mod attachments;
mod claims;
mod classes;
mod config;
mod disks;
mod evictions;
mod images;
mod large;
mod node;
mod patch_examples;
mod patch_values;
pub(crate) mod patches;
mod pod;
mod pod_affinity;
mod profiles;
mod quantities;
mod resources;
pub(crate) mod rng;
mod spread;
mod static_volumes;
mod status;
mod taints;
mod volumes;
mod workloads;

use rng::Rng;
use serde_json::{Value, json};

/// Every topic that [`scenario`] knows.
pub(crate) const TOPICS: [&str; 20] = [
    "resources",
    "taints",
    "nodeaffinity",
    "podaffinity",
    "spread",
    "ports",
    "images",
    "volumes",
    "preemption",
    "config",
    "mixed",
    "resources+",
    "taints+",
    "images+",
    "spread+",
    "podaffinity+",
    "volumes+",
    "preemption+",
    "mixed+",
    "large",
];

const ZONE: &str = "topology.kubernetes.io/zone";
const HOST: &str = "kubernetes.io/hostname";
const REGION: &str = "topology.kubernetes.io/region";
const APPS: [&str; 4] = ["web", "db", "cache", "batch"];

/// One scenario document: the same `topic`, `seed` and `index` give the same document everywhere.
pub(crate) fn scenario(topic: &str, seed: &str, index: u32) -> Value {
    Gen::new(topic, &format!("{seed}/{index}")).scenario(&format!("{topic}-{seed}-{index}"))
}

/// What the next draw depends on: the topic and the numbers left.
struct Gen {
    topic: String,
    extra: bool,
    rng: Rng,
    /// How often (in percent) a node has each image of [`images::CATALOG`], in a scenario of `images+`.
    image_spread: Vec<usize>,
}

impl Gen {
    fn new(topic: &str, seed: &str) -> Self {
        let mut new = Self {
            topic: topic.trim_end_matches('+').to_owned(),
            extra: topic.ends_with('+'),
            rng: Rng::new(&format!("{topic}/{seed}")),
            image_spread: Vec::new(),
        };
        if new.reaches("images") {
            new.draw_image_spread();
        }
        new
    }

    fn is(&self, topic: &str) -> bool {
        self.topic == topic
    }

    fn mixed(&self) -> bool {
        self.is("mixed")
    }

    /// Whether the feature of `topic` is drawn here: always in that topic, now and then in `mixed`.
    fn on(&mut self, topic: &str) -> bool {
        self.is(topic) || (self.mixed() && self.rng.percent(30))
    }

    /// Whether this is the `+` variant of `topic`.
    fn reaches(&self, topic: &str) -> bool {
        self.extra && self.is(topic)
    }

    fn scenario(&mut self, name: &str) -> Value {
        let mut scene = self.scene();
        if self.extra {
            self.reach_further(&mut scene);
        }
        scene.document(name)
    }

    fn scene(&mut self) -> Scene {
        if self.is("large") {
            return self.large();
        }
        let count = self.rng.between(4, 13);
        let (nodes, mut room): (Vec<Value>, Vec<usize>) = (0..count).map(|i| self.node(i)).unzip();
        let mut others = namespaces();
        let mut bound = self.bound_pods(&mut room);
        let mut pending: Vec<Value> = (0..4).map(|i| self.pod(&format!("p{i}"), None)).collect();
        if self.on("spread") && self.rng.percent(60) {
            others.extend(self.rng.sample(&APPS, 2).into_iter().map(service));
        }
        let volumes = self.is("volumes") || (self.mixed() && self.rng.percent(30));
        if volumes && !self.extra {
            let pods = bound.iter_mut().chain(pending.iter_mut());
            others.extend(self.volumes(pods, &nodes));
        }
        if self.is("preemption") && self.rng.percent(60) {
            for app in self.rng.sample(&APPS, 2) {
                others.push(self.budget(app));
            }
        }
        let config = if self.is("config") { self.config() } else { Value::Null };
        Scene { nodes, others, bound, pending, config }
    }

    /// Whether all of `topic` is drawn here: always in that topic, half the time in `mixed+`.
    fn wants(&mut self, topic: &str) -> bool {
        self.is(topic) || (self.mixed() && self.rng.percent(50))
    }

    /// What the topics with a `+` add to the plain ones.
    fn reach_further(&mut self, scene: &mut Scene) {
        if self.wants("spread") {
            self.more_spread(scene);
        }
        if self.wants("podaffinity") {
            self.more_pod_affinity(scene);
        }
        if self.wants("volumes") {
            self.more_volumes(scene);
        }
        if self.wants("preemption") {
            self.more_evictions(scene);
        }
        self.profiles(scene);
    }

    /// The pods that are on a node already; no node has more than its `room`.
    fn bound_pods(&mut self, room: &mut [usize]) -> Vec<Value> {
        let nodes = room.len();
        let in_turn = self.is("preemption");
        let count = if in_turn { 6 * nodes } else { self.rng.below(4 * nodes) };
        let mut bound = Vec::new();
        for i in 0..count {
            let place = if in_turn { i % nodes } else { self.rng.below(nodes) };
            if room[place] == 0 {
                continue;
            }
            room[place] -= 1;
            bound.push(self.pod(&format!("b{i}"), Some(&format!("n{place}"))));
        }
        bound
    }

    fn budget(&mut self, app: &str) -> Value {
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
            "metadata": {"name": format!("pdb-{app}"), "namespace": "default"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": app}}},
            "status": {"disruptionsAllowed": self.rng.below(3), "currentHealthy": 3,
                       "desiredHealthy": 1, "expectedPods": 3},
        })
    }
}

/// A scenario on its way: what the document is made of.
struct Scene {
    nodes: Vec<Value>,
    /// Objects that are neither nodes nor pods.
    others: Vec<Value>,
    /// Pods among the objects: on a node, finished, or nominated.
    bound: Vec<Value>,
    /// The pods that are asked about.
    pending: Vec<Value>,
    /// Null where the scenario has none.
    config: Value,
}

impl Scene {
    fn document(self, name: &str) -> Value {
        let mut objects = self.nodes;
        objects.extend(self.others);
        objects.extend(self.bound);
        let mut document =
            json!({"name": name, "mode": "evaluate", "objects": objects, "pods": self.pending});
        if !self.config.is_null() {
            document["config"] = self.config;
        }
        document
    }
}

/// The text of a JSON string; empty for anything else.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn namespaces() -> Vec<Value> {
    let namespace = |name: &str, team: Option<&str>| {
        let mut labels = json!({"kubernetes.io/metadata.name": name});
        if let Some(team) = team {
            labels["team"] = json!(team);
        }
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    };
    vec![namespace("default", None), namespace("team-a", Some("a")), namespace("team-b", Some("b"))]
}

fn service(app: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": app, "namespace": "default"},
        "spec": {"selector": {"app": app}, "ports": [{"port": 80}]},
    })
}
