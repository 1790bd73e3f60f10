//! The defaults of containers, their ports, probes and variables.
//!
//! Upstream: core/v1 `SetDefaults_Container`, `SetDefaults_Probe` and what is generated, v1.37.

use serde_json::Value;

use super::image::is_latest;
use crate::apiserver::objects::json::{
    ensure, list_mut, part, set_default, set_default_int, set_default_text, take, text,
};

/// Fills in a container of a pod or of a template.
pub(super) fn container(container: &mut Value) {
    let policy = if is_latest(text(container, "image")) { "Always" } else { "IfNotPresent" };
    set_default_text(container, "imagePullPolicy", policy);
    set_default_text(container, "terminationMessagePath", "/dev/termination-log");
    set_default_text(container, "terminationMessagePolicy", "File");
    ensure(container, "resources");
    for port in list_mut(container, "ports") {
        set_default_text(port, "protocol", "TCP");
    }
    list_mut(container, "env").iter_mut().for_each(variable);
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = part(container, name) {
            fill_probe(probe);
        }
    }
    if let Some(lifecycle) = part(container, "lifecycle") {
        // The gate ContainerStopSignals is off.
        take(lifecycle, "stopSignal");
        for name in ["postStart", "preStop"] {
            let Some(handler) = part(lifecycle, name) else { continue };
            http_get(handler);
            if let Some(sleep) = part(handler, "sleep") {
                set_default(sleep, "seconds", 0);
            }
        }
    }
}

fn variable(variable: &mut Value) {
    let Some(source) = part(variable, "valueFrom") else { return };
    if let Some(field) = part(source, "fieldRef") {
        set_default_text(field, "apiVersion", "v1");
    }
    if let Some(file) = part(source, "fileKeyRef") {
        set_default(file, "optional", false);
    }
    if let Some(resource) = part(source, "resourceFieldRef") {
        set_default(resource, "divisor", "0");
    }
}

fn fill_probe(probe: &mut Value) {
    set_default_int(probe, "timeoutSeconds", 1);
    set_default_int(probe, "periodSeconds", 10);
    set_default_int(probe, "successThreshold", 1);
    set_default_int(probe, "failureThreshold", 3);
    http_get(probe);
    if let Some(grpc) = part(probe, "grpc") {
        set_default(grpc, "service", "");
    }
}

fn http_get(handler: &mut Value) {
    let Some(action) = part(handler, "httpGet") else { return };
    set_default_text(action, "path", "/");
    set_default_text(action, "scheme", "HTTP");
    // The gate H2CContainerProbe is off.
    take(action, "protocol");
}
