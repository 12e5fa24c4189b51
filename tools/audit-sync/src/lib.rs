//! Does anything on a hot path wait for storage?
//!
//! It parses the sources of a workspace, builds the call graph, and walks from the hot roots that
//! `audit-sync.toml` names to calls that wait, block, or go to a database by themselves. Its manual is
//! `docs/audit-sync.md` of bookstate's repository. With `--lang go` it counts what is left to do in the Go system of
//! ADR 010.
//!
//! One entry, [`run`]; the program `cargo-audit-sync` is a call of it. Reading order: `facts` (files, items, types),
//! `walk` (what each function calls), `judgement` (rules, exemptions, the walk from the roots: without files),
//! `outcome` (from one to the next), `report`. `go` stands by itself.
//!
//! It errs towards reporting: a receiver whose type cannot be told may be of any type. What it does not see:
//! implicit drops, operators, formatting, code that procedural macros make.

mod config;
mod facts;
mod go;
mod judgement;
mod outcome;
mod report;
mod walk;

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, bail};

use config::Config;
use facts::{program::Program, workspace::Workspace};
use report::Format;

/// Nothing was found.
const CLEAN: u8 = 0;
/// Something was found.
const FOUND: u8 = 1;
/// The audit cannot be relied on, or could not be made.
const UNRELIABLE: u8 = 2;

/// The language of what is audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    /// A Cargo workspace
    Rust,
    /// A folder of Go files
    Go,
}

/// What an audit can be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The Cargo.toml of the workspace; that of the working directory by default
    #[arg(long, value_name = "FILE")]
    pub manifest_path: Option<PathBuf>,
    /// The configuration; `audit-sync.toml` beside the manifest by default
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read tests, benches and examples too
    #[arg(long)]
    with_tests: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Say what a rule is, and do nothing else
    #[arg(long, value_name = "RULE")]
    explain: Option<String>,
    /// The language
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
    /// The folder of the Go sources
    #[arg(long, value_name = "DIR", required_if_eq("lang", "go"))]
    dir: Option<PathBuf>,
}

/// Audits; the exit code is 0 when nothing was found, 1 when something was, 2 when the audit cannot be
/// relied on.
pub fn run(options: &Options, out: &mut dyn Write, errors: &mut dyn Write) -> ExitCode {
    match audit(options, out) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            // Nothing more can be done when this cannot be said either.
            writeln!(errors, "audit-sync: {error:#}").ok();
            ExitCode::from(UNRELIABLE)
        }
    }
}

fn audit(options: &Options, out: &mut dyn Write) -> anyhow::Result<u8> {
    if let Some(id) = &options.explain {
        let Some(rule) = judgement::rules::rule(id) else {
            let known: Vec<_> = judgement::rules::RULES.iter().map(|rule| rule.id).collect();
            bail!("there is no rule {id}; the rules are {}", known.join(", "));
        };
        report::explain(out, rule)?;
        return Ok(CLEAN);
    }
    if options.lang == Language::Go {
        let dir = options.dir.as_deref().context("--lang go needs --dir")?;
        return go::run(dir, options.format, options.with_tests, out);
    }
    let began = Instant::now();
    let manifest = options.manifest_path.as_deref().unwrap_or(Path::new("Cargo.toml"));
    let beside = || manifest.parent().unwrap_or(Path::new("")).join("audit-sync.toml");
    let config = Config::read(&options.config.clone().unwrap_or_else(beside))?;
    let program = Program::new(Workspace::read(manifest, &config, options.with_tests)?);
    let outcome = outcome::of(&program, &config);
    report::print(out, options.format, &program.workspace, &outcome, began.elapsed().as_secs_f64())?;
    Ok(match (outcome.problems.is_empty(), outcome.findings.is_empty()) {
        (false, _) => UNRELIABLE,
        (true, false) => FOUND,
        (true, true) => CLEAN,
    })
}
