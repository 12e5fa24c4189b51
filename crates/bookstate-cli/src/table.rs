//! Tables for people: columns that fit the terminal, and what is to be copied is never broken.
//!
//! A table has a width to keep, or none (not a terminal, or `--wide`). What does not fit is first shortened, the
//! widest text first, then left out, the least important column first. An id, a key or a path is either there
//! whole or not at all.

use console::measure_text_width;

use crate::{grouped::grouped, terminal, tone};

/// Blanks between two columns.
const BETWEEN: usize = 2;

/// A column: its heading, what may be done to its cells, and how important it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    heading: &'static str,
    cells: Cells,
    /// 0: never left out; else the highest goes first.
    rank: u8,
    /// Its words say how something is, and have colours.
    toned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cells {
    /// To be copied.
    Whole,
    /// To be compared by their last digits.
    Number,
    /// The same, in groups of three digits.
    Count,
    /// May be shortened, down to this width.
    Text { least: usize },
}

impl Column {
    /// What a person copies: never shortened, never left out.
    pub(crate) const fn whole(heading: &'static str) -> Self {
        Self { heading, cells: Cells::Whole, rank: 0, toned: false }
    }

    /// A number, aligned at its right.
    pub(crate) const fn number(heading: &'static str) -> Self {
        Self { heading, cells: Cells::Number, rank: 0, toned: false }
    }

    /// How many there are of something.
    pub(crate) const fn count(heading: &'static str) -> Self {
        Self { heading, cells: Cells::Count, rank: 0, toned: false }
    }

    /// A text of which the beginning is enough.
    pub(crate) const fn text(heading: &'static str, least: usize) -> Self {
        Self { heading, cells: Cells::Text { least }, rank: 0, toned: false }
    }

    /// With words that say how something is.
    #[must_use]
    pub(crate) const fn toned(self) -> Self {
        Self { toned: true, ..self }
    }

    /// Left out where there is no room; of several columns the one with the highest rank first.
    #[must_use]
    pub(crate) const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

/// Rows of cells below headings.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: a cell per column.
    pub(crate) fn row<C: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = C>) {
        // A line feed in a cell would be a row of its own.
        let shown = |(cell, column): (C, &Column)| {
            let text = one_line(&terminal::plain(cell.as_ref()));
            let number = text.parse().ok().filter(|_| column.cells == Cells::Count);
            number.map_or(text, grouped)
        };
        self.rows.push(cells.into_iter().zip(&self.columns).map(shown).collect());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as lines, none of them wider than `width` as long as what must be whole allows it.
    pub(crate) fn lines(&self, width: Option<usize>) -> Vec<String> {
        let widest = |place: usize, column: &Column| {
            let cells = self.rows.iter().filter_map(|row| row.get(place));
            let cells = cells.map(|cell| measure_text_width(cell));
            cells.chain([column.heading.chars().count()]).max().unwrap_or(0)
        };
        let natural: Vec<usize> =
            self.columns.iter().enumerate().map(|(place, column)| widest(place, column)).collect();
        let widths = fitted(&self.columns, &natural, width);
        let headings: Vec<String> = self.columns.iter().map(|column| column.heading.to_uppercase()).collect();
        [&headings].into_iter().chain(&self.rows).map(|row| self.line(row, &widths)).collect()
    }

    fn line(&self, row: &[String], widths: &[Option<usize>]) -> String {
        let mut line = String::new();
        for ((cell, column), width) in row.iter().zip(&self.columns).zip(widths) {
            let Some(width) = *width else { continue };
            let cell = match column.cells {
                Cells::Text { .. } => console::truncate_str(cell, width, "…"),
                _ => cell.as_str().into(),
            };
            let blanks = " ".repeat(width.saturating_sub(measure_text_width(&cell)));
            let cell = if column.toned { tone::on_stdout(&cell).into() } else { cell };
            let before = if matches!(column.cells, Cells::Number | Cells::Count) {
                [&blanks, &*cell]
            } else {
                [&*cell, &blanks]
            };
            line.extend(before);
            line.push_str(&" ".repeat(BETWEEN));
        }
        line.truncate(line.trim_end().len());
        line
    }
}

/// A cell's text in one line: an indent stays, all other white space is one blank.
fn one_line(text: &str) -> String {
    let indent = text.len() - text.trim_start_matches(' ').len();
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("{}{}", " ".repeat(indent), words.join(" "))
}

/// How wide each column is; `None`: left out.
fn fitted(columns: &[Column], natural: &[usize], width: Option<usize>) -> Vec<Option<usize>> {
    let mut shown: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
    let Some(width) = width else { return shown };
    loop {
        let too_much = total(&shown).saturating_sub(width);
        if too_much == 0 {
            return shown;
        }
        if let Some(shorter) = shortened(columns, &shown, too_much) {
            return shorter;
        }
        let ranked = columns.iter().zip(&shown).enumerate().filter(|(_, (_, width))| width.is_some());
        let last = ranked.map(|(place, (column, _))| (column.rank, place)).max();
        match last {
            Some((rank, place)) if rank > 0 => {
                if let Some(column) = shown.get_mut(place) {
                    *column = None;
                }
            }
            // What is left must be there: the texts as short as they may be, the rest whole.
            _ => return least(columns, &shown),
        }
    }
}

fn total(shown: &[Option<usize>]) -> usize {
    let columns = shown.iter().flatten().count();
    shown.iter().flatten().sum::<usize>() + BETWEEN * columns.saturating_sub(1)
}

/// Takes `too_much` from the texts, always from the widest; `None` when they have not got that much to give.
fn shortened(columns: &[Column], shown: &[Option<usize>], too_much: usize) -> Option<Vec<Option<usize>>> {
    let mut shown = shown.to_vec();
    for _ in 0..too_much {
        let texts = shown.iter_mut().zip(columns).filter_map(|(width, column)| match (width, column.cells) {
            (Some(width), Cells::Text { least }) if *width > least => Some(width),
            _ => None,
        });
        *texts.max()? -= 1;
    }
    Some(shown)
}

fn least(columns: &[Column], shown: &[Option<usize>]) -> Vec<Option<usize>> {
    let narrowest = |(width, column): (&Option<usize>, &Column)| match column.cells {
        Cells::Text { least } => width.map(|width| width.min(least)),
        _ => *width,
    };
    shown.iter().zip(columns).map(narrowest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "b-0123456789abcdef";

    fn books() -> Table {
        let mut table = Table::new(&[
            Column::whole("book"),
            Column::text("title", 8),
            Column::text("author", 8).rank(2),
            Column::number("pages").rank(1),
            Column::text("status", 8),
        ]);
        table.row([
            ID,
            "The Long Title of a Book about Mills",
            "A. N. Author and Others",
            "1234",
            "complete",
        ]);
        table.row([ID, "短い本の題名", "著者", "7", "degraded"]);
        table
    }

    #[test]
    fn nothing_is_wider_than_the_terminal_and_ids_are_whole() {
        for width in 40..=120 {
            let lines = books().lines(Some(width));
            for line in &lines {
                assert!(measure_text_width(line) <= width, "{width}: {line}");
            }
            assert!(lines[1].starts_with(ID) && lines[1].contains("complete"), "{lines:#?}");
        }
    }

    #[test]
    fn the_least_important_column_goes_first() {
        let heads = |width| books().lines(Some(width))[0].clone();
        assert!(heads(120).contains("AUTHOR") && heads(120).contains("PAGES"));
        assert!(!heads(52).contains("AUTHOR") && heads(52).contains("PAGES"), "{}", heads(52));
        assert!(!heads(40).contains("PAGES") && heads(40).contains("STATUS"), "{}", heads(40));
    }

    #[test]
    fn without_a_width_everything_is_there() {
        let lines = books().lines(None);
        assert!(lines[1].contains("The Long Title of a Book about Mills") && lines[1].contains("Others"));
    }

    #[test]
    fn a_line_that_cannot_fit_keeps_what_is_to_be_copied() {
        assert!(books().lines(Some(10))[1].starts_with(ID));
    }

    #[test]
    fn an_indent_stays_and_a_line_feed_does_not() {
        let mut table = Table::new(&[Column::text("title", 8)]);
        table.row(["    two\nwords"]);
        assert_eq!(table.lines(None), ["TITLE", "    two words"]);
    }
}
