//! What an engine is: something that does one kind of unit. The traits of all of them.
//!
//! An engine gets a [`BookContext`] and answers with the arguments of a persist method; it persists nothing,
//! and it never sees the handle of a book. Its answer should depend on the context alone, so that a book that
//! was interrupted ends as one that was not. Futures are dropped when a job is cancelled: whatever an engine
//! awaits must be cancel safe. Work that keeps a processor busy belongs into [`blocking`].

use std::{
    any::Any,
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use bookstate_domain::{
    BookState, Chapter, Gap, MissingEntry, PatternAnalysis, Text, TocEntry,
    persist::{
        AgentRecord, AgentTrace, ChapterClassification, ChapterExtract, GapFix, LinkOutcome, MetadataResult,
        NewChapter, NewTocEntry, TocFound,
    },
};
use parking_lot::Mutex;

use bookstate_reading::source::Source;

/// Why an engine has no answer, by what should be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// It may work later: the pool tries again with backoff.
    #[error("{reason}")]
    Transient {
        /// What happened.
        reason: String,
    },
    /// The provider asks for a pause before the next request.
    #[error("{reason}")]
    RateLimited {
        /// What it said.
        reason: String,
        /// For how long.
        retry_after: Duration,
    },
    /// Its provider cannot be used now, whatever the input: no failure. The unit waits and uses up no attempt, and
    /// its job is stalled when nothing else of it goes on.
    #[error("{provider}: {reason}")]
    Held {
        /// The provider, for people.
        provider: String,
        /// Why, with the remedy.
        reason: String,
        /// When to ask again; `None`: a person has to do something.
        pause: Option<Duration>,
    },
    /// It will never work with this input.
    #[error("{reason}")]
    Permanent {
        /// Why not.
        reason: String,
    },
    /// The engine panicked: tried again as a unit, but not at once.
    #[error("the engine panicked: {message}")]
    Panicked {
        /// The panic's text.
        message: String,
    },
}

impl EngineError {
    /// A failure that may go away.
    pub fn transient(reason: impl fmt::Display) -> Self {
        Self::Transient { reason: reason.to_string() }
    }

    /// A failure that stays.
    pub fn permanent(reason: impl fmt::Display) -> Self {
        Self::Permanent { reason: reason.to_string() }
    }

    /// Whether it would fail again with the same input.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        matches!(self, Self::Permanent { .. })
    }

    /// For people.
    #[must_use]
    pub fn reason(&self) -> String {
        self.to_string()
    }

    /// A word for metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Transient { .. } => "transient",
            Self::RateLimited { .. } => "rate_limited",
            Self::Held { .. } => "held",
            Self::Permanent { .. } => "permanent",
            Self::Panicked { .. } => "panic",
        }
    }
}

/// What an answer cost. All zero for an engine that costs nothing.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Usage {
    /// The model that answered.
    pub model: Option<Text>,
    /// US dollars.
    pub cost_usd: Option<f64>,
    /// Tokens sent.
    pub prompt_tokens: Option<i32>,
    /// Tokens received.
    pub completion_tokens: Option<i32>,
}

impl Usage {
    /// Of two requests together; the model is the last one's.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        fn sum<T>(one: Option<T>, other: Option<T>, add: impl FnOnce(T, T) -> T) -> Option<T> {
            match (one, other) {
                (Some(one), Some(other)) => Some(add(one, other)),
                (one, other) => one.or(other),
            }
        }
        Self {
            model: later.model.or(self.model),
            cost_usd: sum(self.cost_usd, later.cost_usd, std::ops::Add::add),
            prompt_tokens: sum(self.prompt_tokens, later.prompt_tokens, i32::saturating_add),
            completion_tokens: sum(self.completion_tokens, later.completion_tokens, i32::saturating_add),
        }
    }
}

/// What a unit has cost so far. An engine that pays for what may fail later counts it here at once: so it is kept in
/// errors, in attempts that are made again, and when the result is dropped.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Mutex<Usage>>);

impl Meter {
    /// Something was paid for. What is counted here is not to be in the [`Answer`] again.
    pub fn add(&self, usage: Usage) {
        let mut sum = self.0.lock();
        *sum = std::mem::take(&mut *sum).and(usage);
    }

    /// The sum.
    #[must_use]
    pub fn total(&self) -> Usage {
        self.0.lock().clone()
    }
}

/// An engine's answer, and what it cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer<T> {
    /// The answer.
    pub value: T,
    /// Its cost.
    pub usage: Usage,
}

impl<T> Answer<T> {
    /// The same for another value.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Answer<U> {
        Answer { value: make(self.value), usage: self.usage }
    }
}

impl<T> From<T> for Answer<T> {
    /// An answer that cost nothing.
    fn from(value: T) -> Self {
        Self { value, usage: Usage::default() }
    }
}

/// What engines return.
pub type EngineResult<T> = Result<Answer<T>, EngineError>;

/// What came of a turn of work that may take several: each is a unit, so that what was said in one is stored before the
/// next one begins, and a process that dies repeats at most the request in flight.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn<T> {
    /// The result, without an agent.
    Done(T),
    /// The result of an agent, and what is to be known of it.
    Ended(T, AgentTrace),
    /// What the agent has said so far: the record of one more turn. Whatever it asked for is looked up in the next one.
    Continue(AgentRecord),
}

/// What a provider read on a page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OcrReading {
    /// The text; empty for a blank page.
    pub text: Text,
    /// How sure it is, 0 to 1; `None`: it does not doubt. With 0 and no text the page has something to read, and
    /// this engine cannot.
    pub confidence: Option<f64>,
    /// Running header.
    pub header: Option<Text>,
    /// Running footer.
    pub footer: Option<Text>,
}

type Slot = Arc<OnceLock<Arc<dyn Any + Send + Sync>>>;

/// What an engine has computed of a book and may want again: made once per job, dropped with it. Since a
/// reset is refused while a job is active, what was derived from settled documents stays right for the
/// whole job.
#[derive(Clone, Default)]
pub struct Memo(Arc<Mutex<HashMap<&'static str, Slot>>>);

impl Memo {
    /// The value under `name`; the first caller makes it, others that come meanwhile wait for it, so call it
    /// where blocking is allowed. A name must always be used with the same type.
    ///
    /// # Errors
    /// The name was used with another type.
    pub fn get_or_make<T: Send + Sync + 'static>(
        &self,
        name: &'static str,
        make: impl FnOnce() -> T,
    ) -> Result<Arc<T>, EngineError> {
        let slot = self.0.lock().entry(name).or_default().clone();
        let value = slot.get_or_init(|| Arc::new(make())).clone();
        value.downcast().map_err(|_| EngineError::permanent(format!("memo {name} holds another type")))
    }
}

impl fmt::Debug for Memo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.lock().keys()).finish()
    }
}

/// What engines see of a book. Cheap to clone.
#[derive(Debug, Clone)]
pub struct BookContext {
    /// The book as it was when the unit was dispatched.
    pub state: BookState,
    /// Its file.
    pub source: Source,
    /// Where the copy of its file is.
    pub file: Arc<Path>,
    /// The job's options, as JSON text.
    pub options: Option<Text>,
    /// What was computed of it before.
    pub memo: Memo,
    /// What the unit costs.
    pub meter: Meter,
}

/// Reads pages.
#[async_trait]
pub trait OcrEngine: Send + Sync + fmt::Debug {
    /// Reads one page, counted from 1. A page that is blank is an empty reading and no error.
    async fn read(&self, book: BookContext, page: u32) -> EngineResult<OcrReading>;

    /// Why it cannot work at all for now, with the remedy: a program that is not installed. May block.
    fn missing(&self) -> Option<String> {
        None
    }

    /// Whether a page that failed for this reason may be read when [`OcrEngine::missing`] has nothing to say any more.
    fn was_missing(&self, _reason: &str) -> bool {
        false
    }

    /// It reads only what the providers before it did not read well.
    fn is_fallback(&self) -> bool {
        false
    }
}

/// Finds title, authors and the like.
#[async_trait]
pub trait MetadataEngine: Send + Sync + fmt::Debug {
    /// Uses the first [`METADATA_PAGES`](crate::plan::METADATA_PAGES) pages, which are read to the end.
    async fn metadata(&self, book: BookContext) -> EngineResult<MetadataResult>;
}

/// Finds the table of contents.
#[async_trait]
pub trait TocFinder: Send + Sync + fmt::Debug {
    /// In how many of the first pages it looks; `None`: in all. Finder and extractor run when these are
    /// read to the end.
    fn pages(&self) -> Option<i32> {
        Some(crate::plan::FINDER_PAGES)
    }

    /// Looks at the pages that it named, and at no others: they may be read or not. `None`: there is no
    /// table of contents, which is a valid answer. An agent's state is that of
    /// [`AgentType::TocFinder`](bookstate_domain::AgentType::TocFinder), its subject `book`.
    async fn find(&self, book: BookContext) -> EngineResult<Turn<Option<TocFound>>>;
}

/// Reads the entries of the table of contents.
#[async_trait]
pub trait TocExtractor: Send + Sync + fmt::Debug {
    /// Reads the pages that the finder named, and no others.
    async fn extract(&self, book: BookContext) -> EngineResult<Vec<NewTocEntry>>;
}

/// Finds the page of an entry.
#[async_trait]
pub trait TocLinker: Send + Sync + fmt::Debug {
    /// Every page is read to the end, every printed entry there. What an agent has said so far is in the state, under
    /// [`AgentType::TocEntryFinder`](bookstate_domain::AgentType::TocEntryFinder).
    async fn link(&self, book: BookContext, entry: Arc<TocEntry>) -> EngineResult<Turn<LinkOutcome>>;
}

/// Finds which entries the printed table lacks.
#[async_trait]
pub trait PatternFinder: Send + Sync + fmt::Debug {
    /// Numbering patterns, and the entries that they imply.
    async fn patterns(&self, book: BookContext) -> EngineResult<PatternAnalysis>;
}

/// Finds where no entries are.
#[async_trait]
pub trait GapFinder: Send + Sync + fmt::Debug {
    /// The wide gaps between entries.
    async fn gaps(&self, book: BookContext) -> EngineResult<Vec<Gap>>;
}

/// What an entry that was looked for led to: its page and the title as it stands there, if it is anywhere.
pub type Discovered = Option<(i32, Text)>;

/// Finds an entry that the printed table lacks.
#[async_trait]
pub trait ChapterFinder: Send + Sync + fmt::Debug {
    /// Looks for one implied entry. An agent's state is that of
    /// [`AgentType::ChapterFinder`](bookstate_domain::AgentType::ChapterFinder).
    async fn discover(&self, book: BookContext, missing: MissingEntry) -> EngineResult<Turn<Discovered>>;

    /// Whether it may look for several at once. What one look finds the others then do not see; what two of them find counts
    /// once.
    fn looks_at_once(&self) -> bool {
        false
    }
}

/// Looks into a wide gap between two entries.
#[async_trait]
pub trait GapInvestigator: Send + Sync + fmt::Debug {
    /// What is to be done about it. An agent's state is that of
    /// [`AgentType::GapInvestigator`](bookstate_domain::AgentType::GapInvestigator).
    async fn gap(&self, book: BookContext, gap: Gap) -> EngineResult<Turn<GapFix>>;
}

/// Makes chapters.
#[async_trait]
pub trait StructureEngine: Send + Sync + fmt::Debug {
    /// Which chapters there are.
    async fn skeleton(&self, book: BookContext) -> EngineResult<Vec<NewChapter>>;
    /// The texts of `chapters`, every one of them.
    async fn texts(&self, book: BookContext, chapters: Vec<Chapter>) -> EngineResult<Vec<ChapterExtract>>;
    /// How many paragraphs the finished chapters have.
    async fn paragraphs(&self, book: BookContext) -> EngineResult<i32>;
}

/// Says which part of the book chapters belong to.
#[async_trait]
pub trait Classifier: Send + Sync + fmt::Debug {
    /// Every chapter's part of the book.
    async fn classify(&self, book: BookContext) -> EngineResult<Vec<ChapterClassification>>;
}

/// Edits chapters' texts.
#[async_trait]
pub trait Polisher: Send + Sync + fmt::Debug {
    /// The edited text of a chapter, and its words.
    async fn polish(&self, book: BookContext, chapter: Chapter) -> EngineResult<(Text, i32)>;
}

/// An engine for every stage behind the pages.
pub trait AnalysisEngine:
    MetadataEngine
    + TocFinder
    + TocExtractor
    + TocLinker
    + PatternFinder
    + ChapterFinder
    + GapFinder
    + GapInvestigator
    + StructureEngine
    + Classifier
    + Polisher
{
}

impl<T> AnalysisEngine for T where
    T: MetadataEngine
        + TocFinder
        + TocExtractor
        + TocLinker
        + PatternFinder
        + ChapterFinder
        + GapFinder
        + GapInvestigator
        + StructureEngine
        + Classifier
        + Polisher
{
}

/// Runs work that keeps a processor busy where it does not hold up the runtime. A panic goes on in the
/// caller.
///
/// Dropping the future does not stop the work, only its result is lost. When the runtime shuts down before
/// the work has begun the future never resolves: that is no failure, and must not be stored as one.
///
/// # Errors
/// What `work` returns.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => std::future::pending().await,
        },
    }
}
