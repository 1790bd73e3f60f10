//! What a pod costs that waits and fits nowhere: all memory of the engine, counted by the allocator.
#![expect(unsafe_code, reason = "an allocator that counts is an unsafe trait")]

#[path = "support/engine.rs"]
mod engine;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use berth::engine::{Effect, Engine, Event};
use berth::model::{Labels, Node, Pod, PodKey, ScheduledCondition};

use engine::START;

/// Bytes in use.
static IN_USE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: it hands everything on to the system's allocator and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const TEMPLATES: usize = 10;
const NODES: usize = 20;
const PODS: usize = 4_096;

/// Bytes of a pending pod at most, its share of tables and trees included: 50,000 take 60 MB.
const POD_BYTES_MAX: usize = 1_200;

/// A pod as large as real ones are in what a scheduler keeps.
fn pod(number: usize) -> Box<Pod> {
    let template = number % TEMPLATES;
    let name: Box<str> = format!("deployment-{template}-5d8f6c7b9d-{number:05}").into();
    let key = PodKey { namespace: "production".into(), name };
    let labels = (0..6).map(|at| (format!("app.kubernetes.io/label-{at}"), format!("{template}")));
    let mut pod = Pod {
        key,
        uid: format!("5f1b2c3d-0000-4000-8000-{number:012}").into(),
        resource_version: format!("{}", 1_000_000 + number).into(),
        labels: labels.collect(),
        images: [format!("registry.example/{template}:v1").into()].into(),
        scheduler_name: "berth".into(),
        ..Pod::default()
    };
    pod.node_selector = Labels::from_iter([("no-node-has", "this")]);
    pod.requests.usage.milli_cpu = 4_000;
    Box::new(pod)
}

fn node(number: usize) -> Node {
    let name: Box<str> = format!("node-{number:05}").into();
    let mut node = Node { name, allocatable_pods: 110, ..Node::default() };
    node.allocatable.milli_cpu = 1_000;
    node
}

/// Has pods tried, each of which fits nowhere; its condition comes back over the watch, as long as real ones.
fn fill(engine: &mut Engine) {
    let padding = "1 node(s) had untolerated taint(s), ".repeat(55);
    let mut out = Vec::new();
    for number in 0..PODS {
        let mut pod = pod(number);
        engine.step(Event::PodUpsert(pod.clone()), START, &mut out);
        engine.step(Event::Attempt, START, &mut out);
        let written = out.drain(..).find_map(|effect| match effect {
            Effect::PatchCondition { condition, .. } => Some(condition),
            _ => None,
        });
        let condition = written.expect("it fits nowhere");
        pod.scheduled_condition = Some(ScheduledCondition {
            status: "False".into(),
            reason: condition.reason.into(),
            message: format!("{padding}{}", condition.message).into(),
            probed: false,
            last_transition_time: Some("2026-08-01T16:00:00Z".into()),
        });
        engine.step(Event::PodUpsert(pod), START, &mut out);
        out.clear();
    }
}

#[test]
fn a_pending_pod_is_small_however_long_its_reason_is() {
    let mut engine = engine::with_nodes((0..NODES).map(node));
    let before = IN_USE.load(Ordering::Relaxed);
    fill(&mut engine);
    let lengths = engine.queue_lengths();
    assert_eq!(lengths.unschedulable, PODS, "{lengths:?}");
    let each = (IN_USE.load(Ordering::Relaxed) - before) / PODS;
    assert!(each <= POD_BYTES_MAX, "a pending pod takes {each} bytes");
    assert!(each >= size_of::<berth::cluster::PodEntry>(), "{each} bytes: they were not counted");
}
