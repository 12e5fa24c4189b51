//! What is done under the journal's lock: appending, the booking of syncs, poison.
//!
//! Under the lock is one `write(2)` per record. The data syncs of groups run outside (`sync`), and so do those of a
//! rotation (`rotation`): an append waits for neither. `in_flight` tells who closes the journal that the sync thread is
//! at the disk: two threads must not sync at the same time, because the kernel tells a failed write-back to only one
//! of two concurrent fsyncs.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;

use super::error::{AppendError, Poisoned, is_full};
use super::format;
use super::head::Head;
use super::segments;
use super::state::State;
use super::synced::Synced;
use super::{JournalConfig, Position, SyncPolicy};
use crate::fs::Fs;

/// What the handle and the sync thread share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) fs: Arc<dyn Fs>,
    pub(super) config: JournalConfig,
    /// The format version of new segments.
    pub(super) version: u32,
    pub(super) state: Mutex<State>,
    /// Wakes the sync thread.
    pub(super) wake: Condvar,
    /// Tells threads that `synced`, `in_flight` or `poison` changed.
    pub(super) changed: Condvar,
    /// Tells tasks the same.
    pub(super) progress: watch::Sender<Synced>,
}

/// Why bytes were not written.
enum WriteError {
    /// No space; the file is as it was.
    Full(io::Error),
    Failed(io::Error),
}

/// Appends bytes to the active segment; after an error it is as it was, or the journal has to be poisoned.
fn write(state: &State, bytes: &[u8]) -> Result<(), WriteError> {
    let file = state.active().file();
    let Err(error) = segments::write_all(file, bytes) else { return Ok(()) };
    // Also before poisoning: no part of a commit that was refused shall come back after a restart.
    match file.set_len(state.len()) {
        Ok(()) if is_full(&error) => Err(WriteError::Full(error)),
        _ => Err(WriteError::Failed(error)),
    }
}

impl Shared {
    /// Appends a complete frame, and the head that stands in it.
    pub(super) fn append(&self, (head, frame): (Head<'_>, &[u8])) -> Result<Position, AppendError> {
        let mut state = self.state.lock();
        if let Some(poisoned) = state.poison() {
            return Err(poisoned.clone().into());
        }
        if !state.follows(&head) {
            return Err(AppendError::Head { what: "the book has had this seq, or a higher one" });
        }
        match write(&state, frame) {
            Ok(()) => {}
            Err(WriteError::Full(error)) => return Err(refuse(&mut state, &error)),
            Err(WriteError::Failed(error)) => return Err(self.poison(&mut state, "write", &error).into()),
        }
        let was_due = state.is_next_due();
        state.appended(&head, frame);
        let is_first = matches!(self.config.policy, SyncPolicy::Interval(_)) && state.take_idle();
        if is_first || (state.is_next_due() && !was_due) {
            self.wake.notify_one();
        }
        Ok(Position(state.committed()))
    }

    /// Syncs the active segment under the lock, if there is anything to sync. No sync may be in flight.
    pub(super) fn sync_now(&self, state: &mut State) -> Result<(), Poisoned> {
        if !state.has_unsynced() {
            return Ok(());
        }
        let started = Instant::now();
        let result = state.active().file().sync_data();
        let end = state.end();
        self.finish_sync(state, end, started, result)
    }

    /// Books the result of a data sync that covers everything before `end`.
    pub(super) fn finish_sync(
        &self,
        state: &mut State,
        end: u64,
        started: Instant,
        result: io::Result<()>,
    ) -> Result<(), Poisoned> {
        if let Err(error) = result {
            return Err(self.poison(state, "fsync", &error));
        }
        // A concurrent failure elsewhere may have been told to another call: then this success proves nothing.
        if let Some(poisoned) = state.poison() {
            return Err(poisoned.clone());
        }
        state.was_synced(end, u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        self.announce(state);
        Ok(())
    }

    /// Writes a mark of what is synced, if that is news. Marks are a help for recovery and no promise: without
    /// space there is none.
    pub(super) fn write_mark(&self, state: &mut State) -> Result<(), Poisoned> {
        if !state.lacks_mark() {
            return Ok(());
        }
        let mark = format::encode_mark(state.active().number(), state.len(), state.synced());
        match write(state, &mark) {
            Ok(()) => {
                state.was_marked(mark.len() as u64);
                Ok(())
            }
            Err(WriteError::Full(_)) => Ok(()),
            Err(WriteError::Failed(error)) => Err(self.poison(state, "write of a mark", &error)),
        }
    }

    /// Refuses everything from now on. The first reason stays.
    pub(super) fn poison(&self, state: &mut State, what: &str, error: &io::Error) -> Poisoned {
        if let Some(poisoned) = state.poison() {
            return poisoned.clone();
        }
        let poisoned = Poisoned { reason: format!("{what} failed: {error}").into() };
        state.set_poison(&poisoned);
        self.announce(state);
        // Last: whatever takes the log may block or panic, and the state must not wait for that.
        tracing::error!(what, %error, "journal poisoned");
        poisoned
    }

    /// Tells everyone who waits that the state changed.
    fn announce(&self, state: &State) {
        self.progress.send_replace(state.told());
        self.changed.notify_all();
        self.wake.notify_one();
    }
}

fn refuse(state: &mut State, error: &io::Error) -> AppendError {
    if state.refused_full() {
        tracing::warn!(%error, "there is no room for the journal");
    }
    AppendError::Full
}
