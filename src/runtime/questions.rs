//! Questions to the engine's thread, from whoever asks over HTTP. It answers between two pods; the asker waits
//! for it, never the other way round.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::cluster::PodReports;
use crate::engine::Engine;
use crate::server::pending::{AskPending, PendingAnswer, PendingQuestion};
use crate::server::resources::AskReports;

/// Questions that wait; whoever comes then waits for a place.
const QUESTIONS_MAX: usize = 4;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Numbers of pods that one answer about resources goes through: some 0.1 ms.
const REPORTS_MAX: u32 = 512;

/// A question, and where its answer goes.
pub(super) enum Question {
    /// Which pods wait, and why.
    Pending(PendingQuestion, oneshot::Sender<PendingAnswer>),
    /// What the pods from this number on ask for.
    Reports(u32, oneshot::Sender<PodReports>),
}

/// Who asks.
#[derive(Clone)]
pub(super) struct Asker(mpsc::Sender<Question>);

/// Where questions come out, and who asks them.
pub(super) fn questions() -> (mpsc::Receiver<Question>, Asker) {
    let (sender, receiver) = mpsc::channel(QUESTIONS_MAX);
    (receiver, Asker(sender))
}

impl Asker {
    /// Asks which pods wait.
    pub(super) fn pending(&self) -> AskPending {
        let asker = self.clone();
        Arc::new(move |question| {
            let asker = asker.clone();
            Box::pin(async move { asker.ask(|answer| Question::Pending(question, answer)).await })
        })
    }

    /// Asks for the resources of pods.
    pub(super) fn reports(&self) -> AskReports {
        let asker = self.clone();
        Arc::new(move |from| {
            let asker = asker.clone();
            Box::pin(async move { asker.ask(|answer| Question::Reports(from, answer)).await })
        })
    }

    async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Question) -> Option<T> {
        let asked = async {
            let (answer, answered) = oneshot::channel();
            self.0.send(question(answer)).await.ok()?;
            answered.await.ok()
        };
        timeout(ANSWER_MAX, asked).await.ok().flatten()
    }
}

impl Question {
    /// Has `engine` answer, if the asker still waits.
    pub(super) fn answer(self, engine: &Engine) {
        match self {
            Self::Pending(question, answer) => {
                reply(answer, || pending(engine, question));
            }
            Self::Reports(from, answer) => {
                reply(answer, || engine.cluster().reports(from, REPORTS_MAX));
            }
        }
    }
}

fn pending(engine: &Engine, question: PendingQuestion) -> PendingAnswer {
    match question {
        PendingQuestion::Pods { namespace } => {
            PendingAnswer::Pods(engine.pending_pods(namespace.as_deref()))
        }
        PendingQuestion::Pod(key) => PendingAnswer::Pod(engine.pending_pod(&key).map(Box::new)),
    }
}

fn reply<T>(to: oneshot::Sender<T>, answer: impl FnOnce() -> T) {
    if !to.is_closed() {
        // The asker may have gone meanwhile.
        let _ = to.send(answer());
    }
}
