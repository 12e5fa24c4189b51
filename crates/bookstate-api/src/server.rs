//! The server: binding, accepting, and ending.
//!
//! Not `axum::serve`, since that bounds neither the time that a client may take for a request's head, nor the
//! head's size, nor how many connections there are.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper::{Request, body::Incoming};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulConnection, GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tower::ServiceExt;

use crate::{
    config::ServerConfig,
    connections::{Connections, Peer},
    lag, layers,
    socket::Socket,
    state::{ApiState, ServerParts},
};

/// How long to wait after an accept that failed: the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// So many connections may have lost their place and not be closed yet: on a busy machine a crowd comes faster than
/// others leave, and each is an open file.
const LEAVING: usize = 32;
/// How many bytes the system holds for a client that does not read: without a bound, some megabytes for each.
const SEND_BYTES: u32 = 256 << 10;
/// How many connections wait to be accepted.
const WAITING: u32 = 1024;

/// A server that cannot be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address is not of this machine alone, and there is no token.
    #[error(
        "{address} can be reached from other machines, so a token is needed: give one, or bind a loopback \
         address"
    )]
    TokenNeeded {
        /// The address.
        address: SocketAddr,
    },
    /// A directory from which files may be taken in is not there.
    #[error("the ingest root {path} cannot be used: {source}")]
    Root {
        /// The directory.
        path: std::path::PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The address cannot be bound.
    #[error("{address} cannot be bound: {source}")]
    Address {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
}

/// A server that has its address and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    state: ApiState,
}

impl Server {
    /// Binds an address; port 0 is any free one. Needs a tokio runtime.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind(
        address: SocketAddr,
        parts: ServerParts,
        mut config: ServerConfig,
    ) -> Result<Self, BindError> {
        if config.tokens.is_empty() && !is_loopback(address.ip()) {
            return Err(BindError::TokenNeeded { address });
        }
        for path in &mut config.ingest_roots {
            // Resolved once: what is asked for is compared with where the directory really is.
            match path.canonicalize() {
                Ok(real) => *path = real,
                Err(source) => return Err(BindError::Root { path: path.clone(), source }),
            }
        }
        let state = ApiState::new(parts, config);
        state.clear_uploads();
        let listener = listen(address).map_err(|source| BindError::Address { address, source })?;
        Ok(Self { listener, state })
    }

    /// The address; with the port that was free.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `stop`, then ends: nothing new is taken, jobs go to a safe point, and what is under way
    /// may end within [`end_time`](crate::Limits::end_time). Books can be read until the jobs are there.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let Self { listener, state } = self;
        let limits = state.config().limits.clone();
        let app = layers::app(&state);
        let connections = Connections::new(limits.connections);
        let graceful = GracefulShutdown::new();
        let resuming = state.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(background(state.clone()));
        tasks.spawn(async move { resuming.resume_jobs().await });
        let ended = async {
            stop.await;
            state.stop();
            state.jobs_over().await;
        };
        tokio::pin!(ended);
        let open = Arc::new(Semaphore::new(limits.connections.saturating_add(LEAVING)));
        loop {
            while tasks.try_join_next().is_some() {}
            let accepted = tokio::select! {
                // The end comes first: it must not have to wait in a crowd.
                biased;
                () = &mut ended => break,
                accepted = accept(&listener, &open) => accepted,
            };
            match accepted {
                Ok((stream, address, file)) => {
                    let (peer, leave) = connections.enter(address.ip());
                    let connection = graceful.watch(connection(stream, peer, &app, &limits));
                    tasks.spawn(async move {
                        let _file = file;
                        tokio::select! {
                            done = connection => if let Err(error) = done {
                                tracing::debug!(%error, "a connection ended early");
                            },
                            () = leave.notified() => tracing::debug!("a connection made room for another"),
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::select! {
                        biased;
                        () = &mut ended => break,
                        () = tokio::time::sleep(ACCEPT_PAUSE) => {}
                    }
                }
            }
        }
        drop(listener);
        if tokio::time::timeout(limits.end_time, graceful.shutdown()).await.is_err() {
            tracing::warn!("some answers were not done in time and are cut off");
        }
        tasks.shutdown().await;
    }
}

/// The next connection, as soon as those that have to leave have left; with what counts it as open.
///
/// Cancel safe: a connection that was not returned was not accepted.
async fn accept(
    listener: &TcpListener,
    open: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let file = open.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, address) = listener.accept().await?;
    Ok((stream, address, file))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Connections inherit it.
    socket.set_send_buffer_size(SEND_BYTES)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// What goes on beside the answers.
async fn background(state: ApiState) {
    let look = async {
        let mut ticks = tokio::time::interval(lag::INTERVAL);
        loop {
            ticks.tick().await;
            state.lag().look(&state.targets(), std::time::Instant::now());
        }
    };
    tokio::join!(look, state.hub().run());
}

fn connection(
    stream: TcpStream,
    peer: Peer,
    app: &Router,
    limits: &crate::Limits,
) -> impl GracefulConnection<Error = hyper::Error> + Send + use<> {
    // Events are small and must not wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection waits to fill its packets");
    }
    let service = app.clone().map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer.clone());
        request
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes.max(8192))
        .serve_connection(
            TokioIo::new(Socket::new(stream, limits.read_time)),
            TowerToHyperService::new(service),
        )
}
