//! A profile: the plugins of one scheduler name, in the order in which they run.

use super::{ClusterEvent, Plugin, PluginInfo};

/// One scheduler name and its plugins.
pub struct Profile {
    /// The `schedulerName` of its pods.
    pub name: Box<str>,
    /// Its plugins, in order.
    pub plugins: Vec<ProfilePlugin>,
}

/// A plugin in a profile.
pub struct ProfilePlugin {
    /// Its name.
    pub name: &'static str,
    /// What its score counts for.
    pub weight: i64,
    /// The plugin.
    pub plugin: Box<dyn Plugin>,
}

/// A set of plugins of one profile, by position.
pub type PluginMask = u64;

impl Profile {
    /// A profile of `plugins` with their default weights.
    ///
    /// # Panics
    /// With more than 64 plugins: a set of them is one word.
    #[must_use]
    pub fn new(name: &str, plugins: &[PluginInfo]) -> Self {
        assert!(plugins.len() <= 64, "a profile has at most 64 plugins");
        let entry = |info: &PluginInfo| ProfilePlugin {
            name: info.name,
            weight: info.default_weight,
            plugin: (info.make)(),
        };
        Self { name: name.into(), plugins: plugins.iter().map(entry).collect() }
    }

    /// Whether one of the plugins in `rejectors` wants to know of `event`.
    #[must_use]
    pub fn may_help(&self, rejectors: PluginMask, event: ClusterEvent) -> bool {
        self.plugins.iter().enumerate().any(|(position, entry)| {
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
        names.sort_unstable();
        names
    }
}
