//! What the server sends back.

use std::time::Duration;

use serde_json::{Value, json};

/// An answer: a status, headers, and a body in pieces.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) pieces: Vec<Vec<u8>>,
    /// Before the head.
    pub(super) after: Duration,
    /// Before each further piece.
    pub(super) between: Duration,
    /// The connection breaks behind the last piece.
    pub(super) is_cut: bool,
    /// What the server writes down for it, in billionths of a dollar.
    pub(super) cost: u64,
    /// The tokens that it writes down.
    pub(super) tokens: u64,
}

impl Answer {
    fn new(status: u16, kind: &str, pieces: Vec<Vec<u8>>) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        let (after, between) = (Duration::ZERO, Duration::ZERO);
        Self { status, headers, pieces, after, between, is_cut: false, cost: 0, tokens: 0 }
    }

    /// Any JSON.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", vec![body.to_string().into_bytes()])
    }

    /// Any text.
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self::new(status, "text/html", vec![body.as_bytes().to_vec()])
    }

    /// What another server has answered: its status, the kind of its body, the body as it was.
    #[must_use]
    pub fn recorded(status: u16, kind: &str, body: &str) -> Self {
        Self::new(status, kind, vec![body.as_bytes().to_vec()])
    }

    /// A good answer that took 100 tokens and 20 more, and says that it cost so many dollars.
    #[must_use]
    pub fn said(text: &str, dollars: f64) -> Self {
        Self::said_for(text, dollars, TOKENS)
    }

    /// The same that took so many tokens in all, at least 20.
    #[must_use]
    pub fn said_for(text: &str, dollars: f64, tokens: u64) -> Self {
        let mut answer = Self::json(
            200,
            &json!({
                "model": "replayed", "usage": usage(dollars, tokens),
                "choices": [{ "message": { "role": "assistant", "content": text }, "finish_reason": "stop" }],
            }),
        );
        answer.write_down(dollars, tokens);
        answer
    }

    /// The same as a stream of its words, with a comment in front.
    #[must_use]
    pub fn streamed(text: &str, dollars: f64) -> Self {
        let word = |word: &str| json!({ "choices": [{ "delta": { "content": word } }] }).to_string();
        let mut frames: Vec<String> = text.split_inclusive(' ').map(word).collect();
        frames.push(json!({ "choices": [{ "delta": {}, "finish_reason": "stop" }] }).to_string());
        frames.push(json!({ "choices": [], "usage": usage(dollars, TOKENS) }).to_string());
        frames.push("[DONE]".to_owned());
        let mut answer = Self::frames(&frames);
        answer.write_down(dollars, TOKENS);
        answer
    }

    /// A stream of any frames, with a comment in front.
    #[must_use]
    pub fn frames(frames: &[String]) -> Self {
        let mut pieces = vec![b": PROCESSING\n\n".to_vec()];
        pieces.extend(frames.iter().map(|frame| format!("data: {frame}\n\n").into_bytes()));
        Self::new(200, "text/event-stream", pieces)
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Not before this time has passed.
    #[must_use]
    pub const fn after(mut self, latency: Duration) -> Self {
        self.after = latency;
        self
    }

    /// With so much time between its pieces.
    #[must_use]
    pub const fn slowly(mut self, between: Duration) -> Self {
        self.between = between;
        self
    }

    /// The connection breaks after so many pieces.
    #[must_use]
    pub fn cut_after(mut self, pieces: usize) -> Self {
        self.pieces.truncate(pieces);
        self.is_cut = true;
        self
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small amounts of a test")]
    fn write_down(&mut self, dollars: f64, tokens: u64) {
        (self.cost, self.tokens) = ((dollars * 1e9).round() as u64, tokens);
    }
}

/// The tokens of an answer, and how many of them are the answer itself.
const TOKENS: u64 = 120;
const ANSWER_TOKENS: u64 = 20;

fn usage(dollars: f64, tokens: u64) -> Value {
    let prompt = tokens.saturating_sub(ANSWER_TOKENS);
    json!({ "prompt_tokens": prompt, "completion_tokens": ANSWER_TOKENS, "total_tokens": tokens, "cost": dollars })
}
