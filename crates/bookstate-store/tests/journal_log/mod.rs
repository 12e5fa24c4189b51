//! Commits for the journal's tests, and the oracle: what recovers is, per book, a prefix of what was issued, with
//! everything that was accepted.
#![allow(dead_code, reason = "each test binary uses its part of this module")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use bookstate_store::fs::Fs;
use bookstate_store::fs::fault::FaultFs;
use bookstate_store::journal::{
    AppendError, Head, Journal, JournalConfig, JournalError, JournalReport, Position, RecordBuf, SyncPolicy,
};

pub(crate) const WRITER: [u8; 16] = *b"journal-log-test";
pub(crate) const BOOKS: [&str; 3] = ["moby", "walden", "ulysses"];

pub(crate) fn dir() -> PathBuf {
    PathBuf::from("/data/journal")
}

pub(crate) fn segment_path(number: u64) -> PathBuf {
    dir().join(format!("{number:020}.journal"))
}

pub(crate) fn config(policy: SyncPolicy, segment_bytes: u64) -> JournalConfig {
    JournalConfig { policy, segment_bytes, ..JournalConfig::new(dir(), WRITER) }
}

/// The payload of a commit; it tells book and seq, and is of another length each time.
pub(crate) fn payload(book: &str, seq: u32) -> Vec<u8> {
    let text = "call ".repeat(1 + (seq as usize * 7 + book.len()) % 5);
    rmp_serde::to_vec_named(&serde_json::json!({"ops": [{"text": text, "n": seq}], "book": book, "seq": seq}))
        .unwrap()
}

/// The payload of a commit of the tests' first 250 per book; made once, since some tests compare millions.
fn expected(head: &Head<'_>) -> Option<&'static [u8]> {
    static PAYLOADS: LazyLock<Vec<Vec<Vec<u8>>>> =
        LazyLock::new(|| BOOKS.map(|book| (0..250).map(|seq| payload(book, seq)).collect()).to_vec());
    let book = BOOKS.iter().position(|book| *book == head.book)?;
    PAYLOADS.get(book)?.get(head.seq as usize).map(Vec::as_slice)
}

pub(crate) fn append(journal: &Journal, book: &str, seq: u32) -> Result<Position, AppendError> {
    let mut record = RecordBuf::new();
    record.write_all(&payload(book, seq)).unwrap();
    journal.append(&mut record)
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_true() {
        assert!(started.elapsed() < Duration::from_secs(60), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until a journal that began with segment 1 has left a segment that is nearly full, so that the lengths of
/// segments do not depend on the sync thread's pace.
pub(crate) fn settle(fs: &FaultFs, journal: &Journal, segment_bytes: u64) {
    let number = 1 + journal.health().rotations;
    if fs.file_len(&segment_path(number)).unwrap() >= segment_bytes - segment_bytes / 8 {
        wait_until("the next segment", || journal.health().rotations >= number);
    }
}

/// The journal, once no hook of the disk uses it any more: its sync thread cannot end itself.
pub(crate) fn sole(mut journal: Arc<Journal>) -> Journal {
    loop {
        match Arc::try_unwrap(journal) {
            Ok(journal) => return journal,
            Err(shared) => journal = shared,
        }
        std::thread::yield_now();
    }
}

/// What an open gave: per book the seqs in order.
pub(crate) type Recovered = BTreeMap<String, Vec<u32>>;

/// Opens; panics when a record is not exactly one that was appended.
pub(crate) fn open(fs: &(impl Fs + Clone + 'static), config: JournalConfig) -> Opened {
    let mut recovered = Recovered::new();
    let fs: Arc<dyn Fs> = Arc::new(fs.clone());
    let (journal, report) = Journal::open(fs, config, &mut |record| {
        assert_eq!(Some(record.payload), expected(&record.head), "a wrong commit was accepted");
        recovered.entry(record.head.book.to_owned()).or_default().push(record.head.seq);
        ControlFlow::Continue(())
    })?;
    Ok((journal, report, recovered))
}

pub(crate) type Opened = Result<(Journal, JournalReport, Recovered), JournalError>;

/// What a test issued and what of it was accepted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// Per book: the last seq issued, accepted or not.
    pub(crate) issued: BTreeMap<String, u32>,
    /// Per book: the last seq that was accepted.
    pub(crate) accepted: BTreeMap<String, u32>,
    /// Per book: the last seq that was accepted and synced.
    pub(crate) synced: BTreeMap<String, u32>,
    /// Per book: the last seq that was released, so that it may be gone.
    pub(crate) released: BTreeMap<String, u32>,
}

impl Ledger {
    /// Appends the book's next seq and notes what came of it.
    pub(crate) fn append(&mut self, journal: &Journal, book: &str) -> Result<Position, AppendError> {
        let seq = self.accepted.get(book).copied().unwrap_or(0) + 1;
        self.issued.insert(book.to_owned(), seq);
        let result = append(journal, book, seq);
        if result.is_ok() {
            self.accepted.insert(book.to_owned(), seq);
        }
        result
    }

    /// Everything accepted so far is synced.
    pub(crate) fn all_synced(&mut self) {
        self.synced = self.accepted.clone();
    }

    /// Checks `recovered` against `least` (accepted or synced, as the crash allows).
    pub(crate) fn check(&self, recovered: &Recovered, least: &BTreeMap<String, u32>, what: &str) {
        for (book, seqs) in recovered {
            let issued = self.issued.get(book).copied().unwrap_or(0);
            let released = self.released.get(book).copied().unwrap_or(0);
            let gap_free = seqs.windows(2).all(|pair| pair[1] == pair[0] + 1);
            assert!(gap_free, "{what}: {book} is not a prefix: {seqs:?}");
            assert!(
                seqs[0] <= released + 1,
                "{what}: {book} lost its beginning: {seqs:?}, released {released}"
            );
            assert!(seqs.last().unwrap() <= &issued, "{what}: {book} was never issued: {seqs:?} > {issued}");
        }
        for (book, seq) in least {
            let released = self.released.get(book).copied().unwrap_or(0);
            let last = recovered.get(book).and_then(|seqs| seqs.last()).copied().unwrap_or(0);
            assert!(last.max(released) >= *seq, "{what}: {book} lost {seq}, has {last}, released {released}");
        }
    }
}

/// Copies all journal files into a new in-memory disk, with one of them changed.
pub(crate) fn with_file(files: &[(PathBuf, Vec<u8>)], path: &Path, bytes: &[u8]) -> FaultFs {
    let fs = FaultFs::new();
    for (name, contents) in files {
        fs.put(name, if name == path { bytes } else { contents });
    }
    fs
}
