//! The book's own table of contents and list of pages: the navigation document of EPUB 3, the NCX of EPUB 2.

use std::collections::HashMap;

use crate::archive::{Archive, ArchiveError};

use super::super::draft::Piece;
use super::super::markup::{NodeId, Step, Tree};
use super::package::Package;
use super::path::resolve;

/// An entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) title: String,
    /// 1 is the highest.
    pub(super) level: u8,
    /// The place, as `file#id`; empty for an entry that leads nowhere.
    pub(super) to: String,
}

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Navigation {
    /// The table of contents.
    pub(super) contents: Vec<Target>,
    /// Where each printed page begins.
    pages: Vec<Target>,
}

impl Navigation {
    /// Reads the lists: those of the navigation document, and those of the NCX that it lacks.
    pub(super) fn read(archive: &Archive, package: &Package) -> Result<Self, ArchiveError> {
        let mut out = Self::default();
        let file = |path: &str| match archive.name_like(path) {
            Some(name) => Ok(archive.file(name)?.map(|bytes| (name.to_owned(), bytes))),
            None => Ok(None),
        };
        if let Some((name, bytes)) = package.navigation().map(|item| file(&item.path)).transpose()?.flatten()
        {
            let tree = super::document_tree(&super::html_text(&bytes));
            for nav in tree.all(Tree::ROOT, "nav") {
                let is = |word| tree.element(nav).is_some_and(|element| element.has_word("type", &[word]));
                if is("toc") && out.contents.is_empty() {
                    out.contents = list(&tree, nav, &name);
                } else if is("page-list") && out.pages.is_empty() {
                    out.pages = list(&tree, nav, &name);
                }
            }
        }
        if (out.contents.is_empty() || out.pages.is_empty())
            && let Some((name, bytes)) = package.ncx().map(|item| file(&item.path)).transpose()?.flatten()
        {
            let tree = Tree::xml(&super::html_text(&bytes));
            if out.contents.is_empty() {
                out.contents = points(&tree, "navmap", "navpoint", &name);
            }
            if out.pages.is_empty() {
                out.pages = points(&tree, "pagelist", "pagetarget", &name);
            }
        }
        Ok(out)
    }

    /// Gives pieces the labels of the pages that begin with them.
    pub(super) fn label(&self, pieces: &mut [Piece]) {
        let mut at: HashMap<&str, usize> = HashMap::new();
        let mut labels: Vec<(usize, &str)> = Vec::new();
        for (n, piece) in pieces.iter().enumerate() {
            for id in &piece.ids {
                at.entry(id).or_insert(n);
            }
        }
        for page in &self.pages {
            labels.extend(at.get(page.to.as_str()).map(|n| (*n, page.title.as_str())));
        }
        for (n, label) in labels {
            if let Some(piece) = pieces.get_mut(n)
                && !matches!(piece.page, Some(Some(_)))
            {
                piece.page = Some(Some(label.to_owned()));
            }
        }
    }
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The entries of a list in a list.
fn list(tree: &Tree, nav: NodeId, name: &str) -> Vec<Target> {
    let mut found: Vec<Target> = Vec::new();
    let mut level = 0_u8;
    let mut waits = false;
    for step in tree.walk(nav) {
        match step {
            Step::Enter(node) => match tree.name(node) {
                "ol" | "ul" => level = level.saturating_add(1),
                "li" => waits = true,
                "a" | "span" if waits && level > 0 => {
                    waits = false;
                    let title = squeezed(&tree.text(node));
                    let href = tree.element(node).and_then(|element| element.attribute("href"));
                    let to = href.and_then(|href| resolve(name, href)).unwrap_or_default();
                    if !title.is_empty() {
                        found.push(Target { title, level, to });
                    }
                }
                _ => {}
            },
            Step::Leave(node) => {
                if matches!(tree.name(node), "ol" | "ul") {
                    level = level.saturating_sub(1);
                }
            }
        }
    }
    // An entry without a place of its own is where its first part is.
    for n in (0..found.len()).rev() {
        if found.get(n).is_some_and(|entry| entry.to.is_empty()) {
            let next = found.get(n + 1).map(|entry| (entry.level, entry.to.clone()));
            if let (Some((level, to)), Some(entry)) = (next, found.get_mut(n))
                && level > entry.level
            {
                entry.to = to;
            }
        }
    }
    found
}

/// The points of an NCX.
fn points(tree: &Tree, map: &str, point: &str, name: &str) -> Vec<Target> {
    let Some(map) = tree.all(Tree::ROOT, map).next() else { return Vec::new() };
    let mut found = Vec::new();
    let mut level = 0_u8;
    for step in tree.walk(map) {
        match step {
            Step::Enter(node) if tree.name(node) == point => {
                level = level.saturating_add(1);
                let child =
                    |name: &str| tree.children(node).iter().copied().find(|child| tree.name(*child) == name);
                let title = child("navlabel").map(|label| squeezed(&tree.text(label))).unwrap_or_default();
                let src = child("content").and_then(|content| tree.element(content)?.attribute("src"));
                let to = src.and_then(|src| resolve(name, src)).unwrap_or_default();
                if !title.is_empty() {
                    found.push(Target { title, level, to });
                }
            }
            Step::Leave(node) if tree.name(node) == point => level = level.saturating_sub(1),
            _ => {}
        }
    }
    found
}
