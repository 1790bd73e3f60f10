//! A program with a plugin of its own around berth, and what it does. The program is this test itself: called
//! with a subcommand it is the scheduler.

mod slow;
#[path = "../support/mod.rs"]
mod support;
mod teams;

use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use rustix::process::Signal;
use serde_json::{Value, json};
use support::control_plane::{ControlPlane, Server};
use support::plain;
use support::process::Process;
use support::rest::{NODES, Rest, node_of, pods_path};

/// How long the scheduler may take for anything.
const DEADLINE: Duration = Duration::from_mins(2);

fn main() -> ExitCode {
    let subcommand = env::args().nth(1).unwrap_or_default();
    if ["evaluate", "playground", "config", "run"].contains(&&*subcommand) {
        return berth::cli::main_with([teams::TEAMS, slow::SLOW]);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.yaml");
    fs::write(&config, configuration().to_string()).expect("it can be written");
    the_plugin_turns_nodes_down_and_says_why(folder.path());
    pods_go_to_their_team_and_in_pairs(folder.path(), &config);
    a_configuration_has_to_name_it(&config);
    it_is_told_its_args(folder.path());
    what_it_does_at_a_stop_is_waited_for(folder.path());
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

fn what_it_does_at_a_stop_is_waited_for(folder: &Path) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let test = "what_it_does_at_a_stop_is_waited_for";
    let plane = runtime.block_on(ControlPlane::start_on(Server::Embedded, test));
    let plane = plane.expect("berth's own needs nothing");
    let rest = Rest(runtime.block_on(plane.client()));
    let config = folder.join("slow.yaml");
    let slow = json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": plane.kubeconfig()},
        "leaderElection": {"leaderElect": false},
        "profiles": [{
            "schedulerName": "berth",
            "plugins": {"multiPoint": {"enabled": [{"name": "Slow"}]}},
            "pluginConfig": [{"name": "Slow", "args": {"folder": folder}}],
        }],
    });
    fs::write(&config, slow.to_string()).expect("it can be written");
    let mut command = Command::new(env::current_exe().expect("it runs"));
    command.args(["run", "--secure-port", "0", "--config"]).arg(&config).env_remove("RUST_LOG");
    for variable in support::berth::PROXY_VARIABLES {
        command.env_remove(variable);
    }
    let log = folder.join("run.log");
    let mut scheduler = Process::spawn(&mut command, &log).expect("it can be started");
    let said = || fs::read_to_string(&log).unwrap_or_default();
    runtime.block_on(async {
        rest.create(NODES, &plain::node("n", "4")).await;
        rest.create(&pods_path("default"), &plain::pod("p", "berth", "1")).await;
    });
    until(|| folder.join(slow::BEGAN).exists(), said);
    scheduler.signal(Signal::TERM).expect("it can be sent a signal");
    until(|| said().contains("stopping: "), said);
    let path = format!("{}/p", pods_path("default"));
    let read = || runtime.block_on(rest.get(&path)).expect("nobody deletes it");
    assert_eq!(node_of(&read()), None, "its plugin is at work still");
    fs::write(folder.join(slow::MAY_END), "").expect("it can be written");
    until(|| scheduler.exited().expect("it can be looked at").is_some(), said);
    let status = scheduler.exited().expect("it can be looked at");
    assert!(status.is_some_and(|status| status.success()), "{}", said());
    assert!(said().trim_end().ends_with(" stopped"), "{}", said());
    // The Binding came after the plugin's work.
    assert_eq!(node_of(&read()), Some("n"), "{}", said());
}

/// Waits until something is so.
fn until(mut is_so: impl FnMut() -> bool, said: impl Fn() -> String) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {}", said());
        thread::sleep(Duration::from_millis(10));
    }
}
