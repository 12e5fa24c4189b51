//! What was written to the targets, book by book: who wrote, under which epoch, up to which commit. Written down while it
//! happens, since the stream forgets what its checkpoints cover, and a node shows the last state only.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, DeliverPolicy, pull},
};
use bookstate_tests::node::Client;
use futures_util::StreamExt;
use parking_lot::Mutex;
use serde_json::Value;

/// How often a node is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// A kind of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Stream,
    Node,
}

/// Where a book stood in a target, at some moment.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) kind: Kind,
    /// Counts how often the target's data have been deleted.
    pub(crate) life: u32,
    pub(crate) at: Instant,
    pub(crate) book: String,
    pub(crate) writer: String,
    pub(crate) epoch: u64,
    /// The commit up to which it has the book.
    pub(crate) seq: u64,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, life, book, writer, epoch, seq, .. } = self;
        write!(f, "{kind:?} {life}: {book} epoch {epoch} of {writer} at {seq}")
    }
}

/// Watches a stream and a node.
pub(crate) struct Trail {
    seen: Arc<Mutex<Vec<Seen>>>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Trail {
    pub(crate) fn follow(nats: &str, node: Client) -> Self {
        let (seen, ended) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let stream = {
            let (nats, seen, ended) = (nats.to_owned(), seen.clone(), ended.clone());
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(follow_stream(&nats, &seen, &ended));
            })
        };
        let node = {
            let (seen, ended) = (seen.clone(), ended.clone());
            std::thread::spawn(move || follow_node(node, &seen, &ended))
        };
        Self { seen, ended, threads: vec![stream, node] }
    }

    /// What was seen until now, of each target in its order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// Waits until everything was seen that is there now.
    pub(crate) fn end(mut self) -> Vec<Seen> {
        // Two looks of each that begin from here.
        std::thread::sleep(Duration::from_secs(2));
        self.ended.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        self.seen()
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
    }
}

/// The hashes of the books' files that the servers keep; none when they do not answer.
pub(crate) fn files(nats: &str) -> Vec<String> {
    let list = async {
        let context = jetstream::new(connect(nats).await);
        let store = context.get_object_store("bookstate-sources").await.ok()?;
        let names = store.list().await.ok()?.map(|object| object.map(|object| object.name));
        Some(names.filter_map(|name| async { name.ok() }).collect().await)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(list).unwrap_or_default()
}

async fn connect(nats: &str) -> async_nats::Client {
    let servers: Vec<&str> = nats.trim_start_matches("nats://").split(',').collect();
    async_nats::ConnectOptions::new().retry_on_initial_connect().connect(servers).await.unwrap()
}

async fn follow_stream(url: &str, seen: &Mutex<Vec<Seen>>, ended: &AtomicBool) {
    let context = jetstream::new(connect(url).await);
    // When the stream was made that is read, how many were made before, and what was read of it, by its numbers.
    let (mut made, mut life, mut last, mut read) = (None, 0, 0, BTreeMap::new());
    while !ended.load(Ordering::Acquire) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let Ok(stream) = context.get_stream("bookstate").await else { continue };
        let created = Some(stream.cached_info().created);
        if made != created {
            life += u32::from(made.is_some());
            (made, last) = (created, 0);
            read.clear();
        }
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: last + 1 },
            ack_policy: AckPolicy::None,
            filter_subject: "bookstate.book.*".to_owned(),
            headers_only: true,
            inactive_threshold: Duration::from_secs(10),
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let Ok(consumer) = stream.create_consumer(config).await else { continue };
        while !ended.load(Ordering::Acquire) {
            let batch =
                consumer.fetch().max_messages(200).expires(Duration::from_millis(500)).messages().await;
            let Ok(mut batch) = batch else { break };
            let (mut any, mut failed) = (false, false);
            while let Some(message) = batch.next().await {
                let Ok(message) = message else {
                    failed = true;
                    break;
                };
                any = true;
                let number = message.info().unwrap().stream_sequence;
                last = last.max(number);
                let heads = message.headers.as_ref().unwrap();
                let sync: Value =
                    serde_json::from_str(heads.get("Bookstate-Sync").unwrap().as_str()).unwrap();
                let book = message.subject.rsplit('.').next().unwrap().to_owned();
                // A server that is started anew lets a reader begin anew: what it has read comes again, as it was.
                let message = (book, sync);
                if read.get(&number) != Some(&message) {
                    seen.lock().push(of_sync(Kind::Stream, life, message.0.clone(), &message.1));
                    read.insert(number, message);
                }
            }
            if failed {
                break;
            }
            // Nothing comes: is it still the same stream?
            if !any {
                let same = context.get_stream("bookstate").await;
                if !same.is_ok_and(|stream| Some(stream.cached_info().created) == made) {
                    break;
                }
            }
        }
    }
}

fn follow_node(node: Client, seen: &Mutex<Vec<Seen>>, ended: &AtomicBool) {
    let mut last: BTreeMap<String, Value> = BTreeMap::new();
    while !ended.load(Ordering::Acquire) {
        std::thread::sleep(LOOK);
        let query = "{ BookSync { book_id writer epoch persisted_seq } }";
        // One that does not answer is down.
        let Ok(answer) = node.graphql(query, &Value::Null) else { continue };
        for row in answer["BookSync"].as_array().unwrap() {
            let book = row["book_id"].as_str().unwrap();
            if last.get(book) != Some(row) {
                last.insert(book.to_owned(), row.clone());
                seen.lock().push(of_sync(Kind::Node, 0, book.to_owned(), row));
            }
        }
    }
}

fn of_sync(kind: Kind, life: u32, book: String, sync: &Value) -> Seen {
    let number = |name: &str| sync[name].as_u64().unwrap_or_default();
    let writer = sync["writer"].as_str().map_or_else(|| sync["writer"].to_string(), str::to_owned);
    let (epoch, seq) = (number("epoch"), number("persisted_seq"));
    Seen { kind, life, at: Instant::now(), book, writer, epoch, seq }
}

/// What speaks against the law that a target takes a book from a later owner, and never again from an earlier: in each
/// life of a target the epochs of a book never fall, and each is one writer's.
pub(crate) fn unlawful(seen: &[Seen]) -> Vec<String> {
    let mut found = Vec::new();
    let mut last: BTreeMap<(Kind, u32, &str), &Seen> = BTreeMap::new();
    let mut writers: BTreeMap<(Kind, u32, &str, u64), &Seen> = BTreeMap::new();
    for seen in seen {
        if let Some(before) = last.insert((seen.kind, seen.life, &seen.book), seen)
            && before.epoch > seen.epoch
        {
            found.push(format!("{seen:?} behind {before:?}"));
        }
        let first = writers.entry((seen.kind, seen.life, &seen.book, seen.epoch)).or_insert(seen);
        if first.writer != seen.writer {
            found.push(format!("{seen:?} and {first:?}"));
        }
    }
    found
}
