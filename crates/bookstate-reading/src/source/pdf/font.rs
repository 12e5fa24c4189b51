//! A font of the file, as far as text needs it: codes, what they stand for, how wide they are.
//!
//! Invariants: it borrows nothing, so that all pages share it; every code has an answer, if only that it is unknown.
//! What a code stands for is asked in this order: `/ToUnicode`; the encoding, with the glyphs' names; Adobe's tables
//! of CIDs; the character map of the embedded font, read backwards.

use super::decode::bounded;
use super::names::{self, NamesByCode};
use super::style::FontStyle;
use hayro_cmap::{BfString, CMap, CMapName, CidFamily, load_embedded};
use hayro_font::{CMapResolverFn, FontCache, FontGlyph, FontQuery, FontResolverFn};
use hayro_syntax::object::{Array, Dict, Name, Object, Stream, String as PdfString};
use std::collections::HashMap;
use std::sync::Arc;

/// Larger programs and tables of a font are not read.
const LARGEST_PROGRAM: usize = 64 << 20;
const LARGEST_TABLE: usize = 8 << 20;
/// No font has more CIDs.
const LAST_CID: u32 = 0xffff;

/// A code as a string shows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown<'f> {
    /// How many bytes it took.
    pub(super) bytes: usize,
    /// How far it moves on, in thousandths of the size; downwards (negative) in vertical writing.
    pub(super) advance: f64,
    /// What it stands for.
    pub(super) text: Meaning<'f>,
    /// It is the code 32 of one byte, which word spacing widens.
    pub(super) is_space: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meaning<'f> {
    Known(&'f str),
    Char(char),
    Text(String),
    Unknown,
}

pub(super) struct Font {
    codes: Codes,
    pub(super) style: FontStyle,
    /// By how much the letters are larger than the font's size says: for fonts with a scale of their own.
    pub(super) scale: f64,
}

enum Codes {
    /// One byte each.
    Simple(Vec<(f64, Option<Box<str>>)>),
    Composite(Box<Composite>),
}

struct Composite {
    encoding: CMap,
    vertical: bool,
    /// The code itself is UTF-16.
    code_is_unicode: bool,
    to_unicode: Option<CMap>,
    by_cid: Option<CMap>,
    by_program: HashMap<u32, char>,
    widths: HashMap<u32, f32>,
    default_width: f32,
    heights: HashMap<u32, f32>,
    default_height: f32,
}

impl Font {
    pub(super) fn load(dict: &Dict<'_>) -> Self {
        let kind = dict.get::<Name<'_>>("Subtype").map(|n| n.to_vec()).unwrap_or_default();
        if kind == b"Type0" {
            let descendant =
                dict.get::<Array<'_>>("DescendantFonts").and_then(|a| a.iter::<Dict<'_>>().next());
            let descendant = descendant.unwrap_or_else(Dict::empty);
            let descriptor = descendant.get::<Dict<'_>>("FontDescriptor");
            let style = FontStyle::new(dict, descriptor.as_ref());
            let codes = Codes::Composite(Box::new(Composite::load(dict, &descendant, descriptor.as_ref())));
            return Self { codes, style, scale: 1.0 };
        }
        let descriptor = dict.get::<Dict<'_>>("FontDescriptor");
        let style = FontStyle::new(dict, descriptor.as_ref());
        let codes = simple_codes(dict, descriptor.as_ref());
        let scale = if kind == b"Type3" { type3_scale(dict, &codes) } else { 1.0 };
        Self { codes: Codes::Simple(codes), style, scale }
    }

    pub(super) fn is_vertical(&self) -> bool {
        matches!(&self.codes, Codes::Composite(font) if font.vertical)
    }

    /// The code at `at` in a string; `None` at its end.
    pub(super) fn shown(&self, bytes: &[u8], at: usize) -> Option<Shown<'_>> {
        let first = *bytes.get(at)?;
        Some(match &self.codes {
            Codes::Simple(codes) => {
                let (advance, text) =
                    codes.get(usize::from(first)).map_or((500.0, None), |(a, t)| (*a, t.as_deref()));
                let text = text.map_or(Meaning::Unknown, Meaning::Known);
                Shown { bytes: 1, advance, text, is_space: first == b' ' }
            }
            Codes::Composite(font) => font.shown(bytes, at),
        })
    }
}

impl Composite {
    fn load(dict: &Dict<'_>, descendant: &Dict<'_>, descriptor: Option<&Dict<'_>>) -> Self {
        let encoding =
            dict.get::<Object<'_>>("Encoding").and_then(|e| encoding(&e)).unwrap_or_else(CMap::identity_h);
        let name = encoding.metadata().name.clone().unwrap_or_default();
        let code_is_unicode =
            name.starts_with(b"Uni") && name.windows(4).any(|w| matches!(w, b"UCS2" | b"UTF1"));
        let vertical = encoding.metadata().writing_mode == Some(hayro_cmap::WritingMode::Vertical)
            || name.ends_with(b"-V");
        let of_encoding = encoding.metadata().character_collection.clone().map(|c| c.family);
        let family =
            of_encoding.filter(|f| *f != CidFamily::AdobeIdentity).or_else(|| collection(descendant));
        let by_cid = family.and_then(|f| f.ucs2_cmap()).and_then(predefined);
        let to_unicode = to_unicode(dict);
        let program = match (&to_unicode, &by_cid) {
            (None, None) => descriptor.and_then(sfnt),
            _ => None,
        };
        let by_glyph = program.map(|data| characters(&data)).unwrap_or_default();
        let by_program = by_cid_through_glyphs(descendant, by_glyph);
        let widths = descendant.get::<Array<'_>>("W").map(|a| widths(&a, 1)).unwrap_or_default();
        let heights = descendant.get::<Array<'_>>("W2").map(|a| self::widths(&a, 3)).unwrap_or_default();
        let default_height = descendant.get::<[f32; 2]>("DW2").map_or(-1000.0, |v| v[1]);
        let default_width = descendant.get::<f32>("DW").unwrap_or(1000.0);
        Self {
            encoding,
            vertical,
            code_is_unicode,
            to_unicode,
            by_cid,
            by_program,
            widths,
            default_width,
            heights,
            default_height,
        }
    }

    fn shown(&self, bytes: &[u8], at: usize) -> Shown<'_> {
        let mut code = 0_u32;
        for (n, byte) in (1_u8..=4).zip(bytes.get(at..).unwrap_or_default()) {
            code = (code << 8) | u32::from(*byte);
            if let Some(cid) = self.encoding.lookup_cid_code(code, n) {
                let advance = if self.vertical {
                    self.heights.get(&cid).copied().unwrap_or(self.default_height)
                } else {
                    self.widths.get(&cid).copied().unwrap_or(self.default_width)
                };
                return Shown {
                    bytes: usize::from(n),
                    advance: f64::from(advance),
                    text: self.meaning(code, cid),
                    is_space: n == 1 && code == 32,
                };
            }
        }
        // Nothing fits: a byte that means nothing, or a last one of a pair.
        let bytes = if self.code_is_unicode || bytes.len() - at < 2 { 1 } else { 2 };
        Shown { bytes, advance: f64::from(self.default_width), text: Meaning::Unknown, is_space: false }
    }

    fn meaning(&self, code: u32, cid: u32) -> Meaning<'_> {
        let mapped =
            |map: &Option<CMap>, key| map.as_ref().and_then(|m| m.lookup_bf_string(key)).and_then(sane);
        if let Some(text) = mapped(&self.to_unicode, code) {
            return text;
        }
        if self.code_is_unicode {
            let units = [(code >> 16) as u16, (code & 0xffff) as u16];
            let units = if code > 0xffff { units.as_slice() } else { units.get(1..).unwrap_or_default() };
            if let Some(Ok(c)) = char::decode_utf16(units.iter().copied()).next().filter(|c| *c != Ok('\0')) {
                return Meaning::Char(c);
            }
        }
        mapped(&self.by_cid, cid)
            .or_else(|| self.by_program.get(&cid).map(|c| Meaning::Char(*c)))
            .unwrap_or(Meaning::Unknown)
    }
}

fn sane(found: BfString) -> Option<Meaning<'static>> {
    match found {
        BfString::Char('\0' | '\u{fffd}' | '\u{ffff}') => None,
        BfString::Char(c) => Some(Meaning::Char(c)),
        BfString::String(s) if s.is_empty() || s.len() > 64 => None,
        BfString::String(s) => Some(Meaning::Text(s)),
    }
}

fn predefined(name: CMapName<'_>) -> Option<CMap> {
    CMap::parse(load_embedded(name)?, load_embedded)
}

fn encoding(object: &Object<'_>) -> Option<CMap> {
    match object {
        Object::Name(name) => match CMapName::from_bytes(name.as_ref()) {
            CMapName::IdentityH => Some(CMap::identity_h()),
            CMapName::IdentityV => Some(CMap::identity_v()),
            name => predefined(name),
        },
        Object::Stream(stream) => CMap::parse(&bounded(stream, LARGEST_TABLE).ok()?, load_embedded),
        _ => None,
    }
}

/// The map to Unicode. One that is only a name says that codes are Unicode.
fn to_unicode(dict: &Dict<'_>) -> Option<CMap> {
    match dict.get::<Object<'_>>("ToUnicode")? {
        Object::Stream(stream) => CMap::parse(&bounded(&stream, LARGEST_TABLE).ok()?, load_embedded),
        Object::Name(name) if name.as_ref().starts_with(b"Identity") => {
            let identity =
                b"begincmap 2 beginbfrange <0001> <d7ff> <0001> <e000> <ffff> <e000> endbfrange endcmap";
            CMap::parse(identity, load_embedded)
        }
        Object::Name(name) => predefined(CMapName::from_bytes(name.as_ref())),
        _ => None,
    }
}

fn collection(descendant: &Dict<'_>) -> Option<CidFamily> {
    let info = descendant.get::<Dict<'_>>("CIDSystemInfo")?;
    let ordering = info.get::<PdfString<'_>>("Ordering")?;
    // Some writers leave the registry out, or encrypt it by mistake.
    Some(CidFamily::from_registry_ordering(b"Adobe", ordering.as_bytes()))
}

/// Widths by CID: `first [w …]` and `first last w`, with `per` numbers for each (the first of which counts).
fn widths(array: &Array<'_>, per: usize) -> HashMap<u32, f32> {
    let mut out = HashMap::new();
    let mut items = array.iter::<Object<'_>>();
    let number = |o: Option<Object<'_>>| o.and_then(Object::into_number).map(|n| n.as_f64());
    while let Some(first) = number(items.next()) {
        let first = first.clamp(0.0, f64::from(LAST_CID)) as u32;
        match items.next() {
            Some(Object::Array(list)) => {
                let values: Vec<f32> = list.iter::<f32>().take(per * (LAST_CID as usize + 1)).collect();
                for (cid, value) in (first..=LAST_CID).zip(values.chunks(per)) {
                    out.extend(value.first().map(|v| (cid, *v)));
                }
            }
            Some(Object::Number(last)) => {
                let last = last.as_f64().clamp(0.0, f64::from(LAST_CID)) as u32;
                let Some(value) = number(items.next()) else { break };
                (1..per).for_each(|_| drop(items.next()));
                out.extend((first..=last).map(|cid| (cid, value as f32)));
            }
            _ => break,
        }
    }
    out
}

/// The embedded TrueType or OpenType program.
fn sfnt(descriptor: &Dict<'_>) -> Option<Vec<u8>> {
    let stream = ["FontFile2", "FontFile3"].iter().find_map(|key| descriptor.get::<Stream<'_>>(key))?;
    bounded(&stream, LARGEST_PROGRAM).ok()
}

/// What each glyph of a program stands for, by its own character map.
fn characters(program: &[u8]) -> HashMap<u32, char> {
    use skrifa::MetadataProvider;
    let Ok(font) = skrifa::FontRef::new(program) else { return HashMap::new() };
    let mut out = HashMap::new();
    for (code, glyph) in font.charmap().mappings().take(2 * LAST_CID as usize) {
        // Symbol fonts keep their codes in a private area.
        let code = if (0xf020..=0xf0ff).contains(&code) { code - 0xf000 } else { code };
        if let Some(c) = char::from_u32(code).filter(|c| !c.is_control()) {
            out.entry(glyph.to_u32()).or_insert(c);
        }
    }
    out
}

fn by_cid_through_glyphs(descendant: &Dict<'_>, by_glyph: HashMap<u32, char>) -> HashMap<u32, char> {
    let Some(stream) = descendant.get::<Stream<'_>>("CIDToGIDMap") else { return by_glyph };
    let Ok(map) = bounded(&stream, LARGEST_TABLE) else { return by_glyph };
    let glyphs = map.chunks_exact(2).map(|pair| pair.iter().fold(0_u32, |v, b| v << 8 | u32::from(*b)));
    (0_u32..).zip(glyphs).filter_map(|(cid, glyph)| Some((cid, *by_glyph.get(&glyph)?))).collect()
}

/// The 256 codes of a simple font.
fn simple_codes(dict: &Dict<'_>, descriptor: Option<&Dict<'_>>) -> Vec<(f64, Option<Box<str>>)> {
    let in_bounds = |holder: &Dict<'_>, key: &str| {
        let stream = holder.get::<Stream<'_>>(key);
        stream.is_none_or(|s| bounded(&s, LARGEST_PROGRAM) != Err(super::decode::DecodeError::TooLarge))
    };
    let readable = in_bounds(dict, "ToUnicode")
        && descriptor
            .is_none_or(|d| ["FontFile", "FontFile2", "FontFile3"].iter().all(|key| in_bounds(d, key)));
    let fonts: FontResolverFn = Arc::new(|query| match query {
        FontQuery::Standard(font) => Some(font.get_font_data()),
        FontQuery::Fallback(font) => Some(font.pick_standard_font().get_font_data()),
    });
    let cmaps: CMapResolverFn = Arc::new(load_embedded);
    let cache = FontCache::new();
    let font = readable.then(|| cache.font(dict, &fonts, &cmaps)).flatten();
    // A map that is only a name says that codes are Unicode.
    let own = dict.get::<Name<'_>>("ToUnicode").and_then(|_| to_unicode(dict));
    let names = names::differences(dict);
    let by_code = NamesByCode::of(&names);
    let mut by_glyph: Option<HashMap<u32, char>> = None;
    let code = |code: u32| {
        let Some(font) = &font else {
            let ascii = char::from_u32(code).filter(|c| (' '..='~').contains(c));
            return (500.0, ascii.map(|c| c.to_string().into_boxed_str()));
        };
        let glyph = font.map_code(code);
        let unicode = match font.glyph(glyph, code) {
            FontGlyph::Outline(glyph) => glyph.as_unicode(),
            FontGlyph::Type3(glyph) => glyph.as_unicode(),
        };
        let unicode =
            own.as_ref().and_then(|m| m.lookup_bf_string(code)).and_then(sane).or(unicode.and_then(sane));
        let text = match unicode {
            Some(Meaning::Char(c)) => Some(c.to_string()),
            Some(Meaning::Text(text)) => Some(text),
            _ => names.get(&code).and_then(|name| by_code.text(name, code)).or_else(|| {
                let by_glyph = by_glyph.get_or_insert_with(|| {
                    descriptor.and_then(sfnt).map(|data| characters(&data)).unwrap_or_default()
                });
                by_glyph.get(&glyph.to_u32()).map(char::to_string)
            }),
        };
        (font.code_advance(code).x, text.map(String::into_boxed_str))
    };
    (0..256).map(code).collect()
}

/// The letters' size of a Type 3 font for a size of 1: such fonts have a scale of their own.
fn type3_scale(dict: &Dict<'_>, codes: &[(f64, Option<Box<str>>)]) -> f64 {
    let matrix = dict.get::<[f64; 6]>("FontMatrix").unwrap_or([0.001, 0.0, 0.0, 0.001, 0.0, 0.0]);
    let plain = 1000.0 * matrix[3].abs();
    if (0.2..5.0).contains(&plain) {
        return 1.0;
    }
    // An em is about twice the width of a middle letter.
    let mut advances: Vec<f64> = codes.iter().map(|(a, _)| a.abs()).filter(|a| *a > 0.0).collect();
    advances.sort_by(f64::total_cmp);
    advances.get(advances.len() / 2).map_or(1.0, |a| 2.0 * a / 1000.0)
}
