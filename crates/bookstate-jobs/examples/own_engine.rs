//! An engine of one's own in the pipeline: a language model that rejoins the words of a page that was read badly.
//!
//! `cargo run -p bookstate-jobs --example own_engine`
//!
//! A made-up server on this machine answers; with `MODEL_URL` (up to and with `/v1`), `MODEL` and, where one is needed,
//! `MODEL_KEY` it is a real one. What the engine leaves to others: when it may ask and how often is the provider's part
//! (rates, outages, money), what is tried again the pool's, what is stored the job's.

#![allow(clippy::print_stdout, reason = "it tells a person")]

use std::{env, fs, sync::Arc};

use async_trait::async_trait;
use bookstate_domain::{Engines, Priority, Provider as ProviderName, Variant};
use bookstate_jobs::{
    JobRequest, Scheduler, SchedulerConfig, Started,
    engine::{BookContext, EngineError, EngineResult, OcrEngine, OcrReading, Usage, blocking},
    engines::{EngineCatalog, EngineSpec},
    ingest,
    pool::PoolConfig,
};
use bookstate_llm::{CallError, ChatRequest, Failure, Key, Provider, ProviderConfig, Usd};
use bookstate_store::{CloseError, Library, LibraryConfig};
use bookstate_tests::models::{Answer, ModelServer};

/// The name of engine and pool.
const REJOIN: &str = "rejoin";

const PROMPT: &str = "Rejoin the words of this page that are broken into pieces. Answer with the text alone.";

#[derive(Debug)]
struct Rejoin {
    provider: Arc<Provider>,
    model: String,
}

#[async_trait]
impl OcrEngine for Rejoin {
    /// Answers with what a persist method wants. It neither persists nor tries again: that is the job's part.
    async fn read(&self, book: BookContext, page: u32) -> EngineResult<OcrReading> {
        let source = book.source.clone();
        let content = blocking(move || source.page_text(page).map_err(EngineError::permanent)).await?;
        let most = u32::try_from(content.text.len()).unwrap_or(u32::MAX).clamp(200, 4_000);
        let request = ChatRequest::new(&self.model, most).system(PROMPT).user(content.text.as_str());
        // The account is the book: its budget is kept over all that is asked for it.
        let reply = self.provider.chat(&request, book.state.book_id().as_str()).await;
        let taken = reply.as_ref().map_or_else(CallError::usage, |reply| reply.usage);
        // Counted at once: it is paid even if the answer is refused below.
        let mut usage = Usage::default();
        usage.model = Some(self.model.as_str().into());
        usage.cost_usd = taken.cost.map(Usd::dollars);
        book.meter.add(usage);
        let text = reply.map_err(what_to_do)?.text;
        // A model that drops or invents words has not read this page.
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        if letters(&text) != letters(&content.text) {
            return Err(EngineError::permanent("the answer has other letters than the page"));
        }
        Ok(OcrReading { text: text.into(), ..OcrReading::default() }.into())
    }
}

/// What a failed call is for the pool that asked.
fn what_to_do(error: CallError) -> EngineError {
    match error {
        // Nothing is wrong with the unit: it waits, and uses up no attempt.
        CallError::Held { provider, reason, pause, .. } => EngineError::Held { provider, reason, pause },
        CallError::Failed { failure: Failure::Transient { .. }, .. } => EngineError::transient(error),
        CallError::Failed { .. } => EngineError::permanent(error),
    }
}

/// Joins single letters, as a model might.
fn rejoined(text: &str) -> String {
    let mut out = String::new();
    let mut was_single = false;
    for word in text.split(' ') {
        let is_single = word.chars().count() == 1 && word.chars().all(char::is_alphabetic);
        if !(out.is_empty() || was_single && is_single) {
            out.push(' ');
        }
        out.push_str(word);
        was_single = is_single;
    }
    out
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("book.txt");
    fs::write(
        &file,
        "CHAPTER 1\n\nIt was d a r k that night.\n\u{c}CHAPTER 2\n\nThe day was b r i g h t today.\n",
    )?;
    let (library, _) = Library::open(LibraryConfig::new(folder.path().join("data")))?;

    let made_up = ModelServer::start(|asked| {
        let page = asked.body["messages"][1]["content"].as_str().unwrap_or_default();
        Answer::said(&rejoined(page), 0.002)
    })?;
    let url = env::var("MODEL_URL").unwrap_or_else(|_| made_up.url());
    let mut config = ProviderConfig::new(REJOIN, &url);
    config.key = env::var_os("MODEL_KEY").map(|_| Key::from_env("MODEL_KEY")).transpose()?;
    config.concurrency = 2;
    let provider = Arc::new(Provider::new(config)?);
    let model = env::var("MODEL").unwrap_or_else(|_| "made/up".to_owned());

    // Metered: every unit leaves a Metric with what it cost.
    let spec = EngineSpec { pool: REJOIN.into(), metered: true };
    let catalog = EngineCatalog::local().with_ocr(REJOIN, spec, Arc::new(Rejoin { provider, model }));
    let pool = PoolConfig { concurrency: 2, ..PoolConfig::new(REJOIN) };
    let config = SchedulerConfig { pools: vec![pool], ..SchedulerConfig::default() };
    let scheduler = Scheduler::new(library.clone(), catalog, config);

    let book = ingest(&library, &file).await?;
    let request = JobRequest {
        variant: Variant::Standard,
        engines: Engines { ocr: vec![REJOIN.into()], analysis: "local".into() },
        options: None,
        reset: None,
        priority: Priority::Bulk,
    };
    let Started::Running(job) = scheduler.start(&book.book_id, request).await? else {
        return Err("a new book has everything to do".into());
    };
    let report = job.wait().await;
    println!("{:?} after {} units, {} commits", report.end, report.units.run, report.commits);

    let snapshot = library.active(&book.book_id).ok_or("the book is not live")?;
    let first = snapshot.state.ocr_result(1, &ProviderName::new(REJOIN)?).ok_or("page 1 was not read")?;
    println!("page 1: {:?}", first.text);
    let cost: f64 = snapshot.state.metrics().values().filter_map(|metric| metric.cost_usd).sum();
    println!("{} metrics, {cost:.3} dollars", snapshot.state.metrics().size());
    // Whoever still has the library, as a task that is ending, is cut off by the end of the program: nothing is lost.
    if let Err(error @ CloseError::Poisoned(_)) = library.close() {
        return Err(error.into());
    }
    Ok(())
}

#[test]
fn it_runs() -> Result<(), Box<dyn std::error::Error>> {
    main()
}
