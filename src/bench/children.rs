//! The processes that a run starts: the API server in memory, schedulers, controllers. Each has a log of its
//! own, of which the end is shown where it ends too early. Used by `run`.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child as Process, Command};
use tokio::time::timeout;

/// Bytes of a log's end that are shown.
const LOG_END_BYTES: usize = 2_000;

/// How long the API server in memory may take to be there.
const SERVER_START_MAX: Duration = Duration::from_secs(30);

/// A process that was started here. Dropping it ends it.
pub(super) struct Child {
    what: String,
    process: Process,
    log: PathBuf,
}

impl Child {
    /// Starts `command`; its log goes into `folder`.
    pub(super) fn start(what: &str, mut command: Command, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join(format!("{}.log", what.replace(['/', ' '], "-")));
        let file = fs::File::create(&log).with_context(|| log.display().to_string())?;
        command
            .stdin(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            // A Ctrl-C is for the bench, which ends them in its order.
            .process_group(0);
        let process = command.spawn().with_context(|| format!("{what} cannot be started"))?;
        Ok(Self { what: what.to_owned(), process, log })
    }

    /// Its process id, for as long as it lives.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Waits until it has ended, which it should not; gives what is to be said of that.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        let how = match self.process.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let log = fs::read(&self.log).unwrap_or_default();
        let end = &log[log.len().saturating_sub(LOG_END_BYTES)..];
        let end = String::from_utf8_lossy(end);
        anyhow::anyhow!(
            "{} has ended early ({how}); its log ends so:\n{}",
            self.what,
            end.trim_end()
        )
    }

    /// Ends it.
    pub(super) async fn stop(mut self) {
        // It may have ended by itself.
        drop(self.process.kill().await);
    }
}

/// This program with a subcommand.
pub(super) fn berth(words: &[&str]) -> anyhow::Result<Command> {
    let program = std::env::current_exe().context("the path of this program")?;
    let mut command = Command::new(program);
    command.args(words).stdout(Stdio::null()).env_remove("RUST_LOG");
    Ok(command)
}

/// Starts an API server in memory, which writes `kubeconfig`, and waits until it is there.
pub(super) async fn server(folder: &Path, kubeconfig: &Path) -> anyhow::Result<Child> {
    let mut command = berth(&["apiserver", "--address", "127.0.0.1:0", "--kubeconfig-out"])?;
    command.arg(kubeconfig).stdout(Stdio::piped());
    let mut child = Child::start("berth apiserver", command, folder)?;
    let stdout = child.process.stdout.take().context("its standard output")?;
    let (mut lines, mut line) = (BufReader::new(stdout), String::new());
    let first = timeout(SERVER_START_MAX, lines.read_line(&mut line)).await;
    match first {
        Ok(Ok(1..)) => Ok(child),
        Ok(_) => Err(child.ended().await),
        Err(_) => anyhow::bail!("the API server is not there after {SERVER_START_MAX:?}"),
    }
}

/// A port on loopback that was free a moment ago.
pub(super) fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a port on loopback")?;
    Ok(listener.local_addr()?.port())
}
