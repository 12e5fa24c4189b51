//! The natural order of file names: `page 2` before `page 10`.

use std::cmp::Ordering;

/// Compares names as people do: runs of digits by their value, letters without regard to case; names that are equal
/// so are compared byte by byte, so that the order is total.
#[must_use]
pub fn natural(a: &str, b: &str) -> Ordering {
    let (mut x, mut y) = (a, b);
    loop {
        match (x.chars().next(), y.chars().next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(c), Some(d)) if c.is_ascii_digit() && d.is_ascii_digit() => {
                let (m, rest_x) = digits(x);
                let (n, rest_y) = digits(y);
                let by_value = m.len().cmp(&n.len()).then_with(|| m.cmp(n));
                if by_value != Ordering::Equal {
                    return by_value;
                }
                (x, y) = (rest_x, rest_y);
            }
            (Some(c), Some(d)) => {
                let by_letter = c.to_lowercase().cmp(d.to_lowercase());
                if by_letter != Ordering::Equal {
                    return by_letter;
                }
                (x, y) = (x.get(c.len_utf8()..).unwrap_or(""), y.get(d.len_utf8()..).unwrap_or(""));
            }
        }
    }
}

/// The number that a text begins with, without leading zeros, and what follows.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    (number.trim_start_matches('0'), rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_count_by_their_value() {
        let mut names = ["p10.png", "P2.png", "p1.png", "p02b.png", "p2a.png", "cover.png", "p100.png"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["cover.png", "p1.png", "P2.png", "p2a.png", "p02b.png", "p10.png", "p100.png"]);
    }

    proptest! {
        #[test]
        fn the_order_is_total(names in proptest::collection::vec("[a-cA-C0-2. ]{0,6}", 0..8)) {
            for a in &names {
                for b in &names {
                    prop_assert_eq!(natural(a, b), natural(b, a).reverse());
                    prop_assert_eq!(natural(a, b) == Ordering::Equal, a == b);
                    for c in &names {
                        if natural(a, b).is_le() && natural(b, c).is_le() {
                            prop_assert!(natural(a, c).is_le(), "{:?} {:?} {:?}", a, b, c);
                        }
                    }
                }
            }
        }
    }
}
