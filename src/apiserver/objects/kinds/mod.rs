//! All kinds but pods: one table of what is done with each, [`Kind::of`].

pub(super) mod attachment;
pub(super) mod batch;
pub(super) mod claim;
pub(super) mod data;
pub(super) mod devices;
pub(super) mod discovery;
pub(super) mod events;
pub(super) mod namespace;
pub(super) mod node;
pub(super) mod policy;
pub(super) mod service;
pub(super) mod storage;
pub(super) mod volume;
pub(super) mod workload_rules;
pub(super) mod workloads;

use serde_json::Value;

use super::metadata::NameRule;
use super::names;
use super::refusal::Causes;

/// What is done with the objects of a kind.
#[derive(Clone, Copy)]
pub(super) struct Kind {
    /// Whether the objects are in namespaces.
    pub(super) namespaced: bool,
    /// What their names have to be.
    pub(super) name: NameRule,
    /// Fills in what a client leaves out, on creation and on every change.
    pub(super) defaults: fn(&mut Value),
    /// What creation does after that; `now` comes along.
    pub(super) create: fn(&mut Value, &str),
    /// What is refused at any time.
    pub(super) validate: fn(&Value, &mut Causes),
    /// What is refused in a change, besides.
    pub(super) validate_update: fn(&Value, &Value, &mut Causes),
    /// Who writes the status.
    pub(super) status: Status,
    /// Whether changes of the spec are counted in `metadata.generation`.
    pub(super) counted: bool,
}

/// Who writes the status of a kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// There is none, or none of its own.
    None,
    /// Only the subresource does.
    Apart,
    /// Creation does, and then only the subresource.
    FromCreation,
}

/// A kind of which nothing is known but its metadata.
const PLAIN: Kind = Kind {
    namespaced: true,
    name: names::subdomain,
    defaults: |_| {},
    create: |_, _| {},
    validate: |_, _| {},
    validate_update: |_, _, _| {},
    status: Status::None,
    counted: false,
};
/// A kind with a status that clients do not set on creation.
const WITH_STATUS: Kind = Kind { status: Status::Apart, ..PLAIN };
/// A kind of which a controller makes pods.
const WORKLOAD: Kind = Kind { counted: true, ..WITH_STATUS };

impl Kind {
    /// The kind behind a resource: its plural, with `.group` unless it is a core one.
    pub(super) fn of(resource: &str) -> Self {
        let core = Self::core(resource);
        let named = core.or_else(|| Self::apps(resource)).or_else(|| Self::storage(resource));
        named.or_else(|| Self::other(resource)).unwrap_or(PLAIN)
    }

    fn core(resource: &str) -> Option<Self> {
        Some(match resource {
            "nodes" => Self {
                namespaced: false,
                defaults: node::defaults,
                validate: node::validate,
                validate_update: node::validate_update,
                status: Status::FromCreation,
                ..PLAIN
            },
            "namespaces" => Self {
                namespaced: false,
                name: names::dns_label,
                defaults: namespace::defaults,
                create: namespace::create,
                validate: namespace::validate,
                ..WITH_STATUS
            },
            "services" => Self {
                name: names::dns_label,
                defaults: service::defaults,
                create: service::create,
                validate: service::validate,
                validate_update: service::validate_update,
                ..WITH_STATUS
            },
            "configmaps" => Self {
                validate: data::validate_config_map,
                validate_update: data::validate_update,
                ..PLAIN
            },
            "secrets" => Self {
                defaults: data::secret_defaults,
                validate: data::validate_secret,
                validate_update: data::validate_secret_update,
                ..PLAIN
            },
            "limitranges" => Self { defaults: data::limit_range_defaults, ..PLAIN },
            "events" => Self { defaults: events::defaults, validate: events::validate, ..PLAIN },
            "endpoints" => Self { defaults: discovery::endpoints_defaults, ..PLAIN },
            "persistentvolumes" => Self {
                namespaced: false,
                defaults: volume::defaults,
                create: volume::create,
                validate: volume::validate,
                validate_update: volume::validate_update,
                ..WITH_STATUS
            },
            "persistentvolumeclaims" => Self {
                defaults: claim::defaults,
                create: claim::create,
                validate: claim::validate,
                validate_update: claim::validate_update,
                ..WITH_STATUS
            },
            "replicationcontrollers" => Self {
                defaults: workloads::controller_defaults,
                create: workloads::create,
                validate: workload_rules::controller,
                ..WORKLOAD
            },
            _ => return None,
        })
    }

    fn apps(resource: &str) -> Option<Self> {
        Some(match resource {
            "deployments.apps" => Self {
                defaults: workloads::deployment_defaults,
                create: workloads::create,
                validate: workload_rules::deployment,
                validate_update: workload_rules::same_selector,
                ..WORKLOAD
            },
            "replicasets.apps" => Self {
                defaults: workloads::replica_set_defaults,
                create: workloads::create,
                validate: workload_rules::replica_set,
                validate_update: workload_rules::same_selector,
                ..WORKLOAD
            },
            "statefulsets.apps" => Self {
                name: names::dns_label,
                defaults: workloads::stateful_set_defaults,
                create: workloads::create,
                validate: workload_rules::stateful_set,
                validate_update: workload_rules::stateful_set_update,
                ..WORKLOAD
            },
            "daemonsets.apps" => Self {
                defaults: workloads::daemon_set_defaults,
                create: workloads::create,
                validate: workload_rules::daemon_set,
                validate_update: workload_rules::same_selector,
                ..WORKLOAD
            },
            "jobs.batch" => Self {
                defaults: batch::job_defaults,
                create: batch::create_job,
                validate: batch::validate_job,
                validate_update: batch::validate_job_update,
                ..WORKLOAD
            },
            "cronjobs.batch" => Self {
                defaults: batch::cron_job_defaults,
                create: workloads::create,
                validate: batch::validate_cron_job,
                ..WORKLOAD
            },
            "poddisruptionbudgets.policy" => Self {
                create: policy::create_budget,
                validate: policy::validate_budget,
                ..WORKLOAD
            },
            _ => return None,
        })
    }

    fn storage(resource: &str) -> Option<Self> {
        let cluster = Self { namespaced: false, ..PLAIN };
        Some(match resource {
            "storageclasses.storage.k8s.io" => Self {
                defaults: storage::class_defaults,
                validate: storage::validate_class,
                validate_update: storage::validate_class_update,
                ..cluster
            },
            "csinodes.storage.k8s.io" => Self {
                defaults: storage::node_defaults,
                validate: storage::validate_node,
                ..cluster
            },
            "csidrivers.storage.k8s.io" => Self { defaults: storage::driver_defaults, ..cluster },
            "csistoragecapacities.storage.k8s.io" => {
                Self { validate: storage::validate_capacity, ..PLAIN }
            }
            "volumeattachments.storage.k8s.io" => Self {
                namespaced: false,
                defaults: attachment::defaults,
                create: attachment::create,
                validate: attachment::validate,
                ..WITH_STATUS
            },
            _ => return None,
        })
    }

    fn other(resource: &str) -> Option<Self> {
        let cluster = Self { namespaced: false, ..PLAIN };
        Some(match resource {
            "priorityclasses.scheduling.k8s.io" => Self {
                defaults: policy::class_defaults,
                create: |class, _| super::json::set(&mut class["metadata"], "generation", 1),
                validate: policy::validate_class,
                validate_update: policy::validate_class_update,
                ..cluster
            },
            "leases.coordination.k8s.io" => Self {
                defaults: discovery::lease_defaults,
                validate: discovery::validate_lease,
                ..PLAIN
            },
            "endpointslices.discovery.k8s.io" => Self {
                defaults: discovery::slice_defaults,
                create: |slice, _| super::json::set(&mut slice["metadata"], "generation", 1),
                validate: discovery::validate_slice,
                validate_update: discovery::validate_slice_update,
                counted: true,
                ..PLAIN
            },
            "events.events.k8s.io" => {
                Self { defaults: events::new_defaults, validate: events::validate_new, ..PLAIN }
            }
            "resourceclaims.resource.k8s.io" => Self {
                defaults: devices::claim_defaults,
                create: devices::create,
                validate: devices::validate_claim,
                validate_update: devices::validate_update,
                ..WITH_STATUS
            },
            "resourceclaimtemplates.resource.k8s.io" => {
                Self { defaults: devices::template_defaults, ..PLAIN }
            }
            "deviceclasses.resource.k8s.io" | "resourceslices.resource.k8s.io" => {
                Self { defaults: devices::spec_defaults, ..cluster }
            }
            "roles.rbac.authorization.k8s.io" => Self { name: names::path_segment, ..PLAIN },
            "rolebindings.rbac.authorization.k8s.io" => {
                Self { name: names::path_segment, defaults: policy::binding_defaults, ..PLAIN }
            }
            "clusterroles.rbac.authorization.k8s.io" => {
                Self { name: names::path_segment, ..cluster }
            }
            "clusterrolebindings.rbac.authorization.k8s.io" => {
                Self { name: names::path_segment, defaults: policy::binding_defaults, ..cluster }
            }
            "devicetaintrules.resource.k8s.io"
            | "nodes.metrics.k8s.io"
            | "runtimeclasses.node.k8s.io" => cluster,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apiserver::kinds::{Resource, View};

    #[test]
    fn the_rules_know_which_kinds_are_in_namespaces() {
        // What is only answered does not come by here.
        let stored = Resource::all().iter().filter(|resource| resource.view != View::Answered);
        let wrong = stored.filter(|kind| Kind::of(&kind.qualified).namespaced != kind.namespaced);
        let wrong: Vec<_> = wrong.map(|kind| &kind.qualified).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
