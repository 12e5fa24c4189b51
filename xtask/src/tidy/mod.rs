//! `cargo xtask tidy`: the house rules that no compiler checks.
//!
//! Each check is a function from the [`Tree`] to [`Findings`]; one file per check. A check that looked at
//! nothing is a finding too, since a rule that is checked nowhere holds nowhere. What is made from something
//! else (a table in a document, a crate's README) is compared with what it should be, and `--write` makes it
//! anew. Nothing is built: sources are read as text or parsed, and crates are known from `cargo metadata`.
//!
//! Not here: what clippy, rustfmt and rustdoc check, and whether a hot path waits (`cargo xtask audit-sync`).

mod documents;
mod generated;
mod invariants;
mod journal_format;
mod layering;
mod licences;
mod metadata;
mod metrics;
mod named_tests;
mod packages;
mod persist_methods;
mod readmes;
mod sources;
mod spdx;
mod test_index;
mod tree;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;

use generated::Generated;
use tree::{Findings, Tree};

pub(crate) use metadata::{Metadata, Package};

/// What `cargo xtask tidy` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Make the generated parts anew (tables in docs/, READMEs of crates) instead of comparing them
    #[arg(long)]
    write: bool,
    /// Only these checks; without any, all
    #[arg(value_name = "CHECK", value_parser = CHECKS.map(|(name, _)| name))]
    checks: Vec<String>,
    /// Do not run `cargo deny`, which fetches advisories; licences are checked from the lock file's crates
    #[arg(long)]
    offline: bool,
    /// The repository to look at
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."),
          hide_default_value = true)]
    root: PathBuf,
}

type Check = fn(&Tree) -> anyhow::Result<Findings>;

/// Every check, with its name.
const CHECKS: [(&str, Check); 13] = [
    ("layering", layering::check),
    ("packages", packages::check),
    ("licences", licences::check),
    ("sources", sources::check),
    ("paths", documents::paths),
    ("code-map", documents::code_map),
    ("handbook", documents::handbook),
    ("invariants", invariants::check),
    ("named-tests", named_tests::check),
    ("journal-format", journal_format::check),
    ("persist-methods", persist_methods::check),
    ("metrics", metrics::check),
    ("generated", generated::check),
];

/// Runs every check. An error names how many findings there were.
pub(crate) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    let tree = Tree::read(&options.root)?;
    if options.write {
        for part in generated(&tree)? {
            if part.write(&tree)? {
                writeln!(out, "tidy: {} written", part.path)?;
            }
        }
        return Ok(());
    }
    let mut count = 0;
    let mut report = |name: &str, findings: anyhow::Result<Findings>| -> anyhow::Result<()> {
        let findings = findings.unwrap_or_else(|error| {
            let mut failed = Findings { looked_at: 1, ..Findings::default() };
            failed.add(name, format!("cannot be checked: {error:#}"));
            failed
        });
        writeln!(out, "tidy: {name}: {} looked at", findings.looked_at)?;
        for finding in &findings.list {
            writeln!(out, "{finding}")?;
        }
        count += findings.list.len();
        if findings.looked_at == 0 {
            writeln!(out, "{name}: nothing was looked at")?;
            count += 1;
        }
        Ok(())
    };
    for (name, check) in CHECKS {
        if options.checks.is_empty() || options.checks.iter().any(|wanted| wanted == name) {
            report(name, check(&tree))?;
        }
    }
    if options.checks.is_empty() && !options.offline && licences::cargo_deny_is_there() {
        report("cargo deny", licences::cargo_deny(&options.root))?;
    }
    if count > 0 {
        bail!("{count} findings");
    }
    Ok(())
}

/// Everything in the repository that is made from something else, but for the handbook, which has its own chore.
fn generated(tree: &Tree) -> anyhow::Result<Vec<Generated>> {
    let mut parts = vec![layering::table(), metrics::table(tree)?];
    parts.extend(readmes::all(tree)?);
    Ok(parts)
}

/// The crates that are published, in the order of their layers.
pub(crate) fn published(root: &Path) -> anyhow::Result<Vec<Package>> {
    let members = Metadata::of_members(root)?.packages;
    let order = |package: &Package| layering::position(&package.name);
    let mut published: Vec<Package> = members.into_iter().filter(Package::is_published).collect();
    published.sort_by_key(order);
    Ok(published)
}
