//! A pod as a kubelet reads it: [`SeenPod`], decoded from the watch, [`BoundPod`], what is kept of it, and
//! [`Plan`], what its containers are going to do.

use std::net::Ipv4Addr;
use std::time::Duration;

use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::parse_duration;
use crate::model::PodKey;
use crate::units::Nanos;
use crate::wire::{self, core_kind};

use super::super::clock;
use super::super::metadata;
use super::super::phase::Phase;
use super::admission::Needs;

/// Annotation of a pod whose containers end by themselves: how long they run, in Go's spelling (`5s`).
pub const EXIT_AFTER: &str = "berth.dev/exit-after";
/// Annotation: the exit code with which its containers end; 0 where it is not there.
pub const EXIT_CODE: &str = "berth.dev/exit-code";

/// A bound pod as the watch has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct SeenPod {
    #[serde(deserialize_with = "metadata::trimmed")]
    metadata: ObjectMeta,
    /// As it came: what is wrong with one pod is not to spoil the list of all.
    spec: Value,
    status: Option<Status>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Status {
    phase: Option<String>,
    start_time: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
}

core_kind!(SeenPod, "Pod", "pods", NamespaceResourceScope);

/// A bound pod, trimmed: a list of all of them is kept until it is complete.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct BoundPod {
    pub(super) key: PodKey,
    pub(super) uid: Box<str>,
    pub(super) node: Box<str>,
    pub(super) created: Nanos,
    pub(super) phase: Phase,
    /// When its kubelet took it.
    pub(super) started: Option<Nanos>,
    pub(super) ip: Option<Ipv4Addr>,
    /// How long its containers may take to end, once it is being deleted.
    pub(super) grace: Option<Duration>,
    pub(super) has_finalizers: bool,
    /// What it asks of its node, or why that cannot be read.
    pub(super) needs: Result<Box<Needs>, Box<str>>,
    pub(super) plan: Box<Plan>,
}

impl SeenPod {
    /// Keeps what matters.
    pub(super) fn trim(self) -> BoundPod {
        let Self { metadata, spec, status } = self;
        let status = status.unwrap_or_default();
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
        let key = PodKey { namespace: text(&metadata.namespace), name: text(&metadata.name) };
        let uid = text(&metadata.uid);
        let grace = metadata.deletion_timestamp.as_ref().map(|_| {
            let seconds = metadata.deletion_grace_period_seconds.unwrap_or_default();
            Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
        });
        BoundPod {
            node: spec["nodeName"].as_str().unwrap_or_default().into(),
            created: metadata::created(&metadata),
            phase: Phase::read(status.phase.as_deref()),
            started: status.start_time.as_deref().and_then(clock::parse),
            ip: status.pod_ip.and_then(|ip| ip.parse().ok()),
            grace,
            has_finalizers: metadata.finalizers.as_ref().is_some_and(|all| !all.is_empty()),
            plan: Box::new(Plan::new(&metadata, &spec)),
            needs: needs(&key, &uid, &spec),
            key,
            uid,
        }
    }
}

/// Its status is left out: what it was given is what its spec says.
fn needs(key: &PodKey, uid: &str, spec: &Value) -> Result<Box<Needs>, Box<str>> {
    let metadata = json!({"name": key.name, "namespace": key.namespace, "uid": uid});
    let object = json!({"metadata": metadata, "spec": spec});
    let pod = wire::Pod::deserialize(&object).map_err(|error| error.to_string())?;
    let model = pod.to_model().map_err(|error| error.to_string())?;
    Ok(Box::new(Needs::new(model)))
}

impl BoundPod {
    /// Whether its kubelet has taken it already.
    pub(super) fn is_started(&self) -> bool {
        self.phase == Phase::Running || (self.started.is_some() && self.phase != Phase::Failed)
    }
}

/// What a pod's containers do, as far as its status shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) containers: Box<[Container]>,
    pub(super) init_containers: Box<[Container]>,
    pub(super) host_network: bool,
    pub(super) generation: i64,
    pub(super) restart: Restart,
    /// After how long its containers end, and with which code.
    pub(super) exit: Option<(Duration, i32)>,
}

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) name: Box<str>,
    pub(super) image: Box<str>,
    /// An init container that stays.
    pub(super) sidecar: bool,
}

/// `spec.restartPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Restart {
    #[default]
    Always,
    OnFailure,
    Never,
}

impl Plan {
    /// Reads it from a pod. An annotation that cannot be read counts as none.
    fn new(metadata: &ObjectMeta, spec: &Value) -> Self {
        let list = |name: &str| -> Box<[Container]> {
            spec[name].as_array().into_iter().flatten().map(Container::new).collect()
        };
        let annotation = |name: &str| metadata.annotations.as_ref()?.get(name);
        let code = annotation(EXIT_CODE).and_then(|text| text.parse().ok()).unwrap_or_default();
        Self {
            containers: list("containers"),
            init_containers: list("initContainers"),
            host_network: spec["hostNetwork"].as_bool().unwrap_or_default(),
            generation: metadata.generation.unwrap_or_default(),
            restart: match spec["restartPolicy"].as_str() {
                Some("Never") => Restart::Never,
                Some("OnFailure") => Restart::OnFailure,
                _ => Restart::Always,
            },
            exit: annotation(EXIT_AFTER).and_then(|text| parse_duration(text)).map(|d| (d, code)),
        }
    }

    /// Whether containers that end with `code` are started again.
    pub(super) fn restarts_after(&self, code: i32) -> bool {
        match self.restart {
            Restart::Always => true,
            Restart::OnFailure => code != 0,
            Restart::Never => false,
        }
    }
}

impl Container {
    fn new(container: &Value) -> Self {
        let text = |name: &str| container[name].as_str().unwrap_or_default().into();
        Self {
            name: text("name"),
            image: text("image"),
            sidecar: container["restartPolicy"] == "Always",
        }
    }
}
