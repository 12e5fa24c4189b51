//! What models are told: the files of `prompts/`, or those of a directory in their place.
//!
//! A job is stored with the prompts that its engines need, so that what is known of a result includes what its model was
//! told, and a job that is resumed by a later version goes on as it began.

use std::{collections::BTreeMap, fs, io, path::Path};

use sha2::{Digest, Sha256};

use crate::{
    engine::{BookContext, EngineError},
    options::JobOptions,
    part::Part,
};

/// The longest prompt, in bytes: it is sent with every request.
const LONGEST: usize = 20_000;

/// The prompts of models, each by the part of the pipeline; of no part is the one for pages as images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompts(BTreeMap<Option<Part>, String>);

/// Why a directory's prompts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PromptsError {
    /// It, or a file in it, cannot be read.
    #[error("{0}: {1}")]
    Io(String, #[source] io::Error),
    /// A file that is no prompt's: a mistake in its name would go unseen.
    #[error("{0} is no prompt; there are {1}")]
    Unknown(String, String),
    /// A file without words, or with too many.
    #[error("{0} must have between 1 and {LONGEST} bytes of text")]
    Size(String),
}

/// Its name: that of its part.
fn name(part: Option<Part>) -> &'static str {
    part.map_or("ocr", Part::as_str)
}

/// All parts that have a prompt.
fn parts() -> impl Iterator<Item = Option<Part>> {
    std::iter::once(None).chain(Part::ALL.map(Some))
}

/// The program's own.
const fn built_in(part: Option<Part>) -> &'static str {
    match part {
        None => include_str!("../../../prompts/ocr.md"),
        Some(Part::Metadata) => include_str!("../../../prompts/metadata.md"),
        Some(Part::TocFinder) => include_str!("../../../prompts/toc_finder.md"),
        Some(Part::TocExtract) => include_str!("../../../prompts/toc_extract.md"),
        Some(Part::TocLink) => include_str!("../../../prompts/toc_link.md"),
        Some(Part::Patterns) => include_str!("../../../prompts/patterns.md"),
        Some(Part::Discover) => include_str!("../../../prompts/discover.md"),
        Some(Part::Gaps) => include_str!("../../../prompts/gaps.md"),
        Some(Part::Classify) => include_str!("../../../prompts/classify.md"),
        Some(Part::Polish) => include_str!("../../../prompts/polish.md"),
    }
}

impl Prompts {
    /// Those of a directory: `PART.md` for each that is to be another one than the program's. Files whose names do not end
    /// in `.md` are nobody's. Blocks.
    ///
    /// # Errors
    /// A file that is none, or cannot be read.
    pub fn read(dir: &Path) -> Result<Self, PromptsError> {
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |error| PromptsError::Io(path, error)
        };
        let mut prompts = BTreeMap::new();
        for file in fs::read_dir(dir).map_err(failed(dir))? {
            let path = file.map_err(failed(dir))?.path();
            if path.extension().is_none_or(|extension| extension != "md") {
                continue;
            }
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let part = parts().find(|part| name(*part) == stem).ok_or_else(|| {
                let known: Vec<String> = parts().map(|part| format!("{}.md", name(part))).collect();
                PromptsError::Unknown(path.display().to_string(), known.join(", "))
            })?;
            let text = fs::read_to_string(&path).map_err(failed(&path))?;
            if text.trim().is_empty() || text.len() > LONGEST {
                return Err(PromptsError::Size(path.display().to_string()));
            }
            prompts.insert(part, text);
        }
        Ok(Self(prompts))
    }

    /// What a model is told for a part; for none: of a page as an image.
    #[must_use]
    pub fn get(&self, part: Option<Part>) -> &str {
        self.0.get(&part).map_or_else(|| built_in(part), String::as_str)
    }

    /// Those of the parts that have a model, the program's own among them, for [`JobOptions::prompts`].
    #[must_use]
    pub fn options(&self, parts: impl IntoIterator<Item = Option<Part>>) -> BTreeMap<String, String> {
        parts.into_iter().map(|part| (name(part).to_owned(), self.get(part).to_owned())).collect()
    }

    /// What the model of a part is told in the job that a unit is of.
    pub(super) fn told(book: &BookContext, part: Option<Part>) -> Result<String, EngineError> {
        let options = JobOptions::of(book)?;
        Ok(options.prompts.get(name(part)).map_or_else(|| built_in(part).to_owned(), String::clone))
    }
}

/// The version of what a model is told: a part of its hash.
pub(super) fn version(told: &str) -> String {
    let hash = Sha256::digest(told);
    hash.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stands_in_for_the_prompts_that_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("polish.md", "Mend it.");
        write("notes.txt", "nobody's");
        let prompts = Prompts::read(dir.path()).unwrap();
        assert_eq!(prompts.get(Some(Part::Polish)), "Mend it.");
        assert_eq!(prompts.get(None), built_in(None));
        let options = prompts.options([None, Some(Part::Polish)]);
        assert_eq!(options.keys().collect::<Vec<_>>(), ["ocr", "polish"]);
        assert_eq!(options["polish"], "Mend it.");

        write("polishing.md", "Mend it.");
        let unknown = Prompts::read(dir.path()).unwrap_err().to_string();
        assert!(unknown.contains("polishing.md is no prompt") && unknown.contains("polish.md"), "{unknown}");
        fs::remove_file(dir.path().join("polishing.md")).unwrap();
        for bad in [" \n".to_owned(), "x".repeat(LONGEST + 1)] {
            write("ocr.md", &bad);
            assert!(matches!(Prompts::read(dir.path()), Err(PromptsError::Size(_))));
        }
        assert!(matches!(Prompts::read(&dir.path().join("nowhere")), Err(PromptsError::Io(..))));
    }

    #[test]
    fn every_part_has_a_prompt_of_its_own() {
        let texts: std::collections::BTreeSet<&str> = parts().map(built_in).collect();
        assert_eq!(texts.len(), parts().count());
        assert!(texts.iter().all(|text| !text.trim().is_empty() && text.len() <= LONGEST));
    }
}
