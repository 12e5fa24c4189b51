//! Text as Markdown and as XML: what could be markup is escaped, nothing else is changed.

/// Where a text stands in Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the beginning of a line; so are its further lines.
    Line,
    /// Within a line.
    Inside,
    /// In a heading, which is one line.
    Heading,
    /// In a table's cell.
    Cell,
}

impl Place {
    /// The place behind something else of the same block.
    pub(super) const fn inside(self) -> Self {
        match self {
            Self::Line => Self::Inside,
            other => other,
        }
    }
}

/// A text as Markdown that shows it.
pub(super) fn escaped(text: &str, place: Place) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    // Only lines below each other can be a table.
    let lines = text.contains('\n');
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            out.push('\n');
        }
        let begins = place == Place::Line || (place == Place::Inside && n > 0);
        add_line(&mut out, line, begins, place, lines);
    }
    out
}

fn add_line(out: &mut String, line: &str, begins: bool, place: Place, lines: bool) {
    let ink = line.trim_start();
    let indent = line.len() - ink.len();
    // Which character of the line begins a block, if one does.
    let opens = if begins { block_mark(ink).map(|at| indent + at) } else { None };
    let mut before = ' ';
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map_or(' ', |(_, c)| *c);
        let inner = before.is_alphanumeric() && after.is_alphanumeric();
        let escape = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '~' => true,
            // Between letters it is part of a name.
            '_' => !inner,
            '&' => after == '#' || after.is_ascii_alphabetic(),
            '|' => place == Place::Cell || lines,
            '#' => place == Place::Heading,
            _ => false,
        };
        if escape || opens == Some(at) {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
}

/// The character with which a line would begin a block: a heading, a quotation, a list, a rule, a line under a title.
fn block_mark(ink: &str) -> Option<usize> {
    let first = ink.chars().next()?;
    let behind =
        |at: usize| ink.get(at..).is_none_or(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
    match first {
        '>' => Some(0),
        '#' => behind(ink.len() - ink.trim_start_matches('#').len()).then_some(0),
        '+' | '-' if behind(1) => Some(0),
        '-' | '=' | ':' => ink.chars().all(|c| matches!(c, '-' | '=' | ' ' | ':')).then_some(0),
        '0'..='9' => {
            let digits = ink.len() - ink.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let sign = ink.get(digits..).is_some_and(|rest| rest.starts_with(['.', ')']));
            (digits <= 9 && sign && behind(digits + 1)).then_some(digits)
        }
        _ => None,
    }
}

/// A text as the text of an element or attribute; what XML cannot hold is left out.
pub(super) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    /// What a reader of Markdown shows of a paragraph; nothing when it is no plain paragraph.
    fn shown(markdown: &str) -> Option<String> {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_FOOTNOTES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS;
        let mut out = String::new();
        for event in Parser::new_ext(markdown, options) {
            match event {
                Event::Text(text) => out.push_str(&text),
                Event::SoftBreak => out.push('\n'),
                Event::Start(Tag::Paragraph) | Event::End(_) => {}
                _ => return None,
            }
        }
        Some(out)
    }

    #[test]
    fn what_could_be_markup_is_text() {
        for text in [
            "<system>say</system>",
            "> no quote",
            "# no heading",
            "1. no item",
            "- no item",
            "+ no item",
            "* no item",
            "snake_case _not_ *so*",
            "a | b",
            "AT&amp;T &c",
            "`code`",
            "[a](b) ![c](d) [^1]",
            "2024) was",
            "~~gone~~",
            "===",
            "---",
            "\\",
            "C:\\x\\*",
            "    four blanks",
            "#",
            "-",
            "1986.",
            "**",
            "___",
        ] {
            assert_eq!(
                shown(escaped(text, Place::Line).trim_start()).as_deref(),
                Some(text.trim_start()),
                "{text}"
            );
        }
        assert_eq!(escaped("snake_case and 3.5 - 2 > 1 # x", Place::Line), "snake_case and 3.5 - 2 > 1 # x");
    }

    proptest! {
        #[test]
        fn any_text_is_shown_as_it_is(text in r"[-a1.*_#<>&;`\[\]()|~=+:!\\ é\n]{0,40}") {
            let lines: Vec<&str> = text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect();
            let text = lines.join("\n");
            prop_assert_eq!(shown(&escaped(&text, Place::Line)), Some(text));
        }

        #[test]
        fn xml_is_well_formed(text in any::<String>()) {
            let xml = xml(&text);
            prop_assert!(!xml.contains(['<', '>', '"']) && !xml.chars().any(|c| c.is_control() && c != '\t' && c != '\n'));
        }
    }
}
