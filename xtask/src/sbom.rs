//! `cargo xtask sbom`: what the program is built from, as a CycloneDX document.
//!
//! From `cargo metadata` and `Cargo.lock`: every crate that the program is built with on this platform, with its
//! version, licence, place and checksum, and which needs which. No times and no random numbers: the same lock file
//! gives the same document. The C sources that two of the crates bring (SQLite, *ring*) are parts of their crates.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::tidy::Metadata;

/// The crate whose program is packaged.
const PROGRAM: &str = "bookstate-cli";
/// The version of CycloneDX.
const SPEC: &str = "1.5";

/// What `cargo xtask sbom` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Where to write it; without one it is printed
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `Cargo.lock`, as far as it is used.
#[derive(Debug, Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Debug, Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// Writes the document.
pub(crate) fn run(options: &Options, out: &mut impl std::io::Write) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut text = serde_json::to_string_pretty(&document(&root)?)?;
    text.push('\n');
    match &options.output {
        Some(file) => std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display())),
        None => Ok(out.write_all(text.as_bytes())?),
    }
}

fn document(root: &Path) -> anyhow::Result<Value> {
    let metadata = Metadata::as_built(root)?;
    let lock: Lock = toml::from_str(&std::fs::read_to_string(root.join("Cargo.lock"))?)?;
    let sums: BTreeMap<(&str, &str), &str> = lock
        .package
        .iter()
        .filter_map(|p| Some(((p.name.as_str(), p.version.as_str()), p.checksum.as_deref()?)))
        .collect();
    let needs = metadata.needs_of(PROGRAM).with_context(|| format!("there is no crate {PROGRAM}"))?;
    let packages: BTreeMap<&str, _> = metadata.packages.iter().map(|p| (p.id(), p)).collect();
    let url = |id: &str| {
        let package = packages.get(id).with_context(|| format!("nothing is known of {id}"))?;
        anyhow::Ok(format!("pkg:cargo/{}@{}", package.name, package.version))
    };
    let (mut components, mut dependencies, mut program) = (Vec::new(), Vec::new(), Value::Null);
    for (id, needed) in &needs {
        let package = packages.get(id).with_context(|| format!("nothing is known of {id}"))?;
        let name = url(id)?;
        let is_program = package.name == PROGRAM;
        let mut component = json!({
            "type": if is_program { "application" } else { "library" },
            "bom-ref": name,
            "name": if is_program { "bookstate" } else { &package.name },
            "version": package.version,
            "purl": name,
        });
        if let Some(licence) = &package.license {
            // The old way to write OR.
            component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
        }
        if let Some(sum) = sums.get(&(package.name.as_str(), package.version.as_str())) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
        }
        if is_program {
            program = component;
        } else {
            components.push(component);
        }
        let needed = needed.iter().map(|id| url(id)).collect::<anyhow::Result<BTreeSet<_>>>()?;
        dependencies.push(json!({ "ref": name, "dependsOn": needed }));
    }
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": { "component": program },
        "components": components,
        "dependencies": dependencies,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_what_the_program_is_built_with_and_nothing_else() {
        let document = document(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
        let components = document["components"].as_array().unwrap();
        let has = |name: &str| components.iter().any(|component| component["name"] == name);
        for name in ["bookstate-store", "rusqlite", "libsqlite3-sys", "tokio", "hayro", "serde"] {
            assert!(has(name), "{name}");
        }
        // Of the tests, of the chores.
        for name in ["proptest", "criterion", "apollo-compiler", "xtask", "bookstate-tests"] {
            assert!(!has(name), "{name}");
        }
        for component in components {
            let ours = component["name"].as_str().unwrap().starts_with("bookstate-");
            assert!(ours || component["hashes"][0]["content"].as_str().unwrap().len() == 64, "{component}");
            assert!(component["licenses"][0]["expression"].is_string() || !ours, "{component}");
        }
        let known: BTreeSet<&str> =
            components.iter().map(|component| component["bom-ref"].as_str().unwrap()).collect();
        assert_eq!(known.len(), components.len(), "each is there once");
        for edges in document["dependencies"].as_array().unwrap() {
            for to in edges["dependsOn"].as_array().unwrap() {
                assert!(known.contains(to.as_str().unwrap()), "{to}");
            }
        }
    }
}
