//! The files of the repository, and what checks say about them.

use std::cell::OnceCell;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::metadata::Metadata;

/// Folders that are not looked into: build results, histories, and files that are wrong on purpose.
const LEFT_OUT: [&str; 4] = ["target", ".git", ".bookstate", "fixtures"];

/// Where sources are. A name in a document that begins with one of these is a path.
pub(super) const FOLDERS: [&str; 8] =
    ["crates/", "docs/", "tests/", "xtask/", "examples/", "tools/", ".ci/", ".cargo/"];

/// The repository.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    /// Every file, by its path from the root, sorted.
    files: Vec<String>,
    /// The members of the workspace.
    pub(super) members: Metadata,
    all: OnceCell<Metadata>,
}

impl Tree {
    /// Lists the files below `root`.
    pub(super) fn read(root: &Path) -> anyhow::Result<Self> {
        let root = root.canonicalize().with_context(|| format!("cannot find {}", root.display()))?;
        let mut files = Vec::new();
        list(&root, "", &mut files)?;
        files.sort();
        let members = Metadata::of_members(&root)?;
        Ok(Self { root, files, members, all: OnceCell::new() })
    }

    /// The members and all that they depend on. Asked for once.
    pub(super) fn all_crates(&self) -> anyhow::Result<&Metadata> {
        if let Some(all) = self.all.get() {
            return Ok(all);
        }
        let all = Metadata::with_dependencies(&self.root)?;
        Ok(self.all.get_or_init(|| all))
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn text(&self, file: &str) -> anyhow::Result<String> {
        let path = self.root.join(file);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.root.join(path).exists()
    }

    /// The files with an ending below a folder; `""` is the root.
    pub(super) fn files<'a>(&'a self, folder: &'a str, ending: &'a str) -> impl Iterator<Item = &'a str> {
        let is_one = move |file: &&str| file.starts_with(folder) && file.ends_with(ending);
        self.files.iter().map(String::as_str).filter(is_one)
    }
}

fn list(root: &Path, folder: &str, files: &mut Vec<String>) -> anyhow::Result<()> {
    let path = root.join(folder);
    let entries = fs::read_dir(&path).with_context(|| format!("cannot read {}", path.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        if !entry.path().is_dir() {
            files.push(path);
        } else if !LEFT_OUT.contains(&name) {
            list(root, &path, files)?;
        }
    }
    Ok(())
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// `path` or `path:line`.
    place: String,
    /// What is wrong, and what to do.
    text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}

/// What a check found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// How many things were checked; none is a failure of its own.
    pub(super) looked_at: usize,
    pub(super) list: Vec<Finding>,
}

impl Findings {
    pub(super) fn add(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.list.push(Finding { place: place.into(), text: text.into() });
    }

    /// Counts a thing that was checked, and adds a finding if it is not as it should be.
    pub(super) fn expect(&mut self, holds: bool, place: &str, text: impl FnOnce() -> String) {
        self.looked_at += 1;
        if !holds {
            self.add(place, text());
        }
    }
}
