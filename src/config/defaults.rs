//! Upstream's defaults, filled into what a file says. Called by `config`, between `v1` and `validate`.
//!
//! Upstream: SetDefaults_KubeSchedulerConfiguration, v1.37.

use super::args;
use super::merge::Lists;
use super::profile::{PluginConfigFields, ProfileFields};
use super::v1::File;
use super::value::Value;
use crate::framework::PluginInfo;
use crate::model::FeatureGates;

/// The name of the only profile of a file that gives none.
pub(super) const SCHEDULER_NAME: &str = "default-scheduler";
/// Requests a second where none or zero is given.
pub(super) const QPS: f64 = 50.0;
/// Requests at once where none or zero is given.
pub(super) const BURST: u32 = 100;
/// How many goroutines kube-scheduler uses.
pub(super) const PARALLELISM: i32 = 16;
/// `podInitialBackoffSeconds` and `podMaxBackoffSeconds`.
pub(super) const BACKOFF_SECONDS: (i64, i64) = (1, 10);

/// Fills in what was not given.
pub(super) fn fill(file: &mut File, registry: &[PluginInfo], gates: FeatureGates) {
    if file.profiles.is_empty() {
        let lists = Lists::default().over_defaults(registry);
        file.profiles.push(ProfileFields { lists, ..ProfileFields::default() });
    }
    // Several profiles must be told apart, so only one alone gets a name.
    if let [profile] = file.profiles.as_mut_slice() {
        profile.scheduler_name.get_or_insert_with(|| SCHEDULER_NAME.to_owned());
    }
    file.profiles.iter_mut().for_each(|profile| fill_args(profile, gates));
    file.parallelism.get_or_insert(PARALLELISM);
    file.percentage_of_nodes_to_score.get_or_insert(0);
    file.pod_initial_backoff_seconds.get_or_insert(BACKOFF_SECONDS.0);
    file.pod_max_backoff_seconds.get_or_insert(BACKOFF_SECONDS.1);
    let profiling = *file.enable_profiling.get_or_insert(true);
    if profiling {
        file.enable_contention_profiling.get_or_insert(true);
    }
}

fn fill_args(profile: &mut ProfileFields, gates: FeatureGates) {
    for name in args::WITH_ARGS {
        let given = profile.plugin_config.iter().any(|config| config.name == name);
        if !given && profile.lists.enable(name) {
            let args = args::defaults(name, gates);
            let config = PluginConfigFields { name: name.to_owned(), given: Value::Null, args };
            profile.plugin_config.push(config);
        }
    }
}
