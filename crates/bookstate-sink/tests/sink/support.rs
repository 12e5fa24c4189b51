//! A world for sink tests: a real library in a temporary directory, a simulated target, and an oracle that
//! knows the book as it was after each commit.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bookstate_domain::{
    AnyKey, BookId, BookState, Document, KeyVisitor, Op, Page, PageKey, PagePatch, Seq, Text, Toc, TocKey,
    TocPatch, WriteOp,
};
use bookstate_sink::{
    DrainReport, Pace, Reached, RemoteTarget, Sink, SinkConfig, TargetStatus,
    sim::{SimBook, SimTarget},
};
use bookstate_store::{BookHandle, Library, LibraryConfig, TargetName};
use parking_lot::Mutex;
use tempfile::TempDir;

/// The book after each commit, and what did not agree with it.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    pub(crate) states: BTreeMap<Seq, BookState>,
    pub(crate) disagreements: Vec<String>,
}

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) target: Arc<SimTarget>,
    pub(crate) name: TargetName,
    pub(crate) book: BookId,
    pub(crate) oracle: Arc<Mutex<Oracle>>,
    pub(crate) seed: u64,
    running: Option<Running>,
    pub(crate) commits: usize,
    pub(crate) ops: usize,
}

struct Running {
    handle: Option<BookHandle>,
    sink: Sink,
    library: Library,
}

/// Fast enough for a test, slow enough that batches form.
pub(crate) fn pace() -> Pace {
    Pace {
        linger: Duration::from_millis(5),
        timeout: Duration::from_secs(5),
        first_pause: Duration::from_millis(10),
        longest_pause: Duration::from_millis(200),
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let oracle = Arc::new(Mutex::new(Oracle::default()));
        let mut world = Self {
            dir: tempfile::tempdir().unwrap(),
            target: Arc::new(SimTarget::new()),
            name: "sim".parse().unwrap(),
            book: BookId::new("b").unwrap(),
            oracle,
            seed,
            running: None,
            commits: 0,
            ops: 0,
        };
        world.watch();
        world.start();
        world
    }

    /// Whenever the target says that it is at S, it must be the book as it was at S, parked documents aside.
    fn watch(&self) {
        let (oracle, id) = (self.oracle.clone(), self.book.clone());
        self.target.observe(move |_, of, book: &SimBook| {
            if *of != id || book.sync.persisting_seq != book.sync.persisted_seq {
                return;
            }
            let mut oracle = oracle.lock();
            let Some(expected) = oracle.states.get(&book.sync.persisted_seq) else { return };
            let theirs = without(book.state.clone(), &book.sync.parked);
            let ours = without(expected.clone(), &book.sync.parked);
            if theirs != ours {
                let differences = bookstate_sink::compare(&ours, Some(&theirs));
                let text = format!("at seq {}: {differences:?}", book.sync.persisted_seq);
                oracle.disagreements.push(text);
            }
        });
    }

    pub(crate) fn start(&mut self) {
        self.start_without_the_book();
        self.open_the_book();
    }

    pub(crate) fn start_without_the_book(&mut self) {
        // Small segments, so that there are some to be deleted.
        let config = LibraryConfig { segment_bytes: 4 << 10, ..LibraryConfig::new(self.dir.path()) };
        let (library, _) = Library::open(config).unwrap();
        self.seed = self.seed.wrapping_add(1);
        let config = SinkConfig { local: pace(), seed: self.seed };
        let remote = RemoteTarget { name: self.name.clone(), target: self.target.clone(), pace: pace() };
        let sink = Sink::start(&library, vec![remote], &config);
        self.running = Some(Running { handle: None, sink, library });
    }

    pub(crate) fn open_the_book(&mut self) {
        let running = self.running.as_mut().unwrap();
        let handle = running.library.open_book(&self.book, "test");
        let handle = handle.or_else(|_| running.library.create_book(&self.book, "test")).unwrap();
        let (seq, state) = (handle.snapshot().seq, handle.snapshot().state.clone());
        running.handle = Some(handle);
        // What comes back from a target may be a book in flux: from now on it is what the book is.
        self.oracle.lock().states.insert(seq, state);
    }

    fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    pub(crate) fn library(&self) -> &Library {
        &self.running().library
    }

    pub(crate) fn sink(&self) -> &Sink {
        &self.running().sink
    }

    fn handle(&self) -> &BookHandle {
        self.running().handle.as_ref().unwrap()
    }

    pub(crate) fn state(&self) -> BookState {
        self.handle().snapshot().state.clone()
    }

    pub(crate) fn seq(&self) -> Seq {
        self.handle().snapshot().seq
    }

    /// As if the machine had been lost: another, empty data directory.
    pub(crate) async fn lose_the_directory(&mut self) {
        self.kill();
        self.wait_for_the_lock().await;
        self.dir = tempfile::tempdir().unwrap();
        // Seqs of another directory's commits say nothing about this one's.
        self.oracle.lock().states.clear();
        self.start_without_the_book();
    }

    /// One commit of these changes.
    pub(crate) fn commit(&mut self, changes: &[Change]) {
        let book = self.book.clone();
        let receipt = self
            .handle()
            .commit(|_, at| Ok(changes.iter().map(|change| change.op(&book, at)).collect()))
            .unwrap();
        self.commits += 1;
        self.ops += changes.len();
        self.remember(receipt.seq);
    }

    /// The oracle learns the present state.
    pub(crate) fn remember(&self, seq: Seq) {
        self.oracle.lock().states.insert(seq, self.state());
    }

    /// Nobody writes the book any more.
    pub(crate) fn close_the_book(&mut self) {
        self.running.as_mut().unwrap().handle = None;
    }

    /// The end of a process that has some time left.
    pub(crate) async fn drain(&mut self, deadline: Duration) -> DrainReport {
        let running = self.running.take().unwrap();
        drop(running.handle);
        running.sink.drain(deadline).await
    }

    /// As if the process had been killed: nothing is drained, nothing is closed.
    pub(crate) fn kill(&mut self) {
        let running = self.running.take().unwrap();
        drop(running.sink);
        drop(running.handle);
        drop(running.library);
    }

    pub(crate) async fn kill_and_restart(&mut self) {
        self.kill();
        // The aborted tasks hold the library until they have been dropped by the runtime.
        self.wait_for_the_lock().await;
        self.start();
    }

    pub(crate) async fn wait_for_the_lock(&self) {
        loop {
            match bookstate_store::fs::DataDirLock::acquire(self.dir.path()) {
                Ok(_) => return,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    }

    /// Waits until the target has everything; panics when it does not come to that.
    pub(crate) async fn settle(&self) {
        for _ in 0..10_000 {
            let reached = self.sink().barrier().await;
            if reached.iter().all(|(_, reached)| *reached == Reached::All) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never settled: {:?}", self.sink().status());
    }

    pub(crate) fn status(&self) -> TargetStatus {
        self.sink().status().into_iter().find(|status| status.name == self.name).unwrap()
    }

    /// The laws that hold at the end of every story.
    pub(crate) async fn check_the_end(&self) {
        self.settle().await;
        let book = self.target.book(&self.book).unwrap();
        let differences = bookstate_sink::compare(&self.state(), Some(&book.state));
        assert!(differences.is_empty(), "the target differs: {differences:?}");
        assert_eq!(book.sync.parked, vec![], "nothing is parked");
        assert_eq!(self.target.violations(), Vec::<String>::new());
        assert_eq!(self.oracle.lock().disagreements, Vec::<String>::new());
        let local = self.library().local_store().load_book(&self.book).unwrap().unwrap();
        assert_eq!(local.state, self.state(), "the local store differs");
        for (key, (created, deleted)) in &book.lives {
            let alive = usize::from(book.state.has(key));
            assert_eq!(*created, deleted + alive, "{key} was created {created} times, deleted {deleted}");
        }
    }
}

/// A book without these documents.
pub(crate) fn without(mut state: BookState, keys: &[AnyKey]) -> BookState {
    for key in keys {
        state.apply(&key.visit(Deletion));
    }
    state
}

struct Deletion;

impl KeyVisitor for Deletion {
    type Out = WriteOp;
    fn visit<D: Document>(self, key: &D::Key) -> WriteOp {
        D::write_op(Op::Delete { key: key.clone() })
    }
}

/// A small change of a small book: enough for every kind of op, and for collisions.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    PutPage { page: i32, text: String, footer: bool },
    PatchPage { page: i32, text: Option<String>, complete: bool },
    DeletePage { page: i32 },
    PutToc { found: bool },
    PatchToc { start: i32, complete: bool },
    DeleteToc,
}

pub(crate) fn page_key(book: &BookId, page_num: i32) -> PageKey {
    PageKey { book_id: book.clone(), page_num }
}

impl Change {
    pub(crate) fn op(&self, book: &BookId, at: &bookstate_domain::At) -> WriteOp {
        let text = |text: &str| Some(Text::from(text));
        let toc = || TocKey { book_id: book.clone() };
        match self {
            Self::PutPage { page, text: t, footer } => {
                let mut document = page_key(book, *page).document(at);
                document.ocr_markdown = text(t);
                document.footer = footer.then(|| "foot".into());
                Op::Upsert(Arc::new(document)).into()
            }
            Self::PatchPage { page, text: t, complete } => {
                let patch = PagePatch {
                    ocr_markdown: Some(t.as_deref().map(Text::from)),
                    ocr_complete: Some(*complete),
                    ..PagePatch::default()
                };
                Op::<Page>::Update { key: page_key(book, *page), patch: Box::new(patch) }.into()
            }
            Self::DeletePage { page } => Op::<Page>::Delete { key: page_key(book, *page) }.into(),
            Self::PutToc { found } => {
                let mut document: Toc = toc().document(at);
                document.toc_found = *found;
                Op::Upsert(Arc::new(document)).into()
            }
            Self::PatchToc { start, complete } => {
                let patch = TocPatch {
                    start_page: Some(Some(*start)),
                    finder_complete: Some(*complete),
                    ..TocPatch::default()
                };
                Op::<Toc>::Update { key: toc(), patch: Box::new(patch) }.into()
            }
            Self::DeleteToc => Op::<Toc>::Delete { key: toc() }.into(),
        }
    }
}

/// A page with some text.
pub(crate) fn put(page: i32, text: &str) -> Change {
    Change::PutPage { page, text: text.to_owned(), footer: false }
}

/// The key of a page, of any collection.
pub(crate) fn any_page(book: &BookId, page: i32) -> AnyKey {
    Page::any_key(page_key(book, page))
}
