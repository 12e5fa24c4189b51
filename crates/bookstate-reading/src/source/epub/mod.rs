//! EPUB 2 and 3: spine as reading order, navigation document or NCX, page list, metadata, notes, pictures.
//!
//! Invariants: every document of the spine is read, in its order; a document that cannot be found leaves the others
//! readable; a book that is locked by a seller's system is refused with that system's name; nothing outside the
//! archive is ever opened.

mod deeper;
mod lock;
mod navigation;
mod package;
mod path;

use std::collections::HashMap;
use std::path::Path;

use crate::archive::{Archive, ArchiveError};

use super::document::{Document, Outline};
use super::draft::{Paged, Piece, paged, with_notes};
use super::markup::{Part, Tree, html_text};
use super::{Resource, SourceError};
use deeper::with_deeper;
use navigation::{Navigation, Target};
use package::Package;

/// A book has at most so many bytes of pictures kept in memory.
const MOST_PICTURE_BYTES: usize = 256 << 20;

/// A file that begins so may be an EPUB book.
pub(super) fn may_be(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04")
}

/// The bytes are an EPUB book, not some other archive.
pub(super) fn is_epub(bytes: &[u8]) -> bool {
    let head = bytes.get(..200).unwrap_or(bytes);
    let has = |word: &[u8]| head.windows(word.len()).any(|part| part == word);
    may_be(bytes)
        && (has(b"application/epub+zip") || has(b"META-INF/") || {
            Archive::new(bytes.to_vec()).is_ok_and(|archive| archive.has("META-INF/container.xml"))
        })
}

/// Reads a book.
pub(super) fn read(path: &Path, bytes: Vec<u8>) -> Result<Document, SourceError> {
    let broken = |error: ArchiveError| match error {
        ArchiveError::Locked => SourceError::Encrypted { path: path.into(), reason: error.to_string() },
        ArchiveError::TooLarge(_) => SourceError::TooLarge { path: path.into(), reason: error.to_string() },
        ArchiveError::Damaged(_) => SourceError::Broken { path: path.into(), reason: error.to_string() },
    };
    let archive = Archive::new(bytes).map_err(broken)?;
    if let Some(system) = lock::locked_by(&archive).map_err(broken)? {
        return Err(SourceError::Encrypted { path: path.into(), reason: system });
    }
    let no_package =
        || SourceError::Broken { path: path.into(), reason: "it has no package document".to_owned() };
    let package = Package::read(&archive).map_err(broken)?.ok_or_else(no_package)?;
    let navigation = Navigation::read(&archive, &package).map_err(broken)?;
    let mut pieces: Vec<Piece> = Vec::new();
    for name in package.reading_order(&archive) {
        let Some(bytes) = archive.file(&name).map_err(broken)? else { continue };
        let text = html_text(&bytes);
        let tree = document_tree(&text);
        let part = Part { tree: &tree, name: &name, resolve: path::resolve };
        let mut read = super::markup::pieces(part);
        if let Some(first) = read.first_mut()
            && first.page.is_none()
        {
            first.page = Some(None);
        }
        pieces.append(&mut read);
    }
    navigation.label(&mut pieces);
    let mut pieces = with_notes(pieces);
    let contents = with_deeper(&navigation.contents, &mut pieces);
    let outline = Outline::of_headings(&mut pieces);
    let Paged { mut pages, places } = paged(pieces);
    if pages.is_empty() && package.pictures().next().is_some() {
        // A book of pictures: its text would have to be read from them.
        pages.push(crate::page::Page { has_image: true, ..Default::default() });
    }
    let entries = if contents.is_empty() {
        outline.entries(&places)
    } else {
        contents.iter().map(|target| entry(target, &places)).collect()
    };
    let resources = pictures(&archive, &package);
    Ok(Document { pages, navigation: entries, info: package.info, resources })
}

/// The picture on a book's cover. Only the archive's directory and this picture are read of it.
pub(super) fn cover(bytes: Vec<u8>) -> Option<Resource> {
    let archive = Archive::new(bytes).ok()?;
    let package = Package::read(&archive).ok()??;
    let item = package.pictures().find(|item| package.cover.as_deref() == Some(item.id.as_str()))?;
    let bytes = archive.file(&item.path).ok()??;
    let media_type = item.media_type.clone();
    Some(Resource { name: item.path.clone(), media_type, bytes: bytes.into(), is_cover: true })
}

fn entry(target: &Target, places: &HashMap<String, u32>) -> super::NavigationEntry {
    let document = target.to.split('#').next().unwrap_or_default();
    let page = places.get(&target.to).or_else(|| places.get(document)).copied();
    super::NavigationEntry { title: target.title.clone(), level: target.level, page, top: None }
}

/// XML where it is XML; a document with mistakes in it as a browser would read it.
fn document_tree(text: &str) -> Tree {
    let tree = Tree::xml(text);
    let html = Tree::html(text);
    // In the body alone: read as HTML, a title that is closed where it opens holds all the rest.
    let letters = |tree: &Tree| {
        let body = tree.all(Tree::ROOT, "body").next();
        body.map_or(0, |body| tree.text(body).chars().filter(|c| c.is_alphanumeric()).count())
    };
    if letters(&html) > letters(&tree) { html } else { tree }
}

fn pictures(archive: &Archive, package: &Package) -> Vec<Resource> {
    let mut left = MOST_PICTURE_BYTES;
    let mut found = Vec::new();
    for item in package.pictures() {
        let Ok(Some(bytes)) = archive.file(&item.path) else { continue };
        if bytes.len() > left {
            break;
        }
        left -= bytes.len();
        let is_cover = package.cover.as_deref() == Some(item.id.as_str());
        found.push(Resource {
            name: item.path.clone(),
            media_type: item.media_type.clone(),
            bytes: bytes.into(),
            is_cover,
        });
    }
    found
}

#[cfg(test)]
mod tests;
