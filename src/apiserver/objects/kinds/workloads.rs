//! The defaults of the kinds that make pods: Deployment, ReplicaSet, StatefulSet, DaemonSet,
//! ReplicationController.
//!
//! Upstream: apps/v1 defaults and the strategies of registry/apps, v1.37.

use serde_json::{Value, json};

use super::claim;
use crate::apiserver::objects::json::{
    ensure, int, length, list_mut, part, set, set_default, set_default_text, take, text,
};
use crate::apiserver::objects::pod::defaults;

const REVISIONS_KEPT: i64 = 10;
const PROGRESS_SECONDS: i64 = 600;

/// Makes the object a new one: its status is empty, but for the counts that are always there.
pub(super) fn create(object: &mut Value, _now: &str) {
    let status = match text(object, "kind") {
        "ReplicaSet" | "ReplicationController" => json!({"replicas": 0}),
        "StatefulSet" => json!({"replicas": 0, "availableReplicas": 0}),
        "DaemonSet" => json!({
            "currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0,
            "numberReady": 0,
        }),
        _ => json!({}),
    };
    set(object, "status", status);
    set(&mut object["metadata"], "generation", 1);
    if text(object, "kind") == "DaemonSet" {
        let key = "deprecated.daemonset.template.generation";
        let meta = ensure(object, "metadata");
        if let Some(notes) = meta.and_then(|meta| ensure(meta, "annotations")) {
            let given = text(notes, key).parse::<i64>().ok().filter(|number| *number >= 1);
            set(notes, key, given.unwrap_or(1).to_string());
        }
    }
}

fn template(spec: &mut Value) {
    if let Some(template) = ensure(spec, "template") {
        defaults::template(template);
    }
}

/// Fills in a Deployment.
pub(super) fn deployment_defaults(deployment: &mut Value) {
    let Some(spec) = ensure(deployment, "spec") else { return };
    template(spec);
    set_default(spec, "replicas", 1);
    if let Some(strategy) = ensure(spec, "strategy") {
        set_default_text(strategy, "type", "RollingUpdate");
        if text(strategy, "type") == "RollingUpdate"
            && let Some(update) = ensure(strategy, "rollingUpdate")
        {
            set_default(update, "maxUnavailable", "25%");
            set_default(update, "maxSurge", "25%");
        }
    }
    set_default(spec, "revisionHistoryLimit", REVISIONS_KEPT);
    set_default(spec, "progressDeadlineSeconds", PROGRESS_SECONDS);
    if let Some(status) = ensure(deployment, "status") {
        without_zeros(status, &["replicas", "availableReplicas"]);
    }
}

/// Leaves out counts of nothing.
fn without_zeros(status: &mut Value, keys: &[&str]) {
    for key in keys {
        if status[*key] == 0 {
            take(status, key);
        }
    }
}

/// Fills in a ReplicaSet.
pub(super) fn replica_set_defaults(set: &mut Value) {
    if let Some(spec) = ensure(set, "spec") {
        template(spec);
        set_default(spec, "replicas", 1);
    }
    if let Some(status) = ensure(set, "status") {
        set_default(status, "replicas", 0);
        without_zeros(status, &["availableReplicas"]);
    }
}

/// Fills in a ReplicationController.
pub(super) fn controller_defaults(controller: &mut Value) {
    let Some(spec) = ensure(controller, "spec") else { return };
    if let Some(own) = part(spec, "template") {
        defaults::template(own);
    }
    set_default(spec, "replicas", 1);
    let labels = spec["template"]["metadata"]["labels"].clone();
    if length(&labels) > 0 {
        if length(&spec["selector"]) == 0 {
            set(spec, "selector", labels.clone());
        }
        if let Some(meta) = ensure(controller, "metadata")
            && length(&meta["labels"]) == 0
        {
            set(meta, "labels", labels);
        }
    }
    if let Some(status) = ensure(controller, "status") {
        set_default(status, "replicas", 0);
        without_zeros(status, &["availableReplicas"]);
    }
}

/// Fills in a StatefulSet.
pub(super) fn stateful_set_defaults(object: &mut Value) {
    let Some(spec) = ensure(object, "spec") else { return };
    template(spec);
    set_default_text(spec, "podManagementPolicy", "OrderedReady");
    if let Some(strategy) = ensure(spec, "updateStrategy") {
        if text(strategy, "type").is_empty() {
            set(strategy, "type", "RollingUpdate");
            ensure(strategy, "rollingUpdate");
        }
        if text(strategy, "type") == "RollingUpdate"
            && let Some(update) = part(strategy, "rollingUpdate")
        {
            set_default(update, "partition", 0);
            set_default(update, "maxUnavailable", 1);
        }
    }
    if let Some(policy) = ensure(spec, "persistentVolumeClaimRetentionPolicy") {
        set_default_text(policy, "whenDeleted", "Retain");
        set_default_text(policy, "whenScaled", "Retain");
    }
    set_default(spec, "replicas", 1);
    set_default(spec, "revisionHistoryLimit", REVISIONS_KEPT);
    if text(spec, "serviceName").is_empty() {
        set(spec, "serviceName", "");
    }
    claim::fill_templates(spec);
    for claim in list_mut(spec, "volumeClaimTemplates") {
        set(claim, "status", json!({"phase": "Pending"}));
    }
    if let Some(status) = ensure(object, "status") {
        set_default(status, "replicas", 0);
        set_default(status, "availableReplicas", 0);
    }
}

/// Fills in a DaemonSet.
pub(super) fn daemon_set_defaults(object: &mut Value) {
    let Some(spec) = ensure(object, "spec") else { return };
    template(spec);
    if let Some(strategy) = ensure(spec, "updateStrategy") {
        set_default_text(strategy, "type", "RollingUpdate");
        if text(strategy, "type") == "RollingUpdate"
            && let Some(update) = ensure(strategy, "rollingUpdate")
        {
            set_default(update, "maxUnavailable", 1);
            set_default(update, "maxSurge", 0);
        }
    }
    set_default(spec, "revisionHistoryLimit", REVISIONS_KEPT);
    if let Some(status) = ensure(object, "status") {
        for key in [
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
        ] {
            set_default(status, key, 0);
        }
    }
}

/// Counts the changes of a DaemonSet's template.
///
/// Upstream: the annotation in which apps/v1 keeps `templateGeneration`, v1.37.
pub(in crate::apiserver::objects) fn count_template(new: &mut Value, old: &Value) {
    let key = "deprecated.daemonset.template.generation";
    let had = text(&old["metadata"]["annotations"], key).parse::<i64>().unwrap_or(1);
    let changed = new["spec"]["template"] != old["spec"]["template"];
    if let Some(notes) = ensure(new, "metadata").and_then(|meta| ensure(meta, "annotations")) {
        set(notes, key, (had + i64::from(changed)).to_string());
    }
}

/// Moves the generation on where the spec, or a Deployment's annotations, have changed.
pub(in crate::apiserver::objects) fn count_generation(new: &mut Value, old: &Value) {
    let had = int(&old["metadata"], "generation").unwrap_or(0);
    let notes = |object: &Value| object["metadata"]["annotations"].clone();
    let changed = match text(new, "kind") {
        "Deployment" => new["spec"] != old["spec"] || notes(new) != notes(old),
        "EndpointSlice" => {
            ["endpoints", "ports"].iter().any(|key| new[*key] != old[*key])
                || new["metadata"]["labels"] != old["metadata"]["labels"]
        }
        _ => new["spec"] != old["spec"],
    };
    set(&mut new["metadata"], "generation", had + i64::from(changed));
}
