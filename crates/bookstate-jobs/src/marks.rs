//! What was being worked on when the process died: a small file per job, outside of all documents.
//!
//! A unit that takes the whole process with it (its memory, its stack) leaves no failure behind, so a plan would
//! begin it again at every start. So each unit is marked in a file before it begins, and again when it has ended.
//! Whatever has begun and not ended when the file is read at the next start was in flight at a crash, and is a
//! suspect. Suspects run alone, so that at the next crash the innocent are cleared. One that was in flight at
//! [`CRASHES`] crashes is not begun any more: it fails for good with that reason, by the same persist call as any
//! other failure. The plan stays a function of the state alone.
//!
//! The file is written and not synced: what dies here is the process, not the machine. It goes with its job. A mark
//! that cannot be written holds up nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use bookstate_domain::BookId;
use bookstate_store::fs::private;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// At how many crashes a unit may have been in flight before it is given up.
pub const CRASHES: u32 = 8;
/// After how many crashes of its process, without a unit that ended between them, a job is no longer resumed without
/// being asked for.
pub const DEATHS: u32 = 16;
/// The size at which the file is written anew without what has ended.
const LARGE: u64 = 256 << 10;
/// The mark of the opening of the book's file. No unit has this key.
const OPENING: &str = "open";

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// How often the process died while the job was at work.
    Deaths(u32),
    /// At how many crashes a unit was in flight.
    Suspect(String, u32),
    /// A unit begins.
    Begin(String),
    /// It has ended, however it did.
    End(String),
}

/// What a file says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Marks {
    deaths: u32,
    suspects: BTreeMap<String, u32>,
    begun: BTreeSet<String>,
}

impl Marks {
    fn read(text: &str) -> Self {
        let mut marks = Self::default();
        // A line that is cut off was being written when the process died: the unit had not begun.
        for line in text.lines().filter_map(|line| serde_json::from_str(line).ok()) {
            marks.take(line);
        }
        marks
    }

    fn take(&mut self, line: Line) {
        match line {
            Line::Deaths(deaths) => self.deaths = deaths,
            Line::Suspect(unit, crashes) => drop(self.suspects.insert(unit, crashes)),
            Line::Begin(unit) => drop(self.begun.insert(unit)),
            Line::End(unit) => {
                self.begun.remove(&unit);
                // It ran to its end: whatever ended the process, it was something else.
                self.suspects.remove(&unit);
                // The job gets on, so it is no loop of crashes: a process may be killed as often as it likes. Opening
                // the file is no progress, since every life begins with it.
                if unit != OPENING {
                    self.deaths = 0;
                }
            }
        }
    }

    /// The process died: what had begun is suspect.
    fn after_crash(mut self) -> Self {
        if !self.begun.is_empty() {
            self.deaths = self.deaths.saturating_add(1);
        }
        for unit in std::mem::take(&mut self.begun) {
            let crashes = self.suspects.entry(unit).or_default();
            *crashes = crashes.saturating_add(1);
        }
        self
    }

    fn lines(&self) -> impl Iterator<Item = Line> {
        let deaths = (self.deaths > 0).then_some(Line::Deaths(self.deaths));
        let suspects = self.suspects.iter().map(|(unit, crashes)| Line::Suspect(unit.clone(), *crashes));
        deaths.into_iter().chain(suspects).chain(self.begun.iter().cloned().map(Line::Begin))
    }
}

#[derive(Debug)]
struct Open {
    marks: Marks,
    file: Option<File>,
    bytes: u64,
}

/// The file of one job. See the module documentation.
#[derive(Debug)]
pub(crate) struct MarkFile {
    path: PathBuf,
    open: Mutex<Open>,
}

fn path_of(data_dir: &Path, book_id: &BookId) -> PathBuf {
    data_dir.join("in-flight").join(format!("{book_id}.jsonl"))
}

/// How often the process died while the job of a book was at work. Blocks.
#[must_use]
pub fn deaths(data_dir: &Path, book_id: &BookId) -> u32 {
    let text = fs::read_to_string(path_of(data_dir, book_id)).unwrap_or_default();
    Marks::read(&text).after_crash().deaths
}

impl MarkFile {
    /// Opens the marks of a job that goes on, with what an earlier process left; or new ones. Blocks.
    pub(crate) fn open(data_dir: &Path, book_id: &BookId, resumed: bool) -> Arc<Self> {
        let path = path_of(data_dir, book_id);
        let left = if resumed { fs::read_to_string(&path).unwrap_or_default() } else { String::new() };
        let marks = Marks::read(&left).after_crash();
        for (unit, crashes) in &marks.suspects {
            tracing::warn!(%book_id, unit, crashes, "the process died while this was in flight: it runs alone");
        }
        let mut open = Open { marks, file: None, bytes: 0 };
        if let Err(error) = rewrite(&path, &mut open) {
            tracing::warn!(%error, "what is in flight cannot be marked: a unit that ends the process is begun again");
        }
        Arc::new(Self { path, open: Mutex::new(open) })
    }

    /// At how many crashes a unit was in flight.
    pub(crate) fn crashes(&self, unit: &str) -> u32 {
        self.open.lock().marks.suspects.get(unit).copied().unwrap_or(0)
    }

    /// Marks a unit as begun, until the value is dropped.
    pub(crate) fn begin(self: &Arc<Self>, unit: String) -> Mark {
        self.write(Line::Begin(unit.clone()));
        Mark { file: self.clone(), unit }
    }

    /// Marks the opening of the book's file as begun; none if it has ended the process too often.
    pub(crate) fn begin_opening(self: &Arc<Self>) -> Option<Mark> {
        (self.crashes(OPENING) < CRASHES).then(|| self.begin(OPENING.to_owned()))
    }

    fn write(&self, line: Line) {
        let mut open = self.open.lock();
        let Ok(mut bytes) = serde_json::to_vec(&line) else { return };
        bytes.push(b'\n');
        open.marks.take(line);
        let Some(file) = &mut open.file else { return };
        let written = file.write_all(&bytes);
        open.bytes += bytes.len() as u64;
        let written = written.and_then(|()| match open.bytes > LARGE {
            true => rewrite(&self.path, &mut open),
            false => Ok(()),
        });
        if let Err(error) = written {
            tracing::debug!(%error, "a mark could not be written");
        }
    }

    /// The job has ended in good order. What it was suspected of is kept when it may go on.
    pub(crate) fn close(&self, is_over: bool) {
        let mut open = self.open.lock();
        open.file = None;
        let closed = if is_over || open.marks.deaths == 0 {
            fs::remove_file(&self.path)
        } else {
            open.marks.begun.clear();
            rewrite(&self.path, &mut open)
        };
        match closed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::debug!(%error, "the marks of a job are left behind");
            }
            _ => {}
        }
    }
}

/// Writes the file without what has ended. It is there whole or as it was.
fn rewrite(path: &Path, open: &mut Open) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        private::create_dir(dir).or_else(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Ok(()),
            _ => Err(error),
        })?;
    }
    let temporary = path.with_extension("new");
    let mut file = private::create_temporary(&temporary)?;
    let mut bytes = Vec::new();
    for line in open.marks.lines() {
        serde_json::to_writer(&mut bytes, &line)?;
        bytes.push(b'\n');
    }
    file.write_all(&bytes)?;
    fs::rename(&temporary, path)?;
    (open.file, open.bytes) = (Some(file), 0);
    Ok(())
}

/// A unit in flight.
#[derive(Debug)]
pub(crate) struct Mark {
    file: Arc<MarkFile>,
    unit: String,
}

impl Drop for Mark {
    fn drop(&mut self) {
        self.file.write(Line::End(std::mem::take(&mut self.unit)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> BookId {
        BookId::new("b-1").unwrap()
    }

    /// As a process that dies leaves it: nothing is dropped.
    fn die(file: &Arc<MarkFile>, units: &[&str]) {
        for unit in units {
            std::mem::forget(file.begin((*unit).to_owned()));
        }
    }

    #[test]
    fn what_was_in_flight_is_suspect_until_it_has_run_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let open = || MarkFile::open(dir.path(), &book(), true);
        let first = open();
        drop(first.begin("done".to_owned()));
        die(&first, &["guilty", "innocent"]);
        let second = open();
        assert_eq!(["guilty", "innocent", "done"].map(|unit| second.crashes(unit)), [1, 1, 0]);
        drop(second.begin("innocent".to_owned()));
        die(&second, &["guilty"]);
        let third = open();
        assert_eq!((third.crashes("guilty"), third.crashes("innocent")), (2, 0));
        assert_eq!(deaths(dir.path(), &book()), 1, "a unit ended between the two");
        // A pause keeps what is known; the job's end does not; nor does a new job.
        third.close(false);
        assert_eq!(open().crashes("guilty"), 2);
        assert_eq!(MarkFile::open(dir.path(), &book(), false).crashes("guilty"), 0);
        open().close(true);
        assert_eq!((open().crashes("guilty"), deaths(dir.path(), &book())), (0, 0));
    }

    #[test]
    fn a_file_that_ends_the_process_when_it_is_opened_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        for _ in 0..CRASHES {
            let file = MarkFile::open(dir.path(), &book(), true);
            std::mem::forget(file.begin_opening().unwrap());
        }
        assert!(MarkFile::open(dir.path(), &book(), true).begin_opening().is_none());
    }

    #[test]
    fn the_file_stays_small_and_survives_what_it_cannot_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = MarkFile::open(dir.path(), &book(), true);
        std::mem::forget(file.begin("long".to_owned()));
        for number in 0..20_000 {
            drop(file.begin(format!("ocr:{number}:text-layer")));
        }
        let path = path_of(dir.path(), &book());
        assert!(fs::metadata(&path).unwrap().len() <= LARGE + 100);
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("nonsense\n{\"begin\":\"torn");
        fs::write(&path, text).unwrap();
        assert_eq!(MarkFile::open(dir.path(), &book(), true).crashes("long"), 1);
    }
}
