//! ResourceClaims, their templates, DeviceClasses and ResourceSlices.
//!
//! Upstream: resource/v1 defaults and registry/resource, v1.37.

use serde_json::{Value, json};

use crate::apiserver::objects::json::{
    ensure, list, list_mut, part, set, set_default_int, set_default_text, text,
};
use crate::apiserver::objects::names;
use crate::apiserver::objects::refusal::{Causes, Field};

/// Fills in a claim.
pub(super) fn claim_defaults(claim: &mut Value) {
    if let Some(spec) = ensure(claim, "spec") {
        requests(spec);
    }
    ensure(claim, "status");
}

/// Fills in the template of claims.
pub(super) fn template_defaults(template: &mut Value) {
    if let Some(own) = ensure(template, "spec") {
        ensure(own, "metadata");
        if let Some(spec) = ensure(own, "spec") {
            requests(spec);
        }
    }
}

/// Fills in a kind of which only the spec has to be there.
pub(super) fn spec_defaults(object: &mut Value) {
    ensure(object, "spec");
}

fn requests(spec: &mut Value) {
    let Some(devices) = ensure(spec, "devices") else { return };
    for request in list_mut(devices, "requests") {
        if let Some(exact) = part(request, "exactly") {
            fill(exact);
        }
        list_mut(request, "firstAvailable").iter_mut().for_each(fill);
    }
}

fn fill(request: &mut Value) {
    set_default_text(request, "allocationMode", "ExactCount");
    if text(request, "allocationMode") == "ExactCount" {
        set_default_int(request, "count", 1);
    }
    for toleration in list_mut(request, "tolerations") {
        set_default_text(toleration, "operator", "Equal");
    }
}

/// What is refused in a claim.
pub(super) fn validate_claim(claim: &Value, causes: &mut Causes) {
    let field = Field::new("spec.devices.requests");
    for (at, request) in list(&claim["spec"]["devices"], "requests").iter().enumerate() {
        let (name, field) = (text(request, "name"), field.index(at));
        causes.invalid_each(&field.child("name"), name, names::dns_label(name));
        let (one, several) = (&request["exactly"], list(request, "firstAvailable"));
        if one.is_null() == several.is_empty() {
            let rule = "exactly one of `exactly` or `firstAvailable` is required";
            if one.is_null() {
                causes.required(&field, rule);
            } else {
                causes.invalid(&field, request.clone(), rule);
            }
        }
        if !one.is_null() {
            device_class(one, &field.child("exactly"), causes);
        }
        for (at, other) in several.iter().enumerate() {
            let field = field.child("firstAvailable").index(at);
            let name = text(other, "name");
            causes.invalid_each(&field.child("name"), name, names::dns_label(name));
            device_class(other, &field, causes);
        }
    }
}

fn device_class(request: &Value, field: &Field, causes: &mut Causes) {
    let (mode, modes) = (text(request, "allocationMode"), ["All", "ExactCount"]);
    if !modes.contains(&mode) {
        causes.not_supported(&field.child("allocationMode"), mode, &modes);
    }
    let (class, field) = (text(request, "deviceClassName"), field.child("deviceClassName"));
    if class.is_empty() {
        causes.required(&field, "");
    } else {
        causes.invalid_each(&field, class, names::subdomain(class));
    }
}

/// Makes the claim a new one.
pub(super) fn create(claim: &mut Value, _now: &str) {
    set(claim, "status", json!({}));
}

/// What is refused in a change of a claim.
pub(super) fn validate_update(new: &Value, old: &Value, causes: &mut Causes) {
    causes.unchanged(&Field::new("spec"), &new["spec"], &old["spec"]);
}
