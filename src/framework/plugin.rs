//! The door for plugins: one prepared [`Eval`] a plugin and pod, working on slices of nodes.

use std::any::Any;

use crate::cluster::{Cluster, Facts, NodeNews, View};
use crate::model::{DefaultPreemptionArgs, PluginArgs, Pod, PodKey};
use crate::units::NodeId;

use super::evals::PodRejection;
use super::{
    Bind, Candidate, Change, Code, ExtensionPoint, FailedNodes, Hint, Interest, Permit, Placement,
    PreBind, PreBound, Refusal, Verdict, WaitingPods,
};

/// What a plugin is called and what it does, for the static table.
#[derive(Clone, Copy, Debug)]
pub struct PluginInfo {
    /// Its name, as upstream names it.
    pub name: &'static str,
    /// Its weight in the default profile; zero where it gives no score, or counts once without a word. `None`: it is not in the default
    /// profile, and a configuration has to name it.
    pub default_weight: Option<i64>,
    /// The extension points that it has.
    pub points: &'static [ExtensionPoint],
    /// One line for people.
    pub summary: &'static str,
    /// Makes it for a profile with these args; an error says why it cannot do with them, and the
    /// configuration is refused.
    pub make: fn(&PluginArgs) -> Result<Box<dyn Plugin>, String>,
}

/// A plugin of a profile.
pub trait Plugin: Send + Sync {
    /// QueueSort: the waiting pod with the greatest number is taken first, and of equals the one that was put
    /// into the queue first.
    ///
    /// Differs from upstream, where a plugin compares two pods.
    fn sort(&self, _pod: Candidate<'_>) -> i64 {
        0
    }

    /// PreEnqueue: why the pod may not even wait its turn. `None` lets it in.
    fn pre_enqueue(&self, _pod: Candidate<'_>, _cluster: &Cluster) -> Option<PodRejection> {
        None
    }

    /// PreFilter and the pod's half of PreScore.
    fn prepare(&self, _pod: &Pod, _cx: &PrepareCx<'_>) -> PluginEval {
        PluginEval::Skip
    }

    /// What [`Plugin::prepare`] reads of the cluster besides nodes one by one: while that stays as it is, and
    /// [`Eval::catch_up`] agrees, what it said of `pod` holds for all pods of the same template. `None`, which
    /// is always right: it is asked about every pod.
    ///
    /// Where no node will do the same holds for [`Plugin::post_filter`].
    fn prepared_from(&self, _pod: &Pod) -> Option<Facts> {
        None
    }

    /// Whether what [`Plugin::prepare`] says differs between pods of the template of `pod`, and [`Eval::is_like`]
    /// tells whether it says the same of nodes: it is asked about every pod then, whatever
    /// [`Plugin::prepared_from`] says, which is about the others.
    fn prepares_each(&self, _pod: &Pod) -> bool {
        false
    }

    /// [`Plugin::prepare`] in a profile that has Filter of it without PreFilter: a rejection of the pod
    /// counts for nothing here, nor do the names of nodes.
    fn unprepared(&self, pod: &Pod, cx: &PrepareCx<'_>) -> PluginEval {
        self.prepare(pod, cx)
    }

    /// The error at the extension point `at` in a profile without `missing`, which is PreFilter or PreScore
    /// and leaves behind what this plugin has to read at `at`.
    fn lacks(&self, _missing: ExtensionPoint, _at: ExtensionPoint) -> Option<&'static str> {
        None
    }

    /// Whether all that it does after Filter is about what Filter found.
    fn follows_filter(&self) -> bool {
        false
    }

    /// The changes that can help a pod which this plugin rejected: everything, if it does not say.
    ///
    /// Upstream: EventsToRegister, v1.37.
    fn events(&self) -> &'static [Interest] {
        Interest::EVERYTHING
    }

    /// Whether `change`, one of [`Plugin::events`] that asks, can help a pod which this plugin rejected. Where
    /// it was asked for all pods alike, the answer must not depend on the name or UID of `pod`.
    ///
    /// Upstream: QueueingHintFn, v1.37.
    fn hint(&self, _change: &Change, _pod: Candidate<'_>, _cluster: &Cluster) -> Hint {
        Hint::Queue
    }

    /// PostFilter: what this plugin does for a pod that no node will do for. `failed` are the nodes that were
    /// judged; `None` where the pod was turned away as a whole.
    fn post_filter(
        &self,
        _pod: &Pod,
        _view: &View<'_>,
        _failed: Option<&FailedNodes>,
    ) -> PostFilter {
        PostFilter::Reject(Code::Unschedulable, Vec::new())
    }

    /// Reserve: keeps what the pod will use, right after it was assumed.
    fn reserve(&self, _at: &Placement<'_>, _cluster: &mut Cluster) -> Result<(), Refusal> {
        Ok(())
    }

    /// Gives back what [`Plugin::reserve`] kept, if it kept anything: the pod is not bound there.
    fn unreserve(&self, _at: &Placement<'_>, _cluster: &mut Cluster) {}

    /// Permit: whether the pod may be bound now. `waiting` are the pods that wait for this plugin.
    fn permit(&self, _at: &Placement<'_>, _waiting: &mut WaitingPods) -> Permit {
        Permit::Allow
    }

    /// PreBind: what has to be done before the pod is bound.
    fn pre_bind(&self, _at: &Placement<'_>, _cluster: &Cluster) -> PreBind {
        PreBind::Skip
    }

    /// Whether what [`PreBind::Write`] began is done. Asked once all is written, after every change of
    /// an object that it may wait for, and a last time, `late`, when its time is up.
    fn pre_bound(&self, _at: &Placement<'_>, _cluster: &Cluster, _late: bool) -> PreBound {
        PreBound::Done
    }

    /// The work behind [`PreBind::Call`]. May block; called outside of the engine.
    fn pre_bind_call(&self, _pod: &Pod, _node: &str) -> Result<(), Refusal> {
        Ok(())
    }

    /// Bind: who binds the pod. The first plugin that does not skip it.
    fn bind(&self, _at: &Placement<'_>) -> Bind {
        Bind::Skip
    }

    /// The work behind [`Bind::Call`]. May block; called outside of the engine.
    fn bind_call(&self, _pod: &Pod, _node: &str) -> Result<(), Refusal> {
        Ok(())
    }

    /// PostBind: the pod is bound. May block; called outside of the engine.
    fn post_bind(&self, _pod: &Pod, _node: &str) {}

    /// PostBind: waiting pods that are to be tried at once now that this one is bound, whatever rejected
    /// them.
    ///
    /// Upstream: PodsToActivate, v1.37.
    fn activates(&self, _at: &Placement<'_>, _cluster: &Cluster) -> Vec<PodKey> {
        Vec::new()
    }
}

/// What a plugin may look at while it prepares.
#[derive(Clone, Copy, Debug)]
pub struct PrepareCx<'a> {
    /// The cluster.
    pub view: View<'a>,
    /// The plugin's position in its profile, for its verdicts.
    pub position: u16,
}

/// What a plugin has to say about a pod.
pub enum PluginEval {
    /// Nothing: it is skipped for this pod.
    Skip,
    /// The pod fits nowhere.
    Reject(Code, Vec<String>),
    /// Nothing can be decided about the pod, and why.
    Fail(String),
    /// Nothing as things are: it is skipped as with [`PluginEval::Skip`], while this eval, which has no part
    /// to be called, follows the cluster and its [`Eval::catch_up`] is true.
    SkipWhile(Box<dyn Eval>),
    /// It judges nodes.
    Run(Box<dyn Eval>),
    /// It judges nodes, and only those with these names come into question.
    Narrow(Option<Box<dyn Eval>>, Vec<Box<str>>),
}

impl PluginEval {
    /// As a status.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Skip | Self::SkipWhile(_) => Code::Skip,
            Self::Reject(code, _) => *code,
            Self::Fail(_) => Code::Error,
            Self::Run(_) | Self::Narrow(..) => Code::Success,
        }
    }
}

/// What a plugin says at PostFilter.
///
/// Upstream: PostFilterResult and RunPostFilterPlugins, v1.37.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostFilter {
    /// It can do nothing, and why. With [`Code::Unschedulable`] the next plugin is asked, with
    /// [`Code::UnschedulableAndUnresolvable`] nobody is.
    Reject(Code, Vec<String>),
    /// Something went wrong; nobody else is asked.
    Fail(String),
    /// Pods of lower priority are to make way, as these args say. The next plugin is asked where that is
    /// no use.
    Preempt(DefaultPreemptionArgs),
    /// Something was done, so that the pod may fit when it is tried again. Nobody else is asked.
    Helped {
        /// The node that the pod is nominated to; without one its nomination stays as it is.
        node: Option<Box<str>>,
        /// What is said behind the reasons of the nodes.
        message: String,
    },
}

/// Which parts an eval has; the others are not called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of its own")]
pub struct Parts {
    /// [`Eval::filter`].
    pub filter: bool,
    /// [`Eval::gate`], which says the same of cells; only with [`Parts::filter`].
    pub gate: bool,
    /// [`Eval::score_error`].
    pub pre_score: bool,
    /// [`Eval::score`].
    pub score: bool,
    /// Number of key words; with more than none, [`Eval::key`].
    pub key_words: usize,
    /// It scores by its cell part. Without key words every node is in the one cell.
    pub cell_score: bool,
}

/// One plugin and one pod; pure in the view and its arguments; slices in, slices out.
pub trait Eval: Any + Send {
    /// Which of the parts below there are.
    fn parts(&self) -> Parts;

    /// Whether what [`Eval::filter`] (without a gate), [`Eval::score`] and [`Eval::key`] say of a node stays
    /// the same for all pods of one [`Template`](crate::model::Template) until that node changes: they read
    /// nothing else of the pod (or [`Eval::is_like`] tells), and nothing of the cluster but the node's own row,
    /// columns, labels, taints and images. If so, a number for what else the meaning of its key words follows
    /// from, mostly 0. `None`, which is always right: every pod has all nodes judged again.
    fn lasting(&self) -> Option<u64> {
        None
    }

    /// Where [`Plugin::prepares_each`]: whether it says the same of every node as `other`, which the plugin prepared
    /// for a pod of the same template, but for the nodes that it adds to `unlike`. Both may be asked about nodes
    /// that change later.
    fn is_like(&self, _other: &dyn Eval, _view: &View<'_>, _unlike: &mut Vec<NodeId>) -> bool {
        true
    }

    /// Where [`Plugin::prepares_each`]: a number that those share who are alike by [`Eval::is_like`].
    fn shape(&self, _view: &View<'_>) -> u64 {
        0
    }

    /// It is about to be kept for later pods of its template: from now on [`Eval::catch_up`] tells it what
    /// changes.
    fn follow(&mut self, _view: &View<'_>) {}

    /// Picks the nodes whose changes can matter to [`Eval::catch_up`], which is then told of these alone; false
    /// where it is to be told of all.
    fn concerned(&self, _changes: &[NodeNews], _out: &mut Vec<NodeId>) -> bool {
        false
    }

    /// Takes in that these nodes have changed since; some of them may be gone. False: it has to be prepared
    /// anew.
    fn catch_up(&mut self, _view: &View<'_>, _nodes: &[NodeId]) -> bool {
        true
    }

    /// What it keeps in order to follow, in bytes.
    fn bytes(&self) -> usize {
        0
    }

    /// Judges the nodes whose verdict still is a pass. Node-local, if there is no [`Eval::gate`].
    fn filter(&self, _view: &View<'_>, _nodes: &[NodeId], _out: &mut [Verdict]) {}

    /// Cell part of the same: judges the cells whose verdict still is a pass, for all of their nodes. Where all
    /// nodes are sorted into cells it is asked in the place of [`Eval::filter`], which then judges single nodes
    /// only: those that are changed in thought, and those whose verdict is asked for.
    fn gate(&self, _view: &View<'_>, _cells: Cells<'_>, _out: &mut [Verdict]) {}

    /// The reasons behind a rejection by [`Eval::filter`], in upstream's words and order; of a
    /// [`Code::Error`] the text of the error.
    fn reasons(&self, _view: &View<'_>, _node: NodeId, _verdict: Verdict) -> Vec<String> {
        Vec::new()
    }

    /// Node-local: final points from 0 to 100 that no other node can change.
    fn score(&self, _view: &View<'_>, _nodes: &[NodeId], _out: &mut [i64]) {}

    /// PreScore: why nothing can be decided where there is more than one node to choose from.
    fn score_error(&self) -> Option<&str> {
        None
    }

    /// The words that make nodes alike to the cell part.
    fn key(&self, _view: &View<'_>, _nodes: &[NodeId], _out: &mut KeyOut<'_>) {}

    /// Cell part: the raw score of each cell.
    fn raw(&self, _view: &View<'_>, _cells: Cells<'_>, _out: &mut [i64]) {}

    /// Cell part: raw scores of all cells, which are all feasible nodes, to points from 0 to 100.
    fn normalise(&self, _cells: Cells<'_>, _raw: &mut [i64]) {}
}

/// Where an eval writes the key words of a slice of nodes.
#[derive(Debug)]
pub struct KeyOut<'a> {
    words: &'a mut [u32],
    stride: usize,
    offset: usize,
}

impl<'a> KeyOut<'a> {
    /// Words of `stride` a node, of which an eval's begin at `offset`.
    pub(crate) fn new(words: &'a mut [u32], stride: usize, offset: usize) -> Self {
        Self { words, stride, offset }
    }

    /// Sets key word `word` of the `index`th node of the slice.
    pub fn set(&mut self, index: usize, word: usize, value: u32) {
        self.words[index * self.stride + self.offset + word] = value;
    }
}

/// The cells with feasible nodes, as one eval sees them.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    words: &'a [u32],
    stride: usize,
    offset: usize,
    feasible: &'a [u32],
}

impl<'a> Cells<'a> {
    pub(crate) fn new(words: &'a [u32], stride: usize, offset: usize, feasible: &'a [u32]) -> Self {
        Self { words, stride, offset, feasible }
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.feasible.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.feasible.is_empty()
    }

    /// Key word `word` of cell `cell`.
    #[must_use]
    pub fn word(&self, cell: usize, word: usize) -> u32 {
        self.words[cell * self.stride + self.offset + word]
    }

    /// Number of feasible nodes in cell `cell`.
    #[must_use]
    pub fn feasible(&self, cell: usize) -> u32 {
        self.feasible[cell]
    }
}

/// Upstream: helper.DefaultNormalizeScore with the highest score 100, v1.37.
pub(crate) fn default_normalise(raw: &mut [i64], reverse: bool) {
    use super::MAX_NODE_SCORE as MAX;
    let highest = raw.iter().copied().max().unwrap_or_default();
    for score in raw {
        *score = match (highest, reverse) {
            (0, true) => MAX,
            (0, false) => *score,
            (_, true) => MAX - MAX * *score / highest,
            (_, false) => MAX * *score / highest,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalising_as_upstream() {
        let rows: [(&[i64], bool, &[i64]); 4] = [
            (&[0, 0], true, &[100, 100]),
            (&[0, 0], false, &[0, 0]),
            (&[1, 3, 0], true, &[67, 0, 100]),
            (&[1, 3, 0], false, &[33, 100, 0]),
        ];
        for (raw, reverse, want) in rows {
            let mut got = raw.to_vec();
            default_normalise(&mut got, reverse);
            assert_eq!(got, want, "{raw:?} {reverse}");
        }
    }
}
