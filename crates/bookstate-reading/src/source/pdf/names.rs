//! Glyph names that no list of names knows, as makers of Type 3 fonts give them: numbers (`/a97`, `/g65`, `/C0042`)
//! and the character itself (`/.`, `/7`).

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

/// What the names of one font stand for that repeat their codes.
pub(super) struct NamesByCode {
    /// Codes above 127 are TeX's T1 encoding of text; a font without such is in the older OT1.
    is_t1: bool,
}

impl NamesByCode {
    pub(super) fn of(names: &HashMap<u32, Vec<u8>>) -> Self {
        Self { is_t1: names.iter().any(|(code, name)| *code > 127 && number(name) == Some(*code)) }
    }

    /// The text of `name`, which has this code: the character itself, or that of TeX's encoding.
    pub(super) fn text(&self, name: &[u8], code: u32) -> Option<String> {
        match name {
            [byte @ b'!'..=b'~'] if u32::from(*byte) == code => return Some(char::from(*byte).to_string()),
            _ if number(name) != Some(code) => return None,
            _ => {}
        }
        let specific = if self.is_t1 { t1(code) } else { ot1(code) };
        match code {
            39 => Some("’".to_owned()),
            96 => Some("‘".to_owned()),
            _ => specific.map(str::to_owned).or_else(|| ascii(code)),
        }
    }
}

/// The number of a name of letters and digits: `a97`.
fn number(name: &[u8]) -> Option<u32> {
    let name = std::str::from_utf8(name).ok()?;
    let digits = name.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    if name.len() - digits.len() > 5 || digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

fn ascii(code: u32) -> Option<String> {
    char::from_u32(code).filter(|c| (' '..='~').contains(c)).map(String::from)
}

/// Where OT1 is not ASCII.
fn ot1(code: u32) -> Option<&'static str> {
    const LOW: [&str; 32] = [
        "Γ", "∆", "Θ", "Λ", "Ξ", "Π", "Σ", "Υ", "Φ", "Ψ", "Ω", "ff", "fi", "fl", "ffi", "ffl", "ı", "ȷ", "`",
        "´", "ˇ", "˘", "¯", "˚", "¸", "ß", "æ", "œ", "ø", "Æ", "Œ", "Ø",
    ];
    let at = usize::try_from(code).ok()?;
    LOW.get(at).copied().or(match code {
        34 => Some("”"),
        60 => Some("¡"),
        62 => Some("¿"),
        92 => Some("“"),
        123 => Some("–"),
        124 => Some("—"),
        127 => Some("¨"),
        _ => None,
    })
}

/// Where T1 is not ASCII.
fn t1(code: u32) -> Option<&'static str> {
    const LOW: [&str; 32] = [
        "`", "´", "ˆ", "˜", "¨", "˝", "˚", "ˇ", "˘", "¯", "˙", "¸", "˛", "‚", "‹", "›", "“", "”", "„", "«",
        "»", "–", "—", "", "", "ı", "ȷ", "ff", "fi", "fl", "ffi", "ffl",
    ];
    const HIGH: [&str; 128] = [
        "Ă", "Ą", "Ć", "Č", "Ď", "Ě", "Ę", "Ğ", "Ĺ", "Ľ", "Ł", "Ń", "Ň", "Ŋ", "Ő", "Ŕ", "Ř", "Ś", "Š", "Ş",
        "Ť", "Ţ", "Ű", "Ů", "Ÿ", "Ź", "Ž", "Ż", "IJ", "İ", "đ", "§", "ă", "ą", "ć", "č", "ď", "ě", "ę", "ğ",
        "ĺ", "ľ", "ł", "ń", "ň", "ŋ", "ő", "ŕ", "ř", "ś", "š", "ş", "ť", "ţ", "ű", "ů", "ÿ", "ź", "ž", "ż",
        "ij", "¡", "¿", "£", "À", "Á", "Â", "Ã", "Ä", "Å", "Æ", "Ç", "È", "É", "Ê", "Ë", "Ì", "Í", "Î", "Ï",
        "Ð", "Ñ", "Ò", "Ó", "Ô", "Õ", "Ö", "Œ", "Ø", "Ù", "Ú", "Û", "Ü", "Ý", "Þ", "SS", "à", "á", "â", "ã",
        "ä", "å", "æ", "ç", "è", "é", "ê", "ë", "ì", "í", "î", "ï", "ð", "ñ", "ò", "ó", "ô", "õ", "ö", "œ",
        "ø", "ù", "ú", "û", "ü", "ý", "þ", "ß",
    ];
    let at = usize::try_from(code).ok()?;
    match code {
        127 => Some("-"),
        0..32 => LOW.get(at).copied().filter(|sign| !sign.is_empty()),
        _ => HIGH.get(at.checked_sub(128)?).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(name: &[u8], code: u32, others: &[&str]) -> Option<String> {
        let others = others.iter().map(|n| (n[1..].parse().unwrap(), n.as_bytes().to_vec()));
        NamesByCode::of(&others.collect()).text(name, code)
    }

    #[test]
    fn a_name_that_repeats_its_code() {
        let found = |name: &[u8], code| text(name, code, &["a97"]);
        assert_eq!(found(b"a97", 97).as_deref(), Some("a"));
        assert_eq!(found(b"C0066", 66).as_deref(), Some("B"));
        assert_eq!(found(b"a32", 32).as_deref(), Some(" "));
        assert_eq!(found(b"a12", 12).as_deref(), Some("fi"));
        assert_eq!(found(b"1", 49).as_deref(), Some("1"));
        assert_eq!(found(b".", 46).as_deref(), Some("."));
        assert_eq!((found(b"1", 50), found(b"", 0), found(b"a97", 98)), (None, None, None));
        assert_eq!((found(b"alpha", 97), found(b"a", 98), found(b"a300", 300)), (None, None, None));
    }

    #[test]
    fn codes_above_ascii_tell_the_encoding() {
        let t1 = |name: &[u8], code| text(name, code, &["a228"]);
        assert_eq!(t1(b"a228", 228).as_deref(), Some("ä"));
        assert_eq!(t1(b"a28", 28).as_deref(), Some("fi"));
        assert_eq!(t1(b"a255", 255).as_deref(), Some("ß"));
        assert_eq!(t1(b"a97", 97).as_deref(), Some("a"));
        assert_eq!(text(b"a28", 28, &["a97"]).as_deref(), Some("ø"));
    }
}
