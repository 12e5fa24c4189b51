//! Which languages a book is read with.
//!
//! Told by a person, they are what they are. Else the program's script detection says which script a few pages of the
//! book are in; of the installed languages of that script the one that reads those pages with the most confidence is
//! taken. Old German is told from new by the script: Fraktur has models of its own.

use std::collections::BTreeMap;

use bookstate_reading::structure;

use super::{Cancel, Layout, OcrError, Tesseract};
use crate::{images::PageImage, prepare};

/// Models of Fraktur, the best first.
const FRAKTUR: &[&str] = &["deu_latf", "frk", "script/Fraktur", "Fraktur"];

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
];

/// What a book is read with.
#[derive(Debug, Clone, PartialEq, Eq)]
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

    /// Finds the languages of a book by a few of its pages.
    ///
    /// # Errors
    /// The script has no installed language, or the program does not run.
    pub fn find_languages(&self, samples: &[PageImage], cancel: &Cancel) -> Result<Languages, OcrError> {
        let prepared: Vec<_> =
            samples.iter().map(|sample| prepare::prepare(&sample.pixels, sample.dpi)).collect();
        let script = self.script(&prepared, cancel)?;
        let candidates = self.candidates(script.as_deref())?;
        let mut found: Option<(String, f64)> = None;
        let mut texts = String::new();
        for candidate in candidates {
            let Some((confidence, text)) = self.try_language(&prepared, &candidate, cancel)? else {
                continue;
            };
            if found.as_ref().is_none_or(|(_, best)| confidence > best + SURER) {
                found = Some((candidate, confidence));
                texts = text;
            }
        }
        let codes = found.map(|(code, _)| code).unwrap_or_else(|| self.any_language());
        let note = self.missing_language(&texts);
        Ok(Languages { codes, note })
    }

    /// The script that most of the samples are in.
    fn script(&self, samples: &[prepare::Prepared], cancel: &Cancel) -> Result<Option<String>, OcrError> {
        if !self.languages().contains("osd") {
            return Ok(None);
        }
        let mut votes: BTreeMap<String, f32> = BTreeMap::new();
        for sample in samples {
            // Too few letters are a failure for the program, and no vote for us.
            let answer = match self.call(&sample.pixels, sample.dpi, "osd", Layout::Orientation, cancel) {
                Err(OcrError::Failed { .. }) => continue,
                answer => answer?,
            };
            if let Some((script, confidence)) = script_of(&answer) {
                *votes.entry(script).or_default() += confidence.max(0.1);
            }
        }
        Ok(votes.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(script, _)| script))
    }

    /// The installed languages to be tried for a script.
    fn candidates(&self, script: Option<&str>) -> Result<Vec<String>, OcrError> {
        let installed = |code: &&&str| self.languages().contains(**code);
        let script = script.unwrap_or("Latin");
        if script == "Fraktur" {
            // The one that is there; a book in Latin letters that looks like Fraktur is better off with another.
            let model = FRAKTUR.iter().find(installed);
            let latin = ["eng", "deu"];
            let all: Vec<String> = model
                .into_iter()
                .chain(latin.iter().filter(installed))
                .map(|code| (*code).to_owned())
                .collect();
            if !all.is_empty() {
                return Ok(all);
            }
        }
        let of_script =
            OF_SCRIPT.iter().find(|(name, _)| *name == script).map_or(&[][..], |(_, codes)| codes);
        let codes: Vec<String> = of_script.iter().filter(installed).map(|code| (*code).to_owned()).collect();
        match of_script.first() {
            Some(first) if codes.is_empty() && script != "Latin" => {
                Err(OcrError::Language { language: (*first).to_owned(), package: package_of(first) })
            }
            _ if codes.is_empty() => Ok(vec![self.any_language()]),
            _ => Ok(codes.into_iter().take(TRIED).collect()),
        }
    }

    fn any_language(&self) -> String {
        let mut real = self.languages().iter().filter(|code| !["osd", "equ"].contains(&code.as_str()));
        let english = self.languages().contains("eng");
        if english { "eng".to_owned() } else { real.next().cloned().unwrap_or_else(|| "eng".to_owned()) }
    }

    /// How surely the samples are read in a language, and what is read; `None` without a word.
    fn try_language(
        &self,
        samples: &[prepare::Prepared],
        language: &str,
        cancel: &Cancel,
    ) -> Result<Option<(f64, String)>, OcrError> {
        let (mut sure, mut letters, mut text) = (0.0, 0.0, String::new());
        for sample in samples {
            let answer = self.call(&sample.pixels, sample.dpi, language, Layout::Page, cancel)?;
            for word in super::tsv::parse(&answer).words {
                let length = f64::from(u32::try_from(word.text.chars().count()).unwrap_or(1));
                sure += length * f64::from(word.confidence);
                letters += length;
                text.push_str(&word.text);
                text.push(' ');
            }
        }
        Ok((letters > 0.0).then(|| (sure / letters, text)))
    }

    /// What a person may want to install for a text.
    fn missing_language(&self, text: &str) -> Option<String> {
        let found = structure::language([text])?;
        let (_, code) = ISO.iter().find(|(iso, _)| *iso == found)?;
        let read = self.languages().contains(*code);
        (!read).then(|| {
            format!(
                "the book seems to be in a language ({code}) whose data tesseract lacks: apt-get install {}",
                package_of(code)
            )
        })
    }
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
