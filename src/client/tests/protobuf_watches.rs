//! Watches in protobuf: what is asked for, what is made of it, and trouble as in JSON.

use super::super::Reading;
use super::super::raw::RawObjects;
use super::watches::{Watch, change, list, node, verb};
use super::*;

use crate::engine::Kind;
use crate::wire::protobuf::MEDIA_TYPE;
use crate::wire::protobuf::made::{envelope, field, frame, number};

const WATCH: &str = "application/vnd.kubernetes.protobuf;stream=watch";

fn watch(script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Watch {
    Watch::reading(Reading { protobuf: true, raw: None }, 1, Kind::Node, script)
}

/// A node without anything but its metadata.
fn bare(name: &str, version: &str) -> Vec<u8> {
    field(1, &[field(1, name.as_bytes()), field(6, version.as_bytes())].concat())
}

fn page(version: &str, nodes: &[Vec<u8>]) -> Reply {
    let mut raw = field(1, &field(2, version.as_bytes()));
    raw.extend(nodes.iter().flat_map(|node| field(2, node)));
    Reply::Pieces(MEDIA_TYPE, vec![envelope("NodeList", &raw)], false)
}

fn framed(kind: &str, object: &[u8]) -> Vec<u8> {
    let frame = frame(kind, object);
    let length = u32::try_from(frame.len()).unwrap().to_be_bytes();
    [&length[..], &frame].concat()
}

fn of_node(kind: &str, name: &str, version: &str) -> Vec<u8> {
    framed(kind, &envelope("Node", &bare(name, version)))
}

fn open(pieces: Vec<Vec<u8>>) -> Reply {
    Reply::Pieces(WATCH, pieces, true)
}

#[tokio::test(start_paused = true)]
async fn lists_and_frames_become_events_wherever_they_are_cut() {
    let frames = [
        of_node("MODIFIED", "a", "11"),
        of_node("BOOKMARK", "", "12"),
        of_node("DELETED", "b", "13"),
    ];
    let frames = frames.concat();
    for at in 0..frames.len() {
        let pieces = vec![frames[..at].to_vec(), frames[at..].to_vec()];
        let mut watch = watch(move |seen| match verb(seen) {
            "watch" => open(pieces.clone()),
            _ => page("10", &[bare("a", "1"), bare("b", "2")]),
        });
        let want = ["begin Node", "+a", "+b", "end Node", "+a", "-b"];
        assert_eq!(watch.events(6).await, want, "{at}");
        let seen = watch.fake.seen();
        let both = "application/vnd.kubernetes.protobuf,application/json";
        assert!(seen.iter().all(|seen| seen.accept == both), "{seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_without_protobuf_is_read_in_json() {
    let mut watch = watch(|seen| match verb(seen) {
        "watch" => Reply::Lines(vec![change("ADDED", &node("b", 11))]),
        _ => list(10, &[node("a", 1)]),
    });
    assert_eq!(watch.events(4).await, ["begin Node", "+a", "end Node", "+b"]);
}

#[tokio::test(start_paused = true)]
async fn json_is_asked_for_where_it_is_kept() {
    let raw = Some(Arc::new(RawObjects::default()));
    let asked = |kind, path: &'static str| {
        let how = Reading { protobuf: true, raw: raw.clone() };
        let watch = Watch::reading(how, 1, kind, |_| Reply::Never);
        async move {
            let watch = watch;
            let seen = watch.fake.requests(1).await;
            assert!(seen[0].path.starts_with(path), "{seen:?}");
            seen[0].accept.clone()
        }
    };
    for (kind, path) in [(Kind::Pod, "/api/v1/pods?"), (Kind::Node, "/api/v1/nodes?")] {
        assert_eq!(asked(kind, path).await, "application/json");
    }
    assert!(asked(Kind::Namespace, "/api/v1/namespaces?").await.starts_with(MEDIA_TYPE));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_frame_is_listed_again() {
    let expired = [field(3, b"too old"), number(6, 410)].concat();
    let troubles = [
        (framed("ERROR", &envelope("Status", &expired)), 0),
        (framed("EXPLODED", &envelope("Node", &bare("b", "12"))), 1),
        (framed("ADDED", b"{}"), 1),
        (b"\0\0\0\x05\xff\xff\xff\xff\xff".to_vec(), 1),
        // A length that no object has.
        (vec![0xff; 64], 1),
        // JSON under the wrong name.
        (change("ADDED", &node("b", 12)).to_string().into_bytes(), 1),
    ];
    for (trouble, errors) in troubles {
        let mut lists = 0;
        let mut watch = watch(move |seen| match verb(seen) {
            "watch" if lists == 1 => open(vec![trouble.clone(), of_node("ADDED", "c", "13")]),
            "watch" => open(vec![]),
            _ => {
                lists += 1;
                page(&format!("{lists}0"), &[bare(&format!("a{lists}"), "1")])
            }
        });
        let want = ["begin Node", "+a1", "end Node", "begin Node", "+a2", "end Node"];
        assert_eq!(watch.events(6).await, want);
        assert_eq!(watch.counters.watch_errors.get(), errors);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_that_cannot_be_decoded_takes_no_other_along() {
    // A list of taints, and each a number.
    let broken = |name: &str| [bare(name, "2"), field(2, &number(5, 1))].concat();
    let mut watch = watch(move |seen| match verb(seen) {
        "watch" => {
            let odd = framed("MODIFIED", &envelope("Node", &broken("b")));
            open(vec![odd, of_node("ADDED", "d", "12")])
        }
        _ => page("10", &[bare("a", "1"), broken("b"), bare("c", "3")]),
    });
    assert_eq!(watch.events(5).await, ["begin Node", "+a", "+c", "end Node", "+d"]);
    assert_eq!(watch.counters.objects_undecodable.get(), 2);
}
