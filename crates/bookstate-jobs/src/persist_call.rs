//! A persist call as a value, so that it can be made again when the journal's disk was full.
//!
//! The domain's persist methods take their arguments by value; the actor keeps a result until it is accepted.
//! Copies are cheap: large texts are shared.

use bookstate_domain::{
    AgentType, At, BookState, EntryIdent, Gap, Heading, JobId, JobStatus, Misuse, Operation, OperationEvent,
    Ops, PatternAnalysis, Provider, StructurePhase, Text,
    persist::{
        AgentRecord, AgentTrace, ChapterClassification, ChapterExtract, ChapterPolish, Discovery, GapFix,
        LinkOutcome, MetadataResult, NewChapter, NewTocEntry, PageReading, TocFound, UnitMetric,
    },
};

/// A call of one of the domain's persist methods, with its arguments.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is the method of its name, each field one of its arguments")]
pub enum PersistCall {
    /// Several calls in one commit, each on the state that those before it leave.
    Together(Vec<PersistCall>),
    NewAgentState(Box<AgentRecord>),
    AgentEnded(AgentType, Text, AgentTrace),
    AgentRemoved(AgentType, Text),
    OpState(Operation, OperationEvent),
    PageExtract(i32),
    OcrResult(PageReading, Vec<Provider>),
    OcrMarkdown {
        page: i32,
        markdown: Text,
        headings: Vec<Heading>,
    },
    PageFailure {
        page: i32,
        provider: Option<Provider>,
        reason: Text,
        for_good: bool,
    },
    MetadataResult(Box<MetadataResult>),
    TocFinderResult(TocFound),
    TocFinderNoResult,
    TocEntries(Vec<NewTocEntry>),
    TocEntryResult(EntryIdent, LinkOutcome),
    PatternAnalysis(PatternAnalysis),
    DiscoveredEntry(Discovery),
    LookFailed(AgentType, Text, Text),
    FoundAgain(Vec<EntryIdent>),
    Gaps(Vec<Gap>),
    GapFix(Gap, GapFix),
    EntryOrder,
    ChapterSkeleton(Vec<NewChapter>),
    ChapterExtracts(Vec<ChapterExtract>),
    ChapterClassifications(Vec<ChapterClassification>),
    ChapterPolish(Vec<ChapterPolish>),
    StructurePhase(StructurePhase),
    StructureResult {
        paragraphs: i32,
    },
    Metric(JobId, Box<UnitMetric>),
    JobStatus(JobId, JobStatus, Option<Text>),
}

impl PersistCall {
    /// The write ops of the call's commit, on `state`.
    ///
    /// # Errors
    /// The state does not allow the call; nothing changes.
    pub fn ops(&self, state: &BookState, at: &At) -> Result<Ops, Misuse> {
        self.clone().into_ops(state, at)
    }

    fn into_ops(self, state: &BookState, at: &At) -> Result<Ops, Misuse> {
        match self {
            Self::Together(calls) => {
                let (mut state, mut all) = (state.clone(), Ops::new());
                for call in calls {
                    let ops = call.into_ops(&state, at)?;
                    for op in &ops {
                        state.apply(op);
                    }
                    all.extend(ops);
                }
                Ok(all)
            }
            Self::NewAgentState(record) => state.persist_new_agent_state(at, vec![*record]),
            Self::AgentEnded(agent, subject, trace) => state.persist_agent_ended(at, agent, &subject, trace),
            Self::AgentRemoved(agent, subject) => state.persist_agent_removed(at, agent, &subject),
            Self::OpState(operation, event) => state.persist_op_state(at, operation, event),
            Self::PageExtract(page) => state.persist_page_extract(at, page),
            Self::OcrResult(reading, providers) => state.persist_ocr_result(at, reading, &providers),
            Self::OcrMarkdown { page, markdown, headings } => {
                state.persist_ocr_markdown(at, page, markdown, headings)
            }
            Self::PageFailure { page, provider, reason, for_good } => {
                state.persist_page_failure(at, page, provider.as_ref(), reason, for_good)
            }
            Self::MetadataResult(result) => state.persist_metadata_result(at, *result),
            Self::TocFinderResult(found) => state.persist_toc_finder_result(at, found),
            Self::TocFinderNoResult => state.persist_toc_finder_no_result(at),
            Self::TocEntries(entries) => state.persist_toc_entries(at, entries),
            Self::TocEntryResult(entry, outcome) => state.persist_toc_entry_result(at, &entry, outcome),
            Self::PatternAnalysis(analysis) => state.persist_pattern_analysis(at, analysis),
            Self::DiscoveredEntry(discovery) => state.persist_discovered_entry(at, discovery),
            Self::LookFailed(agent, subject, reason) => {
                state.persist_look_failed(at, agent, subject, &reason)
            }
            Self::FoundAgain(entries) => state.persist_found_again(at, &entries),
            Self::Gaps(gaps) => state.persist_gaps(at, gaps),
            Self::GapFix(gap, fix) => state.persist_gap_fix(at, &gap, fix),
            Self::EntryOrder => state.persist_entry_order(at),
            Self::ChapterSkeleton(chapters) => state.persist_chapter_skeleton(at, chapters),
            Self::ChapterExtracts(extracts) => state.persist_chapter_extracts(at, extracts),
            Self::ChapterClassifications(chapters) => state.persist_chapter_classifications(at, chapters),
            Self::ChapterPolish(polishes) => state.persist_chapter_polish(at, polishes),
            Self::StructurePhase(phase) => state.persist_structure_phase(at, phase),
            Self::StructureResult { paragraphs } => state.persist_structure_result(at, paragraphs),
            Self::Metric(job, metric) => state.persist_metric(at, &job, *metric),
            Self::JobStatus(job, status, reason) => state.persist_job_status(at, &job, status, reason),
        }
    }
}
