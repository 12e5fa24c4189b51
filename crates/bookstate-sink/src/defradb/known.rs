//! Which documents the node has, as far as that is known: what makes a put an add or an update.
//!
//! Only a hint. When it is wrong the node ends the transaction, all of a book is forgotten, and the keys are
//! looked up. So it needs no care when another process writes, or a person.

use std::collections::{HashMap, HashSet};

use bookstate_domain::{AnyKey, BookId, WriteOp};
use parking_lot::Mutex;

use super::chunk::OpKind;

/// How many keys are remembered, of all books together, before books are forgotten.
const MOST_KEYS: usize = 200_000;

/// What is known of each book.
#[derive(Debug, Default)]
pub(super) struct Known {
    books: Mutex<HashMap<BookId, KnownBook>>,
}

#[derive(Debug, Default)]
struct KnownBook {
    /// These are all that there are.
    whole: bool,
    present: HashSet<AnyKey>,
}

impl Known {
    /// Whether the node has the document; `None` when that is not known.
    pub(super) fn has(&self, key: &AnyKey) -> Option<bool> {
        let books = self.books.lock();
        let book = books.get(key.book_id())?;
        if book.present.contains(key) { Some(true) } else { book.whole.then_some(false) }
    }

    /// Whether anything is known of the book.
    pub(super) fn knows(&self, book_id: &BookId) -> bool {
        self.books.lock().contains_key(book_id)
    }

    /// These are the documents of the book, and no others.
    pub(super) fn set(&self, book_id: &BookId, present: HashSet<AnyKey>) {
        let mut books = self.books.lock();
        books.insert(book_id.clone(), KnownBook { whole: true, present });
        keep_few(&mut books, book_id);
    }

    /// These were written.
    pub(super) fn written(&self, book_id: &BookId, ops: &[WriteOp]) {
        let mut books = self.books.lock();
        let book = books.entry(book_id.clone()).or_default();
        for op in ops {
            if OpKind::of(op) == OpKind::Delete {
                book.present.remove(&op.key());
            } else {
                book.present.insert(op.key());
            }
        }
        keep_few(&mut books, book_id);
    }

    /// Nothing is known of the book any more.
    pub(super) fn forget(&self, book_id: &BookId) {
        self.books.lock().remove(book_id);
    }
}

/// Forgets all books but this one when there are too many keys.
fn keep_few(books: &mut HashMap<BookId, KnownBook>, this: &BookId) {
    if books.values().map(|book| book.present.len()).sum::<usize>() > MOST_KEYS {
        books.retain(|book_id, _| book_id == this);
    }
}

#[cfg(test)]
mod tests {
    use bookstate_domain::{Op, Page, PageKey};

    use super::*;

    fn keys(book: &str, count: usize) -> HashSet<AnyKey> {
        let book_id = BookId::new(book).unwrap();
        let pages = (1..).map(|page_num| AnyKey::Page(PageKey { book_id: book_id.clone(), page_num }));
        pages.take(count).collect()
    }

    #[test]
    fn what_is_not_known_is_neither_there_nor_absent() {
        let (known, book) = (Known::default(), BookId::new("a").unwrap());
        let page = |page_num| PageKey { book_id: book.clone(), page_num };
        assert_eq!(known.has(&AnyKey::Page(page(1))), None);
        let delete = |page_num| Op::<Page>::Delete { key: page(page_num) }.into();
        known.written(&book, &[delete(1)]);
        assert_eq!(known.has(&AnyKey::Page(page(1))), None, "only one op of the book is known");
        known.set(&book, keys("a", 2));
        let has = |page_num| known.has(&AnyKey::Page(page(page_num)));
        assert_eq!([has(1), has(2), has(3)], [Some(true), Some(true), Some(false)]);
        known.written(&book, &[delete(2)]);
        assert_eq!([has(1), has(2)], [Some(true), Some(false)]);
        known.forget(&book);
        assert_eq!(has(1), None);
    }

    #[test]
    fn not_more_than_the_limit_is_remembered_beside_the_book_at_hand() {
        let (known, a, b) = (Known::default(), BookId::new("a").unwrap(), BookId::new("b").unwrap());
        known.set(&a, keys("a", 1));
        known.set(&b, keys("b", MOST_KEYS - 1));
        assert!(known.knows(&a) && known.knows(&b));
        known.set(&b, keys("b", MOST_KEYS));
        assert!(!known.knows(&a) && known.knows(&b));
    }
}
