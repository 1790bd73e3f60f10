//! What a pod needs and uses: its lists of resources with the API server's defaults filled in. The sums
//! are [`PodResources`]' business.

use crate::model::{self, PodResources, ResourceList};

use super::amounts::{copy, copy_some};
use super::error::FieldError;
use super::pod::{Container, Pod, Resources};
use super::status::PodStatus;

/// Everything in `pod` that says how much it needs.
///
/// Upstream: `SetDefaults_Pod`, v1.37.
pub(super) fn pod_resources(pod: &Pod) -> Result<PodResources, FieldError> {
    let Pod { spec, status, .. } = pod;
    let convert = |list: &[Container], path: &str| {
        let all = list.iter().enumerate();
        all.map(|(i, container)| container.to_model(status, || format!("{path}[{i}]")))
            .collect::<Result<_, FieldError>>()
    };
    Ok(PodResources {
        containers: convert(&spec.containers, "spec.containers")?,
        init_containers: convert(&spec.init_containers, "spec.initContainers")?,
        overhead: copy(spec.overhead.as_ref(), || "spec.overhead".to_owned())?,
        // What the API server fills in here when a pod is created is not done again: a pod of a watch
        // has it, and `evaluate` judges pods as they are given.
        pod_level: spec.resources.requests(|| "spec".to_owned())?,
        pod_level_limits: spec.resources.limits(|| "spec".to_owned())?,
        status: status.resources()?,
    })
}

impl Container {
    /// Limits are requests where there is no request. It stands at `path`.
    fn to_model(
        &self,
        status: &PodStatus,
        path: impl Fn() -> String,
    ) -> Result<model::Container, FieldError> {
        let mut requests = self.resources.requests(&path)?;
        let limits = self.resources.limits(&path)?;
        for (name, quantity) in &limits {
            if !requests.contains_key(name) {
                requests.insert(name.clone(), *quantity);
            }
        }
        let sidecar = self.sidecar;
        let mut container =
            model::Container { requests, limits, sidecar, ..model::Container::default() };
        let name = self.name.as_deref().unwrap_or_default();
        if let Some((list, i, status)) = status.container(name) {
            let actuated = status.resources.as_ref().and_then(|r| r.requests.as_ref());
            container.allocated = copy_some(status.allocated_resources.as_ref(), || {
                format!("status.{list}[{i}].allocatedResources")
            })?;
            container.actuated =
                copy_some(actuated, || format!("status.{list}[{i}].resources.requests"))?;
        }
        Ok(container)
    }
}

impl Resources {
    /// The requests alone, of what stands at `path`.
    fn requests(&self, path: impl Fn() -> String) -> Result<ResourceList, FieldError> {
        copy(self.requests.as_ref(), || format!("{}.resources.requests", path()))
    }

    /// The limits alone, of what stands at `path`.
    fn limits(&self, path: impl Fn() -> String) -> Result<ResourceList, FieldError> {
        copy(self.limits.as_ref(), || format!("{}.resources.limits", path()))
    }
}

impl PodStatus {
    fn resources(&self) -> Result<model::StatusResources, FieldError> {
        let actuated = self.resources.as_ref().and_then(|r| r.requests.as_ref());
        Ok(model::StatusResources {
            allocated: copy_some(self.allocated_resources.as_ref(), || {
                "status.allocatedResources".to_owned()
            })?,
            actuated: copy_some(actuated, || "status.resources.requests".to_owned())?,
            has_resources: self.resources.is_some(),
            resize_infeasible: self.conditions.resize_infeasible,
        })
    }
}
