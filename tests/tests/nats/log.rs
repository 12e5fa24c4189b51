//! What only a stream has: parts of messages, checkpoints, holes, and what somebody else does to it.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, stream};
use bookstate_domain::{At, BookId, BookState, Op, Page, PageKey, PagePatch, Seq, Timestamp, WriteOp};
use bookstate_nats::{NatsOptions, NatsTarget};
use bookstate_store::{BookSync, Chunk, StartId, Target, TargetError, WriterId};
use bookstate_tests::nats::Cluster;

use crate::rig::options;

/// A book as one writer writes it, chunk by chunk.
struct Book {
    state: BookState,
    sync: Option<BookSync>,
}

impl Book {
    fn new() -> Self {
        Self { state: BookState::new(BookId::new("b").unwrap()), sync: None }
    }

    fn key(&self, page_num: i32) -> PageKey {
        PageKey { book_id: self.state.book_id().clone(), page_num }
    }

    fn put(&self, page_num: i32, text: &str) -> WriteOp {
        let mut page = self.key(page_num).document(&At { seq: Seq::ZERO, now: Timestamp::from_nanos(1) });
        page.ocr_markdown = Some(text.into());
        Op::Upsert(Arc::new(page)).into()
    }

    fn patch(&self, page_num: i32, text: &str) -> WriteOp {
        let patch = PagePatch { ocr_markdown: Some(Some(text.into())), ..PagePatch::default() };
        Op::<Page>::Update { key: self.key(page_num), patch: Box::new(patch) }.into()
    }

    fn chunk(&self, ops: Vec<WriteOp>) -> Chunk {
        let write_no = self.sync.as_ref().map_or(1, |sync| sync.write_no + 1);
        let seq = Seq::new(write_no).unwrap();
        let sync = BookSync {
            writer: WriterId([7; 16]),
            start: StartId(1),
            epoch: bookstate_store::Epoch::NONE,
            write_no,
            token: u64::from(write_no),
            persisting_seq: seq,
            persisted_seq: seq,
            parked: Vec::new(),
        };
        let expect = self.sync.as_ref().map(BookSync::mark);
        Chunk { book_id: self.state.book_id().clone(), expect, sync, ops }
    }

    /// The target took it, or will be asked whether it did.
    fn taken(&mut self, chunk: Chunk) {
        for op in &chunk.ops {
            self.state.apply(op);
        }
        self.sync = Some(chunk.sync);
    }

    async fn write(&mut self, target: &NatsTarget, ops: Vec<WriteOp>) {
        let chunk = self.chunk(ops);
        assert_eq!(target.write_chunk(&chunk).await, Ok(()));
        self.taken(chunk);
    }

    /// The target has this book, as this process knows it and as another one finds it.
    async fn is_in(&self, options: &NatsOptions) {
        let target = open(options).await;
        let found = patiently(async || target.load_book(self.state.book_id()).await).await.unwrap();
        assert!(found.state == self.state, "another book");
        assert_eq!(Some(found.sync), self.sync);
    }
}

async fn open(options: &NatsOptions) -> NatsTarget {
    let target = NatsTarget::new(options.clone()).unwrap();
    patiently(async || target.prepare().await).await;
    target
}

/// So often, a tenth of a second apart, is asked for what will come: longer than any machine is loaded.
const PATIENCE: usize = 1200;

/// Servers that come back elect a leader first, of the cluster and of the stream: what asks meanwhile asks again.
async fn patiently<T>(mut ask: impl AsyncFnMut() -> Result<T, TargetError>) -> T {
    for _ in 0..PATIENCE {
        match ask().await {
            Err(TargetError::Unavailable { .. }) => tokio::time::sleep(Duration::from_millis(100)).await,
            answer => return answer.unwrap(),
        }
    }
    ask().await.unwrap()
}

/// The stream, by a client that knows nothing of the product.
async fn raw(options: &NatsOptions) -> (jetstream::Context, stream::Stream) {
    let servers: Vec<async_nats::ServerAddr> =
        options.url.trim_start_matches("nats://").split(',').map(|server| server.parse().unwrap()).collect();
    let context = jetstream::new(async_nats::connect(servers).await.unwrap());
    for _ in 0..PATIENCE {
        if let Ok(stream) = context.get_stream(&options.stream).await {
            return (context, stream);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let stream = context.get_stream(&options.stream).await.unwrap();
    (context, stream)
}

/// The number of the server that leads the stream.
pub(crate) async fn leader(options: &NatsOptions) -> usize {
    for _ in 0..PATIENCE {
        let (_, stream) = raw(options).await;
        // While one is elected there is none.
        if let Some(name) = stream.get_info().await.ok().and_then(|info| info.cluster?.leader) {
            return name.trim_start_matches('n').parse().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    unreachable!("no leader is elected")
}

/// The messages on each subject.
async fn messages(options: &NatsOptions) -> Vec<(String, usize)> {
    let (_, stream) = raw(options).await;
    use futures_util::TryStreamExt;
    let info = stream.info_with_subjects(">").await.unwrap();
    let mut all: Vec<_> = info.try_collect().await.unwrap();
    all.sort();
    all
}

/// Waits for what must come.
async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    for _ in 0..6_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    unreachable!("never: {what}");
}

#[tokio::test]
async fn a_text_of_any_size_is_one_chunk() {
    let options = options();
    let target = open(&options).await;
    let mut book = Book::new();
    // The server takes 16 MB a message; a part has 4 MiB.
    let text = "All happy families are alike. ".repeat(1_000_000);
    book.write(&target, vec![book.put(1, &text), book.put(2, "two")]).await;
    book.write(&target, vec![book.patch(2, "second")]).await;
    book.is_in(&options).await;
    let found = messages(&options).await;
    assert_eq!(found[0], (format!("{}.book.b", options.stream), 2), "{found:?}");
    assert!(found[1].0.ends_with(".part.b") && found[1].1 >= 7, "{found:?}");
}

#[tokio::test]
async fn checkpoints_take_the_place_of_messages_while_the_book_is_written_and_read() {
    let options = options();
    let target = open(&options).await;
    let mut book = Book::new();
    book.write(&target, (1..=20).map(|page| book.put(page, "")).collect()).await;
    // Somebody reads it all the time: each time it is as it was after some chunk.
    let (reading, stop) = (open(&options).await, Arc::new(tokio::sync::Notify::new()));
    let reader = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move {
            let (mut reads, id) = (0, BookId::new("b").unwrap());
            loop {
                tokio::select! {
                    biased;
                    () = stop.notified() => return reads,
                    found = reading.load_book(&id) => {
                        let found = found.unwrap().unwrap();
                        // Chunk n wrote n to one page, and no later one did.
                        let last = found.state.pages().iter().filter_map(|(_, page)| page.ocr_markdown.as_deref());
                        let last = last.filter_map(|text| text.split(' ').next()?.parse().ok()).max();
                        assert_eq!(last.unwrap_or(1), found.sync.write_no);
                        reads += 1;
                    }
                }
            }
        }
    });
    let filler = "word ".repeat(400);
    for n in 2..1_500_i32 {
        book.write(&target, vec![book.patch(n % 20 + 1, &format!("{n} {filler}"))]).await;
    }
    stop.notify_one();
    let reads = reader.await.unwrap();
    assert!(reads > 5, "{reads} reads");
    until("few messages are left", async || messages(&options).await.iter().all(|(_, count)| *count < 600))
        .await;
    let found = messages(&options).await;
    assert!(
        found.iter().any(|(subject, count)| subject.ends_with(".checkpoint.b") && *count == 1),
        "{found:?}"
    );
    book.is_in(&options).await;
    // Who comes next goes on where this one was.
    let next = open(&options).await;
    book.write(&next, vec![book.patch(1, "the end")]).await;
    book.is_in(&options).await;
}

#[tokio::test]
async fn nothing_stays_of_a_book_that_was_removed() {
    let options = options();
    let target = open(&options).await;
    let mut book = Book::new();
    let text = "words that must go ".repeat(300_000);
    book.write(&target, vec![book.put(1, &text), book.put(2, "two")]).await;
    book.write(&target, vec![book.patch(2, "second")]).await;
    // Another process, which does not know what there is.
    let delete = |page_num| Op::<Page>::Delete { key: book.key(page_num) }.into();
    let ops = vec![delete(1), delete(2)];
    book.write(&open(&options).await, ops).await;
    let left = async || messages(&options).await.iter().map(|(_, count)| count).sum::<usize>();
    assert_eq!(left().await, 2, "at once");
    let (_, stream) = raw(&options).await;
    let bytes = stream.get_info().await.unwrap().state.bytes;
    assert!(bytes < 2_000, "{bytes} bytes are left");
    book.is_in(&options).await;
}

#[tokio::test]
async fn a_message_that_somebody_deleted_is_a_hole_and_no_other_book() {
    let options = options();
    let target = open(&options).await;
    let mut book = Book::new();
    for n in 1..=5 {
        book.write(&target, vec![book.put(n, "text")]).await;
    }
    let (_, stream) = raw(&options).await;
    stream.delete_message(3).await.unwrap();
    let found = open(&options).await.load_book(book.state.book_id()).await;
    assert!(
        matches!(&found, Err(TargetError::Unusable { reason }) if reason.contains("hole behind 2")),
        "{found:?}"
    );
    // As the message says.
    stream.purge().filter(format!("{}.book.b", options.stream)).await.unwrap();
    assert!(open(&options).await.load_book(book.state.book_id()).await.unwrap().is_none());
    assert_eq!(target.write_chunk(&book.chunk(vec![book.put(6, "")])).await, Err(TargetError::Mismatch));
    let mut anew = Book::new();
    anew.write(&target, vec![anew.put(1, "anew")]).await;
    anew.is_in(&options).await;
}

#[tokio::test]
async fn a_book_that_was_purged_by_hand_is_written_anew_also_when_it_had_a_checkpoint() {
    let options = options();
    let target = open(&options).await;
    let mut book = Book::new();
    book.write(&target, vec![book.put(1, "")]).await;
    for n in 0..300 {
        book.write(&target, vec![book.patch(1, &n.to_string())]).await;
    }
    let has_checkpoint = async || messages(&options).await.iter().any(|(s, _)| s.ends_with(".checkpoint.b"));
    until("a checkpoint", has_checkpoint).await;
    let (_, stream) = raw(&options).await;
    stream.purge().filter(format!("{}.book.b", options.stream)).await.unwrap();
    assert_eq!(target.write_chunk(&book.chunk(vec![book.put(2, "")])).await, Err(TargetError::Mismatch));
    let mut anew = Book::new();
    anew.write(&target, vec![anew.put(2, "anew")]).await;
    anew.is_in(&options).await;
}

#[tokio::test]
async fn a_stream_that_was_deleted_is_made_anew_and_has_no_book() {
    let options = options();
    let target = open(&options).await;
    let mut book = Book::new();
    book.write(&target, vec![book.put(1, "one")]).await;
    let (context, _) = raw(&options).await;
    context.delete_stream(&options.stream).await.unwrap();
    let refused = target.write_chunk(&book.chunk(vec![book.put(2, "two")])).await;
    assert!(matches!(refused, Err(TargetError::Unavailable { .. })), "{refused:?}");
    assert_eq!(target.write_chunk(&book.chunk(vec![book.put(2, "two")])).await, Err(TargetError::Mismatch));
    assert_eq!(target.book_sync(book.state.book_id()).await, Ok(None));
    let mut anew = Book::new();
    anew.write(&target, vec![anew.put(1, "anew")]).await;
    anew.is_in(&options).await;
}

#[tokio::test]
async fn a_stream_that_forgets_is_refused() {
    let options = options();
    open(&options).await;
    let (context, stream) = raw(&options).await;
    let config = stream::Config { max_age: Duration::from_secs(3600), ..stream.cached_info().config.clone() };
    context.update_stream(config).await.unwrap();
    let refused = NatsTarget::new(options).unwrap().prepare().await;
    assert!(
        matches!(&refused, Err(TargetError::Unusable { reason }) if reason.contains("max_age")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_stream_that_is_full_refuses_and_forgets_nothing() {
    let options = options();
    let target = open(&options).await;
    let mut book = Book::new();
    book.write(&target, vec![book.put(1, "one")]).await;
    let (context, stream) = raw(&options).await;
    let full = stream::Config { max_messages: 1, ..stream.cached_info().config.clone() };
    context.update_stream(full.clone()).await.unwrap();
    let next = book.chunk(vec![book.put(2, "two")]);
    let refused = target.write_chunk(&next).await;
    assert!(
        matches!(&refused, Err(TargetError::Unavailable { reason }) if reason.contains("maximum messages")),
        "{refused:?}"
    );
    book.is_in(&options).await;
    context.update_stream(stream::Config { max_messages: -1, ..full }).await.unwrap();
    assert_eq!(target.write_chunk(&next).await, Ok(()));
    book.taken(next);
    book.is_in(&options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_killed_and_come_back_have_what_they_took() {
    let mut cluster = Cluster::throwaway(3).unwrap();
    let options = NatsOptions::new(cluster.url());
    let target = open(&options).await;
    let mut book = Book::new();
    book.write(&target, vec![book.put(1, "")]).await;
    for n in 0..2 {
        let leader = leader(&options).await;
        if n == 0 {
            cluster.servers()[leader].kill();
        } else {
            cluster.kill();
            // Nobody is there. Nothing is taken, whatever is said of it.
            let chunk = book.chunk(vec![book.patch(1, "nobody hears it")]);
            assert!(target.write_chunk(&chunk).await.is_err());
            cluster.servers().iter_mut().for_each(|server| server.start().unwrap());
        }
        let chunk = book.chunk(vec![book.patch(1, &n.to_string())]);
        until("the chunk is taken", async || {
            match target.write_chunk(&chunk).await {
                Ok(()) => true,
                // Was it taken? Asked, never guessed.
                Err(_) => target.book_sync(&chunk.book_id).await.ok().flatten().as_ref() == Some(&chunk.sync),
            }
        })
        .await;
        book.taken(chunk);
        if n == 0 {
            cluster.servers()[leader].start().unwrap();
        }
        cluster.wait().unwrap();
    }
    book.is_in(&options).await;
}
