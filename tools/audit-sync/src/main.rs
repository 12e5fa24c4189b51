//! `cargo audit-sync`: a call of the library.

use std::process::ExitCode;

use clap::Parser;

/// Find what waits for storage on a hot path
#[derive(Debug, Parser)]
#[command(name = "cargo audit-sync", bin_name = "cargo audit-sync", version)]
struct Cli {
    #[command(flatten)]
    options: cargo_audit_sync::Options,
}

fn main() -> ExitCode {
    // Cargo gives a subcommand its own name first.
    let mut words: Vec<_> = std::env::args_os().collect();
    if words.get(1).is_some_and(|word| word == "audit-sync") {
        words.remove(1);
    }
    let cli = Cli::parse_from(words);
    cargo_audit_sync::run(&cli.options, &mut std::io::stdout().lock(), &mut std::io::stderr().lock())
}
