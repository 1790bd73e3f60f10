//! What plugins that are asked about every pod ([`Plugin::prepares_each`](super::Plugin::prepares_each)) say of
//! one, to be put beside what is kept for its template. Called by `engine::tables`.

use std::hash::BuildHasher;

use crate::cluster::View;
use crate::model::Pod;
use crate::units::{NodeId, Set};

use super::evals::{PreparedEval, prepared};
use super::unprepared::without_pre_filter;
use super::{Eval, Evals, ExtensionPoint, PluginEval, PluginMask, PrepareCx, Profile, Stopwatch};

/// The evals of one pod by those plugins of its profile.
#[derive(Default)]
pub struct Own {
    items: Vec<PreparedEval>,
    /// The plugins.
    plugins: PluginMask,
    /// Those of them that did not skip the pod at PreFilter.
    ran: PluginMask,
}

impl Own {
    /// Lets `plugins` prepare the pod; `None` where one of them says something else than how it judges nodes.
    pub fn prepare(
        profile: &Profile,
        pod: &Pod,
        view: View<'_>,
        plugins: PluginMask,
        watch: &Stopwatch<'_>,
    ) -> Option<Self> {
        let (mut items, mut ran) = (Vec::new(), 0);
        for (position, entry) in (0u16..).zip(&profile.plugins) {
            if plugins >> position & 1 == 0 {
                continue;
            }
            let cx = PrepareCx { view, position };
            let eval = if entry.points.contains(&ExtensionPoint::PreFilter) {
                let run = || entry.plugin.prepare(pod, &cx);
                let said = watch.run(entry.name, ExtensionPoint::PreFilter, run, PluginEval::code);
                match said {
                    PluginEval::Skip => None,
                    PluginEval::Run(eval) => {
                        ran |= 1 << position;
                        Some(eval)
                    }
                    _ => return None,
                }
            } else {
                without_pre_filter(entry, pod, &cx)
            };
            items.extend(eval.and_then(|eval| prepared(position, entry, eval)));
        }
        Some(Self { items, plugins, ran })
    }

    /// A number that those share who are alike.
    #[must_use]
    pub fn shape(&self, view: &View<'_>) -> u64 {
        shape(self.items.iter(), view)
    }
}

fn shape<'a>(items: impl Iterator<Item = &'a PreparedEval>, view: &View<'_>) -> u64 {
    let shapes: Vec<_> = items.map(|item| (item.position, item.eval.shape(view))).collect();
    Set::<()>::default().hasher().hash_one(shapes)
}

impl Evals {
    /// Whether they say of every node what `own` does, with all that other plugins say, but for the nodes that
    /// come to `unlike`.
    #[must_use]
    pub fn are_like(&self, own: &Own, view: &View<'_>, unlike: &mut Vec<NodeId>) -> bool {
        let kept = self.of_plugins(own.plugins);
        let is_like = |(kept, own): (&PreparedEval, &PreparedEval)| {
            let (kept_eval, own_eval): (&dyn Eval, &dyn Eval) = (&*kept.eval, &*own.eval);
            (kept.position, kept.parts) == (own.position, own.parts)
                && own_eval.lasting().is_some_and(|own| kept_eval.lasting() == Some(own))
                && own_eval.is_like(kept_eval, view, unlike)
        };
        self.prepared_by() & own.plugins == own.ran
            && kept.clone().count() == own.items.len()
            && kept.zip(&own.items).all(is_like)
    }

    /// They judge as `own` says from now on, which is like them.
    pub fn renew(&mut self, own: Own, view: &View<'_>) {
        for mut item in own.items {
            item.eval.follow(view);
            if let Some(kept) = self.item_mut(item.position) {
                kept.eval = item.eval;
            }
        }
    }

    /// As [`Own::shape`], for what `plugins` say.
    #[must_use]
    pub fn shape(&self, plugins: PluginMask, view: &View<'_>) -> u64 {
        shape(self.of_plugins(plugins), view)
    }

    fn of_plugins(&self, plugins: PluginMask) -> impl Iterator<Item = &PreparedEval> + Clone {
        self.items().iter().filter(move |item| plugins >> item.position & 1 == 1)
    }
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.items.iter().map(|item| item.name)).finish()
    }
}
