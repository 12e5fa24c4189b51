//! Answers about books, rendered: the same version of a book gives the same bytes for the same URL.
//!
//! Many clients ask for the same book again and again; rendering it once for a version is what makes an
//! answer from memory cost little more than the request. Bounded in number and in bytes; when full,
//! everything is forgotten, which costs one more rendering for each.

use std::collections::HashMap;

use bookstate_domain::{BookId, Seq};
use bytes::Bytes;
use parking_lot::Mutex;

/// How many answers are kept.
const ANSWERS: usize = 1024;
/// How many bytes are kept, over all answers.
const BYTES: usize = 32 << 20;
/// How long a URL may be whose answer is kept.
const URL: usize = 256;

#[derive(Debug, Default)]
struct Kept {
    by_url: HashMap<String, (BookId, Seq, Bytes)>,
    bytes: usize,
}

/// See the module documentation.
#[derive(Debug, Default)]
pub(crate) struct RenderedAnswers(Mutex<Kept>);

impl RenderedAnswers {
    /// The answer for a URL, if it is of this version of the book.
    pub(crate) fn get(&self, url: &str, book_id: &BookId, seq: Seq) -> Option<Bytes> {
        let kept = self.0.lock();
        let (of, at, bytes) = kept.by_url.get(url)?;
        (of == book_id && *at == seq).then(|| bytes.clone())
    }

    /// Keeps an answer, in the place of that of another version.
    pub(crate) fn keep(&self, url: &str, book_id: &BookId, seq: Seq, answer: &Bytes) {
        if url.len() > URL || answer.len() > BYTES / 8 {
            return;
        }
        let mut kept = self.0.lock();
        if let Some((_, _, old)) = kept.by_url.remove(url) {
            kept.bytes = kept.bytes.saturating_sub(old.len());
        }
        if kept.by_url.len() >= ANSWERS || kept.bytes + answer.len() > BYTES {
            *kept = Kept::default();
        }
        kept.bytes += answer.len();
        kept.by_url.insert(url.to_owned(), (book_id.clone(), seq, answer.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_its_version_and_the_store_is_bounded() {
        let answers = RenderedAnswers::default();
        let (book, other) = (BookId::new("b-1").unwrap(), BookId::new("b-2").unwrap());
        let seq = |n| Seq::new(n).unwrap();
        answers.keep("/a", &book, seq(1), &Bytes::from_static(b"one"));
        assert_eq!(answers.get("/a", &book, seq(1)).unwrap(), "one");
        assert!(answers.get("/a", &book, seq(2)).is_none() && answers.get("/a", &other, seq(1)).is_none());
        assert!(answers.get("/b", &book, seq(1)).is_none());
        answers.keep("/a", &book, seq(2), &Bytes::from_static(b"two"));
        assert_eq!(answers.get("/a", &book, seq(2)).unwrap(), "two");
        let large = Bytes::from(vec![0; 1 << 20]);
        for n in 0..200 {
            answers.keep(&format!("/{n}"), &book, seq(1), &large);
            assert!(answers.0.lock().bytes <= BYTES);
        }
        for n in 0..3000 {
            answers.keep(&format!("/{n}"), &book, seq(1), &Bytes::from_static(b"x"));
            assert!(answers.0.lock().by_url.len() <= ANSWERS);
        }
        answers.keep(&"u".repeat(1000), &book, seq(1), &Bytes::from_static(b"x"));
        assert!(answers.get(&"u".repeat(1000), &book, seq(1)).is_none());
    }
}
