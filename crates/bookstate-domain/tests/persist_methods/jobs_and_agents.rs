//! Jobs, metrics, agent states.

use bookstate_domain::{
    AgentType, BookStatus, Engines, JobId, JobStatus, Misuse, Timestamp, Variant,
    persist::{AgentRecord, AgentTrace, NewJob, UnitMetric},
};

use crate::session::Session;

pub(crate) fn id(text: &str) -> JobId {
    JobId::new(text).unwrap()
}

pub(crate) fn job(text: &str) -> NewJob {
    NewJob {
        job_id: id(text),
        variant: Variant::OcrOnly,
        engines: Engines { ocr: vec!["one".into()], analysis: "local".into() },
        options: None,
        rules: Some(1),
        reset_from: None,
    }
}

fn agent(subject: &str) -> AgentRecord {
    AgentRecord::finished(AgentType::TocEntryFinder, subject.into(), "{}".into())
}

#[test]
fn job_record_queues_one_job() {
    let mut s = Session::book();
    let written = s.writes(|s, at| s.persist_job_record(at, job("j1")));
    assert_eq!(written, ["put Job/b/j1", "patch Book/b: status status_reason"]);
    let active = s.state.active_job().unwrap();
    assert_eq!((active.status, active.variant), (Some(JobStatus::Queued), Some(Variant::OcrOnly)));
    assert_eq!(active.engines.as_ref().unwrap().ocr.len(), 1, "a resumed job is the same job");
    assert_eq!(s.state.book().unwrap().status, Some(BookStatus::Processing));
    assert_eq!(s.refuses(|s, at| s.persist_job_record(at, job("j2"))), Misuse::JobActive(id("j1")));
    s.writes(|s, at| s.persist_job_status(at, &id("j1"), JobStatus::Failed, Some("why".into())));
    let twice = s.refuses(|s, at| s.persist_job_record(at, job("j1")));
    assert!(matches!(twice, Misuse::Twice(key) if key.to_string() == "Job/b/j1"));
    s.writes(|s, at| s.persist_job_record(at, job("j2")));
    assert_eq!(s.state.latest_job().unwrap().job_id, id("j2"));
    assert_eq!(Session::nothing().refuses(|s, at| s.persist_job_record(at, job("j1"))), Misuse::NoBook);
}

#[test]
fn job_status_and_book_status_are_one_commit() {
    for (status, book) in [
        (JobStatus::Running, BookStatus::Processing),
        (JobStatus::Completed, BookStatus::Complete),
        (JobStatus::Degraded, BookStatus::Degraded),
        (JobStatus::Failed, BookStatus::Failed),
        (JobStatus::Cancelled, BookStatus::Ingested),
    ] {
        let mut s = Session::book();
        s.writes(|s, at| s.persist_job_record(at, job("j1")));
        s.writes(|s, at| s.persist_job_status(at, &id("j1"), status, Some("why".into())));
        let (job, stored) = (s.state.latest_job().unwrap(), s.state.book().unwrap());
        assert_eq!((job.status, job.error.as_deref()), (Some(status), Some("why")));
        assert_eq!((stored.status, stored.status_reason.as_deref()), (Some(book), Some("why")));
        assert_eq!(job.completed_at.is_some(), !status.is_active());
        assert_eq!(job.started_at.is_some(), status == JobStatus::Running);
    }
    let misuse = Session::book().refuses(|s, at| s.persist_job_status(at, &id("j"), JobStatus::Failed, None));
    assert!(matches!(misuse, Misuse::NoSuchDocument(_)));
}

#[test]
fn a_restart_keeps_the_time_at_which_a_job_started() {
    let mut s = Session::book();
    s.writes(|s, at| s.persist_job_record(at, job("j1")));
    for _ in 0..2 {
        s.writes(|s, at| s.persist_job_status(at, &id("j1"), JobStatus::Running, None));
    }
    assert_eq!(s.state.latest_job().unwrap().started_at, Some(Timestamp::from_nanos(2)));
}

#[test]
fn metric_of_a_unit_is_replaced_not_doubled() {
    let mut s = Session::book();
    let unit = |tokens| UnitMetric {
        unit: "ocr/3/one".into(),
        stage: "ocr".into(),
        prompt_tokens: tokens,
        queue_seconds: Some(0.5),
        execution_seconds: Some(1.0),
        ..UnitMetric::default()
    };
    for tokens in [Some(1), Some(2)] {
        let written = s.writes(|s, at| s.persist_metric(at, &id("j1"), unit(tokens)));
        assert_eq!(written, ["put Metric/b/j1/ocr/3/one"]);
    }
    let metric = s.state.metrics().values().next().unwrap();
    assert_eq!(
        (s.state.metrics().size(), metric.total_tokens, metric.total_seconds),
        (1, Some(2), Some(1.5))
    );
    assert_eq!(metric.created_seq.get(), 2, "its creation is kept");
    let misuse = Session::nothing().refuses(|s, at| s.persist_metric(at, &id("j1"), unit(None)));
    assert_eq!(misuse, Misuse::NoBook);
}

#[test]
fn new_agent_state_takes_one_or_many() {
    let mut s = Session::book();
    let written = s.writes(|s, at| s.persist_new_agent_state(at, vec![agent("0000"), agent("0001")]));
    assert_eq!(written, ["put AgentState/b/toc_entry_finder/0000", "put AgentState/b/toc_entry_finder/0001"]);
    let first = s.state.agent_states().values().next().unwrap().clone();
    s.writes(|s, at| s.persist_new_agent_state(at, vec![AgentRecord { iteration: 2, ..agent("0000") }]));
    let again = s.state.agent_states().values().next().unwrap();
    assert_eq!((again.iteration, again.created_at), (2, first.created_at));
    assert!(again.updated_at > first.updated_at);
    let twice = s.refuses(|s, at| s.persist_new_agent_state(at, vec![agent("0002"), agent("0002")]));
    assert!(matches!(twice, Misuse::Twice(_)));
}

#[test]
fn agent_removed_begins_anew() {
    let mut s = Session::book();
    s.writes(|s, at| s.persist_new_agent_state(at, vec![agent("0000")]));
    let remove = |s: &bookstate_domain::BookState, at: &bookstate_domain::At| {
        s.persist_agent_removed(at, AgentType::TocEntryFinder, &"0000".into())
    };
    assert_eq!(s.writes(remove), ["delete AgentState/b/toc_entry_finder/0000"]);
    assert!(!s.state.is_agent_complete(AgentType::TocEntryFinder, &"0000".into()));
    assert!(matches!(s.refuses(remove), Misuse::NoSuchDocument(_)));
}

#[test]
fn agent_ended_says_what_it_took_and_keeps_the_result() {
    let mut s = Session::book();
    let trace = AgentTrace { turns: 3, prompt: "1a2b".into(), messages_json: Some("[]".into()) };
    let end = |s: &bookstate_domain::BookState, at: &bookstate_domain::At| {
        s.persist_agent_ended(at, AgentType::TocEntryFinder, &"0000".into(), trace.clone())
    };
    assert!(matches!(s.refuses(end), Misuse::NoSuchDocument(_)));
    let open = AgentRecord { complete: false, iteration: 2, ..agent("0000") };
    s.writes(|s, at| s.persist_new_agent_state(at, vec![open]));
    assert!(matches!(s.refuses(end), Misuse::NoSuchDocument(_)), "it has no result yet");
    for (result, with_prompt) in
        [("{}", "{\"prompt\":\"1a2b\"}"), ("{\"fix\":\"none\"}", "{\"fix\":\"none\",\"prompt\":\"1a2b\"}")]
    {
        let done = AgentRecord { result_json: Some(result.into()), ..agent("0000") };
        s.writes(|s, at| s.persist_new_agent_state(at, vec![done]));
        let written = s.writes(end);
        let fields = "iteration messages_json result_json updated_at";
        assert_eq!(written, [format!("patch AgentState/b/toc_entry_finder/0000: {fields}")]);
        let ended = s.state.agent(AgentType::TocEntryFinder, &"0000".into()).unwrap();
        assert_eq!((ended.iteration, ended.complete), (3, true));
        assert_eq!(ended.result_json.as_deref(), Some(with_prompt));
        assert_eq!(ended.messages_json.as_deref(), Some("[]"));
    }
}
