//! The laws of a [`Target`], for every kind of target, through the trait alone.
//!
//! A kind of target shows that it keeps them in one file of tests: a function that makes an empty target, and
//! [`target_conforms!`](crate::target_conforms), which makes a test of each law.

#![expect(clippy::unwrap_used, reason = "a law that is broken fails its test by panicking")]

use std::sync::Arc;

use bookstate_domain::{
    AnyKey, At, BookId, BookState, Op, Page, PageKey, PagePatch, Seq, Timestamp, WriteOp,
};

use crate::target::{BookSync, Chunk, Epoch, StartId, StoredBook, Target, TargetError, WriteMark, WriterId};

/// Makes a test of each law. `$fresh` gives, each time, what must live as long as the target, and an empty target that
/// was not prepared yet; it may await.
#[macro_export]
macro_rules! target_conforms {
    ($fresh:expr) => {
        #[tokio::test]
        async fn a_new_target_has_no_book() {
            let (_kept, target) = $fresh;
            $crate::conformance::a_new_target_has_no_book(&target).await;
        }
        #[tokio::test]
        async fn what_was_written_comes_back() {
            let (_kept, target) = $fresh;
            $crate::conformance::what_was_written_comes_back(&target).await;
        }
        #[tokio::test]
        async fn a_put_replaces_every_field() {
            let (_kept, target) = $fresh;
            $crate::conformance::a_put_replaces_every_field(&target).await;
        }
        #[tokio::test]
        async fn a_wrong_expectation_changes_nothing() {
            let (_kept, target) = $fresh;
            $crate::conformance::a_wrong_expectation_changes_nothing(&target).await;
        }
        #[tokio::test]
        async fn a_chunk_that_is_sent_twice_is_taken_once() {
            let (_kept, target) = $fresh;
            $crate::conformance::a_chunk_that_is_sent_twice_is_taken_once(&target).await;
        }
        #[tokio::test]
        async fn of_two_chunks_at_once_one_is_taken() {
            let (_kept, target) = $fresh;
            $crate::conformance::of_two_chunks_at_once_one_is_taken(&target).await;
        }
        #[tokio::test]
        async fn a_patch_of_what_is_not_there_takes_its_whole_chunk_with_it() {
            let (_kept, target) = $fresh;
            $crate::conformance::a_patch_of_what_is_not_there_takes_its_whole_chunk_with_it(&target).await;
        }
        #[tokio::test]
        async fn an_equal_document_that_was_deleted_can_be_written_again() {
            let (_kept, target) = $fresh;
            $crate::conformance::an_equal_document_that_was_deleted_can_be_written_again(&target).await;
        }
        #[tokio::test]
        async fn a_take_over_is_a_chunk_without_ops() {
            let (_kept, target) = $fresh;
            $crate::conformance::a_take_over_is_a_chunk_without_ops(&target).await;
        }
        #[tokio::test]
        async fn an_epoch_comes_back_and_is_none_before_there_was_one() {
            let (_kept, target) = $fresh;
            $crate::conformance::an_epoch_comes_back_and_is_none_before_there_was_one(&target).await;
        }
        #[tokio::test]
        async fn a_book_in_flux_shows_both_seqs_and_what_is_parked() {
            let (_kept, target) = $fresh;
            $crate::conformance::a_book_in_flux_shows_both_seqs_and_what_is_parked(&target).await;
        }
        #[tokio::test]
        async fn books_do_not_touch_each_other() {
            let (_kept, target) = $fresh;
            $crate::conformance::books_do_not_touch_each_other(&target).await;
        }
    };
}

const WRITER: WriterId = WriterId([7; 16]);

fn seq(number: u32) -> Seq {
    Seq::new(number).unwrap()
}

fn id(name: &str) -> BookId {
    BookId::new(name).unwrap()
}

/// One book, written chunk by chunk, and what the target should hold of it.
struct Written<'a> {
    target: &'a dyn Target,
    id: BookId,
    state: BookState,
    sync: Option<BookSync>,
}

impl<'a> Written<'a> {
    async fn to(target: &'a dyn Target) -> Self {
        target.prepare().await.unwrap();
        Self::of(target, "b")
    }

    fn of(target: &'a dyn Target, name: &str) -> Self {
        Self { target, id: id(name), state: BookState::new(id(name)), sync: None }
    }

    fn key(&self, page_num: i32) -> PageKey {
        PageKey { book_id: self.id.clone(), page_num }
    }

    fn put(&self, page_num: i32, text: &str) -> WriteOp {
        let mut page = self.key(page_num).document(&At { seq: seq(1), now: Timestamp::from_nanos(1) });
        page.ocr_markdown = Some(text.into());
        Op::Upsert(Arc::new(page)).into()
    }

    fn patch(&self, page_num: i32, text: &str) -> WriteOp {
        let patch = PagePatch { ocr_markdown: Some(Some(text.into())), ..PagePatch::default() };
        Op::<Page>::Update { key: self.key(page_num), patch: Box::new(patch) }.into()
    }

    fn delete(&self, page_num: i32) -> WriteOp {
        Op::<Page>::Delete { key: self.key(page_num) }.into()
    }

    /// The next chunk.
    fn chunk(&self, ops: Vec<WriteOp>) -> Chunk {
        let n = self.sync.as_ref().map_or(1, |sync| sync.write_no + 1);
        let sync = BookSync {
            writer: WRITER,
            start: StartId(u64::MAX - 1),
            epoch: Epoch::NONE,
            write_no: n,
            token: u64::MAX - u64::from(n),
            persisting_seq: seq(n),
            persisted_seq: seq(n),
            parked: Vec::new(),
        };
        Chunk { book_id: self.id.clone(), expect: self.sync.as_ref().map(BookSync::mark), sync, ops }
    }

    /// What is true once a chunk was taken.
    fn taken(&mut self, chunk: Chunk) {
        for op in &chunk.ops {
            self.state.apply(op);
        }
        self.sync = Some(chunk.sync);
    }

    async fn write(&mut self, ops: Vec<WriteOp>) {
        let chunk = self.chunk(ops);
        assert_eq!(send(self.target, &chunk).await, Ok(()));
        self.taken(chunk);
    }

    /// Whether the target holds what was written, and nothing else.
    async fn check(&self) {
        let stored = self.target.load_book(&self.id).await.unwrap();
        let (state, sync) = stored.map(|StoredBook { state, sync }| (state, sync)).unzip();
        assert_eq!(sync, self.sync);
        assert_eq!(self.target.book_sync(&self.id).await.unwrap(), self.sync);
        assert_eq!(state.unwrap_or_else(|| BookState::new(self.id.clone())), self.state);
    }
}

/// Sends a chunk until no other transaction is in the way.
async fn send(target: &dyn Target, chunk: &Chunk) -> Result<(), TargetError> {
    loop {
        match target.write_chunk(chunk).await {
            Err(TargetError::Conflict { .. }) => tokio::task::yield_now().await,
            answer => return answer,
        }
    }
}

/// Nothing is there, and getting ready twice changes nothing.
pub async fn a_new_target_has_no_book(target: &dyn Target) {
    let mut book = Written::to(target).await;
    book.check().await;
    assert_eq!(target.list_books().await.unwrap(), []);
    book.write(vec![book.put(1, "one")]).await;
    target.prepare().await.unwrap();
    book.check().await;
}

/// Puts, patches and deletes are there with the sync document of their chunk.
pub async fn what_was_written_comes_back(target: &dyn Target) {
    let mut book = Written::to(target).await;
    book.write(vec![book.put(1, "one"), book.put(2, "two")]).await;
    book.check().await;
    // A delete of what is not there is none.
    book.write(vec![book.patch(1, "first"), book.delete(2), book.put(3, ""), book.delete(9)]).await;
    book.check().await;
    book.write(Vec::new()).await;
    book.check().await;
    assert_eq!(target.list_books().await.unwrap(), [(book.id.clone(), book.sync.clone().unwrap())]);
}

/// Also with nothing in it.
pub async fn a_put_replaces_every_field(target: &dyn Target) {
    let mut book = Written::to(target).await;
    book.write(vec![book.put(1, "one")]).await;
    let bare = book.key(1).document(&At { seq: seq(2), now: Timestamp::from_nanos(2) });
    book.write(vec![Op::Upsert(Arc::new(bare)).into()]).await;
    book.check().await;
    book.write(vec![book.patch(1, "again")]).await;
    book.check().await;
}

/// No document, no write number, no token and no writer but the right ones.
pub async fn a_wrong_expectation_changes_nothing(target: &dyn Target) {
    let mut book = Written::to(target).await;
    let mark = |write_no, token| WriteMark { writer: WRITER, write_no, token };
    let early = Chunk { expect: Some(mark(1, 1)), ..book.chunk(vec![book.put(1, "early")]) };
    assert_eq!(send(target, &early).await, Err(TargetError::Mismatch));
    book.check().await;
    book.write(vec![book.put(1, "one")]).await;
    let right = book.sync.as_ref().map(BookSync::mark).unwrap();
    let second = book.chunk(vec![book.put(2, "two"), book.delete(1)]);
    let wrong = [
        None,
        Some(mark(0, right.token)),
        Some(mark(2, right.token)),
        // The same number after a roll-back.
        Some(mark(1, 8)),
        Some(WriteMark { writer: WriterId([8; 16]), ..right }),
    ];
    for expect in wrong {
        let chunk = Chunk { expect, ..second.clone() };
        assert_eq!(send(target, &chunk).await, Err(TargetError::Mismatch), "{expect:?}");
        book.check().await;
    }
    assert_eq!(send(target, &second).await, Ok(()));
    book.taken(second);
    book.check().await;
}

/// Whether it is the last one or an older one, and whether it changes anything or not.
pub async fn a_chunk_that_is_sent_twice_is_taken_once(target: &dyn Target) {
    let mut book = Written::to(target).await;
    let mut sent = Vec::new();
    for ops in [vec![book.put(1, "one")], vec![], vec![book.patch(1, "first"), book.put(2, "two")]] {
        sent.push(book.chunk(ops.clone()));
        book.write(ops).await;
        for again in &sent {
            assert_eq!(send(target, again).await, Err(TargetError::Mismatch));
        }
        book.check().await;
    }
}

/// Two writers expect the same, and one of them is told that it is not so any more.
pub async fn of_two_chunks_at_once_one_is_taken(target: &dyn Target) {
    let mut book = Written::to(target).await;
    for round in 0..8 {
        let ours = book.chunk(vec![book.put(1, &format!("ours {round}")), book.put(10 + round, "ours")]);
        let mut theirs =
            book.chunk(vec![book.put(1, &format!("theirs {round}")), book.put(30 + round, "theirs")]);
        theirs.sync.token = u64::from(round.unsigned_abs()) + 1;
        let answers = tokio::join!(send(target, &ours), send(target, &theirs));
        match answers {
            (Ok(()), Err(TargetError::Mismatch)) => book.taken(ours),
            (Err(TargetError::Mismatch), Ok(())) => book.taken(theirs),
            other => assert_eq!(other, (Ok(()), Err(TargetError::Mismatch)), "round {round}"),
        }
        book.check().await;
    }
}

/// Whatever stands before and behind it.
pub async fn a_patch_of_what_is_not_there_takes_its_whole_chunk_with_it(target: &dyn Target) {
    let mut book = Written::to(target).await;
    book.write(vec![book.put(1, "one"), book.put(2, "two")]).await;
    let ops =
        vec![book.delete(2), book.put(1, "new"), book.put(3, "three"), book.patch(9, "x"), book.put(4, "")];
    let missing = TargetError::Missing { key: AnyKey::Page(book.key(9)) };
    assert_eq!(send(target, &book.chunk(ops)).await, Err(missing));
    book.check().await;
    book.write(vec![book.put(3, "three")]).await;
    book.check().await;
}

/// Some databases remember what was deleted.
pub async fn an_equal_document_that_was_deleted_can_be_written_again(target: &dyn Target) {
    let mut book = Written::to(target).await;
    for _ in 0..3 {
        book.write(vec![book.put(1, "the same")]).await;
        book.check().await;
        book.write(vec![book.delete(1)]).await;
        book.check().await;
    }
}

/// From then on the other writer's chunks are refused.
pub async fn a_take_over_is_a_chunk_without_ops(target: &dyn Target) {
    let mut book = Written::to(target).await;
    book.write(vec![book.put(1, "one")]).await;
    let mut taking = book.chunk(Vec::new());
    taking.sync.writer = WriterId([9; 16]);
    let late = book.chunk(vec![book.put(1, "late")]);
    assert_eq!(send(target, &taking).await, Ok(()));
    book.taken(taking);
    assert_eq!(send(target, &late).await, Err(TargetError::Mismatch));
    book.check().await;
}

/// Of any size, from the first chunk that has one on, beside books that have none.
pub async fn an_epoch_comes_back_and_is_none_before_there_was_one(target: &dyn Target) {
    let mut book = Written::to(target).await;
    book.write(vec![book.put(1, "one")]).await;
    book.check().await;
    for epoch in [Epoch(1), Epoch(i32::MAX.unsigned_abs())] {
        let mut claim = book.chunk(Vec::new());
        (claim.sync.epoch, claim.sync.writer) = (epoch, WriterId([9; 16]));
        assert_eq!(send(target, &claim).await, Ok(()));
        book.taken(claim);
        book.check().await;
    }
    let mut first = Written::of(target, "c");
    let mut chunk = first.chunk(vec![first.put(1, "one")]);
    chunk.sync.epoch = Epoch(7);
    assert_eq!(send(target, &chunk).await, Ok(()));
    first.taken(chunk);
    first.check().await;
    let mut listed = target.list_books().await.unwrap();
    listed.sort_by(|(one, _), (other, _)| one.cmp(other));
    let epochs: Vec<_> = listed.into_iter().map(|(_, sync)| sync.epoch).collect();
    assert_eq!(epochs, [Epoch(i32::MAX.unsigned_abs()), Epoch(7)]);
}

/// As they were written, of any size.
pub async fn a_book_in_flux_shows_both_seqs_and_what_is_parked(target: &dyn Target) {
    let mut book = Written::to(target).await;
    let mut part = book.chunk(vec![book.put(1, "one")]);
    part.sync.persisting_seq = seq(0x7fff_ffff);
    part.sync.persisted_seq = Seq::ZERO;
    part.sync.parked = vec![AnyKey::Page(book.key(7)), AnyKey::Page(book.key(8))];
    assert_eq!(send(target, &part).await, Ok(()));
    book.taken(part);
    book.check().await;
}

/// Whatever their names are, and also at once.
pub async fn books_do_not_touch_each_other(target: &dyn Target) {
    target.prepare().await.unwrap();
    let mut books: Vec<_> = ["b", "b-2", "b_2", "c"].iter().map(|name| Written::of(target, name)).collect();
    for book in &mut books {
        book.write(vec![book.put(1, book.id.as_str()), book.put(2, "two")]).await;
    }
    let [first, second, ..] = books.as_mut_slice() else { return };
    let chunks = [first.chunk(vec![first.delete(1)]), second.chunk(vec![second.patch(1, "patched")])];
    assert_eq!(tokio::join!(send(target, &chunks[0]), send(target, &chunks[1])), (Ok(()), Ok(())));
    let [of_first, of_second] = chunks;
    first.taken(of_first);
    second.taken(of_second);
    let mut syncs = Vec::new();
    for book in &books {
        book.check().await;
        syncs.push((book.id.clone(), book.sync.clone().unwrap()));
    }
    let mut listed = target.list_books().await.unwrap();
    listed.sort_by(|(one, _), (other, _)| one.cmp(other));
    syncs.sort_by(|(one, _), (other, _)| one.cmp(other));
    assert_eq!(listed, syncs);
    // What is one book's is refused in another's chunk.
    let [first, second, ..] = books.as_slice() else { return };
    let stray = first.chunk(vec![second.put(5, "stray")]);
    assert!(matches!(send(target, &stray).await, Err(TargetError::Refused { .. })));
    first.check().await;
    second.check().await;
}
