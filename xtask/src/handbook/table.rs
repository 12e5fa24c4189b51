//! Tables: how wide the columns are, and their cells as lines.
//!
//! Columns keep their natural width if all fit; else each gets its longest word, and what is left goes to
//! those that want more.

use bookstate_tests::typeset::{Font, Line, Run, Style, break_lines};

use super::markdown::Inline;
use super::style::style;

/// The space between columns in points.
pub(super) const GAP: f32 = 12.0;
const SIZE: f32 = 9.5;

/// A table ready to be set: rows of cells of lines.
pub(super) struct Table {
    /// The width of each column in points.
    pub(super) widths: Vec<f32>,
    /// The header's cells.
    pub(super) header: Vec<Vec<Line>>,
    /// The rows' cells.
    pub(super) rows: Vec<Vec<Vec<Line>>>,
}

/// Lays out a table in `width` points.
pub(super) fn lay_out(header: &[Inline], rows: &[Vec<Inline>], width: f32) -> Table {
    let runs = |cell: &Inline, bold: bool| -> Vec<Run> {
        cell.iter().map(|span| Run::new(&span.text, style(span, SIZE, bold))).collect()
    };
    let header: Vec<Vec<Run>> = header.iter().map(|cell| runs(cell, true)).collect();
    let rows: Vec<Vec<Vec<Run>>> =
        rows.iter().map(|row| row.iter().map(|cell| runs(cell, false)).collect()).collect();
    let widths = widths(&header, &rows, width);
    let cells = |row: &[Vec<Run>]| -> Vec<Vec<Line>> {
        // A hair more than the natural width, or rounding breaks a line that fits.
        row.iter().zip(&widths).map(|(cell, width)| break_lines(cell, width + 0.1, None)).collect()
    };
    Table {
        header: cells(&header),
        rows: rows.iter().map(|row| cells(row)).collect(),
        widths: widths.clone(),
    }
}

fn widths(header: &[Vec<Run>], rows: &[Vec<Vec<Run>>], width: f32) -> Vec<f32> {
    let columns = header.len();
    let room = width - GAP * columns.saturating_sub(1) as f32;
    let all: Vec<Vec<&[Run]>> = (0..columns)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).chain(header.get(column));
            cells.map(Vec::as_slice).collect()
        })
        .collect();
    let natural: Vec<f32> = all.iter().map(|cells| widest(cells, cell_width)).collect();
    if natural.iter().sum::<f32>() <= room {
        return natural;
    }
    let cap = room / columns.max(1) as f32;
    let least: Vec<f32> = all.iter().map(|cells| widest(cells, word_width).min(cap)).collect();
    let wanted: f32 = natural.iter().zip(&least).map(|(natural, least)| natural - least).sum();
    let spare = room - least.iter().sum::<f32>();
    natural
        .iter()
        .zip(&least)
        .map(
            |(natural, least)| if wanted > 0.0 { least + spare * (natural - least) / wanted } else { *least },
        )
        .collect()
}

fn widest(cells: &[&[Run]], width: impl Fn(&[Run]) -> f32) -> f32 {
    cells.iter().map(|cell| width(cell)).fold(Style::new(Font::Roman, SIZE).width("00"), f32::max)
}

fn cell_width(cell: &[Run]) -> f32 {
    cell.iter().map(|run| run.style.width(&run.text)).sum()
}

fn word_width(cell: &[Run]) -> f32 {
    cell.iter().flat_map(|run| run.text.split(' ').map(|word| run.style.width(word))).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::super::markdown::Span;
    use super::*;

    fn cell(text: &str) -> Inline {
        vec![Span { text: text.to_owned(), bold: false, italic: false, code: false }]
    }

    #[test]
    fn no_table_is_wider_than_its_measure() {
        let long = "many words that go on and on until the line is full and then some more of them";
        for (cells, columns) in
            [(vec![long; 3], 3), (vec!["a", long], 2), (vec!["W".repeat(200).as_str()], 1)]
        {
            let row: Vec<Inline> = cells.iter().map(|text| cell(text)).collect();
            let table = lay_out(&row, &[row.clone(), row.clone()], 400.0);
            let total: f32 = table.widths.iter().sum::<f32>() + GAP * (columns - 1) as f32;
            assert!(total <= 400.1, "{total}");
            for (column, lines) in table.rows.iter().flat_map(|row| row.iter().enumerate()) {
                assert!(lines.iter().all(|line| line.width <= table.widths[column] + 0.2));
            }
        }
    }

    #[test]
    fn a_table_that_fits_breaks_no_cell() {
        let table =
            lay_out(&[cell("Name"), cell("What it is")], &[vec![cell("one"), cell("the first")]], 400.0);
        assert!(table.rows.iter().flatten().chain(&table.header).all(|lines| lines.len() == 1));
    }
}
