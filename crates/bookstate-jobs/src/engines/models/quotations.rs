//! Where a text quotes, so that nobody edits it there.
//!
//! Double marks, guillemets and corner brackets come in pairs. Single marks are apostrophes, too: they quote where one
//! stands before a word, and a later one of the paragraph behind one; which of several it is, is told by the punctuation
//! before it, else it is the first.

use std::ops::Range;

/// A quotation: where it is, its marks included. One that does not end in its paragraph ends with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quotation {
    pub(super) range: Range<usize>,
    is_closed: bool,
}

impl Quotation {
    /// Whether a change of this part of the text would be one of the quotation.
    pub(super) const fn meets(&self, changed: &Range<usize>) -> bool {
        let Range { start, end } = self.range;
        match changed.start == changed.end {
            true => {
                start < changed.start && (changed.start < end || (changed.start == end && !self.is_closed))
            }
            false => start < changed.end && changed.start < end,
        }
    }
}

/// Whether it is a mark that only quotes.
pub(super) const fn is_quote(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„' | '«' | '»' | '‹' | '›' | '「' | '」' | '『' | '』')
}

/// The quotations of a text: those in double marks, then those in single ones.
pub(super) fn quotations(text: &str) -> Vec<Quotation> {
    let mut found = in_double_marks(text);
    found.extend(in_single_marks(text));
    found
}

/// Those in double marks.
pub(super) fn in_double_marks(text: &str) -> Vec<Quotation> {
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    for (at, c) in text.char_indices() {
        match open {
            Some(from) if is_quote(c) => {
                found.push(Quotation { range: from..at + c.len_utf8(), is_closed: true });
                open = None;
            }
            Some(from) if c == '\n' && text.get(at + 1..).is_some_and(|rest| rest.starts_with('\n')) => {
                found.push(Quotation { range: from..at, is_closed: false });
                open = None;
            }
            None if is_quote(c) => open = Some(at),
            _ => {}
        }
    }
    found.extend(open.map(|from| Quotation { range: from..text.len(), is_closed: false }));
    found
}

/// What a single mark may be that is no apostrophe within a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Single {
    /// It stands before a word: it may begin a quotation.
    Before,
    /// It stands behind a word.
    Behind,
    /// It stands behind punctuation: it ends a quotation, if one has begun.
    BehindPunctuation,
    /// Its paragraph ends.
    ParagraphEnd,
}

/// The single marks of a text that are no apostrophes within words, and the ends of its paragraphs, each with its place.
fn single_marks(text: &str) -> impl Iterator<Item = (Range<usize>, Single)> {
    let mut before = ' ';
    text.char_indices().filter_map(move |(at, c)| {
        let range = at..at + c.len_utf8();
        let next = text.get(range.end..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
        let last = std::mem::replace(&mut before, c);
        let single = match c {
            '\n' if next == '\n' => Single::ParagraphEnd,
            '\'' | '‘' | '’' if last.is_alphanumeric() && next.is_alphanumeric() => return None,
            '\'' | '‘' if next.is_alphanumeric() => Single::Before,
            '\'' | '’' if last.is_alphanumeric() => Single::Behind,
            '\'' | '’' if !last.is_whitespace() && !next.is_alphanumeric() => Single::BehindPunctuation,
            _ => return None,
        };
        Some((range, single))
    })
}

/// What the single marks of a text may be, in order: an edit that leaves it so begins and ends no quotation.
pub(super) fn singles(text: &str) -> impl Iterator<Item = Single> {
    single_marks(text).map(|(_, single)| single)
}

/// Those in single marks.
pub(super) fn in_single_marks(text: &str) -> Vec<Quotation> {
    let mut found = Vec::new();
    // Where a quotation may have begun, and where it ends unless punctuation says that it is later.
    let mut open: Option<(usize, Option<usize>)> = None;
    let mut close = |open: &mut Option<(usize, Option<usize>)>, end: Option<usize>| {
        if let Some((from, sooner)) = open.take()
            && let Some(end) = end.or(sooner)
        {
            found.push(Quotation { range: from..end, is_closed: true });
        }
    };
    for (range, single) in single_marks(text) {
        match single {
            Single::Before => {
                close(&mut open, None);
                open = Some((range.start, None));
            }
            Single::Behind => {
                if let Some((_, sooner @ None)) = &mut open {
                    *sooner = Some(range.end);
                }
            }
            Single::BehindPunctuation => close(&mut open, Some(range.end)),
            Single::ParagraphEnd => close(&mut open, None),
        }
    }
    close(&mut open, None);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(text: &str) -> Vec<&str> {
        in_single_marks(text).into_iter().map(|quotation| &text[quotation.range]).collect()
    }

    #[test]
    fn single_marks_quote_where_they_are_no_apostrophes() {
        assert_eq!(
            single("‘I don’t know the boys’ names,’ he said. ‘Nor do I.’"),
            ["‘I don’t know the boys’ names,’", "‘Nor do I.’"]
        );
        assert_eq!(single("He called it 'the pit' and left. The workers' hall"), ["'the pit'"]);
        assert_eq!(single("The captain's men, and the boys' books, don't."), Vec::<&str>::new());
        assert_eq!(
            single("It was 'so\n\nand it's the boys' own."),
            Vec::<&str>::new(),
            "it ends with its paragraph"
        );
        assert_eq!(single("'Tis 'the pit', he said."), ["'the pit'"]);
    }
}
