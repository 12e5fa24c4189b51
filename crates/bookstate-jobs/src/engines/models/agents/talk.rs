//! An agent's conversation, and what is done with an answer. Pure: what was said, and the pages, give what comes next.
//!
//! A conversation is either waiting for a tool ([`Paused`], which is what is stored) or ready to be asked ([`Asked`]).
//! So the order cannot be confused: an answer is stored, then its tool runs, then the model is asked again.

use bookstate_domain::{AgentState, AgentType, Text, persist::AgentRecord};
use bookstate_llm::{ChatRequest, Image, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::pages::Pages;
use crate::part::Part;

const TOOLS: &str = include_str!("../../../../prompts/agents/tools.md");
const IMAGE_TOOL: &str = include_str!("../../../../prompts/agents/image_tool.md");
const LAST_TURN: &str = "This is your last turn: use `write_result`.";

/// The most turns of an agent.
pub(super) const MOST_TURNS: usize = 8;
/// The most tokens of all its turns together, sent and received, estimated rather too high.
pub(super) const MOST_TOKENS: u32 = 60_000;
/// The most tokens of an answer.
pub(super) const ANSWER_TOKENS: u32 = 600;
/// Bytes in a token, at least.
pub(super) const BYTES_PER_TOKEN: usize = 3;

/// What an agent works on.
pub(super) trait Subject: Send + Sync + 'static {
    /// What it finds.
    type Found: Send + 'static;
    /// Whose state its conversation is.
    const AGENT: AgentType;
    /// What it does: whose prompt it is told.
    const PART: Part;
    /// The members of a result beside `page` and `sure`, each with its schema.
    fn members() -> Value;
    /// What the agent's state is known by.
    fn key(&self) -> Text;
    /// What it is told first.
    fn question(&self, pages: &Pages) -> String;
    /// What a result is worth; `None`: there is nothing to be found.
    fn judge(&self, pages: &Pages, said: &Value) -> Verdict<Option<Self::Found>>;
}

/// What a result is worth.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict<T> {
    /// It ends the work.
    Believed(T),
    /// It is the best so far; said twice it is believed.
    Doubted(T, String),
    /// It cannot be.
    Refused(String),
}

impl<T> Verdict<T> {
    /// Of a result that can be: believed if the agent `said` that it is sure.
    pub(super) fn of(found: T, said: &Value, unless: String) -> Self {
        match said["sure"] == true {
            true => Self::Believed(found),
            false => Self::Doubted(found, unless),
        }
    }
}

/// The page that a result names.
///
/// # Errors
/// It names none, as of something that is nowhere: what that is worth.
pub(super) fn page_of<T>(said: &Value) -> Result<i64, Verdict<Option<T>>> {
    let page = &said["page"];
    page.as_i64().ok_or_else(|| match page.is_null() {
        true => Verdict::of(None, said, "You are not sure that it is nowhere.".to_owned()),
        false => Verdict::Refused(format!("{page} is no page.")),
    })
}

/// An answer, and what the agent was told of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Exchange {
    said: Value,
    told: String,
}

/// What was said so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Talk {
    /// The version of the prompt.
    prompt: String,
    tokens: u32,
    /// The last result that was doubted.
    best: Option<Value>,
    exchanges: Vec<Exchange>,
}

/// A conversation whose last answer waits for its tool.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Paused {
    talk: Talk,
    said: Value,
}

/// A conversation in which the model is to be asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    talk: Talk,
    /// The page whose image is to be shown.
    pub(super) image: Option<i32>,
}

/// What is done with an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decision<T> {
    /// The agent has its result; all that was said, as JSON text.
    Done(T, Text),
    /// It goes on.
    Continue(Paused),
    /// Its turns or tokens are used up, and it has nothing.
    Spent,
}

/// What an agent is told in general; one whose model `sees` may look at images.
pub(super) fn told_first(prompt: &str, sees: bool) -> String {
    format!("{prompt}\n{TOOLS}{}", if sees { IMAGE_TOOL } else { "" })
}

impl Paused {
    /// The conversation that is stored, if it is of this version of the prompt: another one begins anew.
    pub(super) fn of(agent: &AgentState, prompt: &str) -> Option<Self> {
        let talk: Talk = serde_json::from_str(agent.messages_json.as_deref()?).ok()?;
        let said = serde_json::from_str(agent.pending_tool_calls.as_deref()?).ok()?;
        (talk.prompt == prompt).then_some(Self { talk, said })
    }

    /// As it is stored behind so many turns.
    pub(super) fn record(&self, agent_type: AgentType, subject: Text, turns: i32) -> AgentRecord {
        AgentRecord {
            agent_type,
            subject,
            iteration: turns,
            complete: false,
            messages_json: Some(json!(self.talk).to_string().into()),
            pending_tool_calls: Some(self.said.to_string().into()),
            tool_results: None,
            result_json: None,
        }
    }

    /// Runs the tool.
    pub(super) fn go_on<S: Subject>(self, subject: &S, pages: &Pages) -> Asked {
        let Self { mut talk, said } = self;
        let number = said["page"].as_i64();
        let mut image = None;
        let told = match said["tool"].as_str() {
            Some("grep_pages") => pages.grep(said["query"].as_str().unwrap_or_default()),
            Some("load_page") => number.map_or_else(|| "Which `page`?".to_owned(), |n| pages.load(n)),
            Some("load_page_image") => {
                image =
                    number.and_then(|n| i32::try_from(n).ok()).filter(|n| (1..=pages.count()).contains(n));
                match (image, number) {
                    (Some(page), _) => format!("The image of page {page}:"),
                    (None, Some(n)) => pages.no_page(n),
                    (None, None) => "Which `page`?".to_owned(),
                }
            }
            Some("write_result") => match subject.judge(pages, &said) {
                Verdict::Believed(_) => String::new(),
                Verdict::Doubted(_, why) => {
                    format!("{why} It is kept as the best so far. Look further, or write it again.")
                }
                Verdict::Refused(why) => format!("That cannot be: {why}"),
            },
            _ => "There is no such tool.".to_owned(),
        };
        talk.exchanges.push(Exchange { said, told });
        Asked { talk, image }
    }
}

impl Asked {
    /// A conversation that begins.
    pub(super) fn begin(prompt: String) -> Self {
        let talk = Talk { prompt, tokens: 0, best: None, exchanges: Vec::new() };
        Self { talk, image: None }
    }

    /// The same where the image cannot be made.
    pub(super) fn without_image(mut self) -> Self {
        if let (Some(page), Some(last)) = (self.image.take(), self.talk.exchanges.last_mut()) {
            last.told = format!("There is no image of page {page}.");
        }
        self
    }

    /// Whether no further turn is allowed behind a request of so many tokens.
    pub(super) fn is_last(&self, prompt_tokens: u32) -> bool {
        let tokens = self.talk.tokens.saturating_add(prompt_tokens).saturating_add(ANSWER_TOKENS);
        self.talk.exchanges.len().saturating_add(1) >= MOST_TURNS || tokens >= MOST_TOKENS
    }

    /// What is sent; `begin` is a request without messages.
    pub(super) fn request<S: Subject>(
        &self,
        begin: ChatRequest,
        subject: &S,
        pages: &Pages,
        image: Option<&Image>,
        is_last: bool,
    ) -> ChatRequest {
        let exchanges = &self.talk.exchanges;
        // Behind the last text, so that all before it is what was sent in the turn before.
        let notice = if is_last { format!("\n\n{LAST_TURN}") } else { String::new() };
        let first = if exchanges.is_empty() { notice.as_str() } else { "" };
        let begun = begin.user(format!("{}{first}", subject.question(pages)));
        (1..).zip(exchanges).fold(begun, |request, (place, Exchange { said, told })| {
            let request = request.assistant(said.to_string());
            match image {
                _ if place < exchanges.len() => request.user(told),
                Some(image) => request.user_image(format!("{told}{notice}"), image.clone()),
                None => request.user(format!("{told}{notice}")),
            }
        })
    }

    /// What is done with the answer to a request of so many tokens.
    pub(super) fn decide<S: Subject>(
        self,
        subject: &S,
        pages: &Pages,
        said: Value,
        prompt_tokens: u32,
    ) -> Decision<Option<S::Found>> {
        let is_last = self.is_last(prompt_tokens);
        let mut talk = self.talk;
        let answer_tokens =
            u32::try_from(said.to_string().len().div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX);
        talk.tokens = talk.tokens.saturating_add(prompt_tokens).saturating_add(answer_tokens);
        let done = |mut talk: Talk, said: Value, found| {
            talk.exchanges.push(Exchange { said, told: String::new() });
            Decision::Done(found, json!(talk).to_string().into())
        };
        if said["tool"] == "write_result" {
            match subject.judge(pages, &said) {
                Verdict::Believed(found) => return done(talk, said, found),
                Verdict::Doubted(found, _) => {
                    if is_last || talk.best.as_ref().is_some_and(|best| is_same(best, &said)) {
                        return done(talk, said, found);
                    }
                    talk.best = Some(said.clone());
                }
                Verdict::Refused(_) => {}
            }
        }
        if !is_last {
            return Decision::Continue(Paused { talk, said });
        }
        // Judged anew rather than stored: the pages decide, and they are the same.
        let best = talk.best.as_ref().map(|best| subject.judge(pages, best));
        match best {
            Some(Verdict::Believed(found) | Verdict::Doubted(found, _)) => done(talk, said, found),
            Some(Verdict::Refused(_)) | None => Decision::Spent,
        }
    }
}

/// Whether two results say the same, however sure.
fn is_same(one: &Value, other: &Value) -> bool {
    let without = |value: &Value| {
        let mut value = value.clone();
        if let Some(members) = value.as_object_mut() {
            members.retain(|name, _| name != "sure" && name != "query");
        }
        value
    };
    without(one) == without(other)
}

/// How every request of an agent begins: what it is `told` in general, and the form of its answers.
pub(super) fn begin<S: Subject>(model: &str, told: &str, sees: bool) -> ChatRequest {
    ChatRequest::new(model, ANSWER_TOKENS).system(told).answer_as(schema::<S>(sees))
}

/// The form of an answer: all members are there, those without a meaning null, as servers that make a model follow a
/// schema want it.
fn schema<S: Subject>(sees: bool) -> Schema {
    let tools: &[&str] = match sees {
        true => &["grep_pages", "load_page", "load_page_image", "write_result"],
        false => &["grep_pages", "load_page", "write_result"],
    };
    let mut members = json!({
        "tool": { "type": "string", "enum": tools },
        "query": { "type": ["string", "null"] },
        "page": { "type": ["integer", "null"] },
        "sure": { "type": ["boolean", "null"] },
    });
    if let (Some(members), Value::Object(own)) = (members.as_object_mut(), S::members()) {
        members.extend(own);
    }
    let required: Vec<&String> = members.as_object().into_iter().flat_map(serde_json::Map::keys).collect();
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": required, "properties": members,
    });
    Schema { name: S::AGENT.as_str().to_owned(), schema }
}
