//! A pod prepared by all plugins of a profile: PreFilter and PreScore, and the judging of slices.

use crate::cluster::{Cluster, NodeNews, View};
use crate::model::Pod;
use crate::units::NodeId;

use super::nominated::Nominated;
use super::profile::PluginMask;
use super::unprepared::without_pre_filter;
use super::{
    Cells, Code, Eval, ExtensionPoint, KeyOut, Parts, PluginEval, PrepareCx, Profile,
    ProfilePlugin, Stopwatch, Verdict,
};

/// Why a pod as a whole is turned away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodRejection {
    /// The code.
    pub code: Code,
    /// The reasons.
    pub reasons: Vec<String>,
}

/// What came of preparing a pod.
pub enum Prepared {
    /// It fits nowhere, whatever the nodes are like.
    Rejected {
        /// Position of the plugin that said so; `None` where several together did.
        plugin: Option<u16>,
        /// What it said.
        rejection: PodRejection,
        /// All plugins that had a part in it.
        rejectors: PluginMask,
        /// What the other plugins have to say of nodes, where evicting pods may help: with
        /// [`Code::Unschedulable`].
        evals: Option<Evals>,
    },
    /// Nothing can be decided.
    Failed {
        /// Position of the plugin that failed.
        plugin: u16,
        /// Why, with the name of the plugin.
        message: String,
    },
    /// Nodes can be judged.
    Ready {
        /// The evals.
        evals: Evals,
        /// The only nodes in question, where plugins narrowed them, and which plugins did.
        narrowed: Option<(Vec<NodeId>, PluginMask)>,
    },
}

/// The evals of one pod, or of all pods of a template.
pub struct Evals {
    items: Vec<PreparedEval>,
    /// Of plugins that are skipped while these agree.
    skipped: Vec<Box<dyn Eval>>,
    stride: usize,
    points_max: i64,
    prepared_by: PluginMask,
    /// Position of the first plugin with a gate.
    first_gate: Option<u16>,
    nominated: Nominated,
}

/// A score outside 0 to 100, which nonsense in an object can make, such as amounts whose sum wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidScore {
    /// Position of the plugin.
    pub plugin: u16,
    /// What it gave.
    pub score: i64,
}

impl InvalidScore {
    /// The first invalid one among the `scores` of a plugin.
    pub(super) fn find(plugin: u16, scores: &[i64]) -> Option<Self> {
        let valid = 0..=super::MAX_NODE_SCORE;
        if scores.iter().all(|score| valid.contains(score)) {
            return None;
        }
        let score = scores.iter().copied().find(|score| !valid.contains(score))?;
        Some(Self { plugin, score })
    }

    /// Why nothing can be decided.
    ///
    /// Upstream: RunScorePlugins, v1.37.
    #[must_use]
    pub fn message(self, profile: &Profile) -> String {
        let name = profile.plugins[usize::from(self.plugin)].name;
        format!(
            "applying score defaultWeights on Score plugins: plugin \"{name}\" returns an invalid \
             score {}, it should in the range of [0, {}] after normalizing",
            self.score,
            super::MAX_NODE_SCORE
        )
    }
}

/// One plugin's eval with its place in the profile.
pub(super) struct PreparedEval {
    pub(super) position: u16,
    pub(super) name: &'static str,
    pub(super) weight: i64,
    pub(super) parts: Parts,
    /// Where its key words begin.
    pub(super) offset: usize,
    pub(super) eval: Box<dyn Eval>,
}

/// The names of the only nodes in question, and who named them.
#[derive(Default)]
struct Narrowing {
    names: Option<Vec<Box<str>>>,
    plugins: PluginMask,
}

impl Narrowing {
    fn add(&mut self, position: u16, only: Vec<Box<str>>) {
        self.plugins |= 1 << position;
        self.names = Some(match self.names.take() {
            None => only,
            Some(before) => before.into_iter().filter(|name| only.contains(name)).collect(),
        });
    }

    /// Why no node is left, where the plugins agree on none.
    ///
    /// Upstream: RunPreFilterPlugins, v1.37.
    fn conflict(&self, profile: &Profile) -> Option<String> {
        if self.names.as_ref().is_none_or(|names| !names.is_empty()) {
            return None;
        }
        let names = profile.names(self.plugins);
        Some(match &names[..] {
            [one] => format!("node(s) didn't satisfy plugin {one}"),
            _ => {
                format!("node(s) didn't satisfy plugin(s) [{}] simultaneously", names.join(" "))
            }
        })
    }
}

/// Lets all plugins of `profile` prepare `pod`.
///
/// Upstream: RunPreFilterPlugins, v1.37: an UnschedulableAndUnresolvable ends it at once, an
/// Unschedulable is remembered while the others still run.
#[must_use]
pub fn prepare(profile: &Profile, pod: &Pod, view: View<'_>) -> Prepared {
    prepare_timed(profile, pod, view, &Stopwatch::off())
}

/// [`prepare`], which is measured.
#[must_use]
pub fn prepare_timed(
    profile: &Profile,
    pod: &Pod,
    view: View<'_>,
    watch: &Stopwatch<'_>,
) -> Prepared {
    let mut ran = 0;
    let prepared = prepare_counted(profile, pod, view, watch, &mut ran);
    watch.evaluated(ExtensionPoint::PreFilter, ran, 1);
    prepared
}

/// [`prepare_timed`], which notes the plugins that did not skip the pod in `ran`.
fn prepare_counted(
    profile: &Profile,
    pod: &Pod,
    view: View<'_>,
    watch: &Stopwatch<'_>,
    ran: &mut PluginMask,
) -> Prepared {
    let mut items = Vec::with_capacity(profile.plugins.len());
    let mut narrowing = Narrowing::default();
    let (mut rejected, mut skipped) = (None, Vec::new());
    for (position, entry) in profile.at(ExtensionPoint::PreFilter) {
        let run = || entry.plugin.prepare(pod, &PrepareCx { view, position });
        let said = watch.run(entry.name, ExtensionPoint::PreFilter, run, PluginEval::code);
        if !matches!(said, PluginEval::Skip | PluginEval::SkipWhile(_)) {
            *ran |= 1 << position;
        }
        let eval = match said {
            PluginEval::Skip => continue,
            PluginEval::SkipWhile(eval) => {
                skipped.push(eval);
                continue;
            }
            PluginEval::Reject(code, reasons) => {
                let resolvable = code == Code::Unschedulable;
                rejected = Some((position, PodRejection { code, reasons }));
                if resolvable {
                    continue;
                }
                break;
            }
            PluginEval::Fail(error) => {
                let message = format!("running PreFilter plugin \"{}\": {error}", entry.name);
                return Prepared::Failed { plugin: position, message };
            }
            PluginEval::Run(eval) => Some(eval),
            PluginEval::Narrow(eval, only) => {
                narrowing.add(position, only);
                if let Some(reason) = narrowing.conflict(profile) {
                    let code = Code::UnschedulableAndUnresolvable;
                    let rejection = PodRejection { code, reasons: vec![reason] };
                    let rejectors = narrowing.plugins;
                    return Prepared::Rejected { plugin: None, rejection, rejectors, evals: None };
                }
                eval
            }
        };
        items.extend(eval.and_then(|eval| prepared(position, entry, eval)));
    }
    let rejected = match rejected {
        Some((plugin, rejection)) if rejection.code != Code::Unschedulable => {
            let (plugin, rejectors) = (Some(plugin), 1 << plugin);
            return Prepared::Rejected { plugin, rejection, rejectors, evals: None };
        }
        other => other,
    };
    for (position, entry) in (0u16..).zip(&profile.plugins) {
        if entry.points.contains(&ExtensionPoint::PreFilter) {
            continue;
        }
        let eval = without_pre_filter(entry, pod, &PrepareCx { view, position });
        items.extend(eval.and_then(|eval| prepared(position, entry, eval)));
    }
    let evals = Evals::new((items, skipped), *ran, Nominated::before(pod, view.cluster));
    if let Some((plugin, rejection)) = rejected {
        let (plugin, rejectors, evals) = (Some(plugin), 1 << plugin, Some(evals));
        return Prepared::Rejected { plugin, rejection, rejectors, evals };
    }
    let find = |name: Box<str>| view.cluster.find_node(&name);
    let named = narrowing.names;
    Prepared::Ready {
        evals,
        narrowed: named
            .map(|only| (only.into_iter().filter_map(find).collect(), narrowing.plugins)),
    }
}

/// An eval without the parts at whose extension points its plugin does not speak; `None` where nothing
/// is left.
pub(super) fn prepared(
    position: u16,
    entry: &ProfilePlugin,
    eval: Box<dyn Eval>,
) -> Option<PreparedEval> {
    let mut parts = eval.parts();
    parts.filter &= entry.points.contains(&ExtensionPoint::Filter);
    parts.gate &= parts.filter;
    parts.pre_score &= entry.points.contains(&ExtensionPoint::PreScore);
    if !entry.points.contains(&ExtensionPoint::Score) {
        let Parts { filter, gate, pre_score, .. } = parts;
        let key_words = if gate { parts.key_words } else { 0 };
        parts = Parts { filter, gate, pre_score, key_words, ..Parts::default() };
    }
    let item =
        PreparedEval { position, name: entry.name, weight: entry.weight, parts, offset: 0, eval };
    (parts != Parts::default()).then_some(item)
}

impl std::fmt::Debug for Evals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.items.iter().map(|item| item.name)).finish()
    }
}

impl Evals {
    /// Puts the evals into the order of the profile, and gives each its key words.
    fn new(
        (mut items, skipped): (Vec<PreparedEval>, Vec<Box<dyn Eval>>),
        prepared_by: PluginMask,
        nominated: Nominated,
    ) -> Self {
        items.sort_by_key(|item| item.position);
        let mut stride = 0;
        for item in &mut items {
            item.offset = stride;
            stride += item.parts.key_words;
        }
        let scoring = items.iter().filter(|item| item.parts.score);
        let points_max = scoring.map(|item| item.weight * super::MAX_NODE_SCORE).sum();
        let first_gate = items.iter().find(|item| item.parts.gate).map(|item| item.position);
        Self { items, skipped, stride, points_max, prepared_by, first_gate, nominated }
    }

    /// Judges `nodes`, in the order of the profile; the first rejection of a node stands. A node to which
    /// others are nominated that come first has to do with them and without them.
    ///
    /// Upstream: RunFilterPluginsWithNominatedPods, v1.37.
    pub(crate) fn filter(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        self.filter_plain(view, nodes, out);
        self.filter_with_nominated(view, nodes, out);
    }

    /// Judges those of `nodes` again to which others are nominated that come first.
    fn filter_with_nominated(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        if self.nominated.is_empty() {
            return;
        }
        for (node, verdict) in nodes.iter().zip(out) {
            let with_them = self.nominated.on(view, *node, |view| self.filter_alone(view, *node));
            if let Some(with_them) = with_them.filter(|verdict| !verdict.is_pass()) {
                *verdict = with_them;
            }
        }
    }

    /// The node-local part of [`Evals::filter`], which times each plugin over all of `nodes` where plugins are
    /// timed. Nodes that pass are still to be judged by the gates of their cells.
    ///
    /// Differs from upstream: there a plugin is run, and timed, for each node.
    pub(super) fn filter_local(
        &self,
        view: &View<'_>,
        nodes: &[NodeId],
        out: &mut [Verdict],
        watch: &Stopwatch<'_>,
    ) {
        for item in self.items.iter().filter(|item| item.parts.filter && !item.parts.gate) {
            let begun = watch.plugin_begins();
            item.eval.filter(view, nodes, out);
            watch.plugin_ends(begun, item.name, ExtensionPoint::Filter, || {
                let mut rejected = out.iter().filter(|verdict| !verdict.is_pass());
                rejected.find(|v| v.plugin == item.position).map_or(Code::Success, |v| v.code)
            });
        }
        self.filter_with_nominated(view, nodes, out);
    }

    /// Judges all cells of a table, in the order of the profile; the first rejection of a cell stands.
    pub(super) fn gate(
        &self,
        view: &View<'_>,
        (words, feasible): (&[u32], &[u32]),
        out: &mut [Verdict],
        watch: &Stopwatch<'_>,
    ) {
        for item in self.items.iter().filter(|item| item.parts.gate) {
            let begun = watch.plugin_begins();
            let cells = Cells::new(words, self.stride, item.offset, feasible);
            item.eval.gate(view, cells, out);
            watch.plugin_ends(begun, item.name, ExtensionPoint::Filter, || {
                let mut rejected = out.iter().filter(|verdict| !verdict.is_pass());
                rejected.find(|v| v.plugin == item.position).map_or(Code::Success, |v| v.code)
            });
        }
    }

    /// Whether cells have to be judged.
    pub(super) fn has_gates(&self) -> bool {
        self.first_gate.is_some()
    }

    /// The verdict on a node that got `local` from its own facts: a gate may come before it.
    pub(super) fn with_gates(&self, view: &View<'_>, node: NodeId, local: Verdict) -> Verdict {
        let is_first = self.first_gate.is_none_or(|gate| local.plugin < gate);
        if is_first && !(self.has_gates() && self.nominated.has(node)) {
            return local;
        }
        self.filter_one(view, node)
    }

    /// The nodes to which others are nominated that come first, where gates have a say in what these do to
    /// the verdict.
    pub(super) fn excepted(&self) -> Vec<NodeId> {
        if self.has_gates() { self.nominated.nodes().collect() } else { Vec::new() }
    }

    /// The nodes to which others are nominated that come first.
    pub(crate) fn nominated(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nominated.nodes()
    }

    /// They judge for `pod` from now on, of the template that they were prepared for.
    pub(crate) fn serve(&mut self, pod: &Pod, cluster: &Cluster) {
        self.nominated = Nominated::before(pod, cluster);
    }

    /// The plugins that did not skip the pod at PreFilter.
    pub(crate) fn prepared_by(&self) -> PluginMask {
        self.prepared_by
    }

    /// They are about to be kept: from now on [`Evals::catch_up`] tells them what changes.
    pub(super) fn follow(&mut self, view: &View<'_>) {
        self.all_mut().for_each(|eval| eval.follow(view));
    }

    /// Takes in `changes`, which are those of `nodes`; false where the pod has to be prepared anew.
    pub(super) fn catch_up(
        &mut self,
        view: &View<'_>,
        nodes: &[NodeId],
        changes: &[NodeNews],
    ) -> bool {
        let mut concerned = Vec::new();
        self.all_mut().all(|eval| {
            concerned.clear();
            let some = eval.concerned(changes, &mut concerned);
            eval.catch_up(view, if some { &concerned } else { nodes })
        })
    }

    /// Whether one of them has followed more than the nodes one by one: what it said of nodes goes with it.
    pub(crate) fn follow_others(&self) -> bool {
        self.items.iter().any(|item| item.eval.bytes() > 0)
    }

    /// What they keep in order to follow, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let items = self.items.iter().map(|item| item.eval.bytes()).sum::<usize>();
        items + self.skipped.iter().map(|eval| eval.bytes()).sum::<usize>()
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Box<dyn Eval>> {
        self.items.iter_mut().map(|item| &mut item.eval).chain(&mut self.skipped)
    }

    /// The plugins that filter, or score.
    #[must_use]
    pub fn plugins(&self, point: ExtensionPoint) -> PluginMask {
        let speaks = |item: &&PreparedEval| match point {
            ExtensionPoint::Filter => item.parts.filter,
            ExtensionPoint::Score => item.parts.score || item.parts.cell_score,
            _ => false,
        };
        self.items.iter().filter(speaks).fold(0, |mask, item| mask | 1 << item.position)
    }

    /// Judges `nodes` as they are in `view`.
    fn filter_plain(&self, view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        for item in self.items.iter().filter(|item| item.parts.filter) {
            item.eval.filter(view, nodes, out);
        }
    }

    /// Judges one node as it is in `view`.
    fn filter_alone(&self, view: &View<'_>, node: NodeId) -> Verdict {
        let mut out = [Verdict::PASS];
        self.filter_plain(view, &[node], &mut out);
        out[0]
    }

    /// Judges one node.
    #[must_use]
    pub fn filter_one(&self, view: &View<'_>, node: NodeId) -> Verdict {
        let mut out = [Verdict::PASS];
        self.filter(view, &[node], &mut out);
        out[0]
    }

    /// The words behind a rejection of `node`; where nothing could be said of it, why.
    ///
    /// Upstream: RunFilterPlugins, v1.37.
    #[must_use]
    pub fn reasons(&self, view: &View<'_>, node: NodeId, verdict: Verdict) -> Vec<String> {
        let item = self.items.iter().find(|item| item.position == verdict.plugin);
        let Some(item) = item else { return Vec::new() };
        let reasons = self.plain_reasons(item, view, node, verdict);
        if verdict.code != Code::Error {
            return reasons;
        }
        vec![format!("running \"{}\" filter plugin: {}", item.name, reasons.join(", "))]
    }

    fn plain_reasons(
        &self,
        item: &PreparedEval,
        view: &View<'_>,
        node: NodeId,
        verdict: Verdict,
    ) -> Vec<String> {
        // The same pass again that gave the verdict: with those who come first, else without.
        let with_them = self.nominated.on(view, node, |view| {
            let again = self.filter_alone(view, node);
            (!again.is_pass()).then(|| item.eval.reasons(view, node, verdict))
        });
        with_them.flatten().unwrap_or_else(|| item.eval.reasons(view, node, verdict))
    }

    /// What a plugin has against scoring nodes at all, where one has.
    ///
    /// Upstream: RunPreScorePlugins, v1.37.
    #[must_use]
    pub fn score_error(&self, profile: &Profile) -> Option<String> {
        let error = profile.at(ExtensionPoint::PreScore).find_map(|(at, entry)| {
            let asks = |item: &&PreparedEval| item.position == at && item.parts.pre_score;
            let error = self.items.iter().find(asks)?.eval.score_error()?;
            Some(format!("running PreScore plugin \"{}\": {error}", entry.name))
        });
        error.or_else(|| profile.unscored().map(str::to_owned))
    }

    /// Adds the weighted node-local points of `nodes` to `out`; `scratch` is as long as `nodes`.
    pub(super) fn score(
        &self,
        view: &View<'_>,
        nodes: &[NodeId],
        scratch: &mut [i64],
        out: &mut [i64],
        watch: &Stopwatch<'_>,
    ) -> Option<InvalidScore> {
        let mut invalid = None;
        for item in self.items.iter().filter(|item| item.parts.score) {
            let run = || item.eval.score(view, nodes, scratch);
            watch.run(item.name, ExtensionPoint::Score, run, |()| Code::Success);
            invalid = invalid.or_else(|| InvalidScore::find(item.position, scratch));
            for (total, points) in out.iter_mut().zip(scratch.iter()) {
                *total = total.wrapping_add(points.wrapping_mul(item.weight));
            }
        }
        invalid
    }

    /// Writes the key words of `nodes`, [`Evals::stride`] a node.
    pub(super) fn key(&self, view: &View<'_>, nodes: &[NodeId], words: &mut [u32]) {
        for item in self.items.iter().filter(|item| item.parts.key_words > 0) {
            let mut out = KeyOut::new(words, self.stride, item.offset);
            item.eval.key(view, nodes, &mut out);
        }
    }

    /// What tells evals apart whose words on single nodes cannot be compared; `None` for one whose word does
    /// not last.
    pub(crate) fn layout(&self) -> impl Iterator<Item = Option<(u16, Parts, u64)>> + '_ {
        self.items.iter().map(|item| Some((item.position, item.parts, item.eval.lasting()?)))
    }

    /// Key words a node.
    #[inline]
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// The most weighted node-local points that a node can get.
    #[inline]
    pub(super) fn points_max(&self) -> i64 {
        self.points_max
    }

    pub(super) fn item_mut(&mut self, position: u16) -> Option<&mut PreparedEval> {
        self.items.iter_mut().find(|item| item.position == position)
    }

    /// All evals, in order.
    pub(super) fn items(&self) -> &[PreparedEval] {
        &self.items
    }
}
