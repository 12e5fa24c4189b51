//! Engines that ask a model: one for each part of the pipeline, and for pages as images.
//!
//! What a model answers is looked at before it is believed: its form, loops, pages that there are not, titles that
//! nobody printed, edits that change more than they may. What is refused is a failure of the unit; stages behind the
//! pages then go by the local rules, unless the job says otherwise, and a chapter keeps its text. What was believed is
//! kept, so that a stage that is reset and runs again costs nothing.

mod agents;
mod classify;
mod edits;
mod entries;
mod kept;
mod metadata;
mod ocr;
mod patterns;
mod polish;
mod prompts;
mod quotations;
mod toc_extract;

use std::sync::Arc;

use bookstate_llm::{CallError, ChatRequest, Estimate, Failure, Finish, Provider, Reply, Usd};
use serde_json::Value;

use crate::{
    engine::{BookContext, EngineError, Usage},
    options::JobOptions,
    part::Part,
};
use kept::KeptAnswer;

pub use agents::{AGENT_TURNS, Agent};
pub use classify::ModelClassifier;
pub use kept::Answers;
pub use metadata::ModelMetadata;
pub use ocr::ModelOcr;
pub use patterns::ModelPatternFinder;
pub use polish::{ModelPolisher, PIECE_BYTES};
pub use prompts::{Prompts, PromptsError};
pub use toc_extract::ModelTocExtractor;

/// A model of a provider.
#[derive(Debug, Clone)]
pub struct Model {
    provider: Arc<Provider>,
    name: String,
    answers: Answers,
}

impl Model {
    /// The model of this name, as the provider calls it.
    #[must_use]
    pub fn new(provider: Arc<Provider>, name: &str) -> Self {
        Self { provider, name: name.to_owned(), answers: Answers::default() }
    }

    /// What is done with answers that were paid for.
    #[must_use]
    pub fn with_answers(self, answers: Answers) -> Self {
        Self { answers, ..self }
    }

    /// What a request may take at most.
    fn estimate(&self, request: &ChatRequest) -> Estimate {
        self.provider.estimate(request)
    }

    /// Whether it can be asked now, before anything is prepared for it.
    fn ready(&self) -> Result<(), EngineError> {
        self.provider.ready().map_err(failure)
    }

    /// What earlier runs spent on the book counts in its budget.
    fn open_account(&self, book: &BookContext) -> Result<(), EngineError> {
        let opened = book.memo.get_or_make("spent before", || {
            let metrics = book.state.metrics().values();
            let spent = metrics.filter_map(|metric| Usd::from_dollars(metric.cost_usd?)).sum();
            self.provider.ledger().with(|ledger| ledger.at_least(book.state.book_id().as_str(), spent));
        });
        opened.map(|_| ())
    }

    /// Asks, unless that was answered before, and counts what it took. `believe` says what an answer means, or why it
    /// cannot be one.
    async fn ask<T>(
        &self,
        book: &BookContext,
        request: &ChatRequest,
        believe: impl Fn(&str, Finish) -> Result<T, EngineError> + Send + Sync,
    ) -> Result<T, EngineError> {
        let kept = KeptAnswer::new(self.answers, &book.file, self.provider.name(), request);
        if let Some(text) = kept.read().await?
            && let Ok(value) = believe(&text, Finish::Done)
        {
            return Ok(value);
        }
        self.open_account(book)?;
        let answered = self.provider.chat(request, book.state.book_id().as_str()).await;
        let reply = self.counted(book, answered, |reply| reply)?;
        let value = believe(&reply.text, reply.finish)?;
        kept.keep(reply.text).await?;
        Ok(value)
    }

    /// The same for JSON.
    async fn ask_json<T>(
        &self,
        book: &BookContext,
        request: &ChatRequest,
        believe: impl Fn(&Value) -> Result<T, EngineError> + Send + Sync,
    ) -> Result<T, EngineError> {
        let kept = KeptAnswer::new(self.answers, &book.file, self.provider.name(), request);
        if let Some(text) = kept.read().await?
            && let Ok(json) = serde_json::from_str(&text)
            && let Ok(value) = believe(&json)
        {
            return Ok(value);
        }
        self.open_account(book)?;
        let answered = self.provider.chat_json(request, book.state.book_id().as_str()).await;
        let (json, _) = self.counted(book, answered, |(_, reply)| reply)?;
        let value = believe(&json)?;
        kept.keep(json.to_string()).await?;
        Ok(value)
    }

    fn counted<T>(
        &self,
        book: &BookContext,
        answered: Result<T, CallError>,
        reply: impl FnOnce(&T) -> &Reply,
    ) -> Result<T, EngineError> {
        let taken = answered.as_ref().map_or_else(CallError::usage, |value| reply(value).usage);
        if taken != bookstate_llm::Usage::default() {
            let tokens = |count: Option<u32>| count.map(|count| i32::try_from(count).unwrap_or(i32::MAX));
            book.meter.add(Usage {
                model: Some(self.name.as_str().into()),
                cost_usd: taken.cost.map(Usd::dollars),
                prompt_tokens: tokens(taken.prompt_tokens),
                completion_tokens: tokens(taken.completion_tokens),
            });
        }
        answered.map_err(failure)
    }
}

/// What a failed call is for the pool.
fn failure(error: CallError) -> EngineError {
    match error {
        CallError::Held { provider, reason, pause, .. } => EngineError::Held { provider, reason, pause },
        CallError::Failed { failure: Failure::Transient { .. }, .. } => EngineError::transient(error),
        CallError::Failed { .. } => EngineError::permanent(error),
    }
}

/// Whether the local rules may do what the model of a part cannot.
fn has_fallback(book: &BookContext, part: Part) -> Result<bool, EngineError> {
    Ok(!JobOptions::of(book)?.without_fallback.contains(&part))
}

/// That the local rules do what the model of a part could not.
///
/// # Errors
/// They may not: the failure passes, or the job wants this part done by its model or not at all.
fn by_the_rules(book: &BookContext, part: Part, error: EngineError) -> Result<(), EngineError> {
    if !error.is_permanent() || !has_fallback(book, part)? {
        return Err(error);
    }
    tracing::info!(book = %book.state.book_id(), %part, %error, "the local rules do what a model could not");
    Ok(())
}
