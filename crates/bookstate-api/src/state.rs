//! What the routes share. The library is private to this module and to [`crate::read`], so that a route can get
//! at a book in one way only.

mod changes;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bookstate_domain::{AnyKey, Book, BookId, BookStatus, Job, JobId, JobStatus, Timestamp};
use bookstate_jobs::{
    IngestError, Ingested, Intake, JobProgress, JobTotals, Scheduler, copy_of, file_names, ingest_within,
    pool::PoolLoad,
};
use bookstate_reading::source::{Resource, cover};
use bookstate_sink::{Sink, TakenOver, TargetStatus, Verification};
use bookstate_store::{Library, OpenBookError, ParkedDocument, TargetName, journal::JournalHealth};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::{
    answers::AnswerMemory,
    blocking::blocking,
    clients::{Client, Guesses, Scarce, Taken},
    config::ServerConfig,
    events::Hub,
    images::Images,
    lag::LagTracker,
    others::Others,
    ownership::FleetView,
    problem::{Code, Problem},
    rendered::RenderedAnswers,
    view,
};

/// What a server works with.
#[derive(Debug, Clone)]
pub struct ServerParts {
    /// The books.
    pub library: Library,
    /// The jobs.
    pub scheduler: Scheduler,
    /// The targets.
    pub sink: Arc<Sink>,
}

#[derive(Debug)]
struct Shared {
    parts: ServerParts,
    config: ServerConfig,
    epoch: String,
    requests: AtomicU64,
    rendered: RenderedAnswers,
    began: Instant,
    started_at: Timestamp,
    hub: Hub,
    lag: LagTracker,
    uploads: Scarce,
    streams: Scarce,
    answers: AnswerMemory,
    images: Images,
    others: Others,
    guesses: Guesses,
    stopping: watch::Sender<bool>,
    /// Files are taken in one after the other: the same content twice at once would be two writers of one
    /// book.
    taking_in: tokio::sync::Mutex<()>,
    /// Books that are read from a store at once, and held until their answers are made.
    reads: Arc<Semaphore>,
    exports: Arc<Semaphore>,
}

/// What starting a job led to.
#[derive(Debug)]
pub(crate) enum Begun {
    /// It runs.
    Running {
        /// The job.
        job_id: JobId,
        /// It was active already.
        resumed: bool,
    },
    /// The book is done.
    NothingToDo {
        /// Its latest job.
        job_id: Option<JobId>,
        /// Where it stands.
        status: BookStatus,
    },
}

/// See the module documentation. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ApiState(Arc<Shared>);

/// So many books that are not in memory are read at once: each is there whole until its answer is made.
const READS: usize = 8;
/// So many exports are made at once: each takes a processor for a while, and several times its size of memory.
const EXPORTS: usize = 2;

async fn turn(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    of.clone().acquire_owned().await.map_err(|error| Problem::internal(&error))
}

impl ApiState {
    pub(crate) fn new(parts: ServerParts, config: ServerConfig) -> Self {
        // A new one per start, so that an ETag or an event's id of an earlier process is never taken for
        // ours.
        let epoch = format!("{:08x}", rand::random::<u32>());
        let hub = Hub::new(parts.library.clone(), parts.scheduler.clone(), epoch.clone());
        Self(Arc::new(Shared {
            uploads: Scarce::new(config.limits.uploads),
            streams: Scarce::new(config.limits.streams),
            answers: AnswerMemory::new(config.limits.answer_bytes),
            images: Images::new(parts.library.dir(), &config),
            others: Others::new(),
            guesses: Guesses::default(),
            stopping: watch::channel(false).0,
            taking_in: tokio::sync::Mutex::default(),
            reads: Arc::new(Semaphore::new(READS)),
            exports: Arc::new(Semaphore::new(EXPORTS)),
            requests: AtomicU64::new(0),
            rendered: RenderedAnswers::default(),
            began: Instant::now(),
            started_at: parts.library.clock().now(),
            lag: LagTracker::default(),
            parts,
            config,
            epoch,
            hub,
        }))
    }

    /// A turn to read a book that is not in memory.
    pub(crate) async fn turn_to_read(&self) -> Result<OwnedSemaphorePermit, Problem> {
        turn(&self.0.reads).await
    }

    /// A turn to make an export.
    pub(crate) async fn turn_to_export(&self) -> Result<OwnedSemaphorePermit, Problem> {
        turn(&self.0.exports).await
    }

    pub(crate) fn config(&self) -> &ServerConfig {
        &self.0.config
    }

    /// The providers of models that stages name.
    pub(crate) fn providers(&self) -> Vec<view::ProviderRow> {
        self.0.config.providers.as_ref().map_or_else(Vec::new, |providers| providers.rows())
    }

    pub(crate) fn epoch(&self) -> &str {
        &self.0.epoch
    }

    /// A name for a request, unique among the starts of a server.
    pub(crate) fn request_id(&self) -> String {
        format!("{}-{:x}", self.0.epoch, self.0.requests.fetch_add(1, Ordering::Relaxed))
    }

    /// Answers about books that were rendered before; for [`crate::read`] only.
    pub(crate) fn rendered(&self) -> &RenderedAnswers {
        &self.0.rendered
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.0.began.elapsed()
    }

    pub(crate) fn started_at(&self) -> Timestamp {
        self.0.started_at
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub(crate) fn lag(&self) -> &LagTracker {
        &self.0.lag
    }

    /// For [`crate::read`] only, and for `events`, which reads no book: a route has no business with it.
    pub(crate) fn library_for_reading(&self, _: crate::read::key::Key) -> &Library {
        &self.0.parts.library
    }

    // What a server does at its end.

    /// Takes nothing new, and brings every job to a safe point.
    pub(crate) fn stop(&self) {
        if let Some(ownership) = &self.0.config.ownership {
            ownership.leave();
        }
        self.0.stopping.send_replace(true);
        self.0.parts.scheduler.pause();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.0.stopping.borrow()
    }

    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.0.stopping.subscribe()
    }

    /// Waits until no job runs.
    pub(crate) async fn jobs_over(&self) {
        for job in self.0.parts.scheduler.jobs() {
            if let Some(mut progress) = self.0.parts.scheduler.progress(&job.book_id) {
                // An error means that the job is gone.
                drop(progress.wait_for(JobProgress::is_over).await);
            }
        }
    }

    /// Refuses work when the server is about to end.
    pub(crate) fn require_running(&self) -> Result<(), Problem> {
        if self.is_stopping() {
            return Err(Problem::new(Code::ShuttingDown, "the server is being shut down: try again later"));
        }
        Ok(())
    }

    // What is limited.

    pub(crate) fn upload_permit(&self, client: Client) -> Result<Taken, Problem> {
        let taken = self.0.uploads.take(client);
        taken.ok_or_else(|| Problem::new(Code::TooMany, "as many uploads as allowed are under way"))
    }

    pub(crate) fn stream_permit(&self, client: Client) -> Result<Taken, Problem> {
        let taken = self.0.streams.take(client);
        taken.ok_or_else(|| Problem::new(Code::TooMany, "as many event streams as allowed are open"))
    }

    pub(crate) fn streams_open(&self) -> usize {
        self.0.streams.in_use()
    }

    pub(crate) fn answers(&self) -> &AnswerMemory {
        &self.0.answers
    }

    /// Images of pages.
    pub(crate) fn images(&self) -> &Images {
        &self.0.images
    }

    /// The other machines of the fleet.
    pub(crate) fn others(&self) -> &Others {
        &self.0.others
    }

    pub(crate) fn guesses(&self) -> &Guesses {
        &self.0.guesses
    }

    // Over all books.

    /// The `Book` documents of all books of this data directory, live ones as they are in memory, by id.
    pub(crate) async fn books(&self) -> Result<Vec<Arc<Book>>, Problem> {
        let library = self.0.parts.library.clone();
        blocking(move || {
            let stored = library.local_store().list_book_documents()?;
            let mut books: BTreeMap<BookId, Arc<Book>> =
                stored.into_iter().map(|book| (book.book_id.clone(), book)).collect();
            for id in library.live_books() {
                // One that was removed is still stored until its removal arrives there.
                let Some(live) = library.active(&id) else { continue };
                match live.state.books().values().next() {
                    Some(book) => books.insert(id, book.clone()),
                    None => books.remove(&id),
                };
            }
            Ok(books.into_values().collect())
        })
        .await
    }

    /// The jobs of all books, live ones as they are in memory, newest first.
    pub(crate) async fn jobs(&self) -> Result<Vec<Arc<Job>>, Problem> {
        let library = self.0.parts.library.clone();
        let mut jobs = blocking(move || {
            let mut jobs = library.local_store().list_jobs()?;
            for id in library.live_books() {
                if let Some(snapshot) = library.active(&id) {
                    jobs.retain(|job| job.book_id != id);
                    jobs.extend(snapshot.state.jobs().values().cloned());
                }
            }
            Ok(jobs)
        })
        .await?;
        jobs.sort_by(|a, b| (b.created_at, &b.book_id).cmp(&(a.created_at, &a.book_id)));
        Ok(jobs)
    }

    /// How many books the local store has, and its bytes.
    pub(crate) async fn store_size(&self) -> Result<(u64, usize), Problem> {
        let store = self.0.parts.library.local_store().clone();
        blocking(move || Ok((store.size_bytes()?, store.list_books()?.len()))).await
    }

    pub(crate) fn free_bytes(&self) -> Option<u64> {
        self.0.parts.library.free_bytes()
    }

    pub(crate) fn journal(&self) -> JournalHealth {
        self.0.parts.library.journal_health()
    }

    pub(crate) fn call_times(&self) -> bookstate_store::CallTimes {
        self.0.parts.library.call_times()
    }

    pub(crate) fn live_books(&self) -> usize {
        self.0.parts.library.live_books().len()
    }

    // Jobs.

    pub(crate) fn running_jobs(&self) -> Vec<JobProgress> {
        self.0.parts.scheduler.jobs()
    }

    pub(crate) fn job_totals(&self) -> JobTotals {
        self.0.parts.scheduler.totals()
    }

    pub(crate) fn job_progress(&self, book_id: &BookId) -> Option<JobProgress> {
        self.0.parts.scheduler.progress(book_id).map(|progress| progress.borrow().clone())
    }

    /// The fleet, where there is one.
    pub(crate) fn fleet(&self) -> Option<FleetView> {
        self.0.config.ownership.as_ref().map(|ownership| ownership.view())
    }

    /// Whether a job that does not run here goes on by itself, since the fleet has it.
    pub(crate) fn is_awaited(&self, job: &Job, live: Option<&JobProgress>) -> bool {
        let is_active = live.is_none() && job.status.is_some_and(JobStatus::is_active);
        let ownership = self.0.config.ownership.as_ref();
        is_active && ownership.is_some_and(|ownership| ownership.is_awaited(&job.book_id))
    }

    /// Takes in a file that its client calls so.
    pub(crate) async fn take_in(&self, path: &std::path::Path, name: &str) -> Result<Ingested, Problem> {
        let _one_at_a_time = self.0.taking_in.lock().await;
        let intake = Intake { file_name: Some(name.to_owned()), ..self.0.config.intake.clone() };
        let library = &self.0.parts.library;
        match ingest_within(library, path, &intake).await {
            // Which book the file is, is known only now.
            Err(IngestError::Open(OpenBookError::NotOwned { book_id })) => {
                let _use = self.own(&book_id).await?;
                Ok(ingest_within(library, path, &intake).await?)
            }
            taken_in => Ok(taken_in?),
        }
    }

    /// What the books' files were called, as far as it is known.
    pub(crate) async fn file_names(&self) -> Result<BTreeMap<BookId, String>, Problem> {
        let dir = self.0.parts.library.dir().to_owned();
        let names = tokio::task::spawn_blocking(move || file_names(&dir));
        names.await.map_err(|error| Problem::internal(&error))
    }

    /// The picture on a book's cover, where its file is here and has one.
    pub(crate) async fn cover(&self, book_id: &BookId) -> Option<Resource> {
        let (dir, id) = (self.0.parts.library.dir().to_owned(), book_id.clone());
        let cover = tokio::task::spawn_blocking(move || cover(&copy_of(&dir, &id)?));
        // A file that cannot be read has none.
        cover.await.ok().flatten()
    }

    /// A directory in which a file can be put before it is taken in.
    pub(crate) fn uploads_dir(&self) -> std::path::PathBuf {
        self.0.parts.library.dir().join("uploads")
    }

    /// Removes what an earlier process left of uploads that it did not finish: nobody else has the directory.
    pub(crate) fn clear_uploads(&self) {
        if let Err(error) = std::fs::remove_dir_all(self.uploads_dir())
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "unfinished uploads could not be removed");
        }
    }

    /// How busy the worker pools are.
    pub(crate) fn pools(&self) -> Vec<PoolLoad> {
        self.0.parts.scheduler.pool_loads()
    }

    // Targets.

    pub(crate) fn target_names(&self) -> Vec<TargetName> {
        self.0.parts.sink.targets()
    }

    pub(crate) fn targets(&self) -> Vec<TargetStatus> {
        self.0.parts.sink.status()
    }

    pub(crate) async fn pending_bytes(&self) -> Result<BTreeMap<TargetName, u64>, Problem> {
        let sink = self.0.parts.sink.clone();
        blocking(move || sink.pending_bytes()).await
    }

    pub(crate) fn target(&self, name: &str) -> Result<TargetName, Problem> {
        let known = self.0.parts.sink.targets().into_iter().find(|target| target.as_str() == name);
        known.ok_or_else(|| Problem::new(Code::UnknownTarget, "there is no such target: see /api/targets"))
    }

    /// What a target refuses; what all of them refuse without a name.
    pub(crate) async fn parked(&self, target: Option<TargetName>) -> Result<Vec<ParkedDocument>, Problem> {
        let store = self.0.parts.library.local_store().clone();
        blocking(move || store.parked(target.as_ref().map(TargetName::as_str), None)).await
    }

    pub(crate) async fn retry(
        &self,
        target: &TargetName,
        document: Option<AnyKey>,
    ) -> Result<usize, Problem> {
        Ok(self.0.parts.sink.retry_parked(target, document).await?)
    }

    pub(crate) async fn drop_parked(&self, target: &TargetName, document: AnyKey) -> Result<(), Problem> {
        Ok(self.0.parts.sink.drop_parked(target, document).await?)
    }

    pub(crate) async fn verify(
        &self,
        target: &TargetName,
        book_id: &BookId,
    ) -> Result<Verification, Problem> {
        Ok(self.0.parts.sink.verify(target, book_id).await?)
    }

    pub(crate) async fn take_over(
        &self,
        target: &TargetName,
        book_id: &BookId,
    ) -> Result<TakenOver, Problem> {
        Ok(self.0.parts.sink.take_over(target, book_id).await?)
    }

    pub(crate) async fn resync(&self, target: &TargetName, book_id: &BookId) -> Result<(), Problem> {
        Ok(self.0.parts.sink.resync(target, book_id).await?)
    }
}
