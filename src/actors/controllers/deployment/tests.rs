//! Deployments over a cache filled by hand.
#![expect(clippy::needless_pass_by_value, reason = "tests hand over what they make with json!")]

use http::Method;

use super::super::kit::{Scene, bodies, paths, said};
use super::*;

const NOW: Nanos = Nanos::from_secs(1_800_000_000);

fn spec(image: &str) -> Value {
    json!({
        "replicas": 4, "progressDeadlineSeconds": 600, "revisionHistoryLimit": 1,
        "selector": {"matchLabels": {"app": "a"}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}},
        "template": {
            "metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"image": image}]},
        },
    })
}

fn look(scene: &Scene) -> Plan {
    reconcile(&scene.cache, &Scene::key("d"), NOW)
}

/// Looks and carries out until the API server would be told nothing new, every ReplicaSet being as large
/// and as available as it is wanted. Returns all that was said.
fn settle(scene: &mut Scene) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..50 {
        let plan = look(scene);
        all.extend(said(&plan).into_iter().map(|(_, text)| text.to_owned()));
        if plan.actions.is_empty() {
            return all;
        }
        scene.carry_out(&plan);
        let sets: Vec<(String, i64)> = {
            let sets = scene.cache.all(Kind::ReplicaSet);
            sets.map(|(_, set)| (name(set).to_owned(), sizes(set).wanted)).collect()
        };
        for (set, size) in sets {
            let object = scene.cache.get(Kind::ReplicaSet, &Scene::key(&set)).unwrap();
            let mut object = serde_json::to_value(object).unwrap();
            let status =
                json!({"replicas": size, "readyReplicas": size, "availableReplicas": size});
            if object["status"] != status {
                object["status"] = status;
                object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
                scene.put(Kind::ReplicaSet, &set, object);
            }
        }
    }
    panic!("it does not settle: {all:?}");
}

fn deployment(scene: &Scene) -> &DynamicObject {
    scene.cache.get(Kind::Deployment, &Scene::key("d")).unwrap()
}

/// Changes parts of the Deployment as a person does.
fn edit(scene: &mut Scene, change: Value) {
    let mut object = serde_json::to_value(deployment(scene)).unwrap();
    super::super::kit::merge(&mut object, &change);
    object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    let generation = object["metadata"]["generation"].as_i64().unwrap();
    object["metadata"]["generation"] = json!(generation + 1);
    scene.put(Kind::Deployment, "d", object);
}

fn progressing(scene: &Scene) -> (String, String) {
    let found = condition(&deployment(scene).data["status"]["conditions"], "Progressing").unwrap();
    let text = |field: &str| found[field].as_str().unwrap().to_owned();
    (text("status"), text("reason"))
}

#[test]
fn a_new_one_gets_a_replica_set_and_comes_to_rest() {
    let mut scene = Scene::default();
    scene.add(Kind::Deployment, "d", spec("one"));
    let plan = look(&scene);
    let set = &bodies(&plan, Kind::ReplicaSet)[0];
    let hash = set["metadata"]["labels"][HASH].as_str().unwrap();
    assert_eq!(set["metadata"]["name"], format!("d-{hash}"));
    assert_eq!(set["spec"]["selector"]["matchLabels"][HASH], hash);
    assert_eq!(set["spec"]["replicas"], 4);
    assert_eq!(said(&plan)[0].0, "ScalingReplicaSet");
    settle(&mut scene);
    let status = &deployment(&scene).data["status"];
    assert_eq!((&status["updatedReplicas"], &status["availableReplicas"]), (&json!(4), &json!(4)));
    assert_eq!(progressing(&scene), ("True".to_owned(), "NewReplicaSetAvailable".to_owned()));
    assert_eq!(annotation(deployment(&scene), REVISION), Some("1"));
}

#[test]
fn an_update_rolls_and_an_undo_comes_back_under_a_new_number() {
    let mut scene = Scene::default();
    scene.add(Kind::Deployment, "d", spec("one"));
    settle(&mut scene);
    edit(&mut scene, json!({"spec": spec("two")}));
    let texts = settle(&mut scene);
    assert!(texts.len() > 2, "it takes several steps: {texts:?}");
    assert_eq!(annotation(deployment(&scene), REVISION), Some("2"));
    edit(&mut scene, json!({"spec": spec("one")}));
    settle(&mut scene);
    assert_eq!(annotation(deployment(&scene), REVISION), Some("3"));
    let sets: Vec<_> = scene.cache.all(Kind::ReplicaSet).map(|(_, set)| set).collect();
    assert_eq!(sets.len(), 2, "the first one is used again");
    let current = sets.iter().find(|set| revision(set) == 3).unwrap();
    assert_eq!((sizes(current).wanted, annotation(current, HISTORY)), (4, Some("1")));
}

#[test]
fn scaling_says_from_what_to_what() {
    let mut scene = Scene::default();
    scene.add(Kind::Deployment, "d", spec("one"));
    settle(&mut scene);
    edit(&mut scene, json!({"spec": {"replicas": 6}}));
    let texts = settle(&mut scene);
    assert!(texts[0].ends_with("from 4 to 6"), "{texts:?}");
    edit(&mut scene, json!({"spec": {"replicas": 0}}));
    let texts = settle(&mut scene);
    assert!(texts[0].starts_with("Scaled down") && texts[0].ends_with("from 6 to 0"), "{texts:?}");
}

#[test]
fn a_paused_one_stands_still_but_can_be_scaled() {
    let mut scene = Scene::default();
    scene.add(Kind::Deployment, "d", spec("one"));
    settle(&mut scene);
    edit(&mut scene, json!({"spec": {"paused": true, "template": spec("two")["template"]}}));
    settle(&mut scene);
    assert_eq!(scene.cache.all(Kind::ReplicaSet).count(), 1);
    assert_eq!(progressing(&scene).1, "DeploymentPaused");
    edit(&mut scene, json!({"spec": {"replicas": 5}}));
    assert!(settle(&mut scene)[0].ends_with("from 4 to 5"));
    edit(&mut scene, json!({"spec": {"paused": null}}));
    settle(&mut scene);
    assert_eq!(scene.cache.all(Kind::ReplicaSet).count(), 2);
}

#[test]
fn recreate_waits_for_the_old_pods() {
    let mut scene = Scene::default();
    let recreate = |image: &str| {
        let mut spec = spec(image);
        spec["strategy"] = json!({"type": "Recreate"});
        spec
    };
    scene.add(Kind::Deployment, "d", recreate("one"));
    settle(&mut scene);
    let old =
        scene.cache.all(Kind::ReplicaSet).next().map(|(key, _)| key.name.to_string()).unwrap();
    scene.pod("p", Some((Kind::ReplicaSet, &old)), json!({"app": "a"}), "Running");
    edit(&mut scene, json!({"spec": recreate("two")}));
    settle(&mut scene);
    assert_eq!(scene.cache.all(Kind::ReplicaSet).count(), 1, "a pod still runs");
    scene.cache.forget_pod(&Scene::key("p"), "p-uid");
    settle(&mut scene);
    assert_eq!(scene.cache.all(Kind::ReplicaSet).count(), 2);
}

#[test]
fn old_ones_beyond_the_limit_are_deleted() {
    let mut scene = Scene::default();
    scene.add(Kind::Deployment, "d", spec("one"));
    for image in ["one", "two", "three"] {
        edit(&mut scene, json!({"spec": spec(image)}));
        settle_but_for_deletions(&mut scene);
    }
    let deleted = look(&scene);
    let oldest =
        scene.cache.all(Kind::ReplicaSet).map(|(_, set)| set).find(|set| revision(set) == 1);
    let want = format!("/apis/apps/v1/namespaces/ns/replicasets/{}", name(oldest.unwrap()));
    assert_eq!(paths(&deleted, Method::DELETE), [want]);
}

/// As [`settle`], where deletions are asked for again and again.
fn settle_but_for_deletions(scene: &mut Scene) {
    for _ in 0..50 {
        let plan = look(scene);
        scene.carry_out(&plan);
        let sets: Vec<String> =
            scene.cache.all(Kind::ReplicaSet).map(|(_, set)| name(set).to_owned()).collect();
        for set in sets {
            let object = scene.cache.get(Kind::ReplicaSet, &Scene::key(&set)).unwrap();
            let size = sizes(object).wanted;
            let mut object = serde_json::to_value(object).unwrap();
            object["status"] =
                json!({"replicas": size, "readyReplicas": size, "availableReplicas": size});
            object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
            scene.put(Kind::ReplicaSet, &set, object);
        }
    }
}

#[test]
fn a_rollout_without_progress_times_out() {
    let mut scene = Scene::default();
    scene.add(Kind::Deployment, "d", spec("one"));
    scene.carry_out(&look(&scene));
    let waits = look(&scene);
    assert_eq!(waits.again, Some(NOW + Nanos::from_secs(600)));
    let later = reconcile(&scene.cache, &Scene::key("d"), NOW + Nanos::from_secs(600));
    scene.carry_out(&later);
    assert_eq!(progressing(&scene), ("False".to_owned(), "ProgressDeadlineExceeded".to_owned()));
}
