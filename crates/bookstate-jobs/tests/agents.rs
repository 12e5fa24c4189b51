//! Parts of the pipeline that models do, agents among them: what they find, what they cost, and what is done where they
//! find nothing. How agents are killed is tested with the program, in `bookstate-cli`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::{path::PathBuf, sync::Arc, time::Duration};

use bookstate_domain::{
    AgentType, BookState, Engines, EntryIdent, JobStatus, MatterType, OperationName, Priority, Variant,
};
use bookstate_jobs::{
    JobEnd, JobOptions, JobReport, JobRequest, Part, Scheduler, SchedulerConfig, Started,
    engines::{
        EngineCatalog, EngineSpec,
        models::{
            AGENT_TURNS, Agent, Answers, Model, ModelClassifier, ModelMetadata, ModelPatternFinder,
            ModelPolisher, ModelTocExtractor,
        },
    },
    ingest,
};
use bookstate_llm::{Provider, ProviderConfig, Usd};
use bookstate_store::{Library, LibraryConfig};
use bookstate_tests::{
    books::{Book, KeyEntry},
    models::{Answer, Asked, ModelServer},
};
use serde_json::{Value, json};

const NAME: &str = "replay:some/model";
const COST: f64 = 0.01;

/// A book in a temporary directory.
struct Desk {
    dir: tempfile::TempDir,
    file: PathBuf,
    contents: Vec<KeyEntry>,
    toc_pages: Vec<u32>,
    answers: Answers,
    options: JobOptions,
}

impl Desk {
    fn new(book: &Book) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = book.make_pdf();
        let file = dir.path().join(&made.file_name);
        std::fs::write(&file, &made.bytes).unwrap();
        let (contents, toc_pages) = (made.key.printed_toc, made.key.toc_pages);
        Self { dir, file, contents, toc_pages, answers: Answers::Kept, options: JobOptions::default() }
    }

    /// The pages on which its entries begin.
    fn printed_pages(&self) -> Vec<Option<i32>> {
        self.contents.iter().map(|entry| Some(i32::try_from(entry.page).unwrap())).collect()
    }

    fn library(&self) -> Library {
        Library::open(LibraryConfig::new(self.dir.path().join("data"))).unwrap().0
    }

    /// Runs a job whose `parts` are done by the server's model.
    async fn run(
        &self,
        server: &ModelServer,
        parts: &[&str],
        keeps_talk: bool,
        reset: Option<OperationName>,
    ) -> (JobReport, BookState) {
        let library = self.library();
        let provider = Arc::new(Provider::new(ProviderConfig::new("replay", &server.url())).unwrap());
        let model = || Model::new(provider.clone(), "some/model").with_answers(self.answers);
        let agent = || Agent::new(model()).seeing(None).keeping_talk(keeps_talk);
        let spec = || EngineSpec { pool: "replay".into(), metered: true };
        let catalog = EngineCatalog::local()
            .with_metadata(NAME, spec(), Arc::new(ModelMetadata::new(model())))
            .with_finder(NAME, spec(), Arc::new(agent()))
            .with_pattern_finder(NAME, spec(), Arc::new(ModelPatternFinder::new(model())))
            .with_extractor(NAME, spec(), Arc::new(ModelTocExtractor::new(model())))
            .with_linker(NAME, spec(), Arc::new(agent()))
            .with_chapter_finder(NAME, spec(), Arc::new(agent()))
            .with_gap_investigator(NAME, spec(), Arc::new(agent()))
            .with_classifier(NAME, spec(), Arc::new(ModelClassifier::new(model())))
            .with_polisher(NAME, spec(), Arc::new(ModelPolisher::new(model())));
        let config = SchedulerConfig { min_free_bytes: 0, ..SchedulerConfig::default() };
        let scheduler = Scheduler::new(library.clone(), catalog, config);
        let book = ingest(&library, &self.file).await.unwrap();
        let named: String = parts.iter().map(|part| format!(" {part}={NAME}")).collect();
        let engines = Engines { ocr: vec!["text-layer".into()], analysis: format!("local{named}").into() };
        let request = JobRequest {
            variant: Variant::Standard,
            engines,
            options: self.options.text(),
            reset,
            priority: Priority::Bulk,
        };
        let Started::Running(job) = scheduler.start(&book.book_id, request).await.unwrap() else {
            panic!("there is nothing to do")
        };
        let report = job.wait().await;
        let state = library.active(&book.book_id).unwrap().state.clone();
        (report, state)
    }
}

fn is_completed(report: &JobReport) -> bool {
    matches!(report.end, JobEnd::Over { status: JobStatus::Completed, .. })
}

fn schema_of(asked: &Asked) -> &str {
    asked.body["response_format"]["json_schema"]["name"].as_str().unwrap()
}

fn messages(asked: &Asked) -> &Vec<Value> {
    asked.body["messages"].as_array().unwrap()
}

/// What an agent is told first.
fn question(asked: &Asked) -> &str {
    messages(asked)[1]["content"].as_str().unwrap()
}

/// What it is told last.
fn told(asked: &Asked) -> String {
    let last = &messages(asked).last().unwrap()["content"];
    last.as_str().map_or_else(|| last.to_string(), str::to_owned)
}

fn turn(asked: &Asked) -> usize {
    messages(asked).iter().filter(|message| message["role"] == "assistant").count()
}

fn said(answer: &Value) -> Answer {
    Answer::said(&answer.to_string(), COST)
}

/// An answer of an agent, with the members that every answer has.
fn with(members: Value, own: &[&str]) -> Answer {
    let mut all = json!({ "tool": "write_result", "query": null, "page": null, "sure": null });
    own.iter().for_each(|name| all[*name] = Value::Null);
    for (name, value) in members.as_object().unwrap() {
        all[name] = value.clone();
    }
    said(&all)
}

/// A table of these entries, as the model of `toc_extract` answers.
fn listed<'k>(entries: impl Iterator<Item = &'k KeyEntry>) -> Answer {
    let entry = |entry: &KeyEntry| {
        let (number, title) = entry.title.split_once(' ').unwrap();
        json!({ "entry_number": number, "title": title, "level": 1, "printed_page": entry.printed_page })
    };
    said(&json!({ "entries": entries.map(entry).collect::<Vec<_>>() }))
}

fn spent(state: &BookState) -> Usd {
    state.metrics().values().filter_map(|metric| Usd::from_dollars(metric.cost_usd?)).sum()
}

fn of_server(server: &ModelServer) -> Usd {
    server.seen().iter().map(|seen| Usd::from_dollars(seen.cost as f64 / 1e9).unwrap()).sum()
}

const GAP: [&str; 6] = ["fix", "title", "entry_number", "entry", "note", "level"];

/// Of four chapters the table that a model reads lacks the second; agents link the others and find it.
#[tokio::test(flavor = "multi_thread")]
async fn agents_link_entries_find_what_the_table_lacks_and_look_into_gaps() {
    let desk =
        Desk::new(&Book::new("book").pages(100).chapters(4).sections(0).preface(false).back_matter(false));
    let contents = desk.contents.clone();
    assert_eq!(contents.len(), 4);
    let lacking = contents[1].clone();
    let hidden = lacking.clone();
    let server = ModelServer::start(move |asked| match schema_of(asked) {
        "entries" => listed(contents.iter().filter(|entry| entry.title != hidden.title)),
        "toc_entry_finder" => {
            let line = question(asked).lines().find(|line| line.starts_with("> [")).unwrap();
            let entry =
                contents.iter().find(|entry| line.contains(entry.title.split_once(' ').unwrap().1)).unwrap();
            match turn(asked) {
                0 => with(json!({ "tool": "load_page_image", "page": entry.page }), &[]),
                // Not sure at first; said again it is believed.
                _ => with(json!({ "page": entry.page, "sure": false }), &[]),
            }
        }
        "chapter_finder" => match turn(asked) {
            0 => with(json!({ "tool": "grep_pages", "query": hidden.title }), &["title"]),
            1 => with(json!({ "page": hidden.page, "title": "Of Dragons", "sure": true }), &["title"]),
            _ => with(json!({ "page": hidden.page, "title": hidden.title, "sure": true }), &["title"]),
        },
        "gap_investigator" => with(json!({ "fix": "flag", "note": "a long chapter", "sure": true }), &GAP),
        other => panic!("{other} is not asked"),
    })
    .unwrap();
    let parts = ["toc_extract", "toc_link", "discover", "gaps"];
    let (report, state) = desk.run(&server, &parts, true, None).await;
    assert!(is_completed(&report), "{report:?}");
    let discovered =
        state.toc_entries().values().find(|e| !matches!(e.ident, EntryIdent::Ordinal(_))).unwrap();
    assert_eq!(discovered.actual_page, Some(i32::try_from(lacking.page).unwrap()));
    assert_eq!(discovered.title.as_deref(), Some(lacking.title.as_str()));
    for (entry, key) in state.ordered_entries().iter().zip(&desk.contents) {
        assert_eq!(entry.actual_page, Some(i32::try_from(key.page).unwrap()), "{entry:?}");
    }
    let of = |agent: AgentType| {
        state.agent_states().values().filter(move |state| state.agent_type == agent).collect::<Vec<_>>()
    };
    let (links, finders, gaps) =
        (of(AgentType::TocEntryFinder), of(AgentType::ChapterFinder), of(AgentType::GapInvestigator));
    assert_eq!((links.len(), finders.len()), (3, 1), "kept, since that is wanted");
    assert!(!gaps.is_empty());
    for agent in links.iter().chain(&finders).chain(&gaps) {
        assert!(
            agent.complete && agent.result_json.as_deref().unwrap().contains("\"prompt\":\""),
            "{agent:?}"
        );
        let talk: Value = serde_json::from_str(agent.messages_json.as_deref().unwrap()).unwrap();
        let turns = talk["exchanges"].as_array().unwrap().len();
        assert_eq!(i32::try_from(turns).unwrap(), agent.iteration, "{talk}");
    }
    assert!(links.iter().all(|agent| agent.iteration == 3) && finders[0].iteration == 3);
    for agent in &links {
        let metric =
            state.metrics().values().find(|metric| *metric.unit == format!("toc_link:{}", agent.subject));
        assert_eq!(metric.unwrap().created_seq, agent.created_seq, "an answer and its cost are one commit");
    }
    let seen = server.seen();
    let of_links: Vec<_> = seen.iter().filter(|seen| schema_of(&seen.asked) == "toc_entry_finder").collect();
    assert!(
        of_links.iter().any(|seen| told(&seen.asked).contains("data:image/jpeg;base64,")),
        "it saw a page"
    );
    let refused = seen.iter().any(|seen| told(&seen.asked).contains("\"Of Dragons\" is not printed on page"));
    assert!(refused, "what is printed nowhere is refused, and the agent told so");
    assert_eq!(spent(&state), of_server(&server));
    assert_eq!(report.units.failed, 0);
    let turns: i32 = state.agent_states().values().map(|agent| agent.iteration).sum();
    assert_eq!(
        usize::try_from(turns).unwrap() + 1,
        seen.len(),
        "a request for each turn, and one for the table"
    );

    // All of it again, for nothing.
    let (again, state) = desk.run(&server, &parts, false, Some(OperationName::TocExtract)).await;
    assert!(is_completed(&again), "{again:?}");
    assert_eq!(server.seen().len(), seen.len(), "answers are used again");
    assert_eq!(
        state.agent_states().values().filter(|agent| agent.agent_type == AgentType::TocEntryFinder).count(),
        0
    );
    assert!(state.agent_states().values().all(|agent| agent.messages_json.is_none()));
}

/// The contents are found by an agent in turns, and of three chapters a table lacks the second: two numbers are no series
/// to the rules, and a model sees that one is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_finds_the_contents_and_says_what_they_lack() {
    let desk =
        Desk::new(&Book::new("book").pages(60).chapters(3).sections(0).preface(false).back_matter(false));
    let (contents, toc_pages) = (desk.contents.clone(), desk.toc_pages.clone());
    let hidden = contents[1].clone();
    let server = ModelServer::start(move |asked| match schema_of(asked) {
        "toc_finder" => {
            let own = ["end_page", "entries", "levels", "numbered", "numerals"];
            match turn(asked) {
                0 => with(json!({ "tool": "load_page", "page": toc_pages[0] }), &own),
                1 => with(json!({ "page": 1, "end_page": 100, "sure": true }), &own),
                _ => with(
                    json!({ "page": toc_pages[0], "end_page": toc_pages.last(), "sure": true, "numbered": true,
                        "numerals": "arabic" }),
                    &own,
                ),
            }
        }
        "entries" => listed(contents.iter().filter(|entry| entry.title != hidden.title)),
        "missing_entries" => {
            assert_eq!(question(asked).lines().count(), 2, "{}", question(asked));
            let missing = |number: &str, before: Option<&str>| {
                json!({ "number": number, "heading": number, "level": 1, "after": "0000", "before": before })
            };
            let listed = [
                missing("2", Some("0001")),
                missing("2", Some("0001")),
                missing("1", Some("0001")),
                missing("Of Dragons", None),
                missing("4", Some("9999")),
            ];
            said(&json!({ "missing": listed }))
        }
        "chapter_finder" => with(json!({ "page": hidden.page, "title": hidden.title, "sure": true }), &["title"]),
        other => panic!("{other} is not asked"),
    })
    .unwrap();
    let parts = ["toc_finder", "toc_extract", "patterns", "discover"];
    let (report, state) = desk.run(&server, &parts, false, None).await;
    assert!(is_completed(&report), "{report:?}");
    let toc = state.toc().unwrap();
    let (first, last) = (desk.toc_pages[0], *desk.toc_pages.last().unwrap());
    assert_eq!((toc.start_page, toc.end_page), (i32::try_from(first).ok(), i32::try_from(last).ok()));
    let pages: Vec<_> = state.ordered_entries().iter().map(|entry| entry.actual_page).collect();
    assert_eq!(pages, desk.printed_pages(), "the second is there, and nothing else was added");
    let asked: Vec<_> = server.seen().iter().map(|seen| schema_of(&seen.asked).to_owned()).collect();
    let finder = asked.iter().filter(|schema| *schema == "toc_finder").count();
    assert_eq!((finder, asked.len()), (3, 6), "{asked:?}");
    assert!(state.agent(AgentType::TocFinder, &"book".into()).is_none(), "nothing is left of the finder");
    assert_eq!(spent(&state), of_server(&server));
}

/// Agents that look for what the table lacks look at once: a second one asks while the first has no answer.
#[tokio::test(flavor = "multi_thread")]
async fn looks_for_what_the_table_lacks_run_at_once() {
    let desk =
        Desk::new(&Book::new("book").pages(100).chapters(7).sections(0).preface(false).back_matter(false));
    let contents = desk.contents.clone();
    let server = ModelServer::start(move |asked| match schema_of(asked) {
        "entries" => {
            let kept = (0..).zip(&contents).filter(|(place, _)| ![1, 4].contains(place));
            listed(kept.map(|(_, entry)| entry))
        }
        "chapter_finder" => with(json!({ "sure": true }), &["title"]).after(Duration::from_secs(3600)),
        other => panic!("{other} is not asked"),
    })
    .unwrap();
    let server = Arc::new(server);
    let seen = server.clone();
    let are_asked = tokio::task::spawn_blocking(move || {
        seen.wait_until(|seen| {
            seen.iter().filter(|seen| schema_of(&seen.asked) == "chapter_finder").count() == 2
        })
    });
    tokio::select! {
        are_asked = are_asked => assert!(are_asked.unwrap(), "one waits for the other"),
        ended = desk.run(&server, &["toc_extract", "discover"], false, None) => panic!("{:?}", ended.0),
    }
}

/// A job goes by the prompts that it was begun with.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_told_what_the_job_says() {
    let mut desk =
        Desk::new(&Book::new("book").pages(24).chapters(2).sections(0).preface(false).back_matter(false));
    desk.options.prompts = [("toc_link", "Find it."), ("metadata", "Who wrote it?")]
        .map(|(part, told)| (part.to_owned(), told.to_owned()))
        .into();
    let server = ModelServer::start(|asked| match schema_of(asked) {
        "toc_entry_finder" => with(json!({ "sure": true }), &[]),
        "edits" => said(&json!({ "edits": [] })),
        _ => said(&json!({ "title": null, "subtitle": null, "authors": [], "publisher": null, "year": null,
            "language": null })),
    })
    .unwrap();
    let (report, state) = desk.run(&server, &["metadata", "toc_link", "polish"], false, None).await;
    assert!(is_completed(&report), "{report:?}");
    for seen in server.seen() {
        let system = messages(&seen.asked)[0]["content"].as_str().unwrap();
        let expected = match schema_of(&seen.asked) {
            "toc_entry_finder" => "Find it.\nYou work in turns.",
            "metadata" => "Who wrote it?",
            _ => "You correct the text of a part of a printed book",
        };
        assert!(system.starts_with(expected), "{system}");
    }
    let job = state.latest_job().unwrap();
    assert!(job.options.as_deref().unwrap().contains("Who wrote it?"), "it is stored with the job");
}

/// Where a job wants a model's work or none, what the model cannot do is not done, and the book says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_stage_without_a_fallback_fails_with_its_model() {
    let mut desk =
        Desk::new(&Book::new("book").pages(24).chapters(2).sections(0).preface(false).back_matter(false));
    desk.options.without_fallback = [Part::TocLink, Part::Classify].into();
    let server = ModelServer::start(|_| Answer::said("I would rather not.", COST)).unwrap();
    let (report, state) = desk.run(&server, &["metadata", "toc_link", "classify"], false, None).await;
    let JobEnd::Over { status: JobStatus::Degraded, reason } = &report.end else { panic!("{report:?}") };
    let reason = reason.as_deref().unwrap();
    assert!(
        reason.contains("could not be looked for") && reason.contains("could not be classified"),
        "{reason}"
    );
    assert!(state.ordered_entries().iter().all(|entry| entry.actual_page.is_none()));
    assert!(state.book().unwrap().metadata_complete, "the other one goes by the rules");
}

/// An agent that never says anything is ended, and one that is refused as well: the local rules do their units.
#[tokio::test(flavor = "multi_thread")]
async fn where_an_agent_finds_nothing_the_local_rules_do_it() {
    let desk =
        Desk::new(&Book::new("book").pages(24).chapters(2).sections(0).preface(false).back_matter(false));
    let server = ModelServer::start(|asked| match question(asked).contains("> [0000]") {
        true => with(json!({ "tool": "load_page", "page": turn(asked) + 1 }), &[]),
        false => Answer::said("I would rather not.", COST),
    })
    .unwrap();
    let (report, state) = desk.run(&server, &["toc_link"], false, None).await;
    assert!(is_completed(&report), "{report:?}");
    let linked: Vec<_> = state.ordered_entries().iter().map(|entry| entry.actual_page).collect();
    assert_eq!(linked, desk.printed_pages());
    assert_eq!(state.agent_states().size(), 0, "nothing is left of them");
    // All turns of one, and of the other the answer that is wrong twice.
    let asked = server.seen().len() as u64;
    assert_eq!(asked, AGENT_TURNS + 2);
    let last = server.seen().iter().any(|seen| told(&seen.asked).ends_with("use `write_result`."));
    assert!(last, "it is told which turn is the last");
    assert_eq!(spent(&state), of_server(&server), "it is paid all the same");
}

/// A model that gives up at once loses nothing that the rules would have found.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_says_is_nowhere_is_looked_for_by_the_local_rules() {
    let desk =
        Desk::new(&Book::new("book").pages(24).chapters(2).sections(0).preface(false).back_matter(false));
    let server = ModelServer::start(|_| with(json!({ "sure": true }), &[])).unwrap();
    let (report, state) = desk.run(&server, &["toc_link"], false, None).await;
    assert!(is_completed(&report), "{report:?}");
    let linked: Vec<_> = state.ordered_entries().iter().map(|entry| entry.actual_page).collect();
    assert_eq!(linked, desk.printed_pages());
    assert_eq!((server.seen().len(), state.agent_states().size()), (desk.contents.len(), 0));

    // Unless nobody but the model is to look.
    let mut desk = desk;
    desk.options.without_fallback = [Part::TocLink].into();
    let (report, state) = desk.run(&server, &["toc_link"], false, Some(OperationName::TocLink)).await;
    assert!(is_completed(&report), "{report:?}");
    let entries = state.ordered_entries();
    assert!(
        entries.iter().all(|entry| entry.actual_page.is_none() && !entry.is_link_given_up()),
        "{entries:?}"
    );
}

/// A chapter whose second piece fails at first is not paid for from its beginning, though no answer is kept.
#[tokio::test(flavor = "multi_thread")]
async fn pieces_of_a_chapter_are_paid_once() {
    let book = Book::new("book").pages(40).chapters(1).sections(0).preface(false).back_matter(false);
    let desk = Desk { answers: Answers::Forgotten, ..Desk::new(&book) };
    let server = ModelServer::start(|asked| match asked.number {
        2 => Answer::json(500, &json!({ "error": { "code": 500, "message": "odd" } })),
        _ => said(&json!({ "edits": [] })),
    })
    .unwrap();
    let (report, state) = desk.run(&server, &["polish"], false, None).await;
    assert!(is_completed(&report), "{report:?}");
    let seen = server.seen();
    let pieces: std::collections::HashSet<&str> = seen.iter().map(|seen| question(&seen.asked)).collect();
    assert!(pieces.len() > state.chapters().size(), "some chapters have several");
    assert_eq!(seen.len(), pieces.len() + 1, "each once, and the one that failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_edited_and_chapters_classified_by_a_model() {
    let desk =
        Desk::new(&Book::new("book").pages(24).chapters(2).sections(0).preface(false).back_matter(false));
    let server = ModelServer::start(|asked| match schema_of(asked) {
        "metadata" => {
            said(&json!({ "title": "The Harbour and the Lantern", "subtitle": null, "authors": ["A. Ghost"],
            "publisher": null, "year": 1999, "language": "en" }))
        }
        "chapters" => {
            let keys = question(asked).lines().filter_map(|line| line.strip_prefix('[')?.split(']').next());
            let chapter = |key: &str| {
                json!({ "key": key, "matter": "back_matter", "content_type": "notes", "read_aloud": false,
                    "reason": "so it says" })
            };
            said(&json!({ "chapters": keys.map(chapter).collect::<Vec<_>>() }))
        }
        "edits" => {
            // The end of the last paragraph is changed, a number as well, and something that is nowhere.
            let text = question(asked).trim_end();
            let at = text.len() - 20;
            let find = &text[at..];
            let edit = |find: &str, replace: &str| json!({ "find": find, "replace": replace });
            said(&json!({ "edits": [
                edit(find, &format!("{}!", &find[..19])),
                edit("nowhere to be found", "there"),
                edit("nowhere, either", "17"),
            ] }))
        }
        other => panic!("{other} is not asked"),
    })
    .unwrap();
    let (report, state) = desk.run(&server, &["metadata", "classify", "polish"], false, None).await;
    assert!(is_completed(&report), "{report:?}");
    let chapters = state.ordered_chapters();
    assert!(chapters.iter().all(|chapter| chapter.matter_type == Some(MatterType::BackMatter)));
    assert!(chapters.iter().all(|chapter| chapter.content_type.as_deref() == Some("notes")));
    let edited = chapters.iter().filter(|chapter| {
        let (before, after) =
            (chapter.mechanical_text.as_deref().unwrap(), chapter.polished_text.as_deref().unwrap());
        before.trim_end().ends_with('.') && after.trim_end().ends_with('!')
    });
    assert!(edited.count() >= 2, "{}", chapters.len());
    let book = state.book().unwrap();
    assert_eq!(book.title.as_deref(), Some("The Harbour and the Lantern"));
    assert!(
        book.author.as_deref() != Some("A. Ghost") && book.publication_year != Some(1999),
        "that is not printed"
    );
    assert_eq!(spent(&state), of_server(&server));
}

/// What may not be is no edit: the chapters keep their text, and the book says so.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_rewrites_a_chapter_leaves_its_text_as_it_was() {
    let desk =
        Desk::new(&Book::new("book").pages(24).chapters(2).sections(0).preface(false).back_matter(false));
    let server = ModelServer::start(|asked| {
        let words: Vec<&str> = question(asked).split_whitespace().take(40).collect();
        let edit = |words: &[&str]| json!({ "find": words.join(" "), "replace": "Something quite different, in 7 words." });
        said(&json!({ "edits": words.chunks(8).map(edit).collect::<Vec<_>>() }))
    })
    .unwrap();
    let (report, state) = desk.run(&server, &["polish"], false, None).await;
    assert!(matches!(report.end, JobEnd::Over { status: JobStatus::Degraded, .. }), "{report:?}");
    for chapter in state.ordered_chapters().iter().filter(|chapter| chapter.word_count >= 40) {
        assert!(chapter.polish_failed && chapter.polished_text.is_none(), "{:?}", chapter.subject);
        assert!(chapter.text().is_some());
    }
    assert_eq!(spent(&state), of_server(&server));
}
