//! The args of plugins in `pluginConfig`: read strictly, filled in with upstream's defaults and checked by
//! its rules in one go, while the path is known. Called by `profile`.
//!
//! What berth reads of them becomes a [`Meaning`]; the args of plugins that come later are checked and
//! said to have no effect yet. All of them keep their fields, to be printed.

use super::reader::Reader;
use super::v1::API_VERSION;
use super::value::Value;
use super::{args_affinity, args_later, args_preemption, args_resources};
use crate::model::{BalancedResources, NodeAffinity, NodeResourcesFitArgs, PreemptionArgs};

/// The plugins that have args.
pub(super) const WITH_ARGS: [&str; 8] = [
    "DefaultPreemption",
    "DynamicResources",
    "InterPodAffinity",
    "NodeAffinity",
    "NodeResourcesBalancedAllocation",
    "NodeResourcesFit",
    "PodTopologySpread",
    "VolumeBinding",
];

/// The args of one plugin.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Args {
    /// The fields with their defaults, without apiVersion and kind.
    pub(super) fields: Value,
    /// What berth does with them.
    pub(super) meaning: Meaning,
}

/// What args tell a plugin of berth.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    /// Nothing yet.
    None,
    /// NodeResourcesFit.
    Fit(NodeResourcesFitArgs),
    /// NodeResourcesBalancedAllocation.
    Balanced(BalancedResources),
    /// NodeAffinity.
    Affinity(Option<NodeAffinity>),
    /// DefaultPreemption.
    Preemption(PreemptionArgs),
}

/// Reads the args of `plugin` at the current path; null is the defaults. `None` for a plugin without
/// args. `enabled`: some extension point has it.
pub(super) fn read(
    reader: &mut Reader,
    plugin: &str,
    value: &Value,
    enabled: bool,
) -> Option<Args> {
    let args = match plugin {
        "NodeAffinity" => args_affinity::read(reader, value),
        "NodeResourcesBalancedAllocation" => args_resources::read_balanced(reader, value),
        "NodeResourcesFit" => args_resources::read_fit(reader, value, enabled),
        "DefaultPreemption" => args_preemption::read(reader, value),
        "DynamicResources" => later(reader, value, args_later::dynamic_resources),
        "InterPodAffinity" => later(reader, value, args_later::inter_pod_affinity),
        "PodTopologySpread" => later(reader, value, args_later::pod_topology_spread),
        "VolumeBinding" => later(reader, value, args_later::volume_binding),
        _ => return None,
    };
    Some(args)
}

/// The args of `plugin` where a file gives none.
pub(super) fn defaults(plugin: &str) -> Option<Args> {
    read(&mut Reader::default(), plugin, &Value::Null, true)
}

/// Args that have no effect yet; that is said where they are not the defaults.
fn later(reader: &mut Reader, value: &Value, read: fn(&mut Reader, &Value) -> Value) -> Args {
    let fields = read(reader, value);
    if fields != read(&mut Reader::default(), &Value::Null) {
        reader.warn(None, "has no effect yet; the plugin is not supported");
    }
    Args { fields, meaning: Meaning::None }
}

/// As [`Reader::fields`] for the args of `plugin`: apiVersion and kind may be left out, but are checked.
pub(super) fn fields(
    reader: &mut Reader,
    plugin: &str,
    value: &Value,
    mut each: impl FnMut(&mut Reader, &str, &Value),
) {
    let is = |reader: &mut Reader, value: &Value, expected: &str| {
        if reader.string(value).is_some_and(|text| !text.is_empty() && text != expected) {
            reader.refuse(value, &format!("must be {expected}"));
        }
    };
    reader.fields(value, |reader, key, value| match key {
        "apiVersion" => is(reader, value, API_VERSION),
        "kind" => is(reader, value, &format!("{plugin}Args")),
        _ => each(reader, key, value),
    });
}

/// Refuses an integer that is not from `least` to `most`, in upstream's words.
pub(super) fn check_range(
    reader: &mut Reader,
    value: &Value,
    number: Option<i64>,
    least: i64,
    most: i64,
) {
    if number.is_some_and(|number| number < least || number > most) {
        reader.refuse(value, &format!("not in valid range [{least}, {most}]"));
    }
}

/// Refuses a text that is none of those that are `known`, in upstream's words.
pub(super) fn check_known(reader: &mut Reader, value: &Value, text: &str, known: &[&str]) {
    if !known.contains(&text) {
        let known: Vec<_> = known.iter().map(|known| format!("\"{known}\"")).collect();
        reader.refuse(value, &format!("not supported; supported values: {}", known.join(", ")));
    }
}
