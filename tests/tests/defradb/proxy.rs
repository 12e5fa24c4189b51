//! The proxy's faults, one by one, before a server that keeps what it was sent.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bookstate_tests::node::{Client, End, Fault, Proxy};

/// Answers every request with its body, and keeps the bodies that came whole, in their order. The first of a
/// connection is answered in chunks.
struct Echo {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&bodies);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || drop(echo(stream, &kept)));
            }
        });
        Self { address, bodies }
    }

    fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

fn echo(stream: TcpStream, kept: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut chunked = true;
    loop {
        let (mut length, mut line) = (0, String::new());
        while reader.read_line(&mut line)? > 2 {
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let body = String::from_utf8(body).unwrap();
        let answer = if chunked {
            format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n")
        } else {
            format!("Content-Length: {length}\r\n\r\n{body}")
        };
        chunked = false;
        kept.lock().unwrap().push(body);
        reader.get_mut().write_all(format!("HTTP/1.1 200 OK\r\n{answer}").as_bytes())?;
    }
}

fn send(client: Client, body: &str) -> Result<String, String> {
    client
        .request("POST", "/", body.as_bytes())
        .map(|answer| answer.text())
        .map_err(|error| error.to_string())
}

/// A client with a connection that it keeps, and little patience.
struct Kept(BufReader<TcpStream>);

impl Kept {
    fn open(proxy: &Proxy) -> Self {
        let address = proxy.url().strip_prefix("http://").unwrap().to_owned();
        Self(BufReader::new(TcpStream::connect(address).unwrap()))
    }

    fn write(&mut self, body: &str) {
        let request = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
    }

    /// The answer to a request, to the end of a body of the same length.
    fn ask(&mut self, body: &str) -> std::io::Result<String> {
        self.write(body);
        let mut answer = String::new();
        while !answer.ends_with(body) {
            if self.0.read_line(&mut answer)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(answer)
    }

    /// What comes: bytes, or the end.
    fn wait(&mut self, patience: Duration) -> Result<usize, ErrorKind> {
        self.0.get_ref().set_read_timeout(Some(patience)).unwrap();
        self.0.read(&mut [0; 4096]).map_err(|error| error.kind())
    }
}

fn pair() -> (Echo, Proxy) {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address).unwrap();
    (echo, proxy)
}

#[test]
fn without_a_fault_everything_passes_and_is_counted() {
    let (echo, proxy) = pair();
    for body in ["one", "two", ""] {
        assert_eq!(send(proxy.client(), body), Ok(body.to_owned()));
    }
    assert_eq!(echo.bodies(), ["one", "two", ""]);
    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.requests, counts.answers, counts.faults), (3, 3, 3, 0));
}

#[test]
fn a_connection_is_kept() {
    let (echo, proxy) = pair();
    let mut client = Kept::open(&proxy);
    // The first answer is in chunks: read to its end, which is not the body's.
    client.write("first");
    let mut end = String::new();
    while !end.ends_with("0\r\n\r\n") {
        assert!(client.0.read_line(&mut end).unwrap() > 0);
    }
    for body in ["second\n", "third\n"] {
        assert!(client.ask(body).unwrap().ends_with(body));
    }
    assert_eq!(echo.bodies(), ["first", "second\n", "third\n"]);
    assert_eq!((proxy.counts().connections, proxy.counts().requests), (1, 3));
}

#[test]
fn a_lost_request_never_arrives_and_a_lost_answer_has_arrived() {
    let (echo, proxy) = pair();
    for (fault, body) in [
        (Fault::Lose(End::Reset), "lost"),
        (Fault::Lose(End::Close), "lost"),
        (Fault::CutRequest, "lost"),
        (Fault::LoseAnswer(End::Reset), "reset"),
        (Fault::LoseAnswer(End::Close), "closed"),
        (Fault::CutAnswer, "cut"),
    ] {
        proxy.next([fault]);
        assert!(send(proxy.client(), body).is_err(), "{fault:?}");
    }
    assert_eq!(send(proxy.client(), "passed"), Ok("passed".to_owned()));
    assert_eq!(echo.bodies(), ["reset", "closed", "cut", "passed"]);
    let counts = proxy.counts();
    assert_eq!((counts.requests, counts.faults, counts.answers, counts.unreached), (7, 6, 4, 0));
}

#[test]
fn the_end_of_a_connection_is_the_one_that_was_chosen() {
    let (_echo, proxy) = pair();
    let ends = [(End::Reset, Err(ErrorKind::ConnectionReset)), (End::Close, Ok(0))];
    for (end, seen) in ends {
        for fault in [Fault::Lose(end), Fault::LoseAnswer(end)] {
            proxy.next([fault]);
            let mut client = Kept::open(&proxy);
            client.write("x");
            assert_eq!(client.wait(Duration::from_secs(60)), seen, "{fault:?}");
        }
    }
}

#[test]
fn a_silent_connection_stays_open_until_it_is_cut() {
    let (echo, proxy) = pair();
    proxy.next([Fault::Lose(End::Silence), Fault::LoseAnswer(End::Silence)]);
    let (mut lost, mut answered) = (Kept::open(&proxy), Kept::open(&proxy));
    lost.write("lost");
    assert!(proxy.wait(|counts| counts.requests == 1));
    answered.write("arrived");
    assert!(proxy.wait(|counts| counts.answers == 1));
    for client in [&mut lost, &mut answered] {
        assert_eq!(client.wait(Duration::from_millis(50)), Err(ErrorKind::WouldBlock));
    }
    proxy.cut();
    for client in [&mut lost, &mut answered] {
        assert_eq!(client.wait(Duration::from_secs(60)), Err(ErrorKind::ConnectionReset));
    }
    assert_eq!(echo.bodies(), ["arrived"]);
}

#[test]
fn a_cut_ends_a_request_that_waits_for_its_answer() {
    // A server that takes connections and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    let mut client = Kept::open(&proxy);
    client.write("x");
    let (mut arrived, _) = listener.accept().unwrap();
    arrived.read_exact(&mut [0; 10]).unwrap();
    proxy.cut();
    assert_eq!(client.wait(Duration::from_secs(60)), Err(ErrorKind::ConnectionReset));
}

#[test]
fn a_stalled_request_arrives_after_the_later_ones_it_was_to_wait_for() {
    let (echo, proxy) = pair();
    proxy.next([Fault::Stall { answers: 2 }]);
    let mut stalled = Kept::open(&proxy);
    stalled.write("stalled");
    assert!(proxy.wait(|counts| counts.requests == 1));
    send(proxy.client(), "one").unwrap();
    assert_eq!((echo.bodies(), proxy.counts().late), (vec!["one".to_owned()], 0));
    // Its client gives up.
    drop(stalled);
    send(proxy.client(), "two").unwrap();
    assert!(proxy.wait(|counts| counts.late == 1));
    assert_eq!(echo.bodies(), ["one", "two", "stalled"]);
    assert_eq!(proxy.late_answers().iter().map(|answer| answer.text()).collect::<Vec<_>>(), ["stalled"]);
}

#[test]
fn stalled_requests_can_be_released() {
    let (echo, proxy) = pair();
    proxy.choose(|asked| if asked.says("stall") { Fault::Stall { answers: 1000 } } else { Fault::Pass });
    let mut clients = [Kept::open(&proxy), Kept::open(&proxy)];
    for client in &mut clients {
        client.write("stall");
    }
    assert!(proxy.wait(|counts| counts.requests == 2));
    send(proxy.client(), "one").unwrap();
    assert_eq!(echo.bodies(), ["one"]);
    proxy.release();
    assert!(proxy.wait(|counts| counts.late == 2));
    assert_eq!(echo.bodies(), ["one", "stall", "stall"]);
    proxy.pass();
    assert_eq!(send(proxy.client(), "stall"), Ok("stall".to_owned()));
}

#[test]
fn refused_connections_are_refused_and_accepted_again_at_the_same_port() {
    let (echo, mut proxy) = pair();
    let mut open = Kept::open(&proxy);
    open.write("one");
    assert!(proxy.wait(|counts| counts.answers == 1));
    proxy.refuse();
    let address = proxy.url().strip_prefix("http://").unwrap().to_owned();
    let refused = TcpStream::connect(&address).map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(ErrorKind::ConnectionRefused));
    while open.wait(Duration::from_secs(60)).is_ok_and(|bytes| bytes > 0) {}
    proxy.accept().unwrap();
    assert_eq!(send(proxy.client(), "two"), Ok("two".to_owned()));
    assert_eq!(echo.bodies(), ["one", "two"]);
}

#[test]
fn a_delayed_request_arrives_not_before() {
    let (echo, proxy) = pair();
    let time = Duration::from_millis(200);
    proxy.next([Fault::Delay(time)]);
    let begun = Instant::now();
    assert_eq!(send(proxy.client(), "late"), Ok("late".to_owned()));
    assert!(begun.elapsed() >= time);
    assert_eq!(echo.bodies(), ["late"]);
}

#[test]
fn a_server_that_is_not_there_resets_its_clients() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::start(nobody).unwrap();
    let mut client = Kept::open(&proxy);
    client.write("x");
    assert_eq!(client.wait(Duration::from_secs(60)), Err(ErrorKind::ConnectionReset));
    assert_eq!(proxy.counts().unreached, 1);
}
