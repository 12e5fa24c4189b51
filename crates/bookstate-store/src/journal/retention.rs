//! Deletion of segments whose commits the local store has.
//!
//! Oldest first, and each deletion is made durable before the next begins: otherwise a crash could leave a gap in
//! the middle, which is what damage looks like. Every failure leaves more of the journal than needed, never less.

use std::collections::HashMap;
use std::io;

use super::error::is_out_of_files;
use super::format::HEADER_LEN;
use super::segments::SegmentFile;
use super::writer::Shared;

impl Shared {
    pub(super) fn release(&self, book: &str, seq: u32) {
        let mut state = self.state.lock();
        for sealed in &mut state.sealed {
            forget(&mut sealed.books, book, seq);
        }
        forget(&mut state.active.books, book, seq);
        let is_due = state.active.len >= self.config.segment_bytes && state.active.len > HEADER_LEN as u64;
        if is_due && state.active.books.is_empty() && !state.in_flight && state.poison.is_none() {
            // A failure shows in the state, and in the next append.
            if let Err(error) = self.rotate(&mut state) {
                tracing::warn!(%error, "the released segment stays");
            }
        }
        drop(state);
        self.delete_released();
    }

    /// Deletes the oldest segments as long as the local store has all of them.
    pub(super) fn delete_released(&self) {
        let mut state = self.state.lock();
        while state.poison.is_none()
            && !state.deleting
            && let Some(oldest) = state.sealed.front().filter(|oldest| oldest.books.is_empty())
        {
            let path = SegmentFile::live(oldest.number).path(&self.config.dir);
            state.deleting = true;
            drop(state);
            let removed = match self.fs.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
            let synced = removed.is_ok().then(|| self.fs.sync_dir(&self.config.dir));
            state = self.state.lock();
            state.deleting = false;
            match (removed, synced) {
                (Err(error), _) => {
                    tracing::warn!(path = %path.display(), %error, "cannot delete a segment, will try again");
                    return;
                }
                // Nothing was synced, so nothing has failed: the next time finds the file gone and syncs that.
                (Ok(()), Some(Err(error))) if is_out_of_files(&error) => {
                    tracing::warn!(path = %path.display(), %error, "a deletion is not durable yet, will try again");
                    return;
                }
                (Ok(()), Some(Err(error))) => {
                    self.poison(&mut state, "fsync of the directory", &error);
                }
                (Ok(()), _) => {
                    state.sealed.pop_front();
                    state.counters.deleted_segments += 1;
                }
            }
        }
    }
}

fn forget(books: &mut HashMap<Box<str>, u32>, book: &str, seq: u32) {
    if books.get(book).is_some_and(|highest| *highest <= seq) {
        books.remove(book);
    }
}
