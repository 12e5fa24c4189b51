//! A job of one's own on bookstate's crates: the pages of a book are translated by a slow service.
//!
//! This file is the wiring: arguments, library, sink, and the orderly end. The job is in `job`, the service in
//! `service`. Kill the program whenever you like and start it again: no page is translated twice.

mod job;
mod service;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bookstate_domain::BookId;
use bookstate_sink::{Pace, RemoteTarget, Sink, SinkConfig};
use bookstate_store::{CloseError, Library, LibraryConfig, SqliteStore, SqliteTarget};

use crate::{
    job::{Job, ORIGINAL, TRANSLATION},
    service::Service,
};

type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "usage:
  custom-pipeline translate DATA_DIR [--mirror FILE] [--die-after PAGES]
  custom-pipeline show DATA_DIR";

/// What the command line asks for.
enum Request {
    /// Run the job, or what is left of it.
    Translate { data_dir: PathBuf, mirror: Option<PathBuf>, die_after: Option<usize> },
    /// Print the book as the local store has it, also while the job runs in another process.
    Show { data_dir: PathBuf },
}

fn request(mut arguments: impl Iterator<Item = String>) -> Result<Request, Failure> {
    let (command, data_dir) = (arguments.next().ok_or(USAGE)?, arguments.next().ok_or(USAGE)?.into());
    let (mut mirror, mut die_after) = (None, None);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        match name.as_str() {
            "--mirror" => mirror = Some(PathBuf::from(value)),
            "--die-after" => die_after = Some(value.parse()?),
            _ => return Err(USAGE.into()),
        }
    }
    match command.as_str() {
        "translate" => Ok(Request::Translate { data_dir, mirror, die_after }),
        "show" => Ok(Request::Show { data_dir }),
        _ => Err(USAGE.into()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    match request(std::env::args().skip(1))? {
        Request::Translate { data_dir, mirror, die_after } => translate(&data_dir, mirror, die_after).await,
        Request::Show { data_dir } => show(&data_dir),
    }
}

async fn translate(
    data_dir: &Path,
    mirror: Option<PathBuf>,
    die_after: Option<usize>,
) -> Result<(), Failure> {
    // Recovery comes first: what a dead process had accepted is in memory when this returns.
    let (library, recovery) = Library::open(LibraryConfig::new(data_dir))?;
    for book in &recovery.recovered {
        println!("recovered {} commits of {}", book.commits, book.book_id);
    }
    let sink =
        Sink::start(&library, mirror.map(target).transpose()?.into_iter().collect(), &SinkConfig::new());

    let id = BookId::new("a-tale")?;
    let handle = match library.active(&id) {
        None if library.local_store().book_sync(&id)?.is_none() => library.create_book(&id, "translate")?,
        _ => library.open_book(&id, "translate")?,
    };
    let job = Job::new(handle, Service::default(), die_after);
    let progress = tokio::spawn(watch(library.clone(), id));
    let outcome = job.run().await;
    progress.abort();

    // The job is done when its results are accepted. Only the end of the program waits for databases.
    let drained = sink.drain(Duration::from_secs(10)).await;
    for (target, reached) in &drained.targets {
        println!("{target}: {reached:?}");
    }
    // Whoever still has the library, as a task that is ending, is cut off by the end of the program: nothing is lost.
    if let Err(error @ CloseError::Poisoned(_)) = library.close() {
        return Err(error.into());
    }
    let counts = outcome?;
    println!("{} pages translated, {} found translated", counts.translated, counts.found);
    Ok(())
}

/// A second copy, in a SQLite file. Any other `Target` is used the same way.
fn target(file: PathBuf) -> Result<RemoteTarget, Failure> {
    let pace = Pace { linger: Duration::from_millis(100), ..Pace::REMOTE };
    Ok(RemoteTarget { name: "mirror".parse()?, target: Arc::new(SqliteTarget::mirror(file)), pace })
}

/// Reads the live book while the job writes it. A snapshot is cheap, whole, and holds nobody up.
async fn watch(library: Library, id: BookId) {
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        if let Some(snapshot) = library.active(&id) {
            let state = &snapshot.state;
            let done = state.pages().values().filter(|page| page.ocr_complete).count();
            println!("{done} of {} pages, seq {}", state.pages().size(), snapshot.seq);
        }
    }
}

fn show(data_dir: &Path) -> Result<(), Failure> {
    let store = SqliteStore::open_read_only(&LibraryConfig::store_path(data_dir))?;
    let book = store.load_book(&BookId::new("a-tale")?)?.ok_or("there is no book yet")?;
    let (original, translation) = (ORIGINAL.parse()?, TRANSLATION.parse()?);
    for page in book.state.pages().values() {
        let text =
            |provider| book.state.ocr_result(page.page_num, provider).and_then(|read| read.text.clone());
        let (from, to) = (text(&original).unwrap_or_default(), text(&translation).unwrap_or_default());
        println!("{:>2}  {from}\n    {to}", page.page_num);
    }
    Ok(())
}
