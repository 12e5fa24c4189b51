//! The documents against the tree: every file, link and test that they name exists, every invariant has a
//! keeper and a test, and every document is in the handbook.
//!
//! A test is named in `docs/invariants.md` as `file::function`, where `file` is the name of a source file
//! without its ending, or the folder of a `mod.rs` or `main.rs`. A file is named by its path from the root of
//! the repository. What a test checks is not looked at here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// Where sources and documents are. A name in a document that begins with one of these is a path.
const FOLDERS: [&str; 6] = ["crates/", "docs/", "tests/", "xtask/", ".ci/", ".cargo/"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files below a folder of the repository, but for build results.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().unwrap_or_default() != "target" {
            files.extend(files_below(&path));
        } else if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn with_ending(files: impl IntoIterator<Item = PathBuf>, ending: &str) -> Vec<PathBuf> {
    files.into_iter().filter(|file| file.extension().is_some_and(|e| e == ending)).collect()
}

/// The Markdown files at the root of the repository and in `docs`.
fn documents() -> Vec<PathBuf> {
    let at_root = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).filter(|p| p.is_file());
    let documents = with_ending(at_root.chain(files_below(&root().join("docs"))), "md");
    assert!(documents.len() > 10, "only {} documents were found", documents.len());
    documents
}

fn text_of(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A paragraph, item, table cell or heading.
#[derive(Debug, Default)]
struct Passage {
    /// The bold text that it begins with.
    lead: String,
    code: Vec<String>,
    links: Vec<String>,
}

fn passages(markdown: &str) -> Vec<Passage> {
    let (mut passages, mut bold, mut begun) = (vec![Passage::default()], false, false);
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        let Some(passage) = passages.last_mut() else { continue };
        match event {
            Event::Start(Tag::Paragraph | Tag::TableCell | Tag::Item | Tag::Heading { .. }) => {
                passages.push(Passage::default());
                begun = false;
            }
            Event::Start(Tag::Strong) => bold = !begun,
            Event::End(TagEnd::Strong) => (bold, begun) = (false, true),
            Event::Start(Tag::Link { dest_url, .. }) => passage.links.push(dest_url.into_string()),
            Event::Code(code) => {
                passage.code.push(code.into_string());
                begun = true;
            }
            Event::Text(text) if bold => passage.lead.push_str(&text),
            Event::Text(_) => begun = true,
            _ => {}
        }
    }
    passages
}

/// The tests of the tree, by the name of their file.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let folders = ["crates", "tests", "xtask"];
    let sources = folders.into_iter().flat_map(|folder| files_below(&root().join(folder)));
    let mut tests: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in with_ending(sources, "rs") {
        let stem = source.file_stem().unwrap().to_str().unwrap();
        let folder = source.parent().and_then(Path::file_name).unwrap().to_str().unwrap();
        let name = if matches!(stem, "mod" | "main") { folder } else { stem };
        tests.entry(name.to_owned()).or_default().extend(tests_of(&text_of(&source)));
    }
    tests
}

/// The functions of a source that have an attribute `…test`.
fn tests_of(source: &str) -> BTreeSet<String> {
    let (mut tests, mut is_test) = (BTreeSet::new(), false);
    for line in source.lines().map(str::trim) {
        if let Some(attribute) = line.strip_prefix("#[") {
            is_test |= attribute.split(['(', ']']).next().is_some_and(|path| path.ends_with("test"));
            continue;
        }
        if line.starts_with("//") || line.is_empty() {
            continue;
        }
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if let (true, Some(function)) = (is_test, function) {
            tests.insert(function.split(['(', '<']).next().unwrap_or_default().to_owned());
        }
        is_test = false;
    }
    tests
}

fn invariants_page() -> Vec<Passage> {
    passages(&text_of(&root().join("docs/invariants.md")))
}

/// The file and the function of a test's name; `None` for what is no such name.
fn test_name(code: &str) -> Option<(&str, &str)> {
    let (file, function) = code.split_once("::")?;
    let is_name = |text: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    (is_name(file) && is_name(function)).then_some((file, function))
}

#[test]
fn every_test_that_is_named_exists() {
    let tests = tests();
    let code: Vec<String> = invariants_page().into_iter().flat_map(|passage| passage.code).collect();
    let named: Vec<(&str, &str)> = code.iter().filter_map(|code| test_name(code)).collect();
    assert!(named.len() > 80, "only {} tests are named", named.len());
    let is_missing = |(file, test): &(&str, &str)| !tests.get(*file).is_some_and(|all| all.contains(*test));
    let missing: Vec<_> = named.into_iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "docs/invariants.md names tests that do not exist: {missing:#?}");
}

#[test]
fn every_invariant_has_a_keeper_and_a_test() {
    let mut invariants: Vec<Passage> = Vec::new();
    for passage in invariants_page() {
        match invariants.last_mut() {
            _ if !passage.lead.is_empty() => invariants.push(passage),
            // The list below it.
            Some(invariant) => invariant.code.extend(passage.code),
            None => {}
        }
    }
    assert!(invariants.len() > 30, "only {} invariants were found", invariants.len());
    for invariant in invariants {
        let keepers = invariant.code.iter().filter(|code| code.ends_with(".rs")).count();
        let tests = invariant.code.iter().filter(|code| test_name(code).is_some()).count();
        assert!(keepers > 0, "{} names no file that keeps it", invariant.lead);
        assert!(tests > 0, "{} names no test", invariant.lead);
    }
}

#[test]
fn every_file_that_is_named_exists() {
    let (mut named, mut missing) = (0, Vec::new());
    for document in documents() {
        let folder = document.parent().unwrap();
        for passage in passages(&text_of(&document)) {
            let paths = passage.code.iter().filter(|code| FOLDERS.iter().any(|name| code.starts_with(name)));
            let paths = paths.map(|path| (path, root().join(path)));
            let links = passage.links.iter().filter(|link| !link.contains(':') && !link.starts_with('#'));
            let links = links.map(|link| (link, folder.join(link.split('#').next().unwrap_or_default())));
            for (name, path) in paths.chain(links) {
                named += 1;
                if !path.exists() {
                    missing.push(format!("{}: {name}", document.display()));
                }
            }
        }
    }
    assert!(named > 100, "only {named} files are named");
    assert!(missing.is_empty(), "documents name files that do not exist: {missing:#?}");
}

#[test]
fn every_crate_is_in_the_code_map() {
    let map = text_of(&root().join("docs/architecture.md"));
    let crates = fs::read_dir(root().join("crates")).unwrap();
    let names = crates.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let absent: Vec<String> = names.filter(|name| !map.contains(&format!("`crates/{name}`"))).collect();
    assert!(absent.is_empty(), "docs/architecture.md does not say what these are: {absent:?}");
}

#[test]
fn every_document_is_in_the_handbook() {
    #[derive(serde::Deserialize)]
    struct Plan {
        chapters: Vec<String>,
        sections: BTreeMap<String, Vec<String>>,
    }
    let docs = root().join("docs");
    let plan: Plan = toml::from_str(&text_of(&docs.join("handbook.toml"))).unwrap();
    let planned = plan.chapters.into_iter().chain(plan.sections.into_values().flatten());
    let planned: BTreeSet<PathBuf> = planned.map(|file| docs.join(file)).collect();
    let present: BTreeSet<PathBuf> = with_ending(files_below(&docs), "md").into_iter().collect();
    assert_eq!(planned, present, "docs/handbook.toml and the files of docs/ differ");
}

#[test]
fn tests_leads_code_and_links_are_found() {
    let source = "#[test]\nfn one() {}\n\n#[tokio::test(start_paused = true)]\n/// Words.\nasync fn two() {}\n\
                  fn no() {}\nproptest! {\n    #[test]\n    fn three(\n#[cfg(test)]\nmod tests {";
    assert_eq!(tests_of(source).into_iter().collect::<Vec<_>>(), ["one", "three", "two"]);

    let found =
        passages("**Lead.** Text `a::b` **more**.\n\nText **no**. [x](y.md)\n\n| `c` |\n|---|\n| `d` |");
    let leads: Vec<&str> = found.iter().map(|p| p.lead.as_str()).filter(|lead| !lead.is_empty()).collect();
    assert_eq!(leads, ["Lead."]);
    assert_eq!(found.iter().flat_map(|p| &p.code).collect::<Vec<_>>(), ["a::b", "c", "d"]);
    assert_eq!(found.iter().flat_map(|p| &p.links).collect::<Vec<_>>(), ["y.md"]);

    assert_eq!(test_name("stories::down_2"), Some(("stories", "down_2")));
    assert_eq!(test_name("Library::open"), None);
}
