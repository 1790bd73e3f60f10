//! The scheduler's configuration in the topic `config`. Called by the scenario.

use super::{Gen, ZONE};
use serde_json::{Value, json};

impl Gen {
    /// A `KubeSchedulerConfiguration` with one profile.
    pub(super) fn config(&mut self) -> Value {
        let arguments = self.plugin_arguments();
        let weight = self.rng.between(1, 5);
        let mut plugins =
            json!({"multiPoint": {"enabled": [{"name": "ImageLocality", "weight": weight}]}});
        if self.rng.percent(40) {
            let name = self.rng.pick(&[
                "NodeResourcesBalancedAllocation",
                "TaintToleration",
                "NodeAffinity",
            ]);
            plugins["score"] = json!({"disabled": [{"name": name}]});
        }
        if self.rng.percent(20) {
            plugins = json!({"filter": {"disabled": [{"name": "*"}],
                "enabled": [{"name": "NodeResourcesFit"}, {"name": "NodeName"}]}});
        }
        json!({
            "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
            "profiles": [{"schedulerName": "default-scheduler", "pluginConfig": arguments,
                          "plugins": plugins}],
        })
    }

    fn plugin_arguments(&mut self) -> Vec<Value> {
        let strategy = self.scoring_strategy();
        let argument = |name: &str, args: Value| json!({"name": name, "args": args});
        let mut list = vec![argument("NodeResourcesFit", json!({"scoringStrategy": strategy}))];
        if self.rng.percent(50) {
            let weight = self.rng.below(101);
            list.push(argument("InterPodAffinity", json!({"hardPodAffinityWeight": weight})));
        }
        if self.rng.percent(50) {
            let constraint = json!({"maxSkew": 1, "topologyKey": ZONE,
                "whenUnsatisfiable": "ScheduleAnyway"});
            let args = json!({"defaultingType": "List", "defaultConstraints": [constraint]});
            list.push(argument("PodTopologySpread", args));
        }
        if self.rng.percent(30) {
            let expression = json!({"key": ZONE, "operator": "In", "values": ["z0", "z1", "z2"]});
            let terms = json!({"nodeSelectorTerms": [{"matchExpressions": [expression]}]});
            let required = json!({"requiredDuringSchedulingIgnoredDuringExecution": terms});
            list.push(argument("NodeAffinity", json!({"addedAffinity": required})));
        }
        list
    }

    fn scoring_strategy(&mut self) -> Value {
        let rng = &mut self.rng;
        let kind = rng.pick(&["MostAllocated", "LeastAllocated", "RequestedToCapacityRatio"]);
        let mut strategy = json!({"type": kind, "resources": [
            {"name": "cpu", "weight": rng.between(1, 6)},
            {"name": "memory", "weight": rng.between(1, 4)}]});
        if kind == "RequestedToCapacityRatio" {
            strategy["requestedToCapacityRatio"] = json!({"shape": [
                {"utilization": 0, "score": rng.below(11)},
                {"utilization": rng.between(20, 80), "score": rng.below(11)},
                {"utilization": 100, "score": rng.below(11)}]});
        }
        strategy
    }
}
