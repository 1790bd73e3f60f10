//! Requests made up from the corpus: mostly such as clients send, each with something wrong.

use std::fmt::Write as _;

use berth::apiserver::kinds::Resource;
use serde_json::{Map, Value, json};

use crate::corpus::{Input, Pair, Step};
use crate::mutate;
use crate::protobuf;
use crate::rng::Rng;

/// Few, so that requests meet the same objects.
const NAMES: [&str; 4] = ["a", "b", "c", "n1"];
const NAMESPACES: [&str; 5] = ["default", "default", "kube-system", "a", "missing"];

const PATCHES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

const ACCEPTS: [&str; 8] = [
    "application/json",
    "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    "application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io",
    "application/vnd.kubernetes.protobuf",
    "text/html, */*;q=0.1",
    ";;,=,",
];

/// Queries; of a `*` the value is made up.
const QUERIES: [&str; 30] = [
    "dryRun=All",
    "dryRun=*",
    "fieldValidation=Strict",
    "fieldValidation=Ignore",
    "fieldManager=m",
    "fieldManager=*",
    "force=true",
    "limit=1",
    "limit=*",
    "limit=-1",
    "continue=*",
    "continue=now.default/a",
    "continue=1.a",
    "labelSelector=app%3Dweb",
    "labelSelector=a+in+(b,c),!d,e!%3Df,g+notin+()",
    "labelSelector=*",
    "fieldSelector=metadata.name%3Da",
    "fieldSelector=spec.nodeName!%3Dn1",
    "fieldSelector=*",
    "resourceVersion=0",
    "resourceVersion=*",
    "resourceVersion=1&resourceVersionMatch=Exact",
    "resourceVersionMatch=NotOlderThan",
    "watch=1&resourceVersion=0",
    "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
    "watch=true&timeoutSeconds=*",
    "gracePeriodSeconds=0",
    "gracePeriodSeconds=*",
    "propagationPolicy=Foreground",
    "orphanDependents=true",
];

const OTHER_PATHS: [&str; 16] = [
    "/",
    "/api",
    "/apis",
    "/apis/apps",
    "/apis/apps/v1",
    "/version",
    "/healthz",
    "/readyz?verbose",
    "/openapi/v3",
    "/openapi/v3/api/v1",
    "/openapi/v2",
    "/api/v1/namespaces/default/pods/a/exec",
    "/api/v1/namespaces/default/gadgets",
    "//api//v1/pods",
    "/api/v1/nodes/../pods",
    "/api/v1/namespaces/default/pods/%00",
];

/// Who applies.
const MANAGERS: [&str; 2] = ["fieldManager=m", "fieldManager=n&force=1"];
/// What no path should end with.
const ENDINGS: [&str; 8] = ["/", "%", "%00", "%2F..", "/..", "/a", "%ff", ";a"];

/// The generator.
pub(crate) struct Requests {
    pub(crate) seeds: Vec<Value>,
}

impl Requests {
    /// The next thing to try.
    pub(crate) fn step(&self, rng: &mut Rng) -> Step {
        if rng.once_in(5) { Step::Pair(Box::new(self.pair(rng))) } else { self.request(rng) }
    }

    fn pair(&self, rng: &mut Rng) -> Pair {
        let one = self.object(rng);
        let text = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let mut two = one.clone();
        mutate::object(rng, &mut two, rng.clone().one_of(&self.seeds));
        if rng.once_in(4) {
            (_, two) = self.patch(rng, &one);
        }
        let mut one = one;
        if rng.once_in(4) {
            mutate::object(rng, &mut one, rng.clone().one_of(&self.seeds));
        }
        Pair { api_version, kind, one, two }
    }

    /// One of the corpus, under a name that others have, too.
    fn object(&self, rng: &mut Rng) -> Value {
        // Pods are what most of the rules are about.
        let of = |kind: &str| self.seeds.iter().filter(|seed| seed["kind"] == kind).collect();
        let pods: Vec<&Value> = of("Pod");
        let mut object = if rng.once_in(4) {
            (*rng.one_of(&pods)).clone()
        } else {
            rng.one_of(&self.seeds).clone()
        };
        object["metadata"]["name"] = (*rng.one_of(&NAMES)).into();
        object
    }

    fn request(&self, rng: &mut Rng) -> Step {
        let object = self.object(rng);
        let (method, mut uri) = Self::place(rng, &object);
        let mut headers = Vec::new();
        let body = match method {
            "GET" | "HEAD" => Vec::new(),
            "DELETE" if !rng.once_in(4) => Vec::new(),
            "PATCH" => {
                let (sort, patch) = self.patch(rng, &object);
                let sort = if rng.once_in(20) { *rng.one_of(&PATCHES) } else { sort };
                headers.push(("content-type".to_owned(), sort.to_owned()));
                if sort == PATCHES[3] && !rng.once_in(10) {
                    let manager: &&str = rng.one_of(&MANAGERS);
                    add_query(&mut uri, manager);
                }
                Self::bytes(rng, &patch)
            }
            _ => self.body(rng, object, &mut headers),
        };
        for _ in 0..[0, 0, 1, 1, 2, 4][rng.below(6)] {
            let query = rng.one_of(&QUERIES).replace('*', &percent(&mutate::text(rng)));
            add_query(&mut uri, &query);
        }
        if rng.once_in(4) {
            headers.push(("accept".to_owned(), (*rng.one_of(&ACCEPTS)).to_owned()));
        }
        if rng.once_in(8) {
            let agent = mutate::text(rng);
            headers.push(("user-agent".to_owned(), agent));
        }
        Step::Request(Input { method: method.to_owned(), uri, headers, body })
    }

    /// The method and the path.
    fn place(rng: &mut Rng, object: &Value) -> (&'static str, String) {
        let method = match rng.below(40) {
            0..=13 => "POST",
            14..=18 => "PUT",
            19..=29 => "PATCH",
            30..=34 => "GET",
            35..=37 => "DELETE",
            _ => *rng.one_of(&["HEAD", "OPTIONS", "TRACE", "CONNECT", "BREW"]),
        };
        if rng.once_in(40) {
            return (method, (*rng.one_of(&OTHER_PATHS)).to_owned());
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let found = Resource::by_kind(&version, &kind).filter(|_| !rng.once_in(20));
        let pods = || Resource::find("", "v1", "pods").expect("there are pods");
        let (resource, mut part) = match (found, kind.as_str()) {
            (Some(found), _) => (found, None),
            (None, "Eviction") => (pods(), Some("eviction".to_owned())),
            (None, "Scale") => (
                Resource::find("apps", "v1", "deployments").expect("it is served"),
                Some("scale".to_owned()),
            ),
            (None, "TokenRequest") => (
                Resource::find("", "v1", "serviceaccounts").expect("it is served"),
                Some("token".to_owned()),
            ),
            _ => (rng.one_of(Resource::all()), None),
        };
        let (resource, bound) = match kind.as_str() {
            "Binding" if rng.once_in(2) => (pods(), true),
            _ => (resource, false),
        };
        if bound {
            part = Some("binding".to_owned());
        }
        if part.is_none() && rng.once_in(4) && !resource.subresources.is_empty() {
            part = Some(rng.one_of(&resource.subresources).name.to_owned());
        }
        let group = match resource.group {
            "" => "/api".to_owned(),
            group => format!("/apis/{group}"),
        };
        let namespace = if resource.namespaced && !rng.once_in(30) {
            format!("/namespaces/{}", rng.one_of(&NAMESPACES))
        } else {
            String::new()
        };
        let mut path = format!("{group}/{}{namespace}/{}", resource.version, resource.plural);
        let is_whole = part.is_none() && (method == "POST" || rng.once_in(6));
        if !is_whole {
            path = format!("{path}/{}", text(&object["metadata"]["name"]));
        }
        if let Some(part) = part {
            path = format!("{path}/{part}");
        }
        if rng.once_in(50) {
            let ending: &&str = rng.one_of(&ENDINGS);
            path.push_str(ending);
        }
        (method, path)
    }

    fn body(
        &self,
        rng: &mut Rng,
        mut object: Value,
        headers: &mut Vec<(String, String)>,
    ) -> Vec<u8> {
        if rng.once_in(3) && object["metadata"].is_object() {
            object["metadata"]["resourceVersion"] = "$RV".into();
        }
        if rng.once_in(20) {
            object["metadata"]["generateName"] = mutate::text(rng).into();
            drop(object["metadata"]["name"].take());
        }
        if !rng.once_in(4) {
            mutate::object(rng, &mut object, rng.clone().one_of(&self.seeds));
        }
        let media_type = match rng.below(12) {
            0 | 1 => protobuf_type(),
            2 => "application/yaml",
            3 if rng.once_in(4) => "text/plain",
            _ => "application/json; charset=utf-8",
        };
        headers.push(("content-type".to_owned(), media_type.to_owned()));
        if media_type == protobuf_type() {
            let mut body = protobuf::encode(&object);
            if rng.once_in(2) {
                mutate::bytes(rng, &mut body);
            }
            return body;
        }
        Self::bytes(rng, &object)
    }

    /// A value as a body, now and then with a mistake in the text itself.
    fn bytes(rng: &mut Rng, value: &Value) -> Vec<u8> {
        let mut bytes = value.to_string().into_bytes();
        if rng.once_in(12) {
            mutate::bytes(rng, &mut bytes);
        }
        bytes
    }

    /// A patch of an object like `object`, and its media type.
    fn patch(&self, rng: &mut Rng, object: &Value) -> (&'static str, Value) {
        let mut changed = object.clone();
        let sort = *rng.one_of(&PATCHES);
        if sort == PATCHES[0] {
            let operations = (0..=rng.below(4)).map(|_| self.operation(rng, object));
            let mut patch = Value::Array(operations.collect());
            if rng.once_in(10) {
                mutate::object(rng, &mut patch, object);
            }
            return (sort, patch);
        }
        if rng.once_in(2) {
            drop(changed["metadata"]["name"].take());
            changed = json!({"metadata": {}, "spec": changed["spec"].take()});
        }
        if rng.once_in(3) {
            changed["metadata"]["resourceVersion"] = "$RV".into();
        }
        if sort == PATCHES[2] {
            direct(rng, &mut changed);
        }
        if !rng.once_in(3) {
            mutate::object(rng, &mut changed, rng.clone().one_of(&self.seeds));
        }
        (sort, changed)
    }

    fn operation(&self, rng: &mut Rng, object: &Value) -> Value {
        let op = *rng.one_of(&["add", "remove", "replace", "move", "copy", "test", "jump"]);
        let mut donor = rng.one_of(&self.seeds).clone();
        let value =
            if rng.once_in(2) { mutate::value(rng) } else { mutate::part(rng, &mut donor).clone() };
        json!({
            "op": op, "path": mutate::pointer(rng, object), "from": mutate::pointer(rng, object),
            "value": value,
        })
    }
}

fn protobuf_type() -> &'static str {
    "application/vnd.kubernetes.protobuf"
}

/// Puts directives of strategic merge patches into a patch.
fn direct(rng: &mut Rng, patch: &mut Value) {
    for _ in 0..rng.below(3) {
        let key = format!(
            "{}/{}",
            rng.one_of(&["$setElementOrder", "$deleteFromPrimitiveList"]),
            rng.one_of(&["containers", "finalizers", "tolerations", "ports", "env"])
        );
        let at = mutate::part(rng, patch);
        match at {
            Value::Object(fields) => {
                let (key, value) = match rng.below(4) {
                    0 => (
                        "$patch".to_owned(),
                        json!(rng.one_of(&["replace", "delete", "merge", "x"])),
                    ),
                    1 => {
                        ("$retainKeys".to_owned(), json!([mutate::field(rng), mutate::field(rng)]))
                    }
                    2 => (key, json!([{"name": "a"}, {"name": "c"}])),
                    _ => (key, json!(["example.com/keep", "a"])),
                };
                fields.insert(key, value);
            }
            Value::Array(items) => {
                let mut item = Map::new();
                item.insert(
                    "$patch".to_owned(),
                    json!(rng.one_of(&["replace", "delete", "merge"])),
                );
                item.insert("name".to_owned(), mutate::text(rng).into());
                items.push(item.into());
            }
            _ => {}
        }
    }
}

fn add_query(uri: &mut String, query: &str) {
    uri.push(if uri.contains('?') { '&' } else { '?' });
    uri.push_str(query);
}

fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        // A string takes everything.
        let _ = write!(out, "%{byte:02X}");
    }
    out
}
