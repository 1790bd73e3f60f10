//! Files with extenders: what is refused about them, and what they come to.

use super::super::value::Value;
use super::super::{
    Extender, ExtenderTls, FeatureGates, ManagedResource, Pem, Reader, defaults, extenders, render,
    v1, validate,
};
use super::*;
use crate::units::Nanos;

/// What is said of `extenders`.
fn said(body: &str) -> Vec<String> {
    let text = complaints(&format!("extenders: {body}"));
    text.lines().map(|line| line.replace("f.yaml: extenders", "")).collect()
}

#[test]
fn what_is_wrong_is_named() {
    let name_rule = "a valid label key must";
    let table = [
        ("5", ": 5: must be a list"),
        ("[a]", "[0]: \"a\": must be a mapping"),
        ("[{foo: 1}]", "[0].foo: unknown field"),
        ("[{urlPrefix: 5}]", "[0].urlPrefix: 5: must be a string"),
        ("[{weight: 1.5}]", "[0].weight: 1.5: must be an integer"),
        ("[{enableHttps: true}]", "[0].enableHttps: unknown field"),
        ("[{enableHTTPS: 1}]", "[0].enableHTTPS: 1: must be true or false"),
        ("[{httpTimeout: 5}]", "[0].httpTimeout: 5: must be a string"),
        ("[{tlsConfig: {caData: \"+\"}}]", "[0].tlsConfig.caData: must be a string in base64"),
        ("[{tlsConfig: {keyData: 5}}]", "[0].tlsConfig.keyData: must be a string in base64"),
        ("[{tlsConfig: {foo: 5}}]", "[0].tlsConfig.foo: unknown field"),
        (
            "[{managedResources: [{name: a/b, foo: 5}]}]",
            "[0].managedResources[0].foo: unknown field",
        ),
        ("[{prioritizeVerb: p}]", "[0].weight: 0: must have a positive weight applied to it"),
        (
            "[{}, {prioritizeVerb: p, weight: -1}]",
            "[1].weight: -1: must have a positive weight applied to it",
        ),
        (
            "[{managedResources: [{name: cpu}]}]",
            "[0].managedResources[0].name: \"cpu\": is an invalid extended resource name",
        ),
        (
            "[{managedResources: [{name: requests.a/b}]}]",
            "[0].managedResources[0].name: \"requests.a/b\": is an invalid extended resource name",
        ),
        (
            "[{managedResources: [{name: a.kubernetes.io/b}]}]",
            "[0].managedResources[0].name: \"a.kubernetes.io/b\": is an invalid extended resource name",
        ),
        (
            "[{managedResources: [{name: a/b}]}, {managedResources: [{name: c/d}, {name: a/b}]}]",
            "[1].managedResources[1].name: \"a/b\": duplicate extender managed resource name",
        ),
        (
            "[{tlsConfig: {insecure: true, caFile: a}}]",
            "[0].tlsConfig: specifying a root certificates file with the insecure flag is not allowed",
        ),
        (
            "[{bindVerb: b}, {bindVerb: c}]",
            ": \"found 2 extenders implementing bind\": only one extender can implement bind",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(said(body), [expected], "{body}");
    }
    let good = "extenders: [{prioritizeVerb: p, weight: 1, bindVerb: b}, {filterVerb: f}]";
    let good = right(good);
    assert_eq!((good.extenders.len(), good.warnings.len()), (2, 0));
    let name = &said("[{managedResources: [{name: a/b/c}]}]")[0];
    assert!(
        name.starts_with("[0].managedResources[0].name: \"a/b/c\": ") && name.contains(name_rule)
    );
}

/// The whole way of a file.
fn compiled(body: &str) -> (Configuration, String) {
    let root = Value::from_yaml(&format!("{HEAD}{body}")).unwrap();
    let gates = FeatureGates::default();
    let mut reader = Reader::new(gates);
    let mut file = v1::read(&mut reader, &root, PLUGINS);
    defaults::fill(&mut file, PLUGINS, gates);
    let mut findings = reader.into_findings();
    extenders::check(&file.extenders, &mut findings);
    let profiles = validate::check_profiles(&file.profiles, PLUGINS, &mut findings);
    assert_eq!(findings.errors, []);
    let printed = render::render(&file, PLUGINS);
    let checked = super::super::Checked { file, gates, profiles, warnings: Vec::new() };
    (checked.compile(), printed)
}

const ALL_FIELDS: &str = "\
extenders:
- urlPrefix: http://first
  ignorable: true
  httpTimeout: -1s
- urlPrefix: https://second/x
  filterVerb: f
  preemptVerb: p
  prioritizeVerb: s
  weight: 5
  bindVerb: b
  enableHTTPS: true
  tlsConfig: {insecure: false, serverName: h, certFile: c, keyFile: k, caFile: a, certData: YWI=, keyData: 'Y
    Q==', caData: ''}
  httpTimeout: 1m30s
  nodeCacheCapable: true
  managedResources: [{name: a/b, ignoredByScheduler: true}, {name: c/d}]
- {}
profiles:
- schedulerName: one
  pluginConfig: [{name: NodeResourcesFit, args: {ignoredResources: [e/f]}}]
- schedulerName: two
";

#[test]
fn all_fields() {
    let (configuration, _) = compiled(&ALL_FIELDS.replace("'Y\n    Q=='", "\"Y\\nQ==\""));
    let of = |name: &str, data: &[u8]| Pem { file: name.to_owned(), data: data.to_vec() };
    let some = |text: &str| Some(text.to_owned());
    let resource = |name: &str, ignored_by_scheduler| ManagedResource {
        name: name.into(),
        ignored_by_scheduler,
    };
    let second = Extender {
        url_prefix: "https://second/x".to_owned(),
        filter_verb: some("f"),
        preempt_verb: some("p"),
        prioritize_verb: some("s"),
        weight: 5,
        bind_verb: some("b"),
        enable_https: true,
        tls: Some(ExtenderTls {
            insecure: false,
            server_name: "h".to_owned(),
            cert: of("c", b"ab"),
            key: of("k", b"a"),
            ca: of("a", b""),
        }),
        http_timeout: Some(Nanos::from_secs(90)),
        node_cache_capable: true,
        managed_resources: vec![resource("a/b", true), resource("c/d", false)],
        ignorable: false,
    };
    let third = Extender { http_timeout: Some(Nanos::from_secs(5)), ..Extender::default() };
    let url_prefix = "http://first".to_owned();
    let first = Extender { url_prefix, ignorable: true, ..Extender::default() };
    // Those whose failures do not matter are asked last.
    assert_eq!(configuration.extenders, [second, third, first]);
    let ignored = |at: usize| {
        let args = &configuration.profiles[at].args.node_resources_fit;
        args.ignored_resources.iter().map(|name| &**name).collect::<Vec<_>>()
    };
    // The extenders' word stands in place of that of the args.
    assert_eq!((ignored(0), ignored(1)), (vec!["a/b"], vec!["a/b"]));
    let body = ALL_FIELDS.replace("ignoredByScheduler: true", "ignoredByScheduler: false");
    let (configuration, _) = compiled(&body.replace("'Y\n    Q=='", "YQ=="));
    let args = &configuration.profiles[0].args.node_resources_fit;
    assert_eq!(*args.ignored_resources, ["e/f".into()]);
}

#[test]
fn printed_as_go_prints_them() {
    let (_, printed) = compiled(&ALL_FIELDS.replace("'Y\n    Q=='", "YQ=="));
    let expected = "\
extenders:
- httpTimeout: -1s
  ignorable: true
  urlPrefix: http://first
- bindVerb: b
  enableHTTPS: true
  filterVerb: f
  httpTimeout: 1m30s
  managedResources:
  - ignoredByScheduler: true
    name: a/b
  - name: c/d
  nodeCacheCapable: true
  preemptVerb: p
  prioritizeVerb: s
  tlsConfig:
    caFile: a
    certData: YWI=
    certFile: c
    keyData: YQ==
    keyFile: k
    serverName: h
  urlPrefix: https://second/x
  weight: 5
- httpTimeout: 0s
  urlPrefix: \"\"
kind:";
    assert!(printed.contains(expected), "{printed}");
}
