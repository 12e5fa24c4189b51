//! The connection, and the stream as it must be.

use async_nats::{
    Client,
    connection::State,
    jetstream::{
        self,
        context::ContextBuilder,
        stream::{self, DiscardPolicy, RetentionPolicy, StorageType, Stream},
    },
};
use bookstate_store::TargetError;
use tokio::sync::Mutex;

use crate::{client::NatsConnectError, failure::unavailable, options::NatsOptions, subjects::Subjects};

/// The copies that a cluster keeps of the stream. One server may be lost without a word.
const REPLICAS: usize = 3;

/// What a message may hold beside its payload.
const HEADS: usize = 64 * 1024;

/// The most that is put into one message, whatever the servers would take: the rest goes before it, in parts.
const PART: usize = 4 * 1024 * 1024;

/// A connection that is made when it is needed, and the stream behind it.
#[derive(Debug)]
pub(crate) struct Connection {
    options: NatsOptions,
    pub(crate) subjects: Subjects,
    open: Mutex<Option<Open>>,
}

/// The stream, checked.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    client: Client,
    pub(crate) context: jetstream::Context,
    pub(crate) stream: Stream,
    /// The most bytes of a message's payload.
    pub(crate) part: usize,
}

impl Connection {
    pub(crate) fn new(options: NatsOptions) -> Self {
        let subjects = Subjects::new(&options.stream);
        Self { options, subjects, open: Mutex::new(None) }
    }

    /// The stream; connects and checks it when that was not done, or did not hold.
    pub(crate) async fn open(&self) -> Result<Open, TargetError> {
        let mut open = self.open.lock().await;
        if let Some(open) = open.as_ref().filter(|open| open.client.connection_state() == State::Connected) {
            return Ok(open.clone());
        }
        // The client would connect again by itself. What is sent meanwhile would wait in it and go out later, and
        // its servers may all have got new addresses.
        *open = None;
        Ok(open.insert(self.connect().await?).clone())
    }

    /// Takes note of an error: a stream that is not there is made again, and checked, before the next call.
    pub(crate) async fn failed(&self, error: &TargetError) {
        if matches!(error, TargetError::Unavailable { .. }) {
            *self.open.lock().await = None;
        }
    }

    /// Checks the stream, and makes it when it is not there.
    pub(crate) async fn prepare(&self) -> Result<(), TargetError> {
        let mut open = self.open.lock().await;
        *open = None;
        *open = Some(self.connect().await?);
        Ok(())
    }

    async fn connect(&self) -> Result<Open, TargetError> {
        let client = self.options.connect().await.map_err(|error| match error {
            NatsConnectError::Unavailable { reason } => TargetError::Unavailable { reason },
            NatsConnectError::Unusable { reason } => TargetError::Unusable { reason },
        })?;
        self.stream_of(client).await
    }

    async fn stream_of(&self, client: Client) -> Result<Open, TargetError> {
        let context = ContextBuilder::new()
            .timeout(self.options.timeout)
            .ack_timeout(self.options.timeout)
            .build(client.clone());
        let info = client.server_info();
        let wanted = self.wanted(if info.cluster.is_some() { REPLICAS } else { 1 });
        let mut stream =
            context.get_or_create_stream(wanted.clone()).await.map_err(|error| unavailable(&error))?;
        let found = stream.cached_info().config.clone();
        check(&wanted, &found)?;
        if found.num_replicas < wanted.num_replicas {
            let grown = stream::Config { num_replicas: wanted.num_replicas, ..found.clone() };
            match context.update_stream(grown).await {
                Ok(_) => {
                    stream = context.get_stream(&wanted.name).await.map_err(|error| unavailable(&error))?;
                }
                // Fewer copies than there could be are some.
                Err(error) => tracing::warn!(
                    copies = found.num_replicas,
                    %error,
                    "the stream has fewer copies than its cluster could have, and gets no more"
                ),
            }
        }
        let part = info.max_payload.saturating_sub(HEADS).clamp(HEADS, PART);
        Ok(Open { client, context, stream, part })
    }

    fn wanted(&self, num_replicas: usize) -> stream::Config {
        stream::Config {
            name: self.options.stream.clone(),
            description: Some("books of bookstate".to_owned()),
            subjects: vec![self.subjects.all()],
            retention: RetentionPolicy::Limits,
            // A full stream refuses; it forgets nothing.
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            num_replicas,
            // Reads are answered by who leads.
            allow_direct: false,
            ..stream::Config::default()
        }
    }
}

/// Whether a stream that somebody made keeps what it takes.
fn check(wanted: &stream::Config, found: &stream::Config) -> Result<(), TargetError> {
    let wrong = if !found.subjects.iter().any(|subject| wanted.subjects.contains(subject)) {
        format!("lacks the subject {}", wanted.subjects.join(", "))
    } else if found.retention != RetentionPolicy::Limits {
        "deletes what was read".to_owned()
    } else if found.storage != StorageType::File {
        "is not on disks".to_owned()
    } else if !found.max_age.is_zero() {
        "deletes what is old (max_age)".to_owned()
    } else if found.max_messages_per_subject > 0 {
        "deletes what is old (max_msgs_per_subject)".to_owned()
    } else if found.discard != DiscardPolicy::New && (found.max_bytes > 0 || found.max_messages > 0) {
        "deletes what is old when it is full (discard)".to_owned()
    } else if found.deny_purge || found.sealed {
        "lets nothing be purged (deny_purge, sealed)".to_owned()
    } else if found.no_ack {
        "does not say what it has taken (no_ack)".to_owned()
    } else {
        return Ok(());
    };
    let name = &wanted.name;
    Err(TargetError::Unusable { reason: format!("the stream {name} {wrong}: give it another configuration") })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_stream_that_forgets_is_none() {
        let wanted = Connection::new(NatsOptions::new("nats://a")).wanted(1);
        assert_eq!(check(&wanted, &wanted), Ok(()));
        let most = stream::Config { max_bytes: 1, ..wanted.clone() };
        assert_eq!(check(&wanted, &most), Ok(()), "one that is full refuses");
        let changes: [fn(&mut stream::Config); 8] = [
            |config| config.deny_purge = true,
            |config| config.subjects.clear(),
            |config| config.retention = RetentionPolicy::WorkQueue,
            |config| config.storage = StorageType::Memory,
            |config| config.max_age = Duration::from_secs(1),
            |config| config.max_messages_per_subject = 1,
            |config| (config.discard, config.max_messages) = (DiscardPolicy::Old, 1),
            |config| config.no_ack = true,
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut found = wanted.clone();
            change(&mut found);
            assert!(matches!(check(&wanted, &found), Err(TargetError::Unusable { .. })), "{number}");
        }
    }
}
