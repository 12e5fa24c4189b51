//! Text that lies over other text: sorted by place it would be mixed letter by letter.
//!
//! Invariants: every glyph comes back once; a row whose letters do not lie over each other stays as it is, whatever
//! the order in which they were drawn. Letters are told apart by their size, or by the strokes in which they were
//! drawn: what was drawn on from left to right is of one text.

use super::glyph::Glyph;
use super::row::{LARGE, Row};

/// Text is laid over other text when this share of its glyphs is covered.
const COVERED: f32 = 0.5;
/// A glyph lies over the one before it when they share this much of the narrower one.
const OVER: f32 = 0.35;
/// So many, and this share of a row's glyphs, lie over others where two texts do.
const FEWEST_OVER: usize = 3;
const SHARE_OVER: f32 = 0.08;
/// A stroke goes on behind a gap of up to this multiple of the size.
const STROKE_GAP: f32 = 3.0;
/// Strokes of one text may share this much of the size.
const TOUCH: f32 = 0.5;
/// Baselines of one text differ by no more than this share of the size.
const SAME_BASELINE: f32 = 0.08;

/// The row, in several when text lies over text in it.
pub(super) fn uncover(row: Row) -> Vec<Row> {
    match by_size(row) {
        Ok(rows) => rows,
        Err(row) if lies_over_itself(&row) => by_strokes(row),
        Err(row) => vec![row],
    }
}

/// Two rows when text of one size lies over text of another.
fn by_size(row: Row) -> Result<Vec<Row>, Row> {
    let limit = LARGE * row.inked().map(|g| g.size).fold(f32::MAX, f32::min);
    if row.inked().all(|g| g.size < limit) {
        return Err(row);
    }
    let covered = |g: &Glyph| {
        let middle = (g.x0 + g.x1) / 2.0;
        row.inked().any(|l| l.size >= limit && l.x0 <= middle && middle <= l.x1)
    };
    let small = row.inked().filter(|g| g.size < limit);
    let (all, hidden) = small.fold((0, 0), |(all, hidden), g| (all + 1, hidden + usize::from(covered(g))));
    if hidden < 2 || (hidden as f32) < COVERED * all as f32 {
        return Err(row);
    }
    let (small, large): (Vec<Glyph>, Vec<Glyph>) = row.glyphs.into_iter().partition(|g| g.size < limit);
    Ok([Row::new(large), Row::new(small)].into_iter().flatten().collect())
}

fn lies_over_itself(row: &Row) -> bool {
    let (mut all, mut over) = (0_usize, 0_usize);
    let mut widest: Option<&Glyph> = None;
    for glyph in row.inked() {
        all += 1;
        if let Some(last) = widest {
            let narrower = (last.x1 - last.x0).min(glyph.x1 - glyph.x0);
            // The same letter drawn twice is one in fake bold, or with a shadow.
            let same = last.text == glyph.text && glyph.x0 - last.x0 < OVER * glyph.size;
            over += usize::from(!same && narrower > 0.1 * glyph.size && last.x1 - glyph.x0 > OVER * narrower);
        }
        if widest.is_none_or(|last| last.x1 <= glyph.x1) {
            widest = Some(glyph);
        }
    }
    over >= FEWEST_OVER && over as f32 >= SHARE_OVER * all as f32
}

/// Glyphs that were drawn one after the other from left to right.
struct Stroke {
    glyphs: Vec<Glyph>,
    x0: f32,
    x1: f32,
    y: f32,
    size: f32,
}

impl Stroke {
    fn new(glyph: Glyph) -> Self {
        Self { x0: glyph.x0, x1: glyph.x1, y: glyph.y, size: glyph.size, glyphs: vec![glyph] }
    }

    fn is_on_line(&self, y: f32, size: f32) -> bool {
        (self.y - y).abs() <= SAME_BASELINE * self.size.max(size)
    }

    fn goes_on(&self, glyph: &Glyph) -> bool {
        let last = self.glyphs.last().map_or(self.x0, |g| g.x0);
        self.is_on_line(glyph.y, glyph.size)
            && glyph.x0 >= last
            && glyph.x0 - self.x1 < STROKE_GAP * glyph.size.max(1.0)
    }
}

/// One text's strokes.
struct Layer {
    strokes: Vec<Stroke>,
    x0: f32,
    x1: f32,
}

impl Layer {
    fn takes(&self, stroke: &Stroke) -> bool {
        let touch = TOUCH * stroke.size;
        let apart = |x0: f32, x1: f32| stroke.x0 >= x1 - touch || stroke.x1 <= x0 + touch;
        if apart(self.x0, self.x1) {
            return true;
        }
        // Into a hole only on the very same line.
        self.strokes.iter().all(|s| apart(s.x0, s.x1) && s.is_on_line(stroke.y, stroke.size))
    }
}

fn by_strokes(row: Row) -> Vec<Row> {
    let mut glyphs = row.glyphs;
    glyphs.sort_by_key(|g| g.drawn);
    let mut strokes: Vec<Stroke> = Vec::new();
    for glyph in glyphs {
        match strokes.last_mut() {
            Some(stroke) if stroke.goes_on(&glyph) => {
                stroke.x1 = stroke.x1.max(glyph.x1);
                stroke.glyphs.push(glyph);
            }
            _ => strokes.push(Stroke::new(glyph)),
        }
    }
    let mut layers: Vec<Layer> = Vec::new();
    for stroke in strokes {
        let (x0, x1) = (stroke.x0, stroke.x1);
        match layers.iter_mut().rev().find(|layer| layer.takes(&stroke)) {
            Some(layer) => {
                (layer.x0, layer.x1) = (layer.x0.min(x0), layer.x1.max(x1));
                layer.strokes.push(stroke);
            }
            None => layers.push(Layer { strokes: vec![stroke], x0, x1 }),
        }
    }
    let of = |layer: Layer| Row::new(layer.strokes.into_iter().flat_map(|s| s.glyphs).collect());
    layers.into_iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::super::glyph::set;
    use super::super::rows::rows;
    use super::*;

    fn texts(mut glyphs: Vec<Glyph>) -> Vec<String> {
        (0..).zip(&mut glyphs).for_each(|(i, g)| g.drawn = i);
        rows(glyphs).iter().map(|r| r.glyphs.iter().map(|g| g.text.as_str()).collect()).collect()
    }

    #[test]
    fn text_of_another_size_over_text_is_a_row_of_its_own() {
        let mut glyphs = set("hello large", 50.0, 100.0, 20.0);
        glyphs.extend(set("hello small", 50.0, 100.0, 8.0));
        assert_eq!(texts(glyphs), ["hello large", "hello small"]);
    }

    #[test]
    fn texts_of_one_size_over_each_other_stay_whole() {
        for (dx, dy) in [(2.4, 0.0), (31.7, 0.4), (-12.2, 2.0)] {
            let mut glyphs = set("the text below", 50.0, 100.0, 10.0);
            glyphs.extend(set("and another one", 50.0 + dx, 100.0 + dy, 10.0));
            assert_eq!(texts(glyphs), ["the text below", "and another one"], "{dx} {dy}");
        }
    }

    #[test]
    fn the_order_of_drawing_is_nothing_where_no_text_lies_over_another() {
        let mut glyphs = set("text", 80.0, 100.0, 10.0);
        glyphs.extend(set("first ", 50.0, 100.0, 10.0));
        assert_eq!(texts(glyphs), ["first text"]);
        // Letters whose widths the file states too wide, drawn one by one.
        let mut wide = set("widths are wrong", 50.0, 100.0, 10.0);
        wide.iter_mut().for_each(|g| g.x1 = g.x0 + 10.0);
        assert_eq!(texts(wide), ["widths are wrong"]);
    }
}
