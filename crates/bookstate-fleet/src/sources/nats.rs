//! Sources in an object store of NATS JetStream. An object's name is its hash; its pieces are there before its name is.

use std::{fmt, io::Write as _, path::Path, time::Duration};

use async_nats::jetstream::{
    context::ContextBuilder,
    object_store::{self, GetErrorKind, InfoErrorKind, ObjectMetadata, ObjectStore},
    stream::StorageType,
};
use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use bookstate_nats::{NatsConnectError, NatsOptions};
use sha2::{Digest, Sha256};
use tokio::{io::AsyncReadExt, sync::Mutex, time::timeout};

use super::{PIECE, SourceError, Sources, beside, blocking, checked, copy, file_error, hex, place};

/// The copies that a cluster keeps.
const REPLICAS: usize = 3;

/// How long the next piece of an object is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Sources in an object store of NATS JetStream, on the servers' disks.
///
/// What a put left that did not end takes room there and is not seen.
pub struct NatsSources {
    nats: NatsOptions,
    bucket: String,
    store: Mutex<Option<(async_nats::Client, ObjectStore)>>,
}

impl fmt::Debug for NatsSources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsSources")
            .field("nats", &self.nats)
            .field("bucket", &self.bucket)
            .finish_non_exhaustive()
    }
}

impl NatsSources {
    /// The sources of the bucket `bookstate-sources`. Nothing is sent before the first call, which makes the bucket.
    #[must_use]
    pub fn new(nats: NatsOptions) -> Self {
        Self { nats, bucket: "bookstate-sources".to_owned(), store: Mutex::default() }
    }

    /// With another bucket: letters, digits, `_` and `-`.
    #[must_use]
    pub fn with_bucket(self, bucket: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), ..self }
    }

    async fn store(&self) -> Result<ObjectStore, SourceError> {
        let mut store = self.store.lock().await;
        let connected = async_nats::connection::State::Connected;
        if let Some((_, open)) = store.as_ref().filter(|(client, _)| client.connection_state() == connected) {
            return Ok(open.clone());
        }
        *store = None;
        let client = self.nats.connect().await.map_err(|error| match error {
            NatsConnectError::Unusable { reason } => SourceError::Unusable { reason },
            error => unavailable(error),
        })?;
        let context = ContextBuilder::new()
            .timeout(self.nats.timeout)
            .ack_timeout(self.nats.timeout)
            .build(client.clone());
        let open = match context.get_object_store(&self.bucket).await {
            Ok(open) => open,
            Err(_) => {
                let replicas = if client.server_info().cluster.is_some() { REPLICAS } else { 1 };
                let config = object_store::Config {
                    bucket: self.bucket.clone(),
                    description: Some("files of books of bookstate".to_owned()),
                    storage: StorageType::File,
                    num_replicas: replicas,
                    ..object_store::Config::default()
                };
                context.create_object_store(config).await.map_err(unavailable)?
            }
        };
        Ok(store.insert((client, open)).1.clone())
    }

    /// What came of a call: after one that failed the store is looked for again.
    async fn noted<T>(&self, done: Result<T, SourceError>) -> Result<T, SourceError> {
        if matches!(done, Err(SourceError::Unavailable { .. })) {
            *self.store.lock().await = None;
        }
        done
    }

    async fn find(&self, sha256: &str) -> Result<bool, SourceError> {
        match self.store().await?.info(sha256).await {
            Ok(info) => Ok(!info.deleted),
            Err(error) if error.kind() == InfoErrorKind::NotFound => Ok(false),
            Err(error) => Err(unavailable(error)),
        }
    }

    async fn send(&self, sha256: &str, path: &Path) -> Result<(), SourceError> {
        let store = self.store().await?;
        let mut file = tokio::fs::File::open(path).await.map_err(|error| file_error(path, &error))?;
        let meta =
            ObjectMetadata { name: sha256.to_owned(), chunk_size: Some(PIECE), ..ObjectMetadata::default() };
        let info = store.put(meta, &mut file).await.map_err(unavailable)?;
        let there = info.digest.as_deref().and_then(|digest| digest.strip_prefix("SHA-256="));
        if there.and_then(hash_of) == Some(sha256.to_owned()) {
            return Ok(());
        }
        // Under this name it must not stay.
        store.delete(sha256).await.map_err(unavailable)?;
        Err(SourceError::Changing { path: path.to_owned() })
    }

    async fn receive(&self, sha256: &str, to: &Path) -> Result<(), SourceError> {
        let mut object = match self.store().await?.get(sha256).await {
            Ok(object) => object,
            Err(error) if error.kind() == GetErrorKind::NotFound => {
                return Err(SourceError::NotThere { sha256: sha256.to_owned() });
            }
            Err(error) => return Err(unavailable(error)),
        };
        let beside_to = to.to_owned();
        let mut new = blocking(move || beside(&beside_to)).await?;
        let mut hash = Sha256::new();
        let mut piece = Vec::with_capacity(PIECE);
        loop {
            piece.clear();
            let read = timeout(PATIENCE, object.read_buf(&mut piece)).await;
            let read = read.map_err(|_| unavailable("no more of the file comes"))?;
            if read.map_err(unavailable)? == 0 {
                break;
            }
            hash.update(&piece);
            let to = to.to_owned();
            (new, piece) = blocking(move || {
                new.write_all(&piece).map_err(|error| file_error(&to, &error))?;
                Ok((new, piece))
            })
            .await?;
        }
        let found = hex(&hash.finalize());
        if found != sha256 {
            return Err(SourceError::Damaged { sha256: sha256.to_owned(), found });
        }
        let to = to.to_owned();
        blocking(move || place(new, &to)).await
    }
}

#[async_trait]
impl Sources for NatsSources {
    async fn put(&self, path: &Path) -> Result<String, SourceError> {
        let from = path.to_owned();
        let sha256 = blocking(move || copy(&from, &mut std::io::sink(), &from)).await?;
        let found = self.find(&sha256).await;
        if !self.noted(found).await? {
            let sent = self.send(&sha256, path).await;
            self.noted(sent).await?;
        }
        Ok(sha256)
    }

    async fn fetch(&self, sha256: &str, to: &Path) -> Result<(), SourceError> {
        checked(sha256)?;
        let received = self.receive(sha256, to).await;
        self.noted(received).await
    }

    async fn has(&self, sha256: &str) -> Result<bool, SourceError> {
        if checked(sha256).is_err() {
            return Ok(false);
        }
        let found = self.find(sha256).await;
        self.noted(found).await
    }
}

fn unavailable(error: impl std::fmt::Display) -> SourceError {
    SourceError::Unavailable { reason: error.to_string() }
}

/// The hash of a digest in URL-safe base64, as the store writes it.
fn hash_of(digest: &str) -> Option<String> {
    URL_SAFE.decode(digest).ok().map(|bytes| hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_the_store_writes_it() {
        let hash = hash_of("LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=").unwrap();
        assert_eq!(hash, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!(hash_of("!"), None);
    }
}
