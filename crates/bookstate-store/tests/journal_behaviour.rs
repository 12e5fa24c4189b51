//! What the journal promises when nothing, or one certain thing, goes wrong: policies, marks, deletion, a full disk,
//! poison, versions, the real file system, the lock.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the helpers of tests are tests too"
)]

mod journal_log;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Write as _};
use std::ops::ControlFlow;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bookstate_store::fs::fault::{Call, CrashImage, Fault, FaultFs};
use bookstate_store::fs::{DataDirLock, LockError, OsFs};
use bookstate_store::journal::{
    AppendError, Entry, Journal, JournalConfig, JournalError, JournalState, RecordBuf, SyncPolicy, inspect,
    verify,
};
use journal_log::{BOOKS, Ledger, WRITER, append, config, dir, open, segment_path, settle, sole, wait_until};

fn count(fs: &FaultFs, op: Call) -> usize {
    fs.ops().iter().filter(|done| **done == op).count()
}

#[test]
fn always_returns_after_the_sync() {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Always, 1 << 20)).unwrap();
    for seq in 1..=5 {
        let position = append(&journal, BOOKS[0], seq).unwrap();
        assert!(journal.synced_position() >= position);
        let (.., recovered) = open(&fs.crash(CrashImage::Synced), config(SyncPolicy::Os, 1 << 20)).unwrap();
        assert_eq!(recovered[BOOKS[0]].len(), seq as usize);
    }
}

#[test]
fn always_syncs_groups() {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Always, 1 << 20)).unwrap();
    // The first sync takes until all others wait for the next one.
    let (started, begun) = mpsc::channel();
    let (go_on, told) = mpsc::channel::<()>();
    let told = Mutex::new(Some(told));
    fs.before_sync(move || {
        if let Some(told) = told.lock().unwrap().take() {
            started.send(()).unwrap();
            told.recv().unwrap();
        }
    });
    std::thread::scope(|scope| {
        let journal = &journal;
        scope.spawn(move || append(journal, BOOKS[0], 1).unwrap());
        begun.recv().unwrap();
        for (book, seq) in BOOKS.into_iter().zip([2, 1, 1]) {
            scope.spawn(move || append(journal, book, seq).unwrap());
        }
        wait_until("three more records", || journal.health().records == 4);
        assert_eq!(journal.health().fsyncs, 0);
        go_on.send(()).unwrap();
    });
    assert_eq!(journal.health().fsyncs, 2, "one for the first record, one for all that came meanwhile");
    let (.., recovered) = open(&fs.crash(CrashImage::Synced), config(SyncPolicy::Os, 1 << 20)).unwrap();
    assert_eq!(recovered.values().map(Vec::len).sum::<usize>(), 4);
}

#[test]
fn an_interval_syncs_by_itself() {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Interval(Duration::from_millis(2)), 1 << 20)).unwrap();
    for seq in 1..=3 {
        let position = append(&journal, BOOKS[0], seq).unwrap();
        wait_until("the interval's sync", || journal.synced_position() >= position);
    }
    // One beyond all time does it when somebody asks, and else never.
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Interval(Duration::MAX), 1 << 20)).unwrap();
    append(&journal, BOOKS[0], 1).unwrap();
    let second = append(&journal, BOOKS[0], 2).unwrap();
    assert_eq!(journal.health().fsyncs, 0);
    assert_eq!(journal.health().state, JournalState::Ok);
    journal.wait_synced(second).unwrap();
    assert_eq!(journal.health().fsyncs, 1);
}

/// Polls a future once.
fn poll<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test]
async fn os_syncs_when_asked_also_by_who_goes_away() {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap();
    let syncs = count(&fs, Call::SyncData);
    let first = append(&journal, BOOKS[0], 1).unwrap();
    let second = append(&journal, BOOKS[0], 2).unwrap();
    assert_eq!((count(&fs, Call::SyncData), journal.synced_position() < first), (syncs, true));
    // The sync does not end before it was waited for, and was given up.
    let (go_on, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    fs.before_sync(move || {
        assert!(told.lock().unwrap().recv().is_err(), "it is told by being dropped");
    });
    {
        let mut waiting = pin!(journal.synced(first));
        assert!(poll(waiting.as_mut()).is_pending());
    }
    drop(go_on);
    journal.synced(first).await.unwrap();
    journal.synced(second).await.unwrap();
    assert_eq!(count(&fs, Call::SyncData), syncs + 1, "one sync covers both");
}

/// Records, once the sync thread is gone, would never be synced.
#[tokio::test]
async fn a_panic_in_the_sync_thread_poisons() {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Interval(Duration::from_millis(1)), 1 << 20)).unwrap();
    fs.before_sync(|| panic!("a file system that panics"));
    let position = append(&journal, BOOKS[0], 1).unwrap();
    assert!(journal.synced(position).await.is_err());
    assert!(journal.wait_synced(position).is_err());
    assert!(matches!(append(&journal, BOOKS[0], 2), Err(AppendError::Poisoned(_))));
    assert!(matches!(journal.health().state, JournalState::Poisoned(reason) if reason.contains("panicked")));
    assert!(journal.close().is_err());
}

/// Whatever takes the log panics: the journal is poisoned before it is told.
#[test]
fn what_takes_the_log_does_not_keep_a_journal_from_being_poisoned() {
    struct Panics;
    impl tracing::Subscriber for Panics {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
            tracing::span::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            panic!("the log's disk is full");
        }
        fn enter(&self, _: &tracing::span::Id) {}
        fn exit(&self, _: &tracing::span::Id) {}
    }
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap();
    append(&journal, BOOKS[0], 1).unwrap();
    fs.inject(fs.ops().len() as u64, Fault::Error(ErrorKind::Other));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        tracing::subscriber::with_default(Panics, || append(&journal, BOOKS[0], 2))
    }));
    assert!(caught.is_err(), "it was told");
    assert!(matches!(append(&journal, BOOKS[0], 3), Err(AppendError::Poisoned(_))));
    assert!(matches!(journal.health().state, JournalState::Poisoned(_)));
}

/// The disk hangs at each of a rotation's syncs in turn, and appends of many segments go on.
#[test]
fn no_append_waits_for_the_disk_at_a_rotation() {
    for hangs_at in 0..3 {
        let fs = FaultFs::new();
        let (journal, ..) = open(&fs, config(SyncPolicy::Os, 2_000)).unwrap();
        let journal = Arc::new(journal);
        let (hangs, hanging) = mpsc::channel();
        let (go_on, told) = mpsc::channel::<()>();
        let told = Mutex::new(told);
        let syncs = AtomicUsize::new(0);
        fs.before_sync(move || {
            assert_eq!(std::thread::current().name(), Some("journal-sync"));
            if syncs.fetch_add(1, Ordering::Relaxed) == hangs_at {
                hangs.send(()).unwrap();
                assert!(told.lock().unwrap().recv().is_err(), "it is told by being dropped");
            }
        });
        // One thread has to be given up if this fails.
        let appending = journal.clone();
        let (done, is_done) = mpsc::channel();
        std::thread::spawn(move || {
            let mut ledger = Ledger::default();
            let mut more = |count| {
                for number in 0..count {
                    ledger.append(&appending, BOOKS[number % 3]).unwrap();
                }
            };
            more(80);
            hanging.recv().unwrap();
            more(150);
            done.send(ledger).unwrap();
        });
        let ledger = is_done.recv_timeout(Duration::from_secs(60)).expect("an append waits for the disk");
        let before = journal.health();
        assert!(before.appended.get() > 5 * 2_000, "{before:?}");
        let check = |image, least: &BTreeMap<String, u32>| {
            let (.., recovered) = open(&fs.crash(image), config(SyncPolicy::Os, 2_000)).unwrap();
            ledger.check(&recovered, least, "a hanging disk");
        };
        check(CrashImage::Killed, &ledger.accepted);
        check(CrashImage::Synced, &Default::default());
        drop(go_on);
        journal.wait_synced(before.appended).unwrap();
        wait_until("the next segment", || journal.health().rotations > before.rotations);
        check(CrashImage::Synced, &ledger.accepted);
        fs.before_sync(|| {});
        sole(journal).close().unwrap();
        check(CrashImage::Synced, &ledger.accepted);
    }
}

/// During each sync something is appended: no segment is ever wholly synced while it is the present one.
#[test]
fn a_segment_is_left_although_appends_never_pause() {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Os, 2_000)).unwrap();
    let journal = Arc::new(journal);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let (appending, noting, disk) = (Arc::downgrade(&journal), ledger.clone(), fs.clone());
    fs.before_sync(move || {
        let Some(journal) = appending.upgrade() else { return };
        let mut ledger = noting.lock().unwrap();
        ledger.append(&journal, BOOKS[2]).unwrap();
        for image in [CrashImage::Killed, CrashImage::Synced, CrashImage::Random(journal.health().records)] {
            let (.., recovered) = open(&disk.crash(image), config(SyncPolicy::Os, 2_000)).unwrap();
            let least = if image == CrashImage::Killed { &ledger.accepted } else { &ledger.synced };
            ledger.check(&recovered, least, "without a pause");
        }
    });
    for number in 0..150 {
        let (position, accepted) = {
            let mut ledger = ledger.lock().unwrap();
            (ledger.append(&journal, BOOKS[number % 2]).unwrap(), ledger.accepted.clone())
        };
        if number % 3 == 0 {
            journal.wait_synced(position).unwrap();
            ledger.lock().unwrap().synced = accepted;
        }
    }
    fs.before_sync(|| {});
    let journal = sole(journal);
    let health = journal.health();
    assert!(health.rotations > 5, "{health:?}");
    // A segment is full or nearly so: it grows over its size by what comes during the few syncs of a rotation.
    let lens = fs.files().iter().map(|path| fs.contents(path).unwrap().len()).collect::<Vec<_>>();
    assert!(lens.iter().all(|len| *len < 4_000), "{lens:?}");
    let ledger = ledger.lock().unwrap();
    for image in [CrashImage::Killed, CrashImage::Synced, CrashImage::Random(7)] {
        let least = if image == CrashImage::Killed { &ledger.accepted } else { &ledger.synced };
        let (.., recovered) = open(&fs.crash(image), config(SyncPolicy::Os, 2_000)).unwrap();
        ledger.check(&recovered, least, "without a pause");
    }
}

#[test]
fn an_idle_journal_is_still() {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Interval(Duration::from_micros(100)), 1 << 20)).unwrap();
    for seq in 1..=3 {
        let position = append(&journal, BOOKS[0], seq).unwrap();
        journal.wait_synced(position).unwrap();
    }
    let ops = fs.ops();
    // Hundreds of intervals; an endless mark or sync would show.
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(fs.ops(), ops);
    assert_eq!(journal.health().marks, 2, "each sync but the last has its mark");
    journal.close().unwrap();
    let mut marks = Vec::new();
    inspect(&fs, &dir(), &mut |entry| {
        if let Entry::Mark { synced, .. } = entry {
            marks.push(synced);
        }
    })
    .unwrap();
    assert_eq!(marks.len(), 3, "close marks the last one");
    // Opening and closing without a commit writes nothing.
    let (journal, ..) = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap();
    let (writes, before) = (count(&fs, Call::Write), fs.contents(&segment_path(1)).unwrap());
    journal.close().unwrap();
    assert_eq!((count(&fs, Call::Write), fs.contents(&segment_path(1)).unwrap()), (writes, before));
}

#[test]
fn segments_go_oldest_first_when_all_their_books_are_released() {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Os, 600)).unwrap();
    let mut ledger = Ledger::default();
    for number in 0..40 {
        ledger.append(&journal, BOOKS[number % 2]).unwrap();
        settle(&fs, &journal, 600);
    }
    let segments = journal.health().segments;
    assert!(segments > 4);
    journal.release(BOOKS[0], 20);
    assert_eq!(journal.health().segments, segments, "the other book still needs them");
    journal.release(BOOKS[1], 10);
    let left = journal.health().segments;
    assert!(left < segments && left > 1);
    assert!(!fs.files().contains(&segment_path(1)) && fs.files().contains(&segment_path(segments)));
    // A failed deletion is tried again.
    fs.inject(fs.ops().len() as u64, Fault::Error(ErrorKind::PermissionDenied));
    journal.release(BOOKS[1], 20);
    assert_eq!((journal.health().segments, journal.health().state), (left, JournalState::Ok));
    journal.release(BOOKS[1], 20);
    assert_eq!(journal.health().segments, 1);
    let report = journal.close().unwrap();
    assert_eq!((report.segments, fs.files().len()), (1, 1));
    let (journal, report, recovered) = open(&fs, config(SyncPolicy::Os, 600)).unwrap();
    assert!(recovered.is_empty());
    assert!(append(&journal, BOOKS[0], 21).unwrap() > report.position, "positions go on");
}

#[test]
fn a_full_disk_changes_nothing_and_passes() {
    for space in 0..160 {
        let fs = FaultFs::new();
        let (journal, ..) = open(&fs, config(SyncPolicy::Os, 400)).unwrap();
        let mut ledger = Ledger::default();
        for number in 0..5 {
            ledger.append(&journal, BOOKS[number % 3]).unwrap();
        }
        fs.set_space(Some(space));
        let mut refused = 0;
        for number in 5..10 {
            match ledger.append(&journal, BOOKS[number % 3]) {
                Ok(_) => {}
                Err(AppendError::Full) => refused += 1,
                Err(error) => panic!("{space} bytes: {error}"),
            }
        }
        assert!(refused > 0);
        assert_eq!(journal.health().state, JournalState::Full);
        let (.., recovered) = open(&fs.crash(CrashImage::Killed), config(SyncPolicy::Os, 400)).unwrap();
        ledger.check(&recovered, &ledger.accepted, "full");
        assert_eq!(
            recovered.values().map(|seqs| seqs.len() as u32).sum::<u32>(),
            ledger.accepted.values().sum::<u32>()
        );
        fs.set_space(None);
        for number in 0..10 {
            ledger.append(&journal, BOOKS[number % 3]).unwrap();
        }
        assert_eq!(journal.health().state, JournalState::Ok);
        journal.close().unwrap();
        let (.., recovered) = open(&fs.crash(CrashImage::Synced), config(SyncPolicy::Os, 400)).unwrap();
        ledger.check(&recovered, &ledger.accepted, "full and freed");
    }
}

#[tokio::test]
async fn a_failed_sync_poisons_for_ever_and_is_not_repeated() {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap();
    let position = append(&journal, BOOKS[0], 1).unwrap();
    fs.inject(fs.ops().len() as u64, Fault::Error(ErrorKind::Other));
    assert!(journal.synced(position).await.is_err());
    let ops = fs.ops();
    assert!(matches!(append(&journal, BOOKS[0], 2), Err(AppendError::Poisoned(_))));
    assert!(journal.wait_synced(position).is_err());
    assert!(journal.synced(position).await.is_err());
    assert!(matches!(journal.health().state, JournalState::Poisoned(reason) if reason.contains("fsync")));
    journal.release(BOOKS[0], 1);
    assert!(journal.close().is_err());
    assert_eq!(fs.ops(), ops, "a poisoned journal touches the disk no more");
}

#[test]
fn a_refused_commit_does_not_come_back() {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap();
    append(&journal, BOOKS[0], 1).unwrap();
    fs.inject(fs.ops().len() as u64, Fault::Torn(30, ErrorKind::Other));
    assert!(matches!(append(&journal, BOOKS[0], 2), Err(AppendError::Poisoned(_))));
    drop(journal);
    let (_, report, recovered) =
        open(&fs.crash(CrashImage::Killed), config(SyncPolicy::Os, 1 << 20)).unwrap();
    assert_eq!((recovered[BOOKS[0]].len(), report.torn), (1, None));
}

#[test]
fn impossible_records_are_refused() {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap();
    let mut record = RecordBuf::new();
    assert!(matches!(journal.append(&mut record), Err(AppendError::Size { len: 0 })));
    record.write_all(&vec![0; bookstate_store::journal::MAX_PAYLOAD_LEN + 1]).unwrap();
    assert!(matches!(journal.append(&mut record), Err(AppendError::Size { .. })));
    record.clear();
    assert!(record.payload().is_empty());
    record.write_all(&[0x80]).unwrap();
    assert!(matches!(journal.append(&mut record), Err(AppendError::Head { .. })), "a commit of no book");
    append(&journal, BOOKS[0], 1).unwrap();
    append(&journal, BOOKS[1], 7).unwrap();
    // Two commits of one seq could not be told apart: recovery would take the first.
    let whole = fs.contents(&segment_path(1)).unwrap();
    for seq in [1, 0] {
        assert!(matches!(append(&journal, BOOKS[0], seq), Err(AppendError::Head { .. })), "{seq} again");
    }
    assert_eq!(fs.contents(&segment_path(1)).unwrap(), whole);
    // A restart forgets none of them, nor does a release of what the log still has.
    drop(journal);
    let (journal, ..) = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap();
    journal.release(BOOKS[1], 7);
    assert!(matches!(append(&journal, BOOKS[1], 7), Err(AppendError::Head { .. })));
    append(&journal, BOOKS[1], 8).unwrap();
    append(&journal, BOOKS[0], 2).unwrap();
}

/// A segment written by version 1, byte for byte; it must open for ever.
const VERSION_1: &[u8] = include_bytes!("journal_v1/00000000000000000001.journal");

fn version_1_log() -> Vec<u8> {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap();
    for seq in 1..=4 {
        let position = append(&journal, BOOKS[seq as usize % 3], 1 + seq / 4).unwrap();
        journal.wait_synced(position).unwrap();
    }
    journal.close().unwrap();
    fs.contents(&segment_path(1)).unwrap()
}

#[test]
fn version_1_files_open_and_are_still_written_the_same() {
    let fs = FaultFs::new();
    fs.put(&segment_path(1), VERSION_1);
    let (_, report, recovered) = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap();
    assert_eq!((report.records, report.torn), (4, None));
    assert_eq!(recovered[BOOKS[1]], [1, 2]);
    assert_eq!(version_1_log(), VERSION_1, "the format changed: it needs a new version and a new file");
}

fn with_header(change: impl Fn(&mut Vec<u8>)) -> FaultFs {
    let mut bytes = VERSION_1.to_vec();
    change(&mut bytes);
    let crc = crc32fast::hash(&bytes[..44]);
    bytes[44..48].copy_from_slice(&crc.to_le_bytes());
    let fs = FaultFs::new();
    fs.put(&segment_path(1), &bytes);
    fs
}

#[test]
fn a_newer_version_is_refused() {
    let fs = with_header(|bytes| bytes[8] = 2);
    let before = fs.contents(&segment_path(1)).unwrap();
    let error = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap_err();
    assert!(matches!(error, JournalError::NewerVersion { segment: 1, version: 2 }), "{error}");
    assert!(error.to_string().contains("newer"));
    assert!(matches!(verify(&fs, &dir()), Err(JournalError::NewerVersion { .. })));
    assert_eq!(fs.contents(&segment_path(1)).unwrap(), before);
}

#[test]
fn a_segment_of_another_data_directory_or_number_is_refused() {
    let fs = with_header(|bytes| bytes[30] ^= 1);
    let error = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap_err();
    assert!(matches!(error, JournalError::ForeignWriter { segment: 1 }), "{error}");
    let fs = with_header(|bytes| bytes[12] = 7);
    let error = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap_err();
    assert!(matches!(error, JournalError::Damaged(_)), "{error}");
}

/// Version 1's segment, followed by one without records.
fn with_unused_segment(base: u64, len: usize) -> FaultFs {
    let mut header = VERSION_1[..48].to_vec();
    header[12] = 2;
    header[20..28].copy_from_slice(&base.to_le_bytes());
    let crc = crc32fast::hash(&header[..44]);
    header[44..].copy_from_slice(&crc.to_le_bytes());
    let fs = FaultFs::new();
    fs.put(&segment_path(1), VERSION_1);
    fs.put(&segment_path(2), &header[..len]);
    fs
}

#[test]
fn a_last_segment_without_records_is_used_or_replaced() {
    let end = VERSION_1.len() as u64 - 48;
    // Just created; left over from a creation that was given up; cut short by a crash.
    for (base, len) in [(end, 48), (end - 41, 48), (0, 48), (end, 47), (end, 0)] {
        let fs = with_unused_segment(base, len);
        for round in 0..3 {
            let (journal, _, recovered) = open(&fs, config(SyncPolicy::Os, 470)).unwrap();
            assert_eq!(recovered[BOOKS[1]].len(), 2 + round, "base {base}, length {len}");
            let next = append(&journal, BOOKS[1], 3 + round as u32).unwrap();
            assert!(next.get() > end);
            journal.close().unwrap();
        }
    }
    // Its base vouches for more than there is: synced records are gone.
    let fs = with_unused_segment(end + 1, 48);
    let error = open(&fs, config(SyncPolicy::Os, 470)).unwrap_err();
    assert!(matches!(&error, JournalError::Damaged(damage) if damage.segment == 1), "{error}");
    // The only segment there is, and not the first: it had records.
    let fs = FaultFs::new();
    fs.put(&segment_path(9), &VERSION_1[..20]);
    let error = open(&fs, config(SyncPolicy::Os, 470)).unwrap_err();
    assert!(matches!(error, JournalError::Damaged(_)), "{error}");
}

/// A commit's frame around any payload.
fn frame(payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len() + 1).unwrap().to_le_bytes();
    let body = [&[1], payload].concat();
    let crc = crc32fast::hash(&[&len[..], &body].concat()).to_le_bytes();
    [&len[..], &crc, &body].concat()
}

#[test]
fn an_intact_commit_without_a_head_is_damage_even_at_the_end() {
    let headless = rmp_serde::to_vec_named(&serde_json::json!({"seq": 1})).unwrap();
    let fs = FaultFs::new();
    fs.put(&segment_path(1), &[VERSION_1, &frame(&headless)].concat());
    let error = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap_err();
    assert!(matches!(error, JournalError::Damaged(_)), "{error}");
    // What could not be recovered is not accepted.
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Os, 1 << 20)).unwrap();
    let before = fs.contents(&segment_path(1)).unwrap();
    let mut record = RecordBuf::new();
    record.write_all(&headless).unwrap();
    assert!(matches!(journal.append(&mut record), Err(AppendError::Head { .. })));
    assert_eq!(fs.contents(&segment_path(1)).unwrap(), before);
}

#[test]
fn a_real_directory_with_stray_files() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("deep/journal");
    let config = JournalConfig { segment_bytes: 2_000, ..JournalConfig::new(path.clone(), WRITER) };
    let open = |config| {
        let mut seqs = BTreeSet::new();
        let visit = &mut |record: bookstate_store::journal::Record<'_>| {
            assert!(seqs.insert(record.head.seq));
            ControlFlow::Continue(())
        };
        let (journal, report) = Journal::open(Arc::new(OsFs), config, visit).unwrap();
        (journal, report, seqs)
    };
    let (journal, ..) = open(config.clone());
    for seq in 1..=100 {
        append(&journal, BOOKS[0], seq).unwrap();
    }
    drop(journal);
    std::fs::write(path.join("notes.txt"), "mine").unwrap();
    let (journal, report, seqs) = open(config.clone());
    assert_eq!((report.strays, seqs.len()), (vec!["notes.txt".to_owned()], 100));
    journal.release(BOOKS[0], 100);
    journal.close().unwrap();
    let (_, report, seqs) = open(config);
    assert_eq!((report.records, seqs.len(), std::fs::read_dir(&path).unwrap().count()), (0, 0, 2));
}

#[test]
fn the_lock_names_its_holder() {
    let temp = tempfile::tempdir().unwrap();
    let lock = DataDirLock::acquire(&temp.path().join("new")).unwrap();
    let error = DataDirLock::acquire(&temp.path().join("new")).unwrap_err();
    let LockError::Held { holder: Some(holder), .. } = &error else { panic!("{error}") };
    assert_eq!(holder.pid, std::process::id());
    assert!(error.to_string().contains(&format!("process {}", holder.pid)), "{error}");
    drop(lock);
    drop(DataDirLock::acquire(&temp.path().join("new")).unwrap());
    let file = temp.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(DataDirLock::acquire(Path::new(&file)), Err(LockError::Io { .. })));
}
