//! What upstream tests with plugins of its own in the scheduler, with scripted plugins in berth, on the real
//! kube-apiserver. Called with a subcommand this program is that berth; called without, it runs the tests.
//!
//! `script` says what a script is; `stage` sets one up with its nodes; each other file has the tests of some
//! extension points. A test does all cases of an upstream test; `tests/upstream/CHECKLIST.md` says which.

#[path = "../support/mod.rs"]
mod support;

mod binding;
mod filtering;
mod making_way;
mod nominated;
mod permitting;
mod plugin;
mod preempting;
mod queueing;
mod requeue;
mod runner;
mod scoring;
mod script;
mod stage;

use std::env;
use std::process::ExitCode;

use runner::Test;

/// All tests, in the order in which they are run.
const TESTS: &[&[Test]] = &[
    queueing::TESTS,
    filtering::TESTS,
    scoring::TESTS,
    permitting::TESTS,
    preempting::TESTS,
    binding::TESTS,
    requeue::TESTS,
    nominated::TESTS,
    making_way::TESTS,
];

fn main() -> ExitCode {
    let subcommand = env::args().nth(1).unwrap_or_default();
    if ["run", "config"].contains(&&*subcommand) {
        return berth::cli::main_with(plugin::SCRIPTED.into_iter().chain([making_way::LONELY]));
    }
    runner::run(TESTS)
}
