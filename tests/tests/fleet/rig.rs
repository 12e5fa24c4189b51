//! Machines with a bucket of their own for each test, and who holds their books.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use bookstate_domain::{BookId, Priority};
use bookstate_fleet::{End, Fleet, FleetOptions, Holder, JobNote, Lease};
use bookstate_nats::NatsOptions;
use parking_lot::Mutex;

/// What was told of the books of a machine.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// How often a book was extended, and until when.
    pub(crate) extended: Mutex<HashMap<BookId, (u32, Instant)>>,
    pub(crate) lost: Mutex<HashMap<BookId, End>>,
}

impl Holder for Told {
    fn extended(&self, book: &BookId, until: Instant) {
        assert!(!self.lost.lock().contains_key(book), "{book} is lost for good");
        let mut extended = self.extended.lock();
        let (count, before) = extended.entry(book.clone()).or_insert((0, until));
        assert!(*before <= until, "{book} ends sooner");
        (*count, *before) = (*count + 1, until);
    }

    fn lost(&self, book: &BookId, why: End) {
        assert_eq!(self.lost.lock().insert(book.clone(), why), None, "{book} is lost twice");
    }
}

impl Told {
    /// How often a book was extended.
    pub(crate) fn extensions(&self, book: &BookId) -> u32 {
        self.extended.lock().get(book).map_or(0, |(count, _)| *count)
    }
}

/// A bucket.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    pub(crate) url: String,
    pub(crate) name: String,
    pub(crate) ttl: Duration,
    /// Of quotas: short, since tests wait for it.
    pub(crate) window: Duration,
}

impl Bucket {
    pub(crate) fn new(url: impl Into<String>, ttl: u64) -> Self {
        static BUCKETS: AtomicU32 = AtomicU32::new(0);
        let name = format!("fleet-{}", BUCKETS.fetch_add(1, Ordering::Relaxed));
        Self { url: url.into(), name, ttl: Duration::from_secs(ttl), window: Duration::from_secs(2) }
    }

    /// A machine, which has heard what there is.
    pub(crate) async fn machine(&self, name: &str) -> (Fleet, Arc<Told>) {
        let told = Arc::new(Told::default());
        let mut options =
            FleetOptions::new(NatsOptions::new(&self.url), name, format!("http://{name}.example"));
        (options.bucket, options.ttl, options.window) = (self.name.clone(), self.ttl, self.window);
        let fleet = Fleet::start(options, Arc::clone(&told) as Arc<dyn Holder>).unwrap();
        fleet.heard().await;
        (fleet, told)
    }

    /// The bucket's stream, by a client that knows nothing of the product.
    pub(crate) async fn raw(&self) -> (jetstream::Context, stream::Stream) {
        let servers: Vec<async_nats::ServerAddr> =
            self.url.trim_start_matches("nats://").split(',').map(|server| server.parse().unwrap()).collect();
        let context = jetstream::new(async_nats::connect(servers).await.unwrap());
        let name = format!("KV_{}", self.name);
        let mut found = None;
        until("the stream is there", async || {
            found = context.get_stream(&name).await.ok();
            found.is_some()
        })
        .await;
        (context, found.unwrap())
    }

    /// The number of the server that leads.
    pub(crate) async fn leader(&self) -> usize {
        let (_, stream) = self.raw().await;
        let mut leader = None;
        until("somebody leads", async || {
            leader = stream.get_info().await.ok().and_then(|info| info.cluster?.leader);
            leader.is_some()
        })
        .await;
        leader.unwrap().trim_start_matches('n').parse().unwrap()
    }
}

pub(crate) fn book(name: &str) -> BookId {
    BookId::new(name).unwrap()
}

pub(crate) fn job(name: &str, priority: Priority) -> JobNote {
    JobNote {
        job_id: format!("job-{name}"),
        source_sha256: "0".repeat(64),
        priority,
        options: serde_json::json!({"variant": "standard"}),
    }
}

/// Waits for what will come: longer than any machine is loaded.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(180), "{what}: it does not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Claims as soon as the servers answer and nobody else has it.
pub(crate) async fn claim(fleet: &Fleet, book: &BookId, floor: u32) -> Lease {
    let mut lease = None;
    until("the claim comes through", async || {
        lease = fleet.claim(book, floor).await.ok();
        lease.is_some()
    })
    .await;
    lease.unwrap()
}
