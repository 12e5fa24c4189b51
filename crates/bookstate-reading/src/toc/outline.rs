//! What the file itself says of its parts (bookmarks, a navigation document), and what it says of a printed contents'
//! entries.
//!
//! Invariant: an outline is believed when it goes through the book; one that leads to one page only, or to and fro, is
//! a program's leaving.

use super::chain::{Candidate, heaviest};
use super::entry::ContentsEntry;
use super::same_title::{normalise, similar};
use super::title::split_title;
use super::words::is_contents_title;
use crate::source::NavigationEntry;
use std::collections::HashMap;

/// The share of steps that go forward in an outline that is believed.
const FORWARD: f64 = 0.8;
/// The share of printed entries that an outline must have before its levels are taken.
const LEVELS_FROM: f64 = 0.6;
/// Titles are compared letter by letter with so many entries beside their place.
const WINDOW: usize = 40;

/// An entry of the outline, with its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutlineEntry {
    /// Its title, with its number.
    pub title: String,
    /// 1 is the highest.
    pub level: u32,
    /// The page, 1-based.
    pub page: u32,
}

/// The entries of an outline that lead to a page; empty when it is not to be believed.
pub(super) fn believed(navigation: &[NavigationEntry], page_count: u32) -> Vec<OutlineEntry> {
    let one = |e: &NavigationEntry| {
        let title = e.title.split_whitespace().collect::<Vec<_>>().join(" ");
        let page = e.page.filter(|p| (1..=page_count).contains(p))?;
        title.chars().any(char::is_alphanumeric).then_some(OutlineEntry {
            title,
            level: u32::from(e.level.max(1)),
            page,
        })
    };
    let entries: Vec<OutlineEntry> = navigation.iter().filter_map(one).collect();
    let steps = entries.len().saturating_sub(1);
    let forward = entries.iter().zip(entries.iter().skip(1)).filter(|(a, b)| a.page <= b.page).count();
    let first = entries.first().map(|e| e.page);
    let moves = entries.iter().any(|e| Some(e.page) != first) || page_count <= 3;
    let lowest = entries.iter().map(|e| e.level).min().unwrap_or(1);
    if entries.len() < 2 || !moves || (forward as f64) < FORWARD * steps as f64 {
        return Vec::new();
    }
    entries.into_iter().map(|e| OutlineEntry { level: e.level - lowest + 1, ..e }).collect()
}

/// For each printed entry the outline's entry of the same title, in the order of both.
pub(super) fn matched(entries: &[ContentsEntry], outline: &[OutlineEntry]) -> Vec<Option<usize>> {
    if outline.is_empty() {
        return vec![None; entries.len()];
    }
    let plain: Vec<[String; 2]> =
        outline.iter().map(|e| [normalise(&e.title), normalise(split_title(&e.title).rest)]).collect();
    let mut at: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, forms) in plain.iter().enumerate() {
        for form in forms.iter().filter(|f| !f.is_empty()) {
            let places = at.entry(form).or_default();
            if places.last() != Some(&i) {
                places.push(i);
            }
        }
    }
    let candidates: Vec<Vec<Candidate>> = entries
        .iter()
        .enumerate()
        .map(|(k, entry)| {
            let number = entry.entry_number.as_deref().unwrap_or_default();
            let title = normalise(&entry.title);
            let whole = [normalise(&entry.printed_title()), format!("{}{title}", normalise(number))];
            let mut found: Vec<Candidate> = Vec::new();
            let mut add = |i: usize, weight: u32| {
                let page = u32::try_from(i + 1).unwrap_or(u32::MAX);
                if found.iter().all(|c| c.page != page) {
                    found.push(Candidate { page, weight });
                }
            };
            whole.iter().filter_map(|w| at.get(w.as_str())).flatten().for_each(|i| add(*i, 4));
            at.get(title.as_str()).into_iter().flatten().take(60).for_each(|i| add(*i, 3));
            if found.is_empty() {
                let near = k * outline.len() / entries.len().max(1);
                let window = near.saturating_sub(WINDOW)..(near + WINDOW).min(plain.len());
                for i in window {
                    let alike =
                        |form: &String| similar(form, &title) || whole.iter().any(|w| similar(form, w));
                    if plain.get(i).is_some_and(|forms| forms.iter().any(alike)) {
                        found.push(Candidate { page: u32::try_from(i + 1).unwrap_or(u32::MAX), weight: 2 });
                    }
                }
            }
            found.sort_by_key(|c| c.page);
            found
        })
        .collect();
    heaviest(&candidates).into_iter().map(|place| place.and_then(|p| usize::try_from(p - 1).ok())).collect()
}

/// Takes the levels of the outline for printed entries where it has most of them; those that it lacks get the level
/// that it gives to others of their printed level.
pub(super) fn take_levels(
    entries: &mut [ContentsEntry],
    outline: &[OutlineEntry],
    matched: &[Option<usize>],
) {
    let pairs: Vec<(usize, u32)> =
        matched.iter().enumerate().filter_map(|(k, i)| Some((k, outline.get((*i)?)?.level))).collect();
    let lowest = pairs.iter().map(|(_, level)| *level).min().unwrap_or(1);
    let several = pairs.iter().any(|(_, level)| *level != lowest);
    let printed_several = entries.iter().any(|e| Some(e.level) != entries.first().map(|e| e.level));
    let enough = pairs.len() as f64 >= LEVELS_FROM * entries.len() as f64;
    // A flat outline says less than indents and numbers do.
    if !enough || (!several && printed_several) {
        return;
    }
    let mut votes: HashMap<u32, HashMap<u32, usize>> = HashMap::new();
    for (k, level) in &pairs {
        if let Some(entry) = entries.get(*k) {
            *votes.entry(entry.level).or_default().entry(level - lowest + 1).or_default() += 1;
        }
    }
    let of_printed = |level: u32| {
        let of = votes.get(&level)?;
        of.iter().max_by_key(|(to, count)| (**count, std::cmp::Reverse(**to))).map(|(to, _)| *to)
    };
    let mut known: Vec<Option<u32>> = vec![None; entries.len()];
    for (k, level) in pairs {
        if let Some(slot) = known.get_mut(k) {
            *slot = Some(level - lowest + 1);
        }
    }
    for (entry, level) in entries.iter_mut().zip(known) {
        entry.level = level.or_else(|| of_printed(entry.level)).unwrap_or(entry.level);
    }
}

/// What of the outline no printed entry has, but for the contents themselves, a cover and a title page: mostly the
/// levels that are not printed.
pub(super) fn left_over(outline: &[OutlineEntry], matched: &[Option<usize>]) -> Vec<OutlineEntry> {
    let used: std::collections::HashSet<usize> = matched.iter().flatten().copied().collect();
    let outer =
        ["cover", "titlepage", "title", "titel", "titelseite", "copyright", "frontmatter", "halftitle"];
    let first = used.iter().min().copied().unwrap_or(0);
    // Levels count from the highest that is printed.
    let lowest = used.iter().filter_map(|i| outline.get(*i)).map(|e| e.level).min().unwrap_or(1);
    let below =
        |e: &OutlineEntry| OutlineEntry { level: (e.level + 1).saturating_sub(lowest).max(1), ..e.clone() };
    let inside = |i: usize, e: &OutlineEntry| {
        i > first
            && !used.contains(&i)
            && !is_contents_title(&e.title)
            && !outer.contains(&normalise(&e.title).as_str())
    };
    outline.iter().enumerate().filter(|(i, e)| inside(*i, e)).map(|(_, e)| below(e)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nav(entries: &[(&str, u8, u32)]) -> Vec<NavigationEntry> {
        let one = |(title, level, page): &(&str, u8, u32)| NavigationEntry {
            title: (*title).to_owned(),
            level: *level,
            page: Some(*page),
            top: None,
        };
        entries.iter().map(one).collect()
    }

    fn entry(number: &str, title: &str, level: u32) -> ContentsEntry {
        ContentsEntry {
            entry_number: (!number.is_empty()).then(|| number.to_owned()),
            title: title.to_owned(),
            level,
            level_name: None,
            printed_page: Some("1".into()),
        }
    }

    #[test]
    fn an_outline_that_goes_nowhere_is_not_believed() {
        assert!(believed(&nav(&[("A", 1, 1), ("B", 1, 1), ("C", 1, 1)]), 9).is_empty());
        assert!(believed(&nav(&[("A", 1, 9), ("B", 1, 5), ("C", 1, 2)]), 9).is_empty());
        assert!(believed(&nav(&[("A", 1, 2)]), 9).is_empty());
        assert_eq!(believed(&nav(&[("A", 2, 2), ("B", 3, 5), ("C", 2, 99)]), 9).len(), 2);
        assert_eq!(believed(&nav(&[("A", 2, 2), ("B", 3, 5)]), 9)[1].level, 2);
    }

    #[test]
    fn levels_and_the_rest_come_from_the_outline() {
        let outline = believed(
            &nav(&[
                ("Cover", 1, 1),
                ("Part I", 1, 2),
                ("1 The Sea", 2, 3),
                ("Salt", 3, 4),
                ("2 The Land", 2, 6),
                ("Index", 1, 9),
            ]),
            9,
        );
        let mut entries = [entry("1", "The Sea", 1), entry("2", "The Lamd", 1), entry("", "Index", 1)];
        entries[1].title = "The Land".into();
        let pairs = matched(&entries, &outline);
        assert_eq!(pairs, [Some(2), Some(4), Some(5)]);
        take_levels(&mut entries, &outline, &pairs);
        assert_eq!(entries.iter().map(|e| e.level).collect::<Vec<_>>(), [2, 2, 1]);
        let rest: Vec<String> = left_over(&outline, &pairs).into_iter().map(|e| e.title).collect();
        assert_eq!(rest, ["Salt"]);
    }

    #[test]
    fn equal_titles_are_matched_in_order() {
        let outline = believed(&nav(&[("A", 1, 1), ("Notes", 2, 2), ("B", 1, 3), ("Notes", 2, 4)]), 9);
        let entries = [entry("", "A", 1), entry("", "Notes", 2), entry("", "B", 1), entry("", "Notes", 2)];
        assert_eq!(matched(&entries, &outline), [Some(0), Some(1), Some(2), Some(3)]);
    }
}
