//! The modules that know nothing of requests, given what no request would get through to them.

use berth::apiserver::api::Api;
use berth::apiserver::kinds::Resource;
use berth::apiserver::objects;
use berth::apiserver::patch::{self, ApplyOptions, TrackOptions};
use berth::apiserver::print::{self, IncludeObject, TableOptions};
use berth::apiserver::schema::{self, GroupVersionKind};
use jiff::Timestamp;
use serde_json::Value;

use crate::corpus::Pair;

const NOW: &str = "2026-01-01T00:00:00Z";

/// Runs them all; what is wrong, if something is.
pub(crate) fn run(api: &Api, pair: &Pair) -> Result<(), String> {
    let Pair { api_version, kind, one, two } = pair;
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let gvk = GroupVersionKind::new(group, version, kind);
    let qualified = Resource::by_kind(api_version, kind).map_or("pods", |row| &*row.qualified);
    patches(&gvk, one, two)?;
    let mut pruned = two.clone();
    let is_typed = schema::type_error(&gvk, &pruned).is_none();
    drop(schema::unknown_fields(&gvk, &pruned));
    schema::prune(&gvk, &mut pruned);
    if is_typed {
        let left = schema::unknown_fields(&gvk, &pruned);
        if !left.is_empty() {
            return Err(format!("unknown fields are left after pruning: {left:?}"));
        }
    }
    for object in [two, &pruned] {
        let mut created = object.clone();
        if objects::on_create(qualified, &mut created, NOW, api).is_ok() {
            schema::complete(&gvk, &mut created);
            let mistake = schema::type_error(&gvk, &created);
            if let Some(mistake) = mistake.filter(|_| is_typed) {
                return Err(format!("what would be stored cannot be read: {mistake}"));
            }
        }
        // What is stored already has been looked at before.
        if !one.is_object() || schema::type_error(&gvk, one).is_some() {
            continue;
        }
        for part in
            [None, Some("status"), Some("resize"), Some("ephemeralcontainers"), Some("finalize")]
        {
            let mut new = object.clone();
            drop(objects::on_update(qualified, part, one, &mut new, NOW, api));
        }
        if kind == "Pod" {
            drop(objects::on_bind(one.clone(), object, NOW, api));
        }
    }
    for include_object in [IncludeObject::Metadata, IncludeObject::Object, IncludeObject::None] {
        let now = Timestamp::UNIX_EPOCH;
        let options = TableOptions { include_object, no_headers: false, now };
        drop(print::table(qualified, &[one, two], &options));
        drop(print::table_of_one(qualified, two, &options));
    }
    drop(print::partial_metadata(two));
    drop(print::partial_metadata_list(&[one, two]));
    Ok(())
}

fn patches(gvk: &GroupVersionKind, one: &Value, two: &Value) -> Result<(), String> {
    for patch in [patch::json, patch::merge] {
        let mut doc = one.clone();
        if patch(&mut doc, two).is_err() && doc != *one {
            return Err("a patch that fails has changed the object".to_owned());
        }
    }
    let mut doc = one.clone();
    drop(patch::strategic(gvk, &mut doc, two));
    for live in [None, Some(one)] {
        for (manager, force) in [("m", false), ("n", true)] {
            let options = ApplyOptions { manager, force, subresource: "", time: NOW };
            let Ok(first) = patch::apply(gvk, live, two, &options) else { continue };
            if !is_canonical(gvk, one) || !is_canonical(gvk, two) {
                continue;
            }
            let again = patch::apply(gvk, Some(&first), two, &options);
            let again = again.map_err(|error| format!("applied again: {error}"))?;
            if without_owners(again) != without_owners(first) {
                return Err("applied again it gives something else".to_owned());
            }
        }
        let mut after = two.clone();
        let options = TrackOptions { manager: "m", subresource: "", time: NOW };
        patch::track(gvk, live, &mut after, &options);
    }
    Ok(())
}

fn without_owners(mut object: Value) -> Value {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    object
}

/// Whether an object is as a stored one is: with its own fields only, and those written in one way.
fn is_canonical(gvk: &GroupVersionKind, object: &Value) -> bool {
    let mut pruned = object.clone();
    schema::type_error(gvk, object).is_none() && {
        schema::prune(gvk, &mut pruned);
        pruned == *object
    }
}
