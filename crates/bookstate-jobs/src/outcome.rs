//! What becomes of a unit's result: the persist calls that it leads to.
//!
//! Pure. Every failure leads to a call that uses up a retry or settles something, so that no unit can fail
//! for ever; a result of an operation that is no longer in progress leads to none and is dropped. What an agent leaves
//! behind is in `agents`.

mod agents;
mod looks;

use bookstate_domain::{
    BookState, Chapter, Heading, Operation, OperationEvent, OperationState, PAGE_RETRIES, PatternAnalysis,
    Provider, StructurePhase, Text,
    persist::{
        AgentRecord, AgentTrace, ChapterClassification, ChapterExtract, ChapterPolish, Discovery, GapFix,
        LinkOutcome, MetadataResult, NewChapter, NewTocEntry, POLISH_RETRIES, PageReading, PolishOutcome,
        TocFound,
    },
};
use bookstate_domain::{ChapterSubject, Gap};

use crate::{
    choose::GOOD,
    engine::{EngineError, OcrReading},
    persist_call::PersistCall,
    plan::{JobPlan, Step, needed},
    unit::{CHAPTERS_PER_BATCH, Work},
};

/// The result of a unit that succeeded, by its kind of work.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is the result of the work of its name")]
pub enum Outcome {
    Extract,
    Ocr(OcrReading),
    Markdown {
        markdown: Text,
        headings: Vec<Heading>,
    },
    Metadata(Box<MetadataResult>),
    TocFinder(Option<TocFound>),
    TocExtract(Vec<NewTocEntry>),
    TocLink(LinkOutcome),
    Pattern(PatternAnalysis),
    Discover(Option<(i32, Text)>),
    Gaps(Vec<Gap>),
    Gap(GapFix),
    Skeleton(Vec<NewChapter>),
    ChapterText(Vec<ChapterExtract>),
    Classify(Vec<ChapterClassification>),
    Polish {
        text: Text,
        word_count: i32,
    },
    FinishStructure {
        paragraphs: i32,
    },
    /// A turn of an agent that has no result yet.
    Continue(Box<AgentRecord>),
    /// The result of an agent, which is that of its work, and what is to be known of the agent.
    Ended(Box<Outcome>, AgentTrace),
}

/// Whether a result of this work still counts: its operation is in progress.
#[must_use]
pub fn is_wanted(state: &BookState, work: &Work) -> bool {
    work.operation().is_none_or(|operation| state.operation(operation).state == OperationState::InProgress)
}

/// The chapters of a batch that lack their text.
#[must_use]
pub fn batch_of(state: &BookState, batch: u32) -> Vec<&Chapter> {
    let chapters = state.ordered_chapters();
    let from = usize::try_from(batch).unwrap_or(usize::MAX).saturating_mul(CHAPTERS_PER_BATCH);
    let batch = chapters.into_iter().skip(from).take(CHAPTERS_PER_BATCH).map(AsRef::as_ref);
    batch.filter(|chapter: &&Chapter| !chapter.extract_complete).collect()
}

/// The calls that store a success.
///
/// # Errors
/// The engine's answer is not one to this work; it counts as the unit's failure.
pub fn on_success(
    state: &BookState,
    job: &JobPlan,
    work: &Work,
    outcome: Outcome,
) -> Result<Vec<PersistCall>, String> {
    let none = || format!("the answer is not one to {work}");
    let (outcome, trace) = match outcome {
        Outcome::Continue(record) => return agents::next_turn(work, record).map(|call| vec![call]),
        Outcome::Ended(outcome, trace) => (*outcome, Some(trace)),
        outcome => (outcome, None),
    };
    // By the work alone, so that a new kind of work is missing here until it is written.
    let call = match work {
        Work::Extract { page } => match outcome {
            Outcome::Extract => PersistCall::PageExtract(*page),
            _ => return Err(none()),
        },
        Work::Ocr { page, provider } => {
            let Outcome::Ocr(reading) = outcome else { return Err(none()) };
            let others = || others(state, job, *page, provider);
            let unread = reading.text.trim().is_empty() && reading.confidence == Some(0.0);
            if unread && !others().any(|other| has_hope(state, *page, &other)) {
                return Err("no text layer (a scanned page?); an OCR engine is needed".to_owned());
            }
            let good = reading.confidence.is_none_or(|confidence| confidence >= GOOD);
            let reading = page_reading(*page, provider, reading);
            PersistCall::OcrResult(reading, needed_with(state, job, *page, provider, good))
        }
        Work::Markdown { page } => {
            let Outcome::Markdown { markdown, headings } = outcome else { return Err(none()) };
            PersistCall::OcrMarkdown { page: *page, markdown, headings }
        }
        Work::Metadata => {
            let Outcome::Metadata(result) = outcome else { return Err(none()) };
            PersistCall::MetadataResult(result)
        }
        Work::TocFinder { .. } => match outcome {
            Outcome::TocFinder(Some(found)) => PersistCall::TocFinderResult(found),
            Outcome::TocFinder(None) => PersistCall::TocFinderNoResult,
            _ => return Err(none()),
        },
        Work::TocExtract => {
            let Outcome::TocExtract(entries) = outcome else { return Err(none()) };
            PersistCall::TocEntries(entries)
        }
        Work::TocLink { entry, .. } => {
            let Outcome::TocLink(outcome) = outcome else { return Err(none()) };
            PersistCall::TocEntryResult(entry.clone(), outcome)
        }
        Work::Pattern => {
            let Outcome::Pattern(analysis) = outcome else { return Err(none()) };
            PersistCall::PatternAnalysis(analysis)
        }
        Work::Discover { subject, .. } => {
            let Outcome::Discover(found) = outcome else { return Err(none()) };
            let sought = state.pattern_analysis().map(|analysis| analysis.entries_to_find.iter());
            let missing = sought.into_iter().flatten().find(|missing| missing.subject() == *subject);
            let missing = missing.ok_or_else(|| format!("entry {subject} is not to be found"))?.clone();
            PersistCall::DiscoveredEntry(Discovery { missing, found })
        }
        Work::Gaps => {
            let Outcome::Gaps(gaps) = outcome else { return Err(none()) };
            match looks::found_again(state) {
                again if job.discovers_at_once && !again.is_empty() => {
                    PersistCall::Together(vec![PersistCall::FoundAgain(again), PersistCall::Gaps(gaps)])
                }
                _ => PersistCall::Gaps(gaps),
            }
        }
        Work::Gap { key, .. } => {
            let Outcome::Gap(fix) = outcome else { return Err(none()) };
            let gaps = state.pattern_analysis().map(|analysis| analysis.gaps.iter());
            let gap = gaps.into_iter().flatten().find(|gap| gap.key == *key);
            PersistCall::GapFix(
                gap.ok_or_else(|| format!("gap {key} is not to be looked into"))?.clone(),
                fix,
            )
        }
        Work::Skeleton => {
            let Outcome::Skeleton(chapters) = outcome else { return Err(none()) };
            PersistCall::ChapterSkeleton(chapters)
        }
        Work::ChapterText { batch } => {
            let Outcome::ChapterText(extracts) = outcome else { return Err(none()) };
            let has = |subject: &ChapterSubject| extracts.iter().any(|extract| extract.subject == *subject);
            if let Some(chapter) = batch_of(state, *batch).into_iter().find(|chapter| !has(&chapter.subject))
            {
                return Err(format!("there is no text for chapter {}", chapter.entry_id));
            }
            return Ok(in_parts(extracts).into_iter().map(PersistCall::ChapterExtracts).collect());
        }
        Work::Classify => {
            let Outcome::Classify(chapters) = outcome else { return Err(none()) };
            PersistCall::ChapterClassifications(chapters)
        }
        Work::Polish { subject } => {
            let Outcome::Polish { text, word_count } = outcome else { return Err(none()) };
            let outcome = PolishOutcome::Polished { text, word_count };
            PersistCall::ChapterPolish(vec![ChapterPolish { subject: subject.clone(), outcome }])
        }
        Work::FinishStructure => {
            let Outcome::FinishStructure { paragraphs } = outcome else { return Err(none()) };
            PersistCall::StructureResult { paragraphs }
        }
    };
    Ok(vec![agents::ended(state, work, call, trace)])
}

/// What a chapter's texts take in a commit, in bytes, roughly.
fn bytes_of(extract: &ChapterExtract) -> usize {
    const AROUND: usize = 64;
    let notes = extract.notes.iter().map(|note| note.mark.len() + note.text.len() + AROUND);
    let set_aside = extract.set_aside.iter().map(|text| text.text.len() + AROUND);
    let layout = extract.layout.as_ref().map_or(0, |layout| layout.len() * AROUND);
    extract.text.len() + layout + notes.chain(set_aside).sum::<usize>()
}

/// The texts of a call, in bytes, beyond which the rest goes into another one: far below the largest commit, since a
/// commit is one write to the journal.
const CALL_BYTES: usize = 16 << 20;

/// Chapters' texts in parts that a commit can take, in their order.
fn in_parts(extracts: Vec<ChapterExtract>) -> Vec<Vec<ChapterExtract>> {
    let mut parts: Vec<Vec<ChapterExtract>> = Vec::new();
    let mut bytes = 0;
    for extract in extracts {
        let more = bytes_of(&extract);
        match parts.last_mut().filter(|_| bytes + more <= CALL_BYTES) {
            Some(part) => {
                bytes += more;
                part.push(extract);
            }
            None => {
                bytes = more;
                parts.push(vec![extract]);
            }
        }
    }
    parts
}

/// The calls that store a failure, after the pool has used up its attempts.
#[must_use]
pub fn on_failure(state: &BookState, job: &JobPlan, work: &Work, error: &EngineError) -> Vec<PersistCall> {
    let (reason, for_good) = (Text::from(error.reason()), error.is_permanent());
    match work {
        Work::Extract { page } | Work::Markdown { page } => {
            vec![PersistCall::PageFailure { page: *page, provider: None, reason, for_good }]
        }
        Work::Ocr { page, provider } => {
            vec![ocr_failure(state, job, *page, provider, reason, for_good)]
        }
        Work::TocLink { entry, .. } => {
            // Nobody has looked for it, which is something else than an entry that is nowhere.
            let failed =
                || PersistCall::TocEntryResult(entry.clone(), LinkOutcome::Failed { reason: reason.clone() });
            let used = state.toc_entry(entry).map_or(0, |entry| entry.link_retries);
            let left = Operation::TocLink.max_retries().saturating_sub(used);
            let call = failures(failed, left, for_good);
            vec![if for_good || left <= 1 { agents::given_up(state, work, call) } else { call }]
        }
        Work::Polish { subject } => {
            let used =
                state.chapters().values().find(|c| c.subject == *subject).map_or(0, |c| c.polish_retries);
            let polish = || ChapterPolish { subject: subject.clone(), outcome: PolishOutcome::Failed };
            let failed = || PersistCall::ChapterPolish(vec![polish()]);
            vec![failures(failed, POLISH_RETRIES.saturating_sub(used), for_good)]
        }
        Work::Classify if is_last_failure(state, Operation::Structure, for_good) => {
            // The chapters keep their place and text without it: structure goes on.
            vec![PersistCall::StructurePhase(StructurePhase::Polish)]
        }
        Work::Discover { .. } | Work::Gap { .. }
            if is_last_failure(state, Operation::TocFinalize, for_good) =>
        {
            looks::failed(work, reason).into_iter().collect()
        }
        Work::Metadata
        | Work::TocFinder { .. }
        | Work::TocExtract
        | Work::Pattern
        | Work::Discover { .. }
        | Work::Gaps
        | Work::Gap { .. }
        | Work::Skeleton
        | Work::ChapterText { .. }
        | Work::Classify
        | Work::FinishStructure => work.operation().map_or_else(Vec::new, |operation| {
            let max = if for_good { 1 } else { operation.max_retries() };
            let call = PersistCall::OpState(operation, OperationEvent::Fail { max });
            let is_last = is_last_failure(state, operation, for_good);
            vec![if is_last { agents::given_up(state, work, call) } else { call }]
        }),
    }
}

/// The call that stores a failure; one for good as all the `left` ones, in one commit, so that no kill parts them.
fn failures(failed: impl Fn() -> PersistCall, left: i32, for_good: bool) -> PersistCall {
    match for_good && left > 1 {
        true => PersistCall::Together((0..left).map(|_| failed()).collect()),
        false => failed(),
    }
}

/// The calls that take a planned step.
#[must_use]
pub fn on_step(state: &BookState, job: &JobPlan, step: &Step) -> Vec<PersistCall> {
    match step {
        Step::Start(operation) => vec![PersistCall::OpState(*operation, OperationEvent::Start)],
        Step::Complete(operation) => vec![PersistCall::OpState(*operation, OperationEvent::Complete)],
        Step::OrderEntries => vec![PersistCall::EntryOrder],
        Step::MarkRead { page } => {
            // Stored once more, a reading brings the page's flag with it.
            let providers = needed(state, job, *page);
            let readings = providers.iter().filter_map(|p| state.ocr_result(*page, p).map(|r| (p, r)));
            let again = readings.take(1).map(|(provider, result)| PageReading {
                page_num: *page,
                provider: provider.clone(),
                text: result.text.clone().unwrap_or_default(),
                confidence: result.confidence,
                header: None,
                footer: None,
            });
            again.map(|reading| PersistCall::OcrResult(reading, providers.clone())).collect()
        }
    }
}

fn page_reading(page_num: i32, provider: &Provider, reading: OcrReading) -> PageReading {
    PageReading {
        page_num,
        provider: provider.clone(),
        text: reading.text,
        confidence: reading.confidence,
        header: reading.header,
        footer: reading.footer,
    }
}

/// A provider that cannot read a page leaves an empty reading as long as another one has text or has yet to
/// answer; only the last one's failure is the page's.
fn ocr_failure(
    state: &BookState,
    job: &JobPlan,
    page: i32,
    provider: &Provider,
    reason: Text,
    for_good: bool,
) -> PersistCall {
    let used = state.provider_retries(page, provider);
    let hope = others(state, job, page, provider).any(|other| has_hope(state, page, &other));
    if hope && (for_good || used.saturating_add(1) >= PAGE_RETRIES) {
        let empty =
            page_reading(page, provider, OcrReading { confidence: Some(0.0), ..OcrReading::default() });
        return PersistCall::OcrResult(empty, needed_with(state, job, page, provider, false));
    }
    PersistCall::PageFailure { page, provider: Some(provider.clone()), reason, for_good }
}

/// The other providers that the page needs.
fn others(
    state: &BookState,
    job: &JobPlan,
    page: i32,
    provider: &Provider,
) -> impl Iterator<Item = Provider> {
    needed(state, job, page).into_iter().filter(move |other| other != provider)
}

/// Whether another provider has text of a page, or has yet to answer.
fn has_hope(state: &BookState, page: i32, other: &Provider) -> bool {
    let result = state.ocr_result(page, other);
    result.is_none_or(|result| result.text.as_deref().is_some_and(|text| !text.trim().is_empty()))
}

/// The providers that a page needs once `provider` has answered, well or not.
fn needed_with(
    state: &BookState,
    job: &JobPlan,
    page: i32,
    provider: &Provider,
    good: bool,
) -> Vec<Provider> {
    let needed = needed(state, job, page);
    let behind = needed.iter().skip_while(|other| *other != provider).skip(1);
    let spared: Vec<Provider> =
        behind.filter(|other| good && job.fallbacks.contains(*other)).cloned().collect();
    needed.into_iter().filter(|other| !spared.contains(other)).collect()
}

fn is_last_failure(state: &BookState, operation: Operation, for_good: bool) -> bool {
    for_good || state.operation(operation).retries.saturating_add(1) >= operation.max_retries()
}

#[cfg(test)]
mod tests {
    use bookstate_domain::{Note, SetAsideReason, SetAsideText, persist::MAX_COMMIT_BYTES};

    use super::*;

    /// The largest text of a field.
    const LARGEST: usize = 8_000_000;

    /// One unit's chapters may be more than a commit can take, in whichever of their texts.
    #[test]
    fn chapters_are_stored_in_parts_that_a_commit_can_take() {
        let large: Text = "x".repeat(LARGEST).into();
        let extract = |number: usize| {
            let subject = ChapterSubject::Orphan(i32::try_from(number).unwrap());
            let mut extract = ChapterExtract::plain(subject, "short".into(), 1);
            match number % 4 {
                0 => extract.text = large.clone(),
                1 => {
                    extract.notes = vec![Note { mark: "1".into(), text: large.clone(), page: 1, at: None }];
                }
                2 => {
                    let reason = SetAsideReason::RunningHead;
                    extract.set_aside = vec![SetAsideText { page: 1, reason, text: large.clone() }];
                }
                _ => {}
            }
            extract
        };
        let extracts: Vec<_> = (0..32).map(extract).collect();
        let parts = in_parts(extracts.clone());
        for part in &parts {
            let bytes: usize = part.iter().map(bytes_of).sum();
            assert!(!part.is_empty() && bytes < MAX_COMMIT_BYTES / 2, "{bytes} bytes");
        }
        assert!(parts.len() < 16, "small ones go together: {}", parts.len());
        assert_eq!(parts.concat(), extracts, "in their order, each once");
        assert_eq!(in_parts(Vec::new()), Vec::<Vec<ChapterExtract>>::new());
    }
}
