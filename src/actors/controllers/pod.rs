//! [`Pod`]: what controllers read of a pod, in few bytes: there are many of them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;
use serde_json::Value;

use crate::model::Labels;
use crate::units::Nanos;
use crate::wire::core_kind;

use super::super::clock;
use super::super::metadata::{self, created};
use super::super::phase::Phase;
use super::kind::{Key, Kind};

/// The controller of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// `None` where it is of no kind that is known here.
    pub(super) kind: Option<Kind>,
    pub(super) name: Box<str>,
    pub(super) uid: Box<str>,
}

/// A pod, trimmed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Pod {
    pub(super) key: Key,
    pub(super) uid: Box<str>,
    pub(super) version: u64,
    pub(super) owner: Option<Owner>,
    pub(super) labels: Labels,
    pub(super) created: Nanos,
    pub(super) deleting: bool,
    pub(super) phase: Phase,
    /// Since when its condition Ready is true.
    pub(super) ready_since: Option<Nanos>,
    /// The node it is on, or the one its affinity narrows it to.
    pub(super) node: Option<Box<str>>,
    pub(super) bound: bool,
    pub(super) restarts: i64,
    pub(super) deletion_cost: i64,
    /// When its last container ended.
    pub(super) finished: Nanos,
    /// `batch.kubernetes.io/job-completion-index`.
    pub(super) completion_index: Option<u32>,
    /// Names of the claims that it uses.
    pub(super) claims: Box<[Box<str>]>,
}

impl Pod {
    /// Neither finished nor on its way out.
    pub(super) fn is_active(&self) -> bool {
        !self.deleting && !self.is_finished()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.phase.is_finished()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.ready_since.is_some()
    }

    /// Ready for so long; `Err` says when it will be.
    pub(super) fn is_available(&self, after_seconds: i64, now: Nanos) -> Result<bool, Nanos> {
        let Some(since) = self.ready_since else { return Ok(false) };
        let after = Nanos::from_secs(u64::try_from(after_seconds).unwrap_or_default());
        let at = since + after;
        if after.0 == 0 || at <= now { Ok(true) } else { Err(at) }
    }
}

/// A pod as the watch has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct SeenPod {
    #[serde(deserialize_with = "metadata::trimmed")]
    metadata: ObjectMeta,
    spec: Spec,
    status: Option<Status>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Spec {
    node_name: Option<Box<str>>,
    affinity: Option<Value>,
    volumes: Option<Vec<Volume>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Volume {
    persistent_volume_claim: Option<Claim>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Claim {
    claim_name: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Status {
    phase: Option<Box<str>>,
    conditions: Option<Vec<Condition>>,
    container_statuses: Option<Vec<Container>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Condition {
    r#type: Option<Box<str>>,
    status: Option<Box<str>>,
    last_transition_time: Option<Box<str>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Container {
    restart_count: Option<i64>,
    state: Option<State>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
struct State {
    terminated: Option<Terminated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Terminated {
    finished_at: Option<Box<str>>,
}

core_kind!(SeenPod, "Pod", "pods", NamespaceResourceScope);

impl SeenPod {
    /// Keeps what matters.
    pub(super) fn trim(self) -> Pod {
        let Self { metadata, spec, status } = self;
        let status = status.unwrap_or_default();
        let annotation = |name: &str| metadata.annotations.as_ref().and_then(|all| all.get(name));
        let number = |name: &str| annotation(name).and_then(|text| text.parse().ok());
        let ready = status.conditions.iter().flatten().find(|condition| {
            condition.r#type.as_deref() == Some("Ready")
                && condition.status.as_deref() == Some("True")
        });
        let containers = || status.container_statuses.iter().flatten();
        let claims = spec.volumes.into_iter().flatten();
        let claims = claims.filter_map(|volume| volume.persistent_volume_claim?.claim_name);
        let ends = containers()
            .filter_map(|container| container.state.as_ref()?.terminated.as_ref())
            .filter_map(|ended| clock::parse(ended.finished_at.as_deref()?));
        Pod {
            key: key(&metadata),
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            version: version(&metadata),
            owner: owner(&metadata),
            labels: labels(&metadata),
            created: created(&metadata),
            deleting: metadata.deletion_timestamp.is_some(),
            phase: Phase::read(status.phase.as_deref()),
            ready_since: ready.map(|condition| {
                let at = condition.last_transition_time.as_deref().and_then(clock::parse);
                at.unwrap_or_default()
            }),
            claims: claims.collect(),
            bound: spec.node_name.is_some(),
            finished: ends.max().unwrap_or_else(|| created(&metadata)),
            node: spec.node_name.or_else(|| named_node(spec.affinity.as_ref()?)),
            restarts: containers().filter_map(|container| container.restart_count).sum(),
            deletion_cost: number("controller.kubernetes.io/pod-deletion-cost").unwrap_or_default(),
            completion_index: number("batch.kubernetes.io/job-completion-index")
                .and_then(|index: i64| u32::try_from(index).ok()),
        }
    }
}

/// The one node that a required node affinity names.
///
/// Upstream: daemonset util.GetTargetNodeName, v1.37.
fn named_node(affinity: &Value) -> Option<Box<str>> {
    let required = &affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = required["nodeSelectorTerms"].as_array()?;
    let fields = terms.iter().flat_map(|term| term["matchFields"].as_array().into_iter().flatten());
    let mut named = fields.filter(|field| field["key"] == "metadata.name");
    Some(named.next()?["values"][0].as_str()?.into())
}

pub(super) fn key(metadata: &ObjectMeta) -> Key {
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
    Key { namespace: text(&metadata.namespace), name: text(&metadata.name) }
}

/// The resource version as a number, which it is since v1.35 by contract; 0 where it is none.
pub(super) fn version(metadata: &ObjectMeta) -> u64 {
    let version = metadata.resource_version.as_deref();
    version.and_then(|text| text.parse().ok()).unwrap_or_default()
}

pub(super) fn labels(metadata: &ObjectMeta) -> Labels {
    let all = metadata.labels.iter().flatten();
    all.map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// The controller that an object has.
pub(super) fn owner(metadata: &ObjectMeta) -> Option<Owner> {
    let is_controller = |reference: &&OwnerReference| reference.controller == Some(true);
    let reference = metadata.owner_references.as_ref()?.iter().find(is_controller)?;
    Some(Owner {
        kind: Kind::of_owner(&reference.api_version, &reference.kind),
        name: reference.name.as_str().into(),
        uid: reference.uid.as_str().into(),
    })
}
