//! What the fuzzing starts from: the objects in `tests/corpus/`, and what failed once, in
//! `tests/corpus/found/`. A [`Step`] is one thing that is tried.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// A request, as bytes as it goes.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) headers: Vec<(String, String)>,
    /// `$RV` and `$UID` in it stand for those of the object that the URI names.
    pub(crate) body: Vec<u8>,
}

/// Two objects of a kind for the modules that know nothing of requests. The second is a patch, too.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) one: Value,
    pub(crate) two: Value,
}

/// One thing that is tried.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Request(Input),
    Pair(Box<Pair>),
}

impl Step {
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Request(Input { method, uri, headers, body }) => {
                let body = match std::str::from_utf8(body) {
                    Ok(text) => text.into(),
                    Err(_) => json!(body),
                };
                json!({"method": method, "uri": uri, "headers": headers, "body": body})
            }
            Self::Pair(pair) => {
                let Pair { api_version, kind, one, two } = &**pair;
                json!({"apiVersion": api_version, "kind": kind, "one": one, "two": two})
            }
        }
    }

    fn from_value(value: &Value) -> Self {
        let text = |key: &str| value[key].as_str().expect("a text").to_owned();
        if value.get("one").is_some() {
            let (api_version, kind) = (text("apiVersion"), text("kind"));
            let (one, two) = (value["one"].clone(), value["two"].clone());
            return Self::Pair(Box::new(Pair { api_version, kind, one, two }));
        }
        let body = match &value["body"] {
            Value::String(text) => text.clone().into_bytes(),
            bytes => serde_json::from_value(bytes.clone()).expect("bytes"),
        };
        let headers = serde_json::from_value(value["headers"].clone()).expect("pairs");
        Self::Request(Input { method: text("method"), uri: text("uri"), headers, body })
    }
}

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).expect("the folder is there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let mut files: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "json")).collect();
    files.sort();
    files
}

fn read(path: &Path) -> Value {
    let text = fs::read(path).expect("the file can be read");
    let value = serde_json::from_slice(&text);
    value.map_err(|error| format!("{}: {error}", path.display())).expect("it is JSON")
}

/// The objects to start from.
pub(crate) fn seeds() -> Vec<Value> {
    files("tests/corpus").iter().map(|path| read(path)).collect()
}

/// What failed once, by the name of its file: each is a list of steps on a new server.
pub(crate) fn found() -> Vec<(String, Vec<Step>)> {
    let steps = |path: &PathBuf| {
        let steps = read(path);
        steps.as_array().expect("a list of steps").iter().map(Step::from_value).collect()
    };
    files("tests/corpus/found")
        .iter()
        .map(|path| (path.display().to_string(), steps(path)))
        .collect()
}

/// Writes steps that fail, and returns where.
pub(crate) fn write(seed: u64, steps: &[Step]) -> PathBuf {
    let values: Vec<Value> = steps.iter().map(Step::to_value).collect();
    let path = std::env::temp_dir().join(format!("berth-fuzz-{seed}.json"));
    let text = serde_json::to_vec_pretty(&values).expect("steps are JSON");
    fs::write(&path, text).expect("the temporary folder can be written");
    path
}
