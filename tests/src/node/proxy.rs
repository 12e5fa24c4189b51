//! A proxy in front of a node, with faults that are chosen per request.
//!
//! A thread per connection, each with a connection of its own to the node. Messages are read whole before they are passed on; so a fault is exact: a
//! request was delivered completely, or half, or not at all. Nothing here is timed, but for [`Fault::Delay`].

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::client::Client;
use super::connection::Connection;
use super::fault::{Asked, Counts, Fault};
use super::http::Message;

/// How long is waited for what must come.
const PATIENCE: Duration = Duration::from_secs(120);

type Choice = Box<dyn FnMut(&Asked<'_>) -> Fault + Send>;

/// A proxy on loopback. Lets everything pass until it is told otherwise. Everything it holds ends with it;
/// stalled requests are then never delivered.
pub struct Proxy {
    shared: Arc<Shared>,
    /// None while connections are refused.
    accepting: Option<JoinHandle<()>>,
}

/// What the proxy and the threads of its connections share.
pub(super) struct Shared {
    address: SocketAddr,
    pub(super) node: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

/// When a stalled request goes on.
pub(super) struct Hold {
    answers: u64,
    releases: u64,
}

#[derive(Default)]
struct State {
    counts: Counts,
    next: VecDeque<Fault>,
    choice: Option<Choice>,
    /// The clients' open connections, each with those to the node, to be cut.
    open: HashMap<u64, Vec<TcpStream>>,
    late: Vec<Message>,
    /// How often stalled requests were released; those that came before the last time go on.
    releases: u64,
    refusing: bool,
    gone: bool,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        f.debug_struct("Proxy")
            .field("address", &self.shared.address)
            .field("node", &self.shared.node)
            .field("counts", &state.counts)
            .field("next", &state.next)
            .finish_non_exhaustive()
    }
}

impl Proxy {
    /// Starts one in front of a node, at a free port.
    ///
    /// # Errors
    /// When there is no port.
    pub fn start(node: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { address, node, state: Mutex::default(), changed: Condvar::new() });
        let accepting = Some(accept(listener, Arc::clone(&shared)));
        Ok(Self { shared, accepting })
    }

    /// Its URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// A plain client that goes through it.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.shared.address)
    }

    /// Chooses the faults of the next requests, one each, in the order in which they come. They go before
    /// [`Proxy::choose`].
    pub fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state.lock().next.extend(faults);
    }

    /// Lets a closure choose the fault of every request from now on. It must not use this proxy.
    pub fn choose(&self, choice: impl FnMut(&Asked<'_>) -> Fault + Send + 'static) {
        self.shared.state.lock().choice = Some(Box::new(choice));
    }

    /// Lets everything pass from now on. What is held stays held.
    pub fn pass(&self) {
        let mut state = self.shared.state.lock();
        state.choice = None;
        state.next.clear();
    }

    /// Delivers all requests that are stalled now.
    pub fn release(&self) {
        self.shared.state.lock().releases += 1;
        self.shared.changed.notify_all();
    }

    /// Refuses new connections and resets the open ones, as a node's machine does whose node was killed.
    pub fn refuse(&mut self) {
        self.shared.state.lock().refusing = true;
        self.stop_accepting();
        self.cut();
    }

    /// Accepts connections again, at the same port.
    ///
    /// # Errors
    /// When somebody else has got the port meanwhile.
    pub fn accept(&mut self) -> io::Result<()> {
        if self.accepting.is_none() {
            let listener = TcpListener::bind(self.shared.address)?;
            self.shared.state.lock().refusing = false;
            self.accepting = Some(accept(listener, Arc::clone(&self.shared)));
        }
        Ok(())
    }

    /// Resets all open connections, whatever is under way on them. Stalled requests stay.
    pub fn cut(&self) {
        for stream in self.shared.state.lock().open.values().flatten() {
            abort(stream);
            // Its thread reads it, or will: it finds an end, and closes.
            drop(stream.shutdown(Shutdown::Read));
        }
    }

    /// What it has seen and done until now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.state.lock().counts
    }

    /// The node's answers to requests that had been stalled, in the order in which they came.
    #[must_use]
    pub fn late_answers(&self) -> Vec<Message> {
        self.shared.state.lock().late.clone()
    }

    /// Waits until the counts are as wanted. False when that takes minutes.
    #[must_use]
    pub fn wait(&self, mut wanted: impl FnMut(&Counts) -> bool) -> bool {
        let begun = Instant::now();
        let mut state = self.shared.state.lock();
        while !wanted(&state.counts) {
            let Some(left) = PATIENCE.checked_sub(begun.elapsed()) else { return false };
            self.shared.changed.wait_for(&mut state, left);
        }
        true
    }

    fn stop_accepting(&mut self) {
        if let Some(thread) = self.accepting.take() {
            // It waits for a connection.
            drop(TcpStream::connect(self.shared.address));
            drop(thread.join());
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state.lock().gone = true;
        self.shared.changed.notify_all();
        self.stop_accepting();
        self.cut();
    }
}

impl Shared {
    /// Takes on a client's connection and gives its number. `None` when no more are wanted.
    pub(super) fn open(&self, client: TcpStream) -> Option<u64> {
        let mut state = self.state.lock();
        if state.refusing || state.gone {
            return None;
        }
        let number = state.counts.connections;
        state.counts.connections += 1;
        state.open.insert(number, vec![client]);
        Some(number)
    }

    /// Adds a connection to the node to a client's.
    pub(super) fn open_node(&self, number: u64, node: TcpStream) {
        self.state.lock().open.entry(number).or_default().push(node);
    }

    /// Forgets a client's connection and those to the node that belong to it.
    pub(super) fn close(&self, number: u64) {
        self.state.lock().open.remove(&number);
    }

    /// Counts a request and says what is to happen to it.
    pub(super) fn fault(&self, request: &Message) -> Fault {
        let mut state = self.state.lock();
        let number = state.counts.requests;
        state.counts.requests += 1;
        let asked = Asked { number, method: request.method(), path: request.path(), body: request.body() };
        let fault = match (state.next.pop_front(), state.choice.as_mut()) {
            (Some(fault), _) => fault,
            (None, Some(choice)) => choice(&asked),
            (None, None) => Fault::Pass,
        };
        state.counts.faults += u64::from(fault != Fault::Pass);
        drop(state);
        self.changed.notify_all();
        fault
    }

    /// Counts something.
    pub(super) fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.state.lock().counts);
        self.changed.notify_all();
    }

    /// What a request waits for that is stalled now, until so many others have been answered.
    pub(super) fn hold(&self, answers: u64) -> Hold {
        let state = self.state.lock();
        Hold { answers: state.counts.answers + answers, releases: state.releases }
    }

    /// Waits for that, or a release. False when the proxy goes before.
    pub(super) fn wait(&self, hold: &Hold) -> bool {
        let mut state = self.state.lock();
        while !state.gone && state.counts.answers < hold.answers && state.releases == hold.releases {
            self.changed.wait(&mut state);
        }
        !state.gone
    }

    /// Keeps the answer to a request that had been stalled.
    pub(super) fn late(&self, answer: Message) {
        let mut state = self.state.lock();
        state.counts.late += 1;
        state.late.push(answer);
        drop(state);
        self.changed.notify_all();
    }
}

fn accept(listener: TcpListener, shared: Arc<Shared>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            match Connection::new(stream, &shared) {
                Ok(Some(connection)) => drop(std::thread::spawn(move || connection.serve())),
                Ok(None) => return,
                // The client has gone again.
                Err(_) => {}
            }
        }
    })
}

/// Makes the closing of a connection a reset: the other side loses what it has not got yet.
pub(super) fn abort(stream: &TcpStream) {
    // A connection that has gone already is what was wanted.
    rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).ok();
}
