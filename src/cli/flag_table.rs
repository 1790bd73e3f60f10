//! Every flag of kube-scheduler v1.37: what its value is, its default, and what berth makes of it. The rest of
//! `cli` adds those flags to the command line that have no field of their own there, and shows all of them
//! at `/flagz`.
//!
//! Upstream: `kube-scheduler --help`, v1.37.2; a test compares this table with it.

/// What the value of a flag is, which decides how it is read and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Integer,
    Float,
    Duration,
    Text,
    /// A list with commas; given again, it goes on.
    Texts,
    /// Pairs with commas, shown as they were given.
    Pairs,
}

/// What berth makes of a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handling {
    /// It means what it means upstream. A field of `args` has it.
    Honoured,
    /// It is read, and what it asks for is so in any case, or means nothing here; why.
    Idle(&'static str),
    /// Refused, unless the value asks for nothing; why.
    Refused(&'static str),
}

/// A flag of kube-scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Flag {
    /// Its name, without the dashes in front.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// As kube-scheduler shows it.
    pub(super) default: &'static str,
    pub(super) handling: Handling,
}

const fn flag(name: &'static str, kind: Kind, default: &'static str) -> Flag {
    Flag { name, kind, default, handling: Handling::Honoured }
}

const fn idle(name: &'static str, kind: Kind, default: &'static str, why: &'static str) -> Flag {
    Flag { name, kind, default, handling: Handling::Idle(why) }
}

const fn refused(name: &'static str, kind: Kind, default: &'static str, why: &'static str) -> Flag {
    Flag { name, kind, default, handling: Handling::Refused(why) }
}

use Kind::{Bool, Duration, Float, Integer, Pairs, Text, Texts};

const UNBUFFERED: &str =
    "an alpha option of upstream's log; berth's goes to standard error, line by line";
const ALL_LABELS: &str =
    "berth cannot replace labels of its metrics; drop them where they are scraped";

/// All of them, by name, but for `help`, which clap has.
pub(super) const FLAGS: &[Flag] = &[
    refused("allow-metric-labels", Pairs, "[]", ALL_LABELS),
    refused("allow-metric-labels-manifest", Text, "", ALL_LABELS),
    flag("authentication-kubeconfig", Text, ""),
    flag("authentication-skip-lookup", Bool, "false"),
    flag("authentication-token-webhook-cache-ttl", Duration, "10s"),
    flag("authentication-tolerate-lookup-failure", Bool, "true"),
    flag("authorization-always-allow-paths", Texts, "[/healthz,/readyz,/livez]"),
    flag("authorization-kubeconfig", Text, ""),
    flag("authorization-webhook-cache-authorized-ttl", Duration, "10s"),
    flag("authorization-webhook-cache-unauthorized-ttl", Duration, "10s"),
    flag("bind-address", Text, "0.0.0.0"),
    flag("cert-dir", Text, ""),
    flag("client-ca-file", Text, ""),
    flag("config", Text, ""),
    idle("contention-profiling", Bool, "true", "there are no Go locks to profile"),
    flag("disable-http2-serving", Bool, "false"),
    flag("disabled-metrics", Texts, "[]"),
    flag("emulated-version", Texts, "[]"),
    flag("feature-gates", Pairs, ""),
    flag("http2-max-streams-per-connection", Integer, "0"),
    flag("kube-api-burst", Integer, "100"),
    flag("kube-api-content-type", Text, "application/vnd.kubernetes.protobuf"),
    flag("kube-api-qps", Float, "50"),
    flag("kubeconfig", Text, ""),
    flag("leader-elect", Bool, "true"),
    flag("leader-elect-lease-duration", Duration, "15s"),
    flag("leader-elect-renew-deadline", Duration, "10s"),
    flag("leader-elect-resource-lock", Text, "leases"),
    flag("leader-elect-resource-name", Text, "kube-scheduler"),
    flag("leader-elect-resource-namespace", Text, "kube-system"),
    flag("leader-elect-retry-period", Duration, "2s"),
    idle("log-flush-frequency", Duration, "5s", "each line of the log is written at once"),
    refused("log-json-info-buffer-size", Text, "0", UNBUFFERED),
    refused("log-json-split-stream", Bool, "false", UNBUFFERED),
    refused("log-text-info-buffer-size", Text, "0", UNBUFFERED),
    refused("log-text-split-stream", Bool, "false", UNBUFFERED),
    flag("logging-format", Text, "text"),
    flag("master", Text, ""),
    flag("min-compatibility-version", Texts, "[]"),
    idle(
        "permit-address-sharing",
        Bool,
        "false",
        "addresses are always taken with SO_REUSEADDR, as Go does it",
    ),
    flag("permit-port-sharing", Bool, "false"),
    flag("pod-max-in-unschedulable-pods-duration", Duration, "5m0s"),
    flag("profiling", Bool, "true"),
    flag("requestheader-allowed-names", Texts, "[]"),
    flag("requestheader-client-ca-file", Text, ""),
    flag("requestheader-extra-headers-prefix", Texts, "[x-remote-extra-]"),
    flag("requestheader-group-headers", Texts, "[x-remote-group]"),
    flag("requestheader-uid-headers", Texts, "[]"),
    flag("requestheader-username-headers", Texts, "[x-remote-user]"),
    flag("secure-port", Integer, "10259"),
    flag("show-hidden-metrics-for-version", Text, ""),
    flag("tls-cert-file", Text, ""),
    flag("tls-cipher-suites", Texts, "[]"),
    flag("tls-curve-preferences", Texts, "[]"),
    flag("tls-min-version", Text, ""),
    flag("tls-private-key-file", Text, ""),
    refused(
        "tls-sni-cert-key",
        Texts,
        "[]",
        "berth shows one certificate to all; give one with all the names as --tls-cert-file",
    ),
    flag("v", Integer, "0"),
    flag("version", Text, "false"),
    refused(
        "vmodule",
        Pairs,
        "",
        "its patterns name files of Go; RUST_LOG sets the log of a part of berth, such as \
         berth::client=debug",
    ),
    flag("write-config-to", Text, ""),
];
