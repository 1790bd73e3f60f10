//! One run: a cluster, a scheduler, a workload, and what was measured. Called by [`super::run`].

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use futures::future::{join_all, select_all};
use futures::{FutureExt as _, future};
use tokio::time::{Instant, interval, sleep};

use crate::client::{Plain, Source, connect};

use super::Options;
use super::children::{Child, berth, server};
use super::clean::{self, OwnNodes};
use super::contender::{Contender, Scheduler};
use super::figures::{Percentiles, buckets};
use super::load::{self, Pace};
use super::plan::{Batch, LABEL, MEASURED, Plan};
use super::process;
use super::report::Figures;
use super::watch::{Seen, follow, version};
use super::workloads::{Meanwhile, Until};

/// How often it is looked whether things get on.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// berth's own metric of the time from a pod's watch event to its Binding.
const WATCH_TO_BIND: &str = "berth_watch_to_bind_seconds";

/// The cluster of a run.
pub(super) struct Cluster {
    kubeconfig: PathBuf,
    pub(super) plain: Plain,
    /// The API server in memory, where that is what is used.
    server: Option<Child>,
    /// Controllers and kubelets.
    actors: Vec<Child>,
}

impl Cluster {
    /// Starts an API server, or connects to the one that is given and sees that nothing of an earlier run is
    /// there.
    pub(super) async fn open(options: &Options, folder: &Path) -> anyhow::Result<Self> {
        let own = folder.join("kubeconfig");
        let (kubeconfig, server) = if let Some(path) = &options.kubeconfig {
            (path.clone(), None)
        } else {
            let server = server(folder, &own).await?;
            (own, Some(server))
        };
        let (client, _) = connect(&Source::Kubeconfig(kubeconfig.clone())).await?;
        let plain = Plain::new(client);
        if server.is_none() {
            clean::check(&plain, options.own_nodes).await?;
        }
        Ok(Self { kubeconfig, plain, server, actors: Vec::new() })
    }

    /// Starts what makes nodes and controllers' pods look alive.
    fn start_actors(
        &mut self,
        options: &Options,
        plan: &Plan,
        folder: &Path,
    ) -> anyhow::Result<()> {
        let bare = self.server.is_some();
        if options.controllers || bare && plan.controllers {
            self.start_actor("controllers", &[], folder)?;
        }
        if options.kubelets || bare && plan.controllers {
            self.start_actor("kubelets", &["--node-selector", LABEL], folder)?;
        }
        Ok(())
    }

    fn start_actor(&mut self, what: &str, flags: &[&str], folder: &Path) -> anyhow::Result<()> {
        let mut command = berth(&[what])?;
        command.args(flags).arg("--kubeconfig").arg(&self.kubeconfig);
        self.actors.push(Child::start(&format!("berth {what}"), command, folder)?);
        Ok(())
    }

    /// Removes what was made, or the whole API server.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        join_all(self.actors.into_iter().map(Child::stop)).await;
        match self.server {
            Some(server) => server.stop().await,
            None => clean::clean(&self.plain).await?,
        }
        Ok(())
    }
}

/// Has `contender` place the workload in `cluster`.
pub(super) async fn run(
    options: &Options,
    contender: &Contender,
    cluster: &mut Cluster,
    folder: &Path,
    say: &dyn Fn(&str),
) -> anyhow::Result<Figures> {
    let own_nodes = options.own_nodes == OwnNodes::Use;
    let plan = Plan::new(
        &options.workloads,
        &options.workload,
        &options.size,
        contender.scheduler_name(),
        own_nodes,
    )?;
    let pace = Pace { in_flight: options.in_flight, per_second: None };
    cluster.start_actors(options, &plan, folder)?;
    let kubeconfig = cluster.kubeconfig.clone();
    let server = cluster.server.as_ref().and_then(Child::pid);
    let Cluster { plain: api, server: child, actors, .. } = cluster;
    let api = &*api;
    let began = Instant::now();
    for batch in plan.namespaces.iter().chain(&plan.nodes) {
        load::create(api, batch, batch.count, pace, |_| {}).await?;
    }
    // What needs no scheduler goes first, so that it begins with a full cluster.
    for batch in plan.before.iter().filter(|batch| !batch.pending) {
        load::create(api, batch, batch.count, pace, |_| {}).await?;
    }
    say(&format!("objects created in {:.1} s", began.elapsed().as_secs_f64()));
    let mut scheduler = contender.start(&kubeconfig, folder).await?;
    let work = Work { options, plan: &plan, plain: api, pace };
    let mut depends: Vec<_> = child.iter_mut().chain(actors).map(|c| Box::pin(c.ended())).collect();
    // Something to wait for where there is nobody.
    let others = async {
        if depends.is_empty() {
            return future::pending().await;
        }
        select_all(&mut depends).await.0
    };
    let figures = tokio::select! {
        biased;
        error = others => Err(error),
        figures = work.carry_out(&mut scheduler, server, say) => figures,
    };
    scheduler.stop().await;
    figures
}

/// What a run is made of once its cluster is there.
struct Work<'a> {
    options: &'a Options,
    plan: &'a Plan,
    plain: &'a Plain,
    pace: Pace,
}

impl Work<'_> {
    async fn carry_out(
        &self,
        scheduler: &mut Scheduler,
        server: Option<u32>,
        say: &dyn Fn(&str),
    ) -> anyhow::Result<Figures> {
        let began = Instant::now();
        self.batch(scheduler, &self.plan.probe).await.context("the first pod, which only tries")?;
        load::delete(self.plain, &self.plan.probe.path(0)).await?;
        for batch in self.plan.before.iter().filter(|batch| batch.pending) {
            self.batch(scheduler, batch).await.context("the pods before")?;
        }
        if self.plan.patch.is_some() {
            self.controlled_before(scheduler).await.context("the pods before")?;
        }
        scheduler.rests().await;
        say(&format!("the scheduler is ready after {:.1} s", began.elapsed().as_secs_f64()));
        self.measured(scheduler, server).await
    }

    /// Creates pods and waits for them.
    async fn batch(&self, scheduler: &mut Scheduler, batch: &Batch) -> anyhow::Result<()> {
        let seen = Seen::new(batch.count, false, batch.until, &batch.prefix());
        let version = version(self.plain).await?;
        let create =
            load::create(self.plain, batch, batch.count, self.pace, |number| seen.created(number));
        self.until_all(scheduler, &seen, &batch.role, version, create, batch.until).await
    }

    /// Creates a controller's object and waits for its first pods.
    async fn controlled_before(&self, scheduler: &mut Scheduler) -> anyhow::Result<()> {
        let seen = Seen::new(self.plan.pods, true, Until::Bound, "");
        let batch = &self.plan.measured;
        let version = version(self.plain).await?;
        let create = load::create(self.plain, batch, batch.count, self.pace, |_| {});
        let role = super::plan::OLD;
        self.until_all(scheduler, &seen, role, version, create, Until::Bound).await
    }

    async fn measured(
        &self,
        scheduler: &mut Scheduler,
        server: Option<u32>,
    ) -> anyhow::Result<Figures> {
        let (plan, batch) = (self.plan, &self.plan.measured);
        let seen = Seen::new(plan.pods, plan.by_controller, batch.until, &batch.prefix());
        let pace = Pace { per_second: self.options.rate, ..self.pace };
        let version = version(self.plain).await?;
        let metrics = scheduler.metrics().await;
        let (cpu, server_cpu) = (scheduler.cpu(), server.and_then(process::cpu));
        let start = seen.now();
        let create = async {
            match &plan.patch {
                Some(patch) => {
                    for number in 0..batch.count {
                        self.plain.merge(&batch.path(number), patch.clone()).await?;
                    }
                    Ok(())
                }
                None => {
                    load::create(self.plain, batch, batch.count, pace, |n| seen.created(n)).await
                }
            }
        };
        let meanwhile = self.meanwhile();
        tokio::select! {
            biased;
            done = self.until_all(scheduler, &seen, MEASURED, version, create, batch.until) => done?,
            error = meanwhile => return Err(error),
        }
        scheduler.rests().await;
        let used = |before: Option<Duration>, after: Option<Duration>| {
            Some(after?.saturating_sub(before?))
        };
        let watch_to_bind = match (metrics, scheduler.metrics().await) {
            (Some(before), Some(after)) => difference(&before, &after),
            _ => None,
        };
        let memory = scheduler.memory();
        Ok(Figures::new(
            start,
            &seen.times(),
            watch_to_bind,
            used(cpu, scheduler.cpu()),
            used(server_cpu, server.and_then(process::cpu)),
            memory,
        ))
    }

    /// Does `create` and follows the pods of `role` until all have got where they are to get.
    async fn until_all(
        &self,
        scheduler: &mut Scheduler,
        seen: &Seen,
        role: &str,
        version: String,
        create: impl Future<Output = anyhow::Result<()>>,
        until: Until,
    ) -> anyhow::Result<()> {
        let all = async {
            create.await?;
            if until != Until::Created {
                seen.all().await;
            }
            Ok(())
        };
        tokio::select! {
            biased;
            error = scheduler.ended() => Err(error),
            followed = follow(self.plain, seen, role, version) => match followed {
                Ok(never) => match never {},
                Err(error) => Err(error),
            },
            done = all => done,
            () = stalled(seen, self.options.timeout) => anyhow::bail!(
                "no pod was placed for {} s: {} of {} are; --timeout sets how long that may take",
                self.options.timeout.as_secs(), seen.bound(), seen.wanted(),
            ),
        }
    }

    /// Does what is to happen meanwhile, for ever; gives the error that ended it.
    async fn meanwhile(&self) -> anyhow::Error {
        let all = self.plan.meanwhile.iter();
        let all: Vec<_> =
            all.map(|(what, batch)| self.one_meanwhile(what, batch).boxed_local()).collect();
        if all.is_empty() {
            return future::pending().await;
        }
        match select_all(all).await.0 {
            Ok(()) => future::pending().await,
            Err(error) => error.context("what happens meanwhile"),
        }
    }

    async fn one_meanwhile(&self, what: &Meanwhile, batch: &Batch) -> anyhow::Result<()> {
        let mut ticks = interval(what.every());
        let (forms, next) = (batch.forms(), Cell::new(0));
        match what {
            Meanwhile::Churn { keep, .. } => loop {
                ticks.tick().await;
                let first = next.replace(next.get() + forms);
                for number in first..first + forms {
                    if let Some(old) = keep.and_then(|keep| number.checked_sub(keep * forms)) {
                        load::delete(self.plain, &batch.path(old)).await?;
                    }
                    load::create_one(self.plain, batch, number).await?;
                }
            },
            Meanwhile::Delete { before, .. } => {
                let Some(group) = self.plan.before.get(*before) else { return Ok(()) };
                for number in 0..group.count {
                    ticks.tick().await;
                    load::delete(self.plain, &group.path(number)).await?;
                }
                future::pending().await
            }
        }
    }
}

/// Waits until nothing has got on for so long.
async fn stalled(seen: &Seen, timeout: Duration) {
    while seen.quiet() < timeout {
        sleep(LOOK_EVERY).await;
    }
}

/// What came into a histogram between two texts of metrics.
fn difference(before: &str, after: &str) -> Option<Percentiles> {
    let (before, mut after) = (buckets(before, WATCH_TO_BIND), buckets(after, WATCH_TO_BIND));
    for (bucket, old) in after.iter_mut().zip(before) {
        bucket.1 -= old.1;
    }
    Percentiles::of_buckets(&after)
}
