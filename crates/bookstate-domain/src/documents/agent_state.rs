//! What an agent has said and done so far, so that a resumed agent goes on where it was.

use bookstate_domain_macros::document;

use crate::{
    BookId, Timestamp,
    value::{Text, word_enum},
};

word_enum! {
    /// The agents of the pipeline.
    AgentType {
        /// Looks for the table of contents.
        TocFinder = "toc_finder",
        /// Looks for the page of one entry.
        TocEntryFinder = "toc_entry_finder",
        /// Looks for one entry that the printed table lacks.
        ChapterFinder = "chapter_finder",
        /// Looks into one gap.
        GapInvestigator = "gap_investigator",
    }
}

/// An agent's state. The agent's type and subject identify it within the book.
#[document(agent_states)]
pub struct AgentState {
    /// The book.
    #[key]
    #[index]
    pub book_id: BookId,
    /// The agent.
    #[key]
    pub agent_type: AgentType,
    /// What it works on: an entry's or a gap's key, or `book`.
    #[key]
    pub subject: Text,
    /// The agent's own id.
    pub agent_id: Option<Text>,
    /// Rounds so far.
    pub iteration: i32,
    /// It has its result.
    pub complete: bool,
    /// The conversation, as JSON text.
    pub messages_json: Option<Text>,
    /// Tool calls not yet answered, as JSON text.
    pub pending_tool_calls: Option<Text>,
    /// Answers of tools, as JSON text.
    pub tool_results: Option<Text>,
    /// The result, as JSON text.
    pub result_json: Option<Text>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}
