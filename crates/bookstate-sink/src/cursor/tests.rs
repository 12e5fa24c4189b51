//! What a cursor asks for, one step at a time, where no story shows it.

use bookstate_domain::BookState;
use bookstate_store::{Remembered, StartId, WriteMark};

use super::*;
use crate::trust::Looking;

const BY: Author = Author { writer: WriterId([7; 16]), start: StartId(2), epoch: None, role: Role::Remote };

fn seq() -> Seq {
    Seq::new(3).unwrap()
}

/// A copy of the book, as a directory wrote it.
fn copy(writer: WriterId, token: u64) -> BookSync {
    BookSync {
        writer,
        start: StartId(1),
        epoch: Epoch::NONE,
        write_no: 4,
        token,
        persisting_seq: seq(),
        persisted_seq: seq(),
        parked: Vec::new(),
    }
}

fn looking() -> Looking {
    Looking { writer: BY.writer, knows_start: true, seq: seq(), epoch: None }
}

/// A cursor that has looked.
fn looked(found: Option<BookSync>, remembered: Remembered, takes_over: bool) -> Cursor {
    claimed(found, remembered, takes_over.then_some(Claim::Person))
}

/// A cursor that has looked for a claim.
fn claimed(found: Option<BookSync>, remembered: Remembered, claim: Option<Claim>) -> Cursor {
    let mut cursor = Cursor::new(BookId::new("b").unwrap());
    if let Some(claim) = claim {
        cursor.take_over(claim);
    }
    let (by, parked, random) = (looking(), BTreeMap::new(), 1 << 40);
    cursor.on(Event::Looked(Box::new(Look { found, remembered, by, parked, random })), BY);
    cursor
}

fn cut(cursor: &mut Cursor) {
    cursor.on(Event::Cut { seq: seq(), chunks: VecDeque::from([Vec::new()]), random: 9 << 40 }, BY);
}

/// What a first look shows may be out of date: while a later batch may be there too, nothing is recorded.
#[test]
fn of_two_batches_that_may_be_there_none_is_recorded_by_a_look() {
    let (first, second) = (token::first(5 << 40), token::first(6 << 40));
    let next = |batches: &[u64]| {
        let intents = batches.iter().map(|batch| Intent { batch: *batch, seq: seq(), commit_seq: seq() });
        let remembered = Remembered { intents: intents.collect(), ..Remembered::default() };
        looked(Some(copy(BY.writer, first)), remembered, false).next(BY)
    };
    assert!(matches!(next(&[first]), Action::Record { .. }));
    assert!(matches!(next(&[first, second]), Action::Load));
}

/// A process that dies behind it begins the comparison anew, and a copy of the directory meets a start that it does not
/// know.
#[test]
fn a_take_over_is_recorded_before_its_chunk_by_a_start_of_its_own() {
    let theirs = copy(WriterId([9; 16]), token::first(5 << 40));
    let mut cursor = looked(Some(theirs.clone()), Remembered::default(), true);
    let Action::Intend { intent, distrust, anew } = cursor.next(BY) else { panic!("{cursor:?}") };
    assert_eq!((distrust, anew), (Some(Distrust::Compare), true));
    cursor.on(Event::Done, BY);
    let Action::Write(chunk) = cursor.next(BY) else { panic!("{cursor:?}") };
    assert_eq!((chunk.expect, chunk.sync.token), (Some(theirs.mark()), intent.batch));
    // A conflict is no failure here either: the same again.
    let conflict = TargetError::Conflict { reason: "transaction conflict".to_owned() };
    assert!(matches!(cursor.on(Event::Written(Err(conflict)), BY), Outcome::Yield));
    let Action::Write(again) = cursor.next(BY) else { panic!("{cursor:?}") };
    assert_eq!(again, chunk);
    // Then all of it is compared.
    assert!(matches!(cursor.on(Event::Written(Ok(())), BY), Outcome::Applied));
    assert!(matches!(cursor.next(BY), Action::Load));
}

#[test]
fn that_a_comparison_has_begun_is_recorded_before_its_first_chunk() {
    let ours = copy(BY.writer, token::first(5 << 40));
    let stored = StoredBook { state: BookState::new(BookId::new("b").unwrap()), sync: ours.clone() };
    let remembered = Remembered { distrust: Some(Distrust::Compare), ..Remembered::default() };
    let progress = Progress { write_no: 4, token: ours.token, persisted_seq: seq(), commit_seq: seq() };
    let mut cursor = looked(Some(ours), Remembered { progress: Some(progress), ..remembered }, false);
    assert!(matches!(cursor.next(BY), Action::Load));
    cursor.on(Event::Loaded { copy: Box::new(Some(stored)), by: looking() }, BY);
    cut(&mut cursor);
    let next = cursor.next(BY);
    assert!(
        matches!(next, Action::Intend { distrust: Some(Distrust::Compare), anew: false, .. }),
        "{next:?}"
    );
    // A batch that follows a copy which is trusted says nothing against it.
    let mut cursor = looked(None, Remembered::default(), false);
    cut(&mut cursor);
    assert!(matches!(cursor.next(BY), Action::Intend { distrust: None, .. }));
}

/// Between the look and the load of a comparison somebody else wrote it.
#[test]
fn a_copy_that_became_anothers_before_it_was_loaded_is_not_overwritten() {
    let ours = copy(BY.writer, token::first(5 << 40));
    let progress = Progress { write_no: 4, token: ours.token, persisted_seq: seq(), commit_seq: seq() };
    for (writer, knows_start) in [(WriterId([9; 16]), true), (BY.writer, false)] {
        let remembered = Remembered { progress: Some(progress), ..Remembered::default() };
        let mut cursor = looked(Some(ours.clone()), remembered, false);
        cursor.distrust();
        assert!(matches!(cursor.next(BY), Action::Load));
        let theirs = BookSync { write_no: 5, ..copy(writer, token::first(6 << 40)) };
        let stored = StoredBook { state: BookState::new(BookId::new("b").unwrap()), sync: theirs };
        let by = Looking { knows_start, ..looking() };
        assert!(matches!(cursor.on(Event::Loaded { copy: Box::new(Some(stored)), by }, BY), Outcome::Done));
        assert_eq!(cursor.foreign(), Some(writer));
    }
}

fn owner(epoch: u32, same: Option<WriteMark>) -> Option<Claim> {
    Some(Claim::Owner(Owner { epoch: Epoch(epoch), same: same.map(|mark| (mark, seq())) }))
}

/// Its chunk expects what was found, so that a later owner who comes between is not replaced.
#[test]
fn an_owner_claims_where_a_smaller_epoch_stands_and_nowhere_else() {
    let theirs = BookSync { epoch: Epoch(4), ..copy(WriterId([9; 16]), token::first(5 << 40)) };
    let mut cursor = claimed(Some(theirs.clone()), Remembered::default(), owner(5, None));
    assert!(matches!(cursor.next(BY), Action::Intend { distrust: Some(Distrust::Compare), .. }));
    cursor.on(Event::Done, BY);
    let Action::Write(chunk) = cursor.next(BY) else { panic!("{cursor:?}") };
    assert_eq!(
        (chunk.expect, chunk.sync.epoch, chunk.sync.writer),
        (Some(theirs.mark()), Epoch(5), BY.writer)
    );
    // Somebody was first: it is looked at anew.
    assert!(matches!(cursor.on(Event::Written(Err(TargetError::Mismatch)), BY), Outcome::Progress));
    assert!(matches!(cursor.next(BY), Action::Look));
    for epoch in [3, 4] {
        let cursor = claimed(Some(theirs.clone()), Remembered::default(), owner(epoch, None));
        assert_eq!((cursor.foreign(), cursor.foreign_epoch()), (Some(theirs.writer), Epoch(4)));
        assert!(matches!(cursor.next(BY), Action::Rest));
    }
}

/// The copy that the book was made from is never in flux: a machine that dies meanwhile leaves it whole to the next.
#[test]
fn a_claim_of_the_copy_that_the_book_was_made_from_moves_its_mark_alone() {
    let theirs = copy(WriterId([9; 16]), token::first(5 << 40));
    let mut cursor = claimed(Some(theirs.clone()), Remembered::default(), owner(5, Some(theirs.mark())));
    assert!(matches!(cursor.next(BY), Action::Intend { distrust: None, anew: true, .. }));
    cursor.on(Event::Done, BY);
    let Action::Write(chunk) = cursor.next(BY) else { panic!("{cursor:?}") };
    assert_eq!((chunk.sync.persisting_seq, chunk.sync.persisted_seq, chunk.ops.len()), (seq(), seq(), 0));
    cursor.on(Event::Written(Ok(())), BY);
    assert!(matches!(cursor.next(BY), Action::Record { progress, .. } if progress.persisted_seq == seq()));
    cursor.on(Event::Done, BY);
    assert!(cursor.has_reached(seq()));
    // Another copy than that is compared.
    let other = WriteMark { write_no: 3, ..theirs.mark() };
    let cursor = claimed(Some(theirs), Remembered::default(), owner(5, Some(other)));
    assert!(matches!(cursor.next(BY), Action::Intend { distrust: Some(Distrust::Compare), .. }));
}

#[test]
fn a_claim_of_a_copy_that_is_ours_goes_with_what_it_lacks_or_alone() {
    let ours = copy(BY.writer, token::first(5 << 40));
    let progress = Progress { write_no: 4, token: ours.token, persisted_seq: seq(), commit_seq: seq() };
    let remembered = Remembered { progress: Some(progress), ..Remembered::default() };
    let mut cursor = claimed(Some(ours.clone()), remembered.clone(), owner(5, None));
    assert!(!cursor.has_reached(seq()) && cursor.is_pending());
    assert!(matches!(cursor.next(BY), Action::Cut { claims: true, .. }));
    cut(&mut cursor);
    cursor.on(Event::Done, BY);
    let Action::Write(chunk) = cursor.next(BY) else { panic!("{cursor:?}") };
    assert_eq!((chunk.sync.epoch, chunk.sync.persisted_seq), (Epoch(5), seq()));
    cursor.on(Event::Written(Ok(())), BY);
    cursor.on(Event::Done, BY);
    assert!(cursor.has_reached(seq()));
    // It shows this epoch already: nothing is sent.
    let shown = BookSync { epoch: Epoch(5), ..ours };
    assert!(claimed(Some(shown), remembered, owner(5, None)).has_reached(seq()));
}

/// The book was granted after the copy had been looked at.
#[test]
fn nothing_is_sent_to_a_copy_of_a_later_owner() {
    let ours = BookSync { epoch: Epoch(6), ..copy(BY.writer, token::first(5 << 40)) };
    let progress = Progress { write_no: 4, token: ours.token, persisted_seq: seq(), commit_seq: seq() };
    let remembered = Remembered { progress: Some(progress), ..Remembered::default() };
    let mut cursor = looked(Some(ours), remembered, false);
    let under = Author { epoch: Some(Epoch(5)), ..BY };
    assert!(matches!(cursor.next(under), Action::Cut { .. }));
    let chunks = VecDeque::from([Vec::new()]);
    assert!(matches!(cursor.on(Event::Cut { seq: seq(), chunks, random: 9 << 40 }, under), Outcome::Done));
    assert_eq!((cursor.foreign(), cursor.foreign_epoch()), (Some(BY.writer), Epoch(6)));
}
