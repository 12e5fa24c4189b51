//! Made books as poppler's programs read them: what a key says must stand on the pages that it names.
//!
//! Skipped, and said so, where poppler is not installed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "tests fail by panicking and say what they skip, in their own functions too"
)]

use std::path::Path;
use std::process::Command;

use bookstate_tests::books::{Book, Contents, Language, Made, Scanned, encrypted, truncated};

/// The text of each page, `None` without poppler.
fn pages(made: &Made, directory: &Path) -> Option<Vec<String>> {
    let path = made.write_to(directory).unwrap();
    let Ok(output) = Command::new("pdftotext").arg("-layout").arg(&path).arg("-").output() else {
        eprintln!("SKIPPED: pdftotext (poppler-utils) is not on this machine");
        return None;
    };
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let mut pages: Vec<String> = text.split('\u{c}').map(str::to_owned).collect();
    assert_eq!(pages.pop().as_deref(), Some(""), "every page ends with a form feed");
    assert_eq!(pages.len(), made.key.pages as usize);
    Some(pages)
}

/// The words of a text, whatever the spaces and line ends between them.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn headings_stand_on_their_pages_and_entries_in_the_contents() {
    let forms = [
        Book::standard(120),
        Book::new("one").parts(2).subsections(9).seed(5),
        Book::new("two").contents(Contents::TwoColumns).chapters(9).sections(40),
        Book::new("run").contents(Contents::RunIn).sections(30).subsections(5),
        Book::new("bare").contents(Contents::Numberless).numbered(false),
        Book::new("none").contents(Contents::None),
        Book::new("deutsch").language(Language::German).title("Über Gärten").parts(3).chapters(6).seed(3),
    ];
    for book in forms {
        let directory = tempfile::tempdir().unwrap();
        let made = book.make_pdf();
        let Some(pages) = pages(&made, directory.path()) else { return };
        let name = &made.key.name;
        assert!(words(&pages[0]).contains(&made.key.title), "{name}: {}", pages[0]);
        for entry in &made.key.outline {
            // A part or chapter has its number on a line of its own: only the title is looked for.
            let title = entry
                .title
                .split_once(' ')
                .filter(|(head, _)| head.chars().all(|c| c.is_ascii_digit() || ".IVX".contains(c)));
            let title = title.map_or(entry.title.as_str(), |(_, title)| title);
            let page = words(&pages[entry.page as usize - 1]);
            assert!(page.contains(title), "{name}: {title:?} is not on page {}: {page}", entry.page);
        }
        let contents: Vec<String> =
            made.key.toc_pages.iter().map(|page| words(&pages[*page as usize - 1])).collect();
        let contents = contents.join(" ");
        for entry in &made.key.printed_toc {
            // A wrapped title is torn apart by the columns: its first word and the number must be there.
            let first = entry.title.split(' ').next().unwrap();
            assert!(contents.contains(first), "{name}: {first:?} is not in the contents");
            let numbered = made.key.name != "bare";
            assert!(!numbered || contents.contains(&entry.printed_page), "{name}: {entry:?}");
        }
        // The printed number of a chapter's or section's page stands at its foot or head.
        for entry in made.key.outline.iter().filter(|entry| entry.level > 1) {
            let lines: Vec<&str> =
                pages[entry.page as usize - 1].lines().filter(|line| !line.is_empty()).collect();
            let ends = [lines.first().unwrap(), lines.last().unwrap()];
            let found =
                ends.iter().any(|line| line.split_whitespace().any(|word| word == entry.printed_page));
            assert!(found, "{name}: page {} should say {}: {ends:?}", entry.page, entry.printed_page);
        }
    }
}

#[test]
fn body_text_has_hyphenated_line_ends_and_running_heads() {
    let directory = tempfile::tempdir().unwrap();
    let Some(pages) = pages(&Book::standard(120).make_pdf(), directory.path()) else { return };
    let hyphens =
        pages.iter().flat_map(|page| page.lines()).filter(|line| line.trim_end().ends_with('-')).count();
    assert!(hyphens > 50, "{hyphens}");
}

#[test]
fn pictures_have_no_text_and_the_other_pages_have() {
    let directory = tempfile::tempdir().unwrap();
    let made = Book::new("mixed").scanned(Scanned::Pages(8, 10)).make_pdf();
    let Some(pages) = pages(&made, directory.path()) else { return };
    for (index, page) in pages.iter().enumerate().skip(6).take(5) {
        assert_eq!(page.trim().is_empty(), (7..10).contains(&index), "page {}", index + 1);
    }
    let path = directory.path().join(&made.file_name);
    let images = Command::new("pdfimages").arg("-list").arg(path).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&images.stdout).matches(" gray ").count(), 3);
}

#[test]
fn a_reader_says_what_is_wrong_with_a_damaged_file() {
    let directory = tempfile::tempdir().unwrap();
    let made = Book::new("b").make_pdf();
    let cases =
        [(encrypted(&made.bytes), "Incorrect password"), (truncated(&made.bytes), "trailer"), (vec![], "")];
    for (bytes, message) in cases {
        let path = Made { bytes, ..made.clone() }.write_to(directory.path()).unwrap();
        let Ok(output) = Command::new("pdfinfo").arg(path).output() else {
            eprintln!("SKIPPED: pdfinfo (poppler-utils) is not on this machine");
            return;
        };
        assert!(!output.status.success());
        assert!(String::from_utf8_lossy(&output.stderr).contains(message), "{output:?}");
    }
}

#[test]
fn a_text_book_has_its_chapters_on_the_lines_of_the_key() {
    let book = Book::new("t").chapters(6).language(Language::German);
    for made in [book.make_text(), book.make_markdown()] {
        let text = String::from_utf8(made.bytes).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(made.key.chapters.len(), 7, "six chapters and the preface");
        for chapter in &made.key.chapters {
            let line = lines[chapter.line as usize - 1];
            assert!(line.trim_start_matches(['#', ' ']) == chapter.title, "{}: {line}", made.file_name);
        }
    }
}
