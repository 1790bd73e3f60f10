//! The OpenAPI v3 document of a group and version, as far as kubectl reads one: the types of its kinds for
//! `explain`, and which parameters a PATCH takes.
//!
//! Differs from upstream: no descriptions, and of the paths only those that kubectl looks for.

use serde_json::{Map, Value, json};

use super::Schema;
use super::table::{Field, Kind, ListKind, Merge, Shape, Struct, Type};
use crate::units::Set;

const VERSION: &str = "v1.37.2";

/// The kinds that are in no namespace.
const CLUSTER_SCOPED: [&str; 21] = [
    "CSIDriver",
    "CSINode",
    "ClusterRole",
    "ClusterRoleBinding",
    "DeviceClass",
    "DeviceTaintRule",
    "Namespace",
    "Node",
    "NodeMetrics",
    "PersistentVolume",
    "PriorityClass",
    "ResourceSlice",
    "SelfSubjectAccessReview",
    "SelfSubjectReview",
    "SelfSubjectRulesReview",
    "StorageClass",
    "SubjectAccessReview",
    "TokenReview",
    "VolumeAttachment",
    "VolumeAttributesClass",
    "DeleteOptions",
];

/// The query parameters of a PATCH.
const PATCH_PARAMETERS: [&str; 5] =
    ["dryRun", "fieldManager", "fieldValidation", "force", "pretty"];

/// The document; `None` when nothing of the version is served.
#[must_use]
pub fn openapi_v3(group: &str, version: &str) -> Option<Value> {
    let schema = Schema::all();
    let kinds = || schema.kinds.iter().filter(|k| k.group == group && k.version == version);
    kinds().next()?;
    let mut document = Document::default();
    let mut paths = Map::new();
    for kind in kinds() {
        if let Shape::Struct { at, .. } = kind.shape.shape {
            document.add(at);
            let name = schema.structs.get(at).map(model_name)?;
            document.schemas[&name]["x-kubernetes-group-version-kind"] = json!([identity(kind)]);
        }
        add_paths(kind, &mut paths);
    }
    document.add_leaves();
    Some(json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION},
        "paths": paths,
        "components": {"schemas": document.schemas},
    }))
}

fn identity(kind: &Kind) -> Value {
    json!({"group": kind.group, "version": kind.version, "kind": kind.name})
}

/// The name of the resource of a kind, as paths have it.
fn plural(kind: &str) -> String {
    let name = kind.to_lowercase();
    match kind {
        "Endpoints" => name,
        "PodMetrics" | "NodeMetrics" => name.replace("metrics", "s"),
        _ if name.ends_with('s') => format!("{name}es"),
        _ => match name.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None => format!("{name}s"),
        },
    }
}

fn add_paths(kind: &Kind, paths: &mut Map<String, Value>) {
    let prefix = if kind.group.is_empty() { "/api" } else { "/apis/" };
    let namespace =
        if CLUSTER_SCOPED.contains(&kind.name) { "" } else { "/namespaces/{namespace}" };
    let plural = plural(kind.name);
    let group = if kind.group.is_empty() { String::new() } else { kind.group.to_owned() };
    let all = format!("{prefix}{group}/{}{namespace}/{plural}", kind.version);
    let ok = json!({"200": {"description": "OK"}});
    let operation = |action: &str| {
        json!({
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": identity(kind),
            "responses": ok,
        })
    };
    let mut patch = operation("patch");
    patch["parameters"] = PATCH_PARAMETERS
        .iter()
        .map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}}))
        .collect();
    paths.insert(format!("{all}/{{name}}"), json!({"get": operation("get"), "patch": patch}));
    paths.insert(all, json!({"get": operation("list"), "post": operation("post")}));
}

/// `core.v1.Pod` as upstream calls it.
fn model_name(of: &Struct) -> String {
    let name = of.name;
    match name.split_once('.') {
        Some(("meta", rest)) => format!("io.k8s.apimachinery.pkg.apis.meta.{rest}"),
        Some(("metrics", rest)) => format!("io.k8s.metrics.pkg.apis.metrics.{rest}"),
        _ => format!("io.k8s.api.{name}"),
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[derive(Default)]
struct Document {
    schemas: Value,
    done: Set<usize>,
}

impl Document {
    /// Adds a struct and all it is made of.
    fn add(&mut self, at: usize) {
        let mut left = vec![at];
        while let Some(at) = left.pop() {
            let Some(of) = Schema::all().structs.get(at).filter(|_| self.done.insert(at)) else {
                continue;
            };
            let mut properties = Map::new();
            for field in of.fields() {
                properties.insert(field.name.to_owned(), property(field, &mut left));
            }
            let mut object = json!({"type": "object", "properties": properties});
            let required: Vec<&str> =
                of.fields().iter().filter(|field| field.required).map(|field| field.name).collect();
            if !required.is_empty() {
                object["required"] = json!(required);
            }
            self.schemas[model_name(of)] = object;
        }
    }

    /// Adds the types that are no structs in JSON.
    fn add_leaves(&mut self) {
        let leaves = [
            (QUANTITY, json!({"oneOf": [{"type": "string"}, {"type": "number"}]})),
            (
                INT_OR_STRING,
                json!({"format": "int-or-string",
                "oneOf": [{"type": "integer"}, {"type": "string"}]}),
            ),
            (TIME, json!({"type": "string", "format": "date-time"})),
            (MICRO_TIME, json!({"type": "string", "format": "date-time"})),
            (DURATION, json!({"type": "string"})),
            (FIELDS, json!({"type": "object"})),
            (RAW, json!({"type": "object"})),
        ];
        for (name, schema) in leaves {
            self.schemas[name] = schema;
        }
    }
}

const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
const TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";
const MICRO_TIME: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime";
const DURATION: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Duration";
const FIELDS: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1";
const RAW: &str = "io.k8s.apimachinery.pkg.runtime.RawExtension";

fn property(field: &Field, structs: &mut Vec<usize>) -> Value {
    let mut schema = of_type(&field.holds, structs);
    match field.merge {
        Merge::Default => {}
        Merge::Merge => schema["x-kubernetes-patch-strategy"] = "merge".into(),
        Merge::Replace => schema["x-kubernetes-patch-strategy"] = "replace".into(),
    }
    if let Some(key) = field.merge_key {
        schema["x-kubernetes-patch-merge-key"] = key.into();
    }
    schema
}

fn of_type(shape: &Type, structs: &mut Vec<usize>) -> Value {
    match &shape.shape {
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Int(64) => json!({"type": "integer", "format": "int64"}),
        Shape::Int(_) => json!({"type": "integer", "format": "int32"}),
        Shape::Float => json!({"type": "number", "format": "double"}),
        Shape::String => json!({"type": "string"}),
        Shape::Bytes => json!({"type": "string", "format": "byte"}),
        Shape::Quantity => reference(QUANTITY),
        Shape::Time => reference(TIME),
        Shape::MicroTime => reference(MICRO_TIME),
        Shape::Duration => reference(DURATION),
        Shape::IntOrString => reference(INT_OR_STRING),
        Shape::FieldsV1 => reference(FIELDS),
        Shape::Raw => reference(RAW),
        Shape::Struct { at, atomic } => {
            structs.push(*at);
            let name = shape.as_struct().map(model_name).unwrap_or_default();
            if *atomic {
                json!({"allOf": [reference(&name)], "x-kubernetes-map-type": "atomic"})
            } else {
                json!({"allOf": [reference(&name)]})
            }
        }
        Shape::List { item, kind } => {
            let mut list = json!({"type": "array", "items": of_type(item, structs)});
            match kind {
                ListKind::Atomic => list["x-kubernetes-list-type"] = "atomic".into(),
                ListKind::Set => list["x-kubernetes-list-type"] = "set".into(),
                ListKind::Map(keys) => {
                    list["x-kubernetes-list-type"] = "map".into();
                    list["x-kubernetes-list-map-keys"] = json!(keys);
                }
            }
            list
        }
        Shape::Map { value, atomic, .. } => {
            let value = of_type(value, structs);
            let mut map = json!({"type": "object", "additionalProperties": value});
            if *atomic {
                map["x-kubernetes-map-type"] = "atomic".into();
            }
            map
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_can_be_explained() {
        let document = openapi_v3("", "v1").expect("v1 is served");
        let paths = &document["paths"];
        let list = &paths["/api/v1/namespaces/{namespace}/pods"]["get"];
        assert_eq!(list["x-kubernetes-group-version-kind"]["kind"], "Pod");
        let parameters = &paths["/api/v1/nodes/{name}"]["patch"]["parameters"];
        assert_eq!(parameters[2]["name"], "fieldValidation");
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        let spec = &schemas["io.k8s.api.core.v1.PodSpec"];
        assert_eq!(spec["required"], json!(["containers"]));
        let containers = &spec["properties"]["containers"];
        assert_eq!(containers["x-kubernetes-list-map-keys"], json!(["name"]));
        assert_eq!(
            containers["items"]["allOf"][0]["$ref"],
            "#/components/schemas/io.k8s.api.core.v1.Container"
        );
        assert!(openapi_v3("apps", "v2").is_none());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        for kind in &Schema::all().kinds {
            let document = openapi_v3(kind.group, kind.version).expect("served");
            let text = document.to_string();
            for part in text.split("#/components/schemas/").skip(1) {
                let name = part.split('"').next().unwrap_or_default();
                assert!(document["components"]["schemas"][name].is_object(), "{name}");
            }
        }
    }

    #[test]
    fn resources_have_upstreams_names() {
        let rows = [
            ("Pod", "pods"),
            ("Endpoints", "endpoints"),
            ("StorageClass", "storageclasses"),
            ("CSIStorageCapacity", "csistoragecapacities"),
            ("NodeMetrics", "nodes"),
        ];
        for (kind, want) in rows {
            assert_eq!(plural(kind), want);
        }
    }
}
