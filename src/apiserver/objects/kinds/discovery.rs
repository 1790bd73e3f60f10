//! EndpointSlices, Endpoints and Leases.
//!
//! Upstream: discovery/v1 defaults and validation, coordination/validation, v1.37.

use serde_json::Value;

use crate::apiserver::objects::json::{
    ensure, int, list, list_mut, set_default, set_default_text, text,
};
use crate::apiserver::objects::refusal::{Causes, Field};

const ADDRESS_TYPES: [&str; 3] = ["FQDN", "IPv4", "IPv6"];
const ENDPOINTS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;

/// Fills in a slice.
pub(super) fn slice_defaults(slice: &mut Value) {
    for port in list_mut(slice, "ports") {
        set_default(port, "name", "");
        set_default(port, "protocol", "TCP");
    }
    for endpoint in list_mut(slice, "endpoints") {
        ensure(endpoint, "conditions");
    }
}

/// What is refused in a slice.
pub(super) fn validate_slice(slice: &Value, causes: &mut Causes) {
    let kind = text(slice, "addressType");
    causes.one_of(&Field::new("addressType"), kind, &ADDRESS_TYPES);
    let (endpoints, field) = (list(slice, "endpoints"), Field::new("endpoints"));
    if endpoints.len() > ENDPOINTS_MAX {
        causes.too_many(&field, endpoints.len(), ENDPOINTS_MAX);
        return;
    }
    for (at, endpoint) in endpoints.iter().enumerate() {
        let (addresses, field) = (list(endpoint, "addresses"), field.index(at).child("addresses"));
        if addresses.is_empty() {
            causes.required(&field, "");
        }
        for (at, address) in addresses.iter().filter_map(Value::as_str).enumerate() {
            if matches!(kind, "IPv4" | "IPv6") && address.parse::<std::net::IpAddr>().is_err() {
                let why = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
                causes.invalid(&field.index(at), address, why);
            }
        }
        if addresses.len() > ADDRESSES_MAX {
            causes.too_many(&field, addresses.len(), ADDRESSES_MAX);
        }
    }
}

/// What is refused in a change of a slice.
pub(super) fn validate_slice_update(new: &Value, old: &Value, causes: &mut Causes) {
    let key = "addressType";
    causes.unchanged(&Field::new(key), &new[key], &old[key]);
}

/// Fills in Endpoints.
pub(super) fn endpoints_defaults(endpoints: &mut Value) {
    for subset in list_mut(endpoints, "subsets") {
        for port in list_mut(subset, "ports") {
            set_default_text(port, "protocol", "TCP");
        }
    }
}

/// Fills in a Lease.
pub(super) fn lease_defaults(lease: &mut Value) {
    if let Some(spec) = ensure(lease, "spec") {
        // The gate CoordinatedLeaderElection is off.
        crate::apiserver::objects::json::take(spec, "strategy");
        crate::apiserver::objects::json::take(spec, "preferredHolder");
    }
}

/// What is refused in a Lease.
pub(super) fn validate_lease(lease: &Value, causes: &mut Causes) {
    let (spec, field) = (&lease["spec"], Field::new("spec"));
    let seconds = int(spec, "leaseDurationSeconds").filter(|seconds| *seconds <= 0);
    if let Some(seconds) = seconds {
        causes.invalid(&field.child("leaseDurationSeconds"), seconds, "must be greater than 0");
    }
    causes.not_negative(&field.child("leaseTransitions"), int(spec, "leaseTransitions"));
}
