//! Roman numbers: their signs, and how a number is written. What may be read as one is decided in `toc::numbers`.

/// What each sign is worth, the most valuable first; with the pairs that subtract.
pub(crate) const SIGNS: [(u32, &str); 13] = [
    (1000, "m"),
    (900, "cm"),
    (500, "d"),
    (400, "cd"),
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
];

/// The number in small letters; empty for 0. As long as the number has thousands: whoever writes one bounds it.
pub(crate) fn to_roman(mut number: u32) -> String {
    let mut out = String::new();
    for (value, sign) in SIGNS {
        while number >= value {
            out.push_str(sign);
            number -= value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_one_way() {
        for (number, text) in [(0, ""), (4, "iv"), (1999, "mcmxcix"), (3888, "mmmdccclxxxviii")] {
            assert_eq!(to_roman(number), text);
        }
    }
}
