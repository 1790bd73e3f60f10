//! The rules of the house that a compiler does not check: which folder may use which, a `//!` at the top
//! of every file, no file too long, nothing left to do.

use std::fs;
use std::path::{Path, PathBuf};

/// The core, in order: a folder uses only those before it.
const CORE: [&str; 8] =
    ["units", "model", "cluster", "framework", "preemption", "plugins", "queue", "engine"];

/// The edges, and which other edges each may use besides the core, `telemetry`, `wire` and `config`.
const EDGES: [(&str, &[&str]); 11] = [
    ("telemetry", &[]),
    ("wire", &[]),
    ("config", &[]),
    ("client", &[]),
    ("server", &[]),
    ("apiserver", &["server"]),
    ("actors", &["client"]),
    ("runtime", &["client", "server"]),
    ("playground", &["client", "server", "apiserver", "actors", "runtime"]),
    ("bench", &["client", "server", "apiserver", "actors", "runtime"]),
    ("cli", &["client", "server", "apiserver", "actors", "runtime", "playground", "bench"]),
];

/// Edges that every edge may use.
const SHARED: [&str; 3] = ["telemetry", "wire", "config"];

/// Crates that have no place in the core: clients, runtimes, clocks, the outside world.
const NOT_IN_CORE: [&str; 12] = [
    "kube::",
    "k8s_openapi",
    "tokio",
    "futures::",
    "serde_json",
    "tracing",
    "std::time",
    "std::fs",
    "std::net",
    "std::env",
    "std::io",
    "std::thread",
];

const LINES_MAX: usize = 600;

/// All files of a folder with the extension `rs`, sorted.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut folders = vec![root];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the folder can be read") {
            let path = entry.expect("its entries, too").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn all_files() -> Vec<PathBuf> {
    ["src", "tests", "benches"].into_iter().flat_map(rust_files).collect()
}

/// A line without what stands behind `//`.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// The folders of this crate that a text names, as `crate::folder`.
fn uses(text: &str) -> Vec<(usize, String)> {
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let lines = text.lines().enumerate();
    let in_line = |(at, line): (usize, &str)| {
        let parts: Vec<_> = code(line).split("crate::").skip(1).map(word).collect();
        parts.into_iter().map(move |name| (at + 1, name)).collect::<Vec<_>>()
    };
    lines.flat_map(in_line).collect()
}

/// Which folders `folder` may use, itself included.
fn allowed(folder: &str) -> Vec<&'static str> {
    if let Some(at) = CORE.iter().position(|name| *name == folder) {
        return CORE[..=at].to_vec();
    }
    let edge = EDGES.iter().find(|(name, _)| *name == folder);
    let (name, own) = *edge.expect("every folder of src is in the design: add it to this test");
    CORE.into_iter().chain(SHARED).chain([name]).chain(own.iter().copied()).collect()
}

fn folder_of(path: &Path) -> Option<String> {
    let relative = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).ok()?;
    let mut parts = relative.components();
    let first = parts.next()?.as_os_str().to_str()?.to_owned();
    parts.next().map(|_| first)
}

#[test]
fn folders_use_only_what_the_design_allows() {
    let mut wrong = Vec::new();
    for path in rust_files("src") {
        let Some(folder) = folder_of(&path) else { continue };
        let allowed = allowed(&folder);
        for (line, used) in uses(&fs::read_to_string(&path).unwrap()) {
            if !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}:{line}: {folder} must not use {used}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_core_knows_nothing_of_the_outside() {
    let mut wrong = Vec::new();
    for path in rust_files("src") {
        if !folder_of(&path).is_some_and(|folder| CORE.contains(&folder.as_str())) {
            continue;
        }
        for (at, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if let Some(name) = NOT_IN_CORE.iter().find(|name| code(line).contains(*name)) {
                wrong.push(format!("{}:{}: {name} in the core", path.display(), at + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for_and_is_short() {
    let mut wrong = Vec::new();
    for path in all_files() {
        let text = fs::read_to_string(&path).unwrap();
        if !text.starts_with("//!") {
            wrong.push(format!("{}: does not begin with //!", path.display()));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{}: {lines} lines, at most {LINES_MAX}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_to_do() {
    let marks = ["todo!(", "unimplemented!(", "FIX\u{4d}E", "XX\u{58}", "#[ignore"];
    let mut wrong = Vec::new();
    for path in all_files() {
        if path.ends_with("tests/tidy.rs") {
            continue;
        }
        for (at, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            if let Some(mark) = marks.iter().find(|mark| line.contains(*mark)) {
                wrong.push(format!("{}:{}: {mark}", path.display(), at + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_readme_names_every_plugin() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    for plugin in berth::plugins::PLUGINS {
        let row = format!("| {} |", plugin.name);
        assert!(readme.contains(&row), "the compatibility table lacks {}", plugin.name);
    }
}

#[test]
fn these_checks_can_fail() {
    let text = "use crate::cli::x;\n// crate::wire\nlet a = crate::units::b(crate::engine::c);";
    let found = uses(text);
    let want = [(1, "cli".to_owned()), (3, "units".to_owned()), (3, "engine".to_owned())];
    assert_eq!(found, want);
    assert!(!allowed("cluster").contains(&"engine"));
    assert!(!allowed("client").contains(&"runtime"));
    assert!(allowed("cli").contains(&"client"));
}
