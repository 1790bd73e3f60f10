//! Upstream's rules on a configuration whose types are right and whose defaults are filled in, and what
//! of it has no effect. Called by `config`, after `defaults`.
//!
//! Upstream: ValidateKubeSchedulerConfiguration, v1.37, and the making of its profiles.

use super::defaults::PARALLELISM;
use super::error::Findings;
use super::extenders;
use super::leader_election;
use super::overrides::LeaderElectionOverrides;
use super::profile::ProfileFields;
use super::v1::File;
use super::value::{Value, quoted};
use crate::framework::{ExtensionPoint, PluginInfo, ProfileSpec};

/// Says what breaks a rule, in upstream's order and words, and what is without effect. What `flags` mend is
/// no matter.
pub(super) fn check(file: &File, flags: &LeaderElectionOverrides, findings: &mut Findings) {
    if let Some(burst) = file.client_connection.burst.filter(|burst| *burst < 0) {
        let path = "clientConnection.burst".to_owned();
        findings.refuse(path, Some(burst.to_string()), "must be non-negative");
    }
    leader_election::check(&file.leader_election, flags, findings);
    let mut refuse = |path: &str, value: i64, message: &str| {
        findings.refuse(path.to_owned(), Some(value.to_string()), message);
    };
    if let Some(parallelism) = file.parallelism.filter(|parallelism| *parallelism <= 0) {
        let message = "should be an integer value greater than zero";
        refuse("parallelism", parallelism.into(), message);
    }
    let initial = file.pod_initial_backoff_seconds.unwrap_or_default();
    if initial <= 0 {
        refuse("podInitialBackoffSeconds", initial, "must be greater than 0");
    }
    let max = file.pod_max_backoff_seconds.unwrap_or_default();
    if max < initial {
        let message = "must be greater than or equal to PodInitialBackoffSeconds";
        refuse("podMaxBackoffSeconds", max, message);
    }
    let percentage = file.percentage_of_nodes_to_score;
    check_percentage("percentageOfNodesToScore", percentage, findings);
    extenders::check(&file.extenders, findings);
    check_ignored(file, findings);
    warn_of_no_effect(file, findings);
}

/// Checks the profiles and says what each is made of; the args are left as they are.
pub(super) fn check_profiles(
    profiles: &[ProfileFields],
    registry: &[PluginInfo],
    findings: &mut Findings,
) -> Vec<ProfileSpec> {
    let mut specs = Vec::new();
    for (index, profile) in profiles.iter().enumerate() {
        let path = format!("profiles[{index}]");
        check_name(profiles, index, &path, findings);
        let percentage = profile.percentage_of_nodes_to_score;
        check_percentage(&format!("{path}.percentageOfNodesToScore"), percentage, findings);
        check_queue_sort(&profiles[0], profile, &path, findings);
        let name = profile.scheduler_name.as_deref().unwrap_or_default();
        let points = profile.lists.spread(registry, name, &format!("{path}.plugins"), findings);
        specs.push(ProfileSpec { scheduler_name: name.into(), points, ..ProfileSpec::default() });
    }
    specs
}

fn check_name(profiles: &[ProfileFields], index: usize, path: &str, findings: &mut Findings) {
    let path = format!("{path}.schedulerName");
    match profiles[index].scheduler_name.as_deref() {
        None => findings.refuse(path, None, "must be given where there are several profiles"),
        Some("") => findings.refuse(path, Some(quoted("")), "must not be empty"),
        Some(name) => {
            let same = |other: &ProfileFields| other.scheduler_name.as_deref() == Some(name);
            if let Some(other) = profiles[..index].iter().position(same) {
                let message = format!("duplicate value, the same as of profiles[{other}]");
                findings.refuse(path, Some(quoted(name)), &message);
            }
        }
    }
}

/// Upstream: updateExtendedResourcesIgnored of buildExtenders, v1.37: resources that extenders manage are told to
/// NodeResourcesFit of every profile.
fn check_ignored(file: &File, findings: &mut Findings) {
    if extenders::ignored_resources(&file.extenders).is_none() {
        return;
    }
    for (index, profile) in file.profiles.iter().enumerate() {
        if !profile.plugin_config.iter().any(|config| config.name == "NodeResourcesFit") {
            let path = format!("profiles[{index}].pluginConfig");
            findings.refuse(path, None, "can't find NodeResourcesFitArgs in plugin config");
        }
    }
}

fn check_percentage(path: &str, percentage: Option<i32>, findings: &mut Findings) {
    if let Some(percentage) = percentage.filter(|percentage| !(0..=100).contains(percentage)) {
        let value = Some(percentage.to_string());
        findings.refuse(path.to_owned(), value, "not in valid range [0-100]");
    }
}

/// All profiles share a queue, so its order is said in the same way in all of them.
fn check_queue_sort(
    first: &ProfileFields,
    profile: &ProfileFields,
    path: &str,
    findings: &mut Findings,
) {
    let set = |profile: &ProfileFields| {
        profile.lists.points.get(&ExtensionPoint::QueueSort).cloned().unwrap_or_default()
    };
    if set(first) != set(profile) {
        let path = format!("{path}.plugins.queueSort");
        findings.refuse(path, None, "must be the same for all profiles");
    }
    // The only plugin that sorts takes no args, but upstream compares them all the same.
    let args = |profile: &ProfileFields| {
        let mut configs = profile.plugin_config.iter();
        let config = configs.find(|config| config.name == "PrioritySort");
        config.map_or(Value::Null, |config| config.given.clone().sorted())
    };
    if args(first) != args(profile) {
        let path = format!("{path}.pluginConfig");
        findings.refuse(path, None, "queueSort must be the same for all profiles");
    }
}

/// Fields that are right but change nothing here.
fn warn_of_no_effect(file: &File, findings: &mut Findings) {
    let mut warn = |path: &str, value: String, is_default: bool| {
        if !is_default {
            findings.warn(path.to_owned(), Some(value), "has no effect");
        }
    };
    let parallelism = file.parallelism.unwrap_or(PARALLELISM);
    warn("parallelism", parallelism.to_string(), parallelism <= 0 || parallelism == PARALLELISM);
    let profiling = file.enable_profiling != Some(false);
    warn("enableProfiling", profiling.to_string(), profiling);
    let contention = file.enable_contention_profiling;
    warn("enableContentionProfiling", "false".to_owned(), contention != Some(false));
    let delay = file.delay_cache_until_active;
    warn("delayCacheUntilActive", delay.to_string(), !delay);
}
