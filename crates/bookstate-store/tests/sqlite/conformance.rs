//! A SQLite file keeps the laws of a target: as a mirror, and as the local store.

use std::sync::Arc;

use bookstate_store::{SqliteStore, SqliteTarget};
use tempfile::TempDir;

mod mirror {
    //! As a mirror.

    use super::{SqliteTarget, TempDir};

    fn fresh() -> (TempDir, SqliteTarget) {
        let dir = TempDir::new().unwrap();
        let target = SqliteTarget::mirror(dir.path().join("mirror.db"));
        (dir, target)
    }

    bookstate_store::target_conforms!(fresh());
}

mod local {
    //! As the local store.

    use super::{Arc, SqliteStore, SqliteTarget, TempDir};

    fn fresh() -> (TempDir, SqliteTarget) {
        let dir = TempDir::new().unwrap();
        let store = SqliteStore::open(&dir.path().join("books.db")).unwrap();
        (dir, SqliteTarget::local(Arc::new(store)))
    }

    bookstate_store::target_conforms!(fresh());
}
