//! How far a book is, and how the server is.

use std::collections::BTreeMap;

use bookstate_domain::{AgentType, BookState, BookStatus, Text};
use bookstate_store::journal::{JournalHealth, JournalState as StoreJournalState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    agents::{AgentRow, Agents},
    book::{Operation, Stage},
    jobs::{BookJob, JobRow},
    metrics::{Metrics, StageMetrics},
    providers::ProviderRow,
    targets::TargetRow,
    words::optional_word,
};
use crate::view::Completeness;

/// How far a book is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BookStatusLine {
    /// The book's id.
    pub book_id: String,
    /// Title.
    #[schema(value_type = Option<String>)]
    pub title: Option<Text>,
    /// Where it stands.
    #[schema(schema_with = optional_word::<BookStatus>)]
    pub status: Option<BookStatus>,
    /// Why it stands there.
    #[schema(value_type = Option<String>)]
    pub status_reason: Option<Text>,
    /// Its latest job.
    pub job: Option<BookJob>,
    /// Nothing more will happen.
    pub settled: bool,
    /// The stages of the latest job.
    pub stages: Vec<Stage>,
    /// What failed on the way.
    pub problems: Vec<String>,
}

impl BookStatusLine {
    /// How far a book is.
    #[must_use]
    pub fn of(state: &BookState) -> Self {
        let Completeness { stages, settled, problems, .. } = Completeness::of(state);
        let book = state.book();
        Self {
            book_id: state.book_id().to_string(),
            title: book.and_then(|book| book.title.clone()),
            status: book.and_then(|book| book.status),
            status_reason: book.and_then(|book| book.status_reason.clone()),
            job: state.latest_job().map(|job| BookJob::of(job)),
            settled,
            stages,
            problems,
        }
    }
}

/// How far a book is, with every stage in detail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BookDetailedStatus {
    /// The totals.
    #[serde(flatten)]
    pub line: BookStatusLine,
    /// How many pages the source has.
    pub page_count: i32,
    /// Pages read, per OCR provider.
    pub ocr_pages: BTreeMap<String, usize>,
    /// Pages that were given up.
    pub pages_failed: usize,
    /// The book-wide operations.
    pub operations: Vec<Operation>,
    /// Whether there is a table of contents.
    pub toc_found: bool,
    /// Its entries.
    pub toc_entries: usize,
    /// Of these, those with a page.
    pub toc_entries_linked: usize,
    /// The phase of finalize.
    pub finalize_phase: Option<String>,
    /// The phase of structure.
    pub structure_phase: Option<String>,
    /// Chapters.
    pub chapters: usize,
    /// Of these, those with text.
    pub chapters_extracted: usize,
    /// Of these, those with edited text.
    pub chapters_polished: usize,
    /// Agents, per type.
    pub agents: BTreeMap<String, usize>,
    /// Agents that are not done.
    pub agents_at_work: Vec<AgentRow>,
    /// Cost and time, per stage.
    pub costs: Vec<StageMetrics>,
    /// Cost in US dollars.
    pub cost_usd: f64,
}

impl BookDetailedStatus {
    /// How far a book is, in detail.
    #[must_use]
    pub fn of(state: &BookState) -> Self {
        let mut ocr_pages = BTreeMap::new();
        for result in state.ocr_results().values() {
            *ocr_pages.entry(result.provider.to_string()).or_default() += 1;
        }
        let all = Agents::of(state).agents;
        let of_type = |agent: &AgentType| all.iter().filter(|row| row.agent_type == *agent).count();
        let agents = AgentType::ALL.iter().map(|agent| (agent.to_string(), of_type(agent)));
        let entries = state.toc_entries();
        let chapters = state.chapters();
        let metrics = Metrics::of(state);
        Self {
            line: BookStatusLine::of(state),
            page_count: state.book().map_or(0, |book| book.page_count),
            ocr_pages,
            pages_failed: state.pages().values().filter(|page| page.ocr_failed).count(),
            operations: Operation::all(state),
            toc_found: state.toc().is_some_and(|toc| toc.toc_found),
            toc_entries: entries.size(),
            toc_entries_linked: entries.values().filter(|entry| entry.actual_page.is_some()).count(),
            finalize_phase: state.toc().and_then(|toc| toc.finalize_phase).map(|phase| phase.to_string()),
            structure_phase: state.book().and_then(|book| book.structure_phase).map(|p| p.to_string()),
            chapters: chapters.size(),
            chapters_extracted: chapters.values().filter(|chapter| chapter.extract_complete).count(),
            chapters_polished: chapters.values().filter(|chapter| chapter.polish_complete).count(),
            agents: agents.collect(),
            agents_at_work: all.iter().filter(|agent| !agent.complete).cloned().collect(),
            cost_usd: metrics.cost_usd,
            costs: metrics.stages,
        }
    }
}

/// Whether the journal accepts commits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JournalState {
    /// It does.
    Ok,
    /// The last one found no space; each is tried anew.
    Full,
    /// It never will again: look at the disk, then start the server again.
    Poisoned,
}

/// The journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Journal {
    /// Whether it accepts commits.
    pub state: JournalState,
    /// Its bytes on the disk.
    pub bytes: u64,
    /// Its segments.
    pub segments: u64,
    /// Commits since the start.
    pub records: u64,
    /// Syncs to the disk since the start.
    pub fsyncs: u64,
    /// How long the last of them took.
    pub last_fsync_micros: u64,
    /// Commits refused for want of space since the start.
    pub refused_full: u64,
}

impl Journal {
    pub(crate) fn of(health: &JournalHealth) -> Self {
        let state = match &health.state {
            StoreJournalState::Ok => JournalState::Ok,
            StoreJournalState::Full => JournalState::Full,
            _ => JournalState::Poisoned,
        };
        Self {
            state,
            bytes: health.bytes,
            segments: health.segments,
            records: health.records,
            fsyncs: health.fsyncs,
            last_fsync_micros: health.last_fsync_micros,
            refused_full: health.refused_full,
        }
    }
}

/// The local store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LocalStore {
    /// Its bytes on the disk.
    pub bytes: u64,
    /// Books in it.
    pub books: usize,
    /// Bytes left on its disk; null when the system does not tell.
    pub free_bytes: Option<u64>,
}

/// The process that answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Process {
    /// Its process id.
    pub pid: u32,
    /// The version of bookstate.
    pub version: String,
    /// Differs from start to start: the first part of ETags and event ids.
    pub epoch: String,
    /// When it started.
    #[schema(format = DateTime)]
    pub started_at: String,
    /// Seconds since it started.
    pub uptime_seconds: f64,
}

/// How the server is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// The process.
    pub process: Process,
    /// The journal.
    pub journal: Journal,
    /// The local store.
    pub local_store: LocalStore,
    /// The targets, the local store among them.
    pub targets: Vec<TargetRow>,
    /// Jobs that run.
    pub jobs: Vec<JobRow>,
    /// The providers of models that stages name.
    #[serde(default)]
    pub providers: Vec<ProviderRow>,
    /// What a person should look at.
    pub warnings: Vec<String>,
}
