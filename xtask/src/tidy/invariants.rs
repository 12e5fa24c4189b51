//! `docs/invariants.md` against the tree: every invariant names a file that keeps it and a test that goes red, and
//! every test that is named exists. What a test checks is not looked at here.

use super::{
    documents::{Passage, passages},
    test_index::{TestIndex, test_name},
    tree::{Findings, Tree},
};

const PAGE: &str = "docs/invariants.md";

pub(super) fn check(tree: &Tree) -> anyhow::Result<Findings> {
    let (mut findings, mut invariants) = (Findings::default(), Vec::<Passage>::new());
    let index = TestIndex::of(tree, &["crates/", "tests/", "tools/", "xtask/"])?;
    for passage in passages(&tree.text(PAGE)?) {
        for code in &passage.code {
            if let Some(name) = test_name(code) {
                let place = format!("{PAGE}:{}", passage.line);
                findings.expect(index.has(name), &place, || format!("there is no test {code}"));
            }
        }
        match invariants.last_mut() {
            _ if !passage.lead.is_empty() => invariants.push(passage),
            // The list below it.
            Some(invariant) => invariant.code.extend(passage.code),
            None => {}
        }
    }
    for invariant in &invariants {
        let place = format!("{PAGE}:{}", invariant.line);
        let has_keeper = invariant.code.iter().any(|code| code.ends_with(".rs"));
        findings.expect(has_keeper, &place, || format!("{} names no file that keeps it", invariant.lead));
        let has_test = invariant.code.iter().any(|code| test_name(code).is_some());
        findings.expect(has_test, &place, || format!("{} names no test", invariant.lead));
    }
    if invariants.is_empty() {
        findings.add(PAGE, "has no invariants");
    }
    Ok(findings)
}
