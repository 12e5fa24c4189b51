//! The data directory and the disk: names are made durable too. Watched from outside, by the kill shim.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bookstate_domain::{BookId, Commit, Seq};
use bookstate_store::fs::OsFs;
use bookstate_store::journal::{Journal, JournalConfig, RecordBuf};
use bookstate_store::{Library, LibraryConfig};
use bookstate_tests::shim::{Call, Counts, Errno, Shim};

const CHILD: &str = "BOOKSTATE_DATA_DIR_CHILD";

/// Not a test by itself: what the other tests run as a child. Opens a data directory, and says what came of it.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    match Library::open(LibraryConfig::new(dir)) {
        Ok((library, report)) => {
            library.close().unwrap();
            println!("opened, {} set aside", report.set_aside.len());
        }
        Err(error) => println!("refused: {error:?}"),
    }
}

/// What the child says, and how often it synced something below `watched`.
fn open(dir: &Path, watched: &Path, shim: impl Fn(Shim) -> Shim) -> (String, u64) {
    let counts = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).env(CHILD, dir);
    let output = shim(Shim::new(watched).count_to(counts.path())).run(&mut command).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (text, Counts::read(counts.path()).unwrap().of(Call::Sync))
}

/// A power loss must not take the directories that lead to what was synced.
#[test]
fn the_parents_of_a_new_data_directory_are_synced() {
    let syncs = |parents: &str| {
        let home = tempfile::tempdir().unwrap();
        let (said, syncs) = open(&home.path().join(parents).join("data"), home.path(), |shim| shim);
        assert!(said.contains("opened"), "{said}");
        syncs
    };
    let (none, three) = (syncs(""), syncs("a/b/c"));
    assert_eq!(three, none + 3, "one for the name of each of them");
    // One that cannot be made durable is none that commits go to.
    let home = tempfile::tempdir().unwrap();
    let (said, _) =
        open(&home.path().join("a/data"), home.path(), |shim| shim.fail(Call::Sync, 1, Errno::Eio));
    assert!(said.contains("refused"), "{said}");
    assert!(!home.path().join("a/data").exists());
}

/// A data directory whose journal has commits of a book, each the one after `prev`.
fn with_commits(dir: &Path, commits: &[(u32, u32)]) {
    let (library, _) = Library::open(LibraryConfig::new(dir)).unwrap();
    let config = JournalConfig::new(LibraryConfig::journal_dir(dir), library.writer().0);
    library.close().unwrap();
    let (journal, _) = Journal::open(Arc::new(OsFs), config, &mut |_| ControlFlow::Continue(())).unwrap();
    for (seq, prev) in commits {
        let [seq, prev] = [*seq, *prev].map(|number| Seq::new(number).unwrap());
        let commit = Commit { book_id: BookId::new("b").unwrap(), seq, prev, ops: Vec::new() };
        let mut record = RecordBuf::new();
        record.write_all(&rmp_serde::to_vec_named(&commit).unwrap()).unwrap();
        journal.append(&mut record).unwrap();
    }
    journal.close().unwrap();
}

/// What is set aside is freed in the journal, so it must be there after a power loss: file, its name, its folder's.
#[test]
fn what_is_set_aside_is_synced_with_its_names() {
    let opened = |commits: &[(u32, u32)], shim: &dyn Fn(Shim) -> Shim| {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("data");
        with_commits(&dir, commits);
        let (said, syncs) = open(&dir, home.path(), shim);
        let files = fs::read_dir(dir.join("set-aside")).map_or(0, Iterator::count);
        (said, syncs, files)
    };
    let (said, whole, files) = opened(&[(1, 0), (2, 1)], &|shim| shim);
    assert!(said.contains("opened, 0 set aside") && files == 0, "{said}");
    let (said, with_gap, files) = opened(&[(1, 0), (3, 2)], &|shim| shim);
    assert!(said.contains("opened, 1 set aside") && files == 1, "{said}");
    assert_eq!(with_gap, whole + 3, "the file, its name, the name of set-aside");
    // Whichever of them fails: the journal keeps its commits, and the next start does it again.
    let mut refused = 0;
    for nth in 1..=with_gap {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("data");
        with_commits(&dir, &[(1, 0), (3, 2)]);
        let (said, _) = open(&dir, home.path(), |shim| shim.fail(Call::Sync, nth, Errno::Eio));
        refused += usize::from(said.contains("set-aside"));
        let (said, _) = open(&dir, home.path(), |shim| shim);
        assert!(said.contains("opened, 1 set aside"), "sync {nth}: {said}");
    }
    assert_eq!(refused, 3);
}
