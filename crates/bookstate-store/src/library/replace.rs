//! Replacing a book that is here by the copy of a target, after other machines had it.
//!
//! What this data directory has of the book is of an earlier ownership. What no target took of it is set aside, as
//! what follows a gap is; the rest is in the history that the copy has, or was given up by whoever owned the book
//! next. Nothing is merged.
//!
//! The copy gets a seq of its own above every seq that was ever used here or shown by a target. So recovery takes no
//! record of the journal for a newer commit of it, and a target whose watermark is of the history that was replaced
//! is compared, since what changed since then is not known ([`SqliteStore::tombstone_floor`]).
//!
//! It happens in one transaction of the local store. Before it, only the file of what is set aside is written, and a
//! start finds the book as it was; behind it, a start finds the copy.
//!
//! [`SqliteStore::tombstone_floor`]: crate::SqliteStore::tombstone_floor

use bookstate_domain::{BookId, BookState, Commit, Op, Seq, WriteOp};

use super::{Library, ReplaceError, SetAside};
use crate::target::{BookSync, Chunk, StoredBook};

/// A book that was replaced by a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Its last commit: the copy, as a whole.
    pub seq: Seq,
    /// What no target took, with what it was built on: one commit that has the net effect of all of them.
    pub set_aside: Option<SetAside>,
}

impl Library {
    /// Makes the book that is here the copy `stored`, and sets aside what it had behind `shipped`, the last commit that
    /// some target took. `beyond`: the highest seq that any target shows of the book. Blocks.
    ///
    /// Nobody creates or opens the book meanwhile. It must not be in memory: nobody writes it, and the local store has all
    /// of it.
    ///
    /// # Errors
    /// See [`ReplaceError`]; the book is as it was then.
    pub fn replace_book(
        &self,
        stored: &StoredBook,
        shipped: Seq,
        beyond: Seq,
    ) -> Result<Replaced, ReplaceError> {
        let id = stored.state.book_id();
        let _loading = self.0.loading.begin(id);
        if self.live(id).is_some() {
            return Err(ReplaceError::InUse { book_id: id.clone() });
        }
        let local = &self.0.local;
        let Some(here) = local.load_book(id)? else {
            return Err(ReplaceError::Unknown { book_id: id.clone() });
        };
        let last = here.sync.persisted_seq;
        let used = [last, local.highest_sent(id)?, self.reserved(id), beyond];
        let shown = [stored.sync.persisting_seq, stored.sync.persisted_seq];
        let seq = used.into_iter().chain(shown).max().and_then(Seq::next);
        let seq = seq.ok_or_else(|| ReplaceError::SeqsUsedUp { book_id: id.clone() })?;
        // What was made of a copy before is nothing that this data directory accepted.
        let shipped = shipped.max(local.tombstone_floor(id)?);
        let set_aside = self.set_aside_behind(id, shipped, last)?;
        let chunk = Chunk {
            book_id: id.clone(),
            expect: Some(here.sync.mark()),
            sync: BookSync {
                writer: self.writer(),
                start: here.sync.start,
                epoch: stored.sync.epoch,
                write_no: here.sync.write_no.saturating_add(1),
                // Not that of what was replaced, whatever that was.
                token: rand::random(),
                persisting_seq: seq,
                persisted_seq: seq,
                parked: Vec::new(),
            },
            ops: becoming(&here.state, &stored.state),
        };
        local.replace_book(&chunk)?;
        self.0.reserved.lock().insert(id.clone(), seq);
        self.0.journal.release(id.as_str(), seq.get());
        Ok(Replaced { seq, set_aside })
    }

    /// Seqs up to this one are not given out, although the local store has no commit of them.
    fn reserved(&self, id: &BookId) -> Seq {
        self.0.reserved.lock().get(id).copied().unwrap_or(Seq::ZERO)
    }

    /// Keeps what the local store has of a book behind `shipped`, as one commit. Its file is the same however often it is
    /// written.
    fn set_aside_behind(
        &self,
        id: &BookId,
        shipped: Seq,
        last: Seq,
    ) -> Result<Option<SetAside>, ReplaceError> {
        let Some(first) = shipped.next().filter(|first| *first <= last) else { return Ok(None) };
        let changed = self.0.local.changed_since(id, shipped)?;
        let ops = changed.map(|changed| changed.ops).unwrap_or_default();
        let commit = Commit { book_id: id.clone(), seq: last, prev: shipped, ops };
        let file = self
            .0
            .dir
            .set_aside_from(id, first, &[commit])
            .map_err(|error| ReplaceError::SetAside { book_id: id.clone(), reason: error.to_string() })?;
        let commits = usize::try_from(last.get() - shipped.get()).unwrap_or(usize::MAX);
        Ok(Some(SetAside { book_id: id.clone(), after: shipped, commits, file }))
    }
}

/// The ops that make one state another.
fn becoming(here: &BookState, copy: &BookState) -> Vec<WriteOp> {
    let puts: Vec<WriteOp> = copy.documents().collect();
    let kept: std::collections::BTreeSet<_> = puts.iter().map(WriteOp::key).collect();
    let gone = here.documents().map(|op| op.key()).filter(|key| !kept.contains(key));
    gone.map(|key| key.visit(Deletion)).chain(puts).collect()
}

struct Deletion;

impl bookstate_domain::KeyVisitor for Deletion {
    type Out = WriteOp;
    fn visit<D: bookstate_domain::Document>(self, key: &D::Key) -> WriteOp {
        D::write_op(Op::Delete { key: key.clone() })
    }
}
