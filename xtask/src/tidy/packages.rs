//! What a crate needs before it can be published: what a registry shows, and the texts of its licences.

use super::tree::{Findings, Tree};

/// What crates.io takes at most, of keywords and of categories.
const MOST: usize = 5;

pub(super) fn check(tree: &Tree) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    for package in tree.members.packages.iter().filter(|package| package.is_published()) {
        let folder = package.folder(tree.root())?;
        let manifest = format!("{folder}/Cargo.toml");
        let mut expect = |holds, what: &str| findings.expect(holds, &manifest, || format!("has no {what}"));
        expect(package.description.as_deref().is_some_and(|text| !text.is_empty()), "description");
        expect(package.repository.is_some(), "repository");
        expect(package.license.is_some(), "license");
        expect(package.readme.as_deref() == Some("README.md"), "readme, README.md");
        expect((1..=MOST).contains(&package.keywords.len()), "keywords, one to five");
        expect((1..=MOST).contains(&package.categories.len()), "categories, one to five");
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let file = format!("{folder}/{licence}");
            let is_ours = tree.has(&file) && tree.text(&file)? == tree.text(licence)?;
            findings.expect(is_ours, &file, || format!("is not the {licence} of the root: make it a link"));
        }
    }
    Ok(findings)
}
