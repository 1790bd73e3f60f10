//! What client-go relies on, on both API servers: its informers, watches, lists by pages, patches, leader
//! election and evictions. The checks are `tests/upstream/informers`, a Go program.

mod support;

use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use support::control_plane::{ControlPlane, Server};
use support::{on_both_servers, require, say, upstream};

/// How long all checks together may take.
const DEADLINE: Duration = Duration::from_mins(5);
/// Checks that apply to kube-apiserver; one more needs a server whose history is soon used up.
const CHECKS: usize = 22;

on_both_servers! {
    client_go_gets_what_it_relies_on,
}

async fn client_go_gets_what_it_relies_on(server: Server) {
    let test = "client_go_gets_what_it_relies_on";
    let Some(program) = require(test, "informers", upstream::binary("informers")) else { return };
    let Some(mut plane) = ControlPlane::start_on(server, test).await else { return };
    if server == Server::Upstream {
        // Its watch cache begins where it starts, so from now on the first versions are past.
        plane.stop_apiserver();
        plane.start_apiserver().await;
    }
    let (history_bytes, checks) = match server {
        Server::Upstream => (0, CHECKS),
        Server::Embedded => (berth::apiserver::store::HISTORY_BYTES_MAX, CHECKS + 1),
    };
    let mut command = Command::new(program);
    command
        .arg("-kubeconfig")
        .arg(plane.kubeconfig())
        .args(["-history-bytes", &history_bytes.to_string()])
        .kill_on_drop(true);
    let output = timeout(DEADLINE, command.output()).await.expect("the checks end in time");
    let output = output.expect("the program can be started");
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{server:?}: {}\n{said}{errors}", output.status);
    assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), checks, "{said}");
    for line in said.lines().filter(|line| line.starts_with("skip ")) {
        say(&format!("{test}: {line}"));
    }
}
