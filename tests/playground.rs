//! `berth playground` as people run it: manifests in, placements out, an exit code at the end.

mod support;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::process::Process;
use tempfile::TempDir;

/// The binary with the arguments of a playground.
fn playground(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command.arg("playground").args(arguments).env_remove("RUST_LOG");
    command
}

fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = playground(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("berth can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    // It may end before it has read everything.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    child.wait_with_output().expect("berth ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What it printed, after an end with this exit code.
fn printed(output: &Output, code: i32) -> String {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    out
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary folders have names in UTF-8")
}

fn pod(name: &str, cpu: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{
            "name": "c", "image": "example.com/c:1", "resources": {"requests": {"cpu": cpu}},
        }]},
    })
}

/// Looks until there is something to be found.
fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "still not: {what}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_examples_are_all_placed() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/examples");
    let out = printed(&run(&["-f", examples, "--until-settled"], ""), 0);
    let lines = out.lines().filter(|line| line.starts_with("placed ")).count();
    assert!(out.contains(&format!("pods: {lines} placed, 1 gated\n")), "{out}");
    assert!(out.contains("waiting for scheduling gates: default/scheduling-gates\n"), "{out}");
    assert!(lines > 10 && !out.contains("unschedulable"), "{out}");
    assert!(out.lines().any(|line| line.starts_with("node-10 ")), "{out}");
}

#[test]
fn what_fits_nowhere_is_said_with_its_reason() {
    let pods = [pod("small", "1"), pod("large", "9")];
    let manifest = pods.map(|pod| pod.to_string()).join("\n---\n");
    let out = printed(&run(&["-f", "-", "--until-settled", "--nodes", "2"], &manifest), 3);
    assert!(out.contains("pods: 1 placed, 1 unschedulable\n"), "{out}");
    let reason = "unschedulable: default/large\n    0/2 nodes are available: 2 Insufficient cpu.";
    assert!(out.contains(reason), "{out}");
}

#[test]
fn deployments_jobs_and_daemon_sets_get_their_pods() {
    let template = |name: &str| {
        json!({
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [{"name": "c", "image": "example.com/c:1"}]},
        })
    };
    let workload = |api: &str, kind: &str, name: &str, mut spec: Value| {
        spec["template"] = template(name);
        if kind != "Job" {
            spec["selector"] = json!({"matchLabels": {"app": name}});
        }
        json!({"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": spec})
    };
    let mut job = workload("batch/v1", "Job", "job", json!({"parallelism": 2, "completions": 2}));
    job["spec"]["template"]["spec"]["restartPolicy"] = json!("Never");
    let all = [
        workload("apps/v1", "Deployment", "web", json!({"replicas": 5})),
        workload("apps/v1", "DaemonSet", "agent", json!({})),
        workload("apps/v1", "StatefulSet", "db", json!({"replicas": 2, "serviceName": "db"})),
        job,
    ];
    let manifest = all.map(|object| object.to_string()).join("\n---\n");
    let out = printed(&run(&["-f", "-", "--until-settled", "--nodes", "3"], &manifest), 0);
    assert!(out.contains("pods: 12 placed\n"), "{out}");
    let out = run(&["-f", "-", "--until-settled", "--no-controllers"], &manifest);
    assert!(printed(&out, 0).contains("pods: 0 placed\n"));
}

#[test]
fn a_dump_is_the_same_cluster_again() {
    let node = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": name, "uid": format!("uid-{name}"), "resourceVersion": "5"},
            "status": {"allocatable": {"cpu": "2", "memory": "4Gi", "pods": "10"}},
        })
    };
    let mut bound = pod("bound", "1");
    bound["metadata"] = json!({
        "name": "bound", "namespace": "shop", "uid": "uid-bound", "resourceVersion": "7",
    });
    bound["spec"]["nodeName"] = json!("a");
    bound["spec"]["schedulerName"] = json!("default-scheduler");
    bound["status"] = json!({"phase": "Running"});
    let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "x"}});
    let list = json!({
        "apiVersion": "v1", "kind": "List",
        "items": [node("a"), node("b"), bound, pod("one", "2"), pod("two", "2"), thing],
    });
    let folder = folder();
    let dump = folder.path().join("dump.json");
    fs::write(&dump, list.to_string()).expect("a file can be written");
    let output = run(&["-f", path(&dump), "--until-settled"], "");
    let out = printed(&output, 3);
    assert!(out.contains("placed         default/one on b\n"), "only b has room: {out}");
    assert!(out.contains("pods: 2 placed, 1 unschedulable\n"), "{out}");
    assert!(out.contains("0/2 nodes are available"), "no nodes but those of the dump: {out}");
    let said = text(&output.stderr);
    assert!(said.contains("1 objects of example.com/v1 Thing are left out"), "{said}");

    let out = run(&["--nodes-from", path(&dump), "-f", "-", "--until-settled"], "");
    assert!(printed(&out, 0).contains("pods: 0 placed\n"), "of the dump, the nodes alone");
}

#[test]
fn bad_input_is_named_and_nothing_is_started() {
    let folder = folder();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).expect("a file can be written");
        path(&file).to_owned()
    };
    let broken = write("broken.yaml", "---\n---\nkind: [\n");
    let unnamed = write("unnamed.yaml", "apiVersion: v1\nkind: Pod\nspec: {}\n");
    let config = write("config.yaml", "apiVersion: kubescheduler.config.k8s.io/v1\n");
    let rows = [
        (vec!["-f", "/nowhere"], "/nowhere: No such file".to_owned()),
        (vec!["-f", &broken], format!("{broken}: line 3: ")),
        (vec!["-f", &unnamed], format!("{unnamed}: line 1: ")),
        (vec!["--config", &config], format!("{config}: kind")),
        (vec!["--address", "0.0.0.0:0"], "must be on loopback".to_owned()),
        (vec!["--kubeconfig-out", "/nowhere/k"], "/nowhere/k: ".to_owned()),
    ];
    for (arguments, want) in rows {
        let output = run(&[&arguments[..], &["--until-settled"]].concat(), "");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.starts_with("error: ") && said.contains(&want), "{arguments:?}: {said}");
        assert_eq!(text(&output.stdout).matches("placed").count(), 0, "{arguments:?}");
    }
}

#[test]
fn it_runs_until_it_is_stopped_and_leaves_nothing_behind() {
    let folder = folder();
    let log = folder.path().join("log");
    let mut command = playground(&["--nodes", "1"]);
    command.env("TMPDIR", folder.path());
    let mut process = Process::spawn(&mut command, &log).expect("berth can be started");
    let kubeconfig = wait_until("the kubeconfig", || {
        let said = fs::read_to_string(&log).unwrap_or_default();
        let line = said.lines().find(|line| line.starts_with("export KUBECONFIG="))?;
        line.split_once('=').map(|(_, path)| path.to_owned())
    });
    assert!(fs::read_to_string(&kubeconfig).is_ok_and(|text| text.contains("http://127.0.0.1:")));
    process.signal(rustix::process::Signal::TERM).expect("it runs");
    let status = wait_until("its end", || process.exited().ok().flatten());
    assert!(status.success(), "{}", fs::read_to_string(&log).unwrap_or_default());
    assert!(!Path::new(&kubeconfig).exists(), "its folder goes with it");
}
