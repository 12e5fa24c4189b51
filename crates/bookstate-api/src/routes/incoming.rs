//! A file on its way in: in the data directory's `uploads`, refused as soon as it is too large or no book.

use std::{
    fs::File,
    io::{Read, Write},
    path::{Path, PathBuf},
};

use bookstate_store::fs::private;

use crate::problem::{Code, Problem};

/// The beginnings of files by which those are told that are no book.
pub(super) const HEAD_BYTES: usize = 1024;
/// How much is copied at once.
const PIECE: usize = 64 << 10;

/// A file on its way in. It is gone when this is dropped: what is taken in has a copy elsewhere.
#[derive(Debug)]
pub(super) struct Incoming {
    path: PathBuf,
    name: String,
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // It may not be there yet.
        drop(std::fs::remove_file(&self.path));
    }
}

/// More than a file may have.
pub(super) fn too_large(limit: u64) -> Problem {
    Problem::new(Code::TooLarge, format!("a file may have {limit} bytes at most"))
}

/// The disk does not take it.
pub(super) fn disk(error: &std::io::Error) -> Problem {
    match error.kind() {
        std::io::ErrorKind::StorageFull => {
            Problem::new(Code::JournalFull, "the disk of the data directory is full: free some space")
        }
        _ => Problem::internal(error),
    }
}

impl Incoming {
    /// A place for a file whose name the client gave: of that, the place's own name has a known extension at most.
    pub(super) fn new(dir: &Path, name: &str) -> Result<Self, Problem> {
        private::create_dir(dir).or_else(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(disk(&error)),
        })?;
        let extension = Path::new(name).extension().and_then(|extension| extension.to_str());
        let extension = extension.unwrap_or_default().to_ascii_lowercase();
        let known = ["pdf", "md", "markdown", "txt"].into_iter().find(|known| *known == extension);
        let path = dir.join(format!("{:032x}.{}", rand::random::<u128>(), known.unwrap_or("bin")));
        Ok(Self { path, name: name.to_owned() })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the client calls it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Copies an open file. Blocks.
    pub(super) fn copy_of(from: File, dir: &Path, name: &str, limit: u64) -> Result<Self, Problem> {
        let incoming = Self::new(dir, name)?;
        let mut to = private::create_new(&incoming.path).map_err(|error| disk(&error))?;
        let mut from = from.take(limit.saturating_add(1));
        let mut piece = vec![0; PIECE];
        let mut written = 0;
        loop {
            let read = from.read(&mut piece).map_err(|error| disk(&error))?;
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            if written == 0 {
                require_book(bytes)?;
            }
            written += bytes.len() as u64;
            if written > limit {
                return Err(too_large(limit));
            }
            to.write_all(bytes).map_err(|error| disk(&error))?;
        }
        Ok(incoming)
    }
}

/// Refuses what cannot be a book by its first bytes. What passes is looked at whole when it is taken in.
pub(super) fn require_book(head: &[u8]) -> Result<(), Problem> {
    let head = head.get(..HEAD_BYTES).unwrap_or(head);
    if !bookstate_reading::source::begins_as_a_book(head) {
        let detail = "the file is no book: a PDF, EPUB, HTML, Markdown or plain text file is expected";
        return Err(Problem::new(Code::NotABook, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_tells_what_is_no_book() {
        // Text may be in an old encoding.
        for good in
            [&b"%PDF-1.7"[..], b"a\xc3\x28", b"junk %PDF-1.4", b"CHAPTER 1\n", "Größe".as_bytes(), b""]
        {
            assert!(require_book(good).is_ok(), "{good:?}");
        }
        // A character that is cut off at the end is no error.
        assert!(require_book(&"Größe".as_bytes()[..3]).is_ok());
        let program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0";
        assert_eq!(require_book(program).unwrap_err().code(), Code::NotABook);
    }

    #[test]
    fn a_copy_is_bounded_and_goes_with_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from.txt");
        std::fs::write(&from, vec![b'a'; 100]).unwrap();
        let uploads = dir.path().join("uploads");
        let copy = |limit| Incoming::copy_of(File::open(&from).unwrap(), &uploads, "../../x.TXT", limit);
        let copied = copy(100).unwrap();
        assert_eq!(std::fs::read(copied.path()).unwrap().len(), 100);
        assert_eq!(copied.path().extension().unwrap(), "txt");
        drop(copied);
        assert_eq!(copy(99).unwrap_err().code(), Code::TooLarge);
        assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 0);
    }
}
