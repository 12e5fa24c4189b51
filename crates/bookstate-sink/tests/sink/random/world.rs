//! The world of a story: up to two data directories, each with its own sink, and the targets that they share.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bookstate_domain::{BookId, BookState, Seq};
use bookstate_sink::{
    Reached, RemoteTarget, Sink, SinkConfig, TargetStatus,
    sim::{SimBook, SimCopy, SimTarget},
};
use bookstate_store::{
    BookHandle, Library, LibraryConfig, TargetName,
    fs::{
        DataDirLock,
        fault::{CrashImage, FaultFs},
    },
    journal::SyncPolicy,
};
use parking_lot::Mutex;
use tempfile::TempDir;

use super::event::{BOOKS, TARGETS};
use crate::support::{Change, pace, without};

/// Every book after each accepted commit, per line of commits: a directory that is restored begins a new one.
pub(super) type History = [BTreeMap<Seq, BookState>; BOOKS];

#[derive(Default)]
pub(super) struct Oracle {
    lines: BTreeMap<u32, History>,
    wrong: Vec<String>,
}

pub(super) struct Directory {
    home: TempDir,
    disk: FaultFs,
    pub(super) line: u32,
    running: Option<Running>,
    attached: [bool; TARGETS],
    policy: SyncPolicy,
}

struct Running {
    handles: [Option<BookHandle>; BOOKS],
    sink: Sink,
    library: Library,
}

/// A data directory that was set aside.
struct Aside {
    home: TempDir,
    disk: FaultFs,
    history: History,
}

pub(super) struct World {
    pub(super) directories: Vec<Directory>,
    pub(super) targets: [Arc<SimTarget>; TARGETS],
    pub(super) copies: [Option<SimCopy>; TARGETS],
    aside: Option<Aside>,
    oracle: Arc<Mutex<Oracle>>,
    next_line: u32,
    seed: u64,
    /// A directory was restored, cloned or lost: books may be another's until somebody takes them over.
    pub(super) consent: bool,
    pub(super) commits: usize,
    pub(super) ops: usize,
}

pub(super) fn book(number: usize) -> BookId {
    BookId::new(&format!("b{number}")).unwrap()
}

pub(super) fn name(target: usize) -> TargetName {
    format!("sim{target}").parse().unwrap()
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut world = Self {
            directories: Vec::new(),
            targets: std::array::from_fn(|_| Arc::new(SimTarget::new())),
            copies: [const { None }; TARGETS],
            aside: None,
            oracle: Arc::default(),
            next_line: 0,
            seed,
            consent: false,
            commits: 0,
            ops: 0,
        };
        for (number, target) in world.targets.iter().enumerate() {
            let oracle = world.oracle.clone();
            target.observe(move |line, id, book| judge(&mut oracle.lock(), number, line, id, book));
        }
        let policy = if seed.is_multiple_of(4) {
            SyncPolicy::Interval(Duration::from_millis(2))
        } else {
            SyncPolicy::Os
        };
        let line = world.line(History::default());
        world.directories.push(Directory {
            home: tempfile::tempdir().unwrap(),
            disk: FaultFs::new(),
            line,
            running: None,
            attached: [true; TARGETS],
            policy,
        });
        world.start(0);
        world
    }

    /// A new line of commits.
    fn line(&mut self, history: History) -> u32 {
        let line = self.next_line;
        self.next_line += 1;
        self.oracle.lock().lines.insert(line, history);
        line
    }

    /// The directory that an event means: the first when there is no second.
    pub(super) fn which(&self, dir: usize) -> usize {
        dir.min(self.directories.len() - 1)
    }

    pub(super) fn sink(&self, dir: usize) -> &Sink {
        &self.directories[dir].running.as_ref().unwrap().sink
    }

    pub(super) fn is_attached(&self, dir: usize, target: usize) -> bool {
        self.directories[dir].attached[target]
    }

    pub(super) fn start(&mut self, dir: usize) {
        // Each target's task takes one of its own: no two starts draw the same tokens.
        self.seed = self.seed.wrapping_add(1000);
        let seed = self.seed;
        let targets: Vec<_> = (0..TARGETS).filter(|target| self.is_attached(dir, *target)).collect();
        let remotes = targets.into_iter().map(|target| self.remote(dir, target)).collect();
        let directory = &mut self.directories[dir];
        let config = LibraryConfig {
            segment_bytes: 4 << 10,
            policy: directory.policy,
            fs: Arc::new(directory.disk.clone()),
            ..LibraryConfig::new(directory.home.path())
        };
        let (library, report) = Library::open(config).unwrap();
        assert!(report.set_aside.is_empty(), "commits are set aside: {report:?}");
        let sink = Sink::start(&library, remotes, &SinkConfig { local: pace(), seed });
        directory.running = Some(Running { handles: [const { None }; BOOKS], sink, library });
    }

    fn remote(&self, dir: usize, target: usize) -> RemoteTarget {
        let line = self.directories[dir].line;
        RemoteTarget { name: name(target), target: Arc::new(self.targets[target].client(line)), pace: pace() }
    }

    pub(super) fn has(&self, dir: usize, number: usize) -> bool {
        let line = self.directories[dir].line;
        !self.oracle.lock().lines[&line][number].is_empty()
    }

    /// The book as it is after everything that was accepted.
    fn accepted(&self, dir: usize, number: usize) -> Option<(Seq, BookState)> {
        let line = self.directories[dir].line;
        let oracle = self.oracle.lock();
        oracle.lines[&line][number].last_key_value().map(|(seq, state)| (*seq, state.clone()))
    }

    pub(super) fn commit(&mut self, dir: usize, number: usize, changes: &[Change]) {
        let (id, line) = (book(number), self.directories[dir].line);
        let running = self.directories[dir].running.as_mut().unwrap();
        let handle = running.handles[number].get_or_insert_with(|| {
            let opened = running.library.open_book(&id, "test");
            opened.or_else(|_| running.library.create_book(&id, "test")).unwrap()
        });
        let ops = |at: &bookstate_domain::At| changes.iter().map(|change| change.op(&id, at)).collect();
        let receipt = handle.commit(|_, at| Ok(ops(at))).unwrap();
        let state = handle.snapshot().state.clone();
        self.oracle.lock().lines.get_mut(&line).unwrap()[number].insert(receipt.seq, state);
        self.commits += 1;
        self.ops += changes.len();
    }

    pub(super) fn close(&mut self, dir: usize, number: usize) {
        self.directories[dir].running.as_mut().unwrap().handles[number] = None;
    }

    pub(super) async fn attach(&mut self, dir: usize, target: usize, attached: bool) {
        if self.is_attached(dir, target) == attached {
            return;
        }
        if attached {
            self.sink(dir).add(self.remote(dir, target)).unwrap();
        } else {
            self.sink(dir).remove(&name(target)).await.unwrap();
        }
        self.directories[dir].attached[target] = attached;
    }

    /// As if the process had been killed: nothing is drained, nothing is closed.
    async fn end(&mut self, dir: usize) {
        drop(self.directories[dir].running.take());
        // The aborted tasks hold the library until they have been dropped by the runtime.
        let home = self.directories[dir].home.path();
        while DataDirLock::acquire(home).is_err() {
            tokio::task::yield_now().await;
        }
    }

    pub(super) async fn kill(&mut self, dir: usize) {
        self.end(dir).await;
        let disk = self.directories[dir].disk.crash(CrashImage::Killed);
        self.directories[dir].disk = disk;
        self.start(dir);
        for number in 0..BOOKS {
            let Some((seq, state)) = self.accepted(dir, number) else { continue };
            let found = self.present(dir, number);
            assert!(found == Some((seq, state)), "book {number} lost what was accepted, up to {seq}");
        }
    }

    pub(super) async fn power_loss(&mut self, dir: usize, image: Option<u64>) {
        self.end(dir).await;
        let image = image.map_or(CrashImage::Synced, CrashImage::Random);
        let disk = self.directories[dir].disk.crash(image);
        self.directories[dir].disk = disk;
        let old = self.directories[dir].line;
        let mut history = self.oracle.lock().lines[&old].clone();
        self.directories[dir].line = self.line(History::default());
        self.start(dir);
        for (number, states) in history.iter_mut().enumerate() {
            let found = self.present(dir, number);
            let last = found.as_ref().map_or(Seq::ZERO, |(seq, _)| *seq);
            let kept = states.get(&last);
            assert!(
                last == Seq::ZERO || kept == found.as_ref().map(|(_, state)| state),
                "book {number} came back as it never was, at {last}"
            );
            states.retain(|seq, _| *seq <= last);
        }
        let line = self.directories[dir].line;
        self.oracle.lock().lines.insert(line, history);
    }

    /// The book as the directory has it, in memory or in the local store.
    fn present(&self, dir: usize, number: usize) -> Option<(Seq, BookState)> {
        let library = &self.directories[dir].running.as_ref().unwrap().library;
        if let Some(live) = library.active(&book(number)) {
            return Some((live.seq, live.state.clone()));
        }
        let stored = library.local_store().load_book(&book(number)).unwrap()?;
        Some((stored.sync.persisted_seq, stored.state))
    }

    pub(super) async fn copy(&mut self, dir: usize) {
        self.end(dir).await;
        let home = tempfile::tempdir().unwrap();
        let directory = &self.directories[dir];
        copy_files(directory.home.path(), home.path());
        let disk = moved(&directory.disk, directory.home.path(), home.path());
        let history = self.oracle.lock().lines[&directory.line].clone();
        self.aside = Some(Aside { home, disk, history });
        self.start(dir);
    }

    /// The copy in the directory's place.
    pub(super) async fn restore(&mut self, dir: usize) {
        let Some(aside) = &self.aside else { return };
        let history = aside.history.clone();
        self.consent = true;
        self.end(dir).await;
        let line = self.line(history);
        let aside = self.aside.as_ref().unwrap();
        let home = tempfile::tempdir().unwrap();
        copy_files(aside.home.path(), home.path());
        let directory = &mut self.directories[dir];
        directory.disk = moved(&aside.disk, aside.home.path(), home.path());
        (directory.home, directory.line) = (home, line);
        self.start(dir);
    }

    /// The copy as a second directory, both used.
    pub(super) fn clone_directory(&mut self) {
        let Some(aside) = self.aside.as_ref().filter(|_| self.directories.len() < 2) else { return };
        self.consent = true;
        let home = tempfile::tempdir().unwrap();
        copy_files(aside.home.path(), home.path());
        let disk = moved(&aside.disk, aside.home.path(), home.path());
        let history = aside.history.clone();
        let line = self.line(history);
        let policy = self.directories[0].policy;
        self.directories.push(Directory {
            home,
            disk,
            line,
            running: None,
            attached: [true; TARGETS],
            policy,
        });
        let clone = self.directories.len() - 1;
        self.start(clone);
    }

    /// An empty directory, which takes back what a healthy target has. What the target lacks is lost with the
    /// machine.
    pub(super) async fn lose(&mut self, dir: usize, target: usize) {
        self.consent = true;
        self.end(dir).await;
        let line = self.line(History::default());
        let directory = &mut self.directories[dir];
        (directory.home, directory.disk, directory.line) =
            (tempfile::tempdir().unwrap(), FaultFs::new(), line);
        directory.attached[target] = true;
        self.start(dir);
        self.targets[target].recover();
        for number in 0..BOOKS {
            if self.targets[target].book(&book(number)).is_some() {
                self.sink(dir).take_over(&name(target), &book(number)).await.unwrap();
                let (seq, state) = self.present(dir, number).unwrap();
                self.oracle.lock().lines.get_mut(&line).unwrap()[number].insert(seq, state);
            }
        }
    }

    pub(super) fn status(&self, dir: usize, target: usize) -> TargetStatus {
        let status = self.sink(dir).status();
        status.into_iter().find(|status| status.name == name(target)).unwrap()
    }

    pub(super) fn is_foreign(&self, dir: usize, target: usize, number: usize) -> bool {
        let id = book(number);
        self.status(dir, target).foreign.iter().any(|foreign| foreign.book_id == id)
    }

    /// Waits until every target has everything; panics when it does not come to that.
    pub(super) async fn settle(&self, dir: usize) {
        for _ in 0..2000 {
            let reached = self.sink(dir).barrier().await;
            if reached.iter().all(|(_, reached)| *reached == Reached::All) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("directory {dir} never settled: {:?}", self.sink(dir).status());
    }

    /// What never may be, at any time.
    pub(super) fn check(&self) {
        let oracle = self.oracle.lock();
        assert!(oracle.wrong.is_empty(), "{}", oracle.wrong.join("\n"));
        for target in &self.targets {
            assert_eq!(target.violations(), Vec::<String>::new());
        }
    }

    /// The targets of a directory have its books.
    pub(super) fn check_the_end(&self, dir: usize) {
        for number in 0..BOOKS {
            let Some((seq, ours)) = self.accepted(dir, number) else { continue };
            assert!(
                self.present(dir, number) == Some((seq, ours.clone())),
                "book {number} is not what was accepted"
            );
            let local = self.directories[dir].running.as_ref().unwrap().library.local_store().clone();
            let local = local.load_book(&book(number)).unwrap().unwrap();
            assert!(local.state == ours, "the local store differs in book {number}");
            for target in (0..TARGETS).filter(|target| self.is_attached(dir, *target)) {
                if self.is_foreign(dir, target, number) {
                    continue;
                }
                let copy = self.targets[target].book(&book(number)).unwrap();
                let differing = bookstate_sink::compare(&ours, Some(&copy.state));
                assert!(
                    differing.is_empty(),
                    "directory {dir}, target {target}, book {number} differs silently: {differing:?}, {:?}",
                    copy.sync
                );
                assert_eq!(copy.sync.parked, vec![], "nothing is parked");
                for (key, (created, deleted)) in &copy.lives {
                    let alive = usize::from(copy.state.has(key));
                    assert_eq!(
                        *created,
                        deleted + alive,
                        "{key} was created {created} times, deleted {deleted}"
                    );
                }
            }
        }
    }
}

/// Whenever the target says that it is at S, it must be the book as it was at S, parked documents aside.
fn judge(oracle: &mut Oracle, target: usize, line: u32, id: &BookId, copy: &SimBook) {
    let seq = copy.sync.persisted_seq;
    let Some(number) = (0..BOOKS).find(|number| book(*number) == *id) else { return };
    let Some(history) = oracle.lines.get(&line) else { return };
    if copy.sync.persisting_seq != seq {
        return;
    }
    // A directory that takes a book back learns what it is from the target.
    let Some((_, ours)) = history[number].range(..=seq).next_back() else { return };
    let ours = without(ours.clone(), &copy.sync.parked);
    let theirs = without(copy.state.clone(), &copy.sync.parked);
    if ours != theirs {
        let differing = bookstate_sink::compare(&ours, Some(&theirs));
        oracle.wrong.push(format!(
            "line {line}, target {target}, book {number} is not itself at {seq}: {differing:?}"
        ));
    }
}

fn copy_files(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let is_lock = path.file_name().is_some_and(|name| name == "lock");
        if path.is_file() && !is_lock {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// The same disk, under another name.
fn moved(disk: &FaultFs, from: &Path, to: &Path) -> FaultFs {
    let copy = FaultFs::new();
    for file in disk.files() {
        let inside: PathBuf = file.strip_prefix(from).unwrap().to_owned();
        copy.put(&to.join(inside), &disk.contents(&file).unwrap());
    }
    copy
}
