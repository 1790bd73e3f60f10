//! What happens in the cluster while a pod is being tried: a pod that is put back is asked about it all,
//! so that nothing is lost which came between its being taken and its rejection.
//!
//! One list for all pods that are being tried, oldest first. Each pod holds on to the place at which it was
//! taken; what lies before the places of all of them goes by itself.
//!
//! Upstream: inFlightEvents of the active queue, v1.37.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::framework::{Change, Probe};

/// How many changes are kept while a pod waits for an answer; then those that wait count as helped.
///
/// Differs from upstream: there the list has no bound.
const CHANGES_MAX: usize = 4096;

/// The changes since the oldest pod was taken.
pub(super) struct InFlight {
    tail: Place,
    /// How many there are since nobody was being tried.
    length: usize,
    probe: Arc<dyn Probe>,
}

/// Counts as kept for as long as it lives.
struct Tally {
    event: &'static str,
    probe: Arc<dyn Probe>,
}

/// A change that is kept.
struct Kept {
    change: Change,
    _tally: Tally,
}

/// The place at which a pod was taken.
#[derive(Clone)]
pub(super) struct Taken {
    place: Place,
    _tally: Tally,
}

/// A place in the list: between what happened before and after.
#[derive(Clone)]
struct Place(Arc<Link>);

#[derive(Default)]
struct Link {
    next: OnceLock<Next>,
}

enum Next {
    /// This happened next.
    Happened(Box<Kept>, Arc<Link>),
    /// More happened than is kept.
    Lost,
}

/// What happened after a place, one after the other.
pub(super) struct Since<'a>(Option<&'a Link>);

/// One thing that happened.
pub(super) enum Happened<'a> {
    /// This.
    Change(&'a Change),
    /// It is not known any more what.
    Lost,
}

impl InFlight {
    /// An empty list, which says how much it keeps.
    pub(super) fn new(probe: Arc<dyn Probe>) -> Self {
        Self { tail: Place(Arc::default()), length: 0, probe }
    }

    /// The place of a pod that is taken now, which is kept as `event`.
    pub(super) fn here(&self, event: &'static str) -> Taken {
        Taken { place: self.tail.clone(), _tally: Tally::new(event, &self.probe) }
    }

    /// Whether a pod is being tried.
    pub(super) fn is_watched(&self) -> bool {
        Arc::strong_count(&self.tail.0) > 1
    }

    /// Notes a change, if a pod is being tried.
    pub(super) fn push(&mut self, change: Change) {
        if !self.is_watched() {
            self.length = 0;
            return;
        }
        let tail = Arc::<Link>::default();
        let next = if self.length < CHANGES_MAX {
            self.length += 1;
            let tally = Tally::new(change.event.label(), &self.probe);
            Next::Happened(Box::new(Kept { change, _tally: tally }), Arc::clone(&tail))
        } else {
            self.length = 0;
            Next::Lost
        };
        // The last link never has a next one.
        drop(self.tail.0.next.set(next));
        self.tail = Place(tail);
    }
}

impl Taken {
    /// What has happened since.
    pub(super) fn since(&self) -> Since<'_> {
        Since(Some(&self.place.0))
    }
}

impl Tally {
    fn new(event: &'static str, probe: &Arc<dyn Probe>) -> Self {
        probe.kept(event, 1);
        Self { event, probe: Arc::clone(probe) }
    }
}

impl Clone for Tally {
    fn clone(&self) -> Self {
        Self::new(self.event, &self.probe)
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.probe.kept(self.event, -1);
    }
}

impl<'a> Iterator for Since<'a> {
    type Item = Happened<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0?.next.get()? {
            Next::Happened(kept, next) => {
                self.0 = Some(next);
                Some(Happened::Change(&kept.change))
            }
            Next::Lost => {
                self.0 = None;
                Some(Happened::Lost)
            }
        }
    }
}

/// One link after the other: the default would go as deep as the list is long.
impl Drop for Link {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(Next::Happened(_, link)) = next {
            let Some(mut link) = Arc::into_inner(link) else { return };
            next = link.next.take();
        }
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Taken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::{Action, Changed, ClusterEvent, NoProbe, POD_POPPED, Resource};

    fn change() -> Change {
        Change::new(ClusterEvent::new(Resource::Node, Action::ADD), Changed::Unknown)
    }

    fn count(place: &Taken) -> (usize, bool) {
        let mut lost = false;
        let count = place
            .since()
            .filter(|happened| {
                lost |= matches!(happened, Happened::Lost);
                matches!(happened, Happened::Change(_))
            })
            .count();
        (count, lost)
    }

    #[test]
    fn a_pod_sees_what_happened_since_it_was_taken_and_nothing_else_is_kept() {
        let mut list = InFlight::new(Arc::new(NoProbe));
        list.push(change());
        let first = list.here(POD_POPPED);
        assert_eq!(count(&first), (0, false), "nobody was being tried then");
        list.push(change());
        let second = list.here(POD_POPPED);
        list.push(change());
        assert_eq!((count(&first), count(&second)), ((2, false), (1, false)));
        drop(first);
        list.push(change());
        assert_eq!(count(&second), (2, false));
        drop(second);
        assert!(!list.is_watched());
    }

    #[test]
    fn what_is_too_much_is_said_to_be_lost() {
        let mut list = InFlight::new(Arc::new(NoProbe));
        let early = list.here(POD_POPPED);
        for _ in 0..CHANGES_MAX {
            list.push(change());
        }
        assert_eq!(count(&early), (CHANGES_MAX, false));
        list.push(change());
        assert_eq!(count(&early), (CHANGES_MAX, true));
        let late = list.here(POD_POPPED);
        list.push(change());
        assert_eq!(count(&late), (1, false), "who came later misses nothing");
        drop(early);
        assert!(list.is_watched());
    }
}
