//! A unit of work: the smallest thing that a worker does and whose result is one persist call.
//!
//! A unit names what is to be done and nothing more; its input is looked up in the book's state when it is
//! dispatched. Its key text is unique within a job, and the same in every run of the same book: the unit log
//! and the metrics of two runs can be compared.

use std::fmt;

use bookstate_domain::{AgentType, ChapterSubject, EntryIdent, Operation, Provider, Stage, Text};

use crate::part::Part;

/// The name of a worker pool. Providers that share a machine or an account share a pool.
pub type PoolName = Text;

/// How many chapters one `chapter_text` unit covers: its result is one commit, which should stay far below
/// the size of a journal segment.
pub const CHAPTERS_PER_BATCH: usize = 32;

/// What a unit does.
///
/// A new kind is a variant here, and mostly one of [`Outcome`](crate::outcome::Outcome). No match on the work has an arm
/// for all the rest, so the compiler names every place that has to say what it means: its stage, its pool, who does it,
/// what becomes of a success and of a failure. The planner is the only place that it cannot name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Work {
    /// Makes a page's text layer or image available.
    Extract {
        /// The page, 1-based.
        page: i32,
    },
    /// Reads a page.
    Ocr {
        /// The page, 1-based.
        page: i32,
        /// Who reads it.
        provider: Provider,
    },
    /// Makes a page's Markdown and headings from what the providers read.
    Markdown {
        /// The page, 1-based.
        page: i32,
    },
    /// Finds title, authors and the like.
    Metadata,
    /// Finds the pages of the table of contents. As with the other works that have turns, each turn of an agent is a
    /// unit.
    TocFinder {
        /// Turns of its agent before.
        turn: u32,
    },
    /// Reads its entries.
    TocExtract,
    /// Finds the page of one entry.
    TocLink {
        /// The entry.
        entry: EntryIdent,
        /// Turns of its agent before.
        turn: u32,
    },
    /// Finalize: numbering patterns, and the entries that they imply.
    Pattern,
    /// Finalize: looks for one entry that the table lacks.
    Discover {
        /// [`bookstate_domain::MissingEntry::subject`].
        subject: Text,
        /// Turns of its agent before.
        turn: u32,
    },
    /// Finalize: which gaps to look into.
    Gaps,
    /// Finalize: looks into one gap.
    Gap {
        /// The gap's key.
        key: Text,
        /// Turns of its agent before.
        turn: u32,
    },
    /// Structure: which chapters there are.
    Skeleton,
    /// Structure: the texts of up to [`CHAPTERS_PER_BATCH`] chapters.
    ChapterText {
        /// The batch, from 0: the chapters at places `batch * CHAPTERS_PER_BATCH` and up.
        batch: u32,
    },
    /// Structure: every chapter's part of the book.
    Classify,
    /// Structure: edits one chapter's text.
    Polish {
        /// The chapter.
        subject: ChapterSubject,
    },
    /// Structure: counts the finished book.
    FinishStructure,
}

impl Work {
    /// The stage that it belongs to.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        match self {
            Self::Extract { .. } => Stage::Extract,
            Self::Ocr { .. } | Self::Markdown { .. } => Stage::Ocr,
            Self::Metadata => Stage::Metadata,
            Self::TocFinder { .. } => Stage::TocFinder,
            Self::TocExtract => Stage::TocExtract,
            Self::TocLink { .. } => Stage::TocLink,
            Self::Pattern | Self::Discover { .. } | Self::Gaps | Self::Gap { .. } => Stage::TocFinalize,
            Self::Skeleton
            | Self::ChapterText { .. }
            | Self::Classify
            | Self::Polish { .. }
            | Self::FinishStructure => Stage::Structure,
        }
    }

    /// The operation that must be in progress for its result to count; page units have none.
    #[must_use]
    pub const fn operation(&self) -> Option<Operation> {
        self.stage().operation()
    }

    /// Who does it.
    #[must_use]
    pub const fn doer(&self) -> Doer<'_> {
        match self {
            Self::Extract { .. } | Self::Markdown { .. } => Doer::Machine,
            Self::Ocr { provider, .. } => Doer::Provider(provider),
            Self::Metadata
            | Self::TocFinder { .. }
            | Self::TocExtract
            | Self::TocLink { .. }
            | Self::Pattern
            | Self::Discover { .. }
            | Self::Gaps
            | Self::Gap { .. }
            | Self::Skeleton
            | Self::ChapterText { .. }
            | Self::Classify
            | Self::Polish { .. }
            | Self::FinishStructure => Doer::Analysis,
        }
    }

    /// Which part of the pipeline it is, of those that an engine of their own can do.
    #[must_use]
    pub const fn part(&self) -> Option<Part> {
        match self {
            Self::Metadata => Some(Part::Metadata),
            Self::TocFinder { .. } => Some(Part::TocFinder),
            Self::TocExtract => Some(Part::TocExtract),
            Self::TocLink { .. } => Some(Part::TocLink),
            Self::Pattern => Some(Part::Patterns),
            Self::Discover { .. } => Some(Part::Discover),
            Self::Gap { .. } => Some(Part::Gaps),
            Self::Classify => Some(Part::Classify),
            Self::Polish { .. } => Some(Part::Polish),
            Self::Extract { .. }
            | Self::Ocr { .. }
            | Self::Markdown { .. }
            | Self::Gaps
            | Self::Skeleton
            | Self::ChapterText { .. }
            | Self::FinishStructure => None,
        }
    }

    /// The agent that may do it, what that works on, and which turn of it this is, from 0.
    #[must_use]
    pub fn agent(&self) -> Option<(AgentType, Text, u32)> {
        match self {
            Self::TocFinder { turn } => Some((AgentType::TocFinder, "book".into(), *turn)),
            Self::TocLink { entry, turn } => {
                Some((AgentType::TocEntryFinder, entry.to_string().into(), *turn))
            }
            Self::Discover { subject, turn } => Some((AgentType::ChapterFinder, subject.clone(), *turn)),
            Self::Gap { key, turn } => Some((AgentType::GapInvestigator, key.clone(), *turn)),
            Self::Extract { .. }
            | Self::Ocr { .. }
            | Self::Markdown { .. }
            | Self::Metadata
            | Self::TocExtract
            | Self::Pattern
            | Self::Gaps
            | Self::Skeleton
            | Self::ChapterText { .. }
            | Self::Classify
            | Self::Polish { .. }
            | Self::FinishStructure => None,
        }
    }

    /// The page that it reads, for page units.
    #[must_use]
    pub const fn page(&self) -> Option<i32> {
        match self {
            Self::Extract { page } | Self::Ocr { page, .. } | Self::Markdown { page } => Some(*page),
            Self::Metadata
            | Self::TocFinder { .. }
            | Self::TocExtract
            | Self::TocLink { .. }
            | Self::Pattern
            | Self::Discover { .. }
            | Self::Gaps
            | Self::Gap { .. }
            | Self::Skeleton
            | Self::ChapterText { .. }
            | Self::Classify
            | Self::Polish { .. }
            | Self::FinishStructure => None,
        }
    }

    /// What it is about, within its stage: a page, an entry, a gap, a chapter.
    #[must_use]
    pub fn item(&self) -> Option<Text> {
        match self {
            Self::Extract { page } | Self::Ocr { page, .. } | Self::Markdown { page } => {
                Some(page.to_string().into())
            }
            Self::TocLink { entry, .. } => Some(entry.to_string().into()),
            Self::Discover { subject, .. } => Some(subject.clone()),
            Self::Gap { key, .. } => Some(key.clone()),
            Self::Polish { subject } => Some(subject.to_string().into()),
            Self::Metadata
            | Self::TocFinder { .. }
            | Self::TocExtract
            | Self::Pattern
            | Self::Gaps
            | Self::Skeleton
            | Self::ChapterText { .. }
            | Self::Classify
            | Self::FinishStructure => None,
        }
    }
}

/// Who does a unit of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doer<'a> {
    /// This machine itself, without an engine.
    Machine,
    /// An OCR provider.
    Provider(&'a Provider),
    /// The analysis engine.
    Analysis,
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extract { page } => write!(f, "extract:{page}"),
            Self::Ocr { page, provider } => write!(f, "ocr:{page}:{provider}"),
            Self::Markdown { page } => write!(f, "markdown:{page}"),
            Self::Metadata => f.write_str("metadata"),
            Self::TocFinder { turn } => write!(f, "toc_finder{}", Again(*turn)),
            Self::TocExtract => f.write_str("toc_extract"),
            Self::TocLink { entry, turn } => write!(f, "toc_link{}:{entry}", Again(*turn)),
            Self::Pattern => f.write_str("pattern"),
            Self::Discover { subject, turn } => write!(f, "discover{}:{subject}", Again(*turn)),
            Self::Gaps => f.write_str("gaps"),
            Self::Gap { key, turn } => write!(f, "gap{}:{key}", Again(*turn)),
            Self::Skeleton => f.write_str("skeleton"),
            Self::ChapterText { batch } => write!(f, "chapter_text:{batch}"),
            Self::Classify => f.write_str("classify"),
            Self::Polish { subject } => write!(f, "polish:{subject}"),
            Self::FinishStructure => f.write_str("finish_structure"),
        }
    }
}

/// A turn of an agent behind its first, in a unit's key: in front of the subject, which may be any text.
struct Again(u32);

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            turn => write!(f, ".{}", turn.saturating_add(1)),
        }
    }
}

/// A unit that can run now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// What it does.
    pub work: Work,
    /// The pool whose workers do it.
    pub pool: PoolName,
}

impl Unit {
    /// The key, unique within a job.
    #[must_use]
    pub fn key(&self) -> Text {
        self.work.to_string().into()
    }
}
