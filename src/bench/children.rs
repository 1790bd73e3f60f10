//! The processes that a run starts: the API server in memory, schedulers, controllers. Each has a log of its
//! own, of which the end is shown where it ends too early. None outlives this process, however that ends. Used
//! by `run`.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child as Process, Command};
use tokio::time::timeout;

/// Bytes of a log's end that are shown.
const LOG_END_BYTES: u64 = 2_000;

/// How long the API server in memory may take to be there.
const SERVER_START_MAX: Duration = Duration::from_secs(30);

/// How long the guard may take to end a process.
const GUARD_MAX: Duration = Duration::from_secs(5);

/// What the guard does: when its standard input closes, it ends a process and all that this one started.
const GUARD: &str = "read -r _; kill -9 \"-$0\"";

/// A process that was started here, the first of a group of its own. Dropping it ends the group.
///
/// A second process, the guard, has the other end of a pipe from here and ends the group when the pipe closes: it
/// does so, too, where this process is killed and can do nothing. Where there is no shell (a container with
/// nothing but this program, whose processes end with the first one) there is no guard.
pub(super) struct Child {
    what: String,
    process: Process,
    guard: Option<Process>,
    log: PathBuf,
}

impl Child {
    /// Starts `command`; its log goes into `folder`.
    pub(super) fn start(what: &str, mut command: Command, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join(format!("{}.log", what.replace(['/', ' '], "-")));
        let file = File::create(&log).with_context(|| log.display().to_string())?;
        command
            .stdin(Stdio::null())
            .stderr(file)
            .kill_on_drop(true)
            // A Ctrl-C is for the bench, which ends them in its order.
            .process_group(0);
        let process = command.spawn().with_context(|| format!("{what} cannot be started"))?;
        let guard = match process.id() {
            Some(group) => guard(group).context("a shell that ends it cannot be started")?,
            None => None,
        };
        Ok(Self { what: what.to_owned(), process, guard, log })
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
        let end = end_of(&self.log).unwrap_or_default();
        let of_log = match shown(&end) {
            end if end.is_empty() => "its log is empty".to_owned(),
            end => format!("its log ends so:\n{end}"),
        };
        anyhow::anyhow!("{} has ended early ({how}); {of_log}", self.what)
    }

    /// Ends it.
    pub(super) async fn stop(mut self) {
        if let Some(mut guard) = self.guard.take() {
            drop(guard.stdin.take());
            drop(timeout(GUARD_MAX, guard.wait()).await);
        }
        // It may have ended by itself.
        drop(self.process.kill().await);
    }
}

/// Starts the guard of a group, in a group of its own, so that it outlives a Ctrl-C.
fn guard(group: u32) -> io::Result<Option<Process>> {
    let mut command = Command::new("sh");
    command.args(["-c", GUARD]).arg(group.to_string()).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(guard) => Ok(Some(guard)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The last bytes of a log, which may be long.
fn end_of(log: &Path) -> io::Result<Vec<u8>> {
    let (mut file, mut end) = (File::open(log)?, Vec::new());
    let before = file.metadata()?.len().saturating_sub(LOG_END_BYTES);
    file.seek(SeekFrom::Start(before))?;
    file.take(LOG_END_BYTES).read_to_end(&mut end)?;
    Ok(end)
}

/// What a terminal may be shown of it: no bytes that steer one.
fn shown(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let kept = |letter: char| match letter {
        '\n' | '\t' => letter,
        letter if letter.is_control() => '\u{fffd}',
        letter => letter,
    };
    text.trim_end().chars().map(kept).collect()
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

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_end_of_a_log_steers_no_terminal() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, format!("{}\u{1b}[2J\x07a\n\tb\n\n", "x".repeat(5_000))).unwrap();
        let end = end_of(&log).unwrap();
        assert_eq!(end.len(), 2_000);
        assert!(shown(&end).ends_with("x\u{fffd}[2J\u{fffd}a\n\tb"));
        assert_eq!(shown(b"\xff\n"), "\u{fffd}");
        assert!(end_of(&folder.path().join("none")).is_err());
    }

    /// The id of what a command starts, once it has written it into a file.
    async fn started(file: &Path) -> String {
        loop {
            match fs::read_to_string(file) {
                Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                _ => tokio::task::yield_now().await,
            }
        }
    }

    #[tokio::test]
    async fn with_a_process_goes_what_it_has_started() {
        let folder = tempfile::tempdir().unwrap();
        for stops in [true, false] {
            let file = folder.path().join(format!("started-{stops}"));
            let mut command = Command::new("sh");
            command.args(["-c", "sleep 1000 & echo $! > \"$0\"; wait"]).arg(&file);
            let child = Child::start("sh", command, folder.path()).unwrap();
            let id = started(&file).await;
            let stat = format!("/proc/{id}/stat");
            if stops {
                child.stop().await;
            } else {
                drop(child);
            }
            // Gone, or ended and not yet looked at by whom it belongs to now.
            while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
                tokio::task::yield_now().await;
            }
        }
    }
}
