//! The DefraDB target on the real node, by its contract.

mod conformance;
mod documents;
mod setup;
mod writes;

use std::sync::Arc;

use bookstate_domain::{
    AnyKey, At, BookId, BookState, Op, Page, PageKey, PagePatch, Seq, Timestamp, WriteOp,
};
use bookstate_sink::defradb::{DefraOptions, DefraTarget};
use bookstate_store::{BookSync, Chunk, Target, TargetError, WriterId};
use bookstate_tests::node::Node;

use super::strategies::BOOK;

const WRITER: WriterId = WriterId([7; 16]);

fn book_id() -> BookId {
    BOOK.parse().unwrap()
}

fn seq(number: u32) -> Seq {
    Seq::new(number).unwrap()
}

fn target(url: &str) -> DefraTarget {
    DefraTarget::new(&DefraOptions::new(url)).unwrap()
}

fn key(page_num: i32) -> PageKey {
    PageKey { book_id: book_id(), page_num }
}

fn put(page_num: i32, text: &str) -> WriteOp {
    let mut page = key(page_num).document(&At { seq: seq(1), now: Timestamp::from_nanos(1) });
    page.ocr_markdown = Some(text.into());
    Op::Upsert(Arc::new(page)).into()
}

fn patch(page_num: i32, text: &str) -> WriteOp {
    let patch = PagePatch { ocr_markdown: Some(Some(text.into())), ..PagePatch::default() };
    Op::<Page>::Update { key: key(page_num), patch: Box::new(patch) }.into()
}

fn delete(page_num: i32) -> WriteOp {
    Op::<Page>::Delete { key: key(page_num) }.into()
}

fn page(page_num: i32) -> AnyKey {
    AnyKey::Page(key(page_num))
}

/// One book, written chunk by chunk, and what the node should hold of it.
#[derive(Debug, Clone)]
struct Session {
    state: BookState,
    sync: Option<BookSync>,
}

impl Session {
    fn new() -> Self {
        Self { state: BookState::new(book_id()), sync: None }
    }

    /// The next chunk.
    fn chunk(&self, ops: &[WriteOp]) -> Chunk {
        let n = self.sync.as_ref().map_or(1, |sync| sync.write_no + 1);
        let sync = BookSync {
            start: bookstate_store::StartId::default(),
            epoch: bookstate_store::Epoch::NONE,
            writer: WRITER,
            write_no: n,
            token: u64::MAX - u64::from(n),
            persisting_seq: seq(n),
            persisted_seq: seq(n),
            parked: Vec::new(),
        };
        Chunk { book_id: book_id(), expect: self.sync.as_ref().map(BookSync::mark), sync, ops: ops.to_vec() }
    }

    /// What is true once a chunk was taken.
    fn taken(&mut self, chunk: Chunk) {
        for op in &chunk.ops {
            self.state.apply(op);
        }
        self.sync = Some(chunk.sync);
    }

    async fn write(&mut self, target: &DefraTarget, ops: &[WriteOp]) -> Result<(), TargetError> {
        let chunk = self.chunk(ops);
        target.write_chunk(&chunk).await?;
        self.taken(chunk);
        Ok(())
    }

    /// Compares with what the node holds.
    async fn check(&self, target: &DefraTarget) {
        let stored = target.load_book(&book_id()).await.unwrap();
        assert_eq!(stored.as_ref().map(|stored| &stored.sync), self.sync.as_ref());
        if let Some(stored) = stored {
            assert_eq!(stored.state, self.state);
        }
    }
}

/// A node with our collections, a target on it, and a book that is not there yet.
async fn node() -> (Node, DefraTarget, Session) {
    let node = Node::throwaway().unwrap();
    let target = target(&node.url());
    target.prepare().await.unwrap();
    (node, target, Session::new())
}
