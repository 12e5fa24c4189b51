//! A simulated target with the habits of DefraDB: small chunks, one at a time, documents with an identity,
//! answers that get lost, requests that arrive late. For tests (feature `test-util`).
//!
//! It checks what a database could not: that no client sends two chunks at once, that S never goes back, and that
//! no document is created twice without having been deleted. What it finds is in [`SimTarget::violations`].
//! Several data directories reach it as clients of their own ([`SimTarget::client`]), so that an observer knows
//! whose chunk it was.

mod habits;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bookstate_domain::{AnyKey, BookId, BookState, Effect, Op, WriteOp};
use bookstate_store::{BookSync, Chunk, Limits, StoredBook, Target, TargetError};
use parking_lot::Mutex;

pub use habits::Reads;
use habits::{FOR_EVER, Habits, Reception};

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

/// Called after every chunk that was applied, with the number of the client that sent it.
pub type Observer = Box<dyn FnMut(u32, &BookId, &SimBook) + Send>;

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

impl SimCopy {
    /// The books in it.
    pub fn books(&self) -> impl Iterator<Item = &BookId> {
        self.0.keys()
    }
}

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
    /// As they were before their last chunk.
    before: BTreeMap<BookId, SimBook>,
    stalled: VecDeque<(usize, u32, Chunk)>,
    habits: Habits,
    in_flight: BTreeMap<u32, usize>,
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
    pub fn observe(&self, observer: impl FnMut(u32, &BookId, &SimBook) + Send + 'static) {
        self.inner.lock().observer = Some(Box::new(observer));
    }
    /// Refuses these documents, and no others, from now on.
    pub fn set_refused(&self, keys: impl IntoIterator<Item = AnyKey>) {
        self.inner.lock().habits.refused = keys.into_iter().collect();
    }
    /// Answers "unavailable" to a chunk with one of these documents, from now on: a defect that looks like an
    /// outage.
    pub fn set_choked(&self, keys: impl IntoIterator<Item = AnyKey>) {
        self.inner.lock().habits.choked = keys.into_iter().collect();
    }
    /// Never answers a chunk with one of these documents, from now on.
    pub fn set_silent(&self, keys: impl IntoIterator<Item = AnyKey>) {
        self.inner.lock().habits.silent = keys.into_iter().collect();
    }
    /// Never answers a chunk of more documents than this.
    pub fn hang_above(&self, documents: usize) {
        self.inner.lock().habits.hang_above = Some(documents);
    }
    /// Refuses every chunk with this text, or none any more: a node in trouble that nobody has seen yet.
    pub fn set_sick(&self, text: Option<&str>) {
        self.inner.lock().habits.sick = text.map(str::to_owned);
    }
    /// From now on so many percent of the chunks meet another writer's.
    pub fn set_conflicts(&self, percent: u32) {
        self.inner.lock().habits.conflicts = percent;
    }
    /// How reads are answered from now on.
    pub fn set_reads(&self, reads: Reads) {
        self.inner.lock().habits.reads = reads;
    }
    /// How long every read takes from now on.
    pub fn set_read_time(&self, time: Duration) {
        self.inner.lock().habits.read_takes = time;
    }
    /// Ends everything that is wrong with it; what was stalled stays on its way.
    pub fn recover(&self) {
        self.set_down(false);
        let mut inner = self.inner.lock();
        (inner.plan, inner.habits) = (None, Habits::default());
    }
    /// The target as this client reaches it. The target itself is client 0.
    #[must_use]
    pub fn client(self: &Arc<Self>, number: u32) -> SimClient {
        SimClient { target: self.clone(), number }
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
        while let Some((_, client, chunk)) = inner.stalled.pop_front() {
            // Nobody waits for the answer of a late request.
            drop(inner.apply(client, &chunk));
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
    fn apply(&mut self, client: u32, chunk: &Chunk) -> Result<(), TargetError> {
        let stored = self.books.get(&chunk.book_id);
        if stored.map(|book| book.sync.mark()) != chunk.expect {
            self.counters.mismatches += 1;
            return Err(TargetError::Mismatch);
        }
        if let Some(stray) = chunk.ops.iter().find(|op| op.book_id() != &chunk.book_id) {
            return Err(TargetError::Refused { reason: format!("{} is of another book", stray.key()) });
        }
        if let Some(refused) =
            chunk.ops.iter().map(WriteOp::key).find(|key| self.habits.refused.contains(key))
        {
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
            observer(client, &chunk.book_id, &book);
        }
        if let Some(before) = self.books.insert(chunk.book_id.clone(), book) {
            self.before.insert(chunk.book_id.clone(), before);
        }
        self.deliver_due();
        Ok(())
    }

    /// Stalled requests arrive once enough others have gone by.
    fn deliver_due(&mut self) {
        let applied = self.counters.applied;
        while self.stalled.front().is_some_and(|(due, ..)| *due <= applied) {
            if let Some((_, client, chunk)) = self.stalled.pop_front() {
                // Nobody waits for the answer of a late request.
                drop(self.apply(client, &chunk));
            }
        }
    }

    /// A book as a read finds it.
    fn read(&mut self, id: &BookId) -> Option<SimBook> {
        let books = if self.habits.is_stale() { &self.before } else { &self.books };
        books.get(id).cloned()
    }
}

struct IsPatch;

impl bookstate_domain::OpVisitor for IsPatch {
    type Out = bool;
    fn visit<D: bookstate_domain::Document>(self, op: &Op<D>) -> bool {
        matches!(op, Op::Update { .. })
    }
}

impl SimTarget {
    /// How a read begins.
    async fn reading(&self, whole: bool) -> Result<(), TargetError> {
        self.unavailable()?;
        let (reads, takes) = {
            let inner = self.inner.lock();
            (inner.habits.reads, inner.habits.read_takes)
        };
        if !takes.is_zero() {
            tokio::time::sleep(takes).await;
        }
        match reads {
            Reads::Silent => tokio::time::sleep(FOR_EVER).await,
            Reads::LoadsFail if whole => {
                return Err(TargetError::Unavailable { reason: "the book cannot be read".to_owned() });
            }
            Reads::Answered | Reads::LoadsFail | Reads::Stale => {}
        }
        self.unavailable()
    }

    async fn write(&self, client: u32, chunk: &Chunk) -> Result<(), TargetError> {
        self.unavailable()?;
        let _flight = Flight::begin(self, client);
        let fault = {
            let mut inner = self.inner.lock();
            let attempt = inner.counters.attempts;
            inner.counters.attempts += 1;
            let fields: usize = chunk.ops.iter().map(WriteOp::field_count).sum();
            let too_many = chunk.ops.len() > LIMITS.documents;
            if too_many || (fields > LIMITS.fields && chunk.ops.len() > 1) {
                inner.violations.push(format!("a chunk of {} documents, {fields} fields", chunk.ops.len()));
            }
            match inner.habits.receive(chunk) {
                Reception::Taken => inner.plan.as_mut().map_or(Fault::None, |plan| plan(attempt)),
                Reception::Error(error) => return Err(error),
                Reception::Silence => Fault::Slow(FOR_EVER),
            }
        };
        let lost = || TargetError::Ambiguous { reason: "connection reset".to_owned() };
        match fault {
            Fault::None => self.inner.lock().apply(client, chunk),
            Fault::Slow(time) => {
                tokio::time::sleep(time).await;
                self.unavailable()?;
                self.inner.lock().apply(client, chunk)
            }
            Fault::Unavailable => Err(TargetError::Unavailable { reason: "503".to_owned() }),
            Fault::LoseRequest => Err(lost()),
            Fault::LoseAnswer => {
                // Applied or refused: nobody will know.
                drop(self.inner.lock().apply(client, chunk));
                Err(lost())
            }
            Fault::Stall(chunks) => {
                let mut inner = self.inner.lock();
                let due = inner.counters.applied + chunks;
                inner.stalled.push_back((due, client, chunk.clone()));
                Err(lost())
            }
        }
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
        self.reading(false).await?;
        Ok(self.inner.lock().read(book_id).map(|book| book.sync))
    }

    async fn write_chunk(&self, chunk: &Chunk) -> Result<(), TargetError> {
        self.write(0, chunk).await
    }

    async fn load_book(&self, book_id: &BookId) -> Result<Option<StoredBook>, TargetError> {
        self.reading(true).await?;
        let book = self.inner.lock().read(book_id);
        Ok(book.map(|book| StoredBook { state: book.state, sync: book.sync }))
    }

    async fn list_books(&self) -> Result<Vec<(BookId, BookSync)>, TargetError> {
        self.reading(false).await?;
        Ok(self.inner.lock().books.iter().map(|(id, book)| (id.clone(), book.sync.clone())).collect())
    }
}

/// A simulated target as one of several data directories reaches it.
#[derive(Debug, Clone)]
pub struct SimClient {
    target: Arc<SimTarget>,
    number: u32,
}

#[async_trait]
impl Target for SimClient {
    fn limits(&self) -> Limits {
        self.target.limits()
    }
    async fn prepare(&self) -> Result<(), TargetError> {
        self.target.prepare().await
    }
    async fn book_sync(&self, book_id: &BookId) -> Result<Option<BookSync>, TargetError> {
        self.target.book_sync(book_id).await
    }
    async fn write_chunk(&self, chunk: &Chunk) -> Result<(), TargetError> {
        self.target.write(self.number, chunk).await
    }
    async fn load_book(&self, book_id: &BookId) -> Result<Option<StoredBook>, TargetError> {
        self.target.load_book(book_id).await
    }
    async fn list_books(&self) -> Result<Vec<(BookId, BookSync)>, TargetError> {
        self.target.list_books().await
    }
}

/// Counts a client's requests while they last, also when they are dropped.
struct Flight<'a>(&'a SimTarget, u32);

impl<'a> Flight<'a> {
    fn begin(target: &'a SimTarget, client: u32) -> Self {
        let mut inner = target.inner.lock();
        let flying = inner.in_flight.entry(client).or_default();
        *flying += 1;
        if *flying > 1 {
            inner.violations.push("two chunks of one client at once".to_owned());
        }
        Self(target, client)
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        if let Some(flying) = self.0.inner.lock().in_flight.get_mut(&self.1) {
            *flying -= 1;
        }
    }
}
