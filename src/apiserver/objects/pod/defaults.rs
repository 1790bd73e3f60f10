//! The defaults of pods and of pod templates.
//!
//! Upstream: core/v1 `SetDefaults_Pod`, `SetDefaults_PodSpec` and what is generated, v1.37.

use serde_json::{Value, json};

use super::{CONTAINER_LISTS, defaults_container, volume_defaults};
use crate::apiserver::objects::json::{
    ensure, int, list_mut, part, set, set_default, set_default_int, set_default_text, take, text,
};

const GRACE_SECONDS: i64 = 30;

/// Fills in a pod. What is done to a template, too, is in [`spec`].
pub(in crate::apiserver::objects) fn pod(pod: &mut Value) {
    let Some(own) = ensure(pod, "spec") else { return };
    if int(own, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        set(own, "terminationGracePeriodSeconds", 1);
    }
    for which in ["containers", "initContainers"] {
        list_mut(own, which).iter_mut().for_each(requests_from_limits);
    }
    set_default(own, "enableServiceLinks", true);
    if own["hostNetwork"] == true {
        for which in ["containers", "initContainers"] {
            list_mut(own, which).iter_mut().for_each(host_ports);
        }
    }
    spec(own);
    ensure(pod, "status");
}

/// Fills in the spec of a pod or of a template.
pub(in crate::apiserver::objects) fn spec(spec: &mut Value) {
    let account = match text(spec, "serviceAccountName") {
        "" => text(spec, "serviceAccount").to_owned(),
        name => name.to_owned(),
    };
    set(spec, "serviceAccountName", account.clone());
    set(spec, "serviceAccount", account);
    set_default_text(spec, "dnsPolicy", "ClusterFirst");
    set_default_text(spec, "restartPolicy", "Always");
    ensure(spec, "securityContext");
    set_default(spec, "terminationGracePeriodSeconds", GRACE_SECONDS);
    set_default_text(spec, "schedulerName", "default-scheduler");
    list_mut(spec, "volumes").iter_mut().for_each(volume_defaults::volume);
    for which in CONTAINER_LISTS {
        list_mut(spec, which).iter_mut().for_each(defaults_container::container);
    }
    preferred_terms(spec);
    for toleration in list_mut(spec, "tolerations") {
        if text(toleration, "key").is_empty() {
            take(toleration, "key");
        }
    }
    // The gates GenericWorkload and EvictionRequestAPI are off.
    take(spec, "schedulingGroup");
    take(spec, "evictionResponders");
}

/// Fills in a template, which is a part of another object.
pub(in crate::apiserver::objects) fn template(template: &mut Value) {
    ensure(template, "metadata");
    if let Some(own) = ensure(template, "spec") {
        spec(own);
    }
}

/// A preferred term always has a preference, if only an empty one.
fn preferred_terms(spec: &mut Value) {
    let affinity = part(spec, "affinity").and_then(|affinity| part(affinity, "nodeAffinity"));
    let Some(affinity) = affinity else { return };
    for term in list_mut(affinity, "preferredDuringSchedulingIgnoredDuringExecution") {
        ensure(term, "preference");
    }
}

fn requests_from_limits(container: &mut Value) {
    let Some(resources) = part(container, "resources") else { return };
    let limits = resources["limits"].clone();
    let Value::Object(limits) = limits else { return };
    set_default(resources, "requests", json!({}));
    let Some(requests) = part(resources, "requests") else { return };
    for (name, amount) in limits {
        set_default(requests, &name, amount);
    }
}

fn host_ports(container: &mut Value) {
    for port in list_mut(container, "ports") {
        let number = int(port, "containerPort").unwrap_or(0);
        set_default_int(port, "hostPort", number);
    }
}
