//! Whether every word of a book arrived: the words of its pages against those of its chapters, their notes, and what
//! they set aside.
//!
//! Words are compared as they are read, not as they are broken: a word over a line's end is one, a mark of a note is a
//! word by itself, signs of scripts without spaces are words each.
//!
//! Invariant: where nothing is lost or added, the multisets of words are equal but for these.

use crate::page::{BlockKind, Page};
use crate::text::script::unspaced;
use bookstate_domain::persist::ChapterExtract;
use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization;

use super::vocabulary::HYPHENS;

/// What of a book did not arrive once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// How many words its pages have.
    pub words: usize,
    /// Words of the pages that are nowhere, each with how often.
    pub lost: BTreeMap<String, usize>,
    /// Words that no page has, or not so often.
    pub added: BTreeMap<String, usize>,
}

impl Account {
    /// How many words are lost or added.
    #[must_use]
    pub fn wrong(&self) -> usize {
        self.lost.values().chain(self.added.values()).sum()
    }
}

/// Compares the pages of a book with what was made of them.
pub fn account<'a>(pages: impl IntoIterator<Item = &'a Page>, chapters: &[ChapterExtract]) -> Account {
    let mut words: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut stems: Vec<String> = Vec::new();
    let mut all = 0;
    for page in pages {
        for block in &page.blocks {
            for text in block.lines.iter().map(crate::page::Line::text) {
                let found = tokens(&text);
                if text.trim_end().ends_with(HYPHENS) {
                    stems.extend(found.last().cloned());
                }
                all += found.len();
                found.into_iter().for_each(|word| words.entry(word).or_default().0 += 1);
            }
            if let BlockKind::ListItem { marker: mark, .. } | BlockKind::Footnote { mark } = &block.kind {
                tokens(mark).into_iter().for_each(|word| words.entry(word).or_default().0 += 1);
            }
        }
        for aside in &page.set_aside {
            tokens(&aside.text).into_iter().for_each(|word| words.entry(word).or_default().0 += 1);
        }
    }
    for chapter in chapters {
        let notes = chapter.notes.iter().flat_map(|note| {
            // Its mark stood in the text, too.
            let marks = if note.at.is_some() { 2 } else { 1 };
            std::iter::once(&note.text).chain(std::iter::repeat_n(&note.mark, marks))
        });
        let aside = chapter.set_aside.iter().map(|piece| &piece.text);
        for text in std::iter::once(&chapter.text).chain(notes).chain(aside) {
            tokens(text).into_iter().for_each(|word| words.entry(word).or_default().1 += 1);
        }
    }
    let mut account = Account { words: all, ..Account::default() };
    for (word, (before, after)) in words {
        if before > after {
            account.lost.insert(word, before - after);
        } else if after > before {
            account.added.insert(word, after - before);
        }
    }
    stems.sort_unstable();
    account.join(&stems);
    account.split();
    account.join_marked(&stems);
    account
}

impl Account {
    /// Words over the ends of lines: all parts are lost, and the whole is added. Those of two parts first, which most
    /// are: the parts of others may look like theirs.
    fn join(&mut self, stems: &[String]) {
        for most in [2, 5] {
            let added: Vec<(String, usize)> = self.added.iter().map(|(word, n)| (word.clone(), *n)).collect();
            for (word, count) in added {
                for _ in 0..count {
                    let Some(parts) = parts(&word, 0, most, stems, &self.lost) else { break };
                    parts.iter().for_each(|part| take(&mut self.lost, part));
                    take(&mut self.added, &word);
                }
            }
        }
    }

    /// A word with the mark of a note at its end or, in a note, before it: it is lost, and both are added.
    fn split(&mut self) {
        let lost: Vec<(String, usize)> = self.lost.iter().map(|(word, n)| (word.clone(), *n)).collect();
        for (word, count) in lost {
            for _ in 0..count {
                let cut = word.char_indices().skip(1).map(|(at, _)| word.split_at(at));
                let mut cut = cut.filter(|(word, mark)| {
                    let number = word.bytes().all(|b| b.is_ascii_digit());
                    (mark.chars().count() <= 6 || number)
                        && self.added.contains_key(*word)
                        && self.added.contains_key(*mark)
                });
                let Some((stem, mark)) = cut.next() else { break };
                for part in [stem, mark] {
                    take(&mut self.added, part);
                }
                take(&mut self.lost, &word);
            }
        }
    }
}

impl Account {
    /// A word over a line's end, with the mark of a note behind it: its two parts are lost, the second with the mark, and
    /// the whole and the mark are added.
    fn join_marked(&mut self, stems: &[String]) {
        for stem in stems {
            let found = self.added.keys().find_map(|word| {
                let rest = word.strip_prefix(stem.as_str()).filter(|rest| !rest.is_empty())?;
                self.lost.contains_key(stem).then_some(())?;
                let marked = |second: &&String| {
                    let mark = second.strip_prefix(rest).filter(|mark| !mark.is_empty());
                    mark.is_some_and(|mark| mark.chars().count() <= 6 && self.added.contains_key(mark))
                };
                let second = self.lost.keys().find(marked)?;
                Some((word.clone(), second.clone(), second.strip_prefix(rest)?.to_owned()))
            });
            let Some((word, second, mark)) = found else { continue };
            [stem, &second].into_iter().for_each(|part| take(&mut self.lost, part));
            [&word, &mark].into_iter().for_each(|whole| take(&mut self.added, whole));
        }
    }
}

/// What a word over the ends of lines consists of from byte `from` on: at most so many lost words. Each but the last ends
/// a line, or the word so far does elsewhere: `Fehler-bericht` where another line has `Feh-ler` lacks three words, since
/// `Fehler` is lost in the one and added by the other.
fn parts(
    word: &str,
    from: usize,
    most: usize,
    stems: &[String],
    lost: &BTreeMap<String, usize>,
) -> Option<Vec<String>> {
    let rest = word.get(from..)?;
    let ends = |end: usize| {
        let is_stem = |part: Option<&str>| {
            part.is_some_and(|part| stems.binary_search_by(|stem| stem.as_str().cmp(part)).is_ok())
        };
        is_stem(word.get(from..end)) || (from > 0 && is_stem(word.get(..end)))
    };
    // The longest first: `einbezie-` of `einbeziehen`, not `ein-`, which another word needs.
    for (at, _) in rest.char_indices().skip(1).collect::<Vec<_>>().into_iter().rev() {
        let Some(part) = rest.get(..at).filter(|part| lost.contains_key(*part) && ends(from + at)) else {
            continue;
        };
        let mut left = lost.clone();
        take(&mut left, part);
        let last = rest.get(at..).filter(|last| left.contains_key(*last)).map(|last| vec![last.to_owned()]);
        let more =
            last.or_else(|| if most > 2 { parts(word, from + at, most - 1, stems, &left) } else { None });
        if let Some(more) = more {
            return Some(std::iter::once(part.to_owned()).chain(more).collect());
        }
    }
    None
}

fn take(words: &mut BTreeMap<String, usize>, word: &str) {
    if let Some(count) = words.get_mut(word) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            words.remove(word);
        }
    }
}

/// The words of a text: runs of letters and digits, each sign of a script without spaces by itself.
fn tokens(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut open = String::new();
    for c in text.nfkc() {
        // What edits take out, and nobody sees.
        if matches!(c, '\u{ad}' | '\u{200b}' | '\u{feff}') {
            continue;
        }
        let alone = unspaced(c);
        if alone || !c.is_alphanumeric() {
            out.extend((!open.is_empty()).then(|| std::mem::take(&mut open)));
        }
        if c.is_alphanumeric() {
            if alone { out.push(c.to_string()) } else { open.push(c) }
        }
    }
    out.extend((!open.is_empty()).then_some(open));
    out
}

#[cfg(test)]
mod tests {
    use super::super::{ChapterStart, book_text, chapter_texts, from_headings, from_outline};
    use super::*;
    use crate::source::Source;
    use proptest::prelude::*;
    use std::path::Path;

    fn of(name: &str, text: &str) -> Option<Account> {
        let source = Source::from_bytes(Path::new(name), text.as_bytes().to_vec()).ok()?;
        let pages: Vec<Page> = (1..=source.page_count()).map(|n| source.page(n).unwrap()).collect();
        let book = book_text(&source);
        let mut chapters = from_outline(&book);
        if chapters.is_empty() {
            chapters = from_headings(&book, None);
        }
        let starts: Vec<ChapterStart> = chapters.iter().map(ChapterStart::from).collect();
        Some(account(&pages, &chapter_texts(&book, &starts)))
    }

    #[test]
    fn words_over_line_ends_and_marks_of_notes_are_accounted_for() {
        let found =
            of("a.md", "# One\n\nA well[^1] known[^x] thing.[^1]\n\n[^1]: A note\n[^x]: Another\n").unwrap();
        assert_eq!(found.wrong(), 0, "{found:?}");
        let found = of("a.txt", "CHAPTER 1\n\nThe old har-\nbour and the har-\nbour, a harbour.\n").unwrap();
        assert_eq!(found.wrong(), 0, "{found:?}");
        let found = of("a.txt", "CHAPTER 1\n\nThe un-\npre-\ncedented harbour.\n").unwrap();
        assert_eq!(found.wrong(), 0, "{found:?}");
        let found =
            of("a.txt", "CHAPTER 1\n\nDer Fehler-\nbericht und Feh-\nler und nicht der Rest.\n").unwrap();
        assert_eq!(found.wrong(), 0, "{found:?}");
    }

    /// What stands before the first chapter and is all set aside makes no chapter of its own.
    #[test]
    fn contents_before_the_first_chapter_are_accounted_for() {
        let contents = "Contents\n\nOne ..... 1\nThree ..... 1";
        for rest in ["### Aa\n\n# Aa", "### Bb\n\n# Aa\n\nIt was dark.", "# Aa"] {
            let found = of("a.md", &format!("{contents}\n\n{contents}\n\n{rest}")).unwrap();
            assert_eq!(found.wrong(), 0, "{rest}: {found:?}");
        }
    }

    #[test]
    fn a_mark_behind_a_word_over_a_line_end_is_accounted_for() {
        let source = Source::from_bytes(Path::new("a.txt"), b"Further-\nmore1 it is so".to_vec()).unwrap();
        let page = source.page(1).unwrap();
        let with = |text: &str| {
            let subject = bookstate_domain::ChapterSubject::Orphan(1);
            account([&page], &[ChapterExtract::plain(subject, text.into(), 4)]).wrong()
        };
        assert_eq!((with("Furthermore it is so 1"), with("Furthermore it is so")), (0, 3));
    }

    #[test]
    fn what_is_lost_or_twice_is_told() {
        let source = Source::from_bytes(Path::new("a.md"), b"one two two three".to_vec()).unwrap();
        let page = source.page(1).unwrap();
        let subject = bookstate_domain::ChapterSubject::Orphan(1);
        let found = account([&page], &[ChapterExtract::plain(subject, "one one two four".into(), 4)]);
        assert_eq!(found.words, 4);
        assert_eq!(
            found.lost.into_iter().collect::<Vec<_>>(),
            [("three".to_owned(), 1), ("two".to_owned(), 1)]
        );
        assert_eq!(
            found.added.into_iter().collect::<Vec<_>>(),
            [("four".to_owned(), 1), ("one".to_owned(), 1)]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]
        /// The law of this crate, over files of every kind that has no pages of its own.
        #[test]
        fn every_word_of_any_file_arrives_once(
            blocks in prop::collection::vec(
                prop_oneof![
                    "[a-d]{1,4}( [a-d]{1,4}){0,12}[.]?",
                    "#{1,4} [A-D][a-d]{1,6}( [a-d]{1,4}){0,2}",
                    "(Chapter|CHAPTER|Part) [1-9]",
                    "[-*] [a-d]{1,4}( [a-d]{1,4}){0,3}(\n  [-*] [a-d]{1,4}){0,2}",
                    "[1-9][.] [a-d]{1,4}\n[1-9][.] [a-d]{1,4}",
                    "```\n[#a-d ]{0,9}\n\n[a-d]{1,5}\n```",
                    "> [a-d]{1,4}( [a-d]{1,4}){0,3}",
                    "[a-d]{1,4}\\[\\^[1-3]\\] [a-d]{1,4}\n\n\\[\\^[1-3]\\]: [a-d]{1,4}",
                    "\\| [a-d] \\| [a-d] \\|\n\\|---\\|---\\|\n\\| [a-d] \\| [a-d] \\|",
                    "Contents\n\n(One|Two) \\.\\.\\.\\.\\. [1-9]\n(Three|Four) \\.\\.\\.\\.\\. [1-9]",
                    "<(p|div|b)>[a-d]{1,4}<i>[a-d]{1,4}</i></(p|div|b)>",
                    "[IVX]{1,4}[.]?",
                ],
                1..24,
            ),
            name in prop::sample::select(vec!["a.md", "a.txt", "a.html"]),
        ) {
            let text = blocks.join("\n\n");
            if let Some(found) = of(name, &text) {
                prop_assert_eq!(found.wrong(), 0, "{} {:?}\n{}", name, found, text);
            }
        }
    }
}
