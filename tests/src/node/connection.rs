//! One client's connection through a proxy: a thread that reads requests and does to them what was chosen.

use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use super::fault::{End, Fault};
use super::http::{Message, Side};
use super::proxy::{Shared, abort};

pub(super) struct Connection {
    shared: Arc<Shared>,
    number: u64,
    client: BufReader<TcpStream>,
    node: Option<BufReader<TcpStream>>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // Only when no other descriptor is left do the streams close with this value.
        self.shared.close(self.number);
    }
}

impl Connection {
    /// Takes on a client. `None` when the proxy wants no more.
    ///
    /// # Errors
    /// When the client has gone.
    pub(super) fn new(client: TcpStream, shared: &Arc<Shared>) -> io::Result<Option<Self>> {
        client.set_nodelay(true)?;
        let Some(number) = shared.open(client.try_clone()?) else { return Ok(None) };
        Ok(Some(Self { shared: Arc::clone(shared), number, client: BufReader::new(client), node: None }))
    }

    /// Serves until one of the three ends it.
    pub(super) fn serve(mut self) {
        while let Ok(Some(request)) = Message::read(&mut self.client, Side::Request) {
            let fault = self.shared.fault(&request);
            let end = match fault {
                Fault::Lose(end) => Some(end),
                Fault::CutRequest => {
                    self.cut(&request);
                    Some(End::Reset)
                }
                Fault::Stall { answers } => {
                    stall(Arc::clone(&self.shared), request, answers);
                    Some(End::Silence)
                }
                Fault::Delay(time) => {
                    std::thread::sleep(time);
                    self.pass(&request, fault)
                }
                Fault::Pass | Fault::LoseAnswer(_) | Fault::CutAnswer => self.pass(&request, fault),
            };
            if let Some(end) = end {
                return self.end(end);
            }
        }
    }

    /// Gives a request to the node and, as the fault will have it, its answer to the client. Says how the
    /// connection ends, if it does.
    fn pass(&mut self, request: &Message, fault: Fault) -> Option<End> {
        let Ok(answer) = self.ask(request) else {
            self.shared.count(|counts| counts.unreached += 1);
            return Some(End::Reset);
        };
        // Before the client sees it, so that counts are never behind what it knows.
        self.shared.count(|counts| counts.answers += 1);
        let bytes = answer.bytes();
        let (part, end) = match fault {
            Fault::LoseAnswer(end) => (&[][..], Some(end)),
            Fault::CutAnswer => (half(&bytes), Some(End::Reset)),
            _ if request.is_last() || answer.is_last() => (&bytes[..], Some(End::Close)),
            _ => (&bytes[..], None),
        };
        let gone = self.client.get_mut().write_all(part).is_err();
        if gone { Some(End::Close) } else { end }
    }

    fn ask(&mut self, request: &Message) -> io::Result<Message> {
        let node = self.node()?;
        node.get_mut().write_all(&request.bytes())?;
        Message::read(node, Side::Answer)?.ok_or_else(|| ErrorKind::UnexpectedEof.into())
    }

    /// Gives half of a request to the node, then resets.
    fn cut(&mut self, request: &Message) {
        let bytes = request.bytes();
        // A node that cannot be reached does not get the half either.
        if let Ok(node) = self.node()
            && node.get_mut().write_all(half(&bytes)).is_ok()
        {
            abort(node.get_ref());
        }
    }

    /// The connection to the node; a new one when there is none or the node has ended it, as a client does
    /// with one that is idle.
    fn node(&mut self) -> io::Result<&mut BufReader<TcpStream>> {
        let open = match self.node.take() {
            Some(node) if is_open(node.get_ref())? => node,
            _ => {
                let stream = TcpStream::connect(self.shared.node)?;
                stream.set_nodelay(true)?;
                self.shared.open_node(self.number, stream.try_clone()?);
                BufReader::new(stream)
            }
        };
        Ok(self.node.insert(open))
    }

    fn end(mut self, end: End) {
        match end {
            End::Close => {}
            End::Reset => abort(self.client.get_ref()),
            // Until the client closes it, whatever it sends.
            End::Silence => drop(io::copy(&mut self.client.by_ref(), &mut io::sink())),
        }
    }
}

/// Delivers a request late, on a connection of its own, and keeps the answer.
fn stall(shared: Arc<Shared>, request: Message, answers: u64) {
    // Here, not in the thread: the next answer may be there before the thread is.
    let hold = shared.hold(answers);
    std::thread::spawn(move || {
        if !shared.wait(&hold) {
            return;
        }
        let ask = || {
            let mut node = TcpStream::connect(shared.node)?;
            node.write_all(&request.bytes())?;
            Message::read(&mut BufReader::new(node), Side::Answer)
        };
        match ask() {
            Ok(Some(answer)) => shared.late(answer),
            Ok(None) | Err(_) => shared.count(|counts| counts.unreached += 1),
        }
    });
}

fn half(bytes: &[u8]) -> &[u8] {
    bytes.split_at(bytes.len() / 2).0
}

/// Whether the other side has not ended an idle connection.
fn is_open(stream: &TcpStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let seen = stream.peek(&mut [0]);
    stream.set_nonblocking(false)?;
    Ok(seen.is_err_and(|error| error.kind() == ErrorKind::WouldBlock))
}
