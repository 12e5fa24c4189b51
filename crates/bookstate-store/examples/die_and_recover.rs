//! A process that dies after a persist call, and what the next one finds.
//!
//! `cargo run -p bookstate-store --example die_and_recover`

#![allow(clippy::print_stdout, reason = "it tells a person")]

use bookstate_domain::{BookId, Text, persist::NewBook};
use bookstate_store::{Library, LibraryConfig, OpenBookError, PersistError};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let id = BookId::new("moby-dick")?;
    {
        let (library, _) = Library::open(LibraryConfig::new(folder.path()))?;
        let book = library.create_book(&id, "the first process")?;
        // Not async: in the journal and in memory when it returns.
        let receipt = book.persist_book_record(NewBook { page_count: 635 })?;
        println!(
            "accepted as {}: {:?} pages",
            receipt.seq,
            book.snapshot().state.book().map(|b| b.page_count)
        );

        // A book has one writer, and a second one is told who it is.
        if let Err(OpenBookError::Held { holder, .. }) = library.open_book(&id, "a second writer") {
            println!("held by {holder}");
        }
        // An impossible call is an error, and nothing has changed.
        if let Err(PersistError::Misuse(misuse)) =
            book.persist_page_failure(900, None, Text::from("torn out"), true)
        {
            println!("refused: {misuse}");
        }
        // Nothing is closed, and no target has the book: so it is when a process is killed.
    }

    let (library, report) = Library::open(LibraryConfig::new(folder.path()))?;
    for book in &report.recovered {
        println!("recovered {} up to {}, {} commits", book.book_id, book.seq, book.commits);
    }
    let snapshot = library.active(&id).ok_or("the book was lost")?;
    if snapshot.state.book().map(|book| book.page_count) != Some(635) {
        return Err("the book is not as it was".into());
    }
    library.close()?;
    Ok(())
}

#[test]
fn it_runs() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
