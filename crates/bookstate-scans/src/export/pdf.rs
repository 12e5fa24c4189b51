//! A searchable PDF: the page images as they were, and the words over them, invisible.
//!
//! The words are set in fonts whose glyphs draw nothing, 256 characters each, with their Unicode beside them: no font
//! file is needed, and any script can be searched and copied.

use std::{collections::BTreeMap, io::Write};

use image::DynamicImage;
use miniz_oxide::deflate::compress_to_vec_zlib;
use pdf_writer::{
    Chunk, Content, Filter, Finish, Name, Rect, Ref, Str, TextStr,
    types::{NumberingStyle, SystemInfo, TextRenderingMode, UnicodeCmap},
};

use super::{About, ExportError, OutlineEntry, PageText, writer::PdfFile};
use crate::{
    images::{Codec, Encoded, PageImage, PageImages, Resolution},
    tesseract::turned,
    words::{Area, PageWords},
};

/// How hard images are compressed, of 9.
const LEVEL: u8 = 6;

/// What a page is shown at when nothing says its resolution.
const DPI: f32 = 150.0;

/// Characters of a font.
const PER_FONT: usize = 256;

/// Writes a book as a searchable PDF. `text`: what was read on a page. Blocks.
///
/// # Errors
/// A page's image cannot be had, or the file cannot be written.
pub fn pdf<W: Write>(
    images: &PageImages,
    text: impl Fn(u32) -> Option<PageText>,
    about: &About,
    out: W,
) -> Result<W, ExportError> {
    let mut file = PdfFile::new(out)?;
    let (catalog, tree, info) = (file.number(), file.number(), file.number());
    let mut fonts = Fonts::default();
    let mut pages = Vec::new();
    for page in 1..=images.page_count() {
        pages.push(write_page(&mut file, tree, &mut fonts, images, page, text(page).as_ref())?);
    }
    fonts.write(&mut file)?;
    let mut chunk = Chunk::new();
    chunk.pages(tree).kids(pages.iter().copied()).count(i32::try_from(pages.len()).unwrap_or(i32::MAX));
    file.object(tree, &chunk)?;
    let outline = write_outline(&mut file, &about.outline, &pages)?;
    write_catalog(&mut file, catalog, tree, outline, about)?;
    let mut chunk = Chunk::new();
    let mut document = chunk.indirect(info).start::<pdf_writer::writers::DocumentInfo<'_>>();
    if let Some(title) = &about.title {
        document.title(TextStr(title));
    }
    if let Some(author) = &about.author {
        document.author(TextStr(author));
    }
    document.finish();
    file.object(info, &chunk)?;
    Ok(file.finish(catalog, info)?)
}

fn write_page<W: Write>(
    file: &mut PdfFile<W>,
    tree: Ref,
    fonts: &mut Fonts,
    images: &PageImages,
    number: u32,
    text: Option<&PageText>,
) -> Result<Ref, ExportError> {
    let (page, image, content) = (file.number(), file.number(), file.number());
    let turn = match text {
        Some(PageText::Words(words)) => words.turned,
        _ => 0,
    };
    let picture = write_image(file, image, images, number, turn)?;
    let dpi = match (text, picture.dpi) {
        (_, Some(dpi)) => dpi,
        (Some(PageText::Words(words)), None) if words.dpi > 0.0 => words.dpi,
        _ => DPI,
    };
    let points = 72.0 / dpi;
    let (width, height) = (picture.width as f32 * points, picture.height as f32 * points);
    let mut drawing = Content::new();
    drawing.save_state().transform([width, 0.0, 0.0, height, 0.0, 0.0]);
    drawing.x_object(Name(b"Page")).restore_state();
    let mut used = BTreeMap::new();
    match text {
        Some(PageText::Words(words)) => {
            set_words(file, fonts, &mut used, &mut drawing, words, width, height);
        }
        Some(PageText::Lines(lines)) => {
            let words = spread(lines, picture.width, picture.height);
            set_words(file, fonts, &mut used, &mut drawing, &words, width, height);
        }
        None => {}
    }
    let mut chunk = Chunk::new();
    let bytes = compress_to_vec_zlib(&drawing.finish(), LEVEL);
    chunk.stream(content, &bytes).filter(Filter::FlateDecode);
    file.object(content, &chunk)?;
    let mut chunk = Chunk::new();
    let mut entry = chunk.page(page);
    entry.parent(tree).media_box(Rect::new(0.0, 0.0, width, height)).contents(content);
    let mut resources = entry.resources();
    resources.x_objects().pair(Name(b"Page"), image);
    let mut dictionary = resources.fonts();
    for (name, font) in &used {
        dictionary.pair(Name(name.as_bytes()), *font);
    }
    dictionary.finish();
    resources.finish();
    entry.finish();
    file.object(page, &chunk)?;
    Ok(page)
}

/// What the image of a page was written as.
struct Picture {
    width: u32,
    height: u32,
    dpi: Option<f32>,
}

fn write_image<W: Write>(
    file: &mut PdfFile<W>,
    number: Ref,
    images: &PageImages,
    page: u32,
    turn: u16,
) -> Result<Picture, ExportError> {
    let PageImage { pixels, dpi } = images.image(page, Resolution::Native)?;
    let encoded = if turn == 0 { images.encoded(page)? } else { None };
    let pixels = turned(&pixels, turn);
    let picture = Picture { width: pixels.width(), height: pixels.height(), dpi };
    let side = |side: u32| i32::try_from(side).unwrap_or(i32::MAX);
    let mut chunk = Chunk::new();
    if let Some((bytes, channels)) = encoded.as_ref().and_then(|encoded| jpeg(encoded, &picture)) {
        let mut image = chunk.image_xobject(number, bytes);
        image.width(side(picture.width)).height(side(picture.height));
        image.filter(Filter::DctDecode);
        match channels {
            1 => image.color_space().device_gray(),
            _ => image.color_space().device_rgb(),
        }
        image.bits_per_component(8);
        image.finish();
    } else {
        let (samples, bits, grey) = samples(&pixels);
        let bytes = compress_to_vec_zlib(&samples, LEVEL);
        let mut image = chunk.image_xobject(number, &bytes);
        image.width(side(picture.width)).height(side(picture.height));
        image.filter(Filter::FlateDecode);
        if grey {
            image.color_space().device_gray();
        } else {
            image.color_space().device_rgb();
        }
        image.bits_per_component(bits);
        image.finish();
    }
    file.object(number, &chunk)?;
    Ok(picture)
}

/// The bytes of a JPEG that a PDF can hold as they are, and its channels: upright, grey or in colours of light.
fn jpeg<'a>(encoded: &'a Encoded, picture: &Picture) -> Option<(&'a [u8], u8)> {
    if encoded.codec != Codec::Jpeg {
        return None;
    }
    let bytes = &encoded.bytes;
    let at = |n: usize| bytes.get(n).copied();
    let word = |n: usize| Some(u32::from(at(n)?) << 8 | u32::from(at(n + 1)?));
    let mut place = 2;
    while at(place)? == 0xff {
        let marker = at(place + 1)?;
        if matches!(marker, 0xc0..=0xc2) {
            let (height, width, channels) = (word(place + 5)?, word(place + 7)?, at(place + 9)?);
            // Turned by its EXIF data, it has other sides than the page; by half a turn it is caught below.
            let same = (width, height) == (picture.width, picture.height);
            return (same && matches!(channels, 1 | 3) && !is_turned(bytes)).then_some((bytes, channels));
        }
        place = place.checked_add(2)?.checked_add(usize::try_from(word(place + 2)?).ok()?)?;
    }
    None
}

/// Whether EXIF data say that the image must be turned to stand upright.
fn is_turned(bytes: &[u8]) -> bool {
    let exif = bytes.windows(6).take(1 << 16).position(|w| w == b"Exif\0\0");
    let chunk = exif.and_then(|at| bytes.get(at + 6..));
    let orientation = chunk.and_then(image::metadata::Orientation::from_exif_chunk);
    orientation.is_some_and(|o| o != image::metadata::Orientation::NoTransforms)
}

/// An image's samples as a PDF wants them: the bits of each, and whether it is grey.
fn samples(pixels: &DynamicImage) -> (Vec<u8>, i32, bool) {
    if pixels.color().has_color() {
        return (pixels.to_rgb8().into_raw(), 8, false);
    }
    let grey = pixels.to_luma8();
    if !grey.as_raw().iter().all(|level| matches!(level, 0 | 255)) {
        return (grey.into_raw(), 8, true);
    }
    let width = usize::try_from(grey.width()).unwrap_or(1).max(1);
    let mut bits = Vec::with_capacity(grey.as_raw().len() / 8 + 1);
    for row in grey.as_raw().chunks(width) {
        for eight in row.chunks(8) {
            let byte = eight.iter().enumerate().fold(0, |byte, (n, level)| byte | (level & 1) << (7 - n));
            bits.push(byte);
        }
    }
    (bits, 1, true)
}

/// Sets the words of a page over its image.
fn set_words<W: Write>(
    file: &mut PdfFile<W>,
    fonts: &mut Fonts,
    used: &mut BTreeMap<String, Ref>,
    drawing: &mut Content,
    words: &PageWords,
    width: f32,
    height: f32,
) {
    let (scale_x, scale_y) = (width / words.width.max(1) as f32, height / words.height.max(1) as f32);
    let (sin, cos) = (-words.skew).to_radians().sin_cos();
    drawing.begin_text().set_text_rendering_mode(TextRenderingMode::Invisible);
    for (n, word) in words.words.iter().enumerate() {
        let last = words.words.get(n + 1).is_none_or(|next| next.line != word.line);
        let mut text = word.text.clone();
        if !last {
            text.push(' ');
        }
        let letters = word.text.chars().count().max(1) as f32;
        let size = (word.area.height() * scale_y).max(1.0);
        let stretch = word.area.width() * scale_x / (letters * 0.5 * size);
        let (x, y) = (word.area.x0 * scale_x, height - (word.area.y1 - 0.2 * word.area.height()) * scale_y);
        drawing.set_text_matrix([cos * stretch, sin * stretch, -sin, cos, x, y]);
        for (font, bytes) in fonts.encoded(file, &text) {
            let (name, number) = fonts.named(font);
            drawing.set_font(Name(name.as_bytes()), size).show(Str(&bytes));
            used.insert(name, number);
        }
    }
    drawing.end_text();
}

/// Lines without places, spread over the page, so that they can be found on it.
fn spread(text: &str, width: u32, height: u32) -> PageWords {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let step = height as f32 * 0.9 / lines.len().max(1) as f32;
    let mut words = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        let letters = line.chars().count().max(1) as f32;
        let letter = width as f32 * 0.8 / letters.max(60.0);
        let top = height as f32 * 0.05 + n as f32 * step;
        let mut x = width as f32 * 0.1;
        for word in line.split_whitespace() {
            let end = x + letter * word.chars().count() as f32;
            words.push(crate::words::Word {
                text: word.to_owned(),
                area: Area { x0: x, y0: top, x1: end, y1: top + (step * 0.8).min(letter * 2.0) },
                confidence: 1.0,
                line: u32::try_from(n).unwrap_or(u32::MAX),
                block: 0,
            });
            x = end + letter;
        }
    }
    PageWords { width, height, words, ..PageWords::default() }
}

/// The fonts of a book: which character is which code of which font.
#[derive(Debug, Default)]
struct Fonts {
    codes: BTreeMap<char, usize>,
    characters: Vec<char>,
    numbers: Vec<Ref>,
}

impl Fonts {
    /// A text as stretches of one font each.
    fn encoded<W: Write>(&mut self, file: &mut PdfFile<W>, text: &str) -> Vec<(usize, Vec<u8>)> {
        let mut stretches: Vec<(usize, Vec<u8>)> = Vec::new();
        for character in text.chars().filter(|c| !c.is_control()) {
            let all = self.characters.len();
            let place = *self.codes.entry(character).or_insert(all);
            if place == all {
                self.characters.push(character);
            }
            let (font, code) = (place / PER_FONT, u8::try_from(place % PER_FONT).unwrap_or(0));
            while self.numbers.len() <= font {
                self.numbers.push(file.number());
            }
            match stretches.last_mut().filter(|(last, _)| *last == font) {
                Some((_, codes)) => codes.push(code),
                None => stretches.push((font, vec![code])),
            }
        }
        stretches
    }

    fn named(&self, font: usize) -> (String, Ref) {
        (format!("F{font}"), self.numbers.get(font).copied().unwrap_or(Ref::new(1)))
    }

    fn write<W: Write>(&self, file: &mut PdfFile<W>) -> Result<(), ExportError> {
        if self.numbers.is_empty() {
            return Ok(());
        }
        let nothing = file.number();
        let mut chunk = Chunk::new();
        chunk.stream(nothing, b"500 0 d0");
        file.object(nothing, &chunk)?;
        for (number, characters) in self.numbers.iter().zip(self.characters.chunks(PER_FONT)) {
            let unicode = file.number();
            let system = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"UCS"), supplement: 0 };
            let mut map = UnicodeCmap::<u8>::new(Name(b"Unicode"), system);
            let names: Vec<String> = (0..characters.len()).map(|n| format!("g{n}")).collect();
            for (code, character) in (0_u8..=u8::MAX).zip(characters) {
                map.pair(code, *character);
            }
            let mut chunk = Chunk::new();
            chunk.cmap(unicode, &map.finish());
            file.object(unicode, &chunk)?;
            let mut chunk = Chunk::new();
            let mut font = chunk.type3_font(*number);
            font.bbox(Rect::new(0.0, 0.0, 500.0, 1000.0)).matrix([0.001, 0.0, 0.0, 0.001, 0.0, 0.0]);
            font.first_char(0).last_char(u8::try_from(characters.len() - 1).unwrap_or(u8::MAX));
            font.widths(characters.iter().map(|_| 500.0));
            font.to_unicode(unicode);
            let mut glyphs = font.char_procs();
            for name in &names {
                glyphs.pair(Name(name.as_bytes()), nothing);
            }
            glyphs.finish();
            font.encoding_custom()
                .differences()
                .consecutive(0, names.iter().map(|name| Name(name.as_bytes())));
            font.finish();
            file.object(*number, &chunk)?;
        }
        Ok(())
    }
}

/// Writes the outline; `None` without entries.
fn write_outline<W: Write>(
    file: &mut PdfFile<W>,
    entries: &[OutlineEntry],
    pages: &[Ref],
) -> Result<Option<Ref>, ExportError> {
    let page = |entry: &&OutlineEntry| {
        usize::try_from(entry.page).ok().and_then(|n| pages.get(n.checked_sub(1)?).copied())
    };
    let entries: Vec<(&OutlineEntry, Ref)> =
        entries.iter().filter_map(|entry| page(&entry).map(|page| (entry, page))).collect();
    if entries.is_empty() {
        return Ok(None);
    }
    let root = file.number();
    let numbers: Vec<Ref> = entries.iter().map(|_| file.number()).collect();
    // The last entry before each that is of a higher level is its parent.
    let parents: Vec<Option<usize>> = (0..entries.len())
        .map(|n| {
            let level = |m: usize| entries.get(m).map_or(0, |(entry, _)| entry.level);
            (0..n).rev().find(|m| level(*m) < level(n))
        })
        .collect();
    let children = |parent: Option<usize>| -> Vec<usize> {
        (0..entries.len()).filter(|n| parents.get(*n) == Some(&parent)).collect()
    };
    let number = |n: usize| numbers.get(n).copied().unwrap_or(root);
    for (n, (entry, page)) in entries.iter().enumerate() {
        let parent = parents.get(n).copied().flatten();
        let siblings = children(parent);
        let place = siblings.iter().position(|m| *m == n).unwrap_or(0);
        let mut chunk = Chunk::new();
        let mut item = chunk.outline_item(number(n));
        item.title(TextStr(&entry.title)).parent(parent.map_or(root, number));
        if let Some(before) = place.checked_sub(1).and_then(|place| siblings.get(place)) {
            item.prev(number(*before));
        }
        if let Some(next) = siblings.get(place + 1) {
            item.next(number(*next));
        }
        let own = children(Some(n));
        if let (Some(first), Some(last)) = (own.first(), own.last()) {
            item.first(number(*first)).last(number(*last));
            item.count(-i32::try_from(own.len()).unwrap_or(i32::MAX));
        }
        item.dest().page(*page).fit();
        item.finish();
        file.object(number(n), &chunk)?;
    }
    let top = children(None);
    let mut chunk = Chunk::new();
    let mut outline = chunk.outline(root);
    if let (Some(first), Some(last)) = (top.first(), top.last()) {
        outline.first(number(*first)).last(number(*last));
        outline.count(i32::try_from(top.len()).unwrap_or(i32::MAX));
    }
    outline.finish();
    file.object(root, &chunk)?;
    Ok(Some(root))
}

fn write_catalog<W: Write>(
    file: &mut PdfFile<W>,
    catalog: Ref,
    tree: Ref,
    outline: Option<Ref>,
    about: &About,
) -> Result<(), ExportError> {
    let first = about.first_numbered.and_then(|page| i32::try_from(page.checked_sub(1)?).ok());
    let (roman, arabic) = (file.number(), file.number());
    for (number, style) in [(roman, NumberingStyle::LowerRoman), (arabic, NumberingStyle::Arabic)] {
        let mut chunk = Chunk::new();
        chunk.indirect(number).start::<pdf_writer::writers::PageLabel<'_>>().style(style).offset(1);
        file.object(number, &chunk)?;
    }
    let mut chunk = Chunk::new();
    let mut entry = chunk.indirect(catalog).start::<pdf_writer::writers::Catalog<'_>>();
    entry.pages(tree);
    if let Some(outline) = outline {
        entry.outlines(outline);
    }
    if let Some(language) = &about.language {
        entry.lang(TextStr(language));
    }
    if let Some(first) = first {
        let mut labels = entry.page_labels();
        let mut ranges = labels.nums();
        if first > 0 {
            ranges.insert(0, roman);
        }
        ranges.insert(first, arabic);
        ranges.finish();
        labels.finish();
    }
    entry.finish();
    file.object(catalog, &chunk)?;
    Ok(())
}
