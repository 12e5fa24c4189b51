//! `cargo measure bench`: the tables of numbers in the documentation. Ratios within one run, never limits in
//! seconds: the machine is whatever it is.

mod catch_up;
mod contention;
mod copies;
mod defradb;
mod reading;
mod recovery;
mod standard_book;
mod transition;
mod ways;

use anyhow::Result;
use clap::{Args, Subcommand};

/// What `bench` takes.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// A target that is added to a data directory with many books: memory, and the lag of a live book
    CatchUp(catch_up::Options),
    /// Several data directories drain into one real node at once: conflicts, and how long it takes
    Contention(contention::Options),
    /// A standard book's writes to a real DefraDB, in three ways, and what a bare loop reaches
    Defradb(defradb::Options),
    /// How fast books are read, beside pdftotext, and in how much memory
    Reading(reading::Options),
    /// How fast a start is after a kill: the journal's commits, and a book from the local store
    Recovery(recovery::Options),
    /// From one stage's answer to the next stage's start, beside a job that waits for its database
    Transition(transition::Options),
}

/// Runs a benchmark and writes its table to `out`.
///
/// # Errors
/// A part of it failed, or a bar was missed.
pub(crate) fn run(options: &Options, out: &mut dyn std::io::Write) -> Result<()> {
    match &options.bench {
        Bench::CatchUp(options) => catch_up::run(options, out),
        Bench::Contention(options) => contention::run(options, out),
        Bench::Defradb(options) => defradb::run(options, out),
        Bench::Reading(options) => reading::run(options, out),
        Bench::Recovery(options) => recovery::run(options, out),
        Bench::Transition(options) => transition::run(options, out),
    }
}
