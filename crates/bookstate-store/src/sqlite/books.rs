//! Reading books: whole, since a seq, or only what a list shows. Each answer is of one moment.

use std::sync::Arc;

use bookstate_domain::document::Document;
use bookstate_domain::{
    AnyKey, Book, BookId, BookState, Collection, CollectionVisitor, Job, Op, Seq, WriteOp,
};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::rows::{KeyList, Parsed, StoredSeq, document};
use super::{SqliteStore, StoreError, schema};
use crate::target::{BookSync, Epoch, StartId};

/// A book as the store holds it.
#[derive(Debug, Clone)]
pub struct LoadedBook {
    /// Its documents.
    pub state: BookState,
    /// The seq of each document's last change.
    pub updated: Vec<(AnyKey, Seq)>,
    /// The documents that are gone, and the seq at which they went.
    pub tombstones: Vec<(AnyKey, Seq)>,
    /// Where the book stands.
    pub sync: BookSync,
}

/// What changed in a book after a seq.
#[derive(Debug, Clone)]
pub struct ChangedBook {
    /// Documents as they are now (`Upsert`) and those that are gone (`Delete`), in no particular order.
    pub ops: Vec<WriteOp>,
    /// Where the book stands with these changes.
    pub sync: BookSync,
}

impl SqliteStore {
    /// A whole book; `None` when the store does not have it.
    ///
    /// # Errors
    /// The file cannot be read, or holds a row that is not of ours ([`StoreError::Damaged`]).
    pub fn load_book(&self, book_id: &BookId) -> Result<Option<LoadedBook>, StoreError> {
        self.read(|tx| {
            let Some(sync) = sync_of(tx, book_id)? else { return Ok(None) };
            let mut state = BookState::new(book_id.clone());
            let mut updated = Vec::new();
            for (op, seq) in Documents::of(tx, book_id, None)? {
                updated.push((op.key(), seq));
                state.apply(&op);
            }
            let tombstones = tombstones(tx, book_id, None)?;
            Ok(Some(LoadedBook { state, updated, tombstones, sync }))
        })
    }

    /// What changed in a book after `seq`, tombstones that were forgotten aside; `None` when the store does not
    /// have the book.
    ///
    /// # Errors
    /// As [`load_book`](Self::load_book).
    pub fn changed_since(&self, book_id: &BookId, seq: Seq) -> Result<Option<ChangedBook>, StoreError> {
        self.read(|tx| {
            let Some(sync) = sync_of(tx, book_id)? else { return Ok(None) };
            let documents = Documents::of(tx, book_id, Some(seq))?;
            let mut ops: Vec<_> = documents.into_iter().map(|(op, _)| op).collect();
            let gone = tombstones(tx, book_id, Some(seq))?;
            ops.extend(gone.into_iter().map(|(key, _)| key.visit(Deletion)));
            Ok(Some(ChangedBook { ops, sync }))
        })
    }

    /// Where a book stands; `None` when the store does not have it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn book_sync(&self, book_id: &BookId) -> Result<Option<BookSync>, StoreError> {
        self.read(|tx| sync_of(tx, book_id))
    }

    /// The books of the store and where they stand, by id.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list_books(&self) -> Result<Vec<(BookId, BookSync)>, StoreError> {
        self.read(|tx| {
            let mut query =
                tx.prepare_cached(&format!("SELECT {SYNC}, book_id FROM book_sync ORDER BY book_id"))?;
            let rows = query.query_map([], |row| {
                let Parsed(book_id) = row.get(8)?;
                Ok((book_id, read_sync(row)?))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// The `Book` documents of all books, by id.
    ///
    /// # Errors
    /// As [`load_book`](Self::load_book).
    pub fn list_book_documents(&self) -> Result<Vec<Arc<Book>>, StoreError> {
        self.read(|tx| {
            let mut query = tx.prepare_cached("SELECT book_id FROM \"Book\" ORDER BY book_id")?;
            let rows = query.query_map([], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?;
            let books = rows.into_iter().map(|Parsed(book_id)| book_document(tx, &book_id));
            Ok(books.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        })
    }

    /// The `Book` document of a book.
    ///
    /// # Errors
    /// As [`load_book`](Self::load_book).
    pub fn book(&self, book_id: &BookId) -> Result<Option<Arc<Book>>, StoreError> {
        self.read(|tx| book_document(tx, book_id))
    }

    /// The jobs of all books, by book and job.
    ///
    /// # Errors
    /// As [`load_book`](Self::load_book).
    pub fn list_jobs(&self) -> Result<Vec<Arc<Job>>, StoreError> {
        self.read(|tx| {
            let mut query = tx.prepare_cached("SELECT DISTINCT book_id FROM \"Job\" ORDER BY book_id")?;
            let books = query.query_map([], |row| row.get(0))?.collect::<Result<Vec<_>, _>>()?;
            let mut jobs = Vec::new();
            let mut of_book = tx.prepare_cached(&schema::of(Collection::Job).changed)?;
            for Parsed(book_id) in books {
                let book_id: BookId = book_id;
                let mut rows = of_book.query(params![book_id.as_str(), after(None)])?;
                while let Some(row) = rows.next()? {
                    jobs.push(document(row)?.0);
                }
            }
            Ok(jobs)
        })
    }

    /// Forgets which documents were deleted up to and including `up_to`, and remembers that: every target has passed
    /// it. Returns how many were forgotten.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn forget_tombstones(&self, book_id: &BookId, up_to: Seq) -> Result<usize, StoreError> {
        self.write(|tx| {
            let mut forget = tx.prepare_cached("DELETE FROM tombstone WHERE book_id = ?1 AND seq <= ?2")?;
            let forgotten = forget.execute(params![book_id.as_str(), up_to.get()])?;
            put_floor(tx, book_id, up_to)?;
            Ok(forgotten)
        })
    }

    /// The seq up to which (and including) deletions are not remembered: what changed since an older one is not
    /// known any more.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn tombstone_floor(&self, book_id: &BookId) -> Result<Seq, StoreError> {
        self.read(|tx| {
            let mut query = tx.prepare_cached("SELECT seq FROM tombstone_floor WHERE book_id = ?1")?;
            let floor = query.query_row([book_id.as_str()], |row| row.get(0)).optional()?;
            Ok(floor.map_or(Seq::ZERO, |StoredSeq(seq)| seq))
        })
    }
}

/// Remembers that deletions up to and including `seq` are not remembered.
pub(super) fn put_floor(tx: &Transaction<'_>, book_id: &BookId, seq: Seq) -> Result<(), StoreError> {
    let mut put = tx.prepare_cached(
        "INSERT INTO tombstone_floor (book_id, seq) VALUES (?1, ?2) ON CONFLICT (book_id) DO UPDATE SET \
         seq = max(seq, excluded.seq)",
    )?;
    put.execute(params![book_id.as_str(), seq.get()])?;
    Ok(())
}

const SYNC: &str = "writer, write_no, token, persisting_seq, persisted_seq, parked, start, epoch";

fn read_sync(row: &Row<'_>) -> rusqlite::Result<BookSync> {
    let Parsed(writer) = row.get(0)?;
    let StoredSeq(persisting_seq) = row.get(3)?;
    let StoredSeq(persisted_seq) = row.get(4)?;
    let KeyList(parked) = row.get(5)?;
    let token = row.get::<_, i64>(2)?.cast_unsigned();
    let start = StartId(row.get::<_, i64>(6)?.cast_unsigned());
    let epoch = Epoch(row.get(7)?);
    Ok(BookSync { writer, start, epoch, write_no: row.get(1)?, token, persisting_seq, persisted_seq, parked })
}

fn sync_of(tx: &Transaction<'_>, book_id: &BookId) -> Result<Option<BookSync>, StoreError> {
    let mut query = tx.prepare_cached(&format!("SELECT {SYNC} FROM book_sync WHERE book_id = ?1"))?;
    Ok(query.query_row([book_id.as_str()], read_sync).optional()?)
}

fn book_document(tx: &Transaction<'_>, book_id: &BookId) -> Result<Option<Arc<Book>>, StoreError> {
    let mut query = tx.prepare_cached(&schema::of(Collection::Book).changed)?;
    let mut rows = query.query(params![book_id.as_str(), after(None)])?;
    let row = rows.next()?.map(document).transpose()?;
    Ok(row.map(|(book, _)| book))
}

/// The bound that a seq must exceed; seqs are never negative.
fn after(seq: Option<Seq>) -> i64 {
    seq.map_or(-1, |seq| i64::from(seq.get()))
}

/// Collects the documents of a book that changed after a seq, as puts.
struct Documents<'a> {
    tx: &'a Transaction<'a>,
    book_id: &'a BookId,
    after: Option<Seq>,
    found: Vec<(WriteOp, Seq)>,
    result: Result<(), StoreError>,
}

impl<'a> Documents<'a> {
    fn of(
        tx: &'a Transaction<'a>,
        book_id: &'a BookId,
        after: Option<Seq>,
    ) -> Result<Vec<(WriteOp, Seq)>, StoreError> {
        let mut documents = Self { tx, book_id, after, found: Vec::new(), result: Ok(()) };
        Collection::each(&mut documents);
        documents.result.map(|()| documents.found)
    }

    fn collect<D: Document>(&mut self) -> Result<(), StoreError> {
        let mut query = self.tx.prepare_cached(&schema::of(D::COLLECTION).changed)?;
        let mut rows = query.query(params![self.book_id.as_str(), after(self.after)])?;
        while let Some(row) = rows.next()? {
            let (found, seq) = document::<D>(row)?;
            self.found.push((D::write_op(Op::Upsert(found)), seq));
        }
        Ok(())
    }
}

impl CollectionVisitor for Documents<'_> {
    fn visit<D: Document>(&mut self) {
        if self.result.is_ok() {
            self.result = self.collect::<D>();
        }
    }
}

/// The deleted documents of a book whose deletion is later than a seq.
fn tombstones(
    tx: &Transaction<'_>,
    book_id: &BookId,
    since: Option<Seq>,
) -> Result<Vec<(AnyKey, Seq)>, StoreError> {
    let mut query =
        tx.prepare_cached("SELECT collection, key, seq FROM tombstone WHERE book_id = ?1 AND seq > ?2")?;
    let mut rows = query.query(params![book_id.as_str(), after(since)])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let Parsed::<Collection>(collection) = row.get(0)?;
        let text: String = row.get(1)?;
        let StoredSeq(seq) = row.get(2)?;
        let key = collection.key(&text).map_err(|error| StoreError::Damaged {
            reason: format!("tombstone {collection}/{text}: {error}"),
        })?;
        found.push((key, seq));
    }
    Ok(found)
}

/// The deletion of a key.
struct Deletion;

impl bookstate_domain::KeyVisitor for Deletion {
    type Out = WriteOp;
    fn visit<D: Document>(self, key: &D::Key) -> WriteOp {
        D::write_op(Op::Delete { key: key.clone() })
    }
}
