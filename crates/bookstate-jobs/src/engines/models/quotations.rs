//! Where a text quotes, so that nobody edits it there.
//!
//! Double marks, guillemets and corner brackets come in pairs. Single marks are apostrophes, too. Where they quote is told
//! by what stands around them, and rather too much is taken for quoted than too little: a curved one opens unless it stands
//! within a word, a straight one where a later one of the paragraph ends what it began. It ends behind punctuation, or with
//! the last mark behind a word of the sentence in which there is one.

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

/// What a sign is for quotations in single marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Single {
    /// A mark that only begins quotations.
    Begins(char),
    /// A straight mark before something: it may begin one.
    MayBegin,
    /// A mark behind a word: it may end one.
    MayEnd,
    /// A mark behind punctuation: it ends one, if there is one.
    Ends,
    /// A sentence ends.
    SentenceEnd,
    /// A paragraph ends.
    ParagraphEnd,
}

/// Where what is said of quotations in single marks stands; apostrophes within words say nothing.
fn single_marks(text: &str) -> impl Iterator<Item = (Range<usize>, Single)> {
    let mut before = ' ';
    text.char_indices().filter_map(move |(at, c)| {
        let range = at..at + c.len_utf8();
        let next = text.get(range.end..).and_then(|rest| rest.chars().next()).unwrap_or(' ');
        let last = std::mem::replace(&mut before, c);
        let is_behind = !last.is_whitespace() && !next.is_alphanumeric();
        let single = match c {
            '\n' if next == '\n' => Single::ParagraphEnd,
            '.' | '!' | '?' if next.is_whitespace() => Single::SentenceEnd,
            '\'' | '‘' | '’' if last.is_alphanumeric() && next.is_alphanumeric() => return None,
            '‚' => Single::Begins(c),
            // As the end of what began low.
            '‘' if is_behind && last.is_alphanumeric() => Single::MayEnd,
            '‘' => Single::Begins(c),
            '\'' | '’' if is_behind && last.is_alphanumeric() => Single::MayEnd,
            '\'' if last.is_whitespace() && !next.is_whitespace() => Single::MayBegin,
            '\'' if !last.is_alphanumeric() && next.is_alphanumeric() => Single::MayBegin,
            '\'' | '’' if is_behind => Single::Ends,
            _ => return None,
        };
        Some((range, single))
    })
}

/// What the single marks of a text are, in order: an edit that leaves it so begins and ends no quotation.
pub(super) fn singles(text: &str) -> impl Iterator<Item = Single> {
    let is_mark = |single: &Single| !matches!(single, Single::SentenceEnd | Single::ParagraphEnd);
    single_marks(text).map(|(_, single)| single).filter(is_mark)
}

/// A quotation that has begun.
struct Open {
    from: usize,
    /// By a mark that only begins quotations: one that does not end goes on to the end of its paragraph.
    is_sure: bool,
    /// Low, it ends with a high one.
    is_low: bool,
    /// Where it ends, unless a later mark of the sentence says otherwise.
    end: Option<usize>,
}

/// Those in single marks.
pub(super) fn in_single_marks(text: &str) -> Vec<Quotation> {
    let mut found = Vec::new();
    let mut open: Option<Open> = None;
    for (range, single) in single_marks(text).chain([(text.len()..text.len(), Single::ParagraphEnd)]) {
        let single = match (single, &open) {
            (Single::Begins('‘'), Some(Open { is_low: true, .. })) => Single::Ends,
            (single, _) => single,
        };
        let is_over = match (single, &mut open) {
            (Single::MayEnd, Some(open)) => {
                open.end = Some(range.end);
                false
            }
            (Single::Ends, Some(open)) => {
                open.end = Some(range.end);
                true
            }
            (Single::ParagraphEnd, _) => true,
            (Single::SentenceEnd | Single::MayBegin | Single::Begins(_), Some(open)) => open.end.is_some(),
            (_, None) => false,
        };
        if let Some(Open { from, is_sure, end, .. }) = open.take_if(|_| is_over) {
            match end {
                Some(end) => found.push(Quotation { range: from..end, is_closed: true }),
                None if is_sure => found.push(Quotation { range: from..range.start, is_closed: false }),
                None => {}
            }
        }
        let (is_sure, is_low) = match single {
            Single::Begins(mark) => (true, mark == '‚'),
            Single::MayBegin => (false, false),
            _ => continue,
        };
        // Within another one it is a part of that.
        open.get_or_insert(Open { from: range.start, is_sure, is_low, end: None });
    }
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
        for (text, quoted) in [
            (
                "‘I don’t know the boys’ names,’ he said. ‘Nor do I.’",
                &["‘I don’t know the boys’ names,’", "‘Nor do I.’"][..],
            ),
            ("He called it 'the pit' and left. The workers' hall", &["'the pit'"]),
            ("The captain's men, and the boys' books, don't.", &[]),
            ("It was 'so\n\nand it's the boys' own.", &[]),
            ("'Give the rest of 'em hell,' he said.", &["'Give the rest of 'em hell,'"]),
            ("‘—Stop the man!’ she said.", &["‘—Stop the man!’"]),
            ("‘“Nested,” he said to the man.’", &["‘“Nested,” he said to the man.’"]),
            ("‘I saw the man.\n\n‘And the other,’ he said.", &["‘I saw the man.", "‘And the other,’"]),
            ("Er sagte: ‚Nimm das Buch,‘ und ging. ‚Das da‘ auch.", &["‚Nimm das Buch,‘", "‚Das da‘"]),
            ("‘the workers’ the hall’ and more. The end", &["‘the workers’ the hall’"]),
            ("‘I saw it and left.", &["‘I saw it and left."]),
            ("rock ’n’ roll, and the ’em of it", &[]),
        ] {
            assert_eq!(single(text), quoted, "{text}");
        }
    }
}
