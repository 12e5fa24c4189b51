//! The printed contents in its forms.
//!
//! What an entry says and where it leads is decided before; this only sets it.

use super::plan::Heading;
use super::sheets::{BODY, LEFT, ROWS, Sheets, WIDTH};
use super::words::Language;
use super::{Contents, plan};
use crate::typeset::{Align, Font, Line, Run, Style, break_lines};

const TITLE: Style = Style::new(Font::SansBold, 18.0);
const BOLD: Style = Style::new(Font::RomanBold, BODY.size);
const SMALL: Style = Style::new(Font::Roman, 9.0);
const SMALL_BOLD: Style = Style::new(Font::RomanBold, 9.0);
const GUTTER: f32 = 18.0;
const TITLE_ROWS: usize = 5;

/// The part of the page width in which an entry is set.
#[derive(Debug, Clone, Copy)]
struct Measure {
    left: f32,
    width: f32,
    indent: f32,
    plain: Style,
    bold: Style,
}

/// Sets the contents; `printed` has the page number of each heading.
pub(super) fn compose(
    sheets: &mut Sheets,
    kind: Contents,
    headings: &[Heading],
    printed: &[String],
    language: Language,
) {
    if kind == Contents::None {
        return;
    }
    let title = match language {
        Language::English => "Contents",
        Language::German => "Inhaltsverzeichnis",
    };
    sheets.opening_page();
    title.clone_into(&mut sheets.even_head);
    title.clone_into(&mut sheets.odd_head);
    sheets.skip(1);
    sheets.line(0.0, &Line::single(title, TITLE), Align::Left);
    sheets.back_to(TITLE_ROWS);
    match kind {
        Contents::None => {}
        Contents::OneColumn => one_column(sheets, headings, printed),
        Contents::TwoColumns => two_columns(sheets, headings, printed),
        Contents::RunIn => run_in(sheets, headings, printed),
        Contents::Numberless => numberless(sheets, headings),
    }
    sheets.finish_page();
}

fn one_column(sheets: &mut Sheets, headings: &[Heading], printed: &[String]) {
    let measure = Measure { left: LEFT, width: WIDTH, indent: 16.0, plain: BODY, bold: BOLD };
    for (heading, page) in headings.iter().zip(printed) {
        let lines = entry_lines(heading, measure);
        if sheets.rows_left() < lines.len() {
            sheets.finish_page();
        }
        entry(sheets, heading, &lines, Some(page), measure);
    }
}

fn two_columns(sheets: &mut Sheets, headings: &[Heading], printed: &[String]) {
    let width = (WIDTH - GUTTER) / 2.0;
    let mut measure = Measure { left: LEFT, width, indent: 9.0, plain: SMALL, bold: SMALL_BOLD };
    let mut top = TITLE_ROWS;
    for (heading, page) in headings.iter().zip(printed) {
        let lines = entry_lines(heading, measure);
        if sheets.rows_left() < lines.len() {
            if measure.left > LEFT {
                sheets.finish_page();
                measure.left = LEFT;
                top = 0;
            } else {
                sheets.back_to(top);
                measure.left = LEFT + width + GUTTER;
            }
        }
        entry(sheets, heading, &lines, Some(page), measure);
    }
}

/// Chapters on lines of their own, what is under them one after another in a paragraph.
fn run_in(sheets: &mut Sheets, headings: &[Heading], printed: &[String]) {
    let measure = Measure { left: LEFT, width: WIDTH, indent: 16.0, plain: BODY, bold: BOLD };
    let chapter = |heading: &Heading| !matches!(heading.kind, plan::Kind::Section | plan::Kind::Subsection);
    let mut entries = headings.iter().zip(printed).peekable();
    while let Some((heading, page)) = entries.next() {
        let mut run = Vec::new();
        while let Some((section, page)) = entries.next_if(|(next, _)| !chapter(next)) {
            run.push(format!("{} {page}", section.full_title()));
        }
        let lines = entry_lines(heading, measure);
        if sheets.rows_left() < lines.len() + usize::from(!run.is_empty()) {
            sheets.finish_page();
        }
        entry(sheets, heading, &lines, Some(page), measure);
        let indent = measure.indent * heading.level as f32;
        for line in break_lines(&[Run::new(run.join(", "), BODY)], WIDTH - indent, None) {
            sheets.line(indent, &line, Align::Left);
        }
    }
}

fn numberless(sheets: &mut Sheets, headings: &[Heading]) {
    let measure = Measure { left: LEFT, width: WIDTH, indent: 16.0, plain: BODY, bold: BODY };
    for heading in headings {
        let lines = entry_lines(heading, measure);
        if sheets.rows_left() < lines.len() {
            sheets.finish_page();
        }
        entry(sheets, heading, &lines, None, measure);
    }
}

impl Measure {
    const fn style(self, heading: &Heading) -> Style {
        if heading.level == 1 { self.bold } else { self.plain }
    }

    /// Where the entry begins, and where its title does.
    fn starts(self, heading: &Heading) -> (f32, f32) {
        let indent = self.indent * heading.level.saturating_sub(1) as f32;
        let style = self.style(heading);
        let number =
            heading.number.as_ref().map_or(0.0, |number| (style.width(number) + 8.0).max(self.indent));
        (indent, indent + number)
    }
}

fn entry_lines(heading: &Heading, measure: Measure) -> Vec<Line> {
    let (_, start) = measure.starts(heading);
    // Room for a leader and the number.
    let room = measure.plain.width("......000");
    break_lines(&[Run::new(&heading.title, measure.style(heading))], measure.width - start - room, None)
}

fn entry(sheets: &mut Sheets, heading: &Heading, lines: &[Line], printed: Option<&String>, measure: Measure) {
    let style = measure.style(heading);
    let (indent, start) = measure.starts(heading);
    let right = measure.left + measure.width;
    for (nth, line) in lines.iter().enumerate() {
        let (page, y) = sheets.next_row();
        let Some(page) = page else { continue };
        if let (0, Some(number)) = (nth, &heading.number) {
            page.text(measure.left + indent, y, style, number);
        }
        page.line(measure.left + start, y, measure.width - start, line, Align::Left);
        if let (true, Some(printed)) = (nth + 1 == lines.len(), printed) {
            page.text_right(right, y, style, printed);
            let from = measure.left + start + line.width + 3.0;
            page.leader(from, right - style.width("000") - 3.0, y, measure.plain);
        }
    }
    debug_assert!(lines.len() <= ROWS, "an entry fits on a page");
}
