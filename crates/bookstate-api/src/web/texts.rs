//! The texts of a book: one page, one chapter.

use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    frame::{Live, Page},
    words::{badge, count, range},
};
use crate::{
    extract::Path,
    problem::{Code, Problem},
    read::BookReading,
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

pub(super) async fn page(Path(number): Path<PageNumber>, reading: BookReading) -> Result<Response, Problem> {
    let PageNumber { page_num } = number;
    reading.answer(|state| {
        let page = view::PageDetails::of(state, page_num)
            .ok_or_else(|| Problem::new(Code::UnknownPage, format!("the book has no page {page_num}")))?;
        let book = state.book();
        let last = book.map_or(page_num, |book| book.page_count);
        let title = book.and_then(|book| book.title.as_deref()).unwrap_or(&page.book_id);
        let to = |number: i32| format!("/books/{}/pages/{number}", page.book_id);
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
            article.text {
                @match page.markdown.as_deref() {
                    Some(text) if !text.trim().is_empty() => (prose(text)),
                    Some(_) => p.empty { "The page has no text." },
                    None => p.empty { "The page is not read yet." },
                }
            }
            @if page.texts.len() > 1 {
                h2 { "What each provider read" }
                @for text in &page.texts {
                    h3 { (text.provider) }
                    article.text { (prose(text.text.as_deref().unwrap_or_default())) }
                }
            }
        };
        Ok(Page::new(&format!("Page {page_num}, {title}"), &Live::default(), &content))
    })
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
                    Some(text) if !text.trim().is_empty() => (prose(text)),
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

/// A text's paragraphs and headings. Its lines stay lines; nothing else of Markdown is made anything of.
fn prose(text: &str) -> Markup {
    html! {
        @for paragraph in text.replace("\r\n", "\n").split("\n\n").map(|text| text.trim_matches('\n')) {
            @match heading(paragraph) {
                Some(heading) => h3 { (heading) },
                None if paragraph.trim().is_empty() => {},
                None => p { (paragraph) },
            }
        }
    }
}

/// The text of a paragraph that is one Markdown heading.
fn heading(paragraph: &str) -> Option<&str> {
    let text = paragraph.trim_start_matches('#');
    let marks = paragraph.len() - text.len();
    ((1..=6).contains(&marks) && text.starts_with(' ') && !text.contains('\n')).then(|| text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_headings_and_paragraphs_and_never_html() {
        let text = prose("# One\n\nA <b>line</b>\nand another\n\n\n#hash\n\n####### seven").into_string();
        assert_eq!(
            text,
            "<h3>One</h3><p>A &lt;b&gt;line&lt;/b&gt;\nand another</p><p>#hash</p><p>####### seven</p>"
        );
    }
}
