//! The real kube-controller-manager beside a control plane, and `berth kubelets`: what makes a cluster live.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::berth::PROXY_VARIABLES;
use super::process::Process;
use super::{require, upstream};

/// The program.
const MANAGER: &str = "kube-controller-manager";

/// A program at work on a cluster. Dropping it ends it.
pub(crate) struct Actor {
    _process: Process,
    _folder: TempDir,
}

impl Actor {
    fn spawn(command: &mut Command, name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("berth-actor-").tempdir();
        let folder = folder.expect("a folder for the log can be made");
        let process = Process::spawn(command, &folder.path().join(format!("{name}.log")));
        Self { _process: process.expect("it can be started"), _folder: folder }
    }
}

/// Starts kube-controller-manager with these of its controllers and no others.
///
/// `None`, after a line that says so, where it cannot be built for want of Go.
pub(crate) fn controller_manager(
    test: &str,
    kubeconfig: &Path,
    controllers: &[&str],
) -> Option<Actor> {
    let binary = require(test, MANAGER, upstream::binary(MANAGER))?;
    let mut command = controller_manager_command(&binary, kubeconfig, controllers);
    Some(Actor::spawn(&mut command, MANAGER))
}

/// The command that runs these controllers.
pub(crate) fn controller_manager_command(
    binary: &Path,
    kubeconfig: &Path,
    controllers: &[&str],
) -> Command {
    let mut command = Command::new(binary);
    command
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .arg(format!("--controllers={}", controllers.join(",")))
        .args(["--secure-port", "0", "--leader-elect=false"])
        .args(["--use-service-account-credentials=false"])
        .args(["--kube-api-qps", "500", "--kube-api-burst", "500"]);
    command
}

/// Starts `berth kubelets` for all nodes.
pub(crate) fn kubelets(kubeconfig: &Path) -> Actor {
    let mut command = Command::new(env!("CARGO_BIN_EXE_berth"));
    command.args(["kubelets", "--all-nodes", "--kubeconfig"]).arg(kubeconfig);
    command.env_remove("RUST_LOG");
    for variable in PROXY_VARIABLES {
        command.env_remove(variable);
    }
    Actor::spawn(&mut command, "kubelets")
}
