//! The args of plugins in `pluginConfig`: read strictly, filled in with upstream's defaults and checked by
//! its rules in one go, while the path is known. Called by `profile`.
//!
//! What they say becomes a [`Meaning`]; those of DynamicResources are said to have no effect yet. All
//! of them keep their fields, to be printed.

use super::reader::Reader;
use super::v1::API_VERSION;
use super::value::Value;
use super::{args_affinity, args_pods, args_resources, args_volumes};
use crate::model::{
    BalancedResources, DefaultPreemptionArgs, DefaultSpread, FeatureGates, InterPodAffinityArgs,
    NodeAffinity, NodeResourcesFitArgs, VolumeBindingArgs,
};

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
    /// Nothing.
    None,
    /// NodeResourcesFit.
    Fit(NodeResourcesFitArgs),
    /// NodeResourcesBalancedAllocation.
    Balanced(BalancedResources),
    /// NodeAffinity.
    Affinity(Option<NodeAffinity>),
    /// DefaultPreemption.
    Preemption(DefaultPreemptionArgs),
    /// InterPodAffinity.
    PodAffinity(InterPodAffinityArgs),
    /// PodTopologySpread.
    Spread(DefaultSpread),
    /// VolumeBinding.
    Volumes(VolumeBindingArgs),
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
        "DefaultPreemption" => args_volumes::default_preemption(reader, value),
        "DynamicResources" => args_volumes::dynamic_resources(reader, value),
        "InterPodAffinity" => args_pods::inter_pod_affinity(reader, value),
        "PodTopologySpread" => args_pods::pod_topology_spread(reader, value),
        "VolumeBinding" => args_volumes::volume_binding(reader, value),
        _ => return None,
    };
    warn_of_no_effect(reader, plugin, &args, value);
    Some(args)
}

/// The args of `plugin` where a file gives none.
pub(super) fn defaults(plugin: &str, gates: FeatureGates) -> Option<Args> {
    read(&mut Reader::new(gates), plugin, &Value::Null, true)
}

/// Plugins whose args are read and change nothing yet.
const WITHOUT_EFFECT: [&str; 1] = ["DynamicResources"];

/// Says that args have no effect yet, where they are not the defaults.
fn warn_of_no_effect(reader: &mut Reader, plugin: &str, args: &Args, given: &Value) {
    let said = !matches!(given, Value::Null) && WITHOUT_EFFECT.contains(&plugin);
    if said && defaults(plugin, reader.gates()).is_some_and(|own| own.fields != args.fields) {
        reader.warn(None, "has no effect yet; the plugin is not supported");
    }
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
