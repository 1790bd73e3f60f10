//! Pods and pod templates: defaults, what creation and changes do to them, and what is refused.

pub(super) mod affinity;
pub(super) mod bind;
pub(super) mod container;
pub(super) mod create;
pub(super) mod defaults;
pub(super) mod defaults_container;
pub(super) mod field_refs;
pub(super) mod image;
pub(super) mod placement;
pub(super) mod probe;
pub(super) mod qos;
pub(super) mod resize;
pub(super) mod resources;
pub(super) mod spread;
pub(super) mod status;
pub(super) mod update;
pub(super) mod validate;
pub(super) mod volume_defaults;
pub(super) mod volumes;
pub(super) mod warnings;

use serde_json::Value;

use super::json::list;

/// The three lists of containers.
pub(super) const CONTAINER_LISTS: [&str; 3] =
    ["containers", "initContainers", "ephemeralContainers"];

/// Containers and init containers, in upstream's order for defaults.
pub(super) fn own_containers(spec: &Value) -> impl Iterator<Item = &Value> {
    list(spec, "initContainers").iter().chain(list(spec, "containers"))
}
