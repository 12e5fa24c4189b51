//! What is known of the log, under the journal's lock: pure bookkeeping. `writer`, `sync` and `retention` do the I/O
//! and tell what came of it, so that what is written, synced and free to be deleted is changed here only.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Position;
use super::error::Poisoned;
use super::format::{self, HEADER_LEN, Header};
use super::head::Head;
use super::health::{Counters, JournalHealth, JournalState};
use super::survey::remember;
use super::synced::Synced;
use crate::fs::File;

/// See the module documentation.
#[derive(Debug)]
pub(super) struct State {
    active: Active,
    /// A segment gets no more records than fit into so many bytes, but for those that come while the next is made.
    segment_bytes: u64,
    /// From this length of the active segment on, the next one is made.
    next_due_at: u64,
    /// The next segment, while it is made.
    next: Option<Next>,
    /// Oldest first; all synced.
    sealed: VecDeque<Sealed>,
    /// The highest seq of each book that the log ever had, as far as this process knows.
    seqs: HashMap<Box<str>, u32>,
    /// Where the last commit ends.
    committed: u64,
    /// Everything before it is synced.
    synced: u64,
    /// The position that the last mark, or the active segment's base, vouches for.
    marked: u64,
    /// Somebody waits for a sync up to here.
    requested: u64,
    /// A sync runs outside the lock, or the next segment is being made there.
    in_flight: bool,
    /// The sync thread sleeps until it is woken.
    idle: bool,
    stop: bool,
    /// A thread deletes segments outside the lock.
    deleting: bool,
    full: bool,
    poison: Option<Poisoned>,
    counters: Counters,
}

/// The segment that is appended to.
#[derive(Debug)]
pub(super) struct Active {
    file: Arc<dyn File>,
    number: u64,
    base: u64,
    /// Bytes of the file, header included.
    len: u64,
    /// The highest seq of each book in it that the local store does not have.
    books: HashMap<Box<str>, u32>,
}

impl Active {
    /// A segment without records.
    pub(super) fn new(file: Arc<dyn File>, number: u64, base: u64) -> Self {
        Self { file, number, base, len: HEADER_LEN as u64, books: HashMap::new() }
    }

    /// A segment that records of these books were found in.
    pub(super) fn found(self, len: u64, books: HashMap<Box<str>, u32>) -> Self {
        Self { len, books, ..self }
    }

    pub(super) fn file(&self) -> &dyn File {
        self.file.as_ref()
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    fn has_records(&self) -> bool {
        self.len > HEADER_LEN as u64
    }
}

/// A segment that is being made. What is appended meanwhile goes to the active one, and is copied to this one.
#[derive(Debug)]
struct Next {
    /// Where it begins; all before is in the active segment.
    base: u64,
    /// What was appended behind that and is not copied yet.
    tail: Vec<u8>,
    /// The bytes that were.
    copied: u64,
    /// The highest seq of each book in both.
    books: HashMap<Box<str>, u32>,
}

/// A segment that appends have left, to be cut to this length: what is behind it stands in the next one.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) file: Arc<dyn File>,
    pub(super) len: u64,
}

/// A segment that is complete and synced.
#[derive(Debug)]
pub(super) struct Sealed {
    number: u64,
    bytes: u64,
    /// As of an active one; empty: it can go.
    books: HashMap<Box<str>, u32>,
}

impl Sealed {
    /// A segment that recovery found before another one.
    pub(super) fn found(number: u64, bytes: u64, books: HashMap<Box<str>, u32>) -> Self {
        Self { number, bytes, books }
    }

    /// The proof that its file may be deleted: the local store has, synced, every commit in it.
    fn released(&self) -> Option<Released> {
        self.books.is_empty().then_some(Released { number: self.number })
    }
}

/// The oldest segment, of which the local store has everything. There is one at a time, and a file is deleted for
/// nothing else.
#[derive(Debug)]
#[must_use = "the segment stays claimed until it is told what came of it"]
pub(super) struct Released {
    number: u64,
}

impl Released {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

/// How far the log of a journal that is being opened goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// Where the last commit ends.
    pub(super) committed: u64,
    /// Where the log ends; all of it is synced.
    pub(super) end: u64,
    /// What the last mark vouches for.
    pub(super) marked: u64,
}

impl State {
    pub(super) fn new(active: Active, sealed: VecDeque<Sealed>, found: Found, segment_bytes: u64) -> Self {
        let mut seqs = HashMap::new();
        for books in sealed.iter().map(|sealed| &sealed.books).chain([&active.books]) {
            for (book, seq) in books {
                remember(&mut seqs, &Head { book, seq: *seq, prev: 0 });
            }
        }
        Self {
            active,
            segment_bytes,
            next_due_at: nearly_full(segment_bytes),
            next: None,
            sealed,
            seqs,
            committed: found.committed,
            synced: found.end,
            marked: found.marked,
            requested: 0,
            in_flight: false,
            idle: false,
            stop: false,
            deleting: false,
            full: false,
            poison: None,
            counters: Counters::default(),
        }
    }

    // The log.

    pub(super) fn active(&self) -> &Active {
        &self.active
    }

    pub(super) fn file(&self) -> Arc<dyn File> {
        Arc::clone(&self.active.file)
    }

    /// Bytes of the active segment's file.
    pub(super) fn len(&self) -> u64 {
        self.active.len
    }

    pub(super) fn end(&self) -> u64 {
        format::position(self.active.base, self.active.len)
    }

    pub(super) fn committed(&self) -> u64 {
        self.committed
    }

    pub(super) fn synced(&self) -> u64 {
        self.synced
    }

    /// Whether a commit is not synced.
    pub(super) fn is_dirty(&self) -> bool {
        self.committed > self.synced
    }

    /// Whether anything is not synced, a mark included.
    pub(super) fn has_unsynced(&self) -> bool {
        self.synced < self.end()
    }

    /// Whether commits were synced that no mark tells of.
    pub(super) fn lacks_mark(&self) -> bool {
        self.synced.min(self.committed) > self.marked
    }

    /// Whether the active segment has records, and the local store has all of them.
    pub(super) fn is_released(&self) -> bool {
        self.active.books.is_empty() && self.active.has_records()
    }

    /// Whether a commit may follow: the seqs of a book ascend.
    pub(super) fn follows(&self, head: &Head<'_>) -> bool {
        self.seqs.get(head.book).is_none_or(|last| head.seq > *last)
    }

    /// A commit was written.
    pub(super) fn appended(&mut self, head: &Head<'_>, frame: &[u8]) {
        self.active.len += frame.len() as u64;
        remember(&mut self.active.books, head);
        if let Some(next) = &mut self.next {
            next.tail.extend_from_slice(frame);
            remember(&mut next.books, head);
        }
        remember(&mut self.seqs, head);
        self.full = false;
        self.counters.records += 1;
        self.committed = self.end();
    }

    /// A mark of `len` bytes was written: it tells of all that is synced.
    pub(super) fn was_marked(&mut self, len: u64) {
        self.active.len += len;
        self.marked = self.synced;
        self.counters.marks += 1;
    }

    /// Everything before `end` was synced.
    pub(super) fn was_synced(&mut self, end: u64, micros: u64) {
        self.counters.fsyncs += 1;
        self.counters.last_fsync_micros = micros;
        self.synced = self.synced.max(end);
    }

    // The next segment.

    /// Whether it is time to make it.
    pub(super) fn is_next_due(&self) -> bool {
        self.next.is_none() && self.active.has_records() && self.active.len >= self.next_due_at
    }

    /// It begins here: what is appended from now on is kept for it as well.
    pub(super) fn begin_next(&mut self) {
        self.next = Some(Next { base: self.end(), tail: Vec::new(), copied: 0, books: HashMap::new() });
    }

    /// Its header, if it is begun and all before its base synced.
    pub(super) fn next_header(&self, version: u32, writer: [u8; 16]) -> Option<Header> {
        let base = self.next.as_ref()?.base;
        (self.synced >= base)
            .then(|| Header::new(version, self.active.number.saturating_add(1), base, writer))
    }

    /// The bytes that it lacks.
    pub(super) fn tail_len(&self) -> usize {
        self.next.as_ref().map_or(0, |next| next.tail.len())
    }

    /// Takes them, to copy them.
    pub(super) fn take_tail(&mut self) -> Vec<u8> {
        let Some(next) = &mut self.next else { return Vec::new() };
        next.copied += next.tail.len() as u64;
        std::mem::take(&mut next.tail)
    }

    /// It has all that the active segment has behind its base: appends go on in it.
    pub(super) fn switch_to(&mut self, file: Arc<dyn File>) -> Option<Left> {
        let Next { base, copied, books, .. } = self.next.take()?;
        let number = self.active.number.saturating_add(1);
        let active = Active::new(file, number, base).found(HEADER_LEN as u64 + copied, books);
        let left = std::mem::replace(&mut self.active, active);
        let len = left.len.saturating_sub(copied);
        self.sealed.push_back(Sealed { number: left.number, bytes: len, books: left.books });
        self.marked = base;
        self.next_due_at = nearly_full(self.segment_bytes);
        self.counters.rotations += 1;
        Some(Left { file: left.file, len })
    }

    /// It could not be made. The active segment grows on, and it is tried again somewhat later.
    pub(super) fn give_next_up(&mut self) {
        self.next = None;
        self.next_due_at = self.active.len.saturating_add((self.segment_bytes / 8).max(1));
    }

    // The local store frees segments.

    /// The local store has, synced, a book up to `seq`.
    pub(super) fn release(&mut self, book: &str, seq: u32) {
        for sealed in &mut self.sealed {
            forget(&mut sealed.books, book, seq);
        }
        forget(&mut self.active.books, book, seq);
        if self.is_released() {
            // It could be deleted, so the next one is tried again at once.
            self.next_due_at = nearly_full(self.segment_bytes);
        }
    }

    /// Claims the oldest segment if it may be deleted, and nobody is at it.
    pub(super) fn claim_released(&mut self) -> Option<Released> {
        if self.poison.is_some() || self.deleting {
            return None;
        }
        let released = self.sealed.front().and_then(Sealed::released)?;
        self.deleting = true;
        Some(released)
    }

    /// The segment's file is gone, durably.
    pub(super) fn was_deleted(&mut self, released: Released) {
        self.deleting = false;
        if self.sealed.front().is_some_and(|oldest| oldest.number == released.number) {
            self.sealed.pop_front();
            self.counters.deleted_segments += 1;
        }
    }

    /// The segment's file may be there still; it is claimed again later.
    pub(super) fn was_not_deleted(&mut self, _: Released) {
        self.deleting = false;
    }

    // The sync thread.

    /// Asks for a sync up to `position`; whether that is news.
    pub(super) fn request(&mut self, position: Position) -> bool {
        let wanted = position.get().min(self.committed);
        let is_news = wanted > self.requested.max(self.synced);
        if is_news {
            self.requested = wanted;
        }
        is_news
    }

    /// Whether somebody waits for a sync.
    pub(super) fn is_requested(&self) -> bool {
        self.is_dirty() && self.requested > self.synced
    }

    pub(super) fn is_in_flight(&self) -> bool {
        self.in_flight
    }

    pub(super) fn set_in_flight(&mut self, in_flight: bool) {
        self.in_flight = in_flight;
    }

    /// The thread goes to sleep, or is awake.
    pub(super) fn set_idle(&mut self, idle: bool) {
        self.idle = idle;
    }

    /// Whether the thread sleeps; once.
    pub(super) fn take_idle(&mut self) -> bool {
        std::mem::take(&mut self.idle)
    }

    pub(super) fn stop(&mut self) {
        self.stop = true;
    }

    /// Whether the thread has nothing more to do, ever.
    pub(super) fn is_over(&self) -> bool {
        self.stop || self.poison.is_some()
    }

    // What goes wrong.

    pub(super) fn poison(&self) -> Option<&Poisoned> {
        self.poison.as_ref()
    }

    /// Nothing is accepted from now on. The first reason stays; whether this is it.
    pub(super) fn set_poison(&mut self, poisoned: &Poisoned) -> bool {
        let is_first = self.poison.is_none();
        if is_first {
            self.poison = Some(poisoned.clone());
        }
        is_first
    }

    /// An append found no room; whether that is news.
    pub(super) fn refused_full(&mut self) -> bool {
        self.counters.refused_full += 1;
        !std::mem::replace(&mut self.full, true)
    }

    // What is told.

    pub(super) fn told(&self) -> Synced {
        Synced { synced: self.synced, poison: self.poison.clone() }
    }

    pub(super) fn segments(&self) -> u64 {
        self.sealed.len() as u64 + 1
    }

    pub(super) fn health(&self) -> JournalHealth {
        let Counters { records, fsyncs, last_fsync_micros, marks, rotations, deleted_segments, refused_full } =
            self.counters;
        JournalHealth {
            state: match &self.poison {
                Some(poisoned) => JournalState::Poisoned(Arc::clone(&poisoned.reason)),
                None if self.full => JournalState::Full,
                None => JournalState::Ok,
            },
            bytes: self.sealed.iter().map(|sealed| sealed.bytes).sum::<u64>() + self.active.len,
            segments: self.segments(),
            appended: Position(self.end()),
            synced: Position(self.synced),
            records,
            fsyncs,
            last_fsync_micros,
            marks,
            rotations,
            deleted_segments,
            refused_full,
        }
    }
}

/// Seven eighths: the rest is for what comes while the next segment is made.
fn nearly_full(segment_bytes: u64) -> u64 {
    segment_bytes - segment_bytes / 8
}

fn forget(books: &mut HashMap<Box<str>, u32>, book: &str, seq: u32) {
    if books.get(book).is_some_and(|highest| *highest <= seq) {
        books.remove(book);
    }
}
