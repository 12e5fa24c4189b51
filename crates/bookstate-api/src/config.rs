//! How the server works: what it allows, and how much of it at once.

use std::{path::PathBuf, time::Duration};

use bookstate_domain::{Engines, Variant};

use crate::auth::Tokens;

/// How much the server takes at once, and for how long.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a body, uploads aside.
    pub body_bytes: usize,
    /// Bytes of an uploaded file.
    pub upload_bytes: u64,
    /// Uploads at once.
    pub uploads: usize,
    /// Event streams at once.
    pub streams: usize,
    /// Connections at once; further ones wait.
    pub connections: usize,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// How long a client may take for a request's head.
    pub head_time: Duration,
    /// How long a client may take for the next part of a body.
    pub body_time: Duration,
    /// How long an answer may take, uploads and event streams aside.
    pub answer_time: Duration,
    /// How long the end of the server waits for answers under way.
    pub end_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            upload_bytes: 512 << 20,
            uploads: 4,
            streams: 2000,
            connections: 4096,
            head_bytes: 32 << 10,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            answer_time: Duration::from_secs(60),
            end_time: Duration::from_secs(5),
        }
    }
}

/// How the server works.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Which stages a new job runs that does not say.
    pub variant: Variant,
    /// What new jobs run with.
    pub engines: Engines,
    /// Directories below which files may be taken in by their path; none by default.
    pub ingest_roots: Vec<PathBuf>,
    /// Who may do what; without any token, whoever reaches the server may do everything.
    pub tokens: Tokens,
    /// Origins of other sites whose pages may use the server, `https://host`; none by default.
    pub cors_origins: Vec<String>,
    /// How much at once.
    pub limits: Limits,
}

impl ServerConfig {
    /// A server whose new jobs are like this; no tokens, nothing taken in by path, no other sites.
    #[must_use]
    pub fn new(variant: Variant, engines: Engines) -> Self {
        Self {
            variant,
            engines,
            ingest_roots: Vec::new(),
            tokens: Tokens::default(),
            cors_origins: Vec::new(),
            limits: Limits::default(),
        }
    }
}
