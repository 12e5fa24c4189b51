//! The glyphs that a page draws, with Unicode, position and size, upright and in page coordinates.
//!
//! Invariants: y grows downwards; all glyphs are of the page's prevailing text direction, turned so that it
//! runs to the right; ligatures, separate accents and special spaces are already resolved. Not here: what
//! stands on one line (`lines`).

use hayro_cmap::BfString;
use hayro_interpret::font::{Glyph as PdfGlyph, GlyphRun};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
    InterpreterSettings, SoftMask, interpret_page,
};
use hayro_syntax::page::Page;
use hayro_syntax::xref::XRef;
use kurbo::{Affine, BezPath, Point, Rect};
use unicode_normalization::char::compose;

/// A page on which more than this share of the glyphs has no Unicode is no text.
const MOSTLY_UNMAPPED: f64 = 0.7;
/// Glyphs whose direction deviates from an axis by more than this (as a slope) are decoration, a watermark
/// say.
const MAX_SLOPE: f64 = 0.2;

/// One drawn glyph. Lengths are in points.
#[derive(Debug, Clone)]
pub(super) struct Glyph {
    /// Left end, on the baseline.
    pub(super) x0: f64,
    /// Right end: the origin of the next glyph.
    pub(super) x1: f64,
    /// Baseline, growing downwards.
    pub(super) y: f64,
    /// Font size as drawn.
    pub(super) size: f64,
    /// What it stands for; a ligature stands for several characters.
    pub(super) text: String,
}

impl Glyph {
    pub(super) fn is_space(&self) -> bool {
        self.text.chars().all(char::is_whitespace)
    }
}

/// What a page draws, as far as text is concerned.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    pub(super) glyphs: Vec<Glyph>,
    pub(super) has_image: bool,
    unmapped: usize,
}

impl Drawn {
    /// Most glyphs have no Unicode: what text there is would be noise.
    pub(super) fn is_mostly_unmapped(&self) -> bool {
        let all = self.glyphs.iter().filter(|g| !g.is_space()).count();
        all > 0 && self.unmapped as f64 > MOSTLY_UNMAPPED * all as f64
    }
}

pub(super) fn collect<'a>(
    page: &Page<'a>,
    xref: &'a XRef,
    cache: &InterpreterCache<'a>,
    settings: InterpreterSettings,
) -> Drawn {
    let upright = Affine::new(page.initial_transform(true).as_coeffs());
    let (width, height) = page.render_dimensions();
    let bounds = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let mut context = Context::new(upright, bounds, cache, xref, settings);
    let mut collector = Collector::default();
    interpret_page(page, &mut context, &mut collector);
    collector.into_drawn()
}

#[derive(Default)]
struct Collector {
    /// By direction: to the right, down, to the left, up.
    by_direction: [Vec<Glyph>; 4],
    has_image: bool,
    unmapped: usize,
}

impl Collector {
    fn add(&mut self, glyph: &PdfGlyph<'_>, to_page: Affine) {
        let advance = match glyph {
            PdfGlyph::Outline(outline) => outline.advance_width(),
            PdfGlyph::Type3(type3) => type3.advance_width(),
        };
        let start = to_page * Point::ZERO;
        let end = to_page * Point::new(f64::from(advance.unwrap_or(500.0)), 0.0);
        let [a, b, c, d, ..] = to_page.as_coeffs();
        let size = 1000.0 * c.hypot(d);
        if ![start.x, start.y, end.x, end.y, size].iter().all(|v| v.is_finite()) {
            return;
        }
        let (direction, x0, x1, y) = if b.abs() <= MAX_SLOPE * a.abs() {
            if a >= 0.0 { (0, start.x, end.x, start.y) } else { (2, -start.x, -end.x, -start.y) }
        } else if a.abs() <= MAX_SLOPE * b.abs() {
            if b >= 0.0 { (1, start.y, end.y, -start.x) } else { (3, -start.y, -end.y, start.x) }
        } else {
            return;
        };
        let text = match glyph.as_unicode() {
            Some(BfString::Char(c)) => plain(&[c]),
            Some(BfString::String(s)) => plain(&s.chars().collect::<Vec<_>>()),
            None => {
                self.unmapped += 1;
                char::REPLACEMENT_CHARACTER.to_string()
            }
        };
        if text.is_empty() {
            return;
        }
        let glyph = Glyph { x0: x0.min(x1), x1: x0.max(x1), y, size, text };
        if let Some(glyphs) = self.by_direction.get_mut(direction) {
            let merged = glyphs.last_mut().is_some_and(|last| merge_accent(last, &glyph));
            if !merged {
                glyphs.push(glyph);
            }
        }
    }

    fn into_drawn(self) -> Drawn {
        let Self { by_direction, has_image, unmapped } = self;
        // The first of equals, so that a page with as much upright as turned text is read upright.
        let glyphs = by_direction.into_iter().rev().max_by_key(Vec::len).unwrap_or_default();
        Drawn { glyphs, has_image, unmapped }
    }
}

impl<'a> Device<'a> for Collector {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        for glyph in run.glyphs() {
            self.add(glyph, props.transform * glyph.transform());
        }
    }

    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {
        self.has_image = true;
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

/// A glyph's characters as a reader would type them: ligatures spelled out, spaces plain, control characters
/// gone, private ones marked as unknown.
fn plain(chars: &[char]) -> String {
    let mut text = String::new();
    for c in chars {
        match c {
            '\u{fb00}' => text.push_str("ff"),
            '\u{fb01}' => text.push_str("fi"),
            '\u{fb02}' => text.push_str("fl"),
            '\u{fb03}' => text.push_str("ffi"),
            '\u{fb04}' => text.push_str("ffl"),
            '\u{fb05}' | '\u{fb06}' => text.push_str("st"),
            '\u{ad}' => text.push('-'),
            '\u{200b}'..='\u{200f}' | '\u{feff}' => {}
            '\u{e000}'..='\u{f8ff}' => text.push(char::REPLACEMENT_CHARACTER),
            c if c.is_whitespace() => text.push(' '),
            c if c.is_control() => {}
            c => text.push(*c),
        }
    }
    text
}

/// Old fonts draw an accented letter as an accent and a letter over each other: makes one glyph of the two,
/// in either order, and says whether it did.
fn merge_accent(last: &mut Glyph, next: &Glyph) -> bool {
    let (Some(a), Some(b)) = (only_char(&last.text), only_char(&next.text)) else { return false };
    let composed = match (combining(a), combining(b)) {
        (Some(mark), None) => compose(b, mark),
        (None, Some(mark)) => compose(a, mark),
        _ => None,
    };
    let Some(composed) = composed else { return false };
    let overlap = last.x1.min(next.x1) - last.x0.max(next.x0);
    let narrower = (last.x1 - last.x0).min(next.x1 - next.x0);
    let near = (last.y - next.y).abs() < 0.6 * last.size.max(next.size);
    if !near || overlap < 0.5 * narrower {
        return false;
    }
    let letter = if combining(a).is_some() { next.clone() } else { last.clone() };
    *last = Glyph { text: composed.to_string(), ..letter };
    true
}

fn only_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// The combining mark that a spacing accent stands for.
fn combining(accent: char) -> Option<char> {
    Some(match accent {
        '`' | '\u{300}' => '\u{300}',
        '´' | '\u{301}' => '\u{301}',
        'ˆ' | '^' | '\u{302}' => '\u{302}',
        '˜' | '~' | '\u{303}' => '\u{303}',
        '¯' | '\u{304}' => '\u{304}',
        '˘' | '\u{306}' => '\u{306}',
        '˙' | '\u{307}' => '\u{307}',
        '¨' | '\u{308}' => '\u{308}',
        '˚' | '\u{30a}' => '\u{30a}',
        '˝' | '\u{30b}' => '\u{30b}',
        'ˇ' | '\u{30c}' => '\u{30c}',
        '¸' | '\u{327}' => '\u{327}',
        '˛' | '\u{328}' => '\u{328}',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glyph(text: &str, x0: f64, x1: f64) -> Glyph {
        Glyph { x0, x1, y: 100.0, size: 10.0, text: text.to_owned() }
    }

    #[test]
    fn an_accent_joins_the_letter_it_is_drawn_over() {
        let mut accent = glyph("¨", 10.0, 15.0);
        assert!(merge_accent(&mut accent, &glyph("u", 10.0, 15.5)));
        assert_eq!((accent.text.as_str(), accent.x1), ("ü", 15.5));
        let mut letter = glyph("u", 10.0, 15.5);
        assert!(merge_accent(&mut letter, &glyph("¨", 10.0, 15.0)));
        assert_eq!(letter.text, "ü");
        let mut apart = glyph("¨", 10.0, 15.0);
        assert!(
            !merge_accent(&mut apart, &glyph("u", 15.0, 20.0)),
            "beside each other they are two characters"
        );
    }

    #[test]
    fn ligatures_are_spelled_out() {
        assert_eq!(plain(&['\u{fb03}', '\u{a0}', '\u{7}', '\u{e001}']), "ffi \u{fffd}");
    }
}
