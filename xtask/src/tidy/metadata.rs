//! What `cargo metadata` says of the crates: of the workspace's own, or of all that they depend on.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;

/// The output of `cargo metadata`, as far as it is used.
#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    /// The members, or these and all that they depend on.
    pub(crate) packages: Vec<Package>,
    /// Who depends on whom; only with dependencies.
    resolve: Option<Resolve>,
}

/// A crate.
#[derive(Debug, Deserialize)]
pub(crate) struct Package {
    id: String,
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its licence, as an SPDX expression.
    pub(crate) license: Option<String>,
    license_file: Option<String>,
    pub(super) description: Option<String>,
    pub(super) readme: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) keywords: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) dependencies: Vec<Dependency>,
    /// Its features, with what each turns on.
    pub(crate) features: BTreeMap<String, Vec<String>>,
    targets: Vec<Target>,
    manifest_path: String,
    /// `None`: to any registry; empty: to none.
    publish: Option<Vec<String>>,
}

impl Package {
    /// What it is known by in the output.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Whether other projects can get it from a registry.
    pub(crate) fn is_published(&self) -> bool {
        self.publish.as_ref().is_none_or(|registries| !registries.is_empty())
    }

    /// Whether it has a library that other crates can use, other than macros.
    pub(crate) fn is_library(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "lib"))
    }

    /// The text of its licence, where the manifest names a file.
    pub(super) fn licence_text(&self) -> Option<String> {
        let file = Path::new(&self.manifest_path).parent()?.join(self.license_file.as_ref()?);
        std::fs::read_to_string(file).ok()
    }

    /// Its folder, from the root of the repository.
    pub(super) fn folder(&self, root: &Path) -> anyhow::Result<String> {
        let folder = Path::new(&self.manifest_path).parent().unwrap_or(Path::new(""));
        let folder = folder.strip_prefix(root).with_context(|| format!("{} is elsewhere", self.name))?;
        Ok(folder.display().to_string())
    }
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

/// A line under `[dependencies]` or the like.
#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// `dev` or `build`; none for a normal one.
    pub(super) kind: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

impl Edge {
    /// Whether it is there when nothing is tested.
    fn is_built(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
    }
}

#[derive(Debug, Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

/// This machine's platform.
fn host(root: &Path) -> anyhow::Result<String> {
    let rustc = Command::new("rustc").arg("-vV").current_dir(root).output()?;
    let version = String::from_utf8(rustc.stdout)?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(ToOwned::to_owned).context("`rustc -vV` names no host")
}

impl Metadata {
    /// The members of the workspace only. Needs no lock file and no network.
    pub(crate) fn of_members(root: &Path) -> anyhow::Result<Self> {
        Self::ask(root, &["--no-deps"])
    }

    /// The members with all features, and all that they depend on, on this machine's platform.
    pub(super) fn with_dependencies(root: &Path) -> anyhow::Result<Self> {
        Self::ask(root, &["--locked", "--all-features", "--filter-platform", &host(root)?])
    }

    /// The members with the features that they are built with, and all that they depend on, on this machine's platform.
    pub(crate) fn as_built(root: &Path) -> anyhow::Result<Self> {
        Self::ask(root, &["--locked", "--filter-platform", &host(root)?])
    }

    fn ask(root: &Path, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["metadata", "--format-version", "1"]).args(arguments).current_dir(root);
        let output = cargo.output().context("cannot run cargo")?;
        if !output.status.success() {
            bail!("`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).context("`cargo metadata` prints something unknown")
    }

    /// Whatever a member is built with, tests aside, by id, and what each of these needs in its turn.
    pub(crate) fn needs_of(&self, member: &str) -> Option<BTreeMap<&str, Vec<&str>>> {
        let nodes = self.resolve.as_ref()?.nodes.iter().map(|node| (node.id.as_str(), node));
        let nodes: BTreeMap<&str, &Node> = nodes.collect();
        let start = self.packages.iter().find(|package| package.name == member)?;
        let (mut waiting, mut needs) = (vec![start.id.as_str()], BTreeMap::new());
        while let Some(id) = waiting.pop() {
            if needs.contains_key(id) {
                continue;
            }
            let edges = nodes.get(id).map(|node| node.deps.as_slice()).unwrap_or_default();
            let needed: Vec<&str> =
                edges.iter().filter(|edge| edge.is_built()).map(|edge| edge.pkg.as_str()).collect();
            waiting.extend(&needed);
            needs.insert(id, needed);
        }
        Some(needs)
    }

    /// Whatever a member is built with, tests aside: how each crate is reached, from the member on.
    pub(super) fn reached_from(&self, member: &str) -> BTreeMap<&str, Vec<&str>> {
        let name = |id: &str| self.packages.iter().find(|p| p.id == id).map(|p| p.name.as_str());
        let nodes = self.resolve.as_ref().map(|resolve| resolve.nodes.as_slice()).unwrap_or_default();
        let nodes: BTreeMap<&str, &Node> = nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let start = self.packages.iter().filter(|p| p.name == member).map(|p| (p.id.as_str(), vec![]));
        let (mut waiting, mut reached) = (Vec::from_iter(start), BTreeMap::new());
        while let Some((id, mut way)) = waiting.pop() {
            let (Some(name), Some(node)) = (name(id), nodes.get(id)) else { continue };
            way.push(name);
            if reached.contains_key(name) {
                continue;
            }
            reached.insert(name, way.clone());
            let built = node.deps.iter().filter(|edge| edge.is_built());
            waiting.extend(built.map(|edge| (edge.pkg.as_str(), way.clone())));
        }
        reached
    }
}
