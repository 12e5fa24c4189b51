//! Agents: a model that looks things up in the book before it answers, in turns.
//!
//! Each turn is a unit: one request, whose answer is stored before the tool that it asks for runs. The tools see memory
//! only (`pages`), and what is done with an answer is a pure function (`talk`); here is the I/O around them. An agent
//! whose answers are refused, or that has used up its turns, leaves its unit to the local rules.
//!
//! Tools are asked for in JSON of a schema and not by the protocol's own tool calls: so every server that can answer in
//! JSON can be asked, and a wrong call is repaired and asked for once more like any other answer.

mod chapter_finder;
mod entry_finder;
mod gap_investigator;
mod pages;
mod talk;
#[cfg(test)]
mod tests;
mod toc_finder;

use std::sync::Arc;

use bookstate_domain::persist::AgentTrace;
use bookstate_llm::{ChatRequest, Estimate, Image};
use bookstate_scans::images::ImageProgram;

use super::{
    Model, by_the_rules, has_fallback,
    ocr::page_image,
    prompts::{Prompts, version},
};
use crate::engine::{BookContext, EngineError, EngineResult, Turn, blocking};
use pages::{Pages, Texts};
use talk::{Asked, Decision, Paused, Subject};

/// The most units that one subject of an agent may take.
pub const AGENT_TURNS: u64 = talk::MOST_TURNS as u64;

/// The turns behind which a subject is left alone whatever its agent says: one whose prompt is another one now begins
/// anew, which must not go on for ever.
const MOST_TURNS_IN_ALL: i32 = 24;

/// A model as an agent, for the parts `toc_finder`, `toc_link`, `discover` and `gaps`. Where it has no answer, the local
/// rules do its unit.
#[derive(Debug, Clone)]
pub struct Agent {
    model: Model,
    sight: Sight,
    keeps_talk: bool,
}

/// What a model can be shown.
#[derive(Debug, Clone)]
enum Sight {
    /// Texts.
    Texts,
    /// Images, too, made by a program where one is given.
    Images(Option<ImageProgram>),
}

/// A turn that is prepared: the tool has run.
struct Prepared {
    asked: Asked,
    image: Option<Image>,
    pages: Pages,
}

impl Agent {
    /// Agents of this model, which look at texts.
    #[must_use]
    pub const fn new(model: Model) -> Self {
        Self { model, sight: Sight::Texts, keeps_talk: false }
    }

    /// The model takes images: of pages, made by a program where one is given. A model that does not take them stops its
    /// provider when it is sent one.
    #[must_use]
    pub fn seeing(self, images: Option<ImageProgram>) -> Self {
        Self { sight: Sight::Images(images), ..self }
    }

    /// Whether all that was said is kept when an agent has ended.
    #[must_use]
    pub fn keeping_talk(self, keeps_talk: bool) -> Self {
        Self { keeps_talk, ..self }
    }

    /// What a turn may take at most, as a part of what all turns of a subject may take: only the last one may go beyond
    /// the limit, and it is hardly longer than the one before it.
    #[must_use]
    pub fn estimate(&self) -> Estimate {
        let each = usize::try_from(2 * talk::MOST_TOKENS).unwrap_or_default() / talk::MOST_TURNS;
        let text = "x".repeat(each * talk::BYTES_PER_TOKEN);
        self.model.estimate(&ChatRequest::new(&self.model.name, talk::ANSWER_TOKENS).user(text))
    }

    const fn sees(&self) -> bool {
        matches!(self.sight, Sight::Images(_))
    }

    /// The model, as results name it.
    fn name(&self) -> String {
        format!("{}:{}", self.model.provider.name(), self.model.name)
    }

    /// One turn; where the agent cannot do it, `local` does. `make` says what is found, or that nothing is, as the unit's
    /// result.
    ///
    /// # Errors
    /// What the provider says, as long as it may answer later.
    async fn turn_or<S: Subject, T>(
        &self,
        book: &BookContext,
        subject: S,
        make: impl FnOnce(Option<S::Found>, &AgentTrace) -> T + Send,
        local: impl Future<Output = EngineResult<Turn<T>>> + Send,
    ) -> EngineResult<Turn<T>> {
        let told = talk::told_first(&Prompts::told(book, Some(S::PART))?, self.sees());
        let (key, prompt) = (subject.key(), version(&told));
        let stored = book.state.agent(S::AGENT, &key).cloned();
        let turns = stored.as_ref().map_or(0, |agent| agent.iteration).saturating_add(1);
        let paused = stored.and_then(|agent| Paused::of(&agent, &prompt));
        let turned = match turns > MOST_TURNS_IN_ALL {
            true => Ok(Decision::Spent),
            false => self.turn(book, Arc::new(subject), paused, &told).await,
        };
        let failed = match turned {
            Ok(Decision::Done(found, talk)) => {
                let messages_json = self.keeps_talk.then_some(talk);
                let trace = AgentTrace { turns, prompt: prompt.into(), messages_json };
                // A model gives up easily: the rules look before anything is nowhere, where they may.
                if found.is_none() && has_fallback(book, S::PART)? {
                    return local.await.map(|answer| answer.map(|turn| ended(turn, trace)));
                }
                return Ok(Turn::Ended(make(found, &trace), trace).into());
            }
            Ok(Decision::Continue(paused)) => {
                return Ok(Turn::Continue(paused.record(S::AGENT, key, turns)).into());
            }
            Ok(Decision::Spent) => {
                EngineError::permanent(format!("{key}: no result in turn {turns}, which is the last"))
            }
            Err(error) => error,
        };
        by_the_rules(book, S::PART, failed)?;
        local.await
    }

    /// One request, and what is done with its answer.
    async fn turn<S: Subject>(
        &self,
        book: &BookContext,
        subject: Arc<S>,
        paused: Option<Paused>,
        told: &str,
    ) -> Result<Decision<Option<S::Found>>, EngineError> {
        self.model.ready()?;
        let Prepared { asked, image, pages } =
            self.prepare(book, subject.clone(), paused, version(told)).await?;
        let request = |is_last| {
            let begin = talk::begin::<S>(&self.model.name, told, self.sees());
            asked.request(begin, &*subject, &pages, image.as_ref(), is_last)
        };
        let sent = self.model.estimate(&request(false)).prompt_tokens;
        let request = request(asked.is_last(sent));
        let said = self.model.ask_json(book, &request, |said| Ok(said.clone())).await?;
        Ok(asked.decide(&*subject, &pages, said, sent))
    }

    /// Runs the tool that the last answer asks for, if there is one.
    async fn prepare<S: Subject>(
        &self,
        book: &BookContext,
        subject: Arc<S>,
        paused: Option<Paused>,
        prompt: String,
    ) -> Result<Prepared, EngineError> {
        let (book, sight) = (book.clone(), self.sight.clone());
        blocking(move || {
            let texts = book.memo.get_or_make("pages for agents", || Texts::of(&book.state))?;
            let pages = Pages::of(&book.state, texts);
            let asked = match paused {
                Some(paused) => paused.go_on(&*subject, &pages),
                None => Asked::begin(prompt),
            };
            let page = asked.image.and_then(|page| u32::try_from(page).ok());
            let (Some(page), Sight::Images(program)) = (page, sight) else {
                return Ok(Prepared { asked: asked.without_image(), image: None, pages });
            };
            match page_image(&book, page, program) {
                Ok(image) => Ok(Prepared { asked, image: Some(image), pages }),
                Err(error) if error.is_permanent() => {
                    Ok(Prepared { asked: asked.without_image(), image: None, pages })
                }
                Err(error) => Err(error),
            }
        })
        .await
    }
}

/// A result behind which an agent ends.
fn ended<T>(turn: Turn<T>, trace: AgentTrace) -> Turn<T> {
    match turn {
        Turn::Done(found) => Turn::Ended(found, trace),
        other => other,
    }
}
