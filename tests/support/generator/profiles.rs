//! Configurations with the arguments of the plugins that the `+` topics are about, and a second profile now
//! and then. Called by scenarios of those topics.

use super::{Gen, HOST, Scene, ZONE};
use serde_json::{Value, json};

/// The plugins that a profile may lack. Some look only at what others have let pass, so without these
/// their own answer is seen.
const PLUGINS: [&[&str]; 4] = [
    &["DefaultPreemption"],
    &["InterPodAffinity"],
    &["PodTopologySpread"],
    &["VolumeRestrictions"],
];
const VOLUME_PLUGINS: [&[&str]; 6] = [
    &["NodeVolumeLimits"],
    &["VolumeBinding"],
    &["VolumeBinding", "NodeVolumeLimits"],
    &["VolumeRestrictions"],
    &["VolumeZone"],
    &["VolumeRestrictions", "VolumeBinding", "VolumeZone"],
];

impl Gen {
    /// Gives half of the scenarios a configuration, and some of these two profiles.
    pub(super) fn profiles(&mut self, scene: &mut Scene) {
        let known = ["spread", "podaffinity", "volumes", "preemption", "mixed", "large"];
        if !known.iter().any(|topic| self.is(topic)) || self.rng.percent(50) {
            return;
        }
        let mut profiles = vec![self.profile("default-scheduler")];
        if self.rng.percent(30) {
            profiles.push(self.profile("second"));
            for pod in &mut scene.pending {
                if self.rng.percent(50) {
                    pod["spec"]["schedulerName"] = json!("second");
                }
            }
        }
        scene.config = json!({
            "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
            "profiles": profiles,
        });
    }

    fn profile(&mut self, name: &str) -> Value {
        let (large, volumes) = (self.is("large"), self.is("volumes"));
        let mut arguments = Vec::new();
        let mut add = |name: &str, args: Value| arguments.push(json!({"name": name, "args": args}));
        if self.rng.percent(60) {
            add("PodTopologySpread", self.spread_arguments());
        }
        let rng = &mut self.rng;
        if rng.percent(60) {
            add(
                "InterPodAffinity",
                json!({"hardPodAffinityWeight": rng.pick(&[0, 1, 5, 100]),
                       "ignorePreferredTermsOfExistingPods": rng.percent(40)}),
            );
        }
        if rng.percent(60) {
            let shape = rng.pick(&[
                &[(0, 0), (100, 10)][..],
                &[(0, 10), (100, 0)],
                &[(0, 5)],
                &[(10, 0), (40, 7), (90, 3)],
            ]);
            let shape: Vec<Value> = shape
                .iter()
                .map(|(utilization, score)| json!({"utilization": utilization, "score": score}))
                .collect();
            add("VolumeBinding", json!({"shape": shape}));
        }
        // In a large cluster it always says so.
        if large || rng.percent(60) {
            // All nodes are tried: with fewer, upstream tries those from a random one on.
            add(
                "DefaultPreemption",
                json!({"minCandidateNodesPercentage": 100,
                "minCandidateNodesAbsolute": rng.pick(&[0, 1, 100])}),
            );
        }
        let mut profile = json!({"schedulerName": name, "pluginConfig": arguments});
        if rng.percent(30) {
            let plugin = rng.pick(&["PodTopologySpread", "InterPodAffinity", "VolumeBinding"]);
            profile["plugins"]["multiPoint"]["enabled"] =
                json!([{"name": plugin, "weight": rng.between(1, 10)}]);
        }
        if rng.percent(10) {
            let plugin = rng.pick(&["PodTopologySpread", "InterPodAffinity", "NodeResourcesFit"]);
            profile["plugins"]["score"]["disabled"] = json!([{"name": plugin}]);
        }
        if rng.percent(30) {
            let lacking = if volumes { rng.pick(&VOLUME_PLUGINS) } else { rng.pick(&PLUGINS) };
            profile["plugins"]["multiPoint"]["disabled"] =
                lacking.iter().map(|name| json!({"name": name})).collect();
        }
        if volumes && rng.percent(5) {
            // Its filter works without what its pre-filter found out.
            profile["plugins"]["preFilter"]["disabled"] = json!([{"name": "VolumeZone"}]);
        }
        profile
    }

    fn spread_arguments(&mut self) -> Value {
        let rng = &mut self.rng;
        match rng.below(4) {
            0 => return json!({"defaultingType": "System"}),
            1 => return json!({"defaultingType": "List"}),
            _ => {}
        }
        let count = rng.between(1, 4);
        let pairs = [
            (HOST, "ScheduleAnyway"),
            (ZONE, "ScheduleAnyway"),
            (ZONE, "DoNotSchedule"),
            (HOST, "DoNotSchedule"),
            ("rack", "ScheduleAnyway"),
        ];
        let constraints: Vec<Value> = rng
            .sample(&pairs, count)
            .into_iter()
            .map(|(key, action)| {
                json!({"maxSkew": rng.pick(&[1, 2, 4]), "topologyKey": key, "whenUnsatisfiable": action})
            })
            .collect();
        json!({"defaultingType": "List", "defaultConstraints": constraints})
    }
}
