//! From the trimmed pod to the scheduler's. The part with rules of its own, what a pod needs, is in
//! `pod_requests`, and what berth cannot judge yet in `unsupported`.

use std::borrow::Cow;

use crate::model::{self, HostPort, PodKey, normalized_image_name};

use super::affinity::Affinity;
use super::alike::{Alike, Shares};
use super::error::{FieldError, ObjectError};
use super::metadata::{self, text};
use super::pod::{Pod, PodSpec};
use super::pod_requests::pod_resources;
use super::required_features::required_features;
use super::topology_spread::SpreadConstraint;
use super::unsupported::unsupported;
use super::volume::Volume;

const DEFAULT_NAMESPACE: &str = "default";
const DEFAULT_SCHEDULER: &str = "default-scheduler";

impl Pod {
    /// Converts it, with the API server's defaults. What only a file can lack is made up: the namespace
    /// is `default`, the UID is `namespace/name`, the priority is zero.
    ///
    /// Upstream: `SetDefaults_PodSpec`, v1.37.
    pub fn to_model(&self) -> Result<model::Pod, ObjectError> {
        self.convert_with(&mut Shares::default())
    }

    /// The same, of one pod of many: what it has in common with those before it is shared.
    pub fn to_model_among(&self, alike: &mut Alike) -> Result<model::Pod, ObjectError> {
        self.convert_with(alike.shares(&self.metadata))
    }

    fn convert_with(&self, shares: &mut Shares) -> Result<model::Pod, ObjectError> {
        self.convert(shares).map_err(|error| {
            let name = format!("{}/{}", self.namespace(), text(self.metadata.name.as_ref()));
            error.of("Pod", name)
        })
    }

    fn namespace(&self) -> &str {
        match text(self.metadata.namespace.as_ref()) {
            "" => DEFAULT_NAMESPACE,
            namespace => namespace,
        }
    }

    fn convert(&self, shares: &mut Shares) -> Result<model::Pod, FieldError> {
        let Self { metadata, spec, status } = self;
        let name = metadata::name(metadata)?.into();
        let key = PodKey { namespace: self.namespace().into(), name };
        let resources = pod_resources(self)?;
        let scheduler_name = match spec.scheduler_name.as_deref() {
            None | Some("") => DEFAULT_SCHEDULER,
            Some(name) => name,
        };
        Ok(model::Pod {
            uid: match text(metadata.uid.as_ref()) {
                "" => key.to_string().into(),
                uid => uid.into(),
            },
            resource_version: text(metadata.resource_version.as_ref()).into(),
            generation: metadata.generation.unwrap_or_default(),
            labels: shares.labels(metadata),
            terminating: metadata.deletion_timestamp.is_some(),
            finished: status.finished,
            scheduler_name: shares.scheduler_name(scheduler_name),
            priority: spec.priority.unwrap_or_default(),
            never_preempts: spec.never_preempts,
            node_name: spec.node_name.clone().filter(|name| !name.is_empty()),
            scheduling_gates: {
                let gates = spec.scheduling_gates.iter();
                gates.map(|gate| gate.name.clone().unwrap_or_default()).collect()
            },
            tolerations: shares.tolerations(&spec.tolerations),
            node_selector: {
                let labels = spec.node_selector.iter().flatten();
                labels.map(|(key, value)| (key.as_str(), value.as_str())).collect()
            },
            node_affinity: {
                let affinity = spec.affinity.as_ref();
                affinity.and_then(|affinity| Some(affinity.node.as_ref()?.to_model()))
            },
            host_ports: spec.host_ports(),
            requests: resources.requests(),
            report: shares.report(&resources, scheduler_name, spec.priority.is_some()),
            images: shares.images(spec),
            pod_affinity: spec.affinity.as_ref().and_then(Affinity::pod_terms),
            topology_spread: {
                let constraints = spec.topology_spread_constraints.iter();
                constraints.map(SpreadConstraint::to_model).collect()
            },
            volumes: spec.volumes.iter().filter_map(Volume::to_model).collect(),
            owner: metadata::owner(metadata),
            nominated_node: status.nominated_node_name.clone().filter(|name| !name.is_empty()),
            start_time: status.start_time.as_ref().map(|time| time.0.as_second()),
            preempted: status.conditions.preempted,
            required_features: required_features(spec),
            unsupported: unsupported(spec, &resources),
            scheduled_condition: status.conditions.scheduled.clone(),
            key,
        })
    }
}

impl PodSpec {
    /// The ports of the host that its containers and sidecars ask for. In the host's network every port
    /// of a container is one of the host's.
    ///
    /// Upstream: schedutil.GetHostPorts and defaultHostNetworkPorts, v1.37.
    fn host_ports(&self) -> Vec<HostPort> {
        let shares = self.host_network == Some(true);
        let sidecars = self.init_containers.iter().filter(|container| container.sidecar);
        let ports = self.containers.iter().chain(sidecars).flat_map(|c| c.ports.iter());
        let or = |text: &Option<Box<str>>, default: &str| match text.as_deref() {
            None | Some("") => default.into(),
            Some(text) => text.into(),
        };
        let wanted = ports.map(|port| HostPort {
            protocol: or(&port.protocol, "TCP"),
            ip: or(&port.host_ip, "0.0.0.0"),
            port: match port.on_host.unwrap_or_default() {
                0 if shares => port.in_container.unwrap_or_default(),
                number => number,
            },
        });
        wanted.filter(|port| port.port > 0).collect()
    }

    /// The images that a node can have, normalised: init containers, containers, image volumes.
    ///
    /// Upstream: imagelocality.sumImageScores, v1.37.
    pub(super) fn images(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let containers = self.init_containers.iter().chain(self.containers.iter());
        let volumes = self.volumes.iter().filter_map(|volume| volume.image.as_ref());
        let containers = containers.map(|container| container.image.as_deref());
        let names = containers.chain(volumes.map(|image| image.reference.as_deref()));
        names.map(|name| normalized_image_name(name.unwrap_or_default()))
    }
}
