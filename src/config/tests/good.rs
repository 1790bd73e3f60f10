//! Files that are read, and what they say.

use super::super::{ClientConnection, RateLimit, from_value, load};
use super::*;
use crate::units::Nanos;

#[test]
fn without_a_file_it_schedules_for_berth() {
    let configuration = Configuration::default_berth(PLUGINS, FeatureGates::default());
    assert_eq!(configuration, named("berth"));
    assert_eq!(configuration.client.rate, RateLimit { qps: Some(50.0), burst: 100 });
    assert_eq!(configuration.client.kubeconfig, None);
    assert_eq!(configuration.pod_initial_backoff, Nanos(1_000_000_000));
    assert_eq!(configuration.pod_max_backoff, Nanos(10_000_000_000));
}

#[test]
fn good_files_get_their_profile() {
    let table = [
        ("", "default-scheduler"),
        ("---", "default-scheduler"),
        ("...\n---\n# nothing\n", "default-scheduler"),
        ("profiles:", "default-scheduler"),
        ("profiles: []", "default-scheduler"),
        ("profiles: [{}]", "default-scheduler"),
        ("profiles: [null]", "default-scheduler"),
        ("profiles: [{schedulerName: null}]", "default-scheduler"),
        ("profiles: [{schedulerName: mine}]", "mine"),
        ("profiles:\n- schedulerName: \"50\"", "50"),
        ("# says nothing\nprofiles: [{schedulerName: a, plugins: {score: {}}}]", "a"),
        ("extenders: []\nparallelism: null\nprofiles: [{schedulerName: a, pluginConfig: []}]", "a"),
        ("---", "default-scheduler"),
        ("...\n---\n# nothing\n", "default-scheduler"),
        ("leaderElection:", "default-scheduler"),
    ];
    for (body, name) in table {
        assert_eq!(file(body), Ok(named(name)), "{body}");
    }
}

#[test]
fn json_is_read_like_yaml() {
    let text = "{\n\t\"apiVersion\": \"kubescheduler.config.k8s.io/v1\",\n\
                \t\"kind\": \"KubeSchedulerConfiguration\",\n\
                \t\"profiles\": [{\"schedulerName\": \"a\\u00e9\"}]\n}\n";
    assert_eq!(parse(text, "f.json", PLUGINS, FeatureGates::default()), Ok(named("a\u{e9}")));
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(
        from_value(&value, "scenario", PLUGINS, FeatureGates::default()),
        Ok(named("a\u{e9}"))
    );
}

#[test]
fn a_client_connection_is_read() {
    let body = "clientConnection: {kubeconfig: /etc/kube.conf, qps: 0.5, burst: 7, \
                acceptContentTypes: application/json, contentType: application/json}";
    let json = || Some("application/json".to_owned());
    let expected = ClientConnection {
        kubeconfig: Some("/etc/kube.conf".into()),
        accept_content_types: json(),
        content_type: json(),
        rate: RateLimit { qps: Some(0.5), burst: 7 },
    };
    assert_eq!(file(body).unwrap().client, expected);

    let body = "clientConnection: {kubeconfig: \"\", contentType: \"\", qps: null}";
    assert_eq!(file(body).unwrap().client, ClientConnection::default());
}

#[test]
fn the_rate_has_upstreams_defaults() {
    let table = [
        ("{}", Some(50.0), 100),
        ("{qps: 0, burst: 0}", Some(50.0), 100),
        ("{qps: 0.0, burst: 5}", Some(50.0), 5),
        ("{qps: -1}", None, 100),
        ("{qps: 1e3, burst: 2e2}", Some(1000.0), 200),
        ("{qps: 5, burst: 100.0}", Some(5.0), 100),
        ("{qps: 010, burst: 0x10}", Some(8.0), 16),
        ("{burst: 2147483647}", Some(50.0), 2_147_483_647),
    ];
    for (fields, qps, burst) in table {
        let rate = file(&format!("clientConnection: {fields}")).unwrap().client.rate;
        assert_eq!(rate, RateLimit { qps, burst }, "{fields}");
    }
}

#[test]
fn a_file_is_loaded_or_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("c.yaml");
    std::fs::write(&path, format!("{HEAD}profiles: [{{schedulerName: a}}]")).unwrap();
    assert_eq!(load(&path, PLUGINS, FeatureGates::default()), Ok(named("a")));

    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    let expected = format!("{}: is not UTF-8 text", path.display());
    assert_eq!(load(&path, PLUGINS, FeatureGates::default()).unwrap_err().to_string(), expected);

    let missing = directory.path().join("none.yaml");
    let message = load(&missing, PLUGINS, FeatureGates::default()).unwrap_err().to_string();
    let expected = format!("{}: cannot be read: No such file", missing.display());
    assert!(message.starts_with(&expected), "{message}");
}

#[test]
fn backoff_and_percentages_are_read() {
    let seconds = Nanos::from_secs;
    let read = right("podInitialBackoffSeconds: 3\npodMaxBackoffSeconds: 3");
    assert_eq!((read.pod_initial_backoff, read.pod_max_backoff), (seconds(3), seconds(3)));
    let read = right("podMaxBackoffSeconds: 9223372036854775807");
    assert_eq!(read.pod_max_backoff, Nanos(u64::MAX));

    let table = [
        ("", "", None),
        ("percentageOfNodesToScore: 40", "", Some(40)),
        ("percentageOfNodesToScore: 100", "percentageOfNodesToScore: 30", Some(30)),
        ("percentageOfNodesToScore: 40", "percentageOfNodesToScore: 0", None),
        ("percentageOfNodesToScore: 40", "percentageOfNodesToScore: null", Some(40)),
    ];
    for (global, own, expected) in table {
        let read = right(&format!("{global}\nprofiles: [{{{own}}}]"));
        assert_eq!(read.profiles[0].percentage_of_nodes_to_score, expected, "{global} {own}");
    }
}

#[test]
fn what_has_no_effect_is_warned_about() {
    let table: [(&str, &[&str]); 8] = [
        ("parallelism: 16", &[]),
        ("parallelism: 8", &["parallelism: 8: has no effect"]),
        ("enableProfiling: false", &["enableProfiling: false: has no effect"]),
        ("enableContentionProfiling: false", &["enableContentionProfiling: false: has no effect"]),
        ("delayCacheUntilActive: true", &["delayCacheUntilActive: true: has no effect"]),
        (
            "enableProfiling: true\nenableContentionProfiling: true\ndelayCacheUntilActive: false",
            &[],
        ),
        (
            "profiles: [{plugins: {multiPoint: {disabled: [{name: Nope}, {name: GangScheduling}]}}}]",
            &["profiles[0].plugins.multiPoint.disabled[0]: \"Nope\": no plugin has this name"],
        ),
        ("profiles: [{plugins: {podGroupPostFilter: {disabled: [{name: \"*\"}]}}}]", &[]),
    ];
    for (body, expected) in table {
        assert_eq!(right(body).warnings, expected, "{body}");
    }
}
