//! A text as a reader sees it: paragraphs, headings, and marks on the words that its reader is not sure of.

use std::collections::{HashMap, VecDeque};

use maud::{Markup, html};

use crate::view::{DOUBTFUL, PageWord};

/// How sure a machine was of each word of a text.
///
/// A text has its words in the order in which they were read, as far as that matters: the first time that a word stands
/// in the text is the first time that it was read.
#[derive(Debug, Default)]
pub(super) struct Doubts<'a> {
    sure: HashMap<&'a str, VecDeque<f32>>,
    /// How many of the words are doubtful.
    pub(super) count: usize,
}

impl<'a> Doubts<'a> {
    pub(super) fn of(words: &'a [PageWord]) -> Self {
        let mut doubts = Self::default();
        for word in words {
            doubts.sure.entry(&word.text).or_default().push_back(word.confidence);
            doubts.count += usize::from(word.doubtful);
        }
        doubts
    }

    /// How sure the next word of the text is, which is this one, when that is too little.
    fn next(&mut self, word: &str) -> Option<f32> {
        let sure = self.sure.get_mut(word)?.pop_front()?;
        (sure < DOUBTFUL).then_some(sure)
    }
}

/// A text's paragraphs and headings. Its lines stay lines; nothing else of Markdown is made anything of.
pub(super) fn prose(text: &str, doubts: &mut Doubts<'_>) -> Markup {
    html! {
        @for paragraph in text.replace("\r\n", "\n").split("\n\n").map(|text| text.trim_matches('\n')) {
            @match heading(paragraph) {
                Some(heading) => h3 { (marked(heading, doubts)) },
                None if paragraph.trim().is_empty() => {},
                None => p { (marked(paragraph, doubts)) },
            }
        }
    }
}

/// The text of a paragraph that is one Markdown heading.
fn heading(paragraph: &str) -> Option<&str> {
    let text = paragraph.trim_start_matches('#');
    let marks = paragraph.len() - text.len();
    ((1..=6).contains(&marks) && text.starts_with(' ') && !text.contains('\n')).then(|| text.trim())
}

/// A text whose doubtful words are marked.
fn marked(text: &str, doubts: &mut Doubts<'_>) -> Markup {
    html! {
        @for (piece, sure) in pieces(text, doubts) {
            @match sure {
                Some(sure) => mark title={ "read with " (format!("{:.0}", sure * 100.0)) " % certainty" } { (piece) },
                None => (piece),
            }
        }
    }
}

/// A text in pieces: each doubtful word with how sure it is, and what stands between them.
fn pieces<'t>(text: &'t str, doubts: &mut Doubts<'_>) -> Vec<(&'t str, Option<f32>)> {
    let mut pieces = Vec::new();
    // Where the last piece ends, and where in the text we are.
    let (mut end, mut at) = (0, 0);
    for token in text.split_inclusive(char::is_whitespace) {
        let word = token.trim_end();
        let behind = at + word.len();
        if let Some(sure) = doubts.next(word) {
            pieces.push((text.get(end..at).unwrap_or_default(), None));
            pieces.push((word, Some(sure)));
            end = behind;
        }
        at += token.len();
    }
    pieces.push((text.get(end..).unwrap_or_default(), None));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::Area;

    fn read(words: &[(&str, f32)]) -> Vec<PageWord> {
        let area = Area { x0: 0.0, y0: 0.0, x1: 1.0, y1: 1.0 };
        let word = |(text, confidence): &(&str, f32)| PageWord {
            text: (*text).to_owned(),
            area,
            confidence: *confidence,
            doubtful: *confidence < DOUBTFUL,
            line: 0,
            block: 0,
        };
        words.iter().map(word).collect()
    }

    #[test]
    fn a_text_is_headings_and_paragraphs_and_never_html() {
        let text = "# One\n\nA <b>line</b>\nand another\n\n\n#hash\n\n####### seven";
        assert_eq!(
            prose(text, &mut Doubts::default()).into_string(),
            "<h3>One</h3><p>A &lt;b&gt;line&lt;/b&gt;\nand another</p><p>#hash</p><p>####### seven</p>"
        );
    }

    #[test]
    fn words_that_were_read_with_doubt_are_marked_where_they_stand() {
        let words =
            read(&[("the", 0.9), ("<i>", 0.1), ("Hoose", 0.42), ("of", 0.9), ("the", 0.3), ("man", 0.95)]);
        let mut doubts = Doubts::of(&words);
        assert_eq!(doubts.count, 3);
        assert_eq!(
            prose("# the <i>\n\n  Hoose  of\nthe man", &mut doubts).into_string(),
            "<h3>the <mark title=\"read with 10 % certainty\">&lt;i&gt;</mark></h3>\
             <p>  <mark title=\"read with 42 % certainty\">Hoose</mark>  of\n\
             <mark title=\"read with 30 % certainty\">the</mark> man</p>"
        );
        // What the text has more than was read is nobody's doubt.
        assert_eq!(prose("the the the", &mut Doubts::of(&words)).into_string().matches("<mark").count(), 1);
    }

    #[test]
    fn no_letter_of_a_text_is_lost_between_marks() {
        let words = read(&[("ä", 0.1), ("…", 0.1), ("\u{202e}x", 0.1)]);
        for text in ["", " ", "ä", "ä ä\u{2003}…\n\u{202e}x end", "  … ", "a\u{85}ä"] {
            let pieces = pieces(text, &mut Doubts::of(&words));
            assert_eq!(pieces.iter().map(|(piece, _)| *piece).collect::<String>(), text);
        }
    }
}
