//! The next segment, made by the sync thread while appends go on in the present one.
//!
//! No append waits for it, and none is refused for it. When a segment is nearly full, the next sync fixes where the
//! one after it begins: at the end of what that sync covers, so that its header proves, as every header does, that all
//! before it is synced. While the header is made durable, what is appended goes to the present segment and is kept
//! in memory as well. It is then copied behind the header, the last part of it under the lock, and from there on
//! appends go to the next segment. The copied records stand in both, and the segment that was left is cut to where
//! the next one begins. What a crash leaves of that is read once (`survey`).
//!
//! Until all this is done the present segment grows, beyond its size if it must. When there is no space it stays the
//! present one, and the next is tried again an eighth of a segment later.

use parking_lot::MutexGuard;

use super::error::is_full;
use super::segments::{self, CreateError, SegmentFile};
use super::state::State;
use super::writer::Shared;

/// So many bytes are copied under the lock at most, unless appends are faster than copying.
const LAST_PART: usize = 64 << 10;
/// How often the rest is copied outside it.
const PARTS: usize = 16;

impl Shared {
    /// Makes the segment that was begun, and lets appends go on in it. All before its base is synced, and no other
    /// sync in flight. The lock is free while the disk is waited for.
    pub(super) fn make_next(&self, state: &mut MutexGuard<'_, State>) {
        let Some(header) = state.next_header(self.version, self.config.writer) else { return };
        let (fs, dir) = (self.fs.as_ref(), &self.config.dir);
        state.set_in_flight(true);
        let made = MutexGuard::unlocked(state, || segments::create(fs, dir, &header));
        let copied = made.and_then(|file| {
            let copy = |part: Vec<u8>| segments::write_all(file.as_ref(), &part);
            let mut result = Ok(());
            for _ in 0..PARTS {
                if result.is_err() || state.tail_len() <= LAST_PART {
                    break;
                }
                let part = state.take_tail();
                result = MutexGuard::unlocked(state, || copy(part));
            }
            match result.and_then(|()| copy(state.take_tail())) {
                Ok(()) => Ok(file),
                Err(error) => Err(self.remove_copy(state, header.segment, error)),
            }
        });
        match copied {
            // An append found the disk broken meanwhile.
            Ok(_) if state.poison().is_some() => {}
            Ok(file) => {
                let left = state.switch_to(file);
                MutexGuard::unlocked(state, || {
                    // Else it stays longer than it needs to be, until the next start.
                    if let Some(left) = left
                        && let Err(error) = left.file.set_len(left.len)
                    {
                        tracing::warn!(segment = header.segment - 1, %error, "cannot cut a segment that is left");
                    }
                    // The local store may have had all of it before.
                    self.delete_released();
                });
            }
            // An append will tell, if it lasts.
            Err(CreateError::Clean(error)) if is_full(&error) => {
                tracing::debug!(%error, "there is no room for the next segment yet");
                state.give_next_up();
            }
            Err(CreateError::Clean(error) | CreateError::Unclean(error)) => {
                self.poison(state, "start of a segment", &error);
            }
        }
        state.set_in_flight(false);
        // Somebody may wait for that.
        self.changed.notify_all();
    }

    /// An incomplete copy goes again. If it came back, a start would not mistake it for the log's end.
    fn remove_copy(
        &self,
        state: &mut MutexGuard<'_, State>,
        segment: u64,
        error: std::io::Error,
    ) -> CreateError {
        let path = SegmentFile::live(segment).path(&self.config.dir);
        match MutexGuard::unlocked(state, || self.fs.remove(&path)) {
            Ok(()) => CreateError::Clean(error),
            Err(_) => CreateError::Unclean(error),
        }
    }
}
