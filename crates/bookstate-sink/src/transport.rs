//! Does what a cursor asks for: the calls of the target, of the library and of the local store, each with its limit
//! of time. What follows from their answers is decided in `cursor`.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use bookstate_domain::{AnyKey, BookId, Seq, WriteOp};
use bookstate_store::{
    BatchOps, BookSync, Differing, Library, Parked, StartId, StoreError, StoredBook, Target, TargetError,
    TargetFeed, TargetName,
};
use rand::{Rng, rngs::SmallRng};

use crate::{
    command::Judged,
    compare::compare,
    cursor::{Action, Author, Cursor, Event, Look, Outcome, Role, Scope},
    order, split,
    trust::{Looking, judge},
};

/// What a cursor works with: one target, and what is needed to serve it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) library: Library,
    pub(crate) feed: TargetFeed,
    pub(crate) name: TargetName,
    pub(crate) target: Arc<dyn Target>,
    pub(crate) role: Role,
    /// How long a call of the target may take.
    pub(crate) timeout: Duration,
    pub(crate) random: SmallRng,
    /// The start of this process, as the target gets it.
    pub(crate) start: StartId,
    /// Documents per chunk: halved by a timeout, restored by successes.
    pub(crate) chunk_documents: usize,
}

/// A start of a process, unlike any other, whatever the seed is; and not that of a version which did not name its
/// starts.
pub(crate) fn new_start() -> StartId {
    StartId(rand::random::<u64>() | 1)
}

/// Runs a blocking call where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, TargetError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result.map_err(TargetError::from),
        Err(error) => Err(TargetError::Ambiguous { reason: error.to_string() }),
    }
}

/// What is taken from a book: see [`Action::Cut`].
struct Lacking {
    ahead: Seq,
    since: Seq,
    differing: Differing,
    against: Option<Box<Option<StoredBook>>>,
    claims: bool,
}

/// A step that could not be done.
struct Failed(TargetError, Scope);

impl Link {
    pub(crate) fn author(&self, id: &BookId) -> Author {
        let epoch = self.library.tenure(id).map(|tenure| tenure.epoch());
        Author { writer: self.library.writer(), start: self.start, epoch, role: self.role }
    }

    /// Does one thing for a book. Also says whether a read was answered.
    pub(crate) async fn step(&mut self, cursor: &mut Cursor) -> (Outcome, bool) {
        let action = cursor.next(self.author(cursor.book_id()));
        let is_look = matches!(action, Action::Look);
        let event = match self.perform(cursor.book_id(), action).await {
            Ok(event) => event,
            Err(Failed(error, scope)) => Event::Failed { error, scope },
        };
        let is_read = matches!(event, Event::Looked(_) | Event::Loaded { .. } | Event::Asked { .. });
        let by = self.author(cursor.book_id());
        let outcome = cursor.on(event, by);
        if is_look && cursor.is_between_batches() {
            // Whoever waits for the target learns where it stands.
            self.acknowledge(cursor.book_id(), cursor.watermark()).await;
        }
        (outcome, is_read)
    }

    async fn perform(&mut self, id: &BookId, action: Action) -> Result<Event, Failed> {
        match action {
            Action::Look => self.look(id).await,
            Action::Load => self.load(id).await,
            Action::Cut { ahead, since, differing, against, claims } => {
                self.cut(id, Lacking { ahead, since, differing, against, claims }).await
            }
            Action::Intend { intent, distrust, anew } => {
                if anew {
                    self.start = new_start();
                }
                let (feed, id, start) = (self.feed.clone(), id.clone(), self.start);
                recorded(blocking(move || feed.intend(&id, start, intent, distrust)).await)
            }
            Action::Write(chunk) => {
                let answer = tokio::time::timeout(self.timeout, self.target.write_chunk(&chunk)).await;
                let result = answer.unwrap_or_else(|_| {
                    if self.role == Role::Remote {
                        // A smaller chunk may make it in time.
                        let sent = self.chunk_documents.min(chunk.ops.len().max(1));
                        self.chunk_documents = (sent / 2).max(1);
                    }
                    Err(TargetError::Ambiguous { reason: self.silence() })
                });
                if result.is_ok() {
                    self.chunk_documents = self.chunk_documents.saturating_add(1);
                }
                Ok(Event::Written(result))
            }
            Action::Ask => {
                let found = self.book_sync(id).await?;
                let by = self.looking(id, found.as_ref()).await?;
                Ok(Event::Asked { found, by })
            }
            Action::Park { document, seq, reason } => self.park(id, document, seq, reason).await,
            Action::Record { progress, healed } => {
                let (feed, book_id) = (self.feed.clone(), id.clone());
                if self.role == Role::Remote {
                    let recording = blocking(move || feed.record(&book_id, &progress, &healed));
                    recorded(recording.await)?;
                }
                self.acknowledge(id, progress.persisted_seq).await;
                Ok(Event::Done)
            }
            Action::Rest => Ok(Event::Nothing),
        }
    }

    fn silence(&self) -> String {
        format!("no answer within {} s", self.timeout.as_secs_f32())
    }

    async fn book_sync(&self, id: &BookId) -> Result<Option<BookSync>, Failed> {
        self.target_sync(id).await.map_err(|error| Failed(error, Scope::Target))
    }

    /// Where the target has a book.
    pub(crate) async fn target_sync(&self, id: &BookId) -> Result<Option<BookSync>, TargetError> {
        let answer = tokio::time::timeout(self.timeout, self.target.book_sync(id)).await;
        answer.unwrap_or_else(|_| Err(TargetError::Unavailable { reason: self.silence() }))
    }

    /// A whole book of the target.
    pub(crate) async fn load_book(&self, id: &BookId) -> Result<Option<StoredBook>, TargetError> {
        let answer = tokio::time::timeout(self.timeout, self.target.load_book(id)).await;
        answer.unwrap_or_else(|_| Err(TargetError::Unavailable { reason: self.silence() }))
    }

    /// Gets the target ready.
    pub(crate) async fn prepare(&self) -> Result<(), TargetError> {
        let answer = tokio::time::timeout(self.timeout, self.target.prepare()).await;
        answer.unwrap_or_else(|_| Err(TargetError::Unavailable { reason: self.silence() }))
    }

    /// The last commit of a book.
    pub(crate) async fn book_seq(&self, id: &BookId) -> Result<Seq, TargetError> {
        let (library, id) = (self.library.clone(), id.clone());
        blocking(move || library.book_seq(&id)).await
    }

    async fn looking(&self, book_id: &BookId, found: Option<&BookSync>) -> Result<Looking, Failed> {
        let (library, id) = (self.library.clone(), book_id.clone());
        let start = found.map(|found| found.start);
        let known = blocking(move || {
            let knows = start.map_or(Ok(true), |start| library.local_store().knows_start(start))?;
            Ok((knows, library.book_seq(&id)?))
        });
        let (knows_start, seq) = known.await.map_err(|error| Failed(error, Scope::Book))?;
        let epoch = self.library.tenure(book_id).map(|tenure| tenure.epoch());
        Ok(Looking { writer: self.library.writer(), knows_start, seq, epoch })
    }

    async fn look(&mut self, id: &BookId) -> Result<Event, Failed> {
        let found = self.book_sync(id).await?;
        let by = self.looking(id, found.as_ref()).await?;
        let (feed, library) = (self.feed.clone(), self.library.clone());
        let (name, id, role) = (self.name.clone(), id.clone(), self.role);
        let remembered = blocking(move || {
            if role == Role::Local {
                return Ok(Default::default());
            }
            let parked = library.local_store().parked(Some(name.as_str()), Some(&id))?;
            let parked = parked.into_iter().map(|p| (p.parked.document, p.dropped)).collect();
            Ok((feed.remembered(&id)?, parked))
        });
        let (remembered, parked) = remembered.await.map_err(|error| Failed(error, Scope::Book))?;
        Ok(Event::Looked(Box::new(Look { found, remembered, by, parked, random: self.random.next_u64() })))
    }

    /// What the target's copy of a book is worth, as a first look would judge it.
    pub(crate) async fn judge(&mut self, id: &BookId) -> Result<Option<Judged>, TargetError> {
        let looked = self.look(id).await.map_err(|Failed(error, _)| error)?;
        let Event::Looked(look) = looked else { return Ok(None) };
        let Look { found, remembered, by, .. } = *look;
        // Under which ownership it is judged is for the one who asks to say.
        let trust = judge(found.as_ref(), &remembered, Looking { epoch: None, ..by });
        let shipped = remembered.progress.map_or(Seq::ZERO, |progress| progress.commit_seq);
        Ok(found.map(|sync| Judged { sync, trust, shipped }))
    }

    async fn load(&self, id: &BookId) -> Result<Event, Failed> {
        let copy = match self.load_book(id).await {
            Ok(copy) => copy,
            Err(error) => {
                // Of this book, or of all?
                self.book_sync(id).await?;
                return Err(Failed(error, Scope::Book));
            }
        };
        let by = self.looking(id, copy.as_ref().map(|copy| &copy.sync)).await?;
        Ok(Event::Loaded { copy: Box::new(copy), by })
    }

    async fn cut(&mut self, id: &BookId, lacking: Lacking) -> Result<Event, Failed> {
        let Lacking { ahead, since, differing, against, claims } = lacking;
        let (feed, book_id) = (self.feed.clone(), id.clone());
        let mut limits = self.target.limits();
        if self.role == Role::Remote {
            limits.documents = limits.documents.min(self.chunk_documents);
        }
        let cut = blocking(move || {
            // First, so that no commit that is accepted from now on has one of them; then the book is looked at.
            feed.skip_seqs(&book_id, ahead);
            let batch = match &against {
                Some(_) => feed.whole(&book_id)?,
                None => match feed.batch(&book_id, since, &differing)? {
                    None if claims => feed.nothing(&book_id)?,
                    batch => batch,
                },
            };
            let Some(mut batch) = batch else { return Ok(None) };
            let ops = match (&mut batch.ops, against) {
                (BatchOps::Ops(ops), _) => std::mem::take(ops),
                (BatchOps::Compare(ours), Some(copy)) => {
                    compare(ours, (*copy).as_ref().map(|copy| &copy.state))
                }
                (BatchOps::Compare(_), None) => return Ok(Some((batch, None))),
            };
            let chunks: VecDeque<Vec<WriteOp>> = split::split(order::ordered(ops), limits);
            Ok(Some((batch, Some(chunks))))
        });
        let Some((batch, chunks)) = cut.await.map_err(|error| Failed(error, Scope::Book))? else {
            return Ok(Event::Nothing);
        };
        let Some(chunks) = chunks else { return Ok(Event::TooOld) };
        if let Err(poisoned) = self.feed.synced(&batch).await {
            // The last act of a poisoned journal: memory is all that is left, so it goes to the targets whole.
            tracing::error!(error = %poisoned, book = %id, "the journal is poisoned; saving what memory has");
        }
        Ok(Event::Cut { seq: batch.seq, chunks, random: self.random.next_u64() })
    }

    async fn park(
        &self,
        id: &BookId,
        document: AnyKey,
        first_seq: Seq,
        reason: String,
    ) -> Result<Event, Failed> {
        tracing::warn!(target = %self.name, document = %document, reason, "parked a document");
        let parked_at = self.library.clock().now();
        let parked = Parked { book_id: id.clone(), document, reason, first_seq, parked_at };
        let feed = self.feed.clone();
        // Recorded before the watermark passes it.
        recorded(blocking(move || feed.park(&parked)).await)
    }

    /// Tells the library how far the target is, which frees journal segments and so blocks.
    async fn acknowledge(&self, id: &BookId, seq: Seq) {
        let (feed, id) = (self.feed.clone(), id.clone());
        let told = blocking(move || {
            feed.acknowledge(&id, seq);
            Ok(())
        });
        if let Err(error) = told.await {
            // Only when the runtime ends.
            tracing::debug!(target = %self.name, %error, "nobody was told how far the target is");
        }
    }
}

fn recorded(result: Result<(), TargetError>) -> Result<Event, Failed> {
    result.map(|()| Event::Done).map_err(|error| Failed(error, Scope::Book))
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        future::pending,
        sync::atomic::{AtomicBool, Ordering},
    };

    use async_trait::async_trait;
    use bookstate_domain::{BookStatus, persist::NewBook};
    use bookstate_store::{Chunk, LibraryConfig, Limits};
    use parking_lot::Mutex;
    use rand::SeedableRng;

    use super::*;

    /// A target that answers nothing.
    #[derive(Debug)]
    struct Silent;

    #[async_trait]
    impl Target for Silent {
        fn limits(&self) -> Limits {
            Limits { documents: 1000, fields: 100_000, bytes: 1 << 30 }
        }
        async fn prepare(&self) -> Result<(), TargetError> {
            pending().await
        }
        async fn book_sync(&self, _: &BookId) -> Result<Option<BookSync>, TargetError> {
            pending().await
        }
        async fn write_chunk(&self, _: &Chunk) -> Result<(), TargetError> {
            pending().await
        }
        async fn load_book(&self, _: &BookId) -> Result<Option<StoredBook>, TargetError> {
            pending().await
        }
        async fn list_books(&self) -> Result<Vec<(BookId, BookSync)>, TargetError> {
            pending().await
        }
    }

    fn link(library: &Library, role: Role) -> Link {
        let name = TargetName::local();
        Link {
            library: library.clone(),
            feed: library.feed(&name),
            name,
            target: Arc::new(Silent),
            role,
            timeout: Duration::from_secs(5),
            random: SmallRng::seed_from_u64(1),
            start: new_start(),
            chunk_documents: 8,
        }
    }

    fn library() -> (Library, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Library::open(LibraryConfig::new(dir.path())).unwrap().0, dir)
    }

    fn cut(ahead: Seq) -> Action {
        Action::Cut { ahead, since: Seq::ZERO, differing: Differing::default(), against: None, claims: false }
    }

    #[tokio::test(start_paused = true)]
    async fn every_call_of_a_target_has_its_limit_of_time() {
        let ((library, _dir), id) = (library(), BookId::new("b").unwrap());
        let mut link = link(&library, Role::Remote);
        let hour = Duration::from_secs(3600);
        assert!(tokio::time::timeout(hour, link.prepare()).await.expect("prepare").is_err());
        assert!(tokio::time::timeout(hour, link.load_book(&id)).await.expect("load").is_err());
        for action in [Action::Look, Action::Load, Action::Ask] {
            let what = format!("{action:?}");
            assert!(tokio::time::timeout(hour, link.perform(&id, action)).await.expect(&what).is_err());
        }
        let sync = BookSync {
            writer: library.writer(),
            start: link.start,
            epoch: bookstate_store::Epoch::NONE,
            write_no: 1,
            token: 1,
            persisting_seq: Seq::ZERO,
            persisted_seq: Seq::ZERO,
            parked: Vec::new(),
        };
        let chunk = Chunk { book_id: id.clone(), expect: None, sync, ops: Vec::new() };
        let written = tokio::time::timeout(hour, link.perform(&id, Action::Write(chunk))).await;
        assert!(matches!(written.expect("write"), Ok(Event::Written(Err(TargetError::Ambiguous { .. })))));
    }

    #[test]
    fn every_start_is_another_and_none_is_that_of_nobody() {
        let (one, two) = (new_start(), new_start());
        assert!(one != two && [one, two].iter().all(|start| *start != StartId::default()));
    }

    /// A slow disk is no node with limits: what goes to the local store goes as one transaction.
    #[tokio::test]
    async fn a_batch_for_the_local_store_is_one_chunk_however_slow_it_is() {
        let (library, _dir) = library();
        let handle = library.create_book(&BookId::new("b").unwrap(), "test").unwrap();
        handle.persist_book_record(NewBook { page_count: 40 }).unwrap();
        for page in 1..=40 {
            handle.persist_page_extract(page).unwrap();
        }
        for (role, slow, chunks) in
            [(Role::Local, true, 1), (Role::Remote, true, 11), (Role::Remote, false, 6)]
        {
            let mut link = link(&library, role);
            let Ok(Event::Cut { chunks: all, seq, .. }) = link.perform(handle.id(), cut(Seq::ZERO)).await
            else {
                panic!("there is something to be sent")
            };
            if slow {
                let sync = BookSync {
                    writer: library.writer(),
                    start: link.start,
                    epoch: bookstate_store::Epoch::NONE,
                    write_no: 1,
                    token: 1,
                    persisting_seq: seq,
                    persisted_seq: seq,
                    parked: Vec::new(),
                };
                let ops = all.into_iter().next().unwrap();
                let chunk = Chunk { book_id: handle.id().clone(), expect: None, sync, ops };
                link.timeout = Duration::from_millis(1);
                assert!(link.perform(handle.id(), Action::Write(chunk)).await.is_ok());
            }
            let Ok(Event::Cut { chunks: again, .. }) = link.perform(handle.id(), cut(Seq::ZERO)).await else {
                panic!("there is something to be sent")
            };
            assert_eq!(again.len(), chunks, "{role:?}, slow: {slow}");
        }
    }

    /// What a target may have had already is out of reach before the book is looked at: a commit that comes between would
    /// be taken for one that the target has.
    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn no_commit_behind_a_batch_has_a_seq_that_the_target_has_used() {
        let (library, _dir) = library();
        let handle = library.create_book(&BookId::new("b").unwrap(), "test").unwrap();
        handle.persist_book_record(NewBook { page_count: 3000 }).unwrap();
        // A batch that takes a while to be made: much is accepted meanwhile.
        for page in 1..=3000 {
            handle.persist_page_extract(page).unwrap();
        }
        let (ends, accepted) = (AtomicBool::new(false), Mutex::new(BTreeSet::new()));
        let (mut link, mut batches) = (link(&library, Role::Remote), Vec::new());
        let cutting = async {
            for _ in 0..20 {
                let ahead = Seq::new(library.live_seq(handle.id()).get() + 2000).unwrap();
                let Ok(Event::Cut { seq, .. }) = link.perform(handle.id(), cut(ahead)).await else {
                    panic!("there is something to be sent")
                };
                batches.push((seq, ahead));
            }
            ends.store(true, Ordering::Relaxed);
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !ends.load(Ordering::Relaxed) {
                    let receipt = handle.persist_book_status(BookStatus::Processing, None).unwrap();
                    accepted.lock().insert(receipt.seq);
                }
            });
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(cutting));
        });
        let accepted = accepted.into_inner();
        for (seq, ahead) in batches {
            let between: Vec<_> = accepted.iter().filter(|other| **other > seq && **other <= ahead).collect();
            assert!(between.is_empty(), "behind {seq}, up to {ahead}: {between:?}");
        }
    }
}
