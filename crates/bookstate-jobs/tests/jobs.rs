//! Jobs with engines that fail, hang and panic, on a real library: how they run, end and are refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod fake;

use bookstate_domain::{BookStatus, JobStatus, OperationName, Variant};
use bookstate_jobs::{
    Activity, IngestError, JobEnd, JobRequest, Scheduler, StartError, Started, copy_of, file_names, ingest,
    plan::settled_units, sources_dir,
};
use fake::{Bench, Trick, UNITS, assert_nothing_ran_twice, request, running, state, unit_events};

fn status(end: &JobEnd) -> (JobStatus, String) {
    match end {
        JobEnd::Over { status, reason } => (*status, reason.as_deref().unwrap_or_default().to_owned()),
        other => panic!("the job is not over: {other:?}"),
    }
}

#[tokio::test]
async fn a_job_takes_a_book_to_the_end_and_a_second_one_finds_nothing_to_do() {
    let bench = Bench::new();
    let library = bench.library();
    let scheduler = bench.scheduler(&library);
    let job = bench.start(&library, &scheduler).await;
    assert!(!job.resumed);
    let (id, mut progress) = (job.book_id.clone(), job.progress.clone());
    let report = job.wait().await;
    assert_eq!(status(&report.end), (JobStatus::Completed, String::new()));
    assert_eq!((report.units.run, report.units.skipped, report.units.failed), (UNITS, 0, 0));
    assert!(bench.fake.all_calls().values().all(|calls| *calls == 1));
    progress.wait_for(|progress| progress.activity == Activity::Ended).await.unwrap();
    assert!(progress.borrow().stages.iter().all(|stage| stage.done == stage.total));
    let book = state(&library, &id);
    assert_eq!(
        settled_units(
            &book,
            &bench.catalog().resolve(&request().engines).unwrap().job_plan(Variant::Standard)
        ),
        UNITS
    );
    assert_eq!(book.book().unwrap().status, Some(BookStatus::Complete));
    assert_eq!(book.chapters().size(), 6);
    let events = unit_events(&bench.log);
    for kind in ["run", "persisted"] {
        assert_eq!(events.iter().filter(|(event, _)| event == kind).count(), UNITS, "{kind}");
    }
    // One Metric per stage, none per unit.
    assert_eq!(book.metrics().size(), 8);

    let before = library.active(&id).unwrap().seq;
    match scheduler.start(&id, request()).await.unwrap() {
        Started::NothingToDo { status, job_id, .. } => {
            assert_eq!((status, job_id.unwrap().as_str()), (BookStatus::Complete, "job-1"));
        }
        Started::Running(_) => panic!("a finished book was started again"),
    }
    assert_eq!(library.active(&id).unwrap().seq, before);
    assert!(scheduler.jobs().is_empty());
}

#[test]
fn a_job_whose_caller_goes_away_runs() {
    let one_thread =
        tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_all().build();
    one_thread.unwrap().block_on(async {
        let bench = Bench::new();
        bench.fake.trick("metadata", &[Trick::Hang]);
        let library = bench.library();
        let scheduler = bench.scheduler(&library);
        let book = ingest(&library, &bench.book_file("book")).await.unwrap().book_id;
        // The thread that would open the book is busy.
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || gate.recv());
        {
            let mut start = Box::pin(scheduler.start(&book, request()));
            let begun = std::future::poll_fn(|context| std::task::Poll::Ready(start.as_mut().poll(context)));
            assert!(begun.await.is_pending(), "nobody waits for its answer");
        }
        open.send(()).unwrap();
        busy.await.unwrap().unwrap();
        bench.fake.begun("metadata").await;
        assert_eq!(scheduler.jobs().len(), 1);
        scheduler.cancel(&book);
    });
}

#[tokio::test]
async fn two_jobs_on_one_book_are_impossible() {
    let bench = Bench::new();
    bench.fake.trick("metadata", &[Trick::Hang]);
    let library = bench.library();
    let scheduler = bench.scheduler(&library);
    let job = bench.start(&library, &scheduler).await;
    let refused = scheduler.start(&job.book_id, request()).await.unwrap_err();
    assert!(matches!(refused, StartError::Open(_)), "{refused}");
    let reset = JobRequest { reset: Some(OperationName::Ocr), ..request() };
    assert!(scheduler.start(&job.book_id, reset).await.is_err());
    assert_eq!(scheduler.jobs().len(), 1);
    scheduler.cancel(&job.book_id);
    job.wait().await;
}

#[tokio::test]
async fn a_cancelled_job_drops_what_is_in_flight_and_a_later_one_continues() {
    let bench = Bench::new();
    bench.fake.trick("toc_link:0002", &[Trick::Hang]);
    let library = bench.library();
    let scheduler = bench.scheduler(&library);
    let job = bench.start(&library, &scheduler).await;
    let id = job.book_id.clone();
    bench.fake.begun("toc_link:0002").await;
    assert!(scheduler.cancel(&id));
    let report = job.wait().await;
    assert_eq!(status(&report.end).0, JobStatus::Cancelled);
    assert!(report.units.dropped >= 1, "{report:?}");
    assert!(!scheduler.cancel(&id), "the job is gone");
    assert!(state(&library, &id).active_job().is_none());

    let job = running(scheduler.start(&id, request()).await.unwrap());
    assert_eq!(job.job_id.as_str(), "job-2");
    let second = job.wait().await;
    assert_eq!(status(&second.end).0, JobStatus::Completed);
    assert_eq!(second.units.skipped, report.units.run);
    assert_eq!(second.units.run + second.units.skipped, UNITS);
    assert_nothing_ran_twice(&bench.log);
}

#[tokio::test]
async fn a_paused_job_stays_active_and_is_resumed() {
    let bench = Bench::new();
    bench.fake.trick("classify", &[Trick::Hang]);
    let library = bench.library();
    let scheduler = bench.scheduler(&library);
    let job = bench.start(&library, &scheduler).await;
    let id = job.book_id.clone();
    bench.fake.begun("classify").await;
    scheduler.pause();
    let report = job.wait().await;
    assert_eq!(report.end, JobEnd::Paused);
    assert_eq!(state(&library, &id).active_job().unwrap().status, Some(JobStatus::Running));
    let job = running(scheduler.start(&id, request()).await.unwrap());
    assert!(job.resumed);
    assert_eq!(job.job_id.as_str(), "job-1");
    let report = job.wait().await;
    assert_eq!(status(&report.end).0, JobStatus::Completed);
    assert_nothing_ran_twice(&bench.log);
}

#[tokio::test]
async fn a_resumed_job_keeps_the_variant_and_engines_of_its_record() {
    let bench = Bench::new();
    bench.fake.trick("ocr:9", &[Trick::Hang]);
    let library = bench.library();
    let scheduler = bench.scheduler(&library);
    let book = ingest(&library, &bench.book_file("book")).await.unwrap();
    let only = JobRequest { variant: Variant::OcrOnly, ..request() };
    let job = running(scheduler.start(&book.book_id, only).await.unwrap());
    bench.fake.begun("ocr:9").await;
    scheduler.pause();
    job.wait().await;
    // What is asked for now is another job altogether, and not even possible.
    let mut other = request();
    other.engines.analysis = "no-such-engine".into();
    let job = running(scheduler.start(&book.book_id, other).await.unwrap());
    assert!(job.resumed);
    assert_eq!(status(&job.wait().await.end).0, JobStatus::Completed);
    assert_eq!(bench.fake.calls("metadata"), 0);
    // Another variant, on the finished book, is a new job that goes on from there.
    let job = running(scheduler.start(&book.book_id, request()).await.unwrap());
    assert_eq!(job.job_id.as_str(), "job-2");
    let report = job.wait().await;
    assert_eq!(status(&report.end).0, JobStatus::Completed);
    assert_nothing_ran_twice(&bench.log);
}

#[tokio::test]
async fn a_transient_failure_is_retried_in_the_pool() {
    let bench = Bench::new();
    bench.fake.trick("metadata", &[Trick::Transient, Trick::Transient]);
    let (library, report) = bench.run().await;
    assert_eq!(status(&report.end).0, JobStatus::Completed);
    assert_eq!((bench.fake.calls("metadata"), report.units.failed), (3, 0));
    assert_eq!(state(&library, &report.book_id).book().unwrap().metadata_retries, 0);
}

#[tokio::test]
async fn an_operation_that_fails_for_good_leaves_a_degraded_book_that_says_why() {
    let bench = Bench::new();
    bench.fake.trick("metadata", &[Trick::Transient; 9]);
    let (library, report) = bench.run().await;
    let (status, reason) = status(&report.end);
    assert_eq!(status, JobStatus::Degraded);
    assert!(reason.contains("metadata failed: metadata: metadata is busy"), "{reason}");
    assert_eq!((bench.fake.calls("metadata"), report.units.failed), (9, 3));
    let book = state(&library, &report.book_id);
    assert_eq!(book.book().unwrap().status, Some(BookStatus::Degraded));
    assert_eq!(book.book().unwrap().status_reason.as_deref(), Some(reason.as_str()));
    // Nothing is left to do for a job: a degraded book is not tried again without a reset.
    let again = bench.scheduler(&library).start(&report.book_id, request()).await.unwrap();
    assert!(matches!(again, Started::NothingToDo { status: BookStatus::Degraded, .. }));
}

#[tokio::test]
async fn a_panic_is_the_units_failure_and_the_pool_goes_on() {
    let bench = Bench::new();
    bench.fake.trick("polish:0001", &[Trick::Panic]);
    bench.fake.trick("ocr:4", &[Trick::Panic]);
    bench.fake.trick("classify", &[Trick::Permanent]);
    bench.fake.trick("toc_extract", &[Trick::Panic; 30]);
    let (_, report) = bench.run().await;
    let (status, reason) = status(&report.end);
    assert_eq!(status, JobStatus::Degraded);
    assert!(reason.contains("toc_extract made me panic"), "{reason}");
    assert_eq!(bench.fake.calls("ocr:4"), 2);
    assert_eq!(bench.fake.calls("toc_extract"), 3);
}

#[tokio::test]
async fn an_impossible_answer_is_the_engines_failure() {
    let bench = Bench::new();
    bench.fake.trick("metadata", &[Trick::Impossible]);
    bench.fake.trick("toc_link:0001", &[Trick::Impossible]);
    let (library, report) = bench.run().await;
    let (status, reason) = status(&report.end);
    assert_eq!(status, JobStatus::Degraded);
    assert!(
        reason.contains("metadata failed: metadata: the answer is impossible: there is no page 9000"),
        "{reason}"
    );
    let book = state(&library, &report.book_id);
    let entry = book.toc_entry(&bookstate_domain::EntryIdent::Ordinal(1)).unwrap();
    assert!(entry.link_failed && entry.actual_page.is_none());
}

#[tokio::test]
async fn an_answer_that_leaves_a_chapter_out_is_a_failure_and_no_endless_loop() {
    let bench = Bench::new();
    bench.fake.trick("chapter_text", &[Trick::Impossible; 10]);
    let (_, report) = bench.run().await;
    let (status, reason) = status(&report.end);
    assert_eq!(status, JobStatus::Degraded);
    assert!(reason.contains("there is no text for chapter ch_001"), "{reason}");
}

#[tokio::test]
async fn a_page_that_cannot_be_read_degrades_the_book() {
    let bench = Bench::new();
    bench.fake.trick("ocr:3", &[Trick::Permanent]);
    let (_, report) = bench.run().await;
    let (status, reason) = status(&report.end);
    assert_eq!(status, JobStatus::Degraded);
    assert!(
        reason.contains("1 of 12 pages could not be read, the first is page 3: ocr:3 cannot be done"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_reset_runs_its_operation_and_what_follows_again() {
    let bench = Bench::new();
    let (library, report) = bench.run().await;
    let reset = JobRequest { reset: Some(OperationName::Structure), ..request() };
    let job = running(bench.scheduler(&library).start(&report.book_id, reset).await.unwrap());
    let second = job.wait().await;
    assert_eq!(status(&second.end).0, JobStatus::Completed);
    assert_eq!((bench.fake.calls("skeleton"), bench.fake.calls("pattern")), (2, 1));
    assert_eq!(second.units.run, 10);
}

#[tokio::test]
async fn a_metered_engine_leaves_a_metric_per_unit() {
    let mut bench = Bench::new();
    bench.metered = true;
    bench.fake.trick("metadata", &[Trick::Permanent]);
    let (library, report) = bench.run().await;
    let book = state(&library, &report.book_id);
    let of = |unit: &str| book.metrics().values().find(|metric| &*metric.unit == unit).cloned();
    let link = of("toc_link:0002").unwrap();
    assert!(
        link.success && link.item_key.as_deref() == Some("0002") && link.provider.as_deref() == Some("fake")
    );
    let metadata = of("metadata").unwrap();
    assert!(!metadata.success && metadata.error_type.as_deref() == Some("permanent"));
    assert!(of("ocr:7:fake-ocr").is_some() && of("extract:7").is_none());
}

#[tokio::test]
async fn a_book_that_hangs_holds_up_no_other() {
    let bench = Bench::new();
    bench.fake.trick("metadata", &[Trick::Hang]);
    let library = bench.library();
    let scheduler = bench.scheduler(&library);
    let stuck = bench.start(&library, &scheduler).await;
    bench.fake.begun("metadata").await;
    let other = ingest(&library, &bench.book_file("other")).await.unwrap();
    let job = running(scheduler.start(&other.book_id, request()).await.unwrap());
    assert_eq!(status(&job.wait().await.end).0, JobStatus::Completed);
    scheduler.cancel(&stuck.book_id);
    stuck.wait().await;
}

#[tokio::test]
async fn a_job_that_waits_for_its_turn_can_be_cancelled() {
    let bench = Bench::new();
    bench.fake.trick("metadata", &[Trick::Hang]);
    let library = bench.library();
    let mut config = bench.config();
    config.books_at_once = 1;
    let scheduler = Scheduler::new(library.clone(), bench.catalog(), config);
    let first = bench.start(&library, &scheduler).await;
    bench.fake.begun("metadata").await;
    let other = ingest(&library, &bench.book_file("other")).await.unwrap();
    let waiting = running(scheduler.start(&other.book_id, request()).await.unwrap());
    assert_eq!(state(&library, &other.book_id).active_job().unwrap().status, Some(JobStatus::Queued));
    scheduler.cancel(&other.book_id);
    let report = waiting.wait().await;
    assert_eq!((status(&report.end).0, report.units.run), (JobStatus::Cancelled, 0));
    scheduler.cancel(&first.book_id);
    first.wait().await;
}

/// The file is opened again when the turn comes: not before, since many jobs may wait and files are large.
#[tokio::test]
async fn a_job_that_waits_for_its_turn_holds_no_file() {
    let bench = Bench::new();
    bench.fake.trick("metadata", &[Trick::Hang]);
    let library = bench.library();
    let mut config = bench.config();
    config.books_at_once = 1;
    let scheduler = Scheduler::new(library.clone(), bench.catalog(), config);
    let first = bench.start(&library, &scheduler).await;
    bench.fake.begun("metadata").await;
    let mut waiting = Vec::new();
    for name in ["kept", "gone"] {
        let book = ingest(&library, &bench.book_file(name)).await.unwrap();
        waiting.push(running(scheduler.start(&book.book_id, request()).await.unwrap()));
    }
    let gone = waiting.pop().unwrap();
    let id = gone.book_id.clone();
    std::fs::remove_file(copy_of(library.dir(), &id).unwrap()).unwrap();
    scheduler.cancel(&first.book_id);
    first.wait().await;
    assert_eq!(status(&waiting.pop().unwrap().wait().await.end).0, JobStatus::Completed);
    let (failed, reason) = status(&gone.wait().await.end);
    assert!(failed == JobStatus::Failed && reason.contains("process its file again"), "{reason}");

    ingest(&library, &bench.book_file("gone")).await.unwrap();
    let again = running(scheduler.start(&id, request()).await.unwrap());
    assert_eq!(status(&again.wait().await.end).0, JobStatus::Completed);
}

#[tokio::test]
async fn what_cannot_start_says_why_and_changes_nothing() {
    let bench = Bench::new();
    let library = bench.library();
    let scheduler = bench.scheduler(&library);
    let book = ingest(&library, &bench.book_file("book")).await.unwrap();
    let seq = library.active(&book.book_id).map(|snapshot| snapshot.seq);
    let mut unknown = request();
    unknown.engines.ocr = vec!["tesseract".into()];
    let refused = scheduler.start(&book.book_id, unknown).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no OCR engine \"tesseract\"; known are fake-ocr");
    std::fs::remove_dir_all(sources_dir(library.dir())).unwrap();
    let refused = scheduler.start(&book.book_id, request()).await.unwrap_err();
    assert!(matches!(refused, StartError::SourceGone { .. }), "{refused}");
    let nobody = bookstate_domain::BookId::new("b-0000").unwrap();
    assert!(matches!(scheduler.start(&nobody, request()).await.unwrap_err(), StartError::Open(_)));
    assert_eq!(library.active(&book.book_id).map(|snapshot| snapshot.seq), seq);
}

#[tokio::test]
async fn a_file_is_a_book_by_its_content() {
    let bench = Bench::new();
    let library = bench.library();
    let path = bench.book_file("book");
    let first = ingest(&library, &path).await.unwrap();
    assert!(!first.known && first.page_count == 12 && first.book_id.as_str().len() == 18);
    let moved = bench.dir.path().join("moved.txt");
    std::fs::rename(&path, &moved).unwrap();
    let second = ingest(&library, &moved).await.unwrap();
    assert!(second.known && second.book_id == first.book_id);
    let files: Vec<_> =
        std::fs::read_dir(sources_dir(library.dir())).unwrap().map(|f| f.unwrap().path()).collect();
    assert_eq!(files.len(), 2, "the copy and its name: {files:?}");
    let copy = copy_of(library.dir(), &first.book_id).unwrap();
    assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(&moved).unwrap());
    assert_eq!(file_names(library.dir())[&first.book_id], "moved.txt", "the last one");
    for not_a_book in [path, bench.dir.path().to_path_buf()] {
        let refused = ingest(&library, &not_a_book).await.unwrap_err();
        #[cfg(feature = "scans")]
        assert!(matches!(refused, IngestError::Source(_) | IngestError::Images(_)), "{refused}");
        #[cfg(not(feature = "scans"))]
        assert!(matches!(refused, IngestError::Source(_)), "{refused}");
    }
}
