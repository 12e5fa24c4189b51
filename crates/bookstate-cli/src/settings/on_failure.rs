//! What is done with a unit whose model fails for good: the key `stages.on_failure`.

use std::collections::BTreeSet;

use bookstate_jobs::Part;
use serde_json::json;

use super::value::SettingValue;

const LOCAL: &str = "local";
const FAIL: &str = "fail";

/// The parts that fail with their model; the local rules do all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OnFailure(pub(super) BTreeSet<Part>);

impl OnFailure {
    /// No part fails as long as the local rules can do it.
    pub(super) const LOCAL: Self = Self(BTreeSet::new());
}

impl SettingValue for OnFailure {
    fn expected() -> String {
        format!("{LOCAL}, {FAIL}, or a list of the stages that fail")
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        let Some(list) = value.as_array() else { return Self::from_text(value.as_str()?) };
        list.iter().map(|stage| stage.as_str()?.parse().ok()).collect::<Option<_>>().map(Self)
    }
    /// The stages of a list have commas between them.
    fn from_text(text: &str) -> Option<Self> {
        match text.trim() {
            LOCAL => Some(Self::LOCAL),
            FAIL => Some(Self(Part::ALL.into())),
            list => list.split(',').map(|stage| stage.trim().parse().ok()).collect::<Option<_>>().map(Self),
        }
    }
    fn show(&self) -> serde_json::Value {
        match self.0.len() {
            0 => json!(LOCAL),
            all if all == Part::ALL.len() => json!(FAIL),
            _ => self.0.iter().map(|part| part.as_str()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_word_for_all_stages_or_a_list_of_some() {
        let read = |text: &str| OnFailure::from_text(text);
        assert_eq!(read("local"), Some(OnFailure::LOCAL));
        assert_eq!(read("fail").unwrap().0.len(), Part::ALL.len());
        let some = read("toc_link, metadata").unwrap();
        assert_eq!(some.show(), json!(["metadata", "toc_link"]));
        let table: toml::Table = toml::from_str("on_failure = [\"metadata\", \"toc_link\"]").unwrap();
        assert_eq!(OnFailure::from_toml(&table["on_failure"]), Some(some));
        for all in ["local", "fail"] {
            assert_eq!(read(all).unwrap().show(), json!(all));
        }
        assert_eq!(read("toc_links"), None);
    }
}
