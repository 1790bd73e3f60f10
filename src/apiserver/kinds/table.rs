//! The table itself. Upstream: the resources of kube-apiserver, v1.37, that scheduling touches.

use super::fields::{
    EVENT_FIELDS, JOB_FIELDS, NAMESPACE_FIELDS, NODE_FIELDS, POD_FIELDS, REPLICAS_FIELDS,
    RESOURCE_SLICE_FIELDS, SECRET_FIELDS, SERVICE_FIELDS,
};
use super::{Generation, Resource, Subresource, View};

const GET: &[&str] = &["get"];
const CREATE: &[&str] = &["create"];
const UPDATE: &[&str] = &["update"];
const GET_PATCH_UPDATE: &[&str] = &["get", "patch", "update"];
const SCALE: (&str, &str, &str) = ("autoscaling", "v1", "Scale");

impl Resource {
    fn new(
        (group, version): (&'static str, &'static str),
        plural: &'static str,
        kind: &'static str,
    ) -> Self {
        let api_version =
            if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let qualified =
            if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
        Self {
            group,
            version,
            kind,
            plural,
            singular: kind.to_lowercase(),
            short: &[],
            all: false,
            namespaced: true,
            subresources: Vec::new(),
            generation: Generation::None,
            fields: &[],
            view: View::Own,
            create_on_update: false,
            conditional_update: false,
            keep_parsed: false,
            table: 0,
            api_version,
            qualified,
        }
    }

    fn short(mut self, names: &'static [&'static str]) -> Self {
        self.short = names;
        self
    }

    fn in_all(mut self) -> Self {
        self.all = true;
        self
    }

    fn cluster(mut self) -> Self {
        self.namespaced = false;
        self
    }

    fn generation(mut self, generation: Generation) -> Self {
        self.generation = generation;
        self
    }

    fn fields(mut self, fields: &'static [super::Field]) -> Self {
        self.fields = fields;
        self
    }

    fn sub(mut self, name: &'static str, verbs: &'static [&'static str]) -> Self {
        self.subresources.push(Subresource { name, body: None, verbs });
        self
    }

    fn sub_of(
        mut self,
        name: &'static str,
        body: (&'static str, &'static str, &'static str),
        verbs: &'static [&'static str],
    ) -> Self {
        self.subresources.push(Subresource { name, body: Some(body), verbs });
        self
    }

    fn status(self) -> Self {
        self.sub("status", GET_PATCH_UPDATE)
    }

    fn scale(self) -> Self {
        self.sub_of("scale", SCALE, GET_PATCH_UPDATE)
    }

    fn create_on_update(mut self) -> Self {
        self.create_on_update = true;
        self
    }

    fn conditional_update(mut self) -> Self {
        self.conditional_update = true;
        self
    }

    fn keep_parsed(mut self) -> Self {
        self.keep_parsed = true;
        self
    }

    fn answered(mut self) -> Self {
        self.view = View::Answered;
        self
    }
}

const CORE: (&str, &str) = ("", "v1");
const APPS: (&str, &str) = ("apps", "v1");
const BATCH: (&str, &str) = ("batch", "v1");
const STORAGE: (&str, &str) = ("storage.k8s.io", "v1");
const RBAC: (&str, &str) = ("rbac.authorization.k8s.io", "v1");
const DRA: (&str, &str) = ("resource.k8s.io", "v1");
const SCHEDULING: (&str, &str) = ("scheduling.k8s.io", "v1");
const SCHEDULING_BETA: (&str, &str) = ("scheduling.k8s.io", "v1beta1");
const SCHEDULING_ALPHA: (&str, &str) = ("scheduling.k8s.io", "v1alpha3");
const AUTHORIZATION: (&str, &str) = ("authorization.k8s.io", "v1");
const AUTHENTICATION: (&str, &str) = ("authentication.k8s.io", "v1");
const METRICS: (&str, &str) = ("metrics.k8s.io", "v1beta1");

/// All rows, with their tables assigned.
pub(super) fn resources() -> Vec<Resource> {
    let mut rows = [core(), workloads(), policies(), storage(), scheduling(), reviews()].concat();
    for (at, row) in rows.iter_mut().enumerate() {
        row.table = at;
    }
    // Two views of the same objects.
    let kept = rows.iter().position(|row| row.group.is_empty() && row.plural == "events");
    for row in &mut rows {
        if row.view == View::NewEvents {
            row.table = kept.unwrap_or(row.table);
        }
    }
    rows
}

fn core() -> Vec<Resource> {
    use Generation::Spec;
    let new = Resource::new;
    vec![
        new(CORE, "bindings", "Binding").answered(),
        new(CORE, "configmaps", "ConfigMap").short(&["cm"]),
        new(CORE, "endpoints", "Endpoints").short(&["ep"]).create_on_update(),
        new(CORE, "events", "Event").short(&["ev"]).fields(EVENT_FIELDS).create_on_update(),
        new(CORE, "limitranges", "LimitRange").short(&["limits"]).create_on_update().keep_parsed(),
        new(CORE, "namespaces", "Namespace")
            .short(&["ns"])
            .cluster()
            .fields(NAMESPACE_FIELDS)
            .sub("finalize", UPDATE)
            .status()
            .keep_parsed(),
        new(CORE, "nodes", "Node").short(&["no"]).cluster().fields(NODE_FIELDS).status(),
        new(CORE, "persistentvolumeclaims", "PersistentVolumeClaim").short(&["pvc"]).status(),
        new(CORE, "persistentvolumes", "PersistentVolume").short(&["pv"]).cluster().status(),
        new(CORE, "pods", "Pod")
            .short(&["po"])
            .in_all()
            .fields(POD_FIELDS)
            .generation(Spec)
            .sub_of("binding", ("", "v1", "Binding"), CREATE)
            .sub("ephemeralcontainers", GET_PATCH_UPDATE)
            .sub_of("eviction", ("policy", "v1", "Eviction"), CREATE)
            .sub("log", GET)
            .sub("resize", GET_PATCH_UPDATE)
            .status(),
        new(CORE, "replicationcontrollers", "ReplicationController")
            .short(&["rc"])
            .in_all()
            .fields(REPLICAS_FIELDS)
            .generation(Spec)
            .scale()
            .status(),
        new(CORE, "resourcequotas", "ResourceQuota").short(&["quota"]).status(),
        new(CORE, "secrets", "Secret").fields(SECRET_FIELDS),
        new(CORE, "serviceaccounts", "ServiceAccount").short(&["sa"]).sub_of(
            "token",
            ("authentication.k8s.io", "v1", "TokenRequest"),
            CREATE,
        ),
        new(CORE, "services", "Service")
            .short(&["svc"])
            .in_all()
            .fields(SERVICE_FIELDS)
            .create_on_update()
            .status(),
        Resource {
            view: View::NewEvents,
            ..new(("events.k8s.io", "v1"), "events", "Event")
                .short(&["ev"])
                .fields(EVENT_FIELDS)
                .create_on_update()
        },
    ]
}

fn workloads() -> Vec<Resource> {
    use Generation::Spec;
    let new = Resource::new;
    vec![
        new(APPS, "controllerrevisions", "ControllerRevision"),
        new(APPS, "daemonsets", "DaemonSet").short(&["ds"]).in_all().generation(Spec).status(),
        new(APPS, "deployments", "Deployment")
            .short(&["deploy"])
            .in_all()
            .generation(Spec)
            .scale()
            .status(),
        new(APPS, "replicasets", "ReplicaSet")
            .short(&["rs"])
            .in_all()
            .fields(REPLICAS_FIELDS)
            .generation(Spec)
            .scale()
            .status(),
        new(APPS, "statefulsets", "StatefulSet")
            .short(&["sts"])
            .in_all()
            .generation(Spec)
            .scale()
            .status(),
        new(BATCH, "jobs", "Job").in_all().fields(JOB_FIELDS).generation(Spec).status(),
    ]
}

fn policies() -> Vec<Resource> {
    use Generation::{Content, Spec};
    let new = Resource::new;
    vec![
        new(("policy", "v1"), "poddisruptionbudgets", "PodDisruptionBudget")
            .short(&["pdb"])
            .generation(Spec)
            .conditional_update()
            .status()
            .keep_parsed(),
        new(RBAC, "clusterrolebindings", "ClusterRoleBinding").cluster().create_on_update(),
        new(RBAC, "clusterroles", "ClusterRole").cluster().create_on_update(),
        new(RBAC, "rolebindings", "RoleBinding").create_on_update(),
        new(RBAC, "roles", "Role").create_on_update(),
        new(("coordination.k8s.io", "v1"), "leases", "Lease")
            .create_on_update()
            .conditional_update(),
        new(("discovery.k8s.io", "v1"), "endpointslices", "EndpointSlice").generation(Content),
    ]
}

fn storage() -> Vec<Resource> {
    use Generation::{Content, Spec};
    let new = Resource::new;
    vec![
        new(STORAGE, "csidrivers", "CSIDriver").cluster().generation(Spec),
        new(STORAGE, "csinodes", "CSINode").cluster(),
        new(STORAGE, "csistoragecapacities", "CSIStorageCapacity"),
        new(STORAGE, "storageclasses", "StorageClass").short(&["sc"]).cluster().keep_parsed(),
        new(STORAGE, "volumeattachments", "VolumeAttachment").cluster().status(),
        new(DRA, "deviceclasses", "DeviceClass").cluster().generation(Spec),
        new(DRA, "devicetaintrules", "DeviceTaintRule").cluster().generation(Spec).status(),
        new(DRA, "resourceclaims", "ResourceClaim").status(),
        new(DRA, "resourceclaimtemplates", "ResourceClaimTemplate"),
        new(DRA, "resourceslices", "ResourceSlice")
            .cluster()
            .fields(RESOURCE_SLICE_FIELDS)
            .generation(Content),
    ]
}

fn scheduling() -> Vec<Resource> {
    use Generation::{Constant, Spec};
    let new = Resource::new;
    vec![
        new(SCHEDULING, "priorityclasses", "PriorityClass")
            .short(&["pc"])
            .cluster()
            .generation(Constant)
            .keep_parsed(),
        new(SCHEDULING_BETA, "podgroups", "PodGroup").generation(Spec).status(),
        new(SCHEDULING_BETA, "workloads", "Workload").generation(Spec),
        new(SCHEDULING_ALPHA, "compositepodgroups", "CompositePodGroup").generation(Spec).status(),
    ]
}

fn reviews() -> Vec<Resource> {
    let new = Resource::new;
    vec![
        new(AUTHENTICATION, "selfsubjectreviews", "SelfSubjectReview").cluster().answered(),
        new(AUTHENTICATION, "tokenreviews", "TokenReview").cluster().answered(),
        new(AUTHORIZATION, "localsubjectaccessreviews", "LocalSubjectAccessReview").answered(),
        new(AUTHORIZATION, "selfsubjectaccessreviews", "SelfSubjectAccessReview")
            .cluster()
            .answered(),
        new(AUTHORIZATION, "selfsubjectrulesreviews", "SelfSubjectRulesReview")
            .cluster()
            .answered(),
        new(AUTHORIZATION, "subjectaccessreviews", "SubjectAccessReview").cluster().answered(),
        Resource { singular: String::new(), ..new(METRICS, "nodes", "NodeMetrics") }
            .cluster()
            .create_on_update(),
        Resource { singular: String::new(), ..new(METRICS, "pods", "PodMetrics") }
            .create_on_update(),
    ]
}
