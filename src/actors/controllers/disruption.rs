//! PodDisruptionBudgets: how many of their pods may be evicted now. Pure.
//!
//! Upstream: pkg/controller/disruption, v1.37. Differs from upstream: of controllers of unknown kinds
//! (custom resources with a scale) the pods are counted instead.

use std::collections::BTreeMap;

use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

use crate::units::Nanos;

use super::super::clock::{self, seconds_text};
use super::cache::Cache;
use super::kind::{Key, Kind};
use super::plan::{Plan, condition, int, int_or_percent, namespace, number};
use super::pod::{self, Pod};

/// How long an eviction that was allowed may take to show.
const EVICTION_SHOWS: Nanos = Nanos::from_secs(120);

/// What is to be done about one: its status.
pub(super) fn reconcile(cache: &Cache, key: &Key, now: Nanos) -> Plan {
    let mut plan = Plan::default();
    let Some(object) = cache.get(Kind::PodDisruptionBudget, key) else { return plan };
    let Some(selector) = cache.selector(Kind::PodDisruptionBudget, key) else { return plan };
    let pods = cache.pods_in(&key.namespace).filter(|pod| selector.matches(&pod.labels));
    let pods: Vec<&Pod> = pods.filter(|pod| !pod.is_finished()).collect();
    let (expected, wanted) = wanted(cache, object, &pods);
    let disrupted = disrupted(object, &pods, now, &mut plan);
    let is_healthy =
        |pod: &&&Pod| pod.is_ready() && !pod.deleting && !disrupted.contains_key(&*pod.key.name);
    let healthy = number(pods.iter().filter(is_healthy).count());
    let allowed = if expected == 0 { 0 } else { (healthy - wanted).max(0) };

    let mut status = Map::new();
    for (name, count) in [
        ("expectedPods", expected),
        ("desiredHealthy", wanted),
        ("currentHealthy", healthy),
        ("disruptionsAllowed", allowed),
    ] {
        status.insert(name.into(), json!(count));
    }
    let known = &object.data["status"];
    let known_disrupted = known["disruptedPods"].as_object().map_or(0, Map::len);
    if known_disrupted != disrupted.len() {
        // A merge keeps what it does not name.
        let gone = known["disruptedPods"].as_object().into_iter().flatten();
        let gone = gone.filter(|(name, _)| !disrupted.contains_key(name.as_str()));
        let gone: Map<String, Value> = gone.map(|(name, _)| (name.clone(), Value::Null)).collect();
        status.insert("disruptedPods".into(), Value::Object(gone));
    }
    status.insert("observedGeneration".into(), json!(object.metadata.generation));
    status.insert("conditions".into(), conditions(object, allowed > 0, now));
    plan.status(Kind::PodDisruptionBudget, object, status);
    plan
}

/// How many pods there are to be, and how many of them healthy.
///
/// Upstream: getExpectedPodCount, v1.37.
fn wanted(cache: &Cache, object: &DynamicObject, pods: &[&Pod]) -> (i64, i64) {
    let spec = &object.data["spec"];
    let (least, most_missing) = (&spec["minAvailable"], &spec["maxUnavailable"]);
    if !most_missing.is_null() {
        let expected = scale(cache, namespace(object), pods);
        let missing = int_or_percent(most_missing, expected, true, "0");
        return (expected, (expected - missing).max(0));
    }
    if let Some(least) = least.as_i64() {
        return (number(pods.len()), least);
    }
    let expected = scale(cache, namespace(object), pods);
    (expected, int_or_percent(least, expected, true, "0"))
}

/// The sizes of the controllers of these pods, together.
fn scale(cache: &Cache, namespace: &str, pods: &[&Pod]) -> i64 {
    let mut sizes: BTreeMap<Box<str>, i64> = BTreeMap::new();
    let mut alone = 0;
    for pod in pods {
        match pod.owner.as_ref().and_then(|owner| size(cache, namespace, owner)) {
            Some((uid, size)) => drop(sizes.insert(uid, size)),
            None => alone += 1,
        }
    }
    alone + sizes.values().sum::<i64>()
}

/// The UID and the size of a controller: a Deployment's where it has one.
fn size(cache: &Cache, namespace: &str, owner: &pod::Owner) -> Option<(Box<str>, i64)> {
    let kind = owner.kind?;
    let key = Key { namespace: namespace.into(), name: owner.name.clone() };
    let object = cache.get(kind, &key)?;
    if kind == Kind::ReplicaSet
        && let Some(above) = pod::owner(&object.metadata)
    {
        return size(cache, namespace, &above);
    }
    let replicas = object.data["spec"]["replicas"].as_i64()?;
    Some((owner.uid.clone(), replicas))
}

/// Pods whose eviction was allowed and does not show yet.
fn disrupted(
    object: &DynamicObject,
    pods: &[&Pod],
    now: Nanos,
    plan: &mut Plan,
) -> BTreeMap<String, Value> {
    let mut left = BTreeMap::new();
    for (name, since) in object.data["status"]["disruptedPods"].as_object().into_iter().flatten() {
        let is_there = pods.iter().any(|pod| *pod.key.name == **name && !pod.deleting);
        let until = since.as_str().and_then(clock::parse).unwrap_or_default() + EVICTION_SHOWS;
        if is_there && until > now {
            plan.again_at(until);
            left.insert(name.clone(), since.clone());
        }
    }
    left
}

fn conditions(object: &DynamicObject, allowed: bool, now: Nanos) -> Value {
    let known = condition(&object.data["status"]["conditions"], "DisruptionAllowed");
    let (status, reason) =
        if allowed { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    let since = known.filter(|known| known["status"] == status);
    let since = since.map_or_else(|| json!(seconds_text(now)), |c| c["lastTransitionTime"].clone());
    json!([{
        "type": "DisruptionAllowed", "status": status, "reason": reason, "message": "",
        "lastTransitionTime": since,
        "observedGeneration": int(&json!(object.metadata.generation), 0),
    }])
}

#[cfg(test)]
mod tests {
    use super::super::kit::{Scene, bodies};
    use super::*;

    const NOW: Nanos = Nanos::from_secs(1_800_000_000);

    fn scene(spec: &Value, disrupted: &Value) -> Scene {
        let mut scene = Scene::default();
        let mut spec = spec.clone();
        spec["selector"] = json!({"matchLabels": {"app": "a"}});
        let status = json!({"disruptedPods": disrupted});
        scene.put(Kind::PodDisruptionBudget, "b", json!({"spec": spec, "status": status}));
        scene.add(Kind::ReplicaSet, "rs", json!({"replicas": 4}));
        for (name, phase) in
            [("p1", "Running"), ("p2", "Running"), ("p3", "Running"), ("p4", "Pending")]
        {
            scene.pod(name, Some((Kind::ReplicaSet, "rs")), json!({"app": "a"}), phase);
        }
        scene.pod("other", None, json!({"app": "b"}), "Running");
        scene
    }

    /// expected, desired, current, allowed.
    fn counts(scene: &Scene) -> [i64; 4] {
        let plan = reconcile(&scene.cache, &Scene::key("b"), NOW);
        let status = bodies(&plan, Kind::PodDisruptionBudget).remove(0)["status"].take();
        ["expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed"]
            .map(|name| status[name].as_i64().unwrap())
    }

    #[test]
    fn numbers_and_percentages() {
        let rows = [
            (json!({"minAvailable": 2}), [4, 2, 3, 1]),
            (json!({"minAvailable": "50%"}), [4, 2, 3, 1]),
            (json!({"minAvailable": 9}), [4, 9, 3, 0]),
            (json!({"maxUnavailable": 1}), [4, 3, 3, 0]),
            (json!({"maxUnavailable": "50%"}), [4, 2, 3, 1]),
        ];
        for (spec, want) in rows {
            assert_eq!(counts(&scene(&spec, &json!({}))), want, "{spec}");
        }
    }

    #[test]
    fn an_eviction_that_was_allowed_counts_until_it_shows() {
        let spec = json!({"minAvailable": 2});
        let evicted = json!({"p1": seconds_text(NOW)});
        assert_eq!(counts(&scene(&spec, &evicted)), [4, 2, 2, 0]);
        let long_ago = json!({"p1": "2020-01-01T00:00:00Z", "gone": seconds_text(NOW)});
        let scene = scene(&spec, &long_ago);
        assert_eq!(counts(&scene), [4, 2, 3, 1]);
        let plan = reconcile(&scene.cache, &Scene::key("b"), NOW);
        let body = &bodies(&plan, Kind::PodDisruptionBudget)[0];
        assert_eq!(body["status"]["disruptedPods"], json!({"p1": null, "gone": null}));
    }
}
