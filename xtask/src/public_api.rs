//! `cargo xtask public-api`: the public items of each library crate, one a line, in `docs/public-api/CRATE.txt`.
//!
//! A change of the interface is then a change of a file that is read in review. The lists come from rustdoc's JSON,
//! so they have what macros make and what is re-exported. That output is not stable, and rustdoc is asked for it all
//! the same, by the variable `RUSTC_BOOTSTRAP`. Since build scripts look at this variable, and would have
//! everything built again, rustdoc alone gets it: cargo runs this program in its place, which passes the call on.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// What `cargo xtask public-api` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write nothing; fail when a list is not what the code gives
    #[arg(long)]
    check: bool,
    /// Only these crates
    #[arg(value_name = "CRATE")]
    crates: Vec<String>,
}

/// Set for the calls in which this program stands for rustdoc.
const AS_RUSTDOC: &str = "XTASK_AS_RUSTDOC";

/// Whether cargo has called this program in place of rustdoc.
pub(crate) fn is_asked_as_rustdoc() -> bool {
    std::env::var_os(AS_RUSTDOC).is_some()
}

/// Passes the call on to rustdoc.
pub(crate) fn answer_as_rustdoc() -> anyhow::Result<()> {
    let arguments = std::env::args_os().skip(1);
    let status = Command::new("rustdoc").args(arguments).env("RUSTC_BOOTSTRAP", "1").status()?;
    if !status.success() {
        bail!("rustdoc fails: {status}");
    }
    Ok(())
}

/// Writes or compares the lists.
pub(crate) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let mut stale = Vec::new();
    for package in crate::tidy::published(&root)? {
        let is_wanted = options.crates.is_empty() || options.crates.contains(&package.name);
        if !package.is_library() || !is_wanted {
            continue;
        }
        let (file, list) = (format!("docs/public-api/{}.txt", package.name), list(&root, &package.name)?);
        let path = root.join(&file);
        if fs::read_to_string(&path).unwrap_or_default() == list {
            continue;
        }
        if options.check {
            stale.push(file);
            continue;
        }
        fs::write(&path, list).with_context(|| format!("cannot write {file}"))?;
        writeln!(out, "public-api: {file} written")?;
    }
    if !stale.is_empty() {
        bail!(
            "the public interface has changed: run `cargo xtask public-api` and look at {}",
            stale.join(", ")
        );
    }
    Ok(())
}

/// The public items of a crate with all its features, one a line.
fn list(root: &Path, name: &str) -> anyhow::Result<String> {
    let json = rustdoc_json(root, name)?;
    let api = public_api::Builder::from_rustdoc_json(&json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .with_context(|| format!("cannot read {}", json.display()))?;
    Ok(without_repetitions(api.items().map(ToString::to_string)))
}

/// What each item of an implementation of a trait looks like is the trait's affair, and what is re-exported has its
/// implementations listed once per name: both are left out.
fn without_repetitions(items: impl Iterator<Item = String>) -> String {
    let (mut list, mut seen, mut implementor) = (String::new(), BTreeSet::new(), None::<String>);
    for item in items {
        let path = ["pub fn ", "pub const ", "pub type ", "pub const fn ", "pub async fn ", "pub unsafe fn "];
        let path = path.iter().find_map(|begin| item.strip_prefix(begin)).unwrap_or_default();
        if implementor.as_ref().is_some_and(|implementor| path.starts_with(implementor)) {
            continue;
        }
        let of_trait = item.starts_with("impl").then(|| item.split_once(" for ")).flatten();
        implementor = of_trait.map(|(_, of)| format!("{}::", of.split(" where ").next().unwrap_or_default()));
        if seen.insert(item.clone()) {
            list.push_str(&item);
            list.push('\n');
        }
    }
    list
}

fn rustdoc_json(root: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let target = root.join("target");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["rustdoc", "--quiet", "--locked", "--lib", "--all-features", "-p", name, "--target-dir"]);
    cargo.arg(&target).args([
        "--",
        "-Z",
        "unstable-options",
        "--output-format",
        "json",
        "--cap-lints",
        "allow",
    ]);
    let this: OsString = std::env::current_exe()?.into();
    cargo.env("RUSTDOC", this).env(AS_RUSTDOC, "1").current_dir(root);
    if !cargo.status().context("cannot run cargo")?.success() {
        bail!("`cargo rustdoc -p {name}` fails");
    }
    Ok(target.join("doc").join(format!("{}.json", name.replace('-', "_"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_of_traits_and_repetitions_are_left_out() {
        let items = [
            "pub struct a::A<T>",
            "impl<T> a::A<T>",
            "pub fn a::A<T>::own(&self)",
            "impl<T> core::fmt::Display for a::A<T> where T: core::fmt::Display",
            "pub fn a::A<T>::fmt(&self, &mut core::fmt::Formatter<'_>) -> core::fmt::Result",
            "pub const a::MOST: usize",
            "impl<T> a::A<T>",
            "pub fn a::other()",
        ];
        let kept = [0, 1, 2, 3, 5, 7].map(|at| format!("{}\n", items[at])).concat();
        assert_eq!(without_repetitions(items.into_iter().map(str::to_owned)), kept);
    }
}
