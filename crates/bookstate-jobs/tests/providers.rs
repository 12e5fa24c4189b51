//! Providers that cost money and are not always there: outages are no failures, and what was paid is kept.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod fake;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bookstate_domain::{EntryIdent, JobStatus, TocEntry, persist::LinkOutcome};
use bookstate_jobs::{
    Activity, JobEnd, Scheduler,
    engine::{BookContext, EngineError, EngineResult, OcrEngine, OcrReading, TocLinker, Turn, Usage},
    engines::EngineSpec,
    ingest,
};
use bookstate_llm::breaker::{Action, Breaker, Event, Fault};
use fake::{Bench, PAGES, request, running, state, unit_events};

/// What a call costs.
const COST: f64 = 0.25;

/// Reads pages for money, as long as it is there.
#[derive(Debug, Default)]
struct Paid {
    is_down: AtomicBool,
    needs_person: AtomicBool,
    paid: AtomicUsize,
    asked: AtomicUsize,
    /// Page 2 cannot be read, in so many attempts.
    failures: AtomicUsize,
}

#[async_trait]
impl OcrEngine for Paid {
    async fn read(&self, book: BookContext, page: u32) -> EngineResult<OcrReading> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            let pause = (!self.needs_person.load(Ordering::SeqCst)).then_some(Duration::from_millis(1));
            return Err(EngineError::Held { provider: "paid".into(), reason: "is away".into(), pause });
        }
        self.paid.fetch_add(1, Ordering::SeqCst);
        let mut usage = Usage::default();
        usage.cost_usd = Some(COST);
        usage.model = Some("a-model".into());
        book.meter.add(usage);
        let left = self.failures.load(Ordering::SeqCst);
        if page == 2 && left > 0 {
            self.failures.store(left - 1, Ordering::SeqCst);
            return Err(EngineError::transient("busy"));
        }
        Ok(OcrReading { text: format!("Page {page}.").into(), ..OcrReading::default() }.into())
    }
}

fn scheduler(bench: &Bench, library: &bookstate_store::Library, engine: &Arc<Paid>) -> Scheduler {
    let spec = EngineSpec { pool: "fake".into(), metered: true };
    let catalog = bench.catalog().with_ocr("paid:a/model", spec, engine.clone());
    Scheduler::new(library.clone(), catalog, bench.config())
}

fn of_paid() -> bookstate_jobs::JobRequest {
    let mut request = request();
    request.engines.ocr = vec!["paid:a/model".into()];
    request
}

#[tokio::test]
async fn an_outage_stalls_the_job_and_costs_no_attempt() {
    let bench = Bench::new();
    let engine = Arc::new(Paid::default());
    engine.is_down.store(true, Ordering::SeqCst);
    let library = bench.library();
    let book = ingest(&library, &bench.book_file("book")).await.unwrap();
    let job = running(scheduler(&bench, &library, &engine).start(&book.book_id, of_paid()).await.unwrap());
    let mut progress = job.progress.clone();
    let stalled = progress.wait_for(|now| matches!(now.activity, Activity::Stalled { .. })).await.unwrap();
    let expected = Activity::Stalled { reason: "paid: is away".into(), goes_on: true };
    assert_eq!(stalled.activity, expected);
    drop(stalled);
    // Many more times than a unit has attempts.
    while engine.asked.load(Ordering::SeqCst) < 60 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    engine.is_down.store(false, Ordering::SeqCst);
    let report = job.wait().await;
    assert!(matches!(report.end, JobEnd::Over { status: JobStatus::Completed, .. }), "{report:?}");
    assert_eq!((report.units.failed, engine.paid.load(Ordering::SeqCst)), (0, PAGES));
    let begun = unit_events(&bench.log)
        .iter()
        .filter(|(event, unit)| event == "run" && unit.starts_with("ocr:"))
        .count();
    assert_eq!(begun, PAGES, "asking again is not written down");
}

/// A provider on a simulated clock, behind its breaker: twice it is away for ten minutes, from the first request on that
/// comes when so many were answered.
#[derive(Debug)]
struct Away {
    breaker: Mutex<Breaker>,
    began: tokio::time::Instant,
    outages: Mutex<Vec<(usize, Option<Duration>)>>,
    answered: AtomicUsize,
    refused: AtomicUsize,
}

const OUTAGE: Duration = Duration::from_secs(600);

impl Away {
    fn new(outages: &[usize]) -> Self {
        Self {
            breaker: Mutex::default(),
            began: tokio::time::Instant::now(),
            outages: Mutex::new(outages.iter().map(|answered| (*answered, None)).collect()),
            answered: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        }
    }

    fn step(&self, event: Event) -> Action {
        let mut breaker = self.breaker.lock().unwrap();
        let (next, action) = std::mem::take(&mut *breaker).step(self.began.elapsed(), event);
        *breaker = next;
        action
    }

    fn is_away(&self) -> bool {
        let (now, answered) = (self.began.elapsed(), self.answered.load(Ordering::SeqCst));
        let mut outages = self.outages.lock().unwrap();
        outages.iter_mut().filter(|outage| outage.0 <= answered).any(|outage| {
            let since = *outage.1.get_or_insert(now);
            now < since + OUTAGE
        })
    }

    /// A request of a second.
    async fn ask(&self) -> Result<(), EngineError> {
        let held = |pause| EngineError::Held { provider: "away".into(), reason: "is away".into(), pause };
        match self.step(Event::Asked) {
            Action::Send => {}
            Action::Wait { until } => return Err(held(Some(until.saturating_sub(self.began.elapsed())))),
            other => panic!("{other:?}"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        if self.is_away() {
            self.refused.fetch_add(1, Ordering::SeqCst);
            self.step(Event::Failed(Fault::Server));
            return Err(held(Some(Duration::from_secs(1))));
        }
        self.step(Event::Answered);
        self.answered.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[async_trait]
impl OcrEngine for Away {
    async fn read(&self, _: BookContext, page: u32) -> EngineResult<OcrReading> {
        self.ask().await?;
        Ok(OcrReading { text: format!("Page {page}.").into(), ..OcrReading::default() }.into())
    }
}

#[async_trait]
impl TocLinker for Away {
    async fn link(&self, _: BookContext, entry: Arc<TocEntry>) -> EngineResult<Turn<LinkOutcome>> {
        self.ask().await?;
        let EntryIdent::Ordinal(n) = entry.ident else { return Err(EngineError::permanent("not printed")) };
        Ok(Turn::Done(LinkOutcome::Linked { page: i32::try_from(n).unwrap() + 2, reason: None }).into())
    }
}

/// Ten minutes without a provider, in the middle of the pages and once more in the middle of the links.
#[tokio::test(start_paused = true)]
async fn outages_of_ten_minutes_fail_nothing_and_end_by_themselves() {
    let bench = Bench::new();
    let engine = Arc::new(Away::new(&[5, PAGES + 2]));
    let spec = EngineSpec { pool: "fake".into(), metered: true };
    let catalog = bench.catalog().with_ocr("away:a/model", spec.clone(), engine.clone()).with_linker(
        "away:a/model",
        spec,
        engine.clone(),
    );
    let library = bench.library();
    let book = ingest(&library, &bench.book_file("book")).await.unwrap();
    let mut asked = request();
    asked.engines.ocr = vec!["away:a/model".into()];
    asked.engines.analysis = "fake toc_link=away:a/model".into();
    let scheduler = Scheduler::new(library.clone(), catalog, bench.config());
    let job = running(scheduler.start(&book.book_id, asked).await.unwrap());
    let (mut progress, mut stalls, mut was_stalled) = (job.progress.clone(), Vec::new(), false);
    let report = tokio::select! {
        report = job.wait() => report,
        () = async {
            while progress.changed().await.is_ok() {
                let activity = progress.borrow_and_update().activity.clone();
                let is_stalled = matches!(activity, Activity::Stalled { .. });
                if is_stalled && !was_stalled {
                    stalls.push((engine.answered.load(Ordering::SeqCst), activity));
                }
                was_stalled = is_stalled;
            }
            std::future::pending().await
        } => unreachable!(),
    };
    assert!(matches!(report.end, JobEnd::Over { status: JobStatus::Completed, .. }), "{report:?}");
    assert_eq!(report.units.failed, 0);
    let state = state(&library, &book.book_id);
    assert!(state.pages().values().all(|page| page.is_read() && page.ocr_retries == 0));
    let links = state.toc_entries().values().filter(|entry| matches!(entry.ident, EntryIdent::Ordinal(_)));
    assert!(links.into_iter().all(|entry| entry.link_page.is_some() && entry.link_retries == 0));
    assert!(engine.began.elapsed() >= 2 * OUTAGE, "{:?}", engine.began.elapsed());
    let expected = Activity::Stalled { reason: "away: is away".into(), goes_on: true };
    assert!(stalls.iter().all(|(_, activity)| *activity == expected), "{stalls:?}");
    for (from, to) in [(0, PAGES), (PAGES, PAGES + 4)] {
        assert!(stalls.iter().any(|(at, _)| (from..to).contains(at)), "it says so: {stalls:?}");
    }
    assert_eq!(engine.answered.load(Ordering::SeqCst), PAGES + 4, "each once");
    // The failures that open the breaker and those of the others in flight, then a probe a pause.
    let refused = engine.refused.load(Ordering::SeqCst);
    assert!(refused <= 2 * (4 + 2 + 13), "{refused} requests into the outages");
}

#[tokio::test]
async fn what_a_person_has_to_do_is_told_and_a_pause_ends_the_waiting() {
    let bench = Bench::new();
    let engine = Arc::new(Paid::default());
    engine.is_down.store(true, Ordering::SeqCst);
    engine.needs_person.store(true, Ordering::SeqCst);
    let library = bench.library();
    let book = ingest(&library, &bench.book_file("book")).await.unwrap();
    let first = scheduler(&bench, &library, &engine);
    let job = running(first.start(&book.book_id, of_paid()).await.unwrap());
    let mut progress = job.progress.clone();
    let stalled =
        |now: &bookstate_jobs::JobProgress| matches!(now.activity, Activity::Stalled { goes_on: false, .. });
    progress.wait_for(stalled).await.unwrap();
    first.pause();
    assert_eq!(job.wait().await.end, JobEnd::Paused);
    engine.is_down.store(false, Ordering::SeqCst);
    let second = scheduler(&bench, &library, &engine);
    let job = running(second.start(&book.book_id, of_paid()).await.unwrap());
    assert!(job.resumed);
    let report = job.wait().await;
    assert!(matches!(report.end, JobEnd::Over { status: JobStatus::Completed, .. }), "{report:?}");
    assert_eq!((report.units.failed, engine.paid.load(Ordering::SeqCst)), (0, PAGES));
}

/// Attempts that are made again, failures that are persisted and runs of the same unit: each was paid.
#[tokio::test]
async fn what_was_paid_is_in_the_metrics_however_it_ended() {
    let bench = Bench::new();
    let engine = Arc::new(Paid::default());
    // Three attempts fail, which is a failure of the page; then two more, and then it is read.
    engine.failures.store(5, Ordering::SeqCst);
    let library = bench.library();
    let book = ingest(&library, &bench.book_file("book")).await.unwrap();
    let job = running(scheduler(&bench, &library, &engine).start(&book.book_id, of_paid()).await.unwrap());
    let report = job.wait().await;
    assert!(matches!(report.end, JobEnd::Over { status: JobStatus::Completed, .. }), "{report:?}");
    assert_eq!((report.units.failed, engine.paid.load(Ordering::SeqCst)), (1, PAGES + 5));
    let state = state(&library, &book.book_id);
    let spent: f64 = state.metrics().values().filter_map(|metric| metric.cost_usd).sum();
    assert!((spent - COST * (PAGES + 5) as f64).abs() < 1e-9, "{spent}");
    let of_page: Vec<_> = state.metrics().values().filter(|m| m.unit.starts_with("ocr:2:")).collect();
    let shown: Vec<_> =
        of_page.iter().map(|m| (&*m.unit, m.cost_usd, m.success, m.provider.as_deref())).collect();
    let provider = Some("paid-a-model");
    let expected = [
        ("ocr:2:paid-a-model", Some(0.75), false, provider),
        ("ocr:2:paid-a-model#2", Some(0.75), true, provider),
    ];
    assert_eq!(shown, expected);
}
