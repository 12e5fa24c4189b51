//! The library and the sink as changing commands use them: the data directory is locked, what a killed
//! process left is recovered, and at the end everything is in the local store.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use bookstate_domain::BookId;
use bookstate_jobs::{Intake, Trial, file_names};
use bookstate_scans::images::ImageProgram;
use bookstate_sink::{DrainReport, Pace, Reached, RemoteTarget, Sink, SinkConfig};
use bookstate_store::{CloseError, Library, LibraryConfig, RecoveryReport, TargetName};

use crate::{
    book_ref::{self, Known},
    failure::Failure,
    logging::say,
    output::count,
    settings::{Settings, TargetSettings},
};

/// Locks and opens the data directory. Says what recovery found.
///
/// # Errors
/// Another process has it, or it is damaged.
pub(crate) fn open(settings: &Settings) -> Result<Library, Failure> {
    open_with(settings, LibraryConfig::new(&settings.data_dir))
}

/// Locks and opens the data directory of a machine whose books are a fleet's: one is written only while the machine owns
/// it. Says what recovery found.
///
/// # Errors
/// Another process has it, or it is damaged.
pub(crate) fn open_shared(settings: &Settings) -> Result<Library, Failure> {
    let mut config = LibraryConfig::new(&settings.data_dir);
    config.require_tenures = true;
    open_with(settings, config)
}

fn open_with(settings: &Settings, mut config: LibraryConfig) -> Result<Library, Failure> {
    config.policy = settings.policy;
    config.segment_bytes = settings.segment_bytes;
    let (library, report) = Library::open(config)?;
    tell(&report);
    Ok(library)
}

fn tell(report: &RecoveryReport) {
    for book in &report.recovered {
        let commits = count(book.commits, "commit");
        say("note", format_args!("{commits} of book {} were recovered from the journal", book.book_id));
    }
    for aside in &report.set_aside {
        let (commits, id, file) = (count(aside.commits, "commit"), &aside.book_id, aside.file.display());
        say(
            "warning",
            format_args!(
                "{commits} of book {id} follow a gap behind seq {}; they are kept in {file}",
                aside.after
            ),
        );
    }
}

/// How long opening a file may take.
const OPENING: Duration = Duration::from_secs(60);

/// What files may be that are taken in. Each is opened first by this program in another process.
///
/// # Errors
/// The system does not say where this program is.
pub(crate) fn intake(settings: &Settings) -> Result<Intake, Failure> {
    let (program, arguments) = (this_program()?, own_process("open-file", settings));
    let trial = Some(Trial { program, arguments, time: OPENING });
    let images = Some(images(settings)?);
    let split_spreads = settings.split_spreads;
    let (pages, growth) = (settings.max_pages, settings.max_growth);
    Ok(Intake { pages, growth, trial, images, split_spreads, ..Intake::default() })
}

/// The program that makes images of pages: this one.
///
/// # Errors
/// The system does not say where it is.
pub(crate) fn images(settings: &Settings) -> Result<ImageProgram, Failure> {
    let seconds = settings.page_seconds;
    let mut arguments = own_process("page-image", settings);
    arguments.splice(1..1, ["--seconds", &seconds.to_string()].map(Into::into));
    // The processor may be busy with something else.
    let time = Duration::from_secs(seconds.saturating_mul(2).max(60));
    Ok(ImageProgram { program: this_program()?, arguments, time })
}

/// This program, to be started again.
///
/// # Errors
/// The system does not say where it is.
pub(crate) fn this_program() -> Result<PathBuf, Failure> {
    // Not by its name, where that can be: an update may have put another program there.
    let this = PathBuf::from("/proc/self/exe");
    if this.exists() { Ok(this) } else { std::env::current_exe().map_err(Failure::unexpected) }
}

/// The arguments of a command that reads a file in a process of its own.
fn own_process(command: &str, settings: &Settings) -> Vec<OsString> {
    [command, "--memory-mb", &settings.intake_memory_mb.to_string(), "--"].map(Into::into).to_vec()
}

/// Starts the sink: the local store, and every target of the configuration.
///
/// # Errors
/// A target's token cannot be read.
pub(crate) fn start_sink(library: &Library, settings: &Settings) -> Result<Sink, Failure> {
    let remotes = settings.targets.iter().map(remote).collect::<Result<_, Failure>>()?;
    let local = Pace { linger: settings.local_linger, ..Pace::LOCAL };
    Ok(Sink::start(library, remotes, &SinkConfig { local, ..SinkConfig::new() }))
}

/// A target as the sink takes it.
///
/// # Errors
/// Its address or token cannot be used.
pub(crate) fn remote(target: &TargetSettings) -> Result<RemoteTarget, Failure> {
    Ok(RemoteTarget {
        name: target.name.clone(),
        target: target.place.target(target.pace.timeout)?,
        pace: target.pace.clone(),
    })
}

/// The books that are here, live or stored.
///
/// # Errors
/// The local store cannot be read.
pub(crate) fn known_books(library: &Library) -> Result<Vec<BookId>, Failure> {
    let mut known: Vec<BookId> = library.local_store().list_books()?.into_iter().map(|(id, _)| id).collect();
    known.extend(library.live_books());
    known.sort();
    known.dedup();
    Ok(known)
}

/// The book that `text` means.
///
/// # Errors
/// None or several are meant, or the local store cannot be read.
pub(crate) fn find(library: &Library, text: &str) -> Result<BookId, Failure> {
    let mut known = book_ref::stored(library.local_store(), library.dir())?;
    let names = file_names(library.dir());
    for id in library.live_books() {
        // The store may be behind the journal, in both ways.
        known.retain(|book| book.id != id);
        let live = library.active(&id);
        if let Some(book) = live.as_ref().and_then(|live| live.state.book()) {
            known.push(Known::of(book, &names));
        }
    }
    book_ref::resolve(text, &known)
}

/// Brings everything to the local store and, as far as they can be reached in time, to the targets; then ends
/// the journal. Says what is left.
///
/// # Errors
/// The local store does not have everything. It is in the journal, and the next start goes on from there.
pub(crate) async fn finish(library: Library, sink: Sink, settings: &Settings) -> Result<(), Failure> {
    let report = sink.drain(settings.drain).await;
    tell_left(&report);
    match library.close() {
        Ok(()) => {}
        // A job that did not end in time still has the library; its end is the process's.
        Err(CloseError::InUse) => tracing::debug!("the journal ends with the process"),
        Err(error) => say("warning", error),
    }
    let local = TargetName::local();
    let reached = report.targets.into_iter().find(|(name, _)| *name == local);
    match reached {
        Some((_, Reached::Unhealthy { error })) => Err(Failure::data_dir(format_args!(
            "the local store lacks what the journal has ({error}): nothing is lost, the next start continues"
        ))),
        _ => Ok(()),
    }
}

/// Says what remote targets lack, and what they refuse.
fn tell_left(report: &DrainReport) {
    for (name, reached) in report.targets.iter().filter(|(name, _)| *name != TargetName::local()) {
        if let Reached::Unhealthy { error } = reached {
            let lag =
                report.status.iter().find(|status| status.name == *name).map_or(0, |status| status.lag());
            let commits = count(usize::try_from(lag).unwrap_or(usize::MAX), "commit");
            let lacks = if lag == 0 { "may lack something".to_owned() } else { format!("lacks {commits}") };
            say(
                "warning",
                format_args!(
                    "target {name} {lacks} ({error}): the next command that changes something sends it, or \
                     `bookstate target resync {name}`"
                ),
            );
        }
    }
    for status in &report.status {
        if status.parked > 0 {
            let documents = count(status.parked, "document");
            say(
                "warning",
                format_args!("target {} refuses {documents}: see `bookstate parked list`", status.name),
            );
        }
        for foreign in &status.foreign {
            let (name, book) = (&status.name, &foreign.book_id);
            let whose = if foreign.is_copy {
                "another copy of this data directory, or has it from before this one was put back; what it has more \
                 is lost when you take it over"
            } else {
                "another data directory"
            };
            say(
                "warning",
                format_args!(
                    "target {name} takes book {book} from {whose}: `bookstate target takeover {name} {book}` takes it \
                     over"
                ),
            );
        }
    }
}
