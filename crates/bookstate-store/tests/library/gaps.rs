//! A gap in a book's commits: recovery stops there, keeps what follows in a file, and uses no seq again.

use std::{io::Write as _, ops::ControlFlow, sync::Arc};

use bookstate_domain::{BookId, Commit, Seq};
use bookstate_store::{
    OpenBookError, OpenError, RecoveryReport,
    fs::fault::{CrashImage, FaultFs},
    journal::{Journal, JournalConfig, JournalError, RecordBuf, SyncPolicy, quarantine},
};

use crate::{
    fold::{Pages, at, changes, commit, commit_up_to, fold, folds, ops, pages_of, seq},
    shelf::{Shelf, book, live_pages, persist, stored_pages, wait, write},
};

/// Commit `number` of a book, following `prev`.
pub(crate) fn record(id: &BookId, number: u32, prev: u32) -> Commit {
    Commit {
        book_id: id.clone(),
        seq: seq(number),
        prev: seq(prev),
        ops: ops(id, &at(number), &changes(number)),
    }
}

/// A log that holds exactly these payloads, also those that a journal takes from nobody.
pub(crate) fn log(shelf: &Shelf, records: &[Vec<u8>]) {
    // The directory's identity must be there first, and a segment.
    drop(shelf.open());
    let (path, mut bytes) = shelf.journal_files().swap_remove(0);
    records.iter().for_each(|payload| bytes.extend(frame(payload)));
    shelf.fs.put(&path, &bytes);
}

/// A record as a journal writes it.
fn frame(payload: &[u8]) -> Vec<u8> {
    let fs = FaultFs::new();
    let config = JournalConfig { policy: SyncPolicy::Os, ..JournalConfig::new("/frame".into(), [0; 16]) };
    let (journal, _) =
        Journal::open(Arc::new(fs.clone()), config, &mut |_| ControlFlow::Continue(())).unwrap();
    let files = fs.files();
    let header = fs.contents(&files[0]).unwrap().len();
    let mut record = RecordBuf::new();
    record.write_all(payload).unwrap();
    journal.append(&mut record).unwrap();
    fs.contents(&files[0]).unwrap().split_off(header)
}

fn log_commits(shelf: &Shelf, commits: &[Commit]) {
    let records: Vec<_> = commits.iter().map(|commit| rmp_serde::to_vec_named(commit).unwrap()).collect();
    log(shelf, &records);
}

/// What was set aside: after which seq, and the seqs in the file.
fn set_aside(report: &RecoveryReport, id: &BookId) -> Option<(Seq, Vec<u32>)> {
    let mut of_book = report.set_aside.iter().filter(|aside| aside.book_id == *id);
    let aside = of_book.next()?;
    assert!(of_book.next().is_none(), "once per book");
    let text = std::fs::read_to_string(&aside.file).unwrap();
    let kept: Vec<Commit> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(kept.len(), aside.commits);
    for commit in &kept {
        // The file has the whole commit, not only its number.
        assert_eq!(*commit, record(id, commit.seq.get(), commit.prev.get()));
    }
    Some((aside.after, kept.iter().map(|commit| commit.seq.get()).collect()))
}

/// The pages after commits 1 to `last` and then those of `more`.
fn fold_with(last: u32, more: &[u32]) -> Pages {
    let mut pages = fold(last);
    more.iter().flat_map(|number| changes(*number)).for_each(|change| change.fold(&mut pages));
    pages
}

/// A journal with commits 1 to 3, and 6 and 7, of one book, among those of a whole one.
fn with_gap(id: &BookId, whole: &BookId) -> Shelf {
    let shelf = Shelf::new(SyncPolicy::Os);
    let mut commits: Vec<_> = (1..=3).map(|n| record(id, n, n - 1)).collect();
    commits.push(record(whole, 1, 0));
    commits.extend([record(id, 6, 5), record(id, 7, 6), record(whole, 2, 1)]);
    log_commits(&shelf, &commits);
    shelf
}

#[test]
fn recovery_stops_at_the_gap_and_keeps_what_follows() {
    let (id, whole) = (book("moby"), book("walden"));
    let mut shelf = with_gap(&id, &whole);
    let (library, report) = shelf.open();
    assert_eq!(set_aside(&report, &id), Some((seq(3), vec![6, 7])));
    assert_eq!(report.set_aside.len(), 1);
    assert_eq!((live_pages(&library, &id), library.live_seq(&id)), (Some(fold(3)), seq(3)));
    assert_eq!(live_pages(&library, &whole), Some(fold(2)), "another book's gap is not its own");
    let handle = write(&library, &id);
    assert_eq!(commit(&handle, &changes(8)).unwrap().seq, seq(8), "6 and 7 were used");
    assert_eq!(commit(&handle, &changes(9)).unwrap().seq, seq(9));
    drop((handle, library));

    // What was accepted after the gap is no less safe than anything else, however often the process is killed.
    for _ in 0..2 {
        shelf.crash(CrashImage::Killed);
        let (library, report) = shelf.open();
        assert_eq!(set_aside(&report, &id), Some((seq(3), vec![6, 7])));
        assert_eq!((live_pages(&library, &id), library.live_seq(&id)), (Some(fold_with(3, &[8, 9])), seq(9)));
    }
    let (library, _) = shelf.open();
    persist(&library, &id);
    drop(library);
    let (library, report) = shelf.open();
    assert_eq!(report.set_aside, [], "the local store is past it");
    assert_eq!(stored_pages(&library, &id), Some(fold_with(3, &[8, 9])));
    assert_eq!(commit(&write(&library, &id), &changes(10)).unwrap().seq, seq(10));
}

#[test]
fn a_seq_that_was_set_aside_is_not_used_again_when_the_book_left_memory() {
    let (id, whole) = (book("moby"), book("walden"));
    let mut shelf = with_gap(&id, &whole);
    let (library, _) = shelf.open();
    persist(&library, &id);
    assert!(library.active(&id).is_none());
    // Nothing new: the local store has what there is of the book, before and after another start.
    for _ in 0..2 {
        drop(library.open_book(&id, "test").unwrap());
        assert!(library.active(&id).is_none());
    }
    drop(library);
    shelf.crash(CrashImage::Killed);
    let (library, report) = shelf.open();
    assert_eq!(set_aside(&report, &id), Some((seq(3), vec![6, 7])));
    assert!(report.recovered.iter().all(|recovered| recovered.book_id != id));
    assert!(library.active(&id).is_none(), "the local store has all of it");
    drop(library.open_book(&id, "test").unwrap());
    let handle = write(&library, &id);
    assert_eq!(commit(&handle, &changes(8)).unwrap().seq, seq(8));
    persist(&library, &id);
    drop((handle, library));
    shelf.crash(CrashImage::Killed);
    let (library, _) = shelf.open();
    assert_eq!(stored_pages(&library, &id), Some(fold_with(3, &[8])), "6 and 7 did not come back");
    assert_eq!(pages_of(&wait(library.read(&id)).unwrap().unwrap().snapshot.state), fold_with(3, &[8]));
}

#[test]
fn a_seq_that_was_given_out_twice_is_applied_once_and_reported() {
    let id = book("moby");
    let mut shelf = Shelf::new(SyncPolicy::Os);
    let twice = Commit { ops: ops(&id, &at(2), &changes(7)), ..record(&id, 2, 1) };
    log_commits(&shelf, &[record(&id, 1, 0), record(&id, 2, 1), twice.clone(), record(&id, 3, 2)]);
    for _ in 0..2 {
        let (library, report) = shelf.open();
        let [aside] = &report.set_aside[..] else { panic!("{report:?}") };
        assert_eq!((&aside.book_id, aside.after, aside.commits), (&id, seq(2), 1));
        let kept: Commit = serde_json::from_str(&std::fs::read_to_string(&aside.file).unwrap()).unwrap();
        assert_eq!(kept, twice, "what was accepted is kept for a person to look at");
        assert_eq!(live_pages(&library, &id), Some(fold(3)));
        drop(library);
        shelf.crash(CrashImage::Killed);
    }
}

#[test]
fn a_book_without_its_first_commits_does_not_exist_but_has_used_its_seqs() {
    let id = book("moby");
    let mut shelf = Shelf::new(SyncPolicy::Os);
    log_commits(&shelf, &[record(&id, 2, 1), record(&id, 3, 2)]);
    let (library, report) = shelf.open();
    assert_eq!(set_aside(&report, &id), Some((Seq::ZERO, vec![2, 3])));
    assert!(matches!(library.open_book(&id, "test"), Err(OpenBookError::Unknown { .. })));
    assert!(wait(library.read(&id)).unwrap().is_none());
    drop(library.create_book(&id, "test").unwrap());
    let handle = library.create_book(&id, "test").unwrap();
    assert_eq!(commit(&handle, &changes(4)).unwrap().seq, seq(4));
    drop((handle, library));
    shelf.crash(CrashImage::Killed);
    let (library, report) = shelf.open();
    assert_eq!(set_aside(&report, &id), Some((Seq::ZERO, vec![2, 3])));
    assert_eq!(live_pages(&library, &id), Some(fold_with(0, &[4])));
}

#[test]
fn what_was_set_aside_does_not_pin_the_journal_and_its_seqs_stay_used() {
    let (id, whole) = (book("moby"), book("walden"));
    for has_left_memory in [true, false] {
        let mut shelf = with_gap(&id, &whole);
        let (library, report) = shelf.open();
        assert_eq!(set_aside(&report, &id), Some((seq(3), vec![6, 7])));
        for id in [&id, &whole] {
            persist(&library, id);
        }
        assert!(library.active(&id).is_none());
        if has_left_memory {
            // Only the next start finds the book whole in the local store.
            drop(library);
            let (library, _) = shelf.open();
            library.close().unwrap();
        } else {
            library.close().unwrap();
        }
        assert_eq!(shelf.journal_seqs(&id), [0_u32; 0], "left memory: {has_left_memory}");
        shelf.crash(CrashImage::Killed);
        let (library, report) = shelf.open();
        assert_eq!(report.set_aside, []);
        assert_eq!(commit(&write(&library, &id), &changes(8)).unwrap().seq, seq(8), "6 and 7 were used");
    }
}

#[test]
fn a_quarantined_segment_leaves_a_prefix_of_each_book() {
    let mut shelf = Shelf::new(SyncPolicy::Os);
    shelf.segment_bytes = 1500;
    let ids = ["moby", "walden"].map(book);
    let (library, _) = shelf.open();
    for last in 1..=20 {
        ids.iter().for_each(|id| commit_up_to(&write(&library, id), last));
        shelf.settle(&library);
    }
    assert!(library.journal_health().segments > 4);
    drop(library);
    let (path, mut bytes) = shelf.journal_files().swap_remove(1);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    shelf.fs.put(&path, &bytes);
    let refused = shelf.try_open().unwrap_err();
    let OpenError::Journal(JournalError::Damaged(damage)) = &refused else { panic!("{refused}") };
    assert_eq!(damage.segment, 2);
    quarantine(&shelf.fs, &shelf.journal_dir(), 2).unwrap();

    let folds = folds(20);
    let (library, report) = shelf.open();
    let kept = ids.each_ref().map(|id| {
        let last = library.live_seq(id).get();
        assert!((1..20).contains(&last), "{last}");
        assert_eq!(live_pages(&library, id).as_ref(), Some(&folds[last as usize]));
        let (after, aside) = set_aside(&report, id).unwrap();
        assert_eq!(after, seq(last));
        assert_eq!(aside.last(), Some(&20));
        assert!(aside.first().is_some_and(|first| *first > last + 1), "something is lost: {aside:?}");
        assert_eq!(commit(&write(&library, id), &changes(21)).unwrap().seq, seq(21));
        last
    });
    drop(library);
    shelf.crash(CrashImage::Killed);
    let (library, _) = shelf.open();
    for (id, last) in ids.iter().zip(kept) {
        assert_eq!(live_pages(&library, id), Some(fold_with(last, &[21])));
        persist(&library, id);
    }
    drop(library);
    let (library, report) = shelf.open();
    assert_eq!((report.set_aside, report.recovered), (vec![], vec![]));
    assert_eq!(stored_pages(&library, &ids[0]), Some(fold_with(kept[0], &[21])));
}
