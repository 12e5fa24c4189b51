//! Planning of metadata and of the table of contents: finder, extract, link, finalize.

use bookstate_domain::{AgentType, FinalizePhase, MissingEntry, Operation, PatternAnalysis, Stage, Text};

use super::{METADATA_PAGES, Planning, Step};
use crate::unit::Work;

/// Metadata waits for its own pages and not for any twenty, so that it is made from the same texts in every
/// run.
pub(super) fn plan_metadata(planning: &mut Planning<'_>) {
    let pages = METADATA_PAGES.min(planning.page_count);
    let ready = planning.job.has(Stage::Metadata) && planning.plan.read_to >= pages;
    if ready && planning.may_run(Operation::Metadata) {
        planning.unit(Work::Metadata);
    }
}

pub(super) fn plan(planning: &mut Planning<'_>) {
    let pages = planning.job.finder_pages.unwrap_or(i32::MAX).min(planning.page_count);
    if planning.plan.read_to < pages {
        return;
    }
    if planning.may_run(Operation::TocFinder) {
        let turn = planning.turns(AgentType::TocFinder, &"book".into());
        planning.unit(Work::TocFinder { turn });
    }
    let found = planning.state.toc().is_some_and(|toc| toc.toc_found);
    if !found || !planning.is_complete(Operation::TocFinder) {
        return;
    }
    if planning.may_run(Operation::TocExtract) {
        planning.unit(Work::TocExtract);
    }
    if planning.is_complete(Operation::TocExtract)
        && planning.all_pages_read()
        && planning.may_run(Operation::TocLink)
    {
        plan_link(planning);
    }
    if planning.is_complete(Operation::TocLink) && planning.may_run(Operation::TocFinalize) {
        plan_finalize(planning);
    }
}

fn plan_link(planning: &mut Planning<'_>) {
    let mut settled = true;
    for entry in planning.state.toc_entries().values().filter(|e| !e.is_link_settled()) {
        settled = false;
        let turn = planning.turns(AgentType::TocEntryFinder, &entry.ident.to_string().into());
        if !planning.unit(Work::TocLink { entry: entry.ident.clone(), turn }) {
            break;
        }
    }
    if settled {
        planning.step(Step::Complete(Operation::TocLink));
    }
}

/// The looks of the discover and validate phases run one at a time: each sees what the ones before it found, so that
/// nothing is found twice, and entries found on one page get the same order in every run. Those of an engine that looks
/// at once see none of it, and what was found twice goes when the phase ends.
fn plan_finalize(planning: &mut Planning<'_>) {
    let state = planning.state;
    let none = PatternAnalysis::default();
    let analysis = state.pattern_analysis().unwrap_or(&none);
    match state.toc().and_then(|toc| toc.finalize_phase) {
        None | Some(FinalizePhase::Pattern) => {
            planning.unit(Work::Pattern);
        }
        Some(FinalizePhase::Discover) => {
            let subjects = analysis.entries_to_find.iter().map(MissingEntry::subject);
            let look = |subject, turn| Work::Discover { subject, turn };
            if plan_looks(planning, AgentType::ChapterFinder, planning.job.discovers_at_once, subjects, look)
            {
                planning.unit(Work::Gaps);
            }
        }
        Some(FinalizePhase::Validate) => {
            let keys = analysis.gaps.iter().map(|gap| gap.key.clone());
            let look = |key, turn| Work::Gap { key, turn };
            if plan_looks(planning, AgentType::GapInvestigator, false, keys, look) {
                planning.step(Step::OrderEntries);
            }
        }
        Some(_) => planning.step(Step::OrderEntries),
    }
}

/// Plans the looks that are not settled, as many as may run; whether there are none.
fn plan_looks(
    planning: &mut Planning<'_>,
    agent: AgentType,
    at_once: bool,
    subjects: impl Iterator<Item = Text>,
    look: impl Fn(Text, u32) -> Work,
) -> bool {
    let mut settled = true;
    for subject in subjects {
        if planning.state.is_agent_complete(agent, &subject) {
            continue;
        }
        settled = false;
        let turn = planning.turns(agent, &subject);
        if !planning.unit(look(subject, turn)) || !at_once {
            break;
        }
    }
    settled
}
