//! ZIP archives, as EPUB books are: read within bounds, and written.
//!
//! Own code, because what is needed is small and what must hold is strict: a reader that never unpacks more than it
//! was allowed, whatever the archive says of itself.

mod reader;
mod writer;

pub(crate) use reader::{Archive, ArchiveError};
pub(crate) use writer::ArchiveWriter;

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";
const STORED: u16 = 0;
const DEFLATED: u16 = 8;
