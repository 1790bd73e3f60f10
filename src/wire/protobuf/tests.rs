//! What protobuf decodes to, in messages made by hand; those of a real API server are compared with its JSON in
//! `tests/protobuf_real.rs`.

use super::*;
use crate::wire::{Node, PersistentVolume, Pod, PodDisruptionBudget};

/// A field with a length.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = varint(u64::from(number) << 3 | 2);
    out.extend(varint(bytes.len() as u64));
    out.extend_from_slice(bytes);
    out
}

/// A field with a number.
fn number(number: u8, value: u64) -> Vec<u8> {
    [varint(u64::from(number) << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap();
        value >>= 7;
        if value == 0 {
            out.push(byte);
            return out;
        }
        out.push(byte | 0x80);
    }
}

fn envelope(kind: &str, raw: &[u8]) -> Vec<u8> {
    let type_meta = [field(1, b"v1"), field(2, kind.as_bytes())].concat();
    [MAGIC, &field(1, &type_meta), &field(2, raw), &field(3, b""), &field(4, b"")].concat()
}

fn frame(kind: &str, object: &[u8]) -> Vec<u8> {
    [field(1, kind.as_bytes()), field(2, &field(1, object))].concat()
}

fn metadata(name: &str) -> Vec<u8> {
    let label = [field(1, b"app"), field(2, b"")].concat();
    let parts = [
        field(1, name.as_bytes()),
        field(2, b""),
        field(3, b"ns"),
        field(5, b"u"),
        field(6, b"7"),
        field(8, &number(1, 1_700_000_000)),
        field(11, &label),
        field(17, &[0xff; 8]),
    ];
    field(1, &parts.concat())
}

/// A pod with an empty text for all that it does not say, as the API server writes it.
fn pod() -> Vec<u8> {
    let quantity = |name: &[u8], text: &[u8]| [field(1, name), field(2, &field(1, text))].concat();
    let resources =
        [field(2, &quantity(b"cpu", b"100m")), field(2, &quantity(b"memory", b"1Gi"))].concat();
    let container = [field(1, b"c"), field(2, b"i"), field(5, b""), field(8, &resources)].concat();
    let source = field(10, &[field(1, b"claim"), number(2, 0)].concat());
    let volume = [field(1, b"v"), field(2, &source)].concat();
    let spec = [
        field(1, &volume),
        field(2, &container),
        field(2, &container),
        field(10, b""),
        number(11, 0),
        field(19, b""),
        number(25, 5),
    ];
    let condition = [
        field(1, b"PodScheduled"),
        field(2, b"False"),
        field(3, b""),
        field(4, &number(1, 1_700_000_000)),
        field(5, b"Unschedulable"),
        field(6, b"no"),
    ];
    let status = [field(1, b"Pending"), field(2, &condition.concat()), field(11, b"")];
    [metadata("p"), field(2, &spec.concat()), field(3, &status.concat())].concat()
}

#[test]
fn a_pod_is_what_it_is_in_json() {
    let json = serde_json::json!({
        "metadata": {"name": "p", "namespace": "ns", "uid": "u", "resourceVersion": "7", "labels": {"app": ""}},
        "spec": {
            "priority": 5,
            "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "claim"}}],
            "containers": [
                {"name": "c", "image": "i", "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}}},
                {"name": "c", "image": "i", "resources": {"requests": {"cpu": "100m", "memory": "1Gi"}}},
            ],
        },
        "status": {"phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no",
            "lastProbeTime": null, "lastTransitionTime": "2023-11-14T22:13:20Z",
        }]},
    });
    let expected: Pod = serde_json::from_value(json).unwrap();
    let Ok(Change::Upsert(read)) = change::<Pod>(&frame("ADDED", &envelope("Pod", &pod()))) else {
        panic!("it is not read")
    };
    assert_eq!(read.to_model().unwrap(), expected.to_model().unwrap());
}

#[test]
fn deletions_bookmarks_and_errors_are_told() {
    let change = |kind, object: &[u8]| change::<Pod>(&frame(kind, object));
    let Ok(Change::Delete(gone)) = change("DELETED", &envelope("Pod", &pod())) else {
        panic!("it is no deletion")
    };
    assert_eq!((&*gone.namespace, &*gone.name, &*gone.uid), ("ns", "p", "u"));
    let bookmark = envelope("Pod", &field(1, &field(6, b"99")));
    assert!(matches!(change("BOOKMARK", &bookmark), Ok(Change::Bookmark(at)) if at == "99"));
    let status = [field(3, b"too old"), field(5, &number(5, 2)), number(6, 410)].concat();
    let failed = change("ERROR", &envelope("Status", &status));
    assert!(
        matches!(&failed, Ok(Change::Error { code: 410, message }) if message == "too old"),
        "{failed:?}"
    );
    let wanted = Status { code: 410, message: "too old".to_owned(), retry_after_seconds: 2 };
    assert_eq!(super::status(&envelope("Status", &status)), Some(wanted));
    assert_eq!(super::status(b"{}"), None);
    assert!(change("RENAMED", &bookmark).is_err());
    assert!(change("ADDED", b"{}").is_err());
}

#[test]
fn a_page_tells_where_it_goes_on_and_what_it_cannot_read() {
    let meta = field(1, &[field(2, b"41"), field(3, b"more")].concat());
    // A number where there should be a text.
    let broken = [metadata("b"), field(2, &number(19, 1))].concat();
    let raw = [meta, field(2, &pod()), field(2, &broken), field(2, &pod())].concat();
    let page = page::<Pod>(&envelope("PodList", &raw)).unwrap();
    assert_eq!((&*page.resource_version, &*page.next, page.objects.len()), ("41", "more", 2));
    let [broken] = &page.unreadable[..] else { panic!("{:?}", page.unreadable) };
    assert_eq!(
        broken.error.to_string(),
        "Pod ns/b: spec.schedulerName: a field has the wrong wire type"
    );
    assert!(super::page::<Node>(&envelope("PodList", &raw)).is_err());
    assert!(super::page::<Pod>(&envelope("Status", &raw)).is_err());
    assert!(super::page::<Pod>(b"{}").is_err());
}

#[test]
fn times_in_maps_and_inlined_sources_are_read() {
    let at = field(2, &number(1, 1_700_000_000));
    let status =
        [field(2, &[field(1, b"a"), at].concat()), field(2, &field(1, b"b")), number(3, 1)];
    let budget = [metadata("b"), field(3, &status.concat())].concat();
    let budget = one::<PodDisruptionBudget>(&budget).unwrap();
    let crate::model::Object::PodDisruptionBudget(budget) =
        crate::wire::Kept::to_model(&budget).unwrap()
    else {
        panic!("another kind")
    };
    assert_eq!((budget.disruptions_allowed, budget.disrupted_pods.len()), (1, 2));
    let csi = field(22, &[field(1, b"d"), field(2, b"h")].concat());
    let volume = [metadata("v"), field(2, &[field(2, &csi), field(6, b"class")].concat())].concat();
    let volume = one::<PersistentVolume>(&volume).unwrap();
    let model = format!("{:?}", crate::wire::Kept::to_model(&volume).unwrap());
    assert!(model.contains("Csi") && model.contains("class"), "{model}");
}

#[test]
fn what_is_cut_or_changed_is_an_error_or_another_object() {
    let frame = frame("MODIFIED", &envelope("Pod", &pod()));
    let list = envelope("PodList", &field(2, &pod()));
    for at in 0..frame.len() {
        assert!(change::<Pod>(&frame[..at]).is_err(), "{at}");
    }
    for bytes in [frame, list] {
        for at in 0..bytes.len() {
            for change_by in [1, 0x7f, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= change_by;
                // Neither may panic, whatever it makes of it.
                if let Ok(Change::Upsert(pod)) = change::<Pod>(&changed) {
                    drop(pod.to_model());
                }
                drop(page::<Pod>(&changed));
            }
        }
    }
}
