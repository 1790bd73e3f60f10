//! What the server makes up: UIDs, the ends of generated names, times.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use crate::units::uuid_v4;

/// Characters of generated names. Upstream: apimachinery util/rand, without vowels, 0, 1 and 3.
const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
/// How many of them a generated name ends in.
const SUFFIX_LEN: usize = 5;
/// How much of `generateName` goes into a name. Upstream: `maxGeneratedNameLength`.
const BASE_LEN_MAX: usize = 58;

/// Numbers nobody can guess, without a pattern.
#[derive(Debug, Default)]
pub struct Identities {
    keys: [RandomState; 2],
    counter: AtomicU64,
}

impl Identities {
    fn random(&self) -> (u64, u64) {
        let n = self.counter.fetch_add(1, Ordering::Relaxed);
        (self.keys[0].hash_one(n), self.keys[1].hash_one(n))
    }

    /// A new UID: a UUID of version 4.
    #[must_use]
    pub fn uid(&self) -> String {
        let (high, low) = self.random();
        uuid_v4(high, low)
    }

    /// A name that begins with `base`.
    #[must_use]
    pub fn name(&self, base: &str) -> String {
        let mut name: String = base.chars().take(BASE_LEN_MAX).collect();
        let (mut number, _) = self.random();
        for _ in 0..SUFFIX_LEN {
            let at = usize::try_from(number % 27).unwrap_or_default();
            name.push(char::from(ALPHABET[at]));
            number /= 27;
        }
        name
    }
}

/// Now, as metadata has it: to the second.
#[must_use]
pub fn now() -> String {
    format_time(Timestamp::now())
}

/// A time as metadata has it.
#[must_use]
pub fn format_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_are_uuids_and_differ() {
        let identities = Identities::default();
        let (one, other) = (identities.uid(), identities.uid());
        assert_ne!(one, other);
        let lengths: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&one.as_bytes()[19]));
    }

    #[test]
    fn generated_names_keep_their_base() {
        let name = Identities::default().name("web-");
        assert!(name.starts_with("web-") && name.len() == 9, "{name}");
        assert_eq!(Identities::default().name(&"x".repeat(80)).len(), 63);
    }

    #[test]
    fn times_are_cut_to_the_second() {
        let time = "2026-01-02T03:04:05.678Z".parse().unwrap();
        assert_eq!(format_time(time), "2026-01-02T03:04:05Z");
    }
}
