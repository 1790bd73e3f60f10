//! Creating, updating and patching: what is stored, and what is refused.

use super::*;

#[tokio::test]
async fn a_new_object_has_what_the_server_gives_it() {
    let cluster = Cluster::start();
    let made = create(&cluster.pods(), &pod("x")).await;
    assert_eq!(made.namespace().as_deref(), Some("default"));
    assert!(made.uid().is_some_and(|uid| uid.len() == 36));
    assert!(made.creation_timestamp().is_some() && made.resource_version().is_some());
    assert_eq!(made.metadata.generation, Some(1));
    assert_eq!(made.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Pending"));
    let read = cluster.pods().get("x").await.unwrap();
    assert_eq!(read, made);
    let generated: Pod = object(json!({
        "metadata": {"generateName": "web-"},
        "spec": {"containers": [{"name": "c", "image": "i"}]},
    }));
    let names =
        [create(&cluster.pods(), &generated).await, create(&cluster.pods(), &generated).await];
    let names = names.map(|pod| pod.name_any());
    assert!(names.iter().all(|name| name.starts_with("web-") && name.len() == 9), "{names:?}");
    assert_ne!(names[0], names[1]);
}

#[tokio::test]
async fn refusals_are_those_of_upstream() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    let missing = status(pods.get("x").await);
    assert_eq!((missing.code, &*missing.reason), (404, "NotFound"));
    assert_eq!(missing.message, r#"pods "x" not found"#);
    create(&pods, &pod("x")).await;
    let twice = status(pods.create(&PostParams::default(), &pod("x")).await);
    assert_eq!((twice.code, &*twice.reason), (409, "AlreadyExists"));
    let nowhere: Api<Pod> = Api::namespaced(cluster.client.clone(), "nowhere");
    let nowhere = status(nowhere.create(&PostParams::default(), &pod("x")).await);
    assert_eq!((nowhere.code, &*nowhere.message), (404, r#"namespaces "nowhere" not found"#));
    let unnamed = status(pods.create(&PostParams::default(), &Pod::default()).await);
    assert_eq!(unnamed.code, 422);
}

#[tokio::test]
async fn bodies_that_are_wrong_get_the_right_status() {
    let cluster = Cluster::start();
    let path = "/api/v1/namespaces/default/configmaps";
    let json = "application/json";
    let big = format!(r#"{{"data":{{"a":"{}"}}}}"#, "x".repeat(4 << 20));
    for (method, path, media_type, body, expected, reason) in [
        ("POST", path, json, "{", 400, "BadRequest"),
        ("POST", path, json, "[]", 400, "BadRequest"),
        ("POST", path, "application/yaml", "a: [", 400, "BadRequest"),
        ("POST", path, json, r#"{"apiVersion":"v2","kind":"ConfigMap"}"#, 400, "BadRequest"),
        ("POST", path, json, r#"{"apiVersion":"v1","kind":"Secret"}"#, 400, "BadRequest"),
        ("POST", path, json, r#"{"metadata":{"name":"a","namespace":"b"}}"#, 400, "BadRequest"),
        ("POST", path, json, &big, 413, "RequestEntityTooLarge"),
        ("POST", path, "application/vnd.kubernetes.protobuf", "k8s", 400, "BadRequest"),
        ("POST", path, "application/cbor", "k8s", 415, "UnsupportedMediaType"),
        ("PATCH", "/api/v1/nodes/n", json, "{}", 415, "UnsupportedMediaType"),
        ("POST", "/api/v1/configmaps", json, "{}", 405, "MethodNotAllowed"),
        ("GET", "/api/v1/gadgets", json, "", 404, "NotFound"),
        ("GET", "/apis/apps/v1/things", json, "", 404, "NotFound"),
        ("GET", "/api/v1/pods?limit=x", json, "", 400, "BadRequest"),
        ("GET", "/api/v1/pods?fieldSelector=spec.foo%3D1", json, "", 400, "BadRequest"),
        ("GET", "/api/v1/pods?labelSelector=a+b", json, "", 400, "BadRequest"),
        ("GET", "/api/v1/pods?resourceVersion=x", json, "", 400, "BadRequest"),
        ("GET", "/api/v1/pods?continue=x", json, "", 400, "BadRequest"),
        ("GET", "/api/v1/pods?resourceVersionMatch=Exact", json, "", 422, "Invalid"),
    ] {
        let (code, answer) = cluster.raw(method, path, media_type, body).await;
        let shown = &body[..body.len().min(60)];
        assert_eq!(code, expected, "{method} {path} {shown}: {answer}");
        assert_eq!(answer["reason"], reason, "{method} {path} {shown}");
        assert_eq!(answer["kind"], "Status");
    }
}

#[tokio::test]
async fn yaml_is_taken() {
    let cluster = Cluster::start();
    let body = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: \"1\"\n";
    let path = "/api/v1/namespaces/default/configmaps";
    let (code, made) = cluster.raw("POST", path, "application/yaml", body).await;
    assert_eq!((code, made["data"]["a"].as_str()), (201, Some("1")));
}

#[tokio::test]
async fn a_stale_update_is_a_conflict() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    let first = create(&maps, &config_map("x")).await;
    let mut second = first.clone();
    second.data = Some(BTreeMap::from([("a".into(), "2".into())]));
    let second = maps.replace("x", &PostParams::default(), &second).await.unwrap();
    assert_ne!(first.resource_version(), second.resource_version());
    let stale = status(maps.replace("x", &PostParams::default(), &first).await);
    assert_eq!((stale.code, &*stale.reason), (409, "Conflict"));
    assert!(stale.message.contains("the object has been modified; please apply your changes"));
    // Without a version it is not conditional, and what changes nothing is no new version.
    let mut unconditional = config_map("x");
    unconditional.data.clone_from(&second.data);
    unconditional.metadata.managed_fields.clone_from(&second.metadata.managed_fields);
    let third = maps.replace("x", &PostParams::default(), &unconditional).await.unwrap();
    assert_eq!(third.resource_version(), second.resource_version());
    // Another UID is another object.
    unconditional.metadata.uid = Some("other".into());
    let other = status(maps.replace("x", &PostParams::default(), &unconditional).await);
    assert!(other.message.contains("Precondition failed: UID in precondition: other"), "{other:?}");
    let lease: Lease = object(json!({"metadata": {"name": "l"}}));
    let leases: Api<Lease> = Api::default_namespaced(cluster.client.clone());
    create(&leases, &lease).await;
    let unversioned = status(leases.replace("l", &PostParams::default(), &lease).await);
    assert!(unversioned.message.contains("must be specified for an update"), "{unversioned:?}");
}

#[tokio::test]
async fn all_sorts_of_patches_are_applied() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    create(&maps, &config_map("x")).await;
    let params = PatchParams::default();
    let merge = Patch::Merge(json!({"data": {"b": "2", "a": null}}));
    let merged = maps.patch("x", &params, &merge).await.unwrap();
    assert_eq!(merged.data, Some(BTreeMap::from([("b".to_owned(), "2".to_owned())])));
    let strategic = Patch::Strategic(json!({"metadata": {"labels": {"l": "1"}}}));
    let labelled = maps.patch("x", &params, &strategic).await.unwrap();
    assert_eq!(labelled.labels().get("l").map(String::as_str), Some("1"));
    let path = "/api/v1/namespaces/default/configmaps/x";
    let body = r#"[{"op":"replace","path":"/data/b","value":"3"}]"#;
    let (code, patched) = cluster.raw("PATCH", path, "application/json-patch+json", body).await;
    assert_eq!((code, patched["data"]["b"].as_str()), (200, Some("3")));
    let apply = Patch::Apply(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "data": {"a": "1"},
    }));
    let applied = maps.patch("new", &PatchParams::apply("me"), &apply).await.unwrap();
    assert_eq!(applied.data, Some(BTreeMap::from([("a".to_owned(), "1".to_owned())])));
    let stale = Patch::Merge(json!({"metadata": {"resourceVersion": "1"}, "data": {"b": "4"}}));
    assert_eq!(status(maps.patch("x", &params, &stale).await).code, 409);
    let missing = status(maps.patch("y", &params, &merge).await);
    assert_eq!(missing.code, 404);
}

#[tokio::test]
async fn status_and_the_rest_are_written_at_their_own_addresses() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    let made = create(&pods, &pod("x")).await;
    let main = Patch::Merge(json!({"status": {"phase": "Running"}}));
    let main = pods.patch("x", &PatchParams::default(), &main).await.unwrap();
    assert_eq!(main.status.unwrap().phase.as_deref(), Some("Pending"));
    let part = Patch::Merge(json!({"spec": {"hostname": "h"}, "status": {"phase": "Running"}}));
    let part = pods.patch_status("x", &PatchParams::default(), &part).await.unwrap();
    assert_eq!(part.status.unwrap().phase.as_deref(), Some("Running"));
    assert_eq!(part.spec.unwrap().hostname, None);
    assert_eq!(part.metadata.generation, made.metadata.generation);
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let made = maps.create(&dry, &config_map("x")).await.unwrap();
    assert!(made.uid().is_some() && made.resource_version().is_none());
    assert!(maps.get_opt("x").await.unwrap().is_none());
    let made = create(&maps, &config_map("x")).await;
    let patch = Patch::Merge(json!({"data": {"a": "2"}}));
    let patched = maps.patch("x", &PatchParams::default().dry_run(), &patch).await.unwrap();
    assert_eq!(patched.data.unwrap()["a"], "2");
    maps.delete("x", &DeleteParams::default().dry_run()).await.unwrap();
    assert_eq!(maps.get("x").await.unwrap(), made);
}

#[tokio::test]
async fn scales_are_read_and_set() {
    let cluster = Cluster::start();
    let path = "/apis/apps/v1/namespaces/default/replicasets";
    let body = json!({
        "metadata": {"name": "r"},
        "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
    });
    let (code, answer) = cluster.raw("POST", path, "application/json", &body.to_string()).await;
    assert_eq!(code, 201, "{answer}");
    let (_, scale) = cluster.raw("GET", &format!("{path}/r/scale"), "", "").await;
    assert_eq!(scale["kind"], "Scale");
    assert_eq!(
        (&scale["spec"]["replicas"], &scale["status"]["selector"]),
        (&json!(2), &json!("app=web"))
    );
    let five = r#"{"spec":{"replicas":5}}"#;
    let merge = "application/merge-patch+json";
    let (code, scale) = cluster.raw("PATCH", &format!("{path}/r/scale"), merge, five).await;
    assert_eq!((code, &scale["spec"]["replicas"]), (200, &json!(5)));
    let (_, whole) = cluster.raw("GET", &format!("{path}/r"), "", "").await;
    assert_eq!(
        (&whole["spec"]["replicas"], &whole["metadata"]["generation"]),
        (&json!(5), &json!(2))
    );
}

#[tokio::test]
async fn events_have_two_faces() {
    let cluster = Cluster::start();
    let new: NewEvent = object(json!({
        "metadata": {"name": "e", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z", "reportingController": "berth",
        "reportingInstance": "berth-0", "action": "Binding", "reason": "Scheduled",
        "type": "Normal", "note": "assigned",
        "regarding": {"kind": "Pod", "namespace": "default", "name": "x"},
    }));
    let new_events: Api<NewEvent> = Api::default_namespaced(cluster.client.clone());
    let made = create(&new_events, &new).await;
    assert_eq!(made.note.as_deref(), Some("assigned"));
    let old: Api<Event> = Api::default_namespaced(cluster.client.clone());
    let selected = ListParams::default().fields("involvedObject.name=x,reason=Scheduled");
    let list = old.list(&selected).await.unwrap();
    assert_eq!(list.items.len(), 1);
    assert_eq!(list.items[0].message.as_deref(), Some("assigned"));
    let list = new_events.list(&ListParams::default().fields("regarding.name=x")).await.unwrap();
    assert_eq!(list.items, [made]);
}
