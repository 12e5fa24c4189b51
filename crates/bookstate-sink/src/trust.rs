//! Is the copy that a target shows the one that is remembered? One pure function.
//!
//! A data directory may have been put back to an older copy, or copied and used twice; a target may have been put
//! back; a process may have died between any two steps, and its last request may arrive later. What is known of all
//! that: the start of a process that wrote the copy, its write number and token, and what the local store remembers:
//! the last chunk that was acknowledged, the batches that may have been sent since then, and whether a comparison
//! was begun. Anything that these do not explain is compared; and what would overwrite somebody's newer copy is
//! left to a person.

use bookstate_domain::Seq;
use bookstate_store::{BookSync, Distrust, Epoch, Remembered, StartId, WriterId};

use crate::token;

/// What a copy is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trust {
    /// It is as its sync document says.
    Sound,
    /// It is ours, and may hold anything: it has to be compared.
    Compare,
    /// Another data directory wrote it, or another copy of this one, or this one before it was put back, or a later
    /// owner of the book: a person decides, or the fleet.
    Foreign,
}

/// Who looks at a copy.
#[derive(Debug, Clone, Copy)]
pub struct Looking {
    /// The data directory.
    pub writer: WriterId,
    /// Whether the start that wrote the copy is one of this data directory.
    pub knows_start: bool,
    /// The book's last commit.
    pub seq: Seq,
    /// The ownership under which the data directory writes the book; `None` where no fleet shares books, or this machine
    /// was not given this one.
    pub epoch: Option<Epoch>,
}

/// Whether a later owner than the one who looks has written a copy.
pub(crate) fn is_superseded(found: &BookSync, own: Option<Epoch>) -> bool {
    own.is_some_and(|own| found.epoch > own)
}

/// Whether an owner may make a copy its own, whoever wrote it: no other had the book under this epoch or a later one.
/// That it is his already, after a lost answer, does no harm.
pub(crate) fn may_claim(found: &BookSync, writer: WriterId, own: Epoch) -> bool {
    found.epoch < own || (found.epoch == own && found.writer == writer)
}

/// Judges what a target shows of a book.
#[must_use]
pub fn judge(found: Option<&BookSync>, remembered: &Remembered, by: Looking) -> Trust {
    let Some(found) = found else {
        let is_new = remembered.progress.is_none() && remembered.distrust.is_none();
        return if is_new { Trust::Sound } else { Trust::Compare };
    };
    if found.writer != by.writer || !by.knows_start || is_superseded(found, by.epoch) {
        return Trust::Foreign;
    }
    let acknowledged = remembered
        .progress
        .is_some_and(|progress| (progress.write_no, progress.token) == (found.write_no, found.token));
    let batch = token::batch(found.token);
    let intended = remembered.intents.iter().any(|intent| token::batch(intent.batch) == batch);
    let known = acknowledged || intended;
    // Write numbers grow, also over that of a copy that was put back: a higher one is of a process that we do not
    // remember. As long as nothing was acknowledged, all that we ever sent is remembered; only of a version that did
    // not yet record what it was about to send the seqs have to tell. A place that had another name shows what was sent
    // there under that name.
    let elsewhere = remembered.elsewhere.iter().any(|token| token::batch(*token) == batch);
    let newer = match remembered.progress {
        // A read that was out of date may have been recorded: then a later chunk of the same batch is ours too.
        Some(progress) => found.write_no > progress.write_no && token::batch(progress.token) != batch,
        None if elsewhere => false,
        None => found.start != StartId::default() || found.persisting_seq > by.seq,
    };
    match remembered.distrust {
        _ if !known && newer => Trust::Foreign,
        Some(Distrust::Ahead) => Trust::Foreign,
        None if known => Trust::Sound,
        Some(Distrust::Compare) | None => Trust::Compare,
    }
}

#[cfg(test)]
mod tests {
    use bookstate_store::Progress;

    use super::*;

    /// Killed within a batch whose chunks change no seq, and the first read after that was one chunk out of date: what
    /// it showed is recorded, and with the record the intent ends.
    #[test]
    fn a_later_chunk_of_the_batch_that_was_recorded_is_ours() {
        let (writer, start, seq) = (WriterId([7; 16]), StartId(1), Seq::new(3).unwrap());
        let recorded = token::first(5 << 40);
        let found = |write_no, token| BookSync {
            writer,
            start,
            epoch: Epoch::NONE,
            write_no,
            token,
            persisting_seq: seq,
            persisted_seq: seq,
            parked: Vec::new(),
        };
        let progress = Progress { write_no: 11, token: recorded, persisted_seq: seq, commit_seq: seq };
        let remembered = Remembered { progress: Some(progress), ..Remembered::default() };
        let judged = |found: &BookSync| {
            judge(Some(found), &remembered, Looking { writer, knows_start: true, seq, epoch: None })
        };
        assert_eq!(judged(&found(11, recorded)), Trust::Sound);
        assert_eq!(judged(&found(12, token::next(recorded))), Trust::Compare);
        // A batch of which nothing is known is somebody else's, and an older one a copy that was put back.
        assert_eq!(judged(&found(12, token::first(6 << 40))), Trust::Foreign);
        assert_eq!(judged(&found(10, token::first(6 << 40))), Trust::Compare);
    }

    /// Each with what it would mean if it were not looked at: a copy of somebody else that is overwritten unasked, or
    /// one of ours that nobody may write any more.
    #[test]
    fn what_is_remembered_decides_whose_a_copy_is() {
        let (writer, seq) = (WriterId([7; 16]), Seq::new(3).unwrap());
        let (ours, other) = (token::first(5 << 40), token::first(6 << 40));
        let found = |write_no, token| BookSync {
            writer,
            start: StartId(1),
            epoch: Epoch::NONE,
            write_no,
            token,
            persisting_seq: seq,
            persisted_seq: seq,
            parked: Vec::new(),
        };
        let (known, unknown) = (
            Looking { writer, knows_start: true, seq, epoch: None },
            Looking { writer, knows_start: false, seq, epoch: None },
        );
        let progress = Progress { write_no: 4, token: ours, persisted_seq: seq, commit_seq: seq };
        let acknowledged = Remembered { progress: Some(progress), ..Remembered::default() };
        let ahead = Remembered { distrust: Some(Distrust::Ahead), ..acknowledged.clone() };
        let doubted = Remembered { distrust: Some(Distrust::Compare), ..acknowledged.clone() };
        let moved = Remembered { elsewhere: vec![token::next(other)], ..Remembered::default() };
        let begun = bookstate_store::Intent { batch: other, seq, commit_seq: seq };
        let intended = Remembered { intents: vec![begun], ..acknowledged.clone() };
        for (copy, remembered, by, expected) in [
            (found(4, ours), &acknowledged, known, Trust::Sound),
            (found(4, ours), &doubted, known, Trust::Compare),
            // It has commits that we have lost.
            (found(4, ours), &ahead, known, Trust::Foreign),
            // Put back, to what an unknown start wrote: the number says nothing.
            (found(3, other), &acknowledged, known, Trust::Compare),
            (found(3, other), &acknowledged, unknown, Trust::Foreign),
            (found(4, ours), &acknowledged, unknown, Trust::Foreign),
            // As many commits as ours has, and still not ours.
            (found(5, other), &acknowledged, known, Trust::Foreign),
            (found(5, other), &doubted, known, Trust::Foreign),
            (found(5, token::next(other)), &intended, known, Trust::Sound),
            // One place under another name, or somebody else's.
            (found(1, other), &moved, known, Trust::Compare),
            (found(1, ours), &moved, known, Trust::Foreign),
        ] {
            assert_eq!(judge(Some(&copy), remembered, by), expected, "{copy:?} {remembered:?} {by:?}");
        }
    }

    /// Whatever is remembered of it: this data directory may have written it in an earlier life.
    #[test]
    fn a_copy_of_a_later_owner_is_foreign_and_one_of_an_earlier_is_ours_to_claim() {
        let (writer, other) = (WriterId([7; 16]), WriterId([9; 16]));
        let (seq, token) = (Seq::new(3).unwrap(), token::first(5 << 40));
        let found = |writer, epoch| BookSync {
            writer,
            start: StartId(1),
            epoch: Epoch(epoch),
            write_no: 4,
            token,
            persisting_seq: seq,
            persisted_seq: seq,
            parked: Vec::new(),
        };
        let progress = Progress { write_no: 4, token, persisted_seq: seq, commit_seq: seq };
        let remembered = Remembered { progress: Some(progress), ..Remembered::default() };
        let judged = |found: &BookSync, epoch| {
            judge(Some(found), &remembered, Looking { writer, knows_start: true, seq, epoch })
        };
        for (epoch, own, expected) in [
            (0, None, Trust::Sound),
            (6, None, Trust::Sound),
            (0, Some(Epoch(5)), Trust::Sound),
            (5, Some(Epoch(5)), Trust::Sound),
            (6, Some(Epoch(5)), Trust::Foreign),
        ] {
            assert_eq!(judged(&found(writer, epoch), own), expected, "{epoch} {own:?}");
            assert_eq!(judged(&found(other, epoch), own), Trust::Foreign);
        }
        let claimed = |writer_of_copy, epoch| may_claim(&found(writer_of_copy, epoch), writer, Epoch(5));
        assert_eq!([4, 5, 6].map(|epoch| claimed(writer, epoch)), [true, true, false]);
        assert_eq!([4, 5, 6].map(|epoch| claimed(other, epoch)), [true, false, false]);
    }
}
