//! A running `berth run`: [`Berth`]. The end-to-end tests start it against a control plane or a proxy in
//! front of one, wait for what it brings about, and read its log and its decisions.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use super::memory::peak_kib;
use super::process::Process;

/// How long a test waits for something to come about.
const DEADLINE: Duration = Duration::from_mins(2);
/// How often it looks.
const POLL: Duration = Duration::from_millis(50);

/// What this machine may have in its environment, and a test has not asked for.
pub(crate) const PROXY_VARIABLES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"];

/// A scheduler at work. Dropping it ends it.
pub(crate) struct Berth {
    process: Mutex<Process>,
    folder: TempDir,
}

impl Berth {
    /// Starts berth for the pods of `scheduler`, or where that is empty for those of the profiles that its
    /// configuration has; `flags` come after the usual ones and override them.
    pub(crate) fn start(kubeconfig: &Path, scheduler: &str, flags: &[&str]) -> Self {
        Self::start_with(kubeconfig, scheduler, flags, &[])
    }

    /// Starts berth as [`Berth::start`] does, with these variables in its environment.
    pub(crate) fn start_with(
        kubeconfig: &Path,
        scheduler: &str,
        flags: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_berth"));
        let name = ["--scheduler-name", scheduler];
        let name = if scheduler.is_empty() { &[][..] } else { &name };
        let flags: Vec<_> = name.iter().chain(flags).copied().collect();
        Self::start_program(program, kubeconfig, &flags, variables)
    }

    /// Starts `program`, which is berth with plugins of its own, for the pods that `flags` say.
    pub(crate) fn start_program(
        program: &Path,
        kubeconfig: &Path,
        flags: &[&str],
        variables: &[(&str, &str)],
    ) -> Self {
        let folder = tempfile::Builder::new().prefix("berth-run-").tempdir();
        let folder = folder.expect("a folder for the logs can be made");
        let mut command = Command::new(program);
        command
            .args(["run", "--seed", "7"])
            .args(["--kube-api-qps", "5000", "--kube-api-burst", "5000"])
            // Many run at once on a host.
            .args(["--secure-port", "0"])
            // Several tests share a control plane, and each has pods of its own.
            .arg("--leader-elect=false")
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .arg("--decision-log")
            .arg(folder.path().join("decisions.jsonl"))
            .args(flags)
            .env_remove("RUST_LOG");
        for variable in PROXY_VARIABLES {
            command.env_remove(variable);
        }
        command.envs(variables.iter().copied());
        let process = Process::spawn(&mut command, &folder.path().join("berth.log"));
        Self { process: Mutex::new(process.expect("berth can be started")), folder }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process().id()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("berth.log")).unwrap_or_default()
    }

    /// Whether it has begun a decision log.
    pub(crate) fn has_decision_log(&self) -> bool {
        self.folder.path().join("decisions.jsonl").exists()
    }

    /// The lines of its log that warn, without their times.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let log = self.log();
        let warnings = log.lines().filter_map(|line| line.split_once(" WARN "));
        warnings.map(|(_, text)| text.to_owned()).collect()
    }

    /// The most memory that it has used so far, in KiB.
    pub(crate) fn peak_memory_kib(&self) -> u64 {
        peak_kib(self.process().id())
    }

    /// The lines of the decision log that are complete.
    pub(crate) fn decisions(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("decisions.jsonl"));
        let text = text.unwrap_or_default();
        let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        let parse = |line| serde_json::from_str(line).expect("the decision log is JSON");
        complete.lines().map(parse).collect()
    }

    /// The lines of the decision log that are about `pod` and have `field`.
    pub(crate) fn decisions_with(&self, pod: &str, field: &str) -> Vec<Value> {
        let mut lines = self.decisions();
        lines.retain(|line| line["pod"] == pod && line.get(field).is_some());
        lines
    }

    /// Asks it to stop: SIGTERM.
    pub(crate) fn ask_to_stop(&self) {
        self.process().signal(Signal::TERM).expect("berth can be sent a signal");
    }

    /// SIGKILL: no warning, nothing is finished.
    pub(crate) fn kill(&self) {
        self.process().signal(Signal::KILL).expect("berth can be sent a signal");
    }

    /// Waits for its end.
    pub(crate) async fn exit(&self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.exited() {
                return status;
            }
            assert!(Instant::now() < deadline, "berth does not end; {}", self.last_words());
            sleep(POLL).await;
        }
    }

    /// Ends it in order, which must succeed.
    pub(crate) async fn stop(&self) {
        self.ask_to_stop();
        let status = self.exit().await;
        assert!(status.success(), "berth ended with {status}; {}", self.last_words());
    }

    /// Waits until `look` finds something, as long as berth runs.
    pub(crate) async fn wait_for<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            let ended = self.exited();
            assert!(ended.is_none(), "waiting for {what}: {ended:?}; {}", self.last_words());
            let seconds = DEADLINE.as_secs();
            let in_time = Instant::now() < deadline;
            assert!(in_time, "after {seconds} s still not: {what}; {}", self.last_words());
            sleep(POLL).await;
        }
    }

    /// Waits until it has logged `words`.
    pub(crate) async fn wait_for_log(&self, words: &str) {
        self.wait_for(words, async || self.log().contains(words).then_some(())).await;
    }

    /// Waits until it has logged `words` or has ended; which of them.
    pub(crate) async fn logged_or_ended(&self, words: &str) -> bool {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let ended = self.exited().is_some();
            if self.log().contains(words) {
                return true;
            }
            if ended {
                return false;
            }
            assert!(Instant::now() < deadline, "still not: {words}; {}", self.last_words());
            sleep(POLL).await;
        }
    }

    fn exited(&self) -> Option<ExitStatus> {
        self.process().exited().expect("berth can be looked at")
    }

    fn last_words(&self) -> String {
        format!("berth's log ends so:\n{}", self.process().log_tail())
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
