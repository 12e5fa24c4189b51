//! The analysis engine `local`: rules on page texts, without a model, a key or a network.
//!
//! An adapter: the rules are in [`bookstate_reading::toc`] and [`bookstate_reading::structure`], pure functions on texts. Here
//! the texts come out of the book's state, what is dear to compute is made once per job (see
//! [`Memo`](crate::engine::Memo)), and the work runs where it does not hold up the runtime. Which pages a
//! text is made of depends on the kind of unit and never on what happens to be read by then, so that an
//! interrupted job ends as an undisturbed one.

use std::sync::Arc;

use async_trait::async_trait;
use bookstate_domain::{
    BookState, Chapter, EntryIdent, Gap, MissingEntry, PatternAnalysis, StructureSummary, Text, TocEntry,
    persist::{
        ChapterClassification, ChapterExtract, GapFix, LinkOutcome, MetadataResult, NewChapter, NewTocEntry,
        TocFound,
    },
};

use bookstate_reading::{
    metadata,
    page::Page,
    structure::{self, ChapterStart, EntryFacts},
    toc::{
        self, BookText, ContentsEntry, ContentsRange, ContentsSummary, Linker, NumberStyle, level_of_word,
    },
};

use crate::{
    engine::{
        Answer, BookContext, ChapterFinder, Classifier, Discovered, EngineError, EngineResult, GapFinder,
        GapInvestigator, MetadataEngine, PatternFinder, Polisher, StructureEngine, TocExtractor, TocFinder,
        TocLinker, Turn, blocking,
    },
    plan::METADATA_PAGES,
};

/// The engine's name.
pub const LOCAL: &str = "local";

/// See the module documentation.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalAnalysis;

/// Runs a rule on a book.
async fn rule<T: Send + 'static>(
    book: BookContext,
    work: impl FnOnce(&BookContext) -> Result<T, EngineError> + Send + 'static,
) -> EngineResult<T> {
    blocking(move || work(&book)).await.map(Answer::from)
}

/// Runs a rule that is done in one turn.
async fn done<T: Send + 'static>(
    book: BookContext,
    work: impl FnOnce(&BookContext) -> Result<T, EngineError> + Send + 'static,
) -> EngineResult<Turn<T>> {
    rule(book, work).await.map(|answer| answer.map(Turn::Done))
}

/// The texts of pages 1 to `last`; a page that could not be read is empty.
fn texts(state: &BookState, last: i32) -> Vec<Text> {
    (1..=last).map(|n| state.page(n).and_then(|page| page.ocr_markdown.clone()).unwrap_or_default()).collect()
}

fn page_count(state: &BookState) -> i32 {
    state.book().map_or(0, |book| book.page_count)
}

/// All pages; every unit that asks for it runs when all are read to the end.
fn whole(book: &BookContext) -> Result<Arc<BookText>, EngineError> {
    book.memo.get_or_make("whole book", || {
        structure::placed(texts(&book.state, page_count(&book.state)), &book.source, |n| scanned(book, n))
    })
}

/// A page as it was read from its image, with the places of its words.
#[cfg(feature = "scans")]
fn scanned(book: &BookContext, page: u32) -> Option<Page> {
    let words = crate::scan::page_words(&book.state, &book.file, page)?;
    Some(bookstate_scans::layout::page(&words))
}

/// Nobody reads images.
#[cfg(not(feature = "scans"))]
fn scanned(_book: &BookContext, _page: u32) -> Option<Page> {
    None
}

fn number(page: i32) -> u32 {
    u32::try_from(page).unwrap_or(0)
}

fn page(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The entries in their order, the names of their levels in the words that the analysis knows.
fn facts(state: &BookState) -> Vec<EntryFacts> {
    let entries = state.ordered_entries().into_iter();
    let facts = entries.map(|entry| {
        let facts = EntryFacts::from(&**entry);
        let known = facts.level_name.as_deref().and_then(level_of_word).map(Text::from);
        EntryFacts { level_name: known.or(facts.level_name), ..facts }
    });
    facts.collect()
}

/// The pages of the printed table.
fn table(state: &BookState) -> Option<(u32, u32)> {
    let toc = state.toc().filter(|toc| toc.toc_found)?;
    Some((number(toc.start_page?), number(toc.end_page?)))
}

/// What the finder stored, as it found it.
fn contents_range(state: &BookState) -> Result<ContentsRange, EngineError> {
    let none = || EngineError::permanent("there is no table of contents");
    let (start_page, end_page) = table(state).ok_or_else(none)?;
    let stored = state.toc().and_then(|toc| toc.structure_summary.as_deref()).cloned().unwrap_or_default();
    let style = |style: NumberStyle| stored.number_style.split(' ').any(|word| word == style_name(style));
    let summary = ContentsSummary {
        page_numbers: stored.page_numbers,
        numbered: &*stored.note == NUMBERED,
        styles: [NumberStyle::Roman, NumberStyle::Arabic].into_iter().filter(|s| style(*s)).collect(),
        levels: number(stored.levels),
        count: number(stored.entries),
    };
    Ok(ContentsRange { start_page, end_page, summary })
}

/// What the summary of a table says of entries with numbers of their own.
pub(super) const NUMBERED: &str = "most entries are numbered";

const fn style_name(style: NumberStyle) -> &'static str {
    match style {
        NumberStyle::Roman => "roman",
        NumberStyle::Arabic => "arabic",
    }
}

fn toc_found(range: &ContentsRange) -> TocFound {
    let summary = &range.summary;
    let styles: Vec<&str> = summary.styles.iter().map(|style| style_name(*style)).collect();
    TocFound {
        start_page: page(range.start_page),
        end_page: page(range.end_page),
        summary: StructureSummary {
            entries: page(summary.count),
            levels: page(summary.levels),
            page_numbers: summary.page_numbers,
            number_style: styles.join(" ").into(),
            note: if summary.numbered { NUMBERED } else { "" }.into(),
        },
    }
}

fn contents_entry(entry: &TocEntry) -> ContentsEntry {
    let text = |text: &Option<Text>| text.as_deref().map(str::to_owned);
    ContentsEntry {
        entry_number: text(&entry.entry_number),
        title: text(&entry.title).unwrap_or_default(),
        level: number(entry.level),
        level_name: text(&entry.level_name),
        printed_page: text(&entry.printed_page_number),
    }
}

/// The links of all printed entries at once: they decide together how far printed numbers are from pages.
fn linker(book: &BookContext) -> Result<Arc<Linker>, EngineError> {
    let (text, range) = (whole(book)?, contents_range(&book.state)?);
    book.memo.get_or_make("linker", || {
        let printed = book.state.toc_entries().values().filter(|e| e.ident.is_printed());
        Linker::new(&text, &printed.map(|entry| contents_entry(entry)).collect::<Vec<_>>(), &range)
    })
}

fn analysis_of(state: &BookState) -> PatternAnalysis {
    state.pattern_analysis().cloned().unwrap_or_default()
}

#[async_trait]
impl MetadataEngine for LocalAnalysis {
    async fn metadata(&self, book: BookContext) -> EngineResult<MetadataResult> {
        rule(book, |book| {
            let texts = texts(&book.state, METADATA_PAGES.min(page_count(&book.state)));
            let pages: Vec<&str> = texts.iter().map(|text| &**text).collect();
            Ok(metadata::metadata(&book.source.info(), &pages))
        })
        .await
    }
}

#[async_trait]
impl TocFinder for LocalAnalysis {
    /// All: a list is a table of contents when the book has its titles where it says.
    fn pages(&self) -> Option<i32> {
        None
    }

    async fn find(&self, book: BookContext) -> EngineResult<Turn<Option<TocFound>>> {
        done(book, |book| Ok(toc::find(&*whole(book)?).as_ref().map(toc_found))).await
    }
}

#[async_trait]
impl TocExtractor for LocalAnalysis {
    async fn extract(&self, book: BookContext) -> EngineResult<Vec<NewTocEntry>> {
        rule(book, |book| {
            let entries = toc::extract(&*whole(book)?, &contents_range(&book.state)?);
            let entry = |entry: ContentsEntry| NewTocEntry {
                entry_number: entry.entry_number.map(Text::from),
                title: entry.title.into(),
                level: page(entry.level),
                level_name: entry.level_name.map(Text::from),
                printed_page_number: entry.printed_page.map(Text::from),
            };
            Ok(entries.into_iter().map(entry).collect())
        })
        .await
    }
}

#[async_trait]
impl TocLinker for LocalAnalysis {
    async fn link(&self, book: BookContext, entry: Arc<TocEntry>) -> EngineResult<Turn<LinkOutcome>> {
        done(book, move |book| {
            let EntryIdent::Ordinal(n) = entry.ident else {
                return Err(EngineError::permanent("only printed entries are linked"));
            };
            let link = linker(book)?.link(usize::try_from(n).unwrap_or(usize::MAX));
            let reason = Text::from(link.reason.to_string());
            Ok(match link.page {
                Some(found) => LinkOutcome::Linked { page: page(found), reason: Some(reason) },
                None => LinkOutcome::NotFound { reason },
            })
        })
        .await
    }
}

#[async_trait]
impl PatternFinder for LocalAnalysis {
    async fn patterns(&self, book: BookContext) -> EngineResult<PatternAnalysis> {
        rule(book, |book| Ok(structure::patterns(&*whole(book)?, &facts(&book.state), table(&book.state))))
            .await
    }
}

#[async_trait]
impl GapFinder for LocalAnalysis {
    async fn gaps(&self, book: BookContext) -> EngineResult<Vec<Gap>> {
        rule(book, |book| {
            let excluded = analysis_of(&book.state).excluded_ranges;
            Ok(structure::gaps(&facts(&book.state), &excluded, number(page_count(&book.state))))
        })
        .await
    }
}

#[async_trait]
impl ChapterFinder for LocalAnalysis {
    async fn discover(&self, book: BookContext, missing: MissingEntry) -> EngineResult<Turn<Discovered>> {
        done(book, move |book| {
            let excluded = analysis_of(&book.state).excluded_ranges;
            Ok(structure::discover(&*whole(book)?, &missing, &excluded).found)
        })
        .await
    }
}

#[async_trait]
impl GapInvestigator for LocalAnalysis {
    async fn gap(&self, book: BookContext, gap: Gap) -> EngineResult<Turn<GapFix>> {
        done(book, move |book| {
            let found = analysis_of(&book.state);
            Ok(structure::look_into(&*whole(book)?, &facts(&book.state), &found, &gap))
        })
        .await
    }
}

#[async_trait]
impl StructureEngine for LocalAnalysis {
    async fn skeleton(&self, book: BookContext) -> EngineResult<Vec<NewChapter>> {
        rule(book, |book| {
            let entries = if book.state.has_usable_toc() { facts(&book.state) } else { Vec::new() };
            let title = book.state.book().and_then(|book| book.title.clone());
            Ok(structure::skeleton(&*whole(book)?, &entries, title.as_deref()))
        })
        .await
    }

    async fn texts(&self, book: BookContext, chapters: Vec<Chapter>) -> EngineResult<Vec<ChapterExtract>> {
        rule(book, move |book| {
            let text = whole(book)?;
            // A chapter ends where the next one begins, so the texts of all are made at once.
            let all = book.memo.get_or_make("chapter texts", || {
                let chapters = book.state.ordered_chapters();
                let starts: Vec<_> =
                    chapters.into_iter().map(|chapter| ChapterStart::from(&**chapter)).collect();
                structure::chapter_texts(&text, &starts)
            })?;
            let wanted = |extract: &&ChapterExtract| chapters.iter().any(|c| c.subject == extract.subject);
            Ok(all.iter().filter(wanted).cloned().collect())
        })
        .await
    }

    async fn paragraphs(&self, book: BookContext) -> EngineResult<i32> {
        rule(book, |book| {
            let texts = book.state.chapters().values().filter_map(|chapter| chapter.text());
            Ok(texts.map(|text| structure::paragraph_count(text)).fold(0, i32::saturating_add))
        })
        .await
    }
}

#[async_trait]
impl Classifier for LocalAnalysis {
    async fn classify(&self, book: BookContext) -> EngineResult<Vec<ChapterClassification>> {
        rule(book, |book| Ok(structure::classify(book.state.ordered_chapters().into_iter().map(|c| &**c))))
            .await
    }
}

#[async_trait]
impl Polisher for LocalAnalysis {
    async fn polish(&self, book: BookContext, chapter: Chapter) -> EngineResult<(Text, i32)> {
        rule(book, move |book| {
            let text = whole(book)?;
            let pages = (number(chapter.start_page)..=number(chapter.end_page)).filter_map(|n| text.page(n));
            let heads: Vec<&str> =
                pages.flat_map(|page| page.header.iter().chain(&page.footer)).map(String::as_str).collect();
            let polished = structure::polish(chapter.mechanical_text.as_deref().unwrap_or_default(), &heads);
            let words = structure::word_count(&polished);
            Ok((polished.into(), words))
        })
        .await
    }
}
