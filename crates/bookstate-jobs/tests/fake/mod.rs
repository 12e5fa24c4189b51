//! Engines that do as they are told, and a real library in a temporary directory.

#![allow(dead_code, reason = "each test file uses a part")]
#![allow(unreachable_pub, reason = "a module of several test binaries")]

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bookstate_domain::{
    BookId, BookState, Chapter, ChapterSubject, Engines, EntryIdent, Gap, MatterType, MissingEntry,
    PatternAnalysis, Priority, Text, TocEntry, Variant, WriteOp,
    persist::{
        ChapterClassification, ChapterExtract, GapFix, LinkOutcome, MetadataResult, NewChapter, NewTocEntry,
        TocFound,
    },
};
use bookstate_jobs::{
    JobReport, JobRequest, RunningJob, Scheduler, SchedulerConfig, Started, UnitLog,
    engine::{
        BookContext, ChapterFinder, Classifier, Discovered, EngineError, EngineResult, GapFinder,
        GapInvestigator, MetadataEngine, OcrEngine, OcrReading, PatternFinder, Polisher, StructureEngine,
        TocExtractor, TocFinder, TocLinker, Turn,
    },
    engines::{EngineCatalog, EngineSpec},
    ingest,
    pool::{LOCAL_POOL, PoolConfig, RetryPolicy},
};
use bookstate_store::{Library, LibraryConfig};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// What an engine does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trick {
    Transient,
    Permanent,
    Panic,
    /// Names a page that does not exist.
    Impossible,
    /// Never answers.
    Hang,
}

/// The engine of every stage.
#[derive(Debug, Default)]
pub struct Fake {
    tricks: Mutex<HashMap<String, VecDeque<Trick>>>,
    calls: Mutex<BTreeMap<String, usize>>,
    count: AtomicUsize,
    /// From this call on nothing is answered any more.
    dies_at: Mutex<Option<usize>>,
    pub told: Notify,
}

impl Fake {
    pub fn trick(&self, unit: &str, tricks: &[Trick]) {
        self.tricks.lock().insert(unit.to_owned(), tricks.iter().copied().collect());
    }

    pub fn die_at(&self, call: usize) {
        *self.dies_at.lock() = Some(call);
    }

    pub fn calls(&self, unit: &str) -> usize {
        self.calls.lock().get(unit).copied().unwrap_or(0)
    }

    pub fn all_calls(&self) -> BTreeMap<String, usize> {
        self.calls.lock().clone()
    }

    async fn act(&self, unit: &str) -> Result<bool, EngineError> {
        *self.calls.lock().entry(unit.to_owned()).or_default() += 1;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let dead = self.dies_at.lock().is_some_and(|at| number >= at);
        let trick = self.tricks.lock().get_mut(unit).and_then(VecDeque::pop_front);
        self.told.notify_one();
        match trick.or(dead.then_some(Trick::Hang)) {
            Some(Trick::Hang) => std::future::pending().await,
            Some(Trick::Transient) => Err(EngineError::transient(format!("{unit} is busy"))),
            Some(Trick::Permanent) => Err(EngineError::permanent(format!("{unit} cannot be done"))),
            Some(Trick::Panic) => panic!("{unit} made me panic"),
            Some(Trick::Impossible) => Ok(true),
            None => {
                tokio::task::yield_now().await;
                Ok(false)
            }
        }
    }

    /// Waits until a unit was begun.
    pub async fn begun(&self, unit: &str) {
        while self.calls(unit) == 0 {
            self.told.notified().await;
        }
    }

    /// Waits until so many calls were made in all.
    pub async fn called(&self, times: usize) {
        while self.count.load(Ordering::Relaxed) < times {
            self.told.notified().await;
        }
    }
}

#[derive(Debug, Clone)]
pub struct FakeEngine(pub Arc<Fake>);

#[async_trait]
impl OcrEngine for FakeEngine {
    async fn read(&self, book: BookContext, page: u32) -> EngineResult<OcrReading> {
        self.0.act(&format!("ocr:{page}")).await?;
        let text = book.source.page_text(page).map_err(EngineError::permanent)?.text;
        Ok(OcrReading { text: text.into(), ..OcrReading::default() }.into())
    }
}

#[async_trait]
impl MetadataEngine for FakeEngine {
    async fn metadata(&self, _: BookContext) -> EngineResult<MetadataResult> {
        let impossible = self.0.act("metadata").await?;
        let title = Some("A Title".into());
        Ok(MetadataResult { title, cover_page: impossible.then_some(9000), ..MetadataResult::default() }
            .into())
    }
}

#[async_trait]
impl TocFinder for FakeEngine {
    async fn find(&self, _: BookContext) -> EngineResult<Turn<Option<TocFound>>> {
        self.0.act("toc_finder").await?;
        Ok(Turn::Done(Some(TocFound { start_page: 1, end_page: 1, ..TocFound::default() })).into())
    }
}

#[async_trait]
impl TocExtractor for FakeEngine {
    async fn extract(&self, _: BookContext) -> EngineResult<Vec<NewTocEntry>> {
        self.0.act("toc_extract").await?;
        let entry = |n: i32| NewTocEntry {
            entry_number: Some(n.to_string().into()),
            title: format!("Entry {n}").into(),
            level: 1,
            ..NewTocEntry::default()
        };
        Ok((1..=4).map(entry).collect::<Vec<_>>().into())
    }
}

#[async_trait]
impl TocLinker for FakeEngine {
    async fn link(&self, _: BookContext, entry: Arc<TocEntry>) -> EngineResult<Turn<LinkOutcome>> {
        let impossible = self.0.act(&format!("toc_link:{}", entry.ident)).await?;
        let EntryIdent::Ordinal(n) = entry.ident else { return Err(EngineError::permanent("not printed")) };
        let page = if impossible { 9000 } else { i32::try_from(n).unwrap() + 2 };
        Ok(Turn::Done(LinkOutcome::Linked { page, reason: None }).into())
    }
}

#[async_trait]
impl PatternFinder for FakeEngine {
    async fn patterns(&self, _: BookContext) -> EngineResult<PatternAnalysis> {
        self.0.act("pattern").await?;
        let missing =
            |n: i32| MissingEntry { identifier: n.to_string().into(), level: 1, ..MissingEntry::default() };
        Ok(PatternAnalysis { entries_to_find: vec![missing(5), missing(6)], ..PatternAnalysis::default() }
            .into())
    }
}

#[async_trait]
impl GapFinder for FakeEngine {
    async fn gaps(&self, _: BookContext) -> EngineResult<Vec<Gap>> {
        self.0.act("gaps").await?;
        Ok(vec![Gap { key: "7-8".into(), from_page: 7, to_page: 8 }].into())
    }
}

#[async_trait]
impl ChapterFinder for FakeEngine {
    async fn discover(&self, _: BookContext, missing: MissingEntry) -> EngineResult<Turn<Discovered>> {
        self.0.act(&format!("discover:{}", missing.subject())).await?;
        Ok(Turn::Done(Some((7, "Entry 5".into())).filter(|_| &*missing.identifier == "5")).into())
    }
}

#[async_trait]
impl GapInvestigator for FakeEngine {
    async fn gap(&self, _: BookContext, gap: Gap) -> EngineResult<Turn<GapFix>> {
        self.0.act(&format!("gap:{}", gap.key)).await?;
        let fix = GapFix::Add { title: "Entry 6".into(), entry_number: None, level: 1, page: 8 };
        Ok(Turn::Done(fix).into())
    }
}

#[async_trait]
impl StructureEngine for FakeEngine {
    async fn skeleton(&self, book: BookContext) -> EngineResult<Vec<NewChapter>> {
        self.0.act("skeleton").await?;
        let entries = book.state.ordered_entries();
        let linked = entries.iter().filter_map(|entry| Some((entry, entry.actual_page?)));
        let chapters = linked.zip(1i32..).map(|((entry, page), place)| NewChapter {
            subject: ChapterSubject::Entry(entry.ident.clone()),
            entry_id: format!("ch_{place:03}").into(),
            sort_order: place,
            title: entry.title.clone(),
            level: 1,
            level_name: None,
            entry_number: None,
            start_page: page,
            end_page: page,
            parent_id: None,
            source: None,
        });
        Ok(chapters.collect::<Vec<_>>().into())
    }

    async fn texts(&self, book: BookContext, chapters: Vec<Chapter>) -> EngineResult<Vec<ChapterExtract>> {
        let impossible = self.0.act("chapter_text").await?;
        let extract = |chapter: Chapter| {
            let text = book.state.page(chapter.start_page).and_then(|p| p.ocr_markdown.clone());
            ChapterExtract::plain(chapter.subject, text.unwrap_or_default(), 3)
        };
        // An impossible answer leaves a chapter out.
        Ok(chapters.into_iter().skip(usize::from(impossible)).map(extract).collect::<Vec<_>>().into())
    }

    async fn paragraphs(&self, book: BookContext) -> EngineResult<i32> {
        self.0.act("finish_structure").await?;
        Ok(i32::try_from(book.state.chapters().size()).unwrap().into())
    }
}

#[async_trait]
impl Classifier for FakeEngine {
    async fn classify(&self, book: BookContext) -> EngineResult<Vec<ChapterClassification>> {
        self.0.act("classify").await?;
        let classified = |chapter: &Arc<Chapter>| ChapterClassification {
            subject: chapter.subject.clone(),
            matter_type: MatterType::Body,
            content_type: Some("chapter".into()),
            classification_reasoning: None,
            audio_include: true,
            audio_include_reasoning: None,
        };
        Ok(book.state.chapters().values().map(classified).collect::<Vec<_>>().into())
    }
}

#[async_trait]
impl Polisher for FakeEngine {
    async fn polish(&self, _: BookContext, chapter: Chapter) -> EngineResult<(Text, i32)> {
        self.0.act(&format!("polish:{}", chapter.subject)).await?;
        let text = format!("{}!", chapter.mechanical_text.unwrap_or_default());
        Ok((text.into(), 3).into())
    }
}

/// How many units a book of [`PAGES`] pages takes.
pub const UNITS: usize = 3 * PAGES + 3 + 4 + (1 + 2 + 1 + 1) + (1 + 1 + 1 + 6 + 1);
pub const PAGES: usize = 12;

/// A data directory, a book's file beside it, and engines.
pub struct Bench {
    pub dir: tempfile::TempDir,
    pub fake: Arc<Fake>,
    pub metered: bool,
    pub log: PathBuf,
}

impl Bench {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("units.jsonl");
        Self { dir, fake: Arc::default(), metered: false, log }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub fn book_file(&self, name: &str) -> PathBuf {
        let pages: Vec<String> = (1..=PAGES).map(|n| format!("{name}, page {n}.")).collect();
        let path = self.dir.path().join(format!("{name}.txt"));
        std::fs::write(&path, pages.join("\u{c}")).unwrap();
        path
    }

    pub fn library(&self) -> Library {
        Library::open(LibraryConfig::new(self.data_dir())).unwrap().0
    }

    pub fn catalog(&self) -> EngineCatalog {
        let engine = FakeEngine(self.fake.clone());
        let spec = EngineSpec { pool: "fake".into(), metered: self.metered };
        EngineCatalog::new().with_ocr("fake-ocr", spec.clone(), Arc::new(engine.clone())).with_analysis(
            "fake",
            spec,
            Arc::new(engine),
        )
    }

    pub fn config(&self) -> SchedulerConfig {
        let retry =
            RetryPolicy { attempts: 3, base: Duration::from_millis(1), cap: Duration::from_millis(2) };
        let pool = |name: &str| PoolConfig { concurrency: 3, retry, ..PoolConfig::new(name) };
        SchedulerConfig {
            pools: vec![pool(LOCAL_POOL), pool("fake")],
            unit_log: Some(Arc::new(UnitLog::open(&self.log).unwrap())),
            stall_retry: Duration::from_millis(5),
            min_free_bytes: 0,
            pause_grace: Duration::from_millis(200),
            ..SchedulerConfig::default()
        }
    }

    pub fn scheduler(&self, library: &Library) -> Scheduler {
        Scheduler::new(library.clone(), self.catalog(), self.config())
    }

    /// Takes a book in and starts it.
    pub async fn start(&self, library: &Library, scheduler: &Scheduler) -> RunningJob {
        let book = ingest(library, &self.book_file("book")).await.unwrap();
        running(scheduler.start(&book.book_id, request()).await.unwrap())
    }

    /// Takes a book in and runs it to the end.
    pub async fn run(&self) -> (Library, JobReport) {
        let library = self.library();
        let report = self.start(&library, &self.scheduler(&library)).await.wait().await;
        (library, report)
    }
}

pub fn request() -> JobRequest {
    JobRequest {
        variant: Variant::Standard,
        engines: Engines { ocr: vec!["fake-ocr".into()], analysis: "fake".into() },
        options: None,
        reset: None,
        priority: Priority::Bulk,
    }
}

pub fn running(started: Started) -> RunningJob {
    match started {
        Started::Running(job) => job,
        Started::NothingToDo { snapshot, .. } => {
            panic!("there is nothing to do: {:?}", snapshot.state.book())
        }
    }
}

pub fn state(library: &Library, id: &BookId) -> BookState {
    library.active(id).unwrap().state.clone()
}

/// The book without what differs from run to run: times, seqs, jobs, metrics.
pub fn canonical(state: &BookState) -> Vec<String> {
    let documents = state.documents().filter(|op| !matches!(op, WriteOp::Job(_) | WriteOp::Metric(_)));
    let mut lines: Vec<String> = documents
        .map(|op| {
            let mut value = serde_json::to_value(&op).unwrap();
            strip(&mut value);
            value.to_string()
        })
        .collect();
    lines.sort();
    lines
}

fn strip(value: &mut serde_json::Value) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|name, _| !["created_at", "created_seq", "updated_at"].contains(&name.as_str()));
        object.values_mut().for_each(strip);
    }
}

/// The unit log: each line's event and unit, in order.
pub fn unit_events(log: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(log).unwrap();
    let line = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        (value["event"].as_str().unwrap().to_owned(), value["unit"].as_str().unwrap().to_owned())
    };
    // The last line may be being written.
    text.split_inclusive('\n').filter(|text| text.ends_with('\n')).map(line).collect()
}

/// No unit begins after its result was persisted.
pub fn assert_nothing_ran_twice(log: &Path) {
    let mut persisted = std::collections::HashSet::new();
    for (event, unit) in unit_events(log) {
        match event.as_str() {
            "run" => assert!(!persisted.contains(&unit), "{unit} ran again after it was persisted"),
            "persisted" => assert!(persisted.insert(unit.clone()), "{unit} was persisted twice"),
            _ => {}
        }
    }
}
