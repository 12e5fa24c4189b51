//! Pages, and a document of them as PDF bytes.
//!
//! Coordinates are points from the top left corner of the page. The bytes depend on the content only: object
//! numbers are given in order, there is no date and no file id. Streams are not compressed, so that a damaged
//! test file is damaged where the test damaged it. It does not decide where anything goes.

use pdf_writer::types::AnnotationType;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

use super::font::{Font, Style, encode};
use super::lines::{Align, Line};

/// An 8-bit grayscale picture, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrayImage {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `width * height` samples, 0 is black.
    pub samples: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Mark {
    Text { x: f32, y: f32, style: Style, word_space: f32, codes: Vec<u8> },
    Fill { x: f32, y: f32, width: f32, height: f32, gray: f32 },
    Image { x: f32, y: f32, width: f32, height: f32, image: GrayImage },
}

#[derive(Debug, Clone)]
struct Link {
    area: (f32, f32, f32, f32),
    page: usize,
}

/// One page: marks in the order in which they are made.
#[derive(Debug, Clone, Default)]
pub struct Page {
    marks: Vec<Mark>,
    links: Vec<Link>,
}

impl Page {
    /// An empty page.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `text` with its baseline at `y`. Characters without a glyph are left out (see
    /// [`plain_text`](super::plain_text)).
    pub fn text(&mut self, x: f32, y: f32, style: Style, text: &str) {
        self.text_stretched(x, y, style, 0.0, text);
    }

    /// Sets `text` so that it ends at `right`.
    pub fn text_right(&mut self, right: f32, y: f32, style: Style, text: &str) {
        self.text(right - style.width(text), y, style, text);
    }

    /// Sets dots from `from` to `to`, on the same raster for all leaders of a page. Nothing if there is no
    /// room.
    pub fn leader(&mut self, from: f32, to: f32, y: f32, style: Style) {
        let pitch = style.width(". ");
        let (first, end) = ((from / pitch).ceil(), (to / pitch).floor());
        if end - first >= 1.0 {
            // The count of dots on a page is small and positive here.
            let dots = ". ".repeat((end - first) as usize);
            self.text(first * pitch, y, style, dots.trim_end());
        }
    }

    fn text_stretched(&mut self, x: f32, y: f32, style: Style, word_space: f32, text: &str) {
        let codes: Vec<u8> = text.chars().filter_map(encode).collect();
        if !codes.is_empty() {
            self.marks.push(Mark::Text { x, y, style, word_space, codes });
        }
    }

    /// Sets a line in the measure that begins at `x` and is `width` points wide.
    pub fn line(&mut self, x: f32, y: f32, width: f32, line: &Line, align: Align) {
        let free = (width - line.width).max(0.0);
        let spaces = line.spaces();
        let (mut x, word_space) = match align {
            Align::Left => (x, 0.0),
            Align::Centre => (x + free / 2.0, 0.0),
            Align::Right => (x + free, 0.0),
            // A line that is far too short (nothing to break nearby) looks better ragged than torn apart.
            Align::Justified if line.last || free > spaces as f32 * line.size() => (x, 0.0),
            Align::Justified => (x, free / spaces as f32),
        };
        for run in &line.runs {
            self.text_stretched(x, y, run.style, word_space, &run.text);
            x += run.style.width(&run.text) + word_space * run.text.matches(' ').count() as f32;
        }
    }

    /// Fills a rectangle whose upper left corner is at (`x`, `y`); `gray` 0 is black, 1 is white.
    pub fn fill(&mut self, x: f32, y: f32, width: f32, height: f32, gray: f32) {
        self.marks.push(Mark::Fill { x, y, width, height, gray });
    }

    /// Places a picture, its upper left corner at (`x`, `y`).
    pub fn image(&mut self, x: f32, y: f32, width: f32, height: f32, image: GrayImage) {
        self.marks.push(Mark::Image { x, y, width, height, image });
    }

    /// Makes an area a link to the page with index `page` of the same document.
    pub fn link(&mut self, x: f32, y: f32, width: f32, height: f32, page: usize) {
        self.links.push(Link { area: (x, y, width, height), page });
    }

    /// Adds `pages` to the targets of all links: for pages that are put together after they were made.
    pub fn shift_links(&mut self, pages: usize) {
        for link in &mut self.links {
            link.page += pages;
        }
    }
}

/// An entry of the document's outline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bookmark {
    /// What it says.
    pub title: String,
    /// Its depth, from 1.
    pub level: u32,
    /// The index of the page it leads to, from 0.
    pub page: usize,
}

/// A document to be written as PDF.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// The title in the document information.
    pub title: String,
    /// The author in the document information; empty: none.
    pub author: String,
    /// Width and height of all pages in points.
    pub size: (f32, f32),
    /// The pages in order.
    pub pages: Vec<Page>,
    /// The outline in order; empty: none.
    pub outline: Vec<Bookmark>,
}

/// Hands out object numbers in order.
struct Numbers(i32);

impl Numbers {
    fn next(&mut self) -> Ref {
        self.0 += 1;
        Ref::new(self.0)
    }
}

impl Document {
    /// The document as PDF bytes, the same for the same content.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut pdf = Pdf::new();
        let mut numbers = Numbers(0);
        let (catalog, tree, info) = (numbers.next(), numbers.next(), numbers.next());
        let fonts: Vec<(Font, Ref)> = Font::ALL.iter().map(|font| (*font, numbers.next())).collect();
        let pages: Vec<Ref> = self.pages.iter().map(|_| numbers.next()).collect();

        for (font, id) in &fonts {
            pdf.type1_font(*id)
                .base_font(Name(font.base_name().as_bytes()))
                .encoding_predefined(Name(b"WinAnsiEncoding"));
        }
        for (page, id) in self.pages.iter().zip(&pages) {
            self.write_page(&mut pdf, &mut numbers, page, *id, tree, &fonts, &pages);
        }
        pdf.pages(tree).kids(pages.iter().copied()).count(i32::try_from(pages.len()).unwrap_or(i32::MAX));
        let outline = self.write_outline(&mut pdf, &mut numbers, &pages);
        let mut root = pdf.catalog(catalog);
        root.pages(tree);
        if let Some(outline) = outline {
            root.outlines(outline);
        }
        root.finish();
        let mut document_info = pdf.document_info(info);
        document_info.title(TextStr(&self.title));
        if !self.author.is_empty() {
            document_info.author(TextStr(&self.author));
        }
        document_info.producer(TextStr("bookstate typeset"));
        document_info.finish();
        pdf.finish()
    }

    #[expect(clippy::too_many_arguments, reason = "one page of one file: all of it is the file's state")]
    fn write_page(
        &self,
        pdf: &mut Pdf,
        numbers: &mut Numbers,
        page: &Page,
        id: Ref,
        tree: Ref,
        fonts: &[(Font, Ref)],
        pages: &[Ref],
    ) {
        let (width, height) = self.size;
        let contents = numbers.next();
        let mut content = Content::new();
        let mut images = Vec::new();
        for mark in &page.marks {
            match mark {
                Mark::Text { x, y, style, word_space, codes } => {
                    content.begin_text();
                    content.set_fill_gray(0.0);
                    content.set_font(Name(font_name(style.font).as_bytes()), style.size);
                    content.set_word_spacing(*word_space);
                    content.next_line(*x, height - y);
                    content.show(Str(codes));
                    content.end_text();
                }
                Mark::Fill { x, y, width, height: tall, gray } => {
                    content.set_fill_gray(*gray);
                    content.rect(*x, height - y - tall, *width, *tall);
                    content.fill_nonzero();
                }
                Mark::Image { x, y, width, height: tall, image } => {
                    let image_id = numbers.next();
                    images.push(image_id);
                    let mut object = pdf.image_xobject(image_id, &image.samples);
                    object.width(i32::try_from(image.width).unwrap_or(i32::MAX));
                    object.height(i32::try_from(image.height).unwrap_or(i32::MAX));
                    object.color_space().device_gray();
                    object.bits_per_component(8);
                    object.finish();
                    content.save_state();
                    content.transform([*width, 0.0, 0.0, *tall, *x, height - y - tall]);
                    content.x_object(Name(format!("I{}", images.len()).as_bytes()));
                    content.restore_state();
                }
            }
        }
        pdf.stream(contents, &content.finish());
        let links: Vec<Ref> = page.links.iter().map(|_| numbers.next()).collect();
        for (link, link_id) in page.links.iter().zip(&links) {
            let (x, y, wide, tall) = link.area;
            let mut annotation = pdf.annotation(*link_id);
            annotation.subtype(AnnotationType::Link);
            annotation.rect(Rect::new(x, height - y - tall, x + wide, height - y));
            annotation.border(0.0, 0.0, 0.0, None);
            if let Some(target) = pages.get(link.page) {
                annotation
                    .insert(Name(b"Dest"))
                    .start::<pdf_writer::writers::Destination<'_>>()
                    .page(*target)
                    .fit();
            }
        }
        let mut object = pdf.page(id);
        object.media_box(Rect::new(0.0, 0.0, width, height));
        object.parent(tree);
        object.contents(contents);
        if !links.is_empty() {
            object.annotations(links);
        }
        let mut resources = object.resources();
        let mut dict = resources.fonts();
        for (font, font_id) in fonts {
            dict.pair(Name(font_name(*font).as_bytes()), *font_id);
        }
        dict.finish();
        if !images.is_empty() {
            let mut dict = resources.x_objects();
            for (index, image_id) in images.iter().enumerate() {
                dict.pair(Name(format!("I{}", index + 1).as_bytes()), *image_id);
            }
        }
    }

    /// Writes the outline as a tree by level; `None` if there is none.
    fn write_outline(&self, pdf: &mut Pdf, numbers: &mut Numbers, pages: &[Ref]) -> Option<Ref> {
        if self.outline.is_empty() {
            return None;
        }
        let root = numbers.next();
        let ids: Vec<Ref> = self.outline.iter().map(|_| numbers.next()).collect();
        // The parent of an entry is the nearest one before it of a lower level.
        let parents: Vec<Option<usize>> = (0..self.outline.len())
            .map(|index| {
                let level = self.outline.get(index).map_or(1, |bookmark| bookmark.level);
                (0..index).rev().find(|&before| self.outline.get(before).is_some_and(|b| b.level < level))
            })
            .collect();
        let children = |parent: Option<usize>| -> Vec<usize> {
            parents.iter().enumerate().filter(|(_, p)| **p == parent).map(|(index, _)| index).collect()
        };
        let id = |index: usize| ids.get(index).copied().unwrap_or(root);
        let top = children(None);
        let mut outline = pdf.outline(root);
        if let (Some(first), Some(last)) = (top.first(), top.last()) {
            outline.first(id(*first)).last(id(*last)).count(i32::try_from(top.len()).unwrap_or(i32::MAX));
        }
        outline.finish();
        for (index, bookmark) in self.outline.iter().enumerate() {
            let parent = parents.get(index).copied().flatten();
            let siblings = children(parent);
            let place = siblings.iter().position(|sibling| *sibling == index).unwrap_or(0);
            let own = children(Some(index));
            let mut item = pdf.outline_item(id(index));
            item.title(TextStr(&bookmark.title)).parent(parent.map_or(root, id));
            if let Some(before) = place.checked_sub(1).and_then(|before| siblings.get(before)) {
                item.prev(id(*before));
            }
            if let Some(after) = siblings.get(place + 1) {
                item.next(id(*after));
            }
            if let (Some(first), Some(last)) = (own.first(), own.last()) {
                // A negative count: shown closed.
                item.first(id(*first)).last(id(*last)).count(-i32::try_from(own.len()).unwrap_or(i32::MAX));
            }
            if let Some(page) = pages.get(bookmark.page) {
                item.dest().page(*page).fit();
            }
        }
        Some(root)
    }
}

fn font_name(font: Font) -> String {
    format!("F{}", Font::ALL.iter().position(|other| *other == font).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Document {
        let mut page = Page::new();
        page.text(72.0, 100.0, Style::new(Font::Roman, 12.0), "Grüße (from \\ here)");
        page.link(72.0, 90.0, 100.0, 12.0, 0);
        let bookmark = |title: &str, level| Bookmark { title: title.into(), level, page: 0 };
        Document {
            title: "Übersicht".into(),
            author: "A".into(),
            size: (300.0, 400.0),
            pages: vec![page, Page::new()],
            outline: vec![bookmark("One", 1), bookmark("One a", 2), bookmark("Two", 1)],
        }
    }

    #[test]
    fn the_same_document_gives_the_same_bytes() {
        assert_eq!(small().to_bytes(), small().to_bytes());
        let mut other = small();
        other.author.push('b');
        assert_ne!(small().to_bytes(), other.to_bytes());
    }

    #[test]
    fn umlauts_are_winansi_codes() {
        // pdf-writer writes a string that is not ASCII in hexadecimal: "Grüße" in WinAnsi.
        let text = String::from_utf8_lossy(&small().to_bytes()).to_uppercase();
        assert!(text.contains("<4772FCDF65"), "{text}");
    }

    #[test]
    fn a_justified_line_ends_at_the_right_edge() {
        let style = Style::new(Font::Mono, 10.0);
        let line = Line { last: false, ..Line::single("aa bb cc", style) };
        let mut page = Page::new();
        page.line(10.0, 20.0, 60.0, &line, Align::Justified);
        let [Mark::Text { word_space, .. }] = page.marks.as_slice() else { panic!("one piece of text") };
        assert!((line.width + 2.0 * word_space - 60.0).abs() < 0.01);
    }
}
