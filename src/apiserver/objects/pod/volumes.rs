//! What is refused in the volumes of a pod, and in how containers mount them.
//!
//! Upstream: core/validation ValidateVolumes and ValidateVolumeMounts, v1.37.
//! Differs from upstream: of the sources of drivers that once were part of Kubernetes only the names of
//! the volumes are checked.

use serde_json::Value;

use super::field_refs;

use crate::apiserver::objects::json::{fields, int, list, quantity, text};
use crate::apiserver::objects::kinds::claim;
use crate::apiserver::objects::names;
use crate::apiserver::objects::refusal::{Causes, Field};
use crate::units::Quantity;

/// In the order in which upstream looks at them.
const SOURCES: [&str; 31] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "flexVolume",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "local",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
    "ephemeral",
    "image",
];
/// The shortest time for which a projected token is good.
const TOKEN_SECONDS_MIN: i64 = 600;
const FILE_MODE_MAX: i64 = 0o777;
const HOST_PATH_TYPES: [&str; 8] = [
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
];

/// Checks the volumes; returns those that containers can mount.
pub(super) fn volumes<'a>(
    spec: &'a Value,
    pod_name: &str,
    field: &Field,
    causes: &mut Causes,
) -> Vec<&'a Value> {
    let mut good: Vec<&Value> = Vec::new();
    for (at, volume) in list(spec, "volumes").iter().enumerate() {
        let (name, field, before) = (text(volume, "name"), field.index(at), causes.len());
        sources(volume, pod_name, &field, causes);
        let at_name = field.child("name");
        if name.is_empty() {
            causes.required(&at_name, "");
        } else {
            causes.invalid_each(&at_name, name, names::dns_label(name));
        }
        if good.iter().any(|other| text(other, "name") == name) {
            causes.duplicate(&at_name, name, "");
        }
        if causes.len() == before {
            good.push(volume);
        }
    }
    good
}

fn sources(volume: &Value, pod_name: &str, field: &Field, causes: &mut Causes) {
    let given = given_sources(volume, &["name"]);
    let Some((first, others)) = given.split_first() else {
        causes.required(field, "must specify a volume type");
        return;
    };
    one_source(first, &volume[first.as_str()], &field.child(first), causes);
    if first == "ephemeral" && !pod_name.is_empty() && !text(volume, "name").is_empty() {
        let claim = format!("{pod_name}-{}", text(volume, "name"));
        for why in names::subdomain(&claim) {
            let why = format!("PVC name {claim:?}: {why}");
            causes.invalid(&field.child("name"), text(volume, "name"), &why);
        }
    }
    for other in others {
        causes.forbidden(&field.child(other), "may not specify more than 1 volume type");
    }
}

/// The sources of a volume, those in front that upstream looks at first.
pub(in crate::apiserver::objects) fn given_sources(volume: &Value, common: &[&str]) -> Vec<String> {
    let given = fields(volume).filter(|(_, value)| !value.is_null()).map(|(key, _)| key);
    let mut given: Vec<String> =
        given.filter(|key| !common.contains(&key.as_str())).cloned().collect();
    given.sort_by_key(|key| SOURCES.iter().position(|source| source == key));
    given
}

fn one_source(name: &str, source: &Value, field: &Field, causes: &mut Causes) {
    match name {
        "emptyDir" => {
            let limit = quantity(&source["sizeLimit"]);
            if limit.is_some_and(|limit| limit.amount() < Quantity::ZERO) {
                let why = "SizeLimit field must be a valid resource quantity";
                causes.forbidden(&field.child("sizeLimit"), why);
            }
        }
        "hostPath" => {
            needed(source, "path", field, causes);
            no_backsteps(text(source, "path"), &field.child("path"), causes);
            let kind = text(source, "type");
            if !text(source, "path").is_empty() && !HOST_PATH_TYPES.contains(&kind) {
                causes.not_supported(&field.child("type"), kind, &HOST_PATH_TYPES);
            }
        }
        "secret" => {
            needed(source, "secretName", field, causes);
            mode(source, field, causes);
            items(source, field, causes);
        }
        "configMap" => {
            needed(source, "name", field, causes);
            mode(source, field, causes);
            items(source, field, causes);
        }
        "downwardAPI" => {
            mode(source, field, causes);
            field_refs::files(source, field, causes);
        }
        "projected" => {
            mode(source, field, causes);
            projected(source, field, causes);
        }
        "persistentVolumeClaim" => needed(source, "claimName", field, causes),
        "csi" => needed(source, "driver", field, causes),
        "image" => needed(source, "reference", field, causes),
        "ephemeral" => {
            let template = &source["volumeClaimTemplate"];
            let field = field.child("volumeClaimTemplate");
            if template.is_null() {
                causes.required(&field, "");
            } else {
                claim::spec(&template["spec"], &field.child("spec"), causes);
            }
        }
        _ => remote_source(name, source, field, causes),
    }
}

fn remote_source(name: &str, source: &Value, field: &Field, causes: &mut Causes) {
    match name {
        "nfs" => {
            needed(source, "server", field, causes);
            needed(source, "path", field, causes);
            let path = text(source, "path");
            if !path.starts_with('/') {
                causes.invalid(&field.child("path"), path, "must be an absolute path");
            }
        }
        "iscsi" => {
            needed(source, "targetPortal", field, causes);
            needed(source, "iqn", field, causes);
            let (name, known) = (text(source, "iqn"), ["iqn", "eui", "naa"]);
            if !name.is_empty() && !known.iter().any(|start| name.starts_with(start)) {
                let why = "must be valid format starting with iqn, eui, or naa";
                causes.invalid(&field.child("iqn"), name, why);
            }
            if let Some(lun) = int(source, "lun").filter(|lun| !(0..=255).contains(lun)) {
                causes.invalid(&field.child("lun"), lun, "must be between 0 and 255, inclusive");
            }
        }
        "rbd" => {
            if list(source, "monitors").is_empty() {
                causes.required(&field.child("monitors"), "");
            }
            needed(source, "image", field, causes);
        }
        _ => {}
    }
}

/// What is put together in one volume; no two files may have the same path.
fn projected(source: &Value, field: &Field, causes: &mut Causes) {
    let mut paths: Vec<&str> = Vec::new();
    for (at, part) in list(source, "sources").iter().enumerate() {
        let at = field.child("sources").index(at);
        field_refs::files(&part["downwardAPI"], &at.child("downwardAPI"), causes);
        for key in ["secret", "configMap"] {
            if !part[key].is_null() {
                needed(&part[key], "name", &at.child(key), causes);
                items(&part[key], &at.child(key), causes);
            }
        }
        let token = &part["serviceAccountToken"];
        if !token.is_null() {
            let (seconds, at) = (int(token, "expirationSeconds"), at.child("serviceAccountToken"));
            if let Some(seconds) = seconds.filter(|seconds| *seconds < TOKEN_SECONDS_MIN) {
                let why = "may not specify a duration less than 10 minutes";
                causes.invalid(&at.child("expirationSeconds"), seconds, why);
            }
            needed(token, "path", field, causes);
        }
        for key in ["secret", "configMap", "downwardAPI"] {
            for file in list(&part[key], "items") {
                let path = text(file, "path");
                if paths.contains(&path) && !path.is_empty() {
                    let shown = if key == "downwardAPI" { path } else { text(&part[key], "name") };
                    causes.invalid(field, shown, "conflicting duplicate paths");
                }
                paths.push(path);
            }
        }
    }
}

/// The keys of a secret or a config map that become files.
fn items(source: &Value, field: &Field, causes: &mut Causes) {
    for (at, item) in list(source, "items").iter().enumerate() {
        let field = field.child("items").index(at);
        needed(item, "key", &field, causes);
        field_refs::local_path(text(item, "path"), &field.child("path"), causes);
    }
}

fn needed(source: &Value, key: &str, field: &Field, causes: &mut Causes) {
    if text(source, key).is_empty() {
        causes.required(&field.child(key), "");
    }
}

fn mode(source: &Value, field: &Field, causes: &mut Causes) {
    let mode = int(source, "defaultMode").filter(|mode| !(0..=FILE_MODE_MAX).contains(mode));
    if let Some(mode) = mode {
        let why = "must be a number between 0 and 0777 (octal), both inclusive";
        causes.invalid(&field.child("defaultMode"), mode, why);
    }
}

fn no_backsteps(path: &str, field: &Field, causes: &mut Causes) {
    if path.split('/').any(|part| part == "..") {
        causes.invalid(field, path, "must not contain '..'");
    }
}

/// Checks what a container mounts, `volumes` being those of its pod.
pub(super) fn mounts(container: &Value, volumes: &[&Value], field: &Field, causes: &mut Causes) {
    let known = |name: &str| volumes.iter().any(|volume| text(volume, "name") == name);
    let (all, devices) = (list(container, "volumeMounts"), list(container, "volumeDevices"));
    let mounts = field.child("volumeMounts");
    for (at, mount) in all.iter().enumerate() {
        let field = mounts.index(at);
        let (name, path) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            causes.required(&field.child("name"), "");
        }
        if !known(name) {
            causes.not_found(&field.child("name"), name, "");
        }
        if path.is_empty() {
            causes.required(&field.child("mountPath"), "");
        }
        if all[..at].iter().any(|other| text(other, "mountPath") == path) {
            causes.invalid(&field.child("mountPath"), path, "must be unique");
        }
        if devices.iter().any(|device| text(device, "name") == name) {
            let why = "must not already exist in volumeDevices";
            causes.invalid(&field.child("name"), name, why);
        }
        if devices.iter().any(|device| text(device, "devicePath") == path) {
            let why = "must not already exist as a path in volumeDevices";
            causes.invalid(&field.child("mountPath"), path, why);
        }
        sub_paths(mount, &field, &mounts, causes);
    }
    for (at, device) in devices.iter().enumerate() {
        let volume = volumes.iter().find(|volume| text(volume, "name") == text(device, "name"));
        let others = &devices[..at];
        block_device(
            device,
            volume.copied(),
            others,
            all,
            &field.child("volumeDevices").index(at),
            causes,
        );
    }
}

fn sub_paths(mount: &Value, field: &Field, mounts: &Field, causes: &mut Causes) {
    for key in ["subPath", "subPathExpr"] {
        let path = text(mount, key);
        if path.is_empty() {
            continue;
        }
        if key == "subPathExpr" && !text(mount, "subPath").is_empty() {
            let why = "subPathExpr and subPath are mutually exclusive";
            causes.invalid(&field.child(key), path, why);
        }
        if path.starts_with('/') {
            causes.invalid(&mounts.child(key), path, "must be a relative path");
        }
        no_backsteps(path, &mounts.child(key), causes);
    }
}

fn block_device(
    device: &Value,
    volume: Option<&Value>,
    others: &[Value],
    mounts: &[Value],
    field: &Field,
    causes: &mut Causes,
) {
    let (name, path) = (text(device, "name"), text(device, "devicePath"));
    if name.is_empty() {
        causes.required(&field.child("name"), "");
    }
    if others.iter().any(|other| text(other, "name") == name && !name.is_empty()) {
        causes.invalid(&field.child("name"), name, "must be unique");
    }
    match volume {
        None => causes.not_found(&field.child("name"), name, ""),
        Some(volume)
            if volume["persistentVolumeClaim"].is_null() && volume["ephemeral"].is_null() =>
        {
            let why = "can only use volume source type of PersistentVolumeClaim or Ephemeral for \
                       block mode";
            causes.invalid(&field.child("name"), name, why);
        }
        Some(_) => {}
    }
    if path.is_empty() {
        causes.required(&field.child("devicePath"), "");
    }
    if others.iter().any(|other| text(other, "devicePath") == path) {
        causes.invalid(&field.child("devicePath"), path, "must be unique");
    }
    if mounts.iter().any(|mount| text(mount, "name") == name) {
        causes.invalid(&field.child("name"), name, "must not already exist in volumeMounts");
    }
}
