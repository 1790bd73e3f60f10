//! The wish to stop: SIGTERM or SIGINT, once for in order, twice for at once.

use tokio::sync::watch;

/// How urgently the process is asked to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// Not at all.
    #[default]
    Run,
    /// In order.
    Stop,
    /// At once.
    StopNow,
}

/// Where wishes to stop come in.
#[derive(Clone, Debug)]
pub struct StopSignals(watch::Receiver<Wish>);

impl StopSignals {
    /// Wishes that come through `wishes`.
    #[must_use]
    pub fn new(wishes: watch::Receiver<Wish>) -> Self {
        Self(wishes)
    }

    /// SIGTERM and SIGINT of this process.
    pub fn of_process() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (wish, wishes) = watch::channel(Wish::Run);
        tokio::spawn(async move {
            for next in [Wish::Stop, Wish::StopNow] {
                tokio::select! {
                    biased;
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                wish.send_replace(next);
            }
            // The wish stands for as long as somebody looks.
            wish.closed().await;
        });
        Ok(Self(wishes))
    }

    /// Waits for the first wish.
    pub async fn first(&mut self) {
        self.at_least(Wish::Stop).await;
    }

    /// Waits for the second wish.
    pub async fn second(&mut self) {
        self.at_least(Wish::StopNow).await;
    }

    async fn at_least(&mut self, wish: Wish) {
        if self.0.wait_for(|now| *now >= wish).await.is_err() {
            // Nobody can ask any more.
            std::future::pending::<()>().await;
        }
    }
}
