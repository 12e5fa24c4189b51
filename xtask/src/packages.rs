//! `cargo xtask packages`: every published crate builds from what would be uploaded, and from nothing else of this
//! repository.
//!
//! `cargo package` would build each crate by itself, with all that it depends on once more. Here the archives are
//! unpacked beside each other, as members of one workspace, and looked at together: a file that an archive lacks is
//! found as well, in a fraction of the time and the room. That each has the features it needs is `cargo xtask features`'
//! affair.

use std::{fs, io::Write, path::PathBuf, process::Command};

use anyhow::{Context, bail};

use crate::tidy::Package;

/// What `cargo xtask packages` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The repository to look at
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/.."),
          hide_default_value = true)]
    root: PathBuf,
}

/// Packs, unpacks, and checks.
pub(crate) fn run(options: &Options, out: &mut impl Write) -> anyhow::Result<()> {
    let target = fs::canonicalize(&options.root)?.join("target");
    let packages = crate::tidy::published(&options.root)?;
    let mut pack = cargo();
    pack.args(["package", "--quiet", "--locked", "--allow-dirty", "--no-verify", "--target-dir"])
        .arg(&target);
    for package in &packages {
        pack.args(["-p", &package.name]);
    }
    succeed(pack.current_dir(&options.root), "cargo package")?;

    let there = target.join("packages");
    if there.exists() {
        fs::remove_dir_all(&there)?;
    }
    fs::create_dir_all(&there)?;
    for package in &packages {
        let archive = target.join("package").join(format!("{}.crate", folder(package)));
        // As of now: cargo goes by the time of files, and that in archives is always the same.
        succeed(Command::new("tar").arg("-xmzf").arg(&archive).arg("-C").arg(&there), "tar")?;
        writeln!(out, "packages: {} with {} bytes", folder(package), fs::metadata(&archive)?.len())?;
    }
    fs::write(there.join("Cargo.toml"), manifest(&packages))?;
    fs::copy(options.root.join("Cargo.lock"), there.join("Cargo.lock"))?;
    let mut check = cargo();
    check.args(["check", "--quiet", "--workspace", "--all-features", "--target-dir"]).arg(&target);
    succeed(check.current_dir(&there), "cargo check of what was packed")
}

/// The name of a package's archive, and of the folder in it.
fn folder(package: &Package) -> String {
    format!("{}-{}", package.name, package.version)
}

/// A workspace of the unpacked crates, each of which gets the others from it rather than from a registry.
fn manifest(packages: &[Package]) -> String {
    let mut manifest =
        String::from("[workspace]\nresolver = \"3\"\nmembers = [\"*-*\"]\n\n[patch.crates-io]\n");
    for package in packages {
        manifest.push_str(&format!("{} = {{ path = \"{}\" }}\n", package.name, folder(package)));
    }
    manifest
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn succeed(command: &mut Command, what: &str) -> anyhow::Result<()> {
    if !command.status().with_context(|| format!("cannot run {what}"))?.success() {
        bail!("{what} fails");
    }
    Ok(())
}
