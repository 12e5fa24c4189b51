//! A small book for the tests of the exports, made document by document.

use std::sync::Arc;

use bookstate_domain::{
    At, BookId, BookKey, BookState, Chapter, ChapterKey, ChapterSubject, Document, EntryIdent, Heading,
    JobId, JobKey, JobStatus, Json, LayoutBlock, LayoutKind, MetricKey, Note, Op, PageKey, Seq, Timestamp,
};

fn id() -> BookId {
    BookId::new("b-1").unwrap()
}

fn put<D: Document>(state: &mut BookState, document: D) {
    state.apply(&D::write_op(Op::Upsert(Arc::new(document))));
}

fn at(nanos: i128, seq: u32) -> At {
    At { seq: Seq::new(seq).unwrap(), now: Timestamp::from_nanos(nanos) }
}

/// Only the book's record.
pub(crate) fn book_record() -> BookState {
    let mut state = BookState::new(id());
    put(&mut state, BookKey { book_id: id() }.document(&at(0, 1)));
    state
}

/// Two pages that are read, and no chapter.
pub(crate) fn pages_only() -> BookState {
    let mut state = book_record();
    for (page_num, text) in [(1, "First page."), (2, "Second page.\n")] {
        let mut page = PageKey { book_id: id(), page_num }.document(&at(0, 2));
        page.ocr_markdown = Some(text.into());
        put(&mut state, page);
    }
    state
}

/// A book with everything that an export has to deal with.
pub(crate) fn book() -> BookState {
    book_at(0, 1)
}

/// The same book, made at another time and with other seqs.
pub(crate) fn book_at(nanos: i128, seq: u32) -> BookState {
    let at = at(nanos, seq);
    let mut state = BookState::new(id());
    let mut book = BookKey { book_id: id() }.document(&at);
    book.title = Some("Moby Dick".into());
    book.subtitle = Some("or, The Whale".into());
    book.authors = vec!["Herman Melville".into()];
    book.publisher = Some("Harper".into());
    book.publication_year = Some(1851);
    book.isbn = Some("9780142437247".into());
    book.page_count = 1;
    put(&mut state, book);
    let mut page = PageKey { book_id: id(), page_num: 1 }.document(&at);
    page.ocr_markdown = Some("# On ships".into());
    page.headings = Some(Json::from(vec![Heading { level: 1, text: "On ships".into(), line: 0 }]));
    put(&mut state, page);
    for chapter in [
        laid(
            chapter(&at, 1, 1, Some("1"), "Loomings", ""),
            &[
                (LayoutKind::Heading(0), "1 LOOMINGS"),
                (LayoutKind::Paragraph, "Call me Ishmael."),
                (LayoutKind::Paragraph, "# not a heading"),
                (LayoutKind::Heading(1), "On ships"),
                (LayoutKind::Paragraph, "Some years ago."),
            ],
            vec![Note { mark: "*".into(), text: "Or so he says.".into(), page: 1, at: Some(28) }],
        ),
        chapter(&at, 2, 2, Some("1.1"), "The Inn", ""),
        Chapter {
            polished_text: Some("Edited text.".into()),
            ..chapter(&at, 3, 2, Some("XV"), "XV", "Raw text.")
        },
    ] {
        put(&mut state, chapter);
    }
    let job_id = JobId::new("job-1").unwrap();
    let mut job = JobKey { book_id: id(), job_id: job_id.clone() }.document(&at);
    job.status = Some(JobStatus::Completed);
    job.started_at = Some(at.now);
    job.completed_at = Some(at.now);
    put(&mut state, job);
    put(&mut state, MetricKey { book_id: id(), job_id, unit: "metadata".into() }.document(&at));
    state
}

/// A book whose front matter begins with its title.
pub(crate) fn title_page() -> BookState {
    let mut state = book();
    let mut front = chapter(&at(0, 3), 0, 1, None, "Front matter", "Moby Dick\n\nTo Nathaniel Hawthorne");
    front.source = Some(crate::structure::FRONT_MATTER_SOURCE.into());
    put(&mut state, front);
    state
}

/// A book of one chapter with these blocks.
pub(crate) fn with_layout(blocks: &[(LayoutKind, &str)]) -> BookState {
    let mut state = book_record();
    put(&mut state, laid(chapter(&at(0, 2), 1, 1, None, "Chapter", ""), blocks, Vec::new()));
    state
}

/// A chapter over a page with text, a plate, and another page with text.
pub(crate) fn plates() -> BookState {
    let mut state = with_layout(&[
        (LayoutKind::Item { depth: 0, marker: "1.".into() }, "1. It began on the first page, long ago."),
        (LayoutKind::Item { depth: 0, marker: "2.".into() }, "2. And so it went on, with the second one."),
    ]);
    let texts = ["The Running Head of it 7\n\nIt began on the first page,", "", "And so it went on, with"];
    for (page_num, text) in (1..).zip(texts) {
        let mut page = PageKey { book_id: id(), page_num }.document(&at(0, 2));
        page.ocr_markdown = Some(text.into());
        put(&mut state, page);
    }
    state
}

fn laid(mut chapter: Chapter, blocks: &[(LayoutKind, &str)], notes: Vec<Note>) -> Chapter {
    let texts: Vec<&str> = blocks.iter().map(|(_, text)| *text).collect();
    chapter.mechanical_text = Some(texts.join("\n\n").into());
    let layout =
        blocks.iter().map(|(kind, text)| LayoutBlock { kind: kind.clone(), bytes: text.len() as u32 });
    chapter.layout = Some(Json::from(layout.collect::<Vec<_>>()));
    chapter.notes = (!notes.is_empty()).then(|| Json::from(notes));
    chapter
}

fn chapter(at: &At, order: i32, level: i32, number: Option<&str>, title: &str, text: &str) -> Chapter {
    let subject = ChapterSubject::Entry(EntryIdent::Ordinal(order.unsigned_abs()));
    let mut chapter = ChapterKey { book_id: id(), subject }.document(at);
    chapter.entry_id = format!("ch_{order:03}").into();
    chapter.sort_order = order;
    chapter.level = level;
    chapter.entry_number = number.map(Into::into);
    chapter.title = Some(title.into());
    (chapter.start_page, chapter.end_page) = (1, 1);
    chapter.mechanical_text = Some(text.into());
    chapter
}
