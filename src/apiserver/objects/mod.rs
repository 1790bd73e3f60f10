//! What the API server makes of an object before it stores it: defaults, admission, the strategies of the
//! kinds, and what is refused. The request handlers call [`on_create`], [`on_update`] and [`on_bind`].
//!
//! Pure: no IO, no clock but the `now` that comes along, and of other objects only what [`Lookup`] shows.
//! Before a call the handler has decoded the object (unknown fields dropped, wrong types refused) and, for
//! a new one, set `metadata.name`, `namespace`, `uid` and `creationTimestamp`. It sets `resourceVersion`
//! and `managedFields` afterwards.
//!
//! Upstream: kube-apiserver v1.37.2 with every default admission plugin but ServiceAccount and
//! TaintNodesByCondition, and its default feature gates. `tests/objects_real.rs` sends the same manifests
//! to both.

mod admission;
mod amounts;
mod json;
mod kinds;
mod metadata;
mod names;
mod nulls;
mod omit;
mod pod;
mod refusal;
mod selector;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

use kinds::{Kind, Status};
use refusal::Causes;
pub use refusal::{Cause, Refusal};

/// The objects that are stored, for rules that look at others.
pub trait Lookup {
    /// One object. `resource` is its plural, with `.group` unless it is a core one; `namespace` is empty
    /// for kinds that are not in namespaces.
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Value>>;

    /// A label of an object.
    fn label(&self, resource: &str, namespace: &str, name: &str, key: &str) -> Option<String> {
        let object = self.get(resource, namespace, name)?;
        object["metadata"]["labels"][key].as_str().map(str::to_owned)
    }

    /// All objects of a namespace, or of all of them, in the order of their keys.
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Value>>;
}

/// Makes a new object what is stored, and returns what the client is warned of.
///
/// `resource` is as in [`Lookup::get`], `now` a time as in RFC 3339, in whole seconds.
pub fn on_create(
    resource: &str,
    object: &mut Value,
    now: &str,
    lookup: &dyn Lookup,
) -> Result<Vec<String>, Refusal> {
    well_formed(object)?;
    amounts::make_canonical(object);
    omit::drop_empty(object);
    if resource == "pods" {
        return create_pod(object, now, lookup);
    }
    let kind = Kind::of(resource);
    (kind.defaults)(object);
    omit::drop_empty(object);
    admit(resource, object, lookup);
    if kind.status == Status::Apart {
        json::take(object, "status");
    }
    (kind.create)(object, now);
    if resource == "services" {
        kinds::service::allocate(object, lookup);
    }
    omit::drop_empty(object);
    // What is read back from storage is filled in once more.
    (kind.defaults)(object);
    omit::drop_empty(object);
    let mut causes = Causes::default();
    metadata::on_create(&object["metadata"], kind.name, kind.namespaced, &mut causes);
    (kind.validate)(object, &mut causes);
    causes.finish()?;
    admit_valid(resource, object, true, lookup)?;
    let warnings = warnings(resource, object);
    nulls::add(resource, object);
    Ok(warnings)
}

fn create_pod(pod: &mut Value, now: &str, lookup: &dyn Lookup) -> Result<Vec<String>, Refusal> {
    pod::defaults::pod(pod);
    omit::drop_empty(pod);
    admission::limit_ranger::mutate(pod, lookup);
    admission::priority::admit(pod, lookup)?;
    admission::tolerations::add(pod);
    admission::runtime_class::admit(pod, lookup)?;
    let node = json::text(&pod["spec"], "nodeName").to_owned();
    if !node.is_empty() {
        admission::topology_labels::copy(pod, &node, lookup);
    }
    pod::create::prepare(pod, now);
    omit::drop_empty(pod);
    let mut causes = Causes::default();
    pod::validate::on_create(pod, &mut causes);
    causes.finish()?;
    admission::limit_ranger::validate_pod(pod, lookup)?;
    admission::runtime_class::validate(pod, lookup)?;
    let warnings = pod::warnings::of_pod(pod);
    nulls::add("pods", pod);
    Ok(warnings)
}

/// Makes `new` what is stored in place of `old`, and returns what the client is warned of. `subresource`
/// is `status`, `resize`, `ephemeralcontainers` or `finalize`, or nothing for the object itself.
pub fn on_update(
    resource: &str,
    subresource: Option<&str>,
    old: &Value,
    new: &mut Value,
    now: &str,
    lookup: &dyn Lookup,
) -> Result<Vec<String>, Refusal> {
    well_formed(new)?;
    keep_metadata(new, old);
    amounts::make_canonical(new);
    omit::drop_empty(new);
    // Nulls that are stored for show would make equal objects differ.
    let mut plain = old.clone();
    omit::drop_empty(&mut plain);
    let mut causes = Causes::default();
    if resource == "pods" {
        update_pod(subresource, &plain, new, lookup, &mut causes);
        causes.finish()?;
        if subresource == Some("resize") {
            admission::limit_ranger::validate_pod(new, lookup)?;
        }
    } else {
        update_other(resource, subresource, &plain, new, now, lookup)?;
    }
    nulls::add(resource, new);
    Ok(Vec::new())
}

fn update_pod(
    subresource: Option<&str>,
    old: &Value,
    new: &mut Value,
    lookup: &dyn Lookup,
    causes: &mut Causes,
) {
    pod::defaults::pod(new);
    omit::drop_empty(new);
    match subresource {
        Some("status") => pod::status::prepare(new, old),
        Some("resize") => {
            admission::limit_ranger::mutate(new, lookup);
            pod::resize::prepare(new, old);
        }
        Some("ephemeralcontainers") => pod::update::prepare_ephemeral(new, old),
        _ => {
            admission::tolerations::add(new);
            pod::update::prepare(new, old);
        }
    }
    omit::drop_empty(new);
    match subresource {
        Some("status") => pod::status::validate(new, old, causes),
        Some("resize") => pod::resize::validate(new, old, causes),
        Some("ephemeralcontainers") => pod::update::validate_ephemeral(new, old, causes),
        _ => pod::update::validate(new, old, causes),
    }
}

fn update_other(
    resource: &str,
    subresource: Option<&str>,
    old: &Value,
    new: &mut Value,
    now: &str,
    lookup: &dyn Lookup,
) -> Result<(), Refusal> {
    let kind = Kind::of(resource);
    (kind.defaults)(new);
    omit::drop_empty(new);
    let mut causes = Causes::default();
    match subresource {
        Some("status") => {
            json::copy(new, old, "spec");
            if matches!(resource, "deployments.apps") {
                json::copy(&mut new["metadata"], &old["metadata"], "labels");
            }
            if resource == "persistentvolumes" {
                kinds::volume::phase_time(new, old, now);
            }
        }
        Some("finalize") => json::copy(new, old, "status"),
        _ => {
            if kind.status != Status::None {
                json::copy(new, old, "status");
            }
            if resource == "namespaces" {
                json::copy(&mut new["spec"], &old["spec"], "finalizers");
            }
            if resource == "services" {
                kinds::service::keep(new, old);
                kinds::service::allocate(new, lookup);
            }
            if resource == "daemonsets.apps" {
                kinds::workloads::count_template(new, old);
            }
        }
    }
    omit::drop_empty(new);
    if kind.counted && subresource.is_none() {
        kinds::workloads::count_generation(new, old);
    }
    metadata::on_update(&new["metadata"], &old["metadata"], &mut causes);
    if subresource.is_none() || resource == "nodes" {
        (kind.validate)(new, &mut causes);
        (kind.validate_update)(new, old, &mut causes);
    }
    causes.finish()?;
    if subresource.is_none() {
        admit_valid(resource, new, false, lookup)?;
        if resource == "persistentvolumeclaims" {
            admission::storage::validate_resize(new, old, lookup)?;
        }
    }
    Ok(())
}

/// The pod that `binding` puts on a node.
///
/// The refusals are those of the subresource `binding`: 409 for a pod that is bound, deleted, gated, or
/// not the one that the binding means; upstream does not look whether the node is there.
pub fn on_bind(
    pod: Value,
    binding: &Value,
    now: &str,
    lookup: &dyn Lookup,
) -> Result<Value, Refusal> {
    let mut pod = pod::bind::bind(pod, binding, now, lookup)?;
    omit::drop_empty(&mut pod);
    nulls::add("pods", &mut pod);
    Ok(pod)
}

/// What admission changes in kinds other than pods.
fn admit(resource: &str, object: &mut Value, lookup: &dyn Lookup) {
    match resource {
        "persistentvolumes" => {
            admission::storage::add_finalizer(object, "kubernetes.io/pv-protection");
        }
        "persistentvolumeclaims" => {
            admission::storage::set_default_class(object, lookup);
            admission::storage::add_finalizer(object, "kubernetes.io/pvc-protection");
        }
        _ => {}
    }
}

/// What a client is warned of in a new object, most of it about its template of pods.
fn warnings(resource: &str, object: &Value) -> Vec<String> {
    let path = match resource {
        "deployments.apps"
        | "replicasets.apps"
        | "statefulsets.apps"
        | "daemonsets.apps"
        | "jobs.batch"
        | "replicationcontrollers" => "spec.template",
        "cronjobs.batch" => "spec.jobTemplate.spec.template",
        "persistentvolumeclaims" => return pod::warnings::of_claim(object),
        _ => return Vec::new(),
    };
    let template = path.split('.').fold(object, |value, key| &value[key]);
    pod::warnings::of_template(template, path)
}

/// What admission refuses in kinds other than pods.
fn admit_valid(
    resource: &str,
    object: &Value,
    is_new: bool,
    lookup: &dyn Lookup,
) -> Result<(), Refusal> {
    match resource {
        "priorityclasses.scheduling.k8s.io" => {
            admission::priority::validate_class(object, is_new, lookup)
        }
        "persistentvolumeclaims" => admission::limit_ranger::validate_claim(object, lookup),
        _ => Ok(()),
    }
}

/// Refuses what is not an object with objects where every kind has them.
fn well_formed(object: &Value) -> Result<(), Refusal> {
    let bad = |what: &str| Err(Refusal::BadRequest(format!("{what} is not an object")));
    if !object.is_object() {
        return bad("the body");
    }
    for key in ["metadata", "spec", "status"] {
        if !object[key].is_object() && !object[key].is_null() {
            return bad(key);
        }
    }
    Ok(())
}

/// Sets the metadata that no change can reach.
///
/// Upstream: rest.BeforeUpdate, v1.37.
fn keep_metadata(new: &mut Value, old: &Value) {
    let was = &old["metadata"];
    let Some(meta) = json::ensure(new, "metadata") else { return };
    json::copy(meta, was, "generation");
    json::copy(meta, was, "creationTimestamp");
    json::copy(meta, was, "deletionTimestamp");
    json::copy(meta, was, "deletionGracePeriodSeconds");
    if json::text(meta, "uid").is_empty() {
        json::copy(meta, was, "uid");
    }
}
