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
};

use bookstate_reading::structure;
use serde::{Deserialize, Serialize};

use super::{Cancel, OcrError, Tesseract, samples::Samples};
use crate::{PageError, images::PageImage, layout, private, sample::spread_over, words::PageWords};

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

/// How many pages that need not be looked at may be read while others are.
const BEYOND: usize = 64;

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
        let others = |of: &[u32]| pages.iter().copied().filter(|page| !of.contains(page)).collect::<Vec<_>>();
        let samples = Samples { program: self, image, cancel };
        let likely = self.candidates(None)?.into_iter().next().unwrap_or_else(|| self.any_language());
        let has_language =
            |script: &str| of_script(script).iter().any(|code| self.languages().contains(*code));
        let (script, mut read) = samples.script_and_first_pages(&middle, &likely, &has_language)?;
        let candidates = self.candidates(script.as_deref())?;
        let Some(first) = candidates.first().cloned() else {
            let codes = self.any_language();
            return Ok(Found { languages: Languages { codes, note: None }, read: BTreeMap::new() });
        };
        if likely != first {
            read.clear();
        }
        samples.read_also(&mut read, &middle, &others(&middle), &first)?;
        let is_told = candidates.len() == 1;
        let codes = match told_by_words(&only(&read, &middle)) {
            _ if is_told => first.clone(),
            // Words are the same in old type and new.
            _ if is_fraktur(&first) => {
                samples.most_confident(&middle, &candidates)?.unwrap_or_else(|| first.clone())
            }
            Some(code) if candidates.iter().any(|candidate| candidate == code) => code.to_owned(),
            _ => samples.most_confident(&middle, &candidates)?.unwrap_or_else(|| first.clone()),
        };
        if codes != first {
            read.clear();
        }
        let beyond: Vec<u32> = (1..=page_count).filter(|page| !pages.contains(page)).take(BEYOND).collect();
        samples.read_also(&mut read, &pages, &beyond, &codes)?;
        let (languages, is_more) = self.with_quoted(codes, &only(&read, &pages));
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

/// What was read of these pages.
fn only(read: &BTreeMap<u32, PageWords>, pages: &[u32]) -> BTreeMap<u32, PageWords> {
    read.iter().filter(|(page, _)| pages.contains(page)).map(|(page, words)| (*page, words.clone())).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_as_debian_does() {
        assert_eq!(package_of("chi_sim"), "tesseract-ocr-chi-sim");
        assert_eq!(package_of("frk"), "tesseract-ocr-frk");
        assert_eq!(package_of("script/Fraktur"), "tesseract-ocr-script-frak");
    }
}
