//! The HTTP interface of bookstate: books, jobs and targets as JSON, events, metrics, a web page.
//!
//! A [`Server`] answers over a library, a scheduler and a sink. A book is read from memory while it is live,
//! else from the local store, else from a target; every answer says which, and how far behind the targets
//! are. This crate must not know SQL or GraphQL.
//!
//! Reading order: `read` (the one read path), `state` (what routes share), [`view`] (the shapes of answers),
//! `problem` (errors as answers), `routes`, `events` (commits for event streams), `images` and `range` (page images),
//! `auth` and `layers` (what a request goes through), `connections`, `clients`, `answers` and `socket` (what one
//! client may take), `server`, `document` (OpenAPI).
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use bookstate_api::{Server, ServerConfig, ServerParts};
//! use bookstate_domain::{Engines, Variant};
//! use bookstate_jobs::{Scheduler, SchedulerConfig, engines::EngineCatalog};
//! use bookstate_sink::{Sink, SinkConfig};
//! use bookstate_store::{Library, LibraryConfig};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (library, _) = Library::open(LibraryConfig::new("data"))?;
//! let scheduler = Scheduler::new(library.clone(), EngineCatalog::local(), SchedulerConfig::default());
//! let sink = Arc::new(Sink::start(&library, Vec::new(), &SinkConfig::new()));
//! let engines = Engines { ocr: vec!["text-layer".into()], analysis: "local".into() };
//! let config = ServerConfig::new(Variant::Standard, engines);
//! let parts = ServerParts { library, scheduler, sink };
//! let server = Server::bind(([127, 0, 0, 1], 8080).into(), parts, config)?;
//! server.run(std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

mod answers;
mod auth;
mod blocking;
mod clients;
mod config;
mod connections;
mod document;
mod elsewhere;
mod events;
mod exposition;
mod extract;
mod images;
mod job_log;
mod lag;
mod layers;
mod others;
mod ownership;
mod problem;
mod providers;
mod range;
mod read;
mod rendered;
mod routes;
mod server;
mod socket;
mod state;
mod tokens;
pub mod view;
mod web;

pub use config::{Limits, ServerConfig};
pub use document::{openapi, openapi_text};
pub use ownership::{Elsewhere, FleetBook, FleetMachine, FleetView, NotOwned, Ownership, Use};
pub use problem::{Code, Problem, ProblemBody};
pub use providers::Providers;
pub use server::{BindError, Server};
pub use state::ServerParts;
pub use tokens::{Access, TokenError, Tokens};
