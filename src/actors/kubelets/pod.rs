//! A pod as a kubelet reads it: [`SeenPod`], decoded from the watch, and [`Plan`], what its containers
//! are going to do.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::Resource;
use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::config::parse_duration;
use crate::model::{self, PodKey};
use crate::wire;

/// Annotation of a pod whose containers end by themselves: how long they run, in Go's spelling (`5s`).
pub const EXIT_AFTER: &str = "berth.dev/exit-after";
/// Annotation: the exit code with which its containers end; 0 where it is not there.
pub const EXIT_CODE: &str = "berth.dev/exit-code";

/// A bound pod, trimmed. The spec is kept as it came: it is read once, when the pod is admitted.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct SeenPod {
    #[serde(deserialize_with = "trimmed")]
    pub(super) metadata: ObjectMeta,
    pub(super) spec: Value,
    pub(super) status: Option<SeenStatus>,
}

/// What is read of its status.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct SeenStatus {
    pub(super) phase: Option<String>,
    pub(super) start_time: Option<String>,
    #[serde(rename = "podIP")]
    pub(super) pod_ip: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
struct Trimmed {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    generation: Option<i64>,
    annotations: Option<BTreeMap<String, String>>,
    finalizers: Option<Vec<String>>,
    creation_timestamp: Option<Time>,
    deletion_timestamp: Option<Time>,
    deletion_grace_period_seconds: Option<i64>,
}

fn trimmed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let kept = Option::<Trimmed>::deserialize(deserializer)?.unwrap_or_default();
    let ours = |(key, _): &(String, String)| key == EXIT_AFTER || key == EXIT_CODE;
    Ok(ObjectMeta {
        name: kept.name,
        namespace: kept.namespace,
        uid: kept.uid,
        resource_version: kept.resource_version,
        generation: kept.generation,
        annotations: kept.annotations.map(|all| all.into_iter().filter(ours).collect()),
        finalizers: kept.finalizers,
        creation_timestamp: kept.creation_timestamp,
        deletion_timestamp: kept.deletion_timestamp,
        deletion_grace_period_seconds: kept.deletion_grace_period_seconds,
        ..ObjectMeta::default()
    })
}

impl Resource for SeenPod {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Pod".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "pods".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl SeenPod {
    pub(super) fn key(&self) -> PodKey {
        let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
        PodKey { namespace: text(&self.metadata.namespace), name: text(&self.metadata.name) }
    }

    pub(super) fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    pub(super) fn node_name(&self) -> &str {
        self.spec["nodeName"].as_str().unwrap_or_default()
    }

    pub(super) fn phase(&self) -> &str {
        let phase = self.status.as_ref().and_then(|status| status.phase.as_deref());
        phase.unwrap_or_default()
    }

    /// How long its containers may take to end, once it is being deleted.
    pub(super) fn grace(&self) -> Option<Duration> {
        self.metadata.deletion_timestamp.as_ref()?;
        let seconds = self.metadata.deletion_grace_period_seconds.unwrap_or_default();
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
    }

    pub(super) fn has_finalizers(&self) -> bool {
        self.metadata.finalizers.as_ref().is_some_and(|finalizers| !finalizers.is_empty())
    }

    /// The scheduler's view of it. Its status is left out: what it was given is what its spec says.
    pub(super) fn to_model(&self) -> Result<model::Pod, String> {
        let key = self.key();
        let metadata = json!({"name": key.name, "namespace": key.namespace, "uid": self.uid()});
        let object = json!({"metadata": metadata, "spec": self.spec});
        let pod = wire::Pod::deserialize(&object).map_err(|error| error.to_string())?;
        pod.to_model().map_err(|error| error.to_string())
    }
}

/// What a pod's containers do, as far as its status shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) containers: Vec<Container>,
    pub(super) init_containers: Vec<Container>,
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
    pub(super) fn new(pod: &SeenPod) -> Self {
        let list = |name: &str| -> Vec<Container> {
            pod.spec[name].as_array().into_iter().flatten().map(Container::new).collect()
        };
        let annotation = |name: &str| pod.metadata.annotations.as_ref()?.get(name);
        let code = annotation(EXIT_CODE).and_then(|text| text.parse().ok()).unwrap_or_default();
        Self {
            containers: list("containers"),
            init_containers: list("initContainers"),
            host_network: pod.spec["hostNetwork"].as_bool().unwrap_or_default(),
            generation: pod.metadata.generation.unwrap_or_default(),
            restart: match pod.spec["restartPolicy"].as_str() {
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
