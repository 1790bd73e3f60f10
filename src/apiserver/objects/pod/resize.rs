//! What may change in a pod through `resize`: requests and limits of CPU and memory.
//!
//! Upstream: registry/core/pod podResizeStrategy and core/validation ValidatePodResize, v1.37.

use serde_json::Value;

use super::update::{count_generation, reset_metadata};
use super::{create, qos, validate};
use crate::apiserver::objects::json::{copy, ensure, fields, length, list, list_mut, part, text};
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::apiserver::objects::{metadata, omit};

const LISTS: [&str; 2] = ["containers", "initContainers"];
const MIRROR: &str = "kubernetes.io/config.mirror";

/// Puts back all but resources and resize policies.
pub(in crate::apiserver::objects) fn prepare(new: &mut Value, old: &Value) {
    if same_containers(new, old) {
        let own = new["spec"].clone();
        copy(new, old, "spec");
        for which in LISTS {
            let containers = list_mut(&mut new["spec"], which).iter_mut();
            for (container, own) in containers.zip(list(&own, which)) {
                copy(container, own, "resources");
                copy(container, own, "resizePolicy");
            }
        }
        copy(new, old, "status");
        reset_metadata(new, old);
        if !own["resources"].is_null() {
            copy(&mut new["spec"], &own, "resources");
            create::pod_level_resources(&mut new["spec"]);
        }
    }
    count_generation(new, old);
}

fn same_containers(new: &Value, old: &Value) -> bool {
    LISTS.iter().all(|which| {
        let names = |pod: &Value| -> Vec<String> {
            let all = list(&pod["spec"], which).iter();
            all.map(|container| text(container, "name").to_owned()).collect()
        };
        names(new) == names(old)
    })
}

/// Checks a resize.
pub(in crate::apiserver::objects) fn validate(new: &Value, old: &Value, causes: &mut Causes) {
    metadata::on_update(&new["metadata"], &old["metadata"], causes);
    validate::metadata_and_spec(new, causes);
    let (field, (own, was)) = (Field::new("spec"), (&new["spec"], &old["spec"]));
    if !old["metadata"]["annotations"][MIRROR].is_null() {
        causes.forbidden(&Field::new(""), "static pods cannot be resized");
        return;
    }
    if text(&old["status"], "qosClass") != qos::class(own) {
        let why = "Pod QOS Class may not change as a result of resizing";
        causes.invalid(&field, text(&new["status"], "qosClass"), why);
    }
    let before = causes.len();
    for which in LISTS {
        order(which, own, was, &field, causes);
    }
    if causes.len() > before {
        return;
    }
    for which in LISTS {
        for (at, (container, was)) in list(own, which).iter().zip(list(was, which)).enumerate() {
            one(which, container, was, &field.child(which).index(at), causes);
        }
    }
    if own["volumes"] != was["volumes"] {
        let why = "volumes are immutable on resize when InPlacePodVerticalScalingMemoryBackedVolumes \
                   feature gate is disabled";
        causes.forbidden(&field.child("volumes"), why);
    }
}

fn order(which: &str, own: &Value, was: &Value, field: &Field, causes: &mut Causes) {
    let (containers, had, field) = (list(own, which), list(was, which), field.child(which));
    if containers.len() != had.len() {
        causes.forbidden(&field, &format!("{which} may not be added or removed on resize"));
        return;
    }
    for (at, (container, was)) in containers.iter().zip(had).enumerate() {
        if text(container, "name") != text(was, "name") {
            let why = format!("{which} may not be renamed or reordered on resize");
            causes.forbidden(&field.index(at).child("name"), &why);
        }
    }
}

fn one(which: &str, container: &Value, was: &Value, field: &Field, causes: &mut Causes) {
    for (key, what) in [("requests", "requests"), ("limits", "limits")] {
        let (new, old) = (&container["resources"][key], &was["resources"][key]);
        let removed = fields(old).any(|(name, _)| new[name.as_str()].is_null());
        if removed || length(old) > length(new) {
            let why = format!("resource {what} cannot be removed");
            causes.forbidden(&field.child("resources").child(key), &why);
        }
    }
    let mut rest = container.clone();
    for key in ["requests", "limits"] {
        let Some(own) = part(&mut rest, "resources").and_then(|own| ensure(own, key)) else {
            continue;
        };
        for name in ["cpu", "memory"] {
            copy(own, &was["resources"][key], name);
        }
    }
    omit::drop_empty(&mut rest);
    copy(&mut rest, was, "resizePolicy");
    if rest == *was {
        return;
    }
    if which == "containers" {
        let why = "only cpu and memory resources are mutable";
        causes.forbidden(&Field::new("spec"), why);
    } else {
        let why = "only cpu and memory resources for init or sidecar containers are mutable";
        causes.forbidden(field, why);
    }
}
