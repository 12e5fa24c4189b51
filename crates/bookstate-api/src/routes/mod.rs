//! The routes: each file has those of one kind, with their place in the OpenAPI document.

mod arriving;
mod books;
mod events;
mod fleet;
mod health;
mod incoming;
mod ingest;
mod jobs;
mod metrics;
mod scan;
pub(crate) mod session;
mod sink;
mod upload;

use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use crate::state::ApiState;

/// How many rows a list has when the request does not say.
const ROWS: usize = 100;
/// How many rows a list has at most.
const MOST_ROWS: usize = 1000;

/// Which part of a list.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// Rows to leave out at the beginning.
    #[serde(default)]
    #[param(minimum = 0, default = 0)]
    offset: u32,
    /// Rows to show at most.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
}

impl Part {
    fn offset(self) -> usize {
        usize::try_from(self.offset).unwrap_or(usize::MAX)
    }

    fn limit(self) -> usize {
        let limit = self.limit.map_or(ROWS, |limit| usize::try_from(limit).unwrap_or(MOST_ROWS));
        limit.clamp(1, MOST_ROWS)
    }
}

/// Every route that is in the OpenAPI document, but that of the document.
pub(crate) fn all() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(health::routes())
        .merge(books::routes())
        .merge(scan::routes())
        .merge(ingest::routes())
        .merge(upload::routes())
        .merge(jobs::routes())
        .merge(sink::routes())
        .merge(events::routes())
        .merge(fleet::routes())
        .merge(metrics::routes())
}
