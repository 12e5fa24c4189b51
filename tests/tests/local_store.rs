//! The local store and the disk: what is acknowledged is synced. Watched from outside, by the kill shim.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

use std::path::Path;
use std::process::Command;

use bookstate_domain::{BookId, Seq};
use bookstate_store::{BookSync, Chunk, SqliteStore, StartId, WriterId};
use bookstate_tests::shim::{Call, Counts, Errno, Shim};

const CHILD: &str = "BOOKSTATE_LOCAL_STORE_CHILD";

fn chunk(n: u32) -> Chunk {
    let (writer, seq) = (WriterId([7; 16]), Seq::new(n).unwrap());
    let sync = |n: u32| BookSync {
        writer,
        start: StartId(1),
        write_no: n,
        token: u64::from(n),
        persisting_seq: seq,
        persisted_seq: seq,
        parked: Vec::new(),
    };
    let expect = (n > 1).then(|| sync(n - 1).mark());
    Chunk { book_id: BookId::new("b").unwrap(), expect, sync: sync(n), ops: Vec::new() }
}

/// Not a test by itself: what the other tests run as a child. Writes chunks, and says of each what came of it.
#[test]
fn child() {
    let Some(told) = std::env::var_os(CHILD) else { return };
    let told = told.into_string().unwrap();
    let (directory, chunks) = told.split_once('*').unwrap();
    let store = SqliteStore::open(&Path::new(directory).join("books.sqlite")).unwrap();
    for n in 1..=chunks.parse().unwrap() {
        match store.write_chunk(&chunk(n)) {
            Ok(()) => println!("acknowledged {n}"),
            Err(error) => println!("not {n}: {error}"),
        }
    }
}

/// What the child says, and how often it synced.
fn write(chunks: u32, shim: impl Fn(Shim) -> Shim) -> (String, u64) {
    let (directory, counts) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]);
    command.env(CHILD, format!("{}*{chunks}", directory.path().display()));
    let output = shim(Shim::new(directory.path()).count_to(counts.path())).run(&mut command).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, Counts::read(counts.path()).unwrap().of(Call::Sync))
}

#[test]
fn a_chunk_is_synced_before_it_is_acknowledged() {
    let (few, many) = (write(5, |shim| shim).1, write(25, |shim| shim).1);
    assert!(many >= few + 20, "{few} syncs for 5 chunks, {many} for 25");
}

#[test]
fn a_chunk_whose_sync_fails_is_not_acknowledged() {
    let of_three = write(3, |shim| shim).1;
    // Some go through, since each takes a sync at least.
    let (text, _) = write(99, |shim| shim.fail_from(Call::Sync, of_three + 1, Errno::Eio));
    let acknowledged = text.matches("acknowledged").count();
    assert!((1..=usize::try_from(of_three).unwrap()).contains(&acknowledged), "{text}");
    let (_, after) = text.split_once("not ").unwrap();
    assert!(!after.contains("acknowledged"), "{text}");
}
