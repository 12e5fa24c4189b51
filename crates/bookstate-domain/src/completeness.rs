//! How far a book is: the one definition, used by scheduler, API and command line.

use std::fmt;

use crate::{
    BookState, FinalizePhase, Operation, OperationState, Page, SetAsideReason, StructurePhase, Variant,
    value::word_enum,
};

word_enum! {
    /// A stage of the pipeline, in order.
    Stage {
        /// Text layers or images.
        Extract = "extract",
        /// The pages' texts.
        Ocr = "ocr",
        /// Title, authors and the like.
        Metadata = "metadata",
        /// Where the table of contents is.
        TocFinder = "toc_finder",
        /// Its entries.
        TocExtract = "toc_extract",
        /// The entries' pages.
        TocLink = "toc_link",
        /// Entries that the table lacks, gaps, order.
        TocFinalize = "toc_finalize",
        /// Chapters.
        Structure = "structure",
    }
}

impl Variant {
    /// The stages that a job of this variant runs.
    #[must_use]
    pub const fn stages(self) -> &'static [Stage] {
        match self {
            Self::Standard => Stage::ALL,
            Self::TextOnly => &[Stage::Extract, Stage::Ocr, Stage::Metadata],
            Self::OcrOnly => &[Stage::Extract, Stage::Ocr],
        }
    }
}

impl Stage {
    /// The operation whose state the stage has; pages have their own.
    #[must_use]
    pub const fn operation(self) -> Option<Operation> {
        match self {
            Self::Extract | Self::Ocr => None,
            Self::Metadata => Some(Operation::Metadata),
            Self::TocFinder => Some(Operation::TocFinder),
            Self::TocExtract => Some(Operation::TocExtract),
            Self::TocLink => Some(Operation::TocLink),
            Self::TocFinalize => Some(Operation::TocFinalize),
            Self::Structure => Some(Operation::Structure),
        }
    }
}

word_enum! {
    /// Where a stage stands.
    StageState {
        /// It may not start yet, or has not.
        Waiting = "waiting",
        /// Some of it is done.
        InProgress = "in_progress",
        /// It is done.
        Complete = "complete",
        /// It failed for good, wholly or in part.
        Failed = "failed",
        /// There is nothing for it to do.
        Skipped = "skipped",
    }
}

impl StageState {
    /// Whether nothing more will happen in it.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Complete | Self::Failed | Self::Skipped)
    }
}

/// How far a stage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct StageProgress {
    /// The stage.
    pub stage: Stage,
    /// Where it stands.
    pub state: StageState,
    /// Units settled.
    pub done: usize,
    /// Units known.
    pub total: usize,
}

/// How far a book is, for a variant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Completeness {
    /// The variant's stages.
    pub stages: Vec<StageProgress>,
    /// Nothing more will happen: every stage is complete, failed for good or skipped.
    pub settled: bool,
    /// What failed on the way; a settled book with problems is degraded, one without is complete.
    pub problems: Vec<String>,
}

impl Completeness {
    /// The problems in one line; `None` when there are none.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        (!self.problems.is_empty()).then(|| self.problems.join("; "))
    }
}

impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, stage) in self.stages.iter().enumerate() {
            let sep = if i > 0 { ", " } else { "" };
            write!(f, "{sep}{} {} {}/{}", stage.stage, stage.state, stage.done, stage.total)?;
        }
        Ok(())
    }
}

impl Page {
    /// Whether nothing more will be done to read it: its Markdown is there, or it was given up.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        self.ocr_failed || (self.ocr_complete && self.ocr_markdown.is_some())
    }
}

impl BookState {
    /// Whether the pages from 1 to `last` have all been read to the end.
    #[must_use]
    pub fn are_pages_read(&self, last: i32) -> bool {
        (1..=last).all(|n| self.page(n).is_some_and(|page| page.is_read()))
    }

    /// How many pages have been read to the end.
    #[must_use]
    pub fn pages_read(&self) -> usize {
        self.pages().values().filter(|page| page.is_read()).count()
    }

    /// Whether there is a table of contents whose entries can be worked with.
    #[must_use]
    pub fn has_usable_toc(&self) -> bool {
        self.toc().is_some_and(|toc| toc.toc_found)
            && self.operation(Operation::TocExtract).state == OperationState::Complete
            && !self.toc_entries().is_empty()
    }

    /// Whether a stage that needs the table of contents has nothing to do: there is no table, or what it
    /// builds on failed for good.
    fn is_toc_stage_skipped(&self, stage: Stage) -> bool {
        let status = |operation| self.operation(operation).state;
        let found = self.toc().is_some_and(|toc| toc.toc_found);
        let none = match status(Operation::TocFinder) {
            OperationState::Complete => !found,
            state => state == OperationState::Failed,
        };
        let failed = |operation| status(operation) == OperationState::Failed;
        match stage {
            Stage::TocExtract => none,
            Stage::TocLink => none || failed(Operation::TocExtract),
            Stage::TocFinalize => none || failed(Operation::TocExtract) || failed(Operation::TocLink),
            _ => false,
        }
    }

    fn stage_progress(&self, stage: Stage) -> StageProgress {
        let page_count = self.book().map_or(0, |book| usize::try_from(book.page_count).unwrap_or(0));
        let (done, total, state) = match stage {
            Stage::Extract => {
                let done = self.pages().values().filter(|p| p.extract_complete || p.ocr_failed).count();
                (done, page_count, pages_state(done, page_count, false))
            }
            Stage::Ocr => {
                let done = self.pages_read();
                let failed = self.pages().values().any(|page| page.ocr_failed);
                (done, page_count, pages_state(done, page_count, failed))
            }
            _ => {
                let (done, total) = self.units_of(stage);
                let state = self.operation_stage_state(stage);
                // A complete stage may have left units out on purpose: chapters that are not to be edited.
                (if state == StageState::Complete { total } else { done }, total, state)
            }
        };
        StageProgress { stage, state, done, total }
    }

    fn operation_stage_state(&self, stage: Stage) -> StageState {
        let status = stage.operation().map(|operation| self.operation(operation).state);
        match status {
            Some(OperationState::Complete) => StageState::Complete,
            Some(OperationState::Failed) => StageState::Failed,
            _ if self.is_toc_stage_skipped(stage) => StageState::Skipped,
            Some(OperationState::InProgress) => StageState::InProgress,
            _ => StageState::Waiting,
        }
    }

    /// Units settled and known of a stage that is one operation.
    fn units_of(&self, stage: Stage) -> (usize, usize) {
        let settled = stage.operation().is_some_and(|operation| self.operation(operation).is_settled());
        match stage {
            Stage::TocLink => {
                let entries = self.toc_entries().values();
                (entries.filter(|e| e.is_link_settled()).count(), self.toc_entries().size())
            }
            Stage::TocFinalize => {
                let p = self.finalize_progress();
                let phase = self.toc().and_then(|toc| toc.finalize_phase);
                let extra = usize::from(phase == Some(FinalizePhase::Done));
                let count = |n: i32| usize::try_from(n).unwrap_or(0);
                (
                    count(p.entries_complete + p.gaps_complete) + extra,
                    count(p.entries_total + p.gaps_total) + 1,
                )
            }
            Stage::Structure => {
                let chapters = self.chapters().values();
                let phase = self.book().and_then(|book| book.structure_phase);
                let extra = usize::from(phase == Some(StructurePhase::Finalize));
                (chapters.filter(|c| c.is_polish_settled()).count() + extra, self.chapters().size() + 1)
            }
            _ => (usize::from(settled), 1),
        }
    }

    /// How far the book is, for a variant.
    #[must_use]
    pub fn completeness(&self, variant: Variant) -> Completeness {
        let stages: Vec<_> = variant.stages().iter().map(|stage| self.stage_progress(*stage)).collect();
        let settled = self.book().is_some() && stages.iter().all(|stage| stage.state.is_settled());
        let mut problems = self.problems(&stages);
        // Texts are looked at only when they are all there.
        if settled && stages.iter().any(|s| s.stage == Stage::Structure) {
            problems.extend(self.reading_problems());
        }
        Completeness { settled, problems, stages }
    }

    /// Whether any page has text; a book without a readable page is none.
    #[must_use]
    pub fn has_readable_page(&self) -> bool {
        self.pages().values().any(|page| page.ocr_markdown.as_deref().is_some_and(|t| !t.trim().is_empty()))
    }

    /// What makes a book that was read to the end a bad copy: too many words set aside, too many signs without
    /// meaning, or a long book that is all in one chapter.
    fn reading_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let words = |text: &str| text.split_whitespace().count();
        let (mut aside, mut all, mut most, mut signs, mut unknown) = (0, 0, 0, 0, 0);
        for chapter in self.chapters().values() {
            let text = chapter.mechanical_text.as_deref().unwrap_or_default();
            let own = words(text);
            (all, most) = (all + own, most.max(own));
            signs += text.chars().filter(|c| !c.is_whitespace()).count();
            unknown += text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
            for piece in chapter.set_aside.iter().flat_map(|list| list.iter()) {
                // Words that are read elsewhere, or are numbers, are no loss.
                let lost = matches!(piece.reason, SetAsideReason::RunningHead | SetAsideReason::Watermark);
                aside += if lost { words(&piece.text) } else { 0 };
            }
        }
        if aside >= FEWEST_WORDS && aside * 100 > (aside + all) * ASIDE_PERCENT {
            problems.push(format!(
                "{aside} of {} words are set aside as running heads or watermarks",
                aside + all
            ));
        }
        if unknown >= FEWEST_SIGNS && unknown * 100 > signs * UNKNOWN_PERCENT {
            problems.push(format!("{unknown} of {signs} characters could not be read"));
        }
        if all >= LONG_BOOK && most * 100 > all * ONE_CHAPTER_PERCENT {
            problems.push(format!("{most} of {all} words are in one chapter"));
        }
        problems
    }

    fn problems(&self, stages: &[StageProgress]) -> Vec<String> {
        let mut problems = Vec::new();
        let failed: Vec<_> = self.pages().values().filter(|page| page.ocr_failed).collect();
        if let Some(first) = failed.first() {
            let reason = first.failure_reason.as_deref().unwrap_or("no reason given");
            problems.push(format!(
                "{} of {} pages could not be read, the first is page {}: {reason}",
                failed.len(),
                self.book().map_or(0, |book| book.page_count),
                first.page_num,
            ));
        }
        let unsought = self.toc_entries().values().filter(|entry| entry.is_link_given_up());
        let mut unsought = unsought.peekable();
        let is_linked = stages.iter().any(|s| s.stage == Stage::TocLink);
        if let Some(first) = unsought.peek().filter(|_| is_linked) {
            let reason = first.link_reason.as_deref().unwrap_or("no reason given").to_owned();
            let (many, all) = (unsought.count(), self.toc_entries().size());
            problems
                .push(format!("{many} of {all} entries of the contents could not be looked for: {reason}"));
        }
        let mut given_up = self.agent_states().values().filter_map(|agent| agent.failure()).peekable();
        let is_finalized = stages.iter().any(|s| s.stage == Stage::TocFinalize);
        if let Some(reason) = given_up.peek().filter(|_| is_finalized).cloned() {
            let (many, looks) = (given_up.count(), self.finalize_progress());
            let all = looks.entries_total.saturating_add(looks.gaps_total);
            problems.push(format!("{many} of {all} looks at what the contents lack failed: {reason}"));
        }
        let operations = stages.iter().filter(|s| s.stage.operation().is_some());
        for stage in operations.filter(|s| s.state == StageState::Failed) {
            problems.push(format!("{} failed", stage.stage));
        }
        let unclassified = self.chapters().values().filter(|c| c.matter_type.is_none()).count();
        let is_structured =
            stages.iter().any(|s| s.stage == Stage::Structure && s.state == StageState::Complete);
        if unclassified > 0 && is_structured {
            problems.push(format!("{unclassified} chapters could not be classified"));
        }
        let unpolished = self.chapters().values().filter(|c| c.polish_failed).count();
        if unpolished > 0 && stages.iter().any(|s| s.stage == Stage::Structure) {
            problems.push(format!("{unpolished} chapters kept their unedited text"));
        }
        problems
    }
}

/// Fewer words set aside are no matter.
const FEWEST_WORDS: usize = 100;
/// A larger share of words set aside is more than heads and feet have.
const ASIDE_PERCENT: usize = 25;
/// Fewer unreadable characters are no matter.
const FEWEST_SIGNS: usize = 50;
/// A larger share of unreadable characters spoils a text.
const UNKNOWN_PERCENT: usize = 3;
/// A book of so many words has chapters.
const LONG_BOOK: usize = 20_000;
/// A chapter with a larger share of a long book is the book.
const ONE_CHAPTER_PERCENT: usize = 95;

fn pages_state(done: usize, total: usize, failed: bool) -> StageState {
    match done {
        _ if done < total && done > 0 => StageState::InProgress,
        _ if done < total || total == 0 => StageState::Waiting,
        _ if failed => StageState::Failed,
        _ => StageState::Complete,
    }
}
