//! Leader election in the life of a process: what stands by until it leads, the health check, the metrics, and
//! the end. Used by `runtime`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use tokio::sync::mpsc;

use crate::client::{Candidacy, Clock, LeaderElection, Standing, WRITE_TIME_MAX};
use crate::engine::{Engine, Event};
use crate::server::endpoints::Endpoints;
use crate::server::health::Check;
use crate::telemetry::Metrics;

/// How long giving the lease up may take at the end. Healthy API servers answer in milliseconds; without an
/// answer the lease ends by itself.
const RESIGN_MAX: Duration = Duration::from_secs(3);

/// Whether this process leads, and what it does about that.
pub(super) struct Election {
    wanted: Option<LeaderElection>,
    standing: Arc<Standing>,
}

/// Stands for election, or has none to stand for.
pub(super) struct Running {
    candidacy: Option<Candidacy>,
    standing: Arc<Standing>,
}

impl Election {
    pub(super) fn new(wanted: Option<LeaderElection>) -> Self {
        let standing = if wanted.is_some() { Standing::standby() } else { Standing::alone() };
        Self { wanted, standing: Arc::new(standing) }
    }

    /// Whether anything may be written.
    pub(super) fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing)
    }

    /// The engine as it is at the start: on standby where there is an election.
    pub(super) fn begin(&self, engine: Engine) -> Engine {
        if self.wanted.is_some() { engine.on_standby() } else { engine }
    }

    /// How long a write may take.
    pub(super) fn write_within(&self) -> Duration {
        self.wanted.as_ref().map_or(WRITE_TIME_MAX, |wanted| wanted.write_within)
    }

    /// Adds the check `leaderElection` where there is an election.
    ///
    /// Differs from upstream, which has it in /healthz and /readyz alone: a leader that should have ended itself
    /// is helped by a restart only, which is what /livez is for.
    pub(super) fn add_check(&self, clock: &Clock, endpoints: &mut Endpoints) {
        let Some(wanted) = &self.wanted else { return };
        let (standing, clock) = (self.standing(), Arc::clone(clock));
        let (name, after) = (wanted.name.clone(), wanted.times.lease_duration.0);
        let after = after.saturating_sub(wanted.times.renew_deadline.0);
        let ask = move || standing.check(&name, Duration::from_nanos(after), clock());
        let check = Check::new("leaderElection", ask);
        for checks in [&mut endpoints.healthz, &mut endpoints.livez, &mut endpoints.readyz] {
            checks.insert(0, check.clone());
        }
    }

    /// Has its metrics shown, where there is an election.
    pub(super) fn register(&self, metrics: &Metrics) {
        if let Some(wanted) = &self.wanted {
            let (standing, name) = (self.standing(), wanted.name.clone());
            metrics.register(ElectionMetrics { standing, name });
        }
    }

    /// Begins to stand for election. The engine hears of it when this process leads.
    pub(super) fn start(
        self,
        client: &kube::Client,
        clock: &Clock,
        events: &mpsc::Sender<Event>,
    ) -> Running {
        let standing = self.standing();
        let candidacy = self.wanted.map(|wanted| {
            // Weak, so that the engine's thread ends with the last sender but this one.
            let (standing, events) = (Arc::clone(&standing), events.downgrade());
            tokio::spawn(async move {
                standing.leading().await;
                if let Some(events) = events.upgrade() {
                    // Nobody receives it where berth is ending.
                    let _ = events.send(Event::Lead).await;
                }
            });
            Candidacy::start(client.clone(), wanted, Arc::clone(clock), self.standing)
        });
        Running { candidacy, standing }
    }
}

impl Running {
    /// Waits until the lease is lost; why. Never, where there is none.
    pub(super) async fn lost(&self) -> String {
        self.standing.lost().await
    }

    /// Gives the lease up, if it is held.
    pub(super) async fn resign(self) {
        if let Some(candidacy) = self.candidacy {
            candidacy.resign(RESIGN_MAX).await;
        }
    }
}

/// Reads what the election has come to at each scrape.
///
/// Upstream: component-base metrics/prometheus/clientgo/leaderelection, v0.37. There the name is always that of
/// the program; here it is the Lease's.
#[derive(Debug)]
struct ElectionMetrics {
    standing: Arc<Standing>,
    name: String,
}

impl Collector for ElectionMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let name = "leader_election_master_status";
        let help = "[ALPHA] Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 \
                    indicates master. 'name' is the string used to identify the lease. Please make sure to \
                    group by name.";
        let labels = [("name", self.name.as_str())];
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        let status = ConstGauge::new(i64::from(self.standing.leads()));
        status.encode(metric.encode_family(&labels)?)?;
        let name = "leader_election_slowpath";
        let help = "[ALPHA] Total number of slow path exercised in renewing leader leases. 'name' is the string used \
                    to identify the lease. Please make sure to group by name.";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        let count = ConstCounter::new(self.standing.slow_renewals());
        count.encode(metric.encode_family(&labels)?)
    }
}
