//! Commits of followed books, for event streams.
//!
//! One task takes what was noted of every followed book, renders each commit once, and gives it to the book's
//! streams through a bounded channel: a stream that does not keep up is told to reload, and nobody waits for
//! it. The last commits of a book are kept, so that a stream that was cut off can go on where it was. Not
//! here: the form of the stream, which is the route's.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use bookstate_domain::{BookId, Seq};
use bookstate_jobs::Scheduler;
use bookstate_store::{CommitNote, Follower, Library};
use bytes::Bytes;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::broadcast;

use crate::{
    blocking::blocking,
    problem::Problem,
    view::{BookStatusLine, LiveJob},
};

/// How often streams get something at most: a thousand streams must cost no more than a part of a processor.
const PACE: Duration = Duration::from_millis(100);
/// How many commits of a book are kept for streams that were cut off.
const KEPT: usize = 2048;
/// How many batches a stream may be behind.
const BEHIND: usize = 32;
/// How many books are followed at most; of more, those that nobody watches are let go.
const FOLLOWED: usize = 256;
/// How many documents an event names; of more it says how many.
const NAMED: usize = 100;

/// What a stream gets at once: events as they stand in the stream. Rendered once for all streams.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    /// The last commit in it, or before it.
    pub(crate) last: Seq,
    /// The events.
    pub(crate) text: Bytes,
}

#[derive(Serialize)]
struct CommitData<'a> {
    book_id: &'a BookId,
    seq: Seq,
    /// The documents that the commit touched, `Collection/key`.
    documents: Vec<String>,
    /// How many more it touched.
    more: usize,
}

#[derive(Serialize)]
struct ProgressData<'a> {
    book_id: &'a BookId,
    seq: Seq,
    book: BookStatusLine,
    job: Option<LiveJob>,
}

/// A followed book.
#[derive(Debug)]
struct Feed {
    follower: Follower,
    last: Seq,
    /// The last commits, each with its event.
    kept: VecDeque<(Seq, String)>,
    sender: broadcast::Sender<Batch>,
}

/// What a stream begins with.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// The last commit that was sent before it began.
    pub(crate) last: Seq,
    /// The events with which it begins: what it missed, or that nothing was, or that it must reload.
    pub(crate) first: Bytes,
    /// What comes.
    pub(crate) coming: broadcast::Receiver<Batch>,
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Hub {
    library: Library,
    scheduler: Scheduler,
    epoch: String,
    feeds: Mutex<HashMap<BookId, Feed>>,
}

impl Hub {
    pub(crate) fn new(library: Library, scheduler: Scheduler, epoch: String) -> Self {
        Self { library, scheduler, epoch, feeds: Mutex::default() }
    }

    /// An event as it stands in a stream. One without a seq has no id: a stream that was cut off need not see
    /// it again.
    pub(crate) fn event(&self, kind: &str, seq: Option<Seq>, data: &str) -> String {
        match seq {
            Some(seq) => format!("event: {kind}\nid: {}.{seq}\ndata: {data}\n\n", self.epoch),
            None => format!("event: {kind}\ndata: {data}\n\n"),
        }
    }

    /// The commit that an event's id names; none when the id is of another process, or no id.
    fn seq_of(&self, id: &str) -> Option<u32> {
        let (epoch, seq) = id.split_once('.')?;
        (epoch == self.epoch).then(|| seq.parse().ok()).flatten()
    }

    /// Begins a stream of a book. `last_id` is the last event that it has already.
    pub(crate) async fn subscribe(
        &self,
        book_id: &BookId,
        last_id: Option<&str>,
    ) -> Result<Subscription, Problem> {
        if !self.feeds.lock().contains_key(book_id) {
            // Commits are noted before the seq is asked for, so that none falls between the two.
            let follower = self.library.follow(book_id);
            let (library, id) = (self.library.clone(), book_id.clone());
            let last = blocking(move || library.book_seq(&id)).await?;
            let mut feeds = self.feeds.lock();
            let_go(&mut feeds);
            let sender = broadcast::channel(BEHIND).0;
            let feed = Feed { follower, last, kept: VecDeque::new(), sender };
            feeds.entry(book_id.clone()).or_insert(feed);
        }
        let feeds = self.feeds.lock();
        // It is there, unless it was let go at this very moment: then the stream reloads, and ends.
        let Some(feed) = feeds.get(book_id) else {
            let first = self.event("reload", None, "{}").into();
            return Ok(Subscription { last: Seq::ZERO, first, coming: broadcast::channel(1).1 });
        };
        let missed = match last_id {
            None => Some(String::new()),
            Some(id) => self.seq_of(id).and_then(|seq| feed.after(seq)),
        };
        let plain = |kind| self.event(kind, Some(feed.last), &format!("{{\"seq\":{}}}", feed.last));
        let first = match missed {
            None => plain("reload"),
            Some(missed) if missed.is_empty() => plain("ready"),
            Some(missed) => missed,
        };
        Ok(Subscription { last: feed.last, first: first.into(), coming: feed.sender.subscribe() })
    }

    /// Gives every stream what was committed since the last time.
    pub(crate) fn send(&self) {
        let mut feeds = self.feeds.lock();
        for (id, feed) in feeds.iter_mut() {
            let noted = feed.follower.take();
            let mut text = String::new();
            if noted.lost {
                feed.kept.clear();
                text.push_str(&self.event("reload", None, "{}"));
            }
            for note in noted.commits.iter().filter(|note| note.seq > feed.last) {
                let event = self.event("commit", Some(note.seq), &json(&commit_data(id, note)));
                text.push_str(&event);
                feed.kept.push_back((note.seq, event));
            }
            let Some(newest) = noted.commits.last().map(|note| note.seq).filter(|seq| *seq > feed.last)
            else {
                continue;
            };
            feed.last = newest;
            let surplus = feed.kept.len().saturating_sub(KEPT);
            feed.kept.drain(..surplus);
            if feed.sender.receiver_count() == 0 {
                continue;
            }
            if let Some(snapshot) = self.library.active(id) {
                let job = self.scheduler.progress(id).map(|progress| LiveJob::of(&progress.borrow()));
                let book = BookStatusLine::of(&snapshot.state);
                let data = json(&ProgressData { book_id: id, seq: snapshot.seq, book, job });
                text.push_str(&self.event("progress", None, &data));
            }
            // An error means that nobody watches any more.
            drop(feed.sender.send(Batch { last: newest, text: text.into() }));
        }
    }

    /// Sends for ever.
    pub(crate) async fn run(&self) {
        let mut commits = self.library.watch_commits();
        loop {
            let news = commits.watch();
            self.send();
            news.await;
            tokio::time::sleep(PACE).await;
        }
    }
}

impl Feed {
    /// The events after `seq`; none when some of them are not kept any more, or `seq` is none of ours.
    fn after(&self, seq: u32) -> Option<String> {
        if seq == self.last.get() {
            return Some(String::new());
        }
        // The commit itself must be among those that are kept: then everything behind it is, too.
        let place = self.kept.iter().position(|(kept, _)| kept.get() == seq)?;
        Some(self.kept.iter().skip(place + 1).map(|(_, event)| event.as_str()).collect())
    }
}

/// Lets go books that nobody watches, when there are too many.
fn let_go(feeds: &mut HashMap<BookId, Feed>) {
    if feeds.len() >= FOLLOWED {
        feeds.retain(|_, feed| feed.sender.receiver_count() > 0);
    }
}

/// Our own types: writing them as JSON does not fail, and were it to, a reader would reload.
fn json(data: &impl Serialize) -> String {
    serde_json::to_string(data).unwrap_or_else(|error| {
        tracing::error!(%error, "an event cannot be written as JSON");
        "{}".to_owned()
    })
}

fn commit_data<'a>(book_id: &'a BookId, note: &CommitNote) -> CommitData<'a> {
    CommitData {
        book_id,
        seq: note.seq,
        documents: note.documents.iter().take(NAMED).map(ToString::to_string).collect(),
        more: note.documents.len().saturating_sub(NAMED),
    }
}
