//! The key-value bucket: a connection that is made when it is needed, and writes that it compares.
//!
//! The client's own key-value store is not used: its `create` drops the time of a key that follows a marker, its
//! `update` has none, and neither writes two keys at once.

use std::time::{Duration, Instant};

use async_nats::{
    Client, HeaderMap,
    connection::State,
    jetstream::{
        self,
        context::{ContextBuilder, PublishError, PublishErrorKind},
        message::PublishMessage,
        stream::{self, DiscardPolicy, LastRawMessageErrorKind, StorageType, Stream},
    },
};
use bookstate_nats::{NatsConnectError, NatsOptions};
use tokio::{sync::Mutex, time::timeout};

use crate::error::FleetError;

/// The copies that a cluster keeps.
const REPLICAS: usize = 3;

/// How long a marker stays that says that a key is gone: for who watches, who sees it at once.
const MARKER: Duration = Duration::from_secs(60);

/// How many messages may wait for their acknowledgement.
const IN_FLIGHT: usize = 20_000;

/// After a failed attempt to connect, others fail for so long without one of their own.
const REST: Duration = Duration::from_millis(200);

const OPERATION: &str = "KV-Operation";
const MARKER_REASON: &str = "Nats-Marker-Reason";
const TTL: &str = "Nats-TTL";
const EXPECTED: &str = "Nats-Expected-Last-Subject-Sequence";
const BATCH_ID: &str = "Nats-Batch-Id";
const BATCH_SEQUENCE: &str = "Nats-Batch-Sequence";
const BATCH_COMMIT: &str = "Nats-Batch-Commit";

/// A write that was not acknowledged.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// It was compared and refused.
    Refused,
    /// It may have been taken or not.
    Unknown(FleetError),
}

/// A key and what it is to hold.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
    /// The revision that it has now: of a marker, or 0 for nothing.
    pub(crate) expected: u64,
    /// Goes after so many whole seconds.
    pub(crate) ttl: Option<Duration>,
}

/// What a key holds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    /// 0 when there is nothing.
    pub(crate) revision: u64,
    /// `None`: nothing, or a marker.
    pub(crate) value: Option<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) struct Bucket {
    nats: NatsOptions,
    name: String,
    patience: Duration,
    open: Mutex<Connection>,
}

#[derive(Debug, Default)]
struct Connection {
    open: Option<Open>,
    failed: Option<(Instant, FleetError)>,
}

/// The bucket, checked.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    client: Client,
    context: jetstream::Context,
    pub(crate) stream: Stream,
}

impl Bucket {
    /// A bucket. No call takes longer than `patience`.
    pub(crate) fn new(nats: &NatsOptions, name: &str, patience: Duration) -> Self {
        let mut nats = nats.clone();
        nats.timeout = nats.timeout.min(patience);
        Self { nats, name: name.to_owned(), patience, open: Mutex::default() }
    }

    /// What all keys begin with on the wire.
    pub(crate) fn prefix(&self) -> String {
        format!("$KV.{}.", self.name)
    }

    fn subject(&self, key: &str) -> String {
        self.prefix() + key
    }

    /// The bucket, made when it is not there.
    pub(crate) async fn open(&self) -> Result<Open, FleetError> {
        let mut connection = self.open.lock().await;
        let usable = |open: &&Open| open.client.connection_state() == State::Connected;
        if let Some(open) = connection.open.as_ref().filter(usable) {
            return Ok(open.clone());
        }
        if let Some((when, error)) = &connection.failed
            && when.elapsed() < REST
        {
            return Err(error.clone());
        }
        // A client that connects again by itself would send late what waited in it.
        connection.open = None;
        match self.connect().await {
            Ok(open) => {
                connection.failed = None;
                Ok(connection.open.insert(open).clone())
            }
            Err(error) => {
                connection.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// The stream may not be there any more: it is looked for before the next call.
    async fn doubt(&self) {
        self.open.lock().await.open = None;
    }

    async fn connect(&self) -> Result<Open, FleetError> {
        let client = self.nats.connect().await.map_err(|error| match error {
            NatsConnectError::Unusable { reason } => FleetError::Unusable { reason },
            error => unavailable(error),
        })?;
        let context = ContextBuilder::new()
            .timeout(self.patience)
            .ack_timeout(self.patience)
            .max_ack_inflight(IN_FLIGHT)
            .build(client.clone());
        let replicas = if client.server_info().cluster.is_some() { REPLICAS } else { 1 };
        let wanted = self.wanted(replicas);
        let stream = context.get_or_create_stream(wanted).await.map_err(unavailable)?;
        check(&stream.cached_info().config, &self.name)?;
        Ok(Open { client, context, stream })
    }

    fn wanted(&self, num_replicas: usize) -> stream::Config {
        stream::Config {
            name: format!("KV_{}", self.name),
            description: Some("which machine of bookstate works on which book".to_owned()),
            subjects: vec![self.subject(">")],
            max_messages_per_subject: 1,
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas,
            // Markers of keys that went replace them.
            allow_rollup: true,
            // Reads are answered by who leads.
            allow_direct: false,
            allow_message_ttl: true,
            allow_atomic_publish: true,
            subject_delete_marker_ttl: Some(MARKER),
            ..stream::Config::default()
        }
    }

    /// Within the time of a call.
    async fn call<T, E: From<FleetError>>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        match timeout(self.patience, call).await {
            Ok(done) => done,
            Err(_) => Err(unavailable("no answer in time").into()),
        }
    }

    /// Reads a key as its leader has it, or a server that does not know yet that it leads no more.
    pub(crate) async fn read(&self, key: &str) -> Result<Entry, FleetError> {
        self.call(async {
            let open = self.open().await?;
            match open.stream.get_last_raw_message_by_subject(&self.subject(key)).await {
                Ok(message) => {
                    let value = (!is_marker(&message.headers)).then(|| message.payload.to_vec());
                    Ok(Entry { revision: message.sequence, value })
                }
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(Entry::default()),
                Err(error) => Err(unavailable(error)),
            }
        })
        .await
    }

    /// Writes a key if it has the expected revision. Returns its new one.
    pub(crate) async fn write(&self, write: Write) -> Result<u64, WriteError> {
        let message = of_write(&write).payload(write.value.into());
        self.publish(&write.key, message).await
    }

    /// Writes two keys, both or none, each if it has the expected revision. Returns the second one's new one.
    pub(crate) async fn write_both(&self, first: Write, second: Write) -> Result<u64, WriteError> {
        let id = format!("{:032x}", rand::random::<u128>());
        let subject = self.subject(&first.key);
        let mut heads = HeaderMap::new();
        heads.insert(BATCH_ID, id.as_str());
        heads.insert(BATCH_SEQUENCE, "1");
        heads.insert(EXPECTED, first.expected.to_string());
        let commit = of_write(&second)
            .header(BATCH_ID, id.as_str())
            .header(BATCH_SEQUENCE, "2")
            .header(BATCH_COMMIT, "1")
            .payload(second.value.into());
        self.call(async {
            let open = self.open().await.map_err(WriteError::Unknown)?;
            let sent = open.client.publish_with_headers(subject, heads, first.value.into()).await;
            sent.map_err(|error| WriteError::Unknown(unavailable(error)))?;
            self.send(&open, &second.key, commit).await
        })
        .await
    }

    /// Writes a key whatever it holds.
    pub(crate) async fn put(
        &self,
        key: &str,
        value: Vec<u8>,
        ttl: Option<Duration>,
    ) -> Result<(), FleetError> {
        let mut message = PublishMessage::build().payload(value.into());
        if let Some(ttl) = ttl {
            message = message.ttl(ttl);
        }
        settled(self.publish(key, message).await)
    }

    /// Deletes a key if it has the expected revision, or whatever it holds.
    pub(crate) async fn delete(&self, key: &str, expected: Option<u64>) -> Result<u64, WriteError> {
        let mut message = PublishMessage::build().header(OPERATION, "DEL").ttl(MARKER);
        if let Some(expected) = expected {
            message = message.expected_last_subject_sequence(expected);
        }
        self.publish(key, message).await
    }

    async fn publish(&self, key: &str, message: PublishMessage) -> Result<u64, WriteError> {
        self.call(async {
            let open = self.open().await.map_err(WriteError::Unknown)?;
            self.send(&open, key, message).await
        })
        .await
    }

    async fn send(&self, open: &Open, key: &str, message: PublishMessage) -> Result<u64, WriteError> {
        let acknowledged = match open.context.send_publish(self.subject(key), message).await {
            Ok(sent) => sent.await,
            Err(error) => Err(error),
        };
        match acknowledged {
            Ok(acknowledged) => Ok(acknowledged.sequence),
            Err(error) if error.kind() == PublishErrorKind::WrongLastSequence => Err(WriteError::Refused),
            Err(error) => {
                if error.kind() == PublishErrorKind::StreamNotFound {
                    self.doubt().await;
                }
                Err(WriteError::Unknown(of_publish(&error)))
            }
        }
    }
}

impl From<FleetError> for WriteError {
    fn from(error: FleetError) -> Self {
        Self::Unknown(error)
    }
}

/// What came of a write that nothing was compared with.
pub(crate) fn settled(done: Result<u64, WriteError>) -> Result<(), FleetError> {
    match done {
        Ok(_) => Ok(()),
        Err(WriteError::Refused) => Err(unavailable("somebody else was first")),
        Err(WriteError::Unknown(error)) => Err(error),
    }
}

/// Whether a message says that its key is gone.
pub(crate) fn is_marker(heads: &HeaderMap) -> bool {
    heads.get(MARKER_REASON).is_some() || heads.get(OPERATION).is_some_and(|value| value.as_str() != "PUT")
}

pub(crate) fn unavailable(error: impl std::fmt::Display) -> FleetError {
    FleetError::Unavailable { reason: error.to_string() }
}

fn of_publish(error: &PublishError) -> FleetError {
    unavailable(error)
}

fn of_write(write: &Write) -> PublishMessage {
    let message = PublishMessage::build().expected_last_subject_sequence(write.expected);
    match write.ttl {
        Some(ttl) => message.header(TTL, ttl.as_secs().to_string()),
        None => message,
    }
}

/// Whether a bucket that somebody made does what is asked of it.
fn check(found: &stream::Config, name: &str) -> Result<(), FleetError> {
    let wrong = if !found.allow_message_ttl || found.subject_delete_marker_ttl.is_none() {
        "lets no key go by itself (allow_msg_ttl, subject_delete_marker_ttl)"
    } else if !found.allow_atomic_publish {
        "does not write two keys at once (allow_atomic): the servers have to be 2.12 or newer"
    } else if found.max_messages_per_subject != 1 {
        "keeps more than one value of a key (max_msgs_per_subject)"
    } else if !found.max_age.is_zero() {
        "forgets what is old (max_age)"
    } else if found.storage != StorageType::File {
        "is not on disks"
    } else {
        return Ok(());
    };
    Err(FleetError::Unusable { reason: format!("the bucket {name} {wrong}: give it another configuration") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_that_cannot_keep_leases_is_none() {
        let bucket = Bucket::new(&NatsOptions::new("nats://a"), "b", Duration::from_secs(1));
        let wanted = bucket.wanted(1);
        assert_eq!(check(&wanted, "b"), Ok(()));
        let changes: [fn(&mut stream::Config); 6] = [
            |config| config.allow_message_ttl = false,
            |config| config.subject_delete_marker_ttl = None,
            |config| config.allow_atomic_publish = false,
            |config| config.max_messages_per_subject = 2,
            |config| config.max_age = Duration::from_secs(1),
            |config| config.storage = StorageType::Memory,
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut found = wanted.clone();
            change(&mut found);
            assert!(matches!(check(&found, "b"), Err(FleetError::Unusable { .. })), "{number}");
        }
    }
}
