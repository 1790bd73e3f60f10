//! A program with a plugin of its own around berth, and what it does. The program is this test itself: called
//! with a subcommand it is the scheduler.

mod teams;

use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::{env, fs};

use serde_json::{Value, json};

fn main() -> ExitCode {
    let subcommand = env::args().nth(1).unwrap_or_default();
    if ["evaluate", "playground", "config"].contains(&&*subcommand) {
        return berth::cli::main_with([teams::TEAMS]);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.yaml");
    fs::write(&config, configuration().to_string()).expect("it can be written");
    the_plugin_turns_nodes_down_and_says_why(folder.path());
    pods_go_to_their_team_and_in_pairs(folder.path(), &config);
    a_configuration_has_to_name_it(&config);
    it_is_told_its_args(folder.path());
    ExitCode::SUCCESS
}

fn configuration() -> Value {
    json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
        "profiles": [{
            "schedulerName": "berth",
            "plugins": {"multiPoint": {"enabled": [{"name": "Teams"}]}},
        }],
    })
}

fn node(name: &str, team: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"team": team}},
        "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "10"}},
    })
}

fn pod(name: &str, team: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"team": team}},
        "spec": {"schedulerName": "berth", "containers": [{"name": "c", "image": "example.com/c"}]},
    })
}

/// This program as a scheduler.
fn program(arguments: &[&str], input: Option<&Path>) -> Output {
    let mut command = Command::new(env::current_exe().expect("it runs"));
    command.args(arguments).env_remove("RUST_LOG");
    if let Some(input) = input {
        command.stdin(fs::File::open(input).expect("it is there"));
    }
    command.output().expect("it can be started")
}

fn the_plugin_turns_nodes_down_and_says_why(folder: &Path) {
    let scenario = json!({
        "config": configuration(),
        "objects": [node("r1", "red"), node("b1", "blue")],
        "pods": [pod("p", "red"), pod("q", "green")],
    });
    let line = folder.join("scenario.json");
    fs::write(&line, scenario.to_string()).expect("it can be written");
    let said = program(&["evaluate"], Some(&line));
    assert!(said.status.success(), "{said:?}");
    let answer: Value = serde_json::from_slice(&said.stdout).expect("an answer");
    let verdict = json!({"plugin": "Teams", "code": "UnschedulableAndUnresolvable",
        "reasons": ["node(s) not of team red"]});
    assert_eq!(answer["pods"][0]["rejected"], json!({"b1": verdict}));
    assert_eq!(answer["pods"][0]["best"], json!(["r1"]));
    let message = answer["pods"][1]["message"].as_str().expect("it fits nowhere");
    assert!(
        message.starts_with("0/2 nodes are available: 2 node(s) not of team green."),
        "{message}"
    );
}

fn pods_go_to_their_team_and_in_pairs(folder: &Path, config: &Path) {
    let objects = [node("r1", "red"), node("b1", "blue"), pod("p", "red"), pod("q", "blue")];
    let manifests = folder.join("manifests.yaml");
    let documents: Vec<String> = objects.iter().map(Value::to_string).collect();
    fs::write(&manifests, documents.join("\n---\n")).expect("it can be written");
    let (manifests, config) = (manifests.display().to_string(), config.display().to_string());
    let arguments = ["playground", "-f", &manifests, "--config", &config, "--until-settled"];
    let said = program(&arguments, None);
    let text = String::from_utf8_lossy(&said.stdout);
    assert!(said.status.success(), "{text}{}", String::from_utf8_lossy(&said.stderr));
    assert!(text.contains("pods: 2 placed"), "{text}");
    for (name, node) in [("p", "r1"), ("q", "b1")] {
        let placed = |line: &str| line.contains(&format!("default/{name}")) && line.contains(node);
        assert!(text.lines().any(placed), "{name} is not on {node}: {text}");
    }
}

fn a_configuration_has_to_name_it(config: &Path) {
    let config = config.display().to_string();
    let good = program(&["config", "check", &config], None);
    assert!(good.status.success(), "{good:?}");
    let defaults = program(&["config", "default"], None);
    let defaults = String::from_utf8_lossy(&defaults.stdout).into_owned();
    assert!(defaults.contains("NodeResourcesFit") && !defaults.contains("Teams"), "{defaults}");
}

/// What `config check` says of the configuration with these args of the plugin, and whether it is valid.
fn checked(folder: &Path, args: &Value) -> (String, bool) {
    let path = folder.join("args.yaml");
    let mut with_args = configuration();
    with_args["profiles"][0]["pluginConfig"] = json!([{"name": "Teams", "args": args}]);
    fs::write(&path, with_args.to_string()).expect("it can be written");
    let name = path.display().to_string();
    let said = program(&["config", "check", &name], None);
    let text = String::from_utf8_lossy(&said.stdout).replace(&name, "F");
    (text, said.status.success())
}

fn it_is_told_its_args(folder: &Path) {
    assert_eq!(checked(folder, &json!({"label": "crew"})), ("F: valid\n".to_owned(), true));
    let path = "F: profiles[0].pluginConfig[0].args: initializing plugin \"Teams\":";
    for (args, wrong) in [
        (json!({"labels": "crew"}), "unknown field `labels`, expected `label`"),
        (json!({"label": 5}), "invalid type: integer `5`"),
        (json!([5]), "invalid type: integer `5`"),
    ] {
        let (said, is_valid) = checked(folder, &args);
        assert!(said.starts_with(&format!("{path} {wrong}")) && !is_valid, "{args}: {said}");
    }
    let mut scenario = json!({
        "config": configuration(),
        "objects": [node("r1", "red"), node("b1", "blue")],
        "pods": [pod("p", "red")],
    });
    scenario["config"]["profiles"][0]["pluginConfig"] =
        json!([{"name": "Teams", "args": {"label": "crew"}}]);
    let line = folder.join("crew.json");
    fs::write(&line, scenario.to_string()).expect("it can be written");
    let said = program(&["evaluate"], Some(&line));
    let answer: Value = serde_json::from_slice(&said.stdout).expect("an answer");
    assert_eq!(answer["pods"][0]["feasible"], 2, "nobody has a crew");
}
