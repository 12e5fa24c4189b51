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
        response.map(|body| Body::new(Held { body, _memory: memory, _answering: answering }))
    }
}

/// A body that gives something back when it is read or dropped.
#[derive(Debug)]
struct Held {
    body: Body,
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
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
