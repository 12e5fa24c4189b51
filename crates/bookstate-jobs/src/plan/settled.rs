//! How many units of a job are done, from the state alone.

use bookstate_domain::{BookState, FinalizePhase, Operation, OperationState, Stage, StructurePhase};

use super::JobPlan;
use crate::unit::CHAPTERS_PER_BATCH;

/// The units whose results are in the state: what a job that takes it up does not do again. The turns of an agent count
/// as one once it has its result, and not before.
#[must_use]
pub fn settled_units(state: &BookState, job: &JobPlan) -> usize {
    let mut units = pages(state, job);
    let complete = |operation| usize::from(state.operation(operation).state == OperationState::Complete);
    if job.has(Stage::Metadata) {
        units += complete(Operation::Metadata);
    }
    if job.has(Stage::TocFinder) {
        units += complete(Operation::TocFinder) + complete(Operation::TocExtract);
        units += state.toc_entries().values().filter(|entry| is_linked(entry)).count();
        units += finalize(state) + structure(state) + complete(Operation::Structure);
    }
    units
}

fn pages(state: &BookState, job: &JobPlan) -> usize {
    let pages = state.pages().values();
    let done =
        pages.map(|page| usize::from(page.extract_complete) + usize::from(page.ocr_markdown.is_some()));
    let of_job = |provider| job.providers.iter().any(|(name, _)| name == provider);
    let read = state.ocr_results().values().filter(|result| of_job(&result.provider));
    done.sum::<usize>() + read.count()
}

/// Entries that linking settled; those that finalize found were never linked.
fn is_linked(entry: &bookstate_domain::TocEntry) -> bool {
    entry.ident.is_printed() && entry.is_link_settled()
}

fn finalize(state: &BookState) -> usize {
    let progress = state.finalize_progress();
    let looks =
        usize::try_from(progress.entries_complete.saturating_add(progress.gaps_complete)).unwrap_or(0);
    let phases = match state.toc().and_then(|toc| toc.finalize_phase) {
        None | Some(FinalizePhase::Pattern) => 0,
        Some(FinalizePhase::Discover) => 1,
        Some(_) => 2,
    };
    looks + phases
}

fn structure(state: &BookState) -> usize {
    let phases = match state.book().and_then(|book| book.structure_phase) {
        None | Some(StructurePhase::Build) => 0,
        Some(StructurePhase::Extract | StructurePhase::Classify) => 1,
        Some(_) => 2,
    };
    let chapters = state.ordered_chapters();
    let batches = chapters.chunks(CHAPTERS_PER_BATCH);
    let texts = batches.filter(|batch| batch.iter().all(|chapter| chapter.extract_complete)).count();
    phases + texts + chapters.iter().filter(|chapter| chapter.is_polish_settled()).count()
}
