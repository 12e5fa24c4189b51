//! The documents against the tree: what they name is there, every crate is in the code map, every document in
//! the handbook.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::tree::{FOLDERS, Findings, Tree};

/// A paragraph, item, table cell or heading.
#[derive(Debug, Default)]
pub(super) struct Passage {
    /// Its first line in the file, from 1.
    pub(super) line: usize,
    /// The bold text that it begins with.
    pub(super) lead: String,
    pub(super) code: Vec<String>,
    pub(super) links: Vec<String>,
}

/// The passages of a document. Blocks of code are none.
pub(super) fn passages(markdown: &str) -> Vec<Passage> {
    let (mut passages, mut bold, mut begun) = (vec![Passage::default()], false, false);
    for (event, range) in Parser::new_ext(markdown, Options::ENABLE_TABLES).into_offset_iter() {
        let Some(passage) = passages.last_mut() else { continue };
        match event {
            Event::Start(Tag::Paragraph | Tag::TableCell | Tag::Item | Tag::Heading { .. }) => {
                let before = markdown.get(..range.start).unwrap_or_default();
                let line = before.matches('\n').count() + 1;
                passages.push(Passage { line, ..Passage::default() });
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

/// Every path between backquotes and every link within the repository leads to something. A path is counted from
/// the root or from its document, a link from its document.
pub(super) fn paths(tree: &Tree) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    for document in tree.files("", ".md") {
        let folder = document.rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
        for passage in passages(&tree.text(document)?) {
            let place = format!("{document}:{}", passage.line);
            let is_path = |code: &&String| FOLDERS.iter().any(|folder| code.starts_with(folder));
            for path in passage.code.iter().filter(is_path) {
                let is_there = exists(tree, path) || exists(tree, &format!("{folder}{path}"));
                findings.expect(is_there, &place, || format!("there is no {path}"));
            }
            let is_local = |link: &&String| !link.contains(':') && !link.starts_with('#');
            for link in passage.links.iter().filter(is_local) {
                let path = link.split('#').next().unwrap_or_default();
                let is_there = tree.has(&format!("{folder}{path}"));
                findings.expect(is_there, &place, || format!("the link {link} leads nowhere"));
            }
        }
    }
    Ok(findings)
}

/// Whether a path as documents write it is there: `crates/*/README.md` stands for one or more.
fn exists(tree: &Tree, path: &str) -> bool {
    let Some((before, after)) = path.split_once('*') else { return tree.has(path) };
    tree.files(before, after).next().is_some()
}

/// Every crate is in the code map, with its folder.
pub(super) fn code_map(tree: &Tree) -> anyhow::Result<Findings> {
    const MAP: &str = "docs/architecture.md";
    let (mut findings, map) = (Findings::default(), tree.text(MAP)?);
    for package in &tree.members.packages {
        let folder = package.folder(tree.root())?;
        findings.expect(map.contains(&format!("`{folder}`")), MAP, || {
            format!("does not say what `{folder}` is, nor what it must not know")
        });
    }
    Ok(findings)
}

/// So many words the user's book has at most.
const MOST_WORDS: usize = 5000;
/// So many lines the README has at most.
const MOST_LINES: usize = 120;

/// Every document is in one of the two books, and nothing else is; the first of them, and the README, are short.
pub(super) fn handbook(tree: &Tree) -> anyhow::Result<Findings> {
    const PLAN: &str = "docs/handbook.toml";
    /// What is made of the plan.
    const SUMMARY: &str = "docs/SUMMARY.md";
    #[derive(serde::Deserialize)]
    struct Plan {
        chapters: Vec<String>,
        developer: Vec<String>,
        sections: BTreeMap<String, Vec<String>>,
    }
    let plan: Plan = toml::from_str(&tree.text(PLAN)?).with_context(|| format!("cannot read {PLAN}"))?;
    let mut findings = Findings::default();
    let mut words = 0;
    for file in plan.chapters.iter().map(|file| format!("docs/{file}")).filter(|file| tree.has(file)) {
        words += tree.text(&file)?.split_whitespace().count();
    }
    findings.expect(words <= MOST_WORDS, PLAN, || {
        format!("the user's book has {words} words, and {MOST_WORDS} are the most")
    });
    let lines = tree.text("README.md")?.lines().count();
    findings.expect(lines <= MOST_LINES, "README.md", || {
        format!("has {lines} lines, and {MOST_LINES} are the most")
    });
    let books = plan.chapters.into_iter().chain(plan.developer);
    let planned = books.chain(plan.sections.into_values().flatten());
    let planned: BTreeSet<String> = planned.map(|file| format!("docs/{file}")).collect();
    let present = tree.files("docs/", ".md").filter(|file| *file != SUMMARY);
    let present: BTreeSet<String> = present.map(ToOwned::to_owned).collect();
    for document in planned.union(&present) {
        findings.expect(present.contains(document), PLAN, || format!("names {document}, which is not there"));
        findings.expect(planned.contains(document), PLAN, || format!("lacks {document}"));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leads_code_and_links_are_found() {
        let found =
            passages("**Lead.** Text `a::b` **more**.\n\nText **no**. [x](y.md)\n\n| `c` |\n|---|\n| `d` |");
        let leads: Vec<&str> =
            found.iter().map(|p| p.lead.as_str()).filter(|lead| !lead.is_empty()).collect();
        assert_eq!(leads, ["Lead."]);
        assert_eq!(found.iter().flat_map(|p| &p.code).collect::<Vec<_>>(), ["a::b", "c", "d"]);
        assert_eq!(found.iter().flat_map(|p| &p.links).collect::<Vec<_>>(), ["y.md"]);
        assert_eq!(found.iter().map(|p| p.line).collect::<Vec<_>>(), [0, 1, 3, 5, 7]);
    }
}
