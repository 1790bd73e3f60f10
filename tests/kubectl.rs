//! What people do with kubectl, on the embedded API server and on the real one: the same script, whose
//! answers must be the same.
//!
//! Beside kube-apiserver runs kube-controller-manager, beside the embedded API server `berth controllers`;
//! on both sides `berth kubelets` and `berth run`. The script is `tests/data/kubectl/script.txt`.
//! What the script leaves out, as the answers differ: versions and lists of all kinds, `logs` (there are
//! none), descriptions of `explain`, and `top` (the real side has no metrics).

mod support;

use std::path::Path;
use std::process::Command;
use std::thread;

use support::berth::{Berth, PROXY_VARIABLES};
use support::control_plane::{ControlPlane, Options, Server};
use support::controllers::controller_manager_command;
use support::kubectl::{Kubectl, Line, Said, Use, script};
use support::process::Process;
use support::settled::settled;
use support::users::User;
use support::{require, upstream};
use tempfile::TempDir;

/// The user of the embedded API server; on the real one it has every right as well.
const USER: &str = "kubernetes-admin";
/// The controllers of kube-controller-manager that `berth controllers` stands for.
const CONTROLLERS: [&str; 10] = [
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
    "daemonset-controller",
    "job-controller",
    "disruption-controller",
    "namespace-controller",
    "garbage-collector-controller",
    "persistentvolume-binder-controller",
    "persistentvolumeclaim-protection-controller",
];
/// How many commands are compared at least.
const COMPARED_MIN: usize = 60;

/// A cluster at work, without its API server. Its parts end in the order of these fields.
struct Side {
    _berth: Berth,
    _actors: Vec<Process>,
    kubectl: Kubectl,
    folder: TempDir,
}

impl Side {
    /// `controllers` makes the command that runs them, given the kubeconfig.
    fn start(kubectl: &Path, kubeconfig: &Path, controllers: Command) -> Self {
        let folder = folder();
        let mut kubelets = berth_command(&["kubelets", "--all-nodes", "--nodes", "3"]);
        kubelets.arg("--kubeconfig").arg(kubeconfig);
        let actors = [("kubelets", kubelets), ("controllers", controllers)];
        let spawn = |(name, mut command)| {
            let log = folder.path().join(format!("{name}.log"));
            Process::spawn(&mut command, &log).expect("it can be started")
        };
        Self {
            _actors: actors.into_iter().map(spawn).collect(),
            _berth: Berth::start(kubeconfig, "default-scheduler", &[]),
            kubectl: Kubectl::new(kubectl, kubeconfig, folder.path()),
            folder,
        }
    }
}

/// `berth` in an environment that knows no proxy.
fn berth_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command.args(arguments).env_remove("RUST_LOG");
    for variable in PROXY_VARIABLES {
        command.env_remove(variable);
    }
    command
}

fn folder() -> TempDir {
    let folder = tempfile::Builder::new().prefix("berth-kubectl-").tempdir();
    folder.expect("a folder can be made")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_gets_the_same_answers() {
    let test = "kubectl_gets_the_same_answers";
    let Some(kubectl) = require(test, "kubectl", upstream::binary("kubectl")) else { return };
    let manager = "kube-controller-manager";
    let Some(manager) = require(test, manager, upstream::binary(manager)) else { return };
    let users = vec![User::new(USER, &["system:masters"])];
    let options = Options { users, ..Options::default() };
    let Some(plane) = ControlPlane::start_with(test, &options).await else { return };
    let kubeconfig = plane.kubeconfig_for(USER);
    let real = Side::start(
        &kubectl,
        &kubeconfig,
        controller_manager_command(&manager, &kubeconfig, &CONTROLLERS),
    );
    let Some(server) = ControlPlane::start_on(Server::Embedded, test).await else { return };
    let kubeconfig = server.kubeconfig();
    let mut controllers = berth_command(&["controllers", "--kubeconfig"]);
    controllers.arg(&kubeconfig);
    let embedded = Side::start(&kubectl, &kubeconfig, controllers);

    let lines = script("script.txt");
    let (theirs, ours) = tokio::task::block_in_place(|| run_both(&real, &embedded, &lines));
    let compared = lines.iter().filter(|line| line.is_compared()).count();
    assert!(compared >= COMPARED_MIN, "only {compared} commands are compared");
    let both = theirs.iter().zip(&ours);
    let differences: Vec<String> =
        lines.iter().zip(both).filter_map(|(line, (t, o))| difference(line, t, o)).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    tokio::task::block_in_place(|| top_shows_metrics(&embedded));
}

/// Runs the script on both sides at the same time.
fn run_both(real: &Side, embedded: &Side, lines: &[Line]) -> (Vec<Said>, Vec<Said>) {
    let run = |side: &Side| side.kubectl.run_all(lines);
    let (theirs, ours) = thread::scope(|scope| {
        let theirs = scope.spawn(|| run(real));
        let ours = run(embedded);
        (theirs.join().expect("running commands does not panic"), ours)
    });
    let logs = |side: &Side, error: &str| {
        let log = std::fs::read_to_string(side.folder.path().join("controllers.log"));
        format!("{error}\nthe log of the controllers:\n{}", log.unwrap_or_default())
    };
    match (theirs, ours) {
        (Ok(theirs), Ok(ours)) => (theirs, ours),
        (Err(error), _) => unreachable!("on kube-apiserver: {}", logs(real, &error)),
        (_, Err(error)) => unreachable!("on the embedded server: {}", logs(embedded, &error)),
    }
}

/// Both answers to a line, where they differ.
fn difference(line: &Line, theirs: &Said, ours: &Said) -> Option<String> {
    let sorted = line.used == Use::Sorted;
    let (theirs, ours) = (theirs.comparable(sorted), ours.comparable(sorted));
    if !line.is_compared() || theirs == ours {
        return None;
    }
    let first = theirs.lines().zip(ours.lines()).find(|(theirs, ours)| theirs != ours);
    let first = first.map_or("one is longer".to_owned(), |(t, o)| format!("{t:?}, ours {o:?}"));
    let (number, text) = (line.number, &line.text);
    Some(format!(
        "line {number}: kubectl {text}\n=== first difference: {first}\n=== kube-apiserver\n{theirs}\n\
         === ours\n{ours}"
    ))
}

/// Metrics can be set, and `kubectl top` shows them. The real side has no server of metrics.
fn top_shows_metrics(side: &Side) {
    let lines = script("top.txt");
    let said = side.kubectl.run_all(&lines).unwrap_or_else(|error| unreachable!("{error}"));
    let shown: String = said.iter().map(|said| settled(&said.stdout) + "\n").collect();
    let want = "\
nodemetrics.metrics.k8s.io/node-1 created
podmetrics.metrics.k8s.io/busy created
NAME  CPU(cores)  CPU(%)  MEMORY(bytes)  MEMORY(%)
node-1  1500m  37%  4096Mi  25%
NAME  CPU(cores)  MEMORY(bytes)
busy  250m  100Mi
POD  NAME  CPU(cores)  MEMORY(bytes)
busy  main  250m  100Mi
";
    assert_eq!(shown, want);
}

#[test]
fn what_differs_from_run_to_run_is_blanked_and_nothing_else() {
    for (text, want) in [
        (
            "web-7b9f6c5d4-x2x8p   1/1     Running   0   3m12s",
            "web-<hash>-<end>  1/1  Running  0  <age>",
        ),
        ("pod-template-hash=7b9f6c5d4,app=web", "pod-template-hash=<hash>,app=web"),
        ("  resourceVersion: \"17\"", "  resourceVersion: \"<version>\""),
        (
            "\"resourceVersion\": \"17\", \"n\": \"18\"",
            "\"resourceVersion\": \"<version>\", \"n\": \"18\"",
        ),
        ("  uid: 4a1e38ca-2bb1-4f15-a876-b1b1c5fde307", "  uid: <uid>"),
        ("Start Time:   Mon, 23 Nov 2026 07:28:05 +0000", "Start Time:  <time>"),
        ("time: \"2026-11-23T07:31:37Z\"", "time: \"<time>\""),
        ("podIP: 10.0.4.1", "podIP: <address>"),
        ("at https://127.0.0.1:4443/api: no", "at <server>/api: no"),
        ("cpu: 250m, 300s, 64Mi, 10.5, v1.37.2", "cpu: 250m, 300s, 64Mi, 10.5, v1.37.2"),
        ("kube-node-lease node-2 db-0", "kube-node-lease node-2 db-0"),
        ("NAME\tnot  \"quoted\" (x2 over 5s)", "NAME\tnot  \"quoted\" (x2 over <age>)"),
        ("Warning: to b: ns/db-0, ns/a; to a: ns/c", "Warning: to a: ns/c; to b: ns/db-0, ns/a"),
        ("  Warning: b; a", "  Warning: b; a"),
    ] {
        assert_eq!(settled(text), want);
    }
}
