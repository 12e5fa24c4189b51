//! What this data directory remembers of its targets: how far each has a book, and what each refuses.

use bookstate_domain::{AnyKey, BookId, Seq, Timestamp};
use rusqlite::{OptionalExtension, Transaction, params};

use super::rows::{Parsed, StoredSeq};
use super::{SqliteStore, StoreError};

/// How far a target has a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The number of the last chunk that it acknowledged.
    pub write_no: u32,
    /// That chunk's token.
    pub token: u64,
    /// The watermark: the target has the book as it was at this seq, parked documents aside.
    pub persisted_seq: Seq,
}

/// A document that a target refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    /// The document's book.
    pub book_id: BookId,
    /// The document.
    pub document: AnyKey,
    /// What the target said.
    pub reason: String,
    /// The seq at which it was refused first.
    pub first_seq: Seq,
    /// When it was refused last.
    pub parked_at: Timestamp,
}

/// A parked document as the store remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedDocument {
    /// The target that refuses it.
    pub target: String,
    /// What was refused.
    pub parked: Parked,
    /// Somebody accepted on purpose that the target's copy differs.
    pub dropped: bool,
}

impl SqliteStore {
    /// How far a target has a book; `None` when nothing was ever recorded.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn progress(&self, target: &str, book_id: &BookId) -> Result<Option<Progress>, StoreError> {
        self.read(|tx| {
            let mut query = tx.prepare_cached(
                "SELECT write_no, token, persisted_seq FROM target_progress WHERE target = ?1 AND book_id = ?2",
            )?;
            let progress = query.query_row([target, book_id.as_str()], |row| {
                let StoredSeq(persisted_seq) = row.get(2)?;
                let token = row.get::<_, i64>(1)?.cast_unsigned();
                Ok(Progress { write_no: row.get(0)?, token, persisted_seq })
            });
            Ok(progress.optional()?)
        })
    }

    /// Records what came of a batch, in one transaction: how far the target has the book, what it refused, and
    /// what it takes again. A document that is parked already keeps its first seq and whether it was dropped.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn record(
        &self,
        target: &str,
        book_id: &BookId,
        progress: Option<&Progress>,
        park: &[Parked],
        unpark: &[AnyKey],
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            if let Some(progress) = progress {
                put_progress(tx, target, book_id, progress)?;
            }
            park.iter().try_for_each(|parked| put_parked(tx, target, parked))?;
            unpark.iter().try_for_each(|document| remove_parked(tx, target, document))
        })
    }

    /// The targets of which anything is remembered, by name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn targets(&self) -> Result<Vec<String>, StoreError> {
        self.read(|tx| {
            let mut query = tx.prepare_cached(
                "SELECT target FROM target_progress UNION SELECT target FROM parked ORDER BY target",
            )?;
            let rows = query.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Forgets all that is remembered of a target.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn forget_target(&self, target: &str) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute("DELETE FROM target_progress WHERE target = ?1", [target])?;
            tx.execute("DELETE FROM parked WHERE target = ?1", [target])?;
            Ok(())
        })
    }

    /// The parked documents, of one target or all, of one book or all, by target and key.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn parked(
        &self,
        target: Option<&str>,
        book_id: Option<&BookId>,
    ) -> Result<Vec<ParkedDocument>, StoreError> {
        self.read(|tx| {
            let mut query = tx.prepare_cached(
                "SELECT target, book_id, document, reason, first_seq, parked_at, dropped FROM parked \
                 WHERE (?1 IS NULL OR target = ?1) AND (?2 IS NULL OR book_id = ?2) ORDER BY target, document",
            )?;
            let rows = query.query_map(params![target, book_id.map(BookId::as_str)], |row| {
                let Parsed(book_id) = row.get(1)?;
                let Parsed(document) = row.get(2)?;
                let StoredSeq(first_seq) = row.get(4)?;
                let Parsed(parked_at) = row.get(5)?;
                let parked = Parked { book_id, document, reason: row.get(3)?, first_seq, parked_at };
                Ok(ParkedDocument { target: row.get(0)?, parked, dropped: row.get(6)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Sets whether the difference of a parked document is accepted. Returns whether it is parked at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set_dropped(&self, target: &str, document: &AnyKey, dropped: bool) -> Result<bool, StoreError> {
        self.write(|tx| {
            let mut set =
                tx.prepare_cached("UPDATE parked SET dropped = ?3 WHERE target = ?1 AND document = ?2")?;
            Ok(set.execute(params![target, document.to_string(), dropped])? > 0)
        })
    }
}

fn put_progress(
    tx: &Transaction<'_>,
    target: &str,
    book_id: &BookId,
    progress: &Progress,
) -> Result<(), StoreError> {
    let mut put = tx.prepare_cached(
        "INSERT INTO target_progress (target, book_id, write_no, token, persisted_seq) \
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (target, book_id) DO UPDATE SET \
         write_no = excluded.write_no, token = excluded.token, persisted_seq = excluded.persisted_seq",
    )?;
    let token = progress.token.cast_signed();
    put.execute(params![target, book_id.as_str(), progress.write_no, token, progress.persisted_seq.get()])?;
    Ok(())
}

fn put_parked(tx: &Transaction<'_>, target: &str, parked: &Parked) -> Result<(), StoreError> {
    let mut put = tx.prepare_cached(
        "INSERT INTO parked (target, book_id, document, reason, first_seq, parked_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (target, document) DO UPDATE SET \
         reason = excluded.reason, parked_at = excluded.parked_at",
    )?;
    let Parked { book_id, document, reason, first_seq, parked_at } = parked;
    let (document, parked_at) = (document.to_string(), parked_at.to_string());
    put.execute(params![target, book_id.as_str(), document, reason, first_seq.get(), parked_at])?;
    Ok(())
}

fn remove_parked(tx: &Transaction<'_>, target: &str, document: &AnyKey) -> Result<(), StoreError> {
    let mut remove = tx.prepare_cached("DELETE FROM parked WHERE target = ?1 AND document = ?2")?;
    remove.execute([target, &document.to_string()])?;
    Ok(())
}
