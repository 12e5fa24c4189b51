//! A book without pages of its own, on its way to pages: pieces in reading order, with the places that links lead to.
//!
//! Invariants: no piece is lost or moved, but for notes, which go to the piece that refers to them; a page ends where
//! the file says so or, where it does not, at about [`PAGE_CHARS`] characters; a heading stands on the page of its text.

use std::collections::HashMap;

use crate::page::{Block, BlockKind, Line, Page, SetAside, SetAsideReason, Span};

use super::text::PAGE_CHARS;

/// A page that the file ends is cut, too, when it is this long.
const LONGEST_PAGE: usize = 8 * PAGE_CHARS;
/// A longer block is cut at white space.
const LONGEST_BLOCK: usize = 4 * PAGE_CHARS;
/// A longer text of a link is no mark of a note.
const LONGEST_MARK: usize = 6;

/// A block and what is known of its place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    /// The block.
    pub(super) block: Block,
    /// The names of the places in it, as links of the book have them.
    pub(super) ids: Vec<String>,
    /// The links in it.
    pub(super) links: Vec<InnerLink>,
    /// A page begins with it: its printed label, where it has one.
    pub(super) page: Option<Option<String>>,
    /// It is a part of the note with this name.
    pub(super) note: Option<String>,
    /// Words that nobody reads, with the reason; the block is empty.
    pub(super) aside: Option<SetAsideReason>,
}

/// A link from a piece to a place of the same book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InnerLink {
    /// The name of the place.
    pub(super) to: String,
    /// Its text.
    pub(super) text: String,
    /// The file says that it refers to a note.
    pub(super) is_note: bool,
    /// Nothing but white space stands before it in its block.
    pub(super) first: bool,
}

impl Piece {
    /// A piece of a block alone.
    pub(super) fn new(block: Block) -> Self {
        Self { block, ids: Vec::new(), links: Vec::new(), page: None, note: None, aside: None }
    }

    fn chars(&self) -> usize {
        self.block.lines.iter().map(|line| line.text().chars().count() + 1).sum()
    }

    fn is_heading(&self) -> bool {
        matches!(self.block.kind, BlockKind::Heading { .. })
    }
}

/// Pages, and on which of them each place is.
#[derive(Debug, Default)]
pub(super) struct Paged {
    /// The pages.
    pub(super) pages: Vec<Page>,
    /// The page of each place, 1-based.
    pub(super) places: HashMap<String, u32>,
}

/// Makes pages of pieces whose notes are such already; see [`with_notes`].
pub(super) fn paged(pieces: Vec<Piece>) -> Paged {
    let mut pager = Pager::default();
    for piece in pieces.into_iter().flat_map(cut) {
        pager.add(piece);
    }
    pager.finish()
}

#[derive(Default)]
struct Pager {
    out: Paged,
    page: Vec<Piece>,
    chars: usize,
    /// The file says where pages end.
    labelled: bool,
    /// The label of the page that grows.
    label: Option<String>,
}

impl Pager {
    fn add(&mut self, mut piece: Piece) {
        let chars = piece.chars();
        let full =
            self.chars > 0 && self.chars + chars / 2 > if self.labelled { LONGEST_PAGE } else { PAGE_CHARS };
        match piece.page.take() {
            Some(label) => {
                self.end(false);
                self.labelled = label.is_some();
                self.label = label;
            }
            // A note stays with what refers to it.
            None if full && !matches!(piece.block.kind, BlockKind::Footnote { .. }) => self.end(true),
            None => {}
        }
        self.chars += chars;
        self.page.push(piece);
    }

    /// Ends the page. Headings at its end belong to the text that follows, unless the file says otherwise.
    fn end(&mut self, carry: bool) {
        let last = self.page.iter().rposition(|piece| !piece.is_heading()).map_or(0, |last| last + 1);
        let at = if carry && last > 0 { last } else { self.page.len() };
        let carried = self.page.split_off(at);
        let pieces = std::mem::replace(&mut self.page, carried);
        self.chars = self.page.iter().map(Piece::chars).sum();
        let has_text = pieces.iter().any(|piece| !piece.block.lines.is_empty() || piece.aside.is_some());
        if !has_text && self.label.is_none() {
            // Places without text are places of the next page.
            self.page.splice(0..0, pieces);
            return;
        }
        let number = u32::try_from(self.out.pages.len() + 1).unwrap_or(u32::MAX);
        let mut page = Page { label: self.label.take(), ..Page::default() };
        for piece in pieces {
            for id in piece.ids {
                self.out.places.entry(id).or_insert(number);
            }
            match piece.aside {
                Some(reason) => {
                    let text = piece.block.lines.iter().map(Line::text).collect::<Vec<_>>().join("\n");
                    page.set_aside.push(SetAside { page: number, reason, text });
                }
                None if piece.block.lines.is_empty() => {}
                None => page.blocks.push(piece.block),
            }
        }
        self.out.pages.push(page);
    }

    fn finish(mut self) -> Paged {
        self.end(false);
        let last = u32::try_from(self.out.pages.len()).unwrap_or(u32::MAX);
        for id in self.page.drain(..).flat_map(|piece| piece.ids) {
            self.out.places.entry(id).or_insert(last);
        }
        self.out
    }
}

/// The text of a link as a mark of a note: `[12]` is `12`.
fn mark_of(text: &str) -> Option<String> {
    let core = text.trim().trim_start_matches(['[', '(', '{']).trim_end_matches([']', ')', '}', '.', ':']);
    let short = !core.is_empty() && core.chars().count() <= LONGEST_MARK;
    let number = core.chars().all(char::is_numeric);
    let letters = core.chars().count() <= 5 && core.chars().all(|c| c.is_alphanumeric());
    let sign = core.chars().all(|c| "*†‡§¶#‖∗⁂".contains(c));
    (short && (number || letters || sign)).then(|| core.to_owned())
}

/// Notes as such, each behind the piece that refers to it first. A note is what the file calls one, or a block that
/// begins with a link back to what refers to it by a mark. A heading with nothing but notes below it is none.
pub(super) fn with_notes(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut place: HashMap<&str, usize> = HashMap::new();
    for (n, piece) in pieces.iter().enumerate() {
        for id in &piece.ids {
            place.entry(id).or_insert(n);
        }
    }
    // Which piece each note goes to, and under which mark: of the note's first piece.
    let mut notes: HashMap<usize, (usize, String)> = HashMap::new();
    for (n, piece) in pieces.iter().enumerate() {
        for link in &piece.links {
            let (Some(&to), Some(mark)) = (place.get(link.to.as_str()), mark_of(&link.text)) else {
                continue;
            };
            let Some(target) = pieces.get(to).filter(|_| to != n) else { continue };
            let back = target.links.iter().find(|back| back.first);
            let back = back.and_then(|back| place.get(back.to.as_str()));
            let mutual =
                back == Some(&n) && to > n && !piece.links.iter().any(|l| l.first && l.to == link.to);
            if target.note.is_some() || mutual || (link.is_note && to > n) {
                notes.entry(to).or_insert((n, mark));
            }
        }
    }
    let starts: Vec<Option<(usize, String)>> = (0..pieces.len()).map(|n| notes.remove(&n)).collect();
    let mut moved: HashMap<usize, Vec<Piece>> = HashMap::new();
    let mut kept: Vec<(usize, Piece)> = Vec::with_capacity(pieces.len());
    let mut open: Option<OpenNote> = None;
    // Headings right above notes, by their places in `kept`.
    let mut over_notes: Vec<usize> = Vec::new();
    for (n, (mut piece, start)) in pieces.into_iter().zip(starts).enumerate() {
        let named = piece.note.clone();
        open = match start {
            Some((to, mark)) => {
                let above = kept.last().filter(|(before, above)| before + 1 == n && above.is_heading());
                over_notes.extend(above.map(|_| kept.len() - 1));
                strip_mark(&mut piece.block, &mark);
                let empty = piece.block.lines.iter().all(|line| line.text().trim().is_empty());
                if empty {
                    piece.block.lines.clear();
                }
                let extent = match named.clone() {
                    Some(name) => Extent::Named(name),
                    None if empty => Extent::Next,
                    None => Extent::Block,
                };
                Some(OpenNote { to, mark, extent })
            }
            None => open.and_then(|open| open.over(&piece)),
        };
        match &open {
            Some(OpenNote { to, mark, .. }) => {
                // The page break that stood before it stays where it was.
                if let Some(page) = piece.page.take() {
                    let empty = Block { kind: BlockKind::Paragraph, lines: Vec::new() };
                    kept.push((n, Piece { page: Some(page), ..Piece::new(empty) }));
                }
                if !piece.block.lines.is_empty() {
                    piece.block.kind = BlockKind::Footnote { mark: mark.clone() };
                }
                moved.entry(*to).or_default().push(piece);
            }
            None => {
                // A note that nothing refers to stays.
                if named.is_some() && !piece.block.lines.is_empty() {
                    piece.block.kind = BlockKind::Footnote { mark: String::new() };
                }
                kept.push((n, piece));
            }
        }
    }
    for at in over_notes {
        let level = |at: usize| match kept.get(at).map(|(_, piece)| &piece.block.kind) {
            Some(BlockKind::Heading { level }) => Some(level.unwrap_or(1)),
            _ => None,
        };
        let is_last =
            kept.get(at + 1..).unwrap_or_default().iter().all(|(_, piece)| piece.block.lines.is_empty());
        let alone = is_last || level(at + 1).is_some_and(|next| level(at).is_some_and(|own| next <= own));
        if let Some((_, heading)) = kept.get_mut(at).filter(|_| alone) {
            heading.block.kind = BlockKind::Paragraph;
        }
    }
    let mut out = Vec::new();
    for (n, piece) in kept {
        let real = !piece.block.lines.is_empty() || piece.page.is_none();
        out.push(piece);
        if real {
            // A note to a note stands behind it.
            let mut waiting = moved.remove(&n).unwrap_or_default();
            out.append(&mut waiting);
        }
    }
    // What refers to them went with another note.
    let mut rest: Vec<_> = moved.into_iter().collect();
    rest.sort_by_key(|(to, _)| *to);
    out.extend(rest.into_iter().flat_map(|(_, pieces)| pieces));
    out
}

/// A note whose blocks are being gathered.
struct OpenNote {
    /// The piece that refers to it.
    to: usize,
    mark: String,
    extent: Extent,
}

/// What else belongs to a note.
enum Extent {
    /// Nothing.
    Block,
    /// The next block: this one was the mark alone.
    Next,
    /// The blocks of this name.
    Named(String),
}

impl OpenNote {
    /// The note, if this piece belongs to it.
    fn over(self, piece: &Piece) -> Option<Self> {
        match &self.extent {
            Extent::Block => None,
            Extent::Next if piece.page.is_some() || piece.is_heading() => None,
            Extent::Next => Some(Self { extent: Extent::Block, ..self }),
            Extent::Named(name) => (piece.note.as_ref() == Some(name)).then_some(self),
        }
    }
}

/// Takes the mark away with which a note begins.
fn strip_mark(block: &mut Block, mark: &str) {
    let Some(line) = block.lines.first_mut() else { return };
    let text = line.text();
    let rest = text.trim_start().trim_start_matches(['[', '(', '{', '^']);
    let Some(rest) = rest.strip_prefix(mark) else { return };
    let rest = rest.trim_start_matches([']', ')', '}', '.', ':']).trim_start();
    let gone = text.len() - rest.len();
    let mut left = gone;
    for span in &mut line.spans {
        let take = left.min(span.text.len());
        span.text.replace_range(..take, "");
        left -= take;
    }
    line.spans.retain(|span| !span.text.is_empty());
}

/// Cuts a block that is too long for a page: at line ends, and a line at white space.
fn cut(piece: Piece) -> Vec<Piece> {
    if piece.chars() <= LONGEST_BLOCK {
        return vec![piece];
    }
    let Piece { block: Block { kind, lines: all }, ids, links, page, note, aside } = piece;
    let mut blocks: Vec<Vec<Line>> = vec![Vec::new()];
    let mut chars = 0;
    for line in all.into_iter().flat_map(cut_line) {
        let size = line.text().chars().count() + 1;
        if chars > 0 && chars + size > LONGEST_BLOCK {
            blocks.push(Vec::new());
            chars = 0;
        }
        chars += size;
        if let Some(block) = blocks.last_mut() {
            block.push(line);
        }
    }
    let part = |lines| Piece { note: note.clone(), aside, ..Piece::new(Block { kind: kind.clone(), lines }) };
    let mut parts: Vec<Piece> = blocks.into_iter().map(part).collect();
    if let Some(first) = parts.first_mut() {
        (first.ids, first.links, first.page) = (ids, links, page);
    }
    parts
}

fn cut_line(line: Line) -> Vec<Line> {
    if line.text().chars().count() <= LONGEST_BLOCK {
        return vec![line];
    }
    let mut out = vec![Line::default()];
    let mut chars = 0;
    for span in line.spans {
        for part in super::text::cut_at_blanks(&span.text, LONGEST_BLOCK) {
            let size = part.chars().count();
            if chars > 0 && chars + size > LONGEST_BLOCK {
                out.push(Line::default());
                chars = 0;
            }
            chars += size;
            if let Some(line) = out.last_mut() {
                line.spans.push(Span { text: part.to_owned(), style: span.style, place: None });
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paragraph(text: &str) -> Piece {
        Piece::new(Block { kind: BlockKind::Paragraph, lines: vec![Line::plain(text)] })
    }

    fn heading(text: &str) -> Piece {
        Piece::new(Block { kind: BlockKind::Heading { level: Some(1) }, lines: vec![Line::plain(text)] })
    }

    fn words(pages: &[Page]) -> Vec<String> {
        pages
            .iter()
            .flat_map(|page| page.plain_text().split_whitespace().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn pages_are_of_a_sane_length_and_a_heading_goes_with_its_text() {
        let long = "word ".repeat(120);
        let mut pieces: Vec<Piece> = (0..20).map(|_| paragraph(&long)).collect();
        pieces.insert(4, heading("Late"));
        let paged = paged(pieces);
        assert!(paged.pages.len() >= 4, "{}", paged.pages.len());
        assert_eq!(words(&paged.pages).len(), 20 * 120 + 1);
        for page in &paged.pages {
            let last = page.blocks.last().unwrap();
            assert_eq!(last.kind, BlockKind::Paragraph);
        }
    }

    #[test]
    fn a_block_without_end_is_cut_at_white_space() {
        let text = "word ".repeat(100_000);
        let paged = paged(vec![paragraph(&text)]);
        assert!(paged.pages.len() > 10, "{}", paged.pages.len());
        assert_eq!(words(&paged.pages).len(), 100_000);
        assert!(words(&paged.pages).iter().all(|word| word == "word"));
    }

    #[test]
    fn the_files_pages_are_kept_with_their_labels() {
        let start = |label: &str, text: &str| Piece { page: Some(Some(label.into())), ..paragraph(text) };
        let paged =
            paged(vec![paragraph("cover"), start("i", "one"), paragraph("two"), start("ii", "three")]);
        let labels: Vec<_> = paged.pages.iter().map(|page| page.label.as_deref()).collect();
        assert_eq!(labels, [None, Some("i"), Some("ii")]);
    }

    fn link(to: &str, text: &str, first: bool) -> InnerLink {
        InnerLink { to: to.into(), text: text.into(), is_note: false, first }
    }

    #[test]
    fn a_note_goes_to_what_refers_to_it() {
        let refers =
            Piece { ids: vec!["r1".into()], links: vec![link("n1", "[1]", false)], ..paragraph("text[1]") };
        let note =
            Piece { ids: vec!["n1".into()], links: vec![link("r1", "1", true)], ..paragraph("1. The note.") };
        let other = Piece { links: vec![link("n1", "1", false)], ..paragraph("again 1") };
        let paged = paged(with_notes(vec![refers, paragraph("between"), note, paragraph("behind"), other]));
        let blocks: Vec<_> =
            paged.pages[0].blocks.iter().map(|b| (b.kind.clone(), b.lines[0].text())).collect();
        let texts: Vec<&str> = blocks.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["text[1]", "The note.", "between", "behind", "again 1"]);
        assert_eq!(blocks[1].0, BlockKind::Footnote { mark: "1".into() });
    }

    #[test]
    fn a_list_of_contents_is_no_list_of_notes() {
        let entry =
            Piece { ids: vec!["t1".into()], links: vec![link("c1", "1", true)], ..paragraph("1 One") };
        let chapter =
            Piece { ids: vec!["c1".into()], links: vec![link("t1", "1", true)], ..heading("1 One") };
        let paged = paged(with_notes(vec![entry, chapter, paragraph("text")]));
        assert!(paged.pages[0].blocks.iter().all(|b| !matches!(b.kind, BlockKind::Footnote { .. })));
        assert_eq!(paged.places["c1"], 1);
    }

    #[test]
    fn a_heading_over_nothing_but_notes_is_none() {
        let refers =
            Piece { ids: vec!["r".into()], links: vec![link("n", "1", false)], ..paragraph("text 1") };
        let note = Piece { ids: vec!["n".into()], links: vec![link("r", "1", true)], ..paragraph("1 note") };
        let kinds = |more: Vec<Piece>| -> Vec<BlockKind> {
            let pieces =
                [heading("One"), refers.clone(), heading("Notes"), note.clone()].into_iter().chain(more);
            with_notes(pieces.collect()).into_iter().map(|piece| piece.block.kind).collect()
        };
        assert_eq!(kinds(vec![])[3], BlockKind::Paragraph);
        assert_eq!(kinds(vec![heading("Two")])[3], BlockKind::Paragraph);
        assert_eq!(kinds(vec![paragraph("text")])[3], BlockKind::Heading { level: Some(1) });
    }
}
