//! Agents: what each works on and how far it is, without its conversation.

use bookstate_domain::{AgentState, AgentType, BookState, Text, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::word;

/// An agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AgentRow {
    /// The agent.
    #[schema(schema_with = word::<AgentType>)]
    pub agent_type: AgentType,
    /// What it works on.
    #[schema(value_type = String)]
    pub subject: Text,
    /// The agent's own id.
    #[schema(value_type = Option<String>)]
    pub agent_id: Option<Text>,
    /// Rounds so far.
    pub iteration: i32,
    /// It has its result.
    pub complete: bool,
    /// The result, as JSON text.
    #[schema(value_type = Option<String>)]
    pub result_json: Option<Text>,
    /// When it began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub updated_at: Option<Timestamp>,
}

impl AgentRow {
    fn of(agent: &AgentState) -> Self {
        Self {
            agent_type: agent.agent_type,
            subject: agent.subject.clone(),
            agent_id: agent.agent_id.clone(),
            iteration: agent.iteration,
            complete: agent.complete,
            result_json: agent.result_json.clone(),
            created_at: agent.created_at,
            updated_at: agent.updated_at,
        }
    }
}

/// The agents of a book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Agents {
    /// The book's id.
    pub book_id: String,
    /// The agents, by type and subject.
    pub agents: Vec<AgentRow>,
}

impl Agents {
    /// The agents of a book.
    #[must_use]
    pub fn of(state: &BookState) -> Self {
        Self {
            book_id: state.book_id().to_string(),
            agents: state.agent_states().values().map(|agent| AgentRow::of(agent)).collect(),
        }
    }
}
