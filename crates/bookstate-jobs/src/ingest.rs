//! Taking in a book's file: its identity, a copy of it, its record.
//!
//! A book is its content: its id comes from the hash of the file's bytes, so that the same file is the same
//! book wherever it lies, and processing it again continues. The copy is what jobs read, so that a job can be
//! resumed when the original is gone. It is there whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use bookstate_domain::{BookId, Seq, persist::NewBook};
use bookstate_store::{Library, OpenBookError, fs::private};
use sha2::{Digest, Sha256};

#[cfg(feature = "scans")]
use bookstate_reading::source::SourceKind;
use bookstate_reading::source::{Source, SourceError};

#[cfg(feature = "scans")]
use bookstate_scans::{
    InputError, PageError,
    images::{PageImages, Resolution},
    input::{self, Scan},
    spreads::Spreads,
};

use crate::{
    answers::remove_answers,
    error::{IngestError, StartError},
    file_name,
    intake::{Intake, Tried},
    kept::{copy_of, id_of_hash, sources_dir},
};
#[cfg(feature = "scans")]
use crate::{page_images, scan};

/// A book that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// The book.
    pub book_id: BookId,
    /// It was known already; nothing has changed.
    pub known: bool,
    /// How many pages it has.
    pub page_count: u32,
}

/// Takes in the file at `path` within the default bounds: see [`ingest_within`].
///
/// # Errors
/// As [`ingest_within`].
pub async fn ingest(library: &Library, path: &Path) -> Result<Ingested, IngestError> {
    ingest_within(library, path, &Intake::default()).await
}

/// Takes in the file at `path`: copies it and creates the book's record, unless they are there.
///
/// Cancel safe: a copy that was not finished is not there, and calling again completes the rest.
///
/// # Errors
/// The file is not a readable book or beyond the bounds, its copy cannot be written, or the record is not accepted.
pub async fn ingest_within(library: &Library, path: &Path, intake: &Intake) -> Result<Ingested, IngestError> {
    if let Some(trial) = &intake.trial
        && trial.of(path).await.map_err(IngestError::Trial)? == Tried::Excessive
    {
        return Err(IngestError::Excessive { path: path.into() });
    }
    let (library, path, intake) = (library.clone(), path.to_path_buf(), intake.clone());
    let task = tokio::task::spawn_blocking(move || ingest_blocking(&library, &path, &intake));
    match task.await {
        Ok(ingested) => ingested,
        // A defect of the program is told as one, and not as its end.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(IngestError::ShuttingDown),
        },
    }
}

/// The id of the book in the file at `path`, whether it was taken in or not. Reads the file, so it blocks.
///
/// # Errors
/// The file cannot be read.
pub fn identify(path: &Path) -> Result<BookId, IngestError> {
    #[cfg(feature = "scans")]
    if let Some(scan) = Scan::find(path)? {
        return Ok(id_of_hash(&scan.identity()?)?);
    }
    let bytes = read(path)?;
    Ok(id_of_hash(&hex(&Sha256::digest(&bytes)))?)
}

fn ingest_blocking(library: &Library, path: &Path, intake: &Intake) -> Result<Ingested, IngestError> {
    #[cfg(feature = "scans")]
    if let Some(scan) = Scan::find(path)? {
        return ingest_scan(library, path, &scan, intake);
    }
    let bytes = read(path)?;
    // The bytes that are hashed are those that are opened and copied, whatever happens to the file meanwhile.
    let source = Source::from_bytes(path, bytes.clone())?;
    if let Some(reason) = intake.refusal(source.page_count(), bytes.len() as u64) {
        return Err(IngestError::TooLarge { path: path.into(), reason });
    }
    let hash = hex(&Sha256::digest(&bytes));
    let book_id = id_of_hash(&hash)?;
    let copy = keep_copy(&sources_dir(library.dir()), &hash, source.kind().extension(), &bytes)?;
    let page_count = page_count(library, &book_id, &copy, &source, intake)?;
    keep_name(&copy, path, intake)?;
    record(library, book_id, page_count)
}

/// How many pages a book has whose copy is kept.
#[cfg(feature = "scans")]
fn page_count(
    library: &Library,
    book_id: &BookId,
    copy: &Path,
    source: &Source,
    intake: &Intake,
) -> Result<u32, IngestError> {
    if source.kind() == SourceKind::Pdf && !is_known(library, book_id)? && looks_like_images(source) {
        keep_spreads(copy, intake, || has_no_text(source))?;
    }
    Ok(scan::source(copy)?.map_or(source.page_count(), |images| images.page_count()))
}

/// Whether a PDF file may be one of page images alone: a few pages that are looked at have no text.
#[cfg(feature = "scans")]
fn looks_like_images(source: &Source) -> bool {
    let pages = source.page_count();
    [10, 30, 50, 70, 90].into_iter().all(|share| !has_text(source, (pages * share / 100).clamp(1, pages)))
}

/// Whether no page has any text: what a page says of itself is read, and not lost to a picture of it.
#[cfg(feature = "scans")]
fn has_no_text(source: &Source) -> bool {
    (1..=source.page_count()).all(|page| !has_text(source, page))
}

#[cfg(feature = "scans")]
fn has_text(source: &Source, page: u32) -> bool {
    source.page(page).is_ok_and(|page| !page.plain_text().trim().is_empty())
}

/// Decides which images of a copy show two pages, and keeps that, if they `may` be split. Blocks.
#[cfg(feature = "scans")]
fn keep_spreads(copy: &Path, intake: &Intake, may: impl FnOnce() -> bool) -> Result<(), IngestError> {
    let failed = |source| IngestError::Copy { path: copy.into(), source };
    if !intake.split_spreads {
        return Spreads::forget(copy).map_err(failed);
    }
    // Of a book that was not taken in to its end: it would be the same.
    if Spreads::kept(copy).is_some() {
        return Ok(());
    }
    match Spreads::find(&PageImages::open_by(copy, intake.images.clone())?) {
        Some(spreads) if may() => spreads.keep(copy).map_err(failed),
        _ => Ok(()),
    }
}

#[cfg(not(feature = "scans"))]
fn page_count(_: &Library, _: &BookId, _: &Path, source: &Source, _: &Intake) -> Result<u32, IngestError> {
    Ok(source.page_count())
}

/// Takes in page images: one file is kept of them.
#[cfg(feature = "scans")]
fn ingest_scan(
    library: &Library,
    path: &Path,
    scan: &Scan,
    intake: &Intake,
) -> Result<Ingested, IngestError> {
    let hash = scan.identity()?;
    let copy = sources_dir(library.dir()).join(format!("{hash}.{}", scan.form().extension()));
    // One that was there is a known book's.
    let was_there = copy.exists();
    input::write(scan, &copy)?;
    let book_id = id_of_hash(&hash)?;
    let is_known = is_known(library, &book_id)?;
    let page_count = looked_at(path, &copy, is_known, intake).inspect_err(|_| {
        if !was_there {
            drop(Spreads::forget(&copy));
            drop(fs::remove_file(&copy));
        }
    })?;
    keep_name(&copy, path, intake)?;
    record(library, book_id, page_count)
}

/// How many pages the copy of a scan has, when it can be taken in.
#[cfg(feature = "scans")]
fn looked_at(path: &Path, copy: &Path, is_known: bool, intake: &Intake) -> Result<u32, IngestError> {
    // The pages of a known book are counted.
    if !is_known {
        keep_spreads(copy, intake, || true)?;
    }
    let images = PageImages::open_by(copy, intake.images.clone())?;
    let page_count = images.page_count();
    // Of several pages some may be damaged. Of one nothing would be left.
    if page_count == 1
        && let Err(PageError::Broken { reason, .. }) = images.image(1, Resolution::Native)
    {
        return Err(InputError::Broken { path: path.into(), reason }.into());
    }
    let bytes = fs::metadata(copy).map_or(u64::MAX, |copy| copy.len());
    match intake.refusal(page_count, bytes) {
        Some(reason) => Err(IngestError::TooLarge { path: path.into(), reason }),
        None => Ok(page_count),
    }
}

/// Creates the record of a book, unless it is there.
fn record(library: &Library, book_id: BookId, page_count: u32) -> Result<Ingested, IngestError> {
    let known = is_known(library, &book_id)?;
    if !known {
        // One that was removed has commits.
        let seq = library.book_seq(&book_id).map_err(OpenBookError::from)?;
        let handle = match seq == Seq::ZERO {
            true => library.create_book(&book_id, "ingest")?,
            false => library.open_book(&book_id, "ingest")?,
        };
        let pages = i32::try_from(page_count).unwrap_or(i32::MAX);
        handle.persist_book_record(NewBook { page_count: pages })?;
    }
    Ok(Ingested { book_id, known, page_count })
}

/// Keeps what a book's file is called.
fn keep_name(copy: &Path, path: &Path, intake: &Intake) -> Result<(), IngestError> {
    let name = intake.file_name.clone().or_else(|| file_name::of_path(path));
    let kept = name.map_or(Ok(()), |name| file_name::keep(copy, &name));
    kept.map_err(|source| IngestError::Copy { path: copy.into(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => SourceError::Missing { path: path.into() },
        io::ErrorKind::IsADirectory => SourceError::Unsupported { path: path.into(), kind: "a folder" },
        _ => SourceError::Unreadable { path: path.into(), reason: error.to_string() },
    })
}

/// Whether the book has a record, in memory or in the local store.
fn is_known(library: &Library, book_id: &BookId) -> Result<bool, IngestError> {
    if let Some(live) = library.active(book_id) {
        return Ok(live.state.book().is_some());
    }
    Ok(library.local_store().book(book_id).map_err(OpenBookError::from)?.is_some())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes the copy, unless it is there; says where it is.
fn keep_copy(dir: &Path, hash: &str, extension: &str, bytes: &[u8]) -> Result<PathBuf, IngestError> {
    let path = dir.join(format!("{hash}.{extension}"));
    let temporary = dir.join(format!(".{hash}.{}.new", std::process::id()));
    match write_copy(dir, &path, &temporary, bytes) {
        Ok(()) => Ok(path),
        Err(source) => {
            // What is left of an unfinished copy takes up room on what may be a full disk.
            drop(fs::remove_file(&temporary));
            Err(IngestError::Copy { path, source })
        }
    }
}

fn write_copy(dir: &Path, path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    private::create_dir(dir).or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(error),
    })?;
    if path.exists() {
        return Ok(());
    }
    let mut file = private::create_temporary(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, path)?;
    File::open(dir)?.sync_all()
}

/// Forgets the answers of models that are kept of a book, so that its pages are read anew. Blocks.
///
/// # Errors
/// They cannot be removed.
pub fn forget_answers(data_dir: &Path, book_id: &BookId) -> io::Result<()> {
    copy_of(data_dir, book_id).map_or(Ok(()), |copy| remove_answers(&copy))
}

/// Removes the copy of a book's file, if there is one, its name, the words that were read on its pages, their
/// images, and what models answered. Blocks.
///
/// # Errors
/// It cannot be removed.
pub fn remove_copy(data_dir: &Path, book_id: &BookId) -> io::Result<()> {
    let Some(copy) = copy_of(data_dir, book_id) else { return Ok(()) };
    // First: without the file nobody would find them again.
    remove_answers(&copy)?;
    #[cfg(feature = "scans")]
    {
        page_images::remove(data_dir, book_id)?;
        match fs::remove_dir_all(scan::words_dir(&copy)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    #[cfg(feature = "scans")]
    Spreads::forget(&copy)?;
    file_name::forget(&copy)?;
    fs::remove_file(copy)?;
    #[cfg(feature = "scans")]
    page_images::remove(data_dir, book_id)?;
    Ok(())
}

/// The copy of a book's file, opened. What it is read from is in memory as long as this lives.
#[derive(Debug)]
pub(crate) struct OpenCopy {
    pub(crate) source: Source,
    /// Where it is.
    pub(crate) file: Arc<Path>,
}

/// Opens the copy of a book's file. Blocks.
///
/// # Errors
/// There is none, or it cannot be read.
pub(crate) fn open_copy(library: &Library, book_id: &BookId) -> Result<OpenCopy, StartError> {
    let dir = sources_dir(library.dir());
    let gone = || StartError::SourceGone { book_id: book_id.clone(), dir: dir.clone() };
    let copy = copy_of(library.dir(), book_id).ok_or_else(gone)?;
    #[cfg(feature = "scans")]
    if let Some(source) = scan::source(&copy)? {
        return Ok(OpenCopy { source, file: copy.into() });
    }
    Ok(OpenCopy { source: Source::open(&copy)?, file: copy.into() })
}
