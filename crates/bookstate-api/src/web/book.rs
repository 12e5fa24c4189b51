//! `/books/{book_id}`: one book, live.

use axum::{extract::State, response::Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    frame::{Live, Page},
    sections,
    window::Window,
    words::{badge, count},
};
use crate::{extract::Query, problem::Problem, read::BookReading, state::ApiState, view};

/// How often the page is asked for again, in milliseconds: what a job does between two commits has no event.
const EVERY_MS: u32 = 10_000;

/// Where the parts of the lists begin that are shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Parts {
    pages: u32,
    contents: u32,
    chapters: u32,
    agents: u32,
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Query(parts): Query<Parts>,
    reading: BookReading,
) -> Result<Response, Problem> {
    let book_id = reading.state().book_id();
    let details = view::BookDetails::of(reading.state()).ok_or_else(|| crate::read::unknown(book_id))?;
    let status = view::BookStatusLine::of(reading.state());
    let job = state.job_progress(book_id).filter(|job| !job.is_over());
    let names = state.file_names().await?;
    let file_name = names.get(book_id).map_or(details.id.as_str(), String::as_str);
    let title = details.title.as_deref().unwrap_or(file_name);
    let (pages, read) = pages(reading.state(), parts.pages);
    let contents = view::Contents::of(reading.state());
    let chapters = view::Chapters::of(reading.state(), false);
    let agents = view::Agents::of(reading.state());
    let content = html! {
        (heading(&details, title))
        (on_this_page())
        (sections::progress(&status, job.as_ref().map(view::LiveJob::of).as_ref()))
        (sections::pages(&pages.0, pages.1, read))
        (sections::contents(&contents, Window::new("contents", parts.contents, contents.entries.len())))
        (sections::chapters(&chapters, Window::new("chapters", parts.chapters, chapters.chapters.len())))
        (sections::agents(&agents, Window::new("agents", parts.agents, agents.agents.len())))
        (sections::costs(&view::Metrics::of(reading.state())))
        (copies(&state, &details.id, reading.seq().get()))
    };
    let live = Live {
        events: Some(format!("/api/books/{book_id}/events")),
        seq: Some(reading.seq().get()),
        every_ms: Some(EVERY_MS),
    };
    Ok(reading.unversioned(Page::new(title, &live, &content)))
}

/// The pages of a part of the grid, the part, and how many pages of the whole book are read.
fn pages(state: &bookstate_domain::BookState, from: u32) -> ((view::Pages, Window), usize) {
    let count = state.book().map_or(0, |book| usize::try_from(book.page_count).unwrap_or_default());
    let window = Window::new("pages", from, count);
    let mut pages = view::Pages::of(state, 0, 0);
    let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let shown = (window.from()..window.to()).filter_map(|index| state.page(number(index.saturating_add(1))));
    let preferred = bookstate_jobs::choose::preferred(state);
    pages.pages = shown.map(|page| view::PageRow::of(state, page, &preferred)).collect();
    let read = state.pages().values().filter(|page| page.ocr_complete).count();
    ((pages, window), read)
}

fn heading(book: &view::BookDetails, title: &str) -> Markup {
    let year = book.publication_year.map(|year| year.to_string());
    let pages = usize::try_from(book.page_count).unwrap_or_default();
    let words = usize::try_from(book.total_words).unwrap_or_default();
    let facts = [book.publisher.as_deref(), year.as_deref(), book.language.as_deref(), book.isbn.as_deref()];
    html! {
        header #about data-live {
            h1 { (title) }
            @if let Some(subtitle) = &book.subtitle { p.subtitle { (subtitle) } }
            @if let Some(author) = &book.author { p.by { (author) } }
            p.facts {
                @if let Some(status) = book.status { (badge(status.as_str())) }
                span { (count(pages, "page")) }
                @if words > 0 { span { (count(words, "word")) } }
                @for fact in facts.into_iter().flatten() { span { (fact) } }
            }
            @if let Some(reason) = &book.status_reason { p.problem { (reason) } }
            @if let Some(about) = &book.description { p { (about) } }
        }
    }
}

fn on_this_page() -> Markup {
    html! {
        nav.sections aria-label="On this page" {
            a href="#progress" { "Progress" }
            a href="#pages" { "Pages" }
            a href="#contents" { "Contents" }
            a href="#chapters" { "Chapters" }
            a href="#agents" { "Agents" }
            a href="#costs" { "Cost and time" }
            a href="#copies" { "Copies" }
        }
    }
}

/// How far each target has the book.
fn copies(state: &ApiState, book_id: &str, seq: u32) -> Markup {
    let rows: Vec<_> = state.targets().iter().map(|target| view::TargetRow::of(target, 0.0)).collect();
    html! {
        section #copies data-live aria-labelledby="copies-title" {
            h2 #copies-title { "Copies" }
            p { "The last commit is " b { (seq) } "." }
            ul.plain {
                @for row in &rows {
                    @let behind = row.behind.iter().find(|book| book.book_id == book_id);
                    @let foreign = row.foreign.iter().any(|book| book.book_id == book_id);
                    li {
                        a href={ "/targets#" (row.name) } { (row.name) } ": "
                        @if foreign { "does not take the book: another data directory writes it" }
                        @else if let Some(behind) = behind {
                            "has it up to commit " (behind.persisted_seq) ", "
                            (count(behind.dirty, "document")) " to go"
                        }
                        @else { "has all of it" }
                    }
                }
            }
        }
    }
}
