//! The glyphs that a page shows, with Unicode, place, size and style, upright and in page coordinates.
//!
//! Invariants: y grows downwards; glyphs are sorted by the direction in which they are read, and the page is turned
//! to the prevailing one; ligatures, separate accents and special spaces are already resolved; text that lies across
//! the page is set aside. Not here: what stands on one line.

use super::font::Meaning;
use super::style::FontStyle;
use crate::page::{Block, Rect, SetAsideReason, Style};
use crate::text::layout::{Glyph, layout};
use kurbo::{Affine, Point};
use unicode_normalization::char::compose;

/// A page on which more than this share of the glyphs has no Unicode is no text.
const MOSTLY_UNMAPPED: f64 = 0.7;
/// Glyphs whose direction deviates from an axis by more than this (as a slope) lie across the page.
const MAX_SLOPE: f64 = 0.2;
/// More pictures of a page are not listed.
const MOST_PICTURES: usize = 2_000;

/// A code that was shown.
pub(super) struct Placed<'f> {
    /// From the text's space, one size wide and high, to the page.
    pub(super) to_page: Affine,
    pub(super) from: Point,
    pub(super) to: Point,
    pub(super) scale: f64,
    pub(super) style: FontStyle,
    pub(super) meaning: Meaning<'f>,
    pub(super) watermark: bool,
}

/// Gathers what a page shows.
#[derive(Default)]
pub(super) struct Collector {
    glyphs: Vec<(Direction, Glyph)>,
    pictures: Vec<Rect>,
    unmapped: usize,
    overlay: bool,
}

/// The direction in which a glyph is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Right,
    Down,
    Left,
    Up,
    /// Across the page: a watermark, a stamp.
    Across,
}

/// What a page shows, laid out.
pub(super) struct Drawn {
    pub(super) blocks: Vec<Block>,
    pub(super) pictures: Vec<Rect>,
    pub(super) set_aside: Vec<(SetAsideReason, String)>,
    /// Width and height as it is read.
    pub(super) size: (f32, f32),
    /// It has glyphs, and what they stand for is not known.
    pub(super) is_mostly_unmapped: bool,
}

impl Collector {
    /// How many glyphs there are so far.
    pub(super) fn placed(&self) -> usize {
        self.glyphs.len()
    }

    /// Says whether what follows lies over the page; gives back what held before.
    pub(super) fn overlay(&mut self, overlay: bool) -> bool {
        std::mem::replace(&mut self.overlay, overlay)
    }

    pub(super) fn picture(&mut self, area: kurbo::Rect) {
        let place = Rect::new(area.x0 as f32, area.y0 as f32, area.x1 as f32, area.y1 as f32);
        if self.pictures.len() < MOST_PICTURES && place.width().is_finite() && place.height().is_finite() {
            self.pictures.push(place);
        }
    }

    pub(super) fn add(&mut self, placed: Placed<'_>) {
        let Placed { to_page, from, to, scale, style, meaning, watermark } = placed;
        let [a, b, c, d, ..] = to_page.as_coeffs();
        let size = scale * c.hypot(d);
        if ![from.x, from.y, to.x, to.y, size].iter().all(|v| v.is_finite() && v.abs() < 1e7) {
            return;
        }
        let (direction, x0, x1, y) = if watermark || self.overlay {
            (Direction::Across, from.x, to.x, from.y)
        } else if b.abs() <= MAX_SLOPE * a.abs() {
            match a >= 0.0 {
                true => (Direction::Right, from.x, to.x, from.y),
                false => (Direction::Left, -from.x, -to.x, -from.y),
            }
        } else if a.abs() <= MAX_SLOPE * b.abs() {
            match b >= 0.0 {
                true => (Direction::Down, from.y, to.y, -from.x),
                false => (Direction::Up, -from.y, -to.y, from.x),
            }
        } else {
            (Direction::Across, from.x, to.x, from.y)
        };
        let mut buffer = [0; 4];
        let text = match &meaning {
            Meaning::Known(text) => plain(text),
            Meaning::Char(c) => plain(c.encode_utf8(&mut buffer)),
            Meaning::Text(text) => plain(text),
            Meaning::Unknown => char::REPLACEMENT_CHARACTER.to_string(),
        };
        self.unmapped += usize::from(text.contains(char::REPLACEMENT_CHARACTER));
        if text.is_empty() {
            return;
        }
        let size = size as f32;
        let FontStyle { bold, italic, monospace } = style;
        let glyph = Glyph {
            x0: x0.min(x1) as f32,
            x1: x0.max(x1) as f32,
            y: y as f32,
            size,
            text,
            style: Style { size, bold, italic, monospace, ..Style::default() },
            drawn: 0,
        };
        let merged = match self.glyphs.last_mut() {
            Some((known, last)) if *known == direction => merge_accent(last, &glyph),
            _ => false,
        };
        if !merged {
            self.glyphs.push((direction, glyph));
        }
    }

    /// The glyphs from the one at `first` on stand for `meaning`, whatever their font says.
    pub(super) fn stands_for(&mut self, first: usize, meaning: &str) {
        let shown: String = self.glyphs.iter().skip(first).map(|(_, g)| g.text.as_str()).collect();
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let meaning = plain(meaning);
        if self.glyphs.len() <= first || letters(&shown) == letters(&meaning) {
            return;
        }
        let unknown = |text: &str| text.matches(char::REPLACEMENT_CHARACTER).count();
        self.unmapped = self.unmapped.saturating_sub(unknown(&shown));
        let mut replaced = self.glyphs.split_off(first).into_iter();
        let Some((direction, mut glyph)) = replaced.next() else { return };
        for (_, next) in
            replaced.filter(|(d, g)| *d == direction && (g.y - glyph.y).abs() < 0.5 * g.size.max(1.0))
        {
            (glyph.x0, glyph.x1) = (glyph.x0.min(next.x0), glyph.x1.max(next.x1));
        }
        if !meaning.is_empty() {
            glyph.text = meaning;
            self.glyphs.push((direction, glyph));
        }
    }

    /// The page, turned so that most of its text is upright. `size` is its size before that.
    pub(super) fn into_drawn(self, size: (f32, f32)) -> Drawn {
        let inked = self.glyphs.iter().filter(|(_, g)| !g.is_space()).count();
        let is_mostly_unmapped = inked > 0 && self.unmapped as f64 > MOSTLY_UNMAPPED * inked as f64;
        let of = |wanted: Direction| self.glyphs.iter().filter(move |(d, _)| *d == wanted);
        // The first of equals, so that a page with as much upright as turned text is read upright.
        let mut directions = [Direction::Right, Direction::Down, Direction::Left, Direction::Up];
        directions.sort_by_key(|d| std::cmp::Reverse(of(*d).count()));
        let [main, ..] = directions;
        let mut drawn = Drawn {
            blocks: Vec::new(),
            pictures: self.pictures.iter().map(|p| turned(*p, main, size)).collect(),
            set_aside: Vec::new(),
            size: if matches!(main, Direction::Down | Direction::Up) { (size.1, size.0) } else { size },
            is_mostly_unmapped,
        };
        if is_mostly_unmapped {
            return drawn;
        }
        let across: String = of(Direction::Across).map(|(_, g)| g.text.as_str()).collect();
        if !across.trim().is_empty() {
            drawn.set_aside.push((SetAsideReason::Watermark, across.trim().to_owned()));
        }
        let mut by_direction: [Vec<Glyph>; 4] = Default::default();
        for (direction, mut glyph) in self.glyphs {
            let (dx, dy) = origin(direction, size);
            (glyph.x0, glyph.x1, glyph.y) = (glyph.x0 + dx, glyph.x1 + dx, glyph.y + dy);
            let at = directions.iter().position(|d| *d == direction);
            if let Some(glyphs) = at.and_then(|at| by_direction.get_mut(at)) {
                glyphs.push(glyph);
            }
        }
        for (i, glyphs) in by_direction.into_iter().enumerate().filter(|(_, g)| !g.is_empty()) {
            let direction = directions.get(i).copied().unwrap_or(main);
            let width = if matches!(direction, Direction::Down | Direction::Up) { size.1 } else { size.0 };
            let mut blocks = layout(glyphs, width);
            if i > 0 {
                // Text that runs in another direction has no place among the page's lines.
                blocks.iter_mut().flat_map(|b| &mut b.lines).for_each(|line| {
                    line.place = None;
                    line.spans.iter_mut().for_each(|span| span.place = None);
                });
            }
            drawn.blocks.append(&mut blocks);
        }
        drawn
    }
}

/// What is to be added to turned coordinates so that they begin at the page's corner again.
fn origin(direction: Direction, (width, height): (f32, f32)) -> (f32, f32) {
    match direction {
        Direction::Right | Direction::Across => (0.0, 0.0),
        Direction::Down => (0.0, width),
        Direction::Left => (width, height),
        Direction::Up => (height, 0.0),
    }
}

fn turned(place: Rect, main: Direction, size: (f32, f32)) -> Rect {
    let (dx, dy) = origin(main, size);
    let Rect { x0, y0, x1, y1 } = place;
    match main {
        Direction::Right | Direction::Across => place,
        Direction::Down => Rect::new(y0 + dx, -x0 + dy, y1 + dx, -x1 + dy),
        Direction::Left => Rect::new(-x0 + dx, -y0 + dy, -x1 + dx, -y1 + dy),
        Direction::Up => Rect::new(-y0 + dx, x0 + dy, -y1 + dx, x1 + dy),
    }
}

/// A glyph's characters as a reader would type them: ligatures spelled out, spaces plain, control characters
/// gone, private ones marked as unknown.
fn plain(text_of_glyph: &str) -> String {
    let mut text = String::with_capacity(text_of_glyph.len());
    for c in text_of_glyph.chars() {
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
            c => text.push(c),
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

    fn glyph(text: &str, x0: f32, x1: f32) -> Glyph {
        Glyph { x0, x1, y: 100.0, size: 10.0, text: text.to_owned(), style: Style::default(), drawn: 0 }
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
        assert_eq!(plain("\u{fb03}\u{a0}\u{7}\u{e001}"), "ffi \u{fffd}");
    }
}
