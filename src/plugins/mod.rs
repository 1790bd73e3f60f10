//! The built-in plugins: one file or folder each, named as upstream names them; [`PLUGINS`] is the only list.
//! Profiles are made from that list; the rules and texts are upstream's, v1.37.

mod default_binder;
mod default_preemption;
mod dynamic_resources;
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
mod not_yet;
pub mod priority_sort;
mod resource_scores;
mod scheduling_gates;
mod table;
mod taint_toleration;
#[cfg(test)]
mod tests;

pub use not_yet::NOT_YET;
pub use table::PLUGINS;
