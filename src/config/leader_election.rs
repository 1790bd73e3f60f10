//! `leaderElection`: its fields, their defaults and rules, and what they mean. Used by `v1`, `defaults`,
//! `validate` and `render`; `cli` puts its flags over the result.
//!
//! Upstream: SetDefaults_KubeSchedulerConfiguration and ValidateLeaderElectionConfiguration, v1.37, and
//! NewLeaderElector, client-go v0.37.

use std::time::Duration;

use super::duration::go_duration;
use super::error::Findings;
use super::overrides::LeaderElectionOverrides;
use super::reader::Reader;
use super::value::{Value, quoted};

/// The name of the Lease where none is given.
///
/// Differs from upstream, which takes `kube-scheduler`: that one is the cluster's own.
pub const LEASE_NAME: &str = "berth";

/// The name of the Lease of the cluster's own scheduler.
const UPSTREAM_LEASE_NAME: &str = "kube-scheduler";

/// The only kind of lock.
const LEASES: &str = "leases";

const SECOND: i64 = 1_000_000_000;

/// `leaseDuration`, `renewDeadline` and `retryPeriod` where they are not given, in nanoseconds.
const DEFAULT_NANOS: [i64; 3] = [15 * SECOND, 10 * SECOND, 2 * SECOND];

/// The part of lease duration less renew deadline in which a write is not allowed to end, so that the time
/// that messages take does not matter: one in so many.
const MARGIN: i64 = 10;

/// How long the name of an object may be.
const NAME_BYTES_MAX: usize = 253;

/// The least time that a write must have. A healthy API server takes some milliseconds.
const WRITE_NANOS_MIN: i64 = SECOND / 2;

/// Whether and how one of several berths is chosen, with its defaults; durations in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderElection {
    /// Whether there is an election at all.
    pub leader_elect: bool,
    /// `leaseDuration`.
    pub lease_nanos: i64,
    /// `renewDeadline`.
    pub renew_nanos: i64,
    /// `retryPeriod`.
    pub retry_nanos: i64,
    /// `resourceLock`.
    pub resource_lock: String,
    /// `resourceName`.
    pub resource_name: String,
    /// `resourceNamespace`; empty is berth's own.
    pub resource_namespace: String,
}

/// A field that something can be wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElectionField {
    /// `leaseDuration`.
    LeaseDuration,
    /// `renewDeadline`.
    RenewDeadline,
    /// `retryPeriod`.
    RetryPeriod,
    /// `resourceLock`.
    ResourceLock,
    /// `resourceName`.
    ResourceName,
    /// `resourceNamespace`.
    ResourceNamespace,
}

impl ElectionField {
    /// Its name in a file.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::LeaseDuration => "leaderElection.leaseDuration",
            Self::RenewDeadline => "leaderElection.renewDeadline",
            Self::RetryPeriod => "leaderElection.retryPeriod",
            Self::ResourceLock => "leaderElection.resourceLock",
            Self::ResourceName => "leaderElection.resourceName",
            Self::ResourceNamespace => "leaderElection.resourceNamespace",
        }
    }

    /// Its flag.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::LeaseDuration => "--leader-elect-lease-duration",
            Self::RenewDeadline => "--leader-elect-renew-deadline",
            Self::RetryPeriod => "--leader-elect-retry-period",
            Self::ResourceLock => "--leader-elect-resource-lock",
            Self::ResourceName => "--leader-elect-resource-name",
            Self::ResourceNamespace => "--leader-elect-resource-namespace",
        }
    }
}

/// Something that is wrong with an election: the field, its value as JSON, and what is wrong.
pub type ElectionProblem = (ElectionField, String, &'static str);

impl Default for LeaderElection {
    fn default() -> Self {
        let [lease_nanos, renew_nanos, retry_nanos] = DEFAULT_NANOS;
        Self {
            leader_elect: true,
            lease_nanos,
            renew_nanos,
            retry_nanos,
            resource_lock: LEASES.to_owned(),
            resource_name: LEASE_NAME.to_owned(),
            resource_namespace: String::new(),
        }
    }
}

impl LeaderElection {
    /// What is wrong with it; nothing is where there is no election.
    #[must_use]
    pub fn problems(&self) -> Vec<ElectionProblem> {
        if !self.leader_elect {
            return Vec::new();
        }
        let durations = [
            (ElectionField::LeaseDuration, self.lease_nanos),
            (ElectionField::RenewDeadline, self.renew_nanos),
            (ElectionField::RetryPeriod, self.retry_nanos),
        ];
        let shown = |nanos| quoted(&go_duration(nanos));
        let mut problems = Vec::new();
        for (field, nanos) in durations {
            if nanos <= 0 {
                problems.push((field, shown(nanos), "must be greater than zero"));
            }
        }
        // Upstream: `JitterFactor` is 1.2.
        let stretched = self.retry_nanos.saturating_add(self.retry_nanos / 5);
        if self.lease_nanos <= self.renew_nanos {
            let message = "must be greater than `RenewDeadline`";
            problems.push((ElectionField::LeaseDuration, shown(self.lease_nanos), message));
        } else if problems.is_empty() && self.renew_nanos <= stretched {
            let message = "renewDeadline must be greater than retryPeriod*JitterFactor";
            problems.push((ElectionField::RenewDeadline, shown(self.renew_nanos), message));
        } else if problems.is_empty() && self.write_nanos() < WRITE_NANOS_MIN {
            let message = "must be greater than renewDeadline by 0.6s or more, in whole seconds: a leader's last \
                           write must have ended before another one leads";
            problems.push((ElectionField::LeaseDuration, shown(self.lease_nanos), message));
        }
        if self.resource_lock != LEASES {
            let message = "resourceLock value must be \"leases\"";
            problems.push((ElectionField::ResourceLock, quoted(&self.resource_lock), message));
        }
        // Upstream has the API server refuse them, again and again.
        let names = [
            (ElectionField::ResourceName, &self.resource_name),
            (ElectionField::ResourceNamespace, &self.resource_namespace),
        ];
        for (field, name) in names {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
            if !name.chars().all(fits) || name.len() > NAME_BYTES_MAX {
                problems.push((field, quoted(name), "must be the name of an object"));
            }
        }
        problems
    }

    /// What is worth a warning.
    #[must_use]
    pub fn warning(&self) -> Option<ElectionProblem> {
        let name = &self.resource_name;
        let message = "is the lease of the cluster's own scheduler: of the two only one works at a time, and pods \
                       of the other's schedulerName wait; take another name";
        (self.leader_elect && name == UPSTREAM_LEASE_NAME)
            .then(|| (ElectionField::ResourceName, quoted(name), message))
    }

    /// How long a write may take, so that the last one of a leader has ended before another one leads: what
    /// lies between the renew deadline and the end of the lease, in which only whole seconds count, but a
    /// tenth.
    #[must_use]
    pub fn write_time(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.write_nanos()).unwrap_or_default())
    }

    fn write_nanos(&self) -> i64 {
        let between =
            (self.lease_nanos - self.lease_nanos % SECOND).saturating_sub(self.renew_nanos);
        between - between / MARGIN
    }
}

/// The fields of a file; zero and nothing are what was not given. Durations in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LeaderElectionFields {
    pub(super) leader_elect: Option<bool>,
    /// `leaseDuration`, `renewDeadline` and `retryPeriod`.
    pub(super) nanos: [i64; 3],
    pub(super) resource_lock: String,
    pub(super) resource_name: String,
    pub(super) resource_namespace: String,
}

pub(super) fn read(reader: &mut Reader, value: &Value) -> LeaderElectionFields {
    let mut fields = LeaderElectionFields::default();
    let nanos =
        |reader: &mut Reader, value: &Value| reader.plain_duration_nanos(value).unwrap_or_default();
    let text = |reader: &mut Reader, value: &Value| reader.string(value).unwrap_or_default();
    reader.fields(value, |reader, key, value| match key {
        "leaderElect" => fields.leader_elect = reader.bool(value),
        "leaseDuration" => fields.nanos[0] = nanos(reader, value),
        "renewDeadline" => fields.nanos[1] = nanos(reader, value),
        "retryPeriod" => fields.nanos[2] = nanos(reader, value),
        "resourceLock" => fields.resource_lock = text(reader, value),
        "resourceName" => fields.resource_name = text(reader, value),
        "resourceNamespace" => fields.resource_namespace = text(reader, value),
        _ => reader.unknown(),
    });
    fields
}

impl LeaderElectionFields {
    /// What they mean, with the defaults filled in.
    pub(super) fn compile(&self) -> LeaderElection {
        let default = LeaderElection::default();
        let nanos =
            |at: usize| if self.nanos[at] == 0 { DEFAULT_NANOS[at] } else { self.nanos[at] };
        let text = |given: &String, default: String| {
            if given.is_empty() { default } else { given.clone() }
        };
        LeaderElection {
            leader_elect: self.leader_elect.unwrap_or(default.leader_elect),
            lease_nanos: nanos(0),
            renew_nanos: nanos(1),
            retry_nanos: nanos(2),
            resource_lock: text(&self.resource_lock, default.resource_lock),
            resource_name: text(&self.resource_name, default.resource_name),
            resource_namespace: self.resource_namespace.clone(),
        }
    }
}

/// Says what is wrong with the block of a file, unless `flags` mend it.
///
/// Upstream: Options.ApplyTo of kube-scheduler, v1.37: flags are put over the block before it is checked.
pub(super) fn check(
    fields: &LeaderElectionFields,
    flags: &LeaderElectionOverrides,
    findings: &mut Findings,
) {
    let election = fields.compile();
    let mut with_flags = fields.clone();
    flags.apply(&mut with_flags);
    if !with_flags.compile().problems().is_empty() {
        for (field, value, message) in election.problems() {
            findings.refuse(field.path().to_owned(), Some(value), message);
        }
    }
    if let Some((field, value, message)) = election.warning() {
        findings.warn(field.path().to_owned(), Some(value), message);
    }
}

/// The block with every default written out. The namespace is berth's own where none is given, so its default
/// is not known here.
pub(super) fn shown(fields: &LeaderElectionFields) -> Value {
    let election = fields.compile();
    let duration = |nanos| Value::String(go_duration(nanos));
    Value::map([
        ("leaderElect", election.leader_elect.into()),
        ("leaseDuration", duration(election.lease_nanos)),
        ("renewDeadline", duration(election.renew_nanos)),
        ("retryPeriod", duration(election.retry_nanos)),
        ("resourceLock", election.resource_lock.as_str().into()),
        ("resourceName", election.resource_name.as_str().into()),
        ("resourceNamespace", election.resource_namespace.as_str().into()),
    ])
}
