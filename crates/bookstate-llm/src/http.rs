//! One request over HTTP: sent, its answer read within the time that it has. Nothing is decided here.
//!
//! Dropping the future closes the connection, which tells the server to stop.

use std::time::Duration;

use reqwest::{Response, StatusCode, header, redirect};
use tokio::time::{Instant, timeout_at};

use crate::{
    answer::is_looping,
    classify::{Failure, Signal, classify},
    key::Key,
    reply::{Assembly, MOST_BYTES, Reply, Usage},
    sse::Frames,
};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest error that is read, in bytes.
const MOST_ERROR_BYTES: usize = 64 << 10;
/// How often a growing answer is looked at for loops, in bytes.
const LOOK_EVERY: usize = 2_048;

/// How long an attempt may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// As a whole.
    pub(crate) whole: Duration,
    /// Between two pieces of a stream.
    pub(crate) idle: Duration,
}

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) failure: Failure,
    pub(crate) usage: Usage,
    /// The server may have worked on it without saying what it took.
    pub(crate) is_unknown: bool,
}

impl Attempt {
    /// The server said so, and that is all it did.
    fn refused(failure: Failure) -> Self {
        Self { failure, usage: Usage::default(), is_unknown: false }
    }

    /// It was at work, and its answer is lost.
    fn lost(failure: Failure, usage: Usage) -> Self {
        Self { failure, usage, is_unknown: usage == Usage::default() }
    }

    fn inside((failure, usage): (Failure, Usage)) -> Self {
        Self { failure, usage, is_unknown: false }
    }
}

/// The client of a provider.
pub(crate) fn client() -> Result<reqwest::Client, reqwest::Error> {
    #[cfg(feature = "tls")]
    // An error says that the process has chosen a provider already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .build()
}

/// Sends a body and reads the answer.
pub(crate) async fn post(
    client: &reqwest::Client,
    url: &str,
    key: Option<&Key>,
    body: Vec<u8>,
    times: Times,
) -> Result<Reply, Attempt> {
    let deadline = Instant::now() + times.whole;
    let late = |usage| Attempt::lost(classify(Signal::Late(times.whole)), usage);
    let mut request = client.post(url).header(header::CONTENT_TYPE, "application/json").body(body);
    if let Some(bearer) = key.and_then(Key::bearer) {
        request = request.header(header::AUTHORIZATION, bearer);
    }
    let sent = timeout_at(deadline, request.send()).await.map_err(|_| late(Usage::default()))?;
    let response = sent.map_err(|error| {
        if error.is_connect() {
            return Attempt::refused(classify(Signal::Unreachable(&cause(&error))));
        }
        Attempt::lost(classify(Signal::Broken(&cause(&error))), Usage::default())
    })?;
    if response.status() != StatusCode::OK {
        return Err(Attempt::refused(error_of(response, deadline).await));
    }
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.contains("text/event-stream")) {
        return stream(response, deadline, times).await;
    }
    let read = timeout_at(deadline, read(response, MOST_BYTES)).await;
    let body = read
        .map_err(|_| late(Usage::default()))?
        .map_err(|what| Attempt::lost(classify(Signal::Broken(&what)), Usage::default()))?;
    Reply::of_body(&body).map_err(Attempt::inside)
}

/// The body of a `GET`.
pub(crate) async fn get(
    client: &reqwest::Client,
    url: &str,
    key: Option<&Key>,
    limit: Duration,
) -> Result<Vec<u8>, Failure> {
    let deadline = Instant::now() + limit;
    let mut request = client.get(url);
    if let Some(bearer) = key.and_then(Key::bearer) {
        request = request.header(header::AUTHORIZATION, bearer);
    }
    let late = || classify(Signal::Late(limit));
    let sent = timeout_at(deadline, request.send()).await.map_err(|_| late())?;
    let response = sent.map_err(|error| classify(Signal::Unreachable(&cause(&error))))?;
    if response.status() != StatusCode::OK {
        return Err(error_of(response, deadline).await);
    }
    let read = timeout_at(deadline, read(response, MOST_BYTES)).await.map_err(|_| late())?;
    read.map_err(|what| classify(Signal::Broken(&what)))
}

/// What an answer without success means.
async fn error_of(response: Response, deadline: Instant) -> Failure {
    let status = response.status().as_u16();
    let after = response.headers().get(header::RETRY_AFTER).and_then(|after| after.to_str().ok());
    let after = after.map(str::to_owned);
    // The status says enough where the text cannot be read.
    let read = timeout_at(deadline, read(response, MOST_ERROR_BYTES)).await;
    let body = read.ok().and_then(Result::ok).unwrap_or_default();
    let body = String::from_utf8_lossy(&body);
    classify(Signal::Status { status, retry_after: after.as_deref(), body: &body })
}

/// A body up to a length; what is longer is cut off.
async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|error| cause(&error))? {
        body.extend_from_slice(&piece);
        if body.len() >= most {
            body.truncate(most);
            break;
        }
    }
    Ok(body)
}

/// Reads a stream to its end, or to where it is no good.
async fn stream(mut response: Response, deadline: Instant, times: Times) -> Result<Reply, Attempt> {
    let (mut frames, mut assembly, mut looked_at) = (Frames::default(), Assembly::default(), 0);
    loop {
        let limit = deadline.min(Instant::now() + times.idle);
        let piece = match timeout_at(limit, response.chunk()).await {
            Ok(Ok(piece)) => piece,
            Ok(Err(error)) => {
                return Err(Attempt::lost(classify(Signal::Broken(&cause(&error))), assembly.usage()));
            }
            Err(_) => {
                let waited = if limit == deadline { times.whole } else { times.idle };
                return Err(Attempt::lost(classify(Signal::Late(waited)), assembly.usage()));
            }
        };
        let Some(piece) = piece else { break };
        for frame in frames.push(&piece) {
            if assembly.push(&frame).map_err(Attempt::inside)? {
                return assembly.finish().map_err(Attempt::inside);
            }
        }
        if assembly.text().len() > looked_at + LOOK_EVERY {
            looked_at = assembly.text().len();
            if is_looping(assembly.text()) {
                let failure = Failure::Permanent { reason: "the model repeats itself".to_owned() };
                return Err(Attempt::lost(failure, assembly.usage()));
            }
        }
    }
    if let Some(frame) = frames.end() {
        assembly.push(&frame).map_err(Attempt::inside)?;
    }
    assembly.finish().map_err(|(failure, usage)| Attempt::lost(failure, usage))
}

/// The innermost of an error's causes: what happened.
fn cause(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
