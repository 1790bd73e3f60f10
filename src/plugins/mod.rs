//! The built-in plugins: one file or folder each, named as upstream names them; [`PLUGINS`] is the only list.
//! Profiles are made from that list; the rules and texts are upstream's, v1.37.

mod csi_translation;
mod default_binder;
mod default_preemption;
mod dynamic_resources;
#[cfg(test)]
mod follow_tests;
#[cfg(test)]
mod hint_tests;
mod hints;
mod image_locality;
mod inter_pod_affinity;
mod node_affinity;
mod node_declared_features;
mod node_name;
mod node_ports;
mod node_resources_balanced_allocation;
mod node_resources_fit;
mod node_selector;
mod node_unschedulable;
mod node_volume_limits;
mod pod_topology_spread;
mod priority_sort;
mod required_affinity;
mod resource_scores;
mod scheduling_gates;
mod table;
mod taint_toleration;
#[cfg(test)]
mod tests;
mod volume_binding;
mod volume_restrictions;
#[cfg(test)]
mod volume_tests;
mod volume_zone;

pub use dynamic_resources::NOT_YET;
pub use table::PLUGINS;
