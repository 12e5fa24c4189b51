//! Ctrl-C and SIGTERM: the first asks for a safe point, the second ends the process at once.
//!
//! Ending at once is safe: what a job has persisted is in the journal, and the next start continues from it.

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{failure::Exit, logging::say};

/// Whether the process was asked to stop.
#[derive(Debug)]
pub(crate) struct Stop {
    asked: watch::Receiver<bool>,
}

impl Stop {
    /// Listens for the two signals from now on: who says afterwards that it is ready may be stopped at once.
    pub(crate) fn watch() -> Self {
        let (ask, asked) = watch::channel(false);
        let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else {
            // Without the signals the process ends as the system ends it, which loses nothing.
            say("warning", "Ctrl-C cannot be caught: it ends the process at once");
            // Nobody will ask.
            return Self { asked };
        };
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if ask.send_replace(true) {
                    say("note", "ended at once; the same command continues");
                    std::process::exit(i32::from(Exit::Interrupted.code()));
                }
            }
        });
        Self { asked }
    }

    /// Whether it was asked.
    pub(crate) fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Waits until it is asked.
    ///
    /// Cancel safe.
    pub(crate) async fn asked(&self) {
        if self.asked.clone().wait_for(|asked| *asked).await.is_err() {
            // Nobody listens any more: it will never be asked.
            std::future::pending::<()>().await;
        }
    }
}
