//! Taking in files that lie on the server's disks, below directories that the configuration names.

use std::{
    fs::File,
    io,
    path::{Component, Path, PathBuf},
};

use axum::{Extension, Json, extract::State, http::StatusCode};
use bookstate_domain::Priority;
use bookstate_jobs::Ingested;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    incoming::Incoming,
    jobs::{Asked, StartAnswer},
};
use crate::{
    clients::Client,
    extract::{Body, Query},
    problem::{Code, Problem},
    state::ApiState,
};

/// How many files one request may name.
const FILES: usize = 100;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(ingest))
}

/// Which files.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct IngestRequest {
    /// Absolute paths on the server, below a directory that its configuration allows. Each is one book.
    #[schema(min_items = 1, max_items = 100)]
    paths: Vec<String>,
}

/// A book that was taken in, and its job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IngestAnswer {
    /// The book.
    book_id: String,
    /// Names its job among those of all books.
    id: Option<String>,
    /// Names its job among those of the book.
    job_id: Option<String>,
    /// `running`; or where the book stands when nothing is left to do.
    status: String,
    /// The book was known already.
    known: bool,
    /// How many pages it has.
    page_count: u32,
}

/// The books that were taken in.
#[derive(Debug, Serialize, ToSchema)]
struct IngestAnswers {
    /// The first of them.
    book_id: Option<String>,
    /// Its job.
    id: Option<String>,
    /// All of them, in the order of the request.
    books: Vec<IngestAnswer>,
}

/// Starts the job of a book that was taken in.
pub(super) async fn begin(
    state: &ApiState,
    ingested: Ingested,
    priority: Priority,
) -> Result<IngestAnswer, Problem> {
    let begun = state.start_job(&ingested.book_id, None, None, priority).await?;
    let (_, answer) = StartAnswer::of(&ingested.book_id, &begun);
    Ok(IngestAnswer {
        book_id: answer.book_id,
        id: answer.id,
        job_id: answer.job_id,
        status: answer.status,
        known: ingested.known,
        page_count: ingested.page_count,
    })
}

/// Take in files of the server, and start their jobs
#[utoipa::path(post, path = "/api/books/ingest", tag = "books", params(Asked), request_body = IngestRequest,
    responses((status = 202, body = IngestAnswers)))]
async fn ingest(
    State(state): State<ApiState>,
    Extension(client): Extension<Client>,
    Query(asked): Query<Asked>,
    Body(request): Body<IngestRequest>,
) -> Result<(StatusCode, Json<IngestAnswers>), Problem> {
    state.require_running()?;
    if request.paths.is_empty() || request.paths.len() > FILES {
        return Err(Problem::new(Code::InvalidRequest, format!("1 to {FILES} paths are expected")));
    }
    let priority = asked.priority()?;
    let _permit = state.upload_permit(client)?;
    let mut books = Vec::new();
    for path in &request.paths {
        let incoming = copy(&state, path).await?;
        let ingested = state.take_in(incoming.path(), incoming.name()).await?;
        books.push(begin(&state, ingested, priority).await?);
    }
    let first = books.first();
    let (book_id, id) = (first.map(|book| book.book_id.clone()), first.and_then(|book| book.id.clone()));
    Ok((StatusCode::ACCEPTED, Json(IngestAnswers { book_id, id, books })))
}

/// A copy of an allowed file. What is taken in is the copy of what was opened, whatever is put at the path
/// later.
async fn copy(state: &ApiState, path: &str) -> Result<Incoming, Problem> {
    let path = PathBuf::from(path);
    let (roots, limit) = (state.config().ingest_roots.clone(), state.config().limits.upload_bytes);
    let dir = state.uploads_dir();
    let copied = tokio::task::spawn_blocking(move || {
        let file = open_below(&roots, &path)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Incoming::copy_of(file, &dir, &name, limit)
    });
    copied.await.map_err(|error| Problem::internal(&error))?
}

fn not_allowed() -> Problem {
    // The same answer whether the file exists or not: what lies elsewhere on the disk is nobody's business.
    Problem::new(Code::PathNotAllowed, "the file is not below a directory from which files may be taken in")
}

/// Opens a regular file below one of the roots. No `..`, and no symbolic link leads out of the root: the
/// kernel resolves the path within it.
fn open_below(roots: &[PathBuf], path: &Path) -> Result<File, Problem> {
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(not_allowed());
    }
    let below = roots.iter().find_map(|root| Some((root, path.strip_prefix(root).ok()?)));
    let (root, rest) =
        below.filter(|(_, rest)| rest.components().next().is_some()).ok_or_else(not_allowed)?;
    let file = open_within(root, rest).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Problem::new(Code::NotABook, "there is no such file"),
        io::ErrorKind::PermissionDenied => Problem::new(Code::NotABook, "the file cannot be read"),
        _ => not_allowed(),
    })?;
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(file),
        _ => Err(Problem::new(Code::NotABook, "only a regular file can be taken in")),
    }
}

#[cfg(target_os = "linux")]
fn open_within(root: &Path, rest: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat2};
    let root = open(root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    // Without NONBLOCK, opening a pipe would wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(openat2(&root, rest, flags, Mode::empty(), resolve)?.into())
}

#[cfg(not(target_os = "linux"))]
fn open_within(root: &Path, rest: &Path) -> io::Result<File> {
    // No other system resolves a path within a directory: what the links led to is looked at instead.
    let (root, path) = (root.canonicalize()?, root.join(rest).canonicalize()?);
    if !path.starts_with(&root) {
        return Err(io::Error::other("a link leads out of the directory"));
    }
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_below_a_root() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        let (root, outside) = (base.join("root"), base.join("outside"));
        std::fs::create_dir_all(root.join("sub")).unwrap();
        std::fs::create_dir_all(&outside).unwrap();
        std::fs::write(root.join("sub/a.txt"), "a").unwrap();
        std::fs::write(outside.join("b.txt"), "b").unwrap();
        std::os::unix::fs::symlink(&outside, root.join("way-out")).unwrap();
        std::os::unix::fs::symlink(outside.join("b.txt"), root.join("b.txt")).unwrap();
        std::os::unix::fs::symlink("sub/a.txt", root.join("within.txt")).unwrap();
        let roots = [root.clone()];
        let open = |path: PathBuf| open_below(&roots, &path).map_err(|problem| problem.code());
        assert!(open(root.join("sub/a.txt")).is_ok());
        assert!(open(root.join("within.txt")).is_ok(), "a link that stays within is one like any other");
        for path in [
            root.join("way-out/b.txt"),
            root.join("b.txt"),
            root.join("../outside/b.txt"),
            outside.join("b.txt"),
            base.join("root-of-another/a.txt"),
            root.clone(),
            PathBuf::from("sub/a.txt"),
            PathBuf::from("/proc/self/root/etc/passwd"),
        ] {
            assert_eq!(open(path.clone()).unwrap_err(), Code::PathNotAllowed, "{}", path.display());
        }
        assert_eq!(open(root.join("sub/none.txt")).unwrap_err(), Code::NotABook);
        assert_eq!(open(root.join("sub")).unwrap_err(), Code::NotABook);
        assert_eq!(open_below(&[], &root.join("sub/a.txt")).unwrap_err().code(), Code::PathNotAllowed);
    }
}
