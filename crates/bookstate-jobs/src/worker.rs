//! What a worker does with a unit: looks up its input in the book's state, and calls the engine.

use bookstate_domain::{BookState, Provider};

use bookstate_reading::structure;

use crate::{
    choose::chosen,
    engine::{BookContext, EngineError, EngineResult, Turn, Usage, blocking},
    engines::{EngineSet, source_failure},
    outcome::{Outcome, batch_of},
    unit::Work,
};

/// A unit's result and what it cost.
pub(crate) type WorkResult = Result<(Outcome, Usage), EngineError>;

fn with<T>(answer: EngineResult<T>, outcome: impl FnOnce(T) -> Outcome) -> WorkResult {
    answer.map(|answer| (outcome(answer.value), answer.usage))
}

fn with_turn<T>(answer: EngineResult<Turn<T>>, outcome: impl FnOnce(T) -> Outcome) -> WorkResult {
    with(answer, |turn| match turn {
        Turn::Done(value) => outcome(value),
        Turn::Ended(value, trace) => Outcome::Ended(Box::new(outcome(value)), trace),
        Turn::Continue(record) => Outcome::Continue(Box::new(record)),
    })
}

fn missing(work: &Work) -> EngineError {
    EngineError::permanent(format!("what {work} is about does not exist"))
}

/// Does the work of one unit, once.
pub(crate) async fn run(engines: &EngineSet, book: BookContext, work: &Work) -> WorkResult {
    let state = book.state.clone();
    let (analysis, parts) = (&engines.analysis.engine, &engines.parts);
    match work {
        Work::Extract { page } => {
            let (source, page) = (book.source, page_number(*page)?);
            blocking(move || source.page_text(page).map_err(source_failure)).await?;
            Ok((Outcome::Extract, Usage::default()))
        }
        Work::Ocr { page, provider } => {
            let engine =
                engines.ocr.iter().find(|(name, _)| name == provider).ok_or_else(|| missing(work))?;
            with(engine.1.engine.read(book, page_number(*page)?).await, Outcome::Ocr)
        }
        Work::Markdown { page } => {
            let providers = engines.ocr.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            let page = *page;
            let outcome = blocking(move || Ok(markdown(&state, page, &providers))).await?;
            Ok((outcome, Usage::default()))
        }
        Work::Metadata => {
            with(parts.metadata.engine.metadata(book).await, |result| Outcome::Metadata(Box::new(result)))
        }
        Work::TocFinder { .. } => with_turn(parts.finder.engine.find(book).await, Outcome::TocFinder),
        Work::TocExtract => with(parts.extractor.engine.extract(book).await, Outcome::TocExtract),
        Work::TocLink { entry, .. } => {
            let entry = state.toc_entry(entry).cloned().ok_or_else(|| missing(work))?;
            with_turn(parts.linker.engine.link(book, entry).await, Outcome::TocLink)
        }
        Work::Pattern => with(parts.pattern_finder.engine.patterns(book).await, Outcome::Pattern),
        Work::Discover { subject, .. } => {
            let sought = state.pattern_analysis().map(|found| found.entries_to_find.iter());
            let entry = sought.into_iter().flatten().find(|entry| entry.subject() == *subject).cloned();
            let entry = entry.ok_or_else(|| missing(work))?;
            with_turn(parts.chapter_finder.engine.discover(book, entry).await, Outcome::Discover)
        }
        Work::Gaps => with(analysis.gaps(book).await, Outcome::Gaps),
        Work::Gap { key, .. } => {
            let gaps = state.pattern_analysis().map(|found| found.gaps.iter());
            let gap = gaps.into_iter().flatten().find(|gap| gap.key == *key).cloned();
            let gap = gap.ok_or_else(|| missing(work))?;
            with_turn(parts.gap_investigator.engine.gap(book, gap).await, Outcome::Gap)
        }
        Work::Skeleton => with(analysis.skeleton(book).await, Outcome::Skeleton),
        Work::ChapterText { batch } => {
            let chapters = batch_of(&state, *batch).into_iter().cloned().collect();
            with(analysis.texts(book, chapters).await, Outcome::ChapterText)
        }
        Work::Classify => with(parts.classifier.engine.classify(book).await, Outcome::Classify),
        Work::Polish { subject } => {
            let chapter = state.chapters().values().find(|chapter| chapter.subject == *subject);
            let chapter = chapter.map(|chapter| (**chapter).clone()).ok_or_else(|| missing(work))?;
            let answer = parts.polisher.engine.polish(book, chapter).await;
            with(answer, |(text, word_count)| Outcome::Polish { text, word_count })
        }
        Work::FinishStructure => {
            with(analysis.paragraphs(book).await, |paragraphs| Outcome::FinishStructure { paragraphs })
        }
    }
}

fn page_number(page: i32) -> Result<u32, EngineError> {
    u32::try_from(page).map_err(EngineError::permanent)
}

/// The Markdown of a page: of the reading that is chosen among the providers'.
fn markdown(state: &BookState, page: i32, providers: &[Provider]) -> Outcome {
    let text =
        chosen(state, page, providers).and_then(|choice| choice.reading.text.clone()).unwrap_or_default();
    let page = structure::page_markdown(&text);
    Outcome::Markdown { markdown: page.markdown, headings: page.headings }
}
