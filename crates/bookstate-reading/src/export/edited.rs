//! The layout of a chapter's text over the same text after single letters and words were edited.
//!
//! Such edits leave lines and paragraphs where they are; whole blocks may be taken out besides. So each block is laid over
//! the next paragraphs, as many as it has, if these have most of what it has.
//!
//! Invariant: the blocks are the edited text, in order, without a gap; or there are none, when it is another text.

use std::{borrow::Cow, collections::HashMap};

use bookstate_domain::{BLOCK_SEPARATOR, LayoutKind};

use super::block::ContentBlock;

/// `before` is the blocks of a text, `text` the edited one; `places` are bytes of the text before, rising, with what
/// belongs there. `None` when `text` is not made of these blocks.
pub(super) fn edited<'a>(
    before: &[(&'a LayoutKind, &str)],
    text: &'a str,
    places: &[(usize, usize)],
) -> Option<Vec<ContentBlock<'a>>> {
    let parts = parts(text);
    let mut out = Vec::with_capacity(before.len());
    let (mut next, mut start) = (0, 0);
    let mut places = places.iter().peekable();
    for (kind, block) in before {
        let mut own = Vec::new();
        while let Some((at, what)) = places.next_if(|(at, _)| *at <= start + block.len()) {
            own.push((at.saturating_sub(start), *what));
        }
        start += block.len() + BLOCK_SEPARATOR.len();
        let behind = next + self::parts(block).len();
        let (Some((from, _)), Some((_, to))) =
            (parts.get(next), behind.checked_sub(1).and_then(|i| parts.get(i)))
        else {
            continue;
        };
        let part = text.get(*from..*to).unwrap_or_default();
        if !is_alike(block, part) {
            // Taken out as a whole, or not this text; the end tells.
            continue;
        }
        next = behind;
        let references = own.into_iter().map(|(at, what)| (place(block, part, at), what)).collect();
        out.push(ContentBlock { kind: Cow::Borrowed(kind), text: part, references });
    }
    (next == parts.len()).then_some(out)
}

/// Where the paragraphs of a text begin and end.
fn parts(text: &str) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut at = 0;
    for part in text.split(BLOCK_SEPARATOR) {
        let end = at + part.trim_end().len();
        let begin = at + part.len() - part.trim_start_matches('\n').len();
        parts.extend((begin < end).then_some((begin, end)));
        at += part.len() + BLOCK_SEPARATOR.len();
    }
    parts
}

/// Whether two texts are the same but for some letters: half of their words, or of their letters from both ends, are.
fn is_alike(one: &str, other: &str) -> bool {
    let (before, behind) = common(one, other);
    let longest = one.chars().count().max(other.chars().count());
    if (before + behind) * 2 >= longest {
        return true;
    }
    let mut words: HashMap<&str, i64> = HashMap::new();
    one.split_whitespace().for_each(|word| *words.entry(word).or_default() += 1);
    let (all, mut same) = (one.split_whitespace().count().max(other.split_whitespace().count()), 0);
    for word in other.split_whitespace() {
        if let Some(left) = words.get_mut(word).filter(|left| **left > 0) {
            *left -= 1;
            same += 1;
        }
    }
    same * 2 >= all
}

/// How many characters two texts have in common at their beginnings, and at their ends behind those.
fn common(one: &str, other: &str) -> (usize, usize) {
    let before = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    let most = one.chars().count().min(other.chars().count()) - before;
    let behind = one.chars().rev().zip(other.chars().rev()).take(most).take_while(|(a, b)| a == b).count();
    (before, behind)
}

/// The place in an edited block that is the one at `at` in the block before: exact outside of what was edited, else at
/// the end of the word that is as far from the beginning.
fn place(block: &str, part: &str, at: usize) -> usize {
    let (before, behind) = common(block, part);
    let (head, tail) = block.split_at_checked(at).unwrap_or((block, ""));
    let (at, left) = (head.chars().count(), tail.chars().count());
    let nth = |n: usize| part.char_indices().nth(n).map_or(part.len(), |(at, _)| at);
    if at <= before {
        return nth(at);
    }
    if left <= behind {
        return nth(part.chars().count() - left);
    }
    let rest = part.get(nth(at)..).unwrap_or_default();
    nth(at) + rest.find(char::is_whitespace).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use bookstate_domain::{LayoutBlock, layout_blocks};
    use proptest::prelude::*;

    use super::*;

    /// The kinds and texts of blocks, and where references are in them.
    type Laid = Vec<(LayoutKind, String, Vec<(usize, usize)>)>;

    fn of(blocks: &[(LayoutKind, &str)], text: &str, places: &[(usize, usize)]) -> Option<Laid> {
        let before = blocks.iter().map(|(_, text)| *text).collect::<Vec<_>>().join("\n\n");
        let bytes =
            |(kind, text): &(LayoutKind, &str)| LayoutBlock { kind: kind.clone(), bytes: text.len() as u32 };
        let layout: Vec<LayoutBlock> = blocks.iter().map(bytes).collect();
        let laid = layout_blocks(&before, &layout).unwrap();
        let found = edited(&laid, text, places)?;
        let block =
            |block: ContentBlock<'_>| (block.kind.into_owned(), block.text.to_owned(), block.references);
        Some(found.into_iter().map(block).collect())
    }

    #[test]
    fn an_edited_letter_leaves_the_layout_and_the_places_of_notes() {
        let code = LayoutKind::Code { language: None };
        let blocks = [
            (LayoutKind::Heading(1), "Onc"),
            (LayoutKind::Paragraph, "In tbe night the rn\u{f6}on rose, and set."),
            (LayoutKind::Paragraph, "- 7 -"),
            (code.clone(), "  a\n\n    b"),
        ];
        let text = "One\n\nIn the night the m\u{f6}on rose, and set.\n\n  a\n\n    b";
        let first = 5;
        let at = |words: &str| first + blocks[1].1.find(words).unwrap() + words.len();
        let found = of(&blocks, text, &[(at("In"), 0), (at("rn\u{f6}on"), 1), (at("set."), 2)]).unwrap();
        let body = "In the night the m\u{f6}on rose, and set.";
        let ends = |words: &str| body.find(words).unwrap() + words.len();
        let references = vec![(ends("In"), 0), (ends("m\u{f6}on"), 1), (ends("set."), 2)];
        assert_eq!(
            found,
            [
                (LayoutKind::Heading(1), "One".to_owned(), vec![]),
                (LayoutKind::Paragraph, body.to_owned(), references),
                (code, "  a\n\n    b".to_owned(), vec![]),
            ]
        );
        assert_eq!(of(&blocks, "Something else altogether.", &[]), None);
        assert_eq!(of(&blocks, &format!("{text}\n\nAnd more."), &[]), None);
    }

    proptest! {
        #[test]
        fn no_word_of_the_edited_text_is_lost_and_no_place_is_outside(
            texts in prop::collection::vec("[a-c][a-c\u{e9} \n]{0,12}[a-c]", 1..6),
            text in "[a-c\u{e9} \n]{0,60}", at in 0_usize..80, own in any::<bool>(),
        ) {
            prop_assume!(texts.iter().all(|text| !text.contains("\n\n")));
            let blocks: Vec<(LayoutKind, &str)> = texts.iter().map(|t| (LayoutKind::Verse, t.as_str())).collect();
            let before = texts.join("\n\n");
            let text = if own { before.replace('b', "c\u{e9}") } else { text };
            let at = (0..=at.min(before.len())).rev().find(|at| before.is_char_boundary(*at)).unwrap();
            if let Some(found) = of(&blocks, &text, &[(at, 7)]) {
                let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
                let laid: Vec<String> = found.iter().flat_map(|(_, text, _)| words(text)).collect();
                prop_assert_eq!(laid, words(&text));
                for (_, text, references) in &found {
                    prop_assert!(references.iter().all(|(at, _)| text.is_char_boundary(*at)));
                }
            }
        }
    }
}
