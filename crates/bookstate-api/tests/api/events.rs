//! Event streams: one event per commit, resumed, told to reload, never waited for.

use std::time::Duration;

use bookstate_domain::{BookId, OperationName};
use bookstate_store::BookHandle;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use super::place::{PATIENCE, Place, Running};

/// An event.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    kind: String,
    id: Option<String>,
    data: Value,
}

impl Event {
    fn seq(&self) -> u32 {
        self.id.as_ref().unwrap().split_once('.').unwrap().1.parse().unwrap()
    }
}

/// A stream as a client has it.
struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    async fn open(server: &Running, book_id: &BookId, last_id: Option<&str>) -> Self {
        let mut request = server.request(Method::GET, &format!("/api/books/{book_id}/events"));
        if let Some(id) = last_id {
            request = request.header("last-event-id", id);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, text: String::new() }
    }

    /// The next event; none when the stream has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).map(str::to_owned)
                };
                // A comment that shows that the stream lives is none.
                let Some(kind) = field("event") else { continue };
                let data = serde_json::from_str(&field("data").unwrap()).unwrap();
                return Some(Event { kind, id: field("id"), data });
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }

    /// The commits up to and including one.
    async fn commits_to(&mut self, seq: u32) -> Vec<Event> {
        let mut commits = Vec::new();
        loop {
            let event = self.next().await.unwrap();
            assert_ne!(event.kind, "reload", "after {commits:?}");
            if event.kind == "commit" {
                commits.push(event);
            }
            if commits.last().is_some_and(|event| event.seq() >= seq) {
                return commits;
            }
        }
    }
}

/// Makes so many commits.
fn commit(handle: &BookHandle, count: usize) {
    for n in 0..count {
        let reason = format!("reason {n} of {count}");
        handle.persist_book_status(bookstate_domain::BookStatus::Degraded, Some(reason.into())).unwrap();
    }
}

/// A finished book that stays in memory.
async fn settled(place: &Place, server: &Running) -> (BookId, BookHandle) {
    place.gate.open();
    let (book_id, _) = server.book().await;
    server.done(&book_id).await;
    let handle = server.keep_live(&book_id).await;
    (book_id, handle)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_seen_commit_by_commit_from_before_it_begins() {
    let place = Place::new();
    let server = place.server();
    let (book_id, _) = server.book().await;
    let mut events = Events::open(&server, &book_id, None).await;
    let ready = events.next().await.unwrap();
    assert_eq!(ready.kind, "ready");
    place.gate.open();
    server.done(&book_id).await;
    let last = server.get(&format!("/api/books/{book_id}")).await.header("x-bookstate-seq").parse().unwrap();
    let commits = events.commits_to(last).await;
    let seqs: Vec<_> = commits.iter().map(Event::seq).collect();
    assert_eq!(seqs, (ready.seq() + 1..=last).collect::<Vec<_>>(), "each commit once, in order");
    for event in &commits {
        assert_eq!(
            (&event.data["seq"], &event.data["book_id"]),
            (&event.seq().into(), &book_id.as_str().into())
        );
        assert!(!event.data["documents"].as_array().unwrap().is_empty(), "{event:?}");
    }
    let named = |key: String| {
        commits.iter().any(|event| event.data["documents"].as_array().unwrap().contains(&key.clone().into()))
    };
    assert!(named(format!("Page/{book_id}/1")) && named(format!("Book/{book_id}")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_was_cut_off_goes_on_where_it_was() {
    let place = Place::new();
    let server = place.server();
    let (book_id, handle) = settled(&place, &server).await;
    let mut first = Events::open(&server, &book_id, None).await;
    let start = first.next().await.unwrap().seq();
    commit(&handle, 3);
    let seen = first.commits_to(start + 3).await;
    drop(first);
    commit(&handle, 4);
    // Waited for by another stream, which has seen all of it.
    Events::open(&server, &book_id, seen[2].id.as_deref()).await.commits_to(start + 7).await;
    let mut resumed = Events::open(&server, &book_id, seen[1].id.as_deref()).await;
    let missed: Vec<_> = resumed.commits_to(start + 7).await.iter().map(Event::seq).collect();
    assert_eq!(missed, (start + 3..=start + 7).collect::<Vec<_>>());
    // Nothing was missed: the stream begins with what comes.
    let mut current =
        Events::open(&server, &book_id, Some(&format!("{}.{}", epoch(&seen[0]), start + 7))).await;
    assert_eq!(current.next().await.unwrap().kind, "ready");
}

fn epoch(event: &Event) -> String {
    event.id.as_ref().unwrap().split_once('.').unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_known_any_more_is_reloaded() {
    let place = Place::new();
    let server = place.server();
    let (book_id, handle) = settled(&place, &server).await;
    let mut events = Events::open(&server, &book_id, None).await;
    let ready = events.next().await.unwrap();
    let (epoch, start) = (epoch(&ready), ready.seq());
    // More than is kept, slowly enough for the server to take them.
    for _ in 0..3 {
        commit(&handle, 1000);
        let seq = handle.snapshot().seq.get();
        events.commits_to(seq).await;
    }
    let last = handle.snapshot().seq.get();
    for (id, kind) in [
        (format!("{epoch}.{}", start + 1), "reload"),
        (format!("{epoch}.{}", last + 5), "reload"),
        (format!("0000.{last}"), "reload"),
        ("nonsense".to_owned(), "reload"),
        (String::new(), "reload"),
        (format!("{epoch}.{last}"), "ready"),
    ] {
        let event = Events::open(&server, &book_id, Some(&id)).await.next().await.unwrap();
        assert_eq!((&*event.kind, event.id), (kind, Some(format!("{epoch}.{last}"))), "{id}");
    }
    let kept = format!("{epoch}.{}", last - 100);
    let kept = Events::open(&server, &book_id, Some(&kept)).await.commits_to(last).await;
    assert_eq!(kept.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_an_earlier_process_is_reloaded() {
    let place = Place::new();
    let server = place.server();
    let (book_id, handle) = settled(&place, &server).await;
    let id = Events::open(&server, &book_id, None).await.next().await.unwrap().id.unwrap();
    drop(handle);
    server.stop().await;
    let server = place.server();
    let event = Events::open(&server, &book_id, Some(&id)).await.next().await.unwrap();
    assert_eq!(event.kind, "reload");
    assert_ne!(event.id.unwrap(), id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_is_told_to_reload_and_holds_up_nobody() {
    let place = Place::new();
    let server = place.server();
    let (book_id, handle) = settled(&place, &server).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut slow: TcpStream = socket.connect(server.address).await.unwrap();
    let head = format!("GET /api/books/{book_id}/events HTTP/1.1\r\nhost: localhost\r\n\r\n");
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut fast = Events::open(&server, &book_id, None).await;
    fast.next().await.unwrap();
    // More batches than a stream may be behind, and more bytes than the sockets take.
    let mut sent = 0;
    while sent < 70 {
        commit(&handle, 300);
        fast.commits_to(handle.snapshot().seq.get()).await;
        sent += 1;
    }
    let mut text = String::new();
    let mut piece = vec![0; 1 << 16];
    let told = tokio::time::timeout(PATIENCE, async {
        while !text.contains("event: reload") {
            let count = tokio::io::AsyncReadExt::read(&mut slow, &mut piece).await.unwrap();
            assert_ne!(count, 0);
            text.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    });
    told.await.expect("the slow client is told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_outlives_the_book_in_memory_and_ends_with_the_server() {
    let place = Place::new();
    let server = place.server();
    let (book_id, handle) = settled(&place, &server).await;
    drop(handle);
    let gone = tokio::time::timeout(PATIENCE, async {
        while server.library.active(&book_id).is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    gone.await.expect("the book leaves memory");
    let mut events = Events::open(&server, &book_id, None).await;
    let start = events.next().await.unwrap().seq();
    let handle = server.keep_live(&book_id).await;
    handle.persist_reset(OperationName::Structure).unwrap();
    drop(handle);
    assert_eq!(events.commits_to(start + 1).await.len(), 1);
    let reading = tokio::spawn(async move { while events.next().await.is_some() {} });
    server.stop().await;
    reading.await.unwrap();
}
