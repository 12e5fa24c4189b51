//! `cargo xtask toc-score DIR`: how well the contents heuristic does on books with answer keys.
//!
//! DIR holds `index.json` (the books) and `NAME.truth.json` per book (`printed_toc`: title, level, page).
//! Each book with a text layer runs through source, find, extract and link, as in the pipeline: once as it is, and once
//! without its outline (bookmarks), from which the keys come. Not a test of the pipeline itself: nothing is stored.

use anyhow::{Context as _, Result};
use bookstate_reading::source::Source;
use bookstate_reading::toc::{BookText, ContentsEntry, FileFacts, Linker, extract, find, normalise, similar};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// A book with a numbered one-column contents must reach this end to end.
const BAR: f64 = 0.98;

/// What `toc-score` takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Folder with index.json, the books and their answer keys
    dir: PathBuf,
    /// Print one JSON document instead of the table
    #[arg(long)]
    json: bool,
    /// List what was missed, wrong or not in the key
    #[arg(long)]
    details: bool,
    /// Score the printed lists alone: no book's outline is used
    #[arg(long)]
    without_outline: bool,
}

/// Scores all books and writes the report to `out`.
///
/// # Errors
/// When a book is below the bar, the folder cannot be read, or it holds no book to score.
pub(crate) fn run(options: &Options, out: &mut dyn std::io::Write) -> Result<()> {
    let mut report = Report::default();
    for book in read_json::<Vec<Book>>(&options.dir.join("index.json"))? {
        report.books.push(book.score(&options.dir, options.without_outline)?);
    }
    anyhow::ensure!(
        report.books.iter().any(|b| b.score.is_some()),
        "no book in {} could be scored: check the path",
        options.dir.display()
    );
    if options.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        write!(out, "{}", report.table(options.details))?;
    }
    let failed: Vec<&str> =
        report.books.iter().filter(|b| b.failure.is_some()).map(|b| b.name.as_str()).collect();
    anyhow::ensure!(failed.is_empty(), "below the bar: {}", failed.join(", "));
    Ok(())
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not as expected", path.display()))
}

/// A book in the index.
#[derive(Debug, Deserialize)]
struct Book {
    name: String,
    file: String,
    ground_truth: String,
    has_text: bool,
    #[serde(default)]
    note: String,
}

#[derive(Debug, Deserialize)]
struct Truth {
    #[serde(default)]
    printed_toc: Vec<KeyEntry>,
}

#[derive(Debug, Clone, Deserialize)]
struct KeyEntry {
    title: String,
    level: u32,
    page: u32,
}

/// What the heuristic made of an entry.
#[derive(Debug, Clone)]
struct FoundEntry {
    entry: ContentsEntry,
    page: Option<u32>,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    books: Vec<BookReport>,
}

#[derive(Debug, Serialize)]
struct BookReport {
    name: String,
    /// `None` for a book without a text layer.
    score: Option<Score>,
    /// The same without the book's outline; `None` also where that is the score already.
    without_outline: Option<Score>,
    pages_per_second: f64,
    /// Why the book is below the bar.
    failure: Option<String>,
    #[serde(skip)]
    details: Vec<String>,
}

/// Shares are between 0 and 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Score {
    key_entries: usize,
    found: usize,
    precision: f64,
    recall: f64,
    /// Of the key's entries, those found and on the exact page.
    end_to_end: f64,
    /// Of the found ones, those with the key's level.
    level: f64,
}

impl Book {
    fn score(&self, dir: &Path, without_outline: bool) -> Result<BookReport> {
        let mut report = BookReport {
            name: self.name.clone(),
            score: None,
            without_outline: None,
            pages_per_second: 0.0,
            failure: None,
            details: Vec::new(),
        };
        if !self.has_text {
            return Ok(report);
        }
        let truth: Truth = read_json(&dir.join(&self.ground_truth))?;
        let start = Instant::now();
        let source = Source::open(&dir.join(&self.file))?;
        let mut pages: Vec<Arc<str>> = Vec::new();
        for n in 1..=source.page_count() {
            pages.push(source.page_text(n)?.text.into());
        }
        let mut file = FileFacts::of(&source);
        let plain = FileFacts { navigation: Vec::new(), ..file.clone() };
        if without_outline {
            file = plain.clone();
        }
        let found = read_contents(&BookText::with_file(pages.clone(), file.clone()));
        report.pages_per_second = f64::from(source.page_count()) / start.elapsed().as_secs_f64();
        let matches = match_up(&truth.printed_toc, &found);
        let score = Score::new(&truth.printed_toc, &found, &matches);
        report.failure = self.failure(&score);
        if file != plain {
            let found = read_contents(&BookText::with_file(pages, plain));
            let printed = Score::new(&truth.printed_toc, &found, &match_up(&truth.printed_toc, &found));
            let without = |why| format!("without its outline {why}");
            report.failure = report.failure.or_else(|| self.failure(&printed).map(without));
            report.without_outline = Some(printed);
        }
        report.details = details(&truth.printed_toc, &found, &matches);
        report.score = Some(score);
        Ok(report)
    }

    fn failure(&self, score: &Score) -> Option<String> {
        if score.key_entries == 0 {
            return (score.found > 0).then(|| "has no contents, and got some".to_owned());
        }
        // The index says in words which books have contents of another kind.
        let other = ["without page numbers", "two-column", "two columns", "run-in"];
        let numbered = !other.iter().any(|words| self.note.contains(words));
        (numbered && score.end_to_end < BAR).then(|| format!("below {BAR} end to end"))
    }
}

fn read_contents(book: &BookText) -> Vec<FoundEntry> {
    let Some(range) = find(book) else { return Vec::new() };
    let entries = extract(book, &range);
    let linker = Linker::new(book, &entries, &range);
    let with_page = |(i, entry)| FoundEntry { entry, page: linker.link(i).page };
    entries.into_iter().enumerate().map(with_page).collect()
}

/// The forms in which an entry's title may stand in a key: with its number and level word, or without.
fn forms(entry: &ContentsEntry) -> Vec<String> {
    let number = entry.entry_number.as_deref().unwrap_or_default();
    let mut forms = vec![
        normalise(&entry.printed_title()),
        normalise(&format!("{number} {}", entry.title)),
        normalise(&entry.title),
    ];
    forms.dedup();
    forms
}

/// Pairs of key entry and found entry, one to one: equal titles first, then similar ones, of equals those
/// whose pages and places in the list are closest.
fn match_up(key: &[KeyEntry], found: &[FoundEntry]) -> Vec<(usize, usize)> {
    let found_forms: Vec<Vec<String>> = found.iter().map(|f| forms(&f.entry)).collect();
    let mut pairs = Vec::new();
    for (k, wanted) in key.iter().enumerate() {
        let title = normalise(&wanted.title);
        for (f, (entry, forms)) in found.iter().zip(&found_forms).enumerate() {
            let rank = if forms.contains(&title) {
                0
            } else if forms.iter().any(|form| similar(form, &title)) {
                1
            } else {
                continue;
            };
            let page_error = entry.page.map_or(u32::MAX, |p| p.abs_diff(wanted.page));
            pairs.push((rank, page_error, k.abs_diff(f), k, f));
        }
    }
    pairs.sort_unstable();
    let (mut used_key, mut used_found) = (vec![false; key.len()], vec![false; found.len()]);
    let mut matches = Vec::new();
    for (.., k, f) in pairs {
        if let (Some(key @ false), Some(found @ false)) = (used_key.get_mut(k), used_found.get_mut(f)) {
            (*key, *found) = (true, true);
            matches.push((k, f));
        }
    }
    matches.sort_unstable();
    matches
}

impl Score {
    fn new(key: &[KeyEntry], found: &[FoundEntry], matches: &[(usize, usize)]) -> Self {
        let pairs = || matches.iter().filter_map(|(k, f)| Some((key.get(*k)?, found.get(*f)?)));
        let on_page = pairs().filter(|(k, f)| f.page == Some(k.page)).count();
        let on_level = pairs().filter(|(k, f)| f.entry.level == k.level).count();
        let share = |part: usize, whole: usize| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        Self {
            key_entries: key.len(),
            found: found.len(),
            precision: share(matches.len(), found.len()),
            recall: share(matches.len(), key.len()),
            end_to_end: share(on_page, key.len()),
            level: share(on_level, matches.len()),
        }
    }
}

/// One line per entry that is not as in the key.
fn details(key: &[KeyEntry], found: &[FoundEntry], matches: &[(usize, usize)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (k, wanted) in key.iter().enumerate() {
        let entry = matches.iter().find(|(key, _)| *key == k).and_then(|(_, f)| found.get(*f));
        match entry {
            None => lines.push(format!("missed: {:?} (page {})", wanted.title, wanted.page)),
            Some(f) if f.page != Some(wanted.page) => {
                lines.push(format!("page {:?}, not {}: {:?}", f.page, wanted.page, wanted.title));
            }
            Some(f) if f.entry.level != wanted.level => {
                lines.push(format!("level {}, not {}: {:?}", f.entry.level, wanted.level, wanted.title));
            }
            Some(_) => {}
        }
    }
    for (f, entry) in found.iter().enumerate().filter(|(f, _)| !matches.iter().any(|(_, found)| found == f)) {
        lines.push(format!("not in the key: {f} {:?} (page {:?})", entry.entry.printed_title(), entry.page));
    }
    lines
}

impl Report {
    fn table(&self, with_details: bool) -> String {
        let mut out = String::new();
        let names = self.books.iter().map(|b| b.name.len()).max().unwrap_or(0);
        let name_width = names.max("  without its outline".len());
        let mut line = |name: &str, rest: &str| out.push_str(&format!("{name:name_width$}  {rest}\n"));
        let columns = format!(
            "{:>5}  {:>5}  {:>9}  {:>6}  {:>10}  {:>5}  {:>7}",
            "key", "found", "precision", "recall", "end to end", "level", "pages/s"
        );
        line("book", &columns);
        for book in &self.books {
            match &book.score {
                None => {
                    line(&book.name, "skipped: it has no text layer");
                }
                Some(s) => {
                    let row = row(s, book.pages_per_second, (s.key_entries, s.found));
                    let failure = book.failure.as_ref().map(|f| format!("  FAILED: {f}")).unwrap_or_default();
                    line(&book.name, &format!("{row}{failure}"));
                    if let Some(s) = &book.without_outline {
                        line(
                            "  without its outline",
                            &self::row(s, book.pages_per_second, (s.key_entries, s.found)),
                        );
                    }
                }
            }
            if with_details {
                book.details.iter().for_each(|detail| line("", detail));
            }
        }
        let with_key = || {
            self.books
                .iter()
                .filter_map(|b| Some((b.score.as_ref()?, b.pages_per_second)))
                .filter(|(s, _)| s.key_entries > 0)
        };
        let mean = |value: fn(&Score) -> f64| mean(with_key().map(|(s, _)| value(s)));
        let means = Score {
            key_entries: 0,
            found: 0,
            precision: mean(|s| s.precision),
            recall: mean(|s| s.recall),
            end_to_end: mean(|s| s.end_to_end),
            level: mean(|s| s.level),
        };
        let key: usize = with_key().map(|(s, _)| s.key_entries).sum();
        let found: usize = with_key().map(|(s, _)| s.found).sum();
        let speed = self::mean(with_key().map(|(_, speed)| speed));
        line("mean", &row(&means, speed, (key, found)));
        out
    }
}

fn row(s: &Score, pages_per_second: f64, (key, found): (usize, usize)) -> String {
    format!(
        "{key:>5}  {found:>5}  {:>9.3}  {:>6.3}  {:>10.3}  {:>5.3}  {pages_per_second:>7.0}",
        s.precision, s.recall, s.end_to_end, s.level
    )
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), v| (sum + v, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(title: &str, level: u32, page: u32) -> KeyEntry {
        KeyEntry { title: title.to_owned(), level, page }
    }

    fn found(number: Option<&str>, title: &str, level: u32, page: u32) -> FoundEntry {
        let json = serde_json::json!({
            "entry_number": number, "title": title, "level": level, "level_name": null, "printed_page": null
        });
        FoundEntry { entry: serde_json::from_value(json).unwrap(), page: Some(page) }
    }

    fn score(key: &[KeyEntry], found: &[FoundEntry]) -> Score {
        Score::new(key, found, &match_up(key, found))
    }

    #[test]
    fn all_right_is_one() {
        let s = score(
            &[key("1 One", 1, 3), key("Two", 2, 5)],
            &[found(Some("1"), "One", 1, 3), found(Some("1.1"), "Two", 2, 5)],
        );
        assert_eq!((s.precision, s.recall, s.end_to_end, s.level), (1.0, 1.0, 1.0, 1.0));
    }

    #[test]
    fn each_mistake_counts_where_it_belongs() {
        let keys = [key("Alpha beta gamma", 1, 3), key("Delta", 1, 5), key("Zeta", 1, 7), key("Eta", 1, 9)];
        let entries = [
            found(None, "Alpha betа gamma", 1, 3), // one letter is another script's
            found(None, "Delta", 2, 6),            // wrong page, wrong level
            found(None, "Omega", 1, 7),            // not in the key
            found(None, "Eta", 1, 9),
        ];
        let s = score(&keys, &entries);
        assert_eq!((s.precision, s.recall, s.end_to_end), (0.75, 0.75, 0.5));
        assert!((s.level - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn equal_titles_are_matched_by_page() {
        let keys = [key("Purpose", 2, 3), key("Purpose", 2, 9)];
        let entries = [found(None, "Purpose", 2, 9), found(None, "Purpose", 2, 4)];
        assert_eq!(match_up(&keys, &entries), [(0, 1), (1, 0)]);
    }

    #[test]
    fn one_entry_answers_one_key() {
        let s = score(&[key("Purpose", 1, 3), key("Purpose", 1, 3)], &[found(None, "Purpose", 1, 3)]);
        assert_eq!((s.recall, s.precision), (0.5, 1.0));
    }

    #[test]
    fn false_contents_fail_and_none_pass() {
        let book = |note: &str| Book {
            name: "a".into(),
            file: "a.txt".into(),
            ground_truth: "a.truth.json".into(),
            has_text: true,
            note: note.into(),
        };
        assert!(book("").failure(&score(&[], &[found(None, "x", 1, 1)])).is_some());
        assert!(book("").failure(&score(&[], &[])).is_none());
        let missed = score(&[key("x", 1, 1)], &[]);
        assert!(book("plain").failure(&missed).is_some());
        assert!(book("contents without page numbers").failure(&missed).is_none());
    }
}
