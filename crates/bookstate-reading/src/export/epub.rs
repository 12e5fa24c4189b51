//! A book as EPUB 3: one document per part, a navigation document, metadata, a cover, pictures, notes that readers show
//! in place.
//!
//! Invariants: the same state gives the same bytes; the documents in reading order have each word of the chapters'
//! texts and notes once, and no other but headings; `epubcheck` has nothing to complain of.

use bookstate_domain::{BookState, Timestamp};

use super::content::{Above, Content, content};
use super::escape::xml;
use super::figures::{Figure, place};
use super::html::is_language;
use super::markup::{ContentsLine, Dialect, STYLE, contents, figure_name, section};
use crate::archive::ArchiveWriter;
use crate::source::Resource;

/// A document is ended when it has so many bytes: readers lay one out as a whole.
const PART_BYTES: usize = 256 << 10;

/// A book as an EPUB file. `cover` is the picture on its cover; without one, or with one of a kind that EPUB has not,
/// the cover says title and authors. `figures` are the pictures of its pages, in their order.
#[must_use]
pub fn epub(state: &BookState, cover: Option<&Resource>, figures: &[Figure]) -> Vec<u8> {
    let mut content = content(state, Above::Nothing);
    place(state, &mut content.sections, figures);
    let parts = parts(&content);
    let cover = cover.and_then(Cover::of).unwrap_or_else(|| Cover::drawn(&content));
    let mut archive = ArchiveWriter::new();
    archive.stored("mimetype", b"application/epub+zip");
    archive.packed("META-INF/container.xml", CONTAINER.as_bytes());
    archive.packed("EPUB/package.opf", package(state, &content, &parts, &cover, figures.len()).as_bytes());
    archive.packed("EPUB/nav.xhtml", navigation(&content, &parts, &language(state)).as_bytes());
    archive.packed("EPUB/style.css", STYLE.as_bytes());
    archive.stored(&format!("EPUB/{}", cover.name), &cover.bytes);
    let picture = format!(
        "<section epub:type=\"cover\"><img src=\"{}\" alt=\"\" style=\"max-width: 100%\"/></section>\n",
        cover.name
    );
    let page = document(content.title, &language(state), &picture);
    archive.packed("EPUB/cover.xhtml", page.as_bytes());
    for (nth, figure) in figures.iter().enumerate() {
        archive.stored(&format!("EPUB/{}", figure_name(nth)), &figure.jpeg);
    }
    for part in &parts {
        let page = document(&part.title, &language(state), &part.body);
        archive.packed(&format!("EPUB/{}", part.name), page.as_bytes());
    }
    archive.finish()
}

const CONTAINER: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<container version=\"1.0\" xmlns=\"urn:oasis:names:tc:opendocument:xmlns:container\">
<rootfiles><rootfile full-path=\"EPUB/package.opf\" media-type=\"application/oebps-package+xml\"/></rootfiles>
</container>
";

struct Cover {
    name: String,
    media_type: String,
    bytes: Vec<u8>,
}

impl Cover {
    fn of(picture: &Resource) -> Option<Self> {
        let (ending, begins): (&str, &[u8]) = match picture.media_type.as_str() {
            "image/jpeg" => ("jpg", b"\xff\xd8\xff"),
            "image/png" => ("png", b"\x89PNG"),
            "image/gif" => ("gif", b"GIF8"),
            _ => return None,
        };
        // Some files say what they are not.
        picture.bytes.starts_with(begins).then(|| Self {
            name: format!("cover.{ending}"),
            media_type: picture.media_type.clone(),
            bytes: picture.bytes.to_vec(),
        })
    }

    fn drawn(content: &Content<'_>) -> Self {
        let line = |text: &str, y: usize, size: usize| {
            format!(
                "<text x=\"300\" y=\"{y}\" font-size=\"{size}\" text-anchor=\"middle\">{}</text>\n",
                xml(text)
            )
        };
        let mut text = String::new();
        let title = wrapped(content.title, 20, 8);
        let mut y = 240;
        for part in &title {
            text.push_str(&line(part, y, 44));
            y += 60;
        }
        y += 60;
        for part in wrapped(&content.authors.join(", "), 34, 6) {
            text.push_str(&line(&part, y, 26));
            y += 40;
        }
        let svg = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 600 900\" \
             width=\"600\" height=\"900\" font-family=\"serif\">\n<rect width=\"600\" height=\"900\" fill=\"#f4f1ea\"/>\n\
             <rect x=\"30\" y=\"30\" width=\"540\" height=\"840\" fill=\"none\" stroke=\"#444\" stroke-width=\"3\"/>\n{text}</svg>\n"
        );
        Self { name: "cover.svg".to_owned(), media_type: "image/svg+xml".to_owned(), bytes: svg.into_bytes() }
    }
}

/// A text in at most `lines` lines of about `chars` characters.
fn wrapped(text: &str, chars: usize, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match out.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < chars => {
                line.push(' ');
                line.push_str(word);
            }
            _ => out.push(word.chars().take(2 * chars).collect()),
        }
    }
    out.truncate(lines);
    out
}

/// A document of the book.
struct Part {
    name: String,
    title: String,
    body: String,
    /// Its sections, by their places among all.
    sections: std::ops::Range<usize>,
}

fn parts(content: &Content<'_>) -> Vec<Part> {
    let top = content.sections.iter().map(|section| section.level).min().unwrap_or(1);
    let mut parts: Vec<Part> = Vec::new();
    for (n, of) in content.sections.iter().enumerate() {
        let body = section(of, n + 1, 1, Dialect::Epub);
        match parts.last_mut() {
            Some(part) if of.level > top && part.body.len() + body.len() <= PART_BYTES => {
                part.body.push_str(&body);
                part.sections.end = n + 1;
            }
            _ => parts.push(Part {
                name: format!("part-{:04}.xhtml", parts.len() + 1),
                title: if of.name.trim().is_empty() { content.title.to_owned() } else { of.name.to_string() },
                body,
                sections: n..n + 1,
            }),
        }
    }
    if parts.is_empty() {
        let body = format!("<h1>{}</h1>\n", xml(content.title));
        parts.push(Part {
            name: "part-0001.xhtml".to_owned(),
            title: content.title.to_owned(),
            body,
            sections: 0..0,
        });
    }
    parts
}

fn language(state: &BookState) -> String {
    let language = state.book().and_then(|book| book.language.as_deref());
    language.filter(|language| is_language(language)).unwrap_or("und").to_owned()
}

fn document(title: &str, language: &str, body: &str) -> String {
    let title = if title.trim().is_empty() { "Untitled" } else { title };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" \
         xmlns:epub=\"http://www.idpf.org/2007/ops\" lang=\"{language}\" xml:lang=\"{language}\">\n<head>\n<title>{}</title>\n\
         <link rel=\"stylesheet\" type=\"text/css\" href=\"style.css\"/>\n</head>\n<body>\n{body}</body>\n</html>\n",
        xml(title)
    )
}

fn navigation(content: &Content<'_>, parts: &[Part], language: &str) -> String {
    let mut lines = Vec::new();
    for part in parts {
        for n in part.sections.clone() {
            let Some(section) = content.sections.get(n) else { continue };
            let name = if section.name.trim().is_empty() { content.title } else { &section.name };
            let to = format!("{}#s{}", part.name, n + 1);
            lines.push(ContentsLine { name: name.to_owned(), level: section.level, to });
        }
    }
    if lines.is_empty() {
        let to = parts.first().map(|part| part.name.clone()).unwrap_or_default();
        lines.push(ContentsLine { name: content.title.to_owned(), level: 1, to });
    }
    let body = format!("<nav epub:type=\"toc\" role=\"doc-toc\" id=\"toc\">\n{}</nav>\n", contents(&lines));
    document(content.title, language, &body)
}

fn package(
    state: &BookState,
    content: &Content<'_>,
    parts: &[Part],
    cover: &Cover,
    figures: usize,
) -> String {
    let book = state.book();
    let isbn = book.and_then(|book| book.isbn.as_deref()).filter(|isbn| !isbn.is_empty());
    let id = match isbn {
        Some(isbn) => format!("urn:isbn:{isbn}"),
        None => format!("bookstate:{}", state.book_id()),
    };
    let mut head = format!("<dc:identifier id=\"id\">{}</dc:identifier>\n", xml(&id));
    let mut element = |name: &str, text: &str| {
        if !text.trim().is_empty() {
            head.push_str(&format!("<dc:{name}>{}</dc:{name}>\n", xml(text.trim())));
        }
    };
    element("title", if content.title.trim().is_empty() { "Untitled" } else { content.title });
    element("language", &language(state));
    content.authors.iter().for_each(|author| element("creator", author));
    if let Some(book) = book {
        element("publisher", book.publisher.as_deref().unwrap_or_default());
        element("description", book.description.as_deref().unwrap_or_default());
        element("date", &book.publication_year.map(|year| format!("{year:04}")).unwrap_or_default());
    }
    head.push_str(&format!("<meta property=\"dcterms:modified\">{}</meta>\n", modified(state)));
    let mut items = String::from(
        "<item id=\"nav\" href=\"nav.xhtml\" media-type=\"application/xhtml+xml\" properties=\"nav\"/>\n\
         <item id=\"style\" href=\"style.css\" media-type=\"text/css\"/>\n\
         <item id=\"cover\" href=\"cover.xhtml\" media-type=\"application/xhtml+xml\"/>\n",
    );
    items.push_str(&format!(
        "<item id=\"picture\" href=\"{}\" media-type=\"{}\" properties=\"cover-image\"/>\n",
        cover.name, cover.media_type
    ));
    for nth in 0..figures {
        let name = figure_name(nth);
        items.push_str(&format!("<item id=\"figure{nth}\" href=\"{name}\" media-type=\"image/jpeg\"/>\n"));
    }
    let mut spine = String::from("<itemref idref=\"cover\" linear=\"no\"/>\n");
    for (n, part) in (1..).zip(parts) {
        items.push_str(&format!(
            "<item id=\"part{n}\" href=\"{}\" media-type=\"application/xhtml+xml\"/>\n",
            part.name
        ));
        spine.push_str(&format!("<itemref idref=\"part{n}\"/>\n"));
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\" \
         unique-identifier=\"id\">\n<metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n{head}</metadata>\n\
         <manifest>\n{items}</manifest>\n<spine>\n{spine}</spine>\n</package>\n"
    )
}

/// When the book's last job was over, to the second; the file is made of what it left.
fn modified(state: &BookState) -> String {
    let of_jobs = state.jobs().values().filter_map(|job| job.completed_at).max();
    let at: Option<Timestamp> = of_jobs.or_else(|| state.book().and_then(|book| book.created_at));
    let text = at.map(|at| at.to_string()).unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned());
    // To the second, as the standard wants it.
    format!("{}Z", text.get(..19).unwrap_or("1970-01-01T00:00:00"))
}

#[cfg(test)]
#[path = "epub_tests.rs"]
mod tests;
