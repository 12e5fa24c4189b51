//! One printed line of a contents page: a title, something that leads the eye, a page number; or the number first.
//!
//! Invariant: what is returned is part of the line as printed, leaders and outer white space aside.

use super::numbers::{NumberStyle, PageNumber, chinese, decimal, digit, roman};
use super::words::{is_page_sign, is_page_word, level_of_word};

/// What stands between title and page number; later variants are surer signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lead {
    /// One space, as before any number of a sentence.
    Space,
    /// A comma, a colon, a stroke.
    Mark,
    /// Leader dots, a gap of two spaces, brackets, `p.`: what sentences do not have.
    Clear,
}

/// A line read as an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EntryLine {
    pub(super) title: String,
    pub(super) page: PageNumber,
    /// The page number as printed.
    pub(super) printed: String,
    pub(super) lead: Lead,
    /// Dots led to the number.
    pub(super) has_leader: bool,
    /// `3-7` was read as pages 3 to 7; this is what it is as page 7 of chapter 3.
    pub(super) of_section: Option<PageNumber>,
}

impl EntryLine {
    /// The page number as printed, where it can be read again by itself; else what it was read as: of `33-40` the
    /// first page, of `l0` the number 10.
    pub(super) fn shown(&self) -> String {
        match PageNumber::parse(&self.printed) {
            Some(number) if number == self.page => self.printed.clone(),
            _ => self.page.to_string(),
        }
    }
}

/// A longer title is a paragraph.
const LONGEST_TITLE: usize = 220;

pub(super) fn is_leader(c: char) -> bool {
    matches!(
        c,
        '.' | '·'
            | '•'
            | '…'
            | '‧'
            | '∙'
            | '⋅'
            | '・'
            | '_'
            | '․'
            | '‥'
            | '．'
            | '。'
            | '┈'
            | '┄'
            | '╌'
            | '⋯'
            | '-'
            | '–'
            | '—'
            | '―'
            | '─'
            | '*'
            | '~'
            | '='
            | '˙'
            | '｡'
            | '･'
            | '▁'
            | '＿'
            | '۔'
    )
}

/// Signs that part a title from its page number without being leaders.
fn is_mark(c: char) -> bool {
    matches!(c, ',' | ';' | ':' | '/' | '|' | '،' | '、' | '，' | '／' | '：' | '→' | '›' | '»' | '؛' | '>')
}

/// White space, and the invisible signs that set the direction of writing.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// What stands at a line's end as its page number.
struct Tail<'a> {
    before: &'a str,
    printed: &'a str,
    page: PageNumber,
    of_section: Option<PageNumber>,
    /// Brackets or a word say that it is a page number.
    said: bool,
}

/// Reads a line (without indent) as an entry whose number comes last.
pub(super) fn parse(line: &str) -> Option<EntryLine> {
    entry(tail(line.trim_end_matches(is_blank), false)?)
}

/// As [`parse`], for what a reader by machine made of digits: `l0`, `1O`. Only for pages that are known to be
/// contents.
pub(super) fn parse_noisy(line: &str) -> Option<EntryLine> {
    entry(tail(line.trim_end_matches(is_blank), true)?)
}

/// Reads a line whose page number comes first: `10   A Letter from the Mill`.
pub(super) fn parse_number_first(line: &str) -> Option<EntryLine> {
    let line = line.trim();
    let end = line.find(char::is_whitespace)?;
    let (number, rest) = line.split_at_checked(end)?;
    let bare = number.trim_matches(['[', ']', '(', ')']);
    let page = PageNumber::parse(bare)?;
    let title = rest.trim_start_matches(|c: char| is_blank(c) || (is_leader(c) && c != '*'));
    let led = rest.get(..rest.len() - title.len())?;
    let lone_letter = page.style == NumberStyle::Roman && bare.len() == 1;
    let lead = if longest_gap(led) >= 2 || led.chars().filter(|c| is_leader(*c)).count() >= 2 {
        Lead::Clear
    } else {
        Lead::Space
    };
    (is_title(title) && !lone_letter).then(|| EntryLine {
        title: title.to_owned(),
        page,
        printed: bare.to_owned(),
        lead,
        has_leader: led.chars().filter(|c| is_leader(*c)).count() >= 2,
        of_section: None,
    })
}

/// A line that is a page number and nothing else: `10`, `p. 10`, `– 10 –`, `[10]`.
pub(super) fn parse_number_alone(line: &str) -> Option<(PageNumber, &str)> {
    let bare = line.trim_matches(|c: char| {
        is_blank(c) || is_leader(c) || matches!(c, '[' | ']' | '(' | ')' | '（' | '）')
    });
    let bare = match bare.split_once(' ') {
        Some((word, number)) if is_page_word(word) => number.trim(),
        _ => bare,
    };
    PageNumber::parse(bare).map(|page| (page, bare))
}

fn entry(tail: Tail<'_>) -> Option<EntryLine> {
    let Tail { before, printed, page, of_section, said } = tail;
    let title_end =
        before.trim_end_matches(|c: char| is_blank(c) || is_leader(c) || is_mark(c) || c == '\'' || c == '`');
    let led = before.get(title_end.len()..)?;
    let weight = |c: char| if matches!(c, '…' | '‥' | '⋯') { 3 } else { 1 };
    let dots: usize = led.chars().filter(|c| is_leader(*c)).map(weight).sum();
    let marks = led.chars().filter(|c| is_mark(*c) || matches!(c, '\'' | '`')).count();
    let gap = longest_gap(led);
    let dashes = led.chars().any(|c| matches!(c, '-' | '–' | '—' | '_' | '*' | '=' | '~'));
    // A reader by machine breaks leaders: " , . ..".
    let has_leader = dots + marks >= 3 || (dots >= 2 && !dashes);
    let dot = led.trim() == "·" || led.trim() == "•" || led.trim() == "…";
    // A title must not end with a comma that belongs to a longer sentence, unless the comma leads to the number.
    let lead = if has_leader || dot || (said && !led.is_empty()) || (gap >= 2 && marks == 0) {
        Lead::Clear
    } else if marks >= 1 && gap >= 1 {
        Lead::Mark
    } else if gap >= 1 {
        if dots == 1 && dashes { Lead::Mark } else { Lead::Space }
    } else {
        return None;
    };
    // A lone letter is a page number only where dots lead to it.
    let lone_letter =
        page.style == NumberStyle::Roman && printed.len() == 1 && printed != "i" && printed != "v";
    if lone_letter && !has_leader && printed != "x" && !said {
        return None;
    }
    // A full stop or dash that belongs to the title is not part of a leader.
    let own_mark = led.chars().next().filter(|c| matches!(c, '.' | '…') && dots == 1 && gap >= 1);
    let mut title = title_end.trim_start_matches(is_blank).to_owned();
    title.extend(own_mark);
    // `CHAPTER I` is the number of a chapter whose title is elsewhere.
    let counted = lead == Lead::Space && level_of_word(&title).is_some_and(|name| name != "appendix");
    (is_title(&title) && !counted).then(|| EntryLine {
        title,
        page,
        printed: printed.to_owned(),
        lead,
        has_leader,
        of_section,
    })
}

fn tail(line: &str, noisy: bool) -> Option<Tail<'_>> {
    // A full stop behind a bracket belongs to neither.
    let line = line.strip_suffix('.').filter(|l| l.ends_with([')', ']'])).unwrap_or(line);
    let last = line.chars().next_back()?;
    const BRACKETS: [(char, char); 8] = [
        ('(', ')'),
        ('[', ']'),
        ('（', '）'),
        ('【', '】'),
        ('〔', '〕'),
        ('<', '>'),
        ('《', '》'),
        ('{', '}'),
    ];
    if let Some((open, _)) = BRACKETS.iter().find(|(_, close)| *close == last) {
        let at = line.rfind(*open)?;
        let inside = line.get(at + open.len_utf8()..line.len() - last.len_utf8())?.trim();
        let inner = number_at_end(inside, noisy)?;
        let word = inner.before.trim();
        let whole = word.is_empty() || is_page_word(word) || word == "第";
        return whole.then_some(Tail { before: line.get(..at)?, said: true, ..inner });
    }
    // `- 3 -`: a dash on both sides, as it stands at the page's foot.
    const DASHES: [char; 4] = ['-', '–', '—', '―'];
    if DASHES.contains(&last) {
        let inner = line.strip_suffix(last)?;
        let found = number_at_end(inner.trim_end_matches(is_blank), noisy)?;
        let before = found.before.trim_end_matches(is_blank);
        let rest = before.strip_suffix(DASHES).filter(|rest| rest.ends_with(|c| is_blank(c) || c == '.'))?;
        return Some(Tail { before: rest, said: true, of_section: None, ..found });
    }
    // `第3页`, `3쪽`.
    let unsigned = line.trim_end_matches(is_page_sign);
    let signed = unsigned.len() < line.len();
    if signed && unsigned.chars().next_back().is_none_or(|c| digit(c).is_none()) {
        return None;
    }
    let found = number_at_end(unsigned, noisy)?;
    let before = found.before.trim_end_matches(is_blank);
    if let Some(rest) = before.strip_suffix('第') {
        return Some(Tail { before: rest, said: true, ..found });
    }
    let word_at = before
        .rfind(|c: char| is_blank(c) || (is_leader(c) && c != '.') || is_mark(c) || c == '…')
        .map_or(0, |i| i + before.get(i..).and_then(|t| t.chars().next()).map_or(1, char::len_utf8));
    let word = before.get(word_at..).unwrap_or_default();
    // A page word may hang on its leader: `....p. 3`.
    let word = word.trim_start_matches('.');
    let short = word.trim_end_matches('.').chars().count() == 1;
    if !word.is_empty() && is_page_word(word) && (!short || word.ends_with('.')) && word.len() < before.len()
    {
        let rest = before.get(..before.len() - word.len())?;
        // `pp. 3-7` are pages 3 to 7.
        return Some(Tail { before: rest, said: true, of_section: None, ..found });
    }
    Some(Tail { said: signed || found.said, ..found })
}

/// The number at the end of a text: digits of any script, a roman number, `3-7`, `A-7`.
fn number_at_end(text: &str, noisy: bool) -> Option<Tail<'_>> {
    let run = |text: &str, is: &dyn Fn(char) -> bool| text.trim_end_matches(is).len();
    let last = text.chars().next_back()?;
    let noise = noisy && last.is_ascii();
    let start = if digit(last).is_some() && !noise {
        run(text, &|c| digit(c).is_some())
    } else if last.is_ascii_alphanumeric() || matches!(last, '\u{2160}'..='\u{217f}') {
        run(text, &|c| c.is_ascii_alphanumeric() || matches!(c, '\u{2160}'..='\u{217f}'))
    } else {
        run(text, &|c| chinese(c.encode_utf8(&mut [0; 4])).is_some() || matches!(c, '十' | '百'))
    };
    let (before, printed) = text.split_at_checked(start)?;
    if printed.is_empty() {
        return None;
    }
    let attached = before.chars().next_back().is_some_and(char::is_alphanumeric);
    let plain = |before, printed, page| Some(Tail { before, printed, page, of_section: None, said: false });
    let number = match decimal(printed) {
        // A CJK title may be followed by its number at once, a Latin one is a word with a digit.
        Some(value) if !attached => Some(PageNumber::arabic(value)),
        Some(_) => return None,
        None => None,
    };
    if let Some(number) = number {
        // The number before a hyphen, if there is one: a range, or a chapter.
        let head = before.strip_suffix(['-', '–', '—', '‑', '~', '～', '〜']);
        if let Some(head) = head
            && let Some(first) = first_of_pair(head)
        {
            let (rest, whole) = text.split_at_checked(head.len() - first.len())?;
            let stands = !rest.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '-');
            let section = PageNumber::parse(&format!("{first}-{printed}"));
            if stands && let Some(section) = section {
                return match decimal(first) {
                    Some(value) => Some(Tail {
                        before: rest,
                        printed: whole,
                        page: PageNumber::arabic(value),
                        of_section: Some(section),
                        said: false,
                    }),
                    None => plain(rest, whole, section),
                };
            }
        }
        return plain(before, printed, number);
    }
    if attached && !noisy {
        return None;
    }
    if let Some(value) = roman(printed).filter(|v| *v < 400) {
        let mixed = !(printed.bytes().all(|b| b.is_ascii_lowercase())
            || printed.bytes().all(|b| b.is_ascii_uppercase())
            || !printed.is_ascii());
        // "Mix" and "Di" are words; "xIi" is none.
        let page = PageNumber { style: NumberStyle::Roman, section: 0, value };
        let word = mixed
            && printed.len() <= 3
            && printed.starts_with(char::is_uppercase)
            && !matches!(printed, "Ii" | "Iv" | "Vi" | "Ix" | "Xi" | "Xv" | "Xx");
        let noise = noisy && matches!(printed, "l" | "I");
        if !(word || noise) {
            return plain(before, printed, page);
        }
    }
    if let Some(value) = chinese(printed).filter(|_| !attached) {
        return plain(before, printed, PageNumber::arabic(value));
    }
    noisy
        .then(|| without_noise(printed))
        .flatten()
        .and_then(|value| plain(before, printed, PageNumber::arabic(value)))
}

/// The number or letter at the end of what stands before a hyphen.
fn first_of_pair(head: &str) -> Option<&str> {
    let digits = head.trim_end_matches(|c: char| digit(c).is_some());
    let number = head.get(digits.len()..)?;
    if !number.is_empty() {
        return Some(number);
    }
    let letter = head.chars().next_back().filter(char::is_ascii_uppercase)?;
    head.get(head.len() - letter.len_utf8()..)
}

/// `l0` is 10: letters that look like digits, and no others.
fn without_noise(text: &str) -> Option<u32> {
    let as_digit = |c: char| match c {
        'l' | 'I' | '|' | 'i' | '!' => Some('1'),
        'O' | 'o' | 'Q' | 'D' => Some('0'),
        'S' | 's' => Some('5'),
        'B' => Some('8'),
        'Z' | 'z' => Some('2'),
        'g' | 'q' => Some('9'),
        'b' => Some('6'),
        c if c.is_ascii_digit() => Some(c),
        _ => None,
    };
    let digits: String = text.chars().map(as_digit).collect::<Option<String>>()?;
    decimal(&digits).filter(|_| text.len() <= 4)
}

/// What can be a title: it has a letter, a bounded length, and does not stop at a comma.
pub(super) fn is_title(text: &str) -> bool {
    let text = text.trim();
    text.chars().any(char::is_alphabetic) && !text.ends_with(',') && text.chars().count() <= LONGEST_TITLE
}

fn longest_gap(text: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars().filter(|c| c.is_whitespace() || !is_blank(*c)) {
        // An ideographic space is as wide as two.
        run = match c {
            '\u{3000}' => run + 2,
            c if c.is_whitespace() => run + 1,
            _ => 0,
        };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &str, lead: Lead) -> Option<(String, String)> {
        parse(line).filter(|e| e.lead >= lead).map(|e| (e.title, e.printed))
    }

    #[test]
    fn leaders_and_gaps() {
        for (line, title, page) in [
            ("1. Greetings! . . . . . . . 4", "1. Greetings!", "4"),
            ("Preface .......... vii", "Preface", "vii"),
            ("Статьи      33", "Статьи", "33"),
            ("1.1.1. TEX . . . .       5", "1.1.1. TEX", "5"),
            ("Notes on Mr. K.   12", "Notes on Mr. K.", "12"),
            ("Vorwort…12", "Vorwort", "12"),
            ("A title _______ 3", "A title", "3"),
            ("A title ------ 3", "A title", "3"),
            ("第一章 潮水退去的港口………（1）", "第一章 潮水退去的港口", "1"),
            ("4. Copper . . . . . - 28 -", "4. Copper", "28"),
            ("4. Copper . . . . . (28).", "4. Copper", "28"),
            ("第 1 章 引き潮の港 ····· 12", "第 1 章 引き潮の港", "12"),
            ("الميناء عند الجزر ..... ١٢", "الميناء عند الجزر", "١٢"),
            ("पहला अध्याय ...... १२", "पहला अध्याय", "१२"),
            ("潮水　　十二", "潮水", "十二"),
            ("Das Ende ...... S. 33", "Das Ende", "33"),
            ("The End . . . . pp. 33-40", "The End", "33-40"),
            ("The End [33]", "The End", "33"),
            ("The End (p. 33)", "The End", "33"),
            ("Tables . . . . A-3", "Tables", "A-3"),
            ("Mill , . ..      10", "Mill", "10"),
            ("등불지기 ...... 9쪽", "등불지기", "9"),
        ] {
            assert_eq!(read(line, Lead::Clear), Some((title.to_owned(), page.to_owned())), "{line}");
        }
    }

    #[test]
    fn sentences_are_no_entries() {
        for line in [
            "see section 3.12",
            "1  2  3",
            "Appendix    C",
            "version 2.3",
            "",
            "12",
            "......... 12",
            "see B12",
        ] {
            assert_eq!(read(line, Lead::Space), None, "{line}");
        }
        for line in ["It happened in 1990", "names,   12", "a - 5", "Loops, 12", "Loops / 12"] {
            assert_eq!(read(line, Lead::Clear), None, "{line}");
        }
    }

    #[test]
    fn weaker_leads_say_so() {
        let lead = |line| parse(line).map(|e| (e.lead, e.page.value));
        assert_eq!(lead("Loops and branches 43"), Some((Lead::Space, 43)));
        assert_eq!(lead("Loops and branches, 43"), Some((Lead::Mark, 43)));
        assert_eq!(lead("Loops and branches / 43"), Some((Lead::Mark, 43)));
    }

    #[test]
    fn a_range_may_be_a_section() {
        let entry = parse("Levels ..... 3-7").unwrap();
        assert_eq!((entry.page.value, entry.of_section.map(|n| (n.section, n.value))), (3, Some((3, 7))));
    }

    #[test]
    fn noise_is_read_only_when_asked_for() {
        assert_eq!(parse("A Letter . . l0"), None);
        let value = |line| parse_noisy(line).map(|e| e.page.value);
        assert_eq!(
            (value("A Letter . . l0"), value("Home . . 1O"), value("It    5S")),
            (Some(10), Some(10), Some(55))
        );
        assert_eq!(value("all is lost"), None);
    }

    #[test]
    fn numbers_may_come_first() {
        let entry = parse_number_first("10   A Letter from the Mill").unwrap();
        assert_eq!((entry.title.as_str(), entry.page.value), ("A Letter from the Mill", 10));
        assert_eq!(parse_number_first("a letter"), None);
        assert_eq!(parse_number_alone("– 10 –").map(|n| n.0.value), Some(10));
        assert_eq!(parse_number_alone("p. 10").map(|n| n.0.value), Some(10));
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_panic(
            line in "\\PC{0,80}",
            dots in "[ .·…–_]{0,9}",
            page in "[0-9ivxlOS٣一页)-]{0,5}",
        ) {
            let line = format!("{line}{dots}{page}");
            let _ = (parse_noisy(&line), parse_number_first(&line), parse_number_alone(&line));
            if let Some(entry) = parse(&line) {
                prop_assert!(line.contains(&entry.title) && line.contains(&entry.printed));
            }
        }
    }
}
