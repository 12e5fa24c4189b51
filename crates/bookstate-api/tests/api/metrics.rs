//! `/metrics`.

use std::collections::BTreeMap;

use super::place::Place;

/// The samples of a page, by name and labels; every line must be one that Prometheus reads.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut family = String::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (kind, name, text) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            assert!(["HELP", "TYPE"].contains(&kind) && !text.is_empty(), "{line}");
            name.clone_into(&mut family);
            continue;
        }
        let (sample, value) = line.rsplit_once(' ').unwrap();
        let name = sample.split('{').next().unwrap();
        assert!(name.starts_with(&family), "{line} is not of {family}");
        assert!(name.starts_with("bookstate_"), "{line}");
        let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(samples.insert(sample.to_owned(), value).is_none(), "{sample} is there twice");
    }
    samples
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_has_what_happened() {
    let place = Place::new();
    place.gate.open();
    let server = place.server_with("data", vec![place.mirror("mirror")], |_| {});
    let (book_id, _) = server.book().await;
    server.done(&book_id).await;
    drop(server.sink.barrier().await);
    while !server.sink.status().iter().all(|status| status.lag() == 0) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let page = server.get("/metrics").await;
    assert_eq!(page.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let samples = samples(std::str::from_utf8(&page.body).unwrap());
    let of = |name: &str| *samples.get(name).unwrap_or_else(|| panic!("{name}: {samples:?}"));
    let calls = of("bookstate_persist_call_seconds_count");
    assert!(calls > 10.0);
    assert_eq!(of("bookstate_persist_call_seconds_bucket{le=\"+Inf\"}"), calls);
    assert_eq!(of("bookstate_persist_call_seconds_bucket{le=\"1\"}"), calls);
    assert!(of("bookstate_persist_call_seconds_sum") > 0.0);
    assert!(of("bookstate_journal_commits_total") > 10.0 && of("bookstate_journal_fsyncs_total") >= 1.0);
    assert!(of("bookstate_journal_bytes") > 0.0 && of("bookstate_journal_last_fsync_seconds") >= 0.0);
    for target in ["local", "mirror"] {
        let of = |name: &str| of(&format!("bookstate_target_{name}{{target=\"{target}\"}}"));
        assert_eq!((of("healthy"), of("lag_commits"), of("lag_seconds")), (1.0, 0.0, 0.0), "{target}");
        assert!(of("documents_total") > 10.0 && of("batches_total") >= 1.0, "{target}");
        assert_eq!((of("parked_documents"), of("pending_bytes")), (0.0, 0.0), "{target}");
    }
    for kind in ["unavailable", "conflict"] {
        let retries = format!("bookstate_target_retries_total{{target=\"mirror\",kind=\"{kind}\"}}");
        assert_eq!(of(&retries), 0.0);
    }
    assert_eq!(of("bookstate_jobs_running"), 0.0);
    assert!(of("bookstate_pool_workers{pool=\"local\"}") >= 1.0);
    assert_eq!(of("bookstate_pool_busy_workers{pool=\"local\"}"), 0.0);
    assert_eq!(of("bookstate_units_total{outcome=\"failed\"}"), 0.0);
    assert!(of("bookstate_units_total{outcome=\"run\"}") > 10.0);
}
