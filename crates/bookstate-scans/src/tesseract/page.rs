//! A page from its image to its words.
//!
//! The image is prepared and read once. What that reading left unread, as far as it looks like print (page numbers
//! far from their titles, side notes), is looked at a second time, with what was read taken out of the image. A page of
//! contents, which is known by its leaders, is read line by line too, and the reading with more page numbers is taken. A page
//! on which hardly anything was read may lie on its side: then the program's word on it is asked for.

use std::collections::BTreeMap;

use image::{DynamicImage, GrayImage, Luma};

use super::{Cancel, Layout, OcrError, Tesseract, digits, leaders, ligatures, noise, samples::turn_of, tsv};
use crate::{
    images::PageImage,
    prepare::{self, Components, FEWEST_LETTERS, Prepared},
    words::{Area, PageWords, Word},
};

/// So many unread letters are worth a second look.
const UNREAD: usize = 6;
/// So many letters of which none was read are print, and no specks.
const PRINT: usize = 100;
/// What a second look finds must be this sure.
const SECOND_LOOK: f32 = 0.6;
/// Below this confidence a page may lie on its side.
const SIDEWAYS: f64 = 0.6;

impl Tesseract {
    /// Reads a page in the given languages.
    ///
    /// # Errors
    /// See [`OcrError`].
    pub fn read(&self, image: &PageImage, languages: &str, cancel: &Cancel) -> Result<PageWords, OcrError> {
        let prepared = prepare::prepare(&image.pixels, image.dpi);
        let mut words = self.read_prepared(&prepared, languages, cancel)?;
        let confidence = words.confidence().unwrap_or(0.0);
        if confidence < SIDEWAYS
            && Components::of(&prepared.pixels).letters().len() > 100
            && let Some(turn) = self.turn(&prepared, cancel)?
        {
            let turned = PageImage { pixels: turned(&image.pixels, turn), dpi: image.dpi };
            let upright = prepare::prepare(&turned.pixels, turned.dpi);
            let again = self.read_prepared(&upright, languages, cancel)?;
            if again.confidence().unwrap_or(0.0) > confidence {
                words = PageWords { turned: turn, ..again };
            }
        }
        Ok(words)
    }

    fn read_prepared(
        &self,
        prepared: &Prepared,
        languages: &str,
        cancel: &Cancel,
    ) -> Result<PageWords, OcrError> {
        let mut page = PageWords {
            width: prepared.page.width,
            height: prepared.page.height,
            dpi: prepared.dpi / prepared.scale,
            skew: prepared.skew,
            languages: languages.to_owned(),
            ..PageWords::default()
        };
        let pieces = Components::of(&prepared.pixels).letters();
        if pieces.len() < FEWEST_LETTERS {
            return Ok(page);
        }
        let answer = self.call(&prepared.pixels, prepared.dpi, languages, Layout::Page, cancel)?;
        let table = tsv::parse(&answer);
        let letter = prepared.letter * prepared.scale;
        let mut words = numbered(&table.words, 0, 0);
        if !prepared.leaders.is_empty() && leaders::follow_words(&words, &prepared.leaders, letter) {
            leaders::join(&mut words, &prepared.leaders, letter);
            // Page numbers far from their titles are taken for a column of their own, and some are lost.
            let answer = self.call(&prepared.pixels, prepared.dpi, languages, Layout::Lines, cancel)?;
            let lines = numbered(&tsv::parse(&answer).words, 0, 0);
            if numbers_at_ends(&lines) > numbers_at_ends(&words) {
                words = lines;
            }
        }
        noise::remove(&mut words, letter, &table.pictures);
        let unread = unread(&pieces, &words, &table.pictures, letter);
        if unread.len() >= UNREAD && !words.is_empty() {
            self.look_again(prepared, languages, &mut words, &unread, &table.pictures, cancel)?;
        }
        page.unread = words.is_empty() && unread.len() >= PRINT;
        ligatures::part(&mut words, languages);
        digits::put_right(&mut words);
        page.words =
            words.into_iter().map(|word| Word { area: prepared.to_page(&word.area), ..word }).collect();
        page.figures = table
            .pictures
            .iter()
            .filter(|picture| is_figure(picture, letter))
            .map(|picture| prepared.to_page(picture))
            .collect();
        Ok(page)
    }

    /// Reads what was left unread, as loose pieces of text: these letters with what is near them, and nothing of what was
    /// read. A drawing that is left out costs no time.
    fn look_again(
        &self,
        prepared: &Prepared,
        languages: &str,
        words: &mut Vec<Word>,
        unread: &[&Area],
        pictures: &[Area],
        cancel: &Cancel,
    ) -> Result<(), OcrError> {
        let letter = prepared.letter * prepared.scale;
        let mut rest = GrayImage::from_pixel(prepared.pixels.width(), prepared.pixels.height(), Luma([255]));
        for piece in unread {
            copy(&prepared.pixels, &mut rest, piece, letter.max(piece.height()));
        }
        for area in words.iter().map(|word| &word.area).chain(pictures.iter().filter(|p| is_figure(p, 1.0))) {
            blank(&mut rest, area);
        }
        let answer = self.call(&rest, prepared.dpi, languages, Layout::Sparse, cancel)?;
        let table = tsv::parse(&answer);
        let (line, block) = words.iter().fold((0, 0), |(l, b), word| (l.max(word.line), b.max(word.block)));
        let mut found = numbered(&table.words, line + 1, block + 1);
        noise::remove(&mut found, letter, pictures);
        let fits = |word: &Word| {
            let height = word.area.height();
            word.confidence >= SECOND_LOOK
                && word.text.chars().any(char::is_alphanumeric)
                && (letter <= 0.0 || (0.5 * letter..=3.0 * letter).contains(&height))
        };
        found.retain(fits);
        words.append(&mut found);
        Ok(())
    }

    fn turn(&self, prepared: &Prepared, cancel: &Cancel) -> Result<Option<u16>, OcrError> {
        if !self.languages().contains("osd") {
            return Ok(None);
        }
        match self.call(&prepared.pixels, prepared.dpi, "osd", Layout::Orientation, cancel) {
            Ok(answer) => Ok(turn_of(&answer)),
            // Too few letters for it to say.
            Err(OcrError::Failed { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// How many lines end in a number, behind a word.
fn numbers_at_ends(words: &[Word]) -> usize {
    let mut lines: BTreeMap<u32, Vec<&Word>> = BTreeMap::new();
    for word in words {
        lines.entry(word.line).or_default().push(word);
    }
    let has_letters = |word: &Word| word.text.chars().filter(|c| c.is_alphabetic()).count() > 1;
    let is_number = |word: &Word| {
        let text = word.text.trim_matches(|c: char| !c.is_alphanumeric());
        !text.is_empty() && text.chars().all(|c| c.is_ascii_digit())
    };
    let ends = |line: &&Vec<&Word>| {
        let last = line.iter().max_by(|a, b| a.area.x1.total_cmp(&b.area.x1));
        last.is_some_and(|last| is_number(last)) && line.iter().any(|word| has_letters(word))
    };
    lines.values().filter(ends).count()
}

/// The image turned clockwise by a multiple of 90 degrees.
#[must_use]
pub fn turned(image: &DynamicImage, degrees: u16) -> DynamicImage {
    match degrees {
        90 => image.rotate90(),
        180 => image.rotate180(),
        270 => image.rotate270(),
        _ => image.clone(),
    }
}

/// Words with lines and blocks counted from these numbers.
fn numbered(rows: &[tsv::Row], first_line: u32, first_block: u32) -> Vec<Word> {
    let (mut line, mut block) = (first_line, first_block);
    let mut last: Option<(u32, u32, u32)> = None;
    let mut words = Vec::with_capacity(rows.len());
    for row in rows {
        if let Some(last) = last {
            line += u32::from(last != row.line);
            block += u32::from((last.0, last.1) != (row.line.0, row.line.1));
        }
        last = Some(row.line);
        words.push(Word { text: row.text.clone(), area: row.area, confidence: row.confidence, line, block });
    }
    words
}

/// The letters that stand outside of words and pictures.
fn unread<'a>(pieces: &'a [Area], words: &[Word], pictures: &[Area], letter: f32) -> Vec<&'a Area> {
    let outside = |piece: &&Area| {
        let (x, y) = piece.centre();
        let holds = |area: &Area, by: f32| {
            x >= area.x0 - by && x <= area.x1 + by && y >= area.y0 - by && y <= area.y1 + by
        };
        !words.iter().any(|word| holds(&word.area, 0.3 * letter))
            && !pictures.iter().any(|picture| holds(picture, letter))
    };
    pieces.iter().filter(outside).collect()
}

fn is_figure(picture: &Area, letter: f32) -> bool {
    picture.width() > 4.0 * letter && picture.height() > 4.0 * letter
}

fn blank(pixels: &mut GrayImage, area: &Area) {
    for (x, y) in around(area, 1.0, pixels) {
        pixels.put_pixel(x, y, Luma([255]));
    }
}

fn copy(from: &GrayImage, to: &mut GrayImage, area: &Area, margin: f32) {
    for (x, y) in around(area, margin, from) {
        to.put_pixel(x, y, *from.get_pixel(x, y));
    }
}

/// The pixels of an area and of so much around it.
fn around(area: &Area, margin: f32, pixels: &GrayImage) -> impl Iterator<Item = (u32, u32)> + use<> {
    let clamp = |value: f32, most: u32| (value.max(0.0) as u32).min(most);
    let (x0, x1) = (clamp(area.x0 - margin, pixels.width()), clamp(area.x1 + margin, pixels.width()));
    let (y0, y1) = (clamp(area.y0 - margin, pixels.height()), clamp(area.y1 + margin, pixels.height()));
    (y0..y1).flat_map(move |y| (x0..x1).map(move |x| (x, y)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_contents_has_words_and_a_number_at_its_end() {
        let word = |text: &str, x0: f32, line: u32| Word {
            text: text.to_owned(),
            area: Area { x0, y0: 0.0, x1: x0 + 50.0, y1: 20.0 },
            confidence: 0.9,
            line,
            block: 0,
        };
        let words = [
            word("Peace", 100.0, 0),
            word("38", 900.0, 0),
            word("116", 900.0, 1),
            word("in", 100.0, 2),
            word("1786.", 300.0, 2),
            word("Chapter", 300.0, 3),
        ];
        assert_eq!(numbers_at_ends(&words), 2);
        assert_eq!(numbers_at_ends(&words[2..3]), 0, "a number alone");
    }
}
