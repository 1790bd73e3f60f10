//! Who leads, as plain state: [`Elector`] says what to ask of the API server and when, and is told what came
//! of it. No clock, no IO. Driven by `candidacy`, and by the simulation in its tests.
//!
//! Upstream: client-go tools/leaderelection LeaderElector, v0.37. The times in a record are opaque text: what
//! counts is when a *change* of it was seen, by the own clock, so that clocks may differ. Every write names
//! the version that it replaces, so that of two writers one wins.
//!
//! Differs from upstream, each time towards one leader at most:
//! - The renew deadline counts from when the last accepted renewal was *sent*. Upstream counts from a retry
//!   period after its answer came, which can be later than others may take the lease.
//! - Whoever leads and reads that somebody else holds the lease stops at once, and not at the deadline.
//! - The jitter of those who wait makes their pause shorter, never longer, and they look again when the lease
//!   that they know ends. So another leads within lease duration plus retry period; upstream's pauses are up
//!   to 2.2 retry periods.

use crate::units::{Nanos, hash_bytes, mix};

/// A pause of those who wait is between one part in 1 plus this and a whole retry period; in thousandths.
///
/// Upstream: `JitterFactor`, v0.37.
const JITTER_FACTOR_MILLI: u64 = 1_200;

/// The least time that a request may take. Upstream: `NewFromKubeconfig`, v0.37.
const PATIENCE_MIN: Nanos = Nanos::SECOND;

/// What is written in the place of `leaseDurationSeconds` when the lease is given up.
const RELEASED_SECONDS: i64 = 1;

/// The times of an election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// How long those who wait let a lease be that nobody renews. Only whole seconds count.
    pub lease_duration: Nanos,
    /// How long a leader goes on without a renewal.
    pub renew_deadline: Nanos,
    /// The pause between two looks, or two renewals.
    pub retry_period: Nanos,
}

/// What a Lease says about who leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Who leads; empty where nobody does.
    pub(crate) holder: Box<str>,
    /// How long it may stay without a change.
    pub(crate) duration_seconds: i64,
    /// How often it has changed hands.
    pub(crate) transitions: i64,
    /// When the holder took it, as the API writes it.
    pub(crate) acquired: Box<str>,
    /// When it was last renewed, as the API writes it.
    pub(crate) renewed: Box<str>,
}

/// Something to be asked of the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// What the Lease says.
    Read,
    /// To make the Lease.
    Create(Record),
    /// To replace the Lease that was read, created or replaced last.
    Update(Record),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The Lease says this.
    Found(Record),
    /// There is no Lease.
    Missing,
    /// It was written.
    Written,
    /// It was refused, or there was no answer in time.
    Failed,
}

/// What to do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing before this time.
    Wait(Nanos),
    /// This, and no longer than until that time. [`Elector::answered`] is to be told what came of it.
    Ask(Ask, Nanos),
    /// To stop at once. It stays so.
    Lost(String),
}

/// What comes next.
#[derive(Clone, Debug)]
enum Stage {
    /// This, from then on.
    Due(Ask, Nanos),
    /// An answer is awaited that was asked for at this time.
    Asked(Ask, Nanos),
    /// This one led and does no longer.
    Lost(String),
}

/// One candidate.
#[derive(Clone, Debug)]
pub(crate) struct Elector {
    identity: Box<str>,
    times: Times,
    /// The record that was seen last, and since when it is so.
    seen: Option<(Record, Nanos)>,
    /// When the renewal was sent that was accepted last; none before this one leads.
    renewed_at: Option<Nanos>,
    stage: Stage,
    /// What is written next was preceded by a look at the Lease.
    looked: bool,
    seed: u64,
    pauses: u64,
    slow_renewals: u64,
}

impl Elector {
    /// A candidate that begins at once.
    pub(crate) fn new(identity: &str, times: Times) -> Self {
        Self {
            identity: identity.into(),
            times,
            seen: None,
            renewed_at: None,
            stage: Stage::Due(Ask::Read, Nanos(0)),
            looked: false,
            seed: hash_bytes(0, identity.as_bytes()),
            pauses: 0,
            slow_renewals: 0,
        }
    }

    /// Until when this one leads if nothing more is heard; none where it does not lead.
    pub(crate) fn leads_until(&self) -> Option<Nanos> {
        let lost = matches!(self.stage, Stage::Lost(_));
        self.renewed_at.filter(|_| !lost).map(|at| at + self.times.renew_deadline)
    }

    /// Who is known to hold the lease; empty where nobody does or nothing is known.
    pub(crate) fn holder(&self) -> &str {
        self.seen.as_ref().map_or("", |(record, _)| &record.holder)
    }

    /// How often a renewal was not the first thing that was asked, but came after a look at the Lease.
    pub(crate) fn slow_renewals(&self) -> u64 {
        self.slow_renewals
    }

    /// What to do at `now`. `stamp` is the time of the wall clock, as the API writes it.
    pub(crate) fn step(&mut self, now: Nanos, stamp: &str) -> Step {
        self.look_at_deadline(now);
        let end = self.leads_until().unwrap_or(Nanos(u64::MAX));
        match &mut self.stage {
            Stage::Lost(reason) => Step::Lost(reason.clone()),
            Stage::Due(_, at) if *at > now => Step::Wait((*at).min(end)),
            Stage::Due(ask, _) => {
                if let Ask::Create(record) | Ask::Update(record) = ask {
                    record.renewed = stamp.into();
                    if record.acquired.is_empty() {
                        record.acquired = stamp.into();
                    }
                }
                let ask = ask.clone();
                self.stage = Stage::Asked(ask.clone(), now);
                Step::Ask(ask, (now + self.patience()).min(end))
            }
            Stage::Asked(_, since) => {
                let since = *since;
                Step::Wait((since + self.patience()).min(end))
            }
        }
    }

    /// What came of the last [`Step::Ask`], at `now`.
    pub(crate) fn answered(&mut self, answer: Answer, now: Nanos) {
        self.look_at_deadline(now);
        let Stage::Asked(ask, sent) = self.stage.clone() else { return };
        match (ask, answer) {
            (Ask::Read, Answer::Found(record)) => self.found(record, now),
            (Ask::Read, Answer::Missing) => {
                self.stage = Stage::Due(Ask::Create(self.record()), now);
            }
            (Ask::Create(record) | Ask::Update(record), Answer::Written) => {
                self.seen = Some((record, now));
                self.looked = false;
                if now < sent + self.times.renew_deadline {
                    self.renewed_at = Some(sent);
                    self.stage = Stage::Due(self.renewal(), now + self.times.retry_period);
                } else {
                    // It is held, but it is too late to lead by that.
                    self.stage = Stage::Due(Ask::Read, now);
                }
            }
            // A renewal without a look at the Lease failed: somebody may have changed it.
            (Ask::Update(_), _) if self.renewed_at.is_some() && !self.looked => {
                self.stage = Stage::Due(Ask::Read, now);
            }
            _ => self.pause(now, Nanos(u64::MAX)),
        }
    }

    /// What to write in the place of `found` to give the lease up; none where it is not this one's.
    pub(crate) fn release(&self, found: &Record, stamp: &str) -> Option<Record> {
        (found.holder == self.identity).then(|| Record {
            holder: "".into(),
            duration_seconds: RELEASED_SECONDS,
            transitions: found.transitions,
            acquired: stamp.into(),
            renewed: stamp.into(),
        })
    }

    /// The Lease says `record`.
    fn found(&mut self, record: Record, now: Nanos) {
        let since = match &self.seen {
            Some((seen, since)) if *seen == record => *since,
            _ => now,
        };
        self.seen = Some((record.clone(), since));
        self.looked = true;
        let is_own = record.holder == self.identity;
        let ends_at = since + seconds(record.duration_seconds);
        if !is_own && !record.holder.is_empty() {
            if self.renewed_at.is_some() {
                let reason = format!("{} holds the lease", record.holder);
                self.stage = Stage::Lost(reason);
                return;
            }
            if now < ends_at {
                self.pause(now, ends_at);
                return;
            }
        }
        let mut next = self.record();
        if is_own {
            next.acquired = record.acquired;
            next.transitions = record.transitions;
            self.slow_renewals += 1;
        } else {
            next.transitions = record.transitions.saturating_add(1);
        }
        self.stage = Stage::Due(Ask::Update(next), now);
    }

    /// Looks again after a pause, and at `at` at the latest.
    fn pause(&mut self, now: Nanos, at: Nanos) {
        self.pauses += 1;
        let period = self.times.retry_period.0;
        let pause = if self.renewed_at.is_some() {
            period
        } else {
            let jitter = mix(self.seed, self.pauses) % JITTER_FACTOR_MILLI;
            // Upstream waits for the period times the same factor.
            period.saturating_mul(1_000) / (1_000 + jitter)
        };
        self.stage = Stage::Due(Ask::Read, (now + Nanos(pause)).min(at));
    }

    fn look_at_deadline(&mut self, now: Nanos) {
        if self.leads_until().is_some_and(|end| end <= now) {
            let reason = "it was not renewed within the renew deadline".to_owned();
            self.stage = Stage::Lost(reason);
        }
    }

    /// The record with which the lease is renewed.
    fn renewal(&self) -> Ask {
        let mut next = self.record();
        if let Some((known, _)) = &self.seen {
            next.acquired = known.acquired.clone();
            next.transitions = known.transitions;
        }
        Ask::Update(next)
    }

    /// The record of a first holder.
    fn record(&self) -> Record {
        let duration = self.times.lease_duration.0 / Nanos::SECOND.0;
        Record {
            holder: self.identity.clone(),
            duration_seconds: i64::try_from(duration).unwrap_or(i64::MAX),
            ..Record::default()
        }
    }

    /// How long a request may take, so that one that hangs does not cost the lease.
    fn patience(&self) -> Nanos {
        Nanos(self.times.renew_deadline.0 / 2).max(PATIENCE_MIN)
    }
}

/// Below zero, which no API server takes, is zero.
fn seconds(count: i64) -> Nanos {
    Nanos::from_secs(u64::try_from(count).unwrap_or_default())
}
