//! Taking in an uploaded file: streamed to the disk, refused as soon as it is too large or no book.

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
    incoming::{HEAD_BYTES, Incoming, disk, require_book, too_large},
    ingest::{IngestAnswer, begin},
    jobs::Asked,
};
use crate::{
    clients::Client,
    extract::Query,
    problem::{Code, Problem},
    state::ApiState,
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    // The limit is that of the file, which is counted while it is written.
    OpenApiRouter::new().routes(routes!(upload)).layer(DefaultBodyLimit::disable())
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
#[utoipa::path(post, path = "/api/books/upload", tag = "books", params(Asked),
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 202, body = IngestAnswer)))]
async fn upload(
    State(state): State<ApiState>,
    Extension(client): Extension<Client>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Result<(StatusCode, Json<IngestAnswer>), Problem> {
    state.require_running()?;
    let priority = asked.priority()?;
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
    let ingested = state.take_in(incoming.path(), incoming.name()).await?;
    drop((incoming, permit));
    Ok((StatusCode::ACCEPTED, Json(begin(&state, ingested, priority).await?)))
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
