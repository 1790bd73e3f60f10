//! `berth bench`: small workloads on the API server in memory and on a real one, with berth, a second scheduler and
//! the blind binder; what is refused; what is left behind.

mod support;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Node, PersistentVolume, Pod};
use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::Api;
use kube::api::{ListParams, PostParams};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use support::control_plane::{ControlPlane, Server};

fn bench(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command.arg("bench").args(words).env_remove("RUST_LOG").output().expect("berth bench runs")
}

/// The report of a run that succeeds.
#[track_caller]
fn report(words: &[&str]) -> Value {
    let output = bench(&[words, &["--output", "json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("the report is JSON")
}

#[track_caller]
fn refused(words: &[&str], code: i32, want: &str) {
    let output = bench(words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
    assert!(said.contains(want), "{words:?}: {said}");
}

/// That every run of every scheduler placed so many pods, and has the figures of one.
#[track_caller]
fn check(report: &Value, schedulers: usize, pods: u64) {
    let all = report["schedulers"].as_array().expect("schedulers");
    assert_eq!(all.len(), schedulers, "{report:#}");
    for run in all.iter().flat_map(|one| one["runs"].as_array().expect("runs")) {
        assert_eq!(run["bound"], pods, "{report:#}");
        assert!(run["podsPerSecond"].as_f64() > Some(0.0), "{report:#}");
        assert!(run["createdToBoundMs"]["p99"].as_f64() > Some(0.0), "{report:#}");
        assert!(run["cpuMsPerPod"].is_f64() && run["peakMb"].as_f64() > Some(1.0), "{report:#}");
    }
}

#[test]
fn workloads_of_several_kinds_are_measured() {
    for workload in ["basic", "defaultspread", "antiaffinity", "templates-100", "churn"] {
        let words = [workload, "--nodes", "60", "--init", "20", "--pods", "30", "--quiet"];
        let report = report(&words);
        check(&report, 1, 30);
        assert_eq!(report["size"], json!({"nodes": 60, "init": 20, "pods": 30}));
        let berth = &report["schedulers"][0];
        assert!(berth["runs"][0]["watchToBindMs"]["p99"].as_f64() > Some(0.0), "{report:#}");
        assert!(berth["runs"][0]["serverCpuMsPerPod"].is_f64(), "{report:#}");
    }
}

#[test]
fn upstream_s_cases_are_measured() {
    for (workload, pods) in [
        ("SchedulingPodAntiAffinity/5Nodes", 4),
        ("MixedSchedulingBasePod/5Nodes", 10),
        ("SchedulingGatedPodsWithPodAffinityImpactForThroughput/1Node_10GatedPods", 10),
        ("PreemptionBasic/5Nodes", 5),
        ("SchedulingWhileGated/1Node_10GatedPods", 10),
        ("SchedulingCSIPVs/5Nodes", 10),
        ("SchedulingWithNodeInclusionPolicy/5Nodes", 4),
    ] {
        check(&report(&[workload, "--quiet"]), 1, pods);
    }
}

#[test]
fn pods_that_fit_nowhere_and_pods_of_controllers_are_measured() {
    let words = ["unsched", "--nodes", "5", "--init", "0", "--pods", "10", "--quiet"];
    check(&report(&words), 1, 10);
    check(&report(&["daemonset", "--nodes", "12", "--quiet"]), 1, 12);
    check(&report(&["rollout", "--nodes", "5", "--pods", "20", "--quiet"]), 1, 20);
}

#[test]
fn a_second_scheduler_and_the_floor_are_compared_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let chart = folder.path().join("chart.svg");
    let program = env!("CARGO_BIN_EXE_berth");
    let second = format!("{program} run --config {{config}} --secure-port 0");
    let words = ["basic", "--nodes", "10", "--init", "10", "--pods", "40", "--rate", "400"];
    let others = ["--vs", &second, "--blind", "--runs", "2", "--chart", chart.to_str().unwrap()];
    let report = report(&[&words[..], &others[..]].concat());
    check(&report, 3, 40);
    let all = report["schedulers"].as_array().unwrap();
    assert_eq!(all.iter().map(|one| &one["name"]).collect::<Vec<_>>(), ["berth", "berth", "blind"]);
    assert!(all.iter().all(|one| one["runs"].as_array().unwrap().len() == 2), "{report:#}");
    assert_eq!(all[0]["ratio"]["podsPerSecond"], 1.0);
    assert!(all[2]["ratio"]["cpuMsPerPod"].as_f64() > Some(0.0), "{report:#}");
    assert_eq!(all[2]["median"]["watchToBindMs"], Value::Null);
    let drawn = std::fs::read_to_string(chart).unwrap();
    assert_eq!(drawn.matches("<polyline").count(), 6);
}

#[test]
fn a_file_of_one_s_own_is_measured_and_its_faults_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.yaml");
    let text = "
templates: {mine: {extends: pod, metadata: {labels: {own: '{i%2}'}}}}
workloads:
- name: mine
  about: my pods
  sizes: [{name: small, nodes: 3, pods: 5}]
  nodes: [{template: node, count: nodes}]
  measured: {template: mine, count: pods}
";
    std::fs::write(&path, text).unwrap();
    let file = path.to_str().unwrap();
    check(&report(&["mine", "--workloads", file, "--quiet"]), 1, 5);
    let list = bench(&["--list", "--workloads", file]);
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(list.starts_with("mine: my pods\n    mine/small: 3 nodes, 5 pods\n"), "{list}");
    assert!(list.contains("\nSchedulingBasic: upstream: "), "{list}");
    std::fs::write(&path, text.replace("count: pods", "count: many")).unwrap();
    let want =
        format!("{file}: workloads[0] (mine).measured.count: \"many\" is no number of the size");
    refused(&["mine", "--workloads", file], 2, &want);
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    refused(&["nothing"], 2, "WORKLOAD: \"nothing\" is no workload");
    refused(&["basic/huge"], 2, "\"huge\" is no size of basic; it has");
    refused(&["basic", "--pods", "0"], 2, "--pods");
    refused(&["basic", "--rate", "-1"], 2, "must be a number above 0");
    refused(&["daemonset", "--init", "3"], 2, "--init: daemonset has no such number");
    refused(&["basic", "--vs", "a 'b"], 2, "has a quote that is not closed");
    refused(&["basic", "--pid", "1"], 2, "--scheduler-name");
    refused(&["basic", "--kubeconfig", "/no/such/file"], 2, "/no/such/file");
    refused(&["basic", "--workloads", "/no/such/file"], 2, "--workloads /no/such/file:");
    refused(&["basic", "--chart", "/no/such/chart.svg"], 2, "--chart /no/such/chart.svg: No such");
    refused(&["basic", "--chart", "/"], 2, "--chart /: is a folder");
    for program in ["no-such-program", "/no/such/program"] {
        let want = format!("--vs \"{program} x\": there is no such program");
        refused(&["basic", "--vs", &format!("{program} x")], 2, &want);
    }
    let pid = u32::MAX.to_string();
    let words = ["basic", "--kubeconfig", "f", "--scheduler-name", "s", "--pid", &pid];
    refused(&words, 2, &format!("--pid {pid}: there is no such process"));
}

#[test]
fn a_scheduler_that_ends_or_places_nothing_ends_the_bench() {
    let words = ["basic", "--nodes", "2", "--init", "0", "--pods", "2", "--quiet"];
    let end = ["--vs", "cat /no/such/file"];
    let want =
        "cat, run 1 of 1: the first pod, which only tries: cat has ended early (exit status: 1)";
    refused(&[&words[..], &end[..]].concat(), 1, want);
    refused(&[&words[..], &["--vs", "true"]].concat(), 1, "its log is empty");
    let idle = ["--vs", "sleep 1000", "--timeout", "1s"];
    refused(&[&words[..], &idle[..]].concat(), 1, "no pod was placed for 1 s: 0 of 1 are");
}

/// A look at something that is to become true. The test is ended from outside where it never does.
fn wait_for(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::sleep(Duration::from_millis(10));
    }
}

/// The processes that `parent` started and that still run.
fn children(parent: u32) -> Vec<u32> {
    let of = |id: u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split_whitespace();
        let (state, its) = (fields.next()?, fields.next()?);
        (state != "Z" && its.parse() == Ok(parent)).then_some(id)
    };
    let all = fs::read_dir("/proc").expect("processes");
    all.filter_map(|entry| of(entry.ok()?.file_name().to_str()?.parse().ok()?)).collect()
}

/// Whether a process has ended, even if nobody has asked for its end yet.
fn ended(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

/// A bench whose second scheduler has another process beside it, and never places anything; and all of its
/// processes.
fn under_way(folder: &Path) -> (Child, Vec<u32>) {
    let file = folder.join("second");
    let second =
        format!("sh -c 'sleep 1000 & echo $! > {0}.new; mv {0}.new {0}; wait'", file.display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command.args(["bench", "basic", "--nodes", "2", "--init", "0", "--pods", "2"]);
    command.args(["--timeout", "1000s", "--vs", &second]).env_remove("RUST_LOG");
    let bench = command.env("TMPDIR", folder).stderr(Stdio::piped()).spawn().expect("berth bench");
    wait_for(|| file.exists());
    let inner = fs::read_to_string(&file).expect("an id").trim().parse().expect("an id");
    let mut all = children(bench.id());
    all.push(inner);
    // The API server, the second scheduler, a guard of each, and what the second one started.
    assert_eq!(all.len(), 5, "{all:?}");
    (bench, all)
}

#[test]
fn nothing_runs_on_where_the_bench_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut bench, all) = under_way(folder.path());
    bench.kill().expect("a signal");
    bench.wait().expect("its end");
    wait_for(|| all.iter().all(|id| ended(*id)));
}

#[test]
fn nothing_is_left_after_a_ctrl_c() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bench, all) = under_way(folder.path());
    kill_process(Pid::from_child(&bench), Signal::INT).expect("a signal");
    let output = bench.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("stopped; what was made is removed"), "{said}");
    wait_for(|| all.iter().all(|id| ended(*id)));
    let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// What of the bench is in the cluster.
async fn left(client: &kube::Client) -> usize {
    let ours = ListParams::default().labels("berth.dev/bench");
    let nodes = Api::<Node>::all(client.clone()).list(&ours).await.expect("a list").items.len();
    let pods = Api::<Pod>::all(client.clone()).list(&ours).await.expect("a list").items.len();
    let classes =
        Api::<PriorityClass>::all(client.clone()).list(&ours).await.expect("a list").items.len();
    let volumes =
        Api::<PersistentVolume>::all(client.clone()).list(&ours).await.expect("a list").items.len();
    let namespaces =
        Api::<Namespace>::all(client.clone()).list(&ours).await.expect("a list").items.len();
    nodes + pods + classes + volumes + namespaces
}

async fn in_a_cluster(plane: &ControlPlane) {
    let client = plane.client().await;
    let kubeconfig = plane.kubeconfig();
    let kubeconfig = kubeconfig.to_str().expect("a path in UTF-8").to_owned();
    let run = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        let kubeconfig = kubeconfig.clone();
        tokio::task::spawn_blocking(move || {
            let words: Vec<_> = words.iter().map(String::as_str).collect();
            bench(&[&words[..], &["--kubeconfig", &kubeconfig, "--output", "json"]].concat())
        })
    };
    // An API server without controllers has nobody who lets protected volumes go.
    for (workload, pods) in [("PreemptionBasic/5Nodes", 5), ("SchedulingInTreePVs/5Nodes", 10)] {
        let output = run(&[workload]).await.expect("an answer");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        check(&serde_json::from_slice(&output.stdout).expect("JSON"), 1, pods);
        assert_eq!(left(&client).await, 0, "{workload}");
    }
    let words = ["basic", "--nodes", "5", "--init", "5", "--pods", "20", "--blind"];
    let output = run(&words).await.expect("an answer");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    check(&serde_json::from_slice(&output.stdout).expect("JSON"), 2, 20);
    assert_eq!(left(&client).await, 0);

    // A scheduler that is not there places nothing; what was made goes all the same.
    let words = ["basic", "--nodes", "2", "--init", "1", "--pods", "2", "--timeout", "1s"];
    let output =
        run(&[&words[..], &["--scheduler-name", "nobody"]].concat()).await.expect("an answer");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(left(&client).await, 0);

    // Nodes of somebody else.
    let node = json!({"metadata": {"name": "theirs"}, "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}});
    let node: Node = serde_json::from_value(node).expect("a node");
    let nodes = Api::<Node>::all(client.clone());
    nodes.create(&PostParams::default(), &node).await.expect("an answer");
    let output = run(&["basic", "--nodes", "2"]).await.expect("an answer");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("(\"theirs\" is one)"), "{said}");
    let output =
        run(&["basic", "--use-my-nodes", "--init", "2", "--pods", "5"]).await.expect("an answer");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    check(&serde_json::from_slice(&output.stdout).expect("JSON"), 1, 5);
    assert_eq!(left(&client).await, 0);
    assert!(nodes.get_opt("theirs").await.expect("an answer").is_some());
    assert!(Path::new(&kubeconfig).exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_in_kube_apiserver_is_removed() {
    let Some(plane) = ControlPlane::start("what_is_made_in_kube_apiserver_is_removed").await else {
        return;
    };
    in_a_cluster(&plane).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_in_berth_apiserver_is_removed() {
    let test = "what_is_made_in_berth_apiserver_is_removed";
    let Some(plane) = ControlPlane::start_on(Server::Embedded, test).await else { return };
    in_a_cluster(&plane).await;
}
