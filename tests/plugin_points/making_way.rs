//! Preemption beside plugins: victims that a plugin holds up are placed elsewhere, and what a plugin says of nodes
//! without the victims counts.

use berth::cluster::View;
use berth::framework::{
    Code, Eval, ExtensionPoint, Parts, Plugin, PluginEval, PluginInfo, PrepareCx, Verdict,
};
use berth::model::Pod;
use berth::units::NodeId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::runner::{Test, tests};
use crate::stage::{Cluster, Profile, Setting, Stage, node};
use crate::support::rest::{NODES, node_of};

pub(crate) const TESTS: &[Test] = tests![
    a_pod_that_waits_makes_way,
    a_pod_at_prebind_makes_way,
    a_filter_without_the_victim,
    a_prefilter_without_the_victim,
];

/// A plugin that gives each node one pod.
pub(crate) const LONELY: PluginInfo = PluginInfo {
    name: "Lonely",
    default_weight: None,
    points: &[ExtensionPoint::PreFilter, ExtensionPoint::Filter],
    summary: "gives each node one pod",
    make: |args| {
        let args: Args = serde_json::from_str(args.own("Lonely")).map_err(|e| e.to_string())?;
        let Args { unresolvable, at_pre_filter } = args;
        Ok(Box::new(Lonely { unresolvable, at_pre_filter }))
    },
};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Args {
    /// That another one goes is said not to help.
    unresolvable: bool,
    /// Where each node has its pod, it says so of the pod as a whole.
    at_pre_filter: bool,
}

struct Lonely {
    unresolvable: bool,
    at_pre_filter: bool,
}

impl Plugin for Lonely {
    fn prepare(&self, _pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        let unresolvable = self.unresolvable;
        let view = cx.view;
        if self.at_pre_filter && view.cluster.nodes().all(|at| view.pods_on(at).next().is_some()) {
            let why = "no node is without a pod".to_owned();
            return PluginEval::Reject(Code::Unschedulable, vec![why]);
        }
        PluginEval::Run(Box::new(Empty { position: cx.position, unresolvable }))
    }
}

struct Empty {
    position: u16,
    unresolvable: bool,
}

impl Eval for Empty {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
    }

    fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let code = if self.unresolvable {
            Code::UnschedulableAndUnresolvable
        } else {
            Code::Unschedulable
        };
        for (node, verdict) in nodes.iter().zip(out).filter(|(_, verdict)| verdict.is_pass()) {
            if view.pods_on(*node).next().is_some() {
                *verdict = Verdict::reject(self.position, code, 0);
            }
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, _verdict: Verdict) -> Vec<String> {
        vec!["node(s) with another pod".to_owned()]
    }
}

/// The priorities of the pods here.
const LOW: i32 = 100;
const HIGH: i32 = 300;

fn sized(priority: i32, cpu: &str, memory: &str) -> Value {
    let resources = json!({"requests": {"cpu": cpu, "memory": memory}});
    let container = json!({"name": "c", "image": "example.com/c:1", "resources": resources});
    json!({"priority": priority, "containers": [container]})
}

/// A victim that waits at Permit is not deleted: it gives its node back, and goes to another one.
///
/// Upstream: TestPreemptionRespectsWaitingPod, v1.37.
async fn a_pod_that_waits_makes_way(cluster: &Cluster) {
    let rules = json!([{"at": "Permit", "pods": ["victim"], "times": 1, "say": {"wait": 60_000}}]);
    let profile = Profile::usual().at("permit", &["Scripted1"]).rules("Scripted1", &rules);
    makes_way(cluster, Setting::new().profile(profile), "Permit").await;
}

/// A victim that a plugin is at work for at PreBind is not deleted either.
///
/// Upstream: TestPreemptionRespectsBindingPod, v1.37.
async fn a_pod_at_prebind_makes_way(cluster: &Cluster) {
    let setting = Setting::new();
    let go = setting.file("go");
    let rules = json!([{"at": "PreBind", "pods": ["victim"], "times": 1, "takes_until": go}]);
    let profile = Profile::usual().at("preBind", &["Scripted1"]).rules("Scripted1", &rules);
    makes_way(cluster, setting.profile(profile), "PreBind").await;
}

/// The victim is held up on the large node, which the other pod needs.
async fn makes_way(cluster: &Cluster, setting: Setting, point: &str) {
    let large = node("big-node", &json!({"cpu": "2", "memory": "2Gi", "pods": "32"}));
    let stage = setting.node(large).start(cluster).await;
    stage.pod_with("victim", &sized(LOW, "1", "1Gi")).await;
    stage.called("Scripted1", point, "victim", 1).await;
    let victim = stage.get("victim").await.expect("nobody deletes it");
    let small = node("small-node", &json!({"cpu": "1", "memory": "1Gi", "pods": "32"}));
    stage.rest.create(NODES, &small).await;
    stage.pod_with("preemptor", &sized(HIGH, "1.5", "1.5Gi")).await;
    assert_eq!(stage.scheduled("preemptor").await, "big-node");
    assert_eq!(stage.scheduled("victim").await, "small-node");
    let same = stage.get("victim").await.expect("nobody deletes it");
    assert_eq!(same["metadata"]["uid"], victim["metadata"]["uid"]);
    assert!(same["metadata"]["deletionTimestamp"].is_null(), "{same}");
    stage.make_file("go");
    stage.end().await;
}

/// A pod that a plugin's Filter keeps from a node is helped by a victim, unless the plugin says that nothing
/// helps.
///
/// Upstream: TestPreemption, v1.37, the cases with a filter.
async fn a_filter_without_the_victim(cluster: &Cluster) {
    for unresolvable in [false, true] {
        let args = json!({"unresolvable": unresolvable});
        let profile = Profile::usual().at("filter", &["Lonely"]).args("Lonely", args);
        let stage = Setting::new().profile(profile).nodes(1).start(cluster).await;
        stage.pod_with("victim", &sized(LOW, "200m", "200")).await;
        stage.scheduled("victim").await;
        stage.pod_with("preemptor", &sized(HIGH, "200m", "200")).await;
        let why = stage.turned_down("preemptor", "Unschedulable").await;
        assert!(why.starts_with("0/1 nodes are available: 1 node(s) with another pod."), "{why}");
        if unresolvable {
            stays(&stage, "victim").await;
        } else {
            goes(&stage, "victim").await;
        }
        let preemptor = stage.get("preemptor").await.expect("nobody deletes it");
        let nominated = preemptor["status"]["nominatedNodeName"].as_str();
        assert_eq!(nominated.is_some(), !unresolvable, "{preemptor}");
        stage.end().await;
        cluster.clean().await;
    }
}

/// A pod that a plugin turns down at PreFilter, in a way that others may help by going, is helped by a victim.
///
/// Upstream: TestPreemption, v1.37, the case with preFilter. Differs from upstream: what such a plugin would say
/// of nodes without the victim is not asked, so that here the victim's room is needed, too.
async fn a_prefilter_without_the_victim(cluster: &Cluster) {
    let args = json!({"at_pre_filter": true});
    let profile = Profile::usual().at("filter", &["Lonely"]).at("preFilter", &["Lonely"]);
    let small = node("small-node", &json!({"cpu": "500m", "memory": "500", "pods": "32"}));
    let setting = Setting::new().profile(profile.args("Lonely", args)).node(small);
    let stage = setting.start(cluster).await;
    stage.pod_with("victim", &sized(LOW, "400m", "200")).await;
    stage.scheduled("victim").await;
    stage.pod_with("preemptor", &sized(HIGH, "200m", "200")).await;
    let why = stage.turned_down("preemptor", "Unschedulable").await;
    assert!(why.starts_with("0/1 nodes are available: no node is without a pod."), "{why}");
    goes(&stage, "victim").await;
    let preemptor = stage.get("preemptor").await.expect("nobody deletes it");
    assert_eq!(preemptor["status"]["nominatedNodeName"], "small-node");
    stage.end().await;
}

async fn goes(stage: &Stage, pod: &str) {
    let look = async || {
        let pod = stage.get(pod).await?;
        let conditions = pod["status"]["conditions"].as_array()?;
        let disrupted = conditions.iter().any(|of| of["type"] == "DisruptionTarget");
        (disrupted && !pod["metadata"]["deletionTimestamp"].is_null()).then_some(())
    };
    stage.berth.wait_for(&format!("{pod} to go"), look).await;
}

async fn stays(stage: &Stage, pod: &str) {
    let pod = stage.get(pod).await.expect("nobody deletes it");
    assert!(node_of(&pod).is_some() && pod["metadata"]["deletionTimestamp"].is_null(), "{pod}");
}
