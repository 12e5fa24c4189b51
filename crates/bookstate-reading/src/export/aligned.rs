//! The layout of a chapter's text as it was taken, over the text after editing.
//!
//! Editing changes white space, ligatures and invisible signs, and takes whole blocks out; the layout and the places
//! of notes are those of the text before. The two are laid over each other by the signs that editing keeps.
//!
//! Invariant: the blocks are the edited text, in order, without a gap; or there are none, when it is another text.

use std::borrow::Cow;

use bookstate_domain::LayoutKind;
use unicode_normalization::UnicodeNormalization;

use super::block::ContentBlock;

/// The signs of a text that editing keeps, each with the bytes before it and behind the character that it is of.
fn ink(text: &str) -> impl Iterator<Item = (usize, usize, char)> {
    let kept = |c: &char| !c.is_whitespace() && !matches!(c, '\u{ad}' | '\u{200b}' | '\u{feff}');
    let signs =
        |(at, c): (usize, char)| std::iter::once(c).nfkc().map(move |sign| (at, at + c.len_utf8(), sign));
    text.char_indices().flat_map(signs).filter(move |(_, _, c)| kept(c))
}

/// `before` is the blocks of a text, `text` the edited one; `places` are bytes of the text before, rising, with what
/// belongs there. `None` when `text` is not made of these blocks.
pub(super) fn aligned<'a>(
    before: &[(&'a LayoutKind, &str)],
    text: &'a str,
    places: &[(usize, usize)],
) -> Option<Vec<ContentBlock<'a>>> {
    let signs: Vec<(usize, usize, char)> = ink(text).collect();
    let mut out = Vec::with_capacity(before.len());
    let (mut next, mut start) = (0, 0);
    let mut places = places.iter().peekable();
    for (kind, block) in before {
        let from = next;
        let mut references: Vec<(usize, usize)> = Vec::new();
        let mut own = Vec::new();
        while let Some((at, what)) = places.next_if(|(at, _)| *at <= start + block.len()) {
            own.push((at.saturating_sub(start), *what));
        }
        let mut own = own.into_iter().peekable();
        let end_of =
            |next: usize| next.checked_sub(1).and_then(|i| signs.get(i)).map_or(0, |(_, end, _)| *end);
        let mut same = true;
        for (at, _, sign) in ink(block) {
            while let Some((_, what)) = own.next_if(|(place, _)| *place <= at) {
                references.push((end_of(next), what));
            }
            if signs.get(next).is_none_or(|(_, _, c)| *c != sign) {
                same = false;
                break;
            }
            next += 1;
        }
        start += block.len() + bookstate_domain::BLOCK_SEPARATOR.len();
        if !same {
            // Taken out as a whole, or not this text; the end tells.
            next = from;
            continue;
        }
        references.extend(own.map(|(_, what)| (end_of(next), what)));
        let begin = signs.get(from).map_or(0, |(at, ..)| *at);
        let Some(part) = text.get(begin..end_of(next)).filter(|_| next > from) else { continue };
        // The indent of the first line of code is its own.
        let indent = text.get(..begin).unwrap_or_default().rfind('\n').map_or(0, |i| i + 1);
        let part = text.get(indent..end_of(next)).filter(|p| p.trim_start() == part).unwrap_or(part);
        let begin = end_of(next) - part.len();
        references.iter_mut().for_each(|(at, _)| *at = at.saturating_sub(begin));
        out.push(ContentBlock { kind: Cow::Borrowed(kind), text: part, references });
    }
    (next == signs.len()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bookstate_domain::{LayoutBlock, layout_blocks};
    use proptest::prelude::*;

    /// A block's text, and its references.
    type Laid = (String, Vec<(usize, usize)>);

    fn of(blocks: &[(LayoutKind, &str)], edited: &str, places: &[(usize, usize)]) -> Option<Vec<Laid>> {
        let text = blocks.iter().map(|(_, text)| *text).collect::<Vec<_>>().join("\n\n");
        let layout: Vec<LayoutBlock> = blocks
            .iter()
            .map(|(kind, text)| LayoutBlock { kind: kind.clone(), bytes: text.len() as u32 })
            .collect();
        let laid = layout_blocks(&text, &layout).unwrap();
        let found = aligned(&laid, edited, places)?;
        Some(found.into_iter().map(|block| (block.text.to_owned(), block.references)).collect())
    }

    #[test]
    fn edits_of_white_space_and_whole_blocks_leave_the_layout() {
        let blocks = [
            (LayoutKind::Heading(1), "One"),
            (LayoutKind::Paragraph, "The  ﬁrst \u{ad}text ."),
            (LayoutKind::Paragraph, "- 7 -"),
            (LayoutKind::Code { language: None }, "  a\n    b"),
        ];
        let found = of(&blocks, "One\n\nThe first text.\n\n  a\n    b", &[(8, 0), (24, 1)]).unwrap();
        let expected = [
            ("One".to_owned(), vec![]),
            ("The first text.".to_owned(), vec![(3, 0), (14, 1)]),
            ("  a\n    b".to_owned(), vec![]),
        ];
        assert_eq!(found, expected);
        assert_eq!(of(&blocks, "Another text.", &[]), None);
        assert_eq!(of(&blocks, "One\n\nThe first text. And more.", &[]), None);
    }

    proptest! {
        #[test]
        fn a_text_lies_over_itself(texts in prop::collection::vec("[a-cé][a-c é\n]{0,8}[a-c]", 1..6), at in 0_usize..20) {
            let blocks: Vec<(LayoutKind, &str)> = texts.iter().map(|t| (LayoutKind::Verse, t.as_str())).collect();
            prop_assume!(texts.iter().all(|t| !t.contains("\n\n")));
            let text = texts.join("\n\n");
            let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            let found = of(&blocks, &text, &[(at, 7)]).unwrap();
            prop_assert_eq!(found.iter().map(|(t, _)| t.clone()).collect::<Vec<_>>(), texts);
            prop_assert_eq!(found.iter().map(|(_, r)| r.len()).sum::<usize>(), 1);
        }
    }
}
