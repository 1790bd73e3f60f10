//! Our own Pod, Node and Namespace: plain owned values with what a scheduler reads of them, and the pure
//! rules on such values. Made by `wire`, interned by `cluster`; no Kubernetes types here.

mod csi;
mod feature_gates;
mod label_names;
mod labels;
mod node;
mod node_affinity;
mod object;
mod plugin_args;
mod pod;
mod pod_affinity;
mod pod_volume;
mod requests;
mod resource_report;
mod selector;
mod storage;
mod taints;
mod template;
mod topology_spread;
mod workloads;

pub use csi::{CsiDriver, CsiNode, CsiNodeDriver, CsiStorageCapacity, VolumeAttachment};
pub use feature_gates::FeatureGates;
pub use label_names::{is_dns_label, label_key_errors, label_value_errors, subdomain_errors};
pub use labels::{HOSTNAME, Labels, Namespace};
pub use node::{Image, Node, normalized_image_name};
pub use node_affinity::{
    NodeAffinity, NodeOperator, NodeRequirement, NodeSelectorTerm, PreferredTerm,
};
pub use object::{ClusterWide, Groups, Named, Namespaced, Object, ObjectKey, ObjectKind};
pub use plugin_args::{
    BalancedResources, DefaultPreemptionArgs, DefaultSpread, InterPodAffinityArgs,
    NodeResourcesFitArgs, PluginArgs, ScoringStrategy, StrategyKind, VolumeBindingArgs,
    WeightedResource,
};
pub use pod::{HostPort, Owner, Pod, PodKey, ScheduledCondition, Unsupported, UnsupportedFeature};
pub use pod_affinity::{AffinityTerm, PodAffinity, WeightedTerm};
pub use pod_volume::{PodVolume, VolumeSource};
pub use requests::{
    Container, DEFAULT_MEMORY_BYTES, DEFAULT_MILLI_CPU, PodRequests, PodResources, ResourceList,
    StatusResources,
};
pub use resource_report::{Amounts, ResourceReport};
pub use selector::{LabelOperator, LabelRequirement, LabelSelector};
pub use storage::{
    AccessModes, BindingMode, ClaimRef, ClaimSelector, PersistentVolume, PersistentVolumeClaim,
    PersistentVolumeSource, StorageClass, VolumeGroup, VolumeMode, end_of,
};
pub use taints::{Effect, Taint, Toleration, TolerationOperator, UNSCHEDULABLE_TAINT_KEY};
pub use template::Template;
pub use topology_spread::{SpreadConstraint, WhenUnsatisfiable};
pub use workloads::{PodDisruptionBudget, ReplicaSet, ReplicationController, Service, StatefulSet};
