//! What becomes of an agent's state: it is put after each turn, and gone, or that of an ended agent, in the commit of the
//! result.

use bookstate_domain::{
    AgentType, BookState,
    persist::{AgentRecord, AgentTrace},
};

use crate::{persist_call::PersistCall, unit::Work};

/// An agent, whoever wrote it, has no more turns: one that never has a result would never end.
const MOST_TURNS: i32 = 100;

/// The call that stores a turn without a result.
///
/// # Errors
/// The record is not of the next turn of this work's agent, or there were too many.
pub(super) fn next_turn(work: &Work, record: Box<AgentRecord>) -> Result<PersistCall, String> {
    let is_next = work.agent().is_some_and(|(agent_type, subject, turn)| {
        record.agent_type == agent_type
            && record.subject == subject
            && u32::try_from(record.iteration).is_ok_and(|turns| turns == turn.saturating_add(1))
            && !record.complete
    });
    if record.iteration > MOST_TURNS {
        return Err(format!("the agent of {work} has had {MOST_TURNS} turns and no result"));
    }
    if !is_next {
        return Err(format!("the agent's record is not of its turn behind {work}"));
    }
    Ok(PersistCall::NewAgentState(record))
}

/// The call that stores a result, together with what becomes of the agent, if there is or was one.
pub(super) fn ended(
    state: &BookState,
    work: &Work,
    call: PersistCall,
    trace: Option<AgentTrace>,
) -> PersistCall {
    let Some((agent_type, subject, _)) = work.agent() else { return call };
    // That these are done is known by the states of their agents, which the call puts.
    let stays = matches!(agent_type, AgentType::ChapterFinder | AgentType::GapInvestigator);
    match trace {
        None if stays => call,
        Some(trace) if stays => {
            PersistCall::Together(vec![call, PersistCall::AgentEnded(agent_type, subject, trace)])
        }
        Some(trace) if trace.messages_json.is_some() => {
            let record = AgentRecord::finished(agent_type, subject.clone(), "{}".into());
            let done = PersistCall::NewAgentState(Box::new(record));
            PersistCall::Together(vec![call, done, PersistCall::AgentEnded(agent_type, subject, trace)])
        }
        _ => given_up(state, work, call),
    }
}

/// A call behind which nothing more is asked of the work's agent: it goes, if there is one.
pub(super) fn given_up(state: &BookState, work: &Work, call: PersistCall) -> PersistCall {
    match work.agent() {
        Some((agent_type, subject, _)) if state.agent(agent_type, &subject).is_some() => {
            PersistCall::Together(vec![call, PersistCall::AgentRemoved(agent_type, subject)])
        }
        _ => call,
    }
}
