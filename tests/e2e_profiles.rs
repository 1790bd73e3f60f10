//! Two profiles in one process, on both API servers: each pod is placed by the rules of the profile that it names,
//! and reported in its name.

mod support;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use support::berth::PROXY_VARIABLES;
use support::control_plane::Server;
use support::on_both_servers;
use support::process::Process;
use support::scene::Scene;

const SCENE: &str = "profiles";
/// What fills nodes up, and what keeps them even.
const NAMES: [&str; 2] = ["profiles-fills", "profiles-evens"];

on_both_servers! {
    each_pod_is_placed_as_its_profile_has_it,
}

async fn each_pod_is_placed_as_its_profile_has_it(server: Server) {
    let Some(scene) = Scene::start_on(server, SCENE).await else { return };
    let (used, empty) = (scene.add_node("used", "10").await, scene.add_node("empty", "10").await);
    scene.create_pod(&named(&scene, "first", "nobody", "4")).await;
    scene.bind("first", &used).await;

    let folder = tempfile::tempdir().expect("there is room for a folder");
    let config = folder.path().join("config.json");
    fs::write(&config, configuration().to_string()).expect("the file can be written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command.args(["run", "--seed", "7", "--secure-port", "0", "--leader-elect=false", "--config"]);
    command.arg(&config).arg("--kubeconfig").arg(scene.admin_kubeconfig()).env_remove("RUST_LOG");
    for variable in PROXY_VARIABLES {
        command.env_remove(variable);
    }
    let _both = Process::spawn(&mut command, &folder.path().join("berth.log")).expect("it starts");

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
fn configuration() -> Value {
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
    json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
        "profiles": NAMES.into_iter().zip(strategies).map(profile).collect::<Vec<_>>(),
    })
}
