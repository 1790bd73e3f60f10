//! Which field of a message has which number, as far as the trimmed structs read it. Compared with the list of
//! all fields in a test.
//!
//! Upstream: generated.proto of each API group, v1.37; numbers never change.

use Holds::{Bool, Inlined, Int, List, Map, Of, Quantity, Text, Time};

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holds {
    /// A message.
    Of(&'static Message),
    /// A message whose fields belong to the one around it. There is none in another of its sort.
    Inlined(&'static Message),
    /// The field comes any number of times.
    List(&'static Holds),
    /// The same, each time with a key and a value.
    Map(&'static Holds),
    Text,
    Int,
    Bool,
    /// A message with a text.
    Quantity,
    /// A message with seconds.
    Time,
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    #[cfg(test)]
    name: &'static str,
    fields: &'static [Field],
}

/// A field of a message.
#[derive(Debug)]
pub(super) struct Field {
    number: u64,
    /// Its name in JSON; empty where it is inlined.
    pub(super) name: &'static str,
    pub(super) holds: Holds,
}

impl Message {
    /// The field of this number, if it is read.
    pub(super) fn field(&self, number: u64) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.number == number)
    }

    /// The message of a kind that is watched.
    pub(super) fn of_kind(kind: &str) -> Option<&'static Message> {
        Some(match kind {
            "Pod" => &POD,
            "Node" => &NODE,
            "Namespace" => &NAMESPACE,
            "Service" => &SERVICE,
            "ReplicationController" => &REPLICATION_CONTROLLER,
            "ReplicaSet" => &REPLICA_SET,
            "StatefulSet" => &STATEFUL_SET,
            "PodDisruptionBudget" => &BUDGET,
            "PersistentVolumeClaim" => &CLAIM,
            "PersistentVolume" => &PERSISTENT_VOLUME,
            "StorageClass" => &STORAGE_CLASS,
            "CSINode" => &CSI_NODE,
            "CSIDriver" => &CSI_DRIVER,
            "CSIStorageCapacity" => &CSI_CAPACITY,
            "VolumeAttachment" => &ATTACHMENT,
            _ => return None,
        })
    }
}

/// Makes messages: a name here, the name upstream, and each field's number, name and what it holds.
macro_rules! messages {
    ($($message:ident $full:literal { $($number:literal $name:literal $holds:expr),* })+) => {
        $(static $message: Message = Message {
            #[cfg(test)]
            name: $full,
            fields: &[$(Field { number: $number, name: $name, holds: $holds }),*],
        };)+

        #[cfg(test)]
        static ALL: &[&Message] = &[$(&$message),+];
    };
}

messages! {
    POD "core.v1.Pod" {
        1 "metadata" Of(&OBJECT_META), 2 "spec" Of(&POD_SPEC), 3 "status" Of(&POD_STATUS)
    }
    POD_SPEC "core.v1.PodSpec" {
        1 "volumes" List(&Of(&VOLUME)), 2 "containers" List(&Of(&CONTAINER)),
        7 "nodeSelector" Map(&Text), 10 "nodeName" Text, 11 "hostNetwork" Bool,
        18 "affinity" Of(&AFFINITY), 19 "schedulerName" Text,
        20 "initContainers" List(&Of(&CONTAINER)), 22 "tolerations" List(&Of(&TOLERATION)),
        25 "priority" Int, 31 "preemptionPolicy" Text, 32 "overhead" Map(&Quantity),
        33 "topologySpreadConstraints" List(&Of(&SPREAD_CONSTRAINT)),
        34 "ephemeralContainers" List(&Of(&EPHEMERAL_CONTAINER)), 37 "hostUsers" Bool,
        38 "schedulingGates" List(&Of(&SCHEDULING_GATE)),
        39 "resourceClaims" List(&Of(&RESOURCE_CLAIM)), 40 "resources" Of(&RESOURCES)
    }
    POD_STATUS "core.v1.PodStatus" {
        1 "phase" Text, 2 "conditions" List(&Of(&POD_CONDITION)), 7 "startTime" Time,
        8 "containerStatuses" List(&Of(&CONTAINER_STATUS)),
        10 "initContainerStatuses" List(&Of(&CONTAINER_STATUS)), 11 "nominatedNodeName" Text,
        19 "allocatedResources" Map(&Quantity), 20 "resources" Of(&RESOURCES)
    }
    POD_CONDITION "core.v1.PodCondition" {
        1 "type" Text, 2 "status" Text, 3 "lastProbeTime" Time, 4 "lastTransitionTime" Time,
        5 "reason" Text, 6 "message" Text
    }
    CONTAINER "core.v1.Container" {
        1 "name" Text, 2 "image" Text, 6 "ports" List(&Of(&CONTAINER_PORT)),
        8 "resources" Of(&RESOURCES), 9 "volumeMounts" List(&Of(&VOLUME_MOUNT)),
        24 "restartPolicy" Text, 25 "restartPolicyRules" List(&Of(&RESTART_RULE))
    }
    EPHEMERAL_CONTAINER "core.v1.EphemeralContainer" { 1 "" Inlined(&EPHEMERAL_CONTAINER_COMMON) }
    EPHEMERAL_CONTAINER_COMMON "core.v1.EphemeralContainerCommon" {
        9 "volumeMounts" List(&Of(&VOLUME_MOUNT))
    }
    RESTART_RULE "core.v1.ContainerRestartRule" { 1 "action" Text }
    CONTAINER_PORT "core.v1.ContainerPort" {
        2 "hostPort" Int, 3 "containerPort" Int, 4 "protocol" Text, 5 "hostIP" Text
    }
    VOLUME_MOUNT "core.v1.VolumeMount" { 8 "bindMountOptions" List(&Text) }
    RESOURCES "core.v1.ResourceRequirements" {
        1 "limits" Map(&Quantity), 2 "requests" Map(&Quantity)
    }
    CONTAINER_STATUS "core.v1.ContainerStatus" {
        1 "name" Text, 10 "allocatedResources" Map(&Quantity), 11 "resources" Of(&RESOURCES)
    }
    AFFINITY "core.v1.Affinity" {
        1 "nodeAffinity" Of(&NODE_AFFINITY), 2 "podAffinity" Of(&POD_AFFINITY),
        3 "podAntiAffinity" Of(&POD_ANTI_AFFINITY)
    }
    NODE_AFFINITY "core.v1.NodeAffinity" {
        1 "requiredDuringSchedulingIgnoredDuringExecution" Of(&NODE_SELECTOR),
        2 "preferredDuringSchedulingIgnoredDuringExecution" List(&Of(&PREFERRED_TERM))
    }
    POD_AFFINITY "core.v1.PodAffinity" {
        1 "requiredDuringSchedulingIgnoredDuringExecution" List(&Of(&POD_AFFINITY_TERM)),
        2 "preferredDuringSchedulingIgnoredDuringExecution" List(&Of(&WEIGHTED_TERM))
    }
    POD_ANTI_AFFINITY "core.v1.PodAntiAffinity" {
        1 "requiredDuringSchedulingIgnoredDuringExecution" List(&Of(&POD_AFFINITY_TERM)),
        2 "preferredDuringSchedulingIgnoredDuringExecution" List(&Of(&WEIGHTED_TERM))
    }
    POD_AFFINITY_TERM "core.v1.PodAffinityTerm" {
        1 "labelSelector" Of(&LABEL_SELECTOR), 2 "namespaces" List(&Text), 3 "topologyKey" Text,
        4 "namespaceSelector" Of(&LABEL_SELECTOR)
    }
    WEIGHTED_TERM "core.v1.WeightedPodAffinityTerm" {
        1 "weight" Int, 2 "podAffinityTerm" Of(&POD_AFFINITY_TERM)
    }
    LABEL_SELECTOR "meta.v1.LabelSelector" {
        1 "matchLabels" Map(&Text), 2 "matchExpressions" List(&Of(&LABEL_REQUIREMENT))
    }
    LABEL_REQUIREMENT "meta.v1.LabelSelectorRequirement" {
        1 "key" Text, 2 "operator" Text, 3 "values" List(&Text)
    }
    NODE_SELECTOR "core.v1.NodeSelector" { 1 "nodeSelectorTerms" List(&Of(&NODE_SELECTOR_TERM)) }
    NODE_SELECTOR_TERM "core.v1.NodeSelectorTerm" {
        1 "matchExpressions" List(&Of(&NODE_REQUIREMENT)),
        2 "matchFields" List(&Of(&NODE_REQUIREMENT))
    }
    NODE_REQUIREMENT "core.v1.NodeSelectorRequirement" {
        1 "key" Text, 2 "operator" Text, 3 "values" List(&Text)
    }
    PREFERRED_TERM "core.v1.PreferredSchedulingTerm" {
        1 "weight" Int, 2 "preference" Of(&NODE_SELECTOR_TERM)
    }
    SPREAD_CONSTRAINT "core.v1.TopologySpreadConstraint" {
        1 "maxSkew" Int, 2 "topologyKey" Text, 3 "whenUnsatisfiable" Text,
        4 "labelSelector" Of(&LABEL_SELECTOR), 5 "minDomains" Int, 6 "nodeAffinityPolicy" Text,
        7 "nodeTaintsPolicy" Text, 8 "matchLabelKeys" List(&Text)
    }
    TOLERATION "core.v1.Toleration" {
        1 "key" Text, 2 "operator" Text, 3 "value" Text, 4 "effect" Text
    }
    SCHEDULING_GATE "core.v1.PodSchedulingGate" { 1 "name" Text }
    RESOURCE_CLAIM "core.v1.PodResourceClaim" {}
    VOLUME "core.v1.Volume" { 1 "name" Text, 2 "" Inlined(&VOLUME_SOURCE) }
    VOLUME_SOURCE "core.v1.VolumeSource" {
        3 "gcePersistentDisk" Of(&GCE_DISK), 4 "awsElasticBlockStore" Of(&AWS_DISK),
        8 "iscsi" Of(&ISCSI), 10 "persistentVolumeClaim" Of(&CLAIM_VOLUME), 11 "rbd" Of(&RBD),
        13 "cinder" Of(&CINDER), 18 "azureFile" Of(&AZURE_FILE), 20 "vsphereVolume" Of(&VSPHERE),
        22 "azureDisk" Of(&AZURE_DISK), 24 "portworxVolume" Of(&PORTWORX),
        29 "ephemeral" Of(&EPHEMERAL_VOLUME), 30 "image" Of(&IMAGE_VOLUME)
    }
    CLAIM_VOLUME "core.v1.PersistentVolumeClaimVolumeSource" {
        1 "claimName" Text, 2 "readOnly" Bool
    }
    EPHEMERAL_VOLUME "core.v1.EphemeralVolumeSource" {}
    IMAGE_VOLUME "core.v1.ImageVolumeSource" { 1 "reference" Text }
    GCE_DISK "core.v1.GCEPersistentDiskVolumeSource" { 1 "pdName" Text, 4 "readOnly" Bool }
    AWS_DISK "core.v1.AWSElasticBlockStoreVolumeSource" { 1 "volumeID" Text, 4 "readOnly" Bool }
    ISCSI "core.v1.ISCSIVolumeSource" { 2 "iqn" Text, 6 "readOnly" Bool }
    RBD "core.v1.RBDVolumeSource" {
        1 "monitors" List(&Text), 2 "image" Text, 4 "pool" Text, 8 "readOnly" Bool
    }
    CINDER "core.v1.CinderVolumeSource" { 1 "volumeID" Text, 3 "readOnly" Bool }
    AZURE_FILE "core.v1.AzureFileVolumeSource" {
        1 "secretName" Text, 2 "shareName" Text, 3 "readOnly" Bool
    }
    AZURE_DISK "core.v1.AzureDiskVolumeSource" {
        2 "diskURI" Text, 5 "readOnly" Bool, 6 "kind" Text
    }
    VSPHERE "core.v1.VsphereVirtualDiskVolumeSource" { 1 "volumePath" Text }
    PORTWORX "core.v1.PortworxVolumeSource" { 1 "volumeID" Text, 3 "readOnly" Bool }
    NODE "core.v1.Node" {
        1 "metadata" Of(&OBJECT_META), 2 "spec" Of(&NODE_SPEC), 3 "status" Of(&NODE_STATUS)
    }
    NODE_SPEC "core.v1.NodeSpec" { 4 "unschedulable" Bool, 5 "taints" List(&Of(&TAINT)) }
    NODE_STATUS "core.v1.NodeStatus" {
        1 "capacity" Map(&Quantity), 2 "allocatable" Map(&Quantity),
        8 "images" List(&Of(&CONTAINER_IMAGE)), 14 "declaredFeatures" List(&Text)
    }
    TAINT "core.v1.Taint" { 1 "key" Text, 2 "value" Text, 3 "effect" Text }
    CONTAINER_IMAGE "core.v1.ContainerImage" { 1 "names" List(&Text), 2 "sizeBytes" Int }
    NAMESPACE "core.v1.Namespace" { 1 "metadata" Of(&OBJECT_META) }
    OBJECT_META "meta.v1.ObjectMeta" {
        1 "name" Text, 3 "namespace" Text, 5 "uid" Text, 6 "resourceVersion" Text,
        7 "generation" Int, 9 "deletionTimestamp" Time, 11 "labels" Map(&Text),
        12 "annotations" Map(&Text), 13 "ownerReferences" List(&Of(&OWNER))
    }
    OWNER "meta.v1.OwnerReference" {
        1 "kind" Text, 3 "name" Text, 4 "uid" Text, 5 "apiVersion" Text, 6 "controller" Bool
    }
    SERVICE "core.v1.Service" { 1 "metadata" Of(&OBJECT_META), 2 "spec" Of(&SERVICE_SPEC) }
    SERVICE_SPEC "core.v1.ServiceSpec" { 2 "selector" Map(&Text) }
    REPLICATION_CONTROLLER "core.v1.ReplicationController" {
        1 "metadata" Of(&OBJECT_META), 2 "spec" Of(&REPLICATION_CONTROLLER_SPEC)
    }
    REPLICATION_CONTROLLER_SPEC "core.v1.ReplicationControllerSpec" {
        2 "selector" Map(&Text), 3 "template" Of(&POD_TEMPLATE)
    }
    POD_TEMPLATE "core.v1.PodTemplateSpec" { 1 "metadata" Of(&OBJECT_META) }
    REPLICA_SET "apps.v1.ReplicaSet" {
        1 "metadata" Of(&OBJECT_META), 2 "spec" Of(&REPLICA_SET_SPEC)
    }
    REPLICA_SET_SPEC "apps.v1.ReplicaSetSpec" { 2 "selector" Of(&LABEL_SELECTOR) }
    STATEFUL_SET "apps.v1.StatefulSet" {
        1 "metadata" Of(&OBJECT_META), 2 "spec" Of(&STATEFUL_SET_SPEC)
    }
    STATEFUL_SET_SPEC "apps.v1.StatefulSetSpec" { 2 "selector" Of(&LABEL_SELECTOR) }
    BUDGET "policy.v1.PodDisruptionBudget" {
        1 "metadata" Of(&OBJECT_META), 2 "spec" Of(&BUDGET_SPEC), 3 "status" Of(&BUDGET_STATUS)
    }
    BUDGET_SPEC "policy.v1.PodDisruptionBudgetSpec" { 2 "selector" Of(&LABEL_SELECTOR) }
    BUDGET_STATUS "policy.v1.PodDisruptionBudgetStatus" {
        2 "disruptedPods" Map(&Time), 3 "disruptionsAllowed" Int
    }
    CLAIM "core.v1.PersistentVolumeClaim" {
        1 "metadata" Of(&OBJECT_META), 2 "spec" Of(&CLAIM_SPEC), 3 "status" Of(&CLAIM_STATUS)
    }
    CLAIM_SPEC "core.v1.PersistentVolumeClaimSpec" {
        1 "accessModes" List(&Text), 2 "resources" Of(&CLAIM_RESOURCES), 3 "volumeName" Text,
        4 "selector" Of(&LABEL_SELECTOR), 5 "storageClassName" Text, 6 "volumeMode" Text,
        9 "volumeAttributesClassName" Text
    }
    CLAIM_STATUS "core.v1.PersistentVolumeClaimStatus" { 1 "phase" Text }
    CLAIM_RESOURCES "core.v1.VolumeResourceRequirements" { 2 "requests" Map(&Quantity) }
    PERSISTENT_VOLUME "core.v1.PersistentVolume" {
        1 "metadata" Of(&OBJECT_META), 2 "spec" Of(&PERSISTENT_VOLUME_SPEC),
        3 "status" Of(&PERSISTENT_VOLUME_STATUS)
    }
    PERSISTENT_VOLUME_SPEC "core.v1.PersistentVolumeSpec" {
        1 "capacity" Map(&Quantity), 2 "" Inlined(&PERSISTENT_VOLUME_SOURCE),
        3 "accessModes" List(&Text), 4 "claimRef" Of(&OBJECT_REFERENCE), 6 "storageClassName" Text,
        8 "volumeMode" Text, 9 "nodeAffinity" Of(&VOLUME_NODE_AFFINITY),
        10 "volumeAttributesClassName" Text
    }
    PERSISTENT_VOLUME_SOURCE "core.v1.PersistentVolumeSource" {
        1 "gcePersistentDisk" Of(&GCE_DISK), 2 "awsElasticBlockStore" Of(&AWS_DISK),
        8 "cinder" Of(&CINDER_VOLUME), 16 "azureDisk" Of(&AZURE_DISK),
        18 "portworxVolume" Of(&PORTWORX), 22 "csi" Of(&CSI_VOLUME)
    }
    PERSISTENT_VOLUME_STATUS "core.v1.PersistentVolumeStatus" { 1 "phase" Text }
    OBJECT_REFERENCE "core.v1.ObjectReference" { 2 "namespace" Text, 3 "name" Text, 4 "uid" Text }
    VOLUME_NODE_AFFINITY "core.v1.VolumeNodeAffinity" { 1 "required" Of(&NODE_SELECTOR) }
    CSI_VOLUME "core.v1.CSIPersistentVolumeSource" { 1 "driver" Text, 2 "volumeHandle" Text }
    CINDER_VOLUME "core.v1.CinderPersistentVolumeSource" { 1 "volumeID" Text }
    STORAGE_CLASS "storage.v1.StorageClass" {
        1 "metadata" Of(&OBJECT_META), 2 "provisioner" Text, 7 "volumeBindingMode" Text,
        8 "allowedTopologies" List(&Of(&TOPOLOGY_TERM))
    }
    TOPOLOGY_TERM "core.v1.TopologySelectorTerm" {
        1 "matchLabelExpressions" List(&Of(&TOPOLOGY_REQUIREMENT))
    }
    TOPOLOGY_REQUIREMENT "core.v1.TopologySelectorLabelRequirement" {
        1 "key" Text, 2 "values" List(&Text)
    }
    CSI_NODE "storage.v1.CSINode" { 1 "metadata" Of(&OBJECT_META), 2 "spec" Of(&CSI_NODE_SPEC) }
    CSI_NODE_SPEC "storage.v1.CSINodeSpec" { 1 "drivers" List(&Of(&CSI_NODE_DRIVER)) }
    CSI_NODE_DRIVER "storage.v1.CSINodeDriver" {
        1 "name" Text, 2 "nodeID" Text, 3 "topologyKeys" List(&Text),
        4 "allocatable" Of(&VOLUME_NODE_RESOURCES)
    }
    VOLUME_NODE_RESOURCES "storage.v1.VolumeNodeResources" { 1 "count" Int }
    CSI_DRIVER "storage.v1.CSIDriver" {
        1 "metadata" Of(&OBJECT_META), 2 "spec" Of(&CSI_DRIVER_SPEC)
    }
    CSI_DRIVER_SPEC "storage.v1.CSIDriverSpec" {
        4 "storageCapacity" Bool, 11 "preventPodSchedulingIfMissing" Bool
    }
    CSI_CAPACITY "storage.v1.CSIStorageCapacity" {
        1 "metadata" Of(&OBJECT_META), 2 "nodeTopology" Of(&LABEL_SELECTOR),
        3 "storageClassName" Text, 4 "capacity" Quantity, 5 "maximumVolumeSize" Quantity
    }
    ATTACHMENT "storage.v1.VolumeAttachment" {
        1 "metadata" Of(&OBJECT_META), 2 "spec" Of(&ATTACHMENT_SPEC)
    }
    ATTACHMENT_SPEC "storage.v1.VolumeAttachmentSpec" {
        1 "attacher" Text, 2 "source" Of(&ATTACHMENT_SOURCE), 3 "nodeName" Text
    }
    ATTACHMENT_SOURCE "storage.v1.VolumeAttachmentSource" { 1 "persistentVolumeName" Text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectKind;

    /// All messages of the API, written by upstream's own program.
    const UPSTREAM: &str = include_str!("../../apiserver/protobuf/messages.txt");

    fn upstream(holds: &Holds) -> String {
        match holds {
            Of(message) | Inlined(message) => message.name.to_owned(),
            List(inner) => format!("[]{}", upstream(inner)),
            Map(inner) => format!("{{}}{}", upstream(inner)),
            Text => "string".to_owned(),
            Int => "int".to_owned(),
            Bool => "bool".to_owned(),
            Quantity => "Quantity".to_owned(),
            Time => "Time".to_owned(),
        }
    }

    #[test]
    fn every_field_is_one_of_upstreams() {
        for message in ALL {
            let head = format!("message {}", message.name);
            let known: Vec<_> = UPSTREAM
                .lines()
                .skip_while(|line| *line != head)
                .take_while(|l| !l.is_empty())
                .collect();
            assert!(!known.is_empty(), "{head}");
            for field in message.fields {
                let name = if field.name.is_empty() { "-" } else { field.name };
                let line = format!("  {} {name} {}", field.number, upstream(&field.holds));
                assert!(known.contains(&&*line), "{head}: {line}");
            }
        }
    }

    #[test]
    fn every_kind_that_is_watched_is_one_of_upstreams() {
        let kinds =
            ObjectKind::ALL.iter().map(|kind| kind.name()).chain(["Pod", "Node", "Namespace"]);
        for kind in kinds {
            let name = Message::of_kind(kind).expect(kind).name;
            let line = |line: &str| line.ends_with(&format!("/v1 {kind} {name}"));
            assert!(UPSTREAM.lines().any(line), "{kind} {name}");
        }
    }
}
