//! A configuration with every default written out, in the form of kube-scheduler's `--write-config-to`:
//! keys sorted, plugins under multiPoint, the args of every plugin that is enabled. Called by `config`.

use super::args::Args;
use super::defaults::{BURST, QPS};
use super::extenders;
use super::leader_election;
use super::merge::{Lists, PluginSet, is_registered};
use super::profile::ProfileFields;
use super::v1::{API_VERSION, ClientConnectionFields, File, KIND};
use super::value::Value;
use crate::framework::{ExtensionPoint, PluginInfo};

/// The content type of kube-scheduler where none is given.
const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// `file`, which has its defaults, as YAML.
pub(super) fn render(file: &File, registry: &[PluginInfo]) -> String {
    let number = |value: Option<i64>| value.map_or(Value::Null, Value::from);
    let flag = |value: Option<bool>| value.map_or(Value::Null, Value::from);
    let profiles = file.profiles.iter().map(|profile| profile_value(profile, registry));
    let root = Value::map([
        ("apiVersion", API_VERSION.into()),
        ("kind", KIND.into()),
        ("parallelism", number(file.parallelism.map(i64::from))),
        ("leaderElection", leader_election::shown(&file.leader_election)),
        ("clientConnection", client_connection_value(&file.client_connection)),
        ("enableProfiling", flag(file.enable_profiling)),
        ("enableContentionProfiling", file.enable_contention_profiling.unwrap_or_default().into()),
        ("percentageOfNodesToScore", number(file.percentage_of_nodes_to_score.map(i64::from))),
        ("podInitialBackoffSeconds", number(file.pod_initial_backoff_seconds)),
        ("podMaxBackoffSeconds", number(file.pod_max_backoff_seconds)),
        ("profiles", Value::List(profiles.collect())),
        ("extenders", list_or_null(file.extenders.iter().map(extenders::shown).collect())),
        // Go leaves it out where it is false.
        ("delayCacheUntilActive", flag(Some(true).filter(|_| file.delay_cache_until_active))),
    ]);
    root.sorted().to_yaml()
}

fn client_connection_value(fields: &ClientConnectionFields) -> Value {
    let text = |text: &Option<String>, default: &str| {
        Value::from(text.as_deref().filter(|text| !text.is_empty()).unwrap_or(default))
    };
    let qps = fields.qps.filter(|qps| qps.abs() > 0.0).unwrap_or(QPS);
    let burst = fields.burst.map(i64::from).filter(|burst| *burst != 0).unwrap_or(BURST.into());
    Value::map([
        ("kubeconfig", text(&fields.kubeconfig, "")),
        ("acceptContentTypes", text(&fields.accept_content_types, "")),
        ("contentType", text(&fields.content_type, CONTENT_TYPE)),
        ("qps", Value::from_float(qps)),
        ("burst", burst.into()),
    ])
}

fn profile_value(profile: &ProfileFields, registry: &[PluginInfo]) -> Value {
    let configs = profile.plugin_config.iter();
    let known = configs.filter(|config| {
        is_registered(registry, &config.name) && profile.lists.enable(&config.name)
    });
    let mut configs: Vec<_> = known
        .filter_map(|config| {
            let args = match &config.args {
                Some(args) => args_value(&config.name, args),
                None if matches!(config.given, Value::Null) => return None,
                None => config.given.clone(),
            };
            Some((config.name.as_str(), args))
        })
        .collect();
    configs.sort_by_key(|(name, _)| *name);
    let config = |(name, args): (&str, Value)| Value::map([("name", name.into()), ("args", args)]);
    let percentage = profile.percentage_of_nodes_to_score;
    Value::map([
        ("schedulerName", profile.scheduler_name.as_deref().unwrap_or_default().into()),
        ("percentageOfNodesToScore", percentage.map_or(Value::Null, Value::from)),
        ("plugins", plugins_value(&profile.lists)),
        ("pluginConfig", list_or_null(configs.into_iter().map(config).collect())),
    ])
}

fn args_value(plugin: &str, args: &Args) -> Value {
    let Value::Map(mut entries) = args.fields.clone() else { return Value::Null };
    entries.push(("apiVersion".to_owned(), API_VERSION.into()));
    entries.push(("kind".to_owned(), Value::String(format!("{plugin}Args"))));
    Value::Map(entries)
}

fn plugins_value(lists: &Lists) -> Value {
    let empty = PluginSet::default();
    let mut entries = vec![("multiPoint".to_owned(), set_value(&lists.multi_point))];
    for (point, key) in ExtensionPoint::ALL {
        let set = lists.points.get(&point).unwrap_or(&empty);
        entries.push((key.to_owned(), set_value(set)));
    }
    for key in super::profile::OF_POD_GROUPS {
        let set = lists.of_pod_groups.get(key).unwrap_or(&empty);
        entries.push((key.to_owned(), set_value(set)));
    }
    Value::Map(entries)
}

fn set_value(set: &PluginSet) -> Value {
    let plugin =
        |name: &str, weight: i32| Value::map([("name", name.into()), ("weight", weight.into())]);
    let enabled = set.enabled.iter().map(|entry| plugin(&entry.name, entry.weight));
    // Go prints a weight here too.
    let disabled = set.disabled.iter().map(|name| plugin(name, 0));
    Value::map([
        ("enabled", list_or_null(enabled.collect())),
        ("disabled", list_or_null(disabled.collect())),
    ])
}

fn list_or_null(items: Vec<Value>) -> Value {
    if items.is_empty() { Value::Null } else { Value::List(items) }
}
