//! Errors as answers: RFC 9457 problem details with a stable code.
//!
//! Clients go by `code` (and the status), people by `detail`. Codes are never renamed or given another
//! status. Not here: what is logged about an error; a problem never shows what only an operator may know.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bookstate_jobs::{IngestError, StartError};
use bookstate_reading::source::SourceError;
use bookstate_scans::InputError;
use bookstate_sink::CommandError;
use bookstate_store::{OpenBookError, PersistError, ReadError, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ownership::NotOwned;

macro_rules! codes {
    ($($(#[$about:meta])* $name:ident = $code:literal, $status:ident;)*) => {
        /// What is wrong, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Code { $($(#[$about])* $name,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// The word in the answer.
            #[must_use]
            pub const fn as_str(self) -> &'static str { match self { $(Self::$name => $code,)* } }
            /// The status of the answer.
            #[must_use]
            pub const fn status(self) -> StatusCode { match self { $(Self::$name => StatusCode::$status,)* } }
        }
    };
}

codes! {
    /// The request is not one that the route takes.
    InvalidRequest = "invalid_request", BAD_REQUEST;
    /// There is no operation of this name.
    UnknownOperation = "unknown_operation", BAD_REQUEST;
    /// The path is not below a directory from which files may be taken in.
    PathNotAllowed = "path_not_allowed", FORBIDDEN;
    /// A token is needed, or the one given is none.
    Unauthorized = "unauthorized", UNAUTHORIZED;
    /// The token may only read, or the request comes from another site.
    Forbidden = "forbidden", FORBIDDEN;
    /// There is no such route.
    NotFound = "not_found", NOT_FOUND;
    /// There is no such book.
    UnknownBook = "unknown_book", NOT_FOUND;
    /// The book has no such page.
    UnknownPage = "unknown_page", NOT_FOUND;
    /// The book's file has no images of pages, or is not on this machine.
    NoImage = "no_image", NOT_FOUND;
    /// The page's text is not of a reader that says where its words stand.
    NoWords = "no_words", NOT_FOUND;
    /// There is no such job.
    UnknownJob = "unknown_job", NOT_FOUND;
    /// There is no such target.
    UnknownTarget = "unknown_target", NOT_FOUND;
    /// The target refuses no such document.
    UnknownDocument = "unknown_document", NOT_FOUND;
    /// The route does not take this method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED;
    /// The request, or its answer, took too long.
    Timeout = "timeout", REQUEST_TIMEOUT;
    /// A job of the book is active: let it end, or cancel it.
    JobActive = "job_active", CONFLICT;
    /// Another machine of the fleet owns the book: ask that one.
    NotOwner = "not_owner", CONFLICT;
    /// The job is over.
    JobOver = "job_over", CONFLICT;
    /// Another data directory writes the book in this target.
    ForeignBook = "foreign_book", CONFLICT;
    /// The body is larger than allowed.
    TooLarge = "too_large", PAYLOAD_TOO_LARGE;
    /// The body is not of a type that the route takes.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE;
    /// The range is beyond the bytes that there are.
    RangeBeyond = "range_beyond", RANGE_NOT_SATISFIABLE;
    /// The request's head is larger than allowed.
    HeadTooLarge = "head_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE;
    /// The file is no book that can be read.
    NotABook = "not_a_book", UNPROCESSABLE_ENTITY;
    /// The file would make a larger book than is allowed.
    BookTooLarge = "book_too_large", UNPROCESSABLE_ENTITY;
    /// The image of the page cannot be made.
    ImageFailed = "image_failed", UNPROCESSABLE_ENTITY;
    /// As many uploads, event streams, images, large answers or wrong tokens as allowed: try again later.
    TooMany = "too_many", TOO_MANY_REQUESTS;
    /// A bug; the log has the reason.
    Internal = "internal", INTERNAL_SERVER_ERROR;
    /// The journal's disk is full: free some space, then try again.
    JournalFull = "journal_full", INSUFFICIENT_STORAGE;
    /// The journal takes nothing more: look at the disk, then start the server again.
    JournalPoisoned = "journal_poisoned", SERVICE_UNAVAILABLE;
    /// As many images as allowed are being made: try again later.
    Busy = "busy", SERVICE_UNAVAILABLE;
    /// The local store cannot be read.
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE;
    /// A target that is needed for the answer cannot be reached.
    TargetUnavailable = "target_unavailable", SERVICE_UNAVAILABLE;
    /// Another machine of the fleet owns the book, and could not be asked.
    OwnedElsewhere = "owned_elsewhere", SERVICE_UNAVAILABLE;
    /// Which machine of the fleet owns the book cannot be found out: try again later.
    FleetUnavailable = "fleet_unavailable", SERVICE_UNAVAILABLE;
    /// This server is in no fleet.
    NoFleet = "no_fleet", NOT_FOUND;
    /// The server is being shut down.
    ShuttingDown = "shutting_down", SERVICE_UNAVAILABLE;
}

/// Problem details, as every error is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the kind of problem.
    pub r#type: String,
    /// The kind of problem, for people.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// The kind of problem, for programs.
    pub code: String,
    /// What is wrong, and what to do.
    pub detail: String,
}

/// An error as an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: String,
}

impl Problem {
    /// A problem of this kind; `detail` says what is wrong and what to do.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// Something that nobody expects: logged here, and not told.
    pub(crate) fn internal(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(Code::Internal, "something went wrong here; the server's log has the reason")
    }

    /// The kind.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The answer's body.
    #[must_use]
    pub fn body(&self) -> ProblemBody {
        ProblemBody {
            r#type: format!("urn:bookstate:problem:{}", self.code.as_str()),
            title: self.code.as_str().replace('_', " "),
            status: self.code.status().as_u16(),
            code: self.code.as_str().to_owned(),
            detail: self.detail.clone(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.code.status(), Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.code {
            Code::Unauthorized => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::TooMany | Code::Busy => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        // For browsers it becomes a page: see `web`.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the local store cannot be read");
        Self::new(Code::StoreUnavailable, "the local store cannot be read; the server's log has the reason")
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Store(error) => error.into(),
            ReadError::Target { target, source } => {
                tracing::warn!(%target, error = %source, "a target could not be asked for a book");
                let detail = format!("the book is not here, and target {target} could not be asked for it");
                Self::new(Code::TargetUnavailable, detail)
            }
            error => Self::internal(&error),
        }
    }
}

impl From<PersistError> for Problem {
    fn from(error: PersistError) -> Self {
        match error {
            PersistError::JournalFull => Self::new(Code::JournalFull, error.to_string()),
            PersistError::Poisoned { .. } | PersistError::NotSynced { .. } => {
                let detail = "the journal takes nothing more: look at the disk, then start the server again";
                Self::new(Code::JournalPoisoned, detail)
            }
            PersistError::Misuse(bookstate_domain::Misuse::JobActive(_)) => {
                Self::new(Code::JobActive, error.to_string())
            }
            PersistError::Misuse(_) => Self::new(Code::InvalidRequest, error.to_string()),
            PersistError::Fenced { .. } => Self::new(Code::NotOwner, error.to_string()),
            error => Self::internal(&error),
        }
    }
}

impl From<OpenBookError> for Problem {
    fn from(error: OpenBookError) -> Self {
        match error {
            OpenBookError::Unknown { .. } => Self::new(Code::UnknownBook, error.to_string()),
            OpenBookError::Held { .. } | OpenBookError::Exists { .. } => {
                Self::new(Code::JobActive, error.to_string())
            }
            OpenBookError::NotOwned { .. } => Self::new(Code::NotOwner, error.to_string()),
            OpenBookError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<NotOwned> for Problem {
    fn from(error: NotOwned) -> Self {
        let code = match error {
            NotOwned::Elsewhere(_) => Code::OwnedElsewhere,
            NotOwned::Unavailable { .. } => Code::FleetUnavailable,
        };
        Self::new(code, error.to_string())
    }
}

impl From<SourceError> for Problem {
    fn from(error: SourceError) -> Self {
        // The path is one of this machine: not for clients.
        let what = match error {
            SourceError::Missing { .. } => "there is no such file".to_owned(),
            SourceError::Unreadable { .. } => "the file cannot be read".to_owned(),
            SourceError::Empty { .. } => "the file is empty".to_owned(),
            SourceError::Encrypted { reason, .. } => format!("the file is encrypted ({reason})"),
            SourceError::Broken { reason, .. } => format!("the file is damaged ({reason})"),
            SourceError::TooLarge { reason, .. } => format!("the file is too large ({reason})"),
            SourceError::Unsupported { kind, .. } => {
                format!("the file is {kind}: a PDF, EPUB, HTML, Markdown or plain text file is expected")
            }
            SourceError::NoPages { .. } => "the file has no pages".to_owned(),
            error => return Self::internal(&error),
        };
        Self::new(Code::NotABook, what)
    }
}

impl From<IngestError> for Problem {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::Source(error) => error.into(),
            IngestError::Images(InputError::Write { .. }) => Self::internal(&error),
            IngestError::Images(error) => Self::new(Code::NotABook, error.to_string()),
            IngestError::Open(error) => error.into(),
            IngestError::Persist(error) => error.into(),
            IngestError::TooLarge { reason, .. } => {
                Self::new(Code::BookTooLarge, format!("the book is too large: {reason}"))
            }
            IngestError::Excessive { .. } => {
                let detail = "opening the file takes more memory or time than is allowed";
                Self::new(Code::BookTooLarge, detail)
            }
            IngestError::ShuttingDown => Self::new(Code::ShuttingDown, error.to_string()),
            IngestError::Copy { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Self::new(Code::JournalFull, "the disk of the data directory is full: free some space")
            }
            error => Self::internal(&error),
        }
    }
}

impl From<StartError> for Problem {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Open(error) => error.into(),
            StartError::Persist(error) => error.into(),
            StartError::Source(error) => error.into(),
            StartError::Images(error) => Self::new(Code::NotABook, error.to_string()),
            StartError::Engine(_) | StartError::EngineMissing { .. } => {
                Self::new(Code::InvalidRequest, error.to_string())
            }
            StartError::ResetWhileActive { .. } => Self::new(Code::JobActive, error.to_string()),
            StartError::SourceGone { book_id, .. } => {
                let detail = format!("the source of book {book_id} is gone: upload its file again");
                Self::new(Code::NotABook, detail)
            }
            StartError::EndsProcess { .. } => Self::new(Code::NotABook, error.to_string()),
            StartError::ShuttingDown => Self::new(Code::ShuttingDown, error.to_string()),
            error => Self::internal(&error),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let code = match error {
            CommandError::NoSuchTarget(_) => Code::UnknownTarget,
            CommandError::NoSuchBook(_) => Code::UnknownBook,
            CommandError::Foreign { .. } => Code::ForeignBook,
            CommandError::Target(_) => Code::TargetUnavailable,
            CommandError::Stopped => Code::ShuttingDown,
            error => return Self::internal(&error),
        };
        Self::new(code, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_one_word_and_an_error_status() {
        let mut words: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
        assert!(
            Code::ALL.iter().all(|code| code.status().is_client_error() || code.status().is_server_error())
        );
    }

    #[test]
    fn a_path_of_this_machine_is_not_told() {
        let error =
            SourceError::Broken { path: "/srv/secret/place.pdf".into(), reason: "no xref".to_owned() };
        let body = Problem::from(error).body();
        assert_eq!(body.code, "not_a_book");
        assert!(!body.detail.contains("secret"), "{}", body.detail);
    }
}
