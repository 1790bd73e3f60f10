//! Discovery, one group version at a time. Upstream: apimachinery meta/v1 APIGroup, APIResource.

use serde_json::{Value, json};

use crate::apiserver::kinds::Resource;

/// `/api`.
pub(super) fn core_versions() -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [],
    })
}

/// Groups with their versions, best first, in the order of the table. Core has no name.
pub(super) fn versions() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for row in Resource::all() {
        match groups.iter_mut().find(|(group, _)| *group == row.group) {
            Some((_, versions)) if !versions.contains(&row.version) => versions.push(row.version),
            Some(_) => {}
            None => groups.push((row.group, vec![row.version])),
        }
    }
    groups
}

/// `/apis`.
pub(super) fn list() -> Value {
    let groups = versions();
    let named = groups.iter().filter(|(group, _)| !group.is_empty());
    let groups: Vec<Value> = named.map(|(group, versions)| describe(group, versions)).collect();
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/GROUP`.
pub(super) fn group(name: &str) -> Option<Value> {
    let groups = versions();
    let (group, versions) = groups.iter().find(|(group, _)| *group == name && !name.is_empty())?;
    let mut value = describe(group, versions);
    value["kind"] = "APIGroup".into();
    value["apiVersion"] = "v1".into();
    Some(value)
}

fn describe(group: &str, versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({"groupVersion": format!("{group}/{version}"), "version": version}))
        .collect();
    json!({"name": group, "versions": versions, "preferredVersion": versions.first()})
}

/// `/api/v1` and `/apis/GROUP/VERSION`.
pub(super) fn resources(group: &str, version: &str) -> Option<Value> {
    let rows = Resource::all().iter().filter(|row| row.group == group && row.version == version);
    let mut found: Vec<Value> = rows.flat_map(describe_resource).collect();
    if found.is_empty() {
        return None;
    }
    found.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
    let group_version =
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    Some(json!({
        "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version,
        "resources": found,
    }))
}

fn describe_resource(row: &Resource) -> Vec<Value> {
    let mut main = json!({
        "name": row.plural, "singularName": row.singular, "namespaced": row.namespaced,
        "kind": row.kind, "verbs": row.verbs(),
    });
    if !row.short.is_empty() {
        main["shortNames"] = json!(row.short);
    }
    if row.all {
        main["categories"] = json!(["all"]);
    }
    let mut found = vec![main];
    for sub in &row.subresources {
        let mut value = json!({
            "name": format!("{}/{}", row.plural, sub.name), "singularName": "",
            "namespaced": row.namespaced, "kind": sub.body.map_or(row.kind, |body| body.2),
            "verbs": sub.verbs,
        });
        if let Some((group, version, _)) = sub.body.filter(|body| !body.0.is_empty()) {
            value["group"] = group.into();
            value["version"] = version.into();
        }
        found.push(value);
    }
    found
}
