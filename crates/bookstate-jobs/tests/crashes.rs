//! A job that dies at any moment is resumed, and ends as one that did not; and what happens when the journal
//! takes nothing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod fake;

use std::{
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bookstate_domain::JobStatus;
use bookstate_jobs::{Activity, JobEnd, StartError, ingest};
use bookstate_store::{
    Epoch, Library, LibraryConfig, OpenBookError, Tenure,
    fs::{
        Fs,
        fault::{Call, Fault, FaultFs},
    },
};
use fake::{Bench, Trick, UNITS, assert_nothing_ran_twice, canonical, request, running, state};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs a bench's book until its engines were called so often, then lets everything go.
fn run_and_die(bench: &Bench, calls: usize) {
    let runtime = runtime();
    runtime.block_on(async {
        let library = bench.library();
        bench.fake.die_at(calls);
        let scheduler = bench.scheduler(&library);
        let book = ingest(&library, &bench.book_file("book")).await.unwrap();
        let _job = running(scheduler.start(&book.book_id, request()).await.unwrap());
        bench.fake.called(calls + 1).await;
    });
    // Tasks are dropped wherever they are; nothing is said to the library.
    runtime.shutdown_timeout(Duration::from_secs(10));
}

#[test]
fn a_job_that_dies_anywhere_ends_as_one_that_did_not() {
    let undisturbed = Bench::new();
    let expected = runtime().block_on(async {
        let (library, report) = undisturbed.run().await;
        canonical(&state(&library, &report.book_id))
    });
    let calls: usize = undisturbed.fake.all_calls().values().sum();
    for at in (0..calls).step_by(3) {
        let bench = Bench::new();
        run_and_die(&bench, at);
        // And once more, soon after it was resumed.
        run_and_die(&bench, (at + at % 4 + 5).min(calls - 1));
        let bench = Bench { fake: Arc::default(), ..bench };
        let (end, report) = runtime().block_on(async {
            let (library, report) = bench.run().await;
            (canonical(&state(&library, &report.book_id)), report)
        });
        assert_eq!(end, expected, "died at call {at}");
        assert!(matches!(report.end, JobEnd::Over { status: JobStatus::Completed, .. }), "{report:?}");
        assert_eq!(report.units.run + report.units.skipped, UNITS, "died at call {at}");
        assert_nothing_ran_twice(&bench.log);
    }
}

fn library_on(disk: &FaultFs, dir: &Path) -> Library {
    let fs: Arc<dyn Fs> = Arc::new(disk.clone());
    Library::open(LibraryConfig { fs, ..LibraryConfig::new(dir) }).unwrap().0
}

#[tokio::test]
async fn a_full_disk_stalls_the_job_and_loses_no_result() {
    let bench = Bench::new();
    bench.fake.trick("toc_link:0001", &[Trick::Transient]);
    let disk = FaultFs::new();
    let library = library_on(&disk, &bench.data_dir());
    let scheduler = bench.scheduler(&library);
    let job = bench.start(&library, &scheduler).await;
    let mut progress = job.progress.clone();
    bench.fake.called(6).await;
    disk.set_space(Some(0));
    progress.wait_for(|p| matches!(p.activity, Activity::Stalled { .. })).await.unwrap();
    let before = library.active(&job.book_id).unwrap().seq;
    // However long it lasts: nothing is begun, nothing changes.
    let calls = bench.fake.all_calls();
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert_eq!(bench.fake.all_calls(), calls);
    assert_eq!(library.active(&job.book_id).unwrap().seq, before);
    disk.set_space(None);
    let report = job.wait().await;
    assert!(matches!(report.end, JobEnd::Over { status: JobStatus::Completed, .. }), "{report:?}");
    assert_eq!((report.units.run, report.units.dropped), (UNITS, 0));
    assert_nothing_ran_twice(&bench.log);
    assert!(bench.fake.all_calls().iter().all(|(unit, calls)| *calls == 1 || unit == "toc_link:0001"));
}

/// What is in flight is dropped at once, and nothing is stored of the end: the job is the next owner's.
#[tokio::test]
async fn a_job_whose_tenure_ends_stores_nothing_more_and_ends() {
    for is_told in [true, false] {
        let bench = Bench::new();
        bench.fake.trick("classify", &[Trick::Hang]);
        let library = bench.library();
        let scheduler = bench.scheduler(&library);
        let book = ingest(&library, &bench.book_file("book")).await.unwrap();
        let tenure = Tenure::new(Epoch(1), Instant::now() + Duration::from_secs(3600));
        library.grant(&book.book_id, tenure.clone());
        let job = running(scheduler.start(&book.book_id, request()).await.unwrap());
        bench.fake.begun("classify").await;
        if !is_told {
            // It learns it from a persist call, or from the end of its waiting.
            scheduler.pause();
        }
        tenure.end();
        let report = job.wait().await;
        assert_eq!(report.end, JobEnd::Fenced);
        assert!(report.units.dropped > 0, "{report:?}");
        let left = state(&library, &book.book_id);
        assert_eq!(left.active_job().unwrap().status, Some(JobStatus::Running), "it is not over");
        let refused = scheduler.start(&book.book_id, request()).await;
        let Err(StartError::Open(OpenBookError::NotOwned { .. })) = refused else { panic!("{refused:?}") };
        // The next owner is this machine again, and the work that was dropped does no harm.
        library.grant(&book.book_id, Tenure::new(Epoch(2), Instant::now() + Duration::from_secs(3600)));
        let job = running(scheduler.start(&book.book_id, request()).await.unwrap());
        assert!(job.resumed);
        let report = job.wait().await;
        assert!(matches!(report.end, JobEnd::Over { status: JobStatus::Completed, .. }), "{report:?}");
        assert_nothing_ran_twice(&bench.log);
    }
}

#[tokio::test]
async fn a_poisoned_journal_ends_the_job_with_a_clear_reason() {
    let bench = Bench::new();
    let disk = FaultFs::new();
    let library = library_on(&disk, &bench.data_dir());
    let scheduler = bench.scheduler(&library);
    let book = ingest(&library, &bench.book_file("book")).await.unwrap();
    let next = u64::try_from(disk.ops().len()).unwrap();
    for op in next + 20..next + 400 {
        disk.inject(op, Fault::Error(io::ErrorKind::Other));
    }
    let job = running(scheduler.start(&book.book_id, request()).await.unwrap());
    let report = job.wait().await;
    let JobEnd::Stopped { reason } = &report.end else { panic!("{report:?}") };
    assert!(reason.contains("poisoned"), "{reason}");
    assert!(disk.ops().contains(&Call::Write));
}

#[tokio::test]
async fn on_a_disk_that_is_nearly_full_nothing_is_started() {
    let bench = Bench::new();
    let library = bench.library();
    let config = bookstate_jobs::SchedulerConfig { min_free_bytes: u64::MAX, ..bench.config() };
    let scheduler = bookstate_jobs::Scheduler::new(library.clone(), bench.catalog(), config);
    let job = bench.start(&library, &scheduler).await;
    let mut progress = job.progress.clone();
    progress.wait_for(|p| matches!(p.activity, Activity::Stalled { .. })).await.unwrap();
    assert!(bench.fake.all_calls().is_empty());
    scheduler.cancel(&job.book_id);
    let report = job.wait().await;
    assert!(matches!(report.end, JobEnd::Over { status: JobStatus::Cancelled, .. }), "{report:?}");
}
