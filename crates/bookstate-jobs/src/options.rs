//! A job's options, as far as the engines of this crate know them.
//!
//! They are stored with the job, so that one that is resumed goes on as it began. Engines from elsewhere may have options
//! of their own beside these.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bookstate_domain::Text;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    engine::{BookContext, EngineError},
    part::Part,
};

/// See the module documentation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct JobOptions {
    /// The languages of scanned pages, as `tesseract` names them; empty: found by the pages.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<String>,
    /// What models are told, by the name of the part of the pipeline, `ocr` among them; the program's own where none is
    /// given.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub prompts: BTreeMap<String, String>,
    /// The parts that fail where their engine does; the local rules do all others.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub without_fallback: BTreeSet<Part>,
}

impl JobOptions {
    /// As JSON text, for [`JobRequest::options`](crate::JobRequest::options); `None` where nothing is said.
    #[must_use]
    pub fn text(&self) -> Option<Text> {
        let said = serde_json::to_string(self).ok()?;
        (*self != Self::default()).then(|| said.into())
    }

    /// Those of the job that a unit is of.
    ///
    /// # Errors
    /// Only by a mistake of ours.
    pub fn of(book: &BookContext) -> Result<Arc<Self>, EngineError> {
        book.memo.get_or_make("options", || Self::read(book.options.as_deref().unwrap_or_default()))
    }

    /// What a text says, each option by itself: one that is not known here, or is another engine's, is none.
    fn read(text: &str) -> Self {
        let said: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        fn member<T: Default + DeserializeOwned>(said: &serde_json::Value, name: &str) -> T {
            said.get(name).and_then(|value| T::deserialize(value).ok()).unwrap_or_default()
        }
        let words: Vec<String> = member(&said, "without_fallback");
        Self {
            languages: member(&said, "languages"),
            prompts: member(&said, "prompts"),
            without_fallback: words.iter().filter_map(|word| word.parse().ok()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_they_were_written_and_others_may_stand_beside_them() {
        assert_eq!(JobOptions::default().text(), None, "a job without options has none");
        let options = JobOptions {
            languages: vec!["deu".to_owned()],
            prompts: [("toc_link".to_owned(), "Find it.".to_owned())].into(),
            without_fallback: [Part::TocLink].into(),
        };
        let text = options.text().unwrap();
        assert_eq!(
            &*text,
            r#"{"languages":["deu"],"prompts":{"toc_link":"Find it."},"without_fallback":["toc_link"]}"#
        );
        assert_eq!(JobOptions::read(&text), options);
        let others =
            r#"{"languages":"deu","without_fallback":["toc_link","of_a_later_version"],"prompts":{"a":"b"}}"#;
        let read = JobOptions::read(others);
        assert_eq!((read.languages.len(), read.prompts.len()), (0, 1), "each by itself");
        assert_eq!(read.without_fallback, [Part::TocLink].into());
        assert_eq!(JobOptions::read("no JSON"), JobOptions::default());
    }
}
