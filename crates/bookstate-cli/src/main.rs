//! The `bookstate` program: configuration and wiring, nothing else.
//!
//! What it does with books is in the crates below; here are the command line ([`args`]), the configuration
//! ([`settings`]), the commands, and how all of it is said to people ([`output`], [`logging`]) and to scripts
//! ([`failure`]: exit codes).

mod args;
mod book_ref;
mod commands;
mod failure;
mod library;
mod local;
mod logging;
mod output;
mod process;
mod settings;

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use clap::{CommandFactory, Parser};

use args::{Cli, Command, ConfigCommand};
use failure::{Exit, Failure};
use local::LocalReader;
use logging::say;
use settings::Settings;

/// How long the end of the process waits for work that cannot be cancelled: units whose job was stopped.
const LAST_WAIT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // clap's own text: usage and what was wrong, or help and version.
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            // A closed output leaves nobody to tell.
            drop(error.print());
            return ExitCode::from(exit.code());
        }
    };
    let exit = run(&cli).unwrap_or_else(|failure| {
        if !failure.is_silent() {
            say("error", &failure);
        }
        failure.exit
    });
    ExitCode::from(exit.code())
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    if let Command::Completions { shell } = &cli.command {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut Cli::command(), "bookstate", &mut script);
        return output::text(&String::from_utf8_lossy(&script)).map(|()| Exit::Ok);
    }
    let environment = environment();
    let settings = settings::load(&cli.flags(), &environment)?;
    let directives = environment.get("BOOKSTATE_LOG").map(String::as_str);
    logging::start(settings.log_format, cli.global.quiet, cli.global.verbose, directives)?;
    for name in &settings.unknown_variables {
        say("warning", format_args!("{name} is not a variable of bookstate's: `config show` lists the keys"));
    }
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::unexpected)?;
    let done = runtime.block_on(command(cli, &settings));
    runtime.shutdown_timeout(LAST_WAIT);
    done
}

/// The environment, as far as it concerns bookstate.
fn environment() -> BTreeMap<String, String> {
    let ours = std::env::vars_os().filter_map(|(name, text)| Some((name.into_string().ok()?, text)));
    ours.filter(|(name, _)| name.starts_with("BOOKSTATE_"))
        .map(|(name, text)| (name, text.to_string_lossy().into_owned()))
        .collect()
}

async fn command(cli: &Cli, settings: &Settings) -> Result<Exit, Failure> {
    let json = cli.global.json;
    let local = || LocalReader::open(&settings.data_dir);
    match &cli.command {
        Command::Process(args) => return process::run(settings, args, json).await,
        Command::Books => commands::books::run(&local()?, json)?,
        Command::Status(args) => {
            commands::status::run(&local()?, settings, args.book.as_deref(), args.watch, json).await?;
        }
        Command::Pages(args) => commands::pages::run(&local()?.book(&args.book)?.0, json)?,
        Command::Toc(args) => commands::toc::run(&local()?.book(&args.book)?.0, json)?,
        Command::Chapters(args) => {
            commands::chapters::run(&local()?.book(&args.book.book)?.0, args.include_text, json)?;
        }
        Command::Export(args) => {
            commands::export::check(args)?;
            let (state, seq) = local()?.book(&args.book.book)?;
            commands::export::run(&state, seq, args)?;
        }
        Command::Reset(args) => commands::reset::run(settings, &args.book.book, args.operation, json).await?,
        Command::Journal(args) => commands::journal::run(settings, args, json)?,
        Command::Parked(args) => commands::parked::run(settings, args, json).await?,
        Command::Target(args) => commands::target::run(settings, args, json).await?,
        Command::Config(ConfigCommand::Show) => commands::config::run(settings, json)?,
        Command::Completions { .. } => {}
    }
    Ok(Exit::Ok)
}
