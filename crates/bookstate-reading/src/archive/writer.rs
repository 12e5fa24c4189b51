//! Writing an archive. The same files in the same order are the same bytes: no times, no names of machines.

use miniz_oxide::deflate::compress_to_vec;

use super::{CENTRAL, DEFLATED, END, LOCAL, STORED};

/// 1 January 1980, the first day that an archive knows.
const DATE: u16 = 0x0021;
/// Names are UTF-8.
const FLAGS: u16 = 0x0800;
const VERSION: u16 = 20;
const LEVEL: u8 = 6;

/// An archive in the making.
#[derive(Debug, Default)]
pub(crate) struct ArchiveWriter {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    files: u16,
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// A length or place. What is made here is far below four gigabytes; more would be cut by the reader's checks.
fn put32(out: &mut Vec<u8>, value: usize) {
    out.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
}

impl ArchiveWriter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a file as it is.
    pub(crate) fn stored(&mut self, name: &str, content: &[u8]) {
        self.add(name, STORED, content, content);
    }

    /// Adds a file, packed.
    pub(crate) fn packed(&mut self, name: &str, content: &[u8]) {
        let packed = compress_to_vec(content, LEVEL);
        self.add(name, DEFLATED, content, &packed);
    }

    fn add(&mut self, name: &str, method: u16, content: &[u8], data: &[u8]) {
        let offset = self.bytes.len();
        let mut head = Vec::new();
        put16(&mut head, VERSION);
        put16(&mut head, FLAGS);
        put16(&mut head, method);
        put16(&mut head, 0);
        put16(&mut head, DATE);
        head.extend_from_slice(&crc32fast::hash(content).to_le_bytes());
        put32(&mut head, data.len());
        put32(&mut head, content.len());
        put16(&mut head, u16::try_from(name.len()).unwrap_or(u16::MAX));
        put16(&mut head, 0);

        self.bytes.extend_from_slice(LOCAL);
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(data);

        self.directory.extend_from_slice(CENTRAL);
        put16(&mut self.directory, VERSION);
        self.directory.extend_from_slice(&head);
        // Comment, disk, attributes within and without.
        self.directory.extend_from_slice(&[0; 10]);
        put32(&mut self.directory, offset);
        self.directory.extend_from_slice(name.as_bytes());
        self.files = self.files.saturating_add(1);
    }

    /// The archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let (offset, length) = (self.bytes.len(), self.directory.len());
        self.bytes.append(&mut self.directory);
        self.bytes.extend_from_slice(END);
        self.bytes.extend_from_slice(&[0; 4]);
        put16(&mut self.bytes, self.files);
        put16(&mut self.bytes, self.files);
        put32(&mut self.bytes, length);
        put32(&mut self.bytes, offset);
        put16(&mut self.bytes, 0);
        self.bytes
    }
}
