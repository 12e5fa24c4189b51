//! The SQLite store, as its callers see it. One binary, so that it is linked once.
#![expect(clippy::unwrap_used, clippy::panic, reason = "what a test's own functions meet fails the test")]

mod bookkeeping;
mod chunks;
mod conformance;
mod documents;
mod laws;
mod layout;
mod mirror;
mod speed;

use bookstate_domain::{BookId, Seq, WriteOp};
use bookstate_store::{BookSync, Chunk, SqliteStore, WriteMark, WriterId};
use tempfile::TempDir;

const WRITER: WriterId = WriterId([7; 16]);

fn book_id() -> BookId {
    BookId::new("a-book").unwrap()
}

fn seq(number: u32) -> Seq {
    Seq::new(number).unwrap()
}

/// A store in a directory of its own.
fn store() -> (TempDir, SqliteStore) {
    let dir = TempDir::new().unwrap();
    let store = SqliteStore::open(&dir.path().join("books.db")).unwrap();
    (dir, store)
}

/// What names the book after its `n`-th chunk.
fn mark(n: u32) -> WriteMark {
    WriteMark { writer: WRITER, write_no: n, token: u64::MAX - u64::from(n) }
}

/// The `n`-th chunk of the book (from 1), which is also its batch `n`.
fn chunk(n: u32, ops: Vec<WriteOp>) -> Chunk {
    Chunk {
        book_id: book_id(),
        expect: (n > 1).then(|| mark(n - 1)),
        sync: BookSync {
            start: bookstate_store::StartId::default(),
            epoch: bookstate_store::Epoch::NONE,
            writer: WRITER,
            write_no: n,
            token: mark(n).token,
            persisting_seq: seq(n),
            persisted_seq: seq(n),
            parked: Vec::new(),
        },
        ops,
    }
}

/// A shell on the same file: what a person with `sqlite3` does to it.
fn by_hand(store: &SqliteStore) -> rusqlite::Connection {
    rusqlite::Connection::open(store.path()).unwrap()
}

/// Moves everything from the write-ahead log into the file.
fn checkpoint(store: &SqliteStore) {
    by_hand(store).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}
