//! Very many connections.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use bookstate_tests::books::Book;

use crate::rig::{HEALTHY, TOKEN, Victim, exchange, from, get, head};

#[test]
fn connections_take_no_file_from_the_journal() {
    let victim = Victim::with("[journal]\nsegment_mb = 1\n", "ulimit -n 1024 && exec \"$@\"");
    let crowd: Vec<TcpStream> = (0..1100).map(|_| victim.hostile().unwrap()).collect();
    for mut stream in &crowd {
        // Whoever has left for another is gone.
        drop(stream.write_all(&head("GET", "/api/health", None, "")));
    }
    // A book whose commits need several segments.
    let text = Book::new("large").chapters(30).sections(2).pages(600).make_text();
    victim.completes(&text.bytes, "large.txt");
    victim.serves_the_healthy();
    let open = std::fs::read_dir(format!("/proc/{}/fd", victim.server.pid())).unwrap().count();
    assert!(open < 900, "{open} files are open");
    let log = victim.log();
    assert!(!log.contains("poison") && !log.contains("Too many open files"), "{log}");
    drop(crowd);
    assert!(victim.server.stop().success());
}

/// How long the crowd is quiet at most, when it is to stop.
const MOST_PAUSE: Duration = Duration::from_secs(5);

/// Sends requests on many connections until it is told to stop, and begins those anew that are closed.
fn crowd(victim: &Victim, connections: usize, stop: &AtomicBool, full: &AtomicBool) {
    let request = head("GET", "/api/health", None, "");
    let mut streams: Vec<Option<TcpStream>> = (0..connections).map(|_| None).collect();
    let mut answer = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        for stream in &mut streams {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let open = match stream.take() {
                Some(open) => Some(open),
                None => victim.hostile().ok(),
            };
            *stream = open.filter(|mut open| {
                let sent = open.set_nonblocking(true).is_ok() && open.write_all(&request).is_ok();
                // Read, so that it can go on for ever; an end shows here.
                sent && !matches!(open.read(&mut answer), Ok(0))
            });
        }
        full.store(true, Ordering::Relaxed);
        // As long again: on a busy machine the attack leaves as much to the server as on a quiet one.
        std::thread::sleep(began.elapsed().min(MOST_PAUSE));
    }
}

/// Ends the crowd, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_crowd_keeps_nobody_out_and_does_not_hold_up_the_end() {
    let victim = Victim::new();
    let (stop, full) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| crowd(&victim, 4500, &stop, &full));
        let _stop = Stop(&stop);
        victim.until("the crowd is there", || full.load(Ordering::Relaxed));
        victim.serves_the_healthy();
        assert!(victim.peak() < 400, "{} MiB", victim.peak());
        let pid = rustix::process::Pid::from_raw(i32::try_from(victim.server.pid()).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        victim.until("it ends in the midst of the crowd", || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", victim.server.pid()));
            // Ended, and waited for by nobody yet.
            stat.map_or(true, |stat| stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
        });
    });
}

#[test]
fn heads_that_do_not_end_keep_nobody_out() {
    let victim = Victim::new();
    let slow: Vec<TcpStream> = (0..3000).map(|_| victim.hostile().unwrap()).collect();
    for mut stream in &slow {
        drop(stream.write_all(b"GET /api/books HTTP/1.1\r\nhost: localhost\r\nx-slow: "));
    }
    victim.serves_the_healthy();
    // They are closed without being pushed out by anybody.
    let mut last = slow.last().unwrap();
    victim.until("a head has an end", || {
        drop(last.set_nonblocking(true));
        last.read(&mut [0; 512]).is_ok()
    });
}

/// Takes an answer up to its status from a connection that stays open.
fn status_of(mut stream: &TcpStream) -> String {
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

const GIVEN: &str = "HTTP/1.1 200";
const TOO_MANY: &str = "HTTP/1.1 429";

#[test]
fn event_streams_keep_nobody_out() {
    let victim = Victim::new();
    victim.serves_the_healthy();
    let request = events(&victim.book());
    // Each is answered before the next one comes: so they have places for tokens, and do not push each other out.
    let streams: Vec<(TcpStream, String)> = (0..2000)
        .map(|_| {
            let mut stream = victim.hostile().unwrap();
            stream.write_all(&request).unwrap();
            let answer = status_of(&stream);
            (stream, answer)
        })
        .collect();
    let with = |answer: &str| streams.iter().filter(|(_, given)| given == answer).count();
    assert_eq!((with(GIVEN), with(TOO_MANY)), (1500, 500), "three quarters of all");
    victim.serves_the_healthy();
    // One more, by the healthy client.
    let mut mine = from(HEALTHY, victim.address).unwrap();
    mine.write_all(&request).unwrap();
    assert_eq!(status_of(&mine), GIVEN);
    assert!(victim.peak() < 400, "{} MiB", victim.peak());
}

/// Reads what has come; whether the connection goes on.
fn goes_on(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let ended = loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => break true,
            Ok(_) => {}
            Err(error) => break error.kind() != ErrorKind::WouldBlock,
        }
    };
    stream.set_nonblocking(false).unwrap();
    !ended
}

#[test]
fn a_crowd_from_everywhere_does_not_push_out_who_has_a_token() {
    let victim = Victim::new();
    victim.serves_the_healthy();
    let book = victim.book();
    // Were they strangers, nobody would have more places than this address, and it would make room first.
    let mine: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = from(HEALTHY, victim.address).unwrap();
            stream.write_all(&events(&book)).unwrap();
            assert_eq!(status_of(&stream), GIVEN);
            stream
        })
        .collect();
    // More than there are places, each from an address of its own.
    let mut crowd: Vec<TcpStream> = (0..3500_u16)
        .map(|n| {
            let [high, low] = n.to_be_bytes();
            from(Ipv4Addr::new(127, 1, high, low), victim.address).unwrap()
        })
        .collect();
    // Whoever came before the last one is in when that is answered.
    let last = crowd.last_mut().unwrap();
    last.write_all(&head("GET", "/api/health", None, "")).unwrap();
    assert_eq!(status_of(last), GIVEN);
    assert!(mine.iter().all(goes_on), "who has shown a token made room");
    // What happens to the book from now on is still heard of.
    let body = "{\"reset_from\":\"metadata\"}";
    let more =
        format!("connection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
    let again = head("POST", &format!("/api/jobs/start/{book}"), Some(TOKEN), &more);
    let again = exchange(from(HEALTHY, victim.address).unwrap(), &[&again, body.as_bytes()].concat());
    assert_eq!(again.status, 202, "{again:?}");
    let hears = |mut stream: &TcpStream| stream.read(&mut [0; 512]).is_ok_and(|length| length > 0);
    assert!(mine.iter().all(hears), "who has shown a token made room");
    victim.serves_the_healthy();
}

/// A request for what happens to a book.
fn events(book: &str) -> Vec<u8> {
    head("GET", &format!("/api/books/{book}/events"), Some(TOKEN), "")
}

impl Victim {
    /// A book that it has.
    fn book(&self) -> String {
        let books = exchange(from(HEALTHY, self.address).unwrap(), &get("/api/books", Some(TOKEN))).json();
        books["books"][0]["id"].as_str().unwrap().to_owned()
    }
}
