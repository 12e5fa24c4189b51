//! `bookstate target list|add|remove|verify|resync|takeover`.

use std::time::Duration;

use bookstate_api::view;
use bookstate_domain::{BookId, Seq};
use bookstate_sink::{CommandError, TakenOver, Verification, verify_stored};
use bookstate_store::{Library, SqliteStore, Target, TargetName, fs::DataDirLock};
use serde_json::{Value, json};

use crate::{
    args::TargetCommand,
    failure::{Exit, Failure},
    library,
    local::LocalReader,
    logging::say,
    output::{self, count},
    settings::{self, Place, Settings, TargetSettings},
    source::Source,
    table::{Column, Table},
};

/// Runs a subcommand.
pub(crate) async fn run(settings: &Settings, command: &TargetCommand, json: bool) -> Result<(), Failure> {
    match command {
        TargetCommand::List => list(settings, json),
        TargetCommand::Add { name, place } => add(settings, name, place, json),
        TargetCommand::Remove { name } => remove(settings, name, json),
        TargetCommand::Verify { name, book } => verify(settings, name, book.as_deref(), json).await,
        TargetCommand::Resync { name, book } => resync(settings, name, book.as_deref(), json).await,
        TargetCommand::Takeover { name, book } => take_over(settings, name, book, json).await,
    }
}

/// The target of this name, if the configuration has it.
///
/// # Errors
/// It does not.
pub(crate) fn configured(settings: &Settings, name: &str) -> Result<TargetName, Failure> {
    let target = settings.targets.iter().find(|target| target.name.as_str() == name);
    target.map(|target| target.name.clone()).ok_or_else(|| no_such(name))
}

fn no_such(name: &str) -> Failure {
    Failure::usage(format_args!("there is no target {name}: see `bookstate target list`"))
}

/// What a command that the sink could not carry out means for the exit code.
pub(crate) fn command_failure(error: CommandError) -> Failure {
    let exit = match error {
        CommandError::NoSuchTarget(_) => Exit::Usage,
        CommandError::NoSuchBook(_) => Exit::Input,
        _ => Exit::Target,
    };
    Failure::caused(exit, &error)
}

/// How far a target has a book.
fn progress(store: &SqliteStore, target: &TargetName, book: &BookId, seq: Seq) -> Result<Value, Failure> {
    let passed = store.progress(target.as_str(), book)?.map_or(Seq::ZERO, |progress| progress.persisted_seq);
    let lag = seq.get().saturating_sub(passed.get());
    Ok(json!({"book_id": book, "persisted_seq": passed, "lag": lag}))
}

fn list(settings: &Settings, json: bool) -> Result<(), Failure> {
    // Targets are configured before there is a book, too.
    let local = LocalReader::open(&settings.data_dir).ok();
    let mut rows = Vec::new();
    for target in &settings.targets {
        let (mut books, mut parked) = (Vec::new(), 0);
        if let Some(local) = &local {
            for (book, sync) in local.store().list_books()? {
                books.push(progress(local.store(), &target.name, &book, sync.persisted_seq)?);
            }
            let of_target = local.store().parked(Some(target.name.as_str()), None)?;
            parked = of_target.iter().filter(|document| !document.dropped).count();
        }
        let (place_key, place) = target.place.key_and_value();
        rows.push(json!({
            "name": target.name, "kind": target.place.kind(), place_key: place, "parked": parked,
            "books": books,
        }));
    }
    if json {
        return output::json(&json!({"targets": rows}));
    }
    let mut table = Table::new(&[
        Column::whole("target"),
        Column::whole("place").rank(2),
        Column::count("books").rank(1),
        Column::count("lag"),
        Column::count("parked"),
    ]);
    for row in &rows {
        let books = row["books"].as_array().map(Vec::as_slice).unwrap_or_default();
        let lag: u64 = books.iter().filter_map(|book| book["lag"].as_u64()).sum();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let place = row.get("path").or_else(|| row.get("url")).unwrap_or(&Value::Null);
        let cells = [text(&row["name"]), text(place), books.len().to_string(), lag.to_string()];
        table.row(cells.into_iter().chain([text(&row["parked"])]));
    }
    output::print(&table, "no targets: `bookstate target add NAME PLACE` adds one")
}

fn add(settings: &Settings, name: &str, place: &str, json: bool) -> Result<(), Failure> {
    let name = settings::target_name(name)?;
    let mut place = Place::parse(place)?;
    if let Place::Sqlite { path } = &mut place {
        *path = std::path::absolute(&path).map_err(Failure::usage)?;
        if !path.parent().is_some_and(std::path::Path::is_dir) {
            return Err(Failure::usage(format_args!(
                "{} is in no directory that exists: make it first",
                path.display()
            )));
        }
    }
    settings::add_target(settings, &name, &place)?;
    let file = settings.files.project.path.display().to_string();
    if json {
        let (place_key, value) = place.key_and_value();
        return output::json(&json!({"name": name, "kind": place.kind(), place_key: value, "file": file}));
    }
    output::line(&format!(
        "target {name} is in {file}; the next command that changes something sends it the books"
    ))
}

fn remove(settings: &Settings, name: &str, json: bool) -> Result<(), Failure> {
    let name = settings::target_name(name)?;
    if settings.data_dir.is_dir() {
        // What is remembered of it would keep deleted documents in mind for ever.
        let _lock = DataDirLock::acquire(&settings.data_dir).map_err(bookstate_store::OpenError::from)?;
        settings::remove_target(settings, &name)?;
        let store = bookstate_store::LibraryConfig::store_path(&settings.data_dir);
        if store.exists() {
            SqliteStore::open(&store)?.forget_target(name.as_str())?;
        }
    } else {
        settings::remove_target(settings, &name)?;
    }
    if json {
        return output::json(&json!({"name": name, "removed": true}));
    }
    output::line(&format!("target {name} is removed; what it holds stays there"))
}

/// The books that a command is about: one, or all.
fn books(library: &Library, book: Option<&str>) -> Result<Vec<BookId>, Failure> {
    match book {
        Some(book) => Ok(vec![library::find(library, book)?]),
        None => library::known_books(library),
    }
}

/// Only reads: no lock is taken, also while a job runs.
async fn verify(settings: &Settings, name: &str, book: Option<&str>, json: bool) -> Result<(), Failure> {
    let target = settings.targets.iter().find(|target| target.name.as_str() == name);
    let target = target.ok_or_else(|| no_such(name))?;
    let local = LocalReader::open(&settings.data_dir)?;
    let (rows, differing) = compare(&local, target, book).await?;
    tell_verified(name, &rows, differing, json)
}

fn tell_verified(name: &str, rows: &[Value], differing: usize, json: bool) -> Result<(), Failure> {
    if json {
        output::json(&json!({"target": name, "equal": differing == 0, "books": rows}))?;
    } else {
        let mut table = Table::new(&[
            Column::whole("book"),
            Column::count("equal").rank(1),
            Column::count("missing"),
            Column::count("differing"),
            Column::count("extra"),
            Column::count("parked").rank(2),
        ]);
        for row in rows {
            let count = |key: &str| row[key].as_array().map_or(0, Vec::len).to_string();
            let id = row["book_id"].as_str().unwrap_or_default().to_owned();
            let equal = row["equal"].to_string();
            table.row([id, equal, count("missing"), count("differing"), count("extra"), count("parked")]);
        }
        output::print(&table, "there is no book to compare")?;
    }
    if differing == 0 {
        return Ok(());
    }
    let books = count(differing, "book");
    Err(Failure::target(format_args!(
        "{books} of target {name} differ: `bookstate target resync {name}` sends what differs"
    )))
}

async fn compare(
    local: &LocalReader,
    target: &TargetSettings,
    book: Option<&str>,
) -> Result<(Vec<Value>, usize), Failure> {
    let books = match book {
        Some(book) => vec![local.find(book)?],
        None => local.store().list_books()?.into_iter().map(|(id, _)| id).collect(),
    };
    let name = &target.name;
    let remote = target.place.target(target.pace.timeout)?;
    let (mut rows, mut differing) = (Vec::new(), 0);
    for id in books {
        let found = compared(local, name, &*remote, target.pace.timeout, &id).await?;
        differing += usize::from(!found.is_equal());
        tell_lag(name.as_str(), id.as_str(), found.lag);
        let mut row = json!({"book_id": id});
        if let (Value::Object(row), Value::Object(found)) =
            (&mut row, serde_json::to_value(&found).map_err(Failure::unexpected)?)
        {
            row.extend(found);
        }
        rows.push(row);
    }
    Ok((rows, differing))
}

fn tell_lag(target: &str, book: &str, lag: u32) {
    if lag > 0 {
        let commits = count(usize::try_from(lag).unwrap_or(usize::MAX), "commit");
        say("note", format_args!("target {target} lacks {commits} of book {book}, which are left out"));
    }
}

/// How often the local store is waited for when a target is ahead of it, and how long each time: the process that
/// has the directory is about to write.
const WAITS: u32 = 20;
const WAIT: Duration = Duration::from_millis(100);

async fn compared(
    local: &LocalReader,
    name: &TargetName,
    remote: &dyn Target,
    timeout: Duration,
    id: &BookId,
) -> Result<Verification, Failure> {
    let silent = || Failure::target(format_args!("target {name} gave no answer in {} s", timeout.as_secs()));
    for _ in 0..WAITS {
        // Before ours: what is written meanwhile is newer than the copy, and left out.
        let copy = tokio::time::timeout(timeout, remote.load_book(id)).await.map_err(|_| silent())?;
        let copy = copy.map_err(|error| Failure::caused(Exit::Target, &error))?;
        let settled = local.holder().is_none();
        let found =
            verify_stored(local.store(), name, id, copy.as_ref(), settled).map_err(command_failure)?;
        if let Some(found) = found {
            return Ok(found);
        }
        if settled {
            break;
        }
        tokio::time::sleep(WAIT).await;
    }
    local.note_behind(Some(id));
    Err(Failure::data_dir(format_args!(
        "target {name} and the local store are not at one point with book {id}: let its job end, or continue it, \
         then compare again"
    )))
}

async fn resync(settings: &Settings, name: &str, book: Option<&str>, json: bool) -> Result<(), Failure> {
    let name = configured(settings, name)?;
    let library = library::open(settings)?;
    let sink = library::start_sink(&library, settings)?;
    let done = async {
        let books = books(&library, book)?;
        for id in &books {
            sink.resync(&name, id).await.map_err(command_failure)?;
        }
        Ok::<_, Failure>(books)
    };
    let done = done.await;
    library::finish(library, sink, settings).await?;
    let books = done?;
    tell_resynced(name.as_str(), &books, json)
}

fn tell_resynced(name: &str, books: &[impl serde::Serialize], json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&json!({"target": name, "books": books}));
    }
    output::line(&format!("target {name}: compared {} and sent what differed", count(books.len(), "book")))
}

async fn take_over(settings: &Settings, name: &str, book: &str, json: bool) -> Result<(), Failure> {
    let name = configured(settings, name)?;
    // It may be unknown here, so a beginning of an id is not enough.
    let id = BookId::new(book).map_err(Failure::input)?;
    let library = library::open(settings)?;
    let sink = library::start_sink(&library, settings)?;
    let taken = sink.take_over(&name, &id).await.map_err(command_failure);
    library::finish(library, sink, settings).await?;
    let taken = taken?;
    let from = taken.from.map(|writer| writer.to_string());
    let TakenOver { in_flux, parked, .. } = taken;
    let (target, book_id) = (name.to_string(), id.to_string());
    tell_taken(&view::TakenOver { target, book_id, previous_writer: from, in_flux, parked }, json)
}

fn tell_taken(taken: &view::TakenOver, json: bool) -> Result<(), Failure> {
    if taken.in_flux {
        say(
            "warning",
            "the target's copy was being written when it was taken: the book has a part of a batch",
        );
    }
    if taken.parked > 0 {
        let documents = count(taken.parked, "document");
        say(
            "warning",
            format_args!("the target had refused {documents}: they are as they were before, or missing"),
        );
    }
    let view::TakenOver { target, book_id, previous_writer, .. } = taken;
    if json {
        return output::json(
            &json!({"target": target, "book_id": book_id, "previous_writer": previous_writer}),
        );
    }
    let from = previous_writer.as_ref();
    let from = from.map_or_else(String::new, |writer| format!(", until now that of data directory {writer}"));
    output::line(&format!("book {book_id} in target {target} is this data directory's{from}"))
}

/// Runs a subcommand on a server.
///
/// # Errors
/// The server cannot be asked, or refuses; copies differ; or it is one that changes a configuration.
pub(crate) async fn remote(source: &Source, command: &TargetCommand, json: bool) -> Result<(), Failure> {
    let server = source.server()?;
    let ids = async |book: Option<&str>| -> Result<Vec<String>, Failure> {
        Ok(match book {
            Some(book) => vec![source.find(book).await?.to_string()],
            None => source.books().await?.books.into_iter().map(|book| book.id).collect(),
        })
    };
    match command {
        TargetCommand::List => list_remote(&server.get(&["api", "targets"], &[]).await?.0, json),
        TargetCommand::Verify { name, book } => {
            let (mut rows, mut differing) = (Vec::new(), 0);
            for id in ids(book.as_deref()).await? {
                let (found, _): (view::Verified, _) =
                    server.get(&["api", "targets", name, "verify", &id], &[]).await?;
                differing += usize::from(!found.is_equal());
                tell_lag(name, &id, found.lag);
                rows.push(serde_json::to_value(found).map_err(Failure::unexpected)?);
            }
            tell_verified(name, &rows, differing, json)
        }
        TargetCommand::Resync { name, book } => {
            let ids = ids(book.as_deref()).await?;
            for id in &ids {
                let path = ["api", "targets", name, "resync", id];
                let _: Value = server.post(&path, None::<&()>).await?;
            }
            tell_resynced(name, &ids, json)
        }
        TargetCommand::Takeover { name, book } => {
            let path = ["api", "targets", name, "takeover", book];
            tell_taken(&server.post(&path, None::<&()>).await?, json)
        }
        TargetCommand::Add { .. } | TargetCommand::Remove { .. } => {
            Err(Failure::usage("the targets of a server are in its configuration: change that where it runs"))
        }
    }
}

fn list_remote(targets: &view::Targets, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(targets);
    }
    let mut table = Table::new(&[
        Column::whole("target"),
        Column::whole("health").toned(),
        Column::count("lag"),
        Column::count("parked"),
        Column::text("reason", 20).rank(1),
    ]);
    for row in &targets.targets {
        let health = serde_json::to_value(row.health).map_err(Failure::unexpected)?;
        table.row([
            row.name.clone(),
            health.as_str().unwrap_or_default().to_owned(),
            row.lag_commits.to_string(),
            row.parked.to_string(),
            row.reason.clone().unwrap_or_default(),
        ]);
    }
    output::print(&table, "no targets")
}
