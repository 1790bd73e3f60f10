//! What `pluginConfig` tells plugins, and what is said of args that are wrong.

use super::*;
use crate::model::{
    DefaultPreemptionArgs, DefaultSpread, InterPodAffinityArgs, NodeAffinity, NodeOperator,
    NodeRequirement, NodeSelectorTerm, PluginArgs, PreferredTerm, SpreadConstraint, StrategyKind,
    VolumeBindingArgs, WeightedResource, WhenUnsatisfiable,
};

fn with_args(plugin: &str, args: &str) -> String {
    format!("profiles: [{{pluginConfig: [{{name: {plugin}, args: {args}}}]}}]")
}

/// What the plugins of a file with these args are told; nothing is warned about.
fn told(plugin: &str, args: &str) -> PluginArgs {
    let mut read = right(&with_args(plugin, args));
    assert_eq!(read.warnings, [""; 0], "{plugin} {args}");
    read.profiles.remove(0).args
}

fn check_complaints(plugin: &str, table: &[(&str, &str)]) {
    for (args, expected) in table {
        let path = "f.yaml: profiles[0].pluginConfig[0].args";
        let expected: Vec<_> = expected.lines().map(|line| format!("{path}.{line}")).collect();
        let said = complaints(&with_args(plugin, &format!("{{{args}}}")));
        assert_eq!(said, expected.join("\n"), "{plugin} {args}");
    }
}

#[test]
fn args_may_be_absent_and_say_their_type() {
    for plugin in super::super::args::WITH_ARGS {
        let kind = format!("{{kind: {plugin}Args}}");
        let version = "{apiVersion: kubescheduler.config.k8s.io/v1}";
        for args in ["{}", "null", &kind, version, "{kind: \"\", apiVersion: null}"] {
            assert_eq!(told(plugin, args), PluginArgs::default(), "{plugin} {args}");
        }
        let absent = right(&format!("profiles: [{{pluginConfig: [{{name: {plugin}}}]}}]"));
        assert_eq!(absent, named("default-scheduler"), "{plugin}");
        check_complaints(
            plugin,
            &[
                ("kind: PodArgs", &format!("kind: \"PodArgs\": must be {plugin}Args")),
                ("apiVersion: v1", "apiVersion: \"v1\": must be kubescheduler.config.k8s.io/v1"),
                ("foo: 1", "foo: unknown field"),
            ],
        );
        let said = complaints(&with_args(plugin, "[1]"));
        let expected = "f.yaml: profiles[0].pluginConfig[0].args: [1]: must be a mapping";
        assert_eq!(said, expected);
    }
}

#[test]
fn args_of_unknown_plugins_are_only_warned_about() {
    let path = "profiles[0].pluginConfig[0].args";
    let table = [
        ("Nope", "{a: [1]}", format!("{path}: has no effect: there is no plugin \"Nope\"")),
        ("Nope", "null", format!("{path}: has no effect: there is no plugin \"Nope\"")),
        ("ImageLocality", "{a: 1}", format!("{path}: has no effect: ImageLocality takes no args")),
    ];
    for (plugin, args, expected) in table {
        assert_eq!(right(&with_args(plugin, args)).warnings, [expected]);
    }
    for name in ["Nope", "NodeAffinity"] {
        let body = format!("profiles: [{{pluginConfig: [{{name: {name}}}, {{name: {name}}}]}}]");
        let expected = format!("f.yaml: profiles[0].pluginConfig[1]: \"{name}\": duplicate value");
        assert_eq!(complaints(&body), expected);
    }
}

#[test]
fn node_resources_fit_is_told_its_strategy() {
    let weighted = |name: &str, weight| WeightedResource { name: name.into(), weight };
    let args = told(
        "NodeResourcesFit",
        "{ignoredResources: [a.com/b], ignoredResourceGroups: [c.com], scoringStrategy: {type: \
         MostAllocated, resources: [{name: cpu, weight: 5}, {name: gpu}, {name: x, weight: 0}]}}",
    );
    let fit = args.node_resources_fit;
    assert_eq!(fit.ignored_resources, ["a.com/b".into()]);
    assert_eq!(fit.ignored_resource_groups, ["c.com".into()]);
    assert_eq!(fit.strategy.kind, StrategyKind::MostAllocated);
    let expected = [weighted("cpu", 5), weighted("gpu", 1), weighted("x", 1)];
    assert_eq!(fit.strategy.resources, expected);

    let args = told(
        "NodeResourcesFit",
        "{scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: \
         [{score: 3}, {utilization: 40, score: 10}, {utilization: 100}]}}}",
    );
    let strategy = args.node_resources_fit.strategy;
    let points = vec![(0, 3), (40, 10), (100, 0)];
    assert_eq!(strategy.kind, StrategyKind::RequestedToCapacityRatio(points));
    assert_eq!(strategy.resources, [weighted("cpu", 1), weighted("memory", 1)]);
}

#[test]
fn node_resources_fit_args_are_checked_where_the_plugin_is_enabled() {
    let key = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start \
               and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', \
               regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
    let shape = "scoringStrategy.requestedToCapacityRatio.shape";
    let ratio = "scoringStrategy: {type: RequestedToCapacityRatio";
    check_complaints(
        "NodeResourcesFit",
        &[
            ("ignoredResources: [a, b c]", &format!("ignoredResources[1]: \"b c\": {key}")),
            (
                "ignoredResourceGroups: [a/b]",
                "ignoredResourceGroups[0]: \"a/b\": resource group name can't contain '/'",
            ),
            ("ignoredResourceGroups: [\"-\"]", &format!("ignoredResourceGroups[0]: \"-\": {key}")),
            (
                "scoringStrategy: {}",
                "scoringStrategy.type: \"\": not supported; supported values: \"LeastAllocated\", \
                 \"MostAllocated\", \"RequestedToCapacityRatio\"",
            ),
            (
                "scoringStrategy: {type: LeastAllocated, resources: [{name: a, weight: 101}]}",
                "scoringStrategy.resources[0].weight: 101: resource weight of a not in valid range \
                 (0, 100]",
            ),
            (
                "scoringStrategy: {type: MostAllocated, resources: [{name: a, weight: -1}]}",
                "scoringStrategy.resources[0].weight: -1: resource weight of a not in valid range \
                 (0, 100]",
            ),
            (
                "scoringStrategy: {type: LeastAllocated, requestedToCapacityRatio: {}}",
                "scoringStrategy.requestedToCapacityRatio: must be nil when type is not \
                 RequestedToCapacityRatio",
            ),
            (
                &format!("{ratio}}}"),
                "scoringStrategy.requestedToCapacityRatio: must be specified when type is \
                 RequestedToCapacityRatio",
            ),
            (
                &format!("{ratio}, requestedToCapacityRatio: {{}}}}"),
                &format!("{shape}: at least one point must be specified"),
            ),
            (
                &format!("{ratio}, requestedToCapacityRatio: {{shape: [{{score: 11}}, {{}}]}}}}"),
                &format!(
                    "{shape}[0].score: 11: not in valid range [0, 10]\n\
                     {shape}[1].utilization: 0: values must be sorted in increasing order"
                ),
            ),
            ("scoringStrategy: {type: 5}", "scoringStrategy.type: 5: must be a string"),
        ],
    );
    let disabled = "plugins: {multiPoint: {disabled: [{name: NodeResourcesFit}]}}";
    let config = "pluginConfig: [{name: NodeResourcesFit, args: {ignoredResourceGroups: [a/b]}}]";
    assert_eq!(
        right(&format!("profiles: [{{{config}, {disabled}}}]")).warnings,
        [
            "profiles[0].pluginConfig[0].args.ignoredResourceGroups[0]: \"a/b\": resource group name \
             can't contain '/' (accepted because the plugin is not enabled)"
        ]
    );
}

#[test]
fn balanced_resources_are_told() {
    let args = told("NodeResourcesBalancedAllocation", "{resources: [{name: a}, {name: cpu}]}");
    assert_eq!(args.balanced_resources.0, ["a".into(), "cpu".into()]);
    check_complaints(
        "NodeResourcesBalancedAllocation",
        &[
            ("resources: [{name: cpu, weight: 2}]", "resources[0].weight: 2: must be 1"),
            ("resources: [{name: a}, {name: a}]", "resources[1].name: \"a\": duplicate value"),
        ],
    );
}

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

#[test]
fn an_added_affinity_is_told() {
    let requirement = |key: &str, operator, values: &[&str]| NodeRequirement {
        key: key.into(),
        operator: Some(operator),
        values: values.iter().map(|value| (*value).into()).collect(),
    };
    let args = told(
        "NodeAffinity",
        &format!(
            "{{addedAffinity: {{{REQUIRED}: {{nodeSelectorTerms: [{{matchExpressions: [{{key: a, \
             operator: Gt, values: [\"5\"]}}], matchFields: [{{key: metadata.name, operator: NotIn, \
             values: [x]}}]}}, {{}}]}}, {PREFERRED}: [{{weight: 7, preference: {{matchExpressions: \
             [{{key: b, operator: Exists}}]}}}}, {{weight: 0, preference: {{matchExpressions: [{{}}]}}}}]}}}}"
        ),
    );
    let first = NodeSelectorTerm {
        expressions: vec![requirement("a", NodeOperator::Gt, &["5"])],
        fields: vec![requirement("metadata.name", NodeOperator::NotIn, &["x"])],
    };
    let liked = NodeSelectorTerm {
        expressions: vec![requirement("b", NodeOperator::Exists, &[])],
        fields: Vec::new(),
    };
    let expected = NodeAffinity {
        required: Some(vec![first, NodeSelectorTerm::default()]),
        preferred: vec![PreferredTerm { weight: 7, term: liked }],
        ..NodeAffinity::default()
    };
    assert_eq!(args.added_affinity, Some(expected));

    assert_eq!(told("NodeAffinity", "{addedAffinity: {}}").added_affinity, None);
    let nothing = told("NodeAffinity", &format!("{{addedAffinity: {{{REQUIRED}: {{}}}}}}"));
    let expected = NodeAffinity { required: Some(Vec::new()), ..NodeAffinity::default() };
    assert_eq!(nothing.added_affinity, Some(expected));
}

#[test]
fn an_added_affinity_is_checked() {
    let label = "a valid label must be an empty string or consist of alphanumeric characters, '-', \
                 '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or \
                 'my_value',  or '12345', regex used for validation is \
                 '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    let table = [
        (
            "{key: a, operator: In}",
            "values: []: for 'in', 'notin' operators, values set can't be empty",
        ),
        (
            "{key: a, operator: Exists, values: [b]}",
            "values: [\"b\"]: values set must be empty for exists and does not exist",
        ),
        (
            "{key: a, operator: Gt, values: [\"1\", \"2\"]}",
            "values: [\"1\",\"2\"]: for 'Gt', 'Lt' operators, exactly one value is required",
        ),
        (
            "{key: a, operator: Lt, values: [x]}",
            "values[0]: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
        ),
        ("{key: a, operator: Lt, values: [\"-5\"]}", &format!("values[0]: \"-5\": {label}")),
        ("{key: /a, operator: Exists}", "key: \"/a\": prefix part must be non-empty"),
        (
            "{key: a, operator: Nope}",
            "operator: \"Nope\": not supported; supported values: \"In\", \"NotIn\", \"Exists\", \
             \"DoesNotExist\", \"Gt\", \"Lt\"",
        ),
        ("{key: a, operator: In, values: [5]}", "values[0]: 5: must be a string"),
    ];
    for (requirement, expected) in table {
        let path = format!("addedAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0]");
        let args = format!(
            "addedAffinity: {{{REQUIRED}: {{nodeSelectorTerms: [{{matchExpressions: \
             [{requirement}]}}]}}}}"
        );
        check_complaints("NodeAffinity", &[(&args, &format!("{path}.{expected}"))]);
    }
    let fields = [
        (
            "{key: a, operator: Exists}",
            "operator: \"Exists\": not supported; supported values: \"In\", \"NotIn\"",
        ),
        ("{key: a, operator: In}", "values: []: must have one element"),
    ];
    for (requirement, expected) in fields {
        let path = format!("addedAffinity.{PREFERRED}[0].preference.matchFields[0]");
        let args = format!(
            "addedAffinity: {{{PREFERRED}: [{{preference: {{matchFields: [{requirement}]}}, weight: \
             1}}]}}"
        );
        check_complaints("NodeAffinity", &[(&args, &format!("{path}.{expected}"))]);
    }
}

#[test]
fn preemption_is_told_how_many_candidates_it_needs() {
    let rows = [
        ("{}", 10, 100),
        ("{minCandidateNodesPercentage: 20}", 20, 100),
        ("{minCandidateNodesAbsolute: 7, minCandidateNodesPercentage: 0}", 0, 7),
    ];
    for (args, percentage, absolute) in rows {
        let read = right(&with_args("DefaultPreemption", args));
        let got = read.profiles[0].args.default_preemption;
        let want = crate::model::DefaultPreemptionArgs {
            min_candidate_nodes_percentage: percentage,
            min_candidate_nodes_absolute: absolute,
        };
        assert_eq!(got, want, "{args}");
    }
}

#[test]
fn args_of_later_plugins_are_checked_and_without_effect() {
    let mut read = right(&with_args("DynamicResources", "{filterTimeout: 0s}"));
    let expected =
        "profiles[0].pluginConfig[0].args: has no effect yet; the plugin is not supported";
    assert_eq!(std::mem::take(&mut read.warnings), [expected]);
    assert_eq!(read, named("default-scheduler"));
    let mut read = right(&with_args("VolumeBinding", "{bindTimeoutSeconds: 0}"));
    assert_eq!(std::mem::take(&mut read.profiles[0].args).volume_binding.bind_timeout_seconds, 0);
    assert_eq!(read, named("default-scheduler"), "nothing is warned about");
    let both = "cannot be zero at the same time as minCandidateNodes";
    check_complaints(
        "DefaultPreemption",
        &[
            (
                "minCandidateNodesPercentage: 101",
                "minCandidateNodesPercentage: 101: not in valid range [0, 100]",
            ),
            (
                "minCandidateNodesAbsolute: -1",
                "minCandidateNodesAbsolute: -1: not in valid range [0, inf)",
            ),
            (
                "minCandidateNodesAbsolute: 0, minCandidateNodesPercentage: 0",
                &format!(
                    "minCandidateNodesPercentage: 0: {both}Absolute\n\
                     minCandidateNodesAbsolute: 0: {both}Percentage"
                ),
            ),
        ],
    );
    let weight = "hardPodAffinityWeight: -1: not in valid range [0, 100]";
    check_complaints("InterPodAffinity", &[("hardPodAffinityWeight: -1", weight)]);
    check_complaints(
        "DynamicResources",
        &[
            ("filterTimeout: -1s", "filterTimeout: \"-1s\": must be zero or positive"),
            ("bindingTimeout: 999ms", "bindingTimeout: \"999ms\": must be at least 1 second"),
        ],
    );
    check_complaints(
        "VolumeBinding",
        &[
            (
                "bindTimeoutSeconds: -1",
                "bindTimeoutSeconds: -1: invalid BindTimeoutSeconds, should not be a negative value",
            ),
            (
                "shape: [{utilization: 101, score: 0}]",
                "shape[0].utilization: 101: not in valid range [0, 100]",
            ),
        ],
    );
}

#[test]
fn default_constraints_are_checked() {
    let constraint = "{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway}";
    let list =
        |constraint: &str| format!("defaultingType: List, defaultConstraints: [{constraint}]");
    check_complaints(
        "PodTopologySpread",
        &[
            (
                "defaultingType: Nope",
                "defaultingType: \"Nope\": not supported; supported values: \"System\", \"List\"",
            ),
            (
                &format!("defaultConstraints: [{constraint}]"),
                "defaultingType: \"System\": when .defaultConstraints are not empty; it must be \
                 \"List\"",
            ),
            (
                &list(&format!("{constraint}, {constraint}")),
                "defaultConstraints[1]: duplicate value: \"{zone, ScheduleAnyway}\"",
            ),
            (
                &list("{}"),
                "defaultConstraints[0].maxSkew: 0: not in valid range (0, inf)\n\
                 defaultConstraints[0].topologyKey: can not be empty\n\
                 defaultConstraints[0].whenUnsatisfiable: can not be empty",
            ),
            (
                &list("{maxSkew: 1, topologyKey: /a, whenUnsatisfiable: Never}"),
                "defaultConstraints[0].topologyKey: \"/a\": prefix part must be non-empty\n\
                 defaultConstraints[0].whenUnsatisfiable: \"Never\": not supported; supported values: \
                 \"DoNotSchedule\", \"ScheduleAnyway\"",
            ),
            (
                &list(
                    "{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule, \
                     labelSelector: {}}",
                ),
                "defaultConstraints[0].labelSelector: {}: constraint must not define a selector, as \
                 they deduced for each pod",
            ),
        ],
    );
}

/// What the plugins of the only profile are told by its `pluginConfig`.
fn told_by(body: &str, gates: FeatureGates) -> Result<PluginArgs, String> {
    let text = format!("{HEAD}profiles: [{{pluginConfig: [{body}]}}]");
    let configuration =
        parse(&text, "f.yaml", PLUGINS, gates).map_err(|errors| errors.to_string())?;
    Ok(configuration.profiles[0].args.clone())
}

#[test]
fn plugins_are_told_what_their_args_say() {
    let gates = FeatureGates::default();
    assert_eq!(told_by("", gates), Ok(PluginArgs::default()));
    let body = "
        {name: InterPodAffinity,
         args: {hardPodAffinityWeight: 0, ignorePreferredTermsOfExistingPods: true}},
        {name: DefaultPreemption,
         args: {minCandidateNodesPercentage: 5, minCandidateNodesAbsolute: 0}},
        {name: VolumeBinding,
         args: {bindTimeoutSeconds: 7, shape: [{utilization: 5, score: 3}]}},
        {name: PodTopologySpread, args: {defaultingType: List, defaultConstraints: [
          {maxSkew: 2, topologyKey: z, whenUnsatisfiable: DoNotSchedule, minDomains: 3,
           nodeAffinityPolicy: Ignore, nodeTaintsPolicy: Honor, matchLabelKeys: [a, b]},
          {maxSkew: 1, topologyKey: z, whenUnsatisfiable: ScheduleAnyway}]}}";
    let constraint = |max_skew, when_unsatisfiable| SpreadConstraint {
        max_skew,
        topology_key: "z".into(),
        when_unsatisfiable,
        ..SpreadConstraint::default()
    };
    let hard = SpreadConstraint {
        min_domains: Some(3),
        honors_node_affinity: false,
        honors_taints: true,
        match_label_keys: vec!["a".into(), "b".into()],
        ..constraint(2, WhenUnsatisfiable::DoNotSchedule)
    };
    let expected = PluginArgs {
        inter_pod_affinity: InterPodAffinityArgs {
            hard_pod_affinity_weight: 0,
            ignore_preferred_terms_of_existing_pods: true,
        },
        default_preemption: DefaultPreemptionArgs {
            min_candidate_nodes_percentage: 5,
            min_candidate_nodes_absolute: 0,
        },
        volume_binding: VolumeBindingArgs { bind_timeout_seconds: 7, shape: vec![(5, 3)] },
        default_spread: DefaultSpread::List(vec![
            hard,
            constraint(1, WhenUnsatisfiable::ScheduleAnyway),
        ]),
        ..PluginArgs::default()
    };
    assert_eq!(told_by(body, gates), Ok(expected));
    let list = "{name: PodTopologySpread, args: {defaultingType: List}}";
    let spread = told_by(list, gates).map(|args| args.default_spread);
    assert_eq!(spread, Ok(DefaultSpread::List(Vec::new())));
}

#[test]
fn a_shape_takes_the_gate() {
    let off = FeatureGates { storage_capacity_scoring: false, ..FeatureGates::default() };
    let args = told_by("{name: VolumeBinding, args: {shape: null}}", off).unwrap();
    assert_eq!((args.volume_binding.shape, args.gates), (Vec::new(), off));
    let refused =
        told_by("{name: VolumeBinding, args: {shape: [{utilization: 0, score: 1}]}}", off);
    assert_eq!(
        refused.unwrap_err(),
        "f.yaml: profiles[0].pluginConfig[0].args.shape: [{\"utilization\":0,\"score\":1}]: unexpected \
         field `shape`, remove it or turn on the feature gate StorageCapacityScoring"
    );
}
