//! The headings of one page.
//!
//! Invariants: a heading is one to four neighbouring lines of the page, headings do not overlap and come in the
//! page's order. A line must *stand* like a heading (blank lines around it, or a number that only headings have);
//! contents pages have none. What is missed here costs little, a false heading cuts a chapter in two.

use super::counted::{counted, day};
use super::named::{Named, lone_word, named};
use super::ornament::{plain, within_signs};
use crate::page::BlockKind;
use crate::toc::{
    Line, Numeral, NumeralStyle, PageText, SaidLine, TitleParts, division, split_glued, split_title,
};
use std::borrow::Cow;

/// No heading line is longer, in characters.
const LONGEST: usize = 110;
/// Numbered lines of depth one that count up on one page are a list when there are this many.
const LIST_ITEMS: usize = 3;
/// Between two items of a list are at most so many lines.
const LIST_LINES: usize = 8;
/// Where most lines are longer, each is a paragraph, and no blank lines are needed between them.
const WHOLE_PARAGRAPH: usize = 220;

/// What makes a line a heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadingKind {
    /// `## Title`, or a title underlined with `===`.
    Markdown,
    /// `Chapter 7`, with a word that names the level.
    Named,
    /// `Canto IV`: a word of the book's own and a number. Alone it says nothing; a series of them does.
    Counted,
    /// `3 May`: a day of a diary. The same holds.
    Day,
    /// `3.2 Title`, `A.1 Title`.
    Decimal,
    /// `IV. Title`.
    Roman,
    /// A number alone on its line: `IV`, `12`.
    Bare,
    /// A line that is set larger or heavier than the text, as others of the book are.
    Typed,
    /// A line of capitals, or between signs, by itself.
    Capitals,
    /// A short line by itself.
    Isolated,
}

/// A heading, by its place among the page's lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageHeading {
    /// What makes it one.
    pub kind: HeadingKind,
    /// 1 is the highest; as far as the page alone tells.
    pub level: u32,
    /// The English name of the level that the heading names.
    pub level_name: Option<&'static str>,
    /// The level word as printed.
    pub word: Option<String>,
    /// The number as printed.
    pub number: Option<String>,
    /// The number's value; of a dotted number the last part's.
    pub numeral: Option<Numeral>,
    /// The title without word and number; empty for `CHAPTER 7` alone.
    pub title: String,
    /// Index of its first line in [`PageText::lines`].
    pub first: usize,
    /// Index of its last line.
    pub last: usize,
    /// Blank lines before it; `None` on top of a page.
    pub gap: Option<usize>,
    /// What its first line is where its number belongs to no series: "The Second Survey" may be the second of some
    /// surveys, or a title like all others.
    pub otherwise: Option<Box<PageHeading>>,
}

impl PageHeading {
    /// Word, number and title, as one line.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for part in [self.word.as_deref(), self.number.as_deref(), Some(self.title.as_str())] {
            let Some(part) = part.filter(|p| !p.is_empty()) else { continue };
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(part);
        }
        text
    }

    pub(super) fn new(kind: HeadingKind, level: u32, title: &str, at: usize) -> Self {
        let title = title.to_owned();
        Self {
            kind,
            level,
            level_name: None,
            word: None,
            number: None,
            numeral: None,
            title,
            first: at,
            last: at,
            gap: None,
            otherwise: None,
        }
    }
}

/// The headings of a page, in order.
#[must_use]
pub fn headings(page: &PageText) -> Vec<PageHeading> {
    let lines = page.lines.as_slice();
    let wide = wide_line(lines);
    let texts = lines.iter().map(|line| plain(&line.text)).collect();
    let view = View { lines, texts, markdown: is_markdown(lines), wide, whole: wide >= WHOLE_PARAGRAPH };
    let mut out: Vec<PageHeading> = Vec::new();
    let (mut i, mut fenced) = (0, false);
    while let Some(line) = lines.get(i) {
        let fence = line.text.starts_with("```");
        fenced ^= fence && view.markdown;
        let heading = match page.said.get(i) {
            Some(said) => view.said(i, said),
            None if fenced || fence => None,
            None => view.at(i),
        };
        let gap = i.checked_sub(1).and_then(|k| lines.get(k)).map(|above| line.number - above.number - 1);
        i = heading.as_ref().map_or(i + 1, |h| h.last + 1);
        out.extend(heading.map(|h| PageHeading { gap, ..h }));
    }
    drop_lists(&mut out);
    if let Some(list) = list_of_entries(lines) {
        out.retain(|h| !list.contains(&h.first));
    }
    out
}

/// A leader or a wide gap, then a number.
fn ends_in_page_number(text: &str) -> bool {
    let Some((head, last)) = text.rsplit_once([' ', '.', '…']) else { return false };
    let number = crate::toc::PageNumber::parse(last).is_some();
    let trimmed = head.trim_end_matches(['.', ' ', '·', '…']);
    let gap = head.get(trimmed.len()..).unwrap_or_default();
    number && (head.ends_with(' ') || gap.matches(['.', '…', '·']).count() >= 2) && !trimmed.is_empty()
}

/// Whether the lines that begin with `#` are headings: in scripts and sessions most of them are not.
fn is_markdown(lines: &[Line]) -> bool {
    let marked: Vec<usize> =
        lines.iter().enumerate().filter(|(_, l)| l.text.starts_with('#')).map(|(i, _)| i).collect();
    let good = marked.iter().filter(|i| markdown_heading(lines, **i).is_some()).count();
    good > 0 && good * 5 >= marked.len() * 3
}

fn markdown_heading(lines: &[Line], i: usize) -> Option<(u32, &str)> {
    let line = lines.get(i).filter(|l| l.indent == 0)?;
    let text = line.text.trim_start_matches('#');
    let level = line.text.len() - text.len();
    let title = text.trim_end_matches('#').trim();
    let capital =
        title.starts_with(|c: char| !c.is_lowercase() && (c.is_alphanumeric() || "\"“«*_`[".contains(c)));
    let comment = title.ends_with([';', '{', ',', '\\']) || (level == 1 && title.ends_with(['.', ':']));
    let stands = gap_before(lines, i) || gap_after(lines, i);
    let ok = (1..=6).contains(&level) && text.starts_with(' ') && capital && !comment && stands;
    (ok && title.chars().count() <= LONGEST).then(|| (u32::try_from(level).unwrap_or(6), title))
}

pub(super) fn gap_before(lines: &[Line], i: usize) -> bool {
    match (i.checked_sub(1).and_then(|p| lines.get(p)), lines.get(i)) {
        (Some(before), Some(line)) => line.number > before.number + 1,
        _ => true,
    }
}

pub(super) fn gap_after(lines: &[Line], i: usize) -> bool {
    gap_before(lines, i + 1)
}

/// The width of the page's full lines.
fn wide_line(lines: &[Line]) -> usize {
    let mut widths: Vec<usize> = lines.iter().map(|l| l.text.chars().count()).collect();
    widths.sort_unstable();
    widths.get(widths.len() * 4 / 5).copied().unwrap_or(0)
}

struct View<'a> {
    lines: &'a [Line],
    /// What they say, without ornament.
    texts: Vec<Cow<'a, str>>,
    markdown: bool,
    wide: usize,
    /// Each line is a paragraph.
    whole: bool,
}

impl View<'_> {
    /// Where the file says what a line is: its headings, and paragraphs that stand like some.
    fn said(&self, i: usize, said: &SaidLine) -> Option<PageHeading> {
        match &*said.kind {
            BlockKind::Heading { level } => {
                let title = said.text.as_deref().unwrap_or_default().trim();
                let level = u32::from(level.unwrap_or(1));
                title.contains(char::is_alphanumeric).then(|| markdown(level, title, i))
            }
            BlockKind::Paragraph => self.at(i),
            _ => None,
        }
    }

    fn at(&self, i: usize) -> Option<PageHeading> {
        let text = self.text(i)?;
        if self.markdown
            && let Some((level, title)) = markdown_heading(self.lines, i)
        {
            return Some(markdown(level, title, i));
        }
        // "CHAPTER   IV" is no entry of a list.
        let numbered = || named(text).is_some_and(|found| found.rest.is_empty());
        if text.chars().count() > LONGEST
            || (ends_in_page_number(text) && !numbered())
            || !text.chars().any(char::is_alphanumeric)
        {
            return None;
        }
        self.underlined(i)
            .or_else(|| self.named(i))
            .or_else(|| self.counted(i))
            .or_else(|| self.numbered(i))
            .or_else(|| self.bare(i))
            .or_else(|| self.by_itself(i))
    }

    fn before(&self, i: usize) -> bool {
        self.whole || gap_before(self.lines, i)
    }

    fn after(&self, i: usize) -> bool {
        self.whole || gap_after(self.lines, i)
    }

    fn stands_alone(&self, i: usize) -> bool {
        self.before(i) && self.after(i)
    }

    fn text(&self, i: usize) -> Option<&str> {
        self.texts.get(i).map(|text| &**text)
    }

    /// A title with a line of `=` or `-` right below it, as long as itself.
    fn underlined(&self, i: usize) -> Option<PageHeading> {
        let (title, rule) = (self.text(i)?, self.text(i + 1)?);
        let level = match rule.chars().next()? {
            '=' => 1,
            '-' => 2,
            _ => return None,
        };
        let one_sign = rule.chars().all(|c| rule.starts_with(c));
        let same_length = rule.len().abs_diff(title.chars().count()) <= 3;
        let stands = gap_before(self.lines, i) && !gap_after(self.lines, i) && gap_after(self.lines, i + 1);
        if !(one_sign && same_length && stands && title_like(title)) {
            return None;
        }
        let mut heading = markdown(level, title, i);
        heading.last = i + 1;
        Some(heading)
    }

    fn named(&self, i: usize) -> Option<PageHeading> {
        let stands = self.before(i) || i < 2;
        if !stands {
            return None;
        }
        let (read, joined, mut last);
        if lone_word(self.text(i)?).is_some() {
            // The word above its number: both are short, whatever is between them.
            let number = self.text(i + 1)?;
            joined = format!("{} {number}", self.text(i)?.trim_end_matches([':', '.']));
            read = named(&joined).filter(|n| n.rest.is_empty())?;
            last = i + 1;
        } else {
            read = named(self.text(i)?)?;
            last = i;
        }
        let Named { level_name, word, number, numeral, rest } = read;
        let mut title = rest.to_owned();
        if rest.is_empty() {
            if !(self.after(last) || self.is_title(last + 1)) {
                return None;
            }
            if self.is_title(last + 1) {
                title = self.text(last + 1)?.to_owned();
                last += 1;
            }
        } else {
            let sentence = rest.ends_with(['.', ',', ';']) && rest.chars().count() > 60;
            if rest.starts_with(char::is_lowercase) || sentence {
                return None;
            }
            if !self.after(last) {
                // A title of two lines, else a paragraph that begins like a heading.
                if !(self.after(last + 1) && self.is_short(last + 1)) {
                    return None;
                }
                title = format!("{title} {}", self.text(last + 1)?);
                last += 1;
            }
        }
        let mut heading = PageHeading::new(HeadingKind::Named, level_of_name(level_name), &title, i);
        heading.level_name = Some(level_name);
        heading.word = Some(word.to_owned());
        heading.number = Some(number.to_owned());
        heading.numeral = Some(numeral);
        heading.last = last;
        if let Some(found) = division(self.text(i)?) {
            // Number and title are one: `第三章 …`.
            let rest = heading.title.clone();
            heading.title = self.text(i)?.to_owned();
            if found.rest.is_empty() && !rest.is_empty() {
                heading.title = format!("{} {rest}", heading.title);
            }
            (heading.word, heading.number) = (Some(found.sign.to_owned()), None);
        }
        Some(heading)
    }

    /// A word of the book's own with a number, or a day.
    fn counted(&self, i: usize) -> Option<PageHeading> {
        let text = self.text(i)?;
        if !self.before(i) || self.lines.get(i + 1).is_none() || text.chars().count() > 90 {
            return None;
        }
        if let Some(found) = counted(text).filter(|f| !f.rest.ends_with(['.', ',', ';'])) {
            let mut title = found.rest.to_owned();
            let mut last = i;
            if title.is_empty() && self.is_title(i + 1) {
                title = self.text(i + 1)?.to_owned();
                last = i + 1;
            }
            if !self.after(last) {
                return None;
            }
            let mut heading = PageHeading::new(HeadingKind::Counted, 1, &title, i);
            heading.word = Some(found.word.to_owned());
            heading.number = Some(found.number.to_owned());
            heading.numeral = Some(found.numeral);
            heading.last = last;
            heading.otherwise = self.by_itself(i).map(Box::new);
            return Some(heading);
        }
        let value = day(text).filter(|_| self.after(i))?;
        let mut heading = PageHeading::new(HeadingKind::Day, 1, text.trim_end_matches('.'), i);
        heading.numeral = Some(Numeral { style: NumeralStyle::Arabic, value });
        heading.otherwise = self.by_itself(i).map(Box::new);
        Some(heading)
    }

    /// A heading that only its look tells.
    fn by_itself(&self, i: usize) -> Option<PageHeading> {
        self.capitals(i).or_else(|| self.drawn(i)).or_else(|| self.isolated(i))
    }

    /// Whether line `i` is the title below a chapter's number.
    fn is_title(&self, i: usize) -> bool {
        let Some(line) = self.lines.get(i) else { return false };
        let alone = self.after(i) && self.lines.get(i + 1).is_some();
        let number = Numeral::parse(line.text.trim_end_matches('.')).is_some();
        alone && !number && self.is_short(i) && title_like(&line.text) && named(&line.text).is_none()
    }

    fn is_short(&self, i: usize) -> bool {
        self.text(i).is_some_and(|t| t.chars().count() <= 70 && !t.ends_with(['.', ',', ';']))
    }

    /// A decimal, lettered or roman number and a title on one line.
    fn numbered(&self, i: usize) -> Option<PageHeading> {
        let text = self.text(i)?;
        let mut parts = split_title(text);
        if let Some((number, rest)) = split_glued(text).filter(|_| parts.number.is_none()) {
            parts = TitleParts { word: None, number: Some(number), rest };
        }
        let number = parts.number.filter(|_| parts.word.is_none())?;
        let depth = parts.depth()?;
        let title = parts.rest;
        let capital = title.starts_with(|c: char| !c.is_lowercase());
        let (before, after) = (self.before(i), self.after(i));
        let ends = match title.chars().next_back()? {
            ',' | ';' | ':' => false,
            '.' => depth > 1 && before && after && title.split_whitespace().count() <= 8,
            _ => true,
        };
        let prose = title.contains(". ") || title.contains("   ");
        if !ends || prose || !title.chars().any(char::is_alphabetic) || title.chars().count() > 90 {
            return None;
        }
        let numeral = Numeral::parse(number.rsplit('.').next()?);
        let first = number.split('.').next()?;
        let roman = Numeral::parse(first).is_some_and(|n| n.style == NumeralStyle::Roman);
        let kind = if roman && !parts.is_decimal() { HeadingKind::Roman } else { HeadingKind::Decimal };
        let stands = match depth {
            // Without a dot it could be an item of a list or a sentence, so it must stand alone and begin large.
            1 => capital && before && after && title.chars().count() <= 70 && self.lines.get(i + 1).is_some(),
            _ => before || (after && capital),
        };
        if !stands || number.len() > 12 || numeral.is_some_and(|n| n.value > 199) {
            return None;
        }
        let mut heading = PageHeading::new(kind, depth, title, i);
        heading.number = Some(number.to_owned());
        heading.numeral = numeral;
        Some(heading)
    }

    /// A number alone on its line; a page number is no longer among the lines.
    fn bare(&self, i: usize) -> Option<PageHeading> {
        let text = self.text(i)?.trim_matches(|c: char| c.is_whitespace() || "[](){}.-–—*~".contains(c));
        let numeral = Numeral::parse(text).filter(|n| n.style != NumeralStyle::Letter && n.value < 200)?;
        let lower = text.starts_with(char::is_lowercase);
        let stands = self.before(i) && (self.after(i) || self.is_title(i + 1));
        if lower || !stands || self.lines.get(i + 1).is_none() {
            return None;
        }
        let mut heading = PageHeading::new(HeadingKind::Bare, 1, "", i);
        heading.number = Some(text.to_owned());
        heading.numeral = Some(numeral);
        if self.is_title(i + 1) {
            heading.title = self.text(i + 1)?.to_owned();
            heading.last = i + 1;
        }
        Some(heading)
    }

    fn capitals(&self, i: usize) -> Option<PageHeading> {
        let text = self.text(i)?;
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        let capitals = text.chars().filter(|c| c.is_uppercase()).count();
        let word = text.split(|c: char| !c.is_alphabetic()).any(|w| w.chars().count() >= 3);
        let ok =
            letters >= 4 && capitals == letters && word && title_like(text) && text.chars().count() <= 70;
        if !ok || !self.stands_alone(i) || self.lines.get(i + 1).is_none() {
            return None;
        }
        Some(PageHeading::new(HeadingKind::Capitals, if i == 0 { 1 } else { 2 }, text, i))
    }

    /// A title between signs by itself.
    fn drawn(&self, i: usize) -> Option<PageHeading> {
        let title =
            within_signs(&self.lines.get(i)?.text).filter(|t| title_like(t) && t.chars().count() <= 70)?;
        let letters = title.chars().filter(|c| c.is_alphabetic()).count();
        let ok = letters >= 4 && self.stands_alone(i) && self.lines.get(i + 1).is_some();
        ok.then(|| PageHeading::new(HeadingKind::Capitals, 2, title, i))
    }

    /// A short line by itself above a paragraph, not indented deeper than it.
    fn isolated(&self, i: usize) -> Option<PageHeading> {
        let (line, next) = (self.lines.get(i)?, self.lines.get(i + 1)?);
        let length = line.text.chars().count();
        let capital = line.text.starts_with(char::is_uppercase);
        let short = length <= 60 && length * 5 <= self.wide * 4 && line.text.split_whitespace().count() <= 9;
        let letters = line.text.chars().filter(|c| c.is_alphabetic()).count();
        let above_prose = next.text.chars().count() * 3 >= self.wide * 2
            && next.text.starts_with(|c: char| !c.is_lowercase())
            && next.text.split_whitespace().count() >= 6;
        let ok = capital && short && letters >= 4 && letters * 10 >= length * 7 && above_prose;
        let centred = line.indent > next.indent + 8 && length < 40;
        let flush = line.indent <= next.indent;
        if !ok || !(flush || centred) || !self.stands_alone(i) || !title_like(&line.text) {
            return None;
        }
        Some(PageHeading::new(HeadingKind::Isolated, if i == 0 { 2 } else { 3 }, &line.text, i))
    }
}

fn markdown(level: u32, title: &str, at: usize) -> PageHeading {
    let plain = title.trim_matches(['*', '_', '`']);
    let mut heading = PageHeading::new(HeadingKind::Markdown, level, plain, at);
    if let Some(read) = named(plain) {
        heading.level_name = Some(read.level_name);
        heading.word = Some(read.word.to_owned());
        heading.number = Some(read.number.to_owned());
        heading.numeral = Some(read.numeral);
        heading.title = read.rest.to_owned();
    } else {
        let parts = split_title(plain);
        if let (Some(number), None) = (parts.number, parts.word) {
            heading.number = Some(number.to_owned());
            heading.numeral = number.rsplit('.').next().and_then(Numeral::parse);
            heading.title = parts.rest.to_owned();
        }
    }
    heading
}

/// Not a sentence's end, no table row, no code.
fn title_like(text: &str) -> bool {
    let end = text.chars().next_back();
    let ends = !matches!(end, Some('.' | ',' | ';' | ':' | '=' | '-' | '\\' | '{' | '('));
    let start = text.chars().next().is_some_and(|c| c.is_alphanumeric() || "\"“„«¿¡‘'(*".contains(c));
    let code =
        text.contains(['=', '{', '}', '<', '>', '$', '\\', '|', ';', '@', '~']) || text.contains("   ");
    ends && start && !code
}

fn level_of_name(name: &str) -> u32 {
    match name {
        "section" => 2,
        _ => 1,
    }
}

/// Takes out the numbered lines that are the items of a list: they count up with a few lines between them.
fn drop_lists(headings: &mut Vec<PageHeading>) {
    let top = |h: &PageHeading| h.kind == HeadingKind::Decimal && h.level == 1;
    let items: Vec<(u32, usize)> =
        headings.iter().filter(|h| top(h)).filter_map(|h| Some((h.numeral?.value, h.first))).collect();
    let follows = |(a, b): &(&(u32, usize), &(u32, usize))| b.0 == a.0 + 1 && b.1 <= a.1 + LIST_LINES;
    let counting = items.iter().zip(items.iter().skip(1)).filter(follows).count() + 1;
    if counting >= LIST_ITEMS {
        headings.retain(|h| !top(h));
    }
}

/// The lines of a list of entries with page numbers, from the first to the last; a title may wrap among them.
fn list_of_entries(lines: &[Line]) -> Option<std::ops::RangeInclusive<usize>> {
    let entries = || lines.iter().enumerate().filter(|(_, l)| ends_in_page_number(&l.text)).map(|(i, _)| i);
    let (first, last) = (entries().next()?, entries().next_back()?);
    let count = entries().count();
    (count >= 3 && count * 3 > last - first).then_some(first..=last)
}

#[cfg(test)]
#[path = "headings_tests.rs"]
mod tests;
