//! `bookstate journal inspect|verify|quarantine`.

use std::path::{Path, PathBuf};

use bookstate_domain::Commit;
use bookstate_store::{
    LibraryConfig, StoreError,
    fs::{DataDirLock, OsFs},
    journal::{self, Entry, JournalError, QuarantineError, Verification},
};
use serde::Serialize;
use serde_json::json;

use crate::{
    args::JournalCommand,
    failure::{Exit, Failure},
    local::LocalReader,
    output::{self, count},
    settings::Settings,
    table::{Column, Table},
};

/// Runs a subcommand.
pub(crate) fn run(settings: &Settings, command: &JournalCommand, json: bool) -> Result<(), Failure> {
    let dir = LibraryConfig::journal_dir(&settings.data_dir);
    if !dir.exists() {
        return Err(Failure::data_dir(format_args!(
            "there is no journal in {}",
            settings.data_dir.display()
        )));
    }
    match command {
        JournalCommand::Inspect { book } => inspect(settings, &dir, book.as_deref()),
        JournalCommand::Verify => verify(settings, &dir, json),
        JournalCommand::Quarantine { segment } => quarantine(settings, &dir, *segment, json),
    }
}

fn open_failure(error: JournalError) -> Failure {
    bookstate_store::OpenError::from(error).into()
}

/// A line of `journal inspect`.
#[derive(Serialize)]
struct Line<'a> {
    segment: u64,
    offset: u64,
    bytes: usize,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Content<'a> {
    Commit(Box<Commit>),
    /// A commit that this version does not understand.
    Unknown {
        book: &'a str,
        seq: u32,
        error: String,
    },
}

fn inspect(settings: &Settings, dir: &Path, book: Option<&str>) -> Result<(), Failure> {
    let only = book.map(|book| LocalReader::open(&settings.data_dir)?.find(book)).transpose()?;
    let mut failure = None;
    let mut print = |entry: Entry<'_>| {
        let Entry::Commit { segment, offset, head, payload, .. } = entry else { return };
        if failure.is_some() || only.as_ref().is_some_and(|only| only.as_str() != head.book) {
            return;
        }
        let content = match rmp_serde::from_slice(payload) {
            Ok(commit) => Content::Commit(Box::new(commit)),
            Err(error) => Content::Unknown { book: head.book, seq: head.seq, error: error.to_string() },
        };
        failure = output::json(&Line { segment, offset, bytes: payload.len(), content }).err();
    };
    let found = journal::inspect(&OsFs, dir, &mut print).map_err(open_failure)?;
    failure.map_or(Ok(()), Err)?;
    damage_failure(&found)
}

fn damage_failure(found: &Verification) -> Result<(), Failure> {
    let Some(first) = found.damage.first() else { return Ok(()) };
    let (places, segment) = (count(found.damage.len(), "place"), first.segment);
    Err(Failure::data_dir(format_args!(
        "the journal is damaged in {places} ({first}); nothing was deleted: restore segment {segment} from a \
         copy, or give up what follows the damage in it with `bookstate journal quarantine {segment}`"
    )))
}

fn verify(settings: &Settings, dir: &Path, json: bool) -> Result<(), Failure> {
    let found = journal::verify(&OsFs, dir).map_err(open_failure)?;
    // What the journal let go is only in the store, so the two are sound together or not at all. Before the
    // first batch there is no store.
    let exists = LibraryConfig::store_path(&settings.data_dir).exists();
    let store = exists.then(|| LocalReader::open(&settings.data_dir)).transpose()?;
    let checked = store
        .as_ref()
        .map(|local| Ok::<_, StoreError>((local.store().size_bytes()?, local.store().integrity_check())));
    let checked = checked.transpose()?;
    if json {
        let mut answer = as_json(&found);
        answer["local_store"] =
            checked.as_ref().map(|(bytes, sound)| json!({"bytes": bytes, "sound": sound.is_ok()})).into();
        output::json(&answer)?;
    } else {
        let mut table = Table::new(&[
            Column::number("segment"),
            Column::count("bytes"),
            Column::count("readable").rank(1),
            Column::count("books").rank(2),
            Column::text("state", 9).toned(),
        ]);
        for segment in &found.segments {
            let state = match (segment.quarantined, segment.readable == segment.bytes) {
                (true, _) => "set aside",
                (_, true) => "whole",
                _ => "cut",
            };
            table.row([
                segment.number.to_string(),
                segment.bytes.to_string(),
                segment.readable.to_string(),
                segment.books.len().to_string(),
                state.to_owned(),
            ]);
        }
        output::print(&table, "no segment has a record")?;
        let commits = count(usize::try_from(found.records).unwrap_or(usize::MAX), "intact commit");
        output::line(&commits)?;
        if let Some(torn) = &found.torn {
            let (segment, bytes) = (torn.segment, torn.bytes);
            output::line(&format!(
                "segment {segment} ends with {bytes} torn bytes, which the next start cuts off"
            ))?;
        }
        for stray in &found.strays {
            output::line(&format!("{stray} is none of the journal's files"))?;
        }
        if let Some((bytes, Ok(()))) = &checked {
            output::line(&format!("the local store is sound, {bytes} bytes"))?;
        }
    }
    damage_failure(&found)?;
    checked.map_or(Ok(()), |(_, sound)| Ok(sound?))
}

fn as_json(found: &Verification) -> serde_json::Value {
    let segments = found.segments.iter().map(|segment| {
        let books = segment.books.iter().map(|(book, seq)| json!({"book_id": book, "highest_seq": seq}));
        json!({
            "segment": segment.number, "quarantined": segment.quarantined, "bytes": segment.bytes,
            "readable": segment.readable, "books": books.collect::<Vec<_>>(),
        })
    });
    let torn = found.torn.as_ref().map(|torn| {
        let defect = torn.defect.to_string();
        json!({"segment": torn.segment, "offset": torn.offset, "bytes": torn.bytes, "defect": defect})
    });
    let damage = found.damage.iter().map(|damage| {
        json!({"segment": damage.segment, "offset": damage.offset, "defect": damage.defect.to_string()})
    });
    json!({
        "whole": found.damage.is_empty(), "commits": found.records, "segments": segments.collect::<Vec<_>>(),
        "torn": torn, "damage": damage.collect::<Vec<_>>(), "strays": found.strays,
    })
}

fn quarantine(settings: &Settings, dir: &Path, segment: u64, json: bool) -> Result<(), Failure> {
    let lock = DataDirLock::acquire(&settings.data_dir).map_err(bookstate_store::OpenError::from)?;
    let aside: PathBuf = journal::quarantine(&OsFs, dir, segment).map_err(|error| match error {
        QuarantineError::NotDamaged { .. } => Failure::usage(error),
        error => Failure::caused(Exit::DataDir, &error),
    })?;
    drop(lock);
    let path = aside.display().to_string();
    if json {
        return output::json(&json!({"segment": segment, "path": path}));
    }
    output::line(&format!(
        "segment {segment} is set aside as {path}; what stands before the damage is still read"
    ))
}
