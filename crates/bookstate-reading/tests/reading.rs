//! Small books with keys: every case in `tests/cases` is read as the pipeline reads it, and must come out as its key
//! says.
//!
//! A case is `cases/NAME/NAME.EXT` with `NAME.truth.json` beside it. `BOOKSTATE_CASES` names another folder of cases;
//! `BOOKSTATE_CASE` reads one of them only and prints what came of it.

#![expect(clippy::print_stderr, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may")]

use bookstate_domain::{EntryIdent, Text, persist::ChapterExtract, persist::NewChapter};
use bookstate_reading::source::Source;
use bookstate_reading::structure::{self, ChapterStart, EntryFacts};
use bookstate_reading::toc::{self, BookText, ContentsEntry, Linker, level_of_word, normalise, similar};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What a case must come out as.
#[derive(Debug, Deserialize)]
struct Key {
    #[serde(default)]
    printed_toc: Vec<KeyEntry>,
    /// Without it the key says nothing of a table of contents.
    toc_pages: Option<Vec<u32>>,
    #[serde(default)]
    checks: Vec<Check>,
    #[serde(default)]
    allow_extra: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct KeyEntry {
    title: String,
    level: u32,
    page: u32,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Check {
    TocFound {
        expect: bool,
    },
    TextHas {
        s: String,
    },
    TextLacks {
        s: String,
    },
    NChapters {
        min: usize,
        max: usize,
    },
    ChapterStarts {
        expect: Vec<(String, u32)>,
    },
    ChapterBegins {
        expect: Vec<(String, String)>,
    },
    ChapterTitles {
        expect: Vec<String>,
        #[serde(default)]
        skip: Vec<String>,
    },
    /// Entries that must be in the table of contents though they are not printed, with their pages.
    Discovered {
        expect: Vec<(String, u32)>,
    },
    #[serde(other)]
    Other,
}

/// What a book came out as.
struct Read {
    entries: Vec<(ContentsEntry, Option<u32>)>,
    discovered: Vec<(String, u32)>,
    found: bool,
    chapters: Vec<NewChapter>,
    texts: Vec<ChapterExtract>,
}

/// The steps of the pipeline that make a table of contents and chapters.
fn read(path: &Path) -> Read {
    let source = Source::open(path).unwrap();
    let book = structure::book_text(&source);
    let range = toc::find(&book);
    let entries = range.as_ref().map(|r| toc::extract(&book, r)).unwrap_or_default();
    let linker = range.as_ref().map(|r| Linker::new(&book, &entries, r));
    let page = |i: usize| linker.as_ref().and_then(|l| l.link(i).page);
    let mut facts: Vec<EntryFacts> = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        facts.push(EntryFacts {
            ident: EntryIdent::Ordinal(u32::try_from(i).unwrap()),
            number: entry.entry_number.as_deref().map(Text::from),
            title: Some(entry.title.as_str().into()),
            level: i32::try_from(entry.level).unwrap(),
            level_name: entry.level_name.as_deref().and_then(level_of_word).map(Text::from),
            page: page(i),
        });
    }
    let contents = range.as_ref().map(|r| (r.start_page, r.end_page));
    let discovered = if facts.is_empty() { Vec::new() } else { discover(&book, &facts, contents) };
    for (k, found) in discovered.iter().enumerate() {
        facts.push(EntryFacts {
            ident: EntryIdent::Ordinal(10_000 + u32::try_from(k).unwrap()),
            ..found.clone()
        });
    }
    let mut chapters = structure::from_contents(&book, &facts);
    if chapters.is_empty() {
        chapters = structure::from_outline(&book);
    }
    if chapters.is_empty() {
        chapters = structure::from_headings(&book, Some("The whole book"));
    }
    let starts: Vec<ChapterStart> = chapters.iter().map(ChapterStart::from).collect();
    let texts = structure::chapter_texts(&book, &starts);
    let linked = (0..entries.len()).map(page).collect::<Vec<_>>();
    let title = |f: &EntryFacts| f.title.as_deref().unwrap_or_default().to_owned();
    let discovered = discovered.iter().map(|f| (title(f), f.page.unwrap_or(0))).collect();
    Read {
        entries: entries.into_iter().zip(linked).collect(),
        discovered,
        found: range.is_some(),
        chapters,
        texts,
    }
}

fn discover(book: &BookText, facts: &[EntryFacts], contents: Option<(u32, u32)>) -> Vec<EntryFacts> {
    let analysis = structure::patterns(book, facts, contents);
    let mut out = Vec::new();
    for missing in &analysis.entries_to_find {
        let Some((page, title)) = structure::discover(book, missing, &analysis.excluded_ranges).found else {
            continue;
        };
        out.push(EntryFacts {
            ident: EntryIdent::Ordinal(0),
            number: None,
            title: Some(title),
            level: missing.level,
            level_name: missing.level_name.clone(),
            page: u32::try_from(page).ok(),
        });
    }
    out
}

/// A title without its number, as titles are compared.
fn bare(title: &str) -> String {
    let parts = toc::split_title(title);
    let rest = normalise(parts.rest);
    if rest.is_empty() { normalise(title) } else { rest }
}

fn full(chapter: &NewChapter) -> String {
    let parts = [chapter.entry_number.as_deref(), chapter.title.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Read {
    fn failures(&self, key: &Key) -> Vec<String> {
        let mut out = Vec::new();
        if key.toc_pages.is_some() {
            self.check_contents(key, &mut out);
        }
        let text = flat(&self.texts.iter().map(|t| &*t.text).collect::<Vec<_>>().join(" "));
        let titles: Vec<String> = self.chapters.iter().map(|c| bare(&full(c))).collect();
        let start = |title: &str| {
            let at = titles.iter().rposition(|t| *t == bare(title))?;
            Some((self.chapters[at].start_page, flat(&self.texts[at].text)))
        };
        for check in &key.checks {
            match check {
                Check::TocFound { expect } if *expect != self.found => out.push("found a contents".into()),
                Check::TextHas { s } if !text.contains(&flat(s)) => out.push(format!("text lacks {s}")),
                Check::TextLacks { s } if text.contains(&flat(s)) => out.push(format!("text has {s}")),
                Check::NChapters { min, max } if !(*min..=*max).contains(&titles.len()) => {
                    out.push(format!("{} chapters, expected {min} to {max}", titles.len()));
                }
                Check::ChapterStarts { expect } => {
                    for (title, page) in expect {
                        let got = start(title).map(|(page, _)| page);
                        if got != i32::try_from(*page).ok() {
                            out.push(format!("chapter {title:?} starts on {got:?}, not {page}"));
                        }
                    }
                }
                Check::ChapterBegins { expect } => {
                    for (title, words) in expect {
                        let begins = |(_, t): &(i32, String)| t.chars().take(400).collect::<String>();
                        if !start(title).is_some_and(|s| begins(&s).contains(&flat(words))) {
                            out.push(format!("chapter {title:?} does not begin with {words:?}"));
                        }
                    }
                }
                Check::ChapterTitles { expect, skip } => {
                    let matter = ["Contents", "Preface", "Title page", "Front matter", "Cover", "Copyright"];
                    let mut skipped: BTreeSet<String> = matter.iter().map(|t| bare(t)).collect();
                    skipped.extend(skip.iter().chain(&key.allow_extra).map(|t| bare(t)));
                    let wanted: Vec<String> = expect.iter().map(|t| bare(t)).collect();
                    let got: Vec<&String> =
                        titles.iter().filter(|t| !skipped.contains(*t) && !t.contains("matter")).collect();
                    if got != wanted.iter().collect::<Vec<_>>() {
                        out.push(format!("chapters {got:?}"));
                    }
                }
                Check::Discovered { expect } => {
                    for (title, page) in expect {
                        let same = |(t, p): &(String, u32)| bare(t) == bare(title) && p == page;
                        if !self.discovered.iter().any(same) {
                            out.push(format!("{title:?} was not discovered on page {page}"));
                        }
                    }
                }
                _ => {}
            }
        }
        out
    }

    fn check_contents(&self, key: &Key, out: &mut Vec<String>) {
        let allowed: BTreeSet<String> = key.allow_extra.iter().map(|t| bare(t)).collect();
        let found: Vec<_> = self.entries.iter().filter(|(e, _)| !allowed.contains(&bare(&e.title))).collect();
        if key.printed_toc.is_empty() {
            return;
        }
        let mut at = 0;
        let (mut exact, mut level, mut matched) = (0, 0, 0);
        for wanted in &key.printed_toc {
            let title = bare(&wanted.title);
            let same = |e: &ContentsEntry| {
                let forms = [bare(&e.title), bare(&e.printed_title())];
                forms.iter().any(|f| similar(f, &title))
            };
            let Some(i) = found.iter().skip(at).position(|(e, _)| same(e)) else { continue };
            let (entry, page) = found[at + i];
            at += i + 1;
            matched += 1;
            exact += u32::from(*page == Some(wanted.page));
            level += u32::from(entry.level == wanted.level);
        }
        let share = |part: u32, whole: usize| f64::from(part) / whole.max(1) as f64;
        let end_to_end = share(exact, key.printed_toc.len());
        let (precision, levels) = (share(matched, found.len()), share(level, matched as usize));
        if end_to_end < 0.98 || precision < 0.98 || levels < 0.95 {
            out.push(format!("end to end {end_to_end:.2}, precision {precision:.2}, levels {levels:.2}"));
        }
    }

    fn print(&self) {
        for (entry, page) in &self.entries {
            let printed = entry.printed_page.as_deref().unwrap_or("-");
            eprintln!("  {} {:?} {printed} -> {page:?}", entry.level, entry.printed_title());
        }
        for (title, page) in &self.discovered {
            eprintln!("  discovered {title:?} -> {page}");
        }
        for (chapter, text) in self.chapters.iter().zip(&self.texts) {
            let begin: String = flat(&text.text).chars().take(60).collect();
            let source = chapter.source.as_deref().unwrap_or_default();
            eprintln!(
                "  chapter {} {:?} {} {source} {begin:?}",
                chapter.level,
                full(chapter),
                chapter.start_page
            );
        }
    }
}

#[test]
fn every_case_comes_out_as_its_key_says() {
    let folder = std::env::var_os("BOOKSTATE_CASES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"), PathBuf::from);
    let wanted = std::env::var("BOOKSTATE_CASE").ok();
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .filter_map(|e| e.ok().filter(|e| e.path().is_dir())?.file_name().into_string().ok())
        .filter(|name| wanted.as_ref().is_none_or(|w| w.split(',').any(|w| w == name)))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no cases in {}", folder.display());
    let mut wrong = Vec::new();
    for name in names {
        let dir = folder.join(&name);
        let key = std::fs::read(dir.join(format!("{name}.truth.json"))).unwrap();
        let key: Key = serde_json::from_slice(&key).unwrap();
        let books = std::fs::read_dir(&dir).unwrap().filter_map(|e| Some(e.ok()?.path()));
        let book = books.filter(|p| p.extension().is_some_and(|e| e != "json")).min().unwrap();
        let read = read(&book);
        let failures = read.failures(&key);
        if wanted.is_some() {
            eprintln!("{name}");
            read.print();
        }
        if !failures.is_empty() {
            wrong.push(format!("{name}: {}", failures.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The titles of a book's chapters with their levels, without its front matter.
fn contents(read: &Read) -> Vec<(i32, String)> {
    let chapters = read.chapters.iter();
    let entries = chapters.filter(|c| c.source.as_deref() != Some(structure::FRONT_MATTER_SOURCE));
    entries.map(|c| (c.level, bare(&full(c)))).collect()
}

/// An HTML edition of a PDF case, made of its key: chapters with sections, which the PDF only sets in other type.
#[test]
fn an_html_edition_has_the_contents_of_the_pdf() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/contents-and-sections-by-type");
    let key = std::fs::read(dir.join("contents-and-sections-by-type.truth.json")).unwrap();
    let key: Key = serde_json::from_slice(&key).unwrap();
    let mut headings: Vec<(u32, u32, String)> =
        key.printed_toc.iter().map(|e| (e.page, e.level, e.title.clone())).collect();
    for check in &key.checks {
        let Check::Discovered { expect } = check else { continue };
        headings.extend(expect.iter().map(|(title, page)| (*page, 2, title.clone())));
    }
    headings.sort();
    let mut html = "<!DOCTYPE html><title>A book</title>".to_owned();
    for (_, level, title) in headings {
        html.push_str(&format!("<h{level}>{title}</h{level}><p>Some words of this part, and more of them."));
    }
    let folder = tempfile::tempdir().unwrap();
    let edition = folder.path().join("book.html");
    std::fs::write(&edition, html).unwrap();
    let (pdf, html) = (read(&dir.join("contents-and-sections-by-type.pdf")), read(&edition));
    assert_eq!(contents(&pdf), contents(&html));
    assert_eq!(contents(&pdf).len(), 25);
}
