//! `SECURITY.md` against the tree: every line of its tables ends with a test that is there. What a test shows is not
//! looked at here.

use super::{
    test_index::{TestIndex, test_name},
    tree::{Findings, Tree},
};

const PAGE: &str = "SECURITY.md";

pub(super) fn check(tree: &Tree) -> anyhow::Result<Findings> {
    let (mut findings, text) = (Findings::default(), tree.text(PAGE)?);
    let index = TestIndex::of(tree, &["crates/", "tests/", "tools/", "xtask/"])?;
    let mut tables = 0;
    for (number, line) in (1..).zip(text.lines()) {
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else { continue };
        let cell = row.rsplit('|').next().unwrap_or_default().trim();
        if cell.starts_with("---") {
            continue;
        }
        if cell == "test" {
            tables += 1;
            continue;
        }
        let place = format!("{PAGE}:{number}");
        let mut names = cell.split('`').skip(1).step_by(2).peekable();
        findings.expect(names.peek().is_some(), &place, || "names no test".to_owned());
        for name in names {
            let is_there = test_name(name).is_some_and(|test| index.has(test));
            findings.expect(is_there, &place, || format!("there is no test {name}"));
        }
    }
    if tables == 0 {
        findings.add(PAGE, "has no table whose last column is the test");
    }
    Ok(findings)
}
