//! A real server: llama.cpp's with a small model, where `BOOKSTATE_LLM` says where it is.
//!
//! `cargo xtask llm start` starts the one that these tests were made with. With `BOOKSTATE_LLM_RECORD=1` they write down
//! what it says, for `recorded`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bookstate_llm::{ChatRequest, JsonWay, Provider, ProviderConfig, Schema};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    BOOK,
    recorded::{LOADING, Recorded, SERVER, is_told, shapes},
};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(120);

/// One test at a time asks it: what it works on is looked at.
static ALONE: Mutex<()> = Mutex::const_new(());

/// Where the server is, up to and with `/v1`; `None`, with a line that says so, where there is none.
fn real() -> Option<String> {
    let url = std::env::var("BOOKSTATE_LLM").ok().filter(|url| !url.is_empty());
    if url.is_none() {
        println!("not tested: BOOKSTATE_LLM names no server (`cargo xtask llm start` starts one)");
    }
    url
}

fn provider(url: &str, is_stream: bool) -> Arc<Provider> {
    let mut config = ProviderConfig::new("real", url);
    config.stream = is_stream;
    Arc::new(Provider::new(config).unwrap())
}

/// What the server says of itself.
async fn own(url: &str, path: &str) -> Value {
    let url = format!("{}{path}", url.trim_end_matches("/v1"));
    serde_json::from_slice(&reqwest::get(url).await.unwrap().bytes().await.unwrap()).unwrap()
}

/// The tokens that the requests have which it works on.
async fn at_work(url: &str) -> Vec<u64> {
    let slots = own(url, "/slots").await;
    let busy = slots.as_array().unwrap().iter().filter(|slot| slot["is_processing"] == true);
    busy.map(|slot| slot["next_token"][0]["n_decoded"].as_u64().unwrap()).collect()
}

/// The answer to a body as it comes.
async fn raw(url: &str, body: Vec<u8>) -> Recorded {
    let request = reqwest::Client::new().post(format!("{url}/chat/completions")).body(body);
    let response = request.header("content-type", "application/json").send().await.unwrap();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let status = response.status().as_u16();
    let body = String::from_utf8(response.bytes().await.unwrap().to_vec()).unwrap();
    Recorded { status, kind, body }
}

#[tokio::test]
async fn a_real_server_is_understood() {
    let Some(url) = real() else { return };
    let _alone = ALONE.lock().await;
    let is_recorded = std::env::var_os("BOOKSTATE_LLM_RECORD").is_some();
    if is_recorded {
        assert_eq!(own(&url, "/props").await["build_info"], SERVER, "the records are of one version");
    }
    for shape in shapes().into_iter().filter(|shape| shape.name != LOADING) {
        let answer = raw(&url, shape.request.body(JsonWay::Schema, shape.is_stream)).await;
        if is_recorded {
            answer.write(shape.name);
        }
        answer.means(&shape);
        // A new one each time: what a model cannot do stops its provider.
        is_told(&provider(&url, shape.is_stream), &shape).await;
    }
    assert_eq!(provider(&url, true).models().await.unwrap(), ["smollm2"]);
}

/// The tokens of all answers that it has given to their ends.
async fn answered(url: &str) -> u64 {
    let url = format!("{}/metrics", url.trim_end_matches("/v1"));
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let tokens = text.lines().find_map(|line| line.strip_prefix("llamacpp:tokens_predicted_total "));
    tokens.unwrap().parse().unwrap()
}

/// What is asked for cannot be short: its form is an array of so many numbers.
fn long() -> ChatRequest {
    let numbers = json!({ "type": "array", "minItems": NUMBERS, "items": { "type": "integer" } });
    let schema = Schema { name: "numbers".into(), schema: numbers };
    ChatRequest::new("smollm2", 1_900).user("Count.").answer_as(schema)
}

/// This server looks whether a client that waits for a whole answer is still there after a second in which it had no
/// result for anybody; who asks how it is gets one.
const LOOK_EVERY: Duration = Duration::from_millis(1_500);

/// A number and its comma are two tokens at least.
const NUMBERS: u64 = 800;

#[tokio::test]
async fn a_real_server_ends_a_request_whose_call_is_dropped() {
    let Some(url) = real() else { return };
    let _alone = ALONE.lock().await;
    let until = async |what: &str, is_so: fn(&[u64]) -> bool| {
        let begun = Instant::now();
        loop {
            let tokens = at_work(&url).await;
            if is_so(&tokens) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}: {tokens:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    for is_stream in [true, false] {
        until("it has nothing to do", <[u64]>::is_empty).await;
        let (provider, before) = (provider(&url, is_stream), answered(&url).await);
        let call = tokio::spawn({
            let provider = provider.clone();
            async move { provider.chat(&long(), BOOK).await }
        });
        until("it answers", |tokens| tokens.iter().any(|tokens| *tokens > 0)).await;
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
        let begun = Instant::now();
        until("it has given up", <[u64]>::is_empty).await;
        println!("stream {is_stream}: given up after {:?}", begun.elapsed());
        assert!(answered(&url).await - before < NUMBERS, "it was not answered to its end");
        assert_eq!(provider.status().in_flight, 0);
    }
}
