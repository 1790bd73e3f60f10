//! [`Parsers`]: the texts of objects are parsed on all cores and come back in the order in which they went
//! in. What is on its way is bounded. Used by `documents`.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Scope};

use serde_json::Value;

/// Bytes of texts that are handed to a thread in one go, about.
const BATCH_BYTES: usize = 64 << 10;
/// Bytes of texts that are on their way, but for one object that is larger.
const BYTES_MAX: usize = 2 << 20;
/// Threads at most; whoever cuts the texts and takes the objects cannot keep more of them busy.
const THREADS_MAX: usize = 8;

/// The text of an object, with the line where it begins.
pub(super) type Text = (usize, String);
/// The object, or what is wrong with its text.
pub(super) type Parsed = (usize, Result<Value, String>);

struct Job {
    texts: Vec<Text>,
    done: SyncSender<Vec<Parsed>>,
}

/// See the module. Dropping it ends the threads.
pub(super) struct Parsers {
    jobs: Sender<Job>,
    /// What is not handed over yet.
    batch: Vec<Text>,
    batch_bytes: usize,
    /// What is, oldest first, with its bytes.
    pending: VecDeque<(usize, Receiver<Vec<Parsed>>)>,
    pending_bytes: usize,
}

impl Parsers {
    /// Starts the threads.
    pub(super) fn start<'scope>(scope: &'scope Scope<'scope, '_>) -> Self {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        for _ in 0..cores.min(THREADS_MAX) {
            let queue = Arc::clone(&queue);
            scope.spawn(move || work(&queue));
        }
        Self { jobs, batch: Vec::new(), batch_bytes: 0, pending: VecDeque::new(), pending_bytes: 0 }
    }

    /// Takes in a text, and returns the objects that are due because too much is on its way.
    pub(super) fn put(&mut self, text: Text) -> Vec<Parsed> {
        self.batch_bytes += text.1.len();
        self.batch.push(text);
        if self.batch_bytes < BATCH_BYTES {
            return Vec::new();
        }
        self.hand_over();
        if self.pending_bytes > BYTES_MAX { self.next() } else { Vec::new() }
    }

    /// The next objects; none at the end.
    pub(super) fn next(&mut self) -> Vec<Parsed> {
        if self.pending.is_empty() {
            self.hand_over();
        }
        let Some((bytes, done)) = self.pending.pop_front() else { return Vec::new() };
        self.pending_bytes -= bytes;
        // A thread answers whatever it was given.
        done.recv().unwrap_or_default()
    }

    fn hand_over(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let (done, result) = sync_channel(1);
        let bytes = std::mem::take(&mut self.batch_bytes);
        let job = Job { texts: std::mem::take(&mut self.batch), done };
        // The threads stay for as long as this does.
        if self.jobs.send(job).is_ok() {
            self.pending_bytes += bytes;
            self.pending.push_back((bytes, result));
        }
    }
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { texts, done }) = job else { return };
        let parsed = texts.into_iter().map(|(line, text)| (line, parse(&text)));
        // Whoever asked may have given up at an error.
        let _ = done.send(parsed.collect());
    }
}

fn parse(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| error.to_string().replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_order() {
        let count = 5000;
        let filler = "x".repeat(2000);
        let mut lines = Vec::new();
        thread::scope(|scope| {
            let mut parsers = Parsers::start(scope);
            for line in 0..count {
                let text = if line % 7 == 0 { "a: [".into() } else { format!("a: {line}{filler}") };
                let due = parsers.put((line, text));
                assert!(parsers.pending_bytes <= BYTES_MAX + 2 * BATCH_BYTES);
                lines.extend(due);
            }
            loop {
                let due = parsers.next();
                if due.is_empty() {
                    break;
                }
                lines.extend(due);
            }
        });
        assert_eq!(lines.len(), count);
        for (at, (line, parsed)) in lines.iter().enumerate() {
            assert_eq!(at, *line);
            assert_eq!(parsed.is_err(), line % 7 == 0);
        }
    }
}
