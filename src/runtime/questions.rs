//! Questions to the engine's thread, from whoever asks over HTTP. It answers between two pods; the asker waits
//! for it, never the other way round.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::engine::Engine;
use crate::server::pending::{AskPending, PendingAnswer, PendingQuestion};

/// Questions that wait; whoever comes then waits for a place.
const QUESTIONS_MAX: usize = 4;

/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// A question, and where its answer goes.
pub(super) struct Question {
    question: PendingQuestion,
    answer: oneshot::Sender<PendingAnswer>,
}

/// Where questions come out, and who asks them.
pub(super) fn questions() -> (mpsc::Receiver<Question>, AskPending) {
    let (sender, receiver) = mpsc::channel::<Question>(QUESTIONS_MAX);
    let ask: AskPending = Arc::new(move |question| {
        let sender = sender.clone();
        Box::pin(async move {
            let asked = async {
                let (answer, answered) = oneshot::channel();
                sender.send(Question { question, answer }).await.ok()?;
                answered.await.ok()
            };
            timeout(ANSWER_MAX, asked).await.ok().flatten()
        })
    });
    (receiver, ask)
}

impl Question {
    /// Has `engine` answer, if the asker still waits.
    pub(super) fn answer(self, engine: &Engine) {
        if self.answer.is_closed() {
            return;
        }
        let answer = match self.question {
            PendingQuestion::Pods { namespace } => {
                PendingAnswer::Pods(engine.pending_pods(namespace.as_deref()))
            }
            PendingQuestion::Pod(key) => PendingAnswer::Pod(engine.pending_pod(&key).map(Box::new)),
        };
        // The asker may have gone meanwhile.
        let _ = self.answer.send(answer);
    }
}
