//! A second copy of a book, in a SQLite file: written in the background, also after it could not be reached.
//!
//! `cargo run -p bookstate-sink --example mirror`

#![allow(clippy::print_stdout, reason = "it tells a person")]

use std::{fs, sync::Arc, time::Duration};

use bookstate_domain::{BookId, persist::NewBook};
use bookstate_sink::{Pace, RemoteTarget, Sink, SinkConfig};
use bookstate_store::{Library, LibraryConfig, SqliteStore, SqliteTarget, TargetName};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let disk = folder.path().join("another-disk");
    let file = disk.join("books.sqlite");
    let (library, _) = Library::open(LibraryConfig::new(folder.path().join("data")))?;
    let name: TargetName = "mirror".parse()?;
    let pace = Pace { linger: Duration::from_millis(50), ..Pace::REMOTE };
    let mirror =
        RemoteTarget { name: name.clone(), target: Arc::new(SqliteTarget::mirror(file.clone())), pace };
    let sink = Sink::start(&library, vec![mirror], &SinkConfig::new());

    // The mirror's disk is not there, and no call notices.
    let id = BookId::new("moby-dick")?;
    let book = library.create_book(&id, "example")?;
    book.persist_book_record(NewBook { page_count: 635 })?;
    let mut seq = book.persist_page_extract(1)?.seq;
    for (target, reached) in sink.barrier().await {
        println!("{target}: {reached:?}");
    }

    // Now it is. What is missing gets there by itself; nothing is sent twice.
    fs::create_dir(&disk)?;
    for page_num in 2..=635 {
        seq = book.persist_page_extract(page_num)?.seq;
    }
    book.persisted(seq, &name).await;
    let report = sink.drain(Duration::from_secs(10)).await;
    let status = report.status.iter().find(|target| target.name == name).ok_or("no such target")?;
    let counters = status.counters;
    println!("{name}: {} documents in {} batches of {seq} commits", counters.documents, counters.batches);
    drop(book);
    library.close()?;
    let copy = SqliteStore::open_read_only(&file)?.load_book(&id)?.ok_or("the mirror lacks the book")?;
    println!("the copy has {} pages; drained: {}", copy.state.pages().size(), report.is_complete());
    if copy.state.pages().size() != 635 {
        return Err("the copy differs".into());
    }
    Ok(())
}

#[test]
fn it_runs() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
