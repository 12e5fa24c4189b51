//! Entries as models are told of them, each in a line.

use bookstate_domain::{BookState, Text, TocEntry};

/// An entry: its key, number, title, printed page, and the page that it is linked to.
pub(super) fn entry_line(entry: &TocEntry, has_link: bool) -> String {
    let part = |name: &str, part: &Option<Text>| {
        part.as_deref().map_or_else(String::new, |part| format!(", {name} {part:?}"))
    };
    let number = part("number", &entry.entry_number);
    let title = part("title", &entry.title);
    let printed = part("printed page", &entry.printed_page_number);
    let link = entry.actual_page.filter(|_| has_link);
    let link = link.map_or_else(String::new, |page| format!(", begins on page {page}"));
    format!("[{}] level {}{number}{title}{printed}{link}", entry.ident, entry.level)
}

/// The entries that are linked to pages around a range, of those that are told: `around` before it, all within it,
/// `around` behind it.
pub(super) fn entries_around(
    state: &BookState,
    (first, last): (i32, i32),
    around: usize,
    is_told: impl Fn(&TocEntry) -> bool,
) -> String {
    let mut linked: Vec<(i32, &TocEntry)> = state
        .toc_entries()
        .values()
        .filter(|entry| is_told(entry))
        .filter_map(|entry| Some((entry.actual_page?, &**entry)))
        .collect();
    // The table is in the order of keys, which is the printed one.
    linked.sort_by_key(|(page, _)| *page);
    let before = linked.iter().take_while(|(page, _)| *page < first).count();
    let until = linked.iter().take_while(|(page, _)| *page <= last).count();
    let shown = linked.iter().take(until.saturating_add(around)).skip(before.saturating_sub(around));
    shown.map(|(_, entry)| format!("{}\n", entry_line(entry, true))).collect()
}
