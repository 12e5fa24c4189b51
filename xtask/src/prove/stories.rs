//! Random stories of the sink, more of them than a test run has time for: the sink's own test, told how many, with which
//! seeds and for how long. It plays them on every core, and prints a failing seed with its shortened story.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

const TEST: &str = "random::any_story_ends_with_the_books_in_the_targets";

/// What the test says first; without it nothing was played.
const BEGINNING: &str = "stories with the seeds from ";

pub(super) fn run(stories: u64, seed: u64, minutes: u64, out: &mut dyn Write) -> anyhow::Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // With the features of a whole test run, so that nothing is built anew for it.
    cargo.args(["test", "--locked", "--quiet", "--workspace", "--test", "sink", "--"]);
    cargo.args(["--exact", TEST, "--nocapture"]);
    cargo.env("BOOKSTATE_STORIES", stories.to_string());
    cargo.env("BOOKSTATE_STORY_SEED", seed.to_string());
    cargo.env("BOOKSTATE_STORY_MINUTES", minutes.to_string());
    let mut child = cargo.stdout(Stdio::piped()).spawn().context("cargo cannot be started")?;
    let told = child.stdout.take().context("standard output is a pipe")?;
    let mut has_begun = false;
    for line in BufReader::new(told).lines() {
        let line = line?;
        has_begun |= line.contains(BEGINNING);
        writeln!(out, "{line}")?;
    }
    let status = child.wait()?;
    ensure!(status.success(), "a story failed, see above: {status}");
    ensure!(has_begun, "no story was played: is the test still called {TEST}?");
    Ok(())
}
