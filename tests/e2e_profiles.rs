//! Several profiles in one process, and several schedulers, on both API servers: each pod is placed by the rules
//! of the profile that it names, by the scheduler that has it, and reported in its name.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::berth::Berth;
use support::control_plane::{ControlPlane, Server};
use support::on_both_servers;
use support::rest::{NODES, Rest, node_of, pods_path};
use support::scene::Scene;

const SCENE: &str = "profiles";
/// What fills nodes up, and what keeps them even.
const NAMES: [&str; 2] = ["profiles-fills", "profiles-evens"];

on_both_servers! {
    each_pod_is_placed_as_its_profile_has_it,
    a_pod_waits_for_the_scheduler_that_it_names,
    each_pod_is_reported_in_the_name_of_its_profile,
}

async fn each_pod_is_placed_as_its_profile_has_it(server: Server) {
    let Some(scene) = Scene::start_on(server, SCENE).await else { return };
    let (used, empty) = (scene.add_node("used", "10").await, scene.add_node("empty", "10").await);
    scene.create_pod(&named(&scene, "first", "nobody", "4")).await;
    scene.bind("first", &used).await;

    let folder = tempfile::tempdir().expect("there is room for a folder");
    let config = write_profiles(folder.path(), &profiles());
    let _both = Berth::start(&scene.admin_kubeconfig(), "", &["--config", &config]);

    scene.create_pod(&named(&scene, "nobodys", "profiles-others", "1")).await;
    for turn in 0..2 {
        for (scheduler, node) in NAMES.into_iter().zip([&used, &empty]) {
            let name = format!("{scheduler}-{turn}");
            scene.create_pod(&named(&scene, &name, scheduler, "1")).await;
            assert_eq!(&scene.bound(&name).await, node, "{name}");
            scene.reported(&name, node).await;
            let events = scene.rest.events(SCENE).await;
            let of_it = |event: &&Value| event["regarding"]["name"] == *name;
            let event = events.iter().find(of_it).expect("it was reported");
            assert_eq!(event["reportingController"], scheduler, "{event}");
        }
    }
    let nobodys = scene.read_pod("nobodys").await.expect("it was created");
    assert!(nobodys["spec"]["nodeName"].is_null(), "{nobodys}");
    scene.end().await;
}

fn named(scene: &Scene, name: &str, scheduler: &str, cpu: &str) -> Value {
    let mut pod = scene.pod(name, cpu);
    pod["spec"]["schedulerName"] = json!(scheduler);
    pod
}

/// The two profiles; nothing but the use of nodes gives points.
fn profiles() -> Value {
    let profile = |(name, strategy): (&str, &str)| {
        json!({
            "schedulerName": name,
            "plugins": {"score": {
                "disabled": [{"name": "*"}], "enabled": [{"name": "NodeResourcesFit", "weight": 1}],
            }},
            "pluginConfig": [{"name": "NodeResourcesFit", "args": {"scoringStrategy": {
                "type": strategy, "resources": [{"name": "cpu", "weight": 1}],
            }}}],
        })
    };
    let strategies = ["MostAllocated", "LeastAllocated"];
    NAMES.into_iter().zip(strategies).map(profile).collect()
}

/// Writes a configuration with these profiles; returns its path.
fn write_profiles(folder: &Path, profiles: &Value) -> String {
    let config = json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
        "profiles": profiles,
    });
    let path = folder.join("config.json");
    fs::write(&path, config.to_string()).expect("the file can be written");
    path.display().to_string()
}

/// Upstream: TestMultipleSchedulers.
async fn a_pod_waits_for_the_scheduler_that_it_names(server: Server) {
    let Some(plane) = ControlPlane::start_on(server, "schedulers").await else { return };
    let rest = Rest(plane.client().await);
    let first = Berth::start(&plane.kubeconfig(), "default-scheduler", &[]);
    rest.create(NODES, &large_node()).await;
    // The one that nobody takes comes first, so that there was time for it.
    for (name, scheduler) in
        [("foos", Some("foo-scheduler")), ("unnamed", None), ("named", Some("default-scheduler"))]
    {
        rest.create(&pods_path("default"), &plain_pod(name, scheduler)).await;
    }
    for name in ["unnamed", "named"] {
        bound(&first, &rest, name).await;
    }
    let foos = read(&rest, "foos").await;
    assert!(node_of(&foos).is_none() && foos["status"]["conditions"].is_null(), "{foos}");

    let folder = tempfile::tempdir().expect("there is room for a folder");
    let args = json!({"bindTimeoutSeconds": 30});
    let config = write_profiles(
        folder.path(),
        &json!([{
            "schedulerName": "foo-scheduler",
            "pluginConfig": [{"name": "VolumeBinding", "args": args}],
        }]),
    );
    let second = Berth::start(&plane.kubeconfig(), "foo-scheduler", &["--config", &config]);
    bound(&second, &rest, "foos").await;
    first.stop().await;
    second.stop().await;
}

/// Upstream: TestMultipleSchedulingProfiles.
async fn each_pod_is_reported_in_the_name_of_its_profile(server: Server) {
    let Some(plane) = ControlPlane::start_on(server, "reporters").await else { return };
    let rest = Rest(plane.client().await);
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let profiles =
        json!([{"schedulerName": "default-scheduler"}, {"schedulerName": "custom-scheduler"}]);
    let config = write_profiles(folder.path(), &profiles);
    let berth = Berth::start(&plane.kubeconfig(), "", &["--config", &config]);
    rest.create(NODES, &large_node()).await;
    for (name, scheduler) in [
        ("foo", None),
        ("bar", Some("unknown-scheduler")),
        ("baz", Some("default-scheduler")),
        ("zet", Some("custom-scheduler")),
    ] {
        rest.create(&pods_path("default"), &plain_pod(name, scheduler)).await;
    }
    let scheduled = async || {
        let events = rest.events("default").await;
        let of = |event: &Value| {
            let name = event["regarding"]["name"].as_str()?;
            let by = event["reportingController"].as_str()?;
            (event["reason"] == "Scheduled").then(|| (name.to_owned(), by.to_owned()))
        };
        let found: BTreeMap<_, _> = events.iter().filter_map(of).collect();
        (found.len() >= 3).then_some(found)
    };
    let found = berth.wait_for("three pods to be reported", scheduled).await;
    let wanted =
        [("foo", "default-scheduler"), ("baz", "default-scheduler"), ("zet", "custom-scheduler")];
    let wanted = wanted.map(|(pod, by)| (pod.to_owned(), by.to_owned()));
    assert_eq!(found, BTreeMap::from(wanted));
    assert!(node_of(&read(&rest, "bar").await).is_none());
    berth.stop().await;
}

fn large_node() -> Value {
    let size = json!({"cpu": "32", "memory": "32Gi", "pods": "32"});
    json!({
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"},
        "status": {"capacity": size, "allocatable": size},
    })
}

fn plain_pod(name: &str, scheduler: Option<&str>) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {
            "schedulerName": scheduler, "containers": [{"name": "c", "image": "example.com/c:1"}],
        },
    })
}

async fn read(rest: &Rest, pod: &str) -> Value {
    let path = format!("{}/{pod}", pods_path("default"));
    rest.get(&path).await.expect("nobody deletes it")
}

async fn bound(berth: &Berth, rest: &Rest, pod: &str) {
    let look = async || node_of(&read(rest, pod).await).map(drop);
    berth.wait_for(&format!("{pod} on a node"), look).await;
}
