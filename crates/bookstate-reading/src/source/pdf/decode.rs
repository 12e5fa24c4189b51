//! The bytes of a stream, up to a limit.
//!
//! The PDF library decodes a stream as a whole, whatever comes of it: two kilobytes may become gigabytes. So a stream
//! is measured here first, piece by piece, and what would grow beyond the limit is refused.

use flate2::read::{DeflateDecoder, ZlibDecoder};
use hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use std::io::Read;

/// Why a stream has no bytes for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecodeError {
    /// It would be larger than the limit.
    TooLarge,
    /// It cannot be decoded, or holds an image.
    Unreadable,
}

/// The decoded bytes of a stream that is no image, at most `limit` of them.
pub(super) fn bounded(stream: &Stream<'_>, limit: usize) -> Result<Vec<u8>, DecodeError> {
    let filters = filters(stream.dict());
    let mut data = stream.raw_data();
    for (i, filter) in filters.iter().enumerate() {
        let decoded = match filter.as_slice() {
            b"Crypt" => continue,
            b"ASCIIHexDecode" | b"AHx" => ascii_hex(&data),
            b"ASCII85Decode" | b"A85" => ascii_85(&data),
            b"FlateDecode" | b"Fl" => flate(&data, limit)?,
            name @ (b"LZWDecode" | b"LZW" | b"RunLengthDecode" | b"RL") if i + 1 == filters.len() => {
                let grows = if name.starts_with(b"L") {
                    lzw_length(&data, limit)
                } else {
                    data.len().saturating_mul(64)
                };
                if grows > limit {
                    return Err(DecodeError::TooLarge);
                }
                return whole(stream);
            }
            _ => return Err(DecodeError::Unreadable),
        };
        data = decoded.into();
    }
    if data.len() > limit {
        return Err(DecodeError::TooLarge);
    }
    if !filters.is_empty() && has_predictor(stream.dict()) { whole(stream) } else { Ok(data.into_owned()) }
}

fn filters(dict: &Dict<'_>) -> Vec<Vec<u8>> {
    let name = |object: Object<'_>| object.into_name().map(|n: Name<'_>| n.to_vec());
    match dict.get::<Object<'_>>("Filter").or_else(|| dict.get("F")) {
        Some(Object::Array(all)) => all.iter::<Object<'_>>().filter_map(name).collect(),
        Some(one) => name(one).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The library's own decoding, for a stream that was measured.
fn whole(stream: &Stream<'_>) -> Result<Vec<u8>, DecodeError> {
    stream.decoded_data().map(|data| data.into_owned()).map_err(|_| DecodeError::Unreadable)
}

fn has_predictor(dict: &Dict<'_>) -> bool {
    let of = |parameters: Dict<'_>| parameters.get::<i32>("Predictor").is_some_and(|p| p > 1);
    ["DecodeParms", "DP"].iter().any(|key| match dict.get::<Object<'_>>(key) {
        Some(Object::Dict(parameters)) => of(parameters),
        Some(Object::Array(all)) => all_dicts(&all).any(of),
        _ => false,
    })
}

fn all_dicts<'a>(array: &Array<'a>) -> impl Iterator<Item = Dict<'a>> {
    array.iter::<Object<'a>>().filter_map(Object::into_dict)
}

/// What can be inflated of `data`; a damaged end is cut off, as readers do.
fn flate(data: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    let ceiling = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    // An error at the end leaves what came before it.
    let _damaged_end = ZlibDecoder::new(data).take(ceiling).read_to_end(&mut out);
    if out.is_empty() {
        // Without its header, or with a damaged one.
        let _damaged_end = DeflateDecoder::new(data).take(ceiling).read_to_end(&mut out);
    }
    if out.is_empty() && data.len() > 2 {
        let headless = data.get(2..).unwrap_or_default();
        let _damaged_end = DeflateDecoder::new(headless).take(ceiling).read_to_end(&mut out);
    }
    if out.len() > limit { Err(DecodeError::TooLarge) } else { Ok(out) }
}

fn ascii_hex(data: &[u8]) -> Vec<u8> {
    let digits = data.iter().take_while(|b| **b != b'>').filter_map(|b| char::from(*b).to_digit(16));
    let digits: Vec<u8> = digits.map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair.first().unwrap_or(&0) * 16 + pair.get(1).unwrap_or(&0)).collect()
}

fn ascii_85(data: &[u8]) -> Vec<u8> {
    let data = data.strip_prefix(b"<~").unwrap_or(data);
    let mut out = Vec::with_capacity(data.len() / 5 * 4);
    let mut group: Vec<u32> = Vec::with_capacity(5);
    let flush = |group: &mut Vec<u32>, out: &mut Vec<u8>| {
        let digits = group.len();
        if digits < 2 {
            return;
        }
        group.resize(5, 84);
        let value = group.iter().fold(0_u32, |v, d| v.wrapping_mul(85).wrapping_add(*d));
        out.extend(value.to_be_bytes().iter().take(digits - 1));
        group.clear();
    };
    for byte in data.iter().take_while(|b| **b != b'~') {
        match byte {
            b'z' if group.is_empty() => out.extend([0; 4]),
            b'!'..=b'u' => {
                group.push(u32::from(byte - b'!'));
                if group.len() == 5 {
                    flush(&mut group, &mut out);
                }
            }
            _ => {}
        }
    }
    flush(&mut group, &mut out);
    out
}

/// How long LZW data become, without making them; stops above `limit`.
fn lzw_length(data: &[u8], limit: usize) -> usize {
    let (mut total, mut bits, mut held, mut width) = (0_usize, 0_u32, 0_u32, 9_u32);
    let mut lengths: Vec<u32> = Vec::with_capacity(4096);
    let mut previous: Option<u32> = None;
    for byte in data {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        if held < width {
            continue;
        }
        held -= width;
        let code = (bits >> held) & ((1 << width) - 1);
        bits &= (1 << held) - 1;
        if code == 256 {
            lengths.clear();
            (width, previous) = (9, None);
            continue;
        }
        if code == 257 {
            break;
        }
        let grown = previous.map_or(1, |p| p + 1);
        let length = match code {
            0..=255 => 1,
            _ => lengths.get(code as usize - 258).copied().unwrap_or(grown),
        };
        total = total.saturating_add(length as usize);
        if total > limit {
            break;
        }
        if previous.is_some() && lengths.len() < 4096 - 258 {
            lengths.push(grown);
        }
        previous = Some(length);
        // With the early change that is the default; a code later makes no difference to a bound.
        width = match lengths.len() + 259 {
            0..512 => 9,
            512..1024 => 10,
            1024..2048 => 11,
            _ => 12,
        };
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use std::io::Write;

    fn deflated(data: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_is_refused_and_a_damaged_end_is_cut_off() {
        let bomb = deflated(&vec![0; 10 << 20]);
        assert!(bomb.len() < 20_000);
        assert_eq!(flate(&bomb, 1 << 20), Err(DecodeError::TooLarge));
        let text: Vec<u8> = (0..5_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let whole = deflated(&text);
        assert_eq!(flate(&whole, 1 << 20).unwrap(), text);
        let cut = flate(&whole[..whole.len() - 40], 1 << 20).unwrap();
        assert!(cut.len() > text.len() / 2 && text.starts_with(&cut));
        assert_eq!(flate(&whole[2..], 1 << 20).unwrap(), text, "without a header");
    }

    #[test]
    fn ascii_filters() {
        assert_eq!(ascii_hex(b"48 65 6C6c 6F>zz"), b"Hello");
        assert_eq!(ascii_85(b"<~87cURDZ~>"), b"Hello");
        assert_eq!(ascii_85(b"z!!~>"), [0, 0, 0, 0, 0]);
    }

    #[test]
    fn lzw_is_measured() {
        // The example of the specification: 45 45 45 45 45 65 45 45 45 66.
        assert_eq!(lzw_length(&[0x80, 0x0B, 0x60, 0x50, 0x22, 0x0C, 0x0C, 0x85, 0x01], 100), 10);
    }
}
