//! In which order entries of one page begin, when some of them are not in the printed contents.
//!
//! Invariants: pages are not touched; what is not found, in the file's own contents or on the page, stays behind what it
//! stood behind.

use super::entry_facts::EntryFacts;
use super::locate::{ChapterStart, lines_on_page};
use crate::toc::{BookText, normalise, split_title};
use bookstate_domain::{ChapterSubject, EntryIdent};

/// Puts the entries of each page in order; `linked` are in the order of their pages, the printed ones of a page first.
pub(super) fn put_in_order(book: &BookText, linked: &mut [(u32, &EntryFacts)]) {
    for of_page in linked.chunk_by_mut(|(a, _), (b, _)| a == b) {
        let page = of_page.first().map_or(0, |(page, _)| *page);
        if of_page.len() < 2 || !of_page.iter().any(|(_, e)| matches!(e.ident, EntryIdent::Discovered { .. }))
        {
            continue;
        }
        let entries: Vec<&EntryFacts> = of_page.iter().map(|(_, entry)| *entry).collect();
        let by_outline = places_in_outline(book, page, &entries);
        let places = match by_outline.iter().all(Option::is_some) {
            true => by_outline,
            false => lines_on_page(book, page, &entries.iter().map(|e| start(page, e)).collect::<Vec<_>>()),
        };
        let mut last = 0;
        let behind = places.into_iter().map(|place| {
            last = place.unwrap_or(last);
            last
        });
        let mut placed: Vec<(usize, &EntryFacts)> = behind.zip(entries).collect();
        placed.sort_by_key(|(place, _)| *place);
        of_page.iter_mut().zip(placed).for_each(|(slot, (_, entry))| slot.1 = entry);
    }
}

/// Where each stands among the entries that the file's own contents have for the page.
fn places_in_outline(book: &BookText, page: u32, entries: &[&EntryFacts]) -> Vec<Option<usize>> {
    let outline = book.outline().iter().enumerate().filter(|(_, e)| e.page == page);
    let outline: Vec<(usize, [String; 2])> =
        outline.map(|(i, e)| (i, [normalise(&e.title), normalise(split_title(&e.title).rest)])).collect();
    let place = |entry: &&EntryFacts| {
        let title = normalise(entry.title.as_deref().unwrap_or_default());
        let whole = format!("{}{title}", normalise(entry.number.as_deref().unwrap_or_default()));
        let is = |forms: &[String; 2]| forms.iter().any(|form| *form == title || *form == whole);
        outline.iter().find(|(_, forms)| is(forms)).map(|(i, _)| *i)
    };
    entries.iter().map(place).collect()
}

fn start(page: u32, entry: &EntryFacts) -> ChapterStart {
    ChapterStart {
        subject: ChapterSubject::Entry(entry.ident.clone()),
        number: entry.number.clone(),
        title: entry.title.clone(),
        page,
        source: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::NavigationEntry;
    use crate::toc::FileFacts;
    use std::sync::Arc;

    fn facts(ident: EntryIdent, number: Option<&str>, title: &str) -> EntryFacts {
        EntryFacts {
            ident,
            number: number.map(Into::into),
            title: Some(title.into()),
            level: 1,
            level_name: None,
            page: Some(2),
        }
    }

    fn ordered(outline: &[(&str, u32)], found: &[&str]) -> Vec<String> {
        let text = "end of the one\n\nerror\n\nwords on it\n\n3.2 Hints\n\nwords\n\nNotes\n\nmore words";
        let pages: Vec<Arc<str>> = vec!["3.1 Types\n\nwords".into(), text.into(), "words".into()];
        let navigation = outline.iter().map(|(title, page)| NavigationEntry {
            title: (*title).to_owned(),
            level: 1,
            page: Some(*page),
            top: None,
        });
        let file = FileFacts { navigation: navigation.collect(), ..FileFacts::default() };
        let book = BookText::with_file(pages, file);
        let named =
            |i: usize| EntryIdent::Discovered { level: 2, identifier: format!("outline:{i:03}").into() };
        let mut entries = vec![facts(EntryIdent::Ordinal(1), Some("3.2"), "Hints")];
        entries.extend(found.iter().enumerate().map(|(i, title)| facts(named(i), None, title)));
        let mut linked: Vec<(u32, &EntryFacts)> = entries.iter().map(|e| (2, e)).collect();
        put_in_order(&book, &mut linked);
        linked.iter().map(|(_, e)| e.title.as_deref().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn entries_of_a_page_are_in_the_order_of_the_files_contents() {
        let outline = [("3.1 Types", 1), ("error", 2), ("3.2 Hints", 2), ("Notes", 2), ("End", 3)];
        assert_eq!(ordered(&outline, &["error", "Notes"]), ["error", "Hints", "Notes"]);
    }

    #[test]
    fn without_such_contents_they_are_in_the_order_of_their_headings() {
        assert_eq!(ordered(&[], &["Notes", "error"]), ["error", "Hints", "Notes"]);
        assert_eq!(
            ordered(&[], &["nowhere to be found", "error"]),
            ["error", "Hints", "nowhere to be found"]
        );
    }
}
