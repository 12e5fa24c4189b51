//! The subjects of a stream. A book's id has letters, digits, `_` and `-`, so it is one word of a subject.

use bookstate_domain::BookId;

/// The subjects of one stream.
#[derive(Debug, Clone)]
pub(crate) struct Subjects {
    stream: String,
}

impl Subjects {
    pub(crate) fn new(stream: &str) -> Self {
        Self { stream: stream.to_owned() }
    }

    /// Everything of the stream.
    pub(crate) fn all(&self) -> String {
        format!("{}.>", self.stream)
    }

    /// The books' messages, each a chunk.
    pub(crate) fn books(&self) -> String {
        format!("{}.book.*", self.stream)
    }

    /// A book's messages.
    pub(crate) fn book(&self, id: &BookId) -> String {
        format!("{}.book.{id}", self.stream)
    }

    /// The book of a subject of [`Subjects::books`].
    pub(crate) fn book_of(&self, subject: &str) -> Option<BookId> {
        BookId::new(subject.strip_prefix(&self.stream)?.strip_prefix(".book.")?).ok()
    }

    /// A book's checkpoint.
    pub(crate) fn checkpoint(&self, id: &BookId) -> String {
        format!("{}.checkpoint.{id}", self.stream)
    }

    /// The first parts of a book's messages that are larger than a message may be.
    pub(crate) fn parts(&self, id: &BookId) -> String {
        format!("{}.part.{id}", self.stream)
    }
}
