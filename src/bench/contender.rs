//! Who places the pods: berth, another program, a scheduler that runs already, or the blind binder. Used by
//! `run`, which starts one, and by `cli`, which chooses them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::json;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::client::{Plain, Source, connect};

use super::children::{Child, berth, free_port};
use super::process;

/// Requests a second and at once that every scheduler may send, as in upstream's own measurements.
const QPS: u32 = 5_000;

/// The time between two looks at a process that is to come to rest.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Looks in a row that find no more CPU time used than one tick.
const RESTING_LOOKS: u32 = 4;

/// How long a process may take to come to rest.
const REST_MAX: Duration = Duration::from_secs(10);

/// How long berth may take until it serves its metrics.
const METRICS_MAX: Duration = Duration::from_secs(30);

/// A scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contender {
    /// This program.
    Berth,
    /// A program with its arguments, in which `{kubeconfig}`, `{scheduler-name}` and `{config}` are put in.
    Command(Vec<String>),
    /// One that runs already.
    Running {
        /// The schedulerName of its pods.
        name: String,
        /// Its process id, where it is on this machine.
        pid: Option<u32>,
    },
    /// Binds each pod to the next node, and writes the Event.
    Blind,
}

/// A scheduler at work.
pub(super) struct Scheduler {
    child: Option<Child>,
    pid: Option<u32>,
    /// Where berth serves its metrics.
    metrics: Option<Plain>,
}

impl Contender {
    /// What it is called in reports.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Berth => "berth".to_owned(),
            Self::Command(words) => {
                let program = words.first().map(Path::new).and_then(Path::file_name);
                program.unwrap_or_default().to_string_lossy().into_owned()
            }
            Self::Running { name, .. } => name.clone(),
            Self::Blind => "blind".to_owned(),
        }
    }

    /// The schedulerName of the pods that are for it.
    pub(super) fn scheduler_name(&self) -> &str {
        match self {
            Self::Berth => "berth-bench",
            Self::Command(words) => {
                let takes =
                    |word: &String| word.contains("{scheduler-name}") || word.contains("{config}");
                if words.iter().any(takes) { "berth-bench-vs" } else { "default-scheduler" }
            }
            Self::Running { name, .. } => name,
            Self::Blind => "berth-bench-blind",
        }
    }

    /// Why it cannot be measured, as far as that can be seen before.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        match self {
            Self::Command(words) => {
                let program = Path::new(words.first()?);
                let path = std::env::var_os("PATH").unwrap_or_default();
                let there = if program.components().count() > 1 {
                    program.is_file()
                } else {
                    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
                };
                (!there).then_some("there is no such program")
            }
            Self::Running { pid: Some(pid), .. } => {
                process::cpu(*pid).is_none().then_some("there is no such process")
            }
            Self::Berth | Self::Blind | Self::Running { pid: None, .. } => None,
        }
    }

    /// Starts it; what it needs of files goes into `folder`.
    pub(super) async fn start(
        &self,
        kubeconfig: &Path,
        folder: &Path,
    ) -> anyhow::Result<Scheduler> {
        let name = self.scheduler_name();
        let mut metrics = None;
        let command = match self {
            Self::Berth => {
                let port = free_port()?;
                let (address, qps) = (format!("127.0.0.1:{port}"), QPS.to_string());
                let mut command = berth(&["run", "--leader-elect=false", "--secure-port", "0"])?;
                command.args(["--http-address", &address, "--scheduler-name", name]);
                command.args(["--kube-api-qps", &qps, "--kube-api-burst", &qps]);
                command.arg("--kubeconfig").arg(kubeconfig);
                let source =
                    Source::Address { address: format!("http://{address}"), kubeconfig: None };
                metrics = Some(Plain::new(connect(&source).await?.0));
                command
            }
            Self::Blind => {
                let mut command = berth(&["bench", "blind", "--scheduler-name", name])?;
                command.arg("--kubeconfig").arg(kubeconfig);
                command
            }
            Self::Command(words) => {
                let config = folder.join("scheduler.yaml");
                fs::write(&config, config_of(kubeconfig, name))
                    .with_context(|| config.display().to_string())?;
                let mut words = words.iter().map(|word| {
                    word.replace("{kubeconfig}", &kubeconfig.to_string_lossy())
                        .replace("{scheduler-name}", name)
                        .replace("{config}", &config.to_string_lossy())
                });
                let mut command = Command::new(words.next().unwrap_or_default());
                command.args(words).stdout(std::process::Stdio::null());
                command
            }
            Self::Running { pid, .. } => {
                return Ok(Scheduler { child: None, pid: *pid, metrics: None });
            }
        };
        let child = Child::start(&self.name(), command, folder)?;
        let pid = child.pid();
        Ok(Scheduler { child: Some(child), pid, metrics })
    }
}

impl Scheduler {
    /// Waits until it has ended; for ever where it is not ours.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        match &mut self.child {
            Some(child) => child.ended().await,
            None => std::future::pending().await,
        }
    }

    /// CPU time so far, where its process is known.
    pub(super) fn cpu(&self) -> Option<Duration> {
        process::cpu(self.pid?)
    }

    /// Its memory, where its process is known.
    pub(super) fn memory(&self) -> Option<process::Memory> {
        process::memory(self.pid?)
    }

    /// Waits until it has nothing to do, but not for long.
    pub(super) async fn rests(&self) {
        let began = Instant::now();
        let (mut before, mut looks) = (self.cpu(), 0);
        while before.is_some() && looks < RESTING_LOOKS && began.elapsed() < REST_MAX {
            sleep(LOOK_EVERY).await;
            let now = self.cpu();
            looks = if now == before { looks + 1 } else { 0 };
            before = now;
        }
    }

    /// The text of its metrics, of berth's own only.
    pub(super) async fn metrics(&self) -> Option<String> {
        let (plain, began) = (self.metrics.as_ref()?, Instant::now());
        loop {
            match plain.text("/metrics").await {
                Ok(text) => return Some(text),
                Err(_) if began.elapsed() < METRICS_MAX => sleep(LOOK_EVERY).await,
                Err(_) => return None,
            }
        }
    }

    /// Ends it, where it was started here.
    pub(super) async fn stop(self) {
        if let Some(child) = self.child {
            child.stop().await;
        }
    }
}

/// A configuration for schedulers that take upstream's. JSON is YAML, too.
fn config_of(kubeconfig: &Path, name: &str) -> String {
    let config = json!({
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": {"kubeconfig": kubeconfig, "qps": QPS, "burst": QPS},
        "leaderElection": {"leaderElect": false},
        "profiles": [{"schedulerName": name}],
    });
    format!("{config:#}\n")
}

/// Splits a command line into words, as a shell does with quotes and backslashes, and nothing else.
pub fn words(line: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None | Some('"'), '\\') => {
                let escaped = letters.next().ok_or("ends with a backslash")?;
                word.get_or_insert_default().push(escaped);
            }
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err("has a quote that is not closed");
    }
    words.extend(word);
    if words.is_empty() { Err("names no program") } else { Ok(words) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_a_shell() {
        assert_eq!(words(r#"a  'b c' "d \" e"f \g """#).unwrap(), ["a", "b c", "d \" ef", "g", ""]);
        assert_eq!(words("a 'b"), Err("has a quote that is not closed"));
        assert_eq!(words("a \\"), Err("ends with a backslash"));
        assert_eq!(words(" "), Err("names no program"));
    }

    #[test]
    fn a_command_s_pods_name_what_it_is_told() {
        let of = |line: &str| Contender::Command(words(line).unwrap());
        let with = of("/x/kube-scheduler --config {config}");
        assert_eq!((&*with.name(), with.scheduler_name()), ("kube-scheduler", "berth-bench-vs"));
        assert_eq!(of("x --kubeconfig {kubeconfig}").scheduler_name(), "default-scheduler");
    }
}
