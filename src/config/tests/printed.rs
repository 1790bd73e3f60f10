//! Configurations printed with their defaults.

use super::super::{render_default, render_file};
use super::*;

/// What kube-scheduler v1.37.2 writes with `--write-config-to` for a file that says nothing.
const UPSTREAM: &str = include_str!("default.yaml");

fn printed(body: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yaml");
    std::fs::write(&path, format!("{HEAD}{body}")).unwrap();
    render_file(&path, PLUGINS, FeatureGates::default())
        .unwrap_or_else(|errors| panic!("{body}\n{errors}"))
}

#[test]
fn the_defaults_are_printed_as_upstream_prints_them() {
    let own_lease = UPSTREAM
        .replace("resourceName: kube-scheduler", "resourceName: berth")
        .replace("resourceNamespace: kube-system", "resourceNamespace: \"\"");
    assert_eq!(printed(""), own_lease);
    let berth = own_lease.replace("schedulerName: default-scheduler", "schedulerName: berth");
    assert_eq!(render_default(PLUGINS, FeatureGates::default()), berth);
    let mut read = parse(
        &render_default(PLUGINS, FeatureGates::default()),
        "f",
        PLUGINS,
        FeatureGates::default(),
    )
    .unwrap();
    read.warnings.clear();
    read.client.content_type = None;
    assert_eq!(read, Configuration::default_berth(PLUGINS, FeatureGates::default()));
}

#[test]
fn what_is_printed_means_the_same() {
    let table = [
        "profiles: [{schedulerName: a}, {schedulerName: \"no\", percentageOfNodesToScore: 5}]",
        "clientConnection: {qps: 0.5, burst: 3, kubeconfig: \"a b: #\", contentType: x/y}",
        "clientConnection: {qps: -1}\npodInitialBackoffSeconds: 2\npodMaxBackoffSeconds: 1000",
        "leaderElection: {leaderElect: false, leaseDuration: 1m30s, resourceName: \"1\"}",
        "parallelism: 3\ndelayCacheUntilActive: true\nenableProfiling: false",
        "profiles: [{plugins: {score: {enabled: [{name: ImageLocality, weight: 3}], disabled: \
         [{name: NodeAffinity}]}, multiPoint: {disabled: [{name: NodeName}], enabled: [{name: \
         NodeName}]}}}]",
        "profiles: [{pluginConfig: [{name: NodeAffinity, args: {addedAffinity: {preferredDuring\
         SchedulingIgnoredDuringExecution: [{weight: 3, preference: {matchExpressions: [{key: a, \
         operator: In, values: [\"true\", \"\", \"5\", yes-no]}]}}]}}}]}]",
        "profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {ignoredResources: [a/b], \
         scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: \
         [{utilization: 1, score: 2}]}}}}, {name: PodTopologySpread, args: {defaultingType: List, \
         defaultConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule}]}}]}]",
    ];
    for body in table {
        let once = printed(body);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c.yaml");
        std::fs::write(&path, &once).unwrap();
        assert_eq!(
            render_file(&path, PLUGINS, FeatureGates::default()).as_ref(),
            Ok(&once),
            "{body}"
        );

        let (mut first, mut again) =
            (right(body), parse(&once, "f", PLUGINS, FeatureGates::default()).unwrap());
        for read in [&mut first, &mut again] {
            read.warnings.clear();
            read.client.content_type = None;
        }
        assert_eq!(again, first, "{body}");
    }
}
