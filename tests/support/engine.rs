//! An engine on its own, with the default plugins, that has listed a cluster. Taken in by itself: by
//! `benches/queue.rs` and by `tests/pending_memory.rs`, which counts what is allocated.

use std::sync::Arc;

use berth::engine::{Engine, EngineConfig, Event, Kind};
use berth::framework::{NoProbe, Profile, ProfileSpec};
use berth::model::Node;
use berth::plugins::PLUGINS;
use berth::queue::Backoff;
use berth::units::Nanos;

/// The time at which it has listed them.
pub(crate) const START: Nanos = Nanos::from_secs(1_000_000);

/// An engine for the pods of `berth` in a cluster of these nodes and nothing else.
pub(crate) fn with_nodes(nodes: impl IntoIterator<Item = Node>) -> Engine {
    let mut engine = Engine::new(EngineConfig {
        seed: 1,
        profiles: vec![
            Profile::compile(&ProfileSpec::of_defaults("berth", PLUGINS), PLUGINS)
                .expect("the defaults fit"),
        ],
        extenders: Vec::new(),
        bindings_in_flight_max: 16,
        backoff: Backoff::default(),
        announces_nodes: true,
        dry_run: false,
        probe: Arc::new(NoProbe),
    });
    let mut out = Vec::new();
    for kind in Kind::all() {
        engine.step(Event::ListBegin(kind), START, &mut out);
    }
    for node in nodes {
        engine.step(Event::NodeUpsert(Box::new(node)), START, &mut out);
    }
    for kind in Kind::all() {
        engine.step(Event::ListEnd(kind), START, &mut out);
    }
    engine
}
