//! Applying a chunk: one transaction with its compare-and-set.

use bookstate_domain::document::{Document, DocumentKey, Patch};
use bookstate_domain::value::Value;
use bookstate_domain::{BookId, Op, OpVisitor, Seq};
use rusqlite::{OptionalExtension, Transaction, params};

use super::rows::{KeyList, Parsed, bound};
use super::{SqliteStore, StoreError, books::put_floor, schema};
use crate::target::{BookSync, Chunk, WriteMark};

impl SqliteStore {
    /// Applies a chunk whole or not at all; when this returns it is on the disk.
    ///
    /// # Errors
    /// Those of [`StoreError`]; only after [`StoreError::Ambiguous`] it may have been applied.
    pub fn write_chunk(&self, chunk: &Chunk) -> Result<(), StoreError> {
        self.write(|tx| {
            if stored_mark(tx, &chunk.book_id)? != chunk.expect {
                return Err(StoreError::Mismatch);
            }
            let seq = chunk.sync.persisting_seq;
            for op in &chunk.ops {
                op.visit(Apply { tx, seq, book_id: &chunk.book_id })?;
            }
            put_sync(tx, &chunk.book_id, &chunk.sync)
        })
    }

    /// The same, of a chunk that makes the book another one: what changed since a seq below its own is not known, so
    /// that whoever has the book up to there is compared.
    ///
    /// # Errors
    /// As [`write_chunk`](Self::write_chunk).
    pub(crate) fn replace_book(&self, chunk: &Chunk) -> Result<(), StoreError> {
        self.write(|tx| {
            if stored_mark(tx, &chunk.book_id)? != chunk.expect {
                return Err(StoreError::Mismatch);
            }
            let seq = chunk.sync.persisted_seq;
            for op in &chunk.ops {
                op.visit(Apply { tx, seq, book_id: &chunk.book_id })?;
            }
            put_floor(tx, &chunk.book_id, seq)?;
            put_sync(tx, &chunk.book_id, &chunk.sync)
        })
    }
}

fn stored_mark(tx: &Transaction<'_>, book_id: &BookId) -> Result<Option<WriteMark>, StoreError> {
    let mut query = tx.prepare_cached("SELECT writer, write_no, token FROM book_sync WHERE book_id = ?1")?;
    let stored = query.query_row([book_id.as_str()], |row| {
        let Parsed(writer) = row.get(0)?;
        Ok(WriteMark { writer, write_no: row.get(1)?, token: row.get::<_, i64>(2)?.cast_unsigned() })
    });
    Ok(stored.optional()?)
}

fn put_sync(tx: &Transaction<'_>, book_id: &BookId, sync: &BookSync) -> Result<(), StoreError> {
    let mut put = tx.prepare_cached(
        "INSERT INTO book_sync (book_id, writer, write_no, token, persisting_seq, persisted_seq, parked, start, epoch) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (book_id) DO UPDATE SET \
         writer = excluded.writer, start = excluded.start, write_no = excluded.write_no, token = excluded.token, persisting_seq = excluded.persisting_seq, \
         persisted_seq = excluded.persisted_seq, parked = excluded.parked, epoch = excluded.epoch",
    )?;
    put.execute(params![
        book_id.as_str(),
        sync.writer.to_string(),
        sync.write_no,
        sync.token.cast_signed(),
        sync.persisting_seq.get(),
        sync.persisted_seq.get(),
        KeyList(sync.parked.clone()),
        sync.start.0.cast_signed(),
        sync.epoch.0,
    ])?;
    Ok(())
}

struct Apply<'a> {
    tx: &'a Transaction<'a>,
    seq: Seq,
    book_id: &'a BookId,
}

impl OpVisitor for Apply<'_> {
    type Out = Result<(), StoreError>;
    fn visit<D: Document>(self, op: &Op<D>) -> Self::Out {
        let key = op.key();
        // The compare-and-set guards one book; an op of another one would pass it unguarded.
        if key.book_id() != self.book_id {
            let reason = format!("{}/{key} is not of book {}", D::COLLECTION, self.book_id);
            return Err(StoreError::Refused { reason });
        }
        match op {
            Op::Upsert(document) => self.put(&**document),
            Op::Update { key, patch } => self.patch::<D>(key, patch),
            Op::Delete { key } => self.delete::<D>(key),
        }
    }
}

impl Apply<'_> {
    fn put<D: Document>(&self, document: &D) -> Result<(), StoreError> {
        let key = document.key().to_string();
        let mut row = Vec::with_capacity(D::COLUMNS.len() + 2);
        row.extend([Value::Text(key.as_str().into()), seq_value(self.seq)]);
        row.extend(document.values());
        let written = self.tx.prepare_cached(&schema::of(D::COLLECTION).upsert)?.execute(bound(&row))?;
        if written != 1 {
            // A trigger with RAISE(IGNORE) skips the row without an error.
            return Err(StoreError::Refused { reason: format!("{}/{key} was not taken", D::COLLECTION) });
        }
        let mut revive =
            self.tx.prepare_cached("DELETE FROM tombstone WHERE collection = ?1 AND key = ?2")?;
        revive.execute([D::COLLECTION.as_str(), &key])?;
        Ok(())
    }

    fn patch<D: Document>(&self, key: &D::Key, patch: &D::Patch) -> Result<(), StoreError> {
        let (fields, mut row): (Vec<_>, Vec<_>) = patch.values().into_iter().unzip();
        row.extend([seq_value(self.seq), Value::Text(key.to_string().into())]);
        let touched =
            self.tx.prepare_cached(&schema::update(D::COLLECTION, &fields))?.execute(bound(&row))?;
        if touched == 1 { Ok(()) } else { Err(StoreError::Missing { key: D::any_key(key.clone()) }) }
    }

    fn delete<D: Document>(&self, key: &D::Key) -> Result<(), StoreError> {
        let text = key.to_string();
        self.tx.prepare_cached(&schema::of(D::COLLECTION).delete)?.execute([&text])?;
        // Also when there was no row: whoever reads on from an older seq may have one.
        let mut bury = self.tx.prepare_cached(
            "INSERT INTO tombstone (collection, key, book_id, seq) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (collection, key) DO UPDATE SET seq = excluded.seq",
        )?;
        bury.execute(params![D::COLLECTION.as_str(), text, self.book_id.as_str(), self.seq.get()])?;
        Ok(())
    }
}

fn seq_value(seq: Seq) -> Value {
    Value::Int(i64::from(seq.get()))
}
