//! The bookmarks of a PDF as the navigation of the book.
//!
//! Invariants: in the order in which a reader shows them; each node once, however the file links them.

use super::destinations::Destinations;
use super::strings;
use crate::source::NavigationEntry;
use hayro_syntax::Pdf;
use hayro_syntax::object::{Dict, ObjectIdentifier, String as PdfString};
use std::collections::HashSet;

/// More bookmarks than any honest book has.
const MOST_ENTRIES: usize = 100_000;
/// Deeper nesting than any honest book has.
const DEEPEST: usize = 32;

pub(super) fn navigation(pdf: &Pdf, destinations: &Destinations) -> Vec<NavigationEntry> {
    let mut entries = Vec::new();
    let root = || -> Option<Dict<'_>> {
        let catalog: Dict<'_> = pdf.xref().get(pdf.xref().root_id())?;
        catalog.get::<Dict<'_>>("Outlines")?.get::<Dict<'_>>("First")
    };
    let mut seen: HashSet<ObjectIdentifier> = HashSet::new();
    // The next node of each level that is open.
    let mut open: Vec<Option<Dict<'_>>> = vec![root()];
    while let Some(slot) = open.last_mut() {
        let Some(node) = slot.take() else {
            open.pop();
            continue;
        };
        let is_new = node.obj_id().is_none_or(|id| seen.insert(id));
        if !is_new || entries.len() >= MOST_ENTRIES {
            continue;
        }
        *slot = node.get::<Dict<'_>>("Next");
        let level = u8::try_from(open.len()).unwrap_or(u8::MAX);
        let target = destinations.of(pdf, &node);
        let title = node.get::<PdfString<'_>>("Title").and_then(|t| strings::decode(t.as_bytes()));
        if let Some(title) = title {
            let page = target.map(|t| t.page + 1);
            entries.push(NavigationEntry { title, level, page, top: target.and_then(|t| t.top) });
        }
        if open.len() < DEEPEST {
            open.push(node.get::<Dict<'_>>("First"));
        }
    }
    entries
}
