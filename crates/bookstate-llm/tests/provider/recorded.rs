//! What a real server said, as it is checked in with the server's version, and what is made of it.
//!
//! `real` asks such a server for each of these; where there is none, what it said then is replayed.

use std::{path::PathBuf, sync::Arc};

use bookstate_llm::{
    CallError, ChatRequest, Failure, Finish, Image, Provider, Reply, Schema, Signal, answer, classify,
    reply::Assembly, sse::Frames,
};
use bookstate_tests::models::{Answer, ModelServer};
use serde_json::{Value, json};

use super::{BOOK, config, kind};

/// What the server calls itself.
pub(crate) const SERVER: &str = "b11434-packaged";

/// What is asked, and what the answer must mean.
pub(crate) struct Shape {
    /// The name of its file.
    pub(crate) name: &'static str,
    pub(crate) request: ChatRequest,
    pub(crate) is_stream: bool,
    pub(crate) means: Means,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// A text, that ended like this.
    Text(Finish),
    /// JSON of the form that was asked for.
    Json,
    /// No answer: a failure of this kind, and what a caller of the provider gets.
    No(&'static str, &'static str),
}

/// An answer as it came.
pub(crate) struct Recorded {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) body: String,
}

/// What is asked of a model that sees nothing, 2,048 tokens at a time.
pub(crate) fn shapes() -> Vec<Shape> {
    let plain = |most| ChatRequest::new("smollm2", most).system("Answer in one word.").user("What is snow?");
    let pages = json!({ "type": "object", "additionalProperties": false, "required": ["title", "pages"],
        "properties": { "title": { "type": "string", "maxLength": 40 },
            "pages": { "type": "array", "maxItems": 3, "items": { "type": "integer", "maximum": 99 } } } });
    let asked = plain(200).answer_as(Schema { name: "pages".into(), schema: pages });
    let image = Image { media_type: "image/png", bytes: DOT.into() };
    let seeing = ChatRequest::new("smollm2", 20).user_image("What is this?", image);
    let long = ChatRequest::new("smollm2", 20).user("a word and another one ".repeat(2_000));
    let shape = |name, request: &ChatRequest, is_stream, means| {
        let request = request.clone();
        Shape { name, request, is_stream, means }
    };
    vec![
        shape("chat", &plain(50), false, Means::Text(Finish::Done)),
        shape("chat-stream", &plain(50), true, Means::Text(Finish::Done)),
        shape("cut", &plain(1), false, Means::Text(Finish::Cut)),
        shape("cut-stream", &plain(1), true, Means::Text(Finish::Cut)),
        shape("schema", &asked, false, Means::Json),
        shape("schema-stream", &asked, true, Means::Json),
        shape("too-long", &long, false, Means::No("too_long", "too_long")),
        shape("too-long-stream", &long, true, Means::No("too_long", "too_long")),
        shape("image", &seeing, false, Means::No("unusable", "held")),
        shape("image-stream", &seeing, true, Means::No("unusable", "held")),
        shape(LOADING, &plain(50), true, Means::No("unavailable", "held")),
    ]
}

/// The one that `real` cannot ask for: it was written down by hand while a server started.
pub(crate) const LOADING: &str = "loading";

/// A PNG of one dot.
const DOT: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc\xf8\x0f\0\
    \x01\x01\x01\0\xb18\xf6\x14\0\0\0\0IEND\xaeB`\x82";

impl Recorded {
    fn path(name: &str) -> PathBuf {
        let directory = format!("tests/recorded/llama-server-{SERVER}");
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(directory).join(format!("{name}.json"))
    }

    fn read(name: &str) -> Self {
        let text = std::fs::read_to_string(Self::path(name)).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let lines = file["body"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
        Self {
            status: file["status"].as_u64().unwrap().try_into().unwrap(),
            kind: file["content_type"].as_str().unwrap().to_owned(),
            body: lines.collect::<Vec<_>>().join("\n"),
        }
    }

    /// Line by line, so that a change can be read.
    pub(crate) fn write(&self, name: &str) {
        let body: Vec<&str> = self.body.split('\n').collect();
        let file = json!({ "status": self.status, "content_type": self.kind, "body": body });
        std::fs::create_dir_all(Self::path(name).parent().unwrap()).unwrap();
        std::fs::write(Self::path(name), format!("{file:#}\n")).unwrap();
    }

    /// What this crate reads in it.
    fn understood(&self) -> Result<Reply, Failure> {
        let Self { status, kind, body } = self;
        if *status != 200 {
            return Err(classify(Signal::Status { status: *status, retry_after: None, body }));
        }
        if !kind.contains("text/event-stream") {
            return Reply::of_body(body.as_bytes()).map_err(|(failure, _)| failure);
        }
        let (mut frames, mut assembly) = (Frames::default(), Assembly::default());
        let read = frames.push(body.as_bytes());
        for frame in read.into_iter().chain(frames.end()) {
            assembly.push(&frame).map_err(|(failure, _)| failure)?;
        }
        assembly.finish().map_err(|(failure, _)| failure)
    }

    /// Asserts that it means what it should.
    pub(crate) fn means(&self, shape: &Shape) {
        match (shape.means, self.understood()) {
            (Means::No(kind, _), Err(failure)) => {
                assert_eq!(failure.kind(), kind, "{}: {failure}", shape.name)
            }
            (_, Ok(reply)) => is_meant(shape, &reply),
            (_, Err(failure)) => panic!("{}: {failure}", shape.name),
        }
        if let Err(Failure::TooLong { limit, .. }) = self.understood() {
            assert_eq!(limit, Some(2_048), "it says how many tokens it takes");
        }
    }
}

/// Asserts that an answer is what it should be. What a model of this size says is not looked at.
fn is_meant(shape: &Shape, reply: &Reply) {
    let name = shape.name;
    let usage = reply.usage;
    assert!(usage.prompt_tokens > Some(0) && usage.completion_tokens > Some(0), "{name}: {usage:?}");
    assert_eq!(reply.model.as_deref(), Some("smollm2"), "{name}");
    match shape.means {
        Means::Text(finish) => assert_eq!((reply.finish, reply.text.is_empty()), (finish, false), "{name}"),
        Means::Json => {
            let value = answer::json_in(&reply.text).unwrap();
            assert_eq!(
                answer::mismatch(&shape.request.schema().unwrap().schema, &value),
                None,
                "{name}: {value}"
            );
        }
        Means::No(..) => panic!("{name}: {reply:?}"),
    }
}

/// Asserts that a provider makes of the answer what it should.
pub(crate) async fn is_told(provider: &Provider, shape: &Shape) {
    let told: Result<Reply, CallError> = provider.chat(&shape.request, BOOK).await;
    match (shape.means, told) {
        (Means::No(_, held), Err(error)) => assert_eq!(kind(&error).0, held, "{}: {error}", shape.name),
        (_, Ok(reply)) => is_meant(shape, &reply),
        (_, Err(error)) => panic!("{}: {error}", shape.name),
    }
}

#[tokio::test]
async fn what_a_real_server_has_said_means_what_it_meant() {
    for shape in shapes() {
        let recorded = Recorded::read(shape.name);
        recorded.means(&shape);
        let answer = Answer::recorded(recorded.status, &recorded.kind, &recorded.body);
        let server = ModelServer::start(move |_| answer.clone()).unwrap();
        let mut config = config(&server);
        config.stream = shape.is_stream;
        is_told(&Arc::new(Provider::new(config).unwrap()), &shape).await;
    }
}
