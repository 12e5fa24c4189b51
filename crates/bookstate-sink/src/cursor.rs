//! One book on its way to one target: first contact, batches, chunks, and what follows from each error.
//!
//! The cursor believes something of the target (the [`BookSync`] that it last saw or made), and every chunk
//! proves or refutes it by compare-and-set. Rules:
//!
//! * A batch is finished before the next is begun, so S only grows.
//! * A chunk that is sent again under the same write number has the same token only if it has the same
//!   content. So when the target shows that number with that token, that content is there.
//! * What does not fit (another number or token, a missing document, a memory that is ahead) is healed by
//!   comparing the whole book, never by guessing. A late delivery of an earlier content is no exception: what
//!   is to be sent covers it only if the target was never rolled back.
//! * A comparison is with what was loaded, so the chunks that follow from it expect the state that was loaded.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use bookstate_domain::{AnyKey, BookId, Seq, WriteOp};
use bookstate_store::{
    BatchOps, BookSync, Chunk, Differing, Library, Parked, Progress, SqliteStore, Target, TargetError,
    TargetName, WriterId,
};
use rand::{Rng, rngs::SmallRng};
use tokio::time::Instant;

use crate::{
    classify::{Circumstances, Verdict, classify},
    compare::compare,
    local::Local,
    order, split,
    status::Counters,
};

/// Whether a target frees the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The local store: frees the journal, never parks, remembers itself.
    Local,
    /// Any other target.
    Remote,
}

/// What a cursor works with.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) library: Library,
    pub(crate) name: TargetName,
    pub(crate) target: std::sync::Arc<dyn Target>,
    pub(crate) role: Role,
    pub(crate) local: Local,
    pub(crate) timeout: Duration,
    pub(crate) random: SmallRng,
    pub(crate) counters: Counters,
    /// Counts the chunks that went through, of any book.
    pub(crate) successes: u64,
    /// Halved by a timeout, restored by successes.
    pub(crate) chunk_documents: usize,
}

#[derive(Debug)]
enum Phase {
    /// Nothing is believed of the target.
    Unknown,
    /// The target is at `sync`; `compare`: what it holds is not trusted.
    Ready { sync: Option<BookSync>, compare: bool },
    /// A batch is under way.
    Sending(Sending),
    /// Another data directory writes the book there.
    Foreign { sync: BookSync },
}

#[derive(Debug)]
struct Sending {
    /// What the target has now, as far as is known.
    sync: Option<BookSync>,
    seq: Seq,
    chunks: VecDeque<Vec<WriteOp>>,
    /// Names the content of the first chunk.
    token: u64,
    /// The outcome of the last attempt is unknown.
    unresolved: bool,
    failures: u32,
    lost_answers: u32,
    reads_answer: bool,
    successes_before: u64,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something; there is more.
    Progress,
    /// The target has all that can be sent.
    Done,
}

/// A step that failed, and how the target should be treated.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: TargetError,
    /// A person must act.
    pub(crate) stop: bool,
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        let stop = classify(&error, Circumstances::default()) == Verdict::Stop;
        Self { error, stop }
    }
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Cursor {
    book_id: BookId,
    phase: Phase,
    /// Up to this seq the target has the book.
    watermark: Seq,
    /// Documents whose copy differs; `true` when that was accepted on purpose.
    parked: BTreeMap<AnyKey, bool>,
    /// Parked documents to be tried again with the next batch.
    retry: BTreeSet<AnyKey>,
    /// Documents that were parked and have now gone through.
    healed: Vec<AnyKey>,
    /// When the last batch was whole.
    batch_ended: Option<Instant>,
}

impl Cursor {
    pub(crate) fn new(book_id: BookId) -> Self {
        Self {
            book_id,
            phase: Phase::Unknown,
            watermark: Seq::ZERO,
            parked: BTreeMap::new(),
            retry: BTreeSet::new(),
            healed: Vec::new(),
            batch_ended: None,
        }
    }

    /// When the next batch may begin, `linger` after the last one; `None` in the middle of one.
    pub(crate) fn rests_until(&self, linger: Duration) -> Option<Instant> {
        let Phase::Ready { compare: false, .. } = &self.phase else { return None };
        self.batch_ended.and_then(|ended| ended.checked_add(linger))
    }

    pub(crate) const fn watermark(&self) -> Seq {
        self.watermark
    }

    pub(crate) fn foreign(&self) -> Option<WriterId> {
        match &self.phase {
            Phase::Foreign { sync } => Some(sync.writer),
            _ => None,
        }
    }

    /// Whether there is something to do even though no new commit came.
    pub(crate) fn is_pending(&self) -> bool {
        match &self.phase {
            Phase::Unknown | Phase::Sending(_) | Phase::Ready { compare: true, .. } => true,
            Phase::Ready { .. } => !self.retry.is_empty(),
            Phase::Foreign { .. } => false,
        }
    }

    pub(crate) fn parked_count(&self) -> usize {
        self.parked.values().filter(|dropped| !**dropped).count()
    }

    /// Tries parked documents again: one, or all that were not dropped.
    pub(crate) fn retry(&mut self, document: Option<&AnyKey>) -> usize {
        let chosen = self.parked.iter().filter(|(key, dropped)| document.map_or(!**dropped, |d| d == *key));
        let keys: Vec<_> = chosen.map(|(key, _)| key.clone()).collect();
        self.retry.extend(keys.iter().cloned());
        keys.len()
    }

    /// Accepts that a parked document's copy differs.
    pub(crate) fn drop_parked(&mut self, document: &AnyKey) {
        if let Some(dropped) = self.parked.get_mut(document) {
            *dropped = true;
            self.retry.remove(document);
        }
    }

    /// Distrusts the target's copy: it will be compared whole.
    pub(crate) fn distrust(&mut self) {
        self.phase = match std::mem::replace(&mut self.phase, Phase::Unknown) {
            Phase::Ready { sync, .. } => Phase::Ready { sync, compare: true },
            Phase::Sending(sending) if !sending.unresolved => {
                Phase::Ready { sync: sending.sync, compare: true }
            }
            foreign @ Phase::Foreign { .. } => foreign,
            Phase::Sending(_) | Phase::Unknown => Phase::Unknown,
        };
    }

    /// Does one thing: a first look, the making of a batch, or one chunk.
    pub(crate) async fn step(&mut self, link: &mut Link) -> Result<Step, Failure> {
        match &self.phase {
            Phase::Unknown => self.contact(link).await,
            Phase::Ready { .. } => self.begin(link).await,
            Phase::Sending(_) => self.send(link).await,
            Phase::Foreign { .. } => Ok(Step::Done),
        }
    }

    /// The first look: where does the target stand, and does that fit what is remembered of it?
    async fn contact(&mut self, link: &mut Link) -> Result<Step, Failure> {
        let sync = link.target.book_sync(&self.book_id).await?;
        if link.role == Role::Local {
            self.watermark = sync.as_ref().map_or(Seq::ZERO, |sync| sync.persisted_seq);
            self.phase = Phase::Ready { sync, compare: false };
            return Ok(Step::Progress);
        }
        let (name, id) = (link.name.clone(), self.book_id.clone());
        let (remembered, parked) = link
            .local
            .run(move |store| {
                Ok((store.progress(name.as_str(), &id)?, store.parked(Some(name.as_str()), Some(&id))?))
            })
            .await?;
        self.parked = parked.into_iter().map(|p| (p.parked.document, p.dropped)).collect();
        self.retry(None);
        let seq = link.book_seq(&self.book_id).await?;
        let compare = match (&sync, &remembered) {
            (Some(sync), _) if sync.writer != link.library.writer() => {
                self.phase = Phase::Foreign { sync: sync.clone() };
                return Ok(Step::Done);
            }
            (None, None) => false,
            (Some(sync), Some(remembered)) => {
                let same = sync.write_no > remembered.write_no
                    || (sync.write_no == remembered.write_no && sync.token == remembered.token);
                !same || sync.persisted_seq < remembered.persisted_seq || sync.persisted_seq > seq
            }
            (None, Some(_)) | (Some(_), None) => true,
        };
        self.watermark = sync.as_ref().map_or(Seq::ZERO, |sync| sync.persisted_seq);
        if !compare {
            link.library.passed(&self.book_id, &link.name, self.watermark);
            if let (Some(sync), Some(remembered)) = (&sync, &remembered)
                && sync.write_no > remembered.write_no
            {
                // A process ended between the target's answer and its record.
                self.record(sync, link).await?;
            }
        }
        self.phase = Phase::Ready { sync, compare };
        Ok(Step::Progress)
    }

    /// Makes a batch of everything that is dirty, and cuts it into chunks.
    async fn begin(&mut self, link: &mut Link) -> Result<Step, Failure> {
        let Phase::Ready { sync, compare: distrusted } = &self.phase else { return Ok(Step::Progress) };
        let (mut sync, distrusted) = (sync.clone(), *distrusted);
        let differing =
            Differing { parked: self.parked.keys().cloned().collect(), retry: self.retry.clone() };
        let (library, id, since) = (link.library.clone(), self.book_id.clone(), self.watermark);
        let batch = link
            .local
            .run(move |_| if distrusted { library.whole(&id) } else { library.batch(&id, since, &differing) })
            .await?;
        let Some(batch) = batch else { return Ok(Step::Done) };
        if let Err(poisoned) = link.library.synced(&batch).await {
            // The last act of a poisoned journal: memory is all that is left, so it goes to the targets whole.
            tracing::error!(error = %poisoned, book = %self.book_id, "the journal is poisoned; saving what memory has");
        }
        let mut ops = match batch.ops {
            BatchOps::Ops(ops) => ops,
            BatchOps::Compare(ours) => {
                link.counters.compares += 1;
                let theirs = link.target.load_book(&self.book_id).await?;
                let ops = compare(&ours, theirs.as_ref().map(|theirs| &theirs.state));
                sync = theirs.map(|theirs| theirs.sync);
                if let Some(foreign) = sync.take_if(|sync| sync.writer != link.library.writer()) {
                    self.phase = Phase::Foreign { sync: foreign };
                    return Ok(Step::Done);
                }
                ops
            }
        };
        order::sort(&mut ops);
        // A target that is ahead (the data directory was restored from a copy) never goes back.
        let ahead = sync.as_ref().map_or(Seq::ZERO, |sync| sync.persisting_seq.max(sync.persisted_seq));
        if ahead > batch.seq {
            link.library.skip_seqs(&self.book_id, ahead);
        }
        let mut limits = link.target.limits();
        limits.documents = limits.documents.min(link.chunk_documents);
        self.retry.clear();
        self.phase = Phase::Sending(Sending {
            sync,
            seq: batch.seq.max(ahead),
            chunks: split::split(ops, limits),
            token: link.random.next_u64(),
            unresolved: false,
            failures: 0,
            lost_answers: 0,
            reads_answer: false,
            successes_before: link.successes,
        });
        Ok(Step::Progress)
    }

    /// What the target holds once the first chunk is applied.
    fn next_sync(&self, sending: &Sending, link: &Link) -> BookSync {
        let ops = sending.chunks.front().map_or(&[][..], Vec::as_slice);
        let sent: BTreeSet<_> = ops.iter().map(WriteOp::key).collect();
        let last = sending.chunks.len() <= 1;
        let persisted = sending.sync.as_ref().map_or(Seq::ZERO, |sync| sync.persisted_seq);
        BookSync {
            writer: link.library.writer(),
            write_no: sending.sync.as_ref().map_or(0, |sync| sync.write_no).saturating_add(1),
            token: sending.token,
            persisting_seq: sending.seq,
            persisted_seq: if last { sending.seq } else { persisted },
            parked: self.parked.keys().filter(|key| !sent.contains(key)).cloned().collect(),
        }
    }

    /// Sends the first chunk, or finds out what became of it.
    async fn send(&mut self, link: &mut Link) -> Result<Step, Failure> {
        let Phase::Sending(sending) = &self.phase else { return Ok(Step::Progress) };
        let next = self.next_sync(sending, link);
        if sending.unresolved {
            return self.resolve(next, link).await;
        }
        let chunk = Chunk {
            book_id: self.book_id.clone(),
            expect: sending.sync.as_ref().map(BookSync::mark),
            sync: next,
            ops: sending.chunks.front().cloned().unwrap_or_default(),
        };
        let answer = tokio::time::timeout(link.timeout, link.target.write_chunk(&chunk)).await;
        let error = match answer {
            Ok(Ok(())) => return self.applied(chunk.sync, link).await,
            Ok(Err(error)) => error,
            Err(_) => {
                // A smaller chunk may make it in time.
                link.chunk_documents = (link.chunk_documents.min(chunk.ops.len().max(1)) / 2).max(1);
                TargetError::Ambiguous {
                    reason: format!("no answer within {} s", link.timeout.as_secs_f32()),
                }
            }
        };
        self.failed(error, link).await
    }

    /// A chunk did not go through.
    async fn failed(&mut self, error: TargetError, link: &mut Link) -> Result<Step, Failure> {
        let Phase::Sending(sending) = &mut self.phase else { return Err(error.into()) };
        let seen = Circumstances {
            failures: sending.failures,
            reads_answer: sending.reads_answer,
            others_succeed: link.successes > sending.successes_before,
        };
        sending.failures = sending.failures.saturating_add(1);
        match classify(&error, seen) {
            Verdict::Retry => {
                link.counters.unavailable += 1;
                if sending.failures >= crate::classify::SUSPECT_AFTER {
                    sending.reads_answer = link.target.book_sync(&self.book_id).await.is_ok();
                }
                Err(Failure { error, stop: false })
            }
            Verdict::Resolve => {
                sending.unresolved = true;
                match error {
                    // The target answered: it can be asked at once.
                    TargetError::Mismatch => {
                        link.counters.mismatches += 1;
                        Ok(Step::Progress)
                    }
                    error => {
                        link.counters.ambiguous += 1;
                        sending.lost_answers = sending.lost_answers.saturating_add(1);
                        Err(Failure { error, stop: false })
                    }
                }
            }
            Verdict::Split if link.role == Role::Local => Err(Failure { error, stop: false }),
            Verdict::Split => self.split_or_park(&error, link).await,
            Verdict::Compare => {
                let sync = sending.sync.clone();
                self.phase = Phase::Ready { sync, compare: true };
                Ok(Step::Progress)
            }
            Verdict::Stop => Err(Failure { error, stop: true }),
        }
    }

    /// Asks the target what became of the chunk.
    async fn resolve(&mut self, next: BookSync, link: &mut Link) -> Result<Step, Failure> {
        let stored = link.target.book_sync(&self.book_id).await?;
        let Phase::Sending(sending) = &mut self.phase else { return Ok(Step::Progress) };
        sending.unresolved = false;
        sending.reads_answer = true;
        match stored {
            Some(stored) if stored.mark() == next.mark() => self.applied(next, link).await,
            stored if stored == sending.sync => {
                // Not applied, perhaps not yet. The same content again, under the same number; when that has
                // happened twice, a smaller one.
                if sending.lost_answers >= 2 && sending.chunks.front().is_some_and(|ops| ops.len() > 1) {
                    sending.lost_answers = 0;
                    halve(sending);
                    link.counters.splits += 1;
                    sending.token = link.random.next_u64();
                }
                Ok(Step::Progress)
            }
            Some(stored) if stored.writer != next.writer => {
                self.phase = Phase::Foreign { sync: stored };
                Ok(Step::Done)
            }
            stored => {
                // A late delivery of an earlier chunk of ours, or a restored or rolled-back copy, or both.
                self.watermark = stored.as_ref().map_or(Seq::ZERO, |sync| sync.persisted_seq);
                self.phase = Phase::Ready { sync: stored, compare: true };
                Ok(Step::Progress)
            }
        }
    }

    /// The target refuses something in the first chunk: find it, and park it alone.
    async fn split_or_park(&mut self, error: &TargetError, link: &mut Link) -> Result<Step, Failure> {
        let Phase::Sending(sending) = &mut self.phase else { return Ok(Step::Progress) };
        sending.failures = 0;
        sending.successes_before = link.successes;
        sending.token = link.random.next_u64();
        let Some(ops) = sending.chunks.front_mut() else { return Ok(Step::Progress) };
        if ops.len() > 1 {
            halve(sending);
            link.counters.splits += 1;
            return Ok(Step::Progress);
        }
        let Some(op) = ops.first() else {
            // Nothing but the book's own sync document: not a document's fault.
            return Err(Failure { error: error.clone(), stop: true });
        };
        let document = op.key();
        let parked = Parked {
            book_id: self.book_id.clone(),
            document: document.clone(),
            reason: error.to_string(),
            first_seq: sending.seq,
            parked_at: link.library.clock().now(),
        };
        let name = link.name.clone();
        // Recorded before the watermark passes it.
        link.local
            .run(move |store| store.record(name.as_str(), &parked.book_id.clone(), None, &[parked], &[]))
            .await?;
        tracing::warn!(target = %link.name, document = %document, error = %error, "parked a document");
        link.counters.parked += 1;
        self.parked.insert(document, false);
        ops.clear();
        if sending.chunks.len() > 1 {
            sending.chunks.pop_front();
        }
        Ok(Step::Progress)
    }

    /// The first chunk is in the target.
    async fn applied(&mut self, sync: BookSync, link: &mut Link) -> Result<Step, Failure> {
        let Phase::Sending(sending) = &mut self.phase else { return Ok(Step::Progress) };
        let ops = sending.chunks.pop_front().unwrap_or_default();
        link.successes += 1;
        link.counters.chunks += 1;
        link.counters.documents += ops.len() as u64;
        link.counters.bytes += split::bytes(&ops);
        link.chunk_documents = link.chunk_documents.saturating_add(1);
        for key in ops.iter().map(WriteOp::key) {
            if self.parked.remove(&key).is_some() {
                self.healed.push(key);
            }
        }
        if !sending.chunks.is_empty() {
            sending.sync = Some(sync);
            sending.token = link.random.next_u64();
            (sending.failures, sending.lost_answers) = (0, 0);
            sending.successes_before = link.successes;
            return Ok(Step::Progress);
        }
        self.watermark = sync.persisted_seq;
        self.batch_ended = Some(Instant::now());
        link.counters.batches += 1;
        let recorded = if link.role == Role::Remote { self.record(&sync, link).await } else { Ok(()) };
        self.phase = Phase::Ready { sync: Some(sync), compare: false };
        if let Err(error) = recorded {
            // The target has it all the same; the next start learns that from the target.
            tracing::warn!(target = %link.name, book = %self.book_id, %error, "progress was not recorded");
            return Ok(Step::Progress);
        }
        let (library, id, name, seq) =
            (link.library.clone(), self.book_id.clone(), link.name.clone(), self.watermark);
        let told = link.local.run(move |_| {
            // Frees journal segments, which blocks.
            library.passed(&id, &name, seq);
            Ok(())
        });
        told.await?;
        Ok(Step::Progress)
    }

    /// Records how far the target is, and what it takes again.
    async fn record(&mut self, sync: &BookSync, link: &Link) -> Result<(), TargetError> {
        let progress =
            Progress { write_no: sync.write_no, token: sync.token, persisted_seq: sync.persisted_seq };
        let (name, id, healed) = (link.name.clone(), self.book_id.clone(), self.healed.clone());
        let recording = link.local.run(move |store| {
            store.record(name.as_str(), &id, Some(&progress), &[], &healed)?;
            forget_tombstones(store, &id)
        });
        recording.await?;
        // Only now: what could not be recorded goes with the next batch.
        self.healed.clear();
        Ok(())
    }

    /// Takes a book over from another writer: from now on the target refuses that one. What it holds is
    /// compared afterwards.
    pub(crate) async fn take_over(&mut self, link: &mut Link) -> Result<Option<WriterId>, Failure> {
        let Some(theirs) = link.target.book_sync(&self.book_id).await? else { return Ok(None) };
        let ours = BookSync {
            writer: link.library.writer(),
            write_no: theirs.write_no.saturating_add(1),
            token: link.random.next_u64(),
            ..theirs.clone()
        };
        let expect = Some(theirs.mark());
        let chunk = Chunk { book_id: self.book_id.clone(), expect, sync: ours.clone(), ops: Vec::new() };
        link.target.write_chunk(&chunk).await?;
        self.watermark = ours.persisted_seq;
        self.phase = Phase::Ready { sync: Some(ours), compare: true };
        Ok(Some(theirs.writer))
    }
}

/// Cuts the first chunk in two.
fn halve(sending: &mut Sending) {
    if let Some(mut first) = sending.chunks.pop_front() {
        let second = first.split_off(first.len().div_ceil(2));
        sending.chunks.push_front(second);
        sending.chunks.push_front(first);
    }
}

/// Tombstones are needed until every known target has passed them.
fn forget_tombstones(store: &SqliteStore, id: &BookId) -> Result<(), bookstate_store::StoreError> {
    let mut lowest = store.book_sync(id)?.map_or(Seq::ZERO, |sync| sync.persisted_seq);
    for target in store.targets()? {
        lowest =
            lowest.min(store.progress(&target, id)?.map_or(Seq::ZERO, |progress| progress.persisted_seq));
    }
    store.forget_tombstones(id, lowest).map(|_| ())
}

impl Link {
    pub(crate) async fn book_seq(&self, id: &BookId) -> Result<Seq, TargetError> {
        let (library, id) = (self.library.clone(), id.clone());
        self.local.run(move |_| library.book_seq(&id)).await
    }
}
