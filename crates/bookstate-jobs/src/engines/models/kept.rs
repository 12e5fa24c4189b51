//! An answer that may have been paid for before: found by what was asked, of whom.
//!
//! Only what was believed is kept. A request is known by the hash of all that is sent (model, prompt, texts, images,
//! parameters) and of the provider's name.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use bookstate_llm::{ChatRequest, request::JsonWay};
use bookstate_store::fs::private;
use sha2::{Digest, Sha256};

use crate::{
    answers::answers_dir,
    engine::{EngineError, blocking},
};

/// What is done with answers that were paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answers {
    /// They are kept, and used again.
    #[default]
    Kept,
    /// They are kept, and each is asked for once more.
    Renewed,
    /// They are neither kept nor used.
    Forgotten,
}

/// The place of one answer.
#[derive(Debug, Clone)]
pub(super) struct KeptAnswer {
    path: PathBuf,
    /// The copy of the book's file: without it nobody would find what is beside it again.
    file: PathBuf,
    answers: Answers,
}

impl KeptAnswer {
    /// Where the answer to a request is, for the book whose file's copy is `file`.
    pub(super) fn new(answers: Answers, file: &Path, provider: &str, request: &ChatRequest) -> Self {
        let mut hash = Sha256::new();
        hash.update(provider.as_bytes());
        hash.update([0]);
        hash.update(request.body(JsonWay::Schema, false));
        let name: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        Self { path: answers_dir(file).join(name), file: file.to_owned(), answers }
    }

    /// What was answered before, where it may be used.
    pub(super) async fn read(&self) -> Result<Option<String>, EngineError> {
        if self.answers != Answers::Kept {
            return Ok(None);
        }
        let path = self.path.clone();
        // An empty file is what a power cut may leave.
        blocking(move || Ok(fs::read_to_string(path).ok().filter(|text| !text.is_empty()))).await
    }

    /// Keeps an answer that was believed. That it cannot be kept is no failure.
    pub(super) async fn keep(&self, text: String) -> Result<(), EngineError> {
        if self.answers == Answers::Forgotten {
            return Ok(());
        }
        let Self { path, file, .. } = self.clone();
        blocking(move || {
            if file.exists()
                && let Err(error) = write(&path, text.as_bytes())
            {
                tracing::debug!(%error, "an answer is not kept");
            }
            Ok(())
        })
        .await
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new(""));
    match private::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Under its name it is complete; two that ask the same at once write a file each.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let unfinished = path.with_extension(format!("new-{}", WRITTEN.fetch_add(1, Ordering::Relaxed)));
    let mut file = private::create_temporary(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}
