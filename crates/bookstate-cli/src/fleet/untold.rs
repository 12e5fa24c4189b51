//! Jobs that are active in this data directory and of which nobody tells: those of an earlier process, and all of them when
//! the servers have lost what they had.
//!
//! Whether one is over elsewhere nobody says either. So such a book is claimed, which makes what is here what the targets
//! have: then its job is over, or the others are told of it.

use std::{collections::HashSet, sync::Arc, time::Duration};

use bookstate_api::Ownership;
use bookstate_domain::{BookId, JobId, JobStatus, Priority};

use super::{
    files,
    member::{Inner, Member},
};

/// How often it is looked. What nobody tells of twice in a row nobody is about to tell of.
const LOOK: Duration = Duration::from_secs(5);

/// Looks for such jobs, for ever.
pub(super) async fn tell(inner: Arc<Inner>) {
    let Ok(fleet) = inner.fleet() else { return };
    fleet.heard().await;
    let mut before = HashSet::new();
    loop {
        let active = active(&inner).await;
        if inner.doubts_files() {
            put_files(&inner, &active).await;
        }
        let told: HashSet<BookId> = fleet.jobs().into_iter().map(|(book, _)| book).collect();
        let owned: HashSet<BookId> = inner.owned().into_iter().map(|(book, _)| book).collect();
        let member = Member(inner.clone());
        let is_untold =
            |book: &BookId| !told.contains(book) && !owned.contains(book) && member.elsewhere(book).is_none();
        let untold: HashSet<BookId> =
            active.into_iter().map(|(book, _)| book).filter(|book| is_untold(book)).collect();
        for book in untold.intersection(&before) {
            if inner.is_leaving() {
                return;
            }
            tell_of(&inner, book).await;
        }
        before = untold;
        tokio::time::sleep(LOOK).await;
    }
}

/// The jobs that are active as far as this data directory knows.
async fn active(inner: &Arc<Inner>) -> Vec<(BookId, JobId)> {
    let library = inner.library.clone();
    let stored = tokio::task::spawn_blocking(move || library.local_store().list_jobs());
    let jobs = stored.await.ok().and_then(Result::ok).unwrap_or_default();
    let active = jobs.iter().filter(|job| job.status.is_some_and(JobStatus::is_active));
    active.map(|job| (job.book_id.clone(), job.job_id.clone())).collect()
}

/// Puts the files of books where others find them, as far as they are here and not there.
async fn put_files(inner: &Arc<Inner>, active: &[(BookId, JobId)]) {
    for (book, _) in active {
        if let Err(error) = files::put(&*inner.sources, inner.library.dir(), book).await {
            tracing::debug!(%book, %error, "the book's file is not where other machines find it; it is tried again");
            return inner.doubt_files();
        }
    }
}

async fn tell_of(inner: &Arc<Inner>, book: &BookId) {
    // Given back when this is over: whoever has room goes on with it.
    let _use = match inner.own(book).await {
        Ok(held) => held,
        Err(error) => return tracing::debug!(%book, %error, "a job of which nobody tells is looked at later"),
    };
    if let Some((_, job)) = active(inner).await.into_iter().find(|(other, _)| other == book) {
        tracing::info!(%book, %job, "nobody told of a job that is not over: the others are told");
        inner.announce(book, job.as_str(), Priority::Bulk).await;
    }
}
