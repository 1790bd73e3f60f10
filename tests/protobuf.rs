//! The numbers of protobuf fields, compared with those of Kubernetes itself, and what a kube-apiserver v1.37.2
//! answered in protobuf and in JSON to the same question: berth makes the same of either.

mod support;

use std::fmt::Debug;
use std::fs;
use std::process::Command;

use anyhow::{Result, ensure};
use berth::wire::{self, Change, Kept, ObjectError, protobuf};
use kube::Resource;
use serde::de::DeserializeOwned;

const MESSAGES: &str = include_str!("../src/apiserver/protobuf/messages.txt");

#[test]
fn the_numbers_are_those_of_upstream() -> Result<()> {
    let program = support::upstream::binary("wire");
    let test = "the_numbers_are_those_of_upstream";
    let Some(program) = support::require(test, "wire", program) else { return Ok(()) };
    let output = Command::new(program).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    ensure!(
        String::from_utf8(output.stdout)? == MESSAGES,
        "tests/upstream/wire prints another src/apiserver/protobuf/messages.txt"
    );
    Ok(())
}

/// What was recorded of `kind`.
fn recorded(kind: &str, format: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/protobuf/{kind}.{format}", env!("CARGO_MANIFEST_DIR"));
    fs::read(path).expect("it was recorded")
}

/// The objects of a recorded watch.
fn watched<K: Resource<DynamicType = ()> + DeserializeOwned>(mut frames: &[u8]) -> Vec<K> {
    let mut objects = Vec::new();
    while let Some((length, rest)) = frames.split_first_chunk::<4>() {
        let (frame, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        match protobuf::change::<K>(frame).expect("a frame of a watch") {
            Change::Upsert(object) => objects.push(object),
            Change::Bookmark(version) => assert!(version.parse::<u64>().is_ok(), "{version}"),
            _ => unreachable!("only additions were recorded"),
        }
        frames = rest;
    }
    objects
}

/// Compares the objects with those in JSON.
fn compare<K, M>(kind: &str, objects: &[K], to_model: impl Fn(&K) -> Result<M, ObjectError>)
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
    M: Debug + PartialEq,
{
    let json = wire::page::<K>(&recorded(kind, "json")).expect("a list in JSON");
    let models = |objects: &[K]| objects.iter().map(&to_model).collect::<Vec<_>>();
    assert!(!json.objects.is_empty() && json.unreadable.is_empty(), "{kind}");
    assert_eq!(models(objects), models(&json.objects), "{kind}");
}

fn list<K: Resource<DynamicType = ()> + DeserializeOwned>(kind: &str) -> Vec<K> {
    let page = protobuf::page::<K>(&recorded(kind, "list")).expect("a list in protobuf");
    assert!(page.resource_version.parse::<u64>().is_ok() && page.unreadable.is_empty(), "{kind}");
    page.objects
}

#[test]
fn recorded_lists_and_watches_are_what_they_are_in_json() {
    compare("nodes", &list("nodes"), wire::Node::to_model);
    compare("nodes", &watched(&recorded("nodes", "watch")), wire::Node::to_model);
    compare("services", &list("services"), <wire::Service as Kept>::to_model);
    compare(
        "services",
        &watched(&recorded("services", "watch")),
        <wire::Service as Kept>::to_model,
    );
    compare("pods", &watched(&recorded("pods", "watch")), wire::Pod::to_model);
}
