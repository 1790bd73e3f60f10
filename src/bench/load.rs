//! Creates, changes and deletes objects, many at a time and at a pace. Called by `run` and `clean`.

use std::future::{Future, ready};
use std::time::Duration;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use http::Method;
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::{Plain, PlainError};

use super::plan::Batch;

/// How often a request is sent that may succeed later.
const TRIES_MAX: u32 = 25;

/// The wait before the next try.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// How fast requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    /// How many are under way at most.
    pub(super) in_flight: usize,
    /// How many a second; as many as can be where there is none.
    pub(super) per_second: Option<f64>,
}

/// Creates the first `count` objects of `batch`; `begins` is told of each before its request goes.
pub(super) async fn create(
    plain: &Plain,
    batch: &Batch,
    count: usize,
    pace: Pace,
    begins: impl Fn(usize),
) -> anyhow::Result<()> {
    let begins = &begins;
    paced(count, pace, |number| async move {
        begins(number);
        create_one(plain, batch, number).await
    })
    .await
}

/// Does `what` for the numbers below `count`.
pub(super) async fn paced<F: Future<Output = anyhow::Result<()>>>(
    count: usize,
    pace: Pace,
    what: impl Fn(usize) -> F,
) -> anyhow::Result<()> {
    let (start, what) = (Instant::now(), &what);
    let one = |number| async move {
        if let Some(due) = due(start, number, pace) {
            sleep_until(due).await;
        }
        what(number).await
    };
    let all = stream::iter((0..count).map(one)).buffer_unordered(pace.in_flight.max(1));
    all.try_for_each(|()| ready(Ok(()))).await
}

/// When the request of this number is to go.
fn due(start: Instant, number: usize, pace: Pace) -> Option<Instant> {
    let per_second = pace.per_second?;
    let number = u32::try_from(number).unwrap_or(u32::MAX);
    let after = Duration::try_from_secs_f64(f64::from(number) / per_second).ok()?;
    Some(start + after)
}

/// Creates object `number`.
pub(super) async fn create_one(plain: &Plain, batch: &Batch, number: usize) -> anyhow::Result<()> {
    let path = batch.collection(number);
    let body = batch.body(number);
    for attempt in 1.. {
        let error = match plain.write(Method::POST, &path, body.clone()).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if error.status == 409 && attempt > 1 {
            // An earlier try was accepted and its answer lost.
            return Ok(());
        }
        again(attempt, &error).await.with_context(|| format!("POST {path}"))?;
    }
    Ok(())
}

/// Deletes what is at `path`, at once; what is not there is deleted.
pub(super) async fn delete(plain: &Plain, path: &str) -> anyhow::Result<()> {
    let now = format!("{path}?gracePeriodSeconds=0&propagationPolicy=Background");
    for attempt in 1.. {
        match plain.write(Method::DELETE, &now, String::new()).await {
            Ok(()) => return Ok(()),
            Err(error) if matches!(error.status, 404 | 409) => return Ok(()),
            Err(error) => {
                again(attempt, &error).await.with_context(|| format!("DELETE {path}"))?;
            }
        }
    }
    Ok(())
}

/// Waits before the next try, or gives up.
async fn again(attempt: u32, error: &PlainError) -> anyhow::Result<()> {
    if !error.transient || attempt >= TRIES_MAX {
        return Err(anyhow::anyhow!("{error} (tried {attempt} times)"));
    }
    sleep(AGAIN_AFTER).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    #[tokio::test(start_paused = true)]
    async fn a_pace_is_kept() {
        let start = Instant::now();
        let times = RefCell::new(Vec::new());
        let pace = Pace { in_flight: 4, per_second: Some(100.0) };
        let note = |number| {
            times.borrow_mut().push((number, start.elapsed().as_millis()));
            ready(Ok(()))
        };
        paced(4, pace, note).await.unwrap();
        assert_eq!(times.into_inner(), [(0, 0), (1, 10), (2, 20), (3, 30)]);
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_are_under_way_and_an_error_ends_it() {
        let (now, most) = (Cell::new(0), Cell::new(0));
        let (under_way, peak) = (&now, &most);
        let pace = Pace { in_flight: 3, per_second: None };
        let result = paced(10, pace, |number| async move {
            under_way.set(under_way.get() + 1);
            peak.set(peak.get().max(under_way.get()));
            sleep(Duration::from_millis(1)).await;
            under_way.set(under_way.get() - 1);
            anyhow::ensure!(number != 9, "nine");
            Ok(())
        });
        assert_eq!(result.await.unwrap_err().to_string(), "nine");
        assert_eq!(most.get(), 3);
    }
}
