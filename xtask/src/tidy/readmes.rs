//! READMEs of the published crates, made from the documentation of their `lib.rs` or `main.rs`.
//!
//! Links to items lose their targets, which only rustdoc knows; blocks of code lose their hidden lines. So a README
//! and the crate's page say the same.

use pulldown_cmark::{BrokenLink, Event, Options, Parser, Tag};

use super::{generated::Generated, tree::Tree};

/// The README of each published crate.
pub(super) fn all(tree: &Tree) -> anyhow::Result<Vec<Generated>> {
    let mut readmes = Vec::new();
    for package in tree.members.packages.iter().filter(|package| package.is_published()) {
        let folder = package.folder(tree.root())?;
        let source = ["lib.rs", "main.rs"].map(|name| format!("{folder}/src/{name}"));
        let source = source.into_iter().find(|file| tree.has(file)).unwrap_or_default();
        let text = readme(&package.name, &tree.text(&source)?);
        readmes.push(Generated { path: format!("{folder}/README.md"), part: None, text });
    }
    Ok(readmes)
}

fn readme(name: &str, source: &str) -> String {
    let docs: Vec<&str> = source.lines().map_while(|line| line.strip_prefix("//!")).collect();
    let docs: Vec<&str> = docs.into_iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let docs = for_readers(&without_item_links(&docs.join("\n")));
    format!(
        "<!-- Made from the crate's documentation by `cargo xtask tidy --write`. -->\n\n# {name}\n\n{docs}\n\n\
         ## Licence\n\nMIT or Apache-2.0, as you like.\n"
    )
}

/// ``[`Library`](crate::Library)`` and ``[`Library`]`` become `` `Library` ``. Links to elsewhere stay.
fn without_item_links(markdown: &str) -> String {
    let any = |link: BrokenLink<'_>| Some((link.reference.to_string().into(), "".into()));
    let parser = Parser::new_with_broken_link_callback(markdown, Options::ENABLE_TABLES, Some(any));
    let mut items = Vec::new();
    for (event, range) in parser.into_offset_iter() {
        if let Event::Start(Tag::Link { dest_url, .. }) = event
            && !dest_url.contains("://")
        {
            items.push(range);
        }
    }
    let mut text = markdown.to_owned();
    for range in items.into_iter().rev() {
        let link = markdown.get(range.clone()).unwrap_or_default();
        let shown = link.strip_prefix('[').and_then(|link| link.split_once(']'));
        if let Some((shown, _)) = shown {
            text.replace_range(range, shown);
        }
    }
    text
}

/// Blocks of code with their language, and without the lines that rustdoc hides.
fn for_readers(markdown: &str) -> String {
    let (mut lines, mut in_code) = (Vec::new(), false);
    for line in markdown.lines() {
        if line.starts_with("```") {
            in_code = !in_code;
            // No language is Rust in rustdoc.
            lines.push(if in_code && line == "```" { "```rust" } else { line });
        } else if !in_code || !(line == "#" || line.starts_with("# ")) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readme_is_the_documentation_for_people_without_rustdoc() {
        let source = "//! What it is: [`Target`], [`ingest()`], [a book](crate::Book), [x](https://x.example).\n\
                      //!\n//! ```\n//! # hidden();\n//! shown();\n//! ```\n//!\n//! ```text\n\
                      //! a [`b`]\n//! ```\n\nmod a;\n//! no\n";
        let expected = "<!-- Made from the crate's documentation by `cargo xtask tidy --write`. -->\n\n\
                        # a-crate\n\nWhat it is: `Target`, `ingest()`, a book, [x](https://x.example).\n\n\
                        ```rust\nshown();\n```\n\n```text\na [`b`]\n```\n\n\
                        ## Licence\n\nMIT or Apache-2.0, as you like.\n";
        assert_eq!(readme("a-crate", source), expected);
    }
}
