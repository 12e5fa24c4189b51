//! Persist methods on agent states.
//!
//! An agent's record is put after each of its turns, before anything is made of what it said: so a turn whose answer was
//! paid for is not made again. When the agent has its result the state is that of an ended agent, or goes.

use std::sync::Arc;

use super::{Misuse, Ops, distinct, put};
use crate::{
    AgentState, AgentStateKey, AgentStatePatch, AgentType, At, BookState, Op, Text, WriteOp,
    document::Document,
};

/// What an agent has said and done so far.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the fields are those of AgentState")]
pub struct AgentRecord {
    pub agent_type: AgentType,
    pub subject: Text,
    pub iteration: i32,
    pub complete: bool,
    pub messages_json: Option<Text>,
    pub pending_tool_calls: Option<Text>,
    pub tool_results: Option<Text>,
    pub result_json: Option<Text>,
}

impl AgentRecord {
    /// An agent that was done in one round.
    #[must_use]
    pub fn finished(agent_type: AgentType, subject: Text, result_json: Text) -> Self {
        Self {
            agent_type,
            subject,
            iteration: 1,
            complete: true,
            messages_json: None,
            pending_tool_calls: None,
            tool_results: None,
            result_json: Some(result_json),
        }
    }
}

/// How a result begins that says why there is none.
const FAILED: &str = "{\"failed\":";

impl AgentRecord {
    /// An agent that will never have a result, and why.
    pub(super) fn failed(agent_type: AgentType, subject: Text, reason: &str) -> Self {
        let result = format!("{FAILED}{}}}", serde_json::json!(reason));
        Self::finished(agent_type, subject, result.into())
    }
}

impl AgentState {
    /// Why it will never have a result, if it will not.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let result =
            self.result_json.as_deref().filter(|result| self.complete && result.starts_with(FAILED))?;
        let result: serde_json::Value = serde_json::from_str(result).ok()?;
        Some(result["failed"].as_str().unwrap_or("no reason given").to_owned())
    }
}

/// What is said of an agent that has its result.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentTrace {
    /// The turns that it took.
    pub turns: i32,
    /// The version of its prompt.
    pub prompt: Text,
    /// All that was said, as JSON text, where that is kept.
    pub messages_json: Option<Text>,
}

impl BookState {
    /// What an agent has said and done so far, if it has begun.
    #[must_use]
    pub fn agent(&self, agent_type: AgentType, subject: &Text) -> Option<&Arc<AgentState>> {
        self.agent_states().get(&self.agent_key(agent_type, subject))
    }

    pub(super) fn agent_key(&self, agent_type: AgentType, subject: &Text) -> AgentStateKey {
        AgentStateKey { book_id: self.book_id().clone(), agent_type, subject: subject.clone() }
    }

    /// Whether an agent has its result.
    #[must_use]
    pub fn is_agent_complete(&self, agent_type: AgentType, subject: &Text) -> bool {
        self.agent(agent_type, subject).is_some_and(|agent| agent.complete)
    }

    pub(super) fn agent_op(&self, at: &At, record: AgentRecord) -> WriteOp {
        let key = self.agent_key(record.agent_type, &record.subject);
        // The whole key, the book included: two books' agents never share an id.
        let agent_id = key.to_string();
        let mut agent = key.document(at);
        agent.agent_id = Some(agent_id.into());
        agent.iteration = record.iteration;
        agent.complete = record.complete;
        agent.messages_json = record.messages_json;
        agent.pending_tool_calls = record.pending_tool_calls;
        agent.tool_results = record.tool_results;
        agent.result_json = record.result_json;
        agent.updated_at = Some(at.now);
        put(self, agent)
    }

    /// The states of one agent or many.
    ///
    /// # Errors
    /// There is no book, or an agent occurs twice.
    pub fn persist_new_agent_state(&self, at: &At, records: Vec<AgentRecord>) -> Result<Ops, Misuse> {
        self.require_book()?;
        distinct::<AgentState>(records.iter().map(|r| self.agent_key(r.agent_type, &r.subject)))?;
        Ok(records.into_iter().map(|record| self.agent_op(at, record)).collect())
    }

    /// What an agent took that has its result: its turns, the version of its prompt, all that was said.
    ///
    /// # Errors
    /// There is no such agent, or it has no result.
    pub fn persist_agent_ended(
        &self,
        at: &At,
        agent_type: AgentType,
        subject: &Text,
        trace: AgentTrace,
    ) -> Result<Ops, Misuse> {
        let key = self.agent_key(agent_type, subject);
        let none = || Misuse::NoSuchDocument(AgentState::any_key(key.clone()));
        let agent = self.agent(agent_type, subject).filter(|agent| agent.complete).ok_or_else(none)?;
        let result = agent.result_json.as_deref().unwrap_or("{}");
        let patch = AgentStatePatch {
            iteration: Some(trace.turns),
            messages_json: Some(trace.messages_json),
            result_json: Some(Some(with_prompt(result, &trace.prompt))),
            updated_at: Some(Some(at.now)),
            ..AgentStatePatch::default()
        };
        Ok(vec![Op::<AgentState>::Update { key, patch: Box::new(patch) }.into()])
    }

    /// Removes an agent's state: it will begin anew.
    ///
    /// # Errors
    /// There is no such agent.
    pub fn persist_agent_removed(
        &self,
        _: &At,
        agent_type: AgentType,
        subject: &Text,
    ) -> Result<Ops, Misuse> {
        let key = self.agent_key(agent_type, subject);
        if !self.agent_states().contains_key(&key) {
            return Err(Misuse::NoSuchDocument(AgentState::any_key(key)));
        }
        Ok(vec![Op::<AgentState>::Delete { key }.into()])
    }
}

/// A result, which is a JSON object, with one more member behind the others.
fn with_prompt(result: &str, prompt: &str) -> Text {
    let members = result.trim();
    let members = members.strip_suffix('}').unwrap_or(members);
    let comma = if members.trim_end().ends_with('{') { "" } else { "," };
    format!("{members}{comma}\"prompt\":{}}}", serde_json::json!(prompt)).into()
}
