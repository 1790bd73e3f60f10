//! Plugins at Reserve, Permit, PreBind, Bind and PostBind, on the virtual clock. The plugin of these tests
//! does what a pod's label says.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::cluster::Cluster;
use crate::engine::{BindOutcome, Effect, Event};
use crate::framework::{
    ApiOperation, Bind, Code, ExtensionPoint, Permit, Placement, Plugin, PluginInfo, PreBind,
    PreBound, Refusal, WaitingPods,
};
use crate::model::{Pod, PodKey};
use crate::plugins::PLUGINS;
use crate::units::Nanos;

use super::kit::{self, Kit, TestPod, node, pod};

pub(super) const WAIT: Nanos = Nanos::from_secs(90);

pub(super) static TEST_PLUGIN: PluginInfo = PluginInfo {
    name: "Test",
    default_weight: Some(0),
    points: &[
        ExtensionPoint::Reserve,
        ExtensionPoint::Permit,
        ExtensionPoint::PreBind,
        ExtensionPoint::Bind,
        ExtensionPoint::PostBind,
    ],
    summary: "does what a label says",
    make: |_| Ok(Box::new(Test { reserved: AtomicUsize::new(0) })),
};

/// Counts what it keeps; a pod with the label `expects` is refused at Permit unless so many are kept.
struct Test {
    reserved: AtomicUsize,
}

fn wish<'a>(pod: &'a Pod, point: &str) -> &'a str {
    pod.labels.get(point).unwrap_or_default()
}

fn refusal(wish: &str) -> Option<Refusal> {
    match wish {
        "reject" => Some(Refusal::Reject(Code::Unschedulable, vec!["not now".to_owned()])),
        "pending" => Some(Refusal::Reject(Code::Pending, vec!["not yet".to_owned()])),
        "fail" => Some(Refusal::Fail("it broke".to_owned())),
        _ => None,
    }
}

impl Plugin for Test {
    fn reserve(&self, at: &Placement<'_>, _cluster: &mut Cluster) -> Result<(), Refusal> {
        self.reserved.fetch_add(1, Ordering::Relaxed);
        refusal(wish(at.pod, "reserve")).map_or(Ok(()), Err)
    }

    fn unreserve(&self, _at: &Placement<'_>, _cluster: &mut Cluster) {
        self.reserved.fetch_sub(1, Ordering::Relaxed);
    }

    fn permit(&self, at: &Placement<'_>, waiting: &mut WaitingPods) -> Permit {
        let expects = wish(at.pod, "expects");
        if !expects.is_empty() && expects != self.reserved.load(Ordering::Relaxed).to_string() {
            return Permit::Refuse(Refusal::Fail(format!("{:?} kept", self.reserved)));
        }
        match wish(at.pod, "permit") {
            "wait" => return Permit::Wait(WAIT),
            "allow others" => {
                for (_, other) in waiting.pods.clone() {
                    waiting.allow(other);
                }
            }
            "reject all" => {
                for (_, other) in waiting.pods.clone() {
                    waiting.reject(other, "all of you");
                }
                let why = vec!["all of us".to_owned()];
                return Permit::Refuse(Refusal::Reject(Code::Unschedulable, why));
            }
            "reject others" => {
                for (_, other) in waiting.pods.clone() {
                    waiting.reject(other, "another came");
                }
            }
            wish => {
                if let Some(refusal) = refusal(wish) {
                    return Permit::Refuse(refusal);
                }
            }
        }
        Permit::Allow
    }

    fn pre_bind(&self, at: &Placement<'_>, _cluster: &Cluster) -> PreBind {
        let claim = PodKey { namespace: "default".into(), name: "claim".into() };
        match wish(at.pod, "prebind") {
            "write" => PreBind::Write {
                operations: vec![ApiOperation::SelectNode {
                    claim,
                    resource_version: "1".into(),
                    node: at.node_name.into(),
                }],
                within: WAIT,
            },
            "call" => PreBind::Call,
            wish => refusal(wish).map_or(PreBind::Skip, PreBind::Refuse),
        }
    }

    /// Done once there is a node called `ready`.
    fn pre_bound(&self, _at: &Placement<'_>, cluster: &Cluster, late: bool) -> PreBound {
        match (cluster.find_node("ready"), late) {
            (Some(_), _) => PreBound::Done,
            (None, false) => PreBound::Waiting,
            (None, true) => PreBound::Refuse(Refusal::Fail("too late".to_owned())),
        }
    }

    fn bind(&self, at: &Placement<'_>) -> Bind {
        if wish(at.pod, "bind") == "call" { Bind::Call } else { Bind::Skip }
    }
}

pub(super) fn kit() -> Kit {
    // Before DefaultBinder, so that it is asked first.
    let mut all: Vec<PluginInfo> = vec![TEST_PLUGIN];
    all.extend_from_slice(PLUGINS);
    let mut kit = Kit::with_plugins(&all);
    kit.sync();
    kit.put_node(&node("n1").cpu(4000));
    kit
}

pub(super) fn wishing(name: &str, point: &str, wish: &str) -> TestPod {
    pod(name).label(point, wish)
}

/// The condition that is written, reason and message.
fn written(effects: &[Effect]) -> Option<(&'static str, String)> {
    let condition = effects.iter().find_map(kit::condition)?;
    Some((condition.reason, condition.message.to_string()))
}

/// One pod more, which must find so many kept.
fn expect_kept(kit: &mut Kit, kept: usize) {
    let wanted = (kept + 1).to_string();
    kit.put(wishing("probe", "expects", &wanted).priority(1000));
    let effects = kit.step(Event::Attempt);
    assert!(kit::bind(&effects).is_some(), "{:?}", written(&effects));
    kit.delete("probe");
}

#[test]
fn a_refusal_at_reserve_or_permit_reads_as_one_of_a_single_node_and_keeps_nothing() {
    for point in ["reserve", "permit"] {
        let mut kit = kit();
        kit.put(wishing("a", point, "reject").cpu(1000));
        let effects = kit.step(Event::Attempt);
        assert_eq!(kit::bind(&effects), None);
        let want = "0/1 nodes are available: 1 not now.".to_owned();
        assert_eq!(written(&effects), Some(("Unschedulable", want)), "{point}");
        assert_eq!(kit.row("n1").requested_milli_cpu, 0, "{point}");
        expect_kept(&mut kit, 0);

        kit.put(wishing("b", point, "fail"));
        let effects = kit.step(Event::Attempt);
        let name = if point == "reserve" { "Reserve" } else { "Permit" };
        let want = format!("running {name} plugin \"Test\": it broke");
        assert_eq!(written(&effects), Some(("SchedulerError", want)));
        expect_kept(&mut kit, 0);
    }
}

#[test]
fn a_pod_waits_at_permit_until_its_time_is_up() {
    let mut kit = kit();
    kit.put(wishing("a", "permit", "wait").cpu(1000));
    let effects = kit.step(Event::Attempt);
    assert_eq!(kit::bind(&effects), None);
    assert_eq!(kit.row("n1").requested_milli_cpu, 1000, "it counts while it waits");
    assert_eq!(kit.next.deadline, Some(kit.now + WAIT));
    let effects = kit.wait(WAIT);
    let want =
        "0/1 nodes are available: 1 rejected due to timeout after waiting 1m30s at plugin Test.";
    assert_eq!(written(&effects), Some(("Unschedulable", want.to_owned())));
    assert_eq!(kit.row("n1").requested_milli_cpu, 0);
    expect_kept(&mut kit, 0);
}

#[test]
fn what_happens_while_a_pod_waits_at_permit_counts_but_not_that_it_leaves_its_node() {
    for (happens, backoff) in [(true, 1), (false, 0)] {
        let mut kit = kit();
        kit.put(wishing("a", "permit", "wait").cpu(1000));
        kit.step(Event::Attempt);
        if happens {
            kit.put_node(&node("n2"));
        }
        kit.wait(WAIT);
        let lengths = kit.engine.queue_lengths();
        assert_eq!((lengths.backoff, lengths.unschedulable), (backoff, 1 - backoff));
    }
}

#[test]
fn a_waiting_pod_that_is_turned_away_leaves_room_for_others() {
    let mut kit = kit();
    kit.put(wishing("a", "permit", "wait").cpu(3000));
    kit.step(Event::Attempt);
    kit.put(pod("b").cpu(3000));
    kit.step(Event::Attempt);
    assert_eq!(kit.engine.queue_lengths().unschedulable, 1);
    kit.wait(WAIT);
    let lengths = kit.engine.queue_lengths();
    assert_eq!((lengths.active, lengths.unschedulable), (1, 1), "its own backoff is over");
    kit.attempt_binds("n1");
}

#[test]
fn a_pod_whose_plugin_waits_for_something_is_tried_at_once_when_it_is_there() {
    for point in ["reserve", "permit"] {
        for (wish, active) in [("pending", 1), ("reject", 0)] {
            let mut kit = kit();
            kit.put(wishing("a", point, wish));
            kit.step(Event::Attempt);
            assert_eq!(kit.engine.queue_lengths().unschedulable, 1, "{point} {wish}");
            kit.put_node(&node("n2"));
            let lengths = kit.engine.queue_lengths();
            assert_eq!((lengths.active, lengths.backoff), (active, 1 - active), "{point} {wish}");
        }
    }
}

#[test]
fn another_pod_or_somebody_outside_decides_about_a_waiting_one() {
    let waiting = |kit: &mut Kit| {
        kit.put(wishing("a", "permit", "wait"));
        assert_eq!(kit::bind(&kit.step(Event::Attempt)), None);
    };
    let mut kit = kit();
    waiting(&mut kit);
    kit.put(wishing("b", "permit", "allow others"));
    let effects = kit.step(Event::Attempt);
    let bound = effects.iter().filter(|effect| matches!(effect, Effect::Bind { .. })).count();
    assert_eq!(bound, 2, "both go on");

    let mut kit = self::kit();
    waiting(&mut kit);
    kit.put(wishing("b", "permit", "reject others"));
    let effects = kit.step(Event::Attempt);
    let want = "0/1 nodes are available: 1 another came.".to_owned();
    assert_eq!(written(&effects), Some(("Unschedulable", want)));

    // The one that comes is refused, too.
    let mut kit = self::kit();
    waiting(&mut kit);
    kit.put(wishing("b", "permit", "reject all"));
    let effects = kit.step(Event::Attempt);
    let messages = effects.iter().filter_map(kit::condition).map(|c| c.message.to_string());
    let want = ["0/1 nodes are available: 1 all of us.", "0/1 nodes are available: 1 all of you."];
    assert_eq!(messages.collect::<Vec<_>>(), want);

    let decide = |rejected: Option<&str>| Event::Permit {
        uid: "uid-a".into(),
        plugin: "Test".into(),
        rejected: rejected.map(str::to_owned),
    };
    let mut kit = self::kit();
    waiting(&mut kit);
    assert!(kit::bind(&kit.step(decide(None))).is_some());
    assert_eq!(kit.step(decide(None)), [], "it waits no more");

    let mut kit = self::kit();
    waiting(&mut kit);
    let want = "0/1 nodes are available: 1 no.".to_owned();
    assert_eq!(written(&kit.step(decide(Some("no")))), Some(("Unschedulable", want)));
}

#[test]
fn a_waiting_pod_that_is_deleted_leaves_nothing() {
    let mut kit = kit();
    kit.put(wishing("a", "permit", "wait").cpu(1000));
    kit.step(Event::Attempt);
    kit.delete("a");
    assert_eq!(kit.next.deadline, None);
    expect_kept(&mut kit, 0);
    assert_eq!(kit.row("n1").requested_milli_cpu, 0);
}

#[test]
fn a_waiting_pod_that_is_deleted_leaves_its_nomination_to_others() {
    let mut kit = kit();
    let nominated = |mut pod: TestPod| {
        pod.0.nominated_node = Some("n1".into());
        pod
    };
    kit.put(wishing("a", "permit", "wait").cpu(3000));
    kit.step(Event::Attempt);
    // Its node is announced.
    kit.put(nominated(wishing("a", "permit", "wait").cpu(3000)));
    kit.put(pod("b").cpu(3000));
    kit.step(Event::Attempt);
    kit.put(nominated(wishing("a", "permit", "wait").cpu(3000)).terminating());
    kit.wait(Nanos::from_secs(30));
    kit.step(Event::Attempt);
    kit.delete("a");
    kit.wait(Nanos::from_secs(30));
    assert!(kit::bind(&kit.step(Event::Attempt)).is_some(), "b has room now");
}

#[test]
fn what_is_written_at_prebind_is_waited_for() {
    let mut kit = kit();
    kit.put(wishing("a", "prebind", "write"));
    let effects = kit.step(Event::Attempt);
    let attempt = effects.iter().find_map(|effect| match effect {
        Effect::PreBind { attempt, operations } if operations.len() == 1 => Some(*attempt),
        _ => None,
    });
    let attempt = attempt.expect("something is written");
    kit.put_node(&node("ready"));
    assert_eq!(kit::bind(&kit.wait(Nanos::SECOND)), None, "it was not answered yet");
    let effects = kit.step(Event::PreBindResult { attempt, outcome: Ok(()) });
    assert_eq!(kit::bind(&effects), Some((attempt, "n1".to_owned())));
    expect_kept(&mut kit, 1);

    // Late, and refused.
    for answer in [Ok(()), Err(Refusal::Fail("409".to_owned()))] {
        let mut kit = self::kit();
        kit.put(wishing("a", "prebind", "write"));
        let effects = kit.step(Event::Attempt);
        let attempt = effects.iter().find_map(|effect| match effect {
            Effect::PreBind { attempt, .. } => Some(*attempt),
            _ => None,
        });
        let (attempt, outcome) = (attempt.expect("written"), answer.clone());
        let mut effects = kit.step(Event::PreBindResult { attempt, outcome });
        effects.extend(kit.wait(WAIT));
        let why = if answer.is_ok() { "too late" } else { "409" };
        let want = format!("running PreBind plugin \"Test\": {why}");
        assert_eq!(written(&effects), Some(("SchedulerError", want)));
        expect_kept(&mut kit, 0);
    }
}

#[test]
fn calls_are_made_outside_and_answered() {
    let mut kit = kit();
    kit.put(wishing("a", "prebind", "call"));
    let called = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Call { attempt, call } => Some((*attempt, call.point())),
            _ => None,
        })
    };
    let (attempt, point) = called(&kit.step(Event::Attempt)).expect("a call");
    assert_eq!(point, ExtensionPoint::PreBind);
    let effects = kit.step(Event::PreBindResult { attempt, outcome: Ok(()) });
    assert!(kit::bind(&effects).is_some());
    let effects = kit.answer(attempt, BindOutcome::Bound);
    assert_eq!(called(&effects), Some((attempt, ExtensionPoint::PostBind)));

    let mut kit = self::kit();
    kit.put(wishing("a", "bind", "call"));
    let (attempt, point) = called(&kit.step(Event::Attempt)).expect("a call");
    assert_eq!((point, kit.engine.bindings_in_flight()), (ExtensionPoint::Bind, 1));
    let outcome = Err(Refusal::Fail("no".to_owned()));
    let effects = kit.step(Event::BindCallResult { attempt, outcome });
    let want = "running Bind plugin \"Test\": no".to_owned();
    assert_eq!(written(&effects), Some(("SchedulerError", want)));
    assert_eq!(kit.engine.bindings_in_flight(), 0);
}

#[test]
fn a_rejection_at_prebind_names_no_plugin() {
    let mut kit = kit();
    kit.put(wishing("a", "prebind", "reject"));
    let effects = kit.step(Event::Attempt);
    assert_eq!(written(&effects), Some(("Unschedulable", "not now".to_owned())));
    assert!(kit.next.deadline.is_some(), "it waits as after an error");
}
