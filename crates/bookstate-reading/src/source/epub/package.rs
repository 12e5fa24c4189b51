//! The package document: what the book consists of, in which order, and what it says of itself.

use std::collections::HashSet;

use crate::archive::{Archive, ArchiveError};

use super::super::SourceInfo;
use super::super::markup::{NodeId, Tree};
use super::path::{decoded, join};

/// A file of the book.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) id: String,
    /// Its name in the archive.
    pub(super) path: String,
    pub(super) media_type: String,
    properties: String,
    fallback: Option<String>,
}

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Package {
    items: Vec<Item>,
    spine: Vec<(String, bool)>,
    /// The id of the NCX.
    ncx: Option<String>,
    pub(super) info: SourceInfo,
    /// The id of the picture on its cover.
    pub(super) cover: Option<String>,
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Package {
    /// Finds and reads it; `None` when the archive has none.
    pub(super) fn read(archive: &Archive) -> Result<Option<Self>, ArchiveError> {
        let container = archive.file("META-INF/container.xml")?;
        let named = container.and_then(|bytes| {
            let tree = Tree::xml(&String::from_utf8_lossy(&bytes));
            let root = tree.all(Tree::ROOT, "rootfile").next()?;
            Some(decoded(tree.element(root)?.attribute("full-path")?))
        });
        let Some(name) = named else { return Ok(None) };
        let Some(bytes) = archive.name_like(&name).map(|name| archive.file(name)).transpose()?.flatten()
        else {
            return Ok(None);
        };
        Ok(Some(Self::of(&Tree::xml(&super::html_text(&bytes)), &name)))
    }

    fn of(tree: &Tree, name: &str) -> Self {
        let attribute = |node: NodeId, name: &str| tree.element(node)?.attribute(name).map(str::to_owned);
        let under = |parent: &str, child: &'static str| -> Vec<NodeId> {
            let parent = tree.all(Tree::ROOT, parent).next();
            parent.map(|parent| tree.all(parent, child).collect()).unwrap_or_default()
        };
        let items = under("manifest", "item").into_iter().filter_map(|node| {
            Some(Item {
                id: attribute(node, "id")?,
                path: join(name, &decoded(&attribute(node, "href")?)),
                media_type: attribute(node, "media-type").unwrap_or_default(),
                properties: attribute(node, "properties").unwrap_or_default(),
                fallback: attribute(node, "fallback"),
            })
        });
        let items: Vec<Item> = items.collect();
        let spine = under("spine", "itemref").into_iter().filter_map(|node| {
            let linear = attribute(node, "linear").as_deref() != Some("no");
            Some((attribute(node, "idref")?, linear))
        });
        let ncx = tree.all(Tree::ROOT, "spine").next().and_then(|node| attribute(node, "toc"));
        let named_cover = || {
            let meta = tree.all(Tree::ROOT, "meta");
            let mut covers = meta.filter(|node| attribute(*node, "name").as_deref() == Some("cover"));
            covers.next().and_then(|node| attribute(node, "content"))
        };
        let cover = items.iter().find(|item| item.properties.split(' ').any(|p| p == "cover-image"));
        let cover = cover.map(|item| item.id.clone()).or_else(named_cover);
        Self { spine: spine.collect(), ncx, info: info(tree), cover, items }
    }

    fn item(&self, id: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.id == id)
    }

    /// The documents in the order in which they are read; those beside the order come last.
    pub(super) fn reading_order(&self, archive: &Archive) -> Vec<String> {
        let mut seen = HashSet::new();
        let linear = self.spine.iter().filter(|(_, linear)| *linear);
        let beside = self.spine.iter().filter(|(_, linear)| !*linear);
        let mut order = Vec::new();
        for (id, _) in linear.chain(beside) {
            let Some(item) = self.readable(id) else { continue };
            let Some(name) = archive.name_like(&item.path) else { continue };
            if seen.insert(name.to_owned()) {
                order.push(name.to_owned());
            }
        }
        order
    }

    /// The item, or what stands in for it.
    fn readable(&self, id: &str) -> Option<&Item> {
        let mut item = self.item(id)?;
        for _ in 0..8 {
            let is_text = ["html", "xml", "dtbook"].iter().any(|word| item.media_type.contains(word))
                && !item.media_type.starts_with("image/");
            match item.fallback.as_deref().and_then(|fallback| self.item(fallback)) {
                Some(fallback) if !is_text => item = fallback,
                _ => return (is_text || item.media_type.is_empty()).then_some(item),
            }
        }
        None
    }

    /// The navigation document of EPUB 3.
    pub(super) fn navigation(&self) -> Option<&Item> {
        self.items.iter().find(|item| item.properties.split(' ').any(|p| p == "nav"))
    }

    /// The NCX of EPUB 2.
    pub(super) fn ncx(&self) -> Option<&Item> {
        let by_type = || self.items.iter().find(|item| item.media_type.contains("dtbncx"));
        self.ncx.as_deref().and_then(|id| self.item(id)).or_else(by_type)
    }

    /// The pictures.
    pub(super) fn pictures(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.media_type.starts_with("image/"))
    }
}

fn info(tree: &Tree) -> SourceInfo {
    let Some(metadata) = tree.all(Tree::ROOT, "metadata").next() else { return SourceInfo::default() };
    let all = |name: &'static str| -> Vec<String> {
        let texts = tree.all(metadata, name).map(|node| squeezed(&tree.text(node)));
        texts.filter(|text| !text.is_empty()).collect()
    };
    let first = |name: &'static str| all(name).into_iter().next();
    let is_author = |node: &NodeId| {
        let Some(element) = tree.element(*node) else { return false };
        let id = element.attribute("id").map(|id| format!("#{id}"));
        let refined = id.and_then(|id| {
            let mut meta = tree.all(metadata, "meta").filter_map(|node| Some((node, tree.element(node)?)));
            let role = meta.find(|(_, e)| {
                e.attribute("refines") == Some(id.as_str()) && e.attribute("property") == Some("role")
            });
            role.map(|(node, _)| tree.text(node).trim().to_owned())
        });
        let role = refined.or_else(|| element.attribute("role").map(str::to_owned));
        role.is_none_or(|role| role == "aut" || role.is_empty())
    };
    let authors: Vec<String> =
        tree.all(metadata, "creator").filter(is_author).map(|node| squeezed(&tree.text(node))).collect();
    let year = |text: &String| text.get(..4).and_then(|year| year.parse::<u16>().ok()).filter(|y| *y >= 1000);
    let isbn = all("identifier").into_iter().find(|text| {
        let digits = text.chars().filter(|c| c.is_ascii_digit() || matches!(c, 'X' | 'x')).count();
        let is_named = text.to_ascii_lowercase().contains("isbn");
        (is_named && digits >= 10) || (digits == 13 && text.contains("978") && text.len() <= 17)
    });
    let subjects = all("subject");
    SourceInfo {
        title: first("title"),
        author: (!authors.is_empty()).then(|| authors.join(" and ")),
        subject: None,
        keywords: (!subjects.is_empty()).then(|| subjects.join("; ")),
        creator: None,
        creation_year: None,
        published_year: all("date").iter().find_map(year),
        publisher: first("publisher"),
        language: first("language"),
        isbn,
        description: first("description").map(|text| squeezed(&Tree::html(&text).text(Tree::ROOT))),
    }
}
