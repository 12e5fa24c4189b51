//! The local store and the disk: what is acknowledged is synced. Watched from outside, by the kill shim.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

use std::path::Path;
use std::process::Command;

use bookstate_domain::{At, BookId, BookState, Seq, Timestamp, persist::NewBook};
use bookstate_store::{BookSync, Chunk, SqliteStore, StartId, WriterId};
use bookstate_tests::shim::{Call, Counts, Errno, Shim};

const CHILD: &str = "BOOKSTATE_LOCAL_STORE_CHILD";

fn chunk(n: u32) -> Chunk {
    let (writer, seq) = (WriterId([7; 16]), Seq::new(n).unwrap());
    let sync = |n: u32| BookSync {
        writer,
        start: StartId(1),
        epoch: bookstate_store::Epoch::NONE,
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

#[test]
fn the_sqlite3_shell_reads_along() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("books.sqlite")).unwrap();
    let mut state = BookState::new(BookId::new("b").unwrap());
    let mut write = |n: u32| {
        let at = At { seq: Seq::new(n).unwrap(), now: Timestamp::from_nanos(1) };
        let ops = match n {
            1 => state.persist_book_record(&at, NewBook { page_count: 9 }),
            page => state.persist_page_extract(&at, i32::try_from(page).unwrap()),
        };
        let ops = ops.unwrap();
        for op in &ops {
            state.apply(op);
        }
        store.write_chunk(&Chunk { ops, ..chunk(n) }).unwrap();
    };
    (1..=3).for_each(&mut write);
    let sql = "SELECT page_num, extract_complete, created_at FROM Page ORDER BY page_num";
    let shell = Command::new("sqlite3").arg("-readonly").arg(store.path()).arg(sql).output();
    let shell = shell.expect("this test needs the `sqlite3` shell, as CONTRIBUTING says");
    assert!(shell.status.success(), "{shell:?}");
    let time = "1970-01-01T00:00:00.000000001Z";
    assert_eq!(String::from_utf8_lossy(&shell.stdout), format!("2|1|{time}\n3|1|{time}\n"));
    write(4);
}
