//! A profile: the plugins of one scheduler name, and who speaks at which extension point in which order.

use std::sync::Arc;

use super::{ClusterEvent, Code, ExtensionPoint, Plugin, PluginInfo, ProfileSpec, unprepared};

/// One scheduler name and its plugins.
pub struct Profile {
    /// The `schedulerName` of its pods.
    pub name: Box<str>,
    /// How many of the nodes are searched; `None`, 0 and 100 mean all.
    pub percentage_of_nodes_to_score: Option<u8>,
    /// Its plugins: those that filter first, in the order in which they do.
    pub plugins: Vec<ProfilePlugin>,
    /// Positions of the plugins at PreFilter, in order.
    pre_filter: Vec<u16>,
    /// Why no pod can be scored.
    unscored: Option<String>,
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
const PLUGINS_MAX: usize = 63;

/// The extenders among the plugins that rejected something: any change may help against them.
///
/// Upstream: ExtenderName, v1.37.
pub const EXTENDERS: PluginMask = 1 << PLUGINS_MAX;

/// What the extenders are called among plugins.
const EXTENDERS_NAME: &str = "Extender";

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
        let named = spec.points.get(&ExtensionPoint::PreFilter).into_iter().flatten();
        let position = |name: &str| plugins.iter().position(|entry| entry.name == name);
        let pre_filter =
            named.filter_map(|enabled| u16::try_from(position(&enabled.name)?).ok()).collect();
        Ok(Self {
            name: spec.scheduler_name.clone(),
            percentage_of_nodes_to_score: spec.percentage_of_nodes_to_score,
            unscored: unprepared::score_error(spec, &plugins),
            plugins,
            pre_filter,
        })
    }

    /// Why no pod can be scored where there is more than one node to choose from: the profile leaves out
    /// what scoring needs.
    #[must_use]
    pub fn unscored(&self) -> Option<&str> {
        self.unscored.as_deref()
    }

    /// The plugins at `point`, with their positions. At PreFilter in its own order.
    pub fn at(&self, point: ExtensionPoint) -> impl Iterator<Item = (u16, &ProfilePlugin)> {
        let pre_filter = point == ExtensionPoint::PreFilter;
        let own: &[u16] = if pre_filter { &self.pre_filter } else { &[] };
        let own = own.iter().map(|at| (*at, &self.plugins[usize::from(*at)]));
        let all = (0u16..).zip(&self.plugins).filter(move |_| !pre_filter);
        own.chain(all.filter(move |(_, entry)| entry.points.contains(&point)))
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
        let mut order = self.pre_filter.iter();
        let own = order.position(|at| *at == failing);
        let last = self.pre_filter.iter().rposition(|at| rejectors >> at & 1 == 1);
        code != Code::Unschedulable && (own.is_none() || last < own)
    }

    /// Whether one of the plugins in `rejectors` wants to know of `event`.
    #[must_use]
    pub fn may_help(&self, rejectors: PluginMask, event: ClusterEvent) -> bool {
        let any = rejectors & EXTENDERS != 0;
        any || self.plugins.iter().enumerate().any(|(position, entry)| {
            rejectors >> position & 1 == 1
                && entry.plugin.events().iter().any(|registered| registered.covers(event))
        })
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
