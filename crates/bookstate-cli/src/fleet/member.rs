//! Owning books: a claim in the fleet, a claim in the targets, a tenure in the library; and giving them back.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bookstate_api::{Elsewhere, FleetBook, FleetMachine, FleetView, NotOwned, Ownership, Use};
use bookstate_domain::{BookId, JobId, Priority};
use bookstate_fleet::{ClaimError, End, Fleet, FleetOptions, Holder, JobNote, Sources};
use bookstate_jobs::{JobRequest, Scheduler};
use bookstate_sink::{CommandError, Sink};
use bookstate_store::{Epoch, Library, TargetName, Tenure};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;

use super::files;
use crate::failure::Failure;

/// How often it is tried to tell the others of a job before its start is answered; it goes on behind that.
const ANNOUNCEMENTS: u32 = 20;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(250);

/// What a member works with.
pub(super) struct MemberParts<'a> {
    /// This machine's name.
    pub(super) machine: String,
    pub(super) library: Library,
    pub(super) sink: &'a Arc<Sink>,
    pub(super) scheduler: Scheduler,
    pub(super) sources: Arc<dyn Sources>,
    /// What a job of another machine is started with whose record nobody had.
    pub(super) request: JobRequest,
    /// How many books are worked on at once.
    pub(super) room: usize,
}

/// This machine as one of a fleet. Cheap to clone.
#[derive(Clone)]
pub(super) struct Member(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) library: Library,
    /// Not held: whoever ends the program ends the sink.
    sink: Weak<Sink>,
    pub(super) scheduler: Scheduler,
    pub(super) sources: Arc<dyn Sources>,
    pub(super) request: JobRequest,
    pub(super) room: usize,
    machine: String,
    fleet: OnceLock<Fleet>,
    /// The books that are owned or being claimed; a tenure once there is a lease.
    books: Mutex<HashMap<BookId, Book>>,
    leaving: AtomicBool,
    /// A lease was lost, perhaps since the servers have lost what they had: the files of books, too.
    files_doubted: AtomicBool,
    /// Told when there may be something to give back.
    pub(super) look: Notify,
}

#[derive(Default)]
struct Book {
    tenure: Option<Tenure>,
    /// One claim of a book at a time.
    claiming: Arc<tokio::sync::Mutex<()>>,
    /// What was begun with it.
    uses: Arc<()>,
    /// Its job was told to the others.
    announced: bool,
    /// Whether somebody waits for its job.
    priority: Priority,
    /// Targets that did not answer when it was claimed: they take it from its last owner until they are claimed too.
    silent: Vec<TargetName>,
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("machine", &self.0.machine).finish_non_exhaustive()
    }
}

/// What is told of leases goes to the tenures that came of them.
struct Tenures(Weak<Inner>);

impl Holder for Tenures {
    fn extended(&self, book: &BookId, until: Instant) {
        let Some(inner) = self.0.upgrade() else { return };
        if let Some(tenure) = inner.tenure(book) {
            tenure.extend(until);
        }
    }

    fn lost(&self, book: &BookId, _: End) {
        // The fleet has logged it.
        let Some(inner) = self.0.upgrade() else { return };
        inner.forget(book);
        inner.doubt_files();
    }
}

impl Inner {
    fn tenure(&self, book: &BookId) -> Option<Tenure> {
        self.books.lock().get(book)?.tenure.clone()
    }

    /// Whether the book is granted, which is the last step of owning it.
    fn holds(&self, book: &BookId) -> bool {
        self.library.tenure(book).is_some_and(|tenure| tenure.holds(Instant::now()))
    }

    /// A use of a book that is held: from here on it is not given back.
    fn used(&self, book: &BookId) -> Option<Use> {
        let books = self.books.lock();
        let known = books.get(book)?;
        // A claim whose future was dropped has a tenure that was not granted.
        self.holds(book).then(|| Use::of(&known.uses))
    }

    /// The book is not this machine's any more.
    fn forget(&self, book: &BookId) {
        let mut books = self.books.lock();
        let Some(known) = books.get_mut(book) else { return };
        if let Some(tenure) = known.tenure.take() {
            tenure.end();
        }
        known.announced = false;
        known.silent.clear();
        drop(books);
        self.library.revoke(book);
    }

    /// It is to be looked whether the files of books are still where others find them.
    pub(super) fn doubt_files(&self) {
        self.files_doubted.store(true, Ordering::Release);
    }

    /// Whether it is; from here on it is not.
    pub(super) fn doubts_files(&self) -> bool {
        self.files_doubted.swap(false, Ordering::AcqRel)
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    pub(super) fn fleet(&self) -> Result<&Fleet, NotOwned> {
        let joining = || NotOwned::Unavailable { reason: "this machine is joining the fleet".to_owned() };
        self.fleet.get().ok_or_else(joining)
    }

    fn sink(&self) -> Result<Arc<Sink>, NotOwned> {
        let ending = || NotOwned::Unavailable { reason: "this machine is leaving the fleet".to_owned() };
        self.sink.upgrade().filter(|_| !self.is_leaving()).ok_or_else(ending)
    }

    /// See [`Ownership::own`].
    pub(super) async fn own(&self, book: &BookId) -> Result<Use, NotOwned> {
        let claiming = self.books.lock().entry(book.clone()).or_default().claiming.clone();
        // Nothing is given back either while this is locked.
        let _one_at_a_time = claiming.lock().await;
        if let Some(held) = self.used(book) {
            return Ok(held);
        }
        let claimed = self.claim(book).await;
        let ended = || NotOwned::Unavailable { reason: "its lease ended at once".to_owned() };
        let owned = claimed.and_then(|()| self.used(book).ok_or_else(ended));
        if owned.is_err() {
            self.forget(book);
        }
        owned
    }

    async fn claim(&self, book: &BookId) -> Result<(), NotOwned> {
        let (fleet, sink) = (self.fleet()?, self.sink()?);
        // One that a claim left behind whose future was dropped.
        if fleet.lease_of(book).is_some() {
            fleet.release(book).await;
        }
        let unavailable = |reason: String| NotOwned::Unavailable { reason };
        let floor = sink.highest_epoch(book).await.map_err(|error| unavailable(error.to_string()))?;
        let lease = fleet.claim(book, floor.epoch.0).await.map_err(|error| match error {
            ClaimError::HeldBy(owner) => {
                NotOwned::Elsewhere(Elsewhere { machine: owner.machine, address: owner.address })
            }
            error => unavailable(error.to_string()),
        })?;
        let tenure = Tenure::new(Epoch(lease.epoch), lease.until);
        self.books.lock().entry(book.clone()).or_default().tenure = Some(tenure.clone());
        // What was told before the tenure was known here was told to nobody.
        if let Some(now) = fleet.lease_of(book) {
            tenure.extend(now.until);
        }
        match sink.take_over_under(book, &tenure).await {
            Ok(owned) => {
                let (epoch, made_from) = (lease.epoch, owned.made_from);
                tracing::info!(%book, epoch, ?made_from, silent = ?owned.silent, "this machine owns the book");
                // One that turns out to have a book which was begun anew here keeps it: a person decides.
                if let Some(known) = self.books.lock().get_mut(book).filter(|_| !owned.anew) {
                    known.silent = owned.silent;
                }
                Ok(())
            }
            Err(error) => {
                self.forget(book);
                fleet.release(book).await;
                Err(unavailable(error.to_string()))
            }
        }
    }

    /// Tells the others of a book's job, so that one of them goes on with it if this machine does not. Says whether
    /// they were told.
    pub(super) async fn announce(&self, book: &BookId, job_id: &str, priority: Priority) -> bool {
        if let Some(known) = self.books.lock().get_mut(book) {
            known.priority = priority;
        }
        let Ok(fleet) = self.fleet() else { return false };
        let files = match files::put(&*self.sources, self.library.dir(), book).await {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!(%book, %error, "the book's file is not where other machines find it; it is tried again");
                return false;
            }
        };
        let source_sha256 = files.first().map_or_else(String::new, |file| file.sha256().to_owned());
        let options = json!({"files": files});
        let note = JobNote { job_id: job_id.to_owned(), source_sha256, priority, options };
        match fleet.announce_job(book, note).await {
            Ok(()) => {
                if let Some(known) = self.books.lock().get_mut(book) {
                    known.announced = true;
                }
                true
            }
            Err(error) => {
                tracing::warn!(%book, %error, "the job is not told to the others; it is tried again");
                false
            }
        }
    }

    /// The owned books; those whose job was not told to the others yet, with its priority.
    pub(super) fn owned(&self) -> Vec<(BookId, Option<Priority>)> {
        let books = self.books.lock();
        let owned = books.iter().filter(|(_, known)| known.tenure.is_some());
        owned.map(|(book, known)| (book.clone(), (!known.announced).then_some(known.priority))).collect()
    }

    /// Claims the targets that were silent before, as far as they answer now.
    pub(super) async fn claim_silent(&self) {
        let silent: Vec<(BookId, Tenure, Vec<TargetName>)> = {
            let books = self.books.lock();
            let silent = books.iter().filter(|(_, known)| !known.silent.is_empty());
            silent
                .filter_map(|(book, known)| Some((book.clone(), known.tenure.clone()?, known.silent.clone())))
                .collect()
        };
        for (book, tenure, targets) in silent {
            for target in targets {
                let Ok(sink) = self.sink() else { return };
                match sink.claim(&target, &book, &tenure).await {
                    Ok(_) => {}
                    Err(error @ CommandError::Superseded { .. }) => {
                        // The tenure is worth nothing there. The next claim's epoch is above that.
                        tracing::warn!(%book, %error, "the book is given up");
                        self.forget(&book);
                        if let Ok(fleet) = self.fleet() {
                            fleet.release(&book).await;
                        }
                        break;
                    }
                    Err(error) => {
                        tracing::debug!(%book, %target, %error, "the target is not claimed yet");
                        continue;
                    }
                }
                tracing::info!(%book, %target, "the target takes the book from here now");
                if let Some(known) = self.books.lock().get_mut(&book) {
                    known.silent.retain(|silent| *silent != target);
                }
            }
        }
    }

    /// Forgets books of which nothing is known any more.
    pub(super) fn tidy(&self) {
        let needed = |known: &Book| {
            known.tenure.is_some() || Arc::strong_count(&known.claiming) > 1 || Use::is_any(&known.uses)
        };
        self.books.lock().retain(|_, known| needed(known));
    }

    /// Whether nobody needs this machine for a book any more: no job runs, it has left memory, a target has all of it,
    /// and none is left that takes it from an earlier owner, unless this machine ends.
    pub(super) fn is_done_with(&self, book: &BookId) -> bool {
        if self.scheduler.progress(book).is_some() || self.library.is_live(book) {
            return false;
        }
        let is_unclaimed = self.books.lock().get(book).is_some_and(|known| !known.silent.is_empty());
        if is_unclaimed && !self.is_leaving() {
            return false;
        }
        let Some(sink) = self.sink.upgrade() else { return false };
        let remote = sink.status().into_iter().filter(|target| target.name != TargetName::local());
        remote.into_iter().any(|target| target.behind.iter().all(|lag| lag.book_id != *book))
    }

    /// Gives a book back. Its job, if it has one that is not over, is for whoever claims it.
    pub(super) async fn give_back(&self, book: &BookId) {
        let claiming = self.books.lock().get(book).map(|known| known.claiming.clone());
        let Some(claiming) = claiming else { return };
        // Whoever is about to open it is first.
        let Ok(_nobody_claims) = claiming.try_lock_owned() else { return };
        if self.books.lock().get(book).is_none_or(|known| Use::is_any(&known.uses))
            || !self.is_done_with(book)
        {
            return;
        }
        let Ok(fleet) = self.fleet() else { return };
        self.forget(book);
        let over = self.is_job_over(book).await;
        if over && let Err(error) = fleet.finish_job(book).await {
            tracing::debug!(%book, %error, "the others hear later that the job is over");
        }
        tracing::info!(%book, over, "the book is given back");
        fleet.release(book).await;
    }

    /// Whether a book has no active job, as far as this machine knows: of a book that is not here it knows nothing.
    async fn is_job_over(&self, book: &BookId) -> bool {
        let (library, id) = (self.library.clone(), book.clone());
        let looked = tokio::task::spawn_blocking(move || library.local_store().load_book(&id));
        let stored = looked.await.ok().and_then(Result::ok).flatten();
        stored.is_some_and(|stored| stored.state.active_job().is_none())
    }
}

impl Member {
    /// A member that has not joined yet: nothing can be owned.
    pub(super) fn new(parts: MemberParts<'_>) -> Self {
        Self(Arc::new(Inner {
            library: parts.library,
            sink: Arc::downgrade(parts.sink),
            scheduler: parts.scheduler,
            sources: parts.sources,
            request: parts.request,
            room: parts.room,
            machine: parts.machine,
            fleet: OnceLock::new(),
            books: Mutex::default(),
            leaving: AtomicBool::new(false),
            files_doubted: AtomicBool::new(false),
            look: Notify::new(),
        }))
    }

    /// Joins the fleet.
    ///
    /// # Errors
    /// The options cannot be used.
    pub(super) fn join(&self, options: FleetOptions) -> Result<(), Failure> {
        let fleet = Fleet::start(options, Arc::new(Tenures(Arc::downgrade(&self.0))));
        let fleet = fleet.map_err(Failure::usage)?;
        // It is joined once.
        drop(self.0.fleet.set(fleet));
        Ok(())
    }

    /// Whether any book is this machine's.
    pub(super) fn owns_any(&self) -> bool {
        !self.0.owned().is_empty()
    }

    /// Gives everything back.
    pub(super) async fn end(&self) {
        self.leave();
        for (book, _) in self.0.owned() {
            self.0.forget(&book);
        }
        if let Ok(fleet) = self.0.fleet() {
            fleet.release_all().await;
        }
    }
}

#[async_trait]
impl Ownership for Member {
    async fn own(&self, book: &BookId) -> Result<Use, NotOwned> {
        self.0.own(book).await
    }

    async fn announce(&self, book: &BookId, job: &JobId, priority: Priority) {
        // Whoever asked for the job believes it safe when there is an answer.
        let mut left = ANNOUNCEMENTS;
        while left > 0 && !self.0.announce(book, job.as_str(), priority).await {
            left -= 1;
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn is_awaited(&self, book: &BookId) -> bool {
        self.0.fleet().is_ok_and(|fleet| fleet.has_job(book))
    }

    fn elsewhere(&self, book: &BookId) -> Option<Elsewhere> {
        if self.0.holds(book) {
            return None;
        }
        let owner = self.0.fleet().ok()?.owner_of(book)?;
        (owner.machine != self.0.machine)
            .then_some(Elsewhere { machine: owner.machine, address: owner.address })
    }

    fn view(&self) -> FleetView {
        let machine = self.0.machine.clone();
        let Ok(fleet) = self.0.fleet() else {
            return FleetView { machine, machines: Vec::new(), books: Vec::new() };
        };
        let mut books: HashMap<BookId, FleetBook> = HashMap::new();
        for (book, note) in fleet.jobs() {
            let row = FleetBook {
                book_id: book.to_string(),
                machine: None,
                epoch: None,
                job_id: Some(note.job_id),
                priority: Some(note.priority.to_string()),
            };
            books.insert(book, row);
        }
        for (book, owner) in fleet.owners() {
            let row = books.entry(book.clone()).or_insert_with(|| FleetBook {
                book_id: book.to_string(),
                machine: None,
                epoch: None,
                job_id: None,
                priority: None,
            });
            (row.machine, row.epoch) = (Some(owner.machine), Some(owner.epoch));
        }
        let mut books: Vec<FleetBook> = books.into_values().collect();
        books.sort_by(|a, b| a.book_id.cmp(&b.book_id));
        let machines = fleet.machines().into_iter().map(|of| FleetMachine {
            books: books.iter().filter(|book| book.machine.as_deref() == Some(&of.machine)).count(),
            machine: of.machine,
            address: of.address,
            version: of.version,
            capacity: of.capacity,
        });
        FleetView { machine, machines: machines.collect(), books }
    }

    fn leave(&self) {
        self.0.leaving.store(true, Ordering::Release);
        self.0.look.notify_one();
    }
}
