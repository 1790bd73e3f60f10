//! What the tests of the reconcilers share: a cache filled by hand, and readers of plans.
#![expect(clippy::needless_pass_by_value, reason = "tests hand over what they make with json!")]

use http::Method;
use serde_json::{Value, json};

use super::cache::{Cache, From};
use super::kind::{Key, Kind};
use super::plan::{Action, Plan};
use super::pod::SeenPod;

/// A cluster with one namespace, `ns`.
#[derive(Default)]
pub(super) struct Scene {
    pub(super) cache: Cache,
    version: u64,
}

impl Scene {
    pub(super) fn key(name: &str) -> Key {
        Key { namespace: "ns".into(), name: name.into() }
    }

    /// Adds an object with this spec.
    pub(super) fn add(&mut self, kind: Kind, name: &str, spec: Value) {
        self.put(kind, name, json!({"spec": spec}));
    }

    /// Adds or replaces an object with these parts.
    pub(super) fn put(&mut self, kind: Kind, name: &str, parts: Value) {
        self.version += 1;
        let mut object = json!({"metadata": {
            "name": name, "namespace": "ns", "uid": format!("{name}-uid"), "generation": 1,
            "resourceVersion": self.version.to_string(),
            "creationTimestamp": format!("2026-01-01T00:00:{:02}Z", self.version % 60),
        }});
        merge(&mut object, &parts);
        self.cache.observe(kind, serde_json::from_value(object).unwrap(), From::Watch);
    }

    /// Adds a pod; one that runs is ready.
    pub(super) fn pod(
        &mut self,
        name: &str,
        owner: Option<(Kind, &str)>,
        labels: Value,
        phase: &str,
    ) {
        self.pod_with(name, owner, labels, phase, json!({}));
    }

    /// Adds a pod with further parts.
    pub(super) fn pod_with(
        &mut self,
        name: &str,
        owner: Option<(Kind, &str)>,
        labels: Value,
        phase: &str,
        parts: Value,
    ) {
        self.version += 1;
        let owners = owner.map(|(kind, name)| {
            json!([{
                "apiVersion": kind.api_version(), "kind": kind.name(), "name": name,
                "uid": format!("{name}-uid"), "controller": true,
            }])
        });
        let ready = if phase == "Running" { "True" } else { "False" };
        let mut pod = json!({
            "metadata": {
                "name": name, "namespace": "ns", "uid": format!("{name}-uid"), "labels": labels,
                "resourceVersion": self.version.to_string(), "ownerReferences": owners,
                "creationTimestamp": format!("2026-01-01T00:01:{:02}Z", self.version % 60),
            },
            "spec": {},
            "status": {"phase": phase, "conditions": [{
                "type": "Ready", "status": ready, "lastTransitionTime": "2026-01-01T00:02:00Z",
            }]},
        });
        merge(&mut pod, &parts);
        let pod: SeenPod = serde_json::from_value(pod).unwrap();
        self.cache.observe_pod(pod.trim(), From::Watch);
    }

    /// Carries the plan out as an API server would: creations, merges, deletions without grace.
    pub(super) fn carry_out(&mut self, plan: &Plan) {
        for Action { kind, write, .. } in &plan.actions {
            let Some(write) = write else { continue };
            let name =
                write.path.trim_end_matches("/status").rsplit('/').next().unwrap().to_owned();
            match write.method {
                Method::POST if *kind == Kind::Pod => {}
                Method::POST => {
                    let name = write.body["metadata"]["name"].as_str().unwrap().to_owned();
                    self.put(*kind, &name, write.body.clone());
                }
                Method::PATCH if *kind != Kind::Pod => {
                    let known = self.cache.get(*kind, &Self::key(&name)).unwrap();
                    let mut object = serde_json::to_value(known).unwrap();
                    merge(&mut object, &write.body);
                    object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
                    self.put(*kind, &name, object);
                }
                _ => {}
            }
        }
    }
}

/// JSON merge patch.
pub(super) fn merge(target: &mut Value, change: &Value) {
    let Value::Object(change) = change else { return };
    for (name, value) in change {
        match value {
            Value::Null => drop(target.as_object_mut().unwrap().remove(name)),
            Value::Object(_) if target[name].is_object() => merge(&mut target[name], value),
            _ => target[name] = value.clone(),
        }
    }
}

/// What a plan sends to objects of a kind.
pub(super) fn bodies(plan: &Plan, kind: Kind) -> Vec<Value> {
    let of_kind = plan.actions.iter().filter(|action| action.kind == kind);
    of_kind.filter_map(|action| Some(action.write.as_ref()?.body.clone())).collect()
}

/// Where a plan sends requests of a method.
pub(super) fn paths(plan: &Plan, method: Method) -> Vec<String> {
    let writes = plan.actions.iter().filter_map(|action| action.write.as_ref());
    writes.filter(|write| write.method == method).map(|write| write.path.clone()).collect()
}

/// The reasons and texts of a plan's events.
pub(super) fn said(plan: &Plan) -> Vec<(&str, &str)> {
    let says = plan.actions.iter().filter_map(|action| action.say.as_ref());
    says.map(|say| (say.reason, say.text.as_str())).collect()
}
