//! `bookstate status [BOOK] [--watch]`: how far books are, and how far each target has them.

use std::{
    io::{self, IsTerminal},
    time::Duration,
};

use bookstate_api::view::BookStatusLine;
use bookstate_domain::{BookStatus, JobStatus, StageState};

use super::jobs::INTERRUPTED;
use crate::{
    failure::{Exit, Failure},
    output,
    source::Source,
    status::{BookLine, Status},
    table::{Column, Table},
};

/// How often a watched status is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Shows the status once, or whenever it changes.
pub(crate) async fn run(source: &Source, book: Option<&str>, watch: bool, json: bool) -> Result<(), Failure> {
    let only = match book {
        Some(book) => Some(source.find(book).await?),
        None => None,
    };
    let file_name = match &only {
        Some(only) => source.file_name(only).await?,
        None => None,
    };
    let look = async || -> Result<Status, Failure> {
        let mut status = source.status(only.as_ref()).await?;
        for book in &mut status.books {
            book.file_name = book.file_name.take().or_else(|| file_name.clone());
        }
        Ok(status)
    };
    let mut shown = look().await?;
    if let Source::Local { reader, .. } = source {
        reader.note_behind(only.as_ref());
    }
    show(&shown, only.is_some(), json)?;
    while watch && !is_over(&shown) {
        tokio::select! {
            () = tokio::time::sleep(WATCH_INTERVAL) => {}
            _ = tokio::signal::ctrl_c() => return Err(Failure::silent(Exit::Interrupted)),
        }
        let now = look().await?;
        if now != shown {
            if !json && io::stdout().is_terminal() {
                output::clear()?;
            }
            show(&now, only.is_some(), json)?;
        }
        shown = now;
    }
    Ok(())
}

/// Whether nothing more is to be expected: no process is at work, or every book is done.
fn is_over(status: &Status) -> bool {
    let done = |book: &BookLine| {
        !matches!(book.line.status, Some(BookStatus::Ingested | BookStatus::Processing) | None)
    };
    status.process.is_none() || status.books.iter().all(done)
}

fn show(status: &Status, one: bool, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(status);
    }
    if let Some(process) = &status.process {
        output::line(&format!("process {} is at work (`{}`)", process.pid, process.command))?;
    }
    if one {
        return status.books.iter().try_for_each(|book| show_book(book, status.process.is_some()));
    }
    let mut table = Table::new(&[
        Column::whole("book"),
        Column::text("title", 10).rank(1),
        Column::text("status", 11).toned(),
        Column::text("stage", 12),
        Column::count("lag").rank(2),
        Column::count("parked").rank(3),
    ]);
    for book in &status.books {
        let line = &book.line;
        let stage = line.stages.iter().find(|stage| !stage.state.is_settled());
        table.row([
            line.book_id.clone(),
            book.name().unwrap_or_default().to_owned(),
            book_status(line, status.process.is_some()),
            stage.map(|stage| format!("{} {}/{}", stage.stage, stage.done, stage.total)).unwrap_or_default(),
            book.targets.iter().map(|target| target.lag).max().unwrap_or(0).to_string(),
            book.targets.iter().map(|target| target.parked).sum::<usize>().to_string(),
        ]);
    }
    output::print(&table, "no books yet: `bookstate process FILE` takes one in")
}

/// Where a book stands: what its record says, unless its job was interrupted and nobody works on it any more.
fn book_status(line: &BookStatusLine, at_work: bool) -> String {
    let active = line.job.as_ref().is_some_and(|job| job.status.is_some_and(JobStatus::is_active));
    match line.status {
        Some(BookStatus::Processing) if active && !at_work => INTERRUPTED.to_owned(),
        status => status.map(|status| status.to_string()).unwrap_or_default(),
    }
}

fn show_book(book: &BookLine, at_work: bool) -> Result<(), Failure> {
    let line = &book.line;
    let word = |word: Option<String>| word.unwrap_or_else(|| "-".to_owned());
    output::line(&format!("book      {}", line.book_id))?;
    output::line(&format!("title     {}", line.title.as_deref().unwrap_or("-")))?;
    output::line(&format!("file      {}", book.file_name.as_deref().unwrap_or("-")))?;
    let reason = line.status_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let status = book_status(line, at_work);
    let go_on = if status == INTERRUPTED { "; `bookstate process FILE` continues" } else { "" };
    output::line(&format!("status    {}{reason}{go_on}", if status.is_empty() { "-" } else { &status }))?;
    if let Some(job) = &line.job {
        let (variant, record) = (job.variant.map(|v| v.to_string()), job.status.map(|s| s.to_string()));
        let stands = if status == INTERRUPTED { status } else { word(record) };
        output::line(&format!("job       {} ({}), {stands}", job.job_id, word(variant)))?;
    }
    output::line(&format!("seq       {} in the local store\n", book.persisted_seq))?;
    let mut stages =
        Table::new(&[Column::whole("stage"), Column::whole("state").toned(), Column::number("done")]);
    for stage in &line.stages {
        let done = match stage.state {
            StageState::Skipped => String::new(),
            _ => format!("{}/{}", stage.done, stage.total),
        };
        stages.row([stage.stage.to_string(), stage.state.to_string(), done]);
    }
    output::print(&stages, "")?;
    if !book.targets.is_empty() {
        let mut targets = Table::new(&[
            Column::whole("target"),
            Column::number("seq"),
            Column::count("lag"),
            Column::count("parked"),
        ]);
        for target in &book.targets {
            targets.row([
                target.name.to_string(),
                target.persisted_seq.to_string(),
                target.lag.to_string(),
                target.parked.to_string(),
            ]);
        }
        output::line("")?;
        output::print(&targets, "")?;
    }
    Ok(())
}
