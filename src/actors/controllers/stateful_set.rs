//! StatefulSets: pods with numbers, made and done away with in order. Pure.
//!
//! Upstream: pkg/controller/statefulset, v1.37. Differs from upstream: claims are never deleted
//! (`persistentVolumeClaimRetentionPolicy`), and `maxUnavailable` of an update is one.

use kube::core::DynamicObject;
use serde_json::{Map, Value, json};

use crate::units::Nanos;

use super::super::phase::Phase;
use super::cache::Cache;
use super::kind::{Key, Kind};
use super::plan::{Action, Plan, claim, int, is_deleting, name, namespace, number, pod_from};
use super::pod::Pod;
use super::revision::{self, HASH, Revision};

const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";

/// A StatefulSet and its pods.
struct Set<'a> {
    cache: &'a Cache,
    object: &'a DynamicObject,
    spec: &'a Value,
    first: i64,
    replicas: i64,
    /// By their numbers.
    pods: Vec<(i64, &'a Pod)>,
    update: Revision,
    /// The name of the revision that pods had before an update.
    current: String,
    now: Nanos,
}

/// What is to be done about one.
pub(super) fn reconcile(cache: &Cache, key: &Key, now: Nanos) -> Plan {
    let mut plan = Plan::default();
    let Some(object) = cache.get(Kind::StatefulSet, key) else { return plan };
    let spec = &object.data["spec"];
    let mut pods: Vec<(i64, &Pod)> = claim(cache, Kind::StatefulSet, object, &mut plan)
        .into_iter()
        .filter_map(|pod| Some((number_of(name(object), &pod.key.name)?, pod)))
        .collect();
    pods.sort_by_key(|(number, _)| *number);
    let known_current = object.data["status"]["currentRevision"].as_str().unwrap_or_default();
    let mut used: Vec<&str> = pods.iter().filter_map(|(_, pod)| pod.labels.get(HASH)).collect();
    used.push(known_current);
    let update = revision::current(cache, Kind::StatefulSet, object, &used, &mut plan);
    let current = if known_current.is_empty() { &update.name } else { known_current };
    let current = current.to_owned();
    let set = Set {
        cache,
        object,
        spec,
        first: int(&spec["ordinals"]["start"], 0),
        replicas: int(&spec["replicas"], 1),
        pods,
        update,
        current,
        now,
    };
    if !is_deleting(object) {
        set.step(&mut plan);
    }
    set.write_status(&mut plan);
    plan
}

/// The number at the end of a pod's name.
fn number_of(set: &str, pod: &str) -> Option<i64> {
    pod.strip_prefix(set)?.strip_prefix('-')?.parse().ok()
}

impl Set<'_> {
    fn is_parallel(&self) -> bool {
        self.spec["podManagementPolicy"] == "Parallel"
    }

    fn is_healthy(&self, pod: &Pod, plan: &mut Plan) -> bool {
        let seconds = int(&self.spec["minReadySeconds"], 0);
        match pod.is_available(seconds, self.now) {
            Ok(is_available) => is_available && pod.phase == Phase::Running && !pod.deleting,
            Err(at) => {
                plan.again_at(at);
                false
            }
        }
    }

    fn pod(&self, number: i64) -> Option<&Pod> {
        self.pods.iter().find(|(of, _)| *of == number).map(|(_, pod)| *pod)
    }

    /// From the first to the last that are to be; then those beyond, from the last; then updates. In
    /// order, one at a time, unless the set is parallel.
    fn step(&self, plan: &mut Plan) {
        for number in self.first..self.first + self.replicas {
            let Some(pod) = self.pod(number) else {
                self.create(number, plan);
                if self.is_parallel() {
                    continue;
                }
                return;
            };
            if pod.is_finished() && !pod.deleting {
                self.delete(pod, plan);
                return;
            }
            if !self.is_parallel() && !self.is_healthy(pod, plan) {
                return;
            }
        }
        let beyond =
            |(number, _): &&(i64, &Pod)| !(self.first..self.first + self.replicas).contains(number);
        for (_, pod) in self.pods.iter().filter(beyond).rev() {
            if !pod.deleting {
                self.delete(pod, plan);
            }
            if !self.is_parallel() {
                return;
            }
        }
        self.roll(plan);
    }

    /// Deletes the last pod that is not up to date, once those after it are.
    fn roll(&self, plan: &mut Plan) {
        let strategy = &self.spec["updateStrategy"];
        if strategy["type"] == "OnDelete" {
            return;
        }
        let from = self.first + int(&strategy["rollingUpdate"]["partition"], 0);
        for number in (from..self.first + self.replicas).rev() {
            let Some(pod) = self.pod(number) else { return };
            if pod.labels.get(HASH) != Some(&self.update.name) && !pod.deleting {
                self.delete(pod, plan);
                return;
            }
            if !self.is_healthy(pod, plan) {
                return;
            }
        }
    }

    fn delete(&self, pod: &Pod, plan: &mut Plan) {
        let delete = Action::delete(Kind::Pod, &pod.key, &pod.uid);
        let set = name(self.object);
        let text = format!("Delete Pod {} in StatefulSet {set} successful", pod.key.name);
        plan.push(delete.saying("SuccessfulDelete", text));
    }

    /// The revision that a pod with this number is made from, and its template.
    ///
    /// Upstream: newVersionedStatefulSetPod, v1.37.
    fn source(&self, number: i64) -> (&str, &Value) {
        let strategy = &self.spec["updateStrategy"];
        let partition = int(&strategy["rollingUpdate"]["partition"], 0);
        let is_kept = strategy["type"] != "OnDelete" && number < self.first + partition;
        let kept = revision::template(self.cache, namespace(self.object), &self.current);
        match kept {
            Some(template) if is_kept && self.current != self.update.name => {
                (&self.current, template)
            }
            _ => (&self.update.name, &self.spec["template"]),
        }
    }

    fn create(&self, number: i64, plan: &mut Plan) {
        let set = name(self.object);
        let pod_name = format!("{set}-{number}");
        let (revision, template) = self.source(number);
        let mut pod = pod_from(Kind::StatefulSet, self.object, "", template);
        let metadata = &mut pod["metadata"];
        metadata["generateName"] = Value::Null;
        metadata["name"] = json!(pod_name);
        metadata["labels"][POD_NAME] = json!(pod_name);
        metadata["labels"][POD_INDEX] = json!(number.to_string());
        metadata["labels"][HASH] = json!(revision);
        pod["spec"]["hostname"] = json!(pod_name);
        pod["spec"]["subdomain"] = self.spec["serviceName"].clone();
        self.create_claims(&pod_name, &mut pod, plan);
        let text = format!("Create Pod {pod_name} in StatefulSet {set} successful");
        let create = Action::create(Kind::Pod, namespace(self.object), pod);
        plan.push(create.saying("SuccessfulCreate", text));
    }

    /// Makes a pod's claims, where they are not there, and puts them among its volumes.
    fn create_claims(&self, pod_name: &str, pod: &mut Value, plan: &mut Plan) {
        let templates = self.spec["volumeClaimTemplates"].as_array();
        let mut volumes = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
        for template in templates.into_iter().flatten() {
            let volume = template["metadata"]["name"].as_str().unwrap_or_default();
            let claim_name = format!("{volume}-{pod_name}");
            volumes.retain(|known| known["name"] != volume);
            let claim = json!({"claimName": claim_name});
            volumes.push(json!({"name": volume, "persistentVolumeClaim": claim}));
            let key =
                Key { namespace: namespace(self.object).into(), name: claim_name.as_str().into() };
            if self.cache.get(Kind::PersistentVolumeClaim, &key).is_some() {
                continue;
            }
            let mut labels = template["metadata"]["labels"].clone();
            for (name, value) in
                self.spec["selector"]["matchLabels"].as_object().into_iter().flatten()
            {
                labels[name] = value.clone();
            }
            let created = json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {
                    "name": claim_name, "namespace": key.namespace, "labels": labels,
                    "annotations": template["metadata"]["annotations"],
                },
                "spec": template["spec"],
            });
            let set = name(self.object);
            let text =
                format!("Create Claim {claim_name} Pod {pod_name} in StatefulSet {set} success");
            let create = Action::create(Kind::PersistentVolumeClaim, &key.namespace, created);
            plan.push(create.saying("SuccessfulCreate", text));
        }
        if !volumes.is_empty() {
            pod["spec"]["volumes"] = volumes.into();
        }
    }

    fn write_status(&self, plan: &mut Plan) {
        let of = |revision: &str| {
            let is_of =
                |(_, pod): &&(i64, &Pod)| pod.labels.get(HASH) == Some(revision) && !pod.deleting;
            number(self.pods.iter().filter(is_of).count())
        };
        let ready = self
            .pods
            .iter()
            .filter(|(_, pod)| pod.is_ready() && pod.phase == Phase::Running && !pod.deleting);
        let ready = number(ready.count());
        let healthy = self.pods.iter().filter(|(_, pod)| self.is_healthy(pod, plan)).count();
        let updated = of(&self.update.name);
        let there = number(self.pods.len());
        let is_rolling = self.spec["updateStrategy"]["type"] != "OnDelete";
        let done = is_rolling && updated == there && ready == there && there == self.replicas;
        let current = if done { &self.update.name } else { &self.current };
        let mut status = Map::new();
        // This one is there also where it is zero.
        status.insert("replicas".into(), json!(there));
        status.insert("availableReplicas".into(), json!(healthy));
        // Two revisions never get the same name here: it is made of what they hold.
        status.insert("collisionCount".into(), json!(0));
        for (name, count) in [
            ("readyReplicas", ready),
            ("currentReplicas", of(current)),
            ("updatedReplicas", updated),
        ] {
            status.insert(name.into(), if count == 0 { Value::Null } else { json!(count) });
        }
        status.insert("currentRevision".into(), json!(current));
        status.insert("updateRevision".into(), json!(self.update.name));
        status.insert("observedGeneration".into(), json!(self.object.metadata.generation));
        plan.status(Kind::StatefulSet, self.object, status);
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::super::kit::{Scene, bodies, paths};
    use super::*;

    const NOW: Nanos = Nanos::from_secs(2_000_000_000);

    /// A cluster with a set, at which nobody has looked.
    fn untouched(change: &Value) -> Scene {
        let mut scene = Scene::default();
        let mut spec = json!({
            "replicas": 3, "serviceName": "s", "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": []}},
        });
        super::super::kit::merge(&mut spec, change);
        scene.add(Kind::StatefulSet, "db", spec);
        scene
    }

    /// The same with its revision made.
    fn scene(change: &Value) -> Scene {
        let mut scene = untouched(change);
        let plan = look(&scene);
        scene.carry_out(&plan);
        scene
    }

    fn look(scene: &Scene) -> Plan {
        reconcile(&scene.cache, &Scene::key("db"), NOW)
    }

    fn revision(scene: &Scene) -> String {
        let set = scene.cache.get(Kind::StatefulSet, &Scene::key("db")).unwrap();
        set.data["status"]["updateRevision"].as_str().unwrap().to_owned()
    }

    fn pod(scene: &mut Scene, name: &str, phase: &str, revision: &str) {
        let labels = json!({"app": "a", HASH: revision});
        scene.pod(name, Some((Kind::StatefulSet, "db")), labels, phase);
    }

    fn created(plan: &Plan) -> Vec<String> {
        let pods = bodies(plan, Kind::Pod);
        let name = |pod: &Value| Some(pod["metadata"]["name"].as_str()?.to_owned());
        pods.iter().filter_map(name).collect()
    }

    #[test]
    fn pods_come_one_after_another_and_go_the_other_way() {
        let mut scene = scene(&json!({}));
        let hash = revision(&scene);
        assert_eq!(created(&look(&scene)), ["db-0"]);
        pod(&mut scene, "db-0", "Pending", &hash);
        assert_eq!(created(&look(&scene)), [""; 0]);
        pod(&mut scene, "db-0", "Running", &hash);
        let plan = look(&scene);
        assert_eq!(created(&plan), ["db-1"]);
        let made = &bodies(&plan, Kind::Pod)[0];
        assert_eq!(made["metadata"]["labels"][POD_INDEX], "1");
        assert_eq!(made["metadata"]["labels"][POD_NAME], "db-1");
        assert_eq!(
            (&made["spec"]["hostname"], &made["spec"]["subdomain"]),
            (&json!("db-1"), &json!("s"))
        );
        for name in ["db-1", "db-2", "db-3", "db-4"] {
            pod(&mut scene, name, "Running", &hash);
        }
        assert_eq!(paths(&look(&scene), Method::DELETE), ["/api/v1/namespaces/ns/pods/db-4"]);
    }

    #[test]
    fn a_parallel_one_does_not_wait() {
        let scene = scene(&json!({"podManagementPolicy": "Parallel"}));
        assert_eq!(created(&look(&scene)), ["db-0", "db-1", "db-2"]);
    }

    #[test]
    fn claims_are_made_before_their_pod() {
        let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": []}});
        let mut scene = untouched(&json!({"volumeClaimTemplates": [claim]}));
        let plan = look(&scene);
        let claims = bodies(&plan, Kind::PersistentVolumeClaim);
        assert_eq!(claims[0]["metadata"]["name"], "data-db-0");
        assert_eq!(claims[0]["metadata"]["labels"]["app"], "a");
        let volumes = &bodies(&plan, Kind::Pod)[0]["spec"]["volumes"];
        assert_eq!(volumes[0]["persistentVolumeClaim"]["claimName"], "data-db-0");
        scene.carry_out(&plan);
        assert_eq!(bodies(&look(&scene), Kind::PersistentVolumeClaim).len(), 0);
    }

    #[test]
    fn an_update_goes_from_the_last_to_the_partition() {
        let partition = |partition| json!({"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": partition}}});
        let mut scene = scene(&partition(1));
        for name in ["db-0", "db-1", "db-2"] {
            pod(&mut scene, name, "Running", "older");
        }
        assert_eq!(paths(&look(&scene), Method::DELETE), ["/api/v1/namespaces/ns/pods/db-2"]);
        let hash = revision(&scene);
        pod(&mut scene, "db-2", "Pending", &hash);
        assert_eq!(paths(&look(&scene), Method::DELETE), [""; 0]);
        pod(&mut scene, "db-2", "Running", &hash);
        assert_eq!(paths(&look(&scene), Method::DELETE), ["/api/v1/namespaces/ns/pods/db-1"]);
        pod(&mut scene, "db-1", "Running", &hash);
        assert_eq!(paths(&look(&scene), Method::DELETE), [""; 0]);
        let plan = look(&scene);
        scene.carry_out(&plan);
        let set = scene.cache.get(Kind::StatefulSet, &Scene::key("db")).unwrap();
        assert_eq!(set.data["status"]["updatedReplicas"], 2);
    }
}
