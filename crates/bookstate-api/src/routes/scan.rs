//! What there is of a page beside its text: its image, and the words on it with their places.

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bookstate_jobs::{page_images::Turn, scan::page_words};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::books::{PageNumber, require_pages};
use crate::{
    clients::Client,
    extract::{Path, Query},
    problem::{Code, Problem},
    range::{Part, part},
    read::{self, BookReading},
    state::ApiState,
    view,
};

/// How wide an image is when the request does not say: a page can be read at that.
const WIDTH: u32 = 1600;
/// For a day, in the browser of whoever may see the book. The image of a URL stays the same as long as the program
/// does.
const KEEP: HeaderValue = HeaderValue::from_static("private, max-age=86400");

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(image)).routes(routes!(words))
}

/// How large.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Size {
    /// Pixels across at most; an image that is smaller stays as it is.
    #[param(minimum = 16, maximum = 3000, default = 1600)]
    width: Option<u32>,
    /// Degrees by which it is turned, clockwise, before it is measured: 0, 90, 180 or 270.
    #[serde(default)]
    #[param(minimum = 0, maximum = 270, default = 0)]
    turned: u16,
}

/// The bytes of an image.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
struct Picture(#[expect(dead_code, reason = "it is there for the document")] Vec<u8>);

/// Show the image of a page
///
/// As the book's file has it, or drawn from it. The `ETag` is strong and stays, so that an image can be kept; a
/// `Range` of bytes is answered with 206.
#[utoipa::path(get, path = "/api/books/{book_id}/pages/{page_num}/image", tag = "books",
    operation_id = "page_image",
    params(
        ("book_id" = String, Path, description = "The book"),
        ("page_num" = i32, Path, description = "The page, 1-based"),
        Size,
        ("Range" = Option<String>, Header, description = "The part of the bytes that is wanted"),
    ),
    responses(
        (status = 200, content((inline(Picture) = "image/jpeg"))),
        (status = 206, description = "The part that `Range` asks for", content((inline(Picture) = "image/jpeg"))),
    ))]
async fn image(
    State(state): State<ApiState>,
    Extension(client): Extension<Client>,
    Path(PageNumber { page_num }): Path<PageNumber>,
    Query(size): Query<Size>,
    request: HeaderMap,
    reading: BookReading,
) -> Result<Response, Problem> {
    require_pages(&reading, &[page_num])?;
    let mut headers = HeaderMap::new();
    reading.mark(&mut headers);
    let book_id = reading.state().book_id().clone();
    // An image may take its time: a whole book is not held for so long.
    drop(reading);
    let page = u32::try_from(page_num).unwrap_or(0);
    let turn = Turn::of_degrees(size.turned);
    let turn = turn.ok_or_else(|| Problem::new(Code::InvalidRequest, "turned is 0, 90, 180 or 270"))?;
    let wanted = state.images().find(&book_id, page, size.width.unwrap_or(WIDTH), turn).await?;
    let etag = format!("\"{}\"", wanted.as_str());
    let mut response = if read::is_known(request.get(header::IF_NONE_MATCH), &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = state.images().image(client, wanted, state.free_bytes()).await?;
        answer(bytes, &request, &etag)
    };
    headers.insert(header::CACHE_CONTROL, KEEP);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response.headers_mut().extend(headers);
    Ok(response)
}

/// The image, or the part of it that is asked for.
fn answer(bytes: Vec<u8>, request: &HeaderMap, etag: &str) -> Response {
    // A part of another image than the one that the client has is of no use to it.
    let is_same = request.get(header::IF_RANGE).is_none_or(|named| named.as_bytes() == etag.as_bytes());
    let range = request.get(header::RANGE).filter(|_| is_same).and_then(|range| range.to_str().ok());
    let (kind, length) = ([(header::CONTENT_TYPE, "image/jpeg")], bytes.len());
    match part(range, length) {
        Part::Whole => (kind, bytes).into_response(),
        Part::Bytes(range) => {
            let place = format!("bytes {}-{}/{length}", range.start, range.end.saturating_sub(1));
            let bytes = bytes.get(range).unwrap_or_default().to_vec();
            (StatusCode::PARTIAL_CONTENT, kind, [(header::CONTENT_RANGE, place)], bytes).into_response()
        }
        Part::Beyond => {
            let detail = format!("the image has {length} bytes, and the range is beyond them");
            let whole = [(header::CONTENT_RANGE, format!("bytes */{length}"))];
            (whole, Problem::new(Code::RangeBeyond, detail)).into_response()
        }
    }
}

/// Show the words of a page with their places on its image
///
/// Where the page's text was read from its image by a reader that says where the words stand. Places are in pixels of
/// an image of the answer's width and height, turned as it says.
#[utoipa::path(get, path = "/api/books/{book_id}/pages/{page_num}/words", tag = "books",
    operation_id = "page_words",
    params(
        ("book_id" = String, Path, description = "The book"),
        ("page_num" = i32, Path, description = "The page, 1-based"),
    ),
    responses((status = 200, body = view::PageWords)))]
async fn words(
    State(state): State<ApiState>,
    Path(PageNumber { page_num }): Path<PageNumber>,
    reading: BookReading,
) -> Result<Response, Problem> {
    require_pages(&reading, &[page_num])?;
    let answered = tokio::task::spawn_blocking(move || {
        reading.json(|book| {
            let page = u32::try_from(page_num).unwrap_or(0);
            let copy = state.images().copy_of(book.book_id());
            let words = copy.and_then(|copy| page_words(book, &copy, page));
            let words = words.map(|words| view::PageWords::of(book.book_id(), page_num, words));
            words.ok_or_else(|| {
                Problem::new(Code::NoWords, "the page's text is not of a reader that says where")
            })
        })
    });
    answered.await.map_err(|error| Problem::internal(&error))?
}
