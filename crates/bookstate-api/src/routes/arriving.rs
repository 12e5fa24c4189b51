//! The body of an upload on its way in: counted whole, and given up when it comes too slowly.
//!
//! The form's parser has no bounds of its own that would do: a field that is not the file, or a part's head without
//! an end, would be read for as long as it comes. So everything that is not the file's content has one small budget,
//! and the whole has a least rate and an end.
//!
//! The parser takes what is there before it looks at any of it. So there is one piece at a time: else a fast client's
//! file would be in memory whole, and its beginning counted with the form.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::{
    config::Limits,
    problem::{Code, Problem},
};

/// What the form around the file may take beside it.
pub(super) const FORM_BYTES: u64 = 16 << 10;

/// How fast a body has to come.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// Bytes in a second, once the grace is over.
    rate: u64,
    grace: Duration,
    /// For all of it.
    time: Duration,
}

impl Pace {
    /// How long after its beginning a body of which so much has come may take for the next bytes.
    fn patience(self, received: u64) -> Duration {
        let earned = Duration::from_millis(received.saturating_mul(1000) / self.rate.max(1));
        self.grace.saturating_add(earned).min(self.time)
    }
}

/// What the reader of the form and the body know of each other.
#[derive(Debug, Default)]
pub(super) struct Watch {
    in_file: AtomicBool,
    problem: Mutex<Option<Problem>>,
}

impl Watch {
    /// From now on what comes is the file.
    pub(super) fn file_begins(&self) {
        self.in_file.store(true, Ordering::Relaxed);
    }

    /// Why the body ended early, if it did.
    pub(super) fn problem(&self) -> Option<Problem> {
        self.problem.lock().take()
    }

    fn give_up(&self, problem: Problem) -> std::io::Error {
        let error = std::io::Error::other(problem.body().detail);
        *self.problem.lock() = Some(problem);
        error
    }
}

struct Arriving<S> {
    stream: S,
    watch: Arc<Watch>,
    pace: Pace,
    most: u64,
    began: Instant,
    received: u64,
    over: bool,
}

impl<S: Stream<Item = Result<Bytes, axum::Error>> + Unpin> Arriving<S> {
    async fn next(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        if self.over {
            return None;
        }
        if self.received > 0 {
            // Nothing is there, for once: what has come is looked at.
            tokio::task::yield_now().await;
        }
        let next = self.checked().await;
        self.over = next.as_ref().is_none_or(Result::is_err);
        next
    }

    async fn checked(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        let refuse = |code, text: String| Some(Err(self.watch.give_up(Problem::new(code, text))));
        if !self.watch.in_file.load(Ordering::Relaxed) && self.received > FORM_BYTES {
            return refuse(Code::TooLarge, format!("a form may have {FORM_BYTES} bytes beside its file"));
        }
        let deadline = self.began + self.pace.patience(self.received);
        match timeout_at(deadline, self.stream.next()).await {
            Err(_) => refuse(Code::Timeout, "the file comes too slowly".to_owned()),
            Ok(None) => None,
            Ok(Some(Err(error))) => {
                tracing::debug!(%error, "an upload broke off");
                refuse(Code::InvalidRequest, "the upload broke off before its end".to_owned())
            }
            Ok(Some(Ok(bytes))) => {
                self.received = self.received.saturating_add(bytes.len() as u64);
                if self.received > self.most {
                    return refuse(Code::TooLarge, format!("an upload may have {} bytes at most", self.most));
                }
                Some(Ok(bytes))
            }
        }
    }
}

/// A body with bounds, and what tells why it ended.
pub(super) fn watched(body: Body, limits: &Limits) -> (Body, Arc<Watch>) {
    let watch = Arc::<Watch>::default();
    let arriving = Arriving {
        stream: body.into_data_stream(),
        watch: watch.clone(),
        pace: Pace { rate: limits.upload_rate, grace: limits.upload_grace, time: limits.upload_time },
        most: limits.upload_bytes.saturating_add(FORM_BYTES),
        began: Instant::now(),
        received: 0,
        over: false,
    };
    let stream = stream::unfold(arriving, async |mut arriving| Some((arriving.next().await?, arriving)));
    (Body::from_stream(stream), watch)
}

#[cfg(test)]
mod tests {
    use axum::extract::{FromRequest, Multipart};

    use super::*;

    #[test]
    fn patience_grows_with_what_has_come_and_ends() {
        let pace = Pace { rate: 1000, grace: Duration::from_secs(10), time: Duration::from_secs(100) };
        assert_eq!(pace.patience(0), Duration::from_secs(10));
        assert_eq!(pace.patience(5000), Duration::from_secs(15));
        assert_eq!(pace.patience(u64::MAX), Duration::from_secs(100));
    }

    fn limits() -> Limits {
        Limits { upload_bytes: 100_000, ..Limits::default() }
    }

    async fn ends(body: Body, begins: bool) -> (u64, Option<Code>) {
        let (body, watch) = watched(body, &limits());
        if begins {
            watch.file_begins();
        }
        let mut stream = body.into_data_stream();
        let mut count = 0;
        while let Some(Ok(bytes)) = stream.next().await {
            count += bytes.len() as u64;
        }
        (count, watch.problem().map(|problem| problem.code()))
    }

    fn pieces(count: usize, pause: Duration) -> Body {
        let pieces = stream::iter(0..count).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, std::io::Error>(Bytes::from_static(&[b'a'; 1000]))
        });
        Body::from_stream(pieces)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_bounded_in_size_and_time() {
        let none = Duration::ZERO;
        assert_eq!(ends(pieces(100, none), true).await, (100_000, None));
        assert_eq!(ends(pieces(1000, none), true).await.1, Some(Code::TooLarge));
        let (read, code) = ends(pieces(1000, none), false).await;
        assert!(code == Some(Code::TooLarge) && read < FORM_BYTES + 2000, "{read}");
        let (read, code) = ends(pieces(100, Duration::from_secs(8)), true).await;
        assert!(code == Some(Code::Timeout) && read < 10_000, "{read}");
    }

    #[tokio::test]
    async fn what_has_come_is_looked_at_before_there_is_more() {
        const PIECE: usize = 64 << 10;
        let file = vec![b'a'; 1 << 20];
        let mut form =
            b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n".to_vec();
        form.extend_from_slice(&file);
        form.extend_from_slice(b"\r\n--x--\r\n");
        let pieces: Vec<_> =
            form.chunks(PIECE).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece))).collect();
        // All of it is there at once, as from a client on the same machine.
        let (body, watch) = watched(Body::from_stream(stream::iter(pieces)), &Limits::default());
        let request =
            axum::extract::Request::builder().header("content-type", "multipart/form-data; boundary=x");
        let mut form = Multipart::from_request(request.body(body).unwrap(), &()).await.unwrap();
        let mut field = form.next_field().await.unwrap().unwrap();
        watch.file_begins();
        let (mut read, mut most) = (0, 0);
        while let Some(bytes) = field.chunk().await.unwrap() {
            (read, most) = (read + bytes.len(), most.max(bytes.len()));
        }
        assert_eq!((read, watch.problem()), (file.len(), None));
        assert!(most <= 2 * PIECE, "{most} bytes are in memory at once");
    }
}
