//! Objects out of manifests and dumps, read as a stream: a bounded part of it is in memory at a time, however
//! long the list that it is in. Used by `manifests`.

use std::fmt;
use std::io::{self, BufRead, BufReader};
use std::thread;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::parsers::{Parsed, Parsers};
use super::separators::WithoutSeparators;

/// The longest object; the largest that an API server takes has 3 MiB.
const OBJECT_BYTES_MAX: usize = 16 << 20;

/// Takes the objects, with the line at which each begins (of JSON, where that is not known, 0).
pub(super) type Sink<'s> = &'s mut dyn FnMut(usize, Value) -> Result<(), String>;

/// What is wrong with a document.
#[derive(Debug, thiserror::Error)]
pub(super) enum DocumentError {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// It is not YAML or JSON, or whoever takes the objects refused one.
    #[error("line {line}: {message}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
    /// The same in a JSON text.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

/// Reads all objects of a text: YAML documents, or JSON. Lists are taken apart.
pub(super) fn read(text: &mut dyn BufRead, sink: Sink<'_>) -> Result<(), DocumentError> {
    if begins_with_brace(text)? {
        let text = BufReader::new(WithoutSeparators::new(text));
        let mut stream = serde_json::Deserializer::from_reader(text);
        while stream.end().is_err() {
            JsonObject(&mut *sink).deserialize(&mut stream)?;
        }
        return Ok(());
    }
    thread::scope(|scope| {
        let mut yaml = Yaml {
            sink,
            parsers: Parsers::start(scope),
            chunk: String::new(),
            begin: 1,
            line: 0,
            items: Items::Outside,
            in_list: false,
        };
        yaml.cut(text)?;
        yaml.finish()
    })
}

/// Reads one line, of bounded length, with its end.
fn next_line(text: &mut dyn BufRead, line: &mut String) -> io::Result<bool> {
    line.clear();
    let mut limited = io::Read::take(text, OBJECT_BYTES_MAX as u64 + 1);
    Ok(limited.read_line(line)? > 0)
}

fn begins_with_brace(text: &mut dyn BufRead) -> io::Result<bool> {
    loop {
        let buffer = text.fill_buf()?;
        let Some(at) = buffer.iter().position(|byte| !byte.is_ascii_whitespace()) else {
            let spaces = buffer.len();
            if spaces == 0 {
                return Ok(false);
            }
            text.consume(spaces);
            continue;
        };
        return Ok(buffer[at] == b'{');
    }
}

/// Where a document is with the items of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Items {
    /// Outside of them.
    Outside,
    /// Before the first one.
    Begin,
    /// Among them; their dashes are indented that far.
    Indented(usize),
}

/// Cuts YAML into documents, and the lists in it into items, by indentation alone.
struct Yaml<'s> {
    sink: Sink<'s>,
    parsers: Parsers,
    /// The lines of the document or item so far.
    chunk: String,
    /// Where that began.
    begin: usize,
    line: usize,
    items: Items,
    /// This document is a list; what stands around its items is of no use.
    in_list: bool,
}

impl Yaml<'_> {
    fn cut(&mut self, text: &mut dyn BufRead) -> Result<(), DocumentError> {
        let mut line = String::new();
        while next_line(text, &mut line)? {
            self.push(&line)?;
        }
        self.end_document()
    }

    /// Passes on what is still being parsed.
    fn finish(&mut self) -> Result<(), DocumentError> {
        loop {
            let parsed = self.parsers.next();
            if parsed.is_empty() {
                return Ok(());
            }
            self.pass_all_on(parsed)?;
        }
    }

    fn push(&mut self, line: &str) -> Result<(), DocumentError> {
        self.line += 1;
        let text = line.trim_end();
        if matches!(text, "---" | "...") || text.starts_with("--- ") {
            self.end_document()?;
            return Ok(());
        }
        let indent = line.len() - line.trim_start_matches(' ').len();
        let content = &text[indent.min(text.len())..];
        let says_nothing = content.is_empty() || content.starts_with('#');
        if !says_nothing {
            let dash = content == "-" || content.starts_with("- ");
            match self.items {
                Items::Outside => {}
                Items::Begin if dash => {
                    self.items = Items::Indented(indent);
                    return self.begin_item(line, indent);
                }
                Items::Indented(at) if dash && indent == at => {
                    self.end_chunk()?;
                    return self.begin_item(line, indent);
                }
                Items::Indented(at) if indent > at => {}
                Items::Begin | Items::Indented(_) => {
                    self.end_chunk()?;
                    self.items = Items::Outside;
                }
            }
        }
        if self.items == Items::Outside && indent == 0 && text == "items:" {
            self.chunk.clear();
            self.items = Items::Begin;
            self.in_list = true;
            return Ok(());
        }
        self.append(line)
    }

    /// The dash becomes a space, so that the item stands as a document of its own.
    fn begin_item(&mut self, line: &str, indent: usize) -> Result<(), DocumentError> {
        self.begin = self.line;
        self.append(&line[..indent])?;
        self.append(" ")?;
        self.append(&line[indent + 1..])
    }

    fn append(&mut self, text: &str) -> Result<(), DocumentError> {
        if self.chunk.is_empty() {
            self.begin = self.line;
        }
        self.chunk.push_str(text);
        if self.chunk.len() > OBJECT_BYTES_MAX {
            return Err(error(
                self.begin,
                format!("an object of more than {OBJECT_BYTES_MAX} bytes"),
            ));
        }
        Ok(())
    }

    fn end_document(&mut self) -> Result<(), DocumentError> {
        if self.in_list && self.items == Items::Outside {
            self.chunk.clear();
        }
        let result = self.end_chunk();
        (self.items, self.in_list) = (Items::Outside, false);
        result
    }

    /// Has what was collected parsed, and passes on what is done.
    fn end_chunk(&mut self) -> Result<(), DocumentError> {
        let chunk = std::mem::take(&mut self.chunk);
        let says_something = |line: &str| {
            let line = line.trim_start();
            !line.is_empty() && !line.starts_with('#') && !line.starts_with('%')
        };
        if chunk.lines().any(says_something) {
            let parsed = self.parsers.put((self.begin, chunk));
            self.pass_all_on(parsed)?;
        }
        Ok(())
    }

    fn pass_all_on(&mut self, parsed: Vec<Parsed>) -> Result<(), DocumentError> {
        for (line, parsed) in parsed {
            let value = parsed.map_err(|message| error(line, message))?;
            self.pass_on(line, value)?;
        }
        Ok(())
    }

    fn pass_on(&mut self, line: usize, value: Value) -> Result<(), DocumentError> {
        match value {
            Value::Null => Ok(()),
            // A list in flow style.
            Value::Object(mut fields) if fields.contains_key("items") => {
                let items = fields.remove("items").unwrap_or_default();
                let Value::Array(items) = items else { return Ok(()) };
                items.into_iter().try_for_each(|item| self.pass_on(line, item))
            }
            value => (self.sink)(line, value).map_err(|message| error(line, message)),
        }
    }
}

fn error(line: usize, message: String) -> DocumentError {
    DocumentError::Line { line, message }
}

/// Takes a JSON object: a list item by item, anything else as a whole.
struct JsonObject<'s>(Sink<'s>);

impl<'de> DeserializeSeed<'de> for JsonObject<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for JsonObject<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let mut fields = serde_json::Map::new();
        let mut is_list = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "items" {
                is_list = true;
                map.next_value_seed(JsonItems(&mut *self.0))?;
            } else {
                fields.insert(key, map.next_value()?);
            }
        }
        if is_list {
            return Ok(());
        }
        (self.0)(0, Value::Object(fields)).map_err(serde::de::Error::custom)
    }
}

/// Takes the items of a list, one at a time.
struct JsonItems<'s>(Sink<'s>);

impl<'de> DeserializeSeed<'de> for JsonItems<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for JsonItems<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of Kubernetes objects")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<(), S::Error> {
        while let Some(item) = items.next_element::<Value>()? {
            (self.0)(0, item).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<(usize, String)>, String> {
        let mut found = Vec::new();
        let mut sink = |line, object: Value| {
            let name = object["metadata"]["name"].as_str().ok_or("no name")?;
            found.push((line, format!("{} {name}", object["kind"].as_str().unwrap_or("?"))));
            Ok(())
        };
        read(&mut text.as_bytes(), &mut sink).map_err(|error| error.to_string())?;
        Ok(found)
    }

    fn owned(want: &[(usize, &str)]) -> Vec<(usize, String)> {
        want.iter().map(|(line, name)| (*line, (*name).to_owned())).collect()
    }

    const POD: &str = "kind: Pod\nmetadata:\n  name: a\n";

    #[test]
    fn documents_and_comments() {
        let text = format!("# first\n---\n{POD}---\n# nothing\n---\n{POD}...\n");
        assert_eq!(names(&text), Ok(owned(&[(3, "Pod a"), (9, "Pod a")])));
        assert_eq!(names(""), Ok(owned(&[])));
        assert_eq!(names("\n\n"), Ok(owned(&[])));
        assert_eq!(names("kind: Pod\r\nmetadata:\r\n  name: a\r\n"), Ok(owned(&[(1, "Pod a")])));
    }

    #[test]
    fn lists_are_taken_apart() {
        let text = "apiVersion: v1\nitems:\n- kind: Pod\n  metadata:\n    name: a\n    list:\n    - x\n\
                    - kind: Node\n  metadata: {name: b}\n  data: |\n    - no item\n    items:\n\
                    kind: List\nmetadata:\n  resourceVersion: ''\n---\nkind: Pod\nmetadata: {name: c}\n";
        assert_eq!(names(text), Ok(owned(&[(3, "Pod a"), (8, "Node b"), (17, "Pod c")])));
        let indented = "kind: List\nitems:\n  - kind: Pod\n    metadata:\n      name: a\n  # and\n  -\n    \
                        kind: Pod\n    metadata:\n      name: b\nmetadata: {}\n";
        assert_eq!(names(indented), Ok(owned(&[(3, "Pod a"), (7, "Pod b")])));
        assert_eq!(names("kind: List\nitems: []\n"), Ok(owned(&[])));
        let flow = "kind: List\nitems: [{kind: Pod, metadata: {name: a}}]\n";
        assert_eq!(names(flow), Ok(owned(&[(1, "Pod a")])));
    }

    #[test]
    fn json_too() {
        let text = r#" {"kind":"List","items":[{"kind":"Pod","metadata":{"name":"a"}},
            {"kind":"Pod","metadata":{"name":"b"}}],"metadata":{}} {"kind":"Node","metadata":{"name":"c"}}"#;
        assert_eq!(names(text), Ok(owned(&[(0, "Pod a"), (0, "Pod b"), (0, "Node c")])));
        assert_eq!(names(r#"{"kind":"List","items":null}"#), Ok(owned(&[])));
        let pod = r#"{"kind":"Pod","metadata":{"name":"a"}}"#;
        assert_eq!(
            names(&format!("{pod}\n---\n{pod}\n")),
            Ok(owned(&[(0, "Pod a"), (0, "Pod a")]))
        );
    }

    #[test]
    fn errors_name_the_line() {
        let error = names(&format!("{POD}---\nkind: [\n")).unwrap_err();
        assert!(error.starts_with("line 5: "), "{error}");
        let error = names("items:\n- kind: Pod\n- kind: Pod\n  metadata: {name: b}\n").unwrap_err();
        assert_eq!(error, "line 2: no name");
        assert!(names("{\"kind\": }").unwrap_err().contains("line 1"));
        assert!(names("just text\n").unwrap_err().contains("no name"));
    }
}
