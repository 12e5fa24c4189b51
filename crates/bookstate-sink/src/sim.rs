//! A simulated target with the habits of DefraDB: small chunks, one at a time, documents with an identity,
//! answers that get lost, requests that arrive late. For tests (feature `test-util`).
//!
//! It checks what a database could not: that nobody sends two chunks at once, that S never goes back, and that
//! no document is created twice without having been deleted. What it finds is in [`SimTarget::violations`].

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use bookstate_domain::{AnyKey, BookId, BookState, Effect, Op, WriteOp};
use bookstate_store::{BookSync, Chunk, Limits, StoredBook, Target, TargetError};
use parking_lot::Mutex;

/// What happens to one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it is applied and acknowledged.
    None,
    /// It is applied and acknowledged, after a while.
    Slow(Duration),
    /// It is not applied; the target says so.
    Unavailable,
    /// It is applied and the answer is lost.
    LoseAnswer,
    /// It is not applied and the answer is lost.
    LoseRequest,
    /// The answer is lost, and the request arrives after that many further chunks.
    Stall(usize),
}

/// Decides what happens to the n-th chunk (from 0).
pub type FaultPlan = Box<dyn FnMut(usize) -> Fault + Send>;

/// Called after every chunk that was applied.
pub type Observer = Box<dyn FnMut(&BookId, &SimBook) + Send>;

/// A book in the simulated target.
#[derive(Debug, Clone)]
pub struct SimBook {
    /// Where it stands.
    pub sync: BookSync,
    /// Its documents.
    pub state: BookState,
    /// How often each document was created, and how often deleted.
    pub lives: BTreeMap<AnyKey, (usize, usize)>,
}

/// A copy of everything that the target holds.
#[derive(Debug, Clone, Default)]
pub struct SimCopy(BTreeMap<BookId, SimBook>);

/// What the target has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SimCounters {
    /// Chunks that it was sent.
    pub attempts: usize,
    /// Chunks that it applied.
    pub applied: usize,
    /// Documents in these.
    pub documents: usize,
    /// Chunks whose compare-and-set failed.
    pub mismatches: usize,
}

#[derive(Default)]
struct Inner {
    books: BTreeMap<BookId, SimBook>,
    stalled: VecDeque<(usize, Chunk)>,
    refused: BTreeSet<AnyKey>,
    choked: BTreeSet<AnyKey>,
    hang_above: Option<usize>,
    counters: SimCounters,
    violations: Vec<String>,
    plan: Option<FaultPlan>,
    observer: Option<Observer>,
}

/// See the module documentation.
#[derive(Default)]
pub struct SimTarget {
    inner: Mutex<Inner>,
    down: AtomicBool,
    in_flight: AtomicUsize,
}

impl fmt::Debug for SimTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimTarget").field("counters", &self.counters()).finish_non_exhaustive()
    }
}

impl SimTarget {
    /// A target without books and without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// Takes it down, or brings it back.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }
    /// Sets what happens to each chunk from now on.
    pub fn set_faults(&self, plan: impl FnMut(usize) -> Fault + Send + 'static) {
        self.inner.lock().plan = Some(Box::new(plan));
    }
    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.inner.lock().plan = None;
    }
    /// Sets what is called after every chunk that was applied.
    pub fn observe(&self, observer: impl FnMut(&BookId, &SimBook) + Send + 'static) {
        self.inner.lock().observer = Some(Box::new(observer));
    }
    /// Refuses these documents, and no others, from now on.
    pub fn set_refused(&self, keys: impl IntoIterator<Item = AnyKey>) {
        self.inner.lock().refused = keys.into_iter().collect();
    }
    /// Answers "unavailable" to a chunk with one of these documents, from now on: a defect that looks like an
    /// outage.
    pub fn set_choked(&self, keys: impl IntoIterator<Item = AnyKey>) {
        self.inner.lock().choked = keys.into_iter().collect();
    }
    /// Never answers a chunk of more documents than this.
    pub fn hang_above(&self, documents: usize) {
        self.inner.lock().hang_above = Some(documents);
    }
    /// A book as the target holds it.
    #[must_use]
    pub fn book(&self, id: &BookId) -> Option<SimBook> {
        self.inner.lock().books.get(id).cloned()
    }
    /// A copy of everything, to be [restored](Self::restore).
    #[must_use]
    pub fn copy(&self) -> SimCopy {
        SimCopy(self.inner.lock().books.clone())
    }
    /// Rolls the target back to a copy.
    pub fn restore(&self, copy: SimCopy) {
        self.inner.lock().books = copy.0;
    }
    /// Puts the documents of a copy back, as if somebody had edited them by hand: the sync documents stay.
    pub fn restore_documents_only(&self, copy: SimCopy) {
        let mut inner = self.inner.lock();
        for (id, old) in copy.0 {
            if let Some(book) = inner.books.get_mut(&id) {
                (book.state, book.lives) = (old.state, old.lives);
            }
        }
    }
    /// What it has done.
    #[must_use]
    pub fn counters(&self) -> SimCounters {
        self.inner.lock().counters
    }
    /// Broken rules, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.inner.lock().violations.clone()
    }
    /// Delivers every stalled request now.
    pub fn deliver_stalled(&self) {
        let mut inner = self.inner.lock();
        while let Some((_, chunk)) = inner.stalled.pop_front() {
            // Nobody waits for the answer of a late request.
            drop(inner.apply(&chunk));
        }
    }

    fn unavailable(&self) -> Result<(), TargetError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(TargetError::Unavailable { reason: "connection refused".to_owned() });
        }
        Ok(())
    }
}

/// The limits of a DefraDB 1.0 node: a request's cost grows with its square.
pub const LIMITS: Limits = Limits { documents: 10, fields: 100, bytes: 2_000_000 };

impl Inner {
    /// Applies a chunk whole, or not at all.
    fn apply(&mut self, chunk: &Chunk) -> Result<(), TargetError> {
        let stored = self.books.get(&chunk.book_id);
        if stored.map(|book| book.sync.mark()) != chunk.expect {
            self.counters.mismatches += 1;
            return Err(TargetError::Mismatch);
        }
        if let Some(refused) = chunk.ops.iter().map(WriteOp::key).find(|key| self.refused.contains(key)) {
            return Err(TargetError::Refused { reason: format!("{refused} is not wanted here") });
        }
        let mut book = stored.cloned().unwrap_or_else(|| SimBook {
            sync: chunk.sync.clone(),
            state: BookState::new(chunk.book_id.clone()),
            lives: BTreeMap::new(),
        });
        if chunk.sync.persisting_seq < book.sync.persisting_seq {
            self.violations
                .push(format!("S went from {} to {}", book.sync.persisting_seq, chunk.sync.persisting_seq));
        }
        let mut keys = BTreeSet::new();
        for op in &chunk.ops {
            let key = op.key();
            if !keys.insert(key.clone()) {
                self.violations.push(format!("{key} occurs twice in one chunk"));
            }
            let is_patch = op.visit(IsPatch);
            let lives = book.lives.entry(key.clone()).or_default();
            match book.state.apply(op) {
                Effect::NothingThere if is_patch => return Err(TargetError::Missing { key }),
                Effect::Created => lives.0 += 1,
                Effect::Removed => lives.1 += 1,
                Effect::Changed(_) | Effect::NothingThere => {}
            }
        }
        book.sync = chunk.sync.clone();
        self.counters.applied += 1;
        self.counters.documents += chunk.ops.len();
        if let Some(observer) = &mut self.observer {
            observer(&chunk.book_id, &book);
        }
        self.books.insert(chunk.book_id.clone(), book);
        self.deliver_due();
        Ok(())
    }

    /// Stalled requests arrive once enough others have gone by.
    fn deliver_due(&mut self) {
        let applied = self.counters.applied;
        while self.stalled.front().is_some_and(|(due, _)| *due <= applied) {
            if let Some((_, chunk)) = self.stalled.pop_front() {
                // Nobody waits for the answer of a late request.
                drop(self.apply(&chunk));
            }
        }
    }
}

struct IsPatch;

impl bookstate_domain::OpVisitor for IsPatch {
    type Out = bool;
    fn visit<D: bookstate_domain::Document>(self, op: &Op<D>) -> bool {
        matches!(op, Op::Update { .. })
    }
}

#[async_trait]
impl Target for SimTarget {
    fn limits(&self) -> Limits {
        LIMITS
    }

    async fn prepare(&self) -> Result<(), TargetError> {
        self.unavailable()
    }

    async fn book_sync(&self, book_id: &BookId) -> Result<Option<BookSync>, TargetError> {
        self.unavailable()?;
        Ok(self.inner.lock().books.get(book_id).map(|book| book.sync.clone()))
    }

    async fn write_chunk(&self, chunk: &Chunk) -> Result<(), TargetError> {
        self.unavailable()?;
        let _flight = Flight::begin(self);
        let fault = {
            let mut inner = self.inner.lock();
            let attempt = inner.counters.attempts;
            inner.counters.attempts += 1;
            let fields: usize = chunk.ops.iter().map(WriteOp::field_count).sum();
            let too_many = chunk.ops.len() > LIMITS.documents;
            if too_many || (fields > LIMITS.fields && chunk.ops.len() > 1) {
                inner.violations.push(format!("a chunk of {} documents, {fields} fields", chunk.ops.len()));
            }
            if chunk.ops.iter().any(|op| inner.choked.contains(&op.key())) {
                Fault::Unavailable
            } else if inner.hang_above.is_some_and(|most| chunk.ops.len() > most) {
                Fault::Slow(Duration::from_secs(3600))
            } else {
                inner.plan.as_mut().map_or(Fault::None, |plan| plan(attempt))
            }
        };
        let lost = || TargetError::Ambiguous { reason: "connection reset".to_owned() };
        match fault {
            Fault::None => self.inner.lock().apply(chunk),
            Fault::Slow(time) => {
                tokio::time::sleep(time).await;
                self.unavailable()?;
                self.inner.lock().apply(chunk)
            }
            Fault::Unavailable => Err(TargetError::Unavailable { reason: "503".to_owned() }),
            Fault::LoseRequest => Err(lost()),
            Fault::LoseAnswer => {
                // Applied or refused: nobody will know.
                drop(self.inner.lock().apply(chunk));
                Err(lost())
            }
            Fault::Stall(chunks) => {
                let mut inner = self.inner.lock();
                let due = inner.counters.applied + chunks;
                inner.stalled.push_back((due, chunk.clone()));
                Err(lost())
            }
        }
    }

    async fn load_book(&self, book_id: &BookId) -> Result<Option<StoredBook>, TargetError> {
        self.unavailable()?;
        let book = self.inner.lock().books.get(book_id).cloned();
        Ok(book.map(|book| StoredBook { state: book.state, sync: book.sync }))
    }

    async fn list_books(&self) -> Result<Vec<(BookId, BookSync)>, TargetError> {
        self.unavailable()?;
        Ok(self.inner.lock().books.iter().map(|(id, book)| (id.clone(), book.sync.clone())).collect())
    }
}

/// Counts a request while it lasts, also when it is dropped.
struct Flight<'a>(&'a SimTarget);

impl<'a> Flight<'a> {
    fn begin(target: &'a SimTarget) -> Self {
        if target.in_flight.fetch_add(1, Ordering::SeqCst) > 0 {
            target.inner.lock().violations.push("two chunks at once".to_owned());
        }
        Self(target)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}
