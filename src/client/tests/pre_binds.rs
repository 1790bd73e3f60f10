//! Writes before bindings: their requests, one after the other for a pod, another try, and an answer in
//! every case.

use crate::framework::{ApiOperation, Refusal};

use super::super::Left;
use super::super::pre_bind::PRE_BIND_TRIES_MAX;
use super::super::task::PRE_BINDS_IN_FLIGHT_MAX;
use super::*;

const VOLUME: &str = "PATCH /api/v1/persistentvolumes/pv";
const CLAIM: &str = "PATCH /api/v1/namespaces/ns/persistentvolumeclaims/c";

fn claim() -> PodKey {
    PodKey { namespace: "ns".into(), name: "c".into() }
}

fn give(by_controller: bool) -> ApiOperation {
    ApiOperation::BindVolume {
        volume: "pv".into(),
        resource_version: "7".into(),
        claim: claim(),
        claim_uid: "uid-c".into(),
        claim_version: "8".into(),
        by_controller,
    }
}

fn select() -> ApiOperation {
    let (resource_version, node) = ("8".into(), "n1".into());
    ApiOperation::SelectNode { claim: claim(), resource_version, node }
}

fn work(attempt: u64, operations: Vec<ApiOperation>) -> Effect {
    Effect::PreBind { attempt: AttemptId(attempt), operations }
}

impl Bench {
    async fn answered(&mut self) -> (u64, Result<(), Refusal>) {
        let event = timeout(NEVER, self.results.recv()).await.expect("no answer came");
        match event {
            Some(Event::PreBindResult { attempt, outcome }) => (attempt.0, outcome),
            other => panic!("{other:?} is no answer"),
        }
    }
}

fn failed_with(message: &str) -> Result<(), Refusal> {
    Err(Refusal::Fail(message.into()))
}

#[tokio::test(start_paused = true)]
async fn the_requests_carry_the_version_that_they_change() {
    let mut bench = Bench::new(ok);
    bench.push([work(1, vec![give(true), select()]), work(2, vec![give(false)])]);
    let mut done = [bench.answered().await, bench.answered().await];
    done.sort_by_key(|(attempt, _)| *attempt);
    assert_eq!(done, [(1, Ok(())), (2, Ok(()))]);
    let seen = bench.fake.seen();
    assert!(seen.iter().all(|seen| seen.content_type == "application/merge-patch+json"));
    let mut lines = bench.fake.lines();
    lines.sort();
    assert_eq!(lines, [CLAIM, VOLUME, VOLUME]);
    let reference = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "namespace": "ns", "name": "c", "uid": "uid-c", "resourceVersion": "8"});
    let marked = json!({"metadata": {"resourceVersion": "7",
        "annotations": {"pv.kubernetes.io/bound-by-controller": "yes"}},
        "spec": {"claimRef": reference}});
    let unmarked = json!({"metadata": {"resourceVersion": "7"}, "spec": {"claimRef": reference}});
    let selected = json!({"metadata": {"resourceVersion": "8",
        "annotations": {"volume.kubernetes.io/selected-node": "n1"}}});
    for want in [marked, unmarked, selected] {
        assert!(seen.iter().any(|seen| seen.body == want), "{want}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_after_a_refusal_is_not_written() {
    let mut bench = Bench::new(|_| status(409, "the object has been modified"));
    bench.push([work(1, vec![give(true), select()])]);
    assert_eq!(bench.answered().await, (1, failed_with("the object has been modified")));
    assert_eq!(bench.fake.lines(), [VOLUME]);
    assert_eq!(bench.counters.pre_binds_failed.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_without_a_clear_answer_is_tried_again() {
    let mut answers = vec![accepted(), status(409, "it was carried out"), Reply::Broken];
    let mut bench = Bench::new(move |_| answers.pop().unwrap_or_else(accepted));
    bench.push([work(1, vec![give(true), select()])]);
    // A conflict then may be with the first try itself: the plugin looks at what became of it.
    assert_eq!(bench.answered().await, (1, Ok(())));
    assert_eq!(bench.fake.lines(), [VOLUME, VOLUME, CLAIM]);
    let seen = bench.fake.seen();
    assert!(seen[1].at_ms - seen[0].at_ms >= 500, "{seen:?}");

    let mut bench = Bench::new(|_| status(503, "starting"));
    bench.push([work(2, vec![select()])]);
    assert_eq!(bench.answered().await, (2, failed_with("starting")));
    assert_eq!(bench.fake.lines().len(), PRE_BIND_TRIES_MAX as usize);
}

#[tokio::test(start_paused = true)]
async fn few_are_in_flight_and_bindings_go_meanwhile() {
    let mut bench = Bench::new(|seen| match seen.method.as_str() {
        "PATCH" => Reply::Never,
        _ => accepted(),
    });
    bench.push((0..20).map(|attempt| work(attempt, vec![select()])));
    bench.push([bind(100, "a")]);
    assert_eq!(bench.outcome().await, (100, BindOutcome::Bound));
    let patches = || bench.fake.lines().iter().filter(|line| *line == CLAIM).count();
    assert_eq!(patches(), PRE_BINDS_IN_FLIGHT_MAX);
    let left = bench.writer.drain(Duration::from_millis(1)).await;
    assert_eq!(left, Left { pre_binds: 20, ..Left::default() });
}
