//! Events that controllers write about their objects.

use serde_json::json;

use crate::units::Nanos;

use super::super::clock::seconds_text;
use super::super::write::Write;
use super::kind::{Key, Kind};
use super::plan::Say;

/// What an event is about.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) key: Key,
    pub(super) uid: Box<str>,
}

/// The event, with `name` for `{}` in its text. Its own name is the object's with the time and `serial`,
/// so that no two are alike.
pub(super) fn event(subject: &Subject, say: &Say, name: &str, serial: u64, now: Nanos) -> Write {
    let component = match subject.kind {
        Kind::ReplicaSet => "replicaset-controller",
        Kind::ReplicationController => "replication-controller",
        Kind::Deployment => "deployment-controller",
        Kind::StatefulSet => "statefulset-controller",
        Kind::DaemonSet => "daemonset-controller",
        Kind::Job => "job-controller",
        _ => "controllermanager",
    };
    let namespace = &subject.key.namespace;
    let at = seconds_text(now);
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {
            "name": format!("{}.{:x}{:04x}", subject.key.name, now.0, serial % 0x1_0000),
            "namespace": namespace,
        },
        "involvedObject": {
            "apiVersion": subject.kind.api_version(), "kind": subject.kind.name(),
            "namespace": namespace, "name": subject.key.name, "uid": subject.uid,
        },
        "type": if say.warning { "Warning" } else { "Normal" },
        "reason": say.reason, "message": say.text.replace("{}", name),
        "source": {"component": component}, "count": 1,
        "firstTimestamp": at, "lastTimestamp": at, "eventTime": null,
        "reportingComponent": component, "reportingInstance": "",
    });
    Write::create(Kind::Pod.collection(namespace).replace("/pods", "/events"), event)
}
