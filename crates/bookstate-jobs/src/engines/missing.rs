//! An engine that is not there: a program without it, or without what it needs.

use async_trait::async_trait;

use super::not_there;
use crate::engine::{BookContext, EngineResult, OcrEngine, OcrReading};

/// Stands in for a provider that reads what others do not read well. A job that names it is not begun; one that was begun
/// with it waits, and says what to do.
#[derive(Debug, Clone)]
pub struct MissingOcr {
    name: String,
    remedy: String,
}

impl MissingOcr {
    /// The provider of this name; `remedy`: why it is not there, and what to do.
    #[must_use]
    pub fn new(name: &str, remedy: &str) -> Self {
        Self { name: name.to_owned(), remedy: remedy.to_owned() }
    }
}

#[async_trait]
impl OcrEngine for MissingOcr {
    async fn read(&self, _: BookContext, _: u32) -> EngineResult<OcrReading> {
        Err(not_there(&self.name, &self.remedy))
    }

    fn missing(&self) -> Option<String> {
        Some(self.remedy.clone())
    }

    fn is_fallback(&self) -> bool {
        true
    }
}
