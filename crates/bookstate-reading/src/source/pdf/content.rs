//! The content of a page, followed for its text: what is shown where in which font, and where pictures are.
//!
//! An interpreter of our own over the library's parser, because a page of unknown origin needs a budget at every
//! step, and because text needs what drawing does not: marked content, codes, names of fonts. Paths, colours and
//! clips are passed over; images are not decoded.
//!
//! Invariants: nothing recurses but forms, which the budget counts; what is damaged is passed over; what is over
//! budget ends the page with the reason.

use super::budget::{Budget, OverBudget};
use super::decode::{DecodeError, bounded};
use super::font::Font;
use super::glyphs::{Collector, Placed};
use super::strings;
use hayro_syntax::content::UntypedIter;
use hayro_syntax::object::{
    Array, Dict, Name, Object, ObjectIdentifier, Rect as PdfRect, Stream, String as PdfString,
};
use hayro_syntax::page::Page;
use kurbo::{Affine, Point, Rect};

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Deeper nesting of saved states is not kept.
const DEEPEST_STATE: usize = 512;
/// More nested marks are not told apart.
const DEEPEST_MARK: usize = 256;
/// Fonts of a file that are kept.
const MOST_FONTS: usize = 2_000;

/// The fonts of a file, by their object.
#[derive(Default)]
pub(super) struct Fonts(Mutex<HashMap<ObjectIdentifier, Arc<Font>>>);

impl Fonts {
    fn of(&self, id: ObjectIdentifier, dict: &Dict<'_>) -> Arc<Font> {
        if let Some(font) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Arc::clone(font);
        }
        let font = Arc::new(Font::load(dict));
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_FONTS {
            known.insert(id, Arc::clone(&font));
        }
        font
    }
}

/// Follows a page; what it shows goes to `out`.
pub(super) fn follow<'a>(
    page: &Page<'a>,
    fonts: &Fonts,
    hidden: &HashSet<ObjectIdentifier>,
    out: &mut Collector,
) -> Result<(), OverBudget> {
    let mut reader = Reader { fonts, hidden, out, budget: Budget::new(), by_place: Vec::new() };
    let upright = Affine::new(page.initial_transform(true).as_coeffs());
    let resources = page.raw().get::<Dict<'a>>("Resources").map(Resources::of);
    let resources = resources.unwrap_or_else(|| Resources {
        fonts: page.resources().fonts.clone(),
        forms: page.resources().x_objects.clone(),
        properties: page.resources().properties.clone(),
        states: page.resources().ext_g_states.clone(),
    });
    let mut content = Vec::new();
    let streams: Vec<Stream<'a>> = match page.raw().get::<Object<'a>>("Contents") {
        Some(Object::Stream(stream)) => vec![stream],
        Some(Object::Array(all)) => all.iter::<Stream<'a>>().collect(),
        _ => Vec::new(),
    };
    for stream in streams {
        if let Some(part) = reader.unpack(&stream)? {
            content.extend(part);
            content.push(b' ');
        }
    }
    reader.run(&content, &resources, upright)?;
    for annotation in page.raw().get::<Array<'a>>("Annots").into_iter().flat_map(|a| a.iter::<Dict<'a>>()) {
        reader.budget.step()?;
        reader.annotation(&annotation, &resources, upright)?;
    }
    Ok(())
}

#[derive(Clone)]
struct Resources<'a> {
    fonts: Dict<'a>,
    forms: Dict<'a>,
    properties: Dict<'a>,
    states: Dict<'a>,
}

impl<'a> Resources<'a> {
    fn of(dict: Dict<'a>) -> Self {
        let part = |key: &str| dict.get::<Dict<'a>>(key).unwrap_or_else(Dict::empty);
        Self {
            fonts: part("Font"),
            forms: part("XObject"),
            properties: part("Properties"),
            states: part("ExtGState"),
        }
    }
}

#[derive(Clone)]
struct State {
    ctm: Affine,
    font: Option<Arc<Font>>,
    size: f64,
    letter_space: f64,
    word_space: f64,
    stretch: f64,
    leading: f64,
    rise: f64,
}

/// What a marked piece of content means for its text.
enum Mark {
    Plain,
    /// It is shown by no reader.
    Hidden,
    /// It lies over the page.
    Watermark,
    /// It stands for this text; its glyphs begin here.
    Means(String, usize),
}

struct Reader<'r> {
    fonts: &'r Fonts,
    hidden: &'r HashSet<ObjectIdentifier>,
    out: &'r mut Collector,
    budget: Budget,
    /// Fonts that have no object of their own, by their place in the file.
    by_place: Vec<(usize, Arc<Font>)>,
}

impl Reader<'_> {
    fn unpack(&mut self, stream: &Stream<'_>) -> Result<Option<Vec<u8>>, OverBudget> {
        match bounded(stream, self.budget.stream_limit()) {
            Ok(bytes) => self.budget.unpacked(bytes.len()).map(|()| Some(bytes)),
            Err(DecodeError::TooLarge) => Err(OverBudget::Bytes),
            Err(DecodeError::Unreadable) => Ok(None),
        }
    }

    /// A font, which is known by its object; one that is written in place is known by its place.
    fn font(&mut self, id: Option<ObjectIdentifier>, dict: &Dict<'_>) -> Arc<Font> {
        if let Some(id) = id {
            return self.fonts.of(id, dict);
        }
        let place = dict.data().as_ptr().addr();
        if let Some((_, font)) = self.by_place.iter().find(|(known, _)| *known == place) {
            return Arc::clone(font);
        }
        let font = Arc::new(Font::load(dict));
        self.by_place.push((place, Arc::clone(&font)));
        font
    }

    fn run(&mut self, content: &[u8], resources: &Resources<'_>, ctm: Affine) -> Result<(), OverBudget> {
        let mut state = State {
            ctm,
            font: None,
            size: 0.0,
            letter_space: 0.0,
            word_space: 0.0,
            stretch: 1.0,
            leading: 0.0,
            rise: 0.0,
        };
        let mut saved: Vec<State> = Vec::new();
        let mut marks: Vec<Mark> = Vec::new();
        let (mut text, mut line) = (Affine::IDENTITY, Affine::IDENTITY);
        let mut operations = UntypedIter::new(content);
        while let Some(operation) = operations.next() {
            self.budget.step()?;
            let mut number = [0.0_f64; 6];
            let mut numbers = 0;
            for object in operation.operands() {
                if let (Object::Number(n), Some(slot)) = (object, number.get_mut(numbers)) {
                    *slot = n.as_f64();
                    numbers += 1;
                }
            }
            let [a, b, c, d, e, f] = number;
            match &**operation.operator {
                b"q" if saved.len() < DEEPEST_STATE => saved.push(state.clone()),
                b"Q" => state = saved.pop().unwrap_or(state),
                b"cm" if numbers == 6 => state.ctm *= Affine::new(number),
                b"BT" => (text, line) = (Affine::IDENTITY, Affine::IDENTITY),
                b"Tc" => state.letter_space = a,
                b"Tw" => state.word_space = a,
                b"Tz" => state.stretch = a / 100.0,
                b"TL" => state.leading = a,
                b"Ts" => state.rise = a,
                b"Tf" => {
                    state.size = a;
                    if let Some(Object::Name(name)) = operation.operands().next() {
                        let id = resources.fonts.get_ref(&**name).map(Into::into);
                        state.font =
                            resources.fonts.get::<Dict<'_>>(&**name).map(|dict| self.font(id, &dict));
                    }
                }
                b"gs" => {
                    let named = name(operation.operands().next());
                    let change = named.and_then(|n| resources.states.get::<Dict<'_>>(n));
                    if let Some(set) = change.and_then(|c| c.get::<Array<'_>>("Font")) {
                        let mut items = set.iter::<Object<'_>>();
                        if let (Some(Object::Dict(dict)), Some(Object::Number(size))) =
                            (items.next(), items.next())
                        {
                            state.font = Some(self.font(None, &dict));
                            state.size = size.as_f64();
                        }
                    }
                }
                b"Td" | b"TD" => {
                    if &**operation.operator == b"TD" {
                        state.leading = -b;
                    }
                    line *= Affine::translate((a, b));
                    text = line;
                }
                b"Tm" if numbers == 6 => {
                    line = Affine::new([a, b, c, d, e, f]);
                    text = line;
                }
                b"T*" => {
                    line *= Affine::translate((0.0, -state.leading));
                    text = line;
                }
                operator @ (b"Tj" | b"'" | b"\"" | b"TJ") => {
                    if operator == b"\"" {
                        (state.word_space, state.letter_space) = (a, b);
                    }
                    if matches!(operator, b"'" | b"\"") {
                        line *= Affine::translate((0.0, -state.leading));
                        text = line;
                    }
                    let shown = Shown { state: &state, marks: &marks };
                    match operation.operands().last() {
                        Some(Object::String(string)) => self.show(&shown, string.as_bytes(), &mut text)?,
                        Some(Object::Array(pieces)) => {
                            for piece in pieces.iter::<Object<'_>>() {
                                match piece {
                                    Object::String(s) => self.show(&shown, s.as_bytes(), &mut text)?,
                                    Object::Number(n) => {
                                        shown.move_on(&mut text, -n.as_f64() / 1000.0 * state.size)
                                    }
                                    _ => {}
                                }
                            }
                        }
                        _ => {}
                    }
                }
                b"BMC" if marks.len() < DEEPEST_MARK => marks.push(Mark::Plain),
                b"BDC" if marks.len() < DEEPEST_MARK => {
                    let mut operands = operation.operands();
                    let (tag, properties) = (name(operands.next()), operands.next());
                    marks.push(self.mark(tag.unwrap_or_default(), properties, resources));
                }
                b"EMC" => {
                    if let Some(Mark::Means(meaning, first)) = marks.pop() {
                        self.out.stands_for(first, &meaning);
                    }
                }
                b"BI" => self.picture(state.ctm),
                b"Do" => {
                    let hidden = marks.iter().any(|m| matches!(m, Mark::Hidden));
                    let object = name(operation.operands().next())
                        .and_then(|n| resources.forms.get::<Stream<'_>>(n))
                        .filter(|_| !hidden);
                    if let Some(object) = object {
                        let watermark = marks.iter().any(|m| matches!(m, Mark::Watermark));
                        self.draw(&object, resources, state.ctm, watermark)?;
                    }
                }
                _ => {}
            }
        }
        // A piece that is not closed ends with the content.
        for mark in marks {
            if let Mark::Means(meaning, first) = mark {
                self.out.stands_for(first, &meaning);
            }
        }
        Ok(())
    }

    fn mark(&self, tag: &[u8], properties: Option<&Object<'_>>, resources: &Resources<'_>) -> Mark {
        let held = match properties {
            Some(Object::Dict(dict)) => Some(dict.clone()),
            Some(Object::Name(name)) => {
                let key: &[u8] = name.as_ref();
                if tag == b"OC"
                    && resources.properties.get_ref(key).is_some_and(|id| self.hidden.contains(&id.into()))
                {
                    return Mark::Hidden;
                }
                resources.properties.get::<Dict<'_>>(key)
            }
            _ => None,
        };
        let Some(held) = held else { return Mark::Plain };
        if let Some(text) = held.get::<PdfString<'_>>("ActualText") {
            let text = strings::decode(text.as_bytes()).unwrap_or_default();
            return Mark::Means(text, self.out.placed());
        }
        let subtype = held.get::<Name<'_>>("Subtype");
        if tag == b"Artifact" && subtype.is_some_and(|s| s.as_ref() == b"Watermark") {
            return Mark::Watermark;
        }
        Mark::Plain
    }

    fn show(&mut self, shown: &Shown<'_>, bytes: &[u8], text: &mut Affine) -> Result<(), OverBudget> {
        let state = shown.state;
        let Some(font) = &state.font else { return Ok(()) };
        let hidden = shown.marks.iter().any(|m| matches!(m, Mark::Hidden));
        let watermark = shown.marks.iter().any(|m| matches!(m, Mark::Watermark));
        let mut at = 0;
        while let Some(code) = font.shown(bytes, at) {
            at += code.bytes;
            self.budget.glyph()?;
            let advance = code.advance / 1000.0;
            if !hidden {
                let set = Affine::new([state.size * state.stretch, 0.0, 0.0, state.size, 0.0, state.rise]);
                // A vertical sign hangs from its origin; layout wants its foot.
                let (from, to) = match font.is_vertical() {
                    true => (Point::new(-0.5, -0.88), Point::new(0.5, -0.88)),
                    false => (Point::ZERO, Point::new(advance, 0.0)),
                };
                let to_page = state.ctm * *text * set;
                self.out.add(Placed {
                    to_page,
                    from: to_page * from,
                    to: to_page * to,
                    scale: font.scale,
                    style: font.style,
                    meaning: code.text,
                    watermark,
                });
            }
            let word = if code.is_space { state.word_space } else { 0.0 };
            shown.move_on(text, advance * state.size + state.letter_space + word);
        }
        Ok(())
    }

    fn draw(
        &mut self,
        object: &Stream<'_>,
        resources: &Resources<'_>,
        ctm: Affine,
        watermark: bool,
    ) -> Result<(), OverBudget> {
        let dict = object.dict();
        let in_hidden_layer = dict.get_ref("OC").is_some_and(|id| self.hidden.contains(&id.into()));
        let kind = dict.get::<Name<'_>>("Subtype").map(|n| n.to_vec()).unwrap_or_default();
        if in_hidden_layer {
            return Ok(());
        }
        if kind == b"Image" {
            self.picture(ctm);
            return Ok(());
        }
        if kind != b"Form" || !self.budget.enter() {
            return Ok(());
        }
        if let Some(content) = self.unpack(object)? {
            let own = dict.get::<Dict<'_>>("Resources").map(Resources::of);
            let matrix =
                Affine::new(dict.get::<[f64; 6]>("Matrix").unwrap_or([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]));
            let before = self.out.overlay(watermark);
            let done = self.run(&content, own.as_ref().unwrap_or(resources), ctm * matrix);
            self.out.overlay(before);
            done?;
        }
        self.budget.leave();
        Ok(())
    }

    fn picture(&mut self, ctm: Affine) {
        let area = ctm.transform_rect_bbox(Rect::new(0.0, 0.0, 1.0, 1.0));
        self.out.picture(area);
    }

    /// What an annotation shows: notes, stamps, the fields of a form.
    fn annotation(
        &mut self,
        annotation: &Dict<'_>,
        resources: &Resources<'_>,
        upright: Affine,
    ) -> Result<(), OverBudget> {
        const HIDDEN: i32 = (1 << 1) | (1 << 5);
        let kind = annotation.get::<Name<'_>>("Subtype").map(|n| n.to_vec()).unwrap_or_default();
        let flags = annotation.get::<i32>("F").unwrap_or(0);
        if matches!(kind.as_slice(), b"Link" | b"Popup" | b"Text") || flags & HIDDEN != 0 {
            return Ok(());
        }
        let looks = annotation.get::<Dict<'_>>("AP").and_then(|ap| ap.get::<Object<'_>>("N"));
        let look = match looks {
            Some(Object::Stream(stream)) => stream,
            Some(Object::Dict(states)) => {
                let state = annotation.get::<Name<'_>>("AS");
                let Some(stream) = state.and_then(|s| states.get::<Stream<'_>>(&*s)) else { return Ok(()) };
                stream
            }
            _ => return Ok(()),
        };
        let (Some(area), Some(own)) = (annotation.get::<PdfRect>("Rect"), look.dict().get::<PdfRect>("BBox"))
        else {
            return Ok(());
        };
        let matrix =
            Affine::new(look.dict().get::<[f64; 6]>("Matrix").unwrap_or([1.0, 0.0, 0.0, 1.0, 0.0, 0.0]));
        let own = matrix.transform_rect_bbox(Rect::new(own.x0, own.y0, own.x1, own.y1));
        if own.width() <= 0.0 || own.height() <= 0.0 {
            return Ok(());
        }
        let (sx, sy) = ((area.x1 - area.x0) / own.width(), (area.y1 - area.y0) / own.height());
        let fit = Affine::new([sx, 0.0, 0.0, sy, area.x0 - own.x0 * sx, area.y0 - own.y0 * sy]);
        self.draw(&look, resources, upright * fit, false)
    }
}

struct Shown<'s> {
    state: &'s State,
    marks: &'s [Mark],
}

impl Shown<'_> {
    fn move_on(&self, text: &mut Affine, by: f64) {
        let vertical = self.state.font.as_ref().is_some_and(|f| f.is_vertical());
        *text *= if vertical {
            Affine::translate((0.0, by))
        } else {
            Affine::translate((by * self.state.stretch, 0.0))
        };
    }
}

fn name<'o>(object: Option<&'o Object<'_>>) -> Option<&'o [u8]> {
    match object {
        Some(Object::Name(name)) => Some(name.as_ref()),
        _ => None,
    }
}

/// The layers that are off when the file is opened.
pub(super) fn hidden_layers(catalog: &Dict<'_>) -> HashSet<ObjectIdentifier> {
    let off = || catalog.get::<Dict<'_>>("OCProperties")?.get::<Dict<'_>>("D")?.get::<Array<'_>>("OFF");
    let Some(off) = off() else { return HashSet::new() };
    off.raw_iter().take(10_000).filter_map(|layer| layer.as_obj_ref().map(Into::into)).collect()
}
