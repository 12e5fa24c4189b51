//! `cargo xtask`: the chores of this workspace. One module per chore; this file only chooses.

mod bench;
mod child;
mod codegen;
mod conservation;
mod defradb;
mod features;
mod fidelity;
mod fuzz;
mod handbook;
mod llm;
mod nats;
mod packages;
mod paddle;
mod prove;
mod public_api;
mod sample_scan;
mod sbom;
mod scan_score;
mod schema_drift;
mod tidy;
mod toc_score;
mod words_in_order;

use std::{io::Write, process::ExitCode};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", about = "The chores of this workspace")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Find what waits for storage on a hot path
    AuditSync(cargo_audit_sync::Options),
    /// Measure: ratios of one run, as the documentation has them
    Bench(bench::Options),
    /// Write DefraDB's collections and operations from the field tables
    Codegen(codegen::Options),
    /// Check that every word of books arrives, once
    Conservation(conservation::Options),
    /// Build, start, stop a DefraDB node for development
    Defradb(defradb::Options),
    /// Check each feature of the published crates alone: features only add
    Features(features::Options),
    /// Compare the text of PDF books with their HTML and EPUB editions, beside other readers
    Fidelity(fidelity::Options),
    /// Read books whose files were changed at random: no panic, no run beyond bounds
    Fuzz(fuzz::Options),
    /// Make the handbook PDF from the Markdown files of docs/
    Handbook(handbook::Options),
    /// Build, start, stop a server of a small language model for development
    Llm(llm::Options),
    /// Build, start, stop NATS servers for development
    Nats(nats::Options),
    /// Check that each published crate builds from what would be uploaded
    Packages(packages::Options),
    /// Fetch the models of the engine paddle, and print where they are
    Paddle(paddle::Options),
    /// Prove what is too long for a test run: random stories of the sink, kills of the program at random moments
    Prove(prove::Options),
    /// List the public items of the library crates in docs/public-api
    PublicApi(public_api::Options),
    /// Draw pages of the handbook as a scanner would give them
    SampleScan(sample_scan::Options),
    /// Write what the program is built from, as a CycloneDX document
    Sbom(sbom::Options),
    /// Score the reading of scanned books, beside tesseract alone and ocrmypdf
    ScanScore(scan_score::Options),
    /// Compare the checked-in description of a DefraDB node with a real one
    SchemaDrift(schema_drift::Options),
    /// Check the house rules: layers, documents, invariants, licences, READMEs
    Tidy(tidy::Options),
    /// Score the contents heuristic on a folder of books with answer keys
    TocScore(toc_score::Options),
}

fn main() -> anyhow::Result<ExitCode> {
    if public_api::is_asked_as_rustdoc() {
        return public_api::answer_as_rustdoc().map(|()| ExitCode::SUCCESS);
    }
    let chore = Cli::parse().chore;
    if cfg!(debug_assertions) && matches!(chore, Chore::Bench(_) | Chore::ScanScore(_)) {
        let note =
            "note: built without optimisation; `cargo measure` runs the same with numbers of time that count";
        writeln!(std::io::stderr(), "{note}")?;
    }
    match chore {
        Chore::AuditSync(mut options) => {
            let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
            options.manifest_path.get_or_insert_with(|| root.into());
            let (mut out, mut errors) = (std::io::stdout().lock(), std::io::stderr().lock());
            return Ok(cargo_audit_sync::run(&options, &mut out, &mut errors));
        }
        Chore::Bench(options) => bench::run(&options, &mut std::io::stdout().lock()),
        Chore::Codegen(options) => codegen::run(&options),
        Chore::Conservation(options) => conservation::run(&options, &mut std::io::stdout().lock()),
        Chore::Defradb(options) => defradb::run(&options, &mut std::io::stdout().lock()),
        Chore::Features(options) => features::run(&options, &mut std::io::stdout().lock()),
        Chore::Fidelity(options) => fidelity::run(&options, &mut std::io::stdout().lock()),
        Chore::Fuzz(options) => fuzz::run(&options, &mut std::io::stdout().lock()),
        Chore::Handbook(options) => handbook::run(&options),
        Chore::Llm(options) => llm::run(&options, &mut std::io::stdout().lock()),
        Chore::Nats(options) => nats::run(&options, &mut std::io::stdout().lock()),
        Chore::Packages(options) => packages::run(&options, &mut std::io::stdout().lock()),
        Chore::Paddle(options) => paddle::run(&options, &mut std::io::stdout().lock()),
        Chore::Prove(options) => prove::run(&options, &mut std::io::stdout().lock()),
        Chore::PublicApi(options) => public_api::run(&options, &mut std::io::stdout().lock()),
        Chore::SampleScan(options) => sample_scan::run(&options, &mut std::io::stdout().lock()),
        Chore::Sbom(options) => sbom::run(&options, &mut std::io::stdout().lock()),
        Chore::ScanScore(options) => scan_score::run(&options, &mut std::io::stdout().lock()),
        Chore::SchemaDrift(options) => schema_drift::run(&options),
        Chore::Tidy(options) => tidy::run(&options, &mut std::io::stdout().lock()),
        Chore::TocScore(options) => toc_score::run(&options, &mut std::io::stdout().lock()),
    }
    .map(|()| ExitCode::SUCCESS)
}
