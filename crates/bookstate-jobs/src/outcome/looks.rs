//! What becomes of looks at what the contents lack: for an entry, into a gap.
//!
//! Looks that run at once do not see what the others find. So what one found counts as the state is when it is stored: an
//! entry that is there by then is not found twice, and a page that was corrected is not corrected again. A look that fails
//! is settled by itself; the others go on.

use bookstate_domain::{AgentType, BookState, Text, TocEntry, persist::GapFix};

use crate::{engine::Discovered, part::Part, persist_call::PersistCall, plan::JobPlan, unit::Work};

/// The call that stores that a look failed.
pub(super) fn failed(work: &Work, reason: Text) -> Option<PersistCall> {
    let (agent_type, subject, _) = work.agent()?;
    Some(PersistCall::LookFailed(agent_type, subject, reason))
}

/// What was found, unless it is there by now.
pub(super) fn found(state: &BookState, job: &JobPlan, found: Discovered) -> Discovered {
    let is_new = |page, title: &str| !job.at_once.contains(&Part::Discover) || !is_known(state, page, title);
    found.filter(|(page, title)| is_new(*page, title))
}

/// What is to be done about a gap, unless it is done by now.
pub(super) fn fix(state: &BookState, job: &JobPlan, fix: GapFix) -> GapFix {
    let is_done = match &fix {
        GapFix::Add { title, page, .. } => is_known(state, *page, title),
        GapFix::Correct { entry, .. } => {
            state.toc_entry(entry).is_some_and(|entry| is_corrected(state, entry))
        }
        GapFix::Flag { .. } | GapFix::None => false,
    };
    if is_done && job.at_once.contains(&Part::Gaps) { GapFix::None } else { fix }
}

/// Whether an entry begins on this page with these words, or with some of them.
fn is_known(state: &BookState, page: i32, title: &str) -> bool {
    let title = words(title);
    let mut there = state.toc_entries().values().filter(|entry| entry.actual_page == Some(page));
    there.any(|entry| {
        let known = words(entry.title.as_deref().unwrap_or_default());
        known.contains(&title) || (!known.trim().is_empty() && title.contains(&known))
    })
}

/// The words of a title in lower case, a space before and behind each.
fn words(title: &str) -> String {
    let words = title.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.fold(" ".to_owned(), |text, word| format!("{text}{} ", word.to_lowercase()))
}

/// Whether a look has put an entry on the page that it has.
fn is_corrected(state: &BookState, entry: &TocEntry) -> bool {
    let mut looks =
        state.agent_states().values().filter(|agent| agent.agent_type == AgentType::GapInvestigator);
    looks.any(|agent| {
        let result = agent.result_json.as_deref().unwrap_or_default();
        let result: serde_json::Value = serde_json::from_str(result).unwrap_or_default();
        result["fix"] == "correct" && result["page"].as_i64() == entry.actual_page.map(i64::from)
    })
}
