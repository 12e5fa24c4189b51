//! A log of three books, cut at every byte and with every byte changed: never a panic, never a wrong
//! commit, always a prefix; and damage is told from a torn tail exactly as the marks and segments allow.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "the helpers of tests are tests too"
)]

mod journal_log;

use std::path::PathBuf;

use bookstate_store::fs::fault::FaultFs;
use bookstate_store::journal::{Entry, JournalError, SyncPolicy, inspect, quarantine, verify};
use journal_log::{BOOKS, Ledger, config, dir, open, segment_path, settle, with_file};

struct Log {
    files: Vec<(PathBuf, Vec<u8>)>,
    /// (segment, offset, end position) of every commit, in order.
    commits: Vec<(u64, u64, u64)>,
    ledger: Ledger,
    /// The highest position that a mark vouches for, all marks being in the last segment.
    marked: u64,
}

/// Commits of a log in many segments.
const MANY: usize = 200;
/// Those of one in which each byte is changed, and all is read again each time.
const FEW: usize = 60;

/// So many commits, a sync after every 20, so that all but the last sync have their mark.
fn log(commits: usize, segment_bytes: u64) -> Log {
    let fs = FaultFs::new();
    let (journal, ..) = open(&fs, config(SyncPolicy::Os, segment_bytes)).unwrap();
    let mut ledger = Ledger::default();
    for number in 0..commits {
        let position = ledger.append(&journal, BOOKS[number * number % 3]).unwrap();
        if number % 20 == 9 {
            journal.wait_synced(position).unwrap();
        }
        settle(&fs, &journal, segment_bytes);
    }
    drop(journal);
    let count = commits;
    let (mut commits, mut marked) = (Vec::new(), 0);
    inspect(&fs, &dir(), &mut |entry| match entry {
        Entry::Commit { segment, offset, position, .. } => commits.push((segment, offset, position.get())),
        Entry::Mark { synced, .. } => marked = synced.get(),
        _ => unreachable!(),
    })
    .unwrap();
    assert_eq!(commits.len(), count);
    let files = fs.files().into_iter().map(|path| (path.clone(), fs.contents(&path).unwrap())).collect();
    Log { files, commits, ledger, marked }
}

fn total(recovered: &journal_log::Recovered) -> usize {
    recovered.values().map(Vec::len).sum()
}

#[test]
fn cut_at_every_byte() {
    let log = log(FEW, 64 << 20);
    let (path, bytes) = log.files.last().unwrap();
    for len in 0..=bytes.len() {
        let fs = with_file(&log.files, path, &bytes[..len]);
        let (journal, report, recovered) = open(&fs, config(SyncPolicy::Os, 64 << 20)).unwrap();
        log.ledger.check(&recovered, &Default::default(), "cut");
        let ends = log.commits.iter().skip(1).map(|(_, offset, _)| *offset).chain([bytes.len() as u64]);
        let whole = ends.filter(|end| *end <= len as u64).count();
        // A mark may stand between two commits: then the first is whole before the second begins.
        assert!(total(&recovered) >= whole && total(&recovered) <= whole + 1, "cut at {len}");
        let kept = fs.contents(path).unwrap().len();
        assert_eq!(report.torn.map_or(0, |torn| torn.bytes), if len < 48 { 0 } else { (len - kept) as u64 });
        // The cut log goes on: what is appended now is there next time.
        let mut ledger = Ledger { accepted: recovered.iter().map(last_of).collect(), ..log.ledger.clone() };
        ledger.append(&journal, BOOKS[0]).unwrap();
        drop(journal);
        let (.., again) = open(&fs, config(SyncPolicy::Os, 64 << 20)).unwrap();
        assert_eq!(total(&again), total(&recovered) + 1, "cut at {len}");
    }
}

fn last_of((book, seqs): (&String, &Vec<u32>)) -> (String, u32) {
    (book.clone(), *seqs.last().unwrap())
}

#[test]
fn every_byte_changed() {
    let log = log(FEW, 64 << 20);
    let (path, bytes) = log.files.last().unwrap();
    let (mut damaged, mut torn) = (0, 0);
    for at in 0..bytes.len() {
        for pattern in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= pattern;
            let fs = with_file(&log.files, path, &bytes);
            let position = at as u64 - 48.min(at as u64);
            match open(&fs, config(SyncPolicy::Os, 64 << 20)) {
                Err(JournalError::Damaged(damage)) => {
                    damaged += 1;
                    assert!(position < log.marked, "byte {at} is behind the last mark: {damage}");
                    assert!(damage.offset <= at as u64);
                    assert_eq!(fs.contents(path).unwrap(), bytes, "damage must change nothing");
                }
                Err(error) => panic!("byte {at}: {error}"),
                Ok((_, report, recovered)) => {
                    torn += 1;
                    log.ledger.check(&recovered, &Default::default(), "flip");
                    assert!(report.torn.is_some());
                    // A frame that begins before the position a mark vouches for is known to be synced.
                    let begin = log.commits.iter().rfind(|(_, offset, _)| *offset <= at as u64);
                    let begin = begin.map_or(0, |(_, offset, _)| *offset - 48);
                    assert!(
                        begin >= log.marked || position >= log.marked,
                        "byte {at}: damage taken for a torn tail"
                    );
                }
            }
        }
    }
    println!("{damaged} changes reported as damage, {torn} as torn tail");
    assert!(damaged > torn && torn > 0);
}

#[test]
fn every_byte_of_sealed_segments_changed_or_cut() {
    let log = log(MANY, 2_000);
    assert!(log.files.len() >= 5);
    for (path, bytes) in [&log.files[0], &log.files[log.files.len() - 2]] {
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << (at % 8);
            for (what, bytes) in [("changed", &changed[..]), ("cut", &bytes[..at])] {
                let fs = with_file(&log.files, path, bytes);
                let result = open(&fs, config(SyncPolicy::Os, 2_000)).map(|_| ());
                assert!(matches!(result, Err(JournalError::Damaged(_))), "{what} at {at}: {result:?}");
            }
        }
    }
}

/// A crash came when records were copied to the next segment, or before the one that was left had been cut.
#[test]
fn records_that_stand_in_two_segments_are_given_once() {
    let log = log(MANY, 2_000);
    let [.., (left, left_bytes), (last, last_bytes)] = &log.files[..] else { panic!("segments") };
    let number = log.commits[199].0;
    let in_last: Vec<_> = log.commits.iter().filter(|commit| commit.0 == number).collect();
    // Marks are not copied.
    let mut first_mark = last_bytes.len();
    inspect(&with_file(&log.files, last, last_bytes), &dir(), &mut |entry| {
        if let Entry::Mark { segment, offset, .. } = entry
            && segment == number
        {
            first_mark = first_mark.min(offset as usize);
        }
    })
    .unwrap();
    let ends: Vec<_> = in_last.iter().map(|(.., position)| *position).collect();
    let base = in_last[0].2 - (in_last[1].1 - in_last[0].1);
    let before = MANY - in_last.len();
    let of_segments = |overhang: usize, copy: usize, change: Option<usize>| {
        let mut first = [left_bytes, &last_bytes[48..48 + overhang]].concat();
        if let Some(at) = change {
            first[left_bytes.len() + at] ^= 1;
        }
        let fs = with_file(&log.files, left, &first);
        fs.put(last, &last_bytes[..48 + copy]);
        fs
    };
    let whole_in = |len: usize| ends.iter().filter(|end| **end <= base + len as u64).count();
    let most = first_mark - 48;
    assert!(whole_in(most) >= 3, "a copy of some records");
    for overhang in (0..=most).step_by(19) {
        for copy in [0, 1, most / 3, most / 2, overhang, most, last_bytes.len() - 48] {
            let fs = of_segments(overhang, copy, None);
            let what = format!("{overhang} bytes overhang, {copy} are copied");
            assert_eq!(verify(&fs, &dir()).unwrap().damage, [], "{what}");
            let (journal, _, recovered) = open(&fs, config(SyncPolicy::Os, 2_000)).expect(&what);
            log.ledger.check(&recovered, &Default::default(), &what);
            assert_eq!(total(&recovered), before + whole_in(overhang).max(whole_in(copy)), "{what}");
            // It goes on, and the overlap is gone.
            let mut ledger =
                Ledger { accepted: recovered.iter().map(last_of).collect(), ..log.ledger.clone() };
            ledger.append(&journal, BOOKS[0]).unwrap();
            drop(journal);
            let verified = verify(&fs, &dir()).unwrap();
            assert_eq!((verified.damage, verified.torn), (vec![], None), "{what}");
            let lens = verified.segments.iter().map(|segment| segment.bytes - 48).sum::<u64>();
            assert_eq!(lens, verified.position.get(), "{what}");
            let (.., again) = open(&fs, config(SyncPolicy::Os, 2_000)).expect(&what);
            assert_eq!(total(&again), total(&recovered) + 1, "{what}");
        }
    }
    // A byte of what stands twice is another in the first: that is behind what is known to have been synced.
    let fs = of_segments(most, most, Some(most / 2));
    let (.., recovered) = open(&fs, config(SyncPolicy::Os, 2_000)).unwrap();
    assert_eq!(total(&recovered), before + whole_in(most));
    // Other records than those of the copy, intact: these two segments are not of one log.
    let mut other = Ledger::default();
    let strange = FaultFs::new();
    let (journal, ..) = open(&strange, config(SyncPolicy::Os, 1 << 20)).unwrap();
    for _ in 0..3 {
        other.append(&journal, BOOKS[1]).unwrap();
    }
    drop(journal);
    let strange = strange.contents(&segment_path(1)).unwrap();
    let fs = with_file(&log.files, left, &[left_bytes, &strange[48..]].concat());
    let error = open(&fs, config(SyncPolicy::Os, 2_000)).unwrap_err();
    assert!(matches!(&error, JournalError::Damaged(damage) if damage.segment == number - 1), "{error}");
}

#[test]
fn a_damaged_segment_is_set_aside_and_what_precedes_the_damage_stays_readable() {
    let log = log(MANY, 2_000);
    let victim = log.commits[log.commits.len() / 2];
    let path = segment_path(victim.0);
    let mut bytes = log.files.iter().find(|(name, _)| *name == path).unwrap().1.clone();
    bytes[victim.1 as usize + 20] ^= 4;
    let fs = with_file(&log.files, &path, &bytes);
    let error = open(&fs, config(SyncPolicy::Os, 2_000)).unwrap_err().to_string();
    assert!(error.contains("journal verify") && error.contains("quarantine"), "{error}");
    assert_eq!(verify(&fs, &dir()).unwrap().damage.len(), 1);
    assert!(quarantine(&fs, &dir(), victim.0 + 1).is_err(), "a whole segment must stay");

    let aside = quarantine(&fs, &dir(), victim.0).unwrap();
    let in_segment = |commit: &&(u64, u64, u64)| commit.0 == victim.0 && commit.1 >= victim.1;
    let lost = log.commits.iter().filter(in_segment).count();
    let (journal, report, recovered) = open(&fs, config(SyncPolicy::Os, 2_000)).unwrap();
    assert_eq!(report.quarantined, [victim.0]);
    assert_eq!(total(&recovered), MANY - lost);
    for book in BOOKS {
        journal.release(book, u32::MAX);
    }
    drop(journal);
    // Everything that could go is gone, but the segment set aside is never touched and always read.
    assert_eq!(fs.contents(&aside).unwrap(), bytes);
    let (.., again) = open(&fs, config(SyncPolicy::Os, 2_000)).unwrap();
    let last_segment = log.commits[199].0;
    let left =
        |commit: &&(u64, u64, u64)| commit.0 == last_segment || (commit.0 == victim.0 && commit.1 < victim.1);
    assert_eq!(total(&again), log.commits.iter().filter(left).count());
}

#[test]
fn a_quarantined_last_segment_is_followed_by_a_new_one() {
    let log = log(MANY, 64 << 20);
    let (path, bytes) = log.files.last().unwrap();
    let mut bytes = bytes.clone();
    bytes[log.commits[50].1 as usize + 12] ^= 1;
    let fs = with_file(&log.files, path, &bytes);
    assert!(open(&fs, config(SyncPolicy::Os, 64 << 20)).is_err());
    quarantine(&fs, &dir(), 1).unwrap();
    let (journal, _, recovered) = open(&fs, config(SyncPolicy::Os, 64 << 20)).unwrap();
    assert_eq!(total(&recovered), 50);
    let mut ledger = Ledger { accepted: recovered.iter().map(last_of).collect(), ..Ledger::default() };
    let position = ledger.append(&journal, BOOKS[1]).unwrap();
    assert!(position.get() > log.commits[199].2, "positions never go back");
    journal.close().unwrap();
    let (.., again) = open(&fs, config(SyncPolicy::Os, 64 << 20)).unwrap();
    assert_eq!(total(&again), 51);
}

#[test]
fn a_missing_middle_segment_is_damage_and_missing_first_ones_are_not() {
    let log = log(MANY, 2_000);
    let fs = FaultFs::new();
    for (path, bytes) in log.files.iter().skip(2) {
        fs.put(path, bytes);
    }
    let (.., recovered) = open(&fs, config(SyncPolicy::Os, 2_000)).unwrap();
    assert_eq!(total(&recovered), log.commits.iter().filter(|commit| commit.0 > 2).count());

    let fs = FaultFs::new();
    for (path, bytes) in log.files.iter().enumerate().filter(|(at, _)| *at != 2).map(|(_, file)| file) {
        fs.put(path, bytes);
    }
    let result = open(&fs, config(SyncPolicy::Os, 2_000));
    assert!(matches!(&result, Err(JournalError::Damaged(damage)) if damage.segment == 3), "{result:?}");
    quarantine(&fs, &dir(), 3).unwrap();
    let (.., recovered) = open(&fs, config(SyncPolicy::Os, 2_000)).unwrap();
    assert_eq!(total(&recovered), log.commits.iter().filter(|commit| commit.0 != 3).count());
}

#[test]
fn a_copy_of_a_mark_inside_a_commit_is_not_a_mark() {
    let log = log(MANY, 64 << 20);
    let (path, bytes) = log.files.last().unwrap();
    // A torn record early in the log, and in it a copy of the whole log: its marks are intact, vouch for more than
    // the place of the tear, and lie behind what they vouch for. Only their own place gives them away.
    let torn_at = log.commits[25].1 as usize;
    let mut crafted = bytes[..torn_at].to_vec();
    crafted.extend_from_slice(&[9, 0, 0, 0, 1, 2, 3, 4, 1]);
    crafted.extend_from_slice(bytes);
    assert!(log.marked > log.commits[25].2);
    let fs = with_file(&log.files, path, &crafted);
    let (_, report, recovered) = open(&fs, config(SyncPolicy::Os, 64 << 20)).unwrap();
    assert_eq!(total(&recovered), 25);
    assert!(report.torn.is_some());
}
