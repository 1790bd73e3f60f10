//! ReplicaSets and ReplicationControllers: so many pods of a template. Pure.
//!
//! Upstream: pkg/controller/replicaset, v1.37. Differs from upstream: no condition ReplicaFailure; the
//! event FailedCreate says the same.

use std::cmp::Reverse;

use serde_json::{Map, json};

use crate::units::{Map as HashMap, Nanos};

use super::super::phase::Phase;
use super::cache::Cache;
use super::kind::{Key, Kind};
use super::plan::{
    Action, BURST, Plan, claim, count, int, is_deleting, name, namespace, number, pod_from,
};
use super::pod::Pod;

/// What is to be done about one of them.
pub(super) fn reconcile(cache: &Cache, kind: Kind, key: &Key, now: Nanos) -> Plan {
    let mut plan = Plan::default();
    let Some(object) = cache.get(kind, key) else { return plan };
    let spec = &object.data["spec"];
    let pods = claim(cache, kind, object, &mut plan);
    let is_terminating = |pod: &&&Pod| pod.deleting && !pod.is_finished();
    let terminating = pods.iter().filter(is_terminating).count();
    let mut active: Vec<&Pod> = pods.into_iter().filter(|pod| pod.is_active()).collect();
    let wanted = count(int(&spec["replicas"], 1));

    let min_ready_seconds = int(&spec["minReadySeconds"], 0);
    let mut available = 0;
    for pod in &active {
        match pod.is_available(min_ready_seconds, now) {
            Ok(is_available) => available += i64::from(is_available),
            Err(at) => plan.again_at(at),
        }
    }
    let ready = active.iter().filter(|pod| pod.is_ready()).count();
    let template_labels = spec["template"]["metadata"]["labels"].as_object();
    let fully_labeled = active.iter().filter(|pod| {
        let mut labels = template_labels.into_iter().flatten();
        labels.all(|(key, value)| pod.labels.get(key) == value.as_str())
    });
    let mut status = Map::new();
    status.insert("replicas".into(), json!(active.len()));
    for (name, count) in [
        ("fullyLabeledReplicas", number(fully_labeled.count())),
        ("readyReplicas", number(ready)),
        ("availableReplicas", available),
    ] {
        // Zero is a field that is not there.
        status.insert(name.into(), if count == 0 { json!(null) } else { json!(count) });
    }
    if kind == Kind::ReplicaSet {
        status.insert("terminatingReplicas".into(), json!(terminating));
    }
    status.insert("observedGeneration".into(), json!(object.metadata.generation));

    if !is_deleting(object) {
        if active.len() < wanted {
            let prefix = format!("{}-", name(object));
            let pod = pod_from(kind, object, &prefix, &spec["template"]);
            for _ in 0..(wanted - active.len()).min(BURST) {
                let create = Action::create(Kind::Pod, namespace(object), pod.clone());
                plan.push(create.saying("SuccessfulCreate", "Created pod: {}"));
            }
        } else {
            let surplus = (active.len() - wanted).min(BURST);
            sort_for_deletion(&mut active);
            for pod in active.iter().take(surplus) {
                let delete = Action::delete(Kind::Pod, &pod.key, &pod.uid);
                let text = format!("Deleted pod: {}", pod.key.name);
                plan.push(delete.saying("SuccessfulDelete", text));
            }
        }
    }
    plan.status(kind, object, status);
    plan
}

/// Those that are missed least come first.
///
/// Upstream: controller.ActivePodsWithRanks, v1.37, without the logarithmic scale of ages. A pod's rank
/// is the number of pods of the same set on its node.
fn sort_for_deletion(pods: &mut [&Pod]) {
    let mut on_node: HashMap<&str, usize> = HashMap::default();
    for pod in pods.iter() {
        if let Some(node) = &pod.node {
            *on_node.entry(node).or_default() += 1;
        }
    }
    let rank = |pod: &Pod| pod.node.as_deref().and_then(|node| on_node.get(node)).copied();
    pods.sort_by_cached_key(|pod| {
        (
            pod.bound,
            match pod.phase {
                Phase::Pending => 0,
                Phase::Unknown => 1,
                _ => 2,
            },
            pod.is_ready(),
            pod.deletion_cost,
            Reverse(rank(pod)),
            Reverse(pod.ready_since),
            Reverse(pod.restarts),
            Reverse(pod.created),
            pod.key.clone(),
        )
    });
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::kit::{Scene, bodies, paths};
    use super::*;

    const NOW: Nanos = Nanos::from_secs(2_000_000_000);

    fn scene(replicas: i64) -> Scene {
        let mut scene = Scene::default();
        scene.add(
            Kind::ReplicaSet,
            "rs",
            json!({
                "replicas": replicas, "selector": {"matchLabels": {"app": "a"}},
                "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": []}},
            }),
        );
        scene
    }

    fn plan(scene: &Scene) -> Plan {
        reconcile(&scene.cache, Kind::ReplicaSet, &Scene::key("rs"), NOW)
    }

    #[test]
    fn missing_pods_are_created_from_the_template() {
        let mut scene = scene(3);
        scene.pod("p1", Some((Kind::ReplicaSet, "rs")), json!({"app": "a"}), "Running");
        let plan = plan(&scene);
        let created: Vec<Value> = bodies(&plan, Kind::Pod);
        assert_eq!(created.len(), 2);
        assert_eq!(created[0]["metadata"]["generateName"], "rs-");
        assert_eq!(created[0]["metadata"]["labels"]["app"], "a");
        assert_eq!(created[0]["metadata"]["ownerReferences"][0]["uid"], "rs-uid");
        let status = &bodies(&plan, Kind::ReplicaSet)[0]["status"];
        assert_eq!((&status["replicas"], &status["readyReplicas"]), (&json!(1), &json!(1)));
    }

    #[test]
    fn the_pods_that_are_missed_least_go_first() {
        let mut scene = scene(1);
        let owner = Some((Kind::ReplicaSet, "rs"));
        scene.pod("ready", owner, json!({"app": "a"}), "Running");
        scene.pod("pending", owner, json!({"app": "a"}), "Pending");
        scene.pod("failed", owner, json!({"app": "a"}), "Failed");
        let deleted = paths(&plan(&scene), http::Method::DELETE);
        assert_eq!(deleted, ["/api/v1/namespaces/ns/pods/pending"]);
    }

    #[test]
    fn orphans_are_adopted_and_strangers_released() {
        let mut scene = scene(1);
        scene.pod("orphan", None, json!({"app": "a"}), "Running");
        scene.pod("relabeled", Some((Kind::ReplicaSet, "rs")), json!({"app": "b"}), "Running");
        scene.pod("other", None, json!({"app": "b"}), "Running");
        let patched = paths(&plan(&scene), http::Method::PATCH);
        let want = ["/api/v1/namespaces/ns/pods/relabeled", "/api/v1/namespaces/ns/pods/orphan"];
        assert_eq!(patched[..2], want);
    }
}
