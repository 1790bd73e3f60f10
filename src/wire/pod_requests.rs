//! What a pod needs and uses: its lists of resources with the API server's defaults filled in. The sums
//! are [`PodResources`]' business.

use crate::model::{self, PodResources, ResourceList, is_pod_level_resource};

use super::amounts::copy;
use super::error::FieldError;
use super::pod::{Container, Pod, Resources};
use super::status::PodStatus;

const HUGE_PAGES_PREFIX: &str = "hugepages-";

/// Everything in `pod` that says how much it needs.
///
/// Upstream: SetDefaults_Pod, v1.37.
pub(super) fn pod_resources(pod: &Pod) -> Result<PodResources, FieldError> {
    let Pod { spec, status, .. } = pod;
    let convert = |list: &[Container], path: &str| {
        let all = list.iter().enumerate();
        all.map(|(i, container)| container.to_model(status, &|| format!("{path}[{i}]")))
            .collect::<Result<_, FieldError>>()
    };
    let mut out = PodResources {
        containers: convert(&spec.containers, "spec.containers")?,
        init_containers: convert(&spec.init_containers, "spec.initContainers")?,
        overhead: copy(spec.overhead.as_ref(), || "spec.overhead".to_owned())?,
        pod_level: ResourceList::new(),
        status: status.resources()?,
    };
    out.pod_level = pod_level(pod, &out)?;
    Ok(out)
}

impl Container {
    /// Limits are requests where there is no request.
    fn to_model(
        &self,
        status: &PodStatus,
        path: &dyn Fn() -> String,
    ) -> Result<model::Container, FieldError> {
        let mut requests = self.resources.requests(path)?;
        if let Some(limits) = &self.resources.limits {
            for (name, quantity) in limits.get(|| format!("{}.resources.limits", path()))? {
                if !requests.contains_key(name) {
                    requests.insert(name.clone(), *quantity);
                }
            }
        }
        let status = status.container(self.name.as_deref().unwrap_or_default());
        let field = |field: &str| {
            let name = self.name.as_deref().unwrap_or_default();
            format!("status.containerStatuses[name={name}].{field}")
        };
        let allocated = status.and_then(|status| status.allocated_resources.as_ref());
        let actuated = status.and_then(|status| status.resources.as_ref()?.requests.as_ref());
        Ok(model::Container {
            requests,
            sidecar: self.sidecar,
            allocated: allocated
                .map(|list| list.get(|| field("allocatedResources")).cloned())
                .transpose()?,
            actuated: actuated
                .map(|list| list.get(|| field("resources.requests")).cloned())
                .transpose()?,
        })
    }
}

impl Resources {
    /// The requests alone, of what stands at `path`.
    fn requests(&self, path: &dyn Fn() -> String) -> Result<ResourceList, FieldError> {
        copy(self.requests.as_ref(), || format!("{}.resources.requests", path()))
    }

    /// The limits alone, of what stands at `path`.
    fn limits(&self, path: &dyn Fn() -> String) -> Result<ResourceList, FieldError> {
        copy(self.limits.as_ref(), || format!("{}.resources.limits", path()))
    }
}

impl PodStatus {
    fn resources(&self) -> Result<model::StatusResources, FieldError> {
        let allocated = self.allocated_resources.as_ref();
        let actuated = self.resources.as_ref().and_then(|resources| resources.requests.as_ref());
        let get = |list: Option<&super::amounts::Amounts>, path: &str| {
            list.map(|list| list.get(|| path.to_owned()).cloned()).transpose()
        };
        Ok(model::StatusResources {
            allocated: get(allocated, "status.allocatedResources")?,
            actuated: get(actuated, "status.resources.requests")?,
            has_resources: self.resources.is_some(),
            resize_infeasible: self.conditions.resize_infeasible,
        })
    }
}

/// The pod's own requests. As soon as there are own requests or limits, what they leave open is what the
/// containers ask for, or the pod's own limit where they ask for nothing.
///
/// The API server does this once, when a pod is created or resized. So a pod with a kubelet's account in
/// its status has what it has; doing it again would hide how far a resize got.
///
/// Upstream: podutil.DefaultPodLevelResources, v1.37, called by the pod strategy (gate
/// PodLevelResourcesFixDefaulting); its defaults of limits are left out, since nobody here reads them.
fn pod_level(pod: &Pod, resources: &PodResources) -> Result<ResourceList, FieldError> {
    let own = &pod.spec.resources;
    let mut requests = own.requests(&|| "spec".to_owned())?;
    let mut limits = own.limits(&|| "spec".to_owned())?;
    if (requests.is_empty() && limits.is_empty()) || resources.status.has_resources {
        return Ok(requests);
    }
    for (name, quantity) in huge_page_limits(pod)? {
        if !requests.contains_key(&name) {
            limits.entry(name).or_insert(quantity);
        }
    }
    let asked = resources.container_requests().into_iter();
    let asked = asked.filter(|(name, _)| !name.starts_with(HUGE_PAGES_PREFIX));
    for (name, quantity) in asked.chain(limits) {
        if is_pod_level_resource(&name) {
            requests.entry(name).or_insert(quantity);
        }
    }
    Ok(requests)
}

/// The effective limits on huge pages of all containers.
fn huge_page_limits(pod: &Pod) -> Result<ResourceList, FieldError> {
    let limits = |list: &[Container], path: &str| {
        let all = list.iter().enumerate();
        all.map(|(i, container)| {
            let mut requests = container.resources.limits(&|| format!("{path}[{i}]"))?;
            requests.retain(|name, _| name.starts_with(HUGE_PAGES_PREFIX));
            let sidecar = container.sidecar;
            Ok(model::Container { requests, sidecar, ..model::Container::default() })
        })
        .collect::<Result<Vec<_>, FieldError>>()
    };
    let sums = PodResources {
        containers: limits(&pod.spec.containers, "spec.containers")?,
        init_containers: limits(&pod.spec.init_containers, "spec.initContainers")?,
        ..PodResources::default()
    };
    Ok(sums.container_requests())
}
