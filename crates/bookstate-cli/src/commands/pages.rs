//! `bookstate pages BOOK`: all pages, or those to look at first.

use bookstate_api::view::{PageRow, Pages};

use crate::{
    failure::Failure,
    output,
    table::{Column, Table},
};

fn state(page: &PageRow) -> String {
    match (page.ocr_failed, page.ocr_complete, page.extract_complete) {
        (true, ..) => format!("failed: {}", page.failure_reason.as_deref().unwrap_or("no reason given")),
        (_, true, _) => "read".to_owned(),
        (_, _, true) => "extracted".to_owned(),
        _ => "waiting".to_owned(),
    }
}

/// Pages that were given up, then those that were recognised, the least sure first.
fn most_doubtful_first(pages: &mut Vec<PageRow>) {
    pages.retain(|page| page.ocr_failed || page.confidence.is_some());
    pages.sort_by(|a, b| {
        let doubt = |page: &PageRow| if page.ocr_failed { -1.0 } else { page.confidence.unwrap_or(1.0) };
        doubt(a).total_cmp(&doubt(b))
    });
}

/// Lists the pages that have a result.
pub(crate) fn run(mut pages: Pages, doubtful: bool, json: bool) -> Result<(), Failure> {
    if doubtful {
        most_doubtful_first(&mut pages.pages);
    }
    if json {
        return output::json(&pages);
    }
    let mut table = Table::new(&[
        Column::number("page"),
        Column::text("state", 10).toned(),
        Column::number("sure").rank(1),
        Column::count("characters").rank(1),
        Column::text("begins", 12).rank(2),
    ]);
    for page in &pages.pages {
        let sure = page.confidence.map(|sure| format!("{:.0} %", 100.0 * sure)).unwrap_or_default();
        let (number, characters) = (page.page_num.to_string(), page.characters.to_string());
        let cells = [number, state(page), sure, characters, page.begins.clone()];
        table.row(cells);
    }
    let none = if doubtful {
        "no page had to be recognised, and none was given up"
    } else {
        "no page has been read yet"
    };
    output::print(&table, none)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_doubtful_page_is_the_first() {
        let page = |page_num: i32, ocr_failed: bool, confidence: Option<f64>| PageRow {
            page_num,
            extract_complete: true,
            ocr_complete: !ocr_failed,
            ocr_failed,
            failure_reason: None,
            characters: 0,
            begins: String::new(),
            confidence,
        };
        let mut pages = vec![
            page(1, false, None),
            page(2, false, Some(0.9)),
            page(3, false, Some(0.4)),
            page(4, true, None),
        ];
        most_doubtful_first(&mut pages);
        assert_eq!(pages.iter().map(|p| p.page_num).collect::<Vec<_>>(), [4, 3, 2]);
    }
}
