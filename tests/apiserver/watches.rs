//! Watches: order, selection, the past, many at once.

use super::*;

#[tokio::test]
async fn a_watch_goes_on_where_a_list_ended() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    create(&cluster.all(), &node("n")).await;
    let list = pods.list(&ListParams::default()).await.unwrap();
    let version = list.metadata.resource_version.unwrap();
    let params = WatchParams::default().labels("app=web");
    let mut events = pin!(pods.watch(&params, &version).await.unwrap());
    create(&pods, &pod("x")).await;
    assert_eq!(bind(&cluster, "x", "n").await.0, 201);
    let unlabelled = Patch::Merge(json!({"metadata": {"labels": null}}));
    pods.patch("x", &PatchParams::default(), &unlabelled).await.unwrap();
    let mut next = async || events.next().await.unwrap().unwrap();
    assert!(matches!(next().await, WatchEvent::Added(pod) if pod.name_any() == "x"));
    let WatchEvent::Modified(bound) = next().await else { panic!("the binding is missing") };
    assert_eq!(bound.spec.unwrap().node_name.as_deref(), Some("n"));
    let WatchEvent::Deleted(left) = next().await else { panic!("it has left the selection") };
    // As it was in the selection, with the version at which it left.
    assert_eq!(left.metadata.labels.map(|labels| labels.len()), Some(1));
    assert!(left.metadata.resource_version > bound.metadata.resource_version);
}

#[tokio::test]
async fn a_watch_of_a_version_that_is_past_is_told_so() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    let mut events = pin!(pods.watch(&WatchParams::default(), "1").await.unwrap());
    match events.next().await.unwrap().unwrap() {
        WatchEvent::Error(status) => assert_eq!((status.code, &*status.reason), (410, "Expired")),
        other => panic!("{other:?}"),
    }
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn a_streaming_list_ends_with_a_bookmark() {
    let cluster = Cluster::start();
    let maps = cluster.config_maps();
    create(&maps, &config_map("a")).await;
    let mut events = pin!(watcher(maps.clone(), watcher::Config::default().streaming_lists()));
    let mut seen = Vec::new();
    loop {
        match events.next().await.unwrap().unwrap() {
            watcher::Event::Init => seen.push("init".to_owned()),
            watcher::Event::InitApply(map) => seen.push(map.name_any()),
            watcher::Event::InitDone => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, ["init", "a"]);
    create(&maps, &config_map("b")).await;
    let next = events.next().await.unwrap().unwrap();
    assert!(matches!(next, watcher::Event::Apply(map) if map.name_any() == "b"));
}

#[tokio::test]
async fn a_watcher_follows_all_changes_over_relists() {
    let mut options = Options::default();
    options.limits.history_changes = 5;
    let cluster = Cluster::start_with(options);
    let maps = cluster.config_maps();
    let stream = watcher(maps.clone(), watcher::Config::default().page_size(3));
    let mut events = pin!(stream.default_backoff().applied_objects());
    let mut seen = 0;
    for at in 0..20 {
        create(&maps, &config_map(&format!("m{at:02}"))).await;
        while seen <= at {
            let map = events.next().await.unwrap().unwrap();
            if map.name_any() == format!("m{at:02}") {
                seen = at + 1;
            }
        }
    }
    assert_eq!(seen, 20);
}

#[tokio::test]
async fn watches_end_with_the_server() {
    let cluster = Cluster::start();
    let pods = cluster.pods();
    let mut events = pin!(pods.watch(&WatchParams::default(), "0").await.unwrap());
    create(&pods, &pod("x")).await;
    assert!(events.next().await.unwrap().is_ok());
    cluster.server.shutdown().await;
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn two_hundred_watchers_see_the_same_and_a_stalled_one_is_no_matter() {
    const WATCHERS: usize = 200;
    const PODS: usize = 50;
    let cluster = Cluster::start();
    let pods = cluster.pods();
    let version = pods.list(&ListParams::default()).await.unwrap().metadata.resource_version;
    let version = version.unwrap();
    let mut watchers = Vec::new();
    for _ in 0..WATCHERS {
        watchers.push(pods.watch(&WatchParams::default(), &version).await.unwrap());
    }
    // One that is never read.
    let stalled = pods.watch(&WatchParams::default(), &version).await.unwrap();
    for at in 0..PODS {
        create(&pods, &pod(&format!("p{at}"))).await;
    }
    for watcher in watchers {
        let mut events = pin!(watcher);
        let seen = events.by_ref().take(PODS).map(|event| match event.unwrap() {
            WatchEvent::Added(pod) => pod.name_any(),
            other => panic!("{other:?}"),
        });
        let seen: Vec<String> = seen.collect().await;
        let expected: Vec<String> = (0..PODS).map(|at| format!("p{at}")).collect();
        assert_eq!(seen, expected);
    }
    drop(stalled);
}
