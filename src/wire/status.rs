//! A pod's status: what it really uses, whether it is finished, when it began, and three of its conditions.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::{Deserialize, Deserializer};

use crate::model::ScheduledCondition;

use super::amounts::Amounts;
use super::json::{List, Text, or_default};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct PodStatus {
    #[serde(rename = "phase", deserialize_with = "is_finished")]
    pub(super) finished: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) conditions: Conditions,
    pub(super) container_statuses: List<ContainerStatus>,
    pub(super) init_container_statuses: List<ContainerStatus>,
    pub(super) allocated_resources: Option<Amounts>,
    pub(super) resources: Option<StatusResources>,
    pub(super) nominated_node_name: Option<Box<str>>,
    pub(super) start_time: Option<Time>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase", expecting = "an object")]
pub(super) struct ContainerStatus {
    pub(super) name: Option<Box<str>>,
    pub(super) allocated_resources: Option<Amounts>,
    pub(super) resources: Option<StatusResources>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, expecting = "an object")]
pub(super) struct StatusResources {
    pub(super) requests: Option<Amounts>,
}

/// What is read of the conditions; of several of one type the first one counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    pub(super) scheduled: Option<ScheduledCondition>,
    /// `PodResizePending` has the reason Infeasible.
    pub(super) resize_infeasible: bool,
    /// `DisruptionTarget` is True for the reason PreemptionByScheduler.
    pub(super) preempted: bool,
}

impl PodStatus {
    /// The status of the container or init container `name`, after the list and the place it stands at.
    ///
    /// Upstream: resource.findContainerStatus, v1.37.
    pub(super) fn container(&self, name: &str) -> Option<(&'static str, usize, &ContainerStatus)> {
        let lists = [
            ("containerStatuses", &self.container_statuses),
            ("initContainerStatuses", &self.init_container_statuses),
        ];
        lists.into_iter().find_map(|(list, statuses)| {
            let named =
                |status: &ContainerStatus| status.name.as_deref().unwrap_or_default() == name;
            let place = statuses.iter().position(named)?;
            Some((list, place, &statuses[place]))
        })
    }
}

impl<'de> Deserialize<'de> for Conditions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "camelCase", expecting = "an object")]
        struct Condition<'a> {
            #[serde(borrow)]
            r#type: Text<'a>,
            #[serde(borrow)]
            status: Text<'a>,
            #[serde(borrow)]
            reason: Text<'a>,
            #[serde(borrow)]
            message: Text<'a>,
            #[serde(borrow)]
            last_transition_time: Text<'a>,
            #[serde(borrow)]
            last_probe_time: Text<'a>,
        }
        let all = Vec::<Condition<'de>>::deserialize(deserializer)?;
        let first = |name: &str| all.iter().find(|condition| condition.r#type.0 == name);
        Ok(Self {
            scheduled: first("PodScheduled").map(|condition| ScheduledCondition {
                status: Arc::from(&*condition.status.0),
                reason: Arc::from(&*condition.reason.0),
                message: Arc::from(&*condition.message.0),
                probed: !condition.last_probe_time.0.is_empty(),
                last_transition_time: Some(condition.last_transition_time.boxed())
                    .filter(|time| !time.is_empty()),
            }),
            resize_infeasible: first("PodResizePending")
                .is_some_and(|condition| condition.reason.0 == "Infeasible"),
            preempted: first("DisruptionTarget").is_some_and(|condition| {
                condition.status.0 == "True" && condition.reason.0 == "PreemptionByScheduler"
            }),
        })
    }
}

fn is_finished<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(matches!(&*Text::deserialize(deserializer)?.0, "Succeeded" | "Failed"))
}
