//! Where a pod may go and which ports it asks for.

use serde_json::json;

use crate::model::{
    HostPort, LabelSelector, NodeOperator, NodeRequirement, SpreadConstraint, WhenUnsatisfiable,
};

use super::pod;

#[test]
fn host_ports() {
    let containers = json!([{"name": "a", "ports": [
        {"containerPort": 80}, {"hostPort": 8080, "protocol": "UDP", "hostIP": "10.0.0.1"}]}]);
    let port = |protocol: &str, ip: &str, port| HostPort {
        protocol: protocol.into(),
        ip: ip.into(),
        port,
    };
    let rows = [
        (json!({"containers": containers}), vec![port("UDP", "10.0.0.1", 8080)]),
        (
            json!({"hostNetwork": true, "containers": containers}),
            vec![port("TCP", "0.0.0.0", 80), port("UDP", "10.0.0.1", 8080)],
        ),
        (
            json!({"initContainers": [
                {"name": "a", "ports": [{"hostPort": 1}]},
                {"name": "b", "ports": [{"hostPort": 2}], "restartPolicy": "Always"}]}),
            vec![port("TCP", "0.0.0.0", 2)],
        ),
        (json!({"containers": [{"name": "a", "ports": [{"hostPort": 0}]}]}), vec![]),
    ];
    for (spec, want) in rows {
        let text = spec.to_string();
        assert_eq!(pod(spec).host_ports, want, "{text}");
    }
}

#[test]
fn node_affinity_keeps_what_it_cannot_parse_as_matching_nothing() {
    let pod = pod(json!({
        "nodeSelector": {"disk": "ssd"},
        "affinity": {"nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{
                "matchExpressions": [
                    {"key": "a", "operator": "In", "values": ["b"]},
                    {"key": "a", "operator": "Near", "values": ["b"]},
                    {"key": "a b", "operator": "Exists"},
                    {"key": "a", "operator": "NotIn", "values": ["!"]}],
                "matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}]},
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 7, "preference": {"matchExpressions": [
                    {"key": "c", "operator": "Gt", "values": ["1"]}]}}]}}}));
    assert_eq!(pod.node_selector.get("disk"), Some("ssd"));
    let affinity = pod.node_affinity.unwrap();
    let required = affinity.required.unwrap();
    let operators: Vec<_> = required[0].expressions.iter().map(|e| e.operator).collect();
    assert_eq!(operators, [Some(NodeOperator::In), None, None, None]);
    let name = NodeRequirement {
        key: "metadata.name".into(),
        operator: Some(NodeOperator::In),
        values: vec!["n".into()],
    };
    assert_eq!(required[0].fields, [name]);
    assert_eq!(affinity.preferred[0].weight, 7);
    assert_eq!(affinity.preferred[0].term.expressions[0].operator, Some(NodeOperator::Gt));
}

#[test]
fn spread_constraints() {
    let read = |constraint: serde_json::Value| {
        pod(json!({"topologySpreadConstraints": [constraint]})).topology_spread.remove(0)
    };
    let least = json!({"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "minDomains": null, "nodeAffinityPolicy": null, "nodeTaintsPolicy": null});
    let expected = SpreadConstraint {
        max_skew: 2,
        topology_key: "zone".into(),
        when_unsatisfiable: WhenUnsatisfiable::DoNotSchedule,
        ..SpreadConstraint::default()
    };
    assert_eq!(read(least), expected);
    let most = json!({"maxSkew": 1, "topologyKey": "rack", "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {}, "minDomains": 4, "nodeAffinityPolicy": "Ignore",
        "nodeTaintsPolicy": "Honor", "matchLabelKeys": ["a", "b"]});
    let expected = SpreadConstraint {
        max_skew: 1,
        topology_key: "rack".into(),
        when_unsatisfiable: WhenUnsatisfiable::ScheduleAnyway,
        selector: Some(LabelSelector::default()),
        selector_error: None,
        min_domains: Some(4),
        honors_node_affinity: false,
        honors_taints: true,
        match_label_keys: vec!["a".into(), "b".into()],
    };
    assert_eq!(read(most), expected);
    let odd = read(json!({"whenUnsatisfiable": "Never", "nodeAffinityPolicy": "",
        "nodeTaintsPolicy": "Maybe", "labelSelector": {"matchExpressions": [{"key": "a"}]}}));
    assert_eq!(odd.when_unsatisfiable, WhenUnsatisfiable::Unknown);
    assert!(!odd.honors_node_affinity && !odd.honors_taints, "neither is Honor");
    let error = "\"\" is not a valid label selector operator";
    assert_eq!(odd.selector_error.as_deref(), Some(error));
}

#[test]
fn pod_affinity_says_what_it_cannot_parse_in_upstreams_words() {
    const KEY: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start \
                       and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or \
                       '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    const VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', \
                         '_' or '.', and must start and end with an alphanumeric character (e.g. \
                         'MyValue',  or 'my_value',  or '12345', regex used for validation is \
                         '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    let expression = |key: &str, operator: &str, values: &[&str]| {
        json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]})
    };
    let rows = [
        (json!({}), None),
        (expression("a", "Near", &[]), Some("\"Near\" is not a valid label selector operator".into())),
        (
            expression("a", "In", &[]),
            Some(
                "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty"
                    .into(),
            ),
        ),
        (
            expression("a", "Exists", &["b", "c"]),
            Some(
                "values: Invalid value: [\"b\",\"c\"]: values set must be empty for exists and does \
                 not exist"
                    .into(),
            ),
        ),
        (
            json!({"matchLabels": {"a b": "c!"}}),
            Some(format!(
                "[key: Invalid value: \"a b\": {KEY}, values[0][a b]: Invalid value: \"c!\": {VALUE}]"
            )),
        ),
    ];
    for (selector, want) in rows {
        let text = selector.to_string();
        let found = pod(json!({"affinity": {"podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [
                {"topologyKey": "zone", "namespaceSelector": selector}]}}}));
        let affinity = found.pod_affinity.unwrap();
        assert_eq!(affinity.anti_required.len(), usize::from(want.is_none()), "{text}");
        let want = want.map(|text| format!("requiredAntiAffinityTerms: {text}"));
        assert_eq!(affinity.error.as_deref(), want.as_deref(), "{text}");
    }
}

#[test]
fn one_unreadable_list_of_terms_leaves_the_others() {
    let (good, bad) = (json!({"topologyKey": "zone"}), json!({"labelSelector": {"matchLabels": {"": ""}}}));
    let found = pod(json!({"affinity": {
        "podAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [good, bad],
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 3, "podAffinityTerm": good}]},
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": bad}]}}}));
    let affinity = found.pod_affinity.unwrap();
    let counts = [affinity.required.len(), affinity.preferred.len(), affinity.anti_preferred.len()];
    assert_eq!(counts, [0, 1, 0]);
    let error = affinity.error.unwrap();
    assert!(error.starts_with("[requiredAffinityTerms: key: Invalid value: \"\": "), "{error}");
    assert!(error.contains(", preferredAntiAffinityTerms: key: "), "{error}");
}

/// Upstream's own words, as its framework says them of these terms.
#[test]
fn what_is_wrong_with_preferred_terms_is_said_of_those_that_count() {
    let name = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
                with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
                validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    let bad_key = json!({"key": "a b", "operator": "Exists"});
    let not_a_number = json!({"key": "k", "operator": "Gt", "values": ["x"]});
    let foo = json!({"key": "k", "operator": "Foo"});
    let rows = [
        (json!([{"weight": 1, "preference": {"matchExpressions": [{"key": "k", "operator": "Exists"}]}}]), None),
        (json!([{"weight": 0, "preference": {"matchExpressions": [bad_key]}}]), None),
        (
            json!([{}, {"weight": 1, "preference": {"matchExpressions": [bad_key]}}]),
            Some(format!("[1].matchExpressions[0].key: Invalid value: \"a b\": {name}")),
        ),
        (
            json!([{"weight": 1, "preference": {"matchExpressions": [not_a_number], "matchFields": [foo]}}]),
            Some(
                "[[0].matchExpressions[0].values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the \
                 value must be an integer, [0].matchFields[0].operator: Unsupported value: \"Foo\": \
                 supported values: \"In\", \"NotIn\"]"
                    .to_owned(),
            ),
        ),
    ];
    for (terms, want) in rows {
        let preferred = json!({"preferredDuringSchedulingIgnoredDuringExecution": terms});
        let pod = pod(json!({"affinity": {"nodeAffinity": preferred}}));
        let error = pod.node_affinity.and_then(|own| own.preferred_error);
        assert_eq!(error.as_deref(), want.as_deref(), "{terms}");
    }
}
