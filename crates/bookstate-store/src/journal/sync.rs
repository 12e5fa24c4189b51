//! The fsync thread, and waiting for it.
//!
//! One sync covers everything appended before it began (group commit). A sync mark of what earlier syncs covered is
//! written just before the next one, so that it costs no sync of its own; only commits make the journal dirty, so
//! that a mark never asks for another sync and an idle journal is still.
//!
//! The thread is fail-stop: however it ends other than by being told to, the journal is poisoned, since appends
//! would go on and never be synced.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use parking_lot::MutexGuard;

use super::error::{JournalError, Poisoned, io_error};
use super::state::State;
use super::writer::Shared;
use super::{CloseReport, Position, SyncPolicy};

/// Starts the thread; it ends with [`Shared::stop`] or when the journal is poisoned.
pub(super) fn spawn(shared: &Arc<Shared>) -> Result<JoinHandle<()>, JournalError> {
    let dir = shared.config.dir.clone();
    let shared = Arc::clone(shared);
    std::thread::Builder::new()
        .name("journal-sync".to_owned())
        .spawn(move || shared.run())
        .map_err(io_error("start the sync thread of", &dir))
}

/// Poisons the journal when the thread that holds it unwinds.
struct FailStop<'a>(&'a Shared);

impl Drop for FailStop<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.state.lock();
            state.set_in_flight(false);
            self.0.poison(&mut state, "the sync thread", &io::Error::other("it panicked"));
        }
    }
}

impl Shared {
    fn run(&self) {
        // Before the guard, so that it goes after it: the lock is free then.
        let _fail_stop = FailStop(self);
        let mut state = self.state.lock();
        while self.wait_for_work(&mut state) {
            if self.write_mark(&mut state).is_err() {
                return;
            }
            let end = state.end();
            let file = state.file();
            let begins_next = state.is_next_due();
            if begins_next {
                state.begin_next();
            }
            state.set_in_flight(true);
            let started = Instant::now();
            let result = MutexGuard::unlocked(&mut state, || file.sync_data());
            state.set_in_flight(false);
            if self.finish_sync(&mut state, end, started, result).is_err() {
                // Who closes may wait for `in_flight` although the poison was announced before.
                self.changed.notify_all();
                return;
            }
            if begins_next {
                self.make_next(&mut state);
            }
        }
    }

    /// Sleeps until there is something to sync, or a segment to make; false when there never will be.
    fn wait_for_work(&self, state: &mut MutexGuard<'_, State>) -> bool {
        let mut deadline = None;
        loop {
            if state.is_over() {
                return false;
            }
            if state.is_requested() || state.is_next_due() {
                return true;
            }
            match self.config.policy {
                SyncPolicy::Interval(interval) if state.is_dirty() => {
                    let due = *deadline.get_or_insert_with(|| Instant::now().checked_add(interval));
                    let Some(deadline) = due else {
                        self.wake.wait(state);
                        continue;
                    };
                    if self.wake.wait_until(state, deadline).timed_out() && state.is_dirty() {
                        return !state.is_over();
                    }
                }
                _ => {
                    deadline = None;
                    state.set_idle(true);
                    self.wake.wait(state);
                    state.set_idle(false);
                }
            }
        }
    }

    pub(super) fn stop(&self) {
        self.state.lock().stop();
        self.wake.notify_one();
    }

    pub(super) fn synced_position(&self) -> Position {
        Position(self.progress.borrow().synced)
    }

    pub(super) async fn synced(&self, position: Position) -> Result<(), Poisoned> {
        if self.config.policy == SyncPolicy::Os {
            self.request(&mut self.state.lock(), position);
        }
        let mut progress = self.progress.subscribe();
        let reached = progress.wait_for(|now| now.synced >= position.0 || now.poison.is_some()).await;
        match reached {
            Ok(now) if now.synced >= position.0 => Ok(()),
            Ok(now) => now.poison.clone().map_or(Ok(()), Err),
            // The sender lives in `self`.
            Err(_) => Err(Poisoned { reason: "the journal is closed".into() }),
        }
    }

    pub(super) fn wait_synced(&self, position: Position) -> Result<(), Poisoned> {
        let mut state = self.state.lock();
        if !matches!(self.config.policy, SyncPolicy::Interval(_)) {
            self.request(&mut state, position);
        }
        self.wait_until_synced(&mut state, position)
    }

    fn wait_until_synced(
        &self,
        state: &mut MutexGuard<'_, State>,
        position: Position,
    ) -> Result<(), Poisoned> {
        while state.synced() < position.0 {
            if let Some(poisoned) = state.poison() {
                return Err(poisoned.clone());
            }
            self.changed.wait(state);
        }
        Ok(())
    }

    /// Asks the thread to sync up to `position` at once.
    fn request(&self, state: &mut State, position: Position) {
        if state.request(position) {
            self.wake.notify_one();
        }
    }

    /// The last sync, and a mark that tells of it.
    pub(super) fn finish(&self) -> Result<CloseReport, Poisoned> {
        let mut state = self.state.lock();
        let committed = Position(state.committed());
        self.request(&mut state, committed);
        self.wait_until_synced(&mut state, committed)?;
        if let Some(poisoned) = state.poison() {
            return Err(poisoned.clone());
        }
        // The handle that appends is being consumed: the thread has nothing more to do.
        state.stop();
        self.wake.notify_one();
        while state.is_in_flight() {
            self.changed.wait(&mut state);
        }
        if state.is_released() {
            self.sync_now(&mut state)?;
            state.begin_next();
            self.make_next(&mut state);
        }
        self.write_mark(&mut state)?;
        self.sync_now(&mut state)?;
        drop(state);
        self.delete_released();
        let state = self.state.lock();
        match state.poison() {
            Some(poisoned) => Err(poisoned.clone()),
            None => Ok(CloseReport { position: Position(state.end()), segments: state.segments() }),
        }
    }
}
