//! Texts that waiting pods have in common, kept once: why they wait, and what their conditions say. 50,000
//! pods of ten templates have ten reasons.

use std::sync::Arc;

use crate::model::Pod;
use crate::units::Set;

/// As many texts are kept at least before those are looked for that nobody has any more.
const SWEEP_MIN: usize = 64;

/// All texts that a waiting pod has, and some that one had lately.
#[derive(Debug, Default)]
pub(super) struct Texts {
    known: Set<Arc<str>>,
    /// Once there are this many, unused ones go.
    sweep_at: usize,
}

impl Texts {
    /// The same text, as others have it.
    pub(super) fn keep(&mut self, text: Arc<str>) -> Arc<str> {
        if let Some(known) = self.known.get(&text) {
            return Arc::clone(known);
        }
        if self.known.len() >= self.sweep_at {
            self.sweep();
        }
        self.known.insert(Arc::clone(&text));
        text
    }

    /// Lets the pod's condition share its texts with others.
    pub(super) fn keep_of(&mut self, pod: &mut Pod) {
        if let Some(condition) = &mut pod.scheduled_condition {
            for text in [&mut condition.status, &mut condition.reason, &mut condition.message] {
                *text = self.keep(std::mem::take(text));
            }
        }
    }

    /// Forgets what no pod has any more.
    pub(super) fn sweep(&mut self) {
        self.known.retain(|text| Arc::strong_count(text) > 1);
        self.sweep_at = (2 * self.known.len()).max(SWEEP_MIN);
    }

    /// How many texts there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_goes_with_its_last_owner() {
        let mut texts = Texts::default();
        let one = texts.keep("no room".into());
        let other = texts.keep("no room".into());
        assert!(Arc::ptr_eq(&one, &other));
        drop(one);
        texts.sweep();
        assert_eq!(texts.len(), 1, "another pod has it");
        drop(other);
        for at in 0..10 * SWEEP_MIN {
            texts.keep(format!("{at}").into());
        }
        assert!(texts.len() <= SWEEP_MIN, "what nobody has goes by itself");
    }
}
