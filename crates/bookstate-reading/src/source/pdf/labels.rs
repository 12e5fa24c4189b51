//! The printed labels of pages, as the file states them.

use super::strings;
use crate::text::roman::to_roman;
use hayro_syntax::Pdf;
use hayro_syntax::object::{Array, Dict, Name, Object, ObjectIdentifier, String as PdfString};
use std::collections::HashSet;

/// A longer label is no label; letters are repeated (`aaa`), so a high number is a long text.
const LONGEST: usize = 60;
/// More ranges than pages of any honest book.
const MOST_RANGES: usize = 100_000;

/// How pages from a certain one on are labelled.
#[derive(Debug)]
struct LabelRange {
    /// The first page, 0-based.
    first: u32,
    prefix: String,
    style: Option<u8>,
    start: u32,
}

/// The labels of all pages.
#[derive(Debug, Default)]
pub(super) struct PageLabels(Vec<LabelRange>);

impl PageLabels {
    pub(super) fn new(pdf: &Pdf) -> Self {
        let catalog: Option<Dict<'_>> = pdf.xref().get(pdf.xref().root_id());
        let Some(tree) = catalog.and_then(|c| c.get::<Dict<'_>>("PageLabels")) else {
            return Self::default();
        };
        let mut ranges = Vec::new();
        let mut seen: HashSet<ObjectIdentifier> = HashSet::new();
        let mut stack = vec![tree];
        while let Some(node) = stack.pop() {
            if ranges.len() >= MOST_RANGES || node.obj_id().is_some_and(|id| !seen.insert(id)) {
                continue;
            }
            if let Some(pairs) = node.get::<Array<'_>>("Nums") {
                let mut items = pairs.iter::<Object<'_>>();
                while let (Some(first), Some(label)) = (items.next(), items.next()) {
                    ranges.extend(range(first, label));
                    if ranges.len() >= MOST_RANGES {
                        break;
                    }
                }
            }
            if let Some(kids) = node.get::<Array<'_>>("Kids") {
                stack.extend(kids.iter::<Dict<'_>>().take(MOST_RANGES));
            }
        }
        ranges.sort_by_key(|r: &LabelRange| r.first);
        Self(ranges)
    }

    /// The label of the page at a 0-based index.
    pub(super) fn of(&self, index: u32) -> Option<String> {
        let after = self.0.partition_point(|r| r.first <= index);
        let range = self.0.get(after.checked_sub(1)?)?;
        let number = range.start.checked_add(index - range.first)?;
        let label = match range.style {
            None => range.prefix.clone(),
            Some(style) => format!("{}{}", range.prefix, numeral(style, number)?),
        };
        (!label.is_empty() && label.len() <= LONGEST).then_some(label)
    }
}

fn range(first: Object<'_>, label: Object<'_>) -> Option<LabelRange> {
    let first = u32::try_from(first.into_number()?.as_i64()).ok()?;
    let label = label.into_dict()?;
    let prefix = label.get::<PdfString<'_>>("P").and_then(|p| strings::decode(p.as_bytes()));
    let style = label.get::<Name<'_>>("S").and_then(|s| s.as_ref().first().copied());
    let start = label.get::<i32>("St").and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
    Some(LabelRange { first, prefix: prefix.unwrap_or_default(), style, start })
}

fn numeral(style: u8, number: u32) -> Option<String> {
    match style {
        b'D' => Some(number.to_string()),
        b'r' => roman(number),
        b'R' => roman(number).map(|r| r.to_uppercase()),
        b'a' => letters(number),
        b'A' => letters(number).map(|l| l.to_uppercase()),
        _ => None,
    }
}

fn roman(number: u32) -> Option<String> {
    (1..20_000).contains(&number).then(|| to_roman(number))
}

/// a to z, then aa to zz, then aaa to zzz.
fn letters(number: u32) -> Option<String> {
    let index = number.checked_sub(1)?;
    let letter = char::from(b'a' + u8::try_from(index % 26).ok()?);
    let times = usize::try_from(index / 26 + 1).ok().filter(|t| *t <= LONGEST)?;
    Some(std::iter::repeat_n(letter, times).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerals_of_each_style() {
        let of = |style, n| numeral(style, n);
        assert_eq!(of(b'D', 12).as_deref(), Some("12"));
        assert_eq!(of(b'r', 1994).as_deref(), Some("mcmxciv"));
        assert_eq!(of(b'R', 4).as_deref(), Some("IV"));
        assert_eq!(of(b'a', 27).as_deref(), Some("aa"));
        assert_eq!(of(b'A', 26).as_deref(), Some("Z"));
        assert_eq!((of(b'a', 0), of(b'r', u32::MAX), of(b'a', u32::MAX)), (None, None, None));
    }

    #[test]
    fn a_range_goes_on_until_the_next() {
        let label =
            |first, prefix: &str, style, start| LabelRange { first, prefix: prefix.into(), style, start };
        let labels = PageLabels(vec![label(0, "", Some(b'r'), 1), label(4, "A-", Some(b'D'), 3)]);
        assert_eq!(labels.of(3).as_deref(), Some("iv"));
        assert_eq!(labels.of(4).as_deref(), Some("A-3"));
        assert_eq!(labels.of(9).as_deref(), Some("A-8"));
    }
}
