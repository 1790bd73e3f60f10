//! What extenders are sent, and what is made of their answers.

use serde_json::Value;

use super::protocol::{self, Nodes};
use super::*;
use crate::framework::{Code, NodeVictims};
use crate::model::PodKey;

const URL: &str = "http://a/b";

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn sent(body: serde_json::Result<Vec<u8>>) -> String {
    String::from_utf8(body.unwrap()).unwrap()
}

fn names(all: &[&str]) -> Vec<Box<str>> {
    all.iter().map(|name| (*name).into()).collect()
}

#[test]
fn questions_have_gos_names() {
    let pod = raw(r#"{"metadata":{"name":"p"}}"#);
    let node = raw(r#"{"metadata":{"name":"n"}}"#);
    let nodes = names(&["n", "m"]);
    assert_eq!(
        sent(protocol::about_nodes(&pod, Nodes::Names(&nodes))),
        r#"{"Pod":{"metadata":{"name":"p"}},"Nodes":null,"NodeNames":["n","m"]}"#
    );
    assert_eq!(
        sent(protocol::about_nodes(&pod, Nodes::Whole(vec![&node]))),
        r#"{"Pod":{"metadata":{"name":"p"}},"Nodes":{"metadata":{},"items":[{"metadata":{"name":"n"}}]},"NodeNames":null}"#
    );
    let key = PodKey { namespace: "ns".into(), name: "p".into() };
    let pod_ref = PodRef { key, uid: "u".into(), resource_version: "7".into() };
    assert_eq!(
        sent(protocol::binding(&pod_ref, "n")),
        r#"{"PodName":"p","PodNamespace":"ns","PodUID":"u","Node":"n"}"#
    );
    let victims =
        [NodeVictims { node: "n".into(), pods: names(&["v", "w"]), budget_violations: 1 }];
    let meta: Value = serde_json::from_str(&sent(protocol::preemption(&pod, &victims))).unwrap();
    let on_node = serde_json::json!({"Pods": [{"UID": "v"}, {"UID": "w"}], "NumPDBViolations": 1});
    assert_eq!(meta["NodeNameToMetaVictims"]["n"], on_node);
    assert!(meta["NodeNameToVictims"].is_null());
    let known = std::iter::once(("v", node.into())).collect();
    let whole = sent(protocol::preemption_of_whole(&pod, &victims, &known));
    let whole: Value = serde_json::from_str(&whole).unwrap();
    assert_eq!(whole["NodeNameToVictims"]["n"]["Pods"].as_array().map(Vec::len), Some(1));
    assert_eq!(whole["NodeNameToVictims"]["n"]["Pods"][0]["metadata"]["name"], "n");
    assert!(whole["NodeNameToMetaVictims"].is_null());
}

#[test]
fn what_a_filter_leaves() {
    type Row = (bool, &'static str, &'static [&'static str]);
    let rows: [Row; 10] = [
        (true, r#"{"NodeNames":["b"]}"#, &["b"]),
        // Go does not look at the case.
        (true, r#"{"nodenames":["b","a"]}"#, &["b", "a"]),
        (true, r#"{"NodeNames":[]}"#, &[]),
        (true, r#"{"Nodes":{"items":[{"metadata":{"name":"a"}}]}}"#, &["a"]),
        (false, r#"{"Nodes":{"items":[{"metadata":{"name":"a","x":1},"spec":{}}]}}"#, &["a"]),
        // Names count for those who were asked by name only.
        (false, r#"{"NodeNames":["b"]}"#, &[]),
        (false, r#"{"Nodes":null,"NodeNames":null,"Error":""}"#, &[]),
        (false, r#"{"Nodes":{"items":null}}"#, &[]),
        (true, "null", &[]),
        // What comes behind the first value is not read.
        (true, "{\"NodeNames\":[\"a\"]}\nand more", &["a"]),
    ];
    for (capable, text, want) in rows {
        let answer = protocol::filtered(text.as_bytes(), &names(&["a", "b"]), URL, capable);
        let want = Answer::Filtered { nodes: names(want), failed: Vec::new() };
        assert_eq!(answer, Ok(want), "{text}");
    }
}

#[test]
fn failures_that_evictions_cannot_help_come_before_others() {
    let text = r#"{"NodeNames":[],"FailedNodes":{"a":"x","b":"y"},
        "FailedAndUnresolvableNodes":{"b":"z","c":null}}"#;
    let answer = protocol::filtered(text.as_bytes(), &names(&["a", "b", "c"]), URL, true);
    let failed = vec![
        ("b".into(), Code::UnschedulableAndUnresolvable, "z".to_owned()),
        ("c".into(), Code::UnschedulableAndUnresolvable, String::new()),
        ("a".into(), Code::Unschedulable, "x".to_owned()),
    ];
    assert_eq!(answer, Ok(Answer::Filtered { nodes: Vec::new(), failed }));
}

#[test]
fn what_a_filter_says_wrong() {
    let rows = [
        (r#"{"Error":"the disk is full","NodeNames":["a"]}"#, "the disk is full"),
        (
            r#"{"NodeNames":["ghost"]}"#,
            "extender \"http://a/b\" claims a filtered node \"ghost\" which is not found in the \
             input node list",
        ),
        ("", "the answer cannot be read: EOF"),
        ("<html>", "the answer cannot be read: expected value"),
        (r#"{"NodeNames":7}"#, "the answer's NodeNames: invalid type"),
        (r#"{"FailedNodes":["a"]}"#, "the answer's FailedNodes: invalid type"),
    ];
    for (text, want) in rows {
        let answer = protocol::filtered(text.as_bytes(), &names(&["a"]), URL, true);
        let error = answer.unwrap_err();
        assert!(error.starts_with(want), "{text}: {error}");
    }
}

#[test]
fn other_answers() {
    let scores = protocol::scored(br#"[{"Host":"a","Score":7},{"host":"b","score":-1},{}]"#);
    let want = vec![("a".into(), 7), ("b".into(), -1), ("".into(), 0)];
    assert_eq!(scores, Ok(Answer::Scored(want)));
    assert_eq!(protocol::scored(b"null"), Ok(Answer::Scored(Vec::new())));
    assert!(protocol::scored(br#"[{"Host":"a","Score":"x"}]"#).is_err());
    assert_eq!(protocol::bound(b"{}"), Ok(Answer::Bound));
    assert_eq!(protocol::bound(br#"{"Error":"no"}"#), Err("no".to_owned()));
    let victims = protocol::victims(
        br#"{"NodeNameToMetaVictims":{"n":{"Pods":[{"UID":"u"}],"NumPDBViolations":2},"m":null}}"#,
    );
    let of = |node: &str, pods: &[&str], budget_violations| NodeVictims {
        node: node.into(),
        pods: names(pods),
        budget_violations,
    };
    assert_eq!(victims, Ok(Answer::Victims(vec![of("m", &[], 0), of("n", &["u"], 2)])));
}

#[tokio::test]
async fn one_that_cannot_be_called_is_refused_at_the_start() {
    let filter = |url: &str| config::Extender {
        url_prefix: url.to_owned(),
        filter_verb: Some("f".to_owned()),
        ..config::Extender::default()
    };
    let with_ca = |insecure, data: &[u8]| {
        let ca = config::Pem { file: String::new(), data: data.to_vec() };
        let tls = config::ExtenderTls { insecure, ca, ..config::ExtenderTls::default() };
        config::Extender { tls: Some(tls), ..filter("https://a") }
    };
    let missing = config::Pem { file: "/nowhere/ca".to_owned(), data: Vec::new() };
    let tls = config::ExtenderTls { ca: missing, ..config::ExtenderTls::default() };
    let rows = [
        (filter("a b"), "urlPrefix is not an address"),
        (filter("host/path"), "urlPrefix"),
        (filter("ftp://host"), "urlPrefix does not begin with"),
        (with_ca(true, b"x"), "specifying a root certificates file with the insecure flag"),
        (with_ca(false, b"x"), "tlsConfig: the authority has no certificate in it"),
        (
            config::Extender { tls: Some(tls), ..filter("https://a") },
            "tlsConfig.caFile: /nowhere/ca: No such file",
        ),
    ];
    for (config, want) in rows {
        let error = Extenders::new(std::slice::from_ref(&config), Vec::new()).err().unwrap();
        assert!(error.reason.starts_with(want), "{error}");
        assert_eq!(error.url, config.url_prefix);
    }
    // One without a verb is never called.
    assert!(Extenders::new(&[config::Extender::default()], Vec::new()).is_ok());
    assert!(Extenders::new(&[], Vec::new()).unwrap().raw_objects().is_none());
}
