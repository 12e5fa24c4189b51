//! The table that the program answers with: a row per page, block, paragraph, line and word.

use crate::words::Area;

/// A word as the program gives it; places are in pixels of the image that it got.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) text: String,
    pub(super) area: Area,
    /// 0 to 1.
    pub(super) confidence: f32,
    /// Block, paragraph, line.
    pub(super) line: (u32, u32, u32),
}

/// What is on a page.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Table {
    pub(super) words: Vec<Row>,
    /// Blocks without any word: pictures, rules.
    pub(super) pictures: Vec<Area>,
}

/// Reads the table; rows that are not as expected are passed over.
pub(super) fn parse(text: &str) -> Table {
    let mut table = Table::default();
    let mut blocks: Vec<(u32, Area)> = Vec::new();
    for line in text.lines().skip(1) {
        let columns: Vec<&str> = line.splitn(12, '\t').collect();
        let number = |n: usize| columns.get(n).and_then(|column| column.parse::<f32>().ok());
        let (Some(left), Some(top), Some(width), Some(height)) = (number(6), number(7), number(8), number(9))
        else {
            continue;
        };
        let area = Area { x0: left, y0: top, x1: left + width, y1: top + height };
        let place = |n: usize| columns.get(n).and_then(|column| column.parse::<u32>().ok()).unwrap_or(0);
        match columns.first() {
            Some(&"2") => blocks.push((place(2), area)),
            Some(&"5") => {
                let word = columns.get(11).map(|word| word.trim()).unwrap_or_default();
                if word.is_empty() {
                    continue;
                }
                table.words.push(Row {
                    text: word.to_owned(),
                    area,
                    confidence: (number(10).unwrap_or(0.0) / 100.0).clamp(0.0, 1.0),
                    line: (place(2), place(3), place(4)),
                });
            }
            _ => {}
        }
    }
    let has_words = |block: u32| table.words.iter().any(|word| word.line.0 == block);
    table.pictures =
        blocks.into_iter().filter(|(block, _)| !has_words(*block)).map(|(_, area)| area).collect();
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_their_lines_and_pictures_have_none() {
        let text = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n\
            1\t1\t0\t0\t0\t0\t0\t0\t100\t200\t-1\t\n\
            2\t1\t1\t0\t0\t0\t10\t10\t80\t20\t-1\t\n\
            5\t1\t1\t1\t1\t1\t10\t10\t30\t20\t96.5\tone\n\
            5\t1\t1\t1\t1\t2\t50\t10\t40\t20\t12\ttwo\tthree\n\
            2\t1\t2\t0\t0\t0\t0\t50\t90\t90\t-1\t\n\
            5\t1\t2\t1\t1\t1\t0\t50\t90\t90\t95\t \n\
            nonsense\n";
        let table = parse(text);
        assert_eq!(table.words.len(), 2);
        assert_eq!(table.words[0].text, "one");
        assert!((table.words[0].confidence - 0.965).abs() < 1e-6);
        assert_eq!(table.words[1].line, (1, 1, 1));
        assert_eq!(table.pictures, [Area { x0: 0.0, y0: 50.0, x1: 90.0, y1: 140.0 }]);
        assert_eq!(parse(""), Table::default());
    }
}
