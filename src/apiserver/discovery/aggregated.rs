//! Discovery of all groups at once. Upstream: apidiscovery.k8s.io/v2.

use serde_json::{Value, json};

use super::groups;
use crate::apiserver::kinds::Resource;

/// All of core, or all named groups.
pub(super) fn list(core: bool) -> Value {
    let groups = groups::versions();
    let items: Vec<Value> = groups
        .iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> =
                versions.iter().map(|version| describe_version(group, version)).collect();
            json!({"metadata": {"name": group, "creationTimestamp": null}, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {}, "items": items,
    })
}

fn describe_version(group: &str, version: &str) -> Value {
    let rows = Resource::all().iter().filter(|row| row.group == group && row.version == version);
    let mut resources: Vec<Value> = rows.map(describe_resource).collect();
    resources.sort_by(|a, b| a["resource"].as_str().cmp(&b["resource"].as_str()));
    json!({"version": version, "freshness": "Current", "resources": resources})
}

fn describe_resource(row: &Resource) -> Value {
    let mut value = json!({
        "resource": row.plural,
        "responseKind": kind(row.group, row.version, row.kind),
        "scope": if row.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": row.singular,
        "verbs": row.verbs(),
    });
    if !row.short.is_empty() {
        value["shortNames"] = json!(row.short);
    }
    if row.all {
        value["categories"] = json!(["all"]);
    }
    let subresources: Vec<Value> = row
        .subresources
        .iter()
        .map(|sub| {
            let (group, version, name) = sub.body.unwrap_or((row.group, row.version, row.kind));
            json!({
                "subresource": sub.name, "responseKind": kind(group, version, name),
                "verbs": sub.verbs,
            })
        })
        .collect();
    if !subresources.is_empty() {
        value["subresources"] = subresources.into();
    }
    value
}

fn kind(group: &str, version: &str, kind: &str) -> Value {
    json!({"group": group, "version": version, "kind": kind})
}
