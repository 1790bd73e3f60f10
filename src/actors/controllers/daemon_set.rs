//! DaemonSets: one pod on every node that may have it. Pure.
//!
//! Upstream: pkg/controller/daemon, v1.37. Differs from upstream: an update never has two pods on a node
//! (`maxSurge` is taken for `maxUnavailable`), and failed pods are replaced without a backoff of their own.

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::model::{self, Effect};
use crate::units::Nanos;
use crate::wire;

use super::super::node_fit::{matches_node_affinity, tolerates};
use super::super::node_model::node_model;
use super::super::phase::Phase;
use super::cache::Cache;
use super::kind::{Key, Kind};
use super::plan::{
    Action, BURST, Plan, Say, claim, int, int_or_percent, is_deleting, name, namespace, pod_from,
};
use super::pod::Pod;
use super::revision::{self, HASH};

/// Taints that every daemon pod tolerates.
///
/// Upstream: daemonset util.AddOrUpdateDaemonPodTolerations, v1.37.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
const OF_THE_HOST: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// Counts for the status.
#[derive(Default)]
struct Counts {
    desired: i64,
    scheduled: i64,
    misscheduled: i64,
    ready: i64,
    available: i64,
    updated: i64,
}

/// What is to be done about one.
pub(super) fn reconcile(cache: &Cache, key: &Key, now: Nanos) -> Plan {
    let mut plan = Plan::default();
    let Some(object) = cache.get(Kind::DaemonSet, key) else { return plan };
    let pods = claim(cache, Kind::DaemonSet, object, &mut plan);
    let revision = revision::current(cache, Kind::DaemonSet, object, &[], &mut plan);
    let template = template(object, &revision.hash);
    let judged = model(&template);
    let mut on_node: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
    for pod in pods {
        on_node.entry(pod.node.as_deref().unwrap_or_default()).or_default().push(pod);
    }
    let (mut counts, mut wanted, mut current) = (Counts::default(), Vec::new(), Vec::new());
    for (key, node) in cache.all(Kind::Node) {
        let mut pods = on_node.remove(&*key.name).unwrap_or_default();
        let node = node_model(node);
        let (runs, stays) = match (&judged, &node) {
            (Some(pod), Some(node)) => places(pod, node),
            _ => (false, true),
        };
        // Of several the oldest is kept, those that are bound first.
        pods.sort_by_key(|pod| (!pod.bound, pod.created, pod.key.clone()));
        let pods = clean(&pods, stays, &mut plan);
        if !runs {
            counts.misscheduled += i64::from(!pods.is_empty());
            continue;
        }
        counts.desired += 1;
        let living = pods.iter().find(|pod| !pod.is_finished());
        match living {
            None if pods.is_empty() => wanted.push(&*key.name),
            None => {}
            Some(pod) => current.push(*pod),
        }
        if let Some(pod) = living {
            counts.scheduled += 1;
            counts.count(pod, &revision.hash, object, now, &mut plan);
        }
    }
    // Nodes that are gone.
    for pod in on_node.into_values().flatten().filter(|pod| !pod.deleting && pod.node.is_some()) {
        delete(pod, &mut plan);
    }
    if !is_deleting(object) {
        for node in wanted.into_iter().take(BURST) {
            let pod = on(node, template.clone());
            let create = Action::create(Kind::Pod, namespace(object), pod);
            plan.push(create.saying("SuccessfulCreate", "Created pod: {}"));
        }
        roll(object, &current, &revision.hash, &counts, &mut plan);
    }
    plan.status(Kind::DaemonSet, object, counts.status(object));
    plan
}

/// Deletes what is too much or has failed on a node; returns what is left. Those on their way out count
/// as being there.
fn clean<'a>(pods: &[&'a Pod], stays: bool, plan: &mut Plan) -> Vec<&'a Pod> {
    let mut left: Vec<&Pod> = Vec::new();
    for pod in pods {
        let kept = left.iter().any(|pod| !pod.deleting && !pod.is_finished());
        if pod.phase == Phase::Failed && !pod.deleting {
            let node = pod.node.as_deref().unwrap_or_default();
            let text =
                format!("Found failed daemon pod {} on node {node}, will try to kill it", pod.key);
            plan.push(Action::say_only(Kind::DaemonSet, Say::warning("FailedDaemonPod", text)));
            delete(pod, plan);
            left.push(pod);
        } else if pod.deleting {
            left.push(pod);
        } else if kept || !stays {
            delete(pod, plan);
        } else {
            left.push(pod);
        }
    }
    left
}

fn delete(pod: &Pod, plan: &mut Plan) {
    let delete = Action::delete(Kind::Pod, &pod.key, &pod.uid);
    plan.push(delete.saying("SuccessfulDelete", format!("Deleted pod: {}", pod.key.name)));
}

/// Whether a pod is to run on a node, and whether one that is there may stay.
///
/// Upstream: NodeShouldRunDaemonPod, v1.37.
fn places(pod: &model::Pod, node: &model::Node) -> (bool, bool) {
    let fits = matches_node_affinity(&pod.node_selector, pod.node_affinity.as_ref(), node);
    let tolerated = |effects: &[Effect]| tolerates(&pod.tolerations, node, effects);
    let runs = fits && tolerated(&[Effect::NoExecute, Effect::NoSchedule]);
    (runs, fits && tolerated(&[Effect::NoExecute]))
}

/// The pods' own template, with what every daemon pod has.
fn template(object: &DynamicObject, hash: &str) -> Value {
    let prefix = format!("{}-", name(object));
    let mut pod = pod_from(Kind::DaemonSet, object, &prefix, &object.data["spec"]["template"]);
    pod["metadata"]["labels"][HASH] = json!(hash);
    let mut tolerations = pod["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    let of_the_host = (pod["spec"]["hostNetwork"] == true).then_some(OF_THE_HOST);
    for (key, effect) in TOLERATED.into_iter().chain(of_the_host) {
        tolerations.push(json!({"key": key, "operator": "Exists", "effect": effect}));
    }
    pod["spec"]["tolerations"] = tolerations.into();
    pod
}

fn model(pod: &Value) -> Option<model::Pod> {
    let object = json!({"metadata": {"name": "daemon"}, "spec": pod["spec"]});
    wire::Pod::deserialize(&object).ok()?.to_model().ok()
}

/// A pod of the template for one node.
///
/// Upstream: daemonset util.ReplaceDaemonSetPodNodeNameNodeAffinity, v1.37.
fn on(node: &str, mut pod: Value) -> Value {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    let field = json!([{"key": "metadata.name", "operator": "In", "values": [node]}]);
    let required = &mut pod["spec"]["affinity"]["nodeAffinity"][REQUIRED];
    match required["nodeSelectorTerms"].as_array_mut() {
        Some(terms) if !terms.is_empty() => {
            for term in terms {
                term["matchFields"] = field.clone();
            }
        }
        _ => *required = json!({"nodeSelectorTerms": [{"matchFields": field}]}),
    }
    pod
}

/// Deletes pods of earlier templates: those that are not available at once, and of the others as many as
/// may be missing.
fn roll(object: &DynamicObject, pods: &[&Pod], hash: &str, counts: &Counts, plan: &mut Plan) {
    let strategy = &object.data["spec"]["updateStrategy"];
    if strategy["type"] == "OnDelete" {
        return;
    }
    let rolling = &strategy["rollingUpdate"];
    let limit = int_or_percent(&rolling["maxUnavailable"], counts.desired, true, "1");
    let surge = int_or_percent(&rolling["maxSurge"], counts.desired, true, "0");
    let mut may_go = limit.max(surge).max(1) - (counts.desired - counts.available);
    let old = pods.iter().filter(|pod| !pod.deleting && pod.labels.get(HASH) != Some(hash));
    let (ready, unready): (Vec<&Pod>, Vec<&Pod>) = old.partition(|pod| pod.is_ready());
    for pod in unready {
        delete(pod, plan);
    }
    for pod in ready {
        if may_go <= 0 {
            return;
        }
        may_go -= 1;
        delete(pod, plan);
    }
}

impl Counts {
    fn count(
        &mut self,
        pod: &Pod,
        hash: &str,
        object: &DynamicObject,
        now: Nanos,
        plan: &mut Plan,
    ) {
        let min_ready_seconds = int(&object.data["spec"]["minReadySeconds"], 0);
        self.ready += i64::from(pod.is_ready() && !pod.deleting);
        match pod.is_available(min_ready_seconds, now) {
            Ok(is_available) => self.available += i64::from(is_available && !pod.deleting),
            Err(at) => plan.again_at(at),
        }
        self.updated += i64::from(pod.labels.get(HASH) == Some(hash));
    }

    fn status(&self, object: &DynamicObject) -> Map<String, Value> {
        let mut status = Map::new();
        for (name, count) in [
            ("currentNumberScheduled", self.scheduled),
            ("desiredNumberScheduled", self.desired),
            ("numberMisscheduled", self.misscheduled),
            ("numberReady", self.ready),
        ] {
            status.insert(name.into(), json!(count));
        }
        for (name, count) in [
            ("numberAvailable", self.available),
            ("numberUnavailable", self.desired - self.available),
            ("updatedNumberScheduled", self.updated),
        ] {
            status.insert(name.into(), if count == 0 { Value::Null } else { json!(count) });
        }
        status.insert("observedGeneration".into(), json!(object.metadata.generation));
        status
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::super::kit::{Scene, bodies, paths};
    use super::*;

    const NOW: Nanos = Nanos::from_secs(2_000_000_000);

    fn scene() -> Scene {
        let mut scene = Scene::default();
        for (name, parts) in [
            ("n1", json!({"metadata": {"labels": {"disk": "ssd"}}})),
            ("n2", json!({"metadata": {"labels": {"disk": "ssd"}}})),
            ("n3", json!({})),
            (
                "n4",
                json!({
                    "metadata": {"labels": {"disk": "ssd"}},
                    "spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]},
                }),
            ),
        ] {
            scene.put(Kind::Node, name, parts);
        }
        scene.add(
            Kind::DaemonSet,
            "ds",
            json!({
                "selector": {"matchLabels": {"app": "a"}},
                "template": {
                    "metadata": {"labels": {"app": "a"}},
                    "spec": {"nodeSelector": {"disk": "ssd"}, "containers": []},
                },
            }),
        );
        let plan = look(&scene);
        scene.carry_out(&plan);
        scene
    }

    fn look(scene: &Scene) -> Plan {
        reconcile(&scene.cache, &Scene::key("ds"), NOW)
    }

    fn pod(scene: &mut Scene, name: &str, node: &str, phase: &str, hash: &str) {
        let labels = json!({"app": "a", HASH: hash});
        let on = json!({"spec": {"nodeName": node}});
        scene.pod_with(name, Some((Kind::DaemonSet, "ds")), labels, phase, on);
    }

    fn hash(scene: &Scene) -> String {
        let made = bodies(&look(scene), Kind::Pod);
        made[0]["metadata"]["labels"][HASH].as_str().unwrap().to_owned()
    }

    #[test]
    fn every_node_that_may_have_one_gets_one() {
        let scene = scene();
        let made = bodies(&look(&scene), Kind::Pod);
        let node = |pod: &Value| {
            let required = &pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
            required["nodeSelectorTerms"][0]["matchFields"][0]["values"][0].clone()
        };
        assert_eq!(made.iter().map(node).collect::<Vec<_>>(), ["n1", "n2"]);
        assert_eq!(made[0]["spec"]["tolerations"].as_array().unwrap().len(), TOLERATED.len());
    }

    #[test]
    fn what_is_too_much_or_failed_goes() {
        let mut scene = scene();
        let hash = hash(&scene);
        pod(&mut scene, "a", "n1", "Running", &hash);
        pod(&mut scene, "b", "n1", "Running", &hash);
        pod(&mut scene, "c", "n2", "Failed", &hash);
        pod(&mut scene, "d", "n3", "Running", &hash);
        let plan = look(&scene);
        let deleted = paths(&plan, Method::DELETE);
        let want = ["b", "c", "d"].map(|name| format!("/api/v1/namespaces/ns/pods/{name}"));
        assert_eq!(deleted, want);
        assert_eq!(bodies(&plan, Kind::Pod).len(), 3, "none is made before the failed one is gone");
    }

    #[test]
    fn an_update_takes_one_node_after_another() {
        let mut scene = scene();
        let hash = hash(&scene);
        pod(&mut scene, "a", "n1", "Running", "older");
        pod(&mut scene, "b", "n2", "Running", "older");
        assert_eq!(paths(&look(&scene), Method::DELETE).len(), 1);
        pod(&mut scene, "a", "n1", "Pending", &hash);
        assert_eq!(paths(&look(&scene), Method::DELETE), [""; 0]);
        pod(&mut scene, "a", "n1", "Running", &hash);
        assert_eq!(paths(&look(&scene), Method::DELETE), ["/api/v1/namespaces/ns/pods/b"]);
    }

    #[test]
    fn the_status_counts_nodes() {
        let mut scene = scene();
        let hash = hash(&scene);
        pod(&mut scene, "a", "n1", "Running", &hash);
        let plan = look(&scene);
        let status = bodies(&plan, Kind::DaemonSet).pop().unwrap()["status"].take();
        assert_eq!(status["desiredNumberScheduled"], 2);
        assert_eq!((&status["numberReady"], &status["numberUnavailable"]), (&json!(1), &json!(1)));
    }
}
