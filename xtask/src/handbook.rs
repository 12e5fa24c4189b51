//! `cargo xtask handbook`: the Markdown files of docs/ as one PDF, `docs/handbook.pdf`.
//!
//! `docs/handbook.toml` says the title, which files are the chapters, in order, and which files are sections
//! of a chapter. The bytes depend on these files only, so that `--check` can tell whether the PDF is up to
//! date. Reading Markdown is `markdown`'s part, setting it `layout`'s.

mod layout;
mod markdown;
mod table;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// What `cargo xtask handbook` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Write nothing; fail when the PDF is not what the Markdown files give
    #[arg(long)]
    check: bool,
    /// The directory of handbook.toml and the Markdown files
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"),
          hide_default_value = true)]
    docs: PathBuf,
}

/// `docs/handbook.toml`.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    title: String,
    #[serde(default)]
    subtitle: String,
    #[serde(default)]
    author: String,
    /// File names below docs/, each one chapter.
    chapters: Vec<String>,
    /// For a chapter, the files that follow it with their headings one level lower.
    #[serde(default)]
    sections: BTreeMap<String, Vec<String>>,
}

/// Makes or checks the handbook.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let (bytes, missing) = make(&options.docs)?;
    let mut out = std::io::stdout();
    for file in missing {
        writeln!(out, "handbook: {file} is in handbook.toml, but not in docs/; left out")?;
    }
    let path = options.docs.join("handbook.pdf");
    if options.check {
        let current = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if current != bytes {
            bail!("{} is not what the Markdown files give; run `cargo xtask handbook`", path.display());
        }
        writeln!(out, "handbook: up to date")?;
    } else {
        std::fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(out, "handbook: {} bytes in {}", bytes.len(), path.display())?;
    }
    Ok(())
}

/// The handbook of a directory, and the files that its plan names and that are not there.
fn make(docs: &Path) -> anyhow::Result<(Vec<u8>, Vec<String>)> {
    let path = docs.join("handbook.toml");
    let text = std::fs::read_to_string(&path).with_context(|| {
        format!("cannot read {}; it names the handbook's title and chapters", path.display())
    })?;
    let plan: Plan =
        toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))?;
    if let Some(chapter) = plan.sections.keys().find(|chapter| !plan.chapters.contains(chapter)) {
        bail!("{} gives sections to {chapter}, which is no chapter", path.display());
    }
    let mut chapters = Vec::new();
    let mut missing = Vec::new();
    for chapter in &plan.chapters {
        let sections = plan.sections.get(chapter).into_iter().flatten();
        for (file, is_section) in [(chapter, false)].into_iter().chain(sections.map(|file| (file, true))) {
            let path = docs.join(file);
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    missing.push(file.clone());
                    continue;
                }
                Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
            };
            let mut blocks = markdown::parse(&text).with_context(|| format!("in {}", path.display()))?;
            if is_section {
                markdown::lower_headings(&mut blocks);
            }
            chapters.extend(blocks);
        }
    }
    if chapters.is_empty() {
        bail!("{} names no file that is there: a handbook needs one chapter", path.display());
    }
    let cover = layout::Cover { title: plan.title, subtitle: plan.subtitle, author: plan.author };
    Ok((layout::compose(&cover, &chapters).to_bytes(), missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn docs() -> tempfile::TempDir {
        let docs = tempfile::tempdir().unwrap();
        std::fs::write(docs.path().join("handbook.toml"), "title = \"T\"\nchapters = [\"a.md\", \"b.md\"]")
            .unwrap();
        std::fs::write(docs.path().join("a.md"), "# One\n\nText.\n\n## More\n\nText `code`.\n").unwrap();
        docs
    }

    fn options(docs: &Path, check: bool) -> Options {
        Options { check, docs: docs.to_owned() }
    }

    #[test]
    fn check_passes_after_making_and_fails_after_any_change() {
        let docs = docs();
        assert!(run(&options(docs.path(), true)).is_err(), "nothing made yet");
        run(&options(docs.path(), false)).unwrap();
        run(&options(docs.path(), true)).unwrap();
        std::fs::write(docs.path().join("a.md"), "# One\n\nText!\n").unwrap();
        assert!(run(&options(docs.path(), true)).is_err());
    }

    #[test]
    fn missing_files_are_named_and_left_out() {
        let docs = docs();
        let (without, missing) = make(docs.path()).unwrap();
        assert_eq!(missing, ["b.md"]);
        std::fs::write(docs.path().join("b.md"), "# Two\n").unwrap();
        let (with, missing) = make(docs.path()).unwrap();
        assert!(missing.is_empty() && with.len() > without.len());
    }

    #[test]
    fn sections_are_headings_of_their_chapter() {
        let docs = docs();
        std::fs::write(docs.path().join("b.md"), "# Two\n\n日\n").unwrap();
        let plan = docs.path().join("handbook.toml");
        std::fs::write(&plan, "title = \"T\"\nchapters = [\"a.md\"]\n[sections]\n\"b.md\" = [\"a.md\"]")
            .unwrap();
        assert!(make(docs.path()).unwrap_err().to_string().contains("b.md, which is no chapter"));
        std::fs::write(&plan, "title = \"T\"\nchapters = [\"a.md\"]\n[sections]\n\"a.md\" = [\"b.md\"]")
            .unwrap();
        assert!(format!("{:#}", make(docs.path()).unwrap_err()).contains("b.md"), "the section is read");
    }

    #[test]
    fn a_character_without_a_glyph_is_an_error_that_names_it_and_the_file() {
        let docs = docs();
        std::fs::write(docs.path().join("b.md"), "# Two\n\n日\n").unwrap();
        let error = format!("{:#}", make(docs.path()).unwrap_err());
        assert!(error.contains("b.md") && error.contains('日') && error.contains("U+65E5"), "{error}");
    }
}
