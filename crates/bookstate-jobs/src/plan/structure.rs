//! Planning of structure: skeleton, texts, classification, polish, totals.
//!
//! It begins when every page and every stage of the table of contents is settled, well or not: without a
//! table chapters come from headings, so that a failed finder costs quality but not the book.

use std::sync::Arc;

use bookstate_domain::{Chapter, Operation, OperationState, Stage, StructurePhase};

use super::Planning;
use crate::unit::{CHAPTERS_PER_BATCH, Work};

pub(super) fn plan(planning: &mut Planning<'_>) {
    let running = planning.state.operation(Operation::Structure).state;
    let ready = match running {
        OperationState::InProgress => true,
        OperationState::NotStarted => planning.all_pages_read() && is_toc_settled(planning),
        _ => false,
    };
    if !ready || !planning.may_run(Operation::Structure) {
        return;
    }
    match planning.state.book().and_then(|book| book.structure_phase) {
        None | Some(StructurePhase::Build) => {
            planning.unit(Work::Skeleton);
        }
        Some(StructurePhase::Extract | StructurePhase::Classify) => plan_texts(planning),
        Some(_) => plan_polish(planning),
    }
}

fn is_toc_settled(planning: &Planning<'_>) -> bool {
    let stages = planning.state.completeness(planning.job.variant).stages;
    stages
        .iter()
        .filter(|s| !matches!(s.stage, Stage::Metadata | Stage::Structure))
        .all(|s| s.state.is_settled())
}

fn plan_texts(planning: &mut Planning<'_>) {
    let chapters = planning.state.ordered_chapters();
    let mut complete = true;
    for (batch, chapters) in (0u32..).zip(chapters.chunks(CHAPTERS_PER_BATCH)) {
        if chapters.iter().any(|chapter| !chapter.extract_complete) {
            complete = false;
            planning.unit(Work::ChapterText { batch });
        }
    }
    if complete {
        planning.unit(Work::Classify);
    }
}

fn plan_polish(planning: &mut Planning<'_>) {
    let chapters = planning.state.chapters().values();
    let mut settled = true;
    for chapter in chapters.filter(|chapter| !chapter.is_polish_settled()).map(Arc::as_ref) {
        settled = false;
        let Chapter { subject, .. } = chapter;
        if !planning.unit(Work::Polish { subject: subject.clone() }) {
            break;
        }
    }
    if settled {
        planning.unit(Work::FinishStructure);
    }
}
