//! `extenders`: HTTP services that have a say in decisions; read, checked and turned into plain values.
//! Called by `v1`, `validate` and `config`.
//!
//! Upstream: validateExtenders and buildExtenders, v1.37.

use k8s_openapi::ByteString;

use super::duration::go_duration;
use super::error::Findings;
use super::names::label_key_error;
use super::reader::Reader;
use super::value::{Value, quoted};
use crate::units::{Nanos, Set};

/// How long a call may take where nothing else is said.
///
/// Upstream: DefaultExtenderTimeout, v1.37.
const TIMEOUT: Nanos = Nanos::from_secs(5);

/// A service that is asked about pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extender {
    /// What stands before a verb in the address of a call.
    pub url_prefix: String,
    /// The verb that filters nodes; `None` where it does not filter.
    pub filter_verb: Option<String>,
    /// The verb that says what preemption may do.
    pub preempt_verb: Option<String>,
    /// The verb that scores nodes.
    pub prioritize_verb: Option<String>,
    /// What its scores count for.
    pub weight: i64,
    /// The verb that binds pods; at most one extender has it.
    pub bind_verb: Option<String>,
    /// It is called over TLS.
    pub enable_https: bool,
    /// How TLS is spoken with it.
    pub tls: Option<ExtenderTls>,
    /// How long a call may take; `None` is for ever.
    pub http_timeout: Option<Nanos>,
    /// It knows the nodes, so that names are enough.
    pub node_cache_capable: bool,
    /// The extended resources because of which it is asked about a pod; none means about every pod.
    pub managed_resources: Vec<ManagedResource>,
    /// A call that fails does not fail the pod.
    pub ignorable: bool,
}

/// A resource that an extender looks after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagedResource {
    /// Its name.
    pub name: Box<str>,
    /// NodeResourcesFit does not look at it.
    pub ignored_by_scheduler: bool,
}

/// How TLS is spoken with an extender; data wins over files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtenderTls {
    /// Its certificate is not looked at.
    pub insecure: bool,
    /// The name that its certificate must have; empty for that of the address.
    pub server_name: String,
    /// The client's certificate, PEM.
    pub cert: Pem,
    /// The client's key.
    pub key: Pem,
    /// The authorities that are trusted.
    pub ca: Pem,
}

/// PEM, in a file or here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pem {
    /// The path of a file; empty for none.
    pub file: String,
    /// The text; empty for none.
    pub data: Vec<u8>,
}

/// One of a file's `extenders`, by its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ExtenderFields {
    /// All but the timeout.
    extender: Extender,
    /// `httpTimeout` in nanoseconds; zero where it was not given.
    timeout: i64,
}

/// Reads an extender at the current path.
pub(super) fn read(reader: &mut Reader, value: &Value) -> ExtenderFields {
    let mut fields = ExtenderFields::default();
    let verb =
        |reader: &mut Reader, value: &Value| reader.string(value).filter(|verb| !verb.is_empty());
    let flag = |reader: &mut Reader, value: &Value| reader.bool(value).unwrap_or_default();
    let it = &mut fields.extender;
    reader.fields(value, |reader, key, value| match key {
        "urlPrefix" => it.url_prefix = reader.string(value).unwrap_or_default(),
        "filterVerb" => it.filter_verb = verb(reader, value),
        "preemptVerb" => it.preempt_verb = verb(reader, value),
        "prioritizeVerb" => it.prioritize_verb = verb(reader, value),
        "weight" => it.weight = reader.int64(value).unwrap_or_default(),
        "bindVerb" => it.bind_verb = verb(reader, value),
        "enableHTTPS" => it.enable_https = flag(reader, value),
        "tlsConfig" => it.tls = read_tls(reader, value),
        "httpTimeout" => fields.timeout = reader.plain_duration_nanos(value).unwrap_or_default(),
        "nodeCacheCapable" => it.node_cache_capable = flag(reader, value),
        "managedResources" => reader.items(value, |reader, _, value| {
            let mut resource = ManagedResource::default();
            reader.fields(value, |reader, key, value| match key {
                "name" => resource.name = reader.string(value).unwrap_or_default().into(),
                "ignoredByScheduler" => resource.ignored_by_scheduler = flag(reader, value),
                _ => reader.unknown(),
            });
            it.managed_resources.push(resource);
        }),
        "ignorable" => it.ignorable = flag(reader, value),
        _ => reader.unknown(),
    });
    fields
}

fn read_tls(reader: &mut Reader, value: &Value) -> Option<ExtenderTls> {
    let mut tls = ExtenderTls::default();
    let text = |reader: &mut Reader, value: &Value| reader.string(value).unwrap_or_default();
    reader.fields(value, |reader, key, value| match key {
        "insecure" => tls.insecure = reader.bool(value).unwrap_or_default(),
        "serverName" => tls.server_name = text(reader, value),
        "certFile" => tls.cert.file = text(reader, value),
        "certData" => tls.cert.data = reader.base64(value),
        "keyFile" => tls.key.file = text(reader, value),
        "keyData" => tls.key.data = reader.base64(value),
        "caFile" => tls.ca.file = text(reader, value),
        "caData" => tls.ca.data = reader.base64(value),
        _ => reader.unknown(),
    });
    (!matches!(value, Value::Null)).then_some(tls)
}

/// Says what breaks a rule, in upstream's words.
pub(super) fn check(extenders: &[ExtenderFields], findings: &mut Findings) {
    let mut managed = Set::default();
    let mut binders = 0;
    for (index, fields) in extenders.iter().enumerate() {
        let (it, path) = (&fields.extender, format!("extenders[{index}]"));
        if it.prioritize_verb.is_some() && it.weight <= 0 {
            let message = "must have a positive weight applied to it";
            findings.refuse(format!("{path}.weight"), Some(it.weight.to_string()), message);
        }
        binders += usize::from(it.bind_verb.is_some());
        let trusts = |tls: &&ExtenderTls| !tls.ca.file.is_empty() || !tls.ca.data.is_empty();
        if it.tls.as_ref().filter(trusts).is_some_and(|tls| tls.insecure) {
            let message =
                "specifying a root certificates file with the insecure flag is not allowed";
            findings.refuse(format!("{path}.tlsConfig"), None, message);
        }
        for (index, resource) in it.managed_resources.iter().enumerate() {
            let path = format!("{path}.managedResources[{index}].name");
            let name = &*resource.name;
            if let Some(message) = name_error(name) {
                findings.refuse(path.clone(), Some(quoted(name)), &message);
            }
            if !managed.insert(name) {
                let message = "duplicate extender managed resource name";
                findings.refuse(path, Some(quoted(name)), message);
            }
        }
    }
    if binders > 1 {
        let value = quoted(&format!("found {binders} extenders implementing bind"));
        let message = "only one extender can implement bind";
        findings.refuse("extenders".to_owned(), Some(value), message);
    }
}

/// What is wrong with the name of an extended resource.
fn name_error(name: &str) -> Option<String> {
    let is_extended = name.contains('/')
        && !name.contains("kubernetes.io/")
        && !name.starts_with("requests.")
        && label_key_error(&format!("requests.{name}")).is_none();
    let invalid = || (!is_extended).then(|| "is an invalid extended resource name".to_owned());
    label_key_error(name).or_else(invalid)
}

/// The extenders in the order in which they are asked: those whose failures count come first.
pub(super) fn compile(extenders: Vec<ExtenderFields>) -> Vec<Extender> {
    let one = |ExtenderFields { mut extender, timeout }| {
        extender.http_timeout = match timeout {
            0 => Some(TIMEOUT),
            // Go's client knows no deadline in the past.
            nanos => u64::try_from(nanos).ok().map(Nanos),
        };
        extender
    };
    let mut extenders: Vec<Extender> = extenders.into_iter().map(one).collect();
    extenders.sort_by_key(|extender| extender.ignorable);
    extenders
}

/// The resources that NodeResourcesFit of every profile ignores, in place of those that its args name;
/// `None` where the extenders name none.
pub(super) fn ignored_resources(extenders: &[ExtenderFields]) -> Option<Vec<Box<str>>> {
    let all = extenders.iter().flat_map(|fields| &fields.extender.managed_resources);
    let ignored: Vec<_> = all
        .filter(|resource| resource.ignored_by_scheduler)
        .map(|resource| resource.name.clone())
        .collect();
    (!ignored.is_empty()).then_some(ignored)
}

/// As Go prints it: without what is empty.
pub(super) fn shown(fields: &ExtenderFields) -> Value {
    let it = &fields.extender;
    let text = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
    let verb = |verb: &Option<String>| text(verb.as_deref().unwrap_or_default());
    let flag = |flag: bool| if flag { Value::from(true) } else { Value::Null };
    let data = |pem: &Pem| {
        let encoded = serde_json::to_value(ByteString(pem.data.clone()));
        text(encoded.ok().as_ref().and_then(|value| value.as_str()).unwrap_or_default())
    };
    let tls = it.tls.as_ref().map_or(Value::Null, |tls| {
        Value::map([
            ("insecure", flag(tls.insecure)),
            ("serverName", text(&tls.server_name)),
            ("certFile", text(&tls.cert.file)),
            ("certData", data(&tls.cert)),
            ("keyFile", text(&tls.key.file)),
            ("keyData", data(&tls.key)),
            ("caFile", text(&tls.ca.file)),
            ("caData", data(&tls.ca)),
        ])
    });
    let resource = |resource: &ManagedResource| {
        let ignored = flag(resource.ignored_by_scheduler);
        Value::map([("name", Value::from(&*resource.name)), ("ignoredByScheduler", ignored)])
    };
    let managed: Vec<Value> = it.managed_resources.iter().map(resource).collect();
    Value::map([
        ("urlPrefix", Value::from(it.url_prefix.as_str())),
        ("filterVerb", verb(&it.filter_verb)),
        ("preemptVerb", verb(&it.preempt_verb)),
        ("prioritizeVerb", verb(&it.prioritize_verb)),
        ("weight", if it.weight == 0 { Value::Null } else { Value::from(it.weight) }),
        ("bindVerb", verb(&it.bind_verb)),
        ("enableHTTPS", flag(it.enable_https)),
        ("tlsConfig", tls),
        ("httpTimeout", Value::String(go_duration(fields.timeout))),
        ("nodeCacheCapable", flag(it.node_cache_capable)),
        ("managedResources", if managed.is_empty() { Value::Null } else { Value::List(managed) }),
        ("ignorable", flag(it.ignorable)),
    ])
}
