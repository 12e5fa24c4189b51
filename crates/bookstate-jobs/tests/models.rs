//! A book that models read, from a server that keeps the books: what is asked, what is paid, and what an outage does.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bookstate_domain::{BookState, Engines, JobStatus, Priority, Variant};
use bookstate_jobs::{
    Activity, JobEnd, JobRequest, RunningJob, Scheduler, SchedulerConfig, Started,
    engines::{
        EngineCatalog, EngineSpec,
        models::{Agent, Model, ModelOcr, ModelTocExtractor},
    },
    ingest,
};
use bookstate_llm::{Budget, Provider, ProviderConfig, SharedLedger, Usd};
use bookstate_store::{Library, LibraryConfig};
use bookstate_tests::{
    books::{Book, KeyEntry},
    models::{Answer, Asked, ModelServer},
};
use serde_json::json;

const NAME: &str = "replay:some/model";
/// What each answer costs, in dollars.
const COST: f64 = 0.01;

/// A book in a temporary directory.
struct Desk {
    dir: tempfile::TempDir,
    file: PathBuf,
    pages: usize,
    toc_pages: Vec<u32>,
    contents: Vec<KeyEntry>,
}

impl Desk {
    /// Drawing pages takes time, so that books of which pages are drawn are short.
    fn new(pages: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = Book::new("short").pages(pages).chapters(2).make_pdf();
        let file = dir.path().join(&made.file_name);
        std::fs::write(&file, &made.bytes).unwrap();
        let key = made.key;
        Self { dir, file, pages: key.pages as usize, toc_pages: key.toc_pages, contents: key.printed_toc }
    }

    fn catalog(server: &ModelServer, ledger: SharedLedger) -> EngineCatalog {
        let config = ProviderConfig::new("replay", &server.url());
        let provider = Arc::new(Provider::with_ledger(config, ledger).unwrap());
        let model = Model::new(provider, "some/model");
        let spec = EngineSpec { pool: "replay".into(), metered: true };
        EngineCatalog::local()
            .with_ocr(NAME, spec.clone(), Arc::new(ModelOcr::new(model.clone(), None)))
            .with_finder(NAME, spec.clone(), Arc::new(Agent::new(model.clone())))
            .with_extractor(NAME, spec, Arc::new(ModelTocExtractor::new(model)))
    }

    fn library(&self) -> Library {
        Library::open(LibraryConfig::new(self.dir.path().join("data"))).unwrap().0
    }

    async fn start(&self, library: &Library, catalog: EngineCatalog, ocr: &str) -> RunningJob {
        let config = SchedulerConfig { min_free_bytes: 0, ..SchedulerConfig::default() };
        let scheduler = Scheduler::new(library.clone(), catalog, config);
        let book = ingest(library, &self.file).await.unwrap();
        let analysis = format!("local toc_finder={NAME} toc_extract={NAME}").into();
        let engines = Engines { ocr: vec![ocr.into()], analysis };
        let request = JobRequest {
            variant: Variant::Standard,
            engines,
            options: None,
            reset: None,
            priority: Priority::Bulk,
        };
        match scheduler.start(&book.book_id, request).await.unwrap() {
            Started::Running(job) => job,
            other => panic!("{other:?}"),
        }
    }

    /// The right answers, by what is asked.
    fn answers(&self) -> impl Fn(&Asked) -> Answer + Send + Sync + use<> {
        let (first, last) = (self.toc_pages[0], *self.toc_pages.last().unwrap());
        let found = json!({ "tool": "write_result", "query": null, "page": first, "end_page": last, "sure": true,
            "entries": self.contents.len(), "levels": 2, "numbered": true, "numerals": "arabic" });
        let entry = |entry: &KeyEntry| {
            json!({ "entry_number": null, "title": entry.title, "level": entry.level,
                "printed_page": entry.printed_page })
        };
        let entries = json!({ "entries": self.contents.iter().map(entry).collect::<Vec<_>>() });
        move |asked| match schema_of(asked) {
            None => Answer::streamed("The words of a page.", COST),
            Some("toc_finder") => Answer::said(&found.to_string(), COST),
            Some(_) => Answer::said(&format!("```json\n{entries}\n```"), COST),
        }
    }
}

fn schema_of(asked: &Asked) -> Option<&str> {
    asked.body["response_format"]["json_schema"]["name"].as_str()
}

/// What the book's Metrics say was spent.
fn spent(state: &BookState) -> Usd {
    state.metrics().values().filter_map(|metric| Usd::from_dollars(metric.cost_usd?)).sum()
}

/// What the server has written down.
fn of_server(server: &ModelServer) -> Usd {
    server.seen().iter().map(|seen| Usd::from_dollars(seen.cost as f64 / 1e9).unwrap()).sum()
}

fn is_completed(end: &JobEnd) -> bool {
    matches!(end, JobEnd::Over { status: JobStatus::Completed, .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_are_found_and_read_by_a_model_and_the_rest_by_rules() {
    let desk = Desk::new(24);
    let server = ModelServer::start(desk.answers()).unwrap();
    let library = desk.library();
    let job = desk.start(&library, Desk::catalog(&server, SharedLedger::default()), "text-layer").await;
    let id = job.book_id.clone();
    let report = job.wait().await;
    assert!(is_completed(&report.end), "{report:?}");
    let state = library.active(&id).unwrap().state.clone();
    let titles: Vec<String> =
        state.ordered_entries().iter().filter_map(|e| e.title.as_deref().map(str::to_owned)).collect();
    let printed: Vec<String> = desk.contents.iter().map(|entry| entry.title.clone()).collect();
    assert_eq!(titles, printed, "as the model gave them");
    let linked = state.ordered_entries().iter().filter(|entry| entry.actual_page.is_some()).count();
    assert_eq!(linked, printed.len(), "by the local rules");
    let seen = server.seen();
    assert_eq!(
        seen.iter().filter_map(|seen| schema_of(&seen.asked)).collect::<Vec<_>>(),
        ["toc_finder", "entries"]
    );
    assert_eq!(
        (spent(&state), of_server(&server)),
        (of_server(&server), Usd::from_dollars(2.0 * COST).unwrap())
    );
    let models: Vec<_> = state.metrics().values().filter_map(|metric| metric.model.as_deref()).collect();
    assert_eq!(models, ["some/model", "some/model"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_right_is_paid_and_the_rules_do_it() {
    let desk = Desk::new(24);
    let wrong = json!({ "entries": [{ "entry_number": null, "title": "Of Dragons, Never Printed", "level": 1,
        "printed_page": "1" }] });
    let right = desk.answers();
    let server = ModelServer::start(move |asked| match schema_of(asked) {
        Some("entries") => Answer::said(&wrong.to_string(), COST),
        _ => right(asked),
    })
    .unwrap();
    let library = desk.library();
    let job = desk.start(&library, Desk::catalog(&server, SharedLedger::default()), "text-layer").await;
    let id = job.book_id.clone();
    assert!(is_completed(&job.wait().await.end));
    let state = library.active(&id).unwrap().state.clone();
    assert!(state.toc_entries().size() >= desk.contents.len() / 2, "{}", state.toc_entries().size());
    assert!(!format!("{:?}", state.ordered_entries()).contains("Dragons"));
    assert_eq!(spent(&state), of_server(&server));
}

/// Thirty seconds of nothing but 503 would cost every page its retries; here the server is away from the fourth page on
/// until the job says that it is stalled.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_in_the_middle_of_the_pages_costs_none_of_them() {
    let desk = Desk::new(8);
    let is_away = Arc::new(AtomicBool::new(true));
    let (away, right) = (is_away.clone(), desk.answers());
    let server = ModelServer::start(move |asked| {
        if asked.number > 3 && away.load(Ordering::SeqCst) {
            return Answer::json(503, &json!({ "error": { "code": 503, "message": "Loading model" } }));
        }
        right(asked)
    })
    .unwrap();
    let library = desk.library();
    let job = desk.start(&library, Desk::catalog(&server, SharedLedger::default()), NAME).await;
    let (id, mut progress) = (job.book_id.clone(), job.progress.clone());
    let stalled = |activity: &Activity| match activity {
        Activity::Stalled { reason, goes_on } => Some((reason.clone(), *goes_on)),
        _ => None,
    };
    let now = progress.wait_for(|now| stalled(&now.activity).is_some()).await.unwrap();
    let (reason, goes_on) = stalled(&now.activity).unwrap();
    assert!(reason.starts_with("replay: ") && goes_on, "{reason}");
    drop(now);
    is_away.store(false, Ordering::SeqCst);
    let report = job.wait().await;
    assert_eq!(report.units.failed, 0, "{report:?}");
    let state = library.active(&id).unwrap().state.clone();
    assert!(state.pages().values().all(|page| page.is_read() && !page.ocr_failed));
    let answered =
        server.seen().iter().filter(|seen| seen.cost > 0 && schema_of(&seen.asked).is_none()).count();
    assert_eq!(answered, desk.pages, "each page once");
    assert_eq!(spent(&state), of_server(&server));
    let image = &server.seen()[0].asked.body["messages"][1]["content"][1]["image_url"]["url"];
    assert!(image.as_str().is_some_and(|url| url.starts_with("data:image/jpeg;base64,/9j/")), "{image}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_is_reached_stalls_the_book_and_a_raised_one_finishes_it() {
    let desk = Desk::new(8);
    let server = ModelServer::start(desk.answers()).unwrap();
    let library = desk.library();
    let of_book = |dollars: f64| Budget { per_account: Usd::from_dollars(dollars), per_day: None };
    let ledger = SharedLedger::new(of_book(3.0 * COST));
    let job = desk.start(&library, Desk::catalog(&server, ledger.clone()), NAME).await;
    let (id, mut progress) = (job.book_id.clone(), job.progress.clone());
    let stalled = progress.wait_for(|now| matches!(now.activity, Activity::Stalled { .. })).await.unwrap();
    let Activity::Stalled { reason, goes_on: false } = &stalled.activity else { panic!("{stalled:?}") };
    assert!(reason.contains(&format!("the budget of {id} is reached")), "{reason}");
    drop(stalled);
    // What was in flight before anybody knew a price may be above it: one of each worker.
    let sent = server.seen().len();
    assert!((3..=6).contains(&sent), "{sent}");
    ledger.with(|ledger| ledger.set_budget(of_book(100.0 * COST)));
    let report = job.wait().await;
    assert_eq!(report.units.failed, 0, "{report:?}");
    let state = library.active(&id).unwrap().state.clone();
    assert!(state.pages().values().all(|page| page.is_read()));
    assert_eq!(spent(&state), of_server(&server));
}
