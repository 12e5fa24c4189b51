//! How long a large book takes to load. Printed, not asserted: a time is a matter of the machine.

use std::sync::Arc;
use std::time::Instant;

use bookstate_domain::{
    At, ChapterKey, ChapterSubject, EntryIdent, OcrResultKey, Op, Provider, Timestamp, TocEntryKey, WriteOp,
};

use super::chunks::put;
use super::{book_id, chunk, seq, store};

/// 500 pages of 3 KB, their OCR results, 40 entries, 40 chapters of 37 KB.
fn large_book() -> Vec<WriteOp> {
    let at = At { seq: seq(1), now: Timestamp::from_nanos(1_700_000_000_000_000_000) };
    let text = "A line of text as it stands on a page of a book.\n".repeat(61);
    let mut ops: Vec<WriteOp> = (1..=500).map(|page| put(page, &text)).collect();
    for page_num in 1..=500 {
        let provider = Provider::new("text-layer").unwrap();
        let mut result = OcrResultKey { book_id: book_id(), page_num, provider }.document(&at);
        (result.text, result.confidence) = (Some(text.as_str().into()), Some(1.0));
        ops.push(Op::Upsert(Arc::new(result)).into());
    }
    for n in 0..40 {
        let ident = EntryIdent::Ordinal(n);
        let mut entry = TocEntryKey { book_id: book_id(), ident: ident.clone() }.document(&at);
        entry.title = Some(format!("Entry {n}").into());
        ops.push(Op::Upsert(Arc::new(entry)).into());
        let mut chapter =
            ChapterKey { book_id: book_id(), subject: ChapterSubject::Entry(ident) }.document(&at);
        chapter.mechanical_text = Some(text.repeat(12).into());
        ops.push(Op::Upsert(Arc::new(chapter)).into());
    }
    ops
}

#[test]
fn a_large_book_is_written_and_loaded() {
    let (_dir, store) = store();
    let ops = large_book();
    let documents = ops.len();
    let start = Instant::now();
    store.write_chunk(&chunk(1, ops)).unwrap();
    println!("written in {:?}", start.elapsed());
    let mut times: Vec<_> = (0..7)
        .map(|_| {
            let start = Instant::now();
            let book = store.load_book(&book_id()).unwrap().unwrap();
            let took = start.elapsed();
            assert_eq!(book.state.document_count(), documents);
            took
        })
        .collect();
    println!("loaded first in {:?}", times[0]);
    times.sort();
    println!("loaded in {:?} (median of {})", times[times.len() / 2], times.len());
}
