//! A profile: the plugins of one scheduler name, and who speaks at which extension point in which order.

use std::sync::Arc;

use crate::cluster::Facts;
use crate::model::Pod;

use super::{
    Asks, Candidate, ClusterEvent, Code, ExtensionPoint, Interest, Plugin, PluginInfo, ProfileSpec,
    unprepared,
};

/// One scheduler name and its plugins.
pub struct Profile {
    /// The `schedulerName` of its pods.
    pub name: Arc<str>,
    /// How many of the nodes are searched; `None`, 0 and 100 mean all.
    pub percentage_of_nodes_to_score: Option<u8>,
    /// Its plugins: those that filter first, in the order in which they do.
    pub plugins: Vec<ProfilePlugin>,
    /// Positions of the plugins at each extension point, in its own order; by the number of the point.
    order: [Vec<u16>; ExtensionPoint::ALL.len()],
    /// Position of the plugin that sorts waiting pods.
    sorter: Option<u16>,
    /// Why no pod can be scored.
    unscored: Option<String>,
    /// What each plugin wants to know of, by its position.
    interests: Vec<(u16, Interest)>,
}

/// A plugin in a profile.
pub struct ProfilePlugin {
    /// Its name.
    pub name: &'static str,
    /// What its score counts for.
    pub weight: i64,
    /// The extension points at which it speaks.
    pub points: Vec<ExtensionPoint>,
    /// The plugin.
    pub plugin: Arc<dyn Plugin>,
}

/// A set of plugins of one profile, by position.
pub type PluginMask = u64;

/// How many plugins a profile may have: a set of them is one word, with a bit for [`EXTENDERS`].
pub const PLUGINS_MAX: usize = 63;

/// The extenders among the plugins that rejected something: any change may help against them.
///
/// Upstream: ExtenderName, v1.37.
pub const EXTENDERS: PluginMask = 1 << PLUGINS_MAX;

/// What the extenders are called among plugins.
pub const EXTENDERS_NAME: &str = "Extender";

/// The plugin whose PostFilter fails where its PreFilter was not asked.
const FAILS_UNASKED: &str = "DynamicResources";

/// Why a profile cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// A name that nobody answers to.
    #[error("plugin {0:?} does not exist")]
    Unknown(Box<str>),
    /// A plugin that cannot do with its args.
    #[error("initializing plugin {name:?}: {error}")]
    Args {
        /// The plugin.
        name: &'static str,
        /// What it says.
        error: String,
    },
    /// More plugins than a set of them has room for.
    #[error("more than {PLUGINS_MAX} plugins in one profile")]
    TooMany,
}

impl Profile {
    /// Makes the profile that `spec` describes from the plugins in `registry`.
    pub fn compile(spec: &ProfileSpec, registry: &[PluginInfo]) -> Result<Self, ProfileError> {
        let mut plugins: Vec<ProfilePlugin> = Vec::new();
        // The position of a plugin is its turn at Filter: the first rejection of a node is the lowest.
        let filter_first = [ExtensionPoint::Filter];
        let others = ExtensionPoint::ALL.iter().map(|(point, _)| *point);
        for point in filter_first.into_iter().chain(others) {
            for enabled in spec.points.get(&point).into_iter().flatten() {
                let known = plugins.iter().position(|entry| *entry.name == *enabled.name);
                let at = if let Some(at) = known {
                    at
                } else {
                    let info = registry.iter().find(|info| *info.name == *enabled.name);
                    let info = info.ok_or(ProfileError::Unknown(enabled.name.clone()))?;
                    let made = (info.make)(&spec.args);
                    let made =
                        made.map_err(|error| ProfileError::Args { name: info.name, error })?;
                    plugins.push(ProfilePlugin {
                        name: info.name,
                        weight: 0,
                        points: Vec::new(),
                        plugin: Arc::from(made),
                    });
                    plugins.len() - 1
                };
                if !plugins[at].points.contains(&point) {
                    plugins[at].points.push(point);
                }
                if point == ExtensionPoint::Score {
                    plugins[at].weight = enabled.weight.max(1);
                }
            }
        }
        if plugins.len() > PLUGINS_MAX {
            return Err(ProfileError::TooMany);
        }
        unprepared::leave_out(&mut plugins);
        let order = ExtensionPoint::ALL.map(|(point, _)| {
            let speaks = |name: &str| {
                let mut all = (0u16..).zip(&plugins);
                all.find(|(_, entry)| entry.name == name && entry.points.contains(&point))
            };
            let named = spec.points.get(&point).into_iter().flatten();
            named.filter_map(|enabled| Some(speaks(&enabled.name)?.0)).collect()
        });
        let interests = (0u16..).zip(&plugins).flat_map(|(at, entry)| {
            entry.plugin.events().iter().map(move |interest| (at, *interest))
        });
        let interests = interests.collect();
        let sorts = |entry: &ProfilePlugin| entry.points.contains(&ExtensionPoint::QueueSort);
        let sorter = plugins.iter().position(sorts).and_then(|at| u16::try_from(at).ok());
        Ok(Self {
            name: (&*spec.scheduler_name).into(),
            sorter,
            percentage_of_nodes_to_score: spec.percentage_of_nodes_to_score,
            unscored: unprepared::score_error(spec, &plugins),
            plugins,
            order,
            interests,
        })
    }

    /// Why no pod can be scored where there is more than one node to choose from: the profile leaves out
    /// what scoring needs.
    #[must_use]
    pub fn unscored(&self) -> Option<&str> {
        self.unscored.as_deref()
    }

    /// The plugins at `point` in its order, with their positions.
    pub fn at(&self, point: ExtensionPoint) -> impl Iterator<Item = (u16, &ProfilePlugin)> {
        let order = self.order_at(point).iter();
        order.map(|at| (*at, &self.plugins[usize::from(*at)]))
    }

    fn order_at(&self, point: ExtensionPoint) -> &[u16] {
        &self.order[point as usize]
    }

    /// What [`Plugin::sort`] says of a waiting pod.
    #[must_use]
    pub fn sort(&self, pod: Candidate<'_>) -> i64 {
        self.sorter.map_or(0, |at| self.plugins[usize::from(at)].plugin.sort(pod))
    }

    /// The plugins at `point`, as a set.
    #[must_use]
    pub fn mask_at(&self, point: ExtensionPoint) -> PluginMask {
        self.at(point).fold(0, |mask, (at, _)| mask | 1 << at)
    }

    /// Whether PostFilter comes to nothing after a rejection by PreFilter with `code` by `rejectors`, since
    /// it left out a plugin that then fails.
    ///
    /// Upstream: DynamicResources.PostFilter and RunPostFilterPlugins, v1.37. Differs from upstream: the
    /// error, a stray "not found", is not in the message.
    #[must_use]
    pub fn post_filter_fails(&self, code: Code, rejectors: PluginMask) -> bool {
        let mut asked = self.at(ExtensionPoint::PostFilter);
        let Some((failing, _)) = asked.find(|(_, entry)| entry.name == FAILS_UNASKED) else {
            return false;
        };
        let order = self.order_at(ExtensionPoint::PreFilter);
        let own = order.iter().position(|at| *at == failing);
        let last = order.iter().rposition(|at| rejectors >> at & 1 == 1);
        code != Code::Unschedulable && (own.is_none() || last < own)
    }

    /// What all plugins together read of the cluster besides nodes one by one when they prepare `pod`; `None`
    /// where one of them has to be asked about every pod.
    #[must_use]
    pub fn prepared_from(&self, pod: &Pod) -> Option<Facts> {
        let all = self.plugins.iter().map(|entry| entry.plugin.prepared_from(pod));
        all.reduce(|a, b| Some(a?.and(b?))).unwrap_or(Some(Facts::NONE))
    }

    /// The plugins that have to be asked about every pod of the template of `pod`.
    #[must_use]
    pub fn prepares_each(&self, pod: &Pod) -> PluginMask {
        let all = (0u16..).zip(&self.plugins);
        let each = all.filter(|(_, entry)| entry.plugin.prepares_each(pod));
        each.fold(0, |mask, (at, _)| mask | 1 << at)
    }

    /// The plugins in `mask` that want to know of `event`, and what they have to be asked then.
    pub fn interested(
        &self,
        mask: PluginMask,
        event: ClusterEvent,
    ) -> impl Iterator<Item = (u16, Asks)> {
        let covers = move |(plugin, interest): &&(u16, Interest)| {
            mask >> *plugin & 1 == 1 && interest.event.covers(event)
        };
        self.interests.iter().filter(covers).map(|(plugin, interest)| (*plugin, interest.asks))
    }

    /// Whether PostFilter comes to nothing for every pod, since the profile leaves out the PreFilter of a plugin
    /// that then fails.
    #[must_use]
    pub fn post_filter_lacks(&self) -> bool {
        let mut asked = self.at(ExtensionPoint::PostFilter).map(|(_, entry)| entry);
        asked.any(|entry| {
            entry.name == FAILS_UNASKED && !entry.points.contains(&ExtensionPoint::PreFilter)
        })
    }

    /// Whether one of the plugins in `rejectors` wants to know of `event`.
    #[must_use]
    pub fn is_interested(&self, rejectors: PluginMask, event: ClusterEvent) -> bool {
        rejectors & EXTENDERS != 0 || self.interested(rejectors, event).next().is_some()
    }

    /// Names of the plugins in `mask`, sorted.
    #[must_use]
    pub fn names(&self, mask: PluginMask) -> Vec<&'static str> {
        let in_mask = |(position, _): &(usize, _)| mask >> *position & 1 == 1;
        let mut names: Vec<_> =
            self.plugins.iter().enumerate().filter(in_mask).map(|(_, entry)| entry.name).collect();
        names.extend((mask & EXTENDERS != 0).then_some(EXTENDERS_NAME));
        names.sort_unstable();
        names
    }
}
