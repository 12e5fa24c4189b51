//! Taking in an uploaded file: streamed to the disk, refused as soon as it is too large or no book.

use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use axum::{
    Extension, Json,
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State, multipart::MultipartError},
    http::StatusCode,
};
use bookstate_store::fs::private;
use tokio::io::AsyncWriteExt;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    arriving::{FORM_BYTES, Watch, watched},
    ingest::{IngestAnswer, begin},
};
use crate::{
    clients::Client,
    problem::{Code, Problem},
    state::ApiState,
};

/// The beginnings of files by which those are told that are no book.
const HEAD_BYTES: usize = 1024;
/// How much is copied at once.
const PIECE: usize = 64 << 10;

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    // The limit is that of the file, which is counted while it is written.
    OpenApiRouter::new().routes(routes!(upload)).layer(DefaultBodyLimit::disable())
}

/// A file on its way in. It is gone when this is dropped: what is taken in has a copy elsewhere.
#[derive(Debug)]
pub(super) struct Incoming(PathBuf);

impl Drop for Incoming {
    fn drop(&mut self) {
        // It may not be there yet.
        drop(std::fs::remove_file(&self.0));
    }
}

fn too_large(limit: u64) -> Problem {
    Problem::new(Code::TooLarge, format!("a file may have {limit} bytes at most"))
}

fn disk(error: &std::io::Error) -> Problem {
    match error.kind() {
        std::io::ErrorKind::StorageFull => {
            Problem::new(Code::JournalFull, "the disk of the data directory is full: free some space")
        }
        _ => Problem::internal(error),
    }
}

impl Incoming {
    /// A place for a file whose name the client gave: of the name only a known extension is used.
    fn new(dir: &Path, name: &str) -> Result<Self, Problem> {
        private::create_dir(dir).or_else(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(disk(&error)),
        })?;
        let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
        let extension = extension.unwrap_or_default().to_ascii_lowercase();
        let known = ["pdf", "md", "markdown", "txt"].into_iter().find(|known| *known == extension);
        Ok(Self(dir.join(format!("{:032x}.{}", rand::random::<u128>(), known.unwrap_or("bin")))))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Copies an open file. Blocks.
    pub(super) fn copy_of(from: File, dir: &Path, name: &str, limit: u64) -> Result<Self, Problem> {
        let incoming = Self::new(dir, name)?;
        let mut to = private::create_new(&incoming.0).map_err(|error| disk(&error))?;
        let mut from = from.take(limit.saturating_add(1));
        let mut piece = vec![0; PIECE];
        let mut written = 0;
        loop {
            let read = from.read(&mut piece).map_err(|error| disk(&error))?;
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            if written == 0 {
                require_book(bytes)?;
            }
            written += bytes.len() as u64;
            if written > limit {
                return Err(too_large(limit));
            }
            to.write_all(bytes).map_err(|error| disk(&error))?;
        }
        Ok(incoming)
    }
}

/// Refuses what cannot be a book by its first bytes. What passes is looked at whole when it is taken in.
fn require_book(head: &[u8]) -> Result<(), Problem> {
    let head = head.get(..HEAD_BYTES).unwrap_or(head);
    if !bookstate_reading::source::begins_as_a_book(head) {
        let detail = "the file is no book: a PDF, EPUB, HTML, Markdown or plain text file is expected";
        return Err(Problem::new(Code::NotABook, detail));
    }
    Ok(())
}

/// The form of an upload.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "the shape of the form, for the OpenAPI document")]
struct UploadForm {
    /// The file: a PDF, Markdown or plain text.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Upload a file, and start its job
#[utoipa::path(post, path = "/api/books/upload", tag = "books",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 202, body = IngestAnswer)))]
async fn upload(
    State(state): State<ApiState>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Result<(StatusCode, Json<IngestAnswer>), Problem> {
    state.require_running()?;
    let permit = state.upload_permit(client)?;
    let limit = state.config().limits.upload_bytes;
    let announced = request.headers().get(axum::http::header::CONTENT_LENGTH);
    let announced: Option<u64> = announced.and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length| length > limit.saturating_add(FORM_BYTES)) {
        return Err(too_large(limit));
    }
    let (parts, body) = request.into_parts();
    let (body, watch) = watched(body, &state.config().limits);
    let form = Multipart::from_request(Request::from_parts(parts, body), &state).await;
    let mut form = form.map_err(|error| Problem::new(Code::UnsupportedMediaType, error.body_text()))?;
    let received = receive(&state, &mut form, &watch, limit).await;
    // What ended the body is why the form ended.
    let incoming = received.map_err(|problem| watch.problem().unwrap_or(problem))?;
    let ingested = state.take_in(incoming.path()).await?;
    drop((incoming, permit));
    Ok((StatusCode::ACCEPTED, Json(begin(&state, ingested).await?)))
}

async fn receive(
    state: &ApiState,
    form: &mut Multipart,
    watch: &Watch,
    limit: u64,
) -> Result<Incoming, Problem> {
    let missing = || Problem::new(Code::InvalidRequest, "the form has no field `file`");
    let mut field = loop {
        let field = form.next_field().await.map_err(|error| refused(&error))?.ok_or_else(missing)?;
        if field.name() == Some("file") {
            break field;
        }
    };
    watch.file_begins();
    let incoming = Incoming::new(&state.uploads_dir(), field.file_name().unwrap_or_default())?;
    let file = private::create_new(incoming.path()).map_err(|error| disk(&error))?;
    let mut file = tokio::fs::File::from_std(file);
    let mut head = Vec::new();
    let mut written = 0;
    while let Some(bytes) = field.chunk().await.map_err(|error| refused(&error))? {
        if head.len() < HEAD_BYTES {
            head.extend_from_slice(bytes.get(..HEAD_BYTES).unwrap_or(&bytes));
            require_book(&head)?;
        }
        written += bytes.len() as u64;
        if written > limit {
            return Err(too_large(limit));
        }
        file.write_all(&bytes).await.map_err(|error| disk(&error))?;
    }
    file.flush().await.map_err(|error| disk(&error))?;
    drop(field);
    while let Some(field) = form.next_field().await.map_err(|error| refused(&error))? {
        if field.name() == Some("file") {
            let detail = "a form has one field `file`: send each book with a request of its own";
            return Err(Problem::new(Code::InvalidRequest, detail));
        }
    }
    Ok(incoming)
}

fn refused(error: &MultipartError) -> Problem {
    let code = match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        _ => Code::InvalidRequest,
    };
    Problem::new(code, error.body_text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_tells_what_is_no_book() {
        // Text may be in an old encoding.
        for good in
            [&b"%PDF-1.7"[..], b"a\xc3\x28", b"junk %PDF-1.4", b"CHAPTER 1\n", "Größe".as_bytes(), b""]
        {
            assert!(require_book(good).is_ok(), "{good:?}");
        }
        // A character that is cut off at the end is no error.
        assert!(require_book(&"Größe".as_bytes()[..3]).is_ok());
        let program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0";
        assert_eq!(require_book(program).unwrap_err().code(), Code::NotABook);
    }

    #[test]
    fn a_copy_is_bounded_and_goes_with_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from.txt");
        std::fs::write(&from, vec![b'a'; 100]).unwrap();
        let uploads = dir.path().join("uploads");
        let copy = |limit| Incoming::copy_of(File::open(&from).unwrap(), &uploads, "../../x.TXT", limit);
        let copied = copy(100).unwrap();
        assert_eq!(std::fs::read(copied.path()).unwrap().len(), 100);
        assert_eq!(copied.path().extension().unwrap(), "txt");
        drop(copied);
        assert_eq!(copy(99).unwrap_err().code(), Code::TooLarge);
        assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 0);
    }
}
