//! Tables of command lines: how flags are spelled, what is refused and how.

use std::net::{Ipv4Addr, Ipv6Addr};

use clap::error::ErrorKind;

use super::args::{
    ConfigArgs, ConfigCommand, EvaluateArgs, GateArgs, LogArgs, OutputFormat, RunArgs,
    try_parse_from,
};
use super::leader_flags::LeaderElectionArgs;
use super::secure_args::SecureServingArgs;
use super::upstream_args::UpstreamArgs;
use super::*;
use crate::telemetry::LogFormat;
use std::time::Duration;

/// The words of a command line, program name first; `''` is an empty one.
fn words(line: &str) -> impl Iterator<Item = String> {
    ["berth"].into_iter().chain(line.split_whitespace()).map(|word| word.replace("''", ""))
}

fn run(line: &str) -> RunArgs {
    match try_parse_from(words(line)) {
        Ok(cli) => match cli.command {
            Command::Run(args) => *args,
            _ => panic!("{line}: not run"),
        },
        Err(error) => panic!("{line}: {error}"),
    }
}

fn refused(line: &str) -> clap::Error {
    try_parse_from(words(line)).expect_err(line)
}

#[test]
fn every_flag_is_read() {
    let line = "run --config c.yaml --kubeconfig k --scheduler-name s --seed 7 --decision-log d \
                --leader-elect=false --leader-elect-lease-duration 1m30s \
                --leader-elect-renew-deadline -1ms --leader-elect-retry-period=0 \
                --leader-elect-resource-lock l --leader-elect-resource-name m \
                --leader-elect-resource-namespace n --pod-max-in-unschedulable-pods-duration 10m \
                --kube-api-qps 1.5 --kube-api-burst 3 --kube-api-content-type application/json \
                -v 2 --logging-format json \
                --secure-port 0 --bind-address ::1 --tls-cert-file c --tls-private-key-file p \
                --http-address 127.0.0.1:80 --feature-gates A=true,B=false --feature_gates=C=1";
    let expected = RunArgs {
        config: Some("c.yaml".into()),
        kubeconfig: Some("k".into()),
        scheduler_name: Some("s".to_owned()),
        seed: Some(7),
        decision_log: Some("d".into()),
        dry_run: None,
        leader_election: LeaderElectionArgs {
            elect: Some(false),
            lease_duration: Some(90_000_000_000),
            renew_deadline: Some(-1_000_000),
            retry_period: Some(0),
            resource_lock: Some("l".to_owned()),
            resource_name: Some("m".to_owned()),
            resource_namespace: Some("n".to_owned()),
        },
        pod_max_in_unschedulable_pods_duration: Some(Duration::from_mins(10)),
        kube_api_qps: Some(1.5),
        kube_api_burst: Some(3),
        kube_api_content_type: Some("application/json".to_owned()),
        secure: SecureServingArgs {
            secure_port: Some(0),
            bind_address: Some(Ipv6Addr::LOCALHOST.into()),
            tls_cert_file: Some("c".into()),
            tls_private_key_file: Some("p".into()),
            ..SecureServingArgs::default()
        },
        http_address: Some((Ipv4Addr::LOCALHOST, 80).into()),
        gates: GateArgs { feature_gates: vec!["A=true,B=false".into(), "C=1".into()] },
        log: LogArgs { verbosity: 2, logging_format: LogFormat::Json },
        ..RunArgs::default()
    };
    let read = run(line);
    assert_eq!(read.upstream.all()["tls-cert-file"], "c");
    assert_eq!(RunArgs { upstream: UpstreamArgs::default(), ..read }, expected);
    assert_eq!(run("run"), RunArgs::default());
}

#[test]
fn values_follow_a_space_or_an_equals_sign_and_underscores_are_dashes() {
    let same = [
        "run --kube-api-qps 5 --config a_b",
        "run --kube-api-qps=5 --config=a_b",
        "run --kube_api_qps 5 --config a_b",
        "run --kube_api-qps=5 --config=a_b",
    ];
    for line in same {
        let args = run(line);
        assert_eq!((args.kube_api_qps, args.config), (Some(5.0), Some("a_b".into())), "{line}");
    }

    for line in ["run -v=2", "run -v2", "run -v 2", "run --v=2", "run --v 2", "run -v=1 -v 2"] {
        assert_eq!(run(line).log.verbosity, 2, "{line}");
    }
    for line in ["run -v -1", "run -v=-1", "run -v-1", "run --v -1"] {
        assert_eq!(run(line).log.verbosity, -1, "{line}");
    }
}

#[test]
fn a_flag_takes_the_next_word_whatever_it_looks_like() {
    assert_eq!(run("run --config --v --v 3").config, Some("--v".into()));
    assert_eq!(run("run --config --v --v 3").log.verbosity, 3);
    assert_eq!(run("run --config --kube_api_qps").config, Some("--kube_api_qps".into()));
    assert_eq!(run("run --scheduler-name --").scheduler_name.as_deref(), Some("--"));
    assert_eq!(run("run --scheduler-name a=b=c").scheduler_name.as_deref(), Some("a=b=c"));
    assert_eq!(run("run --scheduler-name=a=b").scheduler_name.as_deref(), Some("a=b"));
    assert_eq!(run("run --scheduler-name evaluate").scheduler_name.as_deref(), Some("evaluate"));
    assert_eq!(run("run --config=").config, Some("".into()));
    assert_eq!(run("run --config ''").config, Some("".into()));
    assert_eq!(run("run --kube-api-burst -5").kube_api_burst, Some(-5));
    assert_eq!(run("run --seed 0xff_ff").seed, Some(65535));
}

#[test]
fn the_last_of_several_wins() {
    assert_eq!(run("run --seed 1 --seed=2").seed, Some(2));
    assert_eq!(run("run --leader-elect --leader-elect=false").leader_election.elect, Some(false));
}

#[test]
fn a_boolean_takes_its_value_only_after_an_equals_sign() {
    assert_eq!(run("run --leader-elect").leader_election.elect, Some(true));
    assert_eq!(run("run --leader-elect=T").leader_election.elect, Some(true));
    assert_eq!(run("run --leader_elect=0").leader_election.elect, Some(false));
    assert_eq!(run("run --leader-elect --seed 3").seed, Some(3));
    assert_eq!(refused("run --leader-elect false").kind(), ErrorKind::UnknownArgument);
}

#[test]
fn evaluate_has_two_outputs() {
    let output = |line| match try_parse_from(words(line)).unwrap().command {
        Command::Evaluate(EvaluateArgs { output, .. }) => output,
        _ => panic!("not evaluate"),
    };
    assert_eq!(output("evaluate"), OutputFormat::Json);
    assert_eq!(output("evaluate --output json"), OutputFormat::Json);
    assert_eq!(output("evaluate --output=table"), OutputFormat::Table);
}

#[test]
fn bad_input_names_flag_and_value_on_its_first_line_and_exits_with_2() {
    let table = [
        ("run --kube-api-qps fast", "'fast' for '--kube-api-qps <QPS>': must be a finite number"),
        ("run --kube-api-qps=", "for '--kube-api-qps <QPS>'"),
        ("run --kube-api-burst 1.5", "'1.5' for '--kube-api-burst <N>': must be an integer"),
        ("run --kube-api-burst 3000000000", "'3000000000' for '--kube-api-burst <N>': is out of"),
        ("run --seed -1", "'-1' for '--seed <N>': is out of range"),
        ("run -v loud", "'loud' for '--v <LEVEL>': must be an integer"),
        (
            "run --leader-elect=maybe",
            "'maybe' for '--leader-elect[=<BOOL>]': must be true or false",
        ),
        (
            "run --leader-elect-lease-duration 15",
            "'15' for '--leader-elect-lease-duration <DURATION>': must be a duration with a unit",
        ),
        ("run --logging-format xml", "'xml' for '--logging-format <FORMAT>'"),
        ("evaluate --output yaml", "'yaml' for '--output <FORMAT>'"),
        ("run --config", "a value is required for '--config <FILE>'"),
        ("run --no_such=1", "unexpected argument '--no_such' found"),
        ("run -x", "unexpected argument '-x' found"),
        ("run pod", "unexpected argument 'pod' found"),
        ("run -- pod", "unexpected argument 'pod' found"),
        ("run evaluate", "unexpected argument 'evaluate' found"),
        ("evaluate --seed 1", "unexpected argument '--seed' found"),
        ("schedule", "unrecognized subcommand 'schedule'"),
    ];
    for (line, expected) in table {
        let error = refused(line);
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("error: ") && first.contains(expected), "{line}: {first}");
        assert_eq!(error.exit_code(), 2, "{line}");
        assert!(error.use_stderr(), "{line}");
    }
    assert_eq!(refused("").exit_code(), 2);
    assert_eq!(dispatch(words("run pod").map(OsString::from)), ExitCode::from(2));
}

#[test]
fn config_has_two_commands() {
    let config = |line: &str| match try_parse_from(words(line)).expect(line).command {
        Command::Config(ConfigArgs { command }) => command,
        _ => panic!("{line}: not config"),
    };
    assert_eq!(
        config("config default"),
        ConfigCommand::Default { config: None, gates: GateArgs::default() }
    );
    let of_file = ConfigCommand::Default { config: Some("f".into()), gates: GateArgs::default() };
    assert_eq!(config("config default --config f"), of_file);
    assert_eq!(
        config("config check f"),
        ConfigCommand::Check { file: "f".into(), gates: GateArgs::default() }
    );
    for line in ["config", "config check", "config check a b", "config default f", "config print"] {
        assert_eq!(refused(line).exit_code(), 2, "{line}");
    }
}

#[test]
fn help_and_version_are_answers() {
    let version = refused("--version");
    assert_eq!(version.to_string(), "berth 0.1.0 (Kubernetes scheduling v1.37)\n");
    assert_eq!((version.exit_code(), version.use_stderr()), (0, false));
    for line in ["--help", "-h", "run --help", "run -h", "evaluate --help"] {
        let help = refused(line);
        assert_eq!(help.kind(), ErrorKind::DisplayHelp, "{line}");
        assert_eq!((help.exit_code(), help.use_stderr()), (0, false), "{line}");
    }
    let help = refused("run --help").to_string();
    assert!(help.contains("--kube-api-qps <QPS>") && help.contains("-v, --v <LEVEL>"), "{help}");
}

#[test]
#[cfg(unix)]
fn paths_need_not_be_text() {
    use std::os::unix::ffi::OsStringExt as _;
    let odd = || OsString::from_vec(vec![b'a', 0xff]);
    let config = |arguments: Vec<OsString>| match try_parse_from(arguments).unwrap().command {
        Command::Run(args) => args.config,
        _ => panic!("not run"),
    };
    let arguments = vec!["berth".into(), "run".into(), "--config".into(), odd()];
    assert_eq!(config(arguments), Some(odd().into()));
    let mut joined = OsString::from("--config=");
    joined.push(odd());
    assert_eq!(config(vec!["berth".into(), "run".into(), joined]), Some(odd().into()));
}
