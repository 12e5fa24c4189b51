//! How much memory answers may hold that nobody has read yet.
//!
//! An answer is made whole and stays in memory until its client has read it. Small ones are many and cost little;
//! large ones (exports, whole books) share a budget. What does not fit is refused, and may be asked for again when
//! others are read: a client that does not read is given up by the [socket](crate::socket).

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::{Body, HttpBody},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    connections::Answering,
    problem::{Code, Problem},
};

/// Answers up to this many bytes are not counted.
const SMALL: u64 = 64 << 10;
/// An answer is handed to its connection in frames of this many bytes.
const FRAME: usize = 32 << 10;
/// The budget is counted in pieces of this many bytes.
const PIECE: u64 = 1 << 10;

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct AnswerMemory {
    pieces: Arc<Semaphore>,
    total: u32,
}

fn pieces(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX)
}

impl AnswerMemory {
    pub(crate) fn new(bytes: u64) -> Self {
        // A semaphore has fewer permits than a u32 has values.
        let total = pieces(bytes).clamp(1, u32::MAX >> 3);
        Self { pieces: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Holds an answer's share of the memory, and its connection's state, until the answer is read.
    pub(crate) fn hold(&self, response: Response, answering: Answering) -> Response {
        let size = response.body().size_hint().exact().unwrap_or(0);
        let memory = if size <= SMALL {
            None
        } else {
            // One that is larger than all of the memory has to be alone.
            let share = pieces(size).min(self.total);
            match self.pieces.clone().try_acquire_many_owned(share) {
                Ok(memory) => Some(memory),
                Err(_) => {
                    let detail = "too many large answers are being read: try again later";
                    return Problem::new(Code::TooMany, detail).into_response();
                }
            }
        };
        response
            .map(|body| Body::new(Held { body, rest: Bytes::new(), _memory: memory, _answering: answering }))
    }
}

/// A body that gives something back when it is read or dropped.
///
/// It is handed out in small frames. A connection takes a whole frame into its buffer and lets go of the body with
/// the last one, so a large answer in one frame would give its share of the memory back before anybody read it.
#[derive(Debug)]
struct Held {
    body: Body,
    /// What is left of the frame that is being handed out.
    rest: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
    _answering: Answering,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let held = self.get_mut();
        if held.rest.is_empty() {
            match Pin::new(&mut held.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => held.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                other => return other,
            }
        }
        let piece = held.rest.split_to(held.rest.len().min(FRAME));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint.set_lower(body.lower().saturating_add(rest));
        hint
    }
}
