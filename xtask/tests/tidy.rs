//! `cargo xtask tidy` goes red: each test breaks one rule in a copy of this repository, and is told of it.
//!
//! That the repository itself keeps every rule is in `gate`.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;

/// A copy of this repository, without history and build results.
struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), copy.0.path());
        copy
    }

    /// Replaces a text in a file, where it occurs first.
    fn replace(&self, file: &str, from: &str, to: &str) -> &Self {
        let path = self.0.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} has no {from:?}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
        self
    }

    fn write(&self, file: &str, text: &str) -> &Self {
        let path = self.0.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn remove(&self, file: &str) -> &Self {
        fs::remove_file(self.0.path().join(file)).unwrap();
        self
    }

    fn tidy(&self, arguments: &[&str]) -> (bool, String) {
        let mut tidy = Command::new(env!("CARGO_BIN_EXE_xtask"));
        let output = tidy.args(["tidy", "--offline", "--root"]).arg(self.0.path()).args(arguments).output();
        let output = output.unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).unwrap())
    }

    /// Fails unless a check of `tidy` fails with a line that begins with `place` and has `text`.
    #[track_caller]
    fn is_refused(&self, check: &str, place: &str, text: &str) {
        let (passed, said) = self.tidy(&[check]);
        let is_told = said.lines().any(|line| line.starts_with(place) && line.contains(text));
        assert!(!passed && is_told, "expected: {place}: …{text}…, but tidy says:\n{said}");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        let name = entry.file_name();
        if ["target", ".git", ".bookstate"].iter().any(|left_out| name == *left_out) {
            continue;
        }
        if path.is_dir() {
            fs::create_dir(&to).unwrap();
            copy_folder(&path, &to);
        } else if fs::copy(&path, &to).is_err() {
            // An editor's temporary file may be gone by now; whatever is needed is missed below.
        }
    }
}

#[test]
fn an_edge_that_the_table_lacks() {
    let manifest = "crates/bookstate-store/Cargo.toml";
    let edge = "[dependencies]\nbookstate-sink.workspace = true\n";
    let copy = Copy::new();
    copy.replace(manifest, "[dependencies]\n", edge);
    copy.is_refused("layering", "Cargo.toml", "bookstate-store must not use bookstate-sink");
    copy.replace(manifest, edge, "[dependencies]\n");
    copy.replace(manifest, "[dev-dependencies]\n", "[dev-dependencies]\nbookstate-jobs.workspace = true\n");
    copy.is_refused("layering", "Cargo.toml", "the tests of bookstate-store must not use bookstate-jobs");
}

#[test]
fn a_crate_that_the_table_lacks() {
    let copy = Copy::new();
    copy.write("crates/bookstate-new/src/lib.rs", "//! A new crate.\n");
    copy.write("crates/bookstate-new/Cargo.toml", "[package]\nname = \"bookstate-new\"\n");
    copy.is_refused("layering", "Cargo.toml", "bookstate-new is not in the table of layers");
}

#[test]
fn a_runtime_below_the_domain() {
    let copy = Copy::new();
    copy.replace(
        "crates/bookstate-domain/Cargo.toml",
        "[dependencies]\n",
        "[dependencies]\ntokio.workspace = true\n",
    );
    // The lock file has the new edge, too, as after a build.
    let mut cargo = Command::new(env!("CARGO"));
    let locked =
        cargo.args(["update", "--workspace", "--offline"]).current_dir(copy.0.path()).output().unwrap();
    assert!(locked.status.success(), "{locked:?}");
    copy.is_refused(
        "layering",
        "Cargo.toml",
        "bookstate-domain must not be built with tokio, and is: bookstate-domain -> tokio",
    );
}

#[test]
fn a_document_names_what_is_not_there() {
    let copy = Copy::new();
    copy.write("docs/architecture.md", "Read `crates/bookstate-store/src/gone.rs`.\n");
    copy.is_refused("paths", "docs/architecture.md:1", "there is no crates/bookstate-store/src/gone.rs");
    copy.write("docs/architecture.md", "# It\n\nRead [this](gone.md), and [that](invariants.md).\n");
    copy.is_refused("paths", "docs/architecture.md:3", "the link gone.md leads nowhere");
    copy.is_refused("code-map", "docs/architecture.md", "does not say what `crates/bookstate-store` is");
}

#[test]
fn a_document_that_the_handbook_lacks() {
    let copy = Copy::new();
    copy.write("docs/new.md", "# New\n");
    copy.is_refused("handbook", "docs/handbook.toml", "lacks docs/new.md");
    copy.remove("docs/new.md").remove("docs/style.md");
    copy.is_refused("handbook", "docs/handbook.toml", "names docs/style.md, which is not there");
}

#[test]
fn an_invariant_names_no_test_or_a_missing_one() {
    let page = "docs/invariants.md";
    let copy = Copy::new();
    copy.replace(page, "`laws::a_snapshot_stays_as_it_is`", "`laws::a_snapshot_stays`");
    copy.is_refused("invariants", page, "there is no test laws::a_snapshot_stays");
    copy.replace(page, "- `laws::a_snapshot_stays`\n", "");
    copy.is_refused("invariants", page, "A snapshot stays as it is. names no test");
    copy.write(page, "# Invariants\n\n**It holds.** Always.\n\n- `laws::a_snapshot_stays_as_it_is`\n");
    copy.is_refused("invariants", page, "It holds. names no file that keeps it");
    copy.write(page, "# Invariants\n");
    copy.is_refused("invariants", page, "has no invariants");
}

#[test]
fn a_test_that_is_renamed_is_missed() {
    let copy = Copy::new();
    let test = "fn a_state_is_the_fold_of_its_ops";
    copy.replace("crates/bookstate-domain/tests/laws.rs", test, "fn a_state_is_the_fold");
    copy.is_refused(
        "invariants",
        "docs/invariants.md",
        "there is no test laws::a_state_is_the_fold_of_its_ops",
    );
}

#[test]
fn a_threat_names_no_test_or_a_missing_one() {
    let page = "SECURITY.md";
    let copy = Copy::new();
    copy.replace(page, "`uploads::what_is_not_the_file_is_bounded`", "`uploads::gone`");
    copy.is_refused("named-tests", page, "there is no test uploads::gone");
    copy.replace(page, "| `uploads::gone` |", "| |");
    copy.is_refused("named-tests", page, "names no test");
    copy.write(page, "# Security\n");
    copy.is_refused("named-tests", page, "has no table");
}

#[test]
fn a_persist_method_is_on_its_page() {
    let (page, source) = ("docs/persist-methods.md", "crates/bookstate-domain/src/persist/pages.rs");
    let copy = Copy::new();
    copy.replace(source, "pub fn persist_page_extract", "pub fn persist_page_new");
    copy.is_refused("persist-methods", page, "lacks the method persist_page_new");
    copy.is_refused("persist-methods", page, "names persist_page_extract, which is no method");
    copy.replace(page, "| `PersistOcrMarkdown` | `persist_ocr_markdown` |", "| - | `persist_ocr_markdown` |");
    copy.is_refused("persist-methods", page, "has no row | `PersistOcrMarkdown` | `persist_ocr_markdown` |");
    copy.replace(page, "`book::op_complete_ends_what_is_in_progress`", "`book::gone`");
    copy.is_refused("persist-methods", page, "there is no test book::gone");
}

#[test]
fn the_journals_page_has_the_numbers_of_the_code() {
    let source = "crates/bookstate-store/src/journal/format.rs";
    let copy = Copy::new();
    copy.replace(source, "HEADER_LEN: usize = 48", "HEADER_LEN: usize = 52");
    copy.is_refused("journal-format", "docs/journal-format.md", "it should say: A header of 52 bytes");
    copy.replace(source, "HEADER_LEN: usize = 52", "HEADER_LEN: usize = 48");
    copy.replace("docs/journal-format.md", "`C1 53 59", "`C1 53 58");
    copy.is_refused("journal-format", "docs/journal-format.md", "magic `C1 53 59 4E 43 FF 0D 0A`");
}

#[test]
fn a_metric_that_is_not_documented() {
    let (page, source) = ("docs/metrics.md", "crates/bookstate-api/src/routes/metrics.rs");
    let copy = Copy::new();
    copy.replace(source, "\"bookstate_journal_bytes\"", "\"bookstate_journal_size\"");
    copy.is_refused("generated", page, "is out of date");
    copy.is_refused("metrics", page, "there is no metric bookstate_journal_bytes");
}

#[test]
fn a_source_without_a_head_or_too_long() {
    let copy = Copy::new();
    let file = "crates/bookstate-domain/src/op.rs";
    copy.write(file, &format!("// Ops.\n{}", "// One line.\n".repeat(600)));
    copy.is_refused("sources", "crates/bookstate-domain/src/op.rs:1", "opens without `//!`");
    copy.is_refused("sources", file, "601 lines, and 600 are the most");
    let (_, said) = copy
        .write(file, &format!("//! Ops.\n// long: a table\n{}", "// One.\n".repeat(600)))
        .tidy(&["sources"]);
    assert!(!said.contains("src/op.rs"), "{said}");
}

#[test]
fn a_licence_that_is_not_on_the_list() {
    let copy = Copy::new();
    copy.replace("deny.toml", "    \"Unicode-3.0\",\n", "");
    copy.is_refused(
        "licences",
        "deny.toml",
        "does not allow unicode-ident, which has (MIT OR Apache-2.0) AND Unicode-3.0",
    );
}

#[test]
fn a_crate_that_no_registry_would_take() {
    let copy = Copy::new();
    copy.replace("crates/bookstate-sink/Cargo.toml", "description = ", "# description = ");
    copy.is_refused("packages", "crates/bookstate-sink/Cargo.toml", "has no description");
    copy.remove("crates/bookstate-sink/LICENSE-MIT");
    copy.is_refused("packages", "crates/bookstate-sink/LICENSE-MIT", "is not the LICENSE-MIT of the root");
}

#[test]
fn what_is_generated_is_written_anew() {
    let copy = Copy::new();
    copy.tidy(&["--write"]);
    copy.replace("crates/bookstate-sink/src/lib.rs", "//! Write-behind", "//! Written behind");
    copy.replace(
        "docs/architecture.md",
        "| `bookstate-sink` | `bookstate-domain`, ",
        "| `bookstate-sink` | ",
    );
    copy.is_refused("generated", "crates/bookstate-sink/README.md", "is out of date");
    copy.is_refused("generated", "docs/architecture.md", "is out of date");
    let (passed, said) = copy.tidy(&["--write"]);
    assert!(passed && said.lines().count() == 2, "{said}");
    let readme = fs::read_to_string(copy.0.path().join("crates/bookstate-sink/README.md")).unwrap();
    assert!(readme.contains("\nWritten behind"), "{readme}");
    let (_, said) = copy.tidy(&["generated"]);
    assert!(!said.contains("out of date"), "{said}");
}
