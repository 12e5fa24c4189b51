//! How the server works: what it allows, and how much of it at once.

use std::{path::PathBuf, sync::Arc, time::Duration};

use bookstate_domain::{Engines, Text, Variant};
use bookstate_jobs::Intake;

use crate::{ownership::Ownership, providers::Providers, tokens::Tokens};

/// How much the server takes at once, and for how long.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a body, uploads aside.
    pub body_bytes: usize,
    /// Bytes of an uploaded file.
    pub upload_bytes: u64,
    /// Uploads at once; one client has three quarters of them at most.
    pub uploads: usize,
    /// Bytes in a second that an upload must come at, once its grace is over.
    pub upload_rate: u64,
    /// How long an upload may take to come at its rate.
    pub upload_grace: Duration,
    /// How long an upload may take.
    pub upload_time: Duration,
    /// Event streams at once; one client has three quarters of them at most.
    pub streams: usize,
    /// Connections at once. When there are more, those that are worth least are closed: a quarter is kept for
    /// clients with a token, and one address has half of the others at most.
    pub connections: usize,
    /// Bytes of large answers that nobody has read yet.
    pub answer_bytes: u64,
    /// Images of pages that are made at once.
    pub images: usize,
    /// Images of pages that are waited for at once, those that are being made included; one client has three quarters
    /// of them at most.
    pub images_waiting: usize,
    /// How long a request waits until the making of its image begins.
    pub image_wait: Duration,
    /// How long the making of an image may take, where a program makes it.
    pub image_time: Duration,
    /// Bytes of images of pages that are kept in the data directory; none is, while fewer than this are free.
    pub image_bytes: u64,
    /// Bytes of a request's head.
    pub head_bytes: usize,
    /// How long a client may take for a request's head.
    pub head_time: Duration,
    /// How long a client may take for the next part of a body.
    pub body_time: Duration,
    /// How long a client may read nothing of its answer.
    pub read_time: Duration,
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
            upload_rate: 8 << 10,
            upload_grace: Duration::from_secs(10),
            upload_time: Duration::from_secs(30 * 60),
            streams: 2000,
            connections: 4096,
            answer_bytes: 256 << 20,
            images: 2,
            images_waiting: 16,
            image_wait: Duration::from_secs(15),
            image_time: Duration::from_secs(30),
            image_bytes: 256 << 20,
            head_bytes: 32 << 10,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(30),
            read_time: Duration::from_secs(30),
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
    /// Options of their engines, as JSON text.
    pub options: Option<Text>,
    /// Directories below which files may be taken in by their path; none by default.
    pub ingest_roots: Vec<PathBuf>,
    /// Who may do what; without any token, whoever reaches the server may do everything.
    pub tokens: Tokens,
    /// Origins of other sites whose pages may use the server, `https://host`; none by default.
    pub cors_origins: Vec<String>,
    /// What files may be that are taken in.
    pub intake: Intake,
    /// Who says how the providers of models are; nobody by default.
    pub providers: Option<Arc<dyn Providers>>,
    /// Who says which books this machine may write, where several machines share them; it may write all by default.
    pub ownership: Option<Arc<dyn Ownership>>,
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
            options: None,
            ingest_roots: Vec::new(),
            tokens: Tokens::default(),
            cors_origins: Vec::new(),
            intake: Intake::default(),
            providers: None,
            ownership: None,
            limits: Limits::default(),
        }
    }
}
