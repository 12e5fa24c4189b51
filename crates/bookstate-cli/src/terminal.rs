//! The one place through which texts of strangers go to a terminal: names of files, titles, answers of servers,
//! reasons of targets.
//!
//! A terminal obeys some characters: those that move, erase, answer, or set its title and clipboard. Others turn the
//! order of what is read. Neither ever stands in a book's title for a good reason, so they are shown by their
//! number. Standard output, log lines, bars and tables all pass here; nothing else writes.

use std::borrow::Cow;

/// Whether a terminal, or the eye, would take a character for more than a sign.
fn is_hostile(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        // Marks, embeddings, overrides and isolates of direction; separators of lines and paragraphs.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => character.is_control(),
    }
}

fn shown(text: &str, is_shown: impl Fn(char) -> bool, form: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.chars().any(&is_shown) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_shown(character) {
            shown.push_str(&form(character));
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

fn number(character: char) -> String {
    format!("\\u{{{:x}}}", u32::from(character))
}

/// A text for people, of any number of lines.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    shown(text, is_hostile, number)
}

/// A text that is to stay one line: what would begin another is shown as well.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    shown(text, |character| character == '\n' || is_hostile(character), number)
}

/// JSON with the same meaning: what JSON lets stand in a string is escaped, too.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    shown(text, is_hostile, |character| {
        let mut units = [0; 2];
        character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str = "a\u{1b}]0;x\u{7}\u{9b}2J\u{202e}b\r\u{7f}";

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        let text = plain(HOSTILE);
        assert_eq!(text, "a\\u{1b}]0;x\\u{7}\\u{9b}2J\\u{202e}b\\u{d}\\u{7f}");
        assert!(matches!(plain("Größe, 長い, שלום, e\u{301}\tx\ny"), Cow::Borrowed(_)));
        assert_eq!(plain(&text), text);
        assert_eq!(line("a\nerror: b"), "a\\u{a}error: b");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let written = serde_json::to_string(HOSTILE).unwrap();
        let escaped = json(&written);
        assert!(!escaped.chars().any(is_hostile), "{escaped}");
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), HOSTILE);
    }
}
