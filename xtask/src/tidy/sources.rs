//! Every source opens with `//!`, and none is too long without saying why.

use super::tree::{Findings, Tree};

/// Lines that a file may have. A longer one has a line that begins with [`REASON`].
const LONGEST: usize = 600;
const REASON: &str = "// long: ";

pub(super) fn check(tree: &Tree) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    for file in tree.files("", ".rs") {
        let text = tree.text(file)?;
        findings.expect(text.starts_with("//!"), &format!("{file}:1"), || {
            "opens without `//!`: say what its role is, what always holds, and what it is not".to_owned()
        });
        let lines = text.lines().count();
        let has_reason = text.lines().any(|line| line.starts_with(REASON));
        findings.expect(lines <= LONGEST || has_reason, file, || {
            format!(
                "{lines} lines, and {LONGEST} are the most: make two of it, or say why in a line `{REASON}…`"
            )
        });
    }
    Ok(findings)
}
