//! What the loop keeps and touches, seen from inside: what no target and no status shows.

use bookstate_domain::{BookStatus, Document as _, persist::NewBook};
use bookstate_store::{BookHandle, Library, LibraryConfig};
use rand::{SeedableRng, rngs::SmallRng};
use tempfile::TempDir;

use super::*;
use crate::{Sink, SinkConfig, sim::SimTarget, transport::new_start};

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
    desk.worker.find_dirty();
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
