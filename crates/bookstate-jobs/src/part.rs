//! The parts of the pipeline behind the pages that an engine of their own can do.
//!
//! A part is a stage, or what one kind of unit does in a stage. Whatever is none goes by the analysis engine.

use std::{fmt, str::FromStr};

use bookstate_domain::Stage;
use serde::Serialize;

/// See the module documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Title, authors and the like.
    Metadata,
    /// The pages of the table of contents.
    TocFinder,
    /// Its entries.
    TocExtract,
    /// The page of each entry.
    TocLink,
    /// Which entries the numbering implies that the printed table lacks.
    Patterns,
    /// Each entry that the printed table lacks.
    Discover,
    /// Each wide gap between entries.
    Gaps,
    /// The part of the book that each chapter belongs to.
    Classify,
    /// The editing of each chapter's text.
    Polish,
}

impl Part {
    /// All, in order.
    pub const ALL: [Self; 9] = [
        Self::Metadata,
        Self::TocFinder,
        Self::TocExtract,
        Self::TocLink,
        Self::Patterns,
        Self::Discover,
        Self::Gaps,
        Self::Classify,
        Self::Polish,
    ];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::TocFinder => "toc_finder",
            Self::TocExtract => "toc_extract",
            Self::TocLink => "toc_link",
            Self::Patterns => "patterns",
            Self::Discover => "discover",
            Self::Gaps => "gaps",
            Self::Classify => "classify",
            Self::Polish => "polish",
        }
    }

    /// The stage that it is, or is of.
    #[must_use]
    pub const fn stage(self) -> Stage {
        match self {
            Self::Metadata => Stage::Metadata,
            Self::TocFinder => Stage::TocFinder,
            Self::TocExtract => Stage::TocExtract,
            Self::TocLink => Stage::TocLink,
            Self::Patterns | Self::Discover | Self::Gaps => Stage::TocFinalize,
            Self::Classify | Self::Polish => Stage::Structure,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not a part's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no part of the pipeline")]
pub struct PartError(String);

impl FromStr for Part {
    type Err = PartError;
    fn from_str(text: &str) -> Result<Self, PartError> {
        let named = Self::ALL.into_iter().find(|part| part.as_str() == text);
        named.ok_or_else(|| PartError(text.chars().take(80).collect()))
    }
}
