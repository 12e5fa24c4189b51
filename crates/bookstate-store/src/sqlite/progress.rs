//! What this data directory remembers of its targets: how far each has a book, what may be on its way to it, whether
//! its copy is to be trusted, and what it refuses.

use bookstate_domain::{AnyKey, BookId, Seq, Timestamp};
use rusqlite::{OptionalExtension, Transaction, params};

use super::rows::{Parsed, StoredSeq};
use super::{SqliteStore, StoreError};
use crate::target::StartId;

/// How far a target has a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Progress {
    /// The number of the last chunk that it acknowledged.
    pub write_no: u32,
    /// That chunk's token.
    pub token: u64,
    /// The watermark: the target has the book as it was at this seq, parked documents aside.
    pub persisted_seq: Seq,
    /// The last commit of ours up to there. Older than the watermark when the target had seqs beyond ours, which
    /// nobody uses again.
    pub commit_seq: Seq,
}

/// A batch that may be on its way to a target: recorded before its first chunk is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Intent {
    /// Names the batch: what the tokens of its chunks have in common.
    pub batch: u64,
    /// The seq that the target is brought to.
    pub seq: Seq,
    /// The last commit of ours up to there; see [`Progress::commit_seq`].
    pub commit_seq: Seq,
}

/// Why the copy of a book in a target is not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Distrust {
    /// It has to be compared: a comparison, or a take-over, has begun and has not ended.
    Compare,
    /// It has commits that this data directory has lost, so that a person decides.
    Ahead,
}

/// What is remembered of a book in a target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Remembered {
    /// What the target acknowledged last.
    pub progress: Option<Progress>,
    /// What may have been sent since then.
    pub intents: Vec<Intent>,
    /// Where nothing was ever acknowledged: the tokens of what was sent to targets of other names. One place may have
    /// had two.
    pub elsewhere: Vec<u64>,
    /// Whether its copy is not to be trusted, and why.
    pub distrust: Option<Distrust>,
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
        self.read(|tx| progress_of(tx, target, book_id))
    }

    /// All that is remembered of a book in a target.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn remembered(&self, target: &str, book_id: &BookId) -> Result<Remembered, StoreError> {
        self.read(|tx| {
            let progress = progress_of(tx, target, book_id)?;
            let mut query = tx.prepare_cached(
                "SELECT batch, seq, commit_seq FROM intent WHERE target = ?1 AND book_id = ?2",
            )?;
            let intents = query.query_map([target, book_id.as_str()], |row| {
                let StoredSeq(seq) = row.get(1)?;
                let StoredSeq(commit_seq) = row.get(2)?;
                Ok(Intent { batch: row.get::<_, i64>(0)?.cast_unsigned(), seq, commit_seq })
            })?;
            let intents = intents.collect::<Result<_, _>>()?;
            let mut elsewhere = Vec::new();
            if progress.is_none() {
                let mut query = tx.prepare_cached(
                    "SELECT token FROM target_progress WHERE target <> ?1 AND book_id = ?2 \
                     UNION SELECT batch FROM intent WHERE target <> ?1 AND book_id = ?2 ORDER BY 1",
                )?;
                let tokens = query.query_map([target, book_id.as_str()], |row| row.get::<_, i64>(0))?;
                for token in tokens {
                    elsewhere.push(token?.cast_unsigned());
                }
            }
            let mut query =
                tx.prepare_cached("SELECT kind = 'ahead' FROM distrust WHERE target = ?1 AND book_id = ?2")?;
            let distrust = query.query_row([target, book_id.as_str()], |row| {
                Ok(if row.get(0)? { Distrust::Ahead } else { Distrust::Compare })
            });
            Ok(Remembered { progress, intents, elsewhere, distrust: distrust.optional()? })
        })
    }

    /// Records that a batch is about to be sent, by which start of a process, and, for a comparison, that the copy
    /// is not to be trusted before it has ended.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn intend(
        &self,
        target: &str,
        book_id: &BookId,
        start: StartId,
        intent: Intent,
        distrust: Option<Distrust>,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            put_start(tx, start)?;
            register(tx, target)?;
            let mut put = tx.prepare_cached(
                "INSERT OR REPLACE INTO intent (target, book_id, batch, seq, commit_seq) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            let Intent { batch, seq, commit_seq } = intent;
            put.execute(params![target, book_id.as_str(), batch.cast_signed(), seq.get(), commit_seq.get()])?;
            distrust.map_or(Ok(()), |distrust| put_distrust(tx, target, book_id, distrust))
        })
    }

    /// Records that a book's copy is not to be trusted, and the start of a process that is about to write it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn distrust(
        &self,
        target: &str,
        book_id: &BookId,
        start: StartId,
        distrust: Distrust,
    ) -> Result<(), StoreError> {
        self.write(|tx| {
            put_start(tx, start)?;
            register(tx, target)?;
            put_distrust(tx, target, book_id, distrust)
        })
    }

    /// Whether a start of a process is one of this data directory.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn knows_start(&self, start: StartId) -> Result<bool, StoreError> {
        if start == StartId::default() {
            return Ok(true);
        }
        self.read(|tx| {
            let mut query = tx.prepare_cached("SELECT EXISTS (SELECT 1 FROM start WHERE id = ?1)")?;
            Ok(query.query_row([start.0.cast_signed()], |row| row.get(0))?)
        })
    }

    /// Remembers that there is such a target: from now on nothing is forgotten that it may lack.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn register_target(&self, target: &str) -> Result<(), StoreError> {
        self.write(|tx| register(tx, target))
    }

    /// Marks the copies that have, or may have, commits beyond those of this data directory: it has lost some, when
    /// its local store was put back to an older copy. `last` tells the last commit of a book that the journal has
    /// more of. Call it before any commit is accepted.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn distrust_what_is_ahead(&self, last: impl Fn(&BookId) -> Option<Seq>) -> Result<(), StoreError> {
        let ahead: Vec<(String, BookId, Seq)> = self.read(|tx| {
            let mut query = tx.prepare_cached(
                "SELECT target, book_id, max(seq) FROM (SELECT target, book_id, commit_seq AS seq FROM \
                 target_progress UNION ALL SELECT target, book_id, commit_seq FROM intent) AS reached GROUP BY target, \
                 book_id HAVING max(seq) > coalesce((SELECT persisted_seq FROM book_sync WHERE book_sync.book_id \
                 = reached.book_id), 0)",
            )?;
            let rows = query.query_map([], |row| {
                let Parsed(book_id) = row.get(1)?;
                let StoredSeq(seq) = row.get(2)?;
                Ok((row.get(0)?, book_id, seq))
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        let lost: Vec<_> = ahead
            .into_iter()
            .filter(|(_, id, reached)| last(id).is_none_or(|last| last < *reached))
            .collect();
        if lost.is_empty() {
            return Ok(());
        }
        self.write(|tx| {
            lost.iter().try_for_each(|(target, id, _)| put_distrust(tx, target, id, Distrust::Ahead))
        })
    }

    /// The highest seq that any target has, or may have, of a book.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn highest_sent(&self, book_id: &BookId) -> Result<Seq, StoreError> {
        self.read(|tx| {
            let mut query = tx.prepare_cached(
                "SELECT coalesce(max(seq), 0) FROM (SELECT persisted_seq AS seq FROM target_progress WHERE \
                 book_id = ?1 UNION ALL SELECT seq FROM intent WHERE book_id = ?1)",
            )?;
            let StoredSeq(seq) = query.query_row([book_id.as_str()], |row| row.get(0))?;
            Ok(seq)
        })
    }

    /// Records what came of a batch, in one transaction: how far the target has the book, what it refused, and
    /// what it takes again. With the progress all intents end, and all distrust. A document that is parked already keeps its first seq and whether it was dropped.
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
            register(tx, target)?;
            if let Some(progress) = progress {
                put_progress(tx, target, book_id, progress)?;
                let mut delete =
                    tx.prepare_cached("DELETE FROM intent WHERE target = ?1 AND book_id = ?2")?;
                delete.execute([target, book_id.as_str()])?;
                let mut delete =
                    tx.prepare_cached("DELETE FROM distrust WHERE target = ?1 AND book_id = ?2")?;
                delete.execute([target, book_id.as_str()])?;
            }
            park.iter().try_for_each(|parked| put_parked(tx, target, parked))?;
            unpark.iter().try_for_each(|document| remove_parked(tx, target, document))
        })
    }

    /// The targets that there are, by name.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn targets(&self) -> Result<Vec<String>, StoreError> {
        self.read(|tx| {
            let mut query = tx.prepare_cached("SELECT name FROM target ORDER BY name")?;
            let rows = query.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// Forgets a target: how far it has the books, and what it refuses. What was sent there last stays known, so that a
    /// target of this name that comes back is compared, and what somebody else has written there since is told from it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn forget_target(&self, target: &str) -> Result<(), StoreError> {
        self.write(|tx| {
            tx.execute(
                "INSERT INTO distrust (target, book_id, kind) SELECT target, book_id, 'compare' FROM (SELECT target, \
                 book_id FROM target_progress UNION SELECT target, book_id FROM intent) WHERE target = ?1 \
                 ON CONFLICT DO NOTHING",
                [target],
            )?;
            tx.execute(
                "UPDATE target_progress SET persisted_seq = 0, commit_seq = 0 WHERE target = ?1",
                [target],
            )?;
            tx.execute("DELETE FROM target WHERE name = ?1", [target])?;
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

fn progress_of(tx: &Transaction<'_>, target: &str, book_id: &BookId) -> Result<Option<Progress>, StoreError> {
    let mut query = tx.prepare_cached(
        "SELECT write_no, token, persisted_seq, commit_seq FROM target_progress WHERE target = ?1 AND book_id = ?2",
    )?;
    let progress = query.query_row([target, book_id.as_str()], |row| {
        let StoredSeq(persisted_seq) = row.get(2)?;
        let StoredSeq(commit_seq) = row.get(3)?;
        let token = row.get::<_, i64>(1)?.cast_unsigned();
        Ok(Progress { write_no: row.get(0)?, token, persisted_seq, commit_seq })
    });
    Ok(progress.optional()?)
}

fn register(tx: &Transaction<'_>, target: &str) -> Result<(), StoreError> {
    tx.prepare_cached("INSERT OR IGNORE INTO target (name) VALUES (?1)")?.execute([target])?;
    Ok(())
}

fn put_start(tx: &Transaction<'_>, start: StartId) -> Result<(), StoreError> {
    let mut put = tx.prepare_cached("INSERT OR IGNORE INTO start (id) VALUES (?1)")?;
    put.execute([start.0.cast_signed()])?;
    Ok(())
}

fn put_distrust(
    tx: &Transaction<'_>,
    target: &str,
    book_id: &BookId,
    distrust: Distrust,
) -> Result<(), StoreError> {
    let kind = match distrust {
        Distrust::Compare => "compare",
        Distrust::Ahead => "ahead",
    };
    let mut put = tx.prepare_cached(
        "INSERT INTO distrust (target, book_id, kind) VALUES (?1, ?2, ?3) \
         ON CONFLICT (target, book_id) DO UPDATE SET kind = excluded.kind",
    )?;
    put.execute([target, book_id.as_str(), kind])?;
    Ok(())
}

fn put_progress(
    tx: &Transaction<'_>,
    target: &str,
    book_id: &BookId,
    progress: &Progress,
) -> Result<(), StoreError> {
    let mut put = tx.prepare_cached(
        "INSERT OR REPLACE INTO target_progress (target, book_id, write_no, token, persisted_seq, commit_seq) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let Progress { write_no, token, persisted_seq, commit_seq } = progress;
    put.execute(params![
        target,
        book_id.as_str(),
        write_no,
        token.cast_signed(),
        persisted_seq.get(),
        commit_seq.get()
    ])?;
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
