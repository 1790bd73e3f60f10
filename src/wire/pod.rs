//! [`Pod`]: the fields of a pod that a scheduler reads. What they mean is in `pod_to_model`,
//! `pod_requests` and `unsupported`.

use std::collections::BTreeMap;

use kube::core::{NamespaceResourceScope, ObjectMeta};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::model::{self, TolerationOperator};

use super::affinity::Affinity;
use super::amounts::Amounts;
use super::json::{List, Text, or_default, string_map};
use super::metadata::{self, core_kind};
use super::node::effect;
use super::status::PodStatus;
use super::topology_spread::SpreadConstraint;
use super::volume::Volume;

/// A pod, trimmed.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub struct Pod {
    #[serde(deserialize_with = "metadata::trimmed")]
    pub(super) metadata: ObjectMeta,
    #[serde(deserialize_with = "or_default")]
    pub(super) spec: PodSpec,
    #[serde(deserialize_with = "or_default")]
    pub(super) status: PodStatus,
}

core_kind!(Pod, "Pod", "pods", NamespaceResourceScope);

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct PodSpec {
    pub(super) scheduler_name: Option<Box<str>>,
    pub(super) node_name: Option<Box<str>>,
    pub(super) priority: Option<i32>,
    #[serde(rename = "preemptionPolicy", deserialize_with = "is_never")]
    pub(super) never_preempts: bool,
    pub(super) scheduling_gates: List<SchedulingGate>,
    pub(super) tolerations: List<Toleration>,
    #[serde(deserialize_with = "string_map")]
    pub(super) node_selector: Option<BTreeMap<String, String>>,
    pub(super) affinity: Option<Affinity>,
    pub(super) topology_spread_constraints: List<SpreadConstraint>,
    pub(super) resource_claims: List<IgnoredAny>,
    pub(super) host_network: Option<bool>,
    pub(super) host_users: Option<bool>,
    pub(super) containers: List<Container>,
    pub(super) init_containers: List<Container>,
    pub(super) ephemeral_containers: List<Container>,
    pub(super) volumes: List<Volume>,
    pub(super) overhead: Option<Amounts>,
    #[serde(deserialize_with = "or_default")]
    pub(super) resources: Resources,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct Resources {
    pub(super) requests: Option<Amounts>,
    pub(super) limits: Option<Amounts>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct Container {
    pub(super) name: Option<Box<str>>,
    pub(super) image: Option<Box<str>>,
    /// `restartPolicy: Always`: an init container that stays.
    #[serde(rename = "restartPolicy", deserialize_with = "is_always")]
    pub(super) sidecar: bool,
    pub(super) restart_policy_rules: List<RestartPolicyRule>,
    pub(super) ports: List<Port>,
    #[serde(deserialize_with = "or_default")]
    pub(super) resources: Resources,
    pub(super) volume_mounts: List<VolumeMount>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct RestartPolicyRule {
    #[serde(rename = "action", deserialize_with = "is_restart_all_containers")]
    pub(super) restarts_all: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct Port {
    #[serde(rename = "hostPort")]
    pub(super) on_host: Option<i32>,
    #[serde(rename = "hostIP")]
    pub(super) host_ip: Option<Box<str>>,
    pub(super) protocol: Option<Box<str>>,
    #[serde(rename = "containerPort")]
    pub(super) in_container: Option<i32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct VolumeMount {
    pub(super) bind_mount_options: List<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct SchedulingGate {
    pub(super) name: Option<Box<str>>,
}

#[derive(Clone, Debug)]
pub(super) struct Toleration(pub(super) model::Toleration);

impl<'de> Deserialize<'de> for Toleration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default, expecting = "an object")]
        struct Fields<'a> {
            #[serde(borrow)]
            key: Text<'a>,
            #[serde(borrow)]
            operator: Text<'a>,
            #[serde(borrow)]
            value: Text<'a>,
            #[serde(borrow)]
            effect: Text<'a>,
        }
        let fields = Fields::deserialize(deserializer)?;
        Ok(Self(model::Toleration {
            key: fields.key.boxed(),
            operator: match &*fields.operator.0 {
                "" | "Equal" => TolerationOperator::Equal,
                "Exists" => TolerationOperator::Exists,
                "Lt" => TolerationOperator::Lt,
                "Gt" => TolerationOperator::Gt,
                _ => TolerationOperator::Never,
            },
            value: fields.value.boxed(),
            effect: Some(&*fields.effect.0).filter(|text| !text.is_empty()).map(effect),
        }))
    }
}

/// Functions that decode a string into whether it is the one that matters.
macro_rules! whether {
    ($($name:ident: $text:literal;)+) => {
        $(fn $name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
            Ok(Text::deserialize(deserializer)?.0 == $text)
        })+
    };
}

whether! {
    is_always: "Always";
    is_never: "Never";
    is_restart_all_containers: "RestartAllContainers";
}
