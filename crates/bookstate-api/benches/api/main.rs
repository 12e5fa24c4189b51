//! `cargo bench -p bookstate-api [-- read|load]`: what the server costs.
//!
//! `read`: a book from memory against a bare axum handler that returns the same bytes, by turns in one run;
//! the bar is a ratio. `load`: 1,000 event streams and 200 requests a second while a writer makes persist
//! calls; what they take is set against what they take without. Clients are a process of their own.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a benchmark tells a person")]

mod book;
mod client;
mod load;
mod read;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let Some(("client", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        client::main(rest);
        return ExitCode::SUCCESS;
    }
    let asked = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    let mut good = true;
    if asked("read") {
        good &= read::run();
    }
    if asked("load") {
        good &= load::run();
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
