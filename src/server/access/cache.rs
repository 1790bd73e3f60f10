//! Answers of the API server that are believed for a while. Bounded: where it is full, the answer that would
//! end first goes.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Answers that are kept at once.
const ENTRIES_MAX: usize = 256;
/// Bytes of a question whose answer is kept; with the above some 2 MB.
const KEY_BYTES_MAX: usize = 8 << 10;

/// Answers by their questions.
#[derive(Debug)]
pub(super) struct Cache<T>(Mutex<BTreeMap<String, (Instant, T)>>);

impl<T: Clone> Cache<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The answer, while it is believed.
    pub(super) fn get(&self, key: &str) -> Option<T> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, answer) = entries.get(key)?;
        (Instant::now() < *until).then(|| answer.clone())
    }

    /// Keeps an answer for that long.
    pub(super) fn put(&self, key: String, answer: T, ttl: Duration) {
        if key.len() > KEY_BYTES_MAX || ttl.is_zero() {
            return;
        }
        let now = Instant::now();
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES_MAX && !entries.contains_key(&key) {
            entries.retain(|_, (until, _)| now < *until);
            while entries.len() >= ENTRIES_MAX {
                let first = entries.iter().min_by_key(|(_, (until, _))| *until);
                let Some(first) = first.map(|(key, _)| key.clone()) else { break };
                entries.remove(&first);
            }
        }
        // A time beyond all clocks is never over.
        let until = now.checked_add(ttl).unwrap_or(now + Duration::from_hours(24 * 365));
        entries.insert(key, (until, answer));
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_with_its_time() {
        let cache = Cache::new();
        cache.put("a".to_owned(), 1, Duration::from_secs(10));
        cache.put("b".to_owned(), 2, Duration::ZERO);
        assert_eq!((cache.get("a"), cache.get("b")), (Some(1), None));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(cache.get("a"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn it_stays_small() {
        let cache = Cache::new();
        cache.put("x".repeat(KEY_BYTES_MAX + 1), 0, Duration::from_secs(10));
        assert_eq!(cache.len(), 0);
        for number in 0..ENTRIES_MAX + 10 {
            let ttl = Duration::from_secs(10 + u64::try_from(number).unwrap());
            cache.put(number.to_string(), number, ttl);
        }
        assert_eq!(cache.len(), ENTRIES_MAX);
        assert_eq!((cache.get("9"), cache.get("10")), (None, Some(10)));
    }
}
