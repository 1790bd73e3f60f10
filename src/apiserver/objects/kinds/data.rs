//! ConfigMaps, Secrets and LimitRanges.
//!
//! Upstream: core/v1 defaults and core/validation, v1.37.

use serde_json::{Value, json};

use crate::apiserver::objects::json::{
    ensure, fields, length, list_mut, set, set_default, set_default_text, take, text,
};
use crate::apiserver::objects::names;
use crate::apiserver::objects::refusal::{Causes, Field};

/// Most bytes of data in a ConfigMap or a Secret.
const DATA_MAX: usize = 1024 * 1024;
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// What a secret of a type has to hold.
const NEEDED: [(&str, &[&str]); 5] = [
    ("kubernetes.io/dockercfg", &[".dockercfg"]),
    ("kubernetes.io/dockerconfigjson", &[".dockerconfigjson"]),
    ("kubernetes.io/ssh-auth", &["ssh-privatekey"]),
    ("kubernetes.io/tls", &["tls.crt", "tls.key"]),
    ("kubernetes.io/service-account-token", &[]),
];

/// Fills in a secret: plain text becomes data.
pub(super) fn secret_defaults(secret: &mut Value) {
    set_default_text(secret, "type", "Opaque");
    let plain = take(secret, "stringData");
    if length(&plain) == 0 {
        return;
    }
    let Some(data) = ensure(secret, "data") else { return };
    for (key, value) in fields(&plain) {
        set(data, key, base64(value.as_str().unwrap_or_default().as_bytes()));
    }
}

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place > chunk.len() {
                text.push('=');
                continue;
            }
            let index = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or(0);
            text.push(char::from(BASE64[index]));
        }
    }
    text
}

/// Checks the keys of data; returns how many bytes its texts have.
fn data(object: &Value, which: &str, other: &str, causes: &mut Causes) -> usize {
    let (field, mut size) = (Field::new(which), 0);
    for (key, value) in fields(&object[which]) {
        causes.invalid_each(&field.key(key), key, names::data_key(key));
        if !object[other][key.as_str()].is_null() {
            let why = "duplicate of key present in binaryData";
            causes.invalid(&field.key(key), key.as_str(), why);
        }
        size += value.as_str().map_or(0, str::len);
    }
    size
}

/// What is refused in a ConfigMap.
pub(super) fn validate_config_map(map: &Value, causes: &mut Causes) {
    let plain = data(map, "data", "binaryData", causes);
    let binary = data(map, "binaryData", "", causes) / 4 * 3;
    if plain + binary > DATA_MAX {
        causes.too_long(&Field::new(""), DATA_MAX);
    }
}

/// What is refused in a Secret.
pub(super) fn validate_secret(secret: &Value, causes: &mut Causes) {
    if data(secret, "data", "", causes) / 4 * 3 > DATA_MAX {
        causes.too_long(&Field::new("data"), DATA_MAX);
    }
    let (kind, field) = (text(secret, "type"), Field::new("data"));
    let needed = NEEDED.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, keys)| keys);
    for key in needed.iter().filter(|key| secret["data"][**key].is_null()) {
        causes.required(&field.key(key), "");
    }
    if kind == "kubernetes.io/basic-auth" {
        let keys = ["username", "password"];
        if keys.iter().all(|key| secret["data"][*key].is_null()) {
            for key in keys {
                causes.required(&field.key(key), "");
            }
        }
    }
    let account = "kubernetes.io/service-account.name";
    if kind == "kubernetes.io/service-account-token"
        && text(&secret["metadata"]["annotations"], account).is_empty()
    {
        causes.required(&Field::new("metadata.annotations").key(account), "");
    }
}

/// What is refused in a change of a ConfigMap: anything, where it says so.
pub(super) fn validate_update(new: &Value, old: &Value, causes: &mut Causes) {
    if old["immutable"] != true {
        return;
    }
    for key in ["immutable", "data", "binaryData"] {
        if new[key] != old[key] {
            let why = "field is immutable when `immutable` is set";
            causes.forbidden(&Field::new(key), why);
        }
    }
}

/// What is refused in a change of a Secret.
pub(super) fn validate_secret_update(new: &Value, old: &Value, causes: &mut Causes) {
    causes.unchanged(&Field::new("type"), &new["type"], &old["type"]);
    validate_update(new, old, causes);
}

/// Fills in a LimitRange.
///
/// Upstream: `SetDefaults_LimitRangeItem`, v1.37.
pub(super) fn limit_range_defaults(range: &mut Value) {
    let Some(spec) = ensure(range, "spec") else { return };
    for item in list_mut(spec, "limits") {
        if text(item, "type") != "Container" {
            continue;
        }
        for (to, from) in
            [("default", "max"), ("defaultRequest", "default"), ("defaultRequest", "min")]
        {
            let source = item[from].clone();
            set_default(item, to, json!({}));
            let Some(target) = ensure(item, to) else { continue };
            for (name, amount) in fields(&source) {
                set_default(target, name, amount.clone());
            }
        }
        for key in ["default", "defaultRequest"] {
            if length(&item[key]) == 0 {
                take(item, key);
            }
        }
    }
}
