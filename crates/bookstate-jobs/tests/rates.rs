//! The limits of a provider, as the server counts them: three books at once, whose pages a model reads and whose entries
//! agents link.
//!
//! Windows are short, and so is what is allowed in them. `BOOKSTATE_RATES=1` takes minutes, with windows of 60 seconds,
//! 60 requests and 20,000 tokens, and checks that nearly all of that is used.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::{sync::Arc, time::Duration};

use bookstate_domain::{Engines, JobStatus, Priority, Variant};
use bookstate_jobs::{
    JobEnd, JobRequest, Scheduler, SchedulerConfig, Started,
    engines::{
        EngineCatalog, EngineSpec,
        models::{Agent, Model, ModelOcr},
    },
    ingest,
};
use bookstate_llm::{Provider, ProviderConfig, RateLimits};
use bookstate_store::{Library, LibraryConfig};
use bookstate_tests::{
    books::Book,
    models::{Answer, Asked, ModelServer, Seen, mean_use, most},
};
use serde_json::json;

const NAME: &str = "replay:some/model";
/// What a page takes, and a turn of an agent: the pages meet the limit of requests, the turns that of tokens.
const PAGE_TOKENS: u64 = 120;
const TURN_TOKENS: u64 = 1_000;
const LATENCY: Duration = Duration::from_millis(20);

/// What is allowed in a window, and how much there is to do in each book.
struct Form {
    window: Duration,
    requests: u32,
    tokens: u32,
    pages: u32,
    sections: u32,
}

const SHORT: Form =
    Form { window: Duration::from_millis(800), requests: 20, tokens: 14_000, pages: 10, sections: 0 };
const LONG: Form =
    Form { window: Duration::from_secs(60), requests: 60, tokens: 20_000, pages: 40, sections: 3 };

/// What is used of what is allowed, at least, while there is work.
const USED: f64 = 0.9;

fn is_page(asked: &Asked) -> bool {
    asked.body["messages"][1]["content"].is_array()
}

/// Pages that are doubted, so that the text layer counts, and agents that end in their third turn.
fn answer(asked: &Asked) -> Answer {
    if is_page(asked) {
        return Answer::said_for("Words of another page.", 0.0, PAGE_TOKENS).after(LATENCY);
    }
    let messages = asked.body["messages"].as_array().unwrap();
    let turn = messages.iter().filter(|message| message["role"] == "assistant").count();
    let said = match turn {
        0 | 1 => json!({ "tool": "load_page", "query": null, "page": turn + 1, "sure": null }),
        _ => json!({ "tool": "write_result", "query": null, "page": null, "sure": true }),
    };
    Answer::said_for(&said.to_string(), 0.0, TURN_TOKENS).after(LATENCY)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_window_of_the_server_holds_more_than_allowed_and_nearly_all_is_used() {
    let is_long = std::env::var_os("BOOKSTATE_RATES").is_some();
    let form = if is_long { LONG } else { SHORT };
    let Form { window, requests, tokens, pages, sections } = form;
    let server = ModelServer::start(answer).unwrap();
    let mut config = ProviderConfig::new("replay", &server.url());
    config.limits = RateLimits { requests: Some(requests), tokens: Some(tokens), window };
    config.concurrency = 8;
    let model = Model::new(Arc::new(Provider::new(config).unwrap()), "some/model");
    let spec = EngineSpec { pool: "replay".into(), metered: true };
    let catalog = EngineCatalog::local()
        .with_ocr(NAME, spec.clone(), Arc::new(ModelOcr::new(model.clone(), None)))
        .with_linker(NAME, spec, Arc::new(Agent::new(model)));
    let dir = tempfile::tempdir().unwrap();
    let (library, _) = Library::open(LibraryConfig::new(dir.path().join("data"))).unwrap();
    let scheduler =
        Scheduler::new(library.clone(), catalog, SchedulerConfig { min_free_bytes: 0, ..Default::default() });
    let mut jobs = Vec::new();
    for number in 1..=3 {
        let book =
            Book::new(&format!("book-{number}")).seed(number).pages(pages).chapters(3).sections(sections);
        let file = book.make_pdf().write_to(dir.path()).unwrap();
        let book = ingest(&library, &file).await.unwrap();
        let engines = Engines {
            ocr: vec![NAME.into(), "text-layer".into()],
            analysis: format!("local toc_link={NAME}").into(),
        };
        let request = JobRequest {
            variant: Variant::Standard,
            engines,
            options: None,
            reset: None,
            priority: Priority::Bulk,
        };
        match scheduler.start(&book.book_id, request).await.unwrap() {
            Started::Running(job) => jobs.push(job),
            other => panic!("{other:?}"),
        }
    }
    for job in jobs {
        let report = job.wait().await;
        assert!(matches!(report.end, JobEnd::Over { status: JobStatus::Completed, .. }), "{report:?}");
    }
    let seen = server.seen();
    let (of_pages, of_turns): (Vec<Seen>, Vec<Seen>) =
        seen.iter().cloned().partition(|seen| is_page(&seen.asked));
    assert!(of_pages.len() >= 3 * pages as usize && of_turns.len() >= 3 * 3 * 3, "there was work");
    let most_requests = most(&seen, window, |_| 1);
    let most_tokens = most(&seen, window, |seen| seen.tokens);
    let used = mean_use(&seen, window, requests.into(), tokens.into());
    println!(
        "{} pages and {} turns in {:?}; at most {most_requests} requests and {most_tokens} tokens in {window:?}; \
         {:.1} % used",
        of_pages.len(),
        of_turns.len(),
        seen[seen.len() - 1].at - seen[0].at,
        used * 100.0
    );
    assert!(most_requests <= requests.into(), "{most_requests} requests in {window:?}");
    assert!(most_tokens <= tokens.into(), "{most_tokens} tokens in {window:?}");
    // On a machine that does much else a short window is over before it is used.
    assert!(!is_long || used >= USED, "{used}");
    assert!(!is_long || most_requests == u64::from(requests), "the pages met their limit");
}
