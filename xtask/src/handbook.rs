//! `cargo xtask handbook`: the user's book as one PDF, `docs/handbook.pdf`, and the list of both books, `docs/SUMMARY.md`,
//! of which `mdbook` makes web pages.
//!
//! `docs/handbook.toml` says the title, which files are the chapters, in order, and which files are sections
//! of a chapter. The bytes depend on these files only, so that `--check` can tell whether the PDF is up to
//! date. Reading Markdown is `markdown`'s part, setting it `layout`'s.

mod layout;
mod markdown;
mod style;
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
    /// File names below docs/, each one chapter of the user's book.
    chapters: Vec<String>,
    /// Those of the developer's book.
    #[serde(default)]
    developer: Vec<String>,
    /// For a chapter, the files that follow it with their headings one level lower.
    #[serde(default)]
    sections: BTreeMap<String, Vec<String>>,
}

/// Makes or checks the handbook.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let plan = Plan::read(&options.docs)?;
    let summary = plan.summary(&options.docs)?;
    let (bytes, missing) = make(&options.docs, plan)?;
    let mut out = std::io::stdout();
    for file in missing {
        writeln!(out, "handbook: {file} is in handbook.toml, but not in docs/; left out")?;
    }
    let (path, list) = (options.docs.join("handbook.pdf"), options.docs.join("SUMMARY.md"));
    if options.check {
        if std::fs::read_to_string(&list).unwrap_or_default() != summary {
            bail!("{} is not what handbook.toml gives; run `cargo xtask handbook`", list.display());
        }
        let current = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if current != bytes {
            bail!("{} is not what the Markdown files give; run `cargo xtask handbook`", path.display());
        }
        writeln!(out, "handbook: up to date")?;
    } else {
        std::fs::write(&list, summary).with_context(|| format!("cannot write {}", list.display()))?;
        std::fs::write(&path, &bytes).with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(out, "handbook: {} bytes in {}", bytes.len(), path.display())?;
    }
    Ok(())
}

impl Plan {
    fn read(docs: &Path) -> anyhow::Result<Self> {
        let path = docs.join("handbook.toml");
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("cannot read {}; it names the handbook's title and chapters", path.display())
        })?;
        let plan: Self =
            toml::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))?;
        let is_chapter = |file| plan.chapters.contains(file) || plan.developer.contains(file);
        if let Some(chapter) = plan.sections.keys().find(|file| !is_chapter(file)) {
            bail!("{} gives sections to {chapter}, which is no chapter", path.display());
        }
        Ok(plan)
    }

    /// Both books as `mdbook` wants them listed: a line per file with its first heading.
    fn summary(&self, docs: &Path) -> anyhow::Result<String> {
        let mut summary = String::from("# Summary\n");
        for (part, files) in [("Using bookstate", &self.chapters), ("For developers", &self.developer)] {
            if files.is_empty() {
                continue;
            }
            summary.push_str(&format!("\n# {part}\n\n"));
            for file in files {
                let sections = self.sections.get(file).into_iter().flatten();
                let all = [(file, "")].into_iter().chain(sections.map(|file| (file, "  ")));
                for (file, indent) in all.filter(|(file, _)| docs.join(file).exists()) {
                    let path = docs.join(file);
                    let text = std::fs::read_to_string(&path)
                        .with_context(|| format!("cannot read {}", path.display()))?;
                    let title = text.lines().find_map(|line| line.strip_prefix("# "));
                    let title = title.with_context(|| format!("{} has no title", path.display()))?;
                    summary.push_str(&format!("{indent}- [{title}]({file})\n"));
                }
            }
        }
        Ok(summary)
    }
}

/// The handbook of a directory, and the files that its plan names and that are not there.
fn make(docs: &Path, plan: Plan) -> anyhow::Result<(Vec<u8>, Vec<String>)> {
    let path = docs.join("handbook.toml");
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

    fn made(docs: &Path) -> anyhow::Result<(Vec<u8>, Vec<String>)> {
        make(docs, Plan::read(docs)?)
    }

    #[test]
    fn both_books_are_listed() {
        let docs = docs();
        std::fs::write(docs.path().join("b.md"), "# Two\n").unwrap();
        let plan = "title = \"T\"\nchapters = [\"a.md\"]\ndeveloper = [\"b.md\"]";
        std::fs::write(docs.path().join("handbook.toml"), plan).unwrap();
        let summary = Plan::read(docs.path()).unwrap().summary(docs.path()).unwrap();
        assert_eq!(
            summary,
            "# Summary\n\n# Using bookstate\n\n- [One](a.md)\n\n# For developers\n\n- [Two](b.md)\n"
        );
        assert!(made(docs.path()).unwrap().1.is_empty(), "the second book is not in the PDF");
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
        let (without, missing) = made(docs.path()).unwrap();
        assert_eq!(missing, ["b.md"]);
        std::fs::write(docs.path().join("b.md"), "# Two\n").unwrap();
        let (with, missing) = made(docs.path()).unwrap();
        assert!(missing.is_empty() && with.len() > without.len());
    }

    #[test]
    fn sections_are_headings_of_their_chapter() {
        let docs = docs();
        std::fs::write(docs.path().join("b.md"), "# Two\n\n日\n").unwrap();
        let plan = docs.path().join("handbook.toml");
        std::fs::write(&plan, "title = \"T\"\nchapters = [\"a.md\"]\n[sections]\n\"b.md\" = [\"a.md\"]")
            .unwrap();
        assert!(made(docs.path()).unwrap_err().to_string().contains("b.md, which is no chapter"));
        std::fs::write(&plan, "title = \"T\"\nchapters = [\"a.md\"]\n[sections]\n\"a.md\" = [\"b.md\"]")
            .unwrap();
        assert!(format!("{:#}", made(docs.path()).unwrap_err()).contains("b.md"), "the section is read");
    }

    #[test]
    fn a_character_without_a_glyph_is_an_error_that_names_it_and_the_file() {
        let docs = docs();
        std::fs::write(docs.path().join("b.md"), "# Two\n\n日\n").unwrap();
        let error = format!("{:#}", made(docs.path()).unwrap_err());
        assert!(error.contains("b.md") && error.contains('日') && error.contains("U+65E5"), "{error}");
    }
}
