//! A child process that outlives neither its owner nor the test run: [`Process`].
//!
//! [`super::control_plane`] keeps etcd and kube-apiserver in it; a test may keep any program in it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// How long a process may take to end by itself after SIGTERM.
const GRACE: Duration = Duration::from_secs(5);
/// How often a process is looked at while it is waited for.
const POLL: Duration = Duration::from_millis(10);
/// How much of the end of a log goes into an error.
const LOG_LINES_MAX: usize = 30;

/// A running program whose output goes to a log file. Dropping it ends the program.
///
/// A second process, the watchdog, holds the other end of a pipe and kills the program when the
/// pipe closes, so nothing is left behind where the test run is killed and no `drop` runs.
pub(crate) struct Process {
    child: Child,
    watchdog: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command` with both outputs appended to the file `log`.
    pub(crate) fn spawn(command: &mut Command, log: &Path) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        let output = File::options().create(true).append(true).open(log)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let watchdog = watch(&child).inspect_err(|_| {
            // The error that matters is the watchdog's.
            let _ = child.kill().and_then(|()| child.wait());
        })?;
        Ok(Self { child, watchdog, log: log.to_owned() })
    }

    /// The process id, as the tools that measure a process want it.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How the program ended, if it has.
    pub(crate) fn exited(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The last lines of the log.
    pub(crate) fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES_MAX)..].join("\n")
    }

    /// Sends a signal to the program and does not wait for what comes of it.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<()> {
        // Once it has ended, its id may be somebody else's.
        if self.child.try_wait()?.is_none() {
            kill_process(Pid::from_child(&self.child), signal)?;
        }
        Ok(())
    }

    /// Asks the program to end with SIGTERM and waits for it, and kills it if it takes too long.
    pub(crate) fn terminate(&mut self) -> Result<ExitStatus> {
        // The id must not be given to anyone else while the watchdog can still act on it.
        self.watchdog.kill()?;
        self.watchdog.wait()?;
        if let Some(status) = self.child.try_wait()? {
            return Ok(status);
        }
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(POLL);
        }
        self.child.kill()?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A drop has nobody to tell, and a second `terminate` finds the program gone.
        let _ = self.terminate();
    }
}

/// Starts the process that kills `child` once this process is gone.
fn watch(child: &Child) -> Result<Child> {
    Command::new("sh")
        .args(["-c", "read -r _; kill -9 \"$0\""])
        .arg(child.id().to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start sh")
}
