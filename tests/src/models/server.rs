//! The server itself: its thread, and what it has seen.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Response, Uri},
};
use futures_util::stream::unfold;
use parking_lot::{Condvar, Mutex};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot};

use super::Answer;

/// How long [`ModelServer::wait_until`] waits before it is a failure.
const PATIENCE: Duration = Duration::from_secs(60);

/// A request, as a script sees it.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Counted from 1, in the order in which they came.
    pub number: usize,
    /// The path.
    pub path: String,
    /// The body; null for a request without one.
    pub body: Value,
    /// The header with the key.
    pub authorization: Option<String>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It is being answered.
    Not,
    /// It was answered to the end.
    Answered,
    /// The client went away.
    GivenUp,
}

/// What the server has seen of a request.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The request.
    pub asked: Asked,
    /// When it came.
    pub at: Instant,
    /// What became of it.
    pub ended: Ended,
    /// The tokens that it took.
    pub tokens: u64,
    /// What it cost, in billionths of a dollar; counted when it is answered to the end.
    pub cost: u64,
}

type Script = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

struct Shared {
    script: Mutex<Script>,
    seen: Mutex<Vec<Seen>>,
    changed: Condvar,
}

/// See the module documentation. Dropped, it ends.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for ModelServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl ModelServer {
    /// A server that answers like this.
    ///
    /// # Errors
    /// There is no port, or no thread.
    pub fn start(script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> std::io::Result<Self> {
        Self::start_at(Ipv4Addr::LOCALHOST.into(), script)
    }

    /// The same with clients that come by this address of the machine.
    ///
    /// # Errors
    /// There is no port, or no thread.
    pub fn start_at(
        host: IpAddr,
        script: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind((host, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(script)),
            seen: Mutex::default(),
            changed: Condvar::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let router =
            Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(shared.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = async move {
            let listener = TcpListener::from_std(listener)?;
            tokio::select! {
                served = async { axum::serve(listener, router).await } => served,
                _ = stopped => Ok(()),
            }
        };
        let thread = std::thread::Builder::new().name("models".to_owned()).spawn(move || {
            if let Err(error) = runtime.block_on(serve) {
                tracing::error!(%error, "the server of models ended");
            }
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// What a client is configured with.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// From now on it answers like this.
    pub fn answer(&self, script: impl Fn(&Asked) -> Answer + Send + Sync + 'static) {
        *self.shared.script.lock() = Arc::new(script);
    }

    /// What it has seen.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().clone()
    }

    /// What is to be known of what it has seen, which is not copied: requests with images are large.
    #[must_use]
    pub fn of_seen<T>(&self, look: impl FnOnce(&[Seen]) -> T) -> T {
        look(&self.shared.seen.lock())
    }

    /// Waits until what it has seen is like this. `false`: it never was.
    #[must_use]
    pub fn wait_until(&self, mut holds: impl FnMut(&[Seen]) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = self.shared.seen.lock();
        while !holds(&seen) {
            if self.shared.changed.wait_until(&mut seen, deadline).timed_out() {
                return holds(&seen);
            }
        }
        true
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the server of models panicked");
        }
    }
}

/// Writes down how a request ended, whoever ends it.
struct Ending {
    shared: Arc<Shared>,
    place: usize,
    ended: Ended,
}

impl Ending {
    fn answered(mut self) {
        self.ended = Ended::Answered;
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(seen) = self.shared.seen.lock().get_mut(self.place) {
            seen.ended = self.ended;
            if self.ended != Ended::Answered {
                (seen.cost, seen.tokens) = (0, 0);
            }
        }
        self.shared.changed.notify_all();
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
    let (ending, answer) = {
        let mut seen = shared.seen.lock();
        let asked = Asked {
            number: seen.len() + 1,
            path: uri.path().to_owned(),
            body: serde_json::from_slice(&body).unwrap_or_default(),
            authorization: authorization.map(str::to_owned),
        };
        let script = shared.script.lock().clone();
        let answer = script(&asked);
        let (tokens, cost) = (answer.tokens, answer.cost);
        seen.push(Seen { asked, at: Instant::now(), ended: Ended::Not, tokens, cost });
        (Ending { shared: shared.clone(), place: seen.len() - 1, ended: Ended::GivenUp }, answer)
    };
    shared.changed.notify_all();
    tokio::time::sleep(answer.after).await;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let (between, is_cut) = (answer.between, answer.is_cut);
    let mut pieces = answer.pieces.into_iter().enumerate();
    if !is_cut && pieces.len() == 1 {
        // Whole at once, with its length.
        ending.answered();
        let body = pieces.next().map(|(_, piece)| piece).unwrap_or_default();
        return response.body(Body::from(body)).unwrap_or_default();
    }
    let stream = unfold((pieces, ending, false), move |(mut pieces, ending, is_over)| async move {
        match pieces.next() {
            _ if is_over => None,
            Some((place, piece)) => {
                if place > 0 {
                    tokio::time::sleep(between).await;
                }
                Some((Ok(piece), (pieces, ending, false)))
            }
            None if is_cut => Some((Err(std::io::Error::other("cut")), (pieces, ending, true))),
            None => {
                ending.answered();
                None
            }
        }
    });
    response.body(Body::from_stream(stream)).unwrap_or_default()
}
