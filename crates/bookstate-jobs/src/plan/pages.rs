//! Planning of pages: extract, then every provider, then Markdown.
//!
//! Page by page and not stage by stage, so that the first pages are read to the end early and what waits for
//! them (metadata, the finder) starts early. The scan begins behind the pages that are known to be read and
//! ends when no pool takes more, or [`AHEAD`] pages on where there are limits: a pool that is full while another is
//! idle must not cost a look at every page of the book after each result.

use bookstate_domain::{BookState, Page, Provider};

use super::{JobPlan, Planning, Step};
use crate::{choose::is_good, unit::Work};

/// How far beyond the first unread page others are begun.
const AHEAD: i32 = 1024;

pub(super) fn plan(planning: &mut Planning<'_>) {
    let job = planning.job;
    let pools = || job.providers.iter().map(|(_, pool)| pool).chain([&job.local_pool]);
    let mut in_a_row = true;
    for page_num in planning.plan.read_to.saturating_add(1)..=planning.page_count {
        if planning.in_flight.is_limited() && page_num > planning.plan.read_to.saturating_add(AHEAD) {
            break;
        }
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
    let mut missing = needed(state, job, page_num)
        .into_iter()
        .filter(|provider| state.ocr_result(page_num, provider).is_none())
        .peekable();
    if missing.peek().is_none() {
        planning.step(Step::MarkRead { page: page_num });
    }
    let mut earlier_wait = false;
    for provider in missing {
        // One that stands in for others begins when they have failed.
        if !(job.fallbacks.contains(&provider) && earlier_wait) {
            planning.unit(Work::Ocr { page: page_num, provider: provider.clone() });
        }
        earlier_wait = true;
    }
}

/// The providers that a page needs, as far as its readings say: a fallback only while no provider before it has read
/// the page well.
#[must_use]
pub fn needed(state: &BookState, job: &JobPlan, page: i32) -> Vec<Provider> {
    let mut read_well = false;
    let mut needed = Vec::new();
    for (provider, _) in &job.providers {
        if job.fallbacks.contains(provider) && read_well {
            continue;
        }
        read_well |= state.ocr_result(page, provider).is_some_and(|reading| is_good(reading));
        needed.push(provider.clone());
    }
    needed
}
