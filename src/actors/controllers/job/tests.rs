//! Jobs over a cache filled by hand.

use http::Method;

use super::super::kit::{Scene, bodies, paths, said};
use super::*;

const NOW: Nanos = Nanos::from_secs(1_800_000_000);

fn scene(spec: &Value) -> Scene {
    let mut scene = Scene::default();
    let template = json!({
        "metadata": {"labels": {"job": "j"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c"}]},
    });
    let mut spec = spec.clone();
    spec["template"] = template;
    scene.add(Kind::Job, "j", spec);
    scene
}

fn look(scene: &Scene) -> Plan {
    reconcile(&scene.cache, &Scene::key("j"), NOW)
}

fn pod(scene: &mut Scene, name: &str, phase: &str) {
    scene.pod(name, Some((Kind::Job, "j")), json!({}), phase);
}

/// What the status is to become, and the types of its conditions.
fn status(plan: &Plan) -> (Value, Vec<String>) {
    let mut body = bodies(plan, Kind::Job).pop().unwrap();
    let status = body["status"].take();
    let all = status["conditions"].as_array().cloned().unwrap_or_default();
    let types = all.iter().map(|c| c["type"].as_str().unwrap().to_owned()).collect();
    (status, types)
}

#[test]
fn pods_run_in_parallel_until_enough_have_succeeded() {
    let mut scene = scene(&json!({"parallelism": 2, "completions": 3}));
    assert_eq!(bodies(&look(&scene), Kind::Pod).len(), 2);
    pod(&mut scene, "a", "Succeeded");
    pod(&mut scene, "b", "Succeeded");
    pod(&mut scene, "c", "Running");
    let plan = look(&scene);
    assert_eq!(bodies(&plan, Kind::Pod).len(), 0);
    let (counts, types) = status(&plan);
    assert_eq!((&counts["succeeded"], &counts["active"]), (&json!(2), &json!(1)));
    assert!(types.is_empty());
    pod(&mut scene, "c", "Succeeded");
    let plan = look(&scene);
    let (ended, types) = status(&plan);
    assert_eq!(types, ["SuccessCriteriaMet", "Complete"]);
    assert!(ended["completionTime"].is_string());
    assert_eq!(said(&plan), [("Completed", "Job completed")]);
    scene.carry_out(&plan);
    assert_eq!(look(&scene), Plan::default());
}

#[test]
fn too_many_failures_end_it() {
    let mut scene = scene(&json!({"completions": 1, "backoffLimit": 0, "parallelism": 2}));
    pod(&mut scene, "a", "Failed");
    pod(&mut scene, "b", "Running");
    let plan = look(&scene);
    assert_eq!(paths(&plan, Method::DELETE), ["/api/v1/namespaces/ns/pods/b"]);
    assert_eq!(status(&plan).1, ["FailureTarget"]);
    scene.carry_out(&plan);
    scene.cache.forget_pod(&Scene::key("b"), "b-uid");
    let plan = look(&scene);
    assert_eq!(status(&plan).1, ["FailureTarget", "Failed"]);
    assert_eq!(said(&plan)[0].0, "BackoffLimitExceeded");
}

#[test]
fn after_a_failure_it_waits() {
    let mut scene = scene(&json!({"completions": 1}));
    let ended = json!({"status": {"containerStatuses": [
        {"state": {"terminated": {"finishedAt": super::seconds_text(NOW)}}},
    ]}});
    scene.pod_with("a", Some((Kind::Job, "j")), json!({}), "Failed", ended);
    let plan = look(&scene);
    assert_eq!(bodies(&plan, Kind::Pod).len(), 0);
    assert_eq!(plan.again, Some(NOW + BACKOFF));
    let plan = reconcile(&scene.cache, &Scene::key("j"), NOW + BACKOFF);
    assert_eq!(bodies(&plan, Kind::Pod).len(), 1);
}

#[test]
fn each_index_gets_a_pod() {
    let spec = json!({"completions": 4, "parallelism": 4, "completionMode": "Indexed"});
    let mut scene = scene(&spec);
    let index = |index: &str| json!({"metadata": {"annotations": {INDEX: index}}});
    scene.pod_with("a", Some((Kind::Job, "j")), json!({}), "Running", index("1"));
    scene.pod_with("b", Some((Kind::Job, "j")), json!({}), "Succeeded", index("3"));
    let plan = look(&scene);
    let pods = bodies(&plan, Kind::Pod);
    let made: Vec<_> = pods.iter().map(|pod| &pod["metadata"]["annotations"][INDEX]).collect();
    assert_eq!(made, ["0", "2"]);
    assert_eq!(pods[0]["spec"]["hostname"], "j-0");
    assert_eq!(pods[0]["spec"]["containers"][0]["env"][0]["name"], "JOB_COMPLETION_INDEX");
    assert_eq!(status(&plan).0["completedIndexes"], "3");
}

#[test]
fn a_suspended_one_has_no_pods_and_a_finished_one_goes_in_time() {
    let mut scene = scene(&json!({"completions": 1, "suspend": true}));
    pod(&mut scene, "a", "Running");
    let plan = look(&scene);
    assert_eq!(paths(&plan, Method::DELETE).len(), 1);
    assert_eq!(status(&plan).1, ["Suspended"]);

    scene.put(Kind::Job, "j", json!({
        "spec": {"ttlSecondsAfterFinished": 5},
        "status": {"conditions": [{
            "type": "Complete", "status": "True", "lastTransitionTime": super::seconds_text(NOW),
        }]},
    }));
    assert_eq!(look(&scene).again, Some(NOW + Nanos::from_secs(5)));
    let plan = reconcile(&scene.cache, &Scene::key("j"), NOW + Nanos::from_secs(5));
    assert_eq!(paths(&plan, Method::DELETE), ["/apis/batch/v1/namespaces/ns/jobs/j"]);
}

#[test]
fn indexes_are_written_as_runs() {
    let rows = [("", vec![]), ("0-2,5", vec![0, 1, 2, 5]), ("1,2", vec![1, 2])];
    for (text, indexes) in rows {
        let indexes: BTreeSet<u32> = indexes.into_iter().collect();
        assert_eq!(write_indexes(&indexes), text);
        assert_eq!(read_indexes(text), indexes);
    }
}
