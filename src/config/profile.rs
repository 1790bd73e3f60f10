//! One of a file's `profiles`, by its fields. Called by `v1`; `merge` and `args` say what they mean.

use super::args::{self, Args};
use super::merge::{Lists, PluginEntry, PluginSet, REMOVED, is_registered};
use super::own_args;
use super::reader::Reader;
use super::v1::API_VERSION;
use super::value::Value;
use crate::framework::{ExtensionPoint, PluginInfo};

/// Upstream keeps the rules of NodeResourcesFit under this name, and no args are of their type here.
const MISNAMED: &str = "NodeResourcesFitArgs";

/// Extension points of groups of pods, which berth does not have.
pub(super) const OF_POD_GROUPS: [&str; 3] =
    ["placementGenerate", "placementScore", "podGroupPostFilter"];

/// A profile; `None` is a field that was not given.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ProfileFields {
    pub(super) scheduler_name: Option<String>,
    pub(super) percentage_of_nodes_to_score: Option<i32>,
    /// What it says of plugins, merged into the defaults.
    pub(super) lists: Lists,
    pub(super) plugin_config: Vec<PluginConfigFields>,
}

/// One of `pluginConfig`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PluginConfigFields {
    pub(super) name: String,
    /// As given.
    pub(super) given: Value,
    /// `None` for a plugin that has no args.
    pub(super) args: Option<Args>,
}

/// Reads a profile at the current path; null is one that says nothing.
pub(super) fn read(reader: &mut Reader, value: &Value, registry: &[PluginInfo]) -> ProfileFields {
    let plugins = value.all("plugins").next().unwrap_or(&Value::Null);
    let mut fields = ProfileFields {
        // What is wrong there is said in its turn, below.
        lists: read_plugins(&mut Reader::default(), plugins).over_defaults(registry),
        ..ProfileFields::default()
    };
    reader.fields(value, |reader, key, value| match key {
        "schedulerName" => fields.scheduler_name = reader.string(value),
        "percentageOfNodesToScore" => fields.percentage_of_nodes_to_score = reader.int32(value),
        "plugins" => {
            let lists = read_plugins(reader, value);
            warn_of_disabled(reader, &lists, registry);
        }
        "pluginConfig" => {
            let mut seen: Vec<String> = Vec::new();
            reader.items(value, |reader, _, value| {
                let config = read_plugin_config(reader, value, &fields.lists, registry);
                if seen.contains(&config.name) {
                    reader.refuse(&Value::from(config.name.as_str()), "duplicate value");
                }
                seen.push(config.name.clone());
                fields.plugin_config.push(config);
            });
        }
        _ => reader.unknown(),
    });
    fields
}

fn read_plugins(reader: &mut Reader, value: &Value) -> Lists {
    let mut lists = Lists::default();
    reader.fields(value, |reader, key, value| {
        let point = ExtensionPoint::ALL.iter().find(|(_, name)| *name == key);
        if let Some((point, _)) = point {
            let set = read_set(reader, value);
            reader.each("enabled", &set.enabled, |reader, entry| {
                refuse_removed(reader, &entry.name);
            });
            lists.points.insert(*point, set);
        } else if key == "multiPoint" {
            lists.multi_point = read_set(reader, value);
        } else if OF_POD_GROUPS.contains(&key) {
            let set = read_set(reader, value);
            if !set.enabled.is_empty() {
                reader.field("enabled", |reader| reader.missing("not supported yet"));
            }
            lists.of_pod_groups.insert(key.to_owned(), set);
        } else {
            reader.unknown();
        }
    });
    lists
}

fn read_set(reader: &mut Reader, value: &Value) -> PluginSet {
    let mut set = PluginSet::default();
    reader.fields(value, |reader, key, value| match key {
        "enabled" => reader.items(value, |reader, index, value| {
            let (name, weight) = read_plugin(reader, value);
            set.enabled.push(PluginEntry { name, weight, index: Some(index) });
        }),
        "disabled" => reader.items(value, |reader, _, value| {
            set.disabled.push(read_plugin(reader, value).0);
        }),
        _ => reader.unknown(),
    });
    set
}

fn read_plugin(reader: &mut Reader, value: &Value) -> (String, i32) {
    let (mut name, mut weight) = (String::new(), 0);
    reader.fields(value, |reader, key, value| match key {
        "name" => name = reader.string(value).unwrap_or_default(),
        "weight" => weight = reader.int32(value).unwrap_or_default(),
        _ => reader.unknown(),
    });
    (name, weight)
}

/// A name under `disabled` that no plugin has is most likely a slip; upstream takes it without a word.
fn warn_of_disabled(reader: &mut Reader, lists: &Lists, registry: &[PluginInfo]) {
    for (key, set) in lists.by_key() {
        reader.field(key, |reader| {
            reader.each("disabled", &set.disabled, |reader, name| {
                if name != "*" && !is_registered(registry, name) {
                    reader.warn(Some(&Value::from(name.as_str())), "no plugin has this name");
                }
            });
        });
    }
}

fn read_plugin_config(
    reader: &mut Reader,
    value: &Value,
    lists: &Lists,
    registry: &[PluginInfo],
) -> PluginConfigFields {
    let mut config = PluginConfigFields::default();
    reader.fields(value, |reader, key, value| match key {
        "name" => config.name = reader.string(value).unwrap_or_default(),
        "args" => config.given = value.clone(),
        _ => reader.unknown(),
    });
    let name = config.name.as_str();
    if refuse_removed(reader, name) {
        return config;
    }
    reader.field("args", |reader| {
        config.args = args::read(reader, name, &config.given, lists.enable(name));
        if config.args.is_some() {
            return;
        }
        if name == MISNAMED {
            reader.refuse(&config.given, "has to match plugin args");
        } else if !is_registered(registry, name) {
            reader.warn(None, &format!("has no effect: there is no plugin \"{name}\""));
        } else if own_args::is_own(name, registry) {
            own_args::check_keys(reader, &config.given);
        } else if !config.given.is_empty() {
            reader.warn(None, &format!("has no effect: {name} takes no args"));
        }
    });
    config
}

/// Says whether it was refused.
fn refuse_removed(reader: &mut Reader, name: &str) -> bool {
    let removed = REMOVED.contains(&name);
    if removed {
        let message = format!(
            "was invalid in version \"v1\" (KubeSchedulerConfiguration is version \"{API_VERSION}\")"
        );
        reader.refuse(&Value::from(name), &message);
    }
    removed
}
