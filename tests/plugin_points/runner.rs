//! Runs the tests of this program on one control plane, one after the other, and says how each went, as the
//! test program of the standard library does. Called by `main`.

use std::env;
use std::io::{self, Write};
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use futures::FutureExt;
use futures::future::LocalBoxFuture;

use crate::stage::Cluster;

/// A test: its name and what it does.
pub(crate) type Test = (&'static str, fn(&Cluster) -> LocalBoxFuture<'_, ()>);

/// The tests of a file.
macro_rules! tests {
    ($($test:ident),+ $(,)?) => {
        &[$((stringify!($test), |cluster| Box::pin($test(cluster)))),+]
    };
}
pub(crate) use tests;

/// Flags that a value follows.
const WITH_VALUE: [&str; 7] =
    ["--test-threads", "--logfile", "--format", "--color", "--shuffle-seed", "-Z", "--skip"];

/// What the command line asks for, in the words of the standard library's test programs.
#[derive(Default)]
struct Wanted {
    words: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    /// Only tests that are ignored, of which there are none here.
    ignored: bool,
    list: bool,
}

impl Wanted {
    fn parse(arguments: impl IntoIterator<Item = String>) -> Self {
        let mut wanted = Self::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--exact" => wanted.exact = true,
                "--ignored" => wanted.ignored = true,
                "--list" => wanted.list = true,
                "--skip" => wanted.skipped.extend(arguments.next()),
                flag if WITH_VALUE.contains(&flag) => drop(arguments.next()),
                flag if flag.starts_with("--skip=") => {
                    wanted.skipped.extend(flag.split('=').nth(1).map(str::to_owned));
                }
                flag if flag.starts_with('-') => {}
                word => wanted.words.push(word.to_owned()),
            }
        }
        wanted
    }

    fn has(&self, name: &str) -> bool {
        let fits = |word: &String| if self.exact { name == *word } else { name.contains(&**word) };
        let named = self.words.is_empty() || self.words.iter().any(fits);
        named && !self.skipped.iter().any(fits) && !self.ignored
    }
}

/// Runs those of `tests` that the command line names.
pub(crate) fn run(tests: &[&[Test]]) -> ExitCode {
    let wanted = Wanted::parse(env::args().skip(1));
    let chosen: Vec<Test> =
        tests.iter().copied().flatten().filter(|(name, _)| wanted.has(name)).copied().collect();
    if wanted.list {
        for (name, _) in &chosen {
            say(&format!("{name}: test"));
        }
        say(&format!("\n{} tests, 0 benchmarks", chosen.len()));
        return ExitCode::SUCCESS;
    }
    say(&format!("\nrunning {} tests", chosen.len()));
    let failed = if chosen.is_empty() { Vec::new() } else { run_all(&chosen) };
    let passed = chosen.len() - failed.len();
    let result = if failed.is_empty() { "ok" } else { "FAILED" };
    say(&format!("\ntest result: {result}. {passed} passed; {} failed", failed.len()));
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The names of those that failed.
fn run_all(tests: &[Test]) -> Vec<&'static str> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    runtime.block_on(async {
        let Some((cluster, _plane)) = Cluster::start().await else { return Vec::new() };
        let mut failed = Vec::new();
        for (name, test) in tests {
            let ended = AssertUnwindSafe(test(&cluster)).catch_unwind().await;
            cluster.clean().await;
            say(&format!("test {name} ... {}", if ended.is_ok() { "ok" } else { "FAILED" }));
            failed.extend(ended.is_err().then_some(*name));
        }
        failed
    })
}

fn say(line: &str) {
    // A closed output leaves nobody to tell.
    let _ = writeln!(io::stdout().lock(), "{line}");
}
