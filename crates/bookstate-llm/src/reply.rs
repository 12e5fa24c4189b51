//! What a server answers, read leniently: whole, or piece by piece from a stream.

use serde_json::Value;

use crate::{
    classify::{Failure, Signal, classify},
    money::Usd,
};

/// The longest answer that is kept, in bytes.
pub(crate) const MOST_BYTES: usize = 4 << 20;

/// What a request took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens sent, where the server says so.
    pub prompt_tokens: Option<u32>,
    /// Tokens received, where the server says so.
    pub completion_tokens: Option<u32>,
    /// What it cost: as the server says, or by the configured price.
    pub cost: Option<Usd>,
}

impl Usage {
    /// Of two requests together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        fn sum<T>(one: Option<T>, other: Option<T>, add: impl FnOnce(T, T) -> T) -> Option<T> {
            match (one, other) {
                (Some(one), Some(other)) => Some(add(one, other)),
                (one, other) => one.or(other),
            }
        }
        Self {
            prompt_tokens: sum(self.prompt_tokens, other.prompt_tokens, u32::saturating_add),
            completion_tokens: sum(self.completion_tokens, other.completion_tokens, u32::saturating_add),
            cost: sum(self.cost, other.cost, std::ops::Add::add),
        }
    }

    fn of(usage: &Value) -> Self {
        let count = |name: &str| usage.get(name).and_then(number).and_then(whole);
        Self {
            prompt_tokens: count("prompt_tokens"),
            completion_tokens: count("completion_tokens"),
            cost: usage.get("cost").and_then(number).and_then(Usd::from_dollars),
        }
    }
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Finish {
    /// The model was done.
    #[default]
    Done,
    /// It had no tokens left: the answer is cut off.
    Cut,
    /// The server holds the rest back.
    Filtered,
}

impl Finish {
    /// A word, or a number that only its server understands.
    fn of(reason: Option<&Value>) -> Self {
        match reason.and_then(Value::as_str) {
            Some("length" | "max_tokens" | "limit") => Self::Cut,
            Some("content_filter") => Self::Filtered,
            _ => Self::Done,
        }
    }
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// The text.
    pub text: String,
    /// The model that answered, where the server says so.
    pub model: Option<String>,
    /// Why it ended.
    pub finish: Finish,
    /// What it took.
    pub usage: Usage,
}

/// A failure, and what it took nevertheless.
pub type Failed = (Failure, Usage);

impl Reply {
    /// The answer in a body.
    ///
    /// # Errors
    /// It is none, or holds an error.
    pub fn of_body(body: &[u8]) -> Result<Self, Failed> {
        let unreadable =
            || Failure::Transient { reason: "the answer is no JSON of a chat completion".to_owned() };
        let Ok(body) = serde_json::from_slice::<Value>(body) else {
            return Err((unreadable(), Usage::default()));
        };
        let usage = body.get("usage").map(Usage::of).unwrap_or_default();
        if let Some(error) = error_in(&body) {
            return Err((classify(Signal::Inside(error)), usage));
        }
        let choice = body.get("choices").and_then(|choices| choices.get(0));
        let Some(message) = choice.and_then(|choice| choice.get("message")) else {
            return Err((unreadable(), usage));
        };
        let mut reply = Self { usage, model: text_of(body.get("model")), ..Self::default() };
        reply.text = text_of(message.get("content")).unwrap_or_default();
        reply.finish = Finish::of(choice.and_then(finish_reason));
        refusal(message).map_or(Ok(reply), |refusal| Err((refusal, usage)))
    }
}

/// Puts the frames of a stream together.
#[derive(Debug, Default)]
pub struct Assembly {
    reply: Reply,
    is_over: bool,
}

impl Assembly {
    /// Takes the data of a frame. `true`: the answer is whole, nothing more is to come.
    ///
    /// # Errors
    /// It is an error, or unreadable.
    pub fn push(&mut self, data: &str) -> Result<bool, Failed> {
        if data.trim() == "[DONE]" {
            self.is_over = true;
            return Ok(true);
        }
        let Ok(frame) = serde_json::from_str::<Value>(data) else {
            let reason = "a frame of the answer is no JSON".to_owned();
            return Err((Failure::Transient { reason }, self.reply.usage));
        };
        if let Some(usage) = frame.get("usage").filter(|usage| usage.is_object()) {
            self.reply.usage = Usage::of(usage);
        }
        if let Some(error) = error_in(&frame) {
            return Err((classify(Signal::Inside(error)), self.reply.usage));
        }
        if self.reply.model.is_none() {
            self.reply.model = text_of(frame.get("model"));
        }
        if let Some(choice) = frame.get("choices").and_then(|choices| choices.get(0)) {
            if let Some(delta) = choice.get("delta").or_else(|| choice.get("message")) {
                if let Some(refusal) = refusal(delta) {
                    return Err((refusal, self.reply.usage));
                }
                self.reply.text.push_str(&text_of(delta.get("content")).unwrap_or_default());
            }
            if let Some(reason) = finish_reason(choice) {
                self.reply.finish = Finish::of(Some(reason));
                // What comes behind it is the usage, or nothing.
                self.is_over = true;
            }
        }
        if self.reply.text.len() > MOST_BYTES {
            let reason = format!("the answer is longer than {MOST_BYTES} bytes");
            return Err((Failure::Permanent { reason }, self.reply.usage));
        }
        Ok(false)
    }

    /// The text so far.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.reply.text
    }

    /// What it took so far, as far as the server has said.
    #[must_use]
    pub const fn usage(&self) -> Usage {
        self.reply.usage
    }

    /// The answer, when the stream has ended.
    ///
    /// # Errors
    /// It ended too early.
    pub fn finish(self) -> Result<Reply, Failed> {
        if self.is_over {
            return Ok(self.reply);
        }
        Err((classify(Signal::Broken("the stream ended before the answer")), self.reply.usage))
    }
}

/// An error inside an answer with status 200: beside the choices, or in the first of them.
fn error_in(body: &Value) -> Option<&Value> {
    let choice = body.get("choices").and_then(|choices| choices.get(0));
    let errors = [body.get("error"), choice.and_then(|choice| choice.get("error"))];
    errors.into_iter().flatten().find(|error| !error.is_null())
}

fn finish_reason(choice: &Value) -> Option<&Value> {
    let reasons = [choice.get("finish_reason"), choice.get("stop_reason")];
    reasons.into_iter().flatten().find(|reason| !reason.is_null())
}

fn refusal(message: &Value) -> Option<Failure> {
    let refusal = text_of(message.get("refusal")).filter(|text| !text.trim().is_empty())?;
    let short: String = refusal.chars().take(200).collect();
    Some(Failure::Permanent { reason: format!("the model refuses: {short}") })
}

/// A text, or the texts of a list of parts.
fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let text = |part: &Value| text_of(part.get("text").or_else(|| part.as_str().map(|_| part)));
            Some(parts.iter().filter_map(text).collect())
        }
        _ => None,
    }
}

/// A number, or a numeral.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn whole(number: f64) -> Option<u32> {
    (0.0..=f64::from(u32::MAX)).contains(&number).then_some(number as u32)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(body: &Value) -> Result<Reply, Failed> {
        Reply::of_body(body.to_string().as_bytes())
    }

    #[test]
    fn answers_are_read_whatever_their_server_leaves_out_or_writes_otherwise() {
        let choice = |content: Value, reason: Value| json!({ "choices": [{ "message": { "content": content }, "finish_reason": reason }] });
        assert_eq!(of(&choice(json!("a"), json!("stop"))).unwrap().text, "a");
        let parts = json!([{ "type": "text", "text": "a" }, { "type": "x" }, "b"]);
        assert_eq!(of(&choice(parts, json!(2))).unwrap().text, "ab");
        assert_eq!(of(&choice(Value::Null, json!("length"))).unwrap().finish, Finish::Cut);
        let body = json!({ "model": "m", "choices": [{ "message": { "content": "x" }, "stop_reason": 128_001 }],
            "usage": { "prompt_tokens": "12", "completion_tokens": 3.0, "cost": 0.000_25, "total": null } });
        let reply = of(&body).unwrap();
        assert_eq!((reply.model.as_deref(), reply.finish), (Some("m"), Finish::Done));
        let usage =
            Usage { prompt_tokens: Some(12), completion_tokens: Some(3), cost: Usd::from_dollars(0.000_25) };
        assert_eq!(reply.usage, usage);
        assert_eq!(usage.and(usage).prompt_tokens, Some(24));
        assert_eq!(usage.and(Usage::default()), usage);
    }

    #[test]
    fn an_error_inside_an_answer_keeps_what_was_spent() {
        let upstream = json!({ "error": { "code": 502, "message": "Provider returned error" },
            "usage": { "prompt_tokens": 9 } });
        let (failure, usage) = of(&upstream).unwrap_err();
        assert_eq!((failure.kind(), usage.prompt_tokens), ("unavailable", Some(9)));
        let in_choice = json!({ "choices": [{ "error": { "code": 429, "message": "x" }, "message": null }] });
        assert_eq!(of(&in_choice).unwrap_err().0.kind(), "rate_limited");
        let refused = json!({ "choices": [{ "message": { "content": null, "refusal": "I cannot." } }] });
        assert_eq!(of(&refused).unwrap_err().0.kind(), "permanent");
        for body in [json!({}), json!([]), json!({ "choices": [] }), json!({ "error": null })] {
            assert_eq!(of(&body).unwrap_err().0.kind(), "transient", "{body}");
        }
        assert_eq!(Reply::of_body(b"<html>").unwrap_err().0.kind(), "transient");
    }

    #[test]
    fn frames_are_put_together_and_a_stream_that_ends_early_is_no_answer() {
        let delta = |text: &str| json!({ "choices": [{ "delta": { "content": text } }] }).to_string();
        let mut whole = Assembly::default();
        for text in ["a", "", "b"] {
            assert!(!whole.push(&delta(text)).unwrap());
        }
        let end = json!({ "choices": [{ "delta": {}, "finish_reason": "length" }] });
        assert!(!whole.push(&end.to_string()).unwrap());
        let usage = json!({ "choices": [], "usage": { "completion_tokens": 2 } });
        assert!(!whole.push(&usage.to_string()).unwrap());
        assert!(whole.push(" [DONE]").unwrap());
        let reply = whole.finish().unwrap();
        assert_eq!((reply.text.as_str(), reply.finish), ("ab", Finish::Cut));
        assert_eq!(reply.usage.completion_tokens, Some(2));

        let mut cut = Assembly::default();
        cut.push(&delta("a")).unwrap();
        assert_eq!(cut.finish().unwrap_err().0.kind(), "transient");
        let mut failed = Assembly::default();
        let error =
            json!({ "error": { "code": 503, "message": "x" }, "choices": [{ "finish_reason": "error" }] });
        assert_eq!(failed.push(&error.to_string()).unwrap_err().0.kind(), "unavailable");
        assert_eq!(failed.push("{").unwrap_err().0.kind(), "transient");
    }
}
