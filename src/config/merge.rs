//! What a profile says of plugins, merged into the defaults and spread over the extension points, with
//! upstream's rules and messages. Called by `profile` (merging) and `validate` (spreading, checking).

use std::collections::BTreeMap;

use super::error::Findings;
use super::value::quoted;
use crate::framework::{EnabledPlugin, ExtensionPoint, PluginInfo};

/// Plugins that upstream has behind feature gates, off in v1.37, and that berth does not have.
const GATED: [&str; 4] =
    ["DeferredPodScheduling", "GangScheduling", "PodGroupPodsCount", "TopologyPlacementGenerator"];

/// Names that were taken out of upstream and that it still knows as such.
pub(super) const REMOVED: [&str; 4] =
    ["AzureDiskLimits", "CinderLimits", "EBSLimits", "GCEPDLimits"];

/// The order in which upstream spreads MultiPoint, and the names of its interfaces.
const INTERFACES: [(ExtensionPoint, &str); 12] = [
    (ExtensionPoint::PreFilter, "PreFilterPlugin"),
    (ExtensionPoint::Filter, "FilterPlugin"),
    (ExtensionPoint::PostFilter, "PostFilterPlugin"),
    (ExtensionPoint::Reserve, "ReservePlugin"),
    (ExtensionPoint::PreScore, "PreScorePlugin"),
    (ExtensionPoint::Score, "ScorePlugin"),
    (ExtensionPoint::PreBind, "PreBindPlugin"),
    (ExtensionPoint::Bind, "BindPlugin"),
    (ExtensionPoint::PostBind, "PostBindPlugin"),
    (ExtensionPoint::Permit, "PermitPlugin"),
    (ExtensionPoint::PreEnqueue, "PreEnqueuePlugin"),
    (ExtensionPoint::QueueSort, "QueueSortPlugin"),
];

/// A plugin in a list of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PluginEntry {
    pub(super) name: String,
    /// Zero where none was given.
    pub(super) weight: i32,
    /// Its place in the file's list; `None` for a default.
    pub(super) index: Option<usize>,
}

/// What is said of one extension point, or of MultiPoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PluginSet {
    pub(super) enabled: Vec<PluginEntry>,
    pub(super) disabled: Vec<String>,
}

/// Everything that is said of plugins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Lists {
    pub(super) multi_point: PluginSet,
    pub(super) points: BTreeMap<ExtensionPoint, PluginSet>,
    /// By field name; nothing is enabled there.
    pub(super) of_pod_groups: BTreeMap<String, PluginSet>,
}

/// Whether a plugin has this name, here or upstream.
pub(super) fn is_registered(registry: &[PluginInfo], name: &str) -> bool {
    find(registry, name).is_some() || GATED.contains(&name)
}

fn find<'a>(registry: &'a [PluginInfo], name: &str) -> Option<&'a PluginInfo> {
    registry.iter().find(|info| info.name == name)
}

impl PluginSet {
    fn enables(&self, name: &str) -> bool {
        self.enabled.iter().any(|entry| entry.name == name)
    }

    fn disables(&self, name: &str) -> bool {
        self.disabled.iter().any(|disabled| disabled == name)
    }
}

impl Lists {
    /// The same with MultiPoint merged over the plugins of `registry`, which is upstream's default list:
    /// one that is named takes its place with the new weight, the others come after.
    ///
    /// Upstream: mergePluginSet, v1.37.
    pub(super) fn over_defaults(mut self, registry: &[PluginInfo]) -> Self {
        let custom = &self.multi_point;
        let mut merged = Vec::new();
        if !custom.disables("*") {
            for info in registry.iter().filter(|info| !custom.disables(info.name)) {
                let Some(weight) = info.default_weight else { continue };
                // Of two with this name the last one stands here, and the first one comes after.
                let replaced = custom.enabled.iter().rfind(|entry| entry.name == info.name);
                merged.push(replaced.cloned().unwrap_or_else(|| PluginEntry {
                    name: info.name.to_owned(),
                    weight: i32::try_from(weight).unwrap_or(i32::MAX),
                    index: None,
                }));
            }
        }
        for entry in &custom.enabled {
            if !merged.iter().any(|other| other.index == entry.index) {
                merged.push(entry.clone());
            }
        }
        self.multi_point.enabled = merged;
        self
    }

    /// Whether some extension point may have this plugin.
    pub(super) fn enable(&self, name: &str) -> bool {
        self.by_key().any(|(_, set)| set.enables(name))
    }

    /// All sets, with the names of their fields.
    pub(super) fn by_key(&self) -> impl Iterator<Item = (&str, &PluginSet)> {
        let key = |point| ExtensionPoint::ALL.iter().find(|(other, _)| *other == point);
        let points = self.points.iter().filter_map(move |(point, set)| Some((key(*point)?.1, set)));
        let groups = self.of_pod_groups.iter().map(|(key, set)| (key.as_str(), set));
        [("multiPoint", &self.multi_point)].into_iter().chain(points).chain(groups)
    }

    /// The plugins of each extension point, in order. What is wrong is said under `path`.
    ///
    /// Upstream: updatePluginList, expandMultiPointPlugins and the checks of NewFramework, v1.37.
    pub(super) fn spread(
        &self,
        registry: &[PluginInfo],
        scheduler_name: &str,
        path: &str,
        findings: &mut Findings,
    ) -> BTreeMap<ExtensionPoint, Vec<EnabledPlugin>> {
        let before = findings.errors.len();
        self.check_multi_point(registry, path, findings);
        let mut spread = BTreeMap::new();
        for (point, key) in ExtensionPoint::ALL {
            let empty = PluginSet::default();
            let set = self.points.get(&point).unwrap_or(&empty);
            check_point(set, point, registry, &format!("{path}.{key}"), findings);
            let entries = self.order(set, point, registry);
            let weighted = entries.into_iter().map(|name| EnabledPlugin {
                name: name.into(),
                weight: self.weight(set, name).into(),
            });
            spread.insert(point, weighted.collect::<Vec<_>>());
        }
        if findings.errors.len() == before {
            self.check_whole(&spread, registry, scheduler_name, path, findings);
        }
        spread
    }

    /// What a plugin's score counts for: the point's own list comes before MultiPoint.
    fn weight(&self, set: &PluginSet, name: &str) -> i32 {
        let mut both = set.enabled.iter().chain(&self.multi_point.enabled);
        let weight = both.find(|entry| entry.name == name).map_or(0, |entry| entry.weight);
        if weight == 0 { 1 } else { weight }
    }

    /// The names at `point`: those of its own list that MultiPoint has too, in their order; the rest of
    /// MultiPoint; the rest of its own list.
    fn order<'a>(
        &'a self,
        set: &'a PluginSet,
        point: ExtensionPoint,
        registry: &[PluginInfo],
    ) -> Vec<&'a str> {
        let has_point =
            |name: &str| find(registry, name).is_some_and(|info| info.points.contains(&point));
        let own = set.enabled.iter().map(|entry| entry.name.as_str());
        if set.disables("*") {
            return own.collect();
        }
        let multi = self.multi_point.enabled.iter().map(|entry| entry.name.as_str());
        let multi: Vec<_> = multi.filter(|name| has_point(name) && !set.disables(name)).collect();
        let (first, last): (Vec<_>, Vec<_>) = own.partition(|name| multi.contains(name));
        let middle = multi.into_iter().filter(|name| !set.enables(name));
        first.iter().copied().chain(middle).chain(last.iter().copied()).collect()
    }

    /// MultiPoint names only plugins that there are, and none twice at a point that it reaches.
    fn check_multi_point(&self, registry: &[PluginInfo], path: &str, findings: &mut Findings) {
        let mut seen: Vec<&str> = Vec::new();
        for entry in &self.multi_point.enabled {
            let name = entry.name.as_str();
            let mut refuse = |message: &str| {
                let index = entry.index.unwrap_or_default();
                let path = format!("{path}.multiPoint.enabled[{index}]");
                findings.refuse(path, Some(quoted(name)), message);
            };
            let Some(info) = find(registry, name) else {
                refuse(&no_such_plugin(name, INTERFACES[0].1));
                continue;
            };
            if seen.contains(&name) {
                let reached = INTERFACES.iter().find(|(point, _)| {
                    let closed = |set: &PluginSet| {
                        set.disables("*") || set.disables(name) || set.enables(name)
                    };
                    info.points.contains(point) && !self.points.get(point).is_some_and(closed)
                });
                if let Some((_, interface)) = reached {
                    refuse(&format!("plugin \"{name}\" already registered as \"{interface}\""));
                }
            }
            seen.push(name);
        }
    }

    /// One plugin sorts, at least one binds, and the scores do not overflow.
    fn check_whole(
        &self,
        spread: &BTreeMap<ExtensionPoint, Vec<EnabledPlugin>>,
        registry: &[PluginInfo],
        scheduler_name: &str,
        path: &str,
        findings: &mut Findings,
    ) {
        let mut refuse = |message: &str| findings.refuse(path.to_owned(), None, message);
        let count = |point| spread.get(&point).map_or(0, Vec::len);
        let sorting = count(ExtensionPoint::QueueSort);
        if sorting != 1 {
            refuse(&format!(
                "only one queue sort plugin required for profile with scheduler name \
                 \"{scheduler_name}\", but got {sorting}"
            ));
        }
        if count(ExtensionPoint::Bind) == 0 {
            refuse(&format!(
                "at least one bind plugin is needed for profile with scheduler name \
                 \"{scheduler_name}\""
            ));
        }
        if self.scores_overflow(registry) {
            refuse("score plugins: total score of Score plugins could overflow");
        }
    }

    /// Upstream: getValidScoreWeights, v1.37. With its arithmetic a sum below zero is an overflow too,
    /// unless nothing comes after it.
    fn scores_overflow(&self, registry: &[PluginInfo]) -> bool {
        let own = self.points.get(&ExtensionPoint::Score).map_or(&[][..], |set| &set.enabled);
        let mut seen: Vec<&str> = Vec::new();
        let mut total = 0_i64;
        for entry in own.iter().chain(&self.multi_point.enabled) {
            let name = entry.name.as_str();
            let scores = |info: &PluginInfo| info.points.contains(&ExtensionPoint::Score);
            if seen.contains(&name) || !find(registry, name).is_some_and(scores) {
                continue;
            }
            seen.push(name);
            let weight = if entry.weight == 0 { 1 } else { i64::from(entry.weight) };
            if weight * 100 > i64::MAX.wrapping_sub(total) {
                return true;
            }
            total += weight * 100;
        }
        false
    }
}

/// A point's own list names only plugins that there are, that have the point, and none twice.
fn check_point(
    set: &PluginSet,
    point: ExtensionPoint,
    registry: &[PluginInfo],
    path: &str,
    findings: &mut Findings,
) {
    let interface =
        INTERFACES.iter().find(|(other, _)| *other == point).map_or("", |(_, name)| name);
    if point == ExtensionPoint::QueueSort && set.enabled.len() > 1 {
        let message = "only one queue sort plugin can be enabled";
        return findings.refuse(
            format!("{path}.enabled"),
            Some(set.enabled.len().to_string()),
            message,
        );
    }
    for (index, entry) in set.enabled.iter().enumerate() {
        let name = entry.name.as_str();
        let message = match find(registry, name) {
            // That has been said of it.
            None if REMOVED.contains(&name) => continue,
            None => no_such_plugin(name, interface),
            Some(info) if !info.points.contains(&point) => {
                format!("plugin \"{name}\" does not extend {interface} plugin")
            }
            Some(_) if set.enabled[..index].iter().any(|other| other.name == name) => {
                format!("plugin \"{name}\" already registered as \"{interface}\"")
            }
            Some(_) => continue,
        };
        findings.refuse(format!("{path}.enabled[{index}]"), Some(quoted(name)), &message);
    }
}

fn no_such_plugin(name: &str, interface: &str) -> String {
    if GATED.contains(&name) {
        return "not supported yet".to_owned();
    }
    format!("{interface} \"{name}\" does not exist")
}
