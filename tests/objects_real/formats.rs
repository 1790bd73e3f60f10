//! What the real kube-apiserver has, listed and watched in JSON and in protobuf: berth makes the same of either.

use std::fmt::Debug;

use berth::wire::{self, Change, Kept, ObjectError, protobuf};
use http::{Request, header};
use kube::Resource;
use kube::client::Body;
use serde::de::DeserializeOwned;

use super::support::rest::Rest;

const JSON: &str = "application/json";

/// Bytes of the length of a frame.
const LENGTH_BYTES: usize = 4;

/// Compares all objects of every kind that is watched; says how many there were.
pub(crate) async fn compare(rest: &Rest) -> usize {
    let mut count = of_kind(rest, wire::Pod::to_model).await;
    count += of_kind(rest, wire::Node::to_model).await;
    count += of_kind(rest, wire::Namespace::to_model).await;
    /// The kinds that are kept by name.
    macro_rules! kept {
        ($($kind:ident)+) => {
            $(count += of_kind(rest, <wire::$kind as Kept>::to_model).await;)+
        };
    }
    kept!(
        Service ReplicationController ReplicaSet StatefulSet PodDisruptionBudget
        PersistentVolumeClaim PersistentVolume StorageClass CsiNode CsiDriver CsiStorageCapacity
        VolumeAttachment
    );
    count
}

async fn of_kind<K, M>(rest: &Rest, to_model: impl Fn(&K) -> Result<M, ObjectError>) -> usize
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
    M: Debug + PartialEq,
{
    let (kind, path) = (K::kind(&()), K::url_path(&(), None));
    let json = wire::page::<K>(&get(rest, &path, JSON).await).expect("a list in JSON");
    let listed = get(rest, &path, protobuf::MEDIA_TYPE).await;
    let listed = protobuf::page::<K>(&listed).expect("a list in protobuf");
    assert_eq!(listed.unreadable, json.unreadable, "{kind}");
    let models = |objects: &[K]| -> Vec<_> {
        objects.iter().map(|object| (to_model(object), version(object))).collect()
    };
    let (from_json, from_list) = (models(&json.objects), models(&listed.objects));
    for (json, listed) in from_json.iter().zip(&from_list) {
        assert_eq!(listed, json, "{kind}");
    }
    assert_eq!(from_list.len(), from_json.len(), "{kind}");
    // From the beginning, everything that is there comes as added; then the server ends it.
    let path = format!("{path}?watch=true&resourceVersion=0&timeoutSeconds=1");
    let watched = added(&get(rest, &path, protobuf::MEDIA_TYPE).await);
    let mut watched = models(&watched);
    let mut from_json = from_json;
    watched.sort_by(|a, b| a.1.cmp(&b.1));
    from_json.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(watched, from_json, "{kind}");
    from_json.len()
}

fn version<K: Resource>(object: &K) -> String {
    object.meta().resource_version.clone().unwrap_or_default()
}

/// The objects that the frames of a watch add.
fn added<K: Resource<DynamicType = ()> + DeserializeOwned>(mut frames: &[u8]) -> Vec<K> {
    let mut objects = Vec::new();
    while let Some((length, rest)) = frames.split_first_chunk::<LENGTH_BYTES>() {
        let length = u32::from_be_bytes(*length) as usize;
        match protobuf::change::<K>(&rest[..length]).expect("a frame of a watch") {
            Change::Upsert(object) => objects.push(object),
            Change::Bookmark(_) => {}
            _ => unreachable!("only additions and bookmarks are sent"),
        }
        frames = &rest[length..];
    }
    objects
}

async fn get(rest: &Rest, path: &str, media: &str) -> Vec<u8> {
    let request = Request::get(path).header(header::ACCEPT, media).body(Body::empty());
    let answer = rest.0.send(request.expect("it is a path")).await.expect("an answer");
    let given = answer.headers()[header::CONTENT_TYPE].to_str().expect("text");
    assert!(answer.status().is_success() && given.starts_with(media), "{path}: {given}");
    answer.into_body().collect_bytes().await.expect("all of the answer").to_vec()
}
