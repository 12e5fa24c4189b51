//! What is begun with a book, or changed of it, by a request: each is made this machine's first, where machines share
//! books.

use bookstate_domain::{BookId, JobStatus, OperationName, Priority, Provider, Seq, Text, Variant};
use bookstate_jobs::{JobRequest, Started, choose::provider_among, forget_answers, remove_copy};
use bookstate_store::{BookHandle, PersistError, Receipt};

use super::{ApiState, Begun, ServerParts, Shared};
use crate::{
    job_log,
    ownership::Use,
    problem::{Code, Problem},
    view,
};

impl ApiState {
    /// Makes this machine the owner of a book, where machines share them.
    pub(super) async fn own(&self, book_id: &BookId) -> Result<Option<Use>, Problem> {
        match &self.0.config.ownership {
            Some(ownership) => Ok(Some(ownership.own(book_id).await?)),
            None => Ok(None),
        }
    }

    /// Starts a job of a book, or resumes the one that was interrupted.
    pub(crate) async fn start_job(
        &self,
        book_id: &BookId,
        variant: Option<Variant>,
        reset: Option<OperationName>,
        priority: Priority,
    ) -> Result<Begun, Problem> {
        let request = JobRequest {
            variant: variant.unwrap_or(self.0.config.variant),
            engines: self.0.config.engines.clone(),
            options: self.0.config.options.clone(),
            reset,
            priority,
        };
        let _use = self.own(book_id).await?;
        let started = self.0.parts.scheduler.start(book_id, request).await?;
        let begun = match started {
            Started::Running(job) => {
                let (job_id, resumed) = (job.job_id.clone(), job.resumed);
                if let Some(ownership) = &self.0.config.ownership {
                    ownership.announce(book_id, &job_id, priority).await;
                }
                job_log::follow(job);
                Begun::Running { job_id, resumed }
            }
            Started::NothingToDo { job_id, status, .. } => Begun::NothingToDo { job_id, status },
        };
        // The server may have begun to end meanwhile: then this job, too, goes to a safe point.
        if self.is_stopping() {
            self.0.parts.scheduler.pause();
        }
        Ok(begun)
    }

    /// Goes on with the jobs that an earlier process left active.
    pub(crate) async fn resume_jobs(&self) {
        let jobs = match self.jobs().await {
            Ok(jobs) => jobs,
            Err(problem) => return tracing::error!(?problem, "interrupted jobs could not be looked for"),
        };
        for job in jobs.iter().filter(|job| job.status.is_some_and(JobStatus::is_active)) {
            let (scheduler, book_id) = (self.0.parts.scheduler.clone(), job.book_id.clone());
            let died = tokio::task::spawn_blocking(move || scheduler.died_too_often(&book_id)).await;
            if let Ok(Some(times)) = died {
                tracing::error!(
                    book_id = %job.book_id, times,
                    "the program died again and again while this job was at work: it goes on when it is asked for"
                );
                continue;
            }
            if let Err(problem) = self.start_job(&job.book_id, None, None, Priority::Bulk).await {
                tracing::warn!(book_id = %job.book_id, ?problem, "an interrupted job could not go on");
            }
        }
    }

    /// Ends a job: one that runs is cancelled by its actor, one that was interrupted by a change of its
    /// record. False when the job is over.
    pub(crate) async fn cancel_job(&self, id: &view::JobId) -> Result<bool, Problem> {
        let Shared { parts: ServerParts { library, scheduler, .. }, .. } = &*self.0;
        let running = scheduler.progress(&id.book_id).map(|progress| progress.borrow().clone());
        if running.is_some_and(|running| running.job_id == id.job_id && !running.is_over()) {
            return Ok(scheduler.cancel(&id.book_id));
        }
        let _use = self.own(&id.book_id).await?;
        let (library, id) = (library.clone(), id.clone());
        let cancelled = tokio::task::spawn_blocking(move || {
            let handle = library.open_book(&id.book_id, "a cancellation")?;
            let snapshot = handle.snapshot();
            if snapshot.state.active_job().is_none_or(|job| job.job_id != id.job_id) {
                return Ok(false);
            }
            handle.persist_job_status(&id.job_id, JobStatus::Cancelled, None)?;
            Ok(true)
        });
        cancelled.await.map_err(|error| Problem::internal(&error))?
    }

    /// Undoes an operation of a book and all that follows from it.
    pub(crate) async fn reset(&self, book_id: &BookId, operation: OperationName) -> Result<Seq, Problem> {
        self.change(book_id, "a reset", move |book| book.persist_reset(operation)).await
    }

    /// Has pages read again by the next job.
    pub(crate) async fn reread(
        &self,
        book_id: &BookId,
        pages: Vec<i32>,
        engine: Option<Provider>,
    ) -> Result<Seq, Problem> {
        let (library, id) = (self.0.parts.library.clone(), book_id.clone());
        // What a model answered of them before would be its answer again.
        let forgotten = tokio::task::spawn_blocking(move || forget_answers(library.dir(), &id));
        forgotten
            .await
            .map_err(|error| Problem::internal(&error))?
            .map_err(|error| Problem::internal(&error))?;
        self.change(book_id, "rereading", move |book| book.persist_reread(pages, engine)).await
    }

    /// Gives a page a person's text.
    pub(crate) async fn correct(&self, book_id: &BookId, page_num: i32, text: Text) -> Result<Seq, Problem> {
        self.change(book_id, "a correction", move |book| {
            book.persist_page_correction(page_num, text, Vec::new())
        })
        .await
    }

    /// Opens a book, which may have to be loaded, for one change.
    async fn change(
        &self,
        book_id: &BookId,
        holder: &'static str,
        change: impl FnOnce(&BookHandle) -> Result<Receipt, PersistError> + Send + 'static,
    ) -> Result<Seq, Problem> {
        let _use = self.own(book_id).await?;
        let (library, id) = (self.0.parts.library.clone(), book_id.clone());
        let changed = tokio::task::spawn_blocking(move || Ok(change(&library.open_book(&id, holder)?)?.seq));
        changed.await.map_err(|error| Problem::internal(&error))?
    }

    /// The OCR provider of this name, among those of new jobs.
    pub(crate) fn provider(&self, engine: &str) -> Result<Provider, Problem> {
        let engines = &self.0.config.engines;
        provider_among(engines, engine).ok_or_else(|| {
            let shown: String = engine.chars().take(60).collect();
            let detail = format!("no engine {shown:?} reads pages here: {} do", engines.ocr.join(", "));
            Problem::new(Code::InvalidRequest, detail)
        })
    }

    /// Removes a book and the copy of its file. The file goes once the removal is safe: it could not be undone.
    pub(crate) async fn remove(&self, book_id: &BookId) -> Result<(), Problem> {
        let _use = self.own(book_id).await?;
        let (library, id) = (self.0.parts.library.clone(), book_id.clone());
        let removed = tokio::task::spawn_blocking(move || {
            let handle = library.open_book(&id, "a removal")?;
            handle.persist_book_removed()?;
            Ok::<_, Problem>(handle)
        });
        let handle = removed.await.map_err(|error| Problem::internal(&error))??;
        handle.durable().await.map_err(|error| Problem::internal(&error))?;
        let (library, id) = (self.0.parts.library.clone(), book_id.clone());
        let gone = tokio::task::spawn_blocking(move || remove_copy(library.dir(), &id));
        gone.await.map_err(|error| Problem::internal(&error))?.map_err(|error| Problem::internal(&error))
    }
}
