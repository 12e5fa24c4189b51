//! Random schedules of append, sync, release, close, full disk, faults, crashes and recovery, against the ledger.
//!
//! A failing case prints its schedule, which holds every seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the helpers of tests are tests too"
)]

mod journal_log;

use std::io::ErrorKind;

use bookstate_store::fs::fault::{CrashImage, Fault, FaultFs};
use bookstate_store::journal::{AppendError, Journal, Position, SyncPolicy};
use journal_log::{BOOKS, Ledger, config, open};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    Append(usize, u8),
    Sync,
    Release(usize),
    Space(Option<u64>),
    Fault(u64, Fault),
    Close,
    Drop,
    Crash(CrashImage),
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![
        (0..60_usize).prop_map(|part| Fault::Torn(part, ErrorKind::Other)),
        (0..60_usize).prop_map(|part| Fault::Torn(part, ErrorKind::StorageFull)),
        (1..60_usize).prop_map(Fault::Short),
        (0..60_usize).prop_map(Fault::Death),
    ];
    prop_oneof![
        8 => (0..3_usize, 1..12_u8).prop_map(|(book, count)| Step::Append(book, count)),
        4 => Just(Step::Sync),
        3 => (0..3_usize).prop_map(Step::Release),
        1 => (0..400_u64).prop_map(|bytes| Step::Space(Some(bytes))),
        2 => Just(Step::Space(None)),
        2 => (0..12_u64, fault).prop_map(|(after, fault)| Step::Fault(after, fault)),
        1 => Just(Step::Close),
        1 => Just(Step::Drop),
        1 => Just(Step::Crash(CrashImage::Killed)),
        1 => Just(Step::Crash(CrashImage::Synced)),
        3 => any::<u64>().prop_map(|seed| Step::Crash(CrashImage::Random(seed))),
    ]
}

/// Opens after a crash, checks what is there, and takes it as what was accepted from now on.
fn reopen(fs: &FaultFs, policy: SyncPolicy, ledger: &mut Ledger, is_killed: bool) -> Journal {
    let (journal, _, recovered) = open(fs, config(policy, 500)).expect("a crash is never damage");
    let least = if is_killed { &ledger.accepted } else { &ledger.synced };
    ledger.check(&recovered, least, "schedule");
    for book in BOOKS {
        let last = recovered.get(book).and_then(|seqs| seqs.last()).copied().unwrap_or(0);
        let last = last.max(ledger.released.get(book).copied().unwrap_or(0));
        ledger.accepted.insert(book.to_owned(), last);
        ledger.issued.insert(book.to_owned(), last);
    }
    ledger.all_synced();
    journal
}

fn run(policy: SyncPolicy, steps: Vec<Step>) {
    let mut fs = FaultFs::new();
    let mut ledger = Ledger::default();
    let mut journal = Some(reopen(&fs, policy, &mut ledger, true));
    // Where the last accepted commit ends.
    let mut end = Position::default();
    for step in steps {
        let open = journal.take().unwrap_or_else(|| {
            // The process has ended; the next one finds all that this one wrote.
            fs = fs.crash(CrashImage::Killed);
            end = Position::default();
            reopen(&fs, policy, &mut ledger, true)
        });
        match step {
            Step::Append(book, count) => {
                for _ in 0..count {
                    match ledger.append(&open, BOOKS[book]) {
                        Ok(position) => {
                            end = position;
                            if policy == SyncPolicy::Always {
                                ledger.all_synced();
                            }
                        }
                        Err(AppendError::Full) => {}
                        Err(AppendError::Poisoned(_)) => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            Step::Sync => {
                if open.wait_synced(end).is_ok() {
                    ledger.all_synced();
                }
            }
            Step::Release(book) => {
                let seq = ledger.synced.get(BOOKS[book]).copied().unwrap_or(0);
                ledger.released.insert(BOOKS[book].to_owned(), seq);
                open.release(BOOKS[book], seq);
            }
            Step::Space(bytes) => fs.set_space(bytes),
            Step::Fault(after, fault) => fs.inject(fs.ops().len() as u64 + after, fault),
            Step::Close => {
                if open.close().is_ok() {
                    ledger.all_synced();
                }
                continue;
            }
            Step::Drop => {
                drop(open);
                continue;
            }
            Step::Crash(image) => {
                let image_fs = fs.crash(image);
                drop(open);
                fs = image_fs;
                end = Position::default();
                journal = Some(reopen(&fs, policy, &mut ledger, image == CrashImage::Killed));
                continue;
            }
        }
        journal = Some(open);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_schedule_loses_nothing(
        policy in prop_oneof![Just(SyncPolicy::Os), Just(SyncPolicy::Always)],
        steps in prop::collection::vec(step(), 1..60),
    ) {
        run(policy, steps);
    }
}
