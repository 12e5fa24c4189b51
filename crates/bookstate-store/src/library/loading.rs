//! Books that are being brought from the local store into memory, or the other way round for the first time.
//!
//! Such a thing takes a read or a write of a file, so no lock of the library is held during it. A book's entry here
//! keeps others from doing the same with the same book, and takes down what is said of it meanwhile. Other books are
//! not concerned. The lock here is taken alone, or inside the map's.

use std::collections::HashMap;

use bookstate_domain::{BookId, Seq};
use parking_lot::{Condvar, Mutex};

use super::TargetName;

/// What targets acknowledged of a book while it was not in memory yet.
pub(super) type Missed = Vec<(TargetName, Seq)>;

/// See the module documentation.
#[derive(Debug, Default)]
pub(super) struct Loading {
    entries: Mutex<HashMap<BookId, Missed>>,
    ended: Condvar,
}

/// The right to load a book, until it is dropped.
#[derive(Debug)]
pub(super) struct LoadingBook<'a> {
    loading: &'a Loading,
    id: &'a BookId,
}

impl Loading {
    /// Waits until nobody else loads the book.
    pub(super) fn begin<'a>(&'a self, id: &'a BookId) -> LoadingBook<'a> {
        let mut entries = self.entries.lock();
        while entries.contains_key(id) {
            self.ended.wait(&mut entries);
        }
        entries.insert(id.clone(), Missed::new());
        LoadingBook { loading: self, id }
    }

    /// Takes down that a target has a book up to `seq`, if the book is being loaded: what was recorded of that may
    /// have been read before it was.
    pub(super) fn note(&self, id: &BookId, target: &TargetName, seq: Seq) {
        if let Some(missed) = self.entries.lock().get_mut(id) {
            missed.push((target.clone(), seq));
        }
    }
}

impl LoadingBook<'_> {
    /// What was taken down so far.
    pub(super) fn missed(&self) -> Missed {
        self.loading.entries.lock().get_mut(self.id).map(std::mem::take).unwrap_or_default()
    }
}

impl Drop for LoadingBook<'_> {
    fn drop(&mut self) {
        self.loading.entries.lock().remove(self.id);
        self.loading.ended.notify_all();
    }
}
