//! The task that stands for election: asks what the [`Elector`] wants asked, publishes what comes of it, and
//! gives the lease up at the end. Started by `runtime` through [`Candidacy`].

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::client::Clock;
use crate::client::api::{Api, JSON, Problem};
use crate::client::json::micro_time;
use crate::telemetry::Repeats;
use crate::units::{Nanos, uuid_v4};

use super::elector::{Answer, Ask, Elector, Step, Times};
use super::lock::Lock;
use super::standing::Standing;

/// How often giving the lease up is tried. Only an answer that was lost, or a change of the Lease's labels, makes
/// the first one fail.
const RELEASE_TRIES_MAX: u32 = 3;

/// How long the Event of a lease that was given up may take. The process ends after it.
const LAST_EVENT_MAX: Duration = Duration::from_secs(1);

/// What is stood for.
#[derive(Clone, Debug)]
pub struct LeaderElection {
    /// Of the Lease.
    pub namespace: String,
    /// Of the Lease.
    pub name: String,
    /// What this process calls itself there; no two processes may have the same. See [`identity`].
    pub identity: String,
    /// The times.
    pub times: Times,
    /// How long a write of a leader, such as the Event that it leads, may take.
    pub write_within: Duration,
    /// Who reports the Event: the name of the first profile, as upstream.
    pub reporter: String,
    /// The host's name.
    pub host: String,
}

/// Standing for election. Dropping it ends it without giving the lease up.
pub struct Candidacy {
    resign: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Candidacy {
    /// Begins on the current tokio runtime. What it comes to is in `standing`.
    #[must_use]
    pub fn start(
        client: kube::Client,
        election: LeaderElection,
        clock: Clock,
        standing: Arc<Standing>,
    ) -> Self {
        let (resign, resigned) = oneshot::channel();
        let task = Task::new(client, election, clock, standing);
        Self { resign: Some(resign), task: tokio::spawn(task.run(resigned)) }
    }

    /// Ends it; a lease that is held is given up, so that another one can lead at once. To be called when
    /// nothing more is written. Takes no longer than `within`.
    pub async fn resign(mut self, within: Duration) {
        drop(self.resign.take());
        if timeout(within, &mut self.task).await.is_err() {
            warn!("leader election: the lease was not given up within {within:?}");
        }
    }
}

impl Drop for Candidacy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A name for this process that no other one has: the host's and a UUID.
///
/// Upstream: makeLeaderElectionConfig, v1.37.
#[must_use]
pub fn identity(host: &str) -> String {
    // The keys come from the system's source of randomness.
    let [high, low] = [1_u8, 2].map(|n| RandomState::new().hash_one((n, std::process::id())));
    format!("{host}_{}", uuid_v4(high, low))
}

struct Task {
    elector: Elector,
    lock: Lock,
    election: LeaderElection,
    clock: Clock,
    standing: Arc<Standing>,
    client: kube::Client,
    repeats: Repeats,
    /// Who was said to hold the lease.
    holder_said: Option<Box<str>>,
}

impl Task {
    fn new(
        client: kube::Client,
        election: LeaderElection,
        clock: Clock,
        standing: Arc<Standing>,
    ) -> Self {
        let LeaderElection { namespace, name, .. } = election.clone();
        Self {
            elector: Elector::new(&election.identity, election.times),
            lock: Lock::new(Api::new(client.clone()), namespace, name),
            election,
            clock,
            standing,
            client,
            repeats: Repeats::default(),
            holder_said: None,
        }
    }

    async fn run(mut self, mut resigned: oneshot::Receiver<()>) {
        info!("leader election: trying to acquire the lease {}", self.lease());
        loop {
            let now = (self.clock)();
            match self.elector.step(now, &stamp()) {
                Step::Wait(at) => {
                    tokio::select! {
                        biased;
                        _ = &mut resigned => break,
                        () = sleep(until(at, now)) => {}
                    }
                }
                Step::Ask(ask, at) => {
                    let answer = timeout(until(at, now), self.lock.carry_out(&ask));
                    let answer = tokio::select! {
                        biased;
                        _ = &mut resigned => break,
                        answer = answer => answer,
                    };
                    let (answer, problem) = answer.unwrap_or_else(|_| {
                        let words = format!("no answer within {:?}", until(at, now));
                        (Answer::Failed, Some(Problem::Silence(words)))
                    });
                    if let Some(problem) = problem {
                        self.complain(&ask, &problem);
                    }
                    self.elector.answered(answer, (self.clock)());
                    self.publish();
                }
                Step::Lost(reason) => {
                    self.standing.lose(reason);
                    return;
                }
            }
        }
        self.release().await;
    }

    /// Tells everybody what has come of an answer.
    fn publish(&mut self) {
        let led = self.standing.leads();
        if let Some(until) = self.elector.leads_until() {
            self.standing.lead(until, self.elector.slow_renewals());
        }
        let holder = self.elector.holder();
        if !led && self.standing.leads() {
            info!("leader election: this berth leads: it has the lease {}", self.lease());
            tokio::spawn(self.report("became leader"));
        } else if !led && self.holder_said.as_deref() != Some(holder) && !holder.is_empty() {
            info!(
                "leader election: standing by, {holder} holds the lease {}; a berth for other pods needs a lease \
                 of its own (--leader-elect-resource-name) or none (--leader-elect=false)",
                self.lease()
            );
            self.holder_said = Some(holder.into());
        }
    }

    /// Writes an Event about the Lease.
    fn report(&self, words: &str) -> impl Future<Output = ()> + use<> {
        let LeaderElection { identity, reporter, host, write_within, .. } = &self.election;
        let words = format!("{identity} {words}");
        let (path, event) = self.lock.event(&words, reporter, host, wall());
        let api = Api::within(self.client.clone(), *write_within);
        async move {
            let written = api.write(http::Method::POST, &path, JSON, event.to_string()).await;
            if let Err(problem) = written {
                debug!("leader election: the event was not written: {problem}");
            }
        }
    }

    /// Gives up the lease if it is held, and reports it when others may have it.
    ///
    /// Upstream: renew and release of client-go, v0.37, which also reports that a lease was lost. Differs from
    /// upstream: who lost it ends at once and writes nothing more.
    async fn release(mut self) {
        if self.standing.leads() {
            self.give_up().await;
            drop(timeout(LAST_EVENT_MAX, self.report("stopped leading")).await);
        }
    }

    async fn give_up(&mut self) {
        for _ in 0..RELEASE_TRIES_MAX {
            let (Answer::Found(found), _) = self.lock.carry_out(&Ask::Read).await else { continue };
            let Some(record) = self.elector.release(&found, &stamp()) else { return };
            if let (Answer::Written, _) = self.lock.carry_out(&Ask::Update(record)).await {
                info!("leader election: the lease {} is given up", self.lease());
                return;
            }
        }
        warn!("leader election: the lease {} was not given up; it ends by itself", self.lease());
    }

    /// Says what went wrong, the same thing once in a while.
    fn complain(&mut self, ask: &Ask, problem: &Problem) {
        let what = match ask {
            Ask::Read => "read",
            Ask::Create(_) => "created",
            // That somebody else was faster is routine.
            Ask::Update(_) if problem.status() == 409 => return,
            Ask::Update(_) => "written",
        };
        let text = problem.to_string();
        if let Some(held_back) = self.repeats.say(&text, (self.clock)()) {
            let (lease, advice) = (self.lease(), advice(&text, &self.election));
            warn!(held_back, "leader election: the lease {lease} cannot be {what}: {text}{advice}");
        }
    }

    fn lease(&self) -> String {
        format!("{}/{}", self.election.namespace, self.election.name)
    }
}

/// What to do about it, behind the server's words.
fn advice(message: &str, election: &LeaderElection) -> String {
    let LeaderElection { namespace, name, .. } = election;
    if message.contains("is forbidden: User ") {
        format!(
            "; berth needs a Role in namespace {namespace} with the verb create on leases, and get and update on \
             the lease {name}; one berth alone can do with --leader-elect=false"
        )
    } else if message.starts_with("namespaces ") {
        "; --leader-elect-resource-namespace says where the lease is".to_owned()
    } else {
        "; trying again".to_owned()
    }
}

fn until(at: Nanos, now: Nanos) -> Duration {
    Duration::from_nanos(at.since(now).0)
}

/// The time of the wall: for people, nobody decides by it.
fn wall() -> Nanos {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Nanos(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
}

fn stamp() -> String {
    micro_time(wall())
}
