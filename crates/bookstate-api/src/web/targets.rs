//! `/targets`: how far behind each target is, what it refuses, and the machines of a fleet.

use std::time::Instant;

use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    response::Redirect,
};
use bookstate_domain::{AnyKey, Collection};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    frame::{Live, Page, segment},
    machines::machines,
    words::{badge, count, seconds, time},
};
use crate::{
    extract::{Path, Query},
    problem::{Code, Problem},
    state::ApiState,
    view,
};

/// How often what is refused is asked for again, in milliseconds.
const EVERY_MS: u32 = 5000;

/// What a retry led to, as the address that follows it says.
#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    tried: Option<usize>,
    left: Option<usize>,
}

pub(super) async fn show(
    State(state): State<ApiState>,
    Query(outcome): Query<Outcome>,
) -> Result<Page, Problem> {
    let now = Instant::now();
    let targets = state.targets();
    let rows: Vec<_> =
        targets.iter().map(|target| view::TargetRow::of(target, state.lag().seconds(target, now))).collect();
    let parked = state.parked(None).await?;
    let parked: Vec<_> = parked.iter().map(view::ParkedRow::of).collect();
    let content = html! {
        h1 { "Targets" }
        p { "Copies of every book, written in the background. No job waits for them." }
        (cards(&rows))
        (machines(state.fleet().as_ref()))
        (parked_section(&rows, &parked, &outcome))
        (behind(&rows))
        (providers(&state.providers()))
    };
    Ok(Page::new("Targets", &Live { every_ms: Some(EVERY_MS), ..Live::default() }, &content))
}

/// One card per target: how it is, how far behind, and a chart that the script draws.
pub(super) fn cards(rows: &[view::TargetRow]) -> Markup {
    html! {
        div.cards data-targets {
            @for row in rows {
                article.card id=(row.name) data-target=(row.name)
                    data-listed={ (row.parked) " " (row.behind.len()) } {
                    h3 { (row.name) " " (badge(health(row.health))) }
                    p.problem data-reason hidden[row.reason.is_none()] {
                        (row.reason.as_deref().unwrap_or_default())
                    }
                    dl {
                        div.main { dt { "Lag" } dd { b data-lag-commits { (row.lag_commits) } " commits" } }
                        div { dt { "Oldest" } dd data-lag-seconds { (seconds(row.lag_seconds)) } }
                        div { dt { "Documents to go" } dd data-dirty { (row.dirty) } }
                        div { dt { "Parked" } dd data-parked-count { (row.parked) } }
                    }
                    figure hidden {
                        svg.chart viewBox="0 0 240 60" preserveAspectRatio="none" role="img" {
                            path.area {}
                            path.line {}
                        }
                        figcaption { span data-top { } span data-time {} }
                    }
                }
            }
        }
    }
}

/// The providers of models that jobs ask, and what they cost since the start.
fn providers(rows: &[view::ProviderRow]) -> Markup {
    html! {
        @if !rows.is_empty() {
            h2 { "Models" }
            p { "The providers that jobs ask, since the server was started." }
            div.cards data-providers {
                @for row in rows {
                    article.card {
                        h3 { (row.name) " " (badge(if row.is_ready { "ready" } else { "waiting" })) }
                        p.problem hidden[row.is_ready] { (row.state) }
                        dl {
                            div.main { dt { "In flight" } dd { b { (row.in_flight) } } }
                            @for model in &row.models {
                                div { dt { (model.model) } dd {
                                    (model.answered) " of " (model.sent) " answered, $" (format!("{:.4}", model.cost_usd))
                                } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn health(health: view::TargetHealth) -> &'static str {
    match health {
        view::TargetHealth::Starting => "starting",
        view::TargetHealth::Healthy => "healthy",
        view::TargetHealth::Failing => "failing",
        view::TargetHealth::Unusable => "unusable",
    }
}

fn parked_section(rows: &[view::TargetRow], parked: &[view::ParkedRow], outcome: &Outcome) -> Markup {
    html! {
        section #parked aria-labelledby="parked-title" {
            h2 #parked-title { "Parked documents" }
            p { "What a target refuses. Each is tried again when it changes and when the server starts." }
            @if let (Some(tried), Some(left)) = (outcome.tried, outcome.left) {
                p.notice role="status" {
                    (count(tried, "document")) " tried again, "
                    @if left == 0 { "nothing is refused any more." } @else { (left) " still refused." }
                }
            }
            div #parked-list data-live {
                @if parked.is_empty() { p.empty { "None." } }
                @for row in rows.iter().filter(|row| row.parked > 1) {
                    form method="post" action={ "/targets/" (segment(&row.name)) "/retry" } {
                        button { "Retry all " (row.parked) " of " (row.name) }
                    }
                }
                ul.parked {
                    @for row in parked { li { (parked_document(row)) } }
                }
            }
        }
    }
}

fn parked_document(row: &view::ParkedRow) -> Markup {
    html! {
        div {
            p {
                b { (row.document) } " in " (row.target) ", "
                a href={ "/books/" (row.book_id) } { "its book" }
            }
            p.problem { (row.reason) }
            p.by {
                "Refused since commit " (row.first_seq) ", last at "
                time datetime=(row.parked_at) { (time(&row.parked_at)) }
            }
        }
        @if row.dropped { (badge("accepted")) }
        @else {
            form method="post" action={ "/targets/" (segment(&row.target)) "/retry" } {
                input type="hidden" name="collection" value=(row.collection);
                input type="hidden" name="key" value=(row.key);
                button aria-label={ "Retry " (row.document) " in " (row.target) } { "Retry" }
            }
        }
    }
}

/// Books that a target lacks something of.
fn behind(rows: &[view::TargetRow]) -> Markup {
    let books = rows.iter().flat_map(|row| row.behind.iter().map(move |book| (row, book)));
    let books: Vec<_> = books.collect();
    let foreign: Vec<_> =
        rows.iter().flat_map(|row| row.foreign.iter().map(move |book| (row, book))).collect();
    // What a target lacks that was not reached since the start is not known.
    let all_healthy = rows.iter().all(|row| row.health == view::TargetHealth::Healthy);
    html! {
        section #behind data-live aria-labelledby="behind-title" {
            h2 #behind-title { "Books behind" }
            @if books.is_empty() {
                p.empty { @if all_healthy { "Every target has every book." } @else { "None is known of." } }
            }
            @else {
                div.wide { table {
                    thead { tr {
                        th scope="col" { "Book" } th scope="col" { "Target" }
                        th.number scope="col" { "Has commit" } th.number scope="col" { "of" }
                        th.number scope="col" { "Documents to go" }
                    } }
                    tbody {
                        @for (row, book) in books {
                            tr {
                                td.words { a href={ "/books/" (book.book_id) } { (book.book_id) } }
                                td { (row.name) }
                                td.number { (book.persisted_seq) }
                                td.number { (book.seq) }
                                td.number { (book.dirty) }
                            }
                        }
                    }
                } }
            }
            @for (row, book) in foreign {
                p.problem {
                    (row.name) " does not take " a href={ "/books/" (book.book_id) } { (book.book_id) }
                    ": data directory " (book.writer) " writes it there."
                }
            }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    name: String,
}

/// Which document; all of the target's without any.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    collection: Option<String>,
    key: Option<String>,
}

/// Tries again what a target refuses, then shows the page.
pub(super) async fn retry(
    State(state): State<ApiState>,
    Path(named): Path<Named>,
    form: Result<Form<Which>, FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(which) = form.map_err(|error| Problem::new(Code::InvalidRequest, error.body_text()))?;
    state.require_running()?;
    let target = state.target(&named.name)?;
    let document = which.document()?;
    let tried = state.retry(&target, document).await?;
    let left = state.parked(Some(target)).await?.iter().filter(|document| !document.dropped).count();
    Ok(Redirect::to(&format!("/targets?tried={tried}&left={left}#parked")))
}

impl Which {
    fn document(&self) -> Result<Option<AnyKey>, Problem> {
        let unknown = || Problem::new(Code::UnknownDocument, "there is no such document");
        match (&self.collection, &self.key) {
            (Some(collection), Some(key)) => {
                let collection: Collection = collection.parse().map_err(|_| unknown())?;
                collection.key(key).map(Some).map_err(|_| unknown())
            }
            (None, None) => Ok(None),
            _ => Err(unknown()),
        }
    }
}
