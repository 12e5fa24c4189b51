//! Following a book: which documents each commit touched, for whoever shows a book live.
//!
//! A commit notes its documents' keys only while somebody follows the book; else it pays one comparison. The
//! log's lock is the last in the lock order: it is taken inside the book's, for one push or one swap. Not
//! here: what changed in a document; a follower reads the book.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bookstate_domain::{AnyKey, BookId, Seq};
use parking_lot::Mutex;

use super::Library;

/// How many commits wait for a follower that does not take them; more are given up.
const WAITING: usize = 4096;

/// A commit, as a follower sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitNote {
    /// The commit.
    pub seq: Seq,
    /// The documents that it touched.
    pub documents: Vec<AnyKey>,
}

/// What a follower takes at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Noted {
    /// The commits since the last time, in order.
    pub commits: Vec<CommitNote>,
    /// Commits before these were given up, since they waited for too long.
    pub lost: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    commits: VecDeque<CommitNote>,
    lost: bool,
}

/// Where a live book notes its commits.
#[derive(Debug, Default)]
pub(super) struct CommitLog(Mutex<Waiting>);

impl CommitLog {
    pub(super) fn note(&self, seq: Seq, documents: Vec<AnyKey>) {
        let mut waiting = self.0.lock();
        if waiting.commits.len() == WAITING {
            waiting.commits.clear();
            waiting.lost = true;
        }
        waiting.commits.push_back(CommitNote { seq, documents });
    }
}

/// The logs of the books that somebody follows, each with the number of its followers.
pub(super) type Followed = HashMap<BookId, (Arc<CommitLog>, usize)>;

/// The commits of a book, noted as long as this lives. Several of one book share one log: what one takes, the others
/// do not see.
#[derive(Debug)]
pub struct Follower {
    library: Library,
    id: BookId,
    log: Arc<CommitLog>,
}

impl Follower {
    /// Takes what was noted since the last time.
    #[must_use]
    pub fn take(&self) -> Noted {
        let Waiting { commits, lost } = std::mem::take(&mut *self.log.0.lock());
        Noted { commits: commits.into(), lost }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let books = self.library.0.books.read();
        let mut followed = self.library.0.followed.lock();
        let is_last = followed.get_mut(&self.id).is_none_or(|(_, followers)| {
            *followers = followers.saturating_sub(1);
            *followers == 0
        });
        if !is_last {
            return;
        }
        followed.remove(&self.id);
        drop(followed);
        if let Some(book) = books.get(&self.id) {
            book.set_log(None);
        }
    }
}

impl Library {
    /// Begins to follow a book, live or not. Its commits are noted from now on, until the result is dropped, also
    /// when it leaves memory and comes back meanwhile.
    #[must_use]
    pub fn follow(&self, id: &BookId) -> Follower {
        // A book that becomes live takes its log under the map's lock: see `claim`.
        let books = self.0.books.read();
        let mut followed = self.0.followed.lock();
        let (log, followers) = followed.entry(id.clone()).or_default();
        *followers += 1;
        let log = log.clone();
        drop(followed);
        if let Some(book) = books.get(id) {
            book.set_log(Some(log.clone()));
        }
        Follower { library: self.clone(), id: id.clone(), log }
    }

    pub(super) fn log_of(&self, id: &BookId) -> Option<Arc<CommitLog>> {
        self.0.followed.lock().get(id).map(|(log, _)| log.clone())
    }
}

#[cfg(test)]
mod tests {
    use bookstate_domain::{BookStatus, persist::NewBook};

    use super::*;
    use crate::LibraryConfig;

    fn seqs(noted: &Noted) -> Vec<u32> {
        noted.commits.iter().map(|note| note.seq.get()).collect()
    }

    #[test]
    fn a_follower_gets_each_commit_once_and_nothing_of_before() {
        let dir = tempfile::tempdir().unwrap();
        let (library, _) = Library::open(LibraryConfig::new(dir.path())).unwrap();
        let id = BookId::new("b-1").unwrap();
        let early = library.follow(&id);
        let handle = library.create_book(&id, "a test").unwrap();
        handle.persist_book_record(NewBook { page_count: 3 }).unwrap();
        handle.persist_page_extract(2).unwrap();
        let noted = early.take();
        assert_eq!(seqs(&noted), [1, 2], "a book that was not live yet is followed from its first commit");
        let documents: Vec<_> = noted.commits[1].documents.iter().map(ToString::to_string).collect();
        assert_eq!(documents, ["Page/b-1/2"]);
        assert_eq!(early.take(), Noted::default());
        // A call that is refused is no commit.
        handle.persist_page_extract(9).unwrap_err();
        assert_eq!(early.take(), Noted::default());
        let second = library.follow(&id);
        drop(early);
        handle.persist_page_extract(1).unwrap();
        assert_eq!(seqs(&second.take()), [3], "the book has another follower");
        drop(second);
        handle.persist_page_extract(1).unwrap();
        let late = library.follow(&id);
        handle.persist_page_extract(3).unwrap();
        assert_eq!(seqs(&late.take()), [5]);
    }

    #[test]
    fn a_follower_that_does_not_take_costs_bounded_memory_and_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (library, _) = Library::open(LibraryConfig::new(dir.path())).unwrap();
        let id = BookId::new("b-1").unwrap();
        let handle = library.create_book(&id, "a test").unwrap();
        handle.persist_book_record(NewBook { page_count: 3 }).unwrap();
        let log = library.follow(&id);
        for n in 0..=WAITING {
            let reason = Some(format!("reason {n}").into());
            handle.persist_book_status(BookStatus::Degraded, reason).unwrap();
            assert!(log.log.0.lock().commits.len() <= WAITING);
        }
        let noted = log.take();
        assert!(noted.lost);
        assert_eq!(noted.commits.last().unwrap().seq, handle.snapshot().seq);
        assert!(!log.take().lost, "once");
    }
}
