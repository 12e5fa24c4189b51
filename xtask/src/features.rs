//! `cargo xtask features`: every published crate with no feature, with each of its features alone, and with all.
//!
//! Features are united over a whole build, so each has to work beside any other: one that only builds together
//! with another, or that takes something away, breaks a project that never named it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// What `cargo xtask features` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The repository to look at
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."),
          hide_default_value = true)]
    root: PathBuf,
}

/// Looks at them with clippy, one after the other, and stops at the first that does not build.
pub(crate) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    for package in crate::tidy::published(&options.root)? {
        if package.features.is_empty() {
            continue;
        }
        check(&options.root, &package.name, &["--no-default-features"], out)?;
        for feature in package.features.keys().filter(|feature| *feature != "default") {
            check(&options.root, &package.name, &["--no-default-features", "--features", feature], out)?;
        }
        check(&options.root, &package.name, &["--all-features"], out)?;
    }
    Ok(())
}

fn check(root: &Path, name: &str, features: &[&str], out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "features: {name} {}", features.join(" "))?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["clippy", "--quiet", "--locked", "-p", name]).args(features).current_dir(root);
    // A warning is mostly of code that is used with some other feature only.
    cargo.args(["--", "-D", "warnings"]);
    if !cargo.status().context("cannot run cargo")?.success() {
        bail!("{name} does not build with {}", features.join(" "));
    }
    Ok(())
}
