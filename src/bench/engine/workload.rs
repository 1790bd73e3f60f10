//! The clusters and pods that the engine is measured with: nodes of 4 CPU and 32Gi in three zones, pods of
//! 100m and 500Mi, as an API server would show them.

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::model::{self, HOSTNAME, Labels, Node, Pod, PodKey, Service};
use crate::units::{Resources, mix, uuid_v4};
use crate::wire::{self, Alike};

use super::BenchError;

/// The scheduler that the pods ask for.
pub(super) const SCHEDULER: &str = "berth";

const NAMESPACE: &str = "default";
const ZONE: &str = "topology.kubernetes.io/zone";
const ZONES: usize = 3;

/// Pods a node, at most: in one zone of three they still fit.
const PODS_PER_NODE_MAX: usize = 8;

/// What the pods are like. Those of a template are an app of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
#[value(rename_all = "lower")]
pub enum Workload {
    /// Nothing but requests.
    Basic,
    /// A Service selects the pods of each template, so that they are spread by the system's defaults.
    DefaultSpread,
    /// Spread over zones (DoNotSchedule).
    Spread,
    /// Spread over zones (ScheduleAnyway).
    PrefSpread,
    /// Affinity to the own app's zone, required.
    Affinity,
    /// Anti-affinity to the own app's nodes, required.
    AntiAffinity,
    /// Affinity to the own app's nodes, preferred.
    PrefAffinity,
    /// Node affinity to two of the three zones, required.
    NodeAffinity,
    /// A third basic, a third spread, a sixth each affinity and antiaffinity.
    Mixed,
}

impl Workload {
    /// As it is called on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Basic => "basic",
            Self::DefaultSpread => "defaultspread",
            Self::Spread => "spread",
            Self::PrefSpread => "prefspread",
            Self::Affinity => "affinity",
            Self::AntiAffinity => "antiaffinity",
            Self::PrefAffinity => "prefaffinity",
            Self::NodeAffinity => "nodeaffinity",
            Self::Mixed => "mixed",
        }
    }

    /// What the pods of one template are like.
    fn of_template(self, template: usize) -> Self {
        match (self, template % 6) {
            (Self::Mixed, 0 | 3) => Self::Basic,
            (Self::Mixed, 1 | 4) => Self::Spread,
            (Self::Mixed, 2) => Self::Affinity,
            (Self::Mixed, _) => Self::AntiAffinity,
            (one, _) => one,
        }
    }

    /// How many pods there is room for, with some to spare.
    pub(super) fn room(self, nodes: usize, templates: usize) -> usize {
        let all = nodes * PODS_PER_NODE_MAX;
        let alone = (0..templates).any(|at| self.of_template(at) == Self::AntiAffinity);
        if alone { all.min(nodes * templates * 3 / 4) } else { all }
    }

    /// `spec.affinity` and `spec.topologySpreadConstraints` of the pods of `app`.
    fn spec(self, app: &str) -> (Value, Value) {
        let selector = json!({"matchLabels": {"app": app}});
        let term = |key: &str| json!({"topologyKey": key, "labelSelector": selector});
        let spread = |when: &str| json!([{"maxSkew": 5, "topologyKey": ZONE, "whenUnsatisfiable": when, "labelSelector": selector}]);
        let required = "requiredDuringSchedulingIgnoredDuringExecution";
        let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
        match self {
            Self::Basic | Self::DefaultSpread | Self::Mixed => (Value::Null, Value::Null),
            Self::Spread => (Value::Null, spread("DoNotSchedule")),
            Self::PrefSpread => (Value::Null, spread("ScheduleAnyway")),
            Self::Affinity => (json!({"podAffinity": {required: [term(ZONE)]}}), Value::Null),
            Self::AntiAffinity => {
                (json!({"podAntiAffinity": {required: [term(HOSTNAME)]}}), Value::Null)
            }
            Self::PrefAffinity => {
                let term = json!({"weight": 1, "podAffinityTerm": term(HOSTNAME)});
                (json!({"podAffinity": {preferred: [term]}}), Value::Null)
            }
            Self::NodeAffinity => {
                let zones = json!({"key": ZONE, "operator": "In", "values": ["zone-0", "zone-1"]});
                let terms = json!([{"matchExpressions": [zones]}]);
                (json!({"nodeAffinity": {required: {"nodeSelectorTerms": terms}}}), Value::Null)
            }
        }
    }
}

/// A pod that comes, and the same as the watch shows it once it is bound, but for the node.
pub(super) struct Arrival {
    pub(super) pod: Box<Pod>,
    pub(super) echo: Box<Pod>,
}

/// Makes pods, each template in its turn.
pub(super) struct Maker {
    workload: Workload,
    /// A pod of each template, and what it is once it is bound.
    ///
    /// As decoded pods do, all share what they have in common.
    templates: Vec<(Pod, Pod)>,
    seed: u64,
    made: usize,
}

impl Maker {
    pub(super) fn new(workload: Workload, templates: usize, seed: u64) -> Result<Self, BenchError> {
        let mut alike = Alike::default();
        let of = |at| template(workload.of_template(at), (at, templates), &mut alike);
        let templates = (0..templates).map(of).collect::<Result<_, _>>()?;
        Ok(Self { workload, templates, seed, made: 0 })
    }

    /// The next pod.
    pub(super) fn pod(&mut self) -> Arrival {
        let (pod, echo) = &self.templates[self.made % self.templates.len()];
        let (mut pod, mut echo) = (Box::new(pod.clone()), Box::new(echo.clone()));
        let number = self.made as u64;
        self.made += 1;
        let name = format!("pod-{number:07}");
        let uid = uuid_v4(mix(self.seed, 2 * number), mix(self.seed, 2 * number + 1));
        for (pod, version) in [(&mut pod, 2 * number), (&mut echo, 2 * number + 1)] {
            pod.key = PodKey { namespace: NAMESPACE.into(), name: name.as_str().into() };
            pod.uid = uid.as_str().into();
            pod.resource_version = format!("{}", 1_000_000 + version).into();
        }
        Arrival { pod, echo }
    }

    /// The Services that select the pods, if there are any.
    pub(super) fn services(&self) -> impl Iterator<Item = Service> {
        let some = self.workload == Workload::DefaultSpread;
        self.templates.iter().filter(move |_| some).map(|(pod, _)| {
            let name = pod.labels.get("app").unwrap_or_default();
            Service {
                namespace: NAMESPACE.into(),
                name: name.into(),
                selector: Labels::from_iter([("app", name)]),
            }
        })
    }
}

/// A pod of template number `at` of `of`, before and after it is bound.
fn template(
    workload: Workload,
    (at, of): (usize, usize),
    alike: &mut Alike,
) -> Result<(Pod, Pod), BenchError> {
    let app = format!("{}-{at}", workload.name());
    let milli_cpu = if of == 1 { 100 } else { 50 + at % 100 };
    let (affinity, spread) = workload.spec(&app);
    // The API server gives every pod these.
    let tolerations = ["not-ready", "unreachable"].map(|key| {
        let key = format!("node.kubernetes.io/{key}");
        json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300})
    });
    let requests = json!({"cpu": format!("{milli_cpu}m"), "memory": "500Mi"});
    let container = json!({
        "name": "c", "image": "registry.k8s.io/pause:3.10", "resources": {"requests": requests},
    });
    let mut pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod", "namespace": NAMESPACE, "uid": "uid", "labels": {"app": app}},
        "spec": {
            "schedulerName": SCHEDULER,
            "priority": 0,
            "containers": [container],
            "tolerations": tolerations,
            "affinity": affinity,
            "topologySpreadConstraints": spread,
        },
        "status": {"phase": "Pending"},
    });
    let waiting = read(&pod, alike)?;
    pod["status"]["conditions"] = json!([
        {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"},
    ]);
    Ok((waiting, read(&pod, alike)?))
}

fn read(pod: &Value, alike: &mut Alike) -> Result<Pod, BenchError> {
    let pod: wire::Pod = serde_json::from_value(pod.clone())
        .map_err(|error| BenchError::Unreadable(error.to_string()))?;
    pod.to_model_among(alike).map_err(|error| BenchError::Unreadable(error.to_string()))
}

/// Node number `at`.
pub(super) fn node(at: usize) -> Node {
    let name = format!("node-{at:05}");
    let zone = format!("zone-{}", at % ZONES);
    let labels = [
        (HOSTNAME, name.as_str()),
        (ZONE, &zone),
        ("topology.kubernetes.io/region", "r1"),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
    ];
    model::Node {
        labels: labels.into_iter().collect(),
        name: name.as_str().into(),
        allocatable: Resources {
            milli_cpu: 4000,
            memory: 32 << 30,
            ephemeral_storage: 100 << 30,
            scalars: Vec::new(),
        },
        allocatable_pods: 110,
        ..Node::default()
    }
}
