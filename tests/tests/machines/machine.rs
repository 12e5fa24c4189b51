//! One machine of a fleet: a directory, a server in it, and what may happen to both.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bookstate_tests::system::{Place, Server};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::network::Seat;

/// How long a lease lasts here, in seconds: short, since the tests wait for it.
pub(crate) const LEASE: u64 = 5;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(240);

/// What machines and the test ask each other with: where machines have networks of their own they need one.
const TOKEN: &str = "machines-of-a-test-0123456789";

/// See the module documentation.
pub(crate) struct Machine {
    pub(crate) name: String,
    seat: Seat,
    place: Place,
    /// What a lost data directory does not take with it: logs.
    kept: Option<TempDir>,
    starts: u32,
    config: String,
    server: Option<Server>,
    out_of_reach: bool,
}

impl Machine {
    /// A machine that runs. `further` are lines of its configuration.
    pub(crate) fn start(name: &str, nats: &str, books: &Path, further: &str) -> Self {
        Self::start_at(Seat::loopback(), name, nats, books, further)
    }

    /// The same at a place of its own.
    pub(crate) fn start_at(seat: Seat, name: &str, nats: &str, books: &Path, further: &str) -> Self {
        let config = format!(
            "[jobs]\nbooks = 2\nworkers = 1\n[server]\ningest_roots = [\"{}\"]\n\
             [fleet]\nurl = \"{nats}\"\nmachine = \"{name}\"\nlease_seconds = {LEASE}\n{further}",
            books.display()
        );
        let mut machine = Self {
            name: name.to_owned(),
            seat,
            place: Place::new(),
            kept: Some(tempfile::tempdir().unwrap()),
            starts: 0,
            config,
            server: None,
            out_of_reach: false,
        };
        machine.run();
        machine
    }

    /// Starts its server, over the data directory that it has.
    pub(crate) fn run(&mut self) {
        self.place.write("bookstate.toml", &self.config);
        let (address, log) = (self.seat.address, self.unit_log());
        let line = format!("--json serve --bind {address}:0 --unit-log {}", log.display());
        let mut command = self.place.command(&line);
        command.env("BOOKSTATE_TOKEN", TOKEN);
        let server = Server::start_with(&self.place, &mut self.seat.within(command));
        self.server = Some(server.with_token(TOKEN));
        self.starts += 1;
    }

    fn kept(&self, name: &str) -> PathBuf {
        self.kept.as_ref().unwrap().path().join(name)
    }

    /// Where it writes down its units.
    pub(crate) fn unit_log(&self) -> PathBuf {
        self.kept("units.jsonl")
    }

    /// Keeps the log of a process that has ended: the next one begins anew.
    fn keep_log(&self) {
        let (log, kept) = (self.place.path("serve.log"), self.kept(&format!("serve-{}.log", self.starts)));
        std::fs::copy(log, kept).unwrap();
    }

    pub(crate) fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Whether it can be asked.
    pub(crate) fn answers(&self) -> bool {
        self.server.is_some() && !self.out_of_reach
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.server().pid()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        // Dropped, it is killed and waited for.
        drop(self.server.take());
        self.keep_log();
        self.out_of_reach = false;
    }

    /// `kill -9`, and its data directory goes.
    pub(crate) fn lose(&mut self) {
        self.kill();
        self.place = Place::new();
    }

    /// It stands still.
    pub(crate) fn stop_still(&mut self) {
        self.signal(Signal::STOP);
        self.out_of_reach = true;
    }

    /// It goes on as if nothing had been.
    pub(crate) fn go_on(&mut self) {
        self.signal(Signal::CONT);
        self.out_of_reach = false;
    }

    /// Its link goes down, or is there again.
    pub(crate) fn is_cut_off(&mut self, is_cut_off: bool) {
        self.out_of_reach = is_cut_off;
    }

    /// It ends in good order.
    pub(crate) fn end(&mut self) {
        let status = self.server.take().unwrap().stop();
        assert!(status.success(), "{}: {status}, {}", self.name, self.log());
        self.keep_log();
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.place.path("serve.log")).unwrap_or_default()
    }

    /// Takes a file in and starts its job: the book.
    pub(crate) fn begin(&self, file: &Path) -> String {
        let body = json!({"paths": [file]}).to_string();
        let begun = self.server().asked("POST", "/api/books/ingest", body.as_bytes());
        assert!(begun["books"][0]["job_id"].is_string(), "{begun}, {}", self.log());
        begun["book_id"].as_str().unwrap().to_owned()
    }

    /// The fleet, as it hears of it.
    pub(crate) fn fleet(&self) -> Value {
        self.server().asked("GET", "/api/fleet", b"")
    }

    /// The machine that owns a book, as it hears of it.
    pub(crate) fn owner_of(&self, book: &str) -> Option<String> {
        let fleet = self.fleet();
        let row = fleet["books"].as_array()?.iter().find(|row| row["book_id"] == book)?.clone();
        row["machine"].as_str().map(str::to_owned)
    }

    /// What two runs of the same book must have in common, as it answers.
    pub(crate) fn canonical(&self, book: &str) -> String {
        let answer = self.server().get(&format!("/api/books/{book}/export?format=canonical"));
        assert_eq!(answer.status(), Some(200), "{}: {}", self.name, answer.text());
        answer.text().to_owned()
    }

    /// Who answers for a book, as the answer says; none: the machine itself. And how far the book is.
    pub(crate) fn answerer(&self, book: &str) -> (Option<String>, Value) {
        let answer = self.server().get(&format!("/api/books/{book}"));
        assert_eq!(answer.status(), Some(200), "{}: {}", self.name, answer.text());
        let book: Value = serde_json::from_slice(answer.body()).unwrap();
        (answer.header("x-bookstate-owner").map(str::to_owned), book["status"].clone())
    }

    /// The names of the files of books that its data directory has; each begins with its hash.
    pub(crate) fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.place.data().join("sources")).into_iter().flatten().flatten();
        files.map(|file| file.file_name().to_string_lossy().into_owned()).collect()
    }

    /// Asks for an end of a book's job; the status of the answer.
    pub(crate) fn cancel(&self, book: &str) -> Option<u16> {
        let job = format!("/api/jobs/{book}~job-1/cancel");
        self.server().answer("POST", &job, b"").status()
    }

    /// How far a book is, as it answers.
    pub(crate) fn status(&self, book: &str) -> String {
        let answer = self.server().asked("GET", &format!("/api/books/{book}"), b"");
        answer["status"].as_str().unwrap_or_else(|| panic!("{}: {answer}", self.name)).to_owned()
    }

    /// The units of a log, in their order: what happened to which.
    pub(crate) fn units(&self) -> Vec<(String, String, String)> {
        let log = std::fs::read_to_string(self.unit_log()).unwrap_or_default();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
        lines.map(|line| (text(&line, "book"), text(&line, "event"), text(&line, "unit"))).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(kept) = self.kept.take()
        {
            let log = std::fs::copy(self.place.path("serve.log"), kept.path().join("serve.log"));
            println!("{}: its logs are in {} {log:?}", self.name, kept.keep().display());
        }
    }
}

/// What all of them said.
pub(crate) fn logs(machines: &[Machine]) -> String {
    machines.iter().map(|machine| format!("{}:\n{}\n", machine.name, machine.log())).collect()
}

/// Waits until something holds.
pub(crate) fn until(what: &str, machines: &[Machine], mut holds: impl FnMut() -> bool) -> Duration {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() > PATIENCE {
            panic!("{what}: does not come\n{}", logs(machines));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}
