//! Calls of extenders over HTTP: [`Extenders`] carries out [`Effect::AskExtender`] and answers each with one
//! [`Event::ExtenderAnswer`], whatever becomes of the call.
//!
//! Upstream: HTTPExtender, v1.37.

mod call;
mod protocol;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tracing::debug;

use crate::config;
#[cfg(doc)]
use crate::engine::Effect;
use crate::engine::{AttemptId, Event, PodRef};
use crate::framework::{Answer, Extender, Question};

use super::raw::{RawObjects, Wanted};
use call::Caller;
use protocol::Nodes;

/// Why an extender cannot be called at all.
#[derive(Debug, thiserror::Error)]
#[error("extender {url:?}: {reason}")]
pub struct ExtenderError {
    /// Its `urlPrefix`.
    pub url: String,
    /// What is wrong.
    pub reason: String,
}

/// The extenders of a configuration, ready to be called.
pub struct Extenders {
    all: Vec<Arc<One>>,
    raw: Option<Arc<RawObjects>>,
}

/// One of them.
struct One {
    config: config::Extender,
    /// None where it has no verb.
    caller: Option<Caller>,
    raw: Arc<RawObjects>,
}

impl Extenders {
    /// Makes the clients. `schedulers` are the names whose pods are asked about.
    ///
    /// Must be called on a tokio runtime.
    pub fn new(
        configs: &[config::Extender],
        schedulers: Vec<Box<str>>,
    ) -> Result<Self, ExtenderError> {
        let whole = |verb: fn(&config::Extender) -> bool| {
            configs.iter().any(|it| !it.node_cache_capable && verb(it))
        };
        let wanted = Wanted {
            schedulers,
            placed_pods: whole(|it| it.preempt_verb.is_some()),
            nodes: whole(|it| it.filter_verb.is_some() || it.prioritize_verb.is_some()),
        };
        let raw = Arc::new(RawObjects::new(wanted));
        let one = |config: &config::Extender| {
            let caller = Caller::new(config)
                .map_err(|reason| ExtenderError { url: config.url_prefix.clone(), reason })?;
            Ok(Arc::new(One { config: config.clone(), caller, raw: Arc::clone(&raw) }))
        };
        let all = configs.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { raw: (!all.is_empty()).then_some(raw), all })
    }

    /// What the engine is told of them.
    #[must_use]
    pub fn for_engine(&self) -> Vec<Extender> {
        let one = |one: &Arc<One>| {
            let config = &one.config;
            let managed = config.managed_resources.iter().map(|resource| resource.name.clone());
            Extender {
                name: config.url_prefix.as_str().into(),
                filters: config.filter_verb.is_some(),
                prioritizes: config.prioritize_verb.is_some(),
                preempts: config.preempt_verb.is_some(),
                binds: config.bind_verb.is_some(),
                weight: config.weight,
                managed_resources: managed.collect(),
                ignorable: config.ignorable,
            }
        };
        self.all.iter().map(one).collect()
    }

    /// Where the watches put the JSON of objects; `None` where there are no extenders.
    #[must_use]
    pub fn raw_objects(&self) -> Option<Arc<RawObjects>> {
        self.raw.clone()
    }

    /// Asks, and sends the answer; does not wait for it. The sender is weak, so that the receiver ends with
    /// the last one that is not.
    pub fn ask(
        &self,
        handle: &Handle,
        answers: mpsc::WeakSender<Event>,
        (attempt, extender): (AttemptId, usize),
        pod: PodRef,
        question: Question,
    ) {
        let verb = question.verb();
        let one = self.all.get(extender).map(Arc::clone);
        let call = async move {
            let one = one.ok_or_else(|| "there is no such extender".to_owned())?;
            one.ask(pod, question).await
        };
        // A task of its own, so that there is an answer even where it panics.
        let call = handle.spawn(call);
        handle.spawn(async move {
            let mistake = |_| Err("the call has ended by a mistake of berth's own".to_owned());
            let answer = call.await.unwrap_or_else(mistake);
            if let Some(answers) = answers.upgrade() {
                // Nobody receives it where berth is ending.
                drop(answers.send(Event::ExtenderAnswer { attempt, extender, verb, answer }).await);
            }
        });
    }
}

impl One {
    async fn ask(self: Arc<Self>, pod: PodRef, question: Question) -> Result<Answer, String> {
        let config = &self.config;
        let verb = match &question {
            Question::Filter(_) => &config.filter_verb,
            Question::Prioritize(_) => &config.prioritize_verb,
            Question::Preempt(_) => &config.preempt_verb,
            Question::Bind(_) => &config.bind_verb,
        };
        let (Some(caller), Some(verb)) = (&self.caller, verb) else {
            return Err("it was asked for a verb that it does not have".to_owned());
        };
        let begun = Instant::now();
        // Whole nodes are megabytes, so that writing and reading them would hold up the watches.
        let (one, asked) = (Arc::clone(&self), question.clone());
        let name = pod.key.to_string();
        let body = run(move || one.body(&pod, &asked)).await?;
        let answer = caller.post(verb, body).await;
        debug!(pod = name, verb, took = ?begun.elapsed(), "extender {}", config.url_prefix);
        let (one, answer) = (Arc::clone(&self), answer?);
        run(move || one.read(&answer, &question)).await
    }

    fn body(&self, pod: &PodRef, question: &Question) -> Result<Vec<u8>, String> {
        let whole_pod = || {
            let raw = self.raw.pod(&pod.uid);
            raw.ok_or_else(|| format!("pod {} is not known any more", pod.key))
        };
        let body = match question {
            Question::Bind(node) => protocol::binding(pod, node),
            Question::Filter(names) | Question::Prioritize(names) => {
                let pod = whole_pod()?;
                if self.config.node_cache_capable {
                    protocol::about_nodes(&pod, Nodes::Names(names))
                } else {
                    let nodes = self.raw.nodes(names);
                    let nodes: Vec<&RawValue> = nodes.iter().map(|node| &**node).collect();
                    protocol::about_nodes(&pod, Nodes::Whole(nodes))
                }
            }
            Question::Preempt(victims) => {
                let pod = whole_pod()?;
                if self.config.node_cache_capable {
                    protocol::preemption(&pod, victims)
                } else {
                    let uids = victims.iter().flat_map(|on| &on.pods);
                    let pods = uids.filter_map(|uid| Some((&**uid, self.raw.pod(uid)?)));
                    protocol::preemption_of_whole(&pod, victims, &pods.collect())
                }
            }
        };
        body.map_err(|error| format!("the request cannot be written: {error}"))
    }

    fn read(&self, answer: &[u8], question: &Question) -> Result<Answer, String> {
        match question {
            Question::Filter(sent) => {
                let config = &self.config;
                protocol::filtered(answer, sent, &config.url_prefix, config.node_cache_capable)
            }
            Question::Prioritize(_) => protocol::scored(answer),
            Question::Preempt(_) => protocol::victims(answer),
            Question::Bind(_) => protocol::bound(answer),
        }
    }
}

/// Runs what takes long beside the runtime.
async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    spawn_blocking(work).await.map_err(|error| error.to_string())?
}
