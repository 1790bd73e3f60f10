//! Files that are refused, and what is said about them.

use super::*;

#[test]
fn wrong_types_and_values_are_named() {
    let table = [
        ("profiles: 5", "profiles: 5: must be a list"),
        ("profiles: {}", "profiles: {}: must be a list"),
        ("profiles: [a]", "profiles[0]: \"a\": must be a mapping"),
        ("profiles: [{schedulerName: 5}]", "profiles[0].schedulerName: 5: must be a string"),
        ("profiles: [{schedulerName: yes}]", "profiles[0].schedulerName: true: must be a string"),
        (
            "profiles: [{schedulerName: {a: [1, null], \"b\\n\": c}}]",
            "profiles[0].schedulerName: {\"a\":[1,null],\"b\\n\":\"c\"}: must be a string",
        ),
        ("profiles: [{schedulerName: \"\"}]", "profiles[0].schedulerName: \"\": must not be empty"),
        ("clientConnection: [1]", "clientConnection: [1]: must be a mapping"),
        ("clientConnection: {qps: fast}", "clientConnection.qps: \"fast\": must be a number"),
        ("clientConnection: {qps: \"5\"}", "clientConnection.qps: \"5\": must be a number"),
        ("clientConnection: {burst: -1}", "clientConnection.burst: -1: must be non-negative"),
        ("clientConnection: {burst: 1.5}", "clientConnection.burst: 1.5: must be an integer"),
        ("clientConnection: {burst: x}", "clientConnection.burst: \"x\": must be an integer"),
        (
            "clientConnection: {qps: -1e39}",
            "clientConnection.qps: -1e+39: does not fit a 32-bit number",
        ),
        (
            "clientConnection: {burst: 2147483648}",
            "clientConnection.burst: 2147483648: does not fit a 32-bit integer",
        ),
        (
            "clientConnection: {burst: 1e30}",
            "clientConnection.burst: 1e+30: does not fit a 32-bit integer",
        ),
        ("clientConnection: {kubeconfig: 1}", "clientConnection.kubeconfig: 1: must be a string"),
    ];
    for (body, expected) in table {
        assert_eq!(complaints(body), format!("f.yaml: {expected}"), "{body}");
    }
}

#[test]
fn what_is_not_there_yet_and_what_never_was_differ() {
    let table = [
        (
            "profiles: [{plugins: {podGroupPostFilter: {enabled: [{name: DefaultPreemption}]}}}]",
            "profiles[0].plugins.podGroupPostFilter.enabled: not supported yet",
        ),
        (
            "profiles: [{plugins: {placementGenerate: {enabled: [{name: a}]}}}]",
            "profiles[0].plugins.placementGenerate.enabled: not supported yet",
        ),
        (
            "profiles: [{plugins: {placementScore: {enabled: [{name: NodeResourcesFit}]}}}]",
            "profiles[0].plugins.placementScore.enabled: not supported yet",
        ),
        (
            "profiles: [{plugins: {multiPoint: {enabled: [{name: GangScheduling}]}}}]",
            "profiles[0].plugins.multiPoint.enabled[0]: \"GangScheduling\": not supported yet",
        ),
        ("foo: 1", "foo: unknown field"),
        ("Profiles: []", "Profiles: unknown field"),
        ("\"a b\": 1", "[\"a b\"]: unknown field"),
        ("7: 1", "7: unknown field"),
        ("clientConnection: {foo: null}", "clientConnection.foo: unknown field"),
        ("leaderElection: {foo: 1}", "leaderElection.foo: unknown field"),
        ("profiles: [{foo: 1}]", "profiles[0].foo: unknown field"),
        ("profiles: [{plugins: {scores: {}}}]", "profiles[0].plugins.scores: unknown field"),
    ];
    for (body, expected) in table {
        assert_eq!(complaints(body), format!("f.yaml: {expected}"), "{body}");
    }
}

#[test]
fn numbers_out_of_range_are_refused() {
    let table = [
        ("parallelism: 0", "parallelism: 0: should be an integer value greater than zero"),
        ("parallelism: -1", "parallelism: -1: should be an integer value greater than zero"),
        (
            "percentageOfNodesToScore: 101",
            "percentageOfNodesToScore: 101: not in valid range [0-100]",
        ),
        (
            "percentageOfNodesToScore: -1",
            "percentageOfNodesToScore: -1: not in valid range [0-100]",
        ),
        (
            "profiles: [{percentageOfNodesToScore: 101}]",
            "profiles[0].percentageOfNodesToScore: 101: not in valid range [0-100]",
        ),
        ("podInitialBackoffSeconds: 0", "podInitialBackoffSeconds: 0: must be greater than 0"),
        (
            "podInitialBackoffSeconds: 11",
            "podMaxBackoffSeconds: 10: must be greater than or equal to PodInitialBackoffSeconds",
        ),
        (
            "podMaxBackoffSeconds: 9223372036854775808",
            "podMaxBackoffSeconds: 9223372036854775808: does not fit a 64-bit integer",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(complaints(body), format!("f.yaml: {expected}"), "{body}");
    }
}

#[test]
fn keys_given_twice_are_refused() {
    let table = [
        ("kind: KubeSchedulerConfiguration", "kind: \"KubeSchedulerConfiguration\": given twice"),
        ("profiles: []\nprofiles: []", "profiles: []: given twice"),
        ("clientConnection: {qps: 1, qps: 2}", "clientConnection.qps: 2: given twice"),
        (
            "leaderElection: {leaderElect: false, leaderElect: true}",
            "leaderElection.leaderElect: true: given twice",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(complaints(body), format!("f.yaml: {expected}"), "{body}");
    }
}

#[test]
fn another_version_or_kind_is_all_that_is_said() {
    let version = "must be kubescheduler.config.k8s.io/v1";
    let kind = "must be KubeSchedulerConfiguration";
    let table = [
        (
            "apiVersion: kubescheduler.config.k8s.io/v1beta3\nkind: KubeSchedulerConfiguration\nx: 1",
            format!("f: apiVersion: \"kubescheduler.config.k8s.io/v1beta3\": {version}"),
        ),
        (
            "apiVersion: kubescheduler.config.k8s.io/v1\nkind: Pod\nx: 1",
            format!("f: kind: \"Pod\": {kind}"),
        ),
        (
            "apiVersion: 1\nkind: [a]",
            format!("f: apiVersion: 1: {version}\nf: kind: [\"a\"]: {kind}"),
        ),
        (
            "",
            "f: apiVersion: must be given, as kubescheduler.config.k8s.io/v1\n\
             f: kind: must be given, as KubeSchedulerConfiguration"
                .to_owned(),
        ),
        ("- a", "f: [\"a\"]: must be a mapping".to_owned()),
        ("just text", "f: \"just text\": must be a mapping".to_owned()),
    ];
    for (text, expected) in table {
        assert_eq!(
            parse(text, "f", PLUGINS, FeatureGates::default()).expect_err(text).to_string(),
            expected
        );
    }
}

#[test]
fn all_findings_of_a_file_are_given_one_a_line() {
    let body = "profiles: [{foo: 1, schedulerName: 2}]\nparallelism: -3\n\
                clientConnection: {burst: -4}\n";
    assert_eq!(
        complaints(body),
        "f.yaml: profiles[0].foo: unknown field\n\
         f.yaml: profiles[0].schedulerName: 2: must be a string\n\
         f.yaml: clientConnection.burst: -4: must be non-negative\n\
         f.yaml: parallelism: -3: should be an integer value greater than zero"
    );
}

#[test]
fn a_long_value_is_cut() {
    let line = complaints(&format!("clientConnection: {{qps: {}}}", "\u{e9}".repeat(500)));
    let shown = format!("\"{}...", "\u{e9}".repeat(79));
    assert_eq!(line, format!("f.yaml: clientConnection.qps: {shown}: must be a number"));
}

#[test]
fn what_is_no_yaml_is_one_line_with_its_place() {
    let table = [
        ("profiles: [", "line 3"),
        ("profiles: !ruby/object 1", "unsupported tag"),
        ("clientConnection: {qps: .nan}", "non-finite"),
        ("a: *b", "unknown anchor"),
        ("---\na: 1", "has 2 documents; only one can be read"),
        (&format!("a: {}", "[".repeat(10_000)), "line 3"),
    ];
    for (body, expected) in table {
        let line = complaints(body);
        assert!(line.starts_with("f.yaml: ") && line.contains(expected), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}
