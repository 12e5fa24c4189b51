//! `/metrics`, for Prometheus.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use axum::{extract::State, http::header, response::IntoResponse};
use bookstate_sink::{Counters, Health, TargetStatus};
use bookstate_store::{
    TargetName,
    journal::{JournalHealth, JournalState},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    exposition::Exposition,
    ownership::FleetView,
    problem::Problem,
    state::ApiState,
    view::{ModelTotals, ProviderRow},
};

pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// Show the metrics, in the text format of Prometheus
#[utoipa::path(get, path = "/metrics", tag = "server",
    responses((status = 200, content_type = "text/plain", body = String)))]
async fn metrics(State(state): State<ApiState>) -> Result<impl IntoResponse, Problem> {
    let pending = state.pending_bytes().await?;
    let mut page = Exposition::default();
    let build = vec![("version", env!("CARGO_PKG_VERSION"))];
    page.many("bookstate_build_info", "gauge", "The version that runs.", [(build, 1)]);
    page.one("bookstate_uptime_seconds", "gauge", "Since the start.", state.uptime().as_secs_f64());
    journal(&mut page, &state.journal());
    calls(&mut page, &state);
    targets(&mut page, &state, &pending);
    jobs(&mut page, &state);
    providers(&mut page, &state.providers());
    if let Some(ownership) = &state.config().ownership {
        fleet(&mut page, &ownership.view());
    }
    page.one("bookstate_live_books", "gauge", "Books in memory.", state.live_books());
    page.one("bookstate_event_streams", "gauge", "Open event streams.", state.streams_open());
    if let Some(bytes) = state.free_bytes() {
        page.one("bookstate_free_bytes", "gauge", "Bytes left on the disk of the data directory.", bytes);
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page.into_text()))
}

fn journal(page: &mut Exposition, health: &JournalHealth) {
    let states = [
        ("ok", health.state == JournalState::Ok),
        ("full", health.state == JournalState::Full),
        ("poisoned", matches!(health.state, JournalState::Poisoned(_))),
    ];
    let states = states.map(|(state, is)| (vec![("state", state)], u8::from(is)));
    page.many("bookstate_journal_state", "gauge", "1 for the state that the journal is in.", states);
    page.one("bookstate_journal_bytes", "gauge", "Bytes of the journal on the disk.", health.bytes);
    page.one("bookstate_journal_segments", "gauge", "Segments of the journal.", health.segments);
    page.one("bookstate_journal_commits_total", "counter", "Commits appended.", health.records);
    page.one("bookstate_journal_fsyncs_total", "counter", "Syncs to the disk.", health.fsyncs);
    let seconds = Duration::from_micros(health.last_fsync_micros).as_secs_f64();
    page.one("bookstate_journal_last_fsync_seconds", "gauge", "How long the last sync took.", seconds);
    let help = "Commits refused for want of space.";
    page.one("bookstate_journal_refused_full_total", "counter", help, health.refused_full);
}

fn calls(page: &mut Exposition, state: &ApiState) {
    let times = state.call_times();
    let buckets: Vec<_> = times
        .at_most
        .iter()
        .map(|(bound, count)| ((*bound < Duration::MAX).then_some(bound.as_secs_f64()), *count))
        .collect();
    let help = "How long persist calls took.";
    page.histogram("bookstate_persist_call_seconds", help, &buckets, times.total.as_secs_f64());
}

fn targets(page: &mut Exposition, state: &ApiState, pending: &BTreeMap<TargetName, u64>) {
    let now = Instant::now();
    let targets = state.targets();
    let name = |target: &TargetStatus| target.name.to_string();
    let names: Vec<String> = targets.iter().map(name).collect();
    let each = || targets.iter().zip(&names);
    let mut gauge = |metric: &str, help: &str, value: &dyn Fn(&TargetStatus) -> f64| {
        let values = each().map(|(target, name)| (vec![("target", name.as_str())], value(target)));
        page.many(metric, "gauge", help, values);
    };
    gauge("bookstate_target_healthy", "1 when the last attempt went through.", &|target| {
        f64::from(u8::from(matches!(target.health, Health::Healthy)))
    });
    gauge("bookstate_target_lag_commits", "Commits that the target lacks.", &|target| float(target.lag()));
    gauge("bookstate_target_lag_seconds", "The age of the oldest commit that the target lacks.", &|target| {
        state.lag().seconds(target, now)
    });
    gauge("bookstate_target_dirty_documents", "Documents that the target lacks.", &|target| {
        float(target.behind.iter().map(|book| book.dirty as u64).sum())
    });
    gauge("bookstate_target_pending_bytes", "Bytes of text that the target lacks.", &|target| {
        float(pending.get(&target.name).copied().unwrap_or(0))
    });
    gauge("bookstate_target_parked_documents", "Documents that the target refuses.", &|target| {
        float(target.parked as u64)
    });
    gauge("bookstate_target_foreign_books", "Books that another data directory writes.", &|target| {
        float(target.foreign.len() as u64)
    });
    let mut counter = |metric: &str, help: &str, value: &dyn Fn(&Counters) -> u64| {
        let values = each().map(|(target, name)| (vec![("target", name.as_str())], value(&target.counters)));
        page.many(metric, "counter", help, values);
    };
    counter("bookstate_target_batches_total", "Batches that were written whole.", &|c| c.batches);
    counter("bookstate_target_chunks_total", "Chunks that were applied.", &|c| c.chunks);
    counter("bookstate_target_documents_total", "Documents that were written.", &|c| c.documents);
    counter("bookstate_target_bytes_total", "Bytes of text that were written.", &|c| c.bytes);
    counter("bookstate_target_parked_total", "Documents that were parked.", &|c| c.parked);
    counter("bookstate_target_compares_total", "Whole-book comparisons.", &|c| c.compares);
    let retries = each().flat_map(|(target, name)| {
        let Counters { unavailable, ambiguous, mismatches, splits, .. } = target.counters;
        let kinds = [
            ("unavailable", unavailable),
            ("ambiguous", ambiguous),
            ("mismatch", mismatches),
            ("split", splits),
        ];
        kinds.map(|(kind, count)| (vec![("target", name.as_str()), ("kind", kind)], count))
    });
    page.many(
        "bookstate_target_retries_total",
        "counter",
        "Attempts that were made again, by cause.",
        retries,
    );
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float in the format")]
const fn float(count: u64) -> f64 {
    count as f64
}

fn jobs(page: &mut Exposition, state: &ApiState) {
    let jobs = state.running_jobs();
    page.one("bookstate_jobs_running", "gauge", "Jobs that run.", jobs.len());
    let in_flight: usize = jobs.iter().map(|job| job.in_flight).sum();
    page.one("bookstate_units_in_flight", "gauge", "Units of work in flight.", in_flight);
    let totals = state.job_totals();
    let help = "Runs of jobs that have ended.";
    page.one("bookstate_job_runs_total", "counter", help, totals.runs);
    let units = [
        ("run", totals.units.run),
        ("failed", totals.units.failed),
        ("skipped", totals.units.skipped),
        ("dropped", totals.units.dropped),
    ];
    let units = units.map(|(outcome, count)| (vec![("outcome", outcome)], count));
    page.many("bookstate_units_total", "counter", "Units of work, by outcome.", units);
    let pools = state.pools();
    let size = pools.iter().map(|pool| (vec![("pool", &*pool.name)], pool.concurrency));
    page.many("bookstate_pool_workers", "gauge", "Units that a pool runs at once.", size);
    let busy = pools.iter().map(|pool| (vec![("pool", &*pool.name)], pool.busy));
    page.many("bookstate_pool_busy_workers", "gauge", "Units that a pool runs now.", busy);
}

fn providers(page: &mut Exposition, rows: &[ProviderRow]) {
    let each = |value: &dyn Fn(&ProviderRow) -> u64| -> Vec<_> {
        rows.iter().map(|row| (vec![("provider", &*row.name)], value(row))).collect()
    };
    let ready = each(&|row| u64::from(row.is_ready));
    page.many("bookstate_provider_ready", "gauge", "1 when a request would be sent, budgets aside.", ready);
    let in_flight = each(&|row| row.in_flight);
    page.many("bookstate_provider_requests_in_flight", "gauge", "Requests in flight.", in_flight);
    let models = || rows.iter().flat_map(|row| row.models.iter().map(move |model| (row, model)));
    let mut counter = |metric: &str, help: &str, value: &dyn Fn(&ModelTotals) -> f64| {
        let values = models()
            .map(|(row, model)| (vec![("provider", &*row.name), ("model", &*model.model)], value(model)));
        page.many(metric, "counter", help, values);
    };
    #[expect(clippy::cast_precision_loss, reason = "a number for a graph")]
    let number = |count: u64| count as f64;
    counter("bookstate_model_requests_total", "Requests sent.", &|model| number(model.sent));
    counter("bookstate_model_answers_total", "Requests answered well.", &|model| number(model.answered));
    counter("bookstate_model_prompt_tokens_total", "Tokens sent.", &|model| number(model.prompt_tokens));
    counter("bookstate_model_completion_tokens_total", "Tokens received.", &|model| {
        number(model.completion_tokens)
    });
    counter("bookstate_model_cost_usd_total", "What it cost, in US dollars.", &|model| model.cost_usd);
}

fn fleet(page: &mut Exposition, view: &FleetView) {
    let books = |of: Option<&str>| view.books.iter().filter(|book| book.machine.as_deref() == of).count();
    let owned = books(Some(&view.machine));
    page.one("bookstate_fleet_machines", "gauge", "Machines of the fleet that live.", view.machines.len());
    page.one("bookstate_fleet_owned_books", "gauge", "Books that this machine owns.", owned);
    page.one("bookstate_fleet_wanted_jobs", "gauge", "Jobs that wait for a machine.", books(None));
}
