//! Calls of the local store from a target's task, on tokio's blocking threads.

use std::sync::Arc;

use bookstate_store::{SqliteStore, StoreError, TargetError};

/// The local store, as the sink's bookkeeping: progress, parked documents, books that are not live.
#[derive(Debug, Clone)]
pub(crate) struct Local(pub(crate) Arc<SqliteStore>);

impl Local {
    /// Runs a blocking call of the store.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&SqliteStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, TargetError> {
        let store = self.0.clone();
        match tokio::task::spawn_blocking(move || call(&store)).await {
            Ok(result) => result.map_err(TargetError::from),
            Err(error) => Err(TargetError::Ambiguous { reason: error.to_string() }),
        }
    }
}
