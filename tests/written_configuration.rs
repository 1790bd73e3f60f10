//! `--write-config-to`: the same flags and files to berth and to kube-scheduler, and the same bytes in the
//! file that they write.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{require, upstream};

const HEAD: &str = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";

/// What `program` writes; its whole standard error where it writes nothing.
fn written(program: &Path, arguments: &[String], folder: &Path) -> Result<String, String> {
    let path = folder.join("written");
    drop(fs::remove_file(&path));
    let output = Command::new(program)
        .args(arguments)
        .arg("--write-config-to")
        .arg(&path)
        .env_remove("RUST_LOG")
        .output()
        .expect("it can be started");
    fs::read_to_string(path).map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_configuration_is_written_as_upstream_writes_it() {
    let test = "the_configuration_is_written_as_upstream_writes_it";
    let program = upstream::binary("kube-scheduler").expect("kube-scheduler can be built");
    let Some(program) = require(test, "kube-scheduler", Ok(program)) else { return };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let folder = folder.path();
    let kubeconfig = folder.join("kubeconfig");
    let access = "{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}], \
                contexts: [{name: c, context: {cluster: c}}], current-context: c}";
    fs::write(&kubeconfig, access).expect("the folder can be written");
    let kubeconfig = kubeconfig.display().to_string();

    let flags: [&[&str]; 5] = [
        &[],
        &[
            "--leader-elect=false",
            "--leader-elect-lease-duration=1m30s",
            "--leader-elect-resource-name=x",
        ],
        &["--kube-api-qps=7.5", "--kube-api-burst=9", "--kube-api-content-type=application/json"],
        &["--profiling=false", "--contention-profiling=false"],
        &["--feature-gates=StorageCapacityScoring=false", "--master=http://127.0.0.1:2"],
    ];
    let files = [
        "",
        "profiles: [{schedulerName: a}, {schedulerName: b, plugins: {score: {disabled: [{name: '*'}]}}}]\n",
        "leaderElection: {leaderElect: false}\nclientConnection: {qps: 3, burst: 4}\nparallelism: 3\n",
        "enableProfiling: false\npodMaxBackoffSeconds: 20\npercentageOfNodesToScore: 0\n",
    ];
    for flags in flags {
        let mut arguments: Vec<_> = flags.iter().map(ToString::to_string).collect();
        arguments.push(format!("--kubeconfig={kubeconfig}"));
        let theirs = upstream_writes(&program, &arguments, folder).expect("kube-scheduler writes");
        arguments.insert(0, "run".to_owned());
        arguments.push("--scheduler-name=default-scheduler".to_owned());
        let berth = Path::new(env!("CARGO_BIN_EXE_berth"));
        let ours = written(berth, &arguments, folder).expect("berth writes");
        assert_eq!(theirs, ours, "{flags:?}");
    }
    for body in files {
        let file = folder.join("config.yaml");
        fs::write(&file, format!("{HEAD}{body}")).expect("the folder can be written");
        let common = [
            format!("--config={}", file.display()),
            format!("--kubeconfig={kubeconfig}"),
            "--leader-elect-retry-period=3s".to_owned(),
            "--master=http://127.0.0.1:1".to_owned(),
        ];
        let theirs = upstream_writes(&program, &common, folder).expect("kube-scheduler writes");
        let ours = [&["run".to_owned()][..], &common].concat();
        let ours = written(Path::new(env!("CARGO_BIN_EXE_berth")), &ours, folder);
        // Differs from upstream: with a file, too, the flag names the kubeconfig where the file does not.
        let ours = ours.expect("berth writes").replace(&kubeconfig, "\"\"");
        assert_eq!(theirs, ours, "{body}");
    }
}

/// What kube-scheduler writes, but for the lease where none is named: that differs on purpose.
fn upstream_writes(program: &Path, arguments: &[String], folder: &Path) -> Result<String, String> {
    let text = written(program, arguments, folder)?;
    let text = text.replace("resourceName: kube-scheduler\n", "resourceName: berth\n");
    Ok(text.replace("resourceNamespace: kube-system\n", "resourceNamespace: \"\"\n"))
}
