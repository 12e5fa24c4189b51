//! The words of a book as hOCR and as ALTO: lines and words with their places, for other programs.

use std::io::{self, Write};

use super::About;
use crate::words::{Area, PageWords, Word};

/// Writes the words of a book as hOCR. `pages`: each with its number.
///
/// # Errors
/// The writer's.
pub fn hocr<W: Write>(
    pages: impl IntoIterator<Item = (u32, PageWords)>,
    about: &About,
    mut out: W,
) -> io::Result<W> {
    let title = escaped(about.title.as_deref().unwrap_or_default());
    let language = about.language.as_deref().unwrap_or("und");
    write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 \
         Transitional//EN\" \"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n\
         <html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"{language}\" lang=\"{language}\">\n<head>\n\
         <title>{title}</title>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=utf-8\"/>\n\
         <meta name=\"ocr-system\" content=\"bookstate\"/>\n\
         <meta name=\"ocr-capabilities\" content=\"ocr_page ocr_carea ocr_line ocrx_word\"/>\n</head>\n<body>\n"
    )?;
    for (number, page) in pages {
        writeln!(
            out,
            "<div class=\"ocr_page\" id=\"page_{number}\" title=\"bbox 0 0 {} {}; ppageno {}; scan_res {dpi:.0} \
             {dpi:.0}\">",
            page.width,
            page.height,
            number.saturating_sub(1),
            dpi = page.dpi,
        )?;
        for (n, figure) in page.figures.iter().enumerate() {
            let place = bbox(figure);
            writeln!(out, "<div class=\"ocr_photo\" id=\"photo_{number}_{n}\" title=\"{place}\"></div>")?;
        }
        for block in grouped(&page.words, |word| word.block) {
            let place = bbox(&around(block));
            writeln!(
                out,
                "<div class=\"ocr_carea\" id=\"block_{number}_{}\" title=\"{place}\">",
                first(block).1
            )?;
            for line in grouped(block, |word| word.line) {
                let place = bbox(&around(line));
                let id = first(line).0;
                writeln!(out, "<span class=\"ocr_line\" id=\"line_{number}_{id}\" title=\"{place}\">")?;
                for word in line {
                    let sure = (word.confidence * 100.0).round();
                    let (place, text) = (bbox(&word.area), escaped(&word.text));
                    writeln!(
                        out,
                        "<span class=\"ocrx_word\" title=\"{place}; x_wconf {sure}\">{text}</span>"
                    )?;
                }
                writeln!(out, "</span>")?;
            }
            writeln!(out, "</div>")?;
        }
        writeln!(out, "</div>")?;
    }
    write!(out, "</body>\n</html>\n")?;
    Ok(out)
}

/// Writes the words of a book as ALTO 4. `pages`: each with its number.
///
/// # Errors
/// The writer's.
pub fn alto<W: Write>(
    pages: impl IntoIterator<Item = (u32, PageWords)>,
    about: &About,
    mut out: W,
) -> io::Result<W> {
    let title = escaped(about.title.as_deref().unwrap_or_default());
    write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<alto xmlns=\"http://www.loc.gov/standards/alto/ns-v4#\">\n\
         <Description><MeasurementUnit>pixel</MeasurementUnit><sourceImageInformation><fileName>{title}</fileName>\
         </sourceImageInformation></Description>\n<Layout>\n"
    )?;
    for (number, page) in pages {
        let (width, height) = (page.width, page.height);
        write!(
            out,
            "<Page ID=\"page_{number}\" PHYSICAL_IMG_NR=\"{number}\" WIDTH=\"{width}\" HEIGHT=\"{height}\">\n\
             <PrintSpace HPOS=\"0\" VPOS=\"0\" WIDTH=\"{width}\" HEIGHT=\"{height}\">\n"
        )?;
        for (n, figure) in page.figures.iter().enumerate() {
            writeln!(out, "<Illustration ID=\"figure_{number}_{n}\" {}/>", position(figure))?;
        }
        for block in grouped(&page.words, |word| word.block) {
            let place = position(&around(block));
            writeln!(out, "<TextBlock ID=\"block_{number}_{}\" {place}>", first(block).1)?;
            for line in grouped(block, |word| word.line) {
                let place = position(&around(line));
                writeln!(out, "<TextLine ID=\"line_{number}_{}\" {place}>", first(line).0)?;
                for (n, word) in line.iter().enumerate() {
                    if n > 0 {
                        writeln!(out, "<SP/>")?;
                    }
                    let (place, text) = (position(&word.area), escaped(&word.text));
                    writeln!(out, "<String {place} WC=\"{:.2}\" CONTENT=\"{text}\"/>", word.confidence)?;
                }
                writeln!(out, "</TextLine>")?;
            }
            writeln!(out, "</TextBlock>")?;
        }
        writeln!(out, "</PrintSpace>\n</Page>")?;
    }
    write!(out, "</Layout>\n</alto>\n")?;
    Ok(out)
}

fn grouped(words: &[Word], by: impl Fn(&Word) -> u32) -> impl Iterator<Item = &[Word]> {
    words.chunk_by(move |a, b| by(a) == by(b))
}

/// The line and block of the first word.
fn first(words: &[Word]) -> (u32, u32) {
    words.first().map_or((0, 0), |word| (word.line, word.block))
}

fn around(words: &[Word]) -> Area {
    let areas = words.iter().map(|word| word.area);
    areas.reduce(|a, b| a.union(&b)).unwrap_or_default()
}

fn bbox(area: &Area) -> String {
    format!("bbox {:.0} {:.0} {:.0} {:.0}", area.x0, area.y0, area.x1, area.y1)
}

fn position(area: &Area) -> String {
    let (x, y, width, height) = (area.x0, area.y0, area.width(), area.height());
    format!("HPOS=\"{x:.0}\" VPOS=\"{y:.0}\" WIDTH=\"{width:.0}\" HEIGHT=\"{height:.0}\"")
}

/// A text between tags or in an attribute; characters that XML has not are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}
