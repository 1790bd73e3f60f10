//! A dump of a cluster read into `berth playground`: everything in it is there afterwards, on its node and
//! under its UID, and reading it takes no more memory than what is kept and a little.

mod support;

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use berth::apiserver::api::Api;
use berth::apiserver::kinds::Resource;
use berth::apiserver::selection::Selection;
use berth::apiserver::store::{Limits, ListRequest};
use berth::playground::{self, Loaded, Wanted};
use serde_json::Value;

use support::dump;
use support::memory::peak_kib;

const NODES: usize = 50;
const PODS: usize = 500;
/// The size that the figures are of.
const MANY_NODES: usize = 5_000;
const MANY_PODS: usize = 50_000;
/// What a server may have resident that holds many; reading them may take no more.
const HELD_KIB_MAX: u64 = 400 << 10;

fn write_dump(folder: &Path, nodes: usize, pods: usize) -> std::path::PathBuf {
    let path = folder.join("dump.yaml");
    let mut file = BufWriter::new(File::create(&path).expect("a file"));
    dump::write(&mut file, nodes, pods).expect("it is written");
    file.flush().expect("it is written");
    path
}

fn load(path: &Path) -> (Api, Loaded) {
    let sources = playground::sources(&[path.to_owned()]).expect("the file is there");
    let (api, mut loaded) = (Api::new(Limits::default()), Loaded::default());
    playground::load(&api, &sources, Wanted::Everything, &mut loaded).expect("it can be read");
    (api, loaded)
}

fn objects(api: &Api, resource: &str) -> Vec<Value> {
    let resource = Resource::by_qualified(resource).expect("it is served");
    let all = Selection::default();
    let page = api.store.list(resource.table, &ListRequest::of(&all)).expect("a list of now");
    page.objects.iter().map(|object| object.parse().expect("what is stored is JSON")).collect()
}

#[test]
fn everything_is_there_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let (api, loaded) = load(&write_dump(folder.path(), NODES, PODS));
    let want = Loaded { restored: NODES + PODS, nodes: NODES, orphans: PODS, ..Loaded::default() };
    assert_eq!(loaded, want);
    assert_eq!(playground::describe(&loaded).len(), 1, "the missing owners are said once");

    let nodes = objects(&api, "nodes");
    assert_eq!(nodes.len(), NODES);
    let mut pods = objects(&api, "pods");
    assert_eq!(pods.len(), PODS);
    pods.sort_by_key(|pod| pod["metadata"]["name"].to_string());
    for (index, pod) in pods.iter().enumerate() {
        let number = dump::number(index);
        let metadata = &pod["metadata"];
        assert_eq!(metadata["name"], format!("checkout-6f5d8c7b9d-{number}"));
        assert_eq!(metadata["namespace"], format!("shop-{}", index % dump::NAMESPACES));
        assert_eq!(metadata["uid"], format!("5ab3a5d6-2e8f-4f6d-8b1a-000000{number}"));
        assert_eq!(metadata["creationTimestamp"], "2026-03-01T10:00:00Z");
        assert_eq!(metadata["ownerReferences"], Value::Null, "they would be collected");
        assert_eq!(pod["spec"]["nodeName"], format!("node-{}", dump::number(index % NODES)));
        let greeting = &pod["spec"]["containers"][0]["env"][2]["value"];
        assert_eq!(greeting, r#"it's "quoted": yes, #really"#);
        assert_eq!(pod["status"]["phase"], "Running");
    }
}

/// A process that is killed at the end.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Loads `dump` in a playground without anybody else in it; returns its peak memory and the seconds.
fn load_in_a_process(dump: &Path) -> (u64, Duration) {
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command.args(["playground", "--quiet", "--no-kubelets", "--no-controllers", "-f"]).arg(dump);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = Running(command.spawn().expect("berth can be started"));
    let out = child.0.stdout.take().expect("it is piped");
    // The kubeconfig is named once all is loaded.
    let line = BufReader::new(out).lines().next().expect("a line").expect("text");
    assert!(line.starts_with("export KUBECONFIG="), "{line}");
    (peak_kib(child.0.id()), begun.elapsed())
}

/// What is held of a dump that is read, and what it takes to read it, does not grow with its length beyond
/// what is in it: here half as much text again is allowed for.
#[test]
#[cfg(target_os = "linux")]
fn reading_takes_little_more_than_what_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let (small, _) = load_in_a_process(&write_dump(folder.path(), 5, 50));
    let pods = 4 * PODS;
    let path = write_dump(folder.path(), NODES, pods);
    let text = std::fs::metadata(&path).expect("it is there").len() >> 10;
    let (large, _) = load_in_a_process(&path);
    // The texts, objects and old versions on their way are bounded, however long the dump is.
    let on_the_way = 48 << 10;
    assert!(large < small + text * 3 / 2 + on_the_way, "{small} {large} KiB, {text} KiB of text");
}

/// A tenth of a large cluster; all of it with `BERTH_FULL=true`, which wants the release build (`.ci/full`).
#[test]
#[cfg(target_os = "linux")]
fn five_thousand_nodes_and_fifty_thousand_pods() {
    let part = if std::env::var("BERTH_FULL").is_ok_and(|full| full == "true") { 1 } else { 10 };
    let folder = tempfile::tempdir().expect("a folder");
    let path = write_dump(folder.path(), MANY_NODES / part, MANY_PODS / part);
    let (peak, elapsed) = load_in_a_process(&path);
    support::say(&format!(
        "{} pods loaded in {:.1} s, {} MiB at most",
        MANY_PODS / part,
        elapsed.as_secs_f64(),
        peak >> 10
    ));
    assert!(peak <= HELD_KIB_MAX, "{peak} KiB");
}
