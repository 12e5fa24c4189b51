//! Faults of files that the PDF library does not forgive and other readers do; and what must not be opened.
//!
//! Invariant: the length does not change, so that offsets stay right.

use flate2::read::ZlibDecoder;
use std::io::Read;

/// What the library unpacks while opening a file must not be larger.
const MOST_OBJECT_STREAM_BYTES: u64 = 256 << 20;
/// A stream's dictionary is not longer.
const DICTIONARY: usize = 600;

/// Moves blanks between the keyword `stream` and the end of its line in front of the keyword.
pub(super) fn blanks_behind_stream(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(found) = find(bytes, b"stream", at) {
        let end = found + b"stream".len();
        at = end;
        let blanks = bytes.get(end..).unwrap_or_default().iter().take(64);
        let blanks = blanks.take_while(|b| matches!(b, b' ' | b'\t')).count();
        let line_ends = matches!(bytes.get(end + blanks), Some(b'\n' | b'\r'));
        let is_end = found >= 3 && bytes.get(found - 3..found) == Some(b"end");
        if blanks == 0 || !line_ends || is_end {
            continue;
        }
        if let Some(part) = bytes.get_mut(found..end + blanks) {
            part.rotate_right(blanks);
        }
        at = end + blanks;
    }
}

/// Whether the streams that hold the file's objects unpack to something of a sane size.
pub(super) fn opens_in_bounds(bytes: &[u8]) -> bool {
    let mut left = MOST_OBJECT_STREAM_BYTES;
    let mut at = 0;
    while let Some(found) = find(bytes, b"stream", at) {
        at = found + 6;
        let dictionary = bytes.get(found.saturating_sub(DICTIONARY)..found).unwrap_or_default();
        let dictionary = match find_last(dictionary, b" obj") {
            Some(start) => dictionary.get(start..).unwrap_or_default(),
            None => dictionary,
        };
        if find(dictionary, b"/ObjStm", 0).is_none() && find(dictionary, b"/XRef", 0).is_none() {
            continue;
        }
        let Some(first) = find(dictionary, b"FlateDecode", 0) else { continue };
        if find(dictionary, b"FlateDecode", first + 1).is_some() {
            // No program packs its objects twice.
            return false;
        }
        let data = bytes.get(at..).unwrap_or_default();
        let begin = data.iter().take(4).take_while(|b| matches!(b, b'\r' | b'\n' | b' ')).count();
        let data = data.get(begin..).unwrap_or_default();
        let mut measured = ZlibDecoder::new(data).take(left.saturating_add(1));
        let mut piece = [0_u8; 16 << 10];
        while let Ok(n @ 1..) = measured.read(&mut piece) {
            match left.checked_sub(n as u64) {
                Some(rest) => left = rest,
                None => return false,
            }
        }
    }
    true
}

fn find(bytes: &[u8], what: &[u8], from: usize) -> Option<usize> {
    let first = what.first()?;
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|b| b == first)?;
        if bytes.get(at..)?.starts_with(what) {
            return Some(at);
        }
        at += 1;
    }
}

fn find_last(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).rposition(|w| w == what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::pdf::made::packed_blanks;

    #[test]
    fn blanks_move_and_nothing_else_does() {
        let mut bytes = b"<<>>stream  \t\r\n(stream of) x\nendstream \nstream\n".to_vec();
        blanks_behind_stream(&mut bytes);
        assert_eq!(bytes, b"<<>>  \tstream\r\n(stream of) x\nendstream \nstream\n");
    }

    #[test]
    fn objects_that_unpack_to_gigabytes_are_not_opened() {
        let packed = |size: usize| {
            let mut out = b"7 0 obj <</Type/ObjStm/Filter/FlateDecode>>stream\r\n".to_vec();
            out.extend(packed_blanks(size));
            out
        };
        assert!(opens_in_bounds(&packed(3)));
        assert!(!opens_in_bounds(&packed(260)));
        assert!(!opens_in_bounds(b"1 0 obj <</Type/ObjStm/Filter[/FlateDecode/FlateDecode]>>stream\nx"));
    }
}
