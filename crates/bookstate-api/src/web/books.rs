//! `/`: the books with where each stands, and the targets.

use std::time::Instant;

use axum::extract::State;
use bookstate_jobs::JobProgress;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    frame::{Live, Page},
    targets::cards,
    words::{badge, count, word},
};
use crate::{extract::Query, problem::Problem, state::ApiState, view};

/// How many books a page has.
const ROWS: usize = 100;
/// How often the list is asked for again, in milliseconds.
const EVERY_MS: u32 = 3000;

#[derive(Debug, Deserialize)]
pub(super) struct Start {
    /// Books to leave out at the beginning.
    #[serde(default)]
    offset: u32,
}

pub(super) async fn list(State(state): State<ApiState>, Query(start): Query<Start>) -> Result<Page, Problem> {
    let books = state.books().await?;
    let running = state.running_jobs();
    let offset = usize::try_from(start.offset).unwrap_or(usize::MAX);
    let names = state.file_names().await?;
    let shown = books.iter().skip(offset).take(ROWS);
    let rows: Vec<_> = shown.map(|book| view::BookRow::of(book, names.get(&book.book_id))).collect();
    let now = Instant::now();
    let targets = state.targets();
    let targets: Vec<_> =
        targets.iter().map(|target| view::TargetRow::of(target, state.lag().seconds(target, now))).collect();
    let content = html! {
        h1 { "Books" }
        section #books data-live {
            @if books.is_empty() {
                p.empty { "There is no book yet. Upload one:" }
                pre {
                    "curl -F file=@book.pdf " span data-origin { "http://127.0.0.1:PORT" } "/api/books/upload"
                }
            } @else {
                (table(&rows, &running))
                (steps(offset, books.len()))
            }
        }
        section aria-labelledby="targets-title" {
            h2 #targets-title { a href="/targets" { "Targets" } }
            (cards(&targets))
        }
    };
    Ok(Page::new("Books", &Live { every_ms: Some(EVERY_MS), ..Live::default() }, &content))
}

fn table(rows: &[view::BookRow], running: &[JobProgress]) -> Markup {
    html! {
        table.books {
            thead { tr {
                th scope="col" { "Book" } th.number scope="col" { "Pages" } th scope="col" { "Status" }
            } }
            tbody {
                @for row in rows {
                    tr {
                        td {
                            a.title href={ "/books/" (row.id) } { (row.name().unwrap_or(&row.id)) }
                            @if let Some(author) = &row.author { span.by { (author) } }
                        }
                        td.number { (row.page_count) }
                        td { (standing(row, running)) }
                    }
                }
            }
        }
    }
}

/// Where a book stands; with a bar for the stage that its job is at.
fn standing(row: &view::BookRow, running: &[JobProgress]) -> Markup {
    let job = running.iter().find(|job| job.book_id.as_str() == row.id && !job.is_over());
    let at_work = job.and_then(|job| {
        let stages = job.stages.iter().map(view::Stage::from);
        stages.into_iter().find(|stage| !stage.state.is_settled())
    });
    html! {
        @if let Some(status) = row.status { (badge(status.as_str())) }
        @if let Some(stage) = at_work {
            label.stage {
                span { (word(stage.stage.as_str())) " " (stage.done) "/" (stage.total) }
                progress max=(stage.total.max(1)) value=(stage.done) {}
            }
        }
    }
}

/// Links to the other parts of the list.
fn steps(offset: usize, total: usize) -> Markup {
    let next = offset.saturating_add(ROWS);
    html! {
        nav.steps aria-label="Parts of the list" {
            @if offset > 0 {
                a rel="prev" href={ "/?offset=" (offset.saturating_sub(ROWS)) } { "← Earlier" }
            }
            span { (count(total, "book")) }
            @if next < total { a rel="next" href={ "/?offset=" (next) } { "Later →" } }
        }
    }
}
