//! Laws of agents' conversations, whatever a model answers, and what each agent's results are worth.

use bookstate_domain::{
    AgentState, AgentType, At, BookId, BookState, EntryIdent, Gap, MissingEntry, Operation, OperationEvent,
    Seq, Timestamp,
    persist::{AgentRecord, GapFix, LinkOutcome, NewBook, NewTocEntry, TocFound},
};
use bookstate_llm::{ChatRequest, Image, request::JsonWay};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    chapter_finder::Missing,
    entry_finder::Entry,
    gap_investigator::Stretch,
    pages::{Pages, Texts},
    talk::{Asked, Decision, MOST_TOKENS, MOST_TURNS, Paused, Subject, Verdict, begin, told_first},
    toc_finder::Contents,
};
use crate::persist_call::PersistCall;

const TEXTS: [&str; 7] = [
    "A Book",
    "Contents\n1 The Harbours ..... 1\n2 Lanterns ..... 3\n3 Of Salt ..... 5",
    "# 1 The Harbours\n\nThey were old.",
    "The harbours were quiet. See 2, Lanterns.",
    "# 2 Lanterns\n\nThey were lit.",
    "Interlude: The Tide\n\nIt came in.",
    "",
];

/// A book of these pages whose entries are linked to pages 3, 5 and none.
fn book() -> BookState {
    let mut state = BookState::new(BookId::new("b").unwrap());
    let mut seq = Seq::ZERO;
    let at = |seq: &mut Seq| {
        *seq = seq.next().unwrap();
        At { seq: *seq, now: Timestamp::from_nanos(1) }
    };
    let page_count = i32::try_from(TEXTS.len()).unwrap();
    for op in state.persist_book_record(&at(&mut seq), NewBook { page_count }).unwrap() {
        state.apply(&op);
    }
    let entry = |number: &str, title: &str| NewTocEntry {
        entry_number: Some(number.into()),
        title: title.into(),
        level: 1,
        ..NewTocEntry::default()
    };
    let start = |operation| PersistCall::OpState(operation, OperationEvent::Start);
    let linked = |n, page| {
        PersistCall::TocEntryResult(EntryIdent::Ordinal(n), LinkOutcome::Linked { page, reason: None })
    };
    let pages = (1..).zip(TEXTS).map(|(page, text)| PersistCall::OcrMarkdown {
        page,
        markdown: text.into(),
        headings: Vec::new(),
    });
    let found = TocFound { start_page: 2, end_page: 2, ..TocFound::default() };
    let calls = [
        start(Operation::TocFinder),
        PersistCall::TocFinderResult(found),
        start(Operation::TocExtract),
        PersistCall::TocEntries(vec![
            entry("1", "The Harbours"),
            entry("2", "Lanterns"),
            entry("3", "Of Salt"),
        ]),
        start(Operation::TocLink),
        linked(0, 3),
        linked(1, 5),
    ];
    for call in pages.chain(calls) {
        for op in call.ops(&state, &at(&mut seq)).unwrap() {
            state.apply(&op);
        }
    }
    state
}

fn entry(state: &BookState, n: u32) -> Entry {
    let entry = state.toc_entry(&EntryIdent::Ordinal(n)).unwrap().clone();
    Entry { state: state.clone(), entry }
}

fn pages_of(state: &BookState) -> Pages {
    Pages::of(state, Texts::of(state).into())
}

fn wrote(page: Option<i64>, is_sure: bool) -> Value {
    json!({ "tool": "write_result", "query": null, "page": page, "sure": is_sure })
}

/// What is stored of a record, as it is read back.
fn stored(state: &BookState, record: AgentRecord) -> AgentState {
    let mut state = state.clone();
    let at = At { seq: Seq::ZERO.next().unwrap(), now: Timestamp::from_nanos(2) };
    let (agent_type, subject) = (record.agent_type, record.subject.clone());
    for op in state.persist_new_agent_state(&at, vec![record]).unwrap() {
        state.apply(&op);
    }
    AgentState::clone(state.agent(agent_type, &subject).unwrap())
}

fn messages(request: &ChatRequest) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&request.body(JsonWay::Schema, false)).unwrap();
    body["messages"].as_array().unwrap().clone()
}

/// Any answer that has the form of one.
fn answers() -> impl Strategy<Value = Value> {
    let tools = prop_oneof![
        3 => Just("grep_pages"),
        3 => Just("load_page"),
        1 => Just("load_page_image"),
        4 => Just("write_result"),
        1 => Just("other"),
    ];
    let query = proptest::option::of("[a-z ]{0,9}");
    let page = proptest::option::of(-1i64..10);
    let sure = proptest::option::of(any::<bool>());
    (tools, query, page, sure).prop_map(
        |(tool, query, page, sure)| json!({ "tool": tool, "query": query, "page": page, "sure": sure }),
    )
}

/// Runs an agent through these answers, its state stored and read back between turns, as a job that dies again and again
/// would.
fn run(state: &BookState, answers: &[Value], tokens: u32) -> (Vec<Vec<Value>>, Option<Option<i32>>) {
    let (pages, subject) = (pages_of(state), entry(state, 1));
    let mut asked = Asked::begin("v".to_owned());
    let mut sent = Vec::new();
    for (said, turns) in answers.iter().zip(1..) {
        let is_last = asked.is_last(tokens);
        let request = asked.request(begin::<Entry>("m", "told", false), &subject, &pages, None, is_last);
        sent.push(messages(&request));
        match asked.decide(&subject, &pages, said.clone(), tokens) {
            Decision::Done(found, _) => return (sent, Some(found)),
            Decision::Spent => return (sent, None),
            Decision::Continue(paused) => {
                assert!(!is_last, "behind its last turn an agent has a result or none");
                let record = paused.record(AgentType::TocEntryFinder, subject.key(), turns);
                let agent = stored(state, record);
                assert_eq!(Paused::of(&agent, "another"), None, "a new prompt begins anew");
                let again = Paused::of(&agent, "v").unwrap();
                assert_eq!(again, paused, "what is stored is all of it");
                asked = again.go_on(&subject, &pages);
            }
        }
    }
    panic!("an agent goes on for ever: {} turns", sent.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is answered: it ends within its turns and tokens, a page that it finds is one of the book and not of the
    /// contents, and each request begins with all that was said in the one before it.
    #[test]
    fn an_agent_ends_whatever_is_answered(
        answers in proptest::collection::vec(answers(), MOST_TURNS),
        tokens in prop_oneof![Just(500u32), 500..MOST_TOKENS],
    ) {
        let state = book();
        let (sent, found) = run(&state, &answers, tokens);
        prop_assert!(sent.len() <= MOST_TURNS);
        let most = MOST_TOKENS / tokens + 1;
        prop_assert!(u32::try_from(sent.len()).unwrap() <= most, "{} turns of {tokens} tokens", sent.len());
        if let Some(Some(page)) = found {
            prop_assert!((1..=7).contains(&page) && page != 2, "{page}");
        }
        for (before, after) in sent.iter().zip(sent.iter().skip(1)) {
            prop_assert_eq!(&after[..before.len()], before.as_slice());
        }
        prop_assert_eq!(run(&state, &answers, tokens), (sent, found), "twice the same");
    }
}

#[test]
fn a_result_that_is_doubted_is_believed_when_it_is_said_twice_or_at_the_end() {
    let state = book();
    let doubtful = wrote(Some(6), true);
    let look = json!({ "tool": "load_page", "query": null, "page": 6, "sure": null });
    let (sent, found) = run(&state, &[doubtful.clone(), look.clone(), wrote(Some(6), false)], 500);
    assert_eq!((sent.len(), found), (3, Some(Some(6))));
    let told = sent[1].last().unwrap()["content"].as_str().unwrap();
    assert!(told.starts_with("The title is not in the text of page 6."), "{told}");

    let mut answers = vec![look.clone(); MOST_TURNS];
    assert_eq!(run(&state, &answers, 500).1, None, "it has nothing");
    answers[2] = doubtful;
    let (sent, found) = run(&state, &answers, 500);
    assert_eq!((sent.len(), found), (MOST_TURNS, Some(Some(6))), "the best so far");
    let last = sent.last().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
    assert!(last.ends_with("This is your last turn: use `write_result`."), "{last}");
}

#[test]
fn only_a_model_that_sees_is_offered_images_and_only_the_newest_is_shown() {
    let state = book();
    let (pages, subject) = (pages_of(&state), entry(&state, 1));
    let look = |page: i64| json!({ "tool": "load_page_image", "query": null, "page": page, "sure": null });
    let go_on = |asked: Asked, said: Value| match asked.decide(&subject, &pages, said, 500) {
        Decision::Continue(paused) => paused.go_on(&subject, &pages),
        _ => panic!("it goes on"),
    };
    let sent = |asked: &Asked, image: Option<&Image>| {
        messages(&asked.request(begin::<Entry>("m", "told", true), &subject, &pages, image, false))
    };
    let image = Image { media_type: "image/png", bytes: vec![1].into() };
    let asked = go_on(Asked::begin("v".to_owned()), look(5));
    assert_eq!(asked.image, Some(5));
    assert!(sent(&asked, Some(&image))[3]["content"][1]["image_url"].is_object());
    assert_eq!(sent(&asked.clone().without_image(), None)[3]["content"], "There is no image of page 5.");
    let asked = go_on(asked, look(9));
    assert_eq!(asked.image, None, "there is no page 9");
    assert_eq!(sent(&asked, None)[3]["content"], "The image of page 5:", "what it was is still told");

    for sees in [false, true] {
        let begun = begin::<Entry>("m", &told_first("look", sees), sees);
        let body = String::from_utf8(begun.body(JsonWay::Schema, false)).unwrap();
        assert_eq!(body.contains("load_page_image"), sees);
    }
}

#[test]
fn an_entry_begins_where_its_title_stands() {
    let state = book();
    let pages = pages_of(&state);
    let judge = |page, is_sure| entry(&state, 1).judge(&pages, &wrote(page, is_sure));
    assert_eq!(judge(Some(5), true), Verdict::Believed(Some(5)));
    assert!(matches!(judge(Some(5), false), Verdict::Doubted(Some(5), _)));
    assert!(matches!(judge(Some(3), true), Verdict::Doubted(Some(3), _)), "another chapter's page");
    assert!(matches!(judge(Some(2), true), Verdict::Refused(_)), "the contents themselves");
    assert!(
        matches!(judge(Some(8), true), Verdict::Refused(_))
            && matches!(judge(Some(0), true), Verdict::Refused(_))
    );
    assert_eq!(judge(None, true), Verdict::Believed(None));
    assert!(matches!(judge(None, false), Verdict::Doubted(None, _)));
    let question = entry(&state, 1).question(&pages);
    assert!(question.contains("> [0001] level 1, number \"2\", title \"Lanterns\""), "{question}");
    assert!(!question.contains("begins on page"), "other agents' links are chance: {question}");
}

#[test]
fn an_entry_that_the_table_lacks_is_printed_where_it_may_be() {
    let state = book();
    let pages = pages_of(&state);
    let missing = MissingEntry {
        identifier: "outline:1".into(),
        level: 1,
        heading: "The Tide".into(),
        from_page: 5,
        to_page: 7,
        ..MissingEntry::default()
    };
    let subject = Missing { state: state.clone(), missing };
    let judge = |page: i64, title: &str| {
        subject.judge(&pages, &json!({ "tool": "write_result", "page": page, "title": title, "sure": true }))
    };
    assert_eq!(judge(6, " The Tide "), Verdict::Believed(Some((6, "The Tide".into()))));
    for (page, title) in
        [(6, "The Storm"), (6, ""), (4, "The harbours"), (5, "Lanterns"), (7, "The Tide"), (9, "x")]
    {
        assert!(matches!(judge(page, title), Verdict::Refused(_)), "{page} {title}");
    }
    assert!(
        subject
            .question(&pages)
            .contains("[0001] level 1, number \"2\", title \"Lanterns\", begins on page 5")
    );
}

/// The heading of another number may be mistaken for the one that is looked for: it is not believed at once.
#[test]
fn a_heading_with_another_number_is_doubted() {
    let state = book();
    let pages = pages_of(&state);
    let judge = |identifier: &str, title: &str| {
        let missing =
            MissingEntry { identifier: identifier.into(), level: 1, to_page: 7, ..MissingEntry::default() };
        let subject = Missing { state: BookState::new(BookId::new("b").unwrap()), missing };
        subject.judge(&pages, &json!({ "tool": "write_result", "page": 5, "title": title, "sure": true }))
    };
    assert!(matches!(judge("3", "2 Lanterns"), Verdict::Doubted(Some(_), _)));
    for (identifier, title) in
        [("2", "2 Lanterns"), ("II", "2 Lanterns"), ("3", "Lanterns"), ("outline:1", "2 Lanterns")]
    {
        assert!(matches!(judge(identifier, title), Verdict::Believed(Some(_))), "{identifier} {title}");
    }
}

#[test]
fn a_gap_is_fixed_with_what_is_printed_in_it() {
    let state = book();
    let pages = pages_of(&state);
    let gap = Gap { key: "5-7".into(), from_page: 5, to_page: 7 };
    let subject = Stretch { state: state.clone(), gap };
    let judge = |said: Value| subject.judge(&pages, &said);
    let add = json!({ "fix": "add", "page": 6, "title": "The Tide", "entry_number": null, "level": 2, "sure": true });
    let added = GapFix::Add { title: "The Tide".into(), entry_number: None, level: 2, page: 6 };
    assert_eq!(judge(add.clone()), Verdict::Believed(Some(added)));
    let with = |name: &str, value: Value| {
        let mut said = add.clone();
        said[name] = value;
        said
    };
    for wrong in [
        with("page", json!(4)),
        with("title", json!("The Storm")),
        with("level", json!(0)),
        with("fix", json!(null)),
        with("fix", json!("flag")),
        json!({ "fix": "correct", "entry": "0009", "page": 6, "sure": true }),
        json!({ "fix": "correct", "entry": "0002", "page": 6, "sure": true }),
    ] {
        assert!(matches!(judge(wrong.clone()), Verdict::Refused(_)), "{wrong}");
    }
    let correct = GapFix::Correct { entry: EntryIdent::Ordinal(1), page: 5 };
    assert_eq!(
        judge(json!({ "fix": "correct", "entry": "0001", "page": 5, "sure": true })),
        Verdict::Believed(Some(correct))
    );
    assert_eq!(judge(json!({ "fix": "none", "sure": true })), Verdict::Believed(Some(GapFix::None)));
    assert!(matches!(judge(json!({ "fix": "none", "sure": null })), Verdict::Doubted(Some(GapFix::None), _)));
}

#[test]
fn contents_are_pages_of_the_book_that_were_read() {
    let state = book();
    let pages = pages_of(&state);
    let answer = |start: Value, end: Value, is_sure: bool| {
        Contents.judge(
            &pages,
            &json!({ "tool": "write_result", "page": start, "end_page": end, "sure": is_sure,
            "entries": 3, "levels": 1, "numbered": true, "numerals": "arabic" }),
        )
    };
    let Verdict::Believed(Some(found)) = answer(json!(2), json!(3), true) else { panic!("it can be") };
    assert_eq!((found.start_page, found.end_page), (2, 3));
    assert!(
        found.summary.page_numbers
            && &*found.summary.number_style == "arabic"
            && !found.summary.note.is_empty()
    );
    assert!(matches!(answer(json!(2), json!(3), false), Verdict::Doubted(Some(_), _)));
    assert!(
        matches!(answer(json!(7), json!(7), true), Verdict::Doubted(Some(_), _)),
        "a page without a text"
    );
    assert!(matches!(answer(Value::Null, Value::Null, true), Verdict::Believed(None)));
    let silent = json!({ "tool": "write_result", "page": 2, "end_page": 3, "sure": true, "numerals": null });
    let silent = Contents.judge(&pages, &silent);
    assert!(matches!(silent, Verdict::Refused(_)), "whether there are page numbers has to be said");
    let wrong =
        [json!([0, 3]), json!([5, 4]), json!([2, 60]), json!([8, 8]), json!([2, null]), json!([1, i64::MAX])];
    for pair in wrong {
        assert!(matches!(answer(pair[0].clone(), pair[1].clone(), true), Verdict::Refused(_)), "{pair}");
    }
    let question = Contents.question(&pages);
    assert!(question.contains("page 2: Contents\n") && question.contains("page 7: \n"), "{question}");
}
