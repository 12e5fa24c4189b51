//! `docs/persist-methods.md` against the domain: every row of ADR 010 is on the page, methods and page agree, and
//! every test that the page names exists.

use std::collections::BTreeSet;

use super::{
    test_index::{TestIndex, test_name},
    tree::{Findings, Tree},
};

const PAGE: &str = "docs/persist-methods.md";
const TESTS: &str = "crates/bookstate-domain/tests/";

/// What ADR 010 makes fire-and-forget; each has a method of the same name.
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

/// The functions beside them that the ADR does away with.
const PHASE_2: [&str; 7] = [
    "SaveTocFinderResult",
    "SaveTocFinderNoResult",
    "SaveTocExtractResult",
    "SaveTocEntryResult",
    "SaveMetadataResult",
    "SendTracked",
    "SendManyTracked",
];

pub(super) fn check(tree: &Tree) -> anyhow::Result<Findings> {
    let (mut findings, page, methods) = (Findings::default(), tree.text(PAGE)?, methods(tree)?);
    for name in PHASE_1 {
        let method = snake_case(name);
        findings.expect(methods.contains(&method), PAGE, || format!("{name} has no method {method}"));
        let row = format!("| `{name}` | `{method}` |");
        findings.expect(page.contains(&row), PAGE, || format!("has no row {row}"));
    }
    for name in PHASE_2 {
        let row = format!("| `{name}` | ");
        findings.expect(page.contains(&row), PAGE, || format!("has no row {row}"));
    }
    let code: BTreeSet<&str> = page.split('`').skip(1).step_by(2).collect();
    let index = TestIndex::of(tree, &[TESTS])?;
    for word in &code {
        if word.starts_with("persist_") {
            findings.expect(methods.contains(*word), PAGE, || format!("names {word}, which is no method"));
        }
        if let Some((module, test)) = test_name(word).filter(|(module, _)| *module != "persist") {
            findings
                .expect(index.has((module, test)), PAGE, || format!("there is no test {word} in {TESTS}"));
        }
    }
    for method in &methods {
        findings.expect(code.contains(method.as_str()), PAGE, || format!("lacks the method {method}"));
    }
    Ok(findings)
}

/// Every `pub fn persist_…` below `src/persist` and in `src/reset.rs`.
fn methods(tree: &Tree) -> anyhow::Result<BTreeSet<String>> {
    let mut methods = BTreeSet::new();
    let sources = ["crates/bookstate-domain/src/persist/", "crates/bookstate-domain/src/reset.rs"];
    for file in sources.into_iter().flat_map(|folder| tree.files(folder, ".rs")) {
        for line in tree.text(file)?.lines() {
            if let Some(rest) = line.trim_start().strip_prefix("pub fn persist_") {
                let name = rest.split(['(', '<']).next().unwrap_or_default();
                methods.insert(format!("persist_{name}"));
            }
        }
    }
    Ok(methods)
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
