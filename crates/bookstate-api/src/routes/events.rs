//! The event stream of a book.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension,
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::Response,
};
use bookstate_domain::Seq;
use bytes::Bytes;
use futures_util::{Stream, stream};
use tokio::sync::{broadcast, watch};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    clients::{Client, Taken},
    events::{Batch, Subscription},
    problem::Problem,
    read::BookReading,
    state::ApiState,
};

/// How often a comment shows that the stream lives.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Stream what happens to a book
///
/// Server-sent events. `commit`: one per commit, with the documents that it touched; its id is the process's
/// epoch and the commit's seq. `progress`: how far the book and its job are. `ready`: the stream begins, with
/// the last commit before it. `reload`: what was missed is not known any more, so read the book again. A
/// stream that was cut off goes on behind `Last-Event-ID`.
#[utoipa::path(get, path = "/api/books/{book_id}/events", tag = "books",
    params(
        ("book_id" = String, Path, description = "The book"),
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that was seen"),
    ),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn events(
    State(state): State<ApiState>,
    Extension(client): Extension<Client>,
    headers: HeaderMap,
    reading: BookReading,
) -> Result<Response, Problem> {
    state.require_running()?;
    let permit = state.stream_permit(client)?;
    let last_id = headers.get("last-event-id").map(|id| id.to_str().unwrap_or_default());
    let subscription = state.hub().subscribe(reading.state().book_id(), last_id).await?;
    let stream = OpenStream::new(state.clone(), subscription, permit);
    let head = [(header::CONTENT_TYPE, "text/event-stream")];
    Ok(reading.unversioned((head, Body::from_stream(stream.into_stream()))))
}

/// One open stream.
struct OpenStream {
    state: ApiState,
    first: Option<Bytes>,
    coming: broadcast::Receiver<Batch>,
    stopping: watch::Receiver<bool>,
    /// The last commit that was sent, or is known.
    last: Seq,
    _permit: Taken,
}

impl OpenStream {
    fn new(state: ApiState, subscription: Subscription, permit: Taken) -> Self {
        let Subscription { last, first, coming } = subscription;
        Self { stopping: state.stopping(), state, first: Some(first), coming, last, _permit: permit }
    }

    /// The next events; none when the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        tokio::select! {
            biased;
            // An error means that the server is gone, which ends the stream, too.
            _ = self.stopping.wait_for(|stopping| *stopping) => None,
            batch = self.coming.recv() => match batch {
                Ok(batch) => {
                    self.last = batch.last;
                    Some(batch.text)
                }
                // Too slow: what was missed is not kept for this stream alone.
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    self.coming = self.coming.resubscribe();
                    let data = format!("{{\"seq\":{}}}", self.last);
                    Some(self.state.hub().event("reload", None, &data).into())
                }
                Err(broadcast::error::RecvError::Closed) => None,
            },
            () = tokio::time::sleep(KEEP_ALIVE) => Some(Bytes::from_static(b":\n\n")),
        }
    }

    fn into_stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream::unfold(self, async |mut stream| {
            let events = stream.next().await?;
            Some((Ok(events), stream))
        })
    }
}
