//! Books: the list, and everything about one book. All of it is read through [`BookReading`].

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::Response,
};
use bookstate_domain::{BookState, BookStatus, OperationName, Seq};
use bookstate_reading::export::{self, Figure, JsonForm};
use bookstate_reading::source::Resource;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::Part;
use crate::{
    extract::{Body, Path, Query},
    problem::{Code, Problem},
    read::{BookReading, BookToExport},
    state::ApiState,
    view,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(book))
        .routes(routes!(pages))
        .routes(routes!(page))
        .routes(routes!(correct))
        .routes(routes!(toc))
        .routes(routes!(chapters))
        .routes(routes!(agents))
        .routes(routes!(metrics))
        .routes(routes!(export_book))
        .routes(routes!(reset))
        .routes(routes!(reread))
        .routes(routes!(remove))
}

/// Which books.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only those that stand here.
    status: Option<String>,
}

/// List books
#[utoipa::path(get, path = "/api/books", tag = "books", params(Which, Part),
    responses((status = 200, body = view::Books)))]
async fn list(
    State(state): State<ApiState>,
    Query(which): Query<Which>,
    Query(part): Query<Part>,
) -> Result<axum::Json<view::Books>, Problem> {
    let status = which.status.as_deref().map(word::<BookStatus>).transpose()?;
    let mut books = state.books().await?;
    books.retain(|book| status.is_none() || book.status == status);
    let rows = books.iter().skip(part.offset()).take(part.limit());
    let names = state.file_names().await?;
    let rows = rows.map(|book| view::BookRow::of(book, names.get(&book.book_id))).collect();
    Ok(axum::Json(view::Books { books: rows, total: books.len() }))
}

/// A word of the domain.
pub(super) fn word<T: std::str::FromStr>(text: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| Problem::new(Code::InvalidRequest, error.to_string()))
}

/// Show a book
#[utoipa::path(get, path = "/api/books/{book_id}", tag = "books",
    params(("book_id" = String, Path, description = "The book")),
    responses((status = 200, body = view::BookDetails)))]
async fn book(reading: BookReading) -> Result<Response, Problem> {
    reading.json(|state| view::BookDetails::of(state).ok_or_else(|| crate::read::unknown(state.book_id())))
}

/// List the pages of a book
#[utoipa::path(get, path = "/api/books/{book_id}/pages", tag = "books",
    params(("book_id" = String, Path, description = "The book"), Part),
    responses((status = 200, body = view::Pages)))]
async fn pages(Query(part): Query<Part>, reading: BookReading) -> Result<Response, Problem> {
    reading.json(|state| Ok(view::Pages::of(state, part.offset(), part.limit())))
}

/// The page that a route's path names.
#[derive(Debug, Deserialize)]
pub(super) struct PageNumber {
    pub(super) page_num: i32,
}

fn no_page(page_num: i32) -> Problem {
    Problem::new(Code::UnknownPage, format!("the book has no page {page_num}"))
}

/// Refuses pages that a book does not have.
pub(super) fn require_pages(reading: &BookReading, pages: &[i32]) -> Result<(), Problem> {
    let page_count = reading.state().book().map_or(0, |book| book.page_count);
    pages.iter().find(|page| !(1..=page_count).contains(*page)).map_or(Ok(()), |page| Err(no_page(*page)))
}

/// Show a page of a book, with its texts
#[utoipa::path(get, path = "/api/books/{book_id}/pages/{page_num}", tag = "books",
    params(
        ("book_id" = String, Path, description = "The book"),
        ("page_num" = i32, Path, description = "The page, 1-based"),
    ),
    responses((status = 200, body = view::PageDetails)))]
async fn page(Path(number): Path<PageNumber>, reading: BookReading) -> Result<Response, Problem> {
    let PageNumber { page_num } = number;
    reading.json(|state| view::PageDetails::of(state, page_num).ok_or_else(|| no_page(page_num)))
}

/// A book that was changed.
#[derive(Debug, Serialize, ToSchema)]
struct Changed {
    /// The book.
    book_id: String,
    /// The commit.
    seq: u32,
}

/// A person's reading of a page.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Correction {
    /// The page's text.
    text: String,
}

/// Give a page the text that a person read on it; no engine replaces it
#[utoipa::path(post, path = "/api/books/{book_id}/pages/{page_num}/correction", tag = "books",
    operation_id = "correct_page",
    params(
        ("book_id" = String, Path, description = "The book"),
        ("page_num" = i32, Path, description = "The page, 1-based"),
    ),
    request_body = Correction, responses((status = 200, body = Changed)))]
async fn correct(
    State(state): State<ApiState>,
    Path(number): Path<PageNumber>,
    reading: BookReading,
    Body(correction): Body<Correction>,
) -> Result<axum::Json<Changed>, Problem> {
    state.require_running()?;
    let (book_id, PageNumber { page_num }) = (reading.state().book_id(), number);
    require_pages(&reading, &[page_num])?;
    let seq = state.correct(book_id, page_num, correction.text.into()).await?;
    Ok(axum::Json(Changed { book_id: book_id.to_string(), seq: seq.get() }))
}

/// Show the table of contents of a book
#[utoipa::path(get, path = "/api/books/{book_id}/toc", tag = "books",
    params(("book_id" = String, Path, description = "The book")),
    responses((status = 200, body = view::Contents)))]
async fn toc(reading: BookReading) -> Result<Response, Problem> {
    reading.json(|state| Ok(view::Contents::of(state)))
}

/// What of the chapters.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WithText {
    /// With the chapters' texts.
    #[serde(default)]
    include_text: bool,
}

/// List the chapters of a book
#[utoipa::path(get, path = "/api/books/{book_id}/chapters", tag = "books",
    params(("book_id" = String, Path, description = "The book"), WithText),
    responses((status = 200, body = view::Chapters)))]
async fn chapters(Query(with): Query<WithText>, reading: BookReading) -> Result<Response, Problem> {
    reading.json(|state| Ok(view::Chapters::of(state, with.include_text)))
}

/// List the agents of a book
#[utoipa::path(get, path = "/api/books/{book_id}/agents", tag = "books",
    params(("book_id" = String, Path, description = "The book")),
    responses((status = 200, body = view::Agents)))]
async fn agents(reading: BookReading) -> Result<Response, Problem> {
    reading.json(|state| Ok(view::Agents::of(state)))
}

/// Show what a book has cost, in money and time
#[utoipa::path(get, path = "/api/books/{book_id}/metrics", tag = "books",
    params(("book_id" = String, Path, description = "The book")),
    responses((status = 200, body = view::Metrics)))]
async fn metrics(reading: BookReading) -> Result<Response, Problem> {
    reading.json(|state| Ok(view::Metrics::of(state)))
}

/// The forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// An e-book, EPUB 3.
    Epub,
    /// One Markdown file.
    Markdown,
    /// One HTML file.
    Html,
    /// Plain text.
    Text,
    /// All documents, and what was set aside.
    Json,
    /// The same without times, seqs and metrics.
    Canonical,
}

/// Which form.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct WhichFormat {
    /// The form.
    #[param(inline)]
    format: Format,
}

/// Export a book
#[utoipa::path(get, path = "/api/books/{book_id}/export", tag = "books", operation_id = "export",
    params(("book_id" = String, Path, description = "The book"), WhichFormat),
    responses((status = 200, content(
        (Vec<u8> = "application/epub+zip"), (String = "text/markdown"), (String = "text/html"), (String = "text/plain"),
        (serde_json::Value = "application/json")))))]
async fn export_book(
    State(state): State<ApiState>,
    Query(which): Query<WhichFormat>,
    BookToExport { reading, turn }: BookToExport,
) -> Result<Response, Problem> {
    let (seq, format) = (reading.seq(), which.format);
    let cover = match format {
        Format::Epub => state.cover(reading.state().book_id()).await,
        _ => None,
    };
    let made = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let figures = |book: &BookState| state.images().figures(book);
        exported(&reading, seq, format, cover.as_ref(), figures)
    });
    made.await.map_err(|error| Problem::internal(&error))?
}

/// The answer with a book in a format; its `figures` are only asked for where the format has them and the client does
/// not have the answer yet. Takes a processor for as long as the book is long.
fn exported(
    reading: &BookReading,
    seq: Seq,
    format: Format,
    cover: Option<&Resource>,
    figures: impl FnOnce(&BookState) -> Vec<Figure>,
) -> Result<Response, Problem> {
    reading.answer(|state| {
        let json = |form| -> Result<Vec<u8>, Problem> {
            let document = export::json(state, seq, form).map_err(|error| Problem::internal(&error))?;
            let text = serde_json::to_string_pretty(&document).map_err(|error| Problem::internal(&error))?;
            Ok((text + "\n").into_bytes())
        };
        let (content_type, ending, bytes) = match format {
            Format::Epub => ("application/epub+zip", "epub", export::epub(state, cover, &figures(state))),
            Format::Markdown => ("text/markdown; charset=utf-8", "md", export::markdown(state).into_bytes()),
            Format::Html => ("text/html; charset=utf-8", "html", export::html(state).into_bytes()),
            Format::Text => ("text/plain; charset=utf-8", "txt", export::text(state).into_bytes()),
            Format::Json => ("application/json", "json", json(JsonForm::Full)?),
            Format::Canonical => ("application/json", "json", json(JsonForm::Canonical)?),
        };
        // As a file to keep, not as a page of this server.
        let name = format!("attachment; filename=\"{}.{ending}\"", state.book_id());
        Ok(([(header::CONTENT_TYPE, content_type.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes))
    })
}

/// What to undo.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ResetRequest {
    /// The operation: metadata, toc_finder, toc_extract, toc_link, toc_finalize, structure or ocr.
    operation: String,
}

/// What was undone.
#[derive(Debug, Serialize, ToSchema)]
struct ResetAnswer {
    /// The book.
    book_id: String,
    /// The operation.
    operation: String,
    /// The operations that were undone.
    reset: Vec<String>,
    /// The commit.
    seq: u32,
}

/// The operation of this name.
pub(super) fn operation(name: &str) -> Result<OperationName, Problem> {
    name.parse().map_err(|_| {
        let known: Vec<_> = OperationName::ALL.iter().map(|operation| operation.as_str()).collect();
        let shown: String = name.chars().take(60).collect();
        let detail = format!("there is no operation {shown:?}: known are {}", known.join(", "));
        Problem::new(Code::UnknownOperation, detail)
    })
}

/// Undo an operation of a book and all that follows from it
#[utoipa::path(post, path = "/api/books/{book_id}/reset", tag = "books",
    params(("book_id" = String, Path, description = "The book")), request_body = ResetRequest,
    responses((status = 200, body = ResetAnswer)))]
async fn reset(
    State(state): State<ApiState>,
    reading: BookReading,
    Body(request): Body<ResetRequest>,
) -> Result<axum::Json<ResetAnswer>, Problem> {
    state.require_running()?;
    let operation = operation(&request.operation)?;
    let book_id = reading.state().book_id();
    let seq = state.reset(book_id, operation).await?;
    Ok(axum::Json(ResetAnswer {
        book_id: book_id.to_string(),
        operation: operation.to_string(),
        reset: operation.cascade().iter().map(ToString::to_string).collect(),
        seq: seq.get(),
    }))
}

/// Which pages are to be read again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RereadRequest {
    /// The pages, 1-based.
    pages: Vec<i32>,
    /// The engine that is to read again; without it each page is read by those that have not read it.
    engine: Option<String>,
}

/// Have pages of a book read again by its next job, and all that follows from them made anew
#[utoipa::path(post, path = "/api/books/{book_id}/reread", tag = "books",
    params(("book_id" = String, Path, description = "The book")), request_body = RereadRequest,
    responses((status = 200, body = Changed)))]
async fn reread(
    State(state): State<ApiState>,
    reading: BookReading,
    Body(request): Body<RereadRequest>,
) -> Result<axum::Json<Changed>, Problem> {
    state.require_running()?;
    require_pages(&reading, &request.pages)?;
    if request.pages.is_empty() {
        return Err(Problem::new(Code::InvalidRequest, "no page is named"));
    }
    let engine = request.engine.as_deref().map(|name| state.provider(name)).transpose()?;
    let book_id = reading.state().book_id();
    let seq = state.reread(book_id, request.pages, engine).await?;
    Ok(axum::Json(Changed { book_id: book_id.to_string(), seq: seq.get() }))
}

/// Remove a book: its documents, here and in every target, and the copy of its file
#[utoipa::path(delete, path = "/api/books/{book_id}", tag = "books", operation_id = "remove_book",
    params(("book_id" = String, Path, description = "The book")),
    responses((status = 204, description = "Removed; targets follow as they can be reached")))]
async fn remove(State(state): State<ApiState>, reading: BookReading) -> Result<StatusCode, Problem> {
    state.require_running()?;
    state.remove(reading.state().book_id()).await?;
    Ok(StatusCode::NO_CONTENT)
}
