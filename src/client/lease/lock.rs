//! The Lease in the API: reading it, writing it, and the Events about it. Used by `candidacy`.

use http::Method;
use serde_json::{Value, json};

use crate::client::api::{Api, Problem};
use crate::client::json::micro_time;
use crate::units::Nanos;

use super::elector::{Answer, Ask, Record};

/// Where Leases are, before a namespace.
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces";

/// One Lease.
pub(super) struct Lock {
    pub(super) api: Api,
    pub(super) namespace: String,
    pub(super) name: String,
    /// As it was read or written last.
    object: Value,
}

impl Lock {
    pub(super) fn new(api: Api, namespace: String, name: String) -> Self {
        Self { api, namespace, name, object: Value::Null }
    }

    /// Does what was asked for, and what is wrong where that failed.
    pub(super) async fn carry_out(&mut self, ask: &Ask) -> (Answer, Option<Problem>) {
        let outcome = match ask {
            Ask::Read => return self.read().await,
            Ask::Create(record) => {
                let lease = json!({
                    "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                    "metadata": {"name": self.name, "namespace": self.namespace},
                    "spec": spec(record),
                });
                self.api.exchange(Method::POST, &self.collection(), &lease).await
            }
            Ask::Update(record) => {
                // All else in it stays as it is, and its version makes this fail where somebody was faster.
                self.object["spec"] = spec(record);
                self.api.exchange(Method::PUT, &self.path(), &self.object).await
            }
        };
        match outcome {
            Ok(object) => {
                self.object = object;
                (Answer::Written, None)
            }
            Err(problem) => (Answer::Failed, Some(problem)),
        }
    }

    async fn read(&mut self) -> (Answer, Option<Problem>) {
        match self.api.read::<Value>(&self.path()).await {
            Ok(object) => {
                let record = record(&object["spec"]);
                self.object = object;
                (Answer::Found(record), None)
            }
            Err(problem) if problem.is_not_found() => (Answer::Missing, None),
            Err(problem) => (Answer::Failed, Some(problem)),
        }
    }

    /// A request for an Event about the Lease, as upstream's recorder writes it: its path and its body.
    pub(super) fn event(
        &self,
        words: &str,
        reporter: &str,
        host: &str,
        at: Nanos,
    ) -> (String, Value) {
        let metadata = &self.object["metadata"];
        let event = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event",
            "metadata": {
                "name": format!("{}.{:x}", self.name, at.0), "namespace": self.namespace,
            },
            "eventTime": micro_time(at),
            "reportingController": reporter,
            "reportingInstance": format!("{reporter}-{host}").chars().take(128).collect::<String>(),
            "action": "LeaderElection", "reason": "LeaderElection", "type": "Normal",
            "regarding": {
                "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
                "namespace": self.namespace, "name": self.name,
                "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"],
            },
            "note": words,
        });
        (format!("/apis/events.k8s.io/v1/namespaces/{}/events", self.namespace), event)
    }

    fn collection(&self) -> String {
        format!("{LEASES}/{}/leases", self.namespace)
    }

    fn path(&self) -> String {
        format!("{}/{}", self.collection(), self.name)
    }
}

/// What a Lease's spec says. What is missing, or is not what it should be, counts as nothing.
fn record(spec: &Value) -> Record {
    let text = |field: &str| spec[field].as_str().unwrap_or_default().into();
    let number = |field: &str| spec[field].as_i64().unwrap_or_default();
    Record {
        holder: text("holderIdentity"),
        duration_seconds: number("leaseDurationSeconds"),
        transitions: number("leaseTransitions"),
        acquired: text("acquireTime"),
        renewed: text("renewTime"),
    }
}

/// Upstream: LeaderElectionRecordToLeaseSpec, client-go v0.37: all five fields are always there.
fn spec(record: &Record) -> Value {
    json!({
        "holderIdentity": record.holder,
        "leaseDurationSeconds": record.duration_seconds,
        "acquireTime": record.acquired,
        "renewTime": record.renewed,
        "leaseTransitions": record.transitions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_what_its_spec_says_and_nonsense_is_nothing() {
        let written = Record {
            holder: "host_uuid".into(),
            duration_seconds: 15,
            transitions: 3,
            acquired: "2026-08-01T16:00:00.123456Z".into(),
            renewed: "2026-08-01T16:00:02.123456Z".into(),
        };
        assert_eq!(record(&spec(&written)), written);
        assert_eq!(
            record(&json!({"holderIdentity": 7, "leaseTransitions": "x"})),
            Record::default()
        );
        assert_eq!(record(&Value::Null), Record::default());
    }
}
