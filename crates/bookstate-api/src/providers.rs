//! Where the server hears how the providers of models are: this crate knows none of them.

use std::fmt;

use crate::view::ProviderRow;

/// Who knows the providers of models.
pub trait Providers: Send + Sync + fmt::Debug {
    /// How they are now. Called for each request that asks; must not block.
    fn rows(&self) -> Vec<ProviderRow>;
}
