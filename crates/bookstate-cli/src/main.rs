//! The `bookstate` program: configuration and wiring, nothing else.
//!
//! What it does with books is in the crates below; here are the command line ([`args`]), the configuration
//! ([`settings`]), the commands, and how all of it is said to people ([`output`], [`logging`]) and to scripts
//! ([`failure`]: exit codes).

mod args;
mod book_ref;
mod client;
mod commands;
mod completion;
mod consent;
mod failure;
mod file_limit;
mod fleet;
mod grouped;
mod library;
mod local;
mod logging;
mod models;
mod output;
mod paddle;
mod process;
mod provider_rows;
mod reload;
mod resources;
mod served;
mod settings;
mod source;
mod status;
mod table;
mod terminal;
mod time;
mod tone;

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal},
    process::ExitCode,
    time::Duration,
};

use clap::{CommandFactory, Parser};

use args::{Cli, Command, FleetCommand};
use client::{Client, ServerAt};
use failure::{Exit, Failure};
use logging::say;
use settings::Settings;
use source::Source;

/// Books are read as millions of small texts on many threads: the system's allocator took a fifth of the time for them,
/// and kept what one thread had freed from the others.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How long the end of the process waits for work that cannot be cancelled: units whose job was stopped.
const LAST_WAIT: Duration = Duration::from_millis(200);

fn main() -> ExitCode {
    // Answers the shell and ends, when it is the shell that asks.
    clap_complete::CompleteEnv::with_factory(Cli::command).var(completion::VARIABLE).complete();
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // clap's own text: usage and what was wrong, or help and version.
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            if exit == Exit::Ok {
                // A closed output leaves nobody to tell.
                drop(error.print());
            } else {
                logging::tell(&wrong_words(&error));
            }
            return ExitCode::from(exit.code());
        }
    };
    let exit = run(&mut cli).unwrap_or_else(|failure| {
        if !failure.is_silent() {
            say("error", &failure);
        }
        failure.exit
    });
    ExitCode::from(exit.code())
}

/// What clap says of words that it does not take. It repeats them without what it takes for colours, so it is asked
/// again with words in which everything is shown that a terminal would obey.
fn wrong_words(error: &clap::Error) -> String {
    let shown = |word: std::ffi::OsString| terminal::line(&word.to_string_lossy()).into_owned();
    let again = Cli::try_parse_from(std::env::args_os().map(shown));
    again.as_ref().err().unwrap_or(error).render().to_string()
}

fn run(cli: &mut Cli) -> Result<Exit, Failure> {
    if let Command::Completions { shell } = &cli.command {
        return output::text(&completion::script(*shell)?).map(|()| Exit::Ok);
    }
    if let Command::ManPages { dir } = &cli.command {
        return commands::man_pages::run(dir, Cli::command());
    }
    if let Command::OpenFile { memory_mb, file } = &cli.command {
        return commands::open_file::run(file, *memory_mb);
    }
    if let Command::PageImage { memory_mb, seconds, file, page, resolution } = &cli.command {
        return commands::page_image::run(file, *page, resolution, *memory_mb, *seconds);
    }
    if cli.global.wide {
        output::widen();
    }
    let environment = environment();
    if cli.global.server.is_none() && cli.command.asks_servers() {
        cli.global.server = environment.get("BOOKSTATE_SERVER").filter(|url| !url.is_empty()).cloned();
    }
    let settings = settings::load(&cli.flags(), &environment)?;
    let directives = environment.get("BOOKSTATE_LOG").map(String::as_str);
    logging::start(settings.log_format, cli.global.quiet, cli.global.verbose, directives)?;
    // A script that starts the program many times is not told each time.
    let unknown = settings.unknown_variables.iter().filter(|_| io::stderr().is_terminal());
    for name in unknown {
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
    // The others say where the user's own configuration is.
    ours.filter(|(name, _)| {
        name.starts_with("BOOKSTATE_") || ["HOME", "XDG_CONFIG_HOME"].contains(&name.as_str())
    })
    .map(|(name, text)| (name, text.to_string_lossy().into_owned()))
    .collect()
}

/// The server that a command asks: the one that was named, else the one that has the data directory. It has the
/// books in memory, and the local store is behind it: a reader sees there what it has just changed.
fn server_at(cli: &Cli, settings: &Settings) -> Option<ServerAt> {
    let url = cli.global.server.clone().or_else(|| {
        let asks = cli.command.asks_servers() && !cli.command.reads_beside_servers();
        let url = asks.then(|| served::url(&settings.data_dir)).flatten()?;
        if cli.command.changes_books() {
            say("note", format_args!("the server at {url} has the data directory: it is asked"));
        }
        Some(url)
    });
    url.map(|url| ServerAt { url, ca_file: cli.global.ca_file.clone() })
}

async fn command(cli: &Cli, settings: &Settings) -> Result<Exit, Failure> {
    let json = cli.global.json;
    let server = server_at(cli, settings);
    if let (Some(server), false) = (&server, cli.command.asks_servers()) {
        return Err(Failure::usage(format_args!(
            "this command works on the data directory, not on a server: leave out --server {}",
            server.url
        )));
    }
    if let (Some(server), [named, ..]) = (&server, cli.global.targets.as_slice()) {
        return Err(Failure::usage(format_args!(
            "the server at {} brings books to targets of its own: leave out --target {named}, or add it to the \
             server's configuration (`bookstate target add`)",
            server.url
        )));
    }
    let source = || Source::open(settings, server.as_ref());
    match &cli.command {
        Command::Process(args) => {
            let Some(at) = &server else { return process::run(settings, args, json).await };
            let client = Client::new(at, settings.server.client_token()?)?;
            return process::at_server(client, args, json).await;
        }
        Command::Serve(args) => {
            let flags = cli.flags();
            let read = move || settings::load(&flags, &environment());
            return commands::serve::run(settings, args, read, |_| {}, json).await;
        }
        Command::Books => commands::books::run(&source()?.books().await?, json)?,
        Command::Status(args) => {
            commands::status::run(&source()?, args.book.as_deref(), args.watch, json).await?;
        }
        Command::Pages(args) => {
            commands::pages::run(source()?.pages(&args.book.book).await?, args.doubtful, json)?;
        }
        Command::Reread(args) if server.is_some() => {
            commands::reread::remote(&source()?, args, json).await?;
        }
        Command::Reread(args) => commands::reread::run(settings, args, json).await?,
        Command::Correct(args) if server.is_some() => {
            commands::correct::remote(&source()?, args, json).await?;
        }
        Command::Correct(args) => commands::correct::run(settings, args, json).await?,
        Command::Toc(args) => commands::toc::run(&source()?.contents(&args.book).await?, json)?,
        Command::Chapters(args) => {
            let chapters = source()?.chapters(&args.book.book, args.include_text).await?;
            commands::chapters::run(&chapters, args.include_text, json)?;
        }
        Command::Jobs(args) => {
            let source = source()?;
            commands::jobs::run(&source.jobs(args.book.as_deref()).await?, source.is_at_work(), json)?;
        }
        Command::Export(args) => {
            commands::export::check(args)?;
            if args.format.is_of_scans() {
                if let Some(url) = &cli.global.server {
                    return Err(Failure::usage(format_args!(
                        "this format is made from the data directory, not by a server: leave out --server {url}",
                    )));
                }
                commands::export_scan::run(settings, args)?;
                return Ok(Exit::Ok);
            }
            let book = source()?.export(&args.book.book, args.format, args.canonical).await?;
            commands::export::run(&book, args)?;
        }
        Command::Reset(args) if server.is_some() => {
            commands::reset::remote(&source()?, args, json).await?;
        }
        Command::Reset(args) => commands::reset::run(settings, args, json).await?,
        Command::Cancel(args) if server.is_some() => {
            commands::cancel::remote(&source()?, &args.book, json).await?;
        }
        Command::Cancel(args) => commands::cancel::run(settings, &args.book, json).await?,
        Command::Rm(args) if server.is_some() => commands::rm::remote(&source()?, args, json).await?,
        Command::Rm(args) => commands::rm::run(settings, args, json).await?,
        Command::Open(args) => {
            let book = args.book.as_deref();
            if let Some(at) = &server {
                commands::open::remote(&source()?, &at.url, book, json).await?;
                return Ok(Exit::Ok);
            }
            let flags = cli.flags();
            let read = move || settings::load(&flags, &environment());
            return commands::open::run(settings, book, read, json).await;
        }
        Command::Journal(args) => commands::journal::run(settings, args, json)?,
        Command::Parked(args) if server.is_some() => {
            commands::parked::remote(&source()?, args, json).await?;
        }
        Command::Parked(args) => commands::parked::run(settings, args, json).await?,
        Command::Target(args) if server.is_some() => {
            commands::target::remote(&source()?, args, json).await?;
        }
        Command::Target(args) => commands::target::run(settings, args, json).await?,
        Command::Config(args) => commands::config::run(settings, args, json)?,
        Command::Fleet(FleetCommand::Status) => {
            commands::fleet::status(&source()?.fleet().await?, json)?;
        }
        Command::Providers => return commands::providers::run(settings, json).await,
        Command::Doctor => return commands::doctor::run(settings, json).await,
        Command::Completions { .. }
        | Command::ManPages { .. }
        | Command::OpenFile { .. }
        | Command::PageImage { .. } => {}
    }
    Ok(Exit::Ok)
}
