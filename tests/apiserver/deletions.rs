//! Deleting: grace, finalizers, preconditions, namespaces, evictions.

use super::*;

#[tokio::test]
async fn deletions_wait_for_grace_and_finalizers() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    create(&cluster.all(), &node("n")).await;
    // Nobody runs it: it goes at once.
    create(&pods, &pod("unassigned")).await;
    pods.delete("unassigned", &DeleteParams::default()).await.unwrap();
    assert!(pods.get_opt("unassigned").await.unwrap().is_none());
    create(&pods, &pod("bound")).await;
    assert_eq!(bind(&cluster, "bound", "n").await.0, 201);
    pods.delete("bound", &DeleteParams::default()).await.unwrap();
    let marked = pods.get("bound").await.unwrap();
    assert_eq!(marked.metadata.deletion_grace_period_seconds, Some(30));
    assert!(marked.metadata.deletion_timestamp.is_some());
    assert_eq!(bind(&cluster, "bound", "n").await.0, 409);
    pods.delete("bound", &DeleteParams::default().grace_period(0)).await.unwrap();
    assert!(pods.get_opt("bound").await.unwrap().is_none());

    let maps = cluster.config_maps();
    let mut held = config_map("held");
    held.metadata.finalizers = Some(vec!["example.com/hold".to_owned()]);
    create(&maps, &held).await;
    maps.delete("held", &DeleteParams::default()).await.unwrap();
    assert!(maps.get("held").await.unwrap().metadata.deletion_timestamp.is_some());
    let more = Patch::Merge(json!({"metadata": {"finalizers": ["example.com/hold", "b/c"]}}));
    let more = status(maps.patch("held", &PatchParams::default(), &more).await);
    assert_eq!(more.code, 422, "{more:?}");
    let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &PatchParams::default(), &none).await.unwrap();
    assert!(maps.get_opt("held").await.unwrap().is_none());
}

#[tokio::test]
async fn deletions_have_preconditions_and_policies() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    let made = create(&maps, &config_map("x")).await;
    let other = Preconditions { uid: Some("other".into()), resource_version: None };
    let refused = maps.delete("x", &DeleteParams::default().preconditions(other)).await;
    assert_eq!(status(refused).code, 409);
    let own = Preconditions { uid: made.uid(), resource_version: made.resource_version() };
    maps.delete("x", &DeleteParams::default().preconditions(own)).await.unwrap();
    create(&maps, &config_map("y")).await;
    let foreground = DeleteParams {
        propagation_policy: Some(PropagationPolicy::Foreground),
        ..DeleteParams::default()
    };
    maps.delete("y", &foreground).await.unwrap();
    assert_eq!(maps.get("y").await.unwrap().finalizers(), ["foregroundDeletion"]);
    for name in ["a", "b"] {
        create(&maps, &config_map(name)).await;
    }
    let selected = ListParams::default().fields("metadata.name!=a");
    maps.delete_collection(&DeleteParams::default(), &selected).await.unwrap();
    assert!(maps.get_opt("a").await.unwrap().is_some());
    assert!(maps.get_opt("b").await.unwrap().is_none());
}

#[tokio::test]
async fn a_namespace_goes_when_it_is_finalized_and_takes_nothing_new_before() {
    let cluster = Cluster::start();
    let namespaces: Api<Namespace> = cluster.all();
    let namespace: Namespace = object(json!({"metadata": {"name": "n"}}));
    create(&namespaces, &namespace).await;
    namespaces.delete("n", &DeleteParams::default()).await.unwrap();
    let going = namespaces.get("n").await.unwrap();
    assert_eq!(going.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Terminating"));
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "n");
    let refused = status(maps.create(&PostParams::default(), &config_map("x")).await);
    assert_eq!(refused.code, 403);
    assert!(refused.message.contains("because it is being terminated"), "{refused:?}");
    let causes = &refused.details.as_ref().unwrap().causes;
    assert_eq!(causes[0].reason, "NamespaceTerminating");
    let mut empty = serde_json::to_value(&going).unwrap();
    empty["spec"]["finalizers"] = json!([]);
    let path = "/api/v1/namespaces/n/finalize";
    let (code, _) = cluster.raw("PUT", path, "application/json", &empty.to_string()).await;
    assert_eq!(code, 200);
    assert!(namespaces.get_opt("n").await.unwrap().is_none());
}

#[tokio::test]
async fn evictions_ask_the_budget() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    create(&cluster.all(), &node("n")).await;
    let path = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = json!({
        "metadata": {"name": "b"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    });
    let (code, made) = cluster.raw("POST", path, "application/json", &budget.to_string()).await;
    assert_eq!(code, 201, "{made}");
    for name in ["a", "b"] {
        create(&pods, &pod(name)).await;
        assert_eq!(bind(&cluster, name, "n").await.0, 201);
        let running = Patch::Merge(json!({"status": {
            "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
        }}));
        pods.patch_status(name, &PatchParams::default(), &running).await.unwrap();
    }
    let refused = status(pods.evict("a", &EvictParams::default()).await);
    assert_eq!((refused.code, &*refused.reason), (429, "TooManyRequests"));
    let status_path = format!("{path}/b/status");
    let allowed = json!({"status": {
        "observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1,
        "expectedPods": 2,
    }});
    let merge = "application/merge-patch+json";
    let (code, answer) = cluster.raw("PATCH", &status_path, merge, &allowed.to_string()).await;
    assert_eq!(code, 200, "{answer}");
    pods.evict("a", &EvictParams::default()).await.unwrap();
    assert!(pods.get("a").await.unwrap().metadata.deletion_timestamp.is_some());
    let refused = status(pods.evict("b", &EvictParams::default()).await);
    assert_eq!(refused.code, 429);
    assert_eq!(refused.details.as_ref().unwrap().causes[0].reason, "DisruptionBudget");
    let (_, budget) = cluster.raw("GET", &format!("{path}/b"), "", "").await;
    assert_eq!(budget["status"]["disruptionsAllowed"], 0);
    assert!(budget["status"]["disruptedPods"]["a"].is_string());
}
