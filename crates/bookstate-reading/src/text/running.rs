//! Running heads and feet, told from the text over the whole book: by place, size and recurrence.
//!
//! Invariants: only lines at a page's edge, one after the other from the edge inwards; a line without a letter or
//! digit never; a place is one of running heads only where at least half of the lines that stand there recur or count
//! the pages, so that what happens to stand at an edge (a brace, a title, a lone chapter number) stays; a line of words
//! that is set as the text's next line is one of the text, though it recur; a book whose pages would have nothing left
//! (a picture book with a line on each page) keeps its lines.

use super::line::LineType;
use std::collections::HashMap;

/// So many lines at each end of a page can be running heads.
const EDGE_LINES: usize = 3;
/// The same for pages that are known without places.
const EDGE_LINES_UNPLACED: usize = 2;
/// A line recurs when its shape stands there on this many pages.
const RECURS: usize = 3;
/// Pages this far away are looked at.
const NEAR: usize = 12;
/// The share of the lines of one place that recur, where the place is one of running heads.
const MOSTLY: f32 = 0.5;
/// The share from which a line that does not recur is one as well.
const STRONG: f32 = 0.8;
/// A line is the next of a text when it stands no further from it than this multiple of the page's usual step.
const NEXT_LINE: f32 = 1.15;
/// The share of the size by which a line differs that is of another size.
const OTHER_SIZE: f32 = 0.06;
/// Places differ when they are further apart than this, in points.
const SAME_PLACE: f32 = 5.0;
/// Sizes differ when one is larger by this share.
const SAME_SIZE: f32 = 0.12;
/// The same for pages that lay on a scanner, a little higher or lower each time, and whose letters were measured.
const SAME_PLACE_SCANNED: f32 = 18.0;
const SAME_SIZE_SCANNED: f32 = 0.3;

/// A line that may be a running head, as the whole book is looked at.
#[derive(Debug)]
pub(crate) struct Edge {
    /// Its index among the page's lines.
    pub(crate) line: usize,
    /// It is at the page's top.
    pub(crate) at_top: bool,
    /// Its text with numbers as `#`; lines of one shape are the same but for their numbers.
    pub(crate) shape: String,
    /// It has a number that counts the pages.
    pub(crate) counts: bool,
    /// It must stay: an entry of a contents, a heading marked as such, a line with the mark of a note.
    pub(crate) stays: bool,
    /// Its number is part of a title (`CHAPTER 7`); then only the very same text recurs.
    pub(crate) exact: bool,
    /// It is set as the next line of the text further inwards.
    of_text: bool,
    /// Its text in lower case.
    text: String,
    /// Where it stands among those of its edge, 0 the outermost, and in points from the edge where that is known.
    slot: Slot,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    at_top: bool,
    rank: usize,
    place: Option<(f32, f32)>,
    scanned: bool,
}

impl Slot {
    fn is(&self, other: &Self) -> bool {
        let (apart, larger) = match self.scanned {
            true => (SAME_PLACE_SCANNED, SAME_SIZE_SCANNED),
            false => (SAME_PLACE, SAME_SIZE),
        };
        self.at_top == other.at_top
            && match (self.place, other.place) {
                (Some((y, size)), Some((other_y, other_size))) => {
                    (y - other_y).abs() <= apart && (size - other_size).abs() <= larger * size
                }
                (None, None) => self.rank == other.rank,
                _ => false,
            }
    }
}

/// Where a page's lines are at its edges: index, at the top, and the place to compare.
pub(crate) fn edges(texts: &[&str], types: &[LineType], height: f32) -> Vec<Edge> {
    let placed = types.len() == texts.len() && types.iter().all(|t| t.place.is_some()) && height > 0.0;
    let mut order: Vec<usize> = (0..texts.len()).collect();
    let top = |i: usize| types.get(i).and_then(|t| t.place).map_or(0.0, |p| p.y0);
    if placed {
        order.sort_by(|a, b| top(*a).total_cmp(&top(*b)));
    }
    let depth = if placed { EDGE_LINES } else { EDGE_LINES_UNPLACED };
    let of_text = if placed { lines_of_text(&order, types, depth) } else { Vec::new() };
    let raised = |line: usize, of_text: bool| {
        let signs = types.get(line).map_or(&[][..], |t| t.raised.as_slice());
        signs.first().is_some_and(|(at, _)| *at == 0 || of_text)
    };
    let edge = |rank: usize, line: usize, at_top: bool| {
        let place = types.get(line).filter(|_| placed).and_then(|t| t.place.map(|p| (p, t.size)));
        let place = place.map(|(p, size)| (if at_top { p.y0 } else { height - p.y1 }, size));
        let scanned = types.get(line).is_some_and(|t| t.scanned);
        let slot = Slot { at_top, rank, place, scanned };
        let text = texts.get(line).copied().unwrap_or_default();
        Edge {
            line,
            at_top,
            shape: shape(text),
            counts: false,
            // A raised sign refers to a note, or begins one.
            stays: raised(line, of_text.contains(&line)),
            exact: false,
            of_text: of_text.contains(&line),
            text: text.to_lowercase(),
            slot,
        }
    };
    let heads = order.iter().take(depth).enumerate().map(|(rank, line)| edge(rank, *line, true));
    let feet = order.iter().rev().take(depth).enumerate().map(|(rank, line)| edge(rank, *line, false));
    // On a short page a line is at both edges; places decide, else the nearer edge.
    let half = texts.len().div_ceil(2);
    let upper = |e: &Edge| match types.get(e.line).filter(|_| placed).and_then(|t| t.place) {
        Some(p) => p.y0 < height / 2.0,
        None => order.iter().position(|i| *i == e.line).is_some_and(|at| at < half),
    };
    let mut all: Vec<Edge> = heads.filter(upper).collect();
    all.extend(feet.filter(|e| !upper(e)));
    all
}

/// The lines among the outermost that go on with the text: from the line behind them outwards, as long as the size and
/// the step stay the page's. `order`: the lines from the upper to the lower.
fn lines_of_text(order: &[usize], types: &[LineType], depth: usize) -> Vec<usize> {
    let Some(usual) = usual_step(order, types) else { return Vec::new() };
    let goes_on = |outer: usize, inner: usize| -> bool {
        let (Some(a), Some(b)) = (types.get(outer), types.get(inner)) else { return false };
        let (Some(p), Some(q)) = (a.place, b.place) else { return false };
        let step = (p.y1 - q.y1).abs();
        (a.size - b.size).abs() <= OTHER_SIZE * b.size
            && a.bold == b.bold
            && p.x0 < q.x1
            && q.x0 < p.x1
            && step > 0.5 * b.size
            && step <= NEXT_LINE * usual
    };
    let mut out = Vec::new();
    let mut gather = |order: &[usize]| {
        let (edge, rest) = order.split_at(depth.min(order.len()));
        let mut text: Vec<usize> = rest.iter().take(2 * depth).copied().collect();
        for line in edge.iter().rev() {
            if text.iter().any(|inner| goes_on(*line, *inner)) {
                text.push(*line);
                out.push(*line);
            }
        }
    };
    gather(order);
    gather(&order.iter().rev().copied().collect::<Vec<_>>());
    out
}

/// The step between the lines of most of the page; `None` for a page of few lines.
fn usual_step(order: &[usize], types: &[LineType]) -> Option<f32> {
    let place = |i: &usize| types.get(*i).and_then(|t| t.place.map(|p| (p.y1, t.size)));
    let step = |pair: &[usize]| match pair {
        [a, b] => place(a).zip(place(b)).map(|((y, size), (below, _))| (below - y, size)),
        _ => None,
    };
    let steps = order.windows(2).filter_map(step).filter(|(step, size)| *step > 0.5 * size);
    let mut steps: Vec<f32> = steps.map(|(step, _)| step).collect();
    if steps.len() < 2 * EDGE_LINES {
        return None;
    }
    steps.sort_by(f32::total_cmp);
    steps.get(steps.len() / 2).copied()
}

/// Which edges are running heads and feet, page by page. `lines`: how many lines each page has.
pub(crate) fn running(pages: &[Vec<Edge>], lines: &[usize]) -> Vec<Vec<bool>> {
    let good = recurring(pages);
    let mut out: Vec<Vec<bool>> = Vec::with_capacity(pages.len());
    for (p, edges) in pages.iter().enumerate() {
        let mut found: Vec<bool> = vec![false; edges.len()];
        for at_top in [true, false] {
            for (k, edge) in edges.iter().enumerate().filter(|(_, e)| e.at_top == at_top) {
                let own = good.get(p).and_then(|g| g.get(k)).copied().unwrap_or(false);
                if !is_running(pages, &good, p, edge, own) {
                    break;
                }
                if let Some(slot) = found.get_mut(k) {
                    *slot = true;
                }
            }
        }
        out.push(found);
    }
    keep_lone_lines(pages, lines, &mut out);
    out
}

/// For each edge: it recurs in its place, or counts the pages.
fn recurring(pages: &[Vec<Edge>]) -> Vec<Vec<bool>> {
    let mut by_shape: HashMap<&str, Vec<(usize, &Edge)>> = HashMap::new();
    for (p, edge) in pages.iter().enumerate().flat_map(|(p, edges)| edges.iter().map(move |e| (p, e))) {
        by_shape.entry(edge.shape.as_str()).or_default().push((p, edge));
    }
    let recurs = |p: usize, edge: &Edge| {
        let same = by_shape.get(edge.shape.as_str()).map_or(&[][..], Vec::as_slice);
        let at = same.partition_point(|(q, _)| *q + 4 * NEAR < p);
        let near = same.get(at..).unwrap_or_default().iter().take_while(|(q, _)| *q <= p + 4 * NEAR);
        // Without a place a line with numbers recurs when they count the pages, or are the same again.
        let unplaced = edge.slot.place.is_none();
        let by_text = edge.exact || (unplaced && edge.shape.contains('#') && !edge.counts);
        // Columns that begin alike are one page.
        let mut last = usize::MAX;
        near.filter(|(_, e)| e.slot.is(&edge.slot) && (!by_text || e.text == edge.text))
            .filter(|(q, _)| std::mem::replace(&mut last, *q) != *q)
            .nth(RECURS - 1)
            .is_some()
    };
    let counting: Vec<(usize, &Edge)> = pages
        .iter()
        .enumerate()
        .flat_map(|(p, edges)| edges.iter().map(move |e| (p, e)))
        .filter(|(_, e)| e.counts && e.shape.contains(char::is_alphabetic))
        .collect();
    // The first chapters of a book may have the numbers of their pages. Where all pages are counted there are more.
    let counts = |p: usize, edge: &Edge| {
        let at = counting.partition_point(|(q, _)| *q + 4 * NEAR < p);
        let near = counting.get(at..).unwrap_or_default().iter().take_while(|(q, _)| *q <= p + 4 * NEAR);
        edge.counts
            && !edge.exact
            && (edge.slot.place.is_none()
                || near.filter(|(_, e)| e.slot.is(&edge.slot)).nth(RECURS - 1).is_some())
    };
    let good = |(p, edge): (usize, &Edge)| {
        let letters = edge.shape.contains(char::is_alphabetic);
        let empty = !letters && !edge.shape.contains('#');
        !edge.stays
            && !empty
            && match letters {
                false => edge.counts,
                true => (recurs(p, edge) && !edge.of_text) || counts(p, edge),
            }
    };
    let mut found: Vec<Vec<bool>> =
        pages.iter().enumerate().map(|(p, edges)| edges.iter().map(|e| good((p, e))).collect()).collect();
    for p in 0..pages.len() {
        for k in chance_numbers(pages, &found, p) {
            if let Some(slot) = found.get_mut(p).and_then(|of_page| of_page.get_mut(k)) {
                *slot = false;
            }
        }
    }
    found
}

/// Of several lone numbers of a page that all seem to count the pages, those in a place where the pages around have
/// none: the number of a chapter that happens to be the page's.
fn chance_numbers(pages: &[Vec<Edge>], good: &[Vec<bool>], p: usize) -> Vec<usize> {
    let numbers = |p: usize| {
        let edges =
            pages.get(p).zip(good.get(p)).into_iter().flat_map(|(edges, good)| edges.iter().zip(good));
        let lone = |e: &Edge| e.shape.contains('#') && !e.shape.contains(char::is_alphabetic);
        edges.enumerate().filter(move |(_, (e, good))| **good && lone(e)).map(|(k, (e, _))| (k, e))
    };
    let own: Vec<(usize, &Edge)> = numbers(p).collect();
    if own.len() < 2 {
        return Vec::new();
    }
    let around = p.saturating_sub(NEAR)..(p + NEAR + 1).min(pages.len());
    let beside = |edge: &Edge| {
        around.clone().filter(|q| *q != p && numbers(*q).any(|(_, e)| e.slot.is(&edge.slot))).count()
    };
    let counts: Vec<(usize, usize)> = own.into_iter().map(|(k, e)| (k, beside(e))).collect();
    let most = counts.iter().map(|(_, n)| *n).max().unwrap_or(0);
    counts.into_iter().filter(|(_, n)| n * 2 < most).map(|(k, _)| k).collect()
}

fn is_running(pages: &[Vec<Edge>], good: &[Vec<bool>], p: usize, edge: &Edge, own: bool) -> bool {
    let letters = edge.shape.contains(char::is_alphabetic);
    if edge.stays || (!letters && !edge.shape.contains('#')) {
        return false;
    }
    // A number that counts the pages is one wherever it stands at the edge.
    if !letters {
        return own;
    }
    let (from, to) = (p.saturating_sub(NEAR), (p + NEAR + 1).min(pages.len()));
    let (mut all, mut recur) = (0_usize, 0_usize);
    for (q, edges) in pages.iter().enumerate().take(to).skip(from) {
        for (k, _) in edges.iter().enumerate().filter(|(_, e)| e.slot.is(&edge.slot)) {
            all += 1;
            recur += usize::from(good.get(q).and_then(|g| g.get(k)).copied().unwrap_or(false));
        }
    }
    let share = recur as f32 / all.max(1) as f32;
    let kept = edge.exact || edge.of_text;
    if own { share >= MOSTLY } else { edge.slot.place.is_some() && !kept && all >= 8 && share >= STRONG }
}

/// Lines that are all that their pages have, beside numbers, are the text of a book of such pages.
fn keep_lone_lines(pages: &[Vec<Edge>], lines: &[usize], found: &mut [Vec<bool>]) {
    let lettered = |edges: &[Edge], found: &[bool]| {
        edges.iter().zip(found).filter(|(e, f)| **f && e.shape.contains(char::is_alphabetic)).count()
    };
    let (mut with, mut lone) = (0_usize, 0_usize);
    for ((edges, found), lines) in pages.iter().zip(found.iter()).zip(lines) {
        let taken = found.iter().filter(|f| **f).count();
        if lettered(edges, found) > 0 {
            with += 1;
            lone += usize::from(taken == *lines);
        }
    }
    if lone == 0 || lone * 5 < with * 2 {
        return;
    }
    for ((edges, found), lines) in pages.iter().zip(found.iter_mut()).zip(lines) {
        if found.iter().filter(|f| **f).count() == *lines {
            for (edge, found) in edges.iter().zip(found.iter_mut()) {
                *found &= !edge.shape.contains(char::is_alphabetic);
            }
        }
    }
}

/// The line in lower case with its numbers as `#` and its gaps as single spaces.
pub(crate) fn shape(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        let core = word.trim_matches(|c: char| !c.is_alphanumeric());
        let roman = !core.is_empty() && core.bytes().all(|b| b"ivxlcIVXLC".contains(&b));
        if roman && crate::toc::PageNumber::parse(core).is_some() {
            out.push_str(&word.replace(core, "#"));
            continue;
        }
        let mut in_number = false;
        for c in word.chars().flat_map(char::to_lowercase) {
            match (c.is_numeric(), in_number) {
                (true, true) => {}
                (true, false) => out.push('#'),
                (false, _) => out.push(c),
            }
            in_number = c.is_numeric();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Rect;

    /// A page of lines at heights; the text's size is 10.
    fn page(lines: &[(&str, f32)], counts: bool) -> (Vec<Edge>, usize) {
        let texts: Vec<&str> = lines.iter().map(|(t, _)| *t).collect();
        let place = |y: f32| LineType {
            place: Some(Rect::new(50.0, y, 300.0, y + 10.0)),
            size: 10.0,
            ..LineType::default()
        };
        let types: Vec<LineType> = lines.iter().map(|(_, y)| place(*y)).collect();
        let mut edges = edges(&texts, &types, 600.0);
        edges.iter_mut().for_each(|e| e.counts = counts && e.shape.contains('#'));
        (edges, lines.len())
    }

    fn taken(pages: Vec<(Vec<Edge>, usize)>) -> Vec<usize> {
        let lines: Vec<usize> = pages.iter().map(|(_, n)| *n).collect();
        let edges: Vec<Vec<Edge>> = pages.into_iter().map(|(e, _)| e).collect();
        running(&edges, &lines).iter().map(|f| f.iter().filter(|f| **f).count()).collect()
    }

    /// The page's words are its own.
    fn body(n: usize) -> Vec<(String, f32)> {
        let word = |k: usize| char::from(b'a' + ((n * 7 + k * 3) % 26) as u8);
        (0..12)
            .map(|k| (format!("text {0}{0}{1} of it", word(k), word(k + n)), 80.0 + 12.0 * k as f32))
            .collect()
    }

    fn with(n: usize, extra: &[(&str, f32)], counts: bool) -> (Vec<Edge>, usize) {
        let body = body(n);
        let mut lines: Vec<(&str, f32)> = extra.to_vec();
        lines.extend(body.iter().map(|(t, y)| (t.as_str(), *y)));
        lines.sort_by(|a, b| a.1.total_cmp(&b.1));
        page(&lines, counts)
    }

    #[test]
    fn heads_and_numbers_in_their_places_are_told_from_text() {
        let pages = (0..20).map(|n| with(n, &[("The Quiet Harbour", 40.0), (&format!("{n}"), 560.0)], true));
        assert_eq!(taken(pages.collect()), vec![2; 20]);
        // Heads that change with each chapter, one of which stands on a single page.
        let head = |n: usize| ["One", "Two", "Three of it", "Four"][(n / 5) % 4];
        let pages: Vec<_> =
            (0..20).map(|n| with(n, &[(if n == 7 { "Alone" } else { head(n) }, 40.0)], false)).collect();
        assert_eq!(taken(pages), vec![1; 20]);
    }

    #[test]
    fn heads_of_scanned_pages_stand_a_little_higher_or_lower() {
        let head = |n: usize| (format!("{n} The Quiet Harbour"), 40.0 + (n * 7 % 17) as f32);
        let pages = |scanned: bool| -> Vec<_> {
            let page = |n: usize| {
                let (text, y) = head(n);
                let (mut edges, lines) = with(n, &[(&text, y)], false);
                edges.iter_mut().for_each(|e| e.slot.scanned = scanned);
                edges.iter_mut().for_each(|e| e.counts = e.shape.starts_with('#'));
                (edges, lines)
            };
            (0..20).map(page).collect()
        };
        assert_eq!(taken(pages(true)), vec![1; 20]);
    }

    #[test]
    fn what_happens_to_stand_at_an_edge_stays() {
        for sign in ["}", "* * *"] {
            let pages = (0..20).map(|n| with(n, &[(sign, 68.0)], false)).collect();
            assert_eq!(taken(pages), vec![0; 20], "{sign}");
        }
        // A line of code that comes to stand at the top of a few pages.
        let pages =
            (0..20).map(|n| with(n, if n % 5 == 0 { &[("end", 68.0)] } else { &[("", 68.0)] }, false));
        assert_eq!(taken(pages.collect()), vec![0; 20]);
        // A chapter's number that happens to be its page's.
        let pages = (1..21).map(|n| {
            let number = format!("{n}");
            let chapter = if n % 5 == 1 { number.as_str() } else { "" };
            with(n, &[(chapter, 60.0), (&number, 560.0)], true)
        });
        assert_eq!(taken(pages.collect()), vec![1; 20]);
        // Headings of chapters with the numbers of their pages.
        let chapters = ["1 Loomings", "2 The Carpet-Bag"];
        let pages = (0..20).map(|n| with(n, &[(chapters.get(n).copied().unwrap_or(""), 60.0)], true));
        assert_eq!(taken(pages.collect()), vec![0; 20]);
        // A number that does not count the pages: a chapter's.
        let pages = (0..20).map(|n| with(n, &[(&format!("{}", n / 4), 60.0)], false));
        assert_eq!(taken(pages.collect()), vec![0; 20]);
    }

    #[test]
    fn a_line_of_the_text_stays_though_it_recurs() {
        // The text of a form, of the same words on each page.
        let pages = (0..20).map(|n| with(n, &[("and so it ends", 224.0), ("It begins so", 68.0)], false));
        assert_eq!(taken(pages.collect()), vec![0; 20]);
        let pages = (0..20).map(|n| with(n, &[("The Quiet Harbour", 60.0)], false));
        assert_eq!(taken(pages.collect()), vec![1; 20], "more space is below it");
        // Two lines of a head, as far from each other as those of the text.
        let pages = (0..20).map(|n| with(n, &[("The Quiet Harbour", 40.0), ("by the author", 52.0)], false));
        assert_eq!(taken(pages.collect()), vec![2; 20]);
    }

    #[test]
    fn a_line_with_the_mark_of_a_note_stays_though_it_counts_the_pages() {
        let marked = |n: usize| {
            let texts = ["one", "two", "three", "four", "five", "six", "seven", &format!("because of{n}")]
                .map(str::to_owned);
            let mut types: Vec<LineType> = (0..8)
                .map(|k| LineType {
                    place: Some(Rect::new(50.0, 80.0 + 12.0 * k as f32, 300.0, 90.0 + 12.0 * k as f32)),
                    size: 10.0,
                    ..LineType::default()
                })
                .collect();
            types[7].raised.push((10, n.to_string()));
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let mut edges = edges(&texts, &types, 200.0);
            edges.iter_mut().for_each(|e| e.counts = e.shape.contains('#'));
            (edges, 8)
        };
        assert_eq!(taken((1..20).map(marked).collect()), vec![0; 19]);
    }

    #[test]
    fn columns_that_begin_alike_are_no_heads() {
        let place = |x: f32, y: f32| LineType {
            place: Some(Rect::new(x, y, x + 80.0, y + 10.0)),
            size: 10.0,
            ..LineType::default()
        };
        let texts =
            ["Column 1 begins", "more of it", "Column 2 begins", "more of it", "Column 3 begins", "more"];
        let types: Vec<LineType> =
            [50.0, 150.0, 250.0].iter().flat_map(|x| [place(*x, 40.0), place(*x, 400.0)]).collect();
        assert_eq!(taken(vec![(edges(&texts, &types, 600.0), 6)]), [0]);
    }

    #[test]
    fn a_picture_book_keeps_its_lines() {
        let pages = (1..11).map(|n| page(&[(&format!("Look, here comes goat number {n}!"), 500.0)], true));
        assert_eq!(taken(pages.collect()), vec![0; 10]);
        let pages = (1..11)
            .map(|n| page(&[(&format!("Look, goat number {n}!"), 500.0), (&format!("{n}"), 560.0)], true));
        assert_eq!(taken(pages.collect()), vec![1; 10], "the number is the page's");
    }
}
