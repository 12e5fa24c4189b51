//! A book without any storage: its changes are values, and so is what a copy of it lacks.
//!
//! `cargo run -p bookstate-domain --example what_a_copy_lacks`

#![allow(clippy::print_stdout, reason = "it tells a person")]

use bookstate_domain::{
    At, BookId, BookState, BookStatus, Changes, Misuse, Ops, Provider, Seq, Since, Timestamp,
    persist::{NewBook, PageReading},
};

/// A book, its changes, and the number of the last one.
struct Desk {
    book: BookState,
    changes: Changes,
    seq: Seq,
}

impl Desk {
    /// What a store does in a commit, journal and locks aside.
    fn commit(
        &mut self,
        build: impl FnOnce(&BookState, &At) -> Result<Ops, Misuse>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let seq = self.seq.next().ok_or("no more changes can be counted")?;
        // A method returns ops and changes nothing; only `apply` does.
        for op in build(&self.book, &At { seq, now: Timestamp::from_nanos(0) })? {
            let effect = self.book.apply(&op);
            self.changes.record(seq, op.key(), effect);
        }
        self.seq = seq;
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let id = BookId::new("moby-dick")?;
    let mut desk = Desk { book: BookState::new(id), changes: Changes::new(Seq::ZERO), seq: Seq::ZERO };
    desk.commit(|book, at| book.persist_book_record(at, NewBook { page_count: 3 }))?;

    let provider = Provider::new("text-layer")?;
    for page_num in 1..=3 {
        let text = format!("page {page_num}").into();
        let reading = PageReading {
            page_num,
            provider: provider.clone(),
            text,
            confidence: None,
            header: None,
            footer: None,
        };
        desk.commit(|book, at| book.persist_page_extract(at, page_num))?;
        desk.commit(|book, at| book.persist_ocr_result(at, reading, std::slice::from_ref(&provider)))?;
    }
    // A copy was made here.
    let copied = desk.seq;
    desk.commit(|book, at| book.persist_book_status(at, BookStatus::Processing, None))?;
    desk.commit(|book, at| book.persist_book_status(at, BookStatus::Complete, None))?;

    // What cannot be is refused, and nothing has changed.
    if let Err(error) = desk.commit(|book, at| book.persist_page_extract(at, 900)) {
        println!("refused: {error}");
    }

    // The copy lacks one patch with the last value, however often it changed; an empty one lacks each document once.
    for (copy, watermark) in [("the copy", copied), ("an empty one", Seq::ZERO)] {
        match desk.changes.since(watermark, &desk.book) {
            Since::Ops(ops) => {
                let keys: Vec<String> = ops.iter().map(|op| op.key().key_text()).collect();
                println!("{copy} lacks {} of {} changes: {}", ops.len(), desk.seq, keys.join(", "));
            }
            Since::TooOld => println!("{copy} is compared document by document"),
        }
    }
    Ok(())
}

#[test]
fn it_runs() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
