//! Planning of pages: extract, then every provider, then Markdown.
//!
//! Page by page and not stage by stage, so that the first pages are read to the end early and what waits for
//! them (metadata, the finder) starts early. The scan begins behind the pages that are known to be read and
//! ends when no pool takes more, so that planning after each result costs about as much as is in flight.

use bookstate_domain::Page;

use super::{Planning, Step};
use crate::unit::Work;

pub(super) fn plan(planning: &mut Planning<'_>) {
    let job = planning.job;
    let pools = || job.providers.iter().map(|(_, pool)| pool).chain([&job.local_pool]);
    let mut in_a_row = true;
    for page_num in planning.plan.read_to.saturating_add(1)..=planning.page_count {
        let page = planning.state.page(page_num);
        if page.is_some_and(|page| page.is_read()) {
            if in_a_row {
                planning.plan.read_to = page_num;
            }
            continue;
        }
        in_a_row = false;
        if !planning.has_room(pools()) {
            break;
        }
        plan_page(planning, page_num, page.map(|page| &**page));
    }
}

fn plan_page(planning: &mut Planning<'_>, page_num: i32, page: Option<&Page>) {
    let Some(page) = page.filter(|page| page.extract_complete) else {
        planning.unit(Work::Extract { page: page_num });
        return;
    };
    if page.ocr_complete {
        planning.unit(Work::Markdown { page: page_num });
        return;
    }
    let (state, job) = (planning.state, planning.job);
    let mut missing =
        job.providers.iter().filter(|(p, _)| state.ocr_result(page_num, p).is_none()).peekable();
    if missing.peek().is_none() {
        planning.step(Step::MarkRead { page: page_num });
    }
    for (provider, _) in missing {
        planning.unit(Work::Ocr { page: page_num, provider: provider.clone() });
    }
}
