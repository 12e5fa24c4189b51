//! From words on an image to the page model of `bookstate-reading`, and to plain text.
//!
//! The page model's rules for contents, headings, running heads and notes then work on scans as on PDF files. Pure;
//! every word is in exactly one line.

use bookstate_reading::page::{Block, BlockKind, Line, Page, Rect, Span, Style};

use crate::words::{Area, PageWords, Word};

/// A line whose letters are this near to the page's is set in the same size: measuring letters is no more exact.
const SAME_SIZE: f32 = 0.12;

/// A line of words, upright.
#[derive(Debug, Clone)]
struct Row<'a> {
    words: Vec<(&'a Word, Area)>,
    place: Area,
    block: u32,
    /// The font size in pixels; 0 when no word says.
    size: f32,
}

/// The page as rules see it; lengths in points, the skew taken out.
#[must_use]
pub fn page(read: &PageWords) -> Page {
    let rows = rows(read);
    let letter = letter_width(&rows);
    let points = 72.0 / read.dpi.max(1.0);
    let rect =
        |area: &Area| Rect::new(area.x0 * points, area.y0 * points, area.x1 * points, area.y1 * points);
    let mut blocks: Vec<(u32, Block)> = Vec::new();
    for row in &rows {
        let line = Line { spans: spans(row, points, letter), place: Some(rect(&row.place)) };
        match blocks.last_mut().filter(|(number, _)| *number == row.block) {
            Some((_, block)) => block.lines.push(line),
            None => blocks.push((row.block, Block { kind: BlockKind::Paragraph, lines: vec![line] })),
        }
    }
    Page {
        size: Some((read.width as f32 * points, read.height as f32 * points)),
        blocks: blocks.into_iter().map(|(_, block)| block).collect(),
        figures: read.figures.iter().map(rect).collect(),
        has_image: true,
        ..Page::default()
    }
}

/// The page's text, with the lines of [`page`]: a line per printed line, indents and wide gaps as blanks, an empty line between paragraphs.
#[must_use]
pub fn text(read: &PageWords) -> String {
    let rows = rows(read);
    let letter = letter_width(&rows);
    let left = rows.iter().map(|row| row.place.x0).fold(f32::MAX, f32::min);
    let mut out = String::new();
    let mut last: Option<(u32, Area)> = None;
    for row in &rows {
        if let Some((block, place)) = last {
            let apart = row.place.y0 - place.y1 > 0.9 * row.place.height().max(place.height());
            if block != row.block || apart {
                out.push('\n');
            }
        }
        last = Some((row.block, row.place));
        let indent = ((row.place.x0 - left) / letter).round().clamp(0.0, 120.0) as usize;
        out.extend(std::iter::repeat_n(' ', indent));
        out.push_str(row_text(row, letter).trim_start());
        out.push('\n');
    }
    out
}

/// The words of a line with a blank between them, more where the gap is wide.
fn row_text(row: &Row<'_>, letter: f32) -> String {
    let mut out = String::new();
    let mut end: Option<f32> = None;
    for (word, area) in &row.words {
        if let Some(end) = end {
            let gap = (area.x0 - end) / letter;
            let blanks = if gap > 3.0 { gap.round().clamp(2.0, 120.0) as usize } else { 1 };
            out.extend(std::iter::repeat_n(' ', blanks));
        }
        out.push_str(&word.text);
        end = Some(area.x1);
    }
    out
}

fn letter_width(rows: &[Row<'_>]) -> f32 {
    let (mut width, mut letters) = (0.0, 0.0);
    for (word, area) in rows.iter().flat_map(|row| &row.words) {
        width += area.width();
        letters += word.text.chars().count() as f32;
    }
    if letters > 0.0 { (width / letters).max(1.0) } else { 1.0 }
}

/// One span per stretch of words with the same certainty, so that the doubtful ones can be marked.
fn spans(row: &Row<'_>, points: f32, letter: f32) -> Vec<Span> {
    let rect =
        |area: &Area| Rect::new(area.x0 * points, area.y0 * points, area.x1 * points, area.y1 * points);
    let mut spans = Vec::new();
    let size = (row.size * points * 10.0).round() / 10.0;
    let mut end: Option<f32> = None;
    for (word, area) in &row.words {
        let gap = end.map_or(0.0, |end| (area.x0 - end) / letter);
        let before = match end {
            None => String::new(),
            Some(_) if gap > 3.0 => " ".repeat(gap.round().clamp(2.0, 120.0) as usize),
            Some(_) => " ".to_owned(),
        };
        end = Some(area.x1);
        let style = Style { size, confidence: Some(word.confidence), ..Style::default() };
        spans.push(Span { text: before + &word.text, style, place: Some(rect(area)) });
    }
    spans
}

/// The lines of a page in reading order, upright.
fn rows(read: &PageWords) -> Vec<Row<'_>> {
    let mut rows: Vec<(u32, Row<'_>)> = Vec::new();
    for word in &read.words {
        let area = upright(&word.area, read);
        match rows.iter_mut().rev().find(|(line, _)| *line == word.line) {
            Some((_, row)) => {
                row.place = row.place.union(&area);
                row.words.push((word, area));
            }
            None => rows.push((
                word.line,
                Row { words: vec![(word, area)], place: area, block: word.block, size: 0.0 },
            )),
        }
    }
    let mut rows: Vec<Row<'_>> = rows.into_iter().map(|(_, row)| row).collect();
    join_numbers(&mut rows);
    for row in &mut rows {
        row.words.sort_by(|a, b| a.1.x0.total_cmp(&b.1.x0));
    }
    set_sizes(&mut rows);
    rows
}

/// A place with the page's skew taken out.
fn upright(area: &Area, read: &PageWords) -> Area {
    if read.skew == 0.0 {
        return *area;
    }
    let (sin, cos) = (-read.skew).to_radians().sin_cos();
    let (middle_x, middle_y) = (read.width as f32 / 2.0, read.height as f32 / 2.0);
    let (x, y) = area.centre();
    let (x, y) = (x - middle_x, y - middle_y);
    let (x, y) = (x * cos - y * sin + middle_x, x * sin + y * cos + middle_y);
    let (half_x, half_y) = (area.width() / 2.0, area.height() / 2.0);
    Area { x0: x - half_x, y0: y - half_y, x1: x + half_x, y1: y + half_y }
}

/// Joins numbers that stand alone to the line at whose height they stand: the page numbers of a table of contents,
/// which the program takes for a column of their own.
fn join_numbers(rows: &mut Vec<Row<'_>>) {
    let mut n = 0;
    while n < rows.len() {
        let target = rows.get(n).filter(|row| is_number(row)).and_then(|number| {
            let beside = |other: &Row<'_>| {
                let shared = number.place.y1.min(other.place.y1) - number.place.y0.max(other.place.y0);
                let right_of = number.place.x0 > other.place.x1;
                right_of && shared > 0.5 * number.place.height() && !is_number(other)
            };
            let mut candidates: Vec<(usize, f32)> = rows
                .iter()
                .enumerate()
                .filter(|(m, other)| *m != n && beside(other))
                .map(|(m, other)| (m, number.place.x0 - other.place.x1))
                .collect();
            candidates.sort_by(|a, b| a.1.total_cmp(&b.1));
            candidates.first().map(|(m, _)| *m)
        });
        let Some(target) = target else {
            n += 1;
            continue;
        };
        let number = rows.remove(n);
        let target = if target > n { target - 1 } else { target };
        if let Some(row) = rows.get_mut(target) {
            row.place = row.place.union(&number.place);
            row.words.extend(number.words);
        }
    }
}

/// A page number, arabic or roman, perhaps misread.
fn is_number(row: &Row<'_>) -> bool {
    let text: String = row.words.iter().map(|(word, _)| word.text.as_str()).collect();
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    let arabic = text.chars().all(|c| c.is_ascii_digit() || "lIOo".contains(c))
        && text.chars().any(|c| c.is_ascii_digit());
    let roman = text.chars().all(|c| "ivxlcIVXLC".contains(c));
    !text.is_empty() && text.chars().count() <= 6 && (arabic || roman)
}

fn set_sizes(rows: &mut [Row<'_>]) {
    for row in rows.iter_mut() {
        let sizes = row.words.iter().filter_map(|(word, area)| em(&word.text, area.height()));
        row.size = median(sizes.collect());
    }
    // Weighed by words, so that a title page does not set the measure.
    let all = rows.iter().flat_map(|row| row.words.iter().map(|_| row.size)).filter(|size| *size > 0.0);
    let body = median(all.collect());
    for row in rows {
        if row.size <= 0.0 || (row.size - body).abs() <= SAME_SIZE * body {
            row.size = body;
        }
    }
}

fn median(mut sizes: Vec<f32>) -> f32 {
    sizes.sort_by(f32::total_cmp);
    sizes.get(sizes.len() / 2).copied().unwrap_or(0.0)
}

/// The font size that a word of this height is set in: by whether its letters rise and fall.
fn em(text: &str, height: f32) -> Option<f32> {
    let letters = || text.chars().filter(|c| c.is_alphabetic());
    if letters().count() < 2 {
        return None;
    }
    if letters().any(|c| ('\u{2e80}'..='\u{d7af}').contains(&c)) {
        return Some(height / 0.9);
    }
    let rises = text.chars().any(|c| "bdfhkltſß".contains(c) || c.is_uppercase() || c.is_ascii_digit());
    let falls = text.chars().any(|c| "gjpqyQ,;()ſ".contains(c));
    let share = if rises { 0.68 } else { 0.46 } + if falls { 0.2 } else { 0.0 };
    Some(height / share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, x0: f32, y0: f32, line: u32, block: u32) -> Word {
        let area = Area { x0, y0, x1: x0 + 10.0 * text.chars().count() as f32, y1: y0 + 20.0 };
        Word { text: text.to_owned(), area, confidence: 0.9, line, block }
    }

    fn read(words: Vec<Word>) -> PageWords {
        PageWords { width: 1000, height: 1500, dpi: 150.0, words, ..PageWords::default() }
    }

    #[test]
    fn a_column_of_page_numbers_joins_its_titles() {
        let page = read(vec![
            word("Of", 100.0, 100.0, 0, 0),
            word("Ships", 130.0, 100.0, 0, 0),
            word("Of", 100.0, 140.0, 1, 0),
            word("Shoes", 130.0, 140.0, 1, 0),
            word("Index", 100.0, 180.0, 4, 0),
            word("7", 700.0, 101.0, 2, 1),
            word("1l", 700.0, 141.0, 3, 1),
            word("12", 700.0, 181.0, 5, 1),
        ]);
        let text = text(&page);
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].starts_with("Of Ships   ") && lines[0].ends_with(" 7"), "{text}");
        assert!(lines[1].ends_with(" 1l"), "{text}");
        assert!(lines[2].starts_with("Index   ") && lines[2].ends_with(" 12"), "{text}");
    }

    #[test]
    fn every_word_is_in_exactly_one_line() {
        let page = read(vec![
            word("one", 100.0, 100.0, 0, 0),
            word("xi", 400.0, 100.0, 1, 1),
            word("two", 100.0, 130.0, 2, 2),
        ]);
        let model = super::page(&page);
        let words: Vec<String> = model.plain_text().split_whitespace().map(str::to_owned).collect();
        assert_eq!(words.len(), 3);
        assert_eq!(model.size, Some((480.0, 720.0)));
    }

    #[test]
    fn the_text_has_the_lines_of_the_page() {
        let read = read(vec![
            word("8", 100.0, 60.0, 0, 0),
            word("INTRODUCTION", 420.0, 60.0, 0, 0),
            word("a", 100.0, 100.0, 1, 1),
            word("student", 140.0, 100.0, 1, 1),
            word("is", 300.0, 100.0, 1, 1),
        ]);
        let model = super::page(&read);
        let lines = model.blocks.iter().flat_map(|block| &block.lines);
        let lines: Vec<String> =
            lines.map(|line| line.spans.iter().map(|span| span.text.as_str()).collect()).collect();
        let text = text(&read);
        let printed: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(lines, printed);
    }

    #[test]
    fn letters_that_rise_or_fall_do_not_make_a_word_larger() {
        let (x, rising, both) = (em("sea", 9.2), em("hall", 13.6), em("body", 17.6));
        for size in [x, rising, both] {
            assert!((size.unwrap() - 20.0).abs() < 0.5, "{size:?}");
        }
    }
}
