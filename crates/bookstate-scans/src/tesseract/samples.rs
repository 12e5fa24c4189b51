//! A few pages of a book, read to find its languages.

use std::collections::BTreeMap;

use super::{Cancel, Layout, OcrError, Tesseract, several::several, tsv};
use crate::{
    PageError,
    images::PageImage,
    prepare::{self, Prepared},
    words::PageWords,
};

/// How much surer than the commoner language a rarer one must be.
const SURER: f64 = 0.015;

/// How surely the script of a page must be told for no other page to be asked.
const SURE_SCRIPT: f32 = 3.0;

/// The share of a page's height that is read to try a language on it, from its upper third on.
const TRIED_SHARE: f32 = 0.35;

/// The pages of a book that is looked at, and by what.
pub(super) struct Samples<'a> {
    pub(super) program: &'a Tesseract,
    pub(super) image: &'a (dyn Fn(u32) -> Result<PageImage, PageError> + Sync),
    pub(super) cancel: &'a Cancel,
}

/// A step of the search that can be made beside others.
enum Look {
    Script,
    Page(u32),
}

/// What a [`Look`] has seen.
enum Seen {
    Script(Option<String>),
    Page(u32, Option<PageWords>),
}

impl Samples<'_> {
    /// The script of these pages. `has_language`: whether there is one to read a script with. Meanwhile they are read in
    /// the language that is likely, on the processors that have nothing else to do: what was read.
    pub(super) fn script_and_first_pages(
        &self,
        pages: &[u32],
        likely: &str,
        has_language: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<(Option<String>, BTreeMap<u32, PageWords>), OcrError> {
        let looks = several([Look::Script], pages.iter().map(|page| Look::Page(*page)), |look| {
            Ok(match look {
                Look::Script => Seen::Script(self.script(pages, has_language)?),
                Look::Page(page) => Seen::Page(page, self.read(page, likely)?),
            })
        })?;
        let (mut script, mut read) = (None, BTreeMap::new());
        for look in looks {
            match look {
                Seen::Script(seen) => script = seen,
                Seen::Page(page, words) => read.extend(words.map(|words| (page, words))),
            }
        }
        Ok((script, read))
    }

    /// Reads those of the pages that are not read yet; and some of `spare`, where there would be nothing to do else.
    pub(super) fn read_also(
        &self,
        read: &mut BTreeMap<u32, PageWords>,
        pages: &[u32],
        spare: &[u32],
        language: &str,
    ) -> Result<(), OcrError> {
        let unread =
            |pages: &[u32]| pages.iter().copied().filter(|page| !read.contains_key(page)).collect::<Vec<_>>();
        let (pages, spare) = (unread(pages), unread(spare));
        let more = several(pages, spare, |page| Ok((page, self.read(page, language)?)))?;
        read.extend(more.into_iter().filter_map(|(page, words)| words.map(|words| (page, words))));
        Ok(())
    }

    /// A page's words; `None`: it cannot be had or read, and reading it later says why.
    fn read(&self, page: u32, language: &str) -> Result<Option<PageWords>, OcrError> {
        let Ok(image) = (self.image)(page) else { return Ok(None) };
        match self.program.read(&image, language, self.cancel) {
            Ok(words) => Ok(Some(words)),
            Err(OcrError::Cancelled) => Err(OcrError::Cancelled),
            Err(_) => Ok(None),
        }
    }

    /// The script of these pages: of the first that says it surely, if there is a language of it; one that has none, if
    /// most say it surely; else what most say of those that have one. Print that is small or faint is taken for any script.
    fn script(&self, pages: &[u32], has_language: &dyn Fn(&str) -> bool) -> Result<Option<String>, OcrError> {
        if !self.program.languages().contains("osd") {
            return Ok(None);
        }
        let mut votes: BTreeMap<String, f32> = BTreeMap::new();
        let (mut wanting, mut answers): (BTreeMap<String, usize>, usize) = (BTreeMap::new(), 0);
        for page in pages {
            let Ok(image) = (self.image)(*page) else { continue };
            let prepared = prepare::prepare(&image.pixels, image.dpi);
            // Too few letters are a failure for the program, and no vote for us.
            let answer = match self.program.call(
                &prepared.pixels,
                prepared.dpi,
                "osd",
                Layout::Orientation,
                self.cancel,
            ) {
                Err(OcrError::Failed { .. }) => continue,
                answer => answer?,
            };
            if let Some((script, confidence)) = script_of(&answer) {
                answers += 1;
                match (confidence >= SURE_SCRIPT, has_language(&script)) {
                    (true, true) if wanting.is_empty() => return Ok(Some(script)),
                    (true, false) => *wanting.entry(script).or_default() += 1,
                    (_, true) => *votes.entry(script).or_default() += confidence.max(0.1),
                    (false, false) => {}
                }
            }
        }
        // The book cannot be read without it: one page alone does not say so.
        if let Some((script, _)) = wanting.into_iter().find(|(_, pages)| 2 * pages > answers) {
            return Ok(Some(script));
        }
        Ok(votes.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(script, _)| script))
    }

    /// The candidate that reads these pages with the most confidence; `None`: none reads a word.
    pub(super) fn most_confident(
        &self,
        pages: &[u32],
        candidates: &[String],
    ) -> Result<Option<String>, OcrError> {
        let images = pages.iter().filter_map(|page| (self.image)(*page).ok());
        let parts: Vec<Prepared> =
            images.map(|image| part(prepare::prepare(&image.pixels, image.dpi))).collect();
        let mut found: Option<(&String, f64)> = None;
        for candidate in candidates {
            let Some(confidence) = self.confidence(&parts, candidate)? else { continue };
            if found.is_none_or(|(_, best)| confidence > best + SURER) {
                found = Some((candidate, confidence));
            }
        }
        Ok(found.map(|(candidate, _)| candidate.clone()))
    }

    /// How surely images are read in a language; `None` without a word.
    fn confidence(&self, images: &[Prepared], language: &str) -> Result<Option<f64>, OcrError> {
        let sums = several(images.iter().enumerate(), [], |(n, image)| {
            let answer = self.program.call(&image.pixels, image.dpi, language, Layout::Page, self.cancel)?;
            let (mut sure, mut letters) = (0.0, 0.0);
            for word in tsv::parse(&answer).words {
                let length = f64::from(u32::try_from(word.text.chars().count()).unwrap_or(1));
                sure += length * f64::from(word.confidence);
                letters += length;
            }
            Ok((n, sure, letters))
        })?;
        // In the order of the pages: sums differ by it.
        let mut sums: Vec<(usize, f64, f64)> = sums;
        sums.sort_by_key(|sum| sum.0);
        let (sure, letters) = sums.iter().fold((0.0, 0.0), |all, sum| (all.0 + sum.1, all.1 + sum.2));
        Ok((letters > 0.0).then(|| sure / letters))
    }
}

/// A part of a page that is enough to try a language on.
fn part(page: Prepared) -> Prepared {
    let (width, height) = page.pixels.dimensions();
    let (from, share) = (height / 3, (height as f32 * TRIED_SHARE) as u32);
    let pixels = image::imageops::crop_imm(&page.pixels, 0, from, width, share.max(1)).to_image();
    Prepared { pixels, ..page }
}

/// The script in an answer, and how sure the program is.
fn script_of(answer: &str) -> Option<(String, f32)> {
    let value = |name: &str| {
        answer.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    };
    Some((value("Script:")?, value("Script confidence:")?.parse().ok()?))
}

/// By how many degrees, clockwise, a page must be turned to stand upright, where the program is sure.
pub(super) fn turn_of(answer: &str) -> Option<u16> {
    let value = |name: &str| answer.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let confidence: f32 = value("Orientation confidence:")?.parse().ok()?;
    let turn: u16 = value("Rotate:")?.parse().ok()?;
    (confidence >= 1.5 && [90, 180, 270].contains(&turn)).then_some(turn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_says_script_and_turn() {
        let answer = "Page number: 0\nOrientation in degrees: 270\nRotate: 90\nOrientation confidence: 14.89\n\
            Script: Fraktur\nScript confidence: 14.23\n";
        assert_eq!(script_of(answer), Some(("Fraktur".to_owned(), 14.23)));
        assert_eq!(turn_of(answer), Some(90));
        assert_eq!(turn_of(&answer.replace("14.89", "0.3")), None);
        assert_eq!(script_of("nothing"), None);
    }
}
