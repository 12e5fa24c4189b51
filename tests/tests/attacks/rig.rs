//! A server that is attacked, a hostile connection, and a healthy client.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use bookstate_tests::{
    books::Book,
    system::{Place, Server},
};
use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use serde_json::Value;

/// Allows everything.
pub(crate) const TOKEN: &str = "healthy-healthy-healthy";
/// Where the attack comes from.
pub(crate) const HOSTILE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// Where the healthy client is.
pub(crate) const HEALTHY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
/// How long anything may take; only a test that fails waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);

/// A server that takes one token.
pub(crate) struct Victim {
    pub(crate) place: Place,
    pub(crate) server: Server,
    pub(crate) address: SocketAddr,
}

impl Victim {
    pub(crate) fn new() -> Self {
        Self::with("", "exec \"$@\"")
    }

    /// With a configuration, started by a shell that does something before.
    pub(crate) fn with(config: &str, script: &str) -> Self {
        // Both ends of every connection are ours.
        let files = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }).unwrap();
        let place = Place::new();
        place.write("bookstate.toml", config);
        let server = Self::start(&place, script);
        let address = server.url().trim_start_matches("http://").parse().unwrap();
        Self { place, server, address }
    }

    pub(crate) fn start(place: &Place, script: &str) -> Server {
        let program = place.command("--json serve --bind 127.0.0.1:0");
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(program.get_program()).args(program.get_args());
        command.current_dir(place.path("")).env("BOOKSTATE_TOKEN", TOKEN);
        Server::start_with(place, &mut command)
    }

    /// A connection of the attack.
    pub(crate) fn hostile(&self) -> std::io::Result<TcpStream> {
        from(HOSTILE, self.address)
    }

    /// The most memory that the server has had, in MiB.
    pub(crate) fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
    }

    /// What the server has logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.place.path("serve.log")).unwrap()
    }

    /// Waits until something holds.
    pub(crate) fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < PATIENCE, "in vain: {what}; {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A healthy client that is answered, uploads a book of its own and sees it complete. Every request is answered at
    /// the first attempt.
    pub(crate) fn serves_the_healthy(&self) {
        static BOOKS: AtomicUsize = AtomicUsize::new(0);
        let name = format!("healthy {}", BOOKS.fetch_add(1, Ordering::Relaxed));
        self.completes(&Book::new(&name).chapters(3).sections(2).make_pdf().bytes, "a.pdf");
    }

    /// The same with a given book.
    pub(crate) fn completes(&self, book: &[u8], name: &str) {
        let mut slowest = Duration::ZERO;
        let mut asked = 0;
        let mut ask = |request: &[u8]| {
            let began = Instant::now();
            let answer = exchange(from(HEALTHY, self.address).unwrap(), request);
            slowest = slowest.max(began.elapsed());
            asked += 1;
            answer
        };
        let answer = ask(&upload(name, book));
        assert_eq!(answer.status, 202, "{answer:?}");
        let path = format!("/api/books/{}", answer.json()["book_id"].as_str().unwrap());
        let began = Instant::now();
        let mut is_complete = false;
        let mut healths = 0;
        while !is_complete || healths < 20 {
            assert!(began.elapsed() < PATIENCE, "the healthy client's book does not complete");
            let answer = ask(&get("/api/health", None));
            assert_eq!(answer.status, 200, "{answer:?}");
            healths += 1;
            let answer = ask(&get(&path, Some(TOKEN)));
            assert_eq!(answer.status, 200, "{answer:?}");
            is_complete = answer.json()["status"] == "complete";
        }
        println!("the healthy client asked {asked} times, the slowest took {slowest:?}; {} MiB", self.peak());
    }
}

/// A connection from an address of this machine.
pub(crate) fn from(address: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    // No server that another test starts may have it, too.
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrV4::new(address, 0))?;
    connect(&socket, &to)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// The status line and the headers.
    head: String,
}

impl Answer {
    /// Whether it was made of a book that is in memory.
    pub(crate) fn is_from_memory(&self) -> bool {
        self.head.to_lowercase().contains("x-bookstate-source: memory")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let Some((head, _)) = text.split_once("\r\n\r\n") else {
            return Self { status: 0, body: Vec::new(), head: String::new() };
        };
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let body = bytes[bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4..].to_vec();
        Self { status, body, head: head.to_owned() }
    }
}

/// Sends a request that ends its connection, and reads to the end. Status 0: no answer.
pub(crate) fn exchange(mut stream: TcpStream, request: &[u8]) -> Answer {
    // The server may answer and hang up before it has everything.
    drop(stream.write_all(request));
    let mut bytes = Vec::new();
    drop(stream.read_to_end(&mut bytes));
    Answer::of(&bytes)
}

pub(crate) fn head(method: &str, path: &str, token: Option<&str>, more: &str) -> Vec<u8> {
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
    format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{token}{more}\r\n").into_bytes()
}

pub(crate) fn get(path: &str, token: Option<&str>) -> Vec<u8> {
    head("GET", path, token, "connection: close\r\n")
}

/// The head of an upload, and of its file.
pub(crate) fn upload_head(name: &str, length: usize) -> Vec<u8> {
    let more = format!(
        "connection: close\r\ncontent-type: multipart/form-data; boundary=x\r\ncontent-length: {length}\r\n"
    );
    [head("POST", "/api/books/upload", Some(TOKEN), &more), part("file", name)].concat()
}

/// The head of a part of a form.
pub(crate) fn part(field: &str, name: &str) -> Vec<u8> {
    format!("--x\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\r\n")
        .into_bytes()
}

pub(crate) fn upload(name: &str, bytes: &[u8]) -> Vec<u8> {
    let end = b"\r\n--x--\r\n";
    let length = part("file", name).len() + bytes.len() + end.len();
    [&upload_head(name, length)[..], bytes, end].concat()
}
