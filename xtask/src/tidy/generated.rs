//! Parts of the repository that are made from something else, and must be what is made of it.
//!
//! A part is a whole file, or what stands between `<!-- tidy: NAME -->` and `<!-- /tidy: NAME -->`.

use std::fs;

use anyhow::Context;

use super::tree::{Findings, Tree};

/// A file, or a part of one.
#[derive(Debug)]
pub(super) struct Generated {
    /// The file's path from the root.
    pub(super) path: String,
    /// The name between the markers; none for the whole file.
    pub(super) part: Option<&'static str>,
    /// What should be there.
    pub(super) text: String,
}

impl Generated {
    /// The whole file as it should be.
    fn expected(&self, tree: &Tree) -> anyhow::Result<String> {
        let Some(part) = self.part else { return Ok(self.text.clone()) };
        let file = tree.text(&self.path)?;
        let (begin, end) = (format!("<!-- tidy: {part} -->\n"), format!("<!-- /tidy: {part} -->"));
        let around =
            file.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
        let (before, after) = around.with_context(|| format!("{} has no {begin}", self.path))?;
        Ok(format!("{before}{begin}\n{}\n{end}{after}", self.text))
    }

    /// Makes it what it should be; whether anything had to be done.
    pub(super) fn write(&self, tree: &Tree) -> anyhow::Result<bool> {
        let expected = self.expected(tree)?;
        if tree.has(&self.path) && tree.text(&self.path)? == expected {
            return Ok(false);
        }
        let path = tree.root().join(&self.path);
        fs::write(&path, expected).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(true)
    }
}

/// Compares every part with what it should be.
pub(super) fn check(tree: &Tree) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    for part in super::generated(tree)? {
        let is_current = tree.has(&part.path) && tree.text(&part.path)? == part.expected(tree)?;
        findings
            .expect(is_current, &part.path, || "is out of date: run `cargo xtask tidy --write`".to_owned());
    }
    Ok(findings)
}
