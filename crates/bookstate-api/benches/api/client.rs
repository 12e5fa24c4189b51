//! The clients: connections that ask again and again, and event streams that are read.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Connections that ask for a path as fast as they are answered; how many answers there were in a second.
pub(crate) fn rate(address: SocketAddr, path: &str, connections: usize, time: Duration) -> f64 {
    let began = Instant::now();
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let path = path.to_owned();
            std::thread::spawn(move || {
                let mut connection = Connection::open(address);
                let mut count = 0u32;
                while began.elapsed() < time {
                    connection.ask(&path);
                    count += 1;
                }
                count
            })
        })
        .collect();
    let count: u32 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    f64::from(count) / began.elapsed().as_secs_f64()
}

/// A connection that is kept.
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: SocketAddr,
    line: String,
    body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream: BufReader::new(stream), host: address, line: String::new(), body: Vec::new() }
    }

    fn head(&mut self, path: &str) -> usize {
        let head = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.host);
        self.stream.get_mut().write_all(head.as_bytes()).unwrap();
        let mut length = 0;
        let mut first = true;
        loop {
            self.line.clear();
            self.stream.read_line(&mut self.line).unwrap();
            assert!(!first || self.line.starts_with("HTTP/1.1 200"), "{}", self.line);
            first = false;
            if let Some(value) = self.line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if self.line == "\r\n" {
                return length;
            }
        }
    }

    /// Asks, and reads the answer.
    pub(crate) fn ask(&mut self, path: &str) -> &[u8] {
        let length = self.head(path);
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).unwrap();
        &self.body
    }
}

/// Starts the process of the load: event streams that are read, and requests at a steady rate.
pub(crate) fn start(address: SocketAddr, book: &str, streams: usize, per_second: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["client", &address.to_string(), book, &streams.to_string(), &per_second.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The process of the load. Says `ready` when all streams are open; ends when its input or its parent does.
pub(crate) fn main(arguments: &[String]) {
    let [address, book, streams, per_second] = arguments else { panic!("{arguments:?}") };
    let (address, streams): (SocketAddr, usize) = (address.parse().unwrap(), streams.parse().unwrap());
    let per_second: u32 = per_second.parse().unwrap();
    let events = Arc::new(AtomicU64::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = format!("/api/books/{book}/events");
    let counted = events.clone();
    runtime.block_on(async move {
        for _ in 0..streams {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n");
            tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
            let mut piece = vec![0; 16 << 10];
            let count = tokio::io::AsyncReadExt::read(&mut stream, &mut piece).await.unwrap();
            assert!(piece[..count].starts_with(b"HTTP/1.1 200"), "a stream is refused");
            let events = counted.clone();
            tokio::spawn(async move {
                while let Ok(count) = tokio::io::AsyncReadExt::read(&mut stream, &mut piece).await {
                    if count == 0 {
                        return;
                    }
                    let bytes = piece.get(..count).unwrap_or_default();
                    let begun = bytes.windows(13).filter(|bytes| *bytes == b"event: commit").count();
                    events.fetch_add(begun as u64, Ordering::Relaxed);
                }
            });
        }
        println!("ready");
        let book = arguments[1].clone();
        let asked = tokio::task::spawn_blocking(move || ask(address, &book, per_second));
        drop(asked.await);
    });
}

fn ask(address: SocketAddr, book: &str, per_second: u32) {
    let paths = ["", "/toc", "/pages?limit=20", "/chapters"].map(|end| format!("/api/books/{book}{end}"));
    let mut connection = Connection::open(address);
    let pause = Duration::from_secs(1) / per_second.max(1);
    let began = Instant::now();
    for n in 0u32.. {
        if let Some(left) = (pause * n).checked_sub(began.elapsed()) {
            std::thread::sleep(left);
        }
        connection.ask(&paths[n as usize % paths.len()]);
    }
}
