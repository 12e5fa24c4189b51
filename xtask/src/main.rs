//! `cargo xtask`: the chores of this workspace. One module per chore; this file only chooses.

mod handbook;
mod toc_score;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", about = "The chores of this workspace")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Make the handbook PDF from the Markdown files of docs/
    Handbook(handbook::Options),
    /// Score the contents heuristic on a folder of books with answer keys
    TocScore(toc_score::Options),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().chore {
        Chore::Handbook(options) => handbook::run(&options),
        Chore::TocScore(options) => toc_score::run(&options, &mut std::io::stdout().lock()),
    }
}
