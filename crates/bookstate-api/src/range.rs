//! The part of an answer that a request asks for: its `Range` (RFC 9110, section 14). Pure.
//!
//! What is no range of bytes, or more than one, is not understood here, and then the whole is answered, as the standard
//! has it.

use std::ops::Range;

/// What to answer with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of it.
    Whole,
    /// These bytes, at least one.
    Bytes(Range<usize>),
    /// There is no such part.
    Beyond,
}

/// The part of `length` bytes that a header asks for.
pub(crate) fn part(range: Option<&str>, length: usize) -> Part {
    match range.and_then(asked) {
        None => Part::Whole,
        Some(Asked::Last(count)) => match count.min(length) {
            0 => Part::Beyond,
            count => Part::Bytes(length - count..length),
        },
        Some(Asked::From { first, last }) if first < length => {
            Part::Bytes(first..last.map_or(length, |last| last.saturating_add(1).min(length)))
        }
        Some(Asked::From { .. }) => Part::Beyond,
    }
}

/// A range as a request has it.
enum Asked {
    From { first: usize, last: Option<usize> },
    Last(usize),
}

fn asked(header: &str) -> Option<Asked> {
    let (unit, ranges) = header.split_once('=')?;
    let (first, last) = ranges.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    match (first, last) {
        ("", last) => Some(Asked::Last(number(last)?)),
        (first, "") => Some(Asked::From { first: number(first)?, last: None }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Asked::From { first, last: Some(last) })
        }
    }
}

/// A number of digits; one that is too large is as large as can be.
fn number(digits: &str) -> Option<usize> {
    let are_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| digits.parse().unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_a_part_or_the_whole() {
        for (header, expected) in [
            ("bytes=0-0", Part::Bytes(0..1)),
            ("bytes=2-5", Part::Bytes(2..6)),
            ("Bytes=2-", Part::Bytes(2..10)),
            ("bytes=-3", Part::Bytes(7..10)),
            ("bytes=-300", Part::Bytes(0..10)),
            ("bytes=9-99999999999999999999999999", Part::Bytes(9..10)),
            ("bytes=10-", Part::Beyond),
            ("bytes=99999999999999999999999999-", Part::Beyond),
            ("bytes=-0", Part::Beyond),
            ("bytes=5-2", Part::Whole),
            ("bytes=0-1,3-4", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("pages=1-2", Part::Whole),
            ("", Part::Whole),
        ] {
            assert_eq!(part(Some(header), 10), expected, "{header:?}");
        }
        assert_eq!(part(None, 10), Part::Whole);
        assert_eq!(part(Some("bytes=0-"), 0), Part::Beyond);
    }

    #[test]
    fn a_part_is_within_the_whole_whatever_is_asked_for() {
        let numbers = ["", "0", "1", "9", "10", "11", "18446744073709551615", "18446744073709551616"];
        for length in [0, 1, 10, usize::MAX] {
            for (first, last) in numbers.iter().flat_map(|a| numbers.iter().map(move |b| (a, b))) {
                let header = format!("bytes={first}-{last}");
                if let Part::Bytes(range) = part(Some(&header), length) {
                    assert!(range.start < range.end && range.end <= length, "{header} of {length}");
                }
            }
        }
    }
}
