//! Text strings of a PDF's information dictionary: UTF-16 or UTF-8 behind a byte order mark, else an 8-bit
//! encoding that agrees with Latin-1 on all letters.

/// The string without control characters and outer white space; `None` when nothing is left.
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    let text = if let Some(rest) = bytes.strip_prefix(b"\xfe\xff") {
        utf16(rest, u16::from_be_bytes)
    } else if let Some(rest) = bytes.strip_prefix(b"\xff\xfe") {
        utf16(rest, u16::from_le_bytes)
    } else {
        let rest = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match std::str::from_utf8(rest) {
            Ok(text) => text.to_owned(),
            Err(_) => rest.iter().map(|b| char::from(*b)).collect(),
        }
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok().map(unit));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn all_encodings() {
        assert_eq!(decode(b"Plain\0").as_deref(), Some("Plain"));
        assert_eq!(decode(b"\xfe\xff\x04\x1f\0a").as_deref(), Some("Пa"));
        assert_eq!(decode(b"\xff\xfe\x1f\x04a\0").as_deref(), Some("Пa"));
        assert_eq!(decode(b"\xef\xbb\xbfsch\xc3\xb6n").as_deref(), Some("schön"));
        assert_eq!(decode(b"sch\xf6n").as_deref(), Some("schön"));
        assert_eq!(decode(b"  "), None);
        assert_eq!(decode(b"\xfe\xff\xd8\x00"), Some("\u{fffd}".to_owned()));
    }
}
