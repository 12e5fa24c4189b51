//! What the elements of HTML mean for a text: which begin a block, which are not read, how items are numbered.

use super::tree::{Element, Kind, NodeId, Step, Tree};
use crate::text::roman::to_roman;

/// Elements whose text is not the document's.
pub(super) const NO_TEXT: &[&str] = &[
    "head", "script", "style", "template", "title", "meta", "link", "object", "audio", "video", "iframe",
    "select", "datalist", "rp", "noframes",
];

/// Elements that begin and end a block.
pub(super) const BLOCKS: &[&str] = &[
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "center",
    "dd",
    "details",
    "dialog",
    "dir",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "hr",
    "html",
    "legend",
    "li",
    "main",
    "menu",
    "nav",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
    "caption",
    "listing",
    "plaintext",
    "xmp",
];

/// Elements of HTML that are neither in [`BLOCKS`] nor in [`NO_TEXT`].
const INLINE: &[&str] = &[
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "br", "button", "cite", "code", "col", "colgroup",
    "data", "del", "dfn", "em", "font", "i", "img", "input", "ins", "kbd", "label", "mark", "math",
    "noscript", "picture", "q", "rb", "rt", "rtc", "ruby", "s", "samp", "small", "source", "span", "strike",
    "strong", "sub", "sup", "svg", "textarea", "time", "tt", "u", "var", "wbr",
];

/// Whether `<word …>` or `</word>` is a tag of HTML, and not text in angle brackets.
pub(in crate::source) fn is_html_tag(tag: &str) -> bool {
    let name = tag.trim_start_matches(['<', '/']);
    let name: String =
        name.chars().take_while(|c| c.is_ascii_alphanumeric()).collect::<String>().to_ascii_lowercase();
    [BLOCKS, NO_TEXT, INLINE].iter().any(|of| of.contains(&name.as_str()))
}

/// An open list.
#[derive(Debug)]
pub(super) struct List {
    /// It has numbers.
    pub(super) ordered: bool,
    /// Which numbers: `1`, `a`, `i`.
    pub(super) kind: char,
    /// The next number.
    pub(super) next: i64,
}

pub(super) fn is_hidden(element: &Element) -> bool {
    let style: String =
        element.attribute("style").unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
    element.attribute("hidden").is_some()
        || style.to_ascii_lowercase().contains("display:none")
        || (element.name() == "input")
}

/// Relations of a link that leads through a document instead of being part of it.
const RELATIONS: &[&str] =
    &["next", "prev", "previous", "up", "contents", "toc", "index", "first", "last", "start"];
/// A bar of links has so many of them at least, and so many characters at most: all of them, and beside the links.
const LEAST_LINKS: usize = 2;
const LONGEST_BAR: usize = 600;
const LONGEST_BESIDE: usize = 30;

/// A bar of links to the next part, the one before, the one above: it is repeated at each part, and is no text of it.
pub(super) fn is_navigation_bar(tree: &Tree, node: NodeId) -> bool {
    let own = tree.name(node);
    if !matches!(own, "p" | "div" | "table" | "nav" | "center") {
        return false;
    }
    // A section may be as short as its bar.
    let is_within = |name: &str| own == "table" && matches!(name, "tbody" | "tr" | "td" | "th");
    let leads = |node: NodeId| tree.element(node).is_some_and(|element| element.has_word("rel", RELATIONS));
    let (mut links, mut within, mut beside, mut open) = (0, 0, 0, 0_usize);
    for step in tree.walk(node) {
        match step {
            Step::Enter(inner) => match tree.kind(inner) {
                Kind::Text(text) => {
                    let signs = text.chars().filter(|c| c.is_alphanumeric()).count();
                    *(if open > 0 { &mut within } else { &mut beside }) += signs;
                    if beside > LONGEST_BESIDE || within + beside > LONGEST_BAR {
                        return false;
                    }
                }
                _ if leads(inner) => (links, open) = (links + 1, open + 1),
                _ if inner != node && BLOCKS.contains(&tree.name(inner)) && !is_within(tree.name(inner)) => {
                    return false;
                }
                _ => {}
            },
            Step::Leave(inner) if leads(inner) => open = open.saturating_sub(1),
            Step::Leave(_) => {}
        }
    }
    links >= LEAST_LINKS
}

pub(super) fn is_page_break(element: &Element) -> bool {
    element.has_word("type", &["pagebreak"]) || element.has_word("role", &["doc-pagebreak"])
}

pub(super) fn is_note_list(element: &Element) -> bool {
    element.has_word("type", &["footnotes", "endnotes", "rearnotes"])
        || element.has_word("role", &["doc-endnotes"])
}

/// A table of values, not one that puts a page's parts beside each other.
pub(super) fn is_data(tree: &Tree, table: NodeId) -> bool {
    let (mut rows, mut cells) = (0, 0);
    for step in tree.walk(table) {
        let Step::Enter(node) = step else { continue };
        match tree.name(node) {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "pre" | "blockquote" | "ul" | "ol" | "hr" => {
                return false;
            }
            "table" if node != table => return false,
            "tr" => rows += 1,
            "td" | "th" => cells += 1,
            _ => {}
        }
    }
    cells > rows
}

pub(super) fn language_of(tree: &Tree, pre: NodeId) -> Option<String> {
    let code = tree.children(pre).iter().copied().find(|child| tree.name(*child) == "code");
    let classes = code.into_iter().chain([pre]).filter_map(|node| tree.element(node)?.attribute("class"));
    let mut words = classes.flat_map(str::split_ascii_whitespace);
    words
        .find_map(|word| word.strip_prefix("language-").or_else(|| word.strip_prefix("lang-")))
        .map(str::to_owned)
}

pub(super) fn list_of(element: &Element) -> List {
    let ordered = element.name() == "ol";
    let next = element.attribute("start").and_then(|start| start.trim().parse().ok()).unwrap_or(1);
    let kind = element.attribute("type").and_then(|kind| kind.trim().chars().next()).unwrap_or('1');
    List { ordered, kind, next }
}

/// The number of an item as a browser writes it.
pub(super) fn numeral(number: i64, kind: char) -> String {
    let Ok(n) = u32::try_from(number) else { return number.to_string() };
    match kind {
        'a' | 'A' if n > 0 => {
            let mut letters = Vec::new();
            let mut rest = n;
            while rest > 0 {
                rest -= 1;
                letters.push(char::from(b'a' + u8::try_from(rest % 26).unwrap_or(0)));
                rest /= 26;
            }
            let text: String = letters.into_iter().rev().collect();
            if kind == 'A' { text.to_ascii_uppercase() } else { text }
        }
        'i' | 'I' if (1..4000).contains(&n) => {
            let text = to_roman(n);
            if kind == 'I' { text.to_ascii_uppercase() } else { text }
        }
        _ => number.to_string(),
    }
}
