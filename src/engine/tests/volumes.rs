//! The life of a pod whose claims wait for it: reserved, written, waited for, bound; and all that can go
//! wrong in between.

use crate::engine::{AttemptId, Effect, Event};
use crate::framework::{ApiOperation, Refusal};
use crate::model::{
    BindingMode, ClaimRef, Object, ObjectKey, ObjectKind, PersistentVolume, PersistentVolumeClaim,
    PodVolume, StorageClass, VolumeSource,
};
use crate::units::{Nanos, Quantity};

use super::kit::{self, Kit, TestPod, node, pod};

/// Upstream's default of bindTimeoutSeconds.
const BIND_TIMEOUT: Nanos = Nanos::from_secs(600);

fn class(name: &str, provisioner: &str) -> StorageClass {
    StorageClass {
        name: name.into(),
        provisioner: provisioner.into(),
        binding_mode: BindingMode::WaitForFirstConsumer,
        ..StorageClass::default()
    }
}

fn claim(name: &str, class: &str, version: &str) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        namespace: "default".into(),
        name: name.into(),
        uid: format!("uid-{name}").into(),
        resource_version: version.into(),
        class: class.into(),
        request: Some(Quantity::from_units(1)),
        ..PersistentVolumeClaim::default()
    }
}

/// The claim once it is bound to `volume`.
fn bound(claim: PersistentVolumeClaim, volume: &str) -> PersistentVolumeClaim {
    PersistentVolumeClaim { volume_name: volume.into(), bind_completed: true, ..claim }
}

fn selected(claim: PersistentVolumeClaim, node: &str) -> PersistentVolumeClaim {
    PersistentVolumeClaim { selected_node: Some(node.into()), ..claim }
}

fn volume(name: &str, version: &str) -> PersistentVolume {
    PersistentVolume {
        name: name.into(),
        resource_version: version.into(),
        class: "local".into(),
        capacity: Quantity::from_units(1),
        available: true,
        ..PersistentVolume::default()
    }
}

fn given(volume: PersistentVolume, claim: &str) -> PersistentVolume {
    let (namespace, name) = ("default".into(), claim.into());
    let uid = format!("uid-{claim}").into();
    PersistentVolume { claim: Some(ClaimRef { namespace, name, uid }), ..volume }
}

fn using(name: &str, claim: &str) -> TestPod {
    let mut pod = pod(name);
    let source = VolumeSource::Claim { name: claim.into() };
    pod.0.volumes.push(PodVolume { name: "v".into(), source });
    pod
}

fn kit() -> Kit {
    let mut kit = Kit::with_nodes([node("n1").cpu(4000)]);
    put(&mut kit, class("made", "example.com/p"));
    put(&mut kit, class("local", "kubernetes.io/no-provisioner"));
    kit
}

fn put(kit: &mut Kit, object: impl Into<Object>) -> Vec<Effect> {
    kit.step(Event::ObjectUpsert(Box::new(object.into())))
}

/// One attempt, at the end of which this is to be written.
fn writes(kit: &mut Kit) -> (AttemptId, Vec<ApiOperation>) {
    let effects = kit.step(Event::Attempt);
    assert_eq!(kit::bind(&effects), None, "first its volumes");
    let written = effects.iter().find_map(|effect| match effect {
        Effect::PreBind { attempt, operations } => Some((*attempt, operations.clone())),
        _ => None,
    });
    written.unwrap_or_else(|| panic!("nothing is written: {effects:?}"))
}

fn answer(kit: &mut Kit, attempt: AttemptId, outcome: Result<(), Refusal>) -> Vec<Effect> {
    kit.step(Event::PreBindResult { attempt, outcome })
}

fn message(effects: &[Effect]) -> Option<&str> {
    effects.iter().find_map(kit::condition).map(|condition| &*condition.message)
}

/// A pod that waits for a volume near n1, which was asked for.
fn waiting_for_a_volume() -> Kit {
    let mut kit = kit();
    put(&mut kit, claim("c", "made", "1"));
    kit.put(using("a", "c"));
    let (attempt, operations) = writes(&mut kit);
    let select = ApiOperation::SelectNode {
        claim: kit::key("c"),
        resource_version: "1".into(),
        node: "n1".into(),
    };
    assert_eq!(operations, [select]);
    assert_eq!(answer(&mut kit, attempt, Ok(())), [], "the watch has not shown it yet");
    assert_eq!(put(&mut kit, selected(claim("c", "made", "2"), "n1")), []);
    kit
}

#[test]
fn a_volume_is_made_and_then_the_pod_is_bound() {
    let mut kit = waiting_for_a_volume();
    let claim = bound(selected(claim("c", "made", "3"), "n1"), "pv");
    assert_eq!(put(&mut kit, claim), [], "the volume is not there yet");
    let effects = put(&mut kit, given(volume("pv", "4"), "c"));
    assert_eq!(kit::bind(&effects).map(|(_, node)| node), Some("n1".to_owned()));
}

#[test]
fn a_volume_that_is_there_is_taken_once() {
    let mut kit = kit();
    for name in ["c", "d"] {
        put(&mut kit, claim(name, "local", "1"));
    }
    put(&mut kit, volume("pv", "5"));
    kit.put(using("a", "c"));
    let (attempt, operations) = writes(&mut kit);
    let give = ApiOperation::BindVolume {
        volume: "pv".into(),
        resource_version: "5".into(),
        claim: kit::key("c"),
        claim_uid: "uid-c".into(),
        claim_version: "1".into(),
        by_controller: true,
    };
    assert_eq!(operations, [give]);

    kit.put(using("b", "d"));
    let effects = kit.step(Event::Attempt);
    let said = message(&effects).unwrap_or_default();
    assert!(said.contains("1 node(s) didn't find available persistent volumes to bind"), "{said}");

    // Refused, it is there for others again.
    let effects = answer(&mut kit, attempt, Err(Refusal::Fail("modified".into())));
    let want = "running PreBind plugin \"VolumeBinding\": modified";
    assert_eq!(message(&effects), Some(want));
    kit.delete("a");
    kit.put(using("e", "d"));
    let (attempt, operations) = writes(&mut kit);
    assert!(
        matches!(&operations[..], [ApiOperation::BindVolume { claim, .. }] if &*claim.name == "d")
    );

    // The claim is bound by who else sees the volume; order does not matter.
    put(&mut kit, given(volume("pv", "6"), "d"));
    put(&mut kit, bound(claim("d", "local", "7"), "pv"));
    let effects = answer(&mut kit, attempt, Ok(()));
    assert_eq!(kit::bind(&effects).map(|(_, node)| node), Some("n1".to_owned()));
}

#[test]
fn a_volume_that_is_kept_for_its_claim_needs_no_write() {
    let mut kit = kit();
    put(&mut kit, claim("c", "local", "1"));
    put(&mut kit, given(volume("pv", "5"), "c"));
    kit.put(using("a", "c"));
    let effects = kit.step(Event::Attempt);
    assert_eq!(kit::bind(&effects), None);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::PreBind { .. })));
    let effects = put(&mut kit, bound(claim("c", "local", "2"), "pv"));
    assert!(kit::bind(&effects).is_some());
}

#[test]
fn bound_claims_are_not_waited_for() {
    let mut kit = kit();
    put(&mut kit, bound(claim("c", "made", "1"), "pv"));
    put(&mut kit, given(volume("pv", "5"), "c"));
    kit.put(using("a", "c"));
    kit.attempt_binds("n1");
}

#[test]
fn what_ends_the_wait_for_a_volume() {
    let pv_elsewhere =
        || PersistentVolume { node_affinity: Some(vec![]), ..given(volume("pv", "4"), "c") };
    let gone = || {
        let key = ObjectKey { namespace: "default".into(), name: "c".into() };
        Event::ObjectDelete(ObjectKind::PersistentVolumeClaim, key)
    };
    let upsert = |object: Object| Event::ObjectUpsert(Box::new(object));
    let rows: Vec<(Vec<Event>, &str)> = vec![
        (vec![upsert(claim("c", "made", "3").into())], "provisioning failed for PVC \"c\""),
        (
            vec![gone()],
            "failed to check provisioning pvc: persistentvolumeclaims \"default/c\" not found",
        ),
        (vec![Event::NodeDelete("n1".into())], "failed to get node \"n1\": node \"n1\" not found"),
        (
            vec![
                upsert(pv_elsewhere().into()),
                upsert(bound(selected(claim("c", "made", "3"), "n1"), "pv").into()),
            ],
            "pv \"pv\" node affinity doesn't match node \"n1\": no matching NodeSelectorTerms",
        ),
    ];
    for (events, why) in rows {
        let mut kit = waiting_for_a_volume();
        let effects: Vec<_> = events.into_iter().flat_map(|event| kit.step(event)).collect();
        let want = format!("running PreBind plugin \"VolumeBinding\": binding volumes: {why}");
        assert_eq!(message(&effects), Some(&*want));
    }
    let mut kit = waiting_for_a_volume();
    let effects = kit.wait(BIND_TIMEOUT);
    let want =
        "running PreBind plugin \"VolumeBinding\": binding volumes: context deadline exceeded";
    assert_eq!(message(&effects), Some(want));
}

#[test]
fn a_volume_that_is_taken_back_from_its_claim_ends_the_wait() {
    let mut kit = kit();
    put(&mut kit, claim("c", "local", "1"));
    put(&mut kit, volume("pv", "5"));
    kit.put(using("a", "c"));
    let (attempt, _) = writes(&mut kit);
    answer(&mut kit, attempt, Ok(()));
    assert_eq!(put(&mut kit, given(volume("pv", "6"), "c")), []);
    let effects = put(&mut kit, volume("pv", "7"));
    let want = "running PreBind plugin \"VolumeBinding\": binding volumes: ClaimRef got reset for pv \"pv\"";
    assert_eq!(message(&effects), Some(want));
}

#[test]
fn a_pod_that_goes_while_it_waits_gives_its_volumes_back() {
    let mut kit = kit();
    put(&mut kit, claim("c", "local", "1"));
    put(&mut kit, volume("pv", "5"));
    kit.put(using("a", "c"));
    writes(&mut kit);
    let taken = |kit: &Kit| {
        let volume = kit.engine.cluster().objects().assumed_volume("pv");
        volume.is_some_and(|volume| volume.claim.is_some())
    };
    assert!(taken(&kit));
    kit.delete("a");
    assert!(!taken(&kit));
}
