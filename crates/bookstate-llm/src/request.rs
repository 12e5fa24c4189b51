//! What is asked: messages with texts and images, and the form of the answer.

use std::{hash::Hasher, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// Characters of text in a token, at least: a request is estimated too large rather than too small.
const BYTES_PER_TOKEN: usize = 3;
/// What roles and separators of a message cost.
const TOKENS_PER_MESSAGE: usize = 8;

/// An image, as its file's bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// `image/jpeg` or `image/png`.
    pub media_type: &'static str,
    /// The file.
    pub bytes: Arc<[u8]>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Image({}, {} bytes)", self.media_type, self.bytes.len())
    }
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Image(Image),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    const fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Message {
    role: Role,
    parts: Vec<Part>,
}

/// The form that an answer must have: JSON Schema, of which [`crate::answer::mismatch`] says what is understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// The schema.
    pub schema: Value,
}

/// How a server is told to answer in JSON. Servers differ; which way works is found out, or configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JsonWay {
    /// `response_format` with the schema: the server makes the model follow it.
    Schema,
    /// `response_format` with `json_object`; the schema stands in the prompt.
    Object,
    /// Only in the prompt.
    Prompt,
}

impl JsonWay {
    /// The next one to try where this one is refused.
    #[must_use]
    pub const fn lower(self) -> Option<Self> {
        match self {
            Self::Schema => Some(Self::Object),
            Self::Object => Some(Self::Prompt),
            Self::Prompt => None,
        }
    }
}

/// A request for a chat completion.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatRequest {
    model: String,
    messages: Vec<Message>,
    max_tokens: u32,
    schema: Option<Schema>,
}

impl ChatRequest {
    /// A request without messages for at most `max_tokens` tokens of an answer. The temperature is 0.
    #[must_use]
    pub fn new(model: &str, max_tokens: u32) -> Self {
        Self { model: model.to_owned(), messages: Vec::new(), max_tokens, schema: None }
    }

    /// What the model is to do.
    #[must_use]
    pub fn system(self, text: impl Into<String>) -> Self {
        self.with(Role::System, vec![Part::Text(text.into())])
    }

    /// What it is to do it with.
    #[must_use]
    pub fn user(self, text: impl Into<String>) -> Self {
        self.with(Role::User, vec![Part::Text(text.into())])
    }

    /// The same with an image.
    #[must_use]
    pub fn user_image(self, text: impl Into<String>, image: Image) -> Self {
        self.with(Role::User, vec![Part::Text(text.into()), Part::Image(image)])
    }

    /// What it answered before.
    #[must_use]
    pub fn assistant(self, text: impl Into<String>) -> Self {
        self.with(Role::Assistant, vec![Part::Text(text.into())])
    }

    /// The answer must be JSON of this form.
    #[must_use]
    pub fn answer_as(mut self, schema: Schema) -> Self {
        self.schema = Some(schema);
        self
    }

    fn with(mut self, role: Role, parts: Vec<Part>) -> Self {
        self.messages.push(Message { role, parts });
        self
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The most tokens that the answer may have.
    #[must_use]
    pub const fn max_tokens(&self) -> u32 {
        self.max_tokens
    }

    /// The form that the answer must have.
    #[must_use]
    pub const fn schema(&self) -> Option<&Schema> {
        self.schema.as_ref()
    }

    /// How many tokens are sent, estimated rather too high.
    #[must_use]
    pub fn prompt_tokens(&self, image_tokens: u32) -> u32 {
        let text = |bytes: usize| bytes.div_ceil(BYTES_PER_TOKEN);
        let part = |part: &Part| match part {
            Part::Text(words) => text(words.len()),
            Part::Image(_) => image_tokens as usize,
        };
        let message = |message: &Message| TOKENS_PER_MESSAGE + message.parts.iter().map(part).sum::<usize>();
        let schema = self.schema.as_ref().map_or(0, |schema| text(schema.schema.to_string().len()));
        let sum = self.messages.iter().map(message).sum::<usize>() + schema;
        u32::try_from(sum).unwrap_or(u32::MAX)
    }

    /// A number that is different for different requests.
    #[must_use]
    pub(crate) fn number(&self) -> u64 {
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write(self.model.as_bytes());
        for part in self.messages.iter().flat_map(|message| &message.parts) {
            match part {
                Part::Text(text) => hasher.write(text.as_bytes()),
                Part::Image(image) => hasher.write(&image.bytes),
            }
        }
        hasher.finish()
    }

    /// The request's body.
    #[must_use]
    pub fn body(&self, way: JsonWay, stream: bool) -> Vec<u8> {
        let mut messages: Vec<Value> = self.messages.iter().map(message_json).collect();
        if let Some(schema) = self.schema.as_ref().filter(|_| way != JsonWay::Schema) {
            let told = format!("Answer with JSON of this schema, and with nothing else: {}", schema.schema);
            // Before what is to be worked on, which may be long.
            messages.insert(0, json!({ "role": Role::System.as_str(), "content": told }));
        }
        let mut body = json!({
            "model": self.model,
            "messages": messages,
            "max_tokens": self.max_tokens,
            "temperature": 0,
        });
        if let Some(schema) = &self.schema {
            match way {
                JsonWay::Schema => {
                    let Schema { name, schema } = schema;
                    let format = json!({ "name": name, "strict": true, "schema": schema });
                    body["response_format"] = json!({ "type": "json_schema", "json_schema": format });
                }
                JsonWay::Object => body["response_format"] = json!({ "type": "json_object" }),
                JsonWay::Prompt => {}
            }
        }
        if stream {
            body["stream"] = Value::Bool(true);
            body["stream_options"] = json!({ "include_usage": true });
        }
        body.to_string().into_bytes()
    }
}

fn message_json(message: &Message) -> Value {
    let role = message.role.as_str();
    // A plain text is what every server takes, a list of parts only those that read images.
    if let [Part::Text(text)] = message.parts.as_slice() {
        return json!({ "role": role, "content": text });
    }
    let part = |part: &Part| match part {
        Part::Text(text) => json!({ "type": "text", "text": text }),
        Part::Image(Image { media_type, bytes }) => {
            let url = format!("data:{media_type};base64,{}", STANDARD.encode(bytes));
            json!({ "type": "image_url", "image_url": { "url": url } })
        }
    };
    json!({ "role": role, "content": message.parts.iter().map(part).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(request: &ChatRequest, way: JsonWay, stream: bool) -> Value {
        serde_json::from_slice(&request.body(way, stream)).unwrap()
    }

    #[test]
    fn a_text_is_sent_plainly_and_an_image_as_base64() {
        let image = Image { media_type: "image/png", bytes: vec![1, 2, 3].into() };
        let request = ChatRequest::new("m", 10).system("do").user_image("this", image);
        let sent = body(&request, JsonWay::Schema, false);
        assert_eq!(sent["messages"][0], json!({ "role": "system", "content": "do" }));
        assert_eq!(
            sent["messages"][1]["content"][1]["image_url"]["url"],
            json!("data:image/png;base64,AQID")
        );
        assert_eq!((&sent["stream"], &sent["response_format"]), (&Value::Null, &Value::Null));
        assert_eq!(body(&request, JsonWay::Schema, true)["stream"], json!(true));
        assert!(!format!("{request:?}").contains("[1, 2, 3]"), "an image is not for a log");
        assert_eq!(request.prompt_tokens(1_000), 8 + 1 + 8 + 2 + 1_000);
    }

    #[test]
    fn a_server_without_schemas_is_told_in_the_prompt() {
        let schema = Schema { name: "s".into(), schema: json!({ "type": "object", "required": ["pages"] }) };
        let request = ChatRequest::new("m", 10).user("this").answer_as(schema);
        let sent = body(&request, JsonWay::Schema, false);
        assert_eq!(sent["response_format"]["json_schema"]["schema"]["required"], json!(["pages"]));
        assert_eq!(sent["messages"].as_array().unwrap().len(), 1);
        for (way, format) in [(JsonWay::Object, json!("json_object")), (JsonWay::Prompt, Value::Null)] {
            let sent = body(&request, way, false);
            assert_eq!(sent["response_format"]["type"], format);
            assert!(sent["messages"][0]["content"].as_str().unwrap().contains("\"pages\""));
        }
    }
}
