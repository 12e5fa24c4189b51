//! What a failure means: one pure function from what came back to what the caller should do.
//!
//! Servers that call themselves OpenAI-compatible agree on what works, not on what fails. An error is an object, a
//! string, an object without `error` around it, or a page of HTML; its code is a number, a numeral or a word; it comes
//! with a status, inside a 200, or in the middle of a stream. So the error's own code, the status and the words are all
//! looked at, and the shapes that were seen are the tests.

use std::time::Duration;

use serde_json::Value;

/// The longest part of a server's text that is passed on: some echo the whole prompt.
const MOST_CHARS: usize = 300;
/// The longest pause that is believed.
const LONGEST_PAUSE: f64 = 24.0 * 3_600.0;

/// What came back instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Signal<'a> {
    /// A status that is no success.
    Status {
        /// The status.
        status: u16,
        /// The header `Retry-After`.
        retry_after: Option<&'a str>,
        /// The body.
        body: &'a str,
    },
    /// The member `error` of an answer with status 200, or of a frame of a stream.
    Inside(&'a Value),
    /// No connection came about: nothing was sent.
    Unreachable(&'a str),
    /// The connection broke, before or in the middle of the answer.
    Broken(&'a str),
    /// No answer in time.
    Late(Duration),
}

/// Why there is no answer, by what should be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// This request failed and may work when it is sent again.
    #[error("{reason}")]
    Transient {
        /// What happened.
        reason: String,
    },
    /// Too much was asked for.
    #[error("{reason}")]
    RateLimited {
        /// What the server said.
        reason: String,
        /// How long to wait, where it says so.
        pause: Option<Duration>,
    },
    /// The server is not there: no request would work now.
    #[error("{reason}")]
    Unavailable {
        /// What happened.
        reason: String,
        /// When to try again, where it says so.
        pause: Option<Duration>,
    },
    /// The key is not accepted.
    #[error("{reason}")]
    RefusedKey {
        /// What the server said.
        reason: String,
    },
    /// There is no credit left.
    #[error("{reason}")]
    NoCredit {
        /// What the server said.
        reason: String,
    },
    /// The address or the model is wrong, or the model cannot do what is asked of it: no request would work.
    #[error("{reason}")]
    Unusable {
        /// What the server said.
        reason: String,
    },
    /// The request is longer than the model can take: split it.
    #[error("{reason}")]
    TooLong {
        /// What the server said.
        reason: String,
        /// How many tokens it can take, where it says so.
        limit: Option<u32>,
    },
    /// The server does not know this way of asking for JSON: ask in another way.
    #[error("{reason}")]
    NoSuchFormat {
        /// What the server said.
        reason: String,
    },
    /// It will never work with this request.
    #[error("{reason}")]
    Permanent {
        /// What the server said.
        reason: String,
    },
}

impl Failure {
    /// The text, to be cleaned.
    pub(crate) const fn reason_mut(&mut self) -> &mut String {
        match self {
            Self::Transient { reason }
            | Self::RateLimited { reason, .. }
            | Self::Unavailable { reason, .. }
            | Self::RefusedKey { reason }
            | Self::NoCredit { reason }
            | Self::Unusable { reason }
            | Self::TooLong { reason, .. }
            | Self::NoSuchFormat { reason }
            | Self::Permanent { reason } => reason,
        }
    }

    /// How long the server asks to be left alone, where it says so.
    #[must_use]
    pub const fn pause(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { pause, .. } | Self::Unavailable { pause, .. } => *pause,
            _ => None,
        }
    }

    /// A word for metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Transient { .. } => "transient",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable { .. } => "unavailable",
            Self::RefusedKey { .. } => "refused_key",
            Self::NoCredit { .. } => "no_credit",
            Self::Unusable { .. } => "unusable",
            Self::TooLong { .. } => "too_long",
            Self::NoSuchFormat { .. } => "no_such_format",
            Self::Permanent { .. } => "permanent",
        }
    }
}

/// What a server says of an error, wherever it stands.
#[derive(Debug, Default)]
struct Said {
    message: String,
    /// Everything that may hold a hint, in lower case.
    words: String,
    code: Option<u16>,
    context: Option<u32>,
    pause: Option<Duration>,
}

/// What came back means this.
#[must_use]
pub fn classify(signal: Signal<'_>) -> Failure {
    match signal {
        Signal::Unreachable(what) => Failure::Unavailable {
            reason: format!("the server cannot be reached: {}", short(what)),
            pause: None,
        },
        Signal::Broken(what) => {
            Failure::Transient { reason: format!("the connection broke: {}", short(what)) }
        }
        Signal::Late(limit) => {
            Failure::Transient { reason: format!("no answer within {} s", limit.as_secs_f64()) }
        }
        Signal::Inside(error) => judge(None, &Said::of(error)),
        Signal::Status { status, retry_after, body } => {
            let json = serde_json::from_str::<Value>(body).ok();
            let mut said = match &json {
                Some(json) => Said::of(json.get("error").filter(|error| !error.is_null()).unwrap_or(json)),
                None => Said { message: short(body), words: body.to_lowercase(), ..Said::default() },
            };
            // The header is the server's last word; the body may come from one further behind.
            said.pause = retry_after.and_then(pause_of).or(said.pause);
            judge(Some(status), &said)
        }
    }
}

impl Said {
    fn of(error: &Value) -> Self {
        let mut said = Self::default();
        let mut texts: Vec<&str> = Vec::new();
        match error {
            Value::String(text) => texts.push(text),
            Value::Object(members) => {
                for name in ["message", "detail", "error", "type", "code", "status"] {
                    texts.extend(members.get(name).and_then(Value::as_str));
                }
                said.code = members.get("code").or_else(|| members.get("status")).and_then(code_of);
                said.context = members.get("n_ctx").and_then(Value::as_u64).and_then(|n| n.try_into().ok());
                let metadata = members.get("metadata");
                texts.extend(metadata.and_then(|data| data.get("raw")).and_then(Value::as_str));
                let pause =
                    metadata.and_then(|data| data.get("retry_after_seconds").or(data.get("retry_after")));
                said.pause = pause.and_then(|pause| pause_of(&plain(pause)));
            }
            _ => {}
        }
        said.message = short(texts.first().copied().unwrap_or(&error.to_string()));
        said.words = texts.join("\n").to_lowercase();
        said
    }

    fn has(&self, words: &[&str]) -> bool {
        words.iter().any(|words| self.words.contains(words))
    }
}

fn judge(status: Option<u16>, said: &Said) -> Failure {
    // A code that is none of HTTP's says nothing; the status of an answer that arrived well says nothing either.
    let code = status.or(said.code);
    let reason = match (code, said.message.trim()) {
        (Some(code), "") => format!("the server answers {code}"),
        (Some(code), message) => format!("the server answers {code}: {message}"),
        (None, message) => format!("the server answers: {message}"),
    };
    let is_request = matches!(code, None | Some(400 | 413 | 422 | 500));
    if is_request && said.has(&TOO_LONG) {
        return Failure::TooLong { reason, limit: said.context.or_else(|| limit_in(&said.words)) };
    }
    if said.has(&NO_IMAGES) {
        return Failure::Unusable { reason };
    }
    if said.has(&NO_CREDIT) && code.is_none_or(|code| matches!(code, 400..=499)) {
        return Failure::NoCredit { reason };
    }
    match code {
        Some(401) => Failure::RefusedKey { reason },
        Some(402) => Failure::NoCredit { reason },
        // A text that a provider's rules do not allow is refused with the same status as a key.
        Some(403) if said.has(&["moderation", "flagged", "content policy", "safety"]) => {
            Failure::Permanent { reason }
        }
        Some(403) => Failure::RefusedKey { reason },
        Some(413) => Failure::TooLong { reason, limit: None },
        Some(429) => Failure::RateLimited { reason, pause: said.pause },
        Some(404 | 405 | 300..=399) => Failure::Unusable { reason },
        Some(408 | 409 | 425) => Failure::Transient { reason },
        Some(400 | 422) if said.has(&["invalid api key", "invalid_api_key", "api key not valid"]) => {
            Failure::RefusedKey { reason }
        }
        Some(400) if said.has(&["model not found", "no such model", "is not a valid model"]) => {
            Failure::Unusable { reason }
        }
        Some(400 | 422 | 500 | 501) if said.has(&NO_FORMAT) => Failure::NoSuchFormat { reason },
        Some(400..=499) => Failure::Permanent { reason },
        Some(500) if said.has(&["loading model", "model is loading"]) => {
            Failure::Unavailable { reason, pause: said.pause }
        }
        Some(500) => Failure::Transient { reason },
        Some(502..=599) => Failure::Unavailable { reason, pause: said.pause },
        // Words are all there is.
        _ if said.has(&["rate limit", "rate_limit", "too many requests"]) => {
            Failure::RateLimited { reason, pause: said.pause }
        }
        _ if said.has(&NO_FORMAT) => Failure::NoSuchFormat { reason },
        _ if said.has(&["no models loaded", "model not found", "no model"]) => Failure::Unusable { reason },
        _ => Failure::Transient { reason },
    }
}

const TOO_LONG: [&str; 10] = [
    "context length",
    "context_length",
    "maximum context",
    "context window",
    "context size",
    "exceed_context",
    "too many tokens",
    "prompt is too long",
    "input is too long",
    "greater than the context",
];

const NO_IMAGES: [&str; 6] = [
    "image input is not supported",
    "support image input",
    "does not support image",
    "missing data required for image",
    "is not a multimodal model",
    "does not support vision",
];

const NO_CREDIT: [&str; 5] = [
    "insufficient credit",
    "insufficient_quota",
    "exceeded your current quota",
    "key limit exceeded",
    "no credit",
];

const NO_FORMAT: [&str; 3] = ["response_format", "json_schema", "json_object"];

/// A code of HTTP, as a number or as a numeral.
fn code_of(value: &Value) -> Option<u16> {
    let code = plain(value).parse().ok()?;
    (300..600).contains(&code).then_some(code)
}

/// A string without its quotation marks, or anything else as it is written.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A pause in seconds. A date is not read: the clocks of two machines differ.
fn pause_of(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().trim_end_matches('s').parse().ok()?;
    (seconds >= 0.0).then(|| Duration::from_secs_f64(seconds.min(LONGEST_PAUSE)))
}

/// The number behind the words that name a limit: `maximum context length is 8192 tokens`.
fn limit_in(words: &str) -> Option<u32> {
    let named = ["context length is ", "context size (", "maximum of ", "context window of ", "n_ctx: "];
    let after = named.iter().find_map(|name| words.split_once(name))?.1;
    let digits: String = after.chars().take_while(|c| c.is_ascii_digit() || *c == ',').collect();
    digits.replace(',', "").parse().ok()
}

/// A server's text on one line, shortened.
fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = line.chars().take(MOST_CHARS).collect();
    if short.len() < line.len() { short + "…" } else { short }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of_status(status: u16, body: &Value) -> Failure {
        classify(Signal::Status { status, retry_after: None, body: &body.to_string() })
    }

    #[test]
    fn shapes_of_servers_mean_what_they_meant_when_they_were_seen() {
        let error = |code: Value, message: &str| json!({ "error": { "code": code, "message": message } });
        let openrouter_upstream = json!({ "error": { "code": 502, "message": "Provider returned error",
            "metadata": { "provider_name": "X", "raw": "upstream connect error" } } });
        let llama_context = json!({ "error": { "code": 400, "type": "exceed_context_size_error", "n_ctx": 4096,
            "n_prompt_tokens": 9000, "message": "the request exceeds the available context size, try increasing it" } });
        let openai_context =
            "This model's maximum context length is 8,192 tokens. However, you requested 9000";
        let cases = [
            // OpenRouter.
            (401, error(json!(401), "No auth credentials found"), "refused_key"),
            (402, error(json!(402), "Insufficient credits. Add more"), "no_credit"),
            (403, error(json!(403), "Key limit exceeded (total limit)"), "no_credit"),
            (403, error(json!(403), "Your input was flagged by moderation"), "permanent"),
            (404, error(json!(404), "No endpoints found that support image input"), "unusable"),
            (404, error(json!(404), "No endpoints found for some/model."), "unusable"),
            (408, error(json!(408), "Request timed out"), "transient"),
            (429, error(json!(429), "Rate limit exceeded: free-models-per-min"), "rate_limited"),
            (502, openrouter_upstream, "unavailable"),
            (503, error(json!(503), "There is no available model provider"), "unavailable"),
            // OpenAI.
            (400, error(json!("context_length_exceeded"), openai_context), "too_long"),
            (429, error(json!("insufficient_quota"), "You exceeded your current quota"), "no_credit"),
            (401, error(json!("invalid_api_key"), "Incorrect API key provided"), "refused_key"),
            (500, error(Value::Null, "The server had an error"), "transient"),
            // llama.cpp.
            (400, llama_context, "too_long"),
            (500, error(json!(500), "image input is not supported - hint: provide the mmproj"), "unusable"),
            (503, error(json!(503), "Loading model"), "unavailable"),
            (401, error(json!(401), "Invalid API Key"), "refused_key"),
            // Ollama.
            (404, error(Value::Null, "model 'x' not found"), "unusable"),
            (400, json!({ "error": "invalid image input" }), "permanent"),
            (500, json!({ "error": "this model is missing data required for image input" }), "unusable"),
            // LM Studio: a plain string.
            (
                400,
                json!({ "error": "'response_format.type' must be 'json_schema' or 'text'" }),
                "no_such_format",
            ),
            (404, json!({ "error": "No models loaded. Please load a model" }), "unusable"),
            (
                400,
                json!({ "error": "Trying to keep the first 9000 tokens when context the overflows. However, \
                the model is loaded with context length of only 4096 tokens" }),
                "too_long",
            ),
            // vLLM, with and without `error` around it.
            (400, json!({ "object": "error", "code": 400, "message": openai_context }), "too_long"),
            (
                404,
                json!({ "object": "error", "code": 404, "message": "The model `x` does not exist." }),
                "unusable",
            ),
            (400, json!({ "error": { "code": 400, "message": "x is not a multimodal model" } }), "unusable"),
            (422, json!({ "detail": [{ "loc": ["body"], "msg": "field required" }] }), "permanent"),
            // Whoever else.
            (413, json!("Payload Too Large"), "too_long"),
            (
                529,
                json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } }),
                "unavailable",
            ),
            (301, json!({}), "unusable"),
            (418, json!({}), "permanent"),
        ];
        for (status, body, kind) in cases {
            let failure = of_status(status, &body);
            assert_eq!(failure.kind(), kind, "{status} {body}: {failure:?}");
            assert!(!failure.to_string().contains('\n'));
        }
        let of_html =
            classify(Signal::Status { status: 504, retry_after: None, body: "<html>\n<h1>Gateway" });
        assert_eq!(of_html.to_string(), "the server answers 504: <html> <h1>Gateway");
        assert_eq!(of_html.kind(), "unavailable");
    }

    #[test]
    fn an_error_inside_a_200_is_judged_by_its_own_code_and_words() {
        let cases = [
            (json!({ "code": 429, "message": "Provider returned error" }), "rate_limited"),
            (json!({ "code": "502", "message": "Provider returned error" }), "unavailable"),
            (json!({ "code": 1_000_000, "message": "odd" }), "transient"),
            (json!({ "code": "server_error", "message": "odd" }), "transient"),
            (json!({ "type": "rate_limit_error", "message": "slow down" }), "rate_limited"),
            (json!("the context length was exceeded"), "too_long"),
            (json!({ "message": "Insufficient credits" }), "no_credit"),
            (json!({ "code": 401, "message": "User not found." }), "refused_key"),
            (json!(17), "transient"),
        ];
        for (error, kind) in cases {
            assert_eq!(classify(Signal::Inside(&error)).kind(), kind, "{error}");
        }
    }

    #[test]
    fn pauses_and_limits_are_read_where_they_stand() {
        let limited = |retry_after, body: &Value| {
            let body = body.to_string();
            match classify(Signal::Status { status: 429, retry_after, body: &body }) {
                Failure::RateLimited { pause, .. } => pause.map(|pause| pause.as_secs_f64()),
                other => panic!("{other:?}"),
            }
        };
        let in_body =
            json!({ "error": { "code": 429, "message": "x", "metadata": { "retry_after_seconds": 7.5 } } });
        assert_eq!(limited(Some("20"), &in_body), Some(20.0));
        assert_eq!(limited(Some("Wed, 21 Oct 2026 07:28:00 GMT"), &in_body), Some(7.5));
        assert_eq!(limited(Some("-3"), &json!({})), None);
        assert_eq!(limited(Some("1e300"), &json!({})), Some(86_400.0));
        let limit = |body: &Value| match of_status(400, body) {
            Failure::TooLong { limit, .. } => limit,
            other => panic!("{other:?}"),
        };
        let words = "maximum context length is 8,192 tokens";
        assert_eq!(limit(&json!({ "error": { "message": words } })), Some(8_192));
        assert_eq!(limit(&json!({ "error": { "message": "context size", "n_ctx": 4096 } })), Some(4_096));
        assert_eq!(classify(Signal::Unreachable("refused")).kind(), "unavailable");
        assert_eq!(classify(Signal::Broken("reset")).kind(), "transient");
        assert_eq!(classify(Signal::Late(Duration::from_secs(9))).kind(), "transient");
    }

    proptest! {
        /// No text makes it panic, and what is passed on is short.
        #[test]
        fn any_text_is_some_failure(status in 300u16..600, body in "\\PC{0,600}", after in "\\PC{0,9}") {
            let failure = classify(Signal::Status { status, retry_after: Some(&after), body: &body });
            prop_assert!(failure.to_string().chars().count() < 400);
        }
    }
}
