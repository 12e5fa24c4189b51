//! Numbers of titles that only the series shows: `10.10Bei` behind `10.9`, `A Architectures` before `A.1` and `B Tools`.
//!
//! Alone neither is a number: `A Tale` is a title, and so is `3D`. Where a list's column of numbers is too narrow, the
//! ones that fill it touch their titles; the numbers around them say where each ends.

use super::contents_page::Printed;
use super::numbers::decimal;
use super::title::{split_glued, split_title};
use std::collections::HashMap;

/// So many letters in a row are a series by themselves.
const LETTERS: usize = 3;

/// Sets numbers apart from titles wherever they count on what the list counts.
pub(super) fn set_apart(list: &mut [Printed]) {
    glued(list);
    letters(list);
}

/// Whether a section's number comes right behind another: the first one below it, or the next one of its level or of a
/// level above.
pub(super) fn comes_behind(number: &str, before: &str) -> bool {
    let (Some(number), Some(before)) = (parts(number), parts(before)) else { return false };
    let Some((last, above)) = number.split_last() else { return false };
    match before.get(above.len()) {
        None => above == before && *last <= 1,
        Some(at) => before.starts_with(above) && at.checked_add(1) == Some(*last),
    }
}

/// A decimal number in its parts.
fn parts(number: &str) -> Option<Vec<u32>> {
    number.split('.').map(decimal).collect()
}

/// Numbers without white space behind them. A single one must be told from `3D` by a word with a capital, too.
fn glued(list: &mut [Printed]) {
    let mut last: HashMap<Vec<u32>, u32> = HashMap::new();
    let mut before: Vec<u32> = Vec::new();
    for entry in list {
        let known = split_title(&entry.title).number.map(|n| (n.trim_end_matches('.').to_owned(), false));
        let Some((number, is_glued)) = known.or_else(|| touching(&entry.title).map(|n| (n.to_owned(), true)))
        else {
            continue;
        };
        let Some(mut above) = parts(&number) else { continue };
        let Some(value) = above.pop() else { continue };
        if is_glued {
            let counts_on = last.get(&above).is_some_and(|n| n + 1 == value);
            let begins = value == 1 && !above.is_empty() && above == before;
            if !counts_on && !begins {
                continue;
            }
            entry.title.insert(number.len(), ' ');
        }
        last.insert(above.clone(), value);
        before = above;
        before.push(value);
    }
}

/// The number that a title begins with and that touches it.
fn touching(title: &str) -> Option<&str> {
    let end = title.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, rest) = title.split_at_checked(end)?;
    let deep = number.contains('.') && !number.ends_with('.') && rest.starts_with(char::is_alphabetic);
    (deep || split_glued(title).is_some_and(|(n, _)| n == number)).then_some(number)
}

/// Lone letters before titles, `A`, `B`, `C` and no other: a few of them, or with `A.1` below the first.
fn letters(list: &mut [Printed]) {
    let lone: Vec<(usize, char)> =
        list.iter().enumerate().filter_map(|(i, entry)| Some((i, lone_letter(&entry.title)?))).collect();
    let in_a_row = lone.iter().map(|(_, letter)| *letter).eq(('A'..='Z').take(lone.len()));
    let below = |number: &str| number.strip_prefix("A.").is_some_and(|n| decimal(n).is_some());
    let has_below = list.iter().any(|entry| split_title(&entry.title).number.is_some_and(below));
    if !in_a_row || (lone.len() < LETTERS && !has_below) {
        return;
    }
    for (i, _) in lone {
        if let Some(entry) = list.get_mut(i) {
            // A wide gap is what tells a number from a word of one letter.
            entry.title.insert(1, ' ');
        }
    }
}

fn lone_letter(title: &str) -> Option<char> {
    let mut chars = title.chars();
    let letter = chars.next().filter(char::is_ascii_uppercase)?;
    (chars.next() == Some(' ') && split_title(title).number.is_none()).then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(titles: &[&str]) -> Vec<Option<String>> {
        let printed = |title: &&str| Printed {
            title: (*title).to_owned(),
            page: None,
            printed: None,
            indent: 0,
            on_page: 1,
            line: 0,
        };
        let mut list: Vec<Printed> = titles.iter().map(printed).collect();
        set_apart(&mut list);
        list.iter().map(|p| split_title(&p.title).number.map(str::to_owned)).collect()
    }

    #[test]
    fn a_number_that_touches_its_title_counts_on() {
        let numbers = read(&[
            "10 Setup",
            "10.9 Width",
            "10.10Bei Nacht",
            "10.11aptitude",
            "10.11.1mode",
            "11Next steps",
        ]);
        let expected = ["10", "10.9", "10.10", "10.11", "10.11.1", "11"].map(|n| Some(n.to_owned()));
        assert_eq!(numbers, expected);
    }

    #[test]
    fn what_does_not_count_on_is_a_title() {
        assert_eq!(read(&["1 Setup", "2.5mm cables", "3D graphics", "2 Use"])[1..3], [None, None]);
        assert_eq!(read(&["1 Setup", "2 Use", "3D graphics"])[2], None);
    }

    #[test]
    fn a_section_comes_behind_its_chapter_its_neighbour_and_what_is_below_that() {
        for (number, before) in [("1.1", "1"), ("1.0", "1"), ("1.2", "1.1"), ("1.2", "1.1.7"), ("2", "1.4.2")]
        {
            assert!(comes_behind(number, before), "{number} behind {before}");
        }
        for (number, before) in
            [("1.2", "1"), ("1.1.1", "1"), ("1.3", "1.1"), ("2.1", "1"), ("1", "1"), ("A", "1")]
        {
            assert!(!comes_behind(number, before), "{number} behind {before}");
        }
    }

    #[test]
    fn letters_in_a_row_are_numbers() {
        let numbers = read(&["1 Setup", "A Trees", "A.1 Oaks", "B Tools"]);
        assert_eq!(numbers, ["1", "A", "A.1", "B"].map(|n| Some(n.to_owned())));
        assert_eq!(read(&["A Trees", "B Tools", "C Books"]), ["A", "B", "C"].map(|n| Some(n.to_owned())));
    }

    #[test]
    fn a_tale_is_no_appendix() {
        assert_eq!(read(&["A Tale", "A Journey", "B Side", "C Major"]), [None, None, None, None]);
        assert_eq!(read(&["1 Setup", "A Tale"])[1], None);
    }
}
