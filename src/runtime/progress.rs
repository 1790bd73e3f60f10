//! How far the engine thread is: written by it at hardly any cost, read by the health checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::client::Clock;
use crate::engine::Kind;
use crate::server::endpoints::{Endpoints, Metrics};
use crate::server::health::Check;
use crate::units::Nanos;

/// How long the engine thread may be at one event. The slowest, the end of a list of many thousands, takes
/// well below a second.
const STEP_MAX: Duration = Duration::from_mins(1);

/// The value of `busy_since` where the thread waits for something to do.
const WAITING: u64 = 0;

/// Where the engine thread and the runtime note what they have come to.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// By [`Kind::index`]: its list was complete once.
    listed: [AtomicBool; Kind::COUNT],
    /// When the engine thread took in its last event, or [`WAITING`].
    busy_since: AtomicU64,
    /// The engine thread has ended.
    ended: AtomicBool,
    /// A stop was asked for.
    stopping: AtomicBool,
}

impl Progress {
    /// The list of `kind` is complete.
    pub(super) fn is_listed(&self, kind: Kind) {
        self.listed[kind.index()].store(true, Relaxed);
    }

    /// The engine thread takes in an event.
    pub(super) fn is_busy(&self, now: Nanos) {
        self.busy_since.store(now.0, Relaxed);
    }

    /// The engine thread has nothing to do.
    pub(super) fn waits(&self) {
        self.busy_since.store(WAITING, Relaxed);
    }

    /// A stop was asked for.
    pub(super) fn is_stopping(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// To be kept by the engine thread for as long as it lives.
    pub(super) fn alive(self: &Arc<Self>) -> impl Drop + use<> {
        Alive(Arc::clone(self))
    }

    /// What is served about it.
    pub(super) fn endpoints(self: &Arc<Self>, clock: &Clock, metrics: Metrics) -> Endpoints {
        let check = |name, ask: fn(&Self) -> Result<(), String>| {
            let progress = Arc::clone(self);
            Check::new(name, move || ask(&progress))
        };
        let (progress, clock) = (Arc::clone(self), Arc::clone(clock));
        let engine = Check::new("engine", move || progress.engine(clock()));
        // Differs from upstream: the check `engine`, beside kube-scheduler's checks by name and in its words,
        // v1.37.
        let alive = vec![Check::ping(), engine.clone()];
        let ready = vec![
            engine,
            check("shutdown", Self::shutdown),
            check("sched-handler-sync", Self::sync),
        ];
        Endpoints { healthz: alive.clone(), livez: alive, readyz: ready, metrics }
    }

    fn engine(&self, now: Nanos) -> Result<(), String> {
        if self.ended.load(Relaxed) && !self.stopping.load(Relaxed) {
            return Err("the engine thread has ended".into());
        }
        let since = self.busy_since.load(Relaxed);
        let busy = Duration::from_nanos(now.since(Nanos(since)).0);
        if since != WAITING && busy > STEP_MAX {
            return Err(format!("the engine thread has been at one event for {busy:.0?}"));
        }
        Ok(())
    }

    fn shutdown(&self) -> Result<(), String> {
        let stopping = self.stopping.load(Relaxed);
        if stopping { Err("process is shutting down".into()) } else { Ok(()) }
    }

    fn sync(&self) -> Result<(), String> {
        let missing = Kind::all().filter(|kind| !self.listed[kind.index()].load(Relaxed));
        let missing: Vec<_> = missing.map(Kind::plural).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.join(", ");
        Err(format!("handlers are not fully synchronized: not listed yet: {missing}"))
    }
}

/// Says so when the engine thread ends, also by a panic.
struct Alive(Arc<Progress>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.ended.store(true, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Nanos = Nanos(1_000_000_000_000);

    fn after(seconds: u64) -> Nanos {
        Nanos(NOW.0 + seconds * 1_000_000_000)
    }

    #[test]
    fn ready_once_all_kinds_are_listed() {
        let progress = Progress::default();
        let missing = |names: String| {
            Err(format!("handlers are not fully synchronized: not listed yet: {names}"))
        };
        let kinds = Kind::all().map(Kind::plural).collect::<Vec<_>>();
        assert_eq!(progress.sync(), missing(kinds.join(", ")));
        for kind in Kind::all().skip(2) {
            progress.is_listed(kind);
        }
        assert_eq!(progress.sync(), missing("nodes, pods".into()));
        progress.is_listed(Kind::Node);
        assert_eq!(progress.sync(), missing("pods".into()));
        progress.is_listed(Kind::Pod);
        assert_eq!(progress.sync(), Ok(()));
        assert_eq!(progress.shutdown(), Ok(()));
        progress.is_stopping();
        assert_eq!(progress.shutdown(), Err("process is shutting down".into()));
    }

    #[test]
    fn an_engine_thread_that_panics_is_noticed() {
        let progress = Arc::new(Progress::default());
        let alive = progress.alive();
        assert_eq!(progress.engine(NOW), Ok(()));
        let thread = std::thread::spawn(move || {
            let _alive = alive;
            panic!("on purpose")
        });
        assert!(thread.join().is_err());
        assert_eq!(progress.engine(NOW), Err("the engine thread has ended".into()));
        progress.is_stopping();
        assert_eq!(progress.engine(NOW), Ok(()));
    }

    #[test]
    fn an_engine_thread_that_hangs_is_noticed_and_one_that_waits_is_not() {
        let progress = Progress::default();
        assert_eq!(progress.engine(after(1000)), Ok(()));
        progress.is_busy(NOW);
        assert_eq!(progress.engine(after(60)), Ok(()));
        let hangs = Err("the engine thread has been at one event for 61s".into());
        assert_eq!(progress.engine(after(61)), hangs);
        progress.is_busy(after(61));
        assert_eq!(progress.engine(after(62)), Ok(()));
        progress.waits();
        assert_eq!(progress.engine(after(1000)), Ok(()));
    }
}
