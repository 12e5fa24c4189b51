//! What a made book is like, and its making as a PDF.

use super::key::{AnswerKey, KeyEntry, Made};
use super::plan::{Heading, Kind, headings};
use super::sheets::{BODY, Folio, SIZE, Sheets, WIDTH};
use super::words::{Language, Words};
use super::{body, contents, plain};
use crate::typeset::{Align, Bookmark, Document, Font, GrayImage, Line, Page, Run, Style, break_lines};

/// The form of the printed contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contents {
    /// The book has none.
    None,
    /// One entry a line, dots to the page number.
    OneColumn,
    /// The same in two narrow columns.
    TwoColumns,
    /// Sections one after another in a paragraph: "1.1 Harbours 3, 1.2 Lanterns 5".
    RunIn,
    /// Titles without page numbers.
    Numberless,
}

/// Which pages are pictures without text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scanned {
    /// None: all pages have text.
    None,
    /// All pages.
    All,
    /// The pages of the file from the first to the last given, counted from 1.
    Pages(u32, u32),
}

/// A book to be made. Everything that is not set has a plain default: see [`Book::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Book {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) author: String,
    pub(super) seed: u64,
    pub(super) language: Language,
    pub(super) pages: u32,
    pub(super) parts: u32,
    pub(super) chapters: u32,
    pub(super) sections: u32,
    pub(super) subsections: u32,
    pub(super) numbered: bool,
    pub(super) preface: bool,
    pub(super) back_matter: bool,
    pub(super) running_heads: bool,
    pub(super) outline: bool,
    pub(super) contents: Contents,
    pub(super) scanned: Scanned,
}

impl Book {
    /// A short book: 5 numbered chapters with 10 sections, one-column contents, preface, bibliography and
    /// index, running heads, no outline in the file. `name` is the stem of the file's name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: "The Harbour and the Lantern".to_owned(),
            author: "Ada Quarry".to_owned(),
            seed: 1,
            language: Language::English,
            pages: 0,
            parts: 0,
            chapters: 5,
            sections: 10,
            subsections: 0,
            numbered: true,
            preface: true,
            back_matter: true,
            running_heads: true,
            outline: false,
            contents: Contents::OneColumn,
            scanned: Scanned::None,
        }
    }

    /// The book that measurements speak of: 40 entries (preface, 7 chapters with 30 sections, bibliography,
    /// index) on `pages` pages, 300 as a rule.
    #[must_use]
    pub fn standard(pages: u32) -> Self {
        Self { pages, chapters: 7, sections: 30, ..Self::new(&format!("standard-{pages}")) }
    }

    /// Sets the title.
    #[must_use]
    pub fn title(self, title: &str) -> Self {
        Self { title: title.to_owned(), ..self }
    }

    /// Sets the author.
    #[must_use]
    pub fn author(self, author: &str) -> Self {
        Self { author: author.to_owned(), ..self }
    }

    /// Sets the seed of all words, titles and lengths.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Sets the language.
    #[must_use]
    pub fn language(self, language: Language) -> Self {
        Self { language, ..self }
    }

    /// Sets the pages of the file. A book whose headings need more has more.
    #[must_use]
    pub fn pages(self, pages: u32) -> Self {
        Self { pages, ..self }
    }

    /// Sets the number of parts, over which the chapters are spread.
    #[must_use]
    pub fn parts(self, parts: u32) -> Self {
        Self { parts, ..self }
    }

    /// Sets the number of chapters.
    #[must_use]
    pub fn chapters(self, chapters: u32) -> Self {
        Self { chapters, ..self }
    }

    /// Sets the number of sections of the whole book.
    #[must_use]
    pub fn sections(self, sections: u32) -> Self {
        Self { sections, ..self }
    }

    /// Sets the number of subsections of the whole book.
    #[must_use]
    pub fn subsections(self, subsections: u32) -> Self {
        Self { subsections, ..self }
    }

    /// Sets whether parts, chapters and sections have numbers.
    #[must_use]
    pub fn numbered(self, numbered: bool) -> Self {
        Self { numbered, ..self }
    }

    /// Sets whether there is a preface.
    #[must_use]
    pub fn preface(self, preface: bool) -> Self {
        Self { preface, ..self }
    }

    /// Sets whether there are a bibliography and an index.
    #[must_use]
    pub fn back_matter(self, back_matter: bool) -> Self {
        Self { back_matter, ..self }
    }

    /// Sets whether pages have running heads with their number; without them the number is at the foot.
    #[must_use]
    pub fn running_heads(self, running_heads: bool) -> Self {
        Self { running_heads, ..self }
    }

    /// Sets whether the PDF has bookmarks.
    #[must_use]
    pub fn outline(self, outline: bool) -> Self {
        Self { outline, ..self }
    }

    /// Sets the form of the contents.
    #[must_use]
    pub fn contents(self, contents: Contents) -> Self {
        Self { contents, ..self }
    }

    /// Sets which pages are pictures.
    #[must_use]
    pub fn scanned(self, scanned: Scanned) -> Self {
        Self { scanned, ..self }
    }

    /// The book as Markdown, its headings as `#` lines.
    #[must_use]
    pub fn make_markdown(&self) -> Made {
        plain::make(self, plain::Form::Markdown)
    }

    /// The book as plain text, its headings as lines in capitals ("CHAPTER 3").
    #[must_use]
    pub fn make_text(&self) -> Made {
        plain::make(self, plain::Form::Text)
    }

    /// The book as a PDF.
    #[must_use]
    pub fn make_pdf(&self) -> Made {
        let mut words = Words::new(self.seed, self.language);
        let headings = headings(self, &mut words);
        let preface_count = headings.iter().take_while(|heading| heading.kind == Kind::Preface).count();
        let (preface, main) = headings.split_at(preface_count);
        let preface_pages = if self.pages >= 100 { 2 } else { 1 };

        // The length of the contents hardly depends on the numbers in it, only by a line break of a run-in
        // contents: it is set with stand-ins first, and grows if the real numbers need it.
        let mut contents_pages =
            self.contents_sheets(&headings, &vec!["00".to_owned(); headings.len()]).pages.len();
        loop {
            let mut words = words.clone();
            let preface_place = 2 + contents_pages;
            let front_pages = (preface_place + preface_count * preface_pages).next_multiple_of(2);
            let body_pages = (self.pages as usize).saturating_sub(front_pages).max(body::least_pages(main));
            let mut body = Sheets::new(Folio::Arabic(1), self.running_heads);
            let places = body::compose(&mut body, main, body_pages, self.language, &mut words);
            let mut front = Sheets::new(Folio::Roman(1), self.running_heads);
            let printed: Vec<String> = std::iter::repeat_n(front.printed(preface_place), preface_count)
                .chain(places.iter().map(|place| body.printed(*place)))
                .collect();
            let contents = self.contents_sheets(&headings, &printed);
            if contents.pages.len() > contents_pages {
                contents_pages = contents.pages.len();
                continue;
            }
            let toc = 2..2 + contents.pages.len();
            front.pages = vec![self.title_page(), self.imprint()];
            front.pages.extend(contents.pages);
            front.pages.resize_with(preface_place, Page::new);
            for heading in preface {
                body::preface(&mut front, heading, preface_pages, &mut words);
            }
            // The body begins on a right page.
            front.pages.resize_with(front_pages, Page::new);
            let places: Vec<usize> = std::iter::repeat_n(preface_place, preface_count)
                .chain(places.iter().map(|place| place + front_pages))
                .collect();
            let pages = front.pages.into_iter().chain(body.pages).collect();
            return self.finish(pages, toc, &headings, &printed, &places);
        }
    }

    fn contents_sheets(&self, headings: &[Heading], printed: &[String]) -> Sheets {
        let mut sheets = Sheets::new(Folio::Roman(3), self.running_heads);
        contents::compose(&mut sheets, self.contents, headings, printed, self.language);
        sheets
    }

    fn title_page(&self) -> Page {
        let mut page = Page::new();
        let mut y = SIZE.1 * 0.3;
        for line in break_lines(&[Run::new(&self.title, Style::new(Font::SansBold, 26.0))], WIDTH, None) {
            page.line(super::sheets::LEFT, y, WIDTH, &line, Align::Centre);
            y += 32.0;
        }
        let author = Line::single(&self.author, Style::new(Font::Roman, 14.0));
        page.line(super::sheets::LEFT, y + 40.0, WIDTH, &author, Align::Centre);
        page
    }

    fn imprint(&self) -> Page {
        let mut page = Page::new();
        let lines = [
            format!("{} by {}", self.title, self.author),
            "A made book: its words mean nothing and belong to nobody.".to_owned(),
            format!("Printed from seed {}.", self.seed),
        ];
        let mut y = SIZE.1 * 0.75;
        for text in lines {
            for line in break_lines(&[Run::new(text, BODY)], WIDTH, None) {
                page.line(super::sheets::LEFT, y, WIDTH, &line, Align::Left);
                y += 14.0;
            }
        }
        page
    }

    fn finish(
        &self,
        mut pages: Vec<Page>,
        contents: std::ops::Range<usize>,
        headings: &[Heading],
        printed: &[String],
        places: &[usize],
    ) -> Made {
        for (index, page) in pages.iter_mut().enumerate() {
            let scanned = match self.scanned {
                Scanned::None => false,
                Scanned::All => true,
                Scanned::Pages(first, last) => (first..=last).contains(&number(index)),
            };
            if scanned {
                *page = Page::new();
                page.image(0.0, 0.0, SIZE.0, SIZE.1, picture(index));
            }
        }
        let outline: Vec<KeyEntry> = headings
            .iter()
            .zip(printed)
            .zip(places)
            .map(|((heading, printed), place)| KeyEntry {
                title: heading.full_title(),
                level: heading.level,
                page: number(*place),
                printed_page: printed.clone(),
            })
            .collect();
        let bookmarks = outline.iter().zip(places).filter(|_| self.outline);
        let document = Document {
            title: self.title.clone(),
            author: self.author.clone(),
            size: SIZE,
            outline: bookmarks
                .map(|(entry, place)| Bookmark {
                    title: entry.title.clone(),
                    level: entry.level,
                    page: *place,
                })
                .collect(),
            pages,
        };
        let key = AnswerKey {
            name: self.name.clone(),
            title: self.title.clone(),
            author: self.author.clone(),
            pages: number(document.pages.len()) - 1,
            toc_pages: contents.map(number).collect(),
            printed_toc: if self.contents == Contents::None { Vec::new() } else { outline.clone() },
            outline,
            chapters: Vec::new(),
        };
        Made { file_name: format!("{}.pdf", self.name), bytes: document.to_bytes(), key }
    }
}

/// The number of the page with index `index`.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX - 1) + 1
}

/// A page as a scanner sees it from afar: gray stripes for lines, a different one for each page.
fn picture(page: usize) -> GrayImage {
    let (width, height) = (72u32, 108u32);
    let sample = |x: u32, y: u32| {
        let line_end = 40 + (y as usize * 7 + page * 13) % 24;
        let ink = (12..96).contains(&y) && y.is_multiple_of(3) && x >= 9 && (x as usize) < line_end;
        if ink { 0x50 } else { 0xF0 }
    };
    let samples = (0..height).flat_map(|y| (0..width).map(move |x| sample(x, y))).collect();
    GrayImage { width, height, samples }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_book_is_as_long_as_asked_and_has_40_entries() {
        let made = Book::standard(300).make_pdf();
        assert_eq!((made.key.pages, made.key.printed_toc.len()), (300, 40));
        assert_eq!(made.key.toc_pages, [3, 4]);
        assert_eq!(made.bytes, Book::standard(300).make_pdf().bytes, "the same on every run");
        assert_ne!(made.key.outline, Book::standard(300).seed(2).make_pdf().key.outline, "the seed matters");
    }

    #[test]
    fn every_form_and_seed_gives_pages_in_order_within_the_book() {
        let forms = [
            Contents::None,
            Contents::OneColumn,
            Contents::TwoColumns,
            Contents::RunIn,
            Contents::Numberless,
        ];
        for contents in forms {
            for seed in 0..12 {
                let (chapters, small) = (1 + seed % 5, u32::try_from(seed % 3).unwrap());
                let book = Book::new("b")
                    .seed(seed)
                    .contents(contents)
                    .parts(small)
                    .chapters(u32::try_from(chapters).unwrap())
                    .sections(u32::try_from(seed * 4).unwrap())
                    .subsections(u32::try_from(seed * 2).unwrap())
                    .pages(40);
                let key = book.make_pdf().key;
                let pages: Vec<u32> = key.outline.iter().map(|entry| entry.page).collect();
                assert!(pages.is_sorted(), "{contents:?} seed {seed}: {pages:?}");
                assert!(pages.iter().all(|page| (1..=key.pages).contains(page)), "{contents:?} seed {seed}");
                assert!(key.pages >= 40, "{contents:?} seed {seed}: {}", key.pages);
                assert_eq!(key.printed_toc.is_empty(), contents == Contents::None);
                assert_eq!(key.toc_pages.is_empty(), contents == Contents::None);
                // A printed arabic number and the page in the file differ by the front matter, everywhere the
                // same.
                let offsets: Vec<u32> = key
                    .outline
                    .iter()
                    .filter_map(|entry| Some(entry.page - entry.printed_page.parse::<u32>().ok()?))
                    .collect();
                assert!(
                    offsets.windows(2).all(|pair| pair[0] == pair[1]),
                    "{contents:?} seed {seed}: {offsets:?}"
                );
            }
        }
    }

    #[test]
    fn a_book_that_needs_no_more_has_exactly_the_pages_asked_for() {
        for pages in [120, 121, 450] {
            assert_eq!(Book::standard(pages).make_pdf().key.pages, pages);
        }
    }
}
