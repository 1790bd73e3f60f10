//! What the integration tests share: the real Kubernetes, built from the module `tests/upstream`.
//!
//! A test crate takes it in with `mod support;` and starts a [`control_plane::ControlPlane`] or an
//! [`oracle::Oracle`]. Both answer `None` where Go is missing, after one line that says so. On a control
//! plane a test runs a [`berth::Berth`], or sets a whole [`scene::Scene`] with a proxy in between.
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "every test crate compiles all of this and uses a part of it"
)]

pub(crate) mod access;
pub(crate) mod accounts;
pub(crate) mod berth;
pub(crate) mod checklist;
pub(crate) mod claims;
pub(crate) mod control_plane;
pub(crate) mod controllers;
pub(crate) mod cutter;
pub(crate) mod deployed;
pub(crate) mod dump;
pub(crate) mod endpoint;
pub(crate) mod extender;
pub(crate) mod kubectl;
pub(crate) mod listening;
pub(crate) mod memory;
pub(crate) mod mixed;
pub(crate) mod oracle;
pub(crate) mod plain;
pub(crate) mod process;
pub(crate) mod provisioner;
pub(crate) mod proxy;
pub(crate) mod rest;
pub(crate) mod rights;
pub(crate) mod scene;
pub(crate) mod settled;
pub(crate) mod tunnel;
pub(crate) mod upstream;
pub(crate) mod users;

mod any_driver;
pub(crate) mod compare;
pub(crate) mod driver;
pub(crate) mod evaluate;
pub(crate) mod generator;
pub(crate) mod upstream_table;
pub(crate) mod workload;

use std::io::{self, Write};

/// Makes two tests of each function `async fn name(server: Server)`: one with the real kube-apiserver, one
/// with `berth apiserver`.
macro_rules! on_both_servers {
    ($($test:ident),+ $(,)?) => {
        mod on_kube_apiserver {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::Server::Upstream).await;
            })+
        }
        mod on_berth_apiserver {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                super::$test(super::Server::Embedded).await;
            })+
        }
    };
}
pub(crate) use on_both_servers;

/// Takes what a test needs out of `found`, or says in plain sight that `test` is skipped.
///
/// A missing Go is a reason to skip on a developer's machine and a failure in CI (`CI=true`);
/// an `Err` is a failure everywhere.
pub(crate) fn require<T>(test: &str, program: &str, found: anyhow::Result<Option<T>>) -> Option<T> {
    let found = found.unwrap_or_else(|error| fail(&format!("{test}: {program}: {error:#}")));
    if found.is_none() {
        let reason = format!("Go is not installed, so {program} cannot be built");
        let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!in_ci, "{test}: {reason}");
        say(&format!("SKIPPED: {test}: {reason}"));
    }
    found
}

/// Writes a line that cargo shows even when the test passes: only the print macros are captured.
pub(crate) fn say(line: &str) {
    // A closed stderr leaves nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

#[expect(clippy::panic, reason = "a helper of tests fails the way a test does")]
fn fail(message: &str) -> ! {
    panic!("{message}")
}
