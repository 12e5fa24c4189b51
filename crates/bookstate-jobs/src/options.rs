//! A job's options, as far as the engines of this crate know them.
//!
//! They are stored with the job, so that one that is resumed goes on as it began. Engines from elsewhere may have options
//! of their own beside these.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bookstate_domain::Text;
use serde::{Deserialize, Serialize};

use crate::{
    engine::{BookContext, EngineError},
    part::Part,
};

/// See the module documentation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
    /// The options are not what they should be: a unit that went by others would do what nobody asked for.
    pub fn of(book: &BookContext) -> Result<Arc<Self>, EngineError> {
        let read = || match book.options.as_deref() {
            None => Ok(Arc::new(Self::default())),
            Some(text) => serde_json::from_str(text).map(Arc::new).map_err(|error| error.to_string()),
        };
        let read = book.memo.get_or_make("options", read)?;
        let failed = |error| EngineError::permanent(format!("the job's options cannot be read: {error}"));
        (*read).clone().map_err(failed)
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
        assert_eq!(serde_json::from_str::<JobOptions>(&text).unwrap(), options);
        let others = r#"{"languages":["deu"],"of_another_engine":{"a":1}}"#;
        let read: JobOptions = serde_json::from_str(others).unwrap();
        assert_eq!(read.languages, ["deu"]);
    }
}
