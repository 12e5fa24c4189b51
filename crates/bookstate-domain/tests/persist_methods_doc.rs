//! `docs/persist-methods.md` against the code: every row of ADR 010 and every persist method is in it, and
//! every method and test that it names exists.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Phase 1, each with the method that it has become.
const PHASE_1: [&str; 19] = [
    "PersistBookStatus",
    "PersistMetadataResult",
    "PersistOpState",
    "PersistOpComplete",
    "PersistStructurePhase",
    "PersistFinalizePhase",
    "PersistFinalizeProgress",
    "PersistTocLinkProgress",
    "PersistTocRecord",
    "PersistTocFinderResult",
    "PersistTocEntries",
    "PersistTocEntryLink",
    "PersistChapterSkeleton",
    "PersistChapterExtracts",
    "PersistChapterClassifications",
    "PersistChapterPolish",
    "PersistOcrResult",
    "PersistOcrMarkdown",
    "PersistNewAgentState",
];

const PHASE_2: [&str; 7] = [
    "SaveTocFinderResult",
    "SaveTocFinderNoResult",
    "SaveTocExtractResult",
    "SaveTocEntryResult",
    "SaveMetadataResult",
    "SendTracked",
    "SendManyTracked",
];

fn crate_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn page() -> String {
    fs::read_to_string(crate_dir().join("../../docs/persist-methods.md")).unwrap()
}

/// What stands between backquotes.
fn code(page: &str) -> BTreeSet<&str> {
    page.split('`').skip(1).step_by(2).collect()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// Every `pub fn persist_…` below `src/persist` and in `src/reset.rs`.
fn methods() -> BTreeSet<String> {
    let source = crate_dir().join("src");
    let files = fs::read_dir(source.join("persist")).unwrap().map(|entry| entry.unwrap().path());
    let mut methods = BTreeSet::new();
    for file in files.chain([source.join("reset.rs")]) {
        for line in fs::read_to_string(file).unwrap().lines() {
            if let Some(rest) = line.trim_start().strip_prefix("pub fn persist_") {
                let name = rest.split(['(', '<']).next().unwrap();
                methods.insert(format!("persist_{name}"));
            }
        }
    }
    methods
}

#[test]
fn every_row_of_the_adr_is_mapped() {
    let (page, methods) = (page(), methods());
    for name in PHASE_1 {
        let method = snake_case(name);
        assert!(methods.contains(&method), "{name} has no method {method}");
        assert!(page.contains(&format!("| `{name}` | `{method}` |")), "no row for {name}");
    }
    for name in PHASE_2 {
        assert!(page.contains(&format!("| `{name}` | ")), "no row for {name}");
    }
}

#[test]
fn methods_and_page_agree() {
    let (page, methods) = (page(), methods());
    let code = code(&page);
    let named = code.iter().filter(|word| word.starts_with("persist_") && !word.contains('.'));
    for word in named {
        assert!(methods.contains(*word), "{word} is on the page, but not in the code");
    }
    for method in &methods {
        assert!(code.contains(method.as_str()), "{method} is in the code, but not on the page");
    }
    assert!(methods.len() >= PHASE_1.len());
}

#[test]
fn every_test_that_is_named_exists() {
    let (page, tests) = (page(), crate_dir().join("tests"));
    let modules = ["resets", "laws_of_text", "laws"];
    let mut named = 0;
    for word in code(&page) {
        let Some((module, name)) = word.split_once("::") else { continue };
        let is_test = module.chars().all(|c| c.is_ascii_lowercase() || c == '_') && module != "persist";
        if !is_test {
            continue;
        }
        let file = if modules.contains(&module) {
            tests.join(format!("{module}.rs"))
        } else {
            tests.join("persist_methods").join(format!("{module}.rs"))
        };
        assert!(has_test(&file, name), "{word} is on the page, but {} has no such test", file.display());
        named += 1;
    }
    assert!(named > 50, "only {named} tests are named");
}

fn has_test(file: &Path, name: &str) -> bool {
    fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("fn {name}(")))
}
