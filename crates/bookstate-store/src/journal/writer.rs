//! The state under the journal's lock, and what changes it: appending, rotation, poison.
//!
//! Under the lock is one `write(2)` per record. The data syncs of groups run outside (`sync`), and so do, as a rule,
//! the fsyncs of a rotation: a segment that is nearly full is left by the sync thread in a moment without appends
//! ([`Shared::rotate_ahead`]). Only when no such moment comes, the append that finds the segment full does it, and
//! then the fsyncs are under the lock. `in_flight` keeps two threads from syncing at the same time, because the kernel
//! tells a failed write-back to only one of two concurrent fsyncs.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::watch;

use super::error::{AppendError, Poisoned, is_full};
use super::format::{self, HEADER_LEN, Header};
use super::head::Head;
use super::health::Counters;
use super::segments::{self, CreateError};
use super::survey::remember;
use super::sync::Synced;
use super::{JournalConfig, Position, SyncPolicy};
use crate::fs::{File, Fs};

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

#[derive(Debug)]
pub(super) struct State {
    pub(super) active: Active,
    /// The next segment's file, made ahead: it is empty, and its name durable.
    pub(super) next: Option<Arc<dyn File>>,
    /// Oldest first; all synced.
    pub(super) sealed: VecDeque<Sealed>,
    /// Where the last commit ends.
    pub(super) committed: u64,
    /// Everything before it is synced.
    pub(super) synced: u64,
    /// The position that the last mark, or the active segment's base, vouches for.
    pub(super) marked: u64,
    /// Somebody waits for a sync up to here.
    pub(super) requested: u64,
    /// A sync runs outside the lock, or the next segment is being made there.
    pub(super) in_flight: bool,
    /// The sync thread sleeps until it is woken.
    pub(super) idle: bool,
    pub(super) stop: bool,
    /// A thread deletes segments outside the lock.
    pub(super) deleting: bool,
    pub(super) full: bool,
    pub(super) poison: Option<Poisoned>,
    pub(super) counters: Counters,
}

/// The segment that is appended to.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) file: Arc<dyn File>,
    pub(super) number: u64,
    pub(super) base: u64,
    /// Bytes of the file, header included.
    pub(super) len: u64,
    /// The highest seq of each book in it that the local store does not have.
    pub(super) books: HashMap<Box<str>, u32>,
}

impl Active {
    /// A segment without records.
    pub(super) fn new(file: Arc<dyn File>, number: u64, base: u64) -> Self {
        Self { file, number, base, len: HEADER_LEN as u64, books: HashMap::new() }
    }
}

/// A segment that is complete and synced.
#[derive(Debug)]
pub(super) struct Sealed {
    pub(super) number: u64,
    pub(super) bytes: u64,
    /// As [`Active::books`]; empty: it can go.
    pub(super) books: HashMap<Box<str>, u32>,
}

/// Why bytes were not written.
enum WriteError {
    /// No space; the file is as it was.
    Full(io::Error),
    Failed(io::Error),
}

impl State {
    pub(super) fn end(&self) -> u64 {
        format::position(self.active.base, self.active.len)
    }

    /// Whether commits were synced that no mark tells of.
    pub(super) fn lacks_mark(&self) -> bool {
        self.synced.min(self.committed) > self.marked
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let Err(error) = segments::write_all(self.active.file.as_ref(), bytes) else {
            self.active.len += bytes.len() as u64;
            return Ok(());
        };
        // Also before poisoning: no part of a commit that was refused shall come back after a restart.
        match self.active.file.set_len(self.active.len) {
            Ok(()) if is_full(&error) => Err(WriteError::Full(error)),
            _ => Err(WriteError::Failed(error)),
        }
    }
}

impl Shared {
    /// Appends a complete frame, and the head that stands in it.
    pub(super) fn append(&self, (head, frame): (Head<'_>, &[u8])) -> Result<Position, AppendError> {
        let mut state = self.state.lock();
        self.make_room(&mut state, frame.len() as u64)?;
        match state.write(frame) {
            Ok(()) => {}
            Err(WriteError::Full(error)) => return Err(refuse(&mut state, &error)),
            Err(WriteError::Failed(error)) => return Err(self.poison(&mut state, "write", &error).into()),
        }
        remember(&mut state.active.books, &head);
        state.full = false;
        state.counters.records += 1;
        state.committed = state.end();
        if state.idle && matches!(self.config.policy, SyncPolicy::Interval(_)) {
            state.idle = false;
            self.wake.notify_one();
        }
        Ok(Position(state.committed))
    }

    /// Starts the next segment if the active one has no room for `len` more bytes.
    fn make_room(&self, state: &mut MutexGuard<'_, State>, len: u64) -> Result<(), AppendError> {
        loop {
            if let Some(poisoned) = &state.poison {
                return Err(poisoned.clone().into());
            }
            let has_records = state.active.len > HEADER_LEN as u64;
            if !has_records || state.active.len.saturating_add(len) <= self.config.segment_bytes {
                return Ok(());
            }
            if !state.in_flight {
                return self.rotate(state);
            }
            self.changed.wait(state);
        }
    }

    /// Seals the active segment and starts the next, under the lock. No sync may be in flight.
    pub(super) fn rotate(&self, state: &mut State) -> Result<(), AppendError> {
        self.sync_now(state)?;
        let header = self.next_header(state);
        let (fs, dir) = (self.fs.as_ref(), &self.config.dir);
        let begun = match state.next.take() {
            Some(file) => segments::begin(fs, dir, file.as_ref(), &header).map(|()| file),
            None => segments::create(fs, dir, &header),
        };
        match begun {
            Ok(file) => self.switch_to(state, file, &header),
            Err(CreateError::Clean(error)) if is_full(&error) => return Err(refuse(state, &error)),
            Err(CreateError::Clean(error) | CreateError::Unclean(error)) => {
                return Err(self.poison(state, "start of a segment", &error).into());
            }
        }
        Ok(())
    }

    /// The same in good time, by the sync thread and outside the lock, so that no append waits for the fsyncs. It
    /// succeeds when nothing is appended while the next header is synced; else the header's base is not the end any
    /// more, and the next sync brings another chance. No sync may be in flight.
    pub(super) fn rotate_ahead(&self, state: &mut MutexGuard<'_, State>) {
        let nearly_full = self.config.segment_bytes - self.config.segment_bytes / 8;
        if state.active.len < nearly_full || state.poison.is_some() {
            return;
        }
        let header = self.next_header(state);
        // Known to have been synced is what stands before a later segment's base.
        let is_synced = state.synced >= header.base;
        let made = state.next.take();
        let (fs, dir) = (self.fs.as_ref(), &self.config.dir);
        state.in_flight = true;
        let begun = MutexGuard::unlocked(state, || {
            let file = made.map_or_else(|| segments::create_empty(fs, dir, header.segment), Ok)?;
            if is_synced {
                segments::begin(fs, dir, file.as_ref(), &header)?;
            }
            Ok(file)
        });
        state.in_flight = false;
        match begun {
            Ok(file) if !is_synced => state.next = Some(file),
            Ok(file) if state.end() == header.base => self.switch_to(state, file, &header),
            // A header that is behind the log's end proves nothing that is not so, whether the cut survives or not.
            Ok(file) => match file.set_len(0) {
                Ok(()) => state.next = Some(file),
                Err(error) => drop(self.poison(state, "start of a segment", &error)),
            },
            // An append will tell, if it lasts.
            Err(CreateError::Clean(error)) if is_full(&error) => {
                tracing::debug!(%error, "there is no room for the next segment yet");
            }
            Err(CreateError::Clean(error) | CreateError::Unclean(error)) => {
                self.poison(state, "start of a segment", &error);
            }
        }
        // Somebody may wait for `in_flight`.
        self.changed.notify_all();
    }

    fn next_header(&self, state: &State) -> Header {
        Header::new(self.version, state.active.number.saturating_add(1), state.end(), self.config.writer)
    }

    /// Appends go on in the segment of `header`. All before it is synced.
    fn switch_to(&self, state: &mut State, file: Arc<dyn File>, header: &Header) {
        let next = Active::new(file, header.segment, header.base);
        let sealed = std::mem::replace(&mut state.active, next);
        state.sealed.push_back(Sealed { number: sealed.number, bytes: sealed.len, books: sealed.books });
        state.marked = header.base;
        state.counters.rotations += 1;
    }

    /// Syncs the active segment under the lock, if there is anything to sync. No sync may be in flight.
    pub(super) fn sync_now(&self, state: &mut State) -> Result<(), Poisoned> {
        if state.synced >= state.end() {
            return Ok(());
        }
        let started = Instant::now();
        let result = state.active.file.sync_data();
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
        if let Some(poisoned) = &state.poison {
            return Err(poisoned.clone());
        }
        state.counters.fsyncs += 1;
        state.counters.last_fsync_micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        state.synced = state.synced.max(end);
        self.announce(state);
        Ok(())
    }

    /// Writes a mark of what is synced, if that is news. Marks are a help for recovery and no promise: without
    /// space there is none.
    pub(super) fn write_mark(&self, state: &mut State) -> Result<(), Poisoned> {
        if !state.lacks_mark() {
            return Ok(());
        }
        let mark = format::encode_mark(state.active.number, state.active.len, state.synced);
        match state.write(&mark) {
            Ok(()) => {
                state.marked = state.synced;
                state.counters.marks += 1;
                Ok(())
            }
            Err(WriteError::Full(_)) => Ok(()),
            Err(WriteError::Failed(error)) => Err(self.poison(state, "write of a mark", &error)),
        }
    }

    /// Refuses everything from now on. The first reason stays.
    pub(super) fn poison(&self, state: &mut State, what: &str, error: &io::Error) -> Poisoned {
        if let Some(poisoned) = &state.poison {
            return poisoned.clone();
        }
        let poisoned = Poisoned { reason: format!("{what} failed: {error}").into() };
        state.poison = Some(poisoned.clone());
        self.announce(state);
        // Last: whatever takes the log may block or panic, and the state must not wait for that.
        tracing::error!(what, %error, "journal poisoned");
        poisoned
    }

    /// Tells everyone who waits that the state changed.
    fn announce(&self, state: &State) {
        self.progress.send_replace(Synced { synced: state.synced, poison: state.poison.clone() });
        self.changed.notify_all();
        self.wake.notify_one();
    }
}

fn refuse(state: &mut State, error: &io::Error) -> AppendError {
    let is_news = !std::mem::replace(&mut state.full, true);
    state.counters.refused_full += 1;
    if is_news {
        tracing::warn!(%error, "there is no room for the journal");
    }
    AppendError::Full
}
