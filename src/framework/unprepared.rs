//! Profiles that leave out an extension point which prepares another one: what upstream's plugins do at run
//! time then, most of which is an error for every pod. Called by `evals` and `profile`, and by the engine.
//!
//! Upstream: the plugins' readings of CycleState, v1.37.

use crate::cluster::View;
use crate::model::Pod;
use crate::units::NodeId;

use super::{
    Code, Eval, ExtensionPoint, Parts, PluginEval, PrepareCx, ProfilePlugin, ProfileSpec, Refusal,
    Verdict,
};

/// Says the same of every node that is left: a rejection, or that nothing can be said.
pub(crate) struct SaysOfAll {
    /// Position of the plugin.
    pub(crate) position: u16,
    /// What is said; [`Code::Error`] for an error.
    pub(crate) code: Code,
    /// In which words.
    pub(crate) reasons: Vec<String>,
}

impl Eval for SaysOfAll {
    fn parts(&self) -> Parts {
        Parts { filter: true, ..Parts::default() }
    }

    fn filter(&self, _view: &View<'_>, nodes: &[NodeId], out: &mut [Verdict]) {
        let said = Verdict::reject(self.position, self.code, 0);
        for (_, verdict) in nodes.iter().zip(out).filter(|(_, verdict)| verdict.is_pass()) {
            *verdict = said;
        }
    }

    fn reasons(&self, _view: &View<'_>, _node: NodeId, _verdict: Verdict) -> Vec<String> {
        self.reasons.clone()
    }
}

/// The eval of a plugin whose PreFilter is not asked.
pub(super) fn without_pre_filter(
    entry: &ProfilePlugin,
    pod: &Pod,
    cx: &PrepareCx<'_>,
) -> Option<Box<dyn Eval>> {
    let filters = entry.points.contains(&ExtensionPoint::Filter);
    let lacks = || entry.plugin.lacks(ExtensionPoint::PreFilter, ExtensionPoint::Filter);
    if let Some(error) = filters.then(lacks).flatten() {
        let reasons = vec![error.to_owned()];
        return Some(Box::new(SaysOfAll { position: cx.position, code: Code::Error, reasons }));
    }
    let said =
        if filters { entry.plugin.unprepared(pod, cx) } else { entry.plugin.prepare(pod, cx) };
    match said {
        PluginEval::Run(eval) | PluginEval::Narrow(Some(eval), _) => Some(eval),
        _ => None,
    }
}

/// Takes away the extension points at which a plugin has nothing to do, since it does not filter.
pub(super) fn leave_out(plugins: &mut [ProfilePlugin]) {
    use ExtensionPoint::{Filter, PreBind, PreFilter, Reserve, Score};
    for entry in plugins {
        let has = |point| entry.points.contains(&point);
        if has(PreFilter) && !has(Filter) && entry.plugin.follows_filter() {
            entry.points.retain(|point| ![Score, Reserve, PreBind].contains(point));
        }
    }
}

/// Why no pod can be scored, in upstream's words: the first plugin at PreScore that cannot prepare it, else
/// the first at Score.
pub(super) fn score_error(spec: &ProfileSpec, plugins: &[ProfilePlugin]) -> Option<String> {
    use ExtensionPoint::{PreFilter, PreScore, Score};
    let first = |at: ExtensionPoint, missing: &[ExtensionPoint]| {
        spec.points.get(&at).into_iter().flatten().find_map(|enabled| {
            let entry = plugins.iter().find(|entry| *entry.name == *enabled.name)?;
            Some((entry.name, missing.iter().find_map(|missing| lacking(entry, *missing, at))?))
        })
    };
    if let Some((name, error)) = first(PreScore, &[PreFilter]) {
        return Some(format!("running PreScore plugin {name:?}: {error}"));
    }
    let (name, error) = first(Score, &[PreFilter, PreScore])?;
    Some(format!("running Score plugins: plugin {name:?} failed with: {error}"))
}

impl ProfilePlugin {
    /// Why it refuses every placement at `at`, which is Reserve or PreBind.
    #[must_use]
    pub fn refuses_all(&self, at: ExtensionPoint) -> Option<Refusal> {
        let error = lacking(self, ExtensionPoint::PreFilter, at)?;
        Some(Refusal::Fail(error.to_owned()))
    }
}

fn lacking(
    entry: &ProfilePlugin,
    missing: ExtensionPoint,
    at: ExtensionPoint,
) -> Option<&'static str> {
    let has = |point| entry.points.contains(&point);
    (has(at) && !has(missing)).then(|| entry.plugin.lacks(missing, at)).flatten()
}
