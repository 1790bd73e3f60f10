//! The topic `large`: 200 nodes with 1,000 pods, and pods with many rules of every kind. Called by the
//! scenario.

use super::{Gen, HOST, Scene, namespaces};
use serde_json::{Value, json};

const NODES: usize = 200;
const PODS: usize = 1000;
const PENDING: usize = 3;

impl Gen {
    /// One scenario of the topic; the other topics' features come in as in `mixed+`, each half the time.
    pub(super) fn large(&mut self) -> Scene {
        let (nodes, mut room): (Vec<Value>, Vec<usize>) = (0..NODES).map(|i| self.node(i)).unzip();
        let mut bound = Vec::with_capacity(PODS);
        let mut tries = 0;
        while bound.len() < PODS && tries < 4 * PODS {
            tries += 1;
            // No node stays empty.
            let place = if tries <= NODES { tries - 1 } else { self.rng.below(NODES) };
            if room[place] > 0 {
                room[place] -= 1;
                bound.push(self.pod(&format!("b{}", bound.len()), Some(&format!("n{place}"))));
            }
        }
        let pending = (0..PENDING).map(|i| self.pod(&format!("p{i}"), None)).collect();
        let mut scene = Scene { nodes, others: namespaces(), bound, pending, config: Value::Null };
        self.more_spread(&mut scene);
        if self.rng.percent(50) {
            self.more_pod_affinity(&mut scene);
        }
        if self.rng.percent(30) {
            self.more_volumes(&mut scene);
        }
        if self.rng.percent(30) {
            self.more_evictions(&mut scene);
        }
        for pod in &mut scene.pending {
            self.many_rules(pod);
        }
        if self.rng.percent(60) {
            self.big_preemptor(&mut scene);
        }
        self.profiles(&mut scene);
        if scene.config.is_null() {
            // Upstream would try only a tenth of the nodes, from a random one on.
            scene.config = json!({
                "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
                "profiles": [{"schedulerName": "default-scheduler", "pluginConfig": [
                    {"name": "DefaultPreemption", "args": {"minCandidateNodesPercentage": 100}}]}],
            });
        }
        scene
    }

    /// A pod that no node takes without evicting others: on a few nodes, or on nearly all.
    fn big_preemptor(&mut self, scene: &mut Scene) {
        let pod = &mut scene.pending[0];
        let rules = json!({"containers": pod["spec"]["containers"], "priority": 5000,
                           "schedulerName": pod["spec"]["schedulerName"]});
        pod["spec"] = rules;
        let container = &mut pod["spec"]["containers"][0];
        if self.rng.percent(60) {
            container["resources"] = json!({"requests": {"cpu": "15950m"}});
            return;
        }
        container["resources"] = json!({});
        for node in &mut scene.nodes {
            node["metadata"]["labels"][HOST] = node["metadata"]["name"].clone();
        }
        let term = json!({"topologyKey": HOST, "namespaceSelector": {}, "labelSelector": {}});
        let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]});
        pod["spec"]["affinity"]["podAntiAffinity"] = required;
    }

    fn many_rules(&mut self, pod: &mut Value) {
        if self.rng.percent(60) {
            pod["spec"]["topologySpreadConstraints"] = self.constraints(pod, 8);
        }
        if self.rng.percent(50) {
            self.terms_of(pod, 10);
        }
    }
}
