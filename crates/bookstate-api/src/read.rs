//! The one read path. A route that shows a book takes a [`BookReading`], which is the only way to a book's
//! state, and answers through it, so that every answer says where it comes from and how far behind the
//! targets are, and can be asked for again with its ETag.

pub(crate) mod key;

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use bookstate_domain::{BookId, BookState, Seq};
use bookstate_store::{Snapshot, Source, TargetName};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use self::key::Key;
use crate::{
    blocking::blocking,
    problem::{Code, Problem},
    state::ApiState,
};

/// Where an answer comes from: `memory`, `local` or `target`.
pub(crate) const SOURCE: HeaderName = HeaderName::from_static("x-bookstate-source");
/// The target, when the answer comes from one.
pub(crate) const TARGET: HeaderName = HeaderName::from_static("x-bookstate-target");
/// The last commit in the answer.
pub(crate) const SEQ: HeaderName = HeaderName::from_static("x-bookstate-seq");
/// The commit up to which every target has the book.
pub(crate) const PERSISTED_SEQ: HeaderName = HeaderName::from_static("x-bookstate-persisted-seq");

/// A book as one request reads it.
#[derive(Debug)]
pub(crate) struct BookReading {
    source: Source,
    snapshot: Arc<Snapshot>,
    persisted_seq: Seq,
    state: ApiState,
    url: Option<Uri>,
    if_none_match: Option<HeaderValue>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl FromRequestParts<ApiState> for BookReading {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let id = book_id(parts, state).await?;
        let reading = Self::of(state, &id, &parts.headers).await?;
        Ok(Self { url: Some(parts.uri.clone()), ..reading })
    }
}

/// A book that an export is made of. The turn to export comes before the book is read: those who wait for one hold no book
/// in memory, and no turn to read, for which everybody else would wait.
pub(crate) struct BookToExport {
    pub(crate) reading: BookReading,
    pub(crate) turn: OwnedSemaphorePermit,
}

impl FromRequestParts<ApiState> for BookToExport {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        let turn = state.turn_to_export().await?;
        Ok(Self { reading: BookReading::from_request_parts(parts, state).await?, turn })
    }
}

/// The book that a route's path names.
async fn book_id(parts: &mut Parts, state: &ApiState) -> Result<BookId, Problem> {
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|error| Problem::new(Code::InvalidRequest, error.body_text()))?;
    let text = params.iter().find(|(name, _)| *name == "book_id").map(|(_, text)| text);
    BookId::new(text.unwrap_or_default())
        .map_err(|error| Problem::new(Code::InvalidRequest, error.to_string()))
}

impl BookReading {
    /// Reads a book: memory, else the local store, else a target.
    pub(crate) async fn of(state: &ApiState, id: &BookId, headers: &HeaderMap) -> Result<Self, Problem> {
        let library = state.library_for_reading(Key::new());
        // What is in memory is shared; what is read from a store is one more copy of the whole book.
        let turn = if library.is_live(id) { None } else { Some(state.turn_to_read().await?) };
        let reading = library.read(id).await?;
        let reading = reading.filter(|reading| reading.snapshot.state.book().is_some());
        let reading = reading.ok_or_else(|| unknown(id))?;
        let seq = reading.snapshot.seq;
        let targets: Vec<TargetName> = state.target_names();
        let persisted_seq = match &reading.source {
            Source::Memory => targets.iter().map(|target| library.watermark(id, target)).min(),
            Source::Local if targets.len() > 1 => {
                let (store, id) = (library.local_store().clone(), id.clone());
                blocking(move || {
                    let mut lowest = seq;
                    for target in targets.iter().filter(|target| **target != TargetName::local()) {
                        let progress = store.progress(target.as_str(), &id)?;
                        lowest = lowest.min(progress.map_or(Seq::ZERO, |progress| progress.persisted_seq));
                    }
                    Ok(Some(lowest))
                })
                .await?
            }
            Source::Local | Source::Target(_) => Some(seq),
        };
        Ok(Self {
            source: reading.source,
            snapshot: reading.snapshot,
            persisted_seq: persisted_seq.unwrap_or(Seq::ZERO),
            state: state.clone(),
            url: None,
            if_none_match: headers.get(header::IF_NONE_MATCH).cloned(),
            _turn: turn,
        })
    }

    /// The book.
    pub(crate) fn state(&self) -> &BookState {
        &self.snapshot.state
    }

    /// The last commit in it.
    pub(crate) fn seq(&self) -> Seq {
        self.snapshot.seq
    }

    /// Answers with a view of the book. The view may depend on the book and the URL alone: that is what the
    /// ETag says, and what lets it be rendered once for a version.
    pub(crate) fn json<T: Serialize>(
        &self,
        view: impl FnOnce(&BookState) -> Result<T, Problem>,
    ) -> Result<Response, Problem> {
        self.answer(|state| {
            let head = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
            // What another machine wrote may differ at the same seq.
            let kept = self.url.as_ref().filter(|_| !matches!(self.source, Source::Target(_)));
            let url = kept.and_then(|url| url.path_and_query()).map(|url| url.as_str());
            let (id, seq) = (state.book_id(), self.snapshot.seq);
            if let Some(bytes) = url.and_then(|url| self.state.rendered().get(url, id, seq)) {
                return Ok((head, bytes));
            }
            let text = serde_json::to_vec(&view(state)?).map_err(|error| Problem::internal(&error))?;
            let bytes = Bytes::from(text);
            if let Some(url) = url {
                self.state.rendered().keep(url, id, seq, &bytes);
            }
            Ok((head, bytes))
        })
    }

    /// Answers with what `body` makes of the book; like [`json`](Self::json) for other types.
    pub(crate) fn answer<R: IntoResponse>(
        &self,
        body: impl FnOnce(&BookState) -> Result<R, Problem>,
    ) -> Result<Response, Problem> {
        let etag = self.etag();
        let known = etag.as_ref().is_some_and(|etag| is_known(self.if_none_match.as_ref(), etag));
        let mut response = if known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            body(self.state())?.into_response()
        };
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
            response.headers_mut().insert(header::ETAG, etag);
        }
        self.mark(response.headers_mut());
        Ok(response)
    }

    /// Answers with something that is not of the book alone (a job's live progress), so it has no ETag.
    pub(crate) fn unversioned<R: IntoResponse>(&self, body: R) -> Response {
        let mut response = body.into_response();
        self.mark(response.headers_mut());
        response
    }

    /// Says where an answer about the book comes from and how far behind the targets are.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        let source = match &self.source {
            Source::Memory => "memory",
            Source::Local => "local",
            Source::Target(target) => {
                if let Ok(name) = HeaderValue::from_str(target.as_str()) {
                    headers.insert(TARGET, name);
                }
                "target"
            }
        };
        headers.insert(SOURCE, HeaderValue::from_static(source));
        headers.insert(SEQ, HeaderValue::from(self.snapshot.seq.get()));
        headers.insert(PERSISTED_SEQ, HeaderValue::from(self.persisted_seq.get()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }

    /// Names this version of the book. Another machine's book has none: after a take-over the same seq may be
    /// something else there. Weak, since the same version may be sent compressed or not.
    fn etag(&self) -> Option<String> {
        let ours = !matches!(self.source, Source::Target(_));
        ours.then(|| format!("W/\"{}.{}\"", self.state.epoch(), self.snapshot.seq))
    }
}

/// Whether an `If-None-Match` has the ETag: then the client has the answer.
pub(crate) fn is_known(if_none_match: Option<&HeaderValue>, etag: &str) -> bool {
    let strong = etag.trim_start_matches("W/");
    let given = if_none_match.and_then(|value| value.to_str().ok()).unwrap_or_default();
    given
        .split(',')
        .map(|given| given.trim())
        .any(|given| given == "*" || given.trim_start_matches("W/") == strong)
}

/// There is no such book.
pub(crate) fn unknown(id: &BookId) -> Problem {
    Problem::new(Code::UnknownBook, format!("there is no book {id}"))
}
