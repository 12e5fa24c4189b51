//! The sections of a book. Each has an id, so that the script can put a newer one in its place.

use bookstate_domain::OperationState;
use maud::{Markup, html};

use super::{
    frame::segment,
    window::Window,
    words::{badge, count, dollars, range, seconds, word},
};
use crate::view;

/// How far the stages are, and what the job does just now.
pub(super) fn progress(book: &view::BookStatusLine, job: Option<&view::LiveJob>) -> Markup {
    html! {
        section #progress data-live aria-labelledby="progress-title" {
            h2 #progress-title { "Progress" }
            p #activity { (activity(book, job)) }
            ol.stages {
                @for stage in &book.stages {
                    @let name = stage.stage.as_str();
                    li data-stage=(name) data-state=(stage.state.as_str()) {
                        label for={ "stage-" (name) } { (word(name)) }
                        progress id={ "stage-" (name) } max=(stage.total.max(1)) value=(stage.done) {}
                        span.of { (stage.done) "/" (stage.total) }
                        (badge(stage.state.as_str()))
                    }
                }
            }
            @if !book.problems.is_empty() {
                ul.problems { @for problem in &book.problems { li { (problem) } } }
            }
        }
    }
}

fn activity(book: &view::BookStatusLine, job: Option<&view::LiveJob>) -> Markup {
    html! {
        @match (job, &book.job) {
            (Some(job), _) => {
                (job.activity) ", " (count(job.in_flight, "unit")) " in flight, "
                (job.units.run) " done, " (job.units.failed) " failed"
                @if let Some(reason) = &job.reason { ": " (reason) }
            }
            (None, Some(job)) => {
                "No job runs. The last one"
                @if let Some(variant) = job.variant { " (" (word(variant.as_str())) ")" }
                @if let Some(status) = job.status { " is " (word(status.as_str())) }
                "."
                @if let Some(error) = &job.error { " " (error) }
            }
            (None, None) => { "There was no job yet." }
        }
    }
}

/// What there is of a page, as a class and for people.
fn page_state(row: Option<&view::PageRow>) -> &'static str {
    match row {
        Some(row) if row.ocr_failed => "failed",
        Some(row) if row.ocr_complete && row.characters == 0 => "empty",
        Some(row) if row.ocr_complete => "read",
        Some(row) if row.extract_complete => "extracted",
        _ => "waiting",
    }
}

/// The pages as a grid that fills: a part of them, of which `read` in all are read.
pub(super) fn pages(pages: &view::Pages, window: Window, read: usize) -> Markup {
    let rows: std::collections::BTreeMap<i32, &view::PageRow> =
        pages.pages.iter().map(|row| (row.page_num, row)).collect();
    let number = |index: usize| i32::try_from(index.saturating_add(1)).unwrap_or(i32::MAX);
    html! {
        section #pages data-live aria-labelledby="pages-title" {
            h2 #pages-title { "Pages" }
            p {
                b #pages-read { (read) } " of " (pages.page_count) " read. "
                a.skip href="#contents" { "Skip the pages" }
            }
            (window.links("pages"))
            ol.grid data-pages start=(number(window.from())) {
                @for number in (window.from()..window.to()).map(number) {
                    @let state = page_state(rows.get(&number).copied());
                    li {
                        a href={ "/books/" (pages.book_id) "/pages/" (number) } data-page=(number)
                            data-state=(state) aria-label={ "Page " (number) ", " (state) } { (number) }
                    }
                }
            }
            ul.legend aria-label="Legend" {
                @for state in ["waiting", "extracted", "read", "empty", "failed"] {
                    li { span.cell data-state=(state) {} (state) }
                }
            }
            (failures(pages))
        }
    }
}

fn failures(pages: &view::Pages) -> Markup {
    let failed = pages.pages.iter().filter_map(|row| Some((row, row.failure_reason.as_deref()?)));
    let failed: Vec<_> = failed.filter(|(row, _)| row.ocr_failed).collect();
    html! {
        @if !failed.is_empty() {
            ul.problems { @for (row, reason) in failed { li { "Page " (row.page_num) ": " (reason) } } }
        }
    }
}

/// The table of contents, with links to the pages.
pub(super) fn contents(contents: &view::Contents, window: Window) -> Markup {
    html! {
        section #contents data-live aria-labelledby="contents-title" {
            h2 #contents-title { "Contents" }
            @match (contents.found, contents.start_page, contents.end_page) {
                (true, Some(first), Some(last)) => p {
                    "Printed on "
                    a href={ "/books/" (contents.book_id) "/pages/" (first) } { "page " (first) }
                    @if last > first { " to " (last) } "."
                },
                (true, ..) => {},
                (false, ..) => p.empty {
                    @if contents.finder == OperationState::Complete { "The book has no printed one." }
                    @else { "The search for a printed one: " (word(contents.finder.as_str())) "." }
                },
            }
            (window.links("contents"))
            ol.contents {
                @for entry in window.of(&contents.entries) {
                    li data-level=(entry.level.clamp(1, 6)) { (entry_line(&contents.book_id, entry)) }
                }
            }
        }
    }
}

fn entry_line(book_id: &str, entry: &view::EntryRow) -> Markup {
    let title = html! {
        @if let Some(number) = &entry.entry_number { span.entry { (number) } " " }
        (entry.title.as_deref().unwrap_or("(no title)"))
    };
    html! {
        @if let Some(page) = entry.actual_page {
            a href={ "/books/" (book_id) "/pages/" (page) } {
                span.name { (title) } span.dots {} span.page { (page) }
            }
        } @else {
            span.unlinked title=[entry.link_reason.as_deref()] {
                span.name { (title) } span.dots {}
                span.page { @if entry.link_failed { "not found" } @else { "…" } }
            }
        }
    }
}

/// The chapters, with links to their texts.
pub(super) fn chapters(chapters: &view::Chapters, window: Window) -> Markup {
    html! {
        section #chapters data-live aria-labelledby="chapters-title" {
            h2 #chapters-title { "Chapters" }
            @if chapters.chapters.is_empty() { p.empty { "None yet." } }
            @else {
                div.wide { table {
                    thead { tr {
                        th scope="col" { "Chapter" } th scope="col" { "Part" }
                        th.number scope="col" { "Pages" } th.number scope="col" { "Words" }
                    } }
                    tbody {
                        @for row in window.of(&chapters.chapters) {
                            tr {
                                td data-level=(row.level.clamp(1, 6)) {
                                    @let place = segment(&row.entry_id);
                                    a href={ "/books/" (chapters.book_id) "/chapters/" (place) } {
                                        @if let Some(number) = &row.entry_number { (number) " " }
                                        (row.title.as_deref().unwrap_or(&row.entry_id))
                                    }
                                    @if row.polish_failed { " " (badge("failed")) }
                                }
                                td { @if let Some(matter) = row.matter_type { (word(matter.as_str())) } }
                                td.number { (range(row.start_page, row.end_page)) }
                                td.number { @if row.extract_complete { (row.word_count) } @else { "…" } }
                            }
                        }
                    }
                } }
            }
            (window.links("chapters"))
        }
    }
}

/// The agents.
pub(super) fn agents(agents: &view::Agents, window: Window) -> Markup {
    html! {
        section #agents data-live aria-labelledby="agents-title" {
            h2 #agents-title { "Agents" }
            @if agents.agents.is_empty() { p.empty { "None." } }
            @else {
                div.wide { table {
                    thead { tr {
                        th scope="col" { "Agent" } th scope="col" { "Works on" }
                        th.number scope="col" { "Rounds" } th scope="col" { "State" }
                    } }
                    tbody {
                        @for row in window.of(&agents.agents) {
                            tr {
                                td { (word(row.agent_type.as_str())) }
                                td.words { (row.subject) }
                                td.number { (row.iteration) }
                                td { (badge(if row.complete { "complete" } else { "in_progress" })) }
                            }
                        }
                    }
                } }
            }
            (window.links("agents"))
        }
    }
}

/// Cost and time, per stage.
pub(super) fn costs(metrics: &view::Metrics) -> Markup {
    html! {
        section #costs data-live aria-labelledby="costs-title" {
            h2 #costs-title { "Cost and time" }
            @if metrics.stages.is_empty() { p.empty { "Nothing was recorded yet." } }
            @else {
                div.wide { table {
                    thead { tr {
                        th scope="col" { "Stage" }
                        th.number scope="col" { "Units" } th.number scope="col" { "Failed" }
                        th.number scope="col" { "Waited" } th.number scope="col" { "Worked" }
                        th.number scope="col" { "Cost" }
                    } }
                    tbody {
                        @for row in &metrics.stages {
                            tr {
                                td { (word(&row.stage)) }
                                td.number { (row.units) }
                                td.number { (row.failed) }
                                td.number { (seconds(row.queue_seconds)) }
                                td.number { (seconds(row.execution_seconds)) }
                                td.number { (dollars(row.cost_usd)) }
                            }
                        }
                    }
                    tfoot { tr {
                        th scope="row" colspan="4" { "In all" }
                        td.number { (seconds(metrics.execution_seconds)) }
                        td.number { (dollars(metrics.cost_usd)) }
                    } }
                } }
            }
        }
    }
}
