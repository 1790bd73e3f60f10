//! What goes out through the probe: one attempt each for what was tried, and where pods came into the
//! queue.

use std::sync::{Arc, Mutex};

use crate::engine::{BindOutcome, Event};
use crate::framework::{
    AttemptResult, DryRunOutcome, ExtensionPoint, LostBy, Probe, QueuePart, Span,
};
use crate::units::Nanos;

use super::kit::{Kit, node, pod};

/// Writes down what it is told.
#[derive(Default)]
struct Recorder(Mutex<Vec<String>>);

impl Recorder {
    fn say(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    fn said(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

impl Probe for Recorder {
    fn clock(&self) -> Nanos {
        Nanos(0)
    }

    fn extension_point(&self, span: Span) {
        if span.point != ExtensionPoint::PreEnqueue {
            self.say(format!("{} {}", span.point.as_str(), span.status.as_str()));
        }
    }

    fn algorithm(&self, _: Nanos) {
        self.say("algorithm".into());
    }

    fn attempt(&self, _: usize, result: AttemptResult, took: Nanos) {
        self.say(format!("attempt {} {}", result.as_str(), took.0));
    }

    fn scheduled(&self, attempts: u32, since_ready: Nanos) {
        self.say(format!("scheduled {attempts} {}", since_ready.0 / Nanos::SECOND.0));
    }

    fn incoming(&self, queue: QueuePart, event: &'static str, _: bool) {
        self.say(format!("{} {event}", queue.as_str()));
    }

    fn victims(&self, count: usize) {
        self.say(format!("victims {count}"));
    }

    fn preemption(&self, failed: bool, _: Nanos) {
        self.say(format!("preemption {}", if failed { "error" } else { "success" }));
    }

    fn compared(&self, outcome: DryRunOutcome) {
        self.say(outcome.as_str().into());
    }

    fn bind_conflict(&self, lost_by: LostBy) {
        self.say(format!("conflict {}", lost_by.as_str()));
    }
}

#[test]
fn an_attempt_is_measured_from_queue_to_binding() {
    let recorder = Arc::new(Recorder::default());
    let mut kit = Kit::probed(Arc::<Recorder>::clone(&recorder));
    kit.sync();
    kit.put_node(&node("n1").cpu(1000));
    kit.put(pod("a").cpu(2000));
    assert_eq!(recorder.said(), ["active UnscheduledPodAdd"]);

    kit.step(Event::Attempt);
    let rejected = [
        "PreFilter Success",
        "Filter Success",
        "PostFilter Unschedulable",
        "algorithm",
        "unschedulable ScheduleAttemptFailure",
        "attempt unschedulable 0",
    ];
    assert_eq!(recorder.said(), rejected);

    kit.put_node(&node("n2").cpu(4000));
    assert_eq!(recorder.said(), ["backoff NodeAdd"]);
    kit.wait(Nanos::from_secs(3));
    assert_eq!(recorder.said(), ["active BackoffComplete"]);
    let attempt = kit.attempt_binds("n2");
    // A single feasible node is not scored.
    let placed = ["Reserve Success", "Permit Success", "PreBind Success"];
    let judged = ["PreFilter Success", "Filter Success", "algorithm"];
    assert_eq!(recorder.said(), [&judged[..], &placed].concat());
    kit.now = kit.now + Nanos(5);
    kit.answer(attempt, BindOutcome::Bound);
    assert_eq!(
        recorder.said(),
        ["Bind Success", "attempt scheduled 5", "scheduled 2 3", "PostBind Success"]
    );

    kit.put_node(&node("n3").cpu(4000));
    kit.put(pod("b").cpu(100));
    recorder.said();
    let effects = kit.step(Event::Attempt);
    let (attempt, _) = super::kit::bind(&effects).unwrap();
    let judged =
        ["PreFilter Success", "Filter Success", "PreScore Success", "Score Success", "algorithm"];
    assert_eq!(recorder.said(), [&judged[..], &placed].concat());
    kit.answer(attempt, BindOutcome::Refused { message: "no".into() });
    assert_eq!(
        recorder.said(),
        ["Bind Error", "attempt error 0", "backoff ScheduleAttemptFailure"]
    );
}
