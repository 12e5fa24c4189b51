//! The texts of a book: one page, with its image where there is one, and one chapter.

use axum::{extract::State, response::Response};
use bookstate_domain::BookState;
use bookstate_jobs::{
    page_images::has_images,
    scan::{kept_words, page_words},
};
use bookstate_scans::words::PageWords;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    frame::{Live, Page},
    prose::{Doubts, prose},
    words::{badge, count, range},
};
use crate::{
    extract::Path,
    problem::{Code, Problem},
    read::BookReading,
    state::ApiState,
    view,
};

#[derive(Debug, Deserialize)]
pub(super) struct PageNumber {
    page_num: i32,
}

#[derive(Debug, Deserialize)]
pub(super) struct ChapterId {
    entry_id: String,
}

/// The widths of a page's image that a browser chooses from.
const WIDTHS: [u32; 3] = [600, 1200, 2000];

pub(super) async fn page(
    State(state): State<ApiState>,
    Path(number): Path<PageNumber>,
    reading: BookReading,
) -> Result<Response, Problem> {
    let shown = tokio::task::spawn_blocking(move || {
        let copy = state.images().copy_of(reading.state().book_id());
        reading.answer(|book| page_of(book, number.page_num, copy.as_deref()))
    });
    shown.await.map_err(|error| Problem::internal(&error))?
}

/// A page of a book, the copy of whose file is `copy`. Reads a disk.
fn page_of(state: &BookState, page_num: i32, copy: Option<&std::path::Path>) -> Result<Page, Problem> {
    let page = view::PageDetails::of(state, page_num)
        .ok_or_else(|| Problem::new(Code::UnknownPage, format!("the book has no page {page_num}")))?;
    let book = state.book();
    let last = book.map_or(page_num, |book| book.page_count);
    let title = book.and_then(|book| book.title.as_deref()).unwrap_or(&page.book_id);
    let to = |number: i32| format!("/books/{}/pages/{number}", page.book_id);
    let number = u32::try_from(page_num).unwrap_or(0);
    let words = copy.and_then(|copy| page_words(state, copy, number));
    // The image stays as it is when a person has corrected the text.
    let shape = words.as_ref().map(Shape::of);
    let shape = shape.or_else(|| Some(Shape::of(&kept_words(copy?, number)?)));
    let words = words.map(|words| view::PageWords::of(state.book_id(), page_num, words));
    let mut doubts = words.as_ref().map(|words| Doubts::of(&words.words)).unwrap_or_default();
    let doubtful = doubts.count;
    let content = html! {
        (way_back(&page.book_id, title))
        h1 { "Page " (page_num) }
        nav.steps aria-label="Pages" {
            @if page_num > 1 { a rel="prev" href=(to(page_num - 1)) { "← Page " (page_num - 1) } }
            span { "of " (last) }
            @if page_num < last { a rel="next" href=(to(page_num + 1)) { "Page " (page_num + 1) " →" } }
        }
        @if page.ocr_failed { p { (badge("failed")) } }
        @if let Some(reason) = &page.failure_reason { p.problem { (reason) } }
        div.beside {
            div {
                @if doubtful > 0 {
                    p.doubts {
                        (count(doubtful, "word")) " of this page " @if doubtful == 1 { "was" } @else { "were" }
                        " read with doubt: see the " mark { "marks" } "."
                    }
                }
                article.text {
                    @match page.markdown.as_deref() {
                        Some(text) if !text.trim().is_empty() => (prose(text, &mut doubts)),
                        Some(_) => p.empty { "The page has no text." },
                        None => p.empty { "The page is not read yet." },
                    }
                }
            }
            @if copy.is_some_and(has_images) { (picture(&page.book_id, page_num, title, shape.as_ref())) }
        }
        @if page.texts.len() > 1 {
            h2 { "What each provider read" }
            @for text in &page.texts {
                h3 { (text.provider) }
                article.text { (plain(text.text.as_deref().unwrap_or_default())) }
            }
        }
    };
    Ok(Page::new(&format!("Page {page_num}, {title}"), &Live::default(), &content))
}

/// How a page's image stands upright, in pixels, and by how many degrees it is turned for that.
struct Shape {
    width: u32,
    height: u32,
    turned: u16,
}

impl Shape {
    fn of(read: &PageWords) -> Self {
        Self { width: read.width, height: read.height, turned: read.turned }
    }
}

/// The image of a page; a browser fetches the width that it needs, when it needs it.
fn picture(book_id: &str, page_num: i32, title: &str, shape: Option<&Shape>) -> Markup {
    let turned = shape.map(|shape| shape.turned).filter(|turned| *turned != 0);
    let turned = turned.map(|turned| format!("&turned={turned}")).unwrap_or_default();
    let at = |width: u32| format!("/api/books/{book_id}/pages/{page_num}/image?width={width}{turned}");
    let widths = WIDTHS.map(|width| format!("{} {width}w", at(width))).join(", ");
    // So that the text does not move when the image comes.
    let (width, height) = shape.map(|shape| (shape.width, shape.height)).unzip();
    html! {
        figure.page {
            a href=(at(3000)) {
                img src=(at(1200)) srcset=(widths) sizes="(min-width: 60rem) 48vw, 96vw" width=[width]
                    height=[height] loading="lazy" decoding="async" alt={ "Page " (page_num) " of " (title) ", as it looks" };
            }
        }
    }
}

pub(super) async fn chapter(Path(id): Path<ChapterId>, reading: BookReading) -> Result<Response, Problem> {
    reading.answer(|state| {
        let chapters = view::Chapters::of(state, true);
        let place = chapters.chapters.iter().position(|chapter| *chapter.entry_id == *id.entry_id);
        let at = |place: usize| chapters.chapters.get(place);
        let (place, chapter) = place
            .and_then(|place| Some((place, at(place)?)))
            .ok_or_else(|| Problem::new(Code::NotFound, "the book has no such chapter"))?;
        let book = state.book().and_then(|book| book.title.as_deref()).unwrap_or(&chapters.book_id);
        let title = name(chapter);
        let to = |chapter: &view::ChapterRow| {
            format!("/books/{}/chapters/{}", chapters.book_id, super::frame::segment(&chapter.entry_id))
        };
        let first_page = format!("/books/{}/pages/{}", chapters.book_id, chapter.start_page);
        let words = usize::try_from(chapter.word_count).unwrap_or_default();
        let content = html! {
            (way_back(&chapters.book_id, book))
            h1 { @if let Some(number) = &chapter.entry_number { (number) " " } (title) }
            p.facts {
                span { "Pages " a href=(first_page) { (range(chapter.start_page, chapter.end_page)) } }
                span { (count(words, "word")) }
            }
            article.text {
                @match chapter.text.as_deref() {
                    Some(text) if !text.trim().is_empty() => (plain(text)),
                    Some(_) => p.empty { "The chapter has no text." },
                    None => p.empty { "The chapter's text is not taken yet." },
                }
            }
            nav.steps aria-label="Chapters" {
                @if let Some(before) = place.checked_sub(1).and_then(at) {
                    a rel="prev" href=(to(before)) { "← " (name(before)) }
                }
                @if let Some(after) = at(place + 1) {
                    a rel="next" href=(to(after)) { (name(after)) " →" }
                }
            }
        };
        Ok(Page::new(&format!("{title}, {book}"), &Live::default(), &content))
    })
}

/// What a chapter is called.
fn name(chapter: &view::ChapterRow) -> &str {
    chapter.title.as_deref().unwrap_or(&chapter.entry_id)
}

fn way_back(book_id: &str, title: &str) -> Markup {
    html! { nav aria-label="Way back" { a href={ "/books/" (book_id) } { "↑ " (title) } } }
}

/// A text that nobody doubts.
fn plain(text: &str) -> Markup {
    prose(text, &mut Doubts::default())
}
