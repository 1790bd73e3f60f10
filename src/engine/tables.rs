//! What was found out for one pod and is kept for the next of the same template: its evals and the nodes that
//! they sorted. Least recently used first out; kept from the second time that a template is seen, and soon
//! enough after the first.
//!
//! Where plugins are asked about every pod of a template, as about claims of its own, there may be several for it,
//! one for each shape of what they say.
//!
//! Called by `judge` and `cycle`. Whether something is kept changes no decision, only the time that one takes.

use std::hash::BuildHasher;

use crate::cluster::{Cluster, Epochs, Facts, View};
use crate::framework::{BuildTimes, Evals, Own, PluginMask, Profile, Slice, Stopwatch, Table};
use crate::model::{Pod, Template};
use crate::preemption::Outcome;
use crate::units::{Map, NodeId, Set};

use super::selecting::Selecting;

/// Memory of all kept tables at most, in bytes; one table may be larger.
pub(super) const TABLE_BYTES_MAX: usize = 64 << 20;

/// Templates of which it is known when they were last seen, at most.
const TEMPLATES_SEEN_MAX: usize = 1 << 16;

/// What a table takes for a node, roughly: for a first guess of how many tables there is room for.
const BYTES_A_NODE: usize = 4;
/// What a table takes besides, roughly.
const BYTES_A_TABLE: usize = 8 << 10;

/// Of how many nodes another pod of the template may be told something else, for its table to be of use.
const UNLIKE_MAX: usize = 64;

/// After so many pods the bytes of a table are counted anew.
const USES_A_COUNT: u32 = 64;

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// By the hash of profile and template; an empty list where it is in use.
    #[expect(clippy::vec_box, reason = "they are handed out and back as they are")]
    kept: Map<u64, Vec<Box<Sorted>>>,
    count: usize,
    bytes: usize,
    /// The hash of the last pod.
    last: u64,
    /// When each template was last seen, by its hash.
    seen: Map<u64, u64>,
    /// How many pods have asked for a table.
    asked: u64,
    selecting: Selecting,
    /// What the tables judge nodes in, by turns.
    slice: Slice,
    /// How many were built.
    built: u64,
    /// All nodes are judged for every pod.
    off: bool,
    /// How often something was found.
    found: u64,
}

/// The nodes sorted for one pod, by its evals.
#[derive(Debug)]
pub(super) struct Sorted {
    pub(super) evals: Evals,
    pub(super) table: Table,
    /// What it is kept for, if it is.
    kept_for: Option<KeptFor>,
}

#[derive(Debug)]
struct KeptFor {
    hash: u64,
    profile: usize,
    template: Template,
    /// The plugins that are asked about every pod of it, and the shape of what they say.
    each: (PluginMask, u64),
    /// When the evals were prepared, and from what; `None` where they serve one pod only.
    prepared: Option<(Epochs, Facts)>,
    /// It is known that no node will do.
    nowhere: Option<Nowhere>,
    bytes: usize,
    /// The number of the pod that it was last used for.
    used: u64,
    uses: u32,
}

/// A template that fits nowhere: what was said of it, while nothing changes.
#[derive(Debug)]
struct Nowhere {
    as_of: Moment,
    message: String,
    rejectors: PluginMask,
    outcome: Outcome,
}

/// A state of the cluster: all that is said of pods and nodes is the same in the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    epochs: Epochs,
    change: u64,
    budgets: u64,
}

impl Moment {
    /// That of `cluster` now.
    pub(super) fn of(cluster: &Cluster) -> Self {
        Self {
            epochs: cluster.epochs(),
            change: cluster.changes().next(),
            budgets: cluster.objects().disruption_budgets.epoch(),
        }
    }
}

/// The place of a pod's template among what is kept.
#[derive(Debug)]
pub(super) struct Sought {
    hash: u64,
    profile: usize,
    /// What is kept for it.
    pub(super) kept: Option<Box<Sorted>>,
    /// What makes the pod differ from the one that it was used for last.
    pub(super) own: OwnWord,
}

/// What is said of one pod alone, beside what is kept for its template.
#[derive(Debug, Default)]
pub(super) struct OwnWord {
    /// The evals that take the place of those that are kept.
    evals: Own,
    /// The nodes of which they say something else.
    unlike: Vec<NodeId>,
    /// There are such evals, or were.
    is_said: bool,
}

impl OwnWord {
    /// All pods of the template are judged alike by `evals`, those before this one and it, but on these nodes.
    fn unlike(&self, evals: &Evals) -> Vec<NodeId> {
        // Other pods that come to a node in thought may use the very same claim.
        let nominated = evals.nominated().filter(|_| self.is_said);
        let mut nodes: Vec<NodeId> = self.unlike.iter().copied().chain(nominated).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

impl Sorted {
    /// For one pod only.
    pub(super) fn once(evals: Evals, table: Table) -> Box<Self> {
        Box::new(Self { evals, table, kept_for: None })
    }

    /// Catches up, by the evals that are kept, with the `own` ones in their place; `None` where `pod` has to be
    /// prepared anew.
    pub(super) fn catch_up(
        &mut self,
        pod: &Pod,
        own: &mut OwnWord,
        view: &View<'_>,
        watch: &Stopwatch<'_>,
    ) -> Option<BuildTimes> {
        let kept_for = self.kept_for.as_mut()?;
        let (before, facts) = kept_for.prepared?;
        if !before.agree(&view.cluster.epochs(), facts) {
            return None;
        }
        self.evals.serve(pod, view.cluster);
        let unlike = own.unlike(&self.evals);
        if !unlike.is_empty() {
            kept_for.nowhere = None;
        }
        self.evals.renew(std::mem::take(&mut own.evals), view);
        self.table.catch_up((&mut self.evals, false), &unlike, view, watch)
    }

    /// What was caught up is what would be built from the start.
    #[cfg(test)]
    pub(super) fn check(&mut self, (profile, pod): (&Profile, &Pod), view: &View<'_>) {
        use crate::framework::{Prepared, prepare};
        let Prepared::Ready { evals, narrowed: None } = prepare(profile, pod, *view) else {
            panic!("what is kept for others is not what this pod would get");
        };
        let mut built = Table::build(&evals, view, None);
        let (kept, new) = (self.table.contents(&self.evals, view), built.contents(&evals, view));
        assert_eq!(kept.nodes, new.nodes);
        // New ones may look at more keys, for pods on nodes that are not there.
        if self.evals.layout().eq(evals.layout()) {
            assert_eq!(kept.cells, new.cells);
        }
        assert_eq!(self.table.totals(&self.evals, view), built.totals(&evals, view));
    }

    /// What was said of the template when it fitted nowhere, if nothing has changed since.
    pub(super) fn nowhere(&self, cluster: &Cluster) -> Option<(String, PluginMask, Outcome)> {
        let known = self.kept_for.as_ref()?.nowhere.as_ref()?;
        (known.as_of == Moment::of(cluster))
            .then(|| (known.message.clone(), known.rejectors, known.outcome.clone()))
    }

    /// Notes what is said of the template, which fits nowhere.
    pub(super) fn fits_nowhere(
        &mut self,
        cluster: &Cluster,
        (message, rejectors, outcome): (&str, PluginMask, &Outcome),
    ) {
        let outcome = outcome.clone();
        let as_of = Moment::of(cluster);
        if let Some(kept_for) = self.kept_for.as_mut().filter(|it| it.prepared.is_some()) {
            let message = message.to_owned();
            kept_for.nowhere = Some(Nowhere { as_of, message, rejectors, outcome });
        }
    }
}

/// Which of these, all of one hash, serves a pod of which its `own` evals say so.
fn serving(
    same: &[Box<Sorted>],
    own: Own,
    is_it: impl Fn(&KeptFor) -> bool,
    view: &View<'_>,
) -> Option<(usize, OwnWord)> {
    let shape = own.shape(view);
    let mut unlike = Vec::new();
    let at = same.iter().position(|sorted| {
        unlike.clear();
        let kept_for = sorted.kept_for.as_ref();
        kept_for.is_some_and(|it| it.each.1 == shape && is_it(it))
            && sorted.evals.are_like(&own, view, &mut unlike)
            && unlike.len() <= UNLIKE_MAX
    });
    at.map(|at| (at, OwnWord { evals: own, unlike, is_said: true }))
}

impl Tables {
    /// Keeps nothing from now on.
    pub(super) fn turn_off(&mut self) {
        *self = Self { off: true, ..Self::default() };
    }

    /// Looks for what is kept for `pod`, and takes it out.
    pub(super) fn seek(
        &mut self,
        (number, profile): (usize, &Profile),
        pod: &Pod,
        view: &View<'_>,
        watch: &Stopwatch<'_>,
    ) -> Option<Sought> {
        if self.off {
            return None;
        }
        self.asked += 1;
        self.selecting.refresh(view.cluster);
        let selecting = &self.selecting;
        let selects = |key: &str| selecting.selects(pod, view.cluster, key);
        let is_it = |it: &KeptFor| it.profile == number && it.template.is_of(pod, selects);
        let find = |hash: u64| {
            let mut all = self.kept.get(&hash)?.iter();
            all.position(|sorted| sorted.kept_for.as_ref().is_some_and(is_it))
        };
        // Pods of a template come together, and to compare is less than to hash.
        let (hash, at) = if let Some(at) = find(self.last) {
            (self.last, Some(at))
        } else {
            let hash = Template::hash_of(pod, number, selects);
            (hash, find(hash))
        };
        let same = self.kept.get(&hash).map_or(&[][..], Vec::as_slice);
        let found = at.and_then(|at| {
            let each = same[at].kept_for.as_ref()?.each.0;
            if each == 0 {
                return Some((at, OwnWord::default()));
            }
            let own = Own::prepare(profile, pod, *view, each, watch)?;
            serving(&same[at..], own, is_it, view).map(|(after, own)| (at + after, own))
        });
        self.last = hash;
        let (at, own) = found.unzip();
        let kept = at.zip(self.kept.get_mut(&hash)).map(|(at, same)| {
            let mut sorted = same.swap_remove(at);
            sorted.table.lend(std::mem::take(&mut self.slice));
            sorted
        });
        if let Some(kept_for) = kept.as_ref().and_then(|sorted| sorted.kept_for.as_ref()) {
            self.count -= 1;
            self.bytes -= kept_for.bytes;
            self.found += 1;
        }
        Some(Sought { hash, profile: number, kept, own: own.unwrap_or_default() })
    }

    /// All nodes sorted for `pod` by its fresh `evals`; with what was kept for it, and to be kept, if it can.
    pub(super) fn sort(
        &mut self,
        mut sought: Sought,
        (profile, pod): (&Profile, &Pod),
        mut evals: Evals,
        view: &View<'_>,
        watch: &Stopwatch<'_>,
    ) -> (Box<Sorted>, BuildTimes) {
        let epochs = view.cluster.epochs();
        let prepared = || Some((epochs, profile.prepared_from(pod)?));
        let was_kept = sought.kept.is_some();
        if let Some(mut sorted) = sought.kept.take()
            && !sorted.evals.follow_others()
            && let unlike = sought.own.unlike(&evals)
            && let Some(times) = sorted.table.catch_up((&mut evals, true), &unlike, view, watch)
        {
            sorted.evals = evals;
            if let Some(kept_for) = &mut sorted.kept_for {
                kept_for.prepared = prepared();
                kept_for.nowhere = None;
            }
            return (sorted, times);
        }
        let each = profile.prepares_each(pod);
        let each = (each, if each == 0 { 0 } else { evals.shape(each, view) });
        if (was_kept || self.is_worth_it((sought.hash, each), view.cluster.nodes_bound()))
            && let Some((table, times)) = Table::build_kept(&mut evals, view, watch)
        {
            self.built += 1;
            self.drop_shape(sought.hash, each);
            let selects = |key: &str| self.selecting.selects(pod, view.cluster, key);
            let kept_for = KeptFor {
                hash: sought.hash,
                profile: sought.profile,
                template: Template::of(pod, selects),
                each,
                prepared: prepared(),
                nowhere: None,
                bytes: 0,
                used: 0,
                uses: 0,
            };
            return (Box::new(Sorted { evals, table, kept_for: Some(kept_for) }), times);
        }
        let (table, times) = Table::build_timed(&evals, view, None, watch);
        (Sorted::once(evals, table), times)
    }

    /// Keeps it for the next pod.
    pub(super) fn keep(&mut self, mut sorted: Box<Sorted>) {
        let Some(kept_for) = sorted.kept_for.as_mut().filter(|_| sorted.table.can_be_kept()) else {
            return;
        };
        self.slice = sorted.table.take_slice();
        if kept_for.uses % USES_A_COUNT == 0 {
            kept_for.bytes = sorted.table.bytes() + sorted.evals.bytes();
        }
        kept_for.uses = kept_for.uses.wrapping_add(1);
        kept_for.used = self.asked;
        let (hash, bytes) = (kept_for.hash, kept_for.bytes);
        while self.count > 0 && self.bytes + bytes > TABLE_BYTES_MAX {
            self.drop_oldest();
        }
        self.bytes += bytes;
        self.count += 1;
        self.kept.entry(hash).or_default().push(sorted);
        if self.kept.len() > 2 * self.count + 1 {
            self.kept.retain(|_, same| !same.is_empty());
        }
    }

    /// How many there are, and the bytes that they take.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.count, self.bytes)
    }

    /// How often something was found, so far.
    pub(super) fn found(&self) -> u64 {
        self.found
    }

    /// How many were built to be kept, so far.
    pub(super) fn built(&self) -> u64 {
        self.built
    }

    /// Whether this template, in this shape, comes back before its table would have to go again.
    fn is_worth_it(&mut self, (hash, each): (u64, (PluginMask, u64)), nodes: usize) -> bool {
        let hash = match each {
            (0, _) => hash,
            (_, shape) => Set::<()>::default().hasher().hash_one((hash, shape)),
        };
        if self.seen.len() >= TEMPLATES_SEEN_MAX {
            self.seen.clear();
        }
        let Some(last) = self.seen.insert(hash, self.asked) else { return false };
        let guess = nodes * BYTES_A_NODE + BYTES_A_TABLE;
        let bytes = self.bytes.checked_div(self.count).unwrap_or(guess);
        let room = TABLE_BYTES_MAX.checked_div(bytes).unwrap_or(usize::MAX).max(1);
        // Where more take turns than there is room for, those that came first keep theirs: the others would only
        // drive each other out. A table that has more to catch up than there are nodes is worth nothing.
        let fits = self.bytes + bytes <= TABLE_BYTES_MAX;
        let since = self.asked - last;
        since <= room as u64 || fits && since <= nodes as u64
    }

    /// Drops what was kept for pods of the same shape, and could not be caught up.
    fn drop_shape(&mut self, hash: u64, each: (PluginMask, u64)) {
        let Some(same) = self.kept.get_mut(&hash).filter(|_| each.0 != 0) else { return };
        let is_it = |sorted: &mut Box<Sorted>| {
            sorted.kept_for.as_ref().is_some_and(|kept_for| kept_for.each == each)
        };
        for gone in same.extract_if(.., is_it) {
            self.count -= 1;
            self.bytes -= gone.kept_for.map_or(0, |kept_for| kept_for.bytes);
        }
    }

    fn drop_oldest(&mut self) {
        let used = |sorted: &Sorted| sorted.kept_for.as_ref().map_or(0, |kept_for| kept_for.used);
        let all =
            self.kept.iter().flat_map(|(hash, same)| same.iter().map(move |s| (used(s), *hash)));
        let Some((oldest, hash)) = all.min() else { return };
        let Some(same) = self.kept.get_mut(&hash) else { return };
        if let Some(at) = same.iter().position(|sorted| used(sorted) == oldest) {
            let gone = same.swap_remove(at);
            self.count -= 1;
            self.bytes -= gone.kept_for.map_or(0, |kept_for| kept_for.bytes);
        }
        if same.is_empty() {
            self.kept.remove(&hash);
        }
    }
}
