//! The args of plugins that are not built in: any JSON, handed to the plugin, which says whether it can do
//! with it. Called by `profile` and `config`.

use super::error::Findings;
use super::profile::ProfileFields;
use super::reader::Reader;
use super::value::Value;
use crate::framework::{PluginInfo, ProfileSpec};
use crate::plugins::PLUGINS;

/// Whether `name` is a plugin that is not built in.
pub(super) fn is_own(name: &str, registry: &[PluginInfo]) -> bool {
    let named = |info: &PluginInfo| info.name == name;
    registry.iter().any(named) && !PLUGINS.iter().any(named)
}

/// Refuses keys given twice, as everywhere in a file; nothing else is known of these args.
pub(super) fn check_keys(reader: &mut Reader, value: &Value) {
    match value {
        Value::Map(_) => reader.fields(value, |reader, _, value| check_keys(reader, value)),
        Value::List(_) => reader.items(value, |reader, _, value| check_keys(reader, value)),
        _ => {}
    }
}

/// Puts the args into `specs`, and makes each plugin once to hear what it has to say of them.
pub(super) fn fill(
    specs: &mut [ProfileSpec],
    profiles: &[ProfileFields],
    registry: &[PluginInfo],
    findings: &mut Findings,
) {
    for (at, (spec, profile)) in specs.iter_mut().zip(profiles).enumerate() {
        for config in profile.plugin_config.iter().filter(|config| is_own(&config.name, registry)) {
            if !matches!(config.given, Value::Null) {
                let text = config.given.to_string();
                spec.args.own.insert(config.name.as_str().into(), text.into());
            }
        }
        let enabled = |info: &&PluginInfo| {
            let here = spec.points.values().flatten().any(|plugin| *plugin.name == *info.name);
            here && is_own(info.name, registry)
        };
        for info in registry.iter().filter(enabled) {
            let Err(error) = (info.make)(&spec.args) else { continue };
            let mut configs = profile.plugin_config.iter();
            let path = match configs.position(|config| config.name == info.name) {
                Some(index) => format!("profiles[{at}].pluginConfig[{index}].args"),
                None => format!("profiles[{at}].plugins"),
            };
            let message = format!("initializing plugin \"{}\": {error}", info.name);
            findings.refuse(path, None, &message);
        }
    }
}
