//! What a book says about itself: title, authors, publisher, year, ISBN, language.
//!
//! Invariants: every value is printed in the book or stands in its file; what is not certain is `None`. The file's
//! own entries are believed for title and author unless a program put them there; its date is not the book's.

mod author;

use crate::source::SourceInfo;
use crate::structure::{is_known_title, is_named_heading, language};
use crate::toc::normalise;
use author::{after_by, is_name, names};
use bookstate_domain::{Text, persist::MetadataResult};
use regex::Regex;
use std::sync::LazyLock;

/// Title, imprint and the like are among so many pages.
const FRONT_PAGES: usize = 8;
/// A page with more lines is no title page.
const TITLE_PAGE_LINES: usize = 40;
/// The title stands among so many lines.
const TITLE_LINES: usize = 12;

/// Reads the metadata from what the file says and from the book's first pages.
pub fn metadata(info: &SourceInfo, pages: &[&str]) -> MetadataResult {
    let header = Header::of(pages);
    let front: Vec<&str> = header.rest.iter().take(FRONT_PAGES).copied().collect();
    let title_page = TitlePage::of(&front);
    let title = header
        .title
        .as_deref()
        .or(info.title.as_deref())
        .map(squeezed)
        .filter(|t| is_title(t))
        .or_else(|| title_page.title.clone());
    let (title, split_off) = title.map_or((None, None), |t| split_subtitle(&t));
    let printed = title.as_deref().zip(title_page.title.as_deref());
    let same = printed.is_some_and(|(a, b)| normalise(a) == normalise(b));
    let subtitle = split_off.or_else(|| title_page.subtitle.clone().filter(|_| same));
    let said = header.author.as_deref().or(info.author.as_deref());
    let authors = authors(said, &title_page, title.as_deref());
    let keywords = info.keywords.as_deref().unwrap_or_default();
    let topic = info.subject.as_deref().map(squeezed).filter(|s| s.chars().count() >= 3);
    let (subject, description) = match topic {
        Some(topic) if topic.split_whitespace().count() > 5 => (None, Some(topic)),
        topic => (topic, None),
    };
    let mut subjects: Vec<Text> = subject.into_iter().map(Text::from).collect();
    let more = keywords.split([',', ';']).map(squeezed).filter(|k| (2..=60).contains(&k.chars().count()));
    for keyword in more.map(Text::from) {
        if !subjects.contains(&keyword) {
            subjects.push(keyword);
        }
    }
    MetadataResult {
        title: title.map(Text::from),
        subtitle: subtitle.map(Text::from),
        author: (!authors.is_empty()).then(|| authors.join(", ").into()),
        authors: authors.into_iter().map(Text::from).collect(),
        isbn: isbn(&front).map(Text::from),
        lccn: lccn(&front).map(Text::from),
        publisher: publisher(&front).map(Text::from),
        publication_year: year(&front, &title_page.lines),
        language: header.language.or_else(|| language(header.rest.iter().copied())).map(Text::from),
        description: description.map(Text::from),
        subjects,
        cover_page: None,
    }
}

/// What a digital library prints before a book, and the pages without it.
#[derive(Default)]
struct Header<'a> {
    title: Option<String>,
    author: Option<String>,
    language: Option<&'static str>,
    rest: Vec<&'a str>,
}

impl<'a> Header<'a> {
    fn of(pages: &[&'a str]) -> Self {
        let marker = |page: &&str| {
            let at = page.to_ascii_uppercase().find("*** START OF TH")?;
            let end = page.get(at..)?.find('\n').map_or(page.len(), |i| at + i + 1);
            Some((at, end))
        };
        let found = pages.iter().take(FRONT_PAGES).enumerate().find_map(|(i, page)| Some((i, marker(page)?)));
        let Some((last, (at, end))) = found else { return Self { rest: pages.to_vec(), ..Self::default() } };
        let mut out = Self::default();
        let before = pages.iter().take(last).copied().chain(pages.get(last).and_then(|p| p.get(..at)));
        let lines: Vec<&str> = before.flat_map(str::lines).collect();
        let field = |name: &str| -> Option<String> {
            let at = lines.iter().position(|l| l.starts_with(name))?;
            let first = lines.get(at)?.get(name.len()..)?;
            // A long title goes on in indented lines.
            let more = lines.iter().skip(at + 1).take_while(|l| l.starts_with("  ") && !l.trim().is_empty());
            Some(squeezed(&[first].into_iter().chain(more.copied()).collect::<Vec<_>>().join(" ")))
        };
        out.title = field("Title:");
        out.author = field("Author:");
        out.language =
            field("Language:").and_then(|name| LANGUAGES.iter().find(|l| l.0 == name)).map(|l| l.1);
        out.rest.extend(pages.get(last).and_then(|page| page.get(end..)));
        out.rest.extend(pages.iter().skip(last + 1));
        out
    }
}

/// Names of languages in such headers, and their codes.
const LANGUAGES: [(&str, &str); 16] = [
    ("English", "en"),
    ("German", "de"),
    ("French", "fr"),
    ("Spanish", "es"),
    ("Italian", "it"),
    ("Portuguese", "pt"),
    ("Dutch", "nl"),
    ("Russian", "ru"),
    ("Finnish", "fi"),
    ("Swedish", "sv"),
    ("Danish", "da"),
    ("Polish", "pl"),
    ("Greek", "el"),
    ("Latin", "la"),
    ("Chinese", "zh"),
    ("Japanese", "ja"),
];

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Not what programs and templates leave: file names, "untitled".
fn is_title(text: &str) -> bool {
    let lower = text.to_lowercase();
    let file =
        [".doc", ".docx", ".tex", ".dvi", ".pdf", ".indd", ".qxd", ".rtf", ".odt", ".txt", ".md", ".ps"];
    let left = ["untitled", "microsoft word", "title", "document", "noname", "unknown", "layout 1"];
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 2
        && text.chars().count() <= 200
        && !file.iter().any(|end| lower.ends_with(end))
        && !left.iter().any(|l| lower == *l || (lower.starts_with(l) && lower.contains(" - ")))
        && !text.contains(['\\', '\u{fffd}'])
}

/// "Title: Subtitle" in its parts; a colon within a word is none.
fn split_subtitle(title: &str) -> (Option<String>, Option<String>) {
    let parts =
        title.split_once(": ").or_else(|| title.split_once(" — ")).or_else(|| title.split_once(" – "));
    match parts {
        Some((head, tail)) if is_title(head) && tail.split_whitespace().count() >= 2 => {
            (Some(head.trim().to_owned()), Some(tail.trim().to_owned()))
        }
        _ => (Some(title.to_owned()), None),
    }
}

/// The book's first page with text, when it is a title page.
#[derive(Default)]
struct TitlePage {
    title: Option<String>,
    subtitle: Option<String>,
    author: Option<String>,
    /// All its lines.
    lines: Vec<String>,
}

impl TitlePage {
    fn of(front: &[&str]) -> Self {
        let Some(page) = front.iter().find(|p| !p.trim().is_empty()) else { return Self::default() };
        let blocks = blocks(page);
        let lines: Vec<String> = blocks.iter().flatten().cloned().collect();
        let mut out = Self::default();
        let next = lines.iter().skip(1).map(Some).chain([None]);
        let pairs: Vec<_> = lines.iter().take(TITLE_LINES).zip(next).collect();
        out.author =
            pairs.into_iter().find_map(|(l, n)| after_by(l, n.map(String::as_str))).map(str::to_owned);
        let Some(first) = blocks.first() else { return out };
        let markdown = first.first().and_then(|l| l.strip_prefix("# ")).map(str::trim);
        // The top of a title page: a few short lines, then something else.
        let short = first.len() <= 3
            && first.iter().all(|l| l.chars().count() <= 80 && !l.ends_with(['.', ',', ';']));
        let few = lines.len() <= TITLE_PAGE_LINES;
        if let Some(title) = markdown {
            // Marked as a heading, so one word is enough.
            let title = Some(title).filter(|t| !t.is_empty() && !is_heading_of_part(t));
            out.title = title.map(str::to_owned);
        } else if short && (few || out.author.is_some()) {
            out.title = Some(title_lines(&blocks)).filter(|t| is_title(t) && !is_heading_of_part(t));
            out.subtitle =
                first.get(1).filter(|l| is_subtitle(l) && out.author.as_ref() != Some(*l)).cloned();
        }
        if few {
            out.lines = lines;
        }
        out
    }
}

/// Words after which a title goes on, and with which it does.
const JOINING: [&str; 26] = [
    "to", "for", "of", "and", "in", "on", "the", "a", "an", "with", "from", "für", "zu", "und", "der", "die",
    "das", "von", "im", "de", "et", "la", "du", "por", "по", "и",
];

/// The title's first line, and what a small word joins to it: "User's Guide" / "to" / "gnuplot", "A History of the" /
/// "Quiet Harbour".
fn title_lines(blocks: &[Vec<String>]) -> String {
    let mut lines = blocks.iter().flatten();
    let mut title = lines.next().cloned().unwrap_or_default();
    let joins = |word: Option<&str>| word.is_some_and(|w| JOINING.contains(&w.to_lowercase().as_str()));
    for line in lines.take(4) {
        let open = joins(title.split_whitespace().next_back()) || title.ends_with([',', '-', '–', '&']);
        let first = line.split_whitespace().next();
        let goes_on = joins(first) && line.split_whitespace().count() == 1;
        if !(open || goes_on) {
            break;
        }
        title = format!("{title} {line}");
    }
    title
}

/// "Chapter 1", "Contents": the book begins without a title page.
fn is_heading_of_part(line: &str) -> bool {
    is_named_heading(line) || is_known_title(line)
}

fn is_subtitle(line: &str) -> bool {
    let words = line.split_whitespace().count();
    let first = line.split_whitespace().next().unwrap_or_default().to_lowercase();
    let other = ["by", "von", "version", "release", "edition", "edited", "©", "copyright", "выпуск"];
    words >= 3
        && !line.chars().any(|c| c.is_ascii_digit())
        && !other.contains(&first.as_str())
        && !line.contains('@')
}

/// Lines of a page, in groups that blank lines separate.
fn blocks(page: &str) -> Vec<Vec<String>> {
    let mut blocks: Vec<Vec<String>> = vec![Vec::new()];
    for line in page.lines().map(squeezed) {
        match blocks.last_mut() {
            Some(block) if !line.is_empty() => block.push(line),
            Some(block) if !block.is_empty() => blocks.push(Vec::new()),
            _ => {}
        }
    }
    blocks.retain(|b| !b.is_empty());
    blocks
}

fn authors(said: Option<&str>, title_page: &TitlePage, title: Option<&str>) -> Vec<String> {
    let title = title.map(normalise).unwrap_or_default();
    // A program that has nothing better writes the product's name as its author.
    let of = |text: &str| {
        let found = names(text);
        if found.iter().any(|n| title.contains(&normalise(n))) { Vec::new() } else { found }
    };
    let said = said.map(of).unwrap_or_default();
    if said.is_empty() { title_page.author.as_deref().map(of).unwrap_or_default() } else { said }
}

/// A pattern of this file; `None` cannot happen and means "matches nothing".
type Pattern = LazyLock<Option<Regex>>;

static ISBN: Pattern =
    LazyLock::new(|| Regex::new(r"(?i)ISBN(?:-?1[03])?\s*:?\s*([0-9][0-9 \-–‐]{7,20}[0-9Xx])").ok());
static LCCN: Pattern = LazyLock::new(|| {
    Regex::new(r"(?i)(?:LCCN|Library of Congress (?:Control|Catalog Card) (?:Number|No\.?))\s*:?\s*([0-9]{2,4}-?[0-9]{5,7})").ok()
});
static COPYRIGHT: Pattern = LazyLock::new(|| {
    Regex::new(r"(?i)(?:©|\(c\)|copyright|copr\.)\D{0,12}((?:(?:1[4-9]|20)[0-9]{2}[\s,–—\-]*)+)").ok()
});
static PUBLISHED: Pattern = LazyLock::new(|| {
    Regex::new(r"(?i)(?:publication date|first published|published(?: in)?|erschienen|год издания)\b\D{0,25}((?:1[4-9]|20)[0-9]{2})\b").ok()
});
static YEAR: Pattern = LazyLock::new(|| Regex::new(r"\b(1[4-9][0-9]{2}|20[0-9]{2})\b").ok());
static PUBLISHED_BY: Pattern = LazyLock::new(|| {
    Regex::new(r"(?i)^(?:first published (?:in [0-9]{4} )?by|published by|publisher:|verlag:|издательство:?|éditeur :?)\s+(\S.{1,60})$").ok()
});
static PRESS: Pattern = LazyLock::new(|| {
    Regex::new(r"^(?:[\p{Lu}][\p{L}.&’'\-]*\s+(?:and\s+|&\s+|of\s+)?){1,4}(?:Press|Publishing|Publishers|Verlag|Books|Éditions|Media)(?:,? (?:Inc|Ltd|GmbH|LLC)\.?)?$").ok()
});

/// All first groups of a pattern, in order.
fn found<'a>(pattern: &Pattern, text: &'a str) -> Vec<&'a str> {
    let Some(pattern) = pattern.as_ref() else { return Vec::new() };
    pattern.captures_iter(text).filter_map(|c| c.get(1)).map(|m| m.as_str()).collect()
}

/// The first valid ISBN; one of 13 digits before one of 10.
fn isbn(front: &[&str]) -> Option<String> {
    let digits = |text: &str| -> String {
        text.chars()
            .filter(|c| c.is_ascii_digit() || matches!(c, 'X' | 'x'))
            .collect::<String>()
            .to_uppercase()
    };
    let all: Vec<String> =
        front.iter().flat_map(|p| found(&ISBN, p)).map(digits).filter_map(|d| valid_isbn(&d)).collect();
    all.iter().find(|n| n.len() == 13).or(all.first()).cloned()
}

/// The number at the start of `digits` whose check digit is right: the pattern may have run into what follows.
fn valid_isbn(digits: &str) -> Option<String> {
    let value = |c: char| if c == 'X' { Some(10) } else { c.to_digit(10) };
    let thirteen = digits.get(..13).filter(|d| {
        let sum: u32 =
            d.chars().zip([1, 3].into_iter().cycle()).filter_map(|(c, w)| Some(value(c)? * w)).sum();
        (d.starts_with("978") || d.starts_with("979")) && !d.contains('X') && sum.is_multiple_of(10)
    });
    let ten = digits.get(..10).filter(|d| {
        let sum: u32 = d.chars().zip((1..=10).rev()).filter_map(|(c, w)| Some(value(c)? * w)).sum();
        !d.get(..9).is_some_and(|head| head.contains('X')) && sum.is_multiple_of(11)
    });
    thirteen.or(ten.filter(|_| digits.len() < 13)).map(str::to_owned)
}

fn lccn(front: &[&str]) -> Option<String> {
    front.iter().find_map(|p| found(&LCCN, p).first().map(|n| n.replace('-', "")))
}

/// The year of publication if it is said, else the latest copyright, else the only year on the title page.
fn year(front: &[&str], title_page: &[String]) -> Option<i32> {
    let years =
        |text: &str| -> Vec<i32> { found(&YEAR, text).into_iter().filter_map(|y| y.parse().ok()).collect() };
    let said = front.iter().find_map(|p| found(&PUBLISHED, p).first().and_then(|y| y.parse().ok()));
    let copyright = || front.iter().flat_map(|p| found(&COPYRIGHT, p)).flat_map(years).max();
    let printed = || {
        let mut all: Vec<i32> = title_page.iter().flat_map(|l| years(l)).collect();
        all.sort_unstable();
        all.dedup();
        all.first().copied().filter(|_| all.len() == 1)
    };
    said.or_else(copyright).or_else(printed)
}

fn publisher(front: &[&str]) -> Option<String> {
    let lines = || front.iter().flat_map(|p| p.lines()).map(squeezed);
    let said = lines().find_map(|l| found(&PUBLISHED_BY, &l).first().map(|s| (*s).to_owned()));
    let tidy = |name: String| name.trim_end_matches([',', '.', ';']).trim().to_owned();
    let press = || lines().find(|l| l.chars().count() <= 60 && PRESS.as_ref().is_some_and(|p| p.is_match(l)));
    said.map(tidy).filter(|name| is_name(name)).or_else(press)
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
