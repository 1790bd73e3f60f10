//! Several profiles, and what is said of plugins that cannot stand where they are named.

use super::*;

#[test]
fn several_profiles_are_told_apart_by_name() {
    let read = right("profiles: [{schedulerName: a}, {schedulerName: b}]");
    let names: Vec<_> = read.profiles.iter().map(|profile| &*profile.scheduler_name).collect();
    assert_eq!(names, ["a", "b"]);

    let table = [
        (
            "{schedulerName: a}, {}",
            "profiles[1].schedulerName: must be given where there are several profiles",
        ),
        (
            "{schedulerName: a}, {schedulerName: b}, {schedulerName: a}",
            "profiles[2].schedulerName: \"a\": duplicate value, the same as of profiles[0]",
        ),
        (
            "{schedulerName: a, plugins: {queueSort: {enabled: [{name: PrioritySort}]}}}, \
             {schedulerName: b}",
            "profiles[1].plugins.queueSort: must be the same for all profiles",
        ),
        (
            "{schedulerName: a, pluginConfig: [{name: PrioritySort, args: {a: 1, b: 2}}]}, \
             {schedulerName: b, pluginConfig: [{name: PrioritySort, args: {b: 2, a: 1}}]}, \
             {schedulerName: c}",
            "profiles[2].pluginConfig: queueSort must be the same for all profiles",
        ),
    ];
    for (profiles, expected) in table {
        let body = format!("profiles: [{profiles}]");
        assert_eq!(complaints(&body), format!("f.yaml: {expected}"), "{body}");
    }
}

#[test]
fn plugins_stand_only_where_they_can() {
    let removed = "was invalid in version \"v1\" (KubeSchedulerConfiguration is version \
                   \"kubescheduler.config.k8s.io/v1\")";
    let sort = "only one queue sort plugin required for profile with scheduler name \
                \"default-scheduler\", but got 0";
    let bind = "at least one bind plugin is needed for profile with scheduler name \
                \"default-scheduler\"";
    let table = [
        (
            "multiPoint: {enabled: [{name: NodeName}, {name: Nope}]}",
            "multiPoint.enabled[1]: \"Nope\": PreFilterPlugin \"Nope\" does not exist",
        ),
        (
            "multiPoint: {enabled: [{name: ImageLocality, weight: 3}, {name: ImageLocality}]}",
            "multiPoint.enabled[0]: \"ImageLocality\": plugin \"ImageLocality\" already registered \
             as \"ScorePlugin\"",
        ),
        (
            "filter: {enabled: [{name: Nope}]}",
            "filter.enabled[0]: \"Nope\": FilterPlugin \"Nope\" does not exist",
        ),
        ("filter: {enabled: [{}]}", "filter.enabled[0]: \"\": FilterPlugin \"\" does not exist"),
        (
            "permit: {enabled: [{name: NodeName}]}",
            "permit.enabled[0]: \"NodeName\": plugin \"NodeName\" does not extend PermitPlugin plugin",
        ),
        (
            "filter: {enabled: [{name: NodeName}, {name: NodeName}]}",
            "filter.enabled[1]: \"NodeName\": plugin \"NodeName\" already registered as \
             \"FilterPlugin\"",
        ),
        (
            "queueSort: {enabled: [{name: PrioritySort}, {name: PrioritySort}]}",
            "queueSort.enabled: 2: only one queue sort plugin can be enabled",
        ),
        (
            "score: {enabled: [{name: NodeAffinity, weight: 2147483648}]}",
            "score.enabled[0].weight: 2147483648: does not fit a 32-bit integer",
        ),
    ];
    for (plugins, expected) in table {
        let body = format!("profiles: [{{plugins: {{{plugins}}}}}]");
        assert_eq!(complaints(&body), format!("f.yaml: profiles[0].plugins.{expected}"), "{body}");
    }

    let overflow = "score plugins: total score of Score plugins could overflow";
    let whole = [
        ("queueSort: {disabled: [{name: \"*\"}]}", sort),
        ("multiPoint: {disabled: [{name: PrioritySort}]}", sort),
        ("bind: {disabled: [{name: DefaultBinder}]}", bind),
        ("multiPoint: {disabled: [{name: DefaultBinder}]}", bind),
        // A sum of weights below zero; upstream's check of the next one overflows.
        ("score: {enabled: [{name: NodeAffinity, weight: -3}]}", overflow),
    ];
    for (plugins, expected) in whole {
        let body = format!("profiles: [{{plugins: {{{plugins}}}}}]");
        assert_eq!(complaints(&body), format!("f.yaml: profiles[0].plugins: {expected}"), "{body}");
    }

    for name in ["AzureDiskLimits", "CinderLimits", "EBSLimits", "GCEPDLimits"] {
        let body = format!("profiles: [{{pluginConfig: [{{name: {name}}}]}}]");
        let expected = format!("f.yaml: profiles[0].pluginConfig[0]: \"{name}\": {removed}");
        assert_eq!(complaints(&body), expected);
        let body = format!("profiles: [{{plugins: {{filter: {{enabled: [{{name: {name}}}]}}}}}}]");
        let expected =
            format!("f.yaml: profiles[0].plugins.filter.enabled[0]: \"{name}\": {removed}");
        assert!(complaints(&body).starts_with(&expected), "{}", complaints(&body));
    }
}
