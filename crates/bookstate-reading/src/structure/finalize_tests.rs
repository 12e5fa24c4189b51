//! Finalize: numberings, discoveries, gaps and their fixes.

use super::super::gap::look_into;
use super::*;
use bookstate_domain::{EntryIdent, persist::GapFix};
use proptest::prelude::*;

fn entry(i: u32, number: &str, level: i32, word: Option<&str>, page: u32) -> EntryFacts {
    EntryFacts {
        ident: EntryIdent::Ordinal(i),
        number: (!number.is_empty()).then(|| number.into()),
        title: Some(format!("Title of {number}").into()),
        level,
        level_name: word.map(Text::from),
        page: (page > 0).then_some(page),
    }
}

/// Each page has its own prose, or its lines would be running heads.
fn prose(n: u32) -> String {
    let letter = |n: u32| char::from_digit(10 + n % 26, 36).unwrap_or('x');
    let name: String = [letter(n / 26), letter(n)].into_iter().collect();
    format!(
        "It was a bright cold day in {name}, and the clocks were striking as they always did\n\
         when the wind came down {name} street and nobody was there to hear them at all.\n"
    )
}

/// A book of `pages` pages of prose with the headings `at` their pages.
fn book(pages: u32, at: &[(u32, &str)]) -> BookText {
    let page = |n: u32| {
        let heads: String =
            at.iter().filter(|(p, _)| *p == n).map(|(_, h)| format!("{h}\n\n{}\n", prose(n))).collect();
        format!("{heads}{0}\n{0}", prose(n)).into()
    };
    BookText::new((1..=pages).map(page).collect())
}

fn chapters(numbers: &[u32]) -> Vec<EntryFacts> {
    numbers.iter().map(|n| entry(*n, &n.to_string(), 1, Some("chapter"), n * 10)).collect()
}

#[test]
fn a_hole_in_the_numbering_is_looked_for_between_its_neighbours() {
    let book = book(60, &[(10, "Chapter 1"), (33, "Chapter 3: The Lost One"), (40, "Chapter 4")]);
    let analysis = patterns(&book, &chapters(&[1, 2, 4, 5]), Some((2, 3)));
    assert_eq!(analysis.entries_to_find.len(), 1);
    let missing = &analysis.entries_to_find[0];
    assert_eq!(
        (&*missing.identifier, &*missing.heading, missing.from_page, missing.to_page),
        ("3", "Chapter 3", 20, 40)
    );
    let found = discover(&book, missing, &analysis.excluded_ranges).found.unwrap();
    assert_eq!((found.0, &*found.1), (33, "The Lost One"));
    assert_eq!(analysis.patterns[0].last, 5);
    assert_eq!(analysis.excluded_ranges[0].end_page, 3);
}

#[test]
fn a_heading_of_another_form_or_two_of_them_are_no_discovery() {
    let entries = chapters(&[1, 2, 4, 5]);
    for heads in
        [&[(33, "3.1 Something"), (34, "Part 3")][..], &[(32, "Chapter 3"), (35, "Chapter 3: Again")][..]]
    {
        let book = book(60, heads);
        let analysis = patterns(&book, &entries, None);
        assert_eq!(discover(&book, &analysis.entries_to_find[0], &[]).found, None, "{heads:?}");
    }
}

#[test]
fn nested_and_roman_numberings() {
    let sections: Vec<EntryFacts> =
        (0..).zip(["2.1", "2.2", "2.4"]).map(|(i, n)| entry(i, n, 2, None, 10 + i)).collect();
    let book = book(30, &[(11, "2.3 The third")]);
    let missing = patterns(&book, &sections, None).entries_to_find;
    assert_eq!(missing.iter().map(|m| &*m.identifier).collect::<Vec<_>>(), ["2.3"]);
    assert_eq!(discover(&book, &missing[0], &[]).found.map(|f| f.0), Some(11));
    let parts: Vec<EntryFacts> =
        (0..).zip(["I", "II", "IV"]).map(|(i, n)| entry(i, n, 1, Some("part"), 5 + i)).collect();
    assert_eq!(&*patterns(&book, &parts, None).entries_to_find[0].heading, "Part III");
}

#[test]
fn numbers_that_do_not_rise_or_are_sparse_imply_nothing() {
    let book = book(90, &[]);
    assert_eq!(patterns(&book, &chapters(&[1, 2, 3]), None).entries_to_find, []);
    assert_eq!(patterns(&book, &chapters(&[1, 2, 1, 3]), None).entries_to_find, []);
    assert_eq!(patterns(&book, &chapters(&[1, 4, 8]), None).entries_to_find, []);
    assert_eq!(patterns(&book, &chapters(&[2, 1, 4, 5]), None).entries_to_find, []);
}

#[test]
fn gaps_are_wide_and_not_excluded() {
    let entries = [entry(0, "1", 1, None, 20), entry(1, "2", 1, None, 30), entry(2, "3", 1, None, 50)];
    let keys = |gaps: Vec<Gap>| gaps.into_iter().map(|g| g.key.to_string()).collect::<Vec<_>>();
    assert_eq!(keys(gaps(&entries, &[], 60)), ["1-20", "30-50"]);
    let excluded = ExcludedRange { start_page: 1, end_page: 10, reason: "contents".into() };
    assert_eq!(keys(gaps(&entries, &[excluded], 60)), ["30-50"]);
    assert_eq!(gaps(&[], &[], 60), []);
    assert_eq!(keys(gaps(&entries, &[], 66)), ["1-20", "30-50", "50-66"]);
}

fn look(book: &BookText, entries: &[EntryFacts], key: &str) -> GapFix {
    let analysis = patterns(book, entries, None);
    let gaps = gaps(entries, &analysis.excluded_ranges, book.page_count());
    let gap = gaps.iter().find(|g| &*g.key == key).unwrap();
    look_into(book, entries, &analysis, gap)
}

#[test]
fn the_next_number_in_a_gap_is_added() {
    let book = book(
        60,
        &[(10, "Chapter 1"), (20, "Chapter 2"), (38, "Chapter 3: Late"), (45, "3.1 Sub"), (58, "Chapter 9")],
    );
    let fix = look(&book, &chapters(&[1, 2]), "20-60");
    let GapFix::Add { title, entry_number, level, page } = fix else { panic!("{fix:?}") };
    assert_eq!((&*title, entry_number.as_deref(), level, page), ("Late", Some("3"), 1, 38));
}

#[test]
fn an_entry_on_a_wrong_page_is_corrected_and_a_right_one_left() {
    let mut entries = chapters(&[1, 2, 3]);
    entries[2].page = Some(50);
    let heads = [(10, "Chapter 1: Title of 1"), (20, "Chapter 2: Title of 2"), (30, "Chapter 3: Title of 3")];
    let fix = look(&book(60, &heads), &entries, "20-50");
    assert_eq!(fix, GapFix::Correct { entry: EntryIdent::Ordinal(3), page: 30 });
    entries[2].page = Some(45);
    let heads = [heads[0], heads[1], (45, "Chapter 3: Title of 3")];
    assert_eq!(look(&book(60, &heads), &entries, "20-45"), GapFix::None);
    let again = [heads[0], heads[1], (30, "Chapter 2: Title of 2"), heads[2]];
    assert_eq!(look(&book(60, &again), &entries, "20-45"), GapFix::None, "it stands where it is linked");
}

#[test]
fn numbers_that_jump_over_a_gap_are_flagged() {
    let book = book(60, &[]);
    let entries = chapters(&[1, 2, 4]);
    assert!(matches!(look(&book, &entries, "20-40"), GapFix::Flag { .. }));
}

proptest! {
    #[test]
    fn any_table(
        table in prop::collection::vec(("[0-9.IVXA-C]{0,4}", 0i32..4, 0u32..40), 0..30),
        heads in prop::collection::vec((0u32..40, "(Chapter [0-9]|[0-9]\\.[0-9] [A-Z]x|[IVX]{1,2}\\. Title)"), 0..12),
    ) {
        let heads: Vec<(u32, &str)> = heads.iter().map(|(p, h)| (*p, h.as_str())).collect();
        let book = book(35, &heads);
        let entries: Vec<EntryFacts> =
            (0..).zip(&table).map(|(i, (n, level, page))| entry(i, n, *level, None, *page)).collect();
        let analysis = patterns(&book, &entries, None);
        for missing in &analysis.entries_to_find {
            prop_assert!(1 <= missing.from_page && missing.from_page <= missing.to_page && missing.to_page <= 35);
            prop_assert!(entries.iter().all(|e| e.level != missing.level || e.number.as_deref() != Some(&*missing.identifier)));
            if let Some((page, _)) = discover(&book, missing, &analysis.excluded_ranges).found {
                prop_assert!((missing.from_page..=missing.to_page).contains(&page));
            }
        }
        for gap in gaps(&entries, &analysis.excluded_ranges, 35) {
            match look_into(&book, &entries, &analysis, &gap) {
                GapFix::Add { page, .. } | GapFix::Correct { page, .. } => {
                    prop_assert!((gap.from_page..=gap.to_page).contains(&page));
                }
                GapFix::Flag { .. } | GapFix::None => {}
            }
        }
    }
}
