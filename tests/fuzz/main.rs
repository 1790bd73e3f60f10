//! The embedded API server under requests that a seed makes up: nothing panics, every refusal is a Status,
//! what is stored can be read, and watches say what lists say.
//!
//! Runs for a minute, or for `BERTH_FUZZ_SECONDS` seconds: `BERTH_FUZZ_SECONDS=600 cargo test --release
//! --test fuzz`. `BERTH_FUZZ_SEED` is where to begin; without it a run of a chosen time begins with a seed
//! of its own, and the usual one always with the same. A round begins with an empty server; what fails in
//! it is printed with the round's seed, which alone brings it about again, and is written to a file that
//! can be put into `tests/corpus/found/`, whose files are tried first in every run.

mod cluster;
mod corpus;
mod mutate;
mod protobuf;
mod pure;
mod requests;
#[path = "../support/generator/rng.rs"]
#[expect(dead_code, reason = "some of it is for the generators of objects")]
mod rng;

use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::FutureExt as _;

use cluster::Cluster;
use corpus::Step;
use requests::Requests;
use rng::Rng;

/// How long a run takes unless `BERTH_FUZZ_SECONDS` says otherwise.
const USUAL: Duration = Duration::from_mins(1);
/// Steps on one server.
const STEPS: usize = 1500;

/// Where and why something panicked last.
static PANIC: Mutex<String> = Mutex::new(String::new());

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("BERTH_FUZZ_SECONDS and BERTH_FUZZ_SEED are numbers"))
}

/// Writes a line that cargo shows even when the test passes.
fn say(line: &str) {
    // A closed stderr leaves nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Tries these steps on a new server, until `deadline`: how many were tried, or which failed and why.
async fn run(
    steps: impl Iterator<Item = Step>,
    deadline: Option<Instant>,
) -> Result<usize, (usize, String)> {
    let mut cluster = Cluster::start().await.map_err(|why| (0, why))?;
    let mut tried = 0;
    for step in steps {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            break;
        }
        tried += 1;
        caught(cluster.run(&step)).await.map_err(|why| (tried, why))?;
    }
    caught(cluster.finish()).await.map_err(|why| (tried, why))?;
    Ok(tried)
}

/// A panic as an error.
async fn caught(future: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    AssertUnwindSafe(future).catch_unwind().await.unwrap_or_else(|_| {
        let panic = PANIC.lock().unwrap_or_else(PoisonError::into_inner);
        Err(format!("a panic: {panic}"))
    })
}

/// The steps of a round.
fn steps(requests: &Requests, seed: u64) -> impl Iterator<Item = Step> {
    let mut rng = Rng::from_seed(seed);
    (0..STEPS).map(move |_| requests.step(&mut rng))
}

/// The fewest steps up to the one that failed that fail still.
async fn shortest(all: &[Step]) -> &[Step] {
    let mut count = 1;
    while count < all.len() {
        let last = &all[all.len() - count..];
        if run(last.iter().cloned(), None).await.is_err() {
            return last;
        }
        count *= 4;
    }
    all
}

#[tokio::test]
async fn nothing_that_comes_in_does_harm() -> Result<(), String> {
    std::panic::set_hook(Box::new(|info| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
    }));
    let begun = Instant::now();
    for (file, steps) in corpus::found() {
        let done = run(steps.into_iter(), None).await;
        done.map_err(|(at, why)| format!("{file}: step {at}: {why}"))?;
    }
    let requests = Requests { seeds: corpus::seeds() };
    let chosen = variable("BERTH_FUZZ_SECONDS");
    let deadline = begun + chosen.map_or(USUAL, Duration::from_secs);
    let of_now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_secs());
    let mut seed = variable("BERTH_FUZZ_SEED")
        .unwrap_or_else(|| if chosen.is_some() { of_now() << 20 } else { 1 });
    let first = seed;
    let mut tried = 0;
    while Instant::now() < deadline {
        match run(steps(&requests, seed), Some(deadline)).await {
            Ok(count) => tried += count,
            Err((count, why)) => {
                let all: Vec<Step> = steps(&requests, seed).take(count).collect();
                let path = corpus::write(seed, shortest(&all).await);
                let path = path.display();
                say(&format!(
                    "BERTH_FUZZ_SEED={seed}, after {count} steps: {why}\nwritten to {path}"
                ));
                return Err(format!("BERTH_FUZZ_SEED={seed}: {why}"));
            }
        }
        seed += 1;
    }
    say(&format!("fuzz: {tried} steps, seeds {first} to {}", seed - 1));
    Ok(())
}
