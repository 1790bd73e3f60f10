//! Lists, pages, tables, discovery.

use super::*;

#[tokio::test]
async fn lists_come_in_pages_of_one_version() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    for name in ["a", "b", "c"] {
        create(&maps, &config_map(name)).await;
    }
    let first = maps.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(1));
    maps.delete("c", &DeleteParams::default()).await.unwrap();
    create(&maps, &config_map("d")).await;
    let token = first.metadata.continue_.clone().unwrap();
    let second = ListParams::default().limit(2).continue_token(&token);
    let second = maps.list(&second).await.unwrap();
    let names: Vec<String> = second.items.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, ["c"]);
    assert_eq!(second.metadata.resource_version, first.metadata.resource_version);
    assert_eq!(second.metadata.continue_, None);
}

#[tokio::test]
async fn a_page_whose_version_is_past_has_expired() {
    let mut options = Options::default();
    options.limits.history_changes = 2;
    let cluster = Cluster::start_with(options);
    let maps = cluster.config_maps();
    for name in ["a", "b", "c"] {
        create(&maps, &config_map(name)).await;
    }
    let first = maps.list(&ListParams::default().limit(1)).await.unwrap();
    for name in ["d", "e", "f"] {
        create(&maps, &config_map(name)).await;
    }
    let token = first.metadata.continue_.clone().unwrap();
    let path = format!(
        "/api/v1/namespaces/default/configmaps?limit=5&continue={}",
        token.replace('/', "%2F")
    );
    let (code, expired) = cluster.raw("GET", &path, "", "").await;
    assert_eq!((code, expired["reason"].as_str()), (410, Some("Expired")));
    let token = expired["metadata"]["continue"].as_str().unwrap();
    let rest = ListParams::default().continue_token(token);
    assert_eq!(maps.list(&rest).await.unwrap().items.len(), 5);
}

#[tokio::test]
async fn large_lists_are_whole() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    let mut map = config_map("");
    map.data = Some(BTreeMap::from([("a".to_owned(), "x".repeat(3000))]));
    for at in 0..100 {
        map.metadata.name = Some(format!("m{at:03}"));
        create(&maps, &map).await;
    }
    let list = maps.list(&ListParams::default()).await.unwrap();
    assert_eq!(list.items.len(), 100);
    assert!(list.items.iter().all(|one| one.data == map.data));
}

#[tokio::test]
async fn metadata_and_tables_are_answered_where_they_are_asked_for() {
    let cluster = Cluster::start();
    create(&cluster.pods(), &pod("x")).await;
    let list = cluster.pods().list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(list.items.len(), 1);
    assert_eq!(cluster.pods().get_metadata("x").await.unwrap().name_any(), "x");
    let request = Request::get("/api/v1/pods")
        .header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")
        .body(Vec::new())
        .unwrap();
    let table: Value = cluster.client.request(request).await.unwrap();
    assert_eq!((&table["kind"], &table["rows"][0]["cells"][0]), (&json!("Table"), &json!("x")));
    assert_eq!(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
}

#[tokio::test]
async fn a_token_is_wanted_where_there_is_one() {
    let options = Options { token: Some("secret".into()), ..Options::default() };
    let cluster = Cluster::start_with(options);
    let refused = status(cluster.pods().list(&ListParams::default()).await);
    assert_eq!((refused.code, &*refused.reason), (401, "Unauthorized"));
    let request =
        Request::get("/version").header("authorization", "Bearer secret").body(Vec::new()).unwrap();
    let version: Value = cluster.client.request(request).await.unwrap();
    assert_eq!(version["minor"], "37");
}

#[tokio::test]
async fn discovery_names_every_kind() {
    let cluster = Cluster::start();
    let found = kube::discovery::Discovery::new(cluster.client.clone()).run().await.unwrap();
    let kinds: Vec<String> = found
        .groups()
        .flat_map(kube::discovery::ApiGroup::recommended_resources)
        .map(|(resource, _)| resource.kind)
        .collect();
    for kind in ["Pod", "Node", "Deployment", "Lease", "PriorityClass", "ResourceClaim"] {
        assert!(kinds.iter().any(|one| one == kind), "{kind}: {kinds:?}");
    }
}
