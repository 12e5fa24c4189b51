//! The tests of the tree, by the names that documents give them.
//!
//! A test is named `file::function`, where `file` is the name of a source file without its ending, or the folder of
//! a `mod.rs` or `main.rs`. Sources are read line by line: what a macro makes is not seen, what stands in one is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::tree::Tree;

/// Which tests there are.
#[derive(Debug, Default)]
pub(super) struct TestIndex(BTreeMap<String, BTreeSet<String>>);

impl TestIndex {
    /// The tests in the sources below `folders`.
    pub(super) fn of(tree: &Tree, folders: &[&str]) -> anyhow::Result<Self> {
        let mut index = Self::default();
        for file in folders.iter().flat_map(|folder| tree.files(folder, ".rs")) {
            let path = Path::new(file);
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            let name = if matches!(stem, "mod" | "main") { folder.unwrap_or_default() } else { stem };
            index.0.entry(name.to_owned()).or_default().extend(tests_of(&tree.text(file)?));
        }
        Ok(index)
    }

    pub(super) fn has(&self, (file, function): (&str, &str)) -> bool {
        self.0.get(file).is_some_and(|tests| tests.contains(function))
    }
}

/// The file and the function of a test's name; `None` for what is no such name.
pub(super) fn test_name(code: &str) -> Option<(&str, &str)> {
    let (file, function) = code.split_once("::")?;
    let is_name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    (is_name(file) && is_name(function)).then_some((file, function))
}

/// The functions of a source that have an attribute `…test`.
fn tests_of(source: &str) -> BTreeSet<String> {
    let (mut tests, mut is_test) = (BTreeSet::new(), false);
    for line in source.lines().map(str::trim) {
        if let Some(attribute) = line.strip_prefix("#[") {
            is_test |= attribute.split(['(', ']']).next().is_some_and(|path| path.ends_with("test"));
            continue;
        }
        if line.starts_with("//") || line.is_empty() {
            continue;
        }
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if let (true, Some(function)) = (is_test, function) {
            tests.insert(function.split(['(', '<']).next().unwrap_or_default().to_owned());
        }
        is_test = false;
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_by_their_attribute() {
        let source = "#[test]\nfn one() {}\n\n#[tokio::test(start_paused = true)]\n/// Words.\n\
                      async fn two() {}\nfn no() {}\nproptest! {\n    #[test]\n    fn three(\n\
                      #[cfg(test)]\nmod tests {";
        assert_eq!(tests_of(source).into_iter().collect::<Vec<_>>(), ["one", "three", "two"]);
    }

    #[test]
    fn a_path_of_types_is_no_name_of_a_test() {
        assert_eq!(test_name("stories::down_2"), Some(("stories", "down_2")));
        assert_eq!(test_name("Library::open"), None);
    }
}
