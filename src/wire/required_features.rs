//! The features that a pod needs its node to declare. Called by `pod_to_model`.
//!
//! Upstream: component-helpers nodedeclaredfeatures, `InferForScheduling` of restartallcontainers,
//! usernamespaceshostnetwork and volumebindmountoptions, v1.37; no other feature is inferred from a pod.

use super::pod::PodSpec;

/// The names of the features, sorted.
pub(super) fn required_features(spec: &PodSpec) -> Vec<&'static str> {
    let own = || spec.init_containers.iter().chain(spec.containers.iter());
    let restarts_all = own().any(|container| {
        let mut rules = container.restart_policy_rules.iter();
        rules.any(|rule| rule.restarts_all)
    });
    let has_options = own().chain(spec.ephemeral_containers.iter()).any(|container| {
        let mut mounts = container.volume_mounts.iter();
        mounts.any(|mount| !mount.bind_mount_options.is_empty())
    });
    let on_host = spec.host_network == Some(true) && spec.host_users == Some(false);
    let features = [
        (restarts_all, "RestartAllContainersOnContainerExits"),
        (on_host, "UserNamespacesHostNetworkSupport"),
        (has_options, "VolumeBindMountOptions"),
    ];
    features.into_iter().filter(|(needed, _)| *needed).map(|(_, name)| name).collect()
}
