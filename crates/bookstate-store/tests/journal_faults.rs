//! A fault at each operation in turn, under each policy, followed by each kind of crash: what was accepted (and,
//! after a power loss, synced) is recovered, and nothing that was not issued.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the helpers of tests are tests too"
)]

mod journal_log;

use std::io::ErrorKind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bookstate_store::fs::fault::{Call, CrashImage, Fault, FaultFs};
use bookstate_store::journal::{AppendError, JournalState, SyncPolicy};
use journal_log::{BOOKS, Ledger, config, open, sole};

const SEGMENT_BYTES: u64 = 700;
const POLICIES: [SyncPolicy; 3] =
    [SyncPolicy::Always, SyncPolicy::Interval(Duration::from_micros(200)), SyncPolicy::Os];

/// Commits of three books with rotations, releases and a close; goes on as far as the faults let it.
fn work(fs: &FaultFs, policy: SyncPolicy, ledger: &mut Ledger) {
    let Ok((journal, ..)) = open(fs, config(policy, SEGMENT_BYTES)) else { return };
    for number in 0..45_usize {
        let book = BOOKS[number % 3];
        let appended = match ledger.append(&journal, book) {
            Ok(position) => position,
            Err(AppendError::Full) => {
                // Nothing has changed: the same commit is tried again.
                assert_eq!(journal.health().state, JournalState::Full);
                match ledger.append(&journal, book) {
                    Ok(position) => position,
                    Err(AppendError::Full) => continue,
                    Err(error) => return refuses_for_ever(&journal, ledger, &error),
                }
            }
            Err(error) => return refuses_for_ever(&journal, ledger, &error),
        };
        if policy == SyncPolicy::Always {
            ledger.all_synced();
        }
        if number % 4 == 3 {
            match journal.wait_synced(appended) {
                Ok(()) => ledger.all_synced(),
                Err(error) => return refuses_for_ever(&journal, ledger, &error.into()),
            }
        }
        if number % 15 == 14 {
            for book in BOOKS {
                // The local store gets only what is synced, and never all of it at once.
                let seq = ledger.synced.get(book).copied().unwrap_or(0).saturating_sub(1);
                ledger.released.insert(book.to_owned(), seq);
                journal.release(book, seq);
            }
        }
    }
    if journal.close().is_ok() {
        ledger.all_synced();
    }
}

fn refuses_for_ever(journal: &bookstate_store::journal::Journal, ledger: &mut Ledger, error: &AppendError) {
    assert!(matches!(error, AppendError::Poisoned(_)), "{error}");
    for _ in 0..2 {
        let mut refused = ledger.clone();
        assert!(matches!(refused.append(journal, BOOKS[0]), Err(AppendError::Poisoned(_))));
    }
    assert!(matches!(journal.health().state, JournalState::Poisoned(_)));
}

fn check_all_images(fs: &FaultFs, ledger: &Ledger, policy: SyncPolicy, what: &str) {
    let random = (0..6).map(CrashImage::Random);
    for image in [CrashImage::Killed, CrashImage::Synced].into_iter().chain(random) {
        let least = if image == CrashImage::Killed { &ledger.accepted } else { &ledger.synced };
        let what = format!("{what}, {policy:?}, {image:?}");
        let after = fs.crash(image);
        let (journal, _, recovered) =
            open(&after, config(policy, SEGMENT_BYTES)).unwrap_or_else(|error| panic!("{what}: {error}"));
        ledger.check(&recovered, least, &what);
        // What recovered is synced now: a second power loss takes nothing of it.
        drop(journal);
        let (_, _, again) = open(&after.crash(CrashImage::Synced), config(policy, SEGMENT_BYTES))
            .unwrap_or_else(|error| panic!("{what}, again: {error}"));
        assert_eq!(again, recovered, "{what}: not the same after a second crash");
    }
}

fn operations(policy: SyncPolicy) -> Vec<Call> {
    let fs = FaultFs::new();
    let mut ledger = Ledger::default();
    work(&fs, policy, &mut ledger);
    assert_eq!(ledger.accepted.values().sum::<u32>(), 45);
    check_all_images(&fs, &ledger, policy, "no fault");
    let ops = fs.ops();
    for op in [Call::Create, Call::Write, Call::SyncData, Call::SyncDir, Call::Remove] {
        assert!(ops.contains(&op), "the work does not cover {op:?}");
    }
    ops
}

fn each_operation(fault: impl Fn(u64) -> Fault) {
    for policy in POLICIES {
        let ops = operations(policy);
        println!("{policy:?}: {} operations", ops.len());
        for (at, op) in ops.iter().enumerate() {
            let fs = FaultFs::new();
            fs.inject(at as u64, fault(at as u64));
            let mut ledger = Ledger::default();
            work(&fs, policy, &mut ledger);
            check_all_images(&fs, &ledger, policy, &format!("{:?} at {op:?} {at}", fault(at as u64)));
        }
    }
}

#[test]
fn an_error_at_each_operation() {
    each_operation(|_| Fault::Error(ErrorKind::Other));
}

#[test]
fn a_torn_write_at_each_operation() {
    each_operation(|at| Fault::Torn(1 + at as usize * 5 % 60, ErrorKind::Other));
}

#[test]
fn no_space_at_each_operation() {
    each_operation(|at| Fault::Torn(at as usize * 3 % 50, ErrorKind::StorageFull));
}

#[test]
fn too_many_open_files_at_each_operation() {
    let opened = FaultFs::new();
    open(&opened, config(SyncPolicy::Os, SEGMENT_BYTES)).unwrap();
    for policy in POLICIES {
        for at in 0..operations(policy).len() {
            let fs = FaultFs::new();
            fs.inject(at as u64, Fault::NoDescriptor);
            let mut ledger = Ledger::default();
            work(&fs, policy, &mut ledger);
            let accepted = ledger.accepted.values().sum::<u32>();
            // Refused once, or not opened at all; poisoned never.
            assert!(
                accepted == 45 || (accepted == 0 && at < opened.ops().len()),
                "{policy:?}, {at}: {accepted}"
            );
            check_all_images(&fs, &ledger, policy, &format!("no descriptor at {at}"));
        }
    }
}

#[test]
fn a_short_write_at_each_operation() {
    each_operation(|at| Fault::Short(1 + at as usize % 30));
}

#[test]
fn an_interrupted_write_at_each_operation() {
    for policy in POLICIES {
        for (at, op) in operations(policy).iter().enumerate().filter(|(_, op)| **op == Call::Write) {
            let fs = FaultFs::new();
            fs.inject(at as u64, Fault::Error(ErrorKind::Interrupted));
            let mut ledger = Ledger::default();
            work(&fs, policy, &mut ledger);
            // With a timer the same number may be another operation in another run.
            if fs.ops().get(at) == Some(&Call::Write) {
                assert_eq!(ledger.accepted.values().sum::<u32>(), 45, "{op:?} {at}");
            }
        }
    }
}

#[test]
fn the_process_dies_at_each_operation() {
    each_operation(|at| Fault::Death(at as usize * 7 % 80));
}

/// Rotations while something is appended during each sync, so that there are always records to copy.
fn busy_work(fs: &FaultFs) -> Ledger {
    let Ok((journal, ..)) = open(fs, config(SyncPolicy::Os, SEGMENT_BYTES)) else { return Ledger::default() };
    let journal = Arc::new(journal);
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let (appending, noting) = (Arc::downgrade(&journal), ledger.clone());
    fs.before_sync(move || {
        let Some(journal) = appending.upgrade() else { return };
        let mut ledger = noting.lock().unwrap();
        // A fault may refuse them; the ledger notes what came of it.
        ledger.append(&journal, BOOKS[2]).ok();
        ledger.append(&journal, BOOKS[2]).ok();
    });
    for number in 0..16 {
        let (appended, accepted) = {
            let mut ledger = ledger.lock().unwrap();
            (ledger.append(&journal, BOOKS[number % 2]), ledger.accepted.clone())
        };
        let Ok(position) = appended else { continue };
        if journal.wait_synced(position).is_ok() {
            ledger.lock().unwrap().synced = accepted;
        }
    }
    drop(sole(journal));
    let ledger = ledger.lock().unwrap();
    ledger.clone()
}

#[test]
fn a_fault_at_each_operation_of_a_rotation_under_appends() {
    let fs = FaultFs::new();
    let ledger = busy_work(&fs);
    check_all_images(&fs, &ledger, SyncPolicy::Os, "no fault");
    let ops = fs.ops();
    assert!(ops.iter().filter(|op| **op == Call::SetLen).count() >= 2, "segments are left, and cut: {ops:?}");
    let faults = |at: usize| {
        [
            Fault::Error(ErrorKind::Other),
            Fault::Torn(at * 3 % 200, ErrorKind::StorageFull),
            Fault::Torn(at * 5 % 200, ErrorKind::Other),
            Fault::NoDescriptor,
            Fault::Death(at * 7 % 300),
        ]
    };
    for (at, op) in ops.iter().enumerate() {
        for fault in faults(at) {
            let fs = FaultFs::new();
            fs.inject(at as u64, fault);
            let ledger = busy_work(&fs);
            check_all_images(&fs, &ledger, SyncPolicy::Os, &format!("{fault:?} at {op:?} {at}"));
        }
    }
}

#[test]
fn a_fault_at_each_operation_of_recovery() {
    let origin = FaultFs::new();
    let mut ledger = Ledger::default();
    origin.inject(70, Fault::Death(11));
    work(&origin, SyncPolicy::Os, &mut ledger);
    for seed in 0..40 {
        let image = CrashImage::Random(seed);
        let reference = origin.crash(image);
        let (journal, _, expected) = open(&reference, config(SyncPolicy::Os, SEGMENT_BYTES)).unwrap();
        let ops = reference.ops().len() as u64;
        drop(journal);
        for at in 0..ops {
            for fault in [Fault::Death(5), Fault::Error(ErrorKind::StorageFull)] {
                let fs = origin.crash(image);
                fs.inject(at, fault);
                drop(open(&fs, config(SyncPolicy::Os, SEGMENT_BYTES)));
                for second in [CrashImage::Killed, CrashImage::Synced, CrashImage::Random(seed)] {
                    let (.., recovered) =
                        open(&fs.crash(second), config(SyncPolicy::Os, SEGMENT_BYTES)).unwrap();
                    assert_eq!(recovered, expected, "seed {seed}, {fault:?} at {at}, then {second:?}");
                }
            }
        }
    }
}
