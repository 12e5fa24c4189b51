//! `bookstate serve` in a place, on a port of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::Place;
use crate::node::{Client, Message};

/// How long one may take to stop.
const PATIENCE: Duration = Duration::from_secs(180);

/// A server over a place's data directory; killed with this value.
#[derive(Debug)]
pub struct Server {
    child: Child,
    url: String,
    /// The lines of the head that a request to it has.
    heads: String,
}

impl Server {
    /// Starts one.
    #[must_use]
    pub fn start(place: &Place) -> Self {
        Self::start_with(place, &mut place.command("--json serve --bind 127.0.0.1:0"))
    }

    /// Starts one by a command of its own, which must answer on a free port and say which in JSON.
    #[must_use]
    pub fn start_with(place: &Place, command: &mut Command) -> Self {
        let log = std::fs::File::create(place.path("serve.log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap_or_else(|error| {
            let log = std::fs::read_to_string(place.path("serve.log"));
            panic!("{error}: {line:?}, {log:?}")
        });
        Self { child, url: said["listening"].as_str().unwrap().to_owned(), heads: String::new() }
    }

    /// It is asked with this token.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.heads = format!("Authorization: Bearer {token}\r\n");
        self
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A target's row, when there is such a target.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<Value> {
        let answer = self.asked("GET", "/api/targets", b"");
        let mut rows = answer["targets"].as_array().unwrap().iter();
        rows.find(|row| row["name"] == name).cloned()
    }

    /// The JSON that it answers.
    #[must_use]
    pub fn asked(&self, method: &str, path: &str, body: &[u8]) -> Value {
        serde_json::from_slice(self.answer(method, path, body).body()).unwrap()
    }

    /// What it answers to a `GET`, whatever its status.
    #[must_use]
    pub fn get(&self, path: &str) -> Message {
        self.answer("GET", path, b"")
    }

    /// What it answers, whatever its status.
    #[must_use]
    pub fn answer(&self, method: &str, path: &str, body: &[u8]) -> Message {
        let address = self.url.trim_start_matches("http://").parse().unwrap();
        Client::new(address).request_with(&self.heads, method, path, body).unwrap()
    }

    /// Has it read its configuration again.
    pub fn hang_up(&self) {
        kill_process(Pid::from_child(&self.child), Signal::HUP).unwrap();
    }

    /// Ends it in good order (SIGTERM) and says how it ended.
    #[must_use]
    pub fn stop(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
