//! What is refused in probes and in the handlers of a container's life.
//!
//! Upstream: core/validation validateProbe and validateHandler, v1.37.

use serde_json::Value;

use crate::apiserver::objects::json::{int, list, text};
use crate::apiserver::objects::names;
use crate::apiserver::objects::refusal::{Causes, Field};

const HANDLERS: [&str; 5] = ["exec", "httpGet", "tcpSocket", "grpc", "sleep"];

/// Checks the probes and the lifecycle of a container.
pub(super) fn all(container: &Value, grace: Option<i64>, field: &Field, causes: &mut Causes) {
    for which in ["postStart", "preStop"] {
        let one = &container["lifecycle"][which];
        if !one.is_null() {
            handler(one, grace, &field.child("lifecycle").child(which), causes);
        }
    }
    for which in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let one = &container[which];
        if !one.is_null() {
            probe(one, which, grace, &field.child(which), causes);
        }
    }
}

fn probe(probe: &Value, which: &str, grace: Option<i64>, field: &Field, causes: &mut Causes) {
    handler(probe, grace, field, causes);
    for key in [
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    ] {
        causes.not_negative(&field.child(key), int(probe, key));
    }
    let (own, at) =
        (int(probe, "terminationGracePeriodSeconds"), field.child("terminationGracePeriodSeconds"));
    if let Some(seconds) = own.filter(|seconds| *seconds <= 0) {
        causes.invalid(&at, seconds, "must be greater than 0");
    }
    if which == "readinessProbe" {
        if let Some(seconds) = own {
            causes.invalid(&at, seconds, "must not be set for readinessProbes");
        }
    } else if int(probe, "successThreshold") != Some(1) {
        let threshold = int(probe, "successThreshold").unwrap_or(0);
        causes.invalid(&field.child("successThreshold"), threshold, "must be 1");
    }
}

fn handler(handler: &Value, grace: Option<i64>, field: &Field, causes: &mut Causes) {
    let mut given = HANDLERS.into_iter().filter(|name| !handler[*name].is_null());
    let Some(first) = given.next() else {
        causes.required(field, "must specify a handler type");
        return;
    };
    action(first, &handler[first], grace, &field.child(first), causes);
    for other in given {
        causes.forbidden(&field.child(other), "may not specify more than 1 handler type");
    }
}

fn action(name: &str, own: &Value, grace: Option<i64>, field: &Field, causes: &mut Causes) {
    match name {
        "exec" if list(own, "command").is_empty() => causes.required(&field.child("command"), ""),
        "httpGet" => {
            port(&own["port"], &field.child("port"), causes);
            let schemes = ["HTTP", "HTTPS"];
            let scheme = text(own, "scheme");
            if !schemes.contains(&scheme) {
                causes.not_supported(&field.child("scheme"), scheme, &schemes);
            }
        }
        "tcpSocket" | "grpc" => port(&own["port"], &field.child("port"), causes),
        "sleep" => {
            let seconds = int(own, "seconds").unwrap_or(0);
            if let Some(grace) = grace.filter(|grace| seconds < 0 || seconds > *grace) {
                let why = format!(
                    "must be non-negative and less than terminationGracePeriodSeconds ({grace})"
                );
                causes.invalid(field, seconds, &why);
            }
        }
        _ => {}
    }
}

/// A port by number or by name.
pub(in crate::apiserver::objects) fn port(port: &Value, field: &Field, causes: &mut Causes) {
    if let Some(name) = port.as_str() {
        causes.invalid_each(field, name, names::port_name(name));
        return;
    }
    let number = port.as_i64().unwrap_or(0);
    for why in names::port_number(number) {
        causes.invalid(field, number, &why);
    }
}
