//! The command line: what can be typed, and what `--help` says about it.

mod groups;
mod page_ranges;

use std::path::PathBuf;

pub(crate) use groups::{ConfigCommand, JournalCommand, ParkedCommand, TargetCommand};
pub(crate) use page_ranges::PageRanges;

use bookstate_domain::{OperationName, Priority, Variant};
use clap::{Args, Parser, Subcommand, ValueEnum, builder::PossibleValuesParser, builder::TypedValueParser};
use clap_complete::Shell;

use crate::{completion, settings::Flags};

/// The version, the commit and the features that it was built with.
pub(crate) const VERSION: &str = env!("BOOKSTATE_VERSION");

/// Takes books through a long pipeline (pages, text, contents, chapters) without ever losing a finished step.
///
/// The state of a book is kept in memory while it is worked on; every change is in a journal before it
/// counts, and is brought to the local store, a SQLite file, and to any number of targets in the background.
/// Kill the program at any moment: the same command continues.
#[derive(Debug, Parser)]
#[command(name = "bookstate", version = VERSION, arg_required_else_help = true, subcommand_required = true)]
#[command(after_help = "Examples:
  bookstate process book.pdf             process a book; again: continues, or says that it is done
  bookstate books                        the books of the data directory
  bookstate toc b-3f9a                   its table of contents, with the page of each entry
  bookstate export book.pdf --format markdown -o book.md

BOOK is an id, a unique beginning of one, a title or a unique part of one, or the path of the book's file.
The manual is docs/user, or docs/handbook.pdf; every key, exit code and field is in docs/operating.md.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Where the books are kept [default: .bookstate] [env: BOOKSTATE_DATA_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The configuration file [default: bookstate.toml, else config.toml in the data directory] [env:
    /// BOOKSTATE_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A further target for this run, NAME=sqlite:PATH, NAME=http://HOST:PORT (a DefraDB node) or
    /// NAME=nats://HOST:PORT,HOST:PORT (NATS servers), in every command
    /// that opens targets; may be given several times
    #[arg(long = "target", global = true, value_name = "NAME=PLACE", id = "further_target")]
    pub(crate) targets: Vec<String>,
    /// Ask a running server instead of the data directory: process, books, status, pages, toc, chapters, jobs, export,
    /// reset, cancel, rm, correct, reread, open, parked, target; its token is taken from BOOKSTATE_TOKEN or the configuration. A server that has the
    /// data directory is asked by itself [env: BOOKSTATE_SERVER]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// A file of certificates (PEM) to trust beside the system's, for a server behind https
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Print tables as wide as what they hold, on a terminal too: nothing is shortened or left out
    #[arg(long, global = true)]
    pub(crate) wide: bool,
    /// Log less: errors only; twice: nothing
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) quiet: u8,
    /// Log more: what happens; twice: details; three times: everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// How log lines on standard error are written [default: text] [env: BOOKSTATE_LOG_FORMAT]
    #[arg(long, global = true, value_name = "FORMAT", value_parser = ["text", "json"])]
    log_format: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Process books: read the pages, find the contents, make the chapters
    ///
    /// PDF files, Markdown, plain text, and scans: a folder of page images, a TIFF, CBZ or DjVu file. A file is known by its content: processing it
    /// again continues where an earlier run was interrupted, or says at once that nothing is left to do. On a
    /// terminal there is a bar per stage; Ctrl-C stops at a safe point, a second one at once, and neither
    /// loses anything.
    #[command(after_help = "Examples:
  bookstate process book.pdf
  bookstate process *.pdf --variant text-only
  bookstate process scans/old-book/ --languages deu,frk
  bookstate process book.pdf --reset toc_finder      look for the contents again, and all that follows
  bookstate process book.pdf --target nas=sqlite:/mnt/nas/books.sqlite
  bookstate process book.pdf --json | jq .status")]
    Process(ProcessArgs),
    /// Answer over HTTP: books, jobs and targets as JSON, events, metrics, a web page
    ///
    /// Runs the jobs that it is asked for, and goes on with those that were interrupted. Ctrl-C stops at a safe
    /// point, a second one at once, and neither loses anything.
    #[command(after_help = "Examples:
  bookstate serve
  bookstate serve --bind 127.0.0.1:0                 any free port; it is printed
  bookstate serve --fleet nats://a,b,c --bind 10.0.0.1:7070
  BOOKSTATE_TOKEN=$(cat token) bookstate serve --bind 0.0.0.0:7070")]
    Serve(ServeArgs),
    /// List the books
    Books,
    /// Show how far a book is, stage by stage, and how far each target has it
    #[command(after_help = "Examples:
  bookstate status                       every book in a line
  bookstate status b-3f9a --watch        one book, while it is processed elsewhere")]
    Status(StatusArgs),
    /// List the pages of a book
    #[command(after_help = "Examples:
  bookstate pages b-3f9a
  bookstate pages b-3f9a --doubtful      what to look at first, and to correct")]
    Pages(PagesArgs),
    /// Give a page the text that a person read on it
    ///
    /// No engine replaces it. The chapters stay as they are until `bookstate reset BOOK structure` and the next
    /// `process` make them anew.
    #[command(after_help = "Examples:
  bookstate correct b-3f9a 12 page-12.txt
  pbpaste | bookstate correct b-3f9a 12 -")]
    Correct(CorrectArgs),
    /// Have pages read again by the next `process`, and all that follows from them made anew
    ///
    /// What other engines read stays, since it may have been paid for; so does what a person wrote.
    #[command(after_help = "Examples:
  bookstate reread b-3f9a --only-failed
  bookstate reread b-3f9a --pages 10-20,33 --engine tesseract
  bookstate reread b-3f9a --below 0.8")]
    Reread(RereadArgs),
    /// Show the table of contents of a book, with the page of each entry
    Toc(BookArg),
    /// List the chapters of a book
    #[command(after_help = "Examples:
  bookstate chapters b-3f9a
  bookstate chapters b-3f9a --json --include-text | jq -r '.chapters[3].text'")]
    Chapters(ChaptersArgs),
    /// List jobs, newest first
    Jobs(JobsArgs),
    /// Write a book as EPUB, Markdown, HTML or text, as a searchable PDF, or all its documents as JSON
    #[command(after_help = "Examples:
  bookstate export b-3f9a --format epub -o book.epub
  bookstate export b-3f9a --format pdf -o book.pdf
  bookstate export b-3f9a --format json --canonical > run1.json      to be compared with another run's")]
    Export(ExportArgs),
    /// Undo an operation of a book and all that follows from it
    ///
    /// The next `process` runs them again. A job that was interrupted is cancelled by this. Says what will be
    /// lost and, on a terminal, asks first.
    #[command(after_help = "Examples:
  bookstate reset b-3f9a structure       the chapters only
  bookstate reset b-3f9a ocr             everything but the text layers")]
    Reset(ResetArgs),
    /// End the job of a book: what is done stays, what is in flight is dropped
    ///
    /// The next `process` begins a new job with what is left to do.
    Cancel(BookArg),
    /// Remove books: all that is known of them, here and in every target, and the copies of their files
    ///
    /// The files that were processed stay where they are; processing one again begins anew. A target that cannot be
    /// reached follows when it can. Says what will go and, on a terminal, asks first.
    #[command(after_help = "Examples:
  bookstate rm b-3f9a
  bookstate rm b-3f9a b-77c0 --yes")]
    Rm(RmArgs),
    /// Show a book in the browser, by the server that has it, or by one that this command is until Ctrl-C
    Open(OpenArgs),
    /// Look at the journal, the log that survives a kill
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Documents that a target refuses: list them, try them again, or accept the difference
    #[command(subcommand)]
    Parked(ParkedCommand),
    /// Targets: other places that get a copy of every book
    #[command(subcommand)]
    Target(TargetCommand),
    /// Show and change the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// The machines that share books on NATS servers
    #[command(subcommand)]
    Fleet(FleetCommand),
    /// The providers of models that stages name: whether they can be used, their rates, what they cost today
    Providers,
    /// Look whether everything is there that bookstate needs here, and say what to do where it is not
    ///
    /// The configuration, the data directory, the room on its disk, the programs that read scans and their languages,
    /// the targets. Nothing is changed.
    Doctor,
    /// Open a file and end: what intake runs in a process of its own
    #[command(hide = true)]
    OpenFile {
        #[arg(long, default_value_t = 1024)]
        memory_mb: u64,
        file: PathBuf,
    },
    /// Make the image of a page and end: what reading scanned pages runs in a process of its own
    #[command(hide = true)]
    PageImage {
        /// Half the MiB of memory
        #[arg(long, default_value_t = 1024)]
        memory_mb: u64,
        /// Seconds of a processor
        #[arg(long, default_value_t = 30)]
        seconds: u64,
        file: PathBuf,
        page: u32,
        /// The resolution, as JSON
        resolution: String,
    },
    /// Write the manual pages into a directory: what packages bring
    #[command(hide = true)]
    ManPages {
        /// The directory
        dir: PathBuf,
    },
    /// Print a completion script
    #[command(after_help = "Examples:
  bookstate completions bash > /etc/bash_completion.d/bookstate
  bookstate completions zsh > ~/.zfunc/_bookstate")]
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// A book.
#[derive(Debug, Args)]
pub(crate) struct BookArg {
    /// An id, a unique beginning of one, or the path of the book's file
    #[arg(add = completion::book())]
    pub(crate) book: String,
}

/// `process`.
#[derive(Debug, Args)]
pub(crate) struct ProcessArgs {
    /// The books' files; of a scanned book its folder, or its images
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Which stages to run; an interrupted job keeps its own [default: standard] [env:
    /// BOOKSTATE_JOBS_VARIANT]
    #[arg(long, value_parser = words::<Variant>(Variant::ALL.iter().map(|v| v.as_str())))]
    variant: Option<Variant>,
    /// The languages of scanned pages, such as deu,frk; found by the pages themselves without it [env:
    /// BOOKSTATE_OCR_LANGUAGES]
    #[arg(long, value_name = "LANGUAGES")]
    languages: Option<String>,
    /// Take each image as one page, also one that shows two side by side
    #[arg(long)]
    pub(crate) whole_images: bool,
    /// Ask models once more where they answered before
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Tell models what stands in this directory, a file STAGE.md each; an interrupted job keeps its own [env:
    /// BOOKSTATE_MODELS_PROMPTS]
    #[arg(long, value_name = "DIR")]
    pub(crate) prompts: Option<PathBuf>,
    /// Undo this operation, and all that follows from it, first
    #[arg(long, value_name = "OPERATION", value_parser = operation())]
    pub(crate) reset: Option<OperationName>,
    /// With a server: interactive goes before all bulk work that waits there, or anywhere in its fleet [default: bulk]
    #[arg(long, value_parser = words::<Priority>(Priority::ALL.iter().map(|v| v.as_str())))]
    pub(crate) priority: Option<Priority>,
    /// Continue books that another data directory wrote: made here from the target that has most of them, which all
    /// targets then take from here alone
    #[arg(long, conflicts_with = "estimate")]
    pub(crate) take_over: bool,
    /// Take the books in and say what models may cost for them at most; nothing is sent
    #[arg(long)]
    pub(crate) estimate: bool,
    /// Append a line to this file for each unit of work that begins and for each whose result is safe
    #[arg(long, value_name = "FILE")]
    pub(crate) unit_log: Option<PathBuf>,
}

/// `jobs`.
#[derive(Debug, Args)]
pub(crate) struct JobsArgs {
    /// Only this book's: an id, a unique beginning of one, or the path of the book's file
    #[arg(add = completion::book())]
    pub(crate) book: Option<String>,
}

/// `serve`.
#[derive(Debug, Default, Args)]
pub(crate) struct ServeArgs {
    /// Where to answer; any other than a loopback address needs a token [default: 127.0.0.1:7070] [env:
    /// BOOKSTATE_SERVER_BIND]
    #[arg(long, value_name = "IP:PORT")]
    bind: Option<String>,
    /// Share books with other machines: the NATS servers on which they meet, nats://HOST:PORT,HOST:PORT [env:
    /// BOOKSTATE_FLEET_URL]
    #[arg(long, value_name = "URL")]
    fleet: Option<String>,
    /// This machine's name in the fleet [default: the system's] [env: BOOKSTATE_FLEET_MACHINE]
    #[arg(long, value_name = "NAME")]
    machine: Option<String>,
    /// Where the fleet's other machines reach this one, http://HOST:PORT [default: where it answers] [env:
    /// BOOKSTATE_FLEET_ADDRESS]
    #[arg(long, value_name = "URL")]
    address: Option<String>,
    /// Append a line to this file for each unit of work that begins and for each whose result is safe
    #[arg(long, value_name = "FILE")]
    pub(crate) unit_log: Option<PathBuf>,
}

/// `fleet`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum FleetCommand {
    /// List the machines, the books that each owns, and the jobs that wait for a machine
    ///
    /// A server of the fleet is asked: the one that has the data directory, or that of --server.
    Status,
}

/// `status`.
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// An id, a unique beginning of one, or the path of the book's file; all books without it
    #[arg(add = completion::book())]
    pub(crate) book: Option<String>,
    /// Show it again whenever it changes, until the book is done or Ctrl-C
    #[arg(long)]
    pub(crate) watch: bool,
}

/// `chapters`.
#[derive(Debug, Args)]
pub(crate) struct ChaptersArgs {
    #[command(flatten)]
    pub(crate) book: BookArg,
    /// With the chapters' texts
    #[arg(long)]
    pub(crate) include_text: bool,
}

/// The forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// An e-book, EPUB 3: chapters, table of contents, notes, cover
    Epub,
    /// One Markdown file: title, chapters, notes
    Markdown,
    /// One HTML file: title, table of contents, chapters, notes
    Html,
    /// Plain text
    Text,
    /// All documents, and what was set aside
    Json,
    /// A PDF file of the page images, with the text over them: it can be searched
    Pdf,
    /// The words of a scanned book with their places, as HTML for other programs
    Hocr,
    /// The words of a scanned book with their places, as libraries keep them
    Alto,
}

impl Format {
    /// Whether it is made of page images, or of words on them.
    pub(crate) const fn is_of_scans(self) -> bool {
        matches!(self, Self::Pdf | Self::Hocr | Self::Alto)
    }
}

/// `export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) book: BookArg,
    /// The form
    #[arg(long, value_enum)]
    pub(crate) format: Format,
    /// Without times, seqs and metrics: what two runs of the same book have in common (JSON only)
    #[arg(long)]
    pub(crate) canonical: bool,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `pages`.
#[derive(Debug, Args)]
pub(crate) struct PagesArgs {
    #[command(flatten)]
    pub(crate) book: BookArg,
    /// Only pages that were given up or recognised, the most doubtful first
    #[arg(long)]
    pub(crate) doubtful: bool,
}

/// `reread`.
#[derive(Debug, Args)]
pub(crate) struct RereadArgs {
    #[command(flatten)]
    pub(crate) book: BookArg,
    /// Only these pages: numbers and ranges, such as 10-20,33
    #[arg(long, value_name = "PAGES")]
    pub(crate) pages: Option<PageRanges>,
    /// Only pages that were given up
    #[arg(long, conflicts_with = "below")]
    pub(crate) only_failed: bool,
    /// Only pages whose reading is less sure than this, from 0 to 1
    #[arg(long, value_name = "CONFIDENCE")]
    pub(crate) below: Option<f64>,
    /// The engine that is to read again; without it each page is read by those that have not read it
    #[arg(long, value_name = "ENGINE")]
    pub(crate) engine: Option<String>,
    /// Do not ask; without a terminal nothing is done unless this is said
    #[arg(long)]
    pub(crate) yes: bool,
}

/// `correct`.
#[derive(Debug, Args)]
pub(crate) struct CorrectArgs {
    #[command(flatten)]
    pub(crate) book: BookArg,
    /// The page, from 1
    pub(crate) page: i32,
    /// A file with its text, UTF-8; `-` for standard input
    pub(crate) file: PathBuf,
}

/// `reset`.
#[derive(Debug, Args)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    pub(crate) book: BookArg,
    /// The operation
    #[arg(value_parser = operation())]
    pub(crate) operation: OperationName,
    /// Do not ask; without a terminal nothing is done unless this is said
    #[arg(long)]
    pub(crate) yes: bool,
    /// Say what would be lost, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `rm`.
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Ids, unique beginnings of ids, titles, or paths of the books' files
    #[arg(required = true, value_name = "BOOK", add = completion::book())]
    pub(crate) books: Vec<String>,
    /// Do not ask; without a terminal nothing is done unless this is said
    #[arg(long)]
    pub(crate) yes: bool,
    /// Say what would go, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `open`.
#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// An id, a unique beginning of one, a title, or the path of the book's file; the list of books without it
    #[arg(add = completion::book())]
    pub(crate) book: Option<String>,
}

/// A value that is one of a few words of the domain.
fn words<T>(known: impl Iterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: std::str::FromStr + Clone + Send + Sync + 'static,
    T::Err: std::error::Error + Send + Sync,
{
    PossibleValuesParser::new(known).try_map(|word| word.parse::<T>())
}

fn operation() -> impl TypedValueParser<Value = OperationName> {
    words(OperationName::ALL.iter().map(|operation| operation.as_str()))
}

impl ProcessArgs {
    /// `--variant`.
    pub(crate) const fn variant(&self) -> Option<Variant> {
        self.variant
    }

    /// `--languages`.
    pub(crate) fn languages(&self) -> Option<&str> {
        self.languages.as_deref()
    }
}

impl Command {
    /// Whether the command changes books and can ask a server to.
    pub(crate) const fn changes_books(&self) -> bool {
        match self {
            Self::Process(_)
            | Self::Reset(_)
            | Self::Cancel(_)
            | Self::Rm(_)
            | Self::Correct(_)
            | Self::Reread(_) => true,
            Self::Parked(parked) => !matches!(parked, ParkedCommand::List { .. }),
            Self::Target(target) => {
                matches!(target, TargetCommand::Resync { .. } | TargetCommand::Takeover { .. })
            }
            _ => false,
        }
    }

    /// Whether the command reads the data directory as well while a server has it.
    pub(crate) const fn reads_beside_servers(&self) -> bool {
        matches!(self, Self::Target(TargetCommand::List | TargetCommand::Verify { .. }))
    }

    /// Whether the command can ask a server.
    pub(crate) const fn asks_servers(&self) -> bool {
        if let Self::Target(target) = self {
            return !matches!(target, TargetCommand::Add { .. } | TargetCommand::Remove { .. });
        }
        matches!(
            self,
            Self::Books
                | Self::Status(_)
                | Self::Pages(_)
                | Self::Toc(_)
                | Self::Chapters(_)
                | Self::Jobs(_)
                | Self::Export(_)
                | Self::Reset(_)
                | Self::Parked(_)
                | Self::Process(_)
                | Self::Cancel(_)
                | Self::Rm(_)
                | Self::Correct(_)
                | Self::Reread(_)
                | Self::Open(_)
                | Self::Fleet(_)
        )
    }
}

impl Cli {
    /// What the command line says about the configuration.
    pub(crate) fn flags(&self) -> Flags {
        let mut flags = Flags { config: self.global.config.clone(), ..Flags::default() };
        if let Some(dir) = &self.global.data_dir {
            flags.keys.push(("data_dir", "--data-dir", dir.display().to_string()));
        }
        if let Some(format) = &self.global.log_format {
            flags.keys.push(("log.format", "--log-format", format.clone()));
        }
        if let Command::Serve(serve) = &self.command {
            let given = [
                ("server.bind", "--bind", &serve.bind),
                ("fleet.url", "--fleet", &serve.fleet),
                ("fleet.machine", "--machine", &serve.machine),
                ("fleet.address", "--address", &serve.address),
            ];
            let given = given.into_iter().filter_map(|(key, flag, text)| Some((key, flag, text.clone()?)));
            flags.keys.extend(given);
        }
        flags.targets.clone_from(&self.global.targets);
        if let Command::Process(process) = &self.command {
            if let Some(variant) = process.variant {
                flags.keys.push(("jobs.variant", "--variant", variant.to_string()));
            }
            if let Some(languages) = &process.languages {
                flags.keys.push(("ocr.languages", "--languages", languages.clone()));
            }
            if process.whole_images {
                flags.keys.push(("intake.split_spreads", "--whole-images", "false".to_owned()));
            }
            if process.no_cache {
                flags.keys.push(("models.answers", "--no-cache", "renewed".to_owned()));
            }
            if let Some(dir) = &process.prompts {
                flags.keys.push(("models.prompts", "--prompts", dir.display().to_string()));
            }
        }
        flags
    }
}

#[cfg(test)]
mod tests;
