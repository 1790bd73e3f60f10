//! Keeps one trouble from filling the log: the same line at most once a while, with a count. Used by whoever
//! can be in the same trouble for each of many pods: `client` and `runtime`.

use crate::units::Nanos;

/// How long the same line is held back.
const REPEAT_AFTER: Nanos = Nanos::from_secs(30);

/// Different lines remembered. Watches know some ten kinds of error, and each of them may have one of its
/// own.
const LINES_MAX: usize = 64;

/// Remembers what was said lately.
#[derive(Debug, Default)]
pub struct Repeats {
    /// What, when it was last said, and how often it was held back since. Oldest first.
    said: Vec<(String, Nanos, u64)>,
}

impl Repeats {
    /// Whether to say `line` now: `Some(n)` when it is, where `n` repetitions were held back before.
    #[must_use]
    pub fn say(&mut self, line: &str, now: Nanos) -> Option<u64> {
        let Some(at) = self.said.iter().position(|(known, ..)| known == line) else {
            if self.said.len() == LINES_MAX {
                self.said.remove(0);
            }
            self.said.push((line.to_owned(), now, 0));
            return Some(0);
        };
        if now.since(self.said[at].1) < REPEAT_AFTER {
            self.said[at].2 += 1;
            return None;
        }
        let (line, _, held_back) = self.said.remove(at);
        self.said.push((line, now, 0));
        Some(held_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_held_back_and_counted() {
        let mut repeats = Repeats::default();
        let at = Nanos::from_secs;
        assert_eq!(repeats.say("a", at(0)), Some(0));
        assert_eq!(repeats.say("a", at(10)), None);
        assert_eq!(repeats.say("b", at(11)), Some(0));
        assert_eq!(repeats.say("a", at(29)), None);
        assert_eq!(repeats.say("a", at(30)), Some(2));
        assert_eq!(repeats.say("a", at(59)), None);
    }

    #[test]
    fn it_stays_small() {
        let mut repeats = Repeats::default();
        for i in 0..100 {
            assert_eq!(repeats.say(&i.to_string(), Nanos(0)), Some(0));
        }
        assert_eq!(repeats.said.len(), LINES_MAX);
    }
}
