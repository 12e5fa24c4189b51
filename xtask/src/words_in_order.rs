//! Words in order: the measure of two texts of the same book.

use std::collections::HashMap;

/// How many words both have in the same order: the longest common subsequence, 64 words at a time.
pub(crate) fn in_order(a: &[String], b: &[String]) -> usize {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, word) in a.iter().enumerate() {
        places.entry(word).or_default().push(place);
    }
    let mut row = vec![u64::MAX; a.len().div_ceil(64)];
    let mut found = vec![0_u64; row.len()];
    for word in b {
        let Some(places) = places.get(word.as_str()) else { continue };
        places.iter().for_each(|place| found[place / 64] |= 1 << (place % 64));
        let mut carry = false;
        for (bits, found) in row.iter_mut().zip(&mut found) {
            let matched = *bits & *found;
            let (sum, over) = bits.overflowing_add(matched);
            let (sum, over_too) = sum.overflowing_add(u64::from(carry));
            carry = over || over_too;
            *bits = sum | (*bits & !*found);
            *found = 0;
        }
    }
    let zeros: usize = row.iter().map(|bits| bits.count_zeros() as usize).sum();
    // The bits behind the last word stay set.
    zeros
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_order_are_counted() {
        let split = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let count = |a: &str, b: &str| in_order(&split(a), &split(b));
        assert_eq!(count("the cat sat on the mat", "the cat on a mat"), 4);
        assert_eq!(count("a b c", "c b a"), 1);
        assert_eq!(count("x", "y"), 0);
        let long: String = (0..200).map(|n| format!("w{n} ")).collect();
        assert_eq!(count(&long, &long), 201, "the last one is empty");
    }
}
