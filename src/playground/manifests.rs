//! Where the objects of a playground come from: files, folders, standard input. Used by `load`.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::documents::{self, DocumentError};

/// The endings of the files that are read in a folder.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// Bytes read at once: dumps are long.
const BUFFER_BYTES: usize = 256 << 10;

/// Something that objects are read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input, once.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Why manifests cannot be read; the text names the file.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ManifestError {
    /// The file or folder.
    place: String,
    /// What is wrong, with the line where it is known.
    reason: String,
}

impl ManifestError {
    fn new(place: &impl ToString, reason: &impl ToString) -> Self {
        Self { place: place.to_string(), reason: reason.to_string() }
    }
}

/// What `paths` mean: a folder means its files `*.yaml`, `*.yml` and `*.json`, sorted by name; `-` means
/// standard input.
pub fn sources(paths: &[PathBuf]) -> Result<Vec<Source>, ManifestError> {
    let mut found = Vec::new();
    for path in paths {
        let fail = |error: io::Error| ManifestError::new(&path.display(), &error);
        if path.as_os_str() == "-" {
            if found.contains(&Source::Stdin) {
                return Err(ManifestError::new(&Source::Stdin, &"can be read only once"));
            }
            found.push(Source::Stdin);
        } else if fs::metadata(path).map_err(fail)?.is_dir() {
            let before = found.len();
            found.extend(files_in(path).map_err(fail)?.into_iter().map(Source::File));
            if found.len() == before {
                let reason = "has no files *.yaml, *.yml or *.json";
                return Err(ManifestError::new(&path.display(), &reason));
            }
        } else {
            found.push(Source::File(path.clone()));
        }
    }
    Ok(found)
}

fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let ending = path.extension().and_then(|ending| ending.to_str());
        if ending.is_some_and(|ending| ENDINGS.contains(&ending)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads one source to its end and passes each object on, in order. What `sink` refuses is an error
/// that names file and line.
pub(super) fn read(
    source: &Source,
    sink: &mut dyn FnMut(Value) -> Result<(), String>,
) -> Result<(), ManifestError> {
    let mut sink = |_, object| sink(object);
    let result = match source {
        Source::Stdin => documents::read(&mut io::stdin().lock(), &mut sink),
        Source::File(path) => File::open(path).map_err(DocumentError::Read).and_then(|file| {
            documents::read(&mut BufReader::with_capacity(BUFFER_BYTES, file), &mut sink)
        }),
    };
    result.map_err(|error| ManifestError::new(source, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_read_in_the_order_of_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.yml", "a.yaml", "c.json", "readme.md"] {
            fs::write(folder.path().join(name), "{}").unwrap();
        }
        fs::create_dir(folder.path().join("d.yaml")).unwrap();
        let path = |name: &str| Source::File(folder.path().join(name));
        let found = sources(&[folder.path().into(), "-".into()]).unwrap();
        assert_eq!(found, [path("a.yaml"), path("b.yml"), path("c.json"), Source::Stdin]);

        let empty = folder.path().join("d.yaml");
        let error = sources(std::slice::from_ref(&empty)).unwrap_err().to_string();
        assert_eq!(error, format!("{}: has no files *.yaml, *.yml or *.json", empty.display()));
        let error = sources(&["/nowhere".into()]).unwrap_err().to_string();
        assert!(error.starts_with("/nowhere: No such file"), "{error}");
        let error = sources(&["-".into(), "-".into()]).unwrap_err().to_string();
        assert_eq!(error, "standard input: can be read only once");
    }

    #[test]
    fn errors_name_file_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.yaml");
        fs::write(&path, "kind: Pod\n---\nkind: Node\n").unwrap();
        let source = Source::File(path);
        let mut kinds = Vec::new();
        let error = read(&source, &mut |object| {
            kinds.push(object["kind"].clone());
            if kinds.len() == 2 { Err("enough".into()) } else { Ok(()) }
        });
        assert_eq!(error.unwrap_err().to_string(), format!("{source}: line 3: enough"));
        assert_eq!(kinds, ["Pod", "Node"]);
    }
}
