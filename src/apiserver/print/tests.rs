//! Whole tables: their frame, what rows carry, and a few kinds; `tests/print_real.rs` compares the rest.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;

fn options() -> TableOptions {
    TableOptions {
        include_object: IncludeObject::Metadata,
        no_headers: false,
        now: "2026-08-01T12:00:00Z".parse().unwrap(),
    }
}

/// The cells of one object.
fn cells(resource: &str, object: &Value) -> Value {
    table_of_one(resource, object, &options())["rows"][0]["cells"].take()
}

fn named(name: &str) -> Value {
    let created = "2026-08-01T11:58:00Z";
    json!({"metadata": {"name": name, "resourceVersion": "7", "creationTimestamp": created}})
}

#[test]
fn a_table_has_columns_and_a_row_an_object() {
    let objects = [Arc::new(named("a")), Arc::new(named("b"))];
    let table = table("deviceclasses.resource.k8s.io", &objects, &options());
    let object = |name| {
        json!({
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": named(name)["metadata"],
        })
    };
    let column = |name, format| json!({"name": name, "type": "string", "format": format, "description": "", "priority": 0});
    assert_eq!(
        table,
        json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {},
            "columnDefinitions": [column("Name", "name"), column("Age", "")],
            "rows": [
                {"cells": ["a", "2m"], "object": object("a")},
                {"cells": ["b", "2m"], "object": object("b")},
            ],
        })
    );
}

#[test]
fn a_kind_without_columns_shows_when_it_was_made() {
    let made = named("a");
    let table = table_of_one("pods.metrics.k8s.io", &made, &options());
    assert_eq!(table["rows"][0]["cells"], json!(["a", "2026-08-01T11:58:00Z"]));
    assert_eq!(table["columnDefinitions"][1]["type"], "date");
    assert_eq!(table["metadata"], json!({"resourceVersion": "7"}));
}

#[test]
fn rows_carry_what_was_asked_for() {
    let object = named("a");
    let carried = |include_object, object: &Value| {
        let options = TableOptions { include_object, no_headers: true, ..options() };
        let mut table = table_of_one("namespaces", object, &options);
        assert_eq!(table["columnDefinitions"], Value::Null);
        table["rows"][0]["object"].take()
    };
    assert_eq!(carried(IncludeObject::Object, &object), object);
    assert_eq!(carried(IncludeObject::None, &object), Value::Null);
    assert_eq!(carried(IncludeObject::Metadata, &object), partial_metadata(&object));
    let mut bookmark = json!({"metadata": {"resourceVersion": "9"}});
    bookmark["metadata"]["annotations"] = json!({INITIAL_EVENTS_END: "true"});
    assert_eq!(carried(IncludeObject::None, &bookmark), partial_metadata(&bookmark));
}

#[test]
fn the_parameter_has_three_values() {
    assert_eq!(IncludeObject::parse(""), Ok(IncludeObject::Metadata));
    assert_eq!(IncludeObject::parse("Object"), Ok(IncludeObject::Object));
    assert_eq!(IncludeObject::parse("None"), Ok(IncludeObject::None));
    let wrong = IncludeObject::parse("all").unwrap_err();
    assert!(
        wrong.ends_with("Invalid value: \"all\": must be 'Metadata', 'Object', 'None', or empty")
    );
}

#[test]
fn a_pod_that_has_ended_is_marked() {
    let mut pod = named("a");
    let conditions =
        |pod: &Value| table("pods", &[pod], &options())["rows"][0]["conditions"].take();
    pod["status"] = json!({"phase": "Running"});
    assert_eq!(conditions(&pod), Value::Null);
    pod["status"] = json!({"phase": "Failed"});
    let failed = json!([
        {"type": "Completed", "status": "True", "reason": "Failed", "message": "The pod failed."},
    ]);
    assert_eq!(conditions(&pod), failed);
}

#[test]
fn only_a_list_marks_the_default_class() {
    let class = |name: &str, created: &str| {
        let mut class = named(name);
        class["metadata"]["creationTimestamp"] = json!(created);
        class["metadata"]["annotations"] =
            json!({"storageclass.kubernetes.io/is-default-class": "true"});
        class
    };
    let (old, new) = ("2026-08-01T10:00:00Z", "2026-08-01T11:00:00Z");
    let classes = [class("a", old), class("c", new), class("b", new), named("d")];
    let resource = "storageclasses.storage.k8s.io";
    let rows = table(resource, &classes, &options())["rows"].take();
    let names: Vec<_> = rows.as_array().unwrap().iter().map(|row| &row["cells"][0]).collect();
    assert_eq!(names, ["a", "c", "b (default)", "d"]);
    assert_eq!(cells(resource, &classes[2])[0], "b");
}

#[test]
fn both_forms_of_an_event_read_the_same() {
    let core = json!({
        "metadata": {"name": "e"}, "type": "Normal", "reason": "Scheduled", "message": "ok\n",
        "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec"}, "source": {},
        "reportingComponent": "berth", "reportingInstance": "berth-0",
        "eventTime": "2026-08-01T11:50:00.123456Z", "firstTimestamp": null, "lastTimestamp": null,
        "series": {"count": 3, "lastObservedTime": "2026-08-01T11:59:00.000000Z"},
    });
    let newer = json!({
        "metadata": {"name": "e"}, "type": "Normal", "reason": "Scheduled", "note": "ok\n",
        "regarding": {"kind": "Pod", "name": "p", "fieldPath": "spec"}, "deprecatedSource": {},
        "reportingController": "berth", "reportingInstance": "berth-0",
        "eventTime": "2026-08-01T11:50:00.123456Z",
        "deprecatedFirstTimestamp": null, "deprecatedLastTimestamp": null,
        "series": {"count": 3, "lastObservedTime": "2026-08-01T11:59:00.000000Z"},
    });
    let expected = json!([
        "60s",
        "Normal",
        "Scheduled",
        "pod/p",
        "spec",
        "berth, berth-0",
        "ok",
        "9m59s",
        3,
        "e",
    ]);
    assert_eq!(cells("events", &core), expected);
    assert_eq!(cells("events.events.k8s.io", &newer), expected);
}

#[test]
fn endpoints_are_named_up_to_three() {
    let addresses = |ips: &[&str]| ips.iter().map(|ip| json!({"ip": ip})).collect::<Vec<_>>();
    let shown = |subsets: Value| cells("endpoints", &json!({"subsets": subsets}))[1].take();
    assert_eq!(shown(json!([])), "<none>");
    assert_eq!(shown(json!([{"addresses": addresses(&["10.0.0.1"])}])), "10.0.0.1");
    let many = json!([
        {"addresses": addresses(&["fd00::1", "10.0.0.2"]), "ports": [{"port": 80}, {"port": 81}]},
    ]);
    assert_eq!(shown(many), "[fd00::1]:80,10.0.0.2:80,[fd00::1]:81 + 1 more...");
}

#[test]
fn objects_without_anything_are_no_trouble() {
    let resources = [
        "pods",
        "podtemplates",
        "nodes",
        "namespaces",
        "events",
        "services",
        "endpoints",
        "endpointslices.discovery.k8s.io",
        "replicationcontrollers",
        "configmaps",
        "secrets",
        "resourcequotas",
        "persistentvolumes",
        "persistentvolumeclaims",
        "deployments.apps",
        "rolebindings.rbac.authorization.k8s.io",
        "replicasets.apps",
        "statefulsets.apps",
        "daemonsets.apps",
        "controllerrevisions.apps",
        "jobs.batch",
        "cronjobs.batch",
        "poddisruptionbudgets.policy",
        "podgroups.scheduling.k8s.io",
        "deployments.apps/scale",
        "storageclasses.storage.k8s.io",
        "csidrivers.storage.k8s.io",
        "resourceclaims.resource.k8s.io",
        "leases.coordination.k8s.io",
        "unknown.example.com",
    ];
    for resource in resources {
        for object in [json!({}), json!(null), json!({"metadata": 1, "spec": [], "status": "?"})] {
            let table = table_of_one(resource, &object, &options());
            let cells = table["rows"][0]["cells"].as_array().unwrap().len();
            assert_eq!(cells, table["columnDefinitions"].as_array().unwrap().len(), "{resource}");
        }
    }
}
