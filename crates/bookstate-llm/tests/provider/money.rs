//! Money: what is counted is what the server counts, and the budget is kept.

use std::{sync::Arc, time::Duration};

use bookstate_llm::{Budget, Price, Provider, SharedLedger, Usd};
use bookstate_tests::models::{Answer, ModelServer};
use tokio::task::JoinSet;

use super::{BOOK, config, kind, provider, request};

fn dollars(dollars: f64) -> Usd {
    Usd::from_dollars(dollars).unwrap()
}

/// What the server has written down.
fn of_server(server: &ModelServer) -> Usd {
    dollars(server.seen().iter().map(|seen| seen.cost as f64).sum::<f64>() / 1e9)
}

#[tokio::test]
async fn what_is_spent_is_what_the_server_says() {
    let server = ModelServer::start(|asked| {
        let cost = 0.001 * (asked.number % 7) as f64;
        if asked.number % 2 == 0 { Answer::said("yes", cost) } else { Answer::streamed("yes yes", cost) }
    })
    .unwrap();
    let provider = provider(&server);
    let mut spent = Usd::ZERO;
    for number in 0..20 {
        let reply = provider.chat(&request(&format!("{number}")), BOOK).await.unwrap();
        spent = spent + reply.usage.cost.unwrap();
    }
    let ledger = provider.ledger().with(|ledger| ledger.of_account(BOOK));
    let of_models: Usd = provider.status().models.values().map(|totals| totals.cost).sum();
    assert_eq!((spent, ledger, of_models), (ledger, spent, of_server(&server)));
}

#[tokio::test]
async fn the_price_counts_where_the_server_does_not_say() {
    let body = serde_json::json!({ "choices": [{ "message": { "content": "yes" } }],
        "usage": { "prompt_tokens": 1_000_000, "completion_tokens": 500_000 } });
    let server = ModelServer::start(move |_| Answer::json(200, &body)).unwrap();
    let mut config = config(&server);
    let price = Price { prompt: dollars(0.1), completion: dollars(0.4) };
    config.prices.insert("m".to_owned(), price);
    let reply = Provider::new(config).unwrap().chat(&request("x"), BOOK).await.unwrap();
    assert_eq!(reply.usage.cost, Some(dollars(0.3)));
}

/// Eight at once, none of which can know what the others will cost.
#[tokio::test]
async fn the_budget_is_never_exceeded_and_a_raised_one_goes_on() {
    let server = ModelServer::start(|_| Answer::said("yes", 0.01).after(Duration::from_millis(5))).unwrap();
    let mut config = config(&server);
    config.concurrency = 8;
    // The most that a request may take costs 0.02.
    let most = dollars(0.02 / 50.0 * 1e6);
    config.prices.insert("m".to_owned(), Price { prompt: Usd::ZERO, completion: most });
    let budget = Budget { per_account: Some(dollars(0.105)), per_day: None };
    let provider = Arc::new(Provider::with_ledger(config, SharedLedger::new(budget)).unwrap());
    let run = async |calls: usize| {
        let mut running = JoinSet::new();
        for number in 0..calls {
            let provider = provider.clone();
            running.spawn(async move { provider.chat(&request(&format!("{number}")), BOOK).await });
        }
        running.join_all().await
    };
    let results = run(40).await;
    let held: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
    assert_eq!(held.len(), 40 - 9, "nine leave no room for one that may cost 0.02");
    assert_eq!(of_server(&server), dollars(0.09));
    for error in held {
        assert_eq!(kind(error), ("held", None));
        assert!(
            error.to_string().contains("the budget of a book is reached: $0.090000 of $0.105000"),
            "{error}"
        );
    }
    provider
        .ledger()
        .with(|ledger| ledger.set_budget(Budget { per_account: Some(dollars(1.0)), per_day: None }));
    assert!(run(10).await.iter().all(Result::is_ok));
    assert_eq!(of_server(&server), dollars(0.19));
}

#[tokio::test]
async fn an_answer_that_is_lost_counts_as_all_that_it_may_have_cost() {
    let server = ModelServer::start(|_| Answer::streamed("one two three", 0.01).cut_after(3)).unwrap();
    let mut config = config(&server);
    config.prices.insert("m".to_owned(), Price { prompt: Usd::ZERO, completion: dollars(1_000.0) });
    let provider = Provider::new(config).unwrap();
    let error = provider.chat(&request("x"), BOOK).await.unwrap_err();
    let most = dollars(0.05);
    assert_eq!((kind(&error).0, error.usage().cost), ("transient", Some(most)));
    let counted = provider.ledger().with(|ledger| (ledger.of_account(BOOK), ledger.unknown()));
    assert_eq!(counted, (most, most));
}
