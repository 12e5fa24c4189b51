//! An HTML or XHTML document as a tree, built by html5ever and xml5ever.
//!
//! Invariants: any text becomes a tree, as a browser makes one of it; no external entity is read; nodes are in one
//! vector and name each other by index, so that neither making nor dropping nor walking a deep tree recurses.

use std::borrow::Cow;
use std::cell::RefCell;

use html5ever::interface::{ElemName, ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{Attribute, LocalName, Namespace, QualName, local_name, ns};

/// A node's place in its tree.
pub(in crate::source) type NodeId = usize;

/// No document is nested deeper.
const DEEPEST: usize = 256;

/// What a node is.
#[derive(Debug)]
pub(in crate::source) enum Kind {
    /// The root, comments, processing instructions.
    Other,
    /// Text.
    Text(String),
    /// An element: its name in lower case without a prefix, and its attributes with theirs.
    Element(Element),
}

#[derive(Debug)]
pub(in crate::source) struct Element {
    name: QualName,
    lower: LocalName,
    attributes: Vec<Attribute>,
}

impl Element {
    /// Its name, without a prefix.
    pub(in crate::source) fn name(&self) -> &str {
        &self.lower
    }

    /// An attribute's value by its name without a prefix.
    pub(in crate::source) fn attribute(&self, name: &str) -> Option<&str> {
        let plain = self.attributes.iter().find(|a| &*a.name.local == name);
        // The HTML parser leaves a prefix in the name.
        let prefixed = || self.attributes.iter().find(|a| a.name.local.rsplit(':').next() == Some(name));
        plain.or_else(prefixed).map(|a| &*a.value)
    }

    /// Whether a list of words in an attribute has one of these.
    pub(in crate::source) fn has_word(&self, attribute: &str, words: &[&str]) -> bool {
        let value = self.attribute(attribute).unwrap_or_default();
        value.split_ascii_whitespace().any(|word| words.contains(&word))
    }
}

#[derive(Debug)]
struct Node {
    kind: Kind,
    parent: Option<NodeId>,
    children: Vec<NodeId>,
}

/// A document.
#[derive(Debug)]
pub(in crate::source) struct Tree {
    nodes: Vec<Node>,
}

/// A step of a walk through a tree in the order of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum Step {
    /// A node begins.
    Enter(NodeId),
    /// It ends, behind all that is in it.
    Leave(NodeId),
}

impl Tree {
    /// The root of every tree.
    pub(in crate::source) const ROOT: NodeId = 0;

    /// Reads HTML as a browser does.
    pub(in crate::source) fn html(text: &str) -> Self {
        let mut options = html5ever::ParseOpts::default();
        options.tree_builder.scripting_enabled = false;
        html5ever::parse_document(Sink::new(), options).one(&*shallow(text, true))
    }

    /// Reads XML, as far as it is any.
    pub(in crate::source) fn xml(text: &str) -> Self {
        xml5ever::driver::parse_document(Sink::new(), xml5ever::driver::XmlParseOpts::default())
            .one(&*shallow(text, false))
    }

    /// What a node is.
    pub(in crate::source) fn kind(&self, node: NodeId) -> &Kind {
        self.nodes.get(node).map_or(&Kind::Other, |node| &node.kind)
    }

    /// The element that a node is.
    pub(in crate::source) fn element(&self, node: NodeId) -> Option<&Element> {
        match self.kind(node) {
            Kind::Element(element) => Some(element),
            _ => None,
        }
    }

    /// A node's name; empty when it is no element.
    pub(in crate::source) fn name(&self, node: NodeId) -> &str {
        self.element(node).map_or("", Element::name)
    }

    /// What is directly in a node.
    pub(in crate::source) fn children(&self, node: NodeId) -> &[NodeId] {
        self.nodes.get(node).map_or(&[], |node| &node.children)
    }

    /// A walk through all that is in a node, and the node itself. [`Walk::pass_over`] leaves out what is in the node that
    /// was entered last.
    pub(in crate::source) fn walk(&self, from: NodeId) -> Walk<'_> {
        Walk { tree: self, stack: vec![Step::Enter(from)] }
    }

    /// All elements of a name below a node, in order.
    pub(in crate::source) fn all<'t>(
        &'t self,
        from: NodeId,
        name: &'t str,
    ) -> impl Iterator<Item = NodeId> + 't {
        self.walk(from).filter_map(move |step| match step {
            Step::Enter(node) if self.name(node) == name => Some(node),
            _ => None,
        })
    }

    /// The text in a node, white space as it is written.
    pub(in crate::source) fn text(&self, from: NodeId) -> String {
        let mut out = String::new();
        for step in self.walk(from) {
            if let Step::Enter(node) = step
                && let Kind::Text(text) = self.kind(node)
            {
                out.push_str(text);
            }
        }
        out
    }
}

/// See [`Tree::walk`].
#[derive(Debug)]
pub(in crate::source) struct Walk<'t> {
    tree: &'t Tree,
    stack: Vec<Step>,
}

impl Walk<'_> {
    /// Goes on behind the node that was entered last; it is left next.
    pub(in crate::source) fn pass_over(&mut self) {
        while let Some(Step::Enter(_)) = self.stack.last() {
            self.stack.pop();
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = Step;
    fn next(&mut self) -> Option<Step> {
        let step = self.stack.pop()?;
        if let Step::Enter(node) = step {
            self.stack.push(Step::Leave(node));
            self.stack.extend(self.tree.children(node).iter().rev().map(|child| Step::Enter(*child)));
        }
        Some(step)
    }
}

/// Tags of elements that HTML closes by itself; they do not count as nested.
const CLOSES_ITSELF: [&str; 26] = [
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "option",
    "p", "param", "rp", "rt", "source", "tbody", "td", "th", "thead", "tr", "track", "wbr",
];

/// The text without a declaration of its type, and without the tags that nest deeper than [`DEEPEST`]: the parsers look
/// through all that is open at each tag, and a few hundred kilobytes of open tags would keep them busy for hours.
fn shallow(text: &str, is_html: bool) -> Cow<'_, str> {
    let mut out = String::new();
    // What of the text is in `out`.
    let mut done = 0;
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(open) = text.get(at..).and_then(|rest| rest.find('<')).map(|found| at + found) {
        let tag = text.get(open..).unwrap_or_default();
        let end = if tag.starts_with("<!--") {
            tag.find("-->").map(|end| end + 3)
        } else if tag.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<!DOCTYPE")) {
            end_of_doctype(tag)
        } else {
            tag.find('>').map(|end| end + 1)
        };
        let end = open + end.unwrap_or(tag.len());
        let tag = text.get(open..end).unwrap_or_default();
        let name: String =
            tag.trim_start_matches(['<', '/']).chars().take_while(|c| c.is_alphanumeric()).take(16).collect();
        let name = name.to_ascii_lowercase();
        let closes_itself = is_html && CLOSES_ITSELF.contains(&name.as_str());
        let counts = !(closes_itself || tag.ends_with("/>"));
        let mut drops = tag.starts_with("<!") && !tag.starts_with("<!--") && !tag.starts_with("<![");
        if tag.starts_with("</") {
            drops = counts && depth > DEEPEST;
            depth = depth.saturating_sub(usize::from(counts));
        } else if counts && tag.get(1..).is_some_and(|rest| rest.starts_with(char::is_alphabetic)) {
            depth += 1;
            drops = depth > DEEPEST;
        }
        if drops {
            out.push_str(text.get(done..open).unwrap_or_default());
            done = end;
        }
        at = end;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// Where a declaration of the document's type ends, with all that it declares.
fn end_of_doctype(tag: &str) -> Option<usize> {
    let close = tag.find('>')?;
    match tag.find('[').filter(|bracket| *bracket < close) {
        None => Some(close + 1),
        Some(bracket) => {
            let end = bracket + tag.get(bracket..)?.find(']')?;
            Some(end + tag.get(end..)?.find('>')? + 1)
        }
    }
}

/// What the parsers build.
struct Sink {
    nodes: RefCell<Vec<Node>>,
}

/// The name of an element, as the parsers ask for it. That of what is no element, which they do not ask for, is empty.
#[derive(Debug)]
struct Name(QualName);

impl ElemName for Name {
    fn ns(&self) -> &Namespace {
        &self.0.ns
    }

    fn local_name(&self) -> &LocalName {
        &self.0.local
    }
}

impl Sink {
    fn new() -> Self {
        let root = Node { kind: Kind::Other, parent: None, children: Vec::new() };
        Self { nodes: RefCell::new(vec![root]) }
    }

    fn add(&self, kind: Kind) -> NodeId {
        let mut nodes = self.nodes.borrow_mut();
        nodes.push(Node { kind, parent: None, children: Vec::new() });
        nodes.len() - 1
    }

    fn detach(&self, node: NodeId) {
        let mut nodes = self.nodes.borrow_mut();
        let parent = nodes.get_mut(node).and_then(|node| node.parent.take());
        if let Some(parent) = parent.and_then(|parent| nodes.get_mut(parent)) {
            // Nodes are moved soon after they were added: looked for from the end.
            if let Some(place) = parent.children.iter().rposition(|child| *child == node) {
                parent.children.remove(place);
            }
        }
    }

    /// Puts a child at a place; text beside text becomes one.
    fn insert(&self, parent: NodeId, place: usize, child: NodeOrText<NodeId>) {
        let child = match child {
            NodeOrText::AppendNode(child) => {
                self.detach(child);
                child
            }
            NodeOrText::AppendText(text) => {
                let mut nodes = self.nodes.borrow_mut();
                let before = place.checked_sub(1);
                let before = before.and_then(|place| nodes.get(parent)?.children.get(place).copied());
                if let Some(Kind::Text(there)) =
                    before.and_then(|node| nodes.get_mut(node)).map(|node| &mut node.kind)
                {
                    there.push_str(&text);
                    return;
                }
                drop(nodes);
                self.add(Kind::Text(text.to_string()))
            }
        };
        let mut nodes = self.nodes.borrow_mut();
        if let Some(node) = nodes.get_mut(child) {
            node.parent = Some(parent);
        }
        if let Some(parent) = nodes.get_mut(parent) {
            let place = place.min(parent.children.len());
            parent.children.insert(place, child);
        }
    }

    fn children_of(&self, node: NodeId) -> usize {
        self.nodes.borrow().get(node).map_or(0, |node| node.children.len())
    }
}

impl TreeSink for Sink {
    type Handle = NodeId;
    type Output = Tree;
    type ElemName<'a> = Name;

    fn finish(self) -> Tree {
        Tree { nodes: self.nodes.into_inner() }
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> NodeId {
        Tree::ROOT
    }

    fn elem_name<'a>(&'a self, target: &'a NodeId) -> Name {
        match self.nodes.borrow().get(*target).map(|node| &node.kind) {
            Some(Kind::Element(element)) => Name(element.name.clone()),
            _ => Name(QualName::new(None, ns!(), local_name!(""))),
        }
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, _: ElementFlags) -> NodeId {
        let lower = LocalName::from(name.local.to_ascii_lowercase());
        self.add(Kind::Element(Element { name, lower, attributes }))
    }

    fn create_comment(&self, _: StrTendril) -> NodeId {
        self.add(Kind::Other)
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> NodeId {
        self.add(Kind::Other)
    }

    fn append(&self, parent: &NodeId, child: NodeOrText<NodeId>) {
        if let NodeOrText::AppendNode(child) = &child {
            self.detach(*child);
        }
        self.insert(*parent, self.children_of(*parent), child);
    }

    fn append_based_on_parent_node(&self, element: &NodeId, previous: &NodeId, child: NodeOrText<NodeId>) {
        let has_parent = self.nodes.borrow().get(*element).is_some_and(|node| node.parent.is_some());
        if has_parent {
            self.append_before_sibling(element, child);
        } else {
            self.append(previous, child);
        }
    }

    fn append_doctype_to_document(&self, _: StrTendril, _: StrTendril, _: StrTendril) {}

    fn get_template_contents(&self, target: &NodeId) -> NodeId {
        *target
    }

    fn same_node(&self, x: &NodeId, y: &NodeId) -> bool {
        x == y
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &NodeId, new: NodeOrText<NodeId>) {
        if let NodeOrText::AppendNode(new) = &new {
            self.detach(*new);
        }
        let nodes = self.nodes.borrow();
        let parent = nodes.get(*sibling).and_then(|node| node.parent);
        let place = parent.and_then(|parent| {
            let children = &nodes.get(parent)?.children;
            children.iter().rposition(|child| child == sibling)
        });
        drop(nodes);
        if let (Some(parent), Some(place)) = (parent, place) {
            self.insert(parent, place, new);
        }
    }

    fn add_attrs_if_missing(&self, target: &NodeId, attributes: Vec<Attribute>) {
        let mut nodes = self.nodes.borrow_mut();
        if let Some(Kind::Element(element)) = nodes.get_mut(*target).map(|node| &mut node.kind) {
            for attribute in attributes {
                if !element.attributes.iter().any(|there| there.name == attribute.name) {
                    element.attributes.push(attribute);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &NodeId) {
        self.detach(*target);
    }

    fn reparent_children(&self, node: &NodeId, new_parent: &NodeId) {
        let mut nodes = self.nodes.borrow_mut();
        let children =
            nodes.get_mut(*node).map(|node| std::mem::take(&mut node.children)).unwrap_or_default();
        for child in &children {
            if let Some(child) = nodes.get_mut(*child) {
                child.parent = Some(*new_parent);
            }
        }
        if let Some(parent) = nodes.get_mut(*new_parent) {
            parent.children.extend(children);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_what_a_browser_makes() {
        let tree = Tree::html("<p>one<p id=x>two <b>bold</p></b><table>loose<tr><td>cell</table>");
        let names: Vec<&str> = tree
            .walk(Tree::ROOT)
            .filter_map(|step| match step {
                Step::Enter(node) => Some(tree.name(node)).filter(|name| !name.is_empty()),
                Step::Leave(_) => None,
            })
            .collect();
        let expected = ["html", "head", "body", "p", "p", "b", "table", "tbody", "tr", "td"];
        assert_eq!(names, expected);
        assert_eq!(tree.text(Tree::ROOT), "onetwo boldloosecell");
        let second = tree.all(Tree::ROOT, "p").nth(1).unwrap();
        assert_eq!(tree.element(second).unwrap().attribute("id"), Some("x"));
    }

    #[test]
    fn xml_closes_what_html_leaves_open() {
        let text = "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml' \
                    xmlns:epub='http://www.idpf.org/2007/ops'><head><title/></head>\
                    <body epub:type='bodymatter'><p>a&amp;b&#233;</p></body></html>";
        let tree = Tree::xml(text);
        assert_eq!(tree.text(Tree::ROOT).trim(), "a&bé");
        let body = tree.all(Tree::ROOT, "body").next().unwrap();
        assert!(tree.element(body).unwrap().has_word("type", &["bodymatter"]));
    }

    #[test]
    fn depth_is_no_recursion() {
        let tree = Tree::xml(&format!("{}deep{}", "<i>".repeat(100_000), "</i>".repeat(100_000)));
        assert_eq!(tree.text(Tree::ROOT), "deep");
    }
}
