//! What owns or selects pods: Services, ReplicationControllers, ReplicaSets, StatefulSets. Upstream spreads
//! pods without constraints of their own by the selectors of these. Called by `spread+` and `large`.

use super::{APPS, Gen};
use serde_json::{Value, json};

const NAMESPACES: [&str; 3] = ["default", "team-a", "team-b"];

impl Gen {
    /// Some of each kind in every namespace.
    pub(super) fn workloads(&mut self) -> Vec<Value> {
        let mut objects = Vec::new();
        for namespace in NAMESPACES {
            for app in APPS {
                if self.rng.percent(35) {
                    objects.push(self.service_of(namespace, app));
                }
                for (version, kind) in [
                    ("v1", "ReplicationController"),
                    ("apps/v1", "ReplicaSet"),
                    ("apps/v1", "StatefulSet"),
                ] {
                    if self.rng.percent(80) {
                        objects.push(self.owner(version, kind, namespace, app));
                    }
                }
            }
        }
        objects
    }

    fn service_of(&mut self, namespace: &str, app: &str) -> Value {
        let selector = match self.rng.below(10) {
            0 => json!({"app": app, "tier": self.rng.pick(&["front", "back"])}),
            1 => json!({"tier": "front"}),
            // Such a service selects nothing.
            2 => json!({}),
            _ => json!({"app": app}),
        };
        json!({"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": format!("svc-{app}"), "namespace": namespace},
            "spec": {"selector": selector, "ports": [{"port": 80}]}})
    }

    fn owner(&mut self, version: &str, kind: &str, namespace: &str, app: &str) -> Value {
        let labels = json!({"app": app});
        let name = format!("{}-{app}", kind.to_lowercase());
        let selector = if kind == "ReplicationController" {
            if self.rng.percent(10) { json!({}) } else { labels.clone() }
        } else {
            match self.rng.below(10) {
                0 => json!({"matchLabels": labels, "matchExpressions": [
                    {"key": "tier", "operator": "Exists"}]}),
                1 => {
                    json!({"matchExpressions": [{"key": "app", "operator": "In", "values": [app, "x"]}]})
                }
                _ => json!({"matchLabels": labels}),
            }
        };
        json!({"apiVersion": version, "kind": kind,
            "metadata": {"name": name, "namespace": namespace, "uid": format!("uid-{namespace}-{name}")},
            "spec": {"replicas": 3, "selector": selector, "serviceName": app,
                     "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                         {"name": "c", "image": "registry.example/none"}]}}}})
    }

    /// Says in a pod who owns it: mostly the owner of its app, now and then one that is not there or of a
    /// kind that counts for nothing.
    pub(super) fn owned(&mut self, pod: &mut Value) {
        let (version, kind) = self.rng.pick(&[
            ("v1", "ReplicationController"),
            ("apps/v1", "ReplicaSet"),
            ("apps/v1", "ReplicaSet"),
            ("apps/v1", "StatefulSet"),
            ("apps/v1", "DaemonSet"),
            ("example.com/v1", "ReplicaSet"),
            ("apps/v1beta2", "StatefulSet"),
            ("v2", "ReplicationController"),
        ]);
        let app = super::text(&pod["metadata"]["labels"]["app"]);
        let gone = if self.rng.percent(10) { "-gone" } else { "" };
        let name = format!("{}-{app}{gone}", kind.to_lowercase());
        let namespace = super::text(&pod["metadata"]["namespace"]);
        let mut owner = json!({"apiVersion": version, "kind": kind, "name": name,
                               "uid": format!("uid-{namespace}-{name}")});
        if self.rng.percent(90) {
            owner["controller"] = json!(true);
        }
        pod["metadata"]["ownerReferences"] = json!([owner]);
    }
}
