//! Server-side printing: the `meta.k8s.io/v1` [`table`] that kubectl asks for (`Accept:
//! application/json;as=Table;v=v1;g=meta.k8s.io`), and objects with [`partial_metadata`] only.
//!
//! The handlers of the API server call it with objects as they are stored, which is defaulted and with
//! canonical amounts. It does no IO and reads no clock.
//!
//! Every kind has a list of columns in the file of its subject; `columns` is the only list of kinds.
//! Columns of `-o wide` are always there, with priority 1: kubectl leaves them out.
//!
//! Upstream: pkg/printers/internalversion and asTable of the API server, v1.37.
//! Differs from upstream: the descriptions of columns are empty.

mod column;
mod core;
mod duration;
mod events;
mod fields;
mod network;
mod nodes;
mod pods;
mod scheduling;
mod selector;
mod storage;
mod workloads;

#[cfg(test)]
mod tests;

use std::borrow::Borrow;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use duration::human_duration;

use column::Column;

/// What the rows of a table carry of their objects: the query parameter `includeObject`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    /// Their metadata, as [`partial_metadata`]. kubectl asks for nothing else unless it sorts.
    #[default]
    Metadata,
    /// The whole objects.
    Object,
    /// Nothing.
    None,
}

impl IncludeObject {
    /// Reads the query parameter; empty means [`IncludeObject::Metadata`]. The error is the message of
    /// upstream's BadRequest.
    pub fn parse(parameter: &str) -> Result<Self, String> {
        match parameter {
            "" | "Metadata" => Ok(Self::Metadata),
            "Object" => Ok(Self::Object),
            "None" => Ok(Self::None),
            _ => Err(format!(
                "Unable to convert to Table as requested: includeObject: Invalid value: \
                 {parameter:?}: must be 'Metadata', 'Object', 'None', or empty"
            )),
        }
    }
}

/// How a table is to be made.
#[derive(Clone, Copy, Debug)]
pub struct TableOptions {
    /// What the rows carry of their objects.
    pub include_object: IncludeObject,
    /// Leaves the column definitions out: those of a watch come with its first event only.
    pub no_headers: bool,
    /// The present time, from which ages are counted.
    pub now: Timestamp,
}

/// The Table of a list. The list's `resourceVersion` and `continue` are for the caller to put into
/// `metadata`, which is empty.
///
/// `resource` is the plural name, with its group where it has one: `pods`, `deployments.apps`;
/// a subresource follows after a slash: `deployments.apps/scale`. What has no columns of its own is
/// shown with its name and the time of its creation. Objects may lack apiVersion and kind.
pub fn table(resource: &str, objects: &[impl Borrow<Value>], options: &TableOptions) -> Value {
    let objects = || objects.iter().map(Borrow::borrow);
    let mut rows: Vec<_> = objects().map(|object| row(resource, object, options)).collect();
    // Only a list can tell which of several default classes it is.
    let default_class = match resource {
        "storageclasses.storage.k8s.io" => storage::default_class(objects()),
        _ => None,
    };
    let name = default_class.map(|position| &mut rows[position]["cells"][0]);
    if let Some(Value::String(name)) = name {
        name.push_str(" (default)");
    }
    assemble(resource, rows, json!({}), options)
}

/// The Table of one object: of a GET, of the answer to a write, of an event of a watch.
///
/// `resource` is as in [`table`].
#[must_use]
pub fn table_of_one(resource: &str, object: &Value, options: &TableOptions) -> Value {
    let metadata = match &object["metadata"]["resourceVersion"] {
        Value::Null => json!({}),
        version => json!({"resourceVersion": version}),
    };
    assemble(resource, vec![row(resource, object, options)], metadata, options)
}

/// Annotations that stand for fields which `apps/v1` no longer has: they are not metadata.
///
/// Upstream: the conversions of DaemonSet and Deployment, v1.37.
const FIELDS_IN_ANNOTATIONS: [&str; 2] =
    ["deprecated.daemonset.template.generation", "deprecated.deployment.rollback.to"];

/// The PartialObjectMetadata of an object.
#[must_use]
pub fn partial_metadata(object: &Value) -> Value {
    let mut metadata = object.get("metadata").cloned().unwrap_or_else(|| json!({}));
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
        annotations.retain(|key, _| !FIELDS_IN_ANNOTATIONS.contains(&key.as_str()));
        if annotations.is_empty()
            && let Some(fields) = metadata.as_object_mut()
        {
            fields.remove("annotations");
        }
    }
    meta_object("PartialObjectMetadata", metadata, [])
}

/// The PartialObjectMetadataList of objects. The list's `resourceVersion` and `continue` are for the
/// caller to put into `metadata`, which is empty.
pub fn partial_metadata_list(objects: &[impl Borrow<Value>]) -> Value {
    let items: Vec<_> = objects.iter().map(|object| partial_metadata(object.borrow())).collect();
    meta_object("PartialObjectMetadataList", json!({}), [("items", null_if_empty(items))])
}

/// Upstream has some lists of nothing as null, and clients get along with both.
fn null_if_empty(items: Vec<Value>) -> Value {
    if items.is_empty() { Value::Null } else { Value::Array(items) }
}

/// An object of the group `meta.k8s.io`. Nothing is copied, as `json!` would.
fn meta_object<const N: usize>(kind: &str, metadata: Value, rest: [(&str, Value); N]) -> Value {
    let head =
        [("kind", kind.into()), ("apiVersion", "meta.k8s.io/v1".into()), ("metadata", metadata)];
    head.into_iter().chain(rest).collect()
}

fn assemble(resource: &str, rows: Vec<Value>, metadata: Value, options: &TableOptions) -> Value {
    let has_own_columns = own_columns(resource).is_some();
    let rows = if has_own_columns { Value::Array(rows) } else { null_if_empty(rows) };
    let definitions = if options.no_headers {
        Value::Null
    } else {
        columns(resource).iter().map(Column::definition).collect()
    };
    meta_object("Table", metadata, [("columnDefinitions", definitions), ("rows", rows)])
}

/// The annotation of the bookmark that ends the initial events of a watch; its row always has it.
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

fn row(resource: &str, object: &Value, options: &TableOptions) -> Value {
    let columns = columns(resource).iter();
    let cells = columns.map(|column| column.cell(object, options.now)).collect();
    let is_end = fields::annotation(object, INITIAL_EVENTS_END) == Some("true");
    let included = match options.include_object {
        IncludeObject::Object => object.clone(),
        IncludeObject::None if !is_end => Value::Null,
        IncludeObject::Metadata | IncludeObject::None => partial_metadata(object),
    };
    let mut row = Value::from_iter([("cells", cells), ("object", included)]);
    if resource.split('/').next() == Some("pods")
        && let Some(conditions) = pods::row_conditions(object)
    {
        row["conditions"] = conditions;
    }
    row
}

/// The columns of a resource.
fn columns(resource: &str) -> &'static [Column] {
    own_columns(resource).unwrap_or(column::DEFAULT)
}

/// The columns that a resource has for itself.
fn own_columns(resource: &str) -> Option<&'static [Column]> {
    let resource = match resource.split_once('/') {
        Some((_, "scale")) => return Some(workloads::SCALES),
        // All other subresources that are objects are the object itself.
        Some((resource, _)) => resource,
        None => resource,
    };
    Some(match resource {
        "pods" => pods::PODS,
        "podtemplates" => pods::POD_TEMPLATES,
        "nodes" => nodes::NODES,
        "namespaces" => core::NAMESPACES,
        "events" | "events.events.k8s.io" => events::EVENTS,
        "services" => network::SERVICES,
        "endpoints" => network::ENDPOINTS,
        "endpointslices.discovery.k8s.io" => network::ENDPOINT_SLICES,
        "replicationcontrollers" => workloads::REPLICATION_CONTROLLERS,
        "configmaps" => core::CONFIG_MAPS,
        "secrets" => core::SECRETS,
        "resourcequotas" => core::RESOURCE_QUOTAS,
        "persistentvolumes" => storage::PERSISTENT_VOLUMES,
        "persistentvolumeclaims" => storage::PERSISTENT_VOLUME_CLAIMS,
        "rolebindings.rbac.authorization.k8s.io"
        | "clusterrolebindings.rbac.authorization.k8s.io" => core::ROLE_BINDINGS,
        "deployments.apps" => workloads::DEPLOYMENTS,
        "replicasets.apps" => workloads::REPLICA_SETS,
        "statefulsets.apps" => workloads::STATEFUL_SETS,
        "daemonsets.apps" => workloads::DAEMON_SETS,
        "controllerrevisions.apps" => workloads::CONTROLLER_REVISIONS,
        "jobs.batch" => workloads::JOBS,
        "cronjobs.batch" => workloads::CRON_JOBS,
        "poddisruptionbudgets.policy" => workloads::POD_DISRUPTION_BUDGETS,
        "priorityclasses.scheduling.k8s.io" => scheduling::PRIORITY_CLASSES,
        "podgroups.scheduling.k8s.io" => scheduling::POD_GROUPS,
        "compositepodgroups.scheduling.k8s.io" => scheduling::COMPOSITE_POD_GROUPS,
        "storageclasses.storage.k8s.io" => storage::STORAGE_CLASSES,
        "volumeattributesclasses.storage.k8s.io" => storage::VOLUME_ATTRIBUTES_CLASSES,
        "csinodes.storage.k8s.io" => storage::CSI_NODES,
        "csidrivers.storage.k8s.io" => storage::CSI_DRIVERS,
        "volumeattachments.storage.k8s.io" => storage::VOLUME_ATTACHMENTS,
        "leases.coordination.k8s.io" => core::LEASES,
        "resourceclaims.resource.k8s.io" => scheduling::RESOURCE_CLAIMS,
        "resourceslices.resource.k8s.io" => scheduling::RESOURCE_SLICES,
        "devicetaintrules.resource.k8s.io" => scheduling::DEVICE_TAINT_RULES,
        "serviceaccounts"
        | "workloads.scheduling.k8s.io"
        | "deviceclasses.resource.k8s.io"
        | "resourceclaimtemplates.resource.k8s.io" => column::NAME_AND_AGE,
        // Roles, limit ranges and CSI storage capacities, too: upstream has columns for the last, but
        // does not use them.
        _ => return None,
    })
}
