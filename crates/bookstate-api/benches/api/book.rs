//! A server with a processed book in memory.

use std::{net::SocketAddr, sync::Arc};

use bookstate_api::{Server, ServerConfig, ServerParts};
use bookstate_domain::{Engines, Priority, Variant};
use bookstate_jobs::{JobRequest, Scheduler, SchedulerConfig, Started, engines::EngineCatalog, ingest};
use bookstate_sink::{Sink, SinkConfig};
use bookstate_store::{BookHandle, Library, LibraryConfig};
use bookstate_tests::books::Book;

/// A server, and the writer of its one book.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) handle: BookHandle,
    pub(crate) library: Library,
    _dir: tempfile::TempDir,
}

/// Processes a book of so many pages and serves it. What is spawned ends with the runtime.
pub(crate) async fn serve(pages: u32) -> Served {
    let dir = tempfile::tempdir().unwrap();
    let (library, _) = Library::open(LibraryConfig::new(dir.path().join("data"))).unwrap();
    let scheduler = Scheduler::new(library.clone(), EngineCatalog::local(), SchedulerConfig::default());
    let sink = Arc::new(Sink::start(&library, Vec::new(), &SinkConfig::new()));
    let file = dir.path().join("book.pdf");
    std::fs::write(&file, Book::standard(pages).make_pdf().bytes).unwrap();
    let book = ingest(&library, &file).await.unwrap();
    let engines = Engines { ocr: vec!["text-layer".into()], analysis: "local".into() };
    let request = JobRequest {
        variant: Variant::Standard,
        engines: engines.clone(),
        options: None,
        reset: None,
        priority: Priority::Bulk,
    };
    if let Started::Running(job) = scheduler.start(&book.book_id, request).await.unwrap() {
        job.wait().await;
    }
    let handle = library.open_book(&book.book_id, "a benchmark").unwrap();
    let parts = ServerParts { library: library.clone(), scheduler, sink };
    let config = ServerConfig::new(Variant::Standard, engines);
    let server = Server::bind(([127, 0, 0, 1], 0).into(), parts, config).unwrap();
    let address = server.address().unwrap();
    tokio::spawn(server.run(std::future::pending()));
    Served { address, handle, library, _dir: dir }
}
