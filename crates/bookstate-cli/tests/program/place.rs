//! A working directory of its own for each test, and the program in it.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bookstate_tests::books::{Book, Made};
use serde_json::Value;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(120);

/// A book as plain text, short and without a table of contents.
pub(crate) const SMALL: &str =
    "A SMALL BOOK\n\nCHAPTER 1\n\nIt was a dark night.\n\x0cCHAPTER 2\n\nThe day was bright.\n";

/// A working directory, gone with this value.
pub(crate) struct Place {
    dir: tempfile::TempDir,
}

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Standard output as one JSON document.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Asserts an end in this code, and that the only error line has all of these words.
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let errors: Vec<_> = self.err.lines().filter(|line| line.starts_with("error: ")).collect();
        assert_eq!(errors.len(), 1, "one line: {self:?}");
        for word in words {
            assert!(errors[0].contains(word), "{word:?} in {self:?}");
        }
        assert!(!self.err.contains("panicked"), "{self:?}");
    }
}

/// The keys of a JSON object, in order.
pub(crate) fn keys(value: &Value) -> String {
    value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Writes a file that nobody else can read, as a token's must be.
    pub(crate) fn write_secret(&self, name: &str, content: impl AsRef<[u8]>) {
        self.write(name, content);
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A made book as `book.pdf`.
    pub(crate) fn pdf(&self, book: &Book) -> Made {
        let made = book.make_pdf();
        self.write("book.pdf", &made.bytes);
        made
    }

    /// The program with arguments that have no spaces, without anything of the environment that concerns it.
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bookstate"));
        command.current_dir(self.dir.path()).args(line.split_whitespace());
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BOOKSTATE_"))
        {
            command.env_remove(name);
        }
        // Nothing of the person's who runs the tests.
        command.env("XDG_CONFIG_HOME", self.path("config"));
        command
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, line: &str) -> Ended {
        ended(self.command(line).output().unwrap())
    }

    /// Runs the program to its end, which must be a good one.
    pub(crate) fn ok(&self, line: &str) -> Ended {
        let ended = self.run(line);
        assert_eq!(ended.code, Some(0), "{line}: {ended:?}");
        ended
    }

    /// Starts the program.
    pub(crate) fn start(&self, line: &str) -> Running {
        let child = self.command(line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        Running(Some(child))
    }

    /// Starts a command whose output can be read while it runs: `out.txt` and `err.txt`.
    pub(crate) fn start_into_files(&self, mut command: Command) -> Running {
        let file = |name: &str| std::fs::File::create(self.path(name)).unwrap();
        Running(Some(command.stdout(file("out.txt")).stderr(file("err.txt")).spawn().unwrap()))
    }

    /// What two runs of the same book must have in common.
    pub(crate) fn canonical(&self, book: &str) -> String {
        self.ok(&format!("export {book} --format json --canonical")).out
    }

    /// Every row of the local store, as the `.dump` of a copy would have them.
    pub(crate) fn rows(&self) -> Vec<Vec<String>> {
        rows(&self.path(".bookstate/books.sqlite"))
    }
}

pub(crate) fn ended(output: std::process::Output) -> Ended {
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Every row of every table of a SQLite file.
pub(crate) fn rows(file: &Path) -> Vec<Vec<String>> {
    let store =
        rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut query =
        store.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let tables: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut all = Vec::new();
    for table in tables {
        let mut query = store.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns = query.column_count();
        let read = |row: &rusqlite::Row<'_>| {
            let cell = |n| row.get::<_, rusqlite::types::Value>(n).map(|value| format!("{value:?}"));
            (0..columns).map(cell).collect::<Result<Vec<_>, _>>()
        };
        let found: Vec<Vec<String>> = query.query_map([], read).unwrap().map(Result::unwrap).collect();
        all.extend(found.into_iter().map(|mut row| {
            row.insert(0, table.clone());
            row
        }));
    }
    all
}

/// The program while it runs. Killed when the test ends before it does.
pub(crate) struct Running(Option<Child>);

impl Running {
    /// Sends it a signal: `INT`, `TERM`, `KILL`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.0.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    /// Waits until something holds; fails when the program ends before.
    pub(crate) fn until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
            if self.has_ended() {
                let output = self.0.take().unwrap().wait_with_output().unwrap();
                panic!("it ended before {what}: {:?}", ended(output));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ended {
        ended(self.0.take().unwrap().wait_with_output().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}
