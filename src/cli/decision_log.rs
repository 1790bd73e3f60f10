//! The decision log: one JSON line a decision, in the order in which they were made. Written by the
//! carrier of the engine's effects, through `run`.
//!
//! A disk that is full must not stop scheduling: the first failure is returned, once, and from there
//! on lines are only counted.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::engine::{Decision, DecisionVerdict};

/// The buffer is written out when it has grown beyond this.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// An open decision log.
#[derive(Debug)]
pub struct DecisionLog<W: Write = File> {
    writer: W,
    name: String,
    buffer: Vec<u8>,
    broken: bool,
    lost: u64,
}

/// Why a decision log cannot be written; the text names the file.
#[derive(Debug, thiserror::Error)]
pub enum DecisionLogError {
    /// It cannot be created.
    #[error("decision log {name} cannot be created: {source}")]
    Create {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It could be written until now; decisions are no longer logged.
    #[error("decision log {name} cannot be written, decisions are no longer logged: {source}")]
    Write {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
}

/// A line of the log; exactly one of `node`, `message`, `forgotten` stands in it.
#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    pod: String,
    uid: &'a str,
    #[serde(flatten)]
    verdict: Verdict<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Verdict<'a> {
    Node { node: &'a str },
    Message { message: &'a str },
    Forgotten { forgotten: &'a str, reason: &'a str },
}

impl DecisionLog {
    /// Creates the file at `path`, or empties it.
    pub fn create(path: &Path) -> Result<Self, DecisionLogError> {
        let name = path.display().to_string();
        match File::create(path) {
            Ok(file) => Ok(Self::to_writer(file, name)),
            Err(source) => Err(DecisionLogError::Create { name, source }),
        }
    }
}

impl<W: Write> DecisionLog<W> {
    /// A log that goes to `writer`; `name` is what errors call it.
    pub fn to_writer(writer: W, name: String) -> Self {
        Self { writer, name, buffer: Vec::new(), broken: false, lost: 0 }
    }

    /// Adds a decision; it is on the disk after the next [`Self::flush`]. Fails at most once.
    pub fn write(&mut self, decision: &Decision) -> Result<(), DecisionLogError> {
        if self.broken {
            self.lost += 1;
            return Ok(());
        }
        let line = Line {
            number: decision.number,
            pod: decision.pod.key.to_string(),
            uid: &decision.pod.uid,
            verdict: match &decision.verdict {
                DecisionVerdict::Node(node) => Verdict::Node { node },
                DecisionVerdict::Message(message) => Verdict::Message { message },
                DecisionVerdict::Forgotten { node, reason } => {
                    Verdict::Forgotten { forgotten: node, reason }
                }
            },
        };
        // Strings into memory: there is nothing in it that can fail.
        if serde_json::to_writer(&mut self.buffer, &line).is_ok() {
            self.buffer.push(b'\n');
        }
        if self.buffer.len() > BUFFER_BYTES_MAX { self.flush() } else { Ok(()) }
    }

    /// Hands what is buffered to the operating system; to be called when nothing else is to do. Fails
    /// at most once.
    pub fn flush(&mut self) -> Result<(), DecisionLogError> {
        let mut written = 0;
        while written < self.buffer.len() {
            match self.writer.write(&self.buffer[written..]) {
                Ok(0) => return self.fail(written, io::ErrorKind::WriteZero.into()),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.fail(written, error),
            }
        }
        self.buffer.clear();
        match self.writer.flush() {
            Ok(()) => Ok(()),
            Err(error) => self.fail(0, error),
        }
    }

    /// Decisions that are not in the log.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Gives up after `written` bytes of the buffer.
    fn fail(&mut self, written: usize, source: io::Error) -> Result<(), DecisionLogError> {
        for byte in &self.buffer[written..] {
            self.lost += u64::from(*byte == b'\n');
        }
        self.buffer = Vec::new();
        self.broken = true;
        Err(DecisionLogError::Write { name: self.name.clone(), source })
    }
}

impl<W: Write> Drop for DecisionLog<W> {
    fn drop(&mut self) {
        if !self.broken {
            // Nobody is left to be told; who wants to know has called `flush` before.
            drop(self.flush());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::engine::PodRef;
    use crate::model::PodKey;

    fn decision(number: u64, verdict: DecisionVerdict) -> Decision {
        let key = PodKey { namespace: "a".into(), name: format!("p{number}").into() };
        let (uid, resource_version) = (format!("u-{number}").into(), "1".into());
        Decision { number, pod: Arc::new(PodRef { key, uid, resource_version }), verdict }
    }

    fn placed(number: u64) -> Decision {
        decision(number, DecisionVerdict::Node("n".into()))
    }

    #[test]
    fn a_line_a_decision() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("decisions.jsonl");
        std::fs::write(&path, "of an earlier run").unwrap();
        let mut log = DecisionLog::create(&path).unwrap();
        log.write(&placed(1)).unwrap();
        log.write(&decision(2, DecisionVerdict::Message("0/1 \"nodes\"\n".to_owned()))).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
        log.flush().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
        let reason = "timeout".to_owned();
        log.write(&decision(3, DecisionVerdict::Forgotten { node: "n".into(), reason })).unwrap();
        drop(log);
        let expected = "{\"number\":1,\"pod\":\"a/p1\",\"uid\":\"u-1\",\"node\":\"n\"}\n\
            {\"number\":2,\"pod\":\"a/p2\",\"uid\":\"u-2\",\"message\":\"0/1 \\\"nodes\\\"\\n\"}\n\
            {\"number\":3,\"pod\":\"a/p3\",\"uid\":\"u-3\",\"forgotten\":\"n\",\"reason\":\"timeout\"}\n";
        assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
    }

    #[test]
    fn many_lines_reach_the_disk_without_a_flush() {
        let mut page = Vec::new();
        let mut log = DecisionLog::to_writer(&mut page, "page".to_owned());
        for number in 1..=10_000 {
            log.write(&placed(number)).unwrap();
        }
        assert!(log.writer.len() > BUFFER_BYTES_MAX);
        assert!(log.buffer.len() <= BUFFER_BYTES_MAX);
        drop(log);
        assert_eq!(String::from_utf8(page).unwrap().lines().count(), 10_000);
    }

    #[test]
    fn a_file_that_cannot_be_created_is_named() {
        let error = DecisionLog::create(Path::new("/nonexistent/d.jsonl")).unwrap_err();
        let expected = "decision log /nonexistent/d.jsonl cannot be created: No such file";
        assert!(error.to_string().starts_with(expected), "{error}");
    }

    /// Takes `room` bytes, five at a time, then is full.
    struct Small {
        room: usize,
    }

    impl Write for Small {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room).min(5);
            self.room -= taken;
            if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_said_once_and_then_counted() {
        // Room for two lines of 46 bytes and a part of the third.
        let mut log = DecisionLog::to_writer(Small { room: 100 }, "small".to_owned());
        for number in 1..=4 {
            log.write(&placed(number)).unwrap();
        }
        let error = log.flush().unwrap_err().to_string();
        let expected = "decision log small cannot be written, decisions are no longer logged: ";
        assert!(error.starts_with(expected), "{error}");
        assert_eq!(log.lost(), 2);
        log.flush().unwrap();
        log.write(&placed(5)).unwrap();
        log.flush().unwrap();
        assert_eq!(log.lost(), 3);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_device_that_is_full_does_not_stop_anything() {
        let mut log = DecisionLog::create(Path::new("/dev/full")).unwrap();
        log.write(&placed(1)).unwrap();
        assert!(matches!(log.flush(), Err(DecisionLogError::Write { .. })));
        assert_eq!(log.lost(), 1);
    }
}
