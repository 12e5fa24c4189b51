//! The licences of everything that the crates are built with, tests included, against the list in `deny.toml`.
//!
//! A crate that comes with a text instead of a name is known if the text is that of MIT. Advisories are known to `cargo deny` only, which also checks the licence texts themselves: where it is installed
//! `cargo xtask tidy` runs it, too.

use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde::Deserialize;

use super::{
    spdx,
    tree::{Findings, Tree},
};

const LIST: &str = "deny.toml";

/// `deny.toml`, as far as it is used here.
#[derive(Debug, Deserialize)]
struct Deny {
    licenses: Licences,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: Vec<String>,
}

pub(super) fn check(tree: &Tree) -> anyhow::Result<Findings> {
    let deny: Deny = toml::from_str(&tree.text(LIST)?).with_context(|| format!("cannot read {LIST}"))?;
    let (mut findings, mit) = (Findings::default(), terms(&tree.text("LICENSE-MIT")?));
    for package in &tree.all_crates()?.packages {
        let licence = match &package.license {
            Some(licence) => licence,
            None if package.licence_text().is_some_and(|text| terms(&text) == mit) => "MIT",
            None => "no licence that is known here",
        };
        findings.expect(spdx::is_allowed(licence, &deny.licenses.allow), LIST, || {
            format!("does not allow {}, which has {licence}", package.name)
        });
    }
    Ok(findings)
}

/// What a licence in the words of MIT says, whoever has the copyright and wherever the lines break.
fn terms(text: &str) -> Vec<String> {
    let text = text.find("Permission is hereby granted").and_then(|at| text.get(at..)).unwrap_or_default();
    text.split_whitespace().map(ToOwned::to_owned).collect()
}

/// Whether `cargo deny` is installed.
pub(super) fn cargo_deny_is_there() -> bool {
    Command::new("cargo-deny").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// What `cargo deny check` says, as one finding.
pub(super) fn cargo_deny(root: &Path) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let output = Command::new("cargo-deny").arg("check").current_dir(root).output()?;
    findings.expect(output.status.success(), LIST, || {
        format!("`cargo deny check` fails:\n{}", String::from_utf8_lossy(&output.stderr))
    });
    Ok(findings)
}
