//! A script of kubectl's command lines and what comes of them: [`script`], [`Kubectl`], [`Said`].
//!
//! `tests/kubectl.rs` runs one script on two API servers.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::settled::settled;

/// Where the script and its manifests are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/kubectl");
/// How long one command may take.
const COMMAND_DEADLINE: Duration = Duration::from_mins(2);
/// How long a command is run again until it says what it is to say.
const UNTIL_DEADLINE: Duration = Duration::from_mins(2);
/// How often a command that has not ended is looked at.
const POLL: Duration = Duration::from_millis(5);
/// How long after one attempt the next one begins.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// What is done with the output of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// It is compared.
    Compared,
    /// It is compared with its lines in alphabetical order.
    Sorted,
    /// The command must succeed, whatever it says.
    Succeeds,
    /// The command is run until its output contains this.
    Until(String),
}

/// A line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 1.
    pub(crate) number: usize,
    pub(crate) text: String,
    pub(crate) used: Use,
    arguments: Vec<String>,
    stdin: Option<String>,
}

impl Line {
    pub(crate) fn is_compared(&self) -> bool {
        matches!(self.used, Use::Compared | Use::Sorted)
    }
}

/// The lines of a script in the folder of scripts; the script itself says how they look.
pub(crate) fn script(name: &str) -> Vec<Line> {
    let text = fs::read_to_string(Path::new(FOLDER).join(name)).expect("the script is there");
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    let lines = lines.filter(|(_, line)| !line.starts_with('#'));
    lines.map(|(at, line)| parse(at + 1, line)).collect()
}

fn parse(number: usize, text: &str) -> Line {
    let (mut used, mut rest) = (Use::Compared, text);
    if let Some(after) = text.strip_prefix("sorted: ") {
        (used, rest) = (Use::Sorted, after);
    } else if let Some(after) = text.strip_prefix("only: ") {
        (used, rest) = (Use::Succeeds, after);
    } else if let Some(after) = text.strip_prefix("until '") {
        let (words, after) = after.split_once("': ").expect("the words end with a quote");
        (used, rest) = (Use::Until(words.to_owned()), after);
    }
    let (rest, stdin) = match rest.rsplit_once(" < ") {
        Some((rest, file)) => (rest, Some(file.to_owned())),
        None => (rest, None),
    };
    Line { number, text: rest.to_owned(), used, arguments: words(rest), stdin }
}

/// Words between spaces; what stands in single quotes belongs to one word.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in text.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    words.push(word);
    words
}

/// What a command has said, and how it has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) success: bool,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// All of it, without what differs from run to run.
    pub(crate) fn comparable(&self, sorted: bool) -> String {
        let lines = |text: &str| {
            let text = settled(text);
            let mut lines: Vec<&str> = text.lines().collect();
            if sorted {
                lines.sort_unstable();
            }
            lines.join("\n")
        };
        let (stdout, stderr) = (lines(&self.stdout), lines(&self.stderr));
        format!("exit code {:?}\n{stdout}\n--- standard error\n{stderr}", self.code)
    }
}

/// kubectl for one API server, with files of its own.
pub(crate) struct Kubectl {
    binary: PathBuf,
    kubeconfig: PathBuf,
    folder: PathBuf,
}

impl Kubectl {
    /// `folder` takes what kubectl remembers, and its output.
    pub(crate) fn new(binary: &Path, kubeconfig: &Path, folder: &Path) -> Self {
        let [binary, kubeconfig, folder] = [binary, kubeconfig, folder].map(Path::to_owned);
        Self { binary, kubeconfig, folder }
    }

    /// Runs all lines in their order, or up to the first that does not do what the script relies on.
    pub(crate) fn run_all(&self, lines: &[Line]) -> Result<Vec<Said>, String> {
        let run = |line: &Line| self.run_line(line).map_err(|why| explain(line, &why));
        lines.iter().map(run).collect()
    }

    fn run_line(&self, line: &Line) -> Result<Said, String> {
        let deadline = Instant::now() + UNTIL_DEADLINE;
        loop {
            let said = self.run(&line.arguments, line.stdin.as_deref())?;
            match &line.used {
                Use::Succeeds if !said.success => return Err(format!("{said:?}")),
                Use::Until(words) if !said.stdout.contains(words.as_str()) => {
                    if Instant::now() > deadline {
                        return Err(format!("it never says {words:?}: {said:?}"));
                    }
                    thread::sleep(AGAIN_AFTER);
                }
                _ => return Ok(said),
            }
        }
    }

    /// Runs one command.
    pub(crate) fn run(&self, arguments: &[String], stdin: Option<&str>) -> Result<Said, String> {
        let said = |error: std::io::Error| error.to_string();
        let (stdout, stderr) = (self.folder.join("stdout"), self.folder.join("stderr"));
        let stdin = match stdin {
            Some(file) => File::open(Path::new(FOLDER).join(file)).map_err(said)?.into(),
            None => Stdio::null(),
        };
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(FOLDER)
            .env_clear()
            // For diff.
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("KUBECTL_EXTERNAL_DIFF", "diff -u")
            .env("KUBECONFIG", &self.kubeconfig)
            .env("HOME", &self.folder)
            .env("TZ", "UTC")
            .stdin(stdin)
            .stdout(File::create(&stdout).map_err(said)?)
            .stderr(File::create(&stderr).map_err(said)?);
        let mut child = command.spawn().map_err(said)?;
        let status = wait(&mut child)?;
        let read = |path: &Path| fs::read_to_string(path).map_err(said);
        let (stdout, stderr) = (read(&stdout)?, read(&stderr)?);
        Ok(Said { success: status.success(), code: status.code(), stdout, stderr })
    }
}

fn wait(child: &mut Child) -> Result<std::process::ExitStatus, String> {
    let deadline = Instant::now() + COMMAND_DEADLINE;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
            Ok(None) => {
                let _ = child.kill().and_then(|()| child.wait());
                return Err(format!("it does not end in {} s", COMMAND_DEADLINE.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn explain(line: &Line, why: &str) -> String {
    format!("line {}: kubectl {}: {why}", line.number, line.text)
}
