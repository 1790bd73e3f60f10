//! The static list of built-in plugins, in the order of upstream's default profile.

use crate::framework::PluginInfo;

use super::{
    default_binder, default_preemption, dynamic_resources, image_locality, inter_pod_affinity,
    node_affinity, node_declared_features, node_name, node_ports,
    node_resources_balanced_allocation, node_resources_fit, node_unschedulable, node_volume_limits,
    pod_topology_spread, priority_sort, scheduling_gates, taint_toleration, volume_binding,
    volume_restrictions, volume_zone,
};

/// All built-in plugins. This order is the order in which a node's first rejection is found.
pub static PLUGINS: &[PluginInfo] = &[
    scheduling_gates::INFO,
    priority_sort::INFO,
    node_name::INFO,
    node_unschedulable::INFO,
    taint_toleration::INFO,
    node_affinity::INFO,
    node_ports::INFO,
    node_resources_fit::INFO,
    volume_restrictions::INFO,
    node_volume_limits::INFO,
    volume_binding::INFO,
    volume_zone::INFO,
    pod_topology_spread::INFO,
    inter_pod_affinity::INFO,
    dynamic_resources::INFO,
    default_preemption::INFO,
    node_resources_balanced_allocation::INFO,
    image_locality::INFO,
    default_binder::INFO,
    node_declared_features::INFO,
];
