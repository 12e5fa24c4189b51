//! Pages with tables whose last column is a test, against the tree: each line ends with a test that is there. What a test
//! shows is not looked at here.

use super::{
    test_index::{TestIndex, test_name},
    tree::{Findings, Tree},
};

/// What an attacker tries; what happened in the system that the pipeline comes from.
const PAGES: [&str; 2] = ["SECURITY.md", "docs/pipeline.md"];

pub(super) fn check(tree: &Tree) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let index = TestIndex::of(tree, &["crates/", "tests/", "tools/", "xtask/"])?;
    for page in PAGES {
        check_page(page, &tree.text(page)?, &index, &mut findings);
    }
    Ok(findings)
}

fn check_page(page: &str, text: &str, index: &TestIndex, findings: &mut Findings) {
    let (mut tables, mut names_tests) = (0, false);
    for (number, line) in (1..).zip(text.lines()) {
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            names_tests = false;
            continue;
        };
        let cell = row.rsplit('|').next().unwrap_or_default().trim();
        if cell == "test" {
            (tables, names_tests) = (tables + 1, true);
            continue;
        }
        if !names_tests || cell.starts_with("---") {
            continue;
        }
        let place = format!("{page}:{number}");
        let mut names = cell.split('`').skip(1).step_by(2).peekable();
        findings.expect(names.peek().is_some(), &place, || "names no test".to_owned());
        for name in names {
            let is_there = test_name(name).is_some_and(|test| index.has(test));
            findings.expect(is_there, &place, || format!("there is no test {name}"));
        }
    }
    if tables == 0 {
        findings.add(page, "has no table whose last column is the test");
    }
}
