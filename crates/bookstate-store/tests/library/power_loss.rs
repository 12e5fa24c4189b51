//! Losing power: what was not synced may be gone, and nothing else.

use bookstate_domain::BookId;
use bookstate_store::{Differing, Library, fs::fault::CrashImage, journal::SyncPolicy};

use crate::{
    fold::{Pages, commit_up_to, folds, seq},
    shelf::{NEVER, SOON, Shelf, book, live_pages, wait, write},
};

const LAST: u32 = 10;

/// Some of what a power loss may leave.
fn images() -> impl Iterator<Item = CrashImage> {
    std::iter::once(CrashImage::Synced).chain((0..4).map(CrashImage::Random))
}

/// Opens what `image` leaves, in a directory without a local store; returns up to which commit the book is there.
fn survives(shelf: &Shelf, image: CrashImage, id: &BookId, folds: &[Pages]) -> u32 {
    let left = shelf.copy_of_journal(image);
    let (library, report) = left.open();
    assert_eq!(report.set_aside, [], "{image:?}: not a prefix");
    let last = library.live_seq(id).get();
    let expected = (last > 0).then(|| folds[last as usize].clone());
    assert_eq!(live_pages(&library, id), expected, "{image:?}");
    last
}

/// Makes a book, commit by commit; `at_each` gets the shelf, the library and the number of the last commit.
fn with_each_commit(policy: SyncPolicy, mut at_each: impl FnMut(&Shelf, &Library, &BookId, u32)) {
    let mut shelf = Shelf::new(policy);
    shelf.segment_bytes = 1200;
    let id = book("moby");
    let (library, _) = shelf.open();
    let handle = write(&library, &id);
    for last in 1..=LAST {
        commit_up_to(&handle, last);
        at_each(&shelf, &library, &id, last);
    }
}

#[test]
fn always_loses_nothing() {
    let folds = folds(LAST);
    with_each_commit(SyncPolicy::Always, |shelf, _, id, last| {
        for image in images() {
            assert_eq!(survives(shelf, image, id, &folds), last, "{image:?}");
        }
    });
}

#[test]
fn what_nobody_waited_for_may_go_and_what_is_left_is_a_prefix() {
    let folds = folds(LAST);
    for policy in [NEVER, SyncPolicy::Os] {
        let (mut least, mut most) = (u32::MAX, 0);
        with_each_commit(policy, |shelf, _, id, last| {
            for image in images() {
                let left = survives(shelf, image, id, &folds);
                assert!(left <= last);
                (least, most) = (least.min(left), most.max(left));
            }
            assert_eq!(survives(shelf, CrashImage::Killed, id, &folds), last, "a kill is no power loss");
        });
        assert!(least == 0 && most > 0, "the images differ: {least} to {most}");
    }
}

#[test]
fn what_was_vouched_for_stays() {
    let folds = folds(LAST);
    for policy in [SOON, SyncPolicy::Os] {
        let mut vouched = 0;
        with_each_commit(policy, |shelf, library, id, last| {
            if last % 3 == 1 {
                let batch = library
                    .feed(&bookstate_store::TargetName::local())
                    .batch(id, seq(0), &Differing::default())
                    .unwrap()
                    .unwrap();
                wait(library.feed(&bookstate_store::TargetName::local()).synced(&batch)).unwrap();
                vouched = batch.seq.get();
            }
            for image in images() {
                let left = survives(shelf, image, id, &folds);
                assert!(
                    (vouched..=last).contains(&left),
                    "{policy:?}, {image:?}: {vouched} to {last}, {left} left"
                );
            }
        });
        assert!(vouched > 6);
    }
}

/// A batch is what a target gets: as of when it was taken, not of when it is sent.
#[test]
fn nothing_that_a_target_has_is_missing() {
    let folds = folds(LAST);
    for policy in [SOON, SyncPolicy::Os] {
        let mut taken: Option<bookstate_store::Batch> = None;
        let mut targets_seq = 0;
        with_each_commit(policy, |shelf, library, id, last| {
            // Taken at one commit, and handed over one commit later.
            if let Some(batch) = taken.take() {
                wait(library.feed(&bookstate_store::TargetName::local()).synced(&batch)).unwrap();
                targets_seq = batch.seq.get();
                assert!(targets_seq < last);
            } else {
                taken = library
                    .feed(&bookstate_store::TargetName::local())
                    .batch(id, seq(targets_seq), &Differing::default())
                    .unwrap();
            }
            for image in images() {
                let left = survives(shelf, image, id, &folds);
                assert!(
                    left >= targets_seq,
                    "{policy:?}, {image:?}: the target has {targets_seq}, we {left}"
                );
            }
        });
        assert!(targets_seq > 6);
    }
}

#[test]
fn durable_waits_for_everything_committed_so_far() {
    let folds = folds(LAST);
    for policy in [SOON, SyncPolicy::Os, SyncPolicy::Always] {
        let shelf = Shelf::new(policy);
        let id = book("moby");
        let (library, _) = shelf.open();
        let handle = write(&library, &id);
        for last in [1, 4, LAST] {
            commit_up_to(&handle, last);
            wait(handle.durable()).unwrap();
            assert_eq!(survives(&shelf, CrashImage::Synced, &id, &folds), last, "{policy:?}");
        }
    }
}
