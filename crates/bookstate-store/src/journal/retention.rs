//! Deletion of segments whose commits the local store has.
//!
//! Oldest first, and each deletion is made durable before the next begins: otherwise a crash could leave a gap in
//! the middle, which is what damage looks like. Every failure leaves more of the journal than needed, never less.

use std::io;

use super::error::is_out_of_files;
use super::segments::SegmentFile;
use super::writer::Shared;

impl Shared {
    pub(super) fn release(&self, book: &str, seq: u32) {
        let mut state = self.state.lock();
        state.release(book, seq);
        if state.is_next_due() {
            self.wake.notify_one();
        }
        drop(state);
        self.delete_released();
    }

    /// Deletes the oldest segments as long as the local store has all of them.
    pub(super) fn delete_released(&self) {
        let mut state = self.state.lock();
        while let Some(released) = state.claim_released() {
            let path = SegmentFile::live(released.number()).path(&self.config.dir);
            drop(state);
            let removed = match self.fs.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            };
            let synced = removed.is_ok().then(|| self.fs.sync_dir(&self.config.dir));
            state = self.state.lock();
            match (removed, synced) {
                (Err(error), _) => {
                    state.was_not_deleted(released);
                    tracing::warn!(path = %path.display(), %error, "cannot delete a segment, will try again");
                    return;
                }
                // Nothing was synced, so nothing has failed: the next time finds the file gone and syncs that.
                (Ok(()), Some(Err(error))) if is_out_of_files(&error) => {
                    state.was_not_deleted(released);
                    tracing::warn!(path = %path.display(), %error, "a deletion is not durable yet, will try again");
                    return;
                }
                (Ok(()), Some(Err(error))) => {
                    state.was_not_deleted(released);
                    self.poison(&mut state, "fsync of the directory", &error);
                }
                (Ok(()), _) => state.was_deleted(released),
            }
        }
    }
}
