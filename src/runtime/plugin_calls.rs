//! Calls of plugins that may block: each on a thread of its own, a bounded number side by side; and of
//! extenders. Started by the engine's thread, answered with events.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tracing::warn;

use crate::client::Extenders;
use crate::engine::{AttemptId, Event, PodRef};
use crate::framework::{ExtensionPoint, PluginCall, Question, Refusal};

/// Calls side by side; what is beyond it waits. Each takes a thread.
const CALLS_MAX: usize = 16;

/// Where plugins and extenders are called.
pub(super) struct PluginCalls {
    handle: Handle,
    places: Arc<Semaphore>,
    /// Weak, so that the engine's thread ends with the last sender but this one.
    answers: mpsc::WeakSender<Event>,
    extenders: Extenders,
}

impl PluginCalls {
    pub(super) fn new(
        handle: Handle,
        answers: mpsc::WeakSender<Event>,
        extenders: Extenders,
    ) -> Self {
        Self { handle, places: Arc::new(Semaphore::new(CALLS_MAX)), answers, extenders }
    }

    /// Asks an extender.
    pub(super) fn ask(&self, asker: (AttemptId, usize), pod: PodRef, question: Question) {
        self.extenders.ask(&self.handle, self.answers.clone(), asker, pod, question);
    }

    /// Makes the call as soon as there is a place, and sends what came of it.
    pub(super) fn start(&self, attempt: AttemptId, call: PluginCall) {
        let (places, answers) = (Arc::clone(&self.places), self.answers.clone());
        self.handle.spawn(async move {
            // The semaphore is never closed.
            let Ok(_place) = places.acquire_owned().await else { return };
            let point = call.point();
            let outcome = tokio::task::spawn_blocking(move || call.run()).await;
            let outcome = outcome.unwrap_or_else(|_| {
                warn!("a plugin has panicked at {}", point.as_str());
                Err(Refusal::Fail("the plugin has panicked".to_owned()))
            });
            let event = match point {
                ExtensionPoint::PreBind => Event::PreBindResult { attempt, outcome },
                ExtensionPoint::Bind => Event::BindCallResult { attempt, outcome },
                _ => return,
            };
            if let Some(answers) = answers.upgrade() {
                // Nobody receives it where berth is ending.
                let _ = answers.send(event).await;
            }
        });
    }
}
