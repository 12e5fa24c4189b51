//! The example of the README: a book that is journaled and ends up in SQLite, without the pipeline.

use bookstate_domain::{BookId, persist::NewBook};
use bookstate_sink::{Sink, SinkConfig};
use bookstate_store::{Library, LibraryConfig, TargetName};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (library, _recovered) = Library::open(LibraryConfig::new("data"))?;
    let sink = Sink::start(&library, Vec::new(), &SinkConfig::new());

    let book = library.create_book(&BookId::new("moby-dick")?, "example")?;
    // Not async, waits for no database: journaled and in memory when it returns.
    let receipt = book.persist_book_record(NewBook { page_count: 635 })?;
    book.persist_page_extract(1)?;

    // Only where it matters: until the local store has it.
    book.persisted(receipt.seq, &TargetName::local()).await;
    sink.drain(std::time::Duration::from_secs(10)).await;
    library.close()?;
    Ok(())
}
