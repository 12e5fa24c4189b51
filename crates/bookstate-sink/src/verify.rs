//! Compares a book with its copy in a target, and changes nothing.

use std::collections::BTreeSet;

use bookstate_domain::{AnyKey, BookId, WriteOp};
use bookstate_store::{BatchOps, Differing, SqliteStore, StoreError, StoredBook, TargetName};

use crate::{
    command::{CommandError, Verification},
    compare::compare,
    transport::{Link, blocking},
};

/// Compares a book with its copy, as of the seq that the copy says it has: what has changed since is left out.
///
/// # Errors
/// The copy is another's, there is no such book, or the target or the local store was not read.
pub(crate) async fn verify(link: &Link, id: &BookId) -> Result<Verification, CommandError> {
    let copy = link.load_book(id).await?;
    if let Some(copy) = copy.as_ref().filter(|copy| copy.sync.writer != link.library.writer()) {
        return Err(CommandError::Foreign { book_id: id.clone(), writer: copy.sync.writer });
    }
    let (feed, library, name) = (link.feed.clone(), link.library.clone(), link.name.clone());
    let book_id = id.clone();
    let found = blocking(move || {
        let since = copy.as_ref().map_or_else(Default::default, |copy| copy.sync.persisted_seq);
        let newer = feed.batch(&book_id, since, &Differing::default())?;
        let Some(whole) = feed.whole(&book_id)? else { return Ok(None) };
        let parked = library.local_store().parked(Some(name.as_str()), Some(&book_id))?;
        let parked: BTreeSet<AnyKey> = parked.into_iter().map(|p| p.parked.document).collect();
        let newer: BTreeSet<AnyKey> = match newer.map(|batch| batch.ops) {
            Some(BatchOps::Ops(ops)) => ops.iter().map(WriteOp::key).collect(),
            _ => BTreeSet::new(),
        };
        let lag = whole.seq.get().saturating_sub(since.get());
        let BatchOps::Compare(ours) = whole.ops else { return Ok(None) };
        Ok(Some(difference(&ours, copy.as_ref(), &newer, &parked, lag)))
    });
    found.await?.ok_or_else(|| CommandError::NoSuchBook(id.clone()))
}

/// Compares a book of a local store with a copy that was read from a target before. Only reads, also a store that
/// another process writes: what has changed since the copy was written is left out.
///
/// `None` when the two were read too far apart: the store is behind the copy, since what it lacks is in the journal or
/// about to be written by the process that has it; or the target has gone on since. `settled`: nobody writes either now,
/// so that a copy which is older than the target is known to have been was rolled back.
///
/// # Errors
/// The copy is another's, there is no such book, or the store was not read. Blocks.
pub fn verify_stored(
    store: &SqliteStore,
    target: &TargetName,
    id: &BookId,
    copy: Option<&StoredBook>,
    settled: bool,
) -> Result<Option<Verification>, CommandError> {
    let failed = |error: StoreError| CommandError::Target(error.into());
    let ours = store.load_book(id).map_err(failed)?.ok_or_else(|| CommandError::NoSuchBook(id.clone()))?;
    if let Some(copy) = copy.filter(|copy| copy.sync.writer != ours.sync.writer) {
        return Err(CommandError::Foreign { book_id: id.clone(), writer: copy.sync.writer });
    }
    let since = copy.map_or_else(Default::default, |copy| copy.sync.persisted_seq);
    if since > ours.sync.persisted_seq {
        return Ok(None);
    }
    // Less than the target is known to have had, or than what is remembered of deletions: it was rolled back, or has gone
    // on since the copy was read.
    let passed = store.progress(target.as_str(), id).map_err(failed)?;
    let is_old = passed.is_some_and(|progress| progress.persisted_seq > since)
        || since < store.tombstone_floor(id).map_err(failed)?;
    if is_old && !settled {
        return Ok(None);
    }
    let mut newer = BTreeSet::new();
    // Of a copy that is not there, or was rolled back, everything is compared.
    if copy.is_some() && !is_old {
        let changed = store.changed_since(id, since).map_err(failed)?;
        newer.extend(changed.iter().flat_map(|changed| changed.ops.iter().map(WriteOp::key)));
    }
    let parked = store.parked(Some(target.as_str()), Some(id)).map_err(failed)?;
    let parked = parked.into_iter().map(|p| p.parked.document).collect();
    let lag = ours.sync.persisted_seq.get().saturating_sub(since.get());
    Ok(Some(difference(&ours.state, copy, &newer, &parked, lag)))
}

fn difference(
    ours: &bookstate_domain::BookState,
    copy: Option<&StoredBook>,
    newer: &BTreeSet<AnyKey>,
    parked: &BTreeSet<AnyKey>,
    lag: u32,
) -> Verification {
    let mut found = Verification { lag, ..Verification::default() };
    for op in compare(ours, copy.map(|copy| &copy.state)) {
        let key = op.key();
        let there = copy.is_some_and(|copy| copy.state.has(&key));
        match op {
            _ if newer.contains(&key) => {}
            _ if parked.contains(&key) => found.parked.push(key),
            _ if !ours.has(&key) => found.extra.push(key),
            _ if there => found.differing.push(key),
            _ => found.missing.push(key),
        }
    }
    let newer = newer.iter().filter(|key| ours.has(key)).count();
    let unequal = found.missing.len() + found.differing.len() + found.parked.len();
    found.equal = ours.document_count().saturating_sub(unequal + newer);
    found
}
