//! Every flag of kube-scheduler: that it is known, what its values do, and how bad ones are refused.

use std::collections::BTreeSet;

use super::args::{Command, RunArgs, try_parse_from};
use super::flag_table::{FLAGS, Handling, Kind};
use super::options::{RunOptions, Surroundings};

/// kube-scheduler's own list: name, type and default, with tabs between.
const UPSTREAM: &str = include_str!("../../tests/data/kube-scheduler-flags.tsv");

/// What a value does.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// It is taken without a word.
    Taken,
    /// It is taken, with a warning that ends so.
    Warned(&'static str),
    /// It is refused with this reason.
    Refused(&'static str),
}

use Outcome::{Refused, Taken, Warned};

const NO_LABELS: &str =
    "berth cannot replace labels of its metrics; drop them where they are scraped";
const UNBUFFERED: &str =
    "an alpha option of upstream's log; berth's goes to standard error, line by line";
const NO_VERSION: &str = "berth decides as v1.37 does, and as no other version";

/// A value of each flag, and of some a second one.
const VALUES: &[(&str, &str, Outcome)] = &[
    ("allow-metric-labels", "m,l='a,b'", Refused(NO_LABELS)),
    ("allow-metric-labels", "", Taken),
    ("allow-metric-labels-manifest", "f", Refused(NO_LABELS)),
    ("authentication-kubeconfig", "f", Taken),
    ("authentication-skip-lookup", "true", Taken),
    ("authentication-token-webhook-cache-ttl", "1m", Taken),
    ("authentication-tolerate-lookup-failure", "false", Taken),
    ("authorization-always-allow-paths", "/healthz,/x/*", Taken),
    ("authorization-kubeconfig", "f", Taken),
    ("authorization-webhook-cache-authorized-ttl", "1m", Taken),
    ("authorization-webhook-cache-unauthorized-ttl", "1m", Taken),
    ("bind-address", "127.0.0.1", Taken),
    ("cert-dir", "d", Taken),
    ("client-ca-file", "f", Taken),
    ("config", "", Taken),
    ("contention-profiling", "false", Warned("has no effect: there are no Go locks to profile")),
    ("disable-http2-serving", "true", Taken),
    ("disabled-metrics", "a,b", Taken),
    ("emulated-version", "kube=1.37", Taken),
    ("emulated-version", "1.36", Refused(NO_VERSION)),
    ("emulated-version", "2", Refused("must be a version from 1.34 to 1.37, such as kube=1.37")),
    ("feature-gates", "StorageCapacityScoring=false", Taken),
    ("http2-max-streams-per-connection", "100", Taken),
    ("http2-max-streams-per-connection", "-1", Refused("must be from 0 to 4294967295")),
    ("kube-api-burst", "7", Taken),
    ("kube-api-content-type", "application/json", Taken),
    ("kube-api-qps", "7.5", Taken),
    ("kubeconfig", "f", Taken),
    ("leader-elect", "false", Taken),
    ("leader-elect-lease-duration", "1m", Taken),
    ("leader-elect-renew-deadline", "8s", Taken),
    ("leader-elect-resource-lock", "leases", Taken),
    ("leader-elect-resource-name", "n", Taken),
    ("leader-elect-resource-namespace", "n", Taken),
    ("leader-elect-retry-period", "1s", Taken),
    ("log-flush-frequency", "1s", Warned("each line of the log is written at once")),
    ("log-json-info-buffer-size", "1Ki", Refused(UNBUFFERED)),
    ("log-json-split-stream", "true", Refused(UNBUFFERED)),
    ("log-json-split-stream", "false", Taken),
    ("log-text-info-buffer-size", "1Ki", Refused(UNBUFFERED)),
    ("log-text-split-stream", "true", Refused(UNBUFFERED)),
    ("logging-format", "json", Taken),
    ("master", "http://127.0.0.1:1", Taken),
    ("min-compatibility-version", "1.36", Taken),
    (
        "min-compatibility-version",
        "1.38",
        Refused("must be a version from 1.34 to 1.37, such as kube=1.36"),
    ),
    ("permit-address-sharing", "true", Warned("as Go does it")),
    ("permit-port-sharing", "true", Taken),
    ("pod-max-in-unschedulable-pods-duration", "10m0s", Taken),
    ("profiling", "false", Taken),
    ("requestheader-allowed-names", "a,b", Taken),
    ("requestheader-client-ca-file", "f", Taken),
    ("requestheader-extra-headers-prefix", "x-", Taken),
    ("requestheader-group-headers", "x-g", Taken),
    ("requestheader-uid-headers", "x-u", Taken),
    ("requestheader-username-headers", "x-n", Taken),
    ("secure-port", "0", Taken),
    ("show-hidden-metrics-for-version", "1.36", Taken),
    (
        "show-hidden-metrics-for-version",
        "1.35",
        Refused(
            "must be omitted or have the value '1.36'. Only the previous minor version is allowed",
        ),
    ),
    ("tls-cert-file", "f", Refused("--tls-private-key-file is needed with it")),
    ("tls-cipher-suites", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Taken),
    ("tls-curve-preferences", "29,23", Taken),
    (
        "tls-curve-preferences",
        "4588",
        Refused("not spoken; there are 23 (P-256), 24 (P-384) and 29 (X25519)"),
    ),
    ("tls-min-version", "VersionTLS13", Taken),
    (
        "tls-min-version",
        "VersionTLS10",
        Refused("TLS before 1.2 is not spoken; give VersionTLS12 or VersionTLS13"),
    ),
    ("tls-private-key-file", "f", Refused("--tls-cert-file is needed with it")),
    (
        "tls-sni-cert-key",
        "c,k",
        Refused(
            "berth shows one certificate to all; give one with all the names as --tls-cert-file",
        ),
    ),
    ("v", "3", Taken),
    ("version", "raw", Taken),
    (
        "vmodule",
        "a=1",
        Refused(
            "its patterns name files of Go; RUST_LOG sets the log of a part of berth, such as \
             berth::client=debug",
        ),
    ),
    ("write-config-to", "f", Taken),
];

/// Values that are of no use for their kind, each with the flag.
const BAD: &[(Kind, &[&str])] = &[
    (Kind::Bool, &["yes", "2"]),
    (Kind::Integer, &["x", "1.5", "99999999999999999999"]),
    (Kind::Float, &["x", "inf"]),
    (Kind::Duration, &["10", "x", "1y"]),
];

fn parse(arguments: &[&str]) -> Result<RunArgs, clap::Error> {
    let words = ["berth", "run", "--kubeconfig", "k"].into_iter().chain(arguments.iter().copied());
    match try_parse_from(words)?.command {
        Command::Run(args) => Ok(*args),
        _ => panic!("{arguments:?}: not run"),
    }
}

fn resolve(argument: &str) -> Result<RunOptions, String> {
    let args = parse(&[argument]).map_err(|error| error.to_string())?;
    let surroundings = Surroundings { in_cluster: false, now_nanos: 5 };
    args.resolve(surroundings).map_err(|error| error.to_string())
}

#[test]
fn every_flag_of_upstream_is_known_with_its_default() {
    let rows = UPSTREAM.lines().filter(|line| !line.starts_with('#'));
    let mut names = BTreeSet::new();
    for row in rows {
        let [name, kind, default] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{row:?}")
        };
        names.insert(name);
        if name == "help" {
            continue;
        }
        let flag = FLAGS.iter().find(|flag| flag.name == name).expect(name);
        let expected = match kind {
            "bool" => Kind::Bool,
            "int" | "int32" | "Level" => Kind::Integer,
            "float32" => Kind::Float,
            "duration" => Kind::Duration,
            "strings" | "int32Slice" | "namedCertKey" => Kind::Texts,
            "stringToString" | "colonSeparatedMultimapStringString" | "pattern=N,..." => {
                Kind::Pairs
            }
            _ => Kind::Text,
        };
        assert_eq!(flag.kind, expected, "{name}");
        // The help leaves out what is nothing.
        let nothing = ["", "0", "false", "[]"].contains(&flag.default);
        assert!(flag.default == default || (default.is_empty() && nothing), "{name}");
    }
    assert_eq!(names.len(), FLAGS.len() + 1);
    assert!(FLAGS.is_sorted_by_key(|flag| flag.name));
}

#[test]
fn every_flag_is_taken_or_refused_with_a_reason() {
    for flag in FLAGS {
        let values = VALUES.iter().filter(|(name, ..)| *name == flag.name);
        let outcomes: Vec<_> = values.map(|(_, _, outcome)| outcome).collect();
        let as_handled = |outcome: &Outcome| match flag.handling {
            Handling::Honoured => true,
            Handling::Idle(_) => matches!(outcome, Warned(_)),
            Handling::Refused(_) => matches!(outcome, Refused(_)),
        };
        assert!(outcomes.into_iter().any(as_handled), "{}", flag.name);
    }
    for (name, value, outcome) in VALUES {
        let resolved = resolve(&format!("--{name}={value}"));
        match outcome {
            Taken => assert_eq!(resolved.expect(name).warnings, [""; 0], "{name}"),
            Warned(end) => {
                let warnings = resolved.expect(name).warnings;
                let begin = format!("--{name}: {value}: has no effect: ");
                let said = |line: &String| line.starts_with(&begin) && line.ends_with(end);
                assert!(warnings.len() == 1 && warnings.iter().all(said), "{warnings:?}");
            }
            Refused(reason) => {
                let shown = FLAGS.iter().find(|flag| flag.name == *name).expect(name);
                let listed =
                    shown.kind == Kind::Texts && matches!(shown.handling, Handling::Refused(_));
                let value = if listed { format!("[{value}]") } else { (*value).to_owned() };
                assert_eq!(resolved.expect_err(name), format!("--{name}: {value}: {reason}"));
            }
        }
    }
}

#[test]
fn a_bad_value_is_refused_with_the_flag_and_the_value() {
    let mut seen = 0;
    for flag in FLAGS {
        let bad = BAD.iter().find(|(kind, _)| *kind == flag.kind).map_or(&[][..], |(_, bad)| bad);
        for value in bad {
            let error = parse(&[&format!("--{}={value}", flag.name)]).expect_err(flag.name);
            assert_eq!(error.exit_code(), 2);
            let text = error.to_string();
            assert!(text.contains(&format!("--{}", flag.name)), "{text}");
            assert!(text.contains(value), "{text}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
    for argument in ["--no-such-flag", "--no-such-flag=1", "word"] {
        assert_eq!(parse(&[argument]).unwrap_err().exit_code(), 2, "{argument}");
    }
}

#[test]
fn flagz_has_every_flag_as_go_shows_it() {
    let args = parse(&[
        "--leader_elect=F",
        "--leader-elect-retry-period=90s",
        "--authorization-always-allow-paths=/a,/b",
        "--authorization-always-allow-paths=/c",
        "--kube-api-qps=1e1",
        "-v=0x2",
        "--secure-port=0",
    ])
    .unwrap();
    let flags = args.upstream.all();
    assert_eq!(flags.len(), FLAGS.len() + 1);
    for (name, value) in [
        ("leader-elect", "false"),
        ("leader-elect-retry-period", "1m30s"),
        ("authorization-always-allow-paths", "[/a,/b,/c]"),
        ("kube-api-qps", "10"),
        ("v", "2"),
        ("secure-port", "0"),
        ("kubeconfig", "k"),
        ("leader-elect-lease-duration", "15s"),
        ("help", "false"),
        ("log-json-info-buffer-size", "0"),
    ] {
        assert_eq!(flags[name], value, "{name}");
    }
}

#[test]
fn the_version_is_asked_for_as_upstream() {
    for (argument, asked) in [
        ("--version", true),
        ("--version=raw", true),
        ("--version=true", true),
        ("--version=0", false),
    ] {
        assert_eq!(parse(&[argument]).unwrap().upstream.asks_for_version(), asked, "{argument}");
    }
    let error = parse(&["--version=v1.38.0"]).unwrap_err().to_string();
    assert!(error.contains("berth reports no version but its own"), "{error}");
}
