//! Which languages a book is read with.
//!
//! Told by a person, they are what they are. Else a few pages of the book say it. The program's script detection names
//! their script; they are read in the commonest installed language of that script, and the small words of what was
//! read say which language it is. Where they do not, the language that reads them with the most confidence is taken.
//! Old German is told from new by the script: Fraktur has models of its own. A book that quotes much of another
//! language is read in both.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
};

use bookstate_reading::structure;
use serde::{Deserialize, Serialize};

use super::{Cancel, Layout, OcrError, Tesseract};
use crate::{
    PageError,
    images::PageImage,
    layout,
    prepare::{self, Prepared},
    private,
    sample::spread_over,
    words::PageWords,
};

/// Models of Fraktur, the best first.
const FRAKTUR: &[&str] = &["deu_latf", "frk", "script/Fraktur", "Fraktur"];

/// Of these models of Fraktur, one of a language and one of the script, both together read better than each alone: of
/// the words of a book of 1809, `frk` alone has 91 of 100, `Fraktur` 86, both 92.
const FRAKTUR_SCRIPTS: &[&str] = &["script/Fraktur", "Fraktur"];

/// The languages that are tried, by script, commonest first.
const OF_SCRIPT: &[(&str, &[&str])] = &[
    (
        "Latin",
        &[
            "eng", "deu", "fra", "spa", "ita", "por", "nld", "lat", "swe", "dan", "nor", "pol", "ces", "hun",
            "tur",
        ],
    ),
    ("Cyrillic", &["rus", "ukr", "bul", "srp", "bel"]),
    ("Greek", &["ell", "grc"]),
    ("Han", &["chi_sim", "chi_tra"]),
    ("HanS", &["chi_sim"]),
    ("HanT", &["chi_tra"]),
    ("Japanese", &["jpn"]),
    ("Hangul", &["kor"]),
    ("Korean", &["kor"]),
    ("Arabic", &["ara", "fas", "urd"]),
    ("Hebrew", &["heb", "yid"]),
    ("Devanagari", &["hin", "mar", "san"]),
    ("Bengali", &["ben"]),
    ("Tamil", &["tam"]),
    ("Thai", &["tha"]),
    ("Georgian", &["kat"]),
    ("Armenian", &["hye"]),
];

/// How many languages are tried on a book at most.
const TRIED: usize = 8;

/// How much surer than the commoner language a rarer one must be.
const SURER: f64 = 0.015;

/// ISO 639-1 codes of languages that a text is recognised in, and their names for the program.
const ISO: &[(&str, &str)] = &[
    ("en", "eng"),
    ("de", "deu"),
    ("fr", "fra"),
    ("es", "spa"),
    ("it", "ita"),
    ("pt", "por"),
    ("nl", "nld"),
    ("ru", "rus"),
    ("sv", "swe"),
    ("pl", "pol"),
    ("cs", "ces"),
    ("uk", "ukr"),
];

/// One page in so many is read to find the languages of a book.
const SAMPLED: u32 = 5;

/// The fewest and the most pages that are read for it.
const SAMPLES: (u32, u32) = (3, 16);

/// How surely the script of a page must be told for no other page to be asked.
const SURE_SCRIPT: f32 = 3.0;

/// The share of a page's height that is read to try a language on it, from its upper third on.
const TRIED_SHARE: f32 = 0.35;

/// The file in which is kept what was found.
const KEPT: &str = "languages.json";

/// What a book is read with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Languages {
    /// The languages, as the program takes them: `eng`, `deu+frk`.
    pub codes: String,
    /// What a person may want to install: a language that the book seems to be in.
    pub note: Option<String>,
}

/// The Debian package of a language.
#[must_use]
pub fn package_of(language: &str) -> String {
    let name = language.rsplit('/').next().unwrap_or(language).to_lowercase();
    let prefix = if language.contains('/') { "tesseract-ocr-script-" } else { "tesseract-ocr-" };
    let short = match name.as_str() {
        "fraktur" => "frak",
        "latin" => "latn",
        "cyrillic" => "cyrl",
        "greek" => "grek",
        _ => &name,
    };
    format!("{prefix}{}", short.replace('_', "-"))
}

impl Tesseract {
    /// Languages that a person named, checked: each is installed. ISO 639-1 codes are understood.
    ///
    /// # Errors
    /// [`OcrError::Language`] with the package to install.
    pub fn told<'a>(&self, languages: impl IntoIterator<Item = &'a str>) -> Result<Languages, OcrError> {
        let mut codes = Vec::new();
        for language in languages.into_iter().map(str::trim).filter(|language| !language.is_empty()) {
            let code = ISO.iter().find(|(iso, _)| *iso == language).map_or(language, |(_, code)| *code);
            if !self.languages().contains(code) {
                return Err(OcrError::Language { language: code.to_owned(), package: package_of(code) });
            }
            codes.push(code);
        }
        Ok(Languages { codes: codes.join("+"), note: None })
    }

    /// Finds the languages of a book of so many pages, whose images `image` gives, by a few of them. Blocks; reads on
    /// all processors.
    ///
    /// # Errors
    /// The script has no installed language, or the program does not run.
    pub fn find_languages(
        &self,
        page_count: u32,
        image: &(dyn Fn(u32) -> Result<PageImage, PageError> + Sync),
        cancel: &Cancel,
    ) -> Result<Found, OcrError> {
        let (fewest, most) = SAMPLES;
        let pages: Vec<u32> = spread_over(page_count, (page_count / SAMPLED).clamp(fewest, most)).collect();
        let of_middle = |share: usize| pages.get(pages.len() * share / 100).copied();
        let mut middle: Vec<u32> = [25, 50, 75].into_iter().filter_map(of_middle).collect();
        middle.dedup();
        let script = self.script(&middle, image, cancel)?;
        let candidates = self.candidates(script.as_deref())?;
        let Some(first) = candidates.first().cloned() else {
            let codes = self.any_language();
            return Ok(Found { languages: Languages { codes, note: None }, read: BTreeMap::new() });
        };
        let mut read = self.read_all(&middle, image, &first, cancel)?;
        let is_told = candidates.len() == 1;
        let codes = match told_by_words(&read) {
            _ if is_told => first.clone(),
            // Words are the same in old type and new.
            _ if is_fraktur(&first) => {
                self.most_confident(&middle, image, &candidates, cancel)?.unwrap_or_else(|| first.clone())
            }
            Some(code) if candidates.iter().any(|candidate| candidate == code) => code.to_owned(),
            _ => self.most_confident(&middle, image, &candidates, cancel)?.unwrap_or_else(|| first.clone()),
        };
        if codes != first {
            read.clear();
        }
        let rest: Vec<u32> = pages.iter().copied().filter(|page| !read.contains_key(page)).collect();
        read.append(&mut self.read_all(&rest, image, &codes, cancel)?);
        let (languages, is_more) = self.with_quoted(codes, &read);
        if is_more {
            read.clear();
        }
        Ok(Found { languages, read })
    }

    /// What [`Tesseract::keep_languages`] kept in a folder; `None`: nothing, or other languages were installed then, and
    /// with those of today others may be found.
    #[must_use]
    pub fn kept_languages(&self, dir: &Path) -> Option<Languages> {
        let kept: Kept = serde_json::from_slice(&fs::read(dir.join(KEPT)).ok()?).ok()?;
        (kept.installed == *self.languages()).then_some(kept.found)
    }

    /// Keeps the languages of a book in the folder of its words, so that they need not be looked for again.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep_languages(&self, dir: &Path, found: &Languages) -> io::Result<()> {
        let kept = Kept { installed: self.languages().clone(), found: found.clone() };
        private::write(&dir.join(KEPT), &serde_json::to_vec(&kept)?)
    }

    /// Reads pages, several at once. One that cannot be had or read is left out: reading it later says why.
    fn read_all(
        &self,
        pages: &[u32],
        image: &(dyn Fn(u32) -> Result<PageImage, PageError> + Sync),
        languages: &str,
        cancel: &Cancel,
    ) -> Result<BTreeMap<u32, PageWords>, OcrError> {
        let next = Mutex::new(pages.iter());
        let read = Mutex::new(BTreeMap::new());
        let work = || {
            loop {
                // Bound to a name: the lock is not held while a page is read.
                let page = next.lock().unwrap_or_else(PoisonError::into_inner).next().copied();
                let Some(page) = page else { return Ok(()) };
                let Ok(image) = image(page) else { continue };
                match self.read(&image, languages, cancel) {
                    Ok(words) => {
                        read.lock().unwrap_or_else(PoisonError::into_inner).insert(page, words);
                    }
                    Err(OcrError::Cancelled) => return Err(OcrError::Cancelled),
                    Err(_) => {}
                }
            }
        };
        let processors = thread::available_parallelism().map_or(1, usize::from).min(pages.len());
        thread::scope(|scope| {
            let workers: Vec<_> = (0..processors).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                // Whoever panicked has read what it has read.
                worker.join().unwrap_or(Ok(()))?;
            }
            Ok::<(), OcrError>(())
        })?;
        Ok(read.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The script of these pages: of the first that says it surely, if there is a language of it; one that has none, if
    /// most say it surely; else what most say of those that have one. Print that is small or faint is taken for any script.
    fn script(
        &self,
        pages: &[u32],
        image: &(dyn Fn(u32) -> Result<PageImage, PageError> + Sync),
        cancel: &Cancel,
    ) -> Result<Option<String>, OcrError> {
        if !self.languages().contains("osd") {
            return Ok(None);
        }
        let has_language =
            |script: &str| of_script(script).iter().any(|code| self.languages().contains(*code));
        let mut votes: BTreeMap<String, f32> = BTreeMap::new();
        let (mut wanting, mut answers): (BTreeMap<String, usize>, usize) = (BTreeMap::new(), 0);
        for page in pages {
            let Ok(image) = image(*page) else { continue };
            let prepared = prepare::prepare(&image.pixels, image.dpi);
            // Too few letters are a failure for the program, and no vote for us.
            let answer = match self.call(&prepared.pixels, prepared.dpi, "osd", Layout::Orientation, cancel) {
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

    /// The installed languages to be tried for a script.
    fn candidates(&self, script: Option<&str>) -> Result<Vec<String>, OcrError> {
        let installed = |code: &&&str| self.languages().contains(**code);
        let script = script.unwrap_or("Latin");
        if script == "Fraktur" {
            // The one that is there; a book in Latin letters that looks like Fraktur is better off with another.
            let latin = ["eng", "deu"].into_iter().filter(|code| self.languages().contains(*code));
            let all: Vec<String> = self.fraktur().into_iter().chain(latin.map(str::to_owned)).collect();
            if !all.is_empty() {
                return Ok(all);
            }
        }
        let of_script = of_script(script);
        let codes: Vec<String> = of_script.iter().filter(installed).map(|code| (*code).to_owned()).collect();
        match of_script.first() {
            Some(first) if codes.is_empty() && script != "Latin" => {
                Err(OcrError::Language { language: (*first).to_owned(), package: package_of(first) })
            }
            _ if codes.is_empty() => Ok(vec![self.any_language()]),
            _ => Ok(codes.into_iter().take(TRIED).collect()),
        }
    }

    /// The models that Fraktur is read with.
    fn fraktur(&self) -> Option<String> {
        let installed = |code: &&&str| self.languages().contains(**code);
        let of_language = FRAKTUR.iter().filter(|code| !FRAKTUR_SCRIPTS.contains(code)).find(installed);
        let models: Vec<&str> =
            FRAKTUR_SCRIPTS.iter().find(installed).into_iter().chain(of_language).copied().collect();
        (!models.is_empty()).then(|| models.join("+"))
    }

    fn any_language(&self) -> String {
        let mut real = self.languages().iter().filter(|code| !["osd", "equ"].contains(&code.as_str()));
        let english = self.languages().contains("eng");
        if english { "eng".to_owned() } else { real.next().cloned().unwrap_or_else(|| "eng".to_owned()) }
    }

    /// The candidate that reads these pages with the most confidence; `None`: none reads a word.
    fn most_confident(
        &self,
        pages: &[u32],
        image: &(dyn Fn(u32) -> Result<PageImage, PageError> + Sync),
        candidates: &[String],
        cancel: &Cancel,
    ) -> Result<Option<String>, OcrError> {
        let images = pages.iter().filter_map(|page| image(*page).ok());
        let parts: Vec<Prepared> =
            images.map(|image| part(prepare::prepare(&image.pixels, image.dpi))).collect();
        let mut found: Option<(&String, f64)> = None;
        for candidate in candidates {
            let Some(confidence) = self.confidence(&parts, candidate, cancel)? else { continue };
            if found.is_none_or(|(_, best)| confidence > best + SURER) {
                found = Some((candidate, confidence));
            }
        }
        Ok(found.map(|(candidate, _)| candidate.clone()))
    }

    /// How surely images are read in a language; `None` without a word.
    fn confidence(
        &self,
        images: &[Prepared],
        language: &str,
        cancel: &Cancel,
    ) -> Result<Option<f64>, OcrError> {
        let (mut sure, mut letters) = (0.0, 0.0);
        for image in images {
            let answer = self.call(&image.pixels, image.dpi, language, Layout::Page, cancel)?;
            for word in super::tsv::parse(&answer).words {
                let length = f64::from(u32::try_from(word.text.chars().count()).unwrap_or(1));
                sure += length * f64::from(word.confidence);
                letters += length;
            }
        }
        Ok((letters > 0.0).then(|| sure / letters))
    }

    /// The languages with the one that is quoted, and whether it is one more. One that is wanting is named.
    fn with_quoted(&self, codes: String, read: &BTreeMap<u32, PageWords>) -> (Languages, bool) {
        let texts: Vec<String> = read.values().map(layout::text).collect();
        let texts = || texts.iter().map(String::as_str);
        let Some(main) = structure::language(texts()) else {
            return (Languages { codes, note: None }, false);
        };
        let installed = |code: &str| self.languages().contains(code);
        if is_fraktur(&codes) {
            let note = (!codes.contains('+')).then(|| {
                format!(
                    "old type is read better with one more model: apt-get install {}",
                    package_of("script/Fraktur")
                )
            });
            return (Languages { codes, note }, false);
        }
        if let Some(code) = code_of(main).filter(|code| !installed(code)) {
            return (Languages { codes, note: Some(wanting(code)) }, false);
        }
        match structure::quoted_language(texts(), main).and_then(code_of) {
            Some(code) if code == codes => (Languages { codes, note: None }, false),
            Some(code) if installed(code) => {
                (Languages { codes: format!("{codes}+{code}"), note: None }, true)
            }
            Some(code) => (Languages { codes, note: Some(wanting(code)) }, false),
            None => (Languages { codes, note: None }, false),
        }
    }
}

/// What is kept of a search.
#[derive(Serialize, Deserialize)]
struct Kept {
    installed: BTreeSet<String>,
    found: Languages,
}

/// What was found of a book's languages.
#[derive(Debug, Clone)]
pub struct Found {
    /// The languages.
    pub languages: Languages,
    /// Pages that were read in them on the way, as reading them again would.
    pub read: BTreeMap<u32, PageWords>,
}

/// The language that the small words of what was read say.
fn told_by_words(read: &BTreeMap<u32, PageWords>) -> Option<&'static str> {
    let texts: Vec<String> = read.values().map(layout::text).collect();
    structure::language(texts.iter().map(String::as_str)).and_then(code_of)
}

/// Whether any of the models is one of Fraktur.
fn is_fraktur(codes: &str) -> bool {
    codes.split('+').any(|code| FRAKTUR.contains(&code))
}

/// The languages of a script, commonest first.
fn of_script(script: &str) -> &'static [&'static str] {
    match script {
        "Fraktur" => FRAKTUR,
        _ => OF_SCRIPT.iter().find(|(name, _)| *name == script).map_or(&[][..], |(_, codes)| codes),
    }
}

/// The program's name of a language.
fn code_of(iso: &str) -> Option<&'static str> {
    ISO.iter().find(|(known, _)| *known == iso).map(|(_, code)| *code)
}

fn wanting(code: &str) -> String {
    let package = package_of(code);
    format!("the book has text in a language ({code}) whose data tesseract lacks: apt-get install {package}")
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
    fn packages_are_named_as_debian_does() {
        assert_eq!(package_of("chi_sim"), "tesseract-ocr-chi-sim");
        assert_eq!(package_of("frk"), "tesseract-ocr-frk");
        assert_eq!(package_of("script/Fraktur"), "tesseract-ocr-script-frak");
    }

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
