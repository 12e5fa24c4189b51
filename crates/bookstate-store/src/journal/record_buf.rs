//! The reusable buffer in which a commit is encoded before it is appended.
//!
//! The frame is completed here, outside of the journal's lock, so that under the lock there is nothing but one
//! `write(2)`.

use std::io::{self, Write};

use super::error::AppendError;
use super::format::{self, FRAME_LEN, MAX_PAYLOAD_LEN};
use super::head::{self, Head};

/// A record in the making: write the payload into it, then give it to [`Journal::append`](super::Journal::append).
///
/// Its memory is kept between uses; [`RecordBuf::clear`] begins the next record.
#[derive(Debug)]
pub struct RecordBuf {
    frame: Vec<u8>,
}

/// A buffer grown by a large commit is not kept larger than this, in bytes, so that one long text does not stay in
/// memory for the life of its book.
const KEPT_CAPACITY: usize = 1 << 20;

impl RecordBuf {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> Self {
        Self { frame: vec![0; FRAME_LEN] }
    }

    /// Forgets the payload.
    pub fn clear(&mut self) {
        self.frame.truncate(FRAME_LEN);
        self.frame.shrink_to(KEPT_CAPACITY);
    }

    /// The payload written so far.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.frame.get(FRAME_LEN..).unwrap_or_default()
    }

    /// Completes the frame and returns it, with the head that its payload has.
    pub(super) fn complete(&mut self) -> Result<(Head<'_>, &[u8]), AppendError> {
        let len = self.payload().len();
        if len == 0 || len > MAX_PAYLOAD_LEN {
            return Err(AppendError::Size { len });
        }
        format::complete_commit(&mut self.frame, len);
        // Read by the code that recovery reads with, so that what is accepted can be recovered.
        let head = head::read(self.payload()).map_err(|what| AppendError::Head { what })?;
        Ok((head, &self.frame))
    }
}

impl Default for RecordBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for RecordBuf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.frame.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
