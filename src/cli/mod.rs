//! The command line: one file a subcommand. `main` calls [`main`] and does nothing else.
//!
//! Whatever is refused before a subcommand starts (flags, files that they name) is said on standard
//! error, one line a finding, with exit code 2.

pub mod actors;
pub mod apiserver;
pub mod args;
pub mod bench;
pub mod bench_workload;
pub mod component_args;
pub mod config;
pub mod decision_log;
pub mod evaluate;
pub mod options;
pub mod playground;
pub mod run;
pub mod secure_args;
pub mod upstream_args;
pub mod version;

mod evaluate_answers;
mod evaluate_table;
mod flag_table;
mod go_flags;
mod leader_flags;
mod scenario;
mod secure;

#[cfg(test)]
mod flag_tests;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt::Display;
use std::io;
use std::process::ExitCode;
use std::sync::OnceLock;

use crate::framework::PluginInfo;
use crate::plugins::PLUGINS;

use args::Command;

/// Exit code for a command line, a file that it names, or an environment that cannot be used.
pub const EXIT_USAGE: u8 = 2;

/// All plugins of this process, once somebody added some.
static REGISTRY: OnceLock<Vec<PluginInfo>> = OnceLock::new();

/// Runs the subcommand that the process was called with.
#[must_use]
pub fn main() -> ExitCode {
    dispatch(std::env::args_os())
}

/// [`main`] for a program with plugins of its own: `berth` with these beside the built-in ones. A plugin
/// whose `default_weight` is `None` speaks where a configuration enables it. Of two with one name the
/// built-in one is meant. To be called once.
#[must_use]
pub fn main_with(plugins: impl IntoIterator<Item = PluginInfo>) -> ExitCode {
    REGISTRY.get_or_init(|| PLUGINS.iter().copied().chain(plugins).collect());
    main()
}

/// Every plugin that there is, in upstream's default order, those of the program itself behind them.
fn registry() -> &'static [PluginInfo] {
    REGISTRY.get().map_or(PLUGINS, Vec::as_slice)
}

fn dispatch(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match args::try_parse_from(arguments) {
        Ok(cli) => match cli.command {
            Command::Run(args) => run::execute(&args),
            Command::Apiserver(args) => apiserver::execute(&args),
            Command::Playground(args) => playground::execute(&args),
            Command::Evaluate(args) => evaluate::execute(&args),
            Command::Config(args) => config::execute(&args),
            Command::Kubelets(args) => actors::kubelets(&args),
            Command::Controllers(args) => actors::controllers(&args),
            Command::Bench(args) => bench::execute(&args),
        },
        Err(error) => {
            // Help and version go to standard output, errors to standard error; either may be closed.
            drop(error.print());
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(EXIT_USAGE))
        }
    }
}

/// Says why nothing was started, each line of `error` as one of its own, and gives the exit code.
#[must_use]
pub fn refuse(error: &impl Display) -> ExitCode {
    drop(write_refusal(&mut io::stderr().lock(), error));
    ExitCode::from(EXIT_USAGE)
}

/// Warns on standard error of a subcommand that has no log.
fn warn(warning: &impl Display) {
    drop(io::Write::write_fmt(&mut io::stderr(), format_args!("warning: {warning}\n")));
}

/// The exit code of a subcommand that wrote to standard output: 0, 2 where what it was given is wrong
/// (`Ok(false)`), 1 where the output could not be written.
fn written(outcome: io::Result<bool>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_USAGE),
        // Whoever read the output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Says why it went wrong after it was started, and gives the exit code.
fn failed(error: &impl Display) -> ExitCode {
    drop(io::Write::write_fmt(&mut io::stderr(), format_args!("error: {error}\n")));
    ExitCode::FAILURE
}

fn write_refusal(out: &mut impl io::Write, error: &impl Display) -> io::Result<()> {
    for line in error.to_string().lines() {
        writeln!(out, "error: {line}")?;
    }
    out.flush()
}
