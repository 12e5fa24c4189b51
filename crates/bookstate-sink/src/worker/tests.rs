//! What the loop keeps and touches, seen from inside: what no target and no status shows.

use bookstate_domain::{BookStatus, Document as _, Page, PageKey, persist::NewBook};
use bookstate_store::{BookHandle, Library, LibraryConfig};
use rand::{SeedableRng, rngs::SmallRng};
use tempfile::TempDir;

use super::*;
use crate::{
    Reached, Sink, SinkConfig,
    sim::{Fault, Reads, SimTarget},
    transport::new_start,
};

struct Desk {
    worker: Worker,
    library: Library,
    target: Arc<SimTarget>,
    /// The local store's task: without it nothing leaves memory.
    _sink: Sink,
    _commands: mpsc::Sender<Command>,
    _stop: watch::Sender<bool>,
    _dir: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (library, _) = Library::open(LibraryConfig::new(dir.path())).unwrap();
        let sink = Sink::start(&library, Vec::new(), &SinkConfig::new());
        let target = Arc::new(SimTarget::new());
        let name: bookstate_store::TargetName = "sim".parse().unwrap();
        library.add_target(name.clone(), target.clone());
        let link = Link {
            library: library.clone(),
            feed: library.feed(&name),
            name: name.clone(),
            chunk_documents: 10,
            target: target.clone(),
            role: Role::Remote,
            timeout: Duration::from_secs(600),
            start: new_start(),
            random: SmallRng::seed_from_u64(1),
        };
        let second = Duration::from_secs(1);
        let pauses = Pauses { first: second, longest: second, seed: 1 };
        let (commands, received) = mpsc::channel(1);
        let (stop, stopped) = watch::channel(false);
        let published = Arc::new(Mutex::new(Published::new(name)));
        let mut worker = Worker::new(link, second, pauses, received, stopped, published);
        worker.remember().await;
        worker.prepare().await;
        Self { worker, library, target, _sink: sink, _commands: commands, _stop: stop, _dir: dir }
    }

    fn book(&self, name: &str) -> BookHandle {
        let handle = self.library.create_book(&BookId::new(name).unwrap(), "test").unwrap();
        handle.persist_book_record(NewBook { page_count: 1 }).unwrap();
        handle
    }

    /// All that is known to be due is done, lingers left out.
    async fn do_all(&mut self) {
        self.worker.find_dirty();
        let later = Instant::now() + Duration::from_secs(3600);
        while let Some(id) = self.worker.choose(later) {
            self.worker.serve(&id).await;
            self.worker.find_dirty();
        }
    }
}

/// Before anything is sent there: what is deleted from now on is remembered for it, also by a process that does not have
/// it.
#[tokio::test]
async fn a_target_is_known_from_the_moment_that_it_is_served() {
    let desk = Desk::new().await;
    assert_eq!(desk.library.local_store().targets().unwrap(), ["sim"]);
}

#[tokio::test]
async fn cursors_of_books_that_nobody_writes_are_forgotten() {
    let mut desk = Desk::new().await;
    for round in 0..10 {
        // They are in memory while they are served, and leave it later.
        let handles: Vec<_> = (0..10).map(|number| desk.book(&format!("{round}-{number}"))).collect();
        desk.do_all().await;
        assert!(handles.iter().all(|handle| desk.worker.served.contains_key(handle.id())), "still written");
        drop(handles);
        while !desk.library.live_books().is_empty() {
            desk.do_all().await;
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    let kept = desk.worker.served.len();
    assert!(kept <= 2 * MOST_RESTING + 20, "{kept} of 100 cursors are kept");
    assert!(desk.worker.pending.is_empty() && desk.worker.published.lock().behind.is_empty());
}

/// However many books there are, only the one is looked at to which something happened.
#[tokio::test]
async fn what_is_published_is_that_of_one_book() {
    let mut desk = Desk::new().await;
    let handles = ["one", "two", "three"].map(|name| desk.book(name));
    desk.do_all().await;
    // A lag that no book has: whoever looks at the book again puts it right.
    let wrong =
        |id: &BookId| BookLag { book_id: id.clone(), seq: Seq::ZERO, watermark: Seq::ZERO, dirty: 77 };
    for handle in &handles {
        desk.worker.published.lock().behind.insert(handle.id().clone(), wrong(handle.id()));
    }
    let is_wrong = |worker: &Worker| {
        let published = worker.published.lock();
        handles.each_ref().map(|handle| published.behind.get(handle.id()).is_some_and(|lag| lag.dirty == 77))
    };
    desk.worker.find_dirty();
    assert_eq!(is_wrong(&desk.worker), [true, true, true], "nothing has happened");
    desk.worker.publish(handles[0].id());
    assert_eq!(is_wrong(&desk.worker), [false, true, true]);
    handles[1].persist_book_status(BookStatus::Processing, None).unwrap();
    desk.worker.find_dirty();
    assert_eq!(is_wrong(&desk.worker), [false, false, true]);
    desk.worker.published.lock().behind.insert(handles[0].id().clone(), wrong(handles[0].id()));
    desk.worker.serve(handles[2].id()).await;
    assert_eq!(is_wrong(&desk.worker), [true, false, false]);
}

/// Books that cannot go on, while others get through: the next ones begin, but only a few.
#[tokio::test]
async fn few_books_are_in_memory_whatever_cannot_go_on() {
    let mut desk = Desk::new().await;
    let names: Vec<String> = (0..12).map(|number| format!("cold-{number}")).collect();
    let pages = names.iter().map(|name| {
        let book = desk.book(name);
        book.persist_page_extract(1).unwrap();
        let book_id = book.id().clone();
        bookstate_domain::Page::any_key(bookstate_domain::PageKey { book_id, page_num: 1 })
    });
    let pages: Vec<_> = pages.collect();
    desk.target.set_choked(pages);
    while !desk.library.live_books().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (live, mut most) = (desk.book("live"), 0);
    for _ in 0..400 {
        desk.worker.find_dirty();
        let Some(id) = desk.worker.choose(Instant::now()) else { break };
        desk.worker.serve(&id).await;
        // Somebody gets through, so that the target is not taken for the one that is at fault.
        live.persist_book_status(BookStatus::Processing, None).unwrap();
        desk.worker.find_dirty();
        desk.worker.schedule(live.id(), Instant::now());
        let sending = desk.worker.served.values().filter(|served| served.cursor.is_sending()).count();
        most = most.max(sending);
    }
    // Three of those, and the live one.
    assert!((1..=4).contains(&most), "{most} books were under way at once");
}

/// Something is committed after every step: the book is never without something to send.
#[tokio::test]
async fn who_waits_for_a_busy_book_waits_for_what_was_there() {
    let mut desk = Desk::new().await;
    let handle = desk.book("busy");
    desk.do_all().await;
    let (answer, mut answered) = tokio::sync::oneshot::channel();
    desk.worker.command(Command::Resync(handle.id().clone(), answer)).await;
    for _ in 0..50 {
        handle.persist_book_status(BookStatus::Processing, None).unwrap();
        desk.worker.find_dirty();
        desk.worker.serve(handle.id()).await;
        if let Ok(compared) = answered.try_recv() {
            return assert_eq!(compared, Ok(()));
        }
    }
    panic!("it never ends");
}

/// Every live book begins at once, and the target takes everything.
#[tokio::test]
async fn of_many_live_books_a_few_are_being_sent_at_a_time() {
    let mut desk = Desk::new().await;
    let books: Vec<_> =
        (0..12).map(|number| desk.library.create_book(&book_id(number), "test").unwrap()).collect();
    for book in &books {
        book.persist_book_record(NewBook { page_count: 30 }).unwrap();
        for page in 1..=30 {
            book.persist_page_extract(page).unwrap();
        }
    }
    let (mut most, mut steps) = (0, 0);
    loop {
        desk.worker.find_dirty();
        let Some(id) = desk.worker.choose(Instant::now()) else { break };
        desk.worker.serve(&id).await;
        steps += 1;
        most = most.max(desk.worker.served.values().filter(|served| served.cursor.is_sending()).count());
    }
    assert!(books.iter().all(|book| desk.target.book(book.id()).unwrap().state.pages().size() == 30));
    assert!((1..=MOST_LIVE).contains(&most) && steps > 12 * 4, "{most} of 12 at once, in {steps} steps");
}

fn book_id(number: u32) -> BookId {
    BookId::new(&format!("live-{number}")).unwrap()
}

/// A live book that always has something to send goes first, but not always.
#[tokio::test]
async fn a_busy_book_goes_first_and_the_others_have_their_turn() {
    let mut desk = Desk::new().await;
    let cold: Vec<_> = (0..3).map(|number| desk.book(&format!("cold-{number}")).id().clone()).collect();
    while !desk.library.live_books().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let live = desk.book("live");
    let (mut of_live, mut of_others) = (0, 0);
    while cold.iter().any(|id| desk.target.book(id).is_none()) {
        live.persist_book_status(BookStatus::Processing, None).unwrap();
        desk.worker.find_dirty();
        desk.worker.schedule(live.id(), Instant::now());
        let id = desk.worker.choose(Instant::now()).unwrap();
        if id == *live.id() {
            of_live += 1;
        } else {
            of_others += 1;
        }
        desk.worker.serve(&id).await;
        assert!(of_live < 500, "the others have no turn");
    }
    assert!(of_live > of_others, "{of_live} steps for the live one, {of_others} for the others");
}

/// The target is left alone only when nobody gets through.
#[tokio::test]
async fn who_fails_waits_and_nobody_else() {
    let mut desk = Desk::new().await;
    let [one, other, third] = ["one", "other", "third"].map(|name| desk.book(name));
    desk.do_all().await;
    let serve = async |desk: &mut Desk, book: &BookHandle| {
        desk.worker.find_dirty();
        desk.worker.serve(book.id()).await;
    };
    // Its copy cannot be read, which is told of nothing else.
    desk.target.set_reads(Reads::LoadsFail);
    desk.worker.served.get_mut(one.id()).unwrap().cursor.distrust();
    let before = Instant::now();
    serve(&mut desk, &one).await;
    assert!(desk.worker.not_before.is_none(), "the target waits");
    let due = desk.worker.live.due(one.id()).unwrap();
    assert!(due > before + Duration::from_millis(50), "the book does not wait");
    assert_eq!(desk.worker.published.lock().health, Health::Healthy);
    // This one is answered as if the target were down, and the other gets through.
    desk.target.recover();
    desk.target.set_choked([Page::any_key(PageKey { book_id: third.id().clone(), page_num: 1 })]);
    third.persist_page_extract(1).unwrap();
    let (mut waited, later) = (Vec::new(), Instant::now() + Duration::from_secs(3600));
    while waited.len() < 2 {
        other.persist_book_status(BookStatus::Processing, None).unwrap();
        desk.worker.find_dirty();
        for book in [&third, &other] {
            let attempts = desk.target.counters().attempts;
            desk.worker.serve(book.id()).await;
            if book.id() == third.id() && desk.target.counters().attempts > attempts {
                waited.push(desk.worker.not_before.is_some());
            }
        }
        desk.worker.schedule(other.id(), later);
    }
    assert_eq!(waited, [true, false], "the first time it may be the target");
}

/// A target that tells where a book stands may be unable to take anything all the same.
#[tokio::test]
async fn an_answered_read_does_not_make_a_target_well_that_takes_nothing() {
    let mut desk = Desk::new().await;
    let (one, other) = (desk.book("one"), desk.book("other"));
    desk.target.set_faults(|_| Fault::Unavailable);
    let is_well = |desk: &Desk| desk.worker.published.lock().health == Health::Healthy;
    desk.worker.find_dirty();
    while is_well(&desk) {
        desk.worker.serve(one.id()).await;
    }
    // The first step of the other: a look.
    assert!(!desk.worker.served.contains_key(other.id()));
    desk.worker.serve(other.id()).await;
    assert!(desk.worker.served[other.id()].cursor.is_between_batches() && !is_well(&desk));
    desk.target.recover();
    desk.do_all().await;
    assert!(is_well(&desk));
}

/// It was down for most of a job, and is back when the job ends.
#[tokio::test]
async fn who_waits_for_a_target_that_was_down_learns_whether_it_is_back() {
    let mut desk = Desk::new().await;
    let book = desk.book("one");
    desk.target.set_faults(|_| Fault::Unavailable);
    desk.worker.find_dirty();
    while desk.worker.backoff.failures() <= PATIENCE {
        desk.worker.serve(book.id()).await;
    }
    let (answer, mut answered) = tokio::sync::oneshot::channel();
    desk.worker.command(Command::Barrier(answer)).await;
    assert!(desk.worker.not_before.is_none() && answered.try_recv().is_err(), "it is not tried at once");
    desk.worker.serve(book.id()).await;
    assert!(matches!(answered.try_recv(), Ok(Reached::Unhealthy { .. })), "one attempt is enough to know");
    desk.target.recover();
    let (answer, mut answered) = tokio::sync::oneshot::channel();
    desk.worker.command(Command::Barrier(answer)).await;
    desk.do_all().await;
    assert_eq!(answered.try_recv(), Ok(Reached::All));
}
