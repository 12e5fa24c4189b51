//! The nine documents of a book, one definition each.
//!
//! Collection and field names are those of the system that ADR 010 was written for. Beside the fields of
//! `data-model.md` a Page records how often reading it failed and why, so that a page given up is known
//! after a restart, and a TocEntry the page that linking gave it, so that a reset of finalize can undo a
//! correction.

mod agent_state;
mod book;
mod chapter;
mod chapter_text;
mod job;
mod metric;
mod ocr_result;
mod page;
mod toc;
mod toc_entry;

pub use agent_state::{AgentState, AgentStateKey, AgentStatePatch, AgentType};
pub use book::{
    Book, BookKey, BookPatch, BookStatus, ExcludedRange, Gap, MissingEntry, NumberingPattern,
    PatternAnalysis, StructurePhase,
};
pub use chapter::{Chapter, ChapterKey, ChapterPatch, ChapterSubject, MatterType};
pub use chapter_text::{
    BLOCK_SEPARATOR, LayoutBlock, LayoutKind, Note, SetAsideReason, SetAsideText, layout_blocks,
};
pub use job::{Engines, Job, JobKey, JobPatch, JobStatus, Variant};
pub use metric::{Metric, MetricKey, MetricPatch};
pub use ocr_result::{OcrResult, OcrResultKey, OcrResultPatch};
pub use page::{Heading, Page, PageKey, PagePatch, ProviderRetries};
pub use toc::{FinalizePhase, StructureSummary, Toc, TocKey, TocPatch};
pub use toc_entry::{EntryIdent, EntrySource, TocEntry, TocEntryKey, TocEntryPatch};
