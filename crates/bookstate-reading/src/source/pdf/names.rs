//! Glyph names that are only numbers, as makers of Type 3 fonts give them: `/a97`, `/g65`, `/C0042`.

use hayro_syntax::object::{Array, Dict, Object};
use std::collections::HashMap;

/// The names that a simple font's encoding gives to codes.
pub(super) fn differences(font: &Dict<'_>) -> HashMap<u32, Vec<u8>> {
    let mut out = HashMap::new();
    let Some(encoding) = font.get::<Dict<'_>>("Encoding") else { return out };
    let Some(list) = encoding.get::<Array<'_>>("Differences") else { return out };
    let mut code = 0_u32;
    for item in list.iter::<Object<'_>>().take(2048) {
        match item {
            Object::Number(n) => code = u32::try_from(n.as_i64()).unwrap_or(0),
            Object::Name(name) => {
                out.insert(code, name.to_vec());
                code = code.saturating_add(1);
            }
            _ => {}
        }
    }
    out
}

/// What a name that repeats its code stands for: the character that has this code in ASCII, or in TeX's encoding of
/// text for the ligatures and dashes below it.
pub(super) fn by_number(name: &[u8], code: u32) -> Option<String> {
    let name = std::str::from_utf8(name).ok()?;
    let digits = name.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    if name.len() - digits.len() > 5 || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: u32 = digits.parse().ok()?;
    if number != code {
        return None;
    }
    Some(match number {
        11 => "ff".to_owned(),
        12 => "fi".to_owned(),
        13 => "fl".to_owned(),
        14 => "ffi".to_owned(),
        15 => "ffl".to_owned(),
        16 => "ı".to_owned(),
        19 => "´".to_owned(),
        25 => "ß".to_owned(),
        34 => "”".to_owned(),
        39 => "’".to_owned(),
        92 => "“".to_owned(),
        96 => "‘".to_owned(),
        123 => "–".to_owned(),
        124 => "—".to_owned(),
        127 => "¨".to_owned(),
        32..=126 => char::from_u32(number)?.to_string(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_repeats_its_code() {
        assert_eq!(by_number(b"a97", 97).as_deref(), Some("a"));
        assert_eq!(by_number(b"C0066", 66).as_deref(), Some("B"));
        assert_eq!(by_number(b"a32", 32).as_deref(), Some(" "));
        assert_eq!(by_number(b"a12", 12).as_deref(), Some("fi"));
        assert_eq!((by_number(b"a97", 98), by_number(b"alpha", 97), by_number(b"a", 97)), (None, None, None));
    }
}
