//! The defaults of volumes in pods.
//!
//! Upstream: core/v1 `SetDefaults_Volume` and what is generated for its sources, v1.37.

use serde_json::{Value, json};

use super::image::is_latest;
use crate::apiserver::objects::json::{
    ensure, fields, list_mut, part, set, set_default, set_default_text, take, text,
};

/// What files of secrets, config maps and projections may be used for, as `0644`.
const FILE_MODE: i64 = 0o644;
/// How long a projected token is good, in seconds.
const TOKEN_SECONDS: i64 = 3600;

/// Fills in a volume.
pub(super) fn volume(volume: &mut Value) {
    let source = fields(volume).find(|(key, value)| *key != "name" && !value.is_null());
    let Some((source, _)) = source.map(|(key, value)| (key.clone(), value)) else {
        set(volume, "emptyDir", json!({}));
        return;
    };
    if source == "ephemeral" {
        claim_template(volume);
        return;
    }
    let Some(inner) = part(volume, &source) else { return };
    match source.as_str() {
        "emptyDir" => {
            // The gate EmptyDirVolumeMode is off.
            take(inner, "mode");
        }
        "image" => {
            let latest = is_latest(text(inner, "reference"));
            let policy = if latest { "Always" } else { "IfNotPresent" };
            set_default_text(inner, "pullPolicy", policy);
        }
        "hostPath" => set_default(inner, "type", ""),
        "secret" | "configMap" => set_default(inner, "defaultMode", FILE_MODE),
        "downwardAPI" => {
            set_default(inner, "defaultMode", FILE_MODE);
            downward(inner);
        }
        "projected" => projected(inner),
        _ => in_tree(inner, &source),
    }
}

/// The sources of drivers that once were part of Kubernetes.
pub(in crate::apiserver::objects) fn in_tree(inner: &mut Value, source: &str) {
    match source {
        "iscsi" => {
            set_default_text(inner, "iscsiInterface", "default");
            set_default(inner, "lun", 0);
        }
        "rbd" => {
            set_default_text(inner, "pool", "rbd");
            set_default_text(inner, "user", "admin");
            set_default_text(inner, "keyring", "/etc/ceph/keyring");
        }
        "azureDisk" => {
            set_default(inner, "cachingMode", "ReadWrite");
            set_default(inner, "fsType", "ext4");
            set_default(inner, "readOnly", false);
            set_default(inner, "kind", "Shared");
        }
        "scaleIO" => {
            set_default_text(inner, "storageMode", "ThinProvisioned");
            set_default_text(inner, "fsType", "xfs");
        }
        _ => {}
    }
}

fn claim_template(volume: &mut Value) {
    let template = part(volume, "ephemeral").and_then(|inner| part(inner, "volumeClaimTemplate"));
    let Some(template) = template else { return };
    ensure(template, "metadata");
    if let Some(spec) = ensure(template, "spec") {
        set_default(spec, "volumeMode", "Filesystem");
        ensure(spec, "resources");
    }
}

fn downward(source: &mut Value) {
    for item in list_mut(source, "items") {
        if let Some(field) = part(item, "fieldRef") {
            set_default_text(field, "apiVersion", "v1");
        }
        if let Some(resource) = part(item, "resourceFieldRef") {
            set_default(resource, "divisor", "0");
        }
    }
}

fn projected(inner: &mut Value) {
    set_default(inner, "defaultMode", FILE_MODE);
    for source in list_mut(inner, "sources") {
        if let Some(api) = part(source, "downwardAPI") {
            downward(api);
        }
        if let Some(token) = part(source, "serviceAccountToken") {
            set_default(token, "expirationSeconds", TOKEN_SECONDS);
        }
    }
}
