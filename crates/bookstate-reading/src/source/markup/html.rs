//! An HTML file as a book: its text, its headings as navigation, and what its head says of it.

use super::super::document::{Document, Outline};
use super::super::draft::{Piece, paged, with_notes};
use super::super::{SourceInfo, encoding};
use super::reader::{Part, pieces};
use super::tree::{Element, NodeId, Tree};

/// How far into a file its encoding is declared.
const DECLARED_WITHIN: usize = 4096;

/// Reads a file.
pub(in crate::source) fn read(bytes: &[u8]) -> Document {
    let text = text_of(bytes);
    let tree = if is_xhtml(&text) { Tree::xml(&text) } else { Tree::html(&text) };
    let mut pieces: Vec<Piece> = with_notes(pieces(Part { tree: &tree, name: "", resolve }));
    let outline = Outline::of_headings(&mut pieces);
    let mut info = info(&tree);
    if info.title.is_none() {
        info.title.clone_from(&outline.title);
    }
    let paged = paged(pieces);
    let navigation = outline.entries(&paged.places);
    Document { pages: paged.pages, navigation, info, ..Document::default() }
}

/// Only places within the file are places of the book.
fn resolve(name: &str, href: &str) -> Option<String> {
    href.starts_with('#').then(|| format!("{name}{href}"))
}

/// Its text, by its byte order mark, its declaration, or what it looks like.
pub(in crate::source) fn text_of(bytes: &[u8]) -> String {
    let head = String::from_utf8_lossy(bytes.get(..DECLARED_WITHIN).unwrap_or(bytes)).to_ascii_lowercase();
    encoding::declared(bytes, label(&head))
}

fn label(head: &str) -> Option<&str> {
    let (_, rest) = head.split_once("encoding=").or_else(|| head.split_once("charset="))?;
    let rest = rest.trim_start_matches(['"', '\'', ' ']);
    rest.split(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c)).next()
}

/// Written by rules under which an element without text is closed where it opens.
fn is_xhtml(text: &str) -> bool {
    let head: String = text.chars().take(DECLARED_WITHIN).collect();
    head.trim_start().starts_with("<?xml") && head.contains("http://www.w3.org/1999/xhtml")
}

fn info(tree: &Tree) -> SourceInfo {
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let some = |text: String| (!text.is_empty()).then_some(text);
    let title = tree.all(Tree::ROOT, "title").next().map(|node| squeezed(&tree.text(node)));
    let named =
        |node: NodeId| tree.element(node).and_then(|e| Some((e.attribute("name")?, e.attribute("content")?)));
    let meta: Vec<(&str, &str)> = tree.all(Tree::ROOT, "meta").filter_map(named).collect();
    let said = |names: &[&str]| {
        let found = meta.iter().find(|(name, _)| names.iter().any(|n| name.eq_ignore_ascii_case(n)));
        found.and_then(|(_, content)| some(squeezed(content)))
    };
    let language = tree.all(Tree::ROOT, "html").next().and_then(|node| tree.element(node));
    SourceInfo {
        title: title.and_then(some).or_else(|| said(&["dc.title", "dcterms.title"])),
        author: said(&["author", "dc.creator", "dcterms.creator"]),
        keywords: said(&["keywords"]),
        subject: said(&["dc.subject"]),
        description: said(&["description", "dc.description"]),
        publisher: said(&["dc.publisher", "publisher"]),
        creator: said(&["generator"]),
        language: language.and_then(language_of).or_else(|| said(&["dc.language"])),
        ..SourceInfo::default()
    }
}

fn language_of(element: &Element) -> Option<String> {
    element.attribute("lang").map(str::trim).filter(|lang| !lang.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_the_navigation_and_the_only_highest_one_is_the_title() {
        let html = "<!DOCTYPE html><html lang=de><meta charset=iso-8859-1><body><h1>Bücher</h1><p>by me\
                    <h2>One</h2><p>text<h4>Deep</h4><p>text<h2>Two</h2><p>text";
        let bytes: Vec<u8> = html.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let document = read(&bytes);
        let found: Vec<_> = document.navigation.iter().map(|e| (e.title.as_str(), e.level, e.page)).collect();
        assert_eq!(found, [("One", 1, Some(1)), ("Deep", 2, Some(1)), ("Two", 1, Some(1))]);
        assert_eq!(document.info.title.as_deref(), Some("Bücher"));
        assert_eq!(document.info.language.as_deref(), Some("de"));
    }
}
