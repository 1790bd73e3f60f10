//! The tables of the embedded API server against those of the real kube-apiserver: the same objects, the
//! same columns, the same cells.
//!
//! The objects are in `tests/data/print/`. Each is created as it stands; its `status`, where there is
//! one, is written through the subresource, and with the label `then: delete` it is deleted, so that it
//! stays with its deletionTimestamp where something holds it.
//! The descriptions of columns are not compared: ours are empty.

mod support;

use std::fs;
use std::path::Path;
use std::pin::pin;

use berth::apiserver::print::{self, IncludeObject, TableOptions};
use futures::{AsyncBufReadExt, StreamExt};
use http::{Method, Request, header};
use jiff::Timestamp;
use serde_json::{Value, json};

use support::control_plane::{ControlPlane, Options};
use support::rest::Rest;

/// The files of objects, in the order in which they are created.
const FILES: [&str; 5] = ["core", "scheduling", "storage", "workloads", "pods"];
/// Kinds of which there is something without us, or nothing: these tables are compared, too.
const FURTHER_KINDS: [(&str, &str); 3] = [
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("scheduling.k8s.io/v1beta1", "Workload"),
];
/// Collections of nothing, of kinds with columns of their own and without.
const EMPTY: [(&str, &str); 2] = [
    ("Pod", "/api/v1/namespaces/kube-public/pods"),
    ("LimitRange", "/api/v1/namespaces/kube-public/limitranges"),
];
/// What makes the API server take all kinds of scheduling.
const FLAGS: [&str; 2] = [
    "--runtime-config=scheduling.k8s.io/v1beta1=true,scheduling.k8s.io/v1alpha3=true",
    "--feature-gates=GenericWorkload=true,TopologyAwareWorkloadScheduling=true,CompositePodGroup=true",
];
/// How often something is asked for until it does not change meanwhile.
const ATTEMPTS_MAX: usize = 50;
const NEVER_STILL: &str = "changed during every comparison";

#[tokio::test]
async fn tables_are_those_of_kube_apiserver() {
    let apiserver_flags = FLAGS.map(str::to_owned).to_vec();
    let options = Options { apiserver_flags, ..Options::default() };
    let test = "tables_are_those_of_kube_apiserver";
    let Some(plane) = ControlPlane::start_with(test, &options).await else { return };
    let rest = Rest(plane.client().await);
    let objects: Vec<Value> = FILES.iter().flat_map(|file| documents(file)).collect();
    let mut refused = Vec::new();
    for object in &objects {
        if let Err(error) = make(&rest, object).await {
            refused.push(format!("{}: {error}", Kind::of(object).path_of(object)));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));

    let kinds = objects.iter().map(|object| (text(&object["apiVersion"]), text(&object["kind"])));
    let mut kinds: Vec<_> = kinds.chain(FURTHER_KINDS).map(|(v, k)| Kind::new(v, k)).collect();
    kinds.dedup_by(|a, b| a.collection == b.collection);
    let mut compared = Compared { rest, differences: Vec::new(), rows: 0 };
    for kind in &kinds {
        compared.list(kind).await;
    }
    for (kind, collection) in EMPTY {
        let collection = collection.to_owned();
        compared.list(&Kind { collection, ..Kind::new("v1", kind) }).await;
    }
    for object in &objects {
        compared.object(object).await;
    }
    compared.rows_with_more().await;
    compared.scale().await;
    compared.watch("csistoragecapacities.storage.k8s.io", "/apis/storage.k8s.io/v1").await;
    let Compared { differences, rows, .. } = compared;
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    assert!(rows > 2 * objects.len(), "only {rows} rows were compared");
}

fn documents(file: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/print/{file}.yaml"));
    let text = fs::read_to_string(path).expect("the file is there");
    let documents = serde_saphyr::from_multiple(&text);
    documents.map_err(|error| format!("{file}.yaml: {error}")).expect("the file is YAML")
}

async fn make(rest: &Rest, object: &Value) -> kube::Result<()> {
    let kind = Kind::of(object);
    let (collection, path) = (kind.collection_of(object), kind.path_of(object));
    rest.send(Method::POST, &collection, "application/json", Some(object)).await?;
    if object.get("status").is_some() && kind.name != "Node" {
        let (path, status) = (format!("{path}/status"), json!({"status": object["status"]}));
        rest.send(Method::PATCH, &path, "application/merge-patch+json", Some(&status)).await?;
    }
    if object["metadata"]["labels"]["then"] == "delete" {
        rest.send(Method::DELETE, &path, "application/json", None).await?;
    }
    Ok(())
}

/// Where a kind is.
struct Kind {
    name: String,
    /// `pods`, `deployments.apps`.
    resource: String,
    plural: String,
    /// `/api/v1`, `/apis/apps/v1`.
    group_version: String,
    /// The path of all objects, in all namespaces.
    collection: String,
}

impl Kind {
    fn new(api_version: &str, name: &str) -> Self {
        let lower = name.to_lowercase();
        let plural = match lower.strip_suffix('y') {
            Some(stem) => format!("{stem}ies"),
            None if lower == "endpoints" => lower,
            None if lower.ends_with('s') => format!("{lower}es"),
            None => format!("{lower}s"),
        };
        let (group_version, resource) = match api_version.split_once('/') {
            Some((group, _)) => (format!("/apis/{api_version}"), format!("{plural}.{group}")),
            None => (format!("/api/{api_version}"), plural.clone()),
        };
        let collection = format!("{group_version}/{plural}");
        Self { name: name.to_owned(), resource, plural, group_version, collection }
    }

    fn of(object: &Value) -> Self {
        Self::new(text(&object["apiVersion"]), text(&object["kind"]))
    }

    /// The collection that an object is created in.
    fn collection_of(&self, object: &Value) -> String {
        match object["metadata"]["namespace"].as_str() {
            Some(namespace) => {
                format!("{}/namespaces/{namespace}/{}", self.group_version, self.plural)
            }
            None => self.collection.clone(),
        }
    }

    fn path_of(&self, object: &Value) -> String {
        format!("{}/{}", self.collection_of(object), text(&object["metadata"]["name"]))
    }
}

/// What was compared so far.
struct Compared {
    rest: Rest,
    differences: Vec<String>,
    rows: usize,
}

impl Compared {
    /// Compares the tables, and the metadata, of a whole collection.
    async fn list(&mut self, kind: &Kind) {
        let path = &kind.collection;
        self.form(path, "Table", |list, now| {
            with_metadata_of(list, print::table(&kind.resource, items(list), &options(now)))
        })
        .await;
        self.form(path, "PartialObjectMetadataList", |list, _| {
            with_metadata_of(list, print::partial_metadata_list(items(list)))
        })
        .await;
    }

    /// Compares the tables, and the metadata, of one object.
    async fn object(&mut self, object: &Value) {
        let kind = Kind::of(object);
        let path = kind.path_of(object);
        self.form(&path, "Table", |object, now| {
            print::table_of_one(&kind.resource, object, &options(now))
        })
        .await;
        self.form(&path, "PartialObjectMetadata", |object, _| print::partial_metadata(object))
            .await;
    }

    /// Compares tables whose rows carry the whole objects, and nothing.
    async fn rows_with_more(&mut self) {
        for (name, include_object) in
            [("Object", IncludeObject::Object), ("None", IncludeObject::None)]
        {
            let path = format!("/api/v1/pods?includeObject={name}");
            self.form(&path, "Table", |list, now| {
                let mut pods = items(list).to_vec();
                for pod in &mut pods {
                    pod["apiVersion"] = json!("v1");
                    pod["kind"] = json!("Pod");
                }
                let options = TableOptions { include_object, ..options(now) };
                with_metadata_of(list, print::table("pods", &pods, &options))
            })
            .await;
        }
    }

    async fn scale(&mut self) {
        let path = "/apis/apps/v1/namespaces/default/deployments/web/scale";
        self.form(path, "Table", |scale, now| {
            print::table_of_one("deployments.apps/scale", scale, &options(now))
        })
        .await;
    }

    /// Compares the events of a watch, up to the bookmark that ends the initial ones: the first has
    /// the columns. The kind must be one without ages.
    async fn watch(&mut self, resource: &str, group_version: &str) {
        let plural = resource.split('.').next().unwrap_or_default();
        let path = format!(
            "{group_version}/{plural}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true\
             &resourceVersionMatch=NotOlderThan&includeObject=None"
        );
        let ours = |events: Vec<Value>, now| -> Value {
            let options = |position| TableOptions {
                include_object: IncludeObject::None,
                no_headers: position > 0,
                ..options(now)
            };
            let events = events.iter().enumerate();
            events.map(|(at, event)| print::table_of_one(resource, event, &options(at))).collect()
        };
        for _ in 0..ATTEMPTS_MAX {
            let before =
                ours(self.initial_events(&path, "application/json").await, Timestamp::now());
            let mut theirs = self.initial_events(&path, &accept("Table")).await;
            let after =
                ours(self.initial_events(&path, "application/json").await, Timestamp::now());
            if before == after {
                theirs.iter_mut().for_each(without_descriptions);
                assert!(theirs.len() > 2, "there are two objects and a bookmark");
                self.compare(&path, &before, &theirs.into());
                return;
            }
        }
        self.differences.push(format!("{path}: {NEVER_STILL}"));
    }

    /// The objects of a watch's events, the bookmark after the initial ones included.
    async fn initial_events(&self, path: &str, accept: &str) -> Vec<Value> {
        let request = Request::get(path).header(header::ACCEPT, accept).body(Vec::new());
        let stream = self.rest.0.request_stream(request.expect("a path is a path")).await;
        let mut lines = pin!(stream.expect("the API server can be watched").lines());
        let mut objects = Vec::new();
        while let Some(line) = lines.next().await {
            let mut event: Value = serde_json::from_str(&line.expect("a line")).expect("an event");
            objects.push(event["object"].take());
            if event["type"] == "BOOKMARK" {
                break;
            }
        }
        objects
    }

    /// Compares a form of what is at `path` with what we make of its JSON, ages included: it is asked
    /// for again until ours is the same before and after. Some leases are renewed all the time.
    async fn form(&mut self, path: &str, form: &str, ours: impl Fn(&Value, Timestamp) -> Value) {
        for _ in 0..ATTEMPTS_MAX {
            let before = ours(&self.get_as_is(path).await, Timestamp::now());
            let mut theirs = self.get_as(path, form).await;
            let after = ours(&self.get_as_is(path).await, Timestamp::now());
            if before == after {
                without_descriptions(&mut theirs);
                self.rows += theirs["rows"].as_array().map_or(0, Vec::len);
                self.compare(path, &before, &theirs);
                return;
            }
        }
        self.differences.push(format!("{path}: {NEVER_STILL}"));
    }

    async fn get_as_is(&self, path: &str) -> Value {
        self.rest.get(path).await.expect("something holds what is deleted")
    }

    async fn get_as(&self, path: &str, form: &str) -> Value {
        let request = Request::get(path).header(header::ACCEPT, accept(form)).body(Vec::new());
        let answer = self.rest.0.request(request.expect("a path is a path")).await;
        answer.map_err(|error| format!("{path} as {form}: {error}")).expect("an answer")
    }

    /// Notes where two answers differ, part by part to keep it readable.
    fn compare(&mut self, path: &str, ours: &Value, theirs: &Value) {
        if ours == theirs {
            return;
        }
        let rows = |table: &Value| table["rows"].as_array().cloned().unwrap_or_default();
        let (our_rows, their_rows) = (rows(ours), rows(theirs));
        let mut parts = Vec::new();
        for (ours, theirs) in
            our_rows.iter().zip(&their_rows).filter(|(ours, theirs)| ours != theirs)
        {
            let part = ["cells", "conditions", "object"].into_iter().find(|p| ours[p] != theirs[p]);
            let part = part.unwrap_or_default();
            parts.push(format!("  ours   {}\n  theirs {}", ours[part], theirs[part]));
        }
        if parts.is_empty() {
            parts.push(format!("  ours   {ours}\n  theirs {theirs}"));
        }
        self.differences.push(format!("{path}:\n{}", parts.join("\n")));
    }
}

fn options(now: Timestamp) -> TableOptions {
    TableOptions { include_object: IncludeObject::Metadata, no_headers: false, now }
}

fn items(list: &Value) -> &[Value] {
    list["items"].as_array().expect("a list has items")
}

fn with_metadata_of(list: &Value, mut ours: Value) -> Value {
    ours["metadata"] = list["metadata"].clone();
    ours
}

/// The media type of a form of objects.
fn accept(form: &str) -> String {
    format!("application/json;as={form};v=v1;g=meta.k8s.io")
}

fn without_descriptions(table: &mut Value) {
    let columns = table.get_mut("columnDefinitions").and_then(Value::as_array_mut);
    for column in columns.into_iter().flatten() {
        column["description"] = json!("");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
