//! One book's messages in the stream: the last one, all of them, one more, and a checkpoint in their place.

use std::time::Duration;

use async_nats::{
    HeaderMap,
    jetstream::{
        consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
        message::{PublishMessage, StreamMessage},
        stream::LastRawMessageErrorKind,
    },
};
use bookstate_domain::BookId;
use bookstate_store::{BookSync, TargetError};
use futures_util::StreamExt;

use crate::{
    connection::Open,
    failure::{of_publish, unavailable},
    fold::Fold,
    record::{Heads, ops, payload},
    subjects::Subjects,
};

/// How often a book is read anew when messages went away while it was read.
const MOST_ATTEMPTS: usize = 4;

/// How many messages are asked for at once: as many may be in memory, of up to 4 MiB each.
const BATCH: usize = 64;

/// How long one such request waits for messages that are not there yet.
const BATCH_TIME: Duration = Duration::from_secs(2);

/// How long the servers keep a reader of which they hear nothing.
const READER_TIME: Duration = Duration::from_secs(15);

/// The log of one book.
pub(crate) struct Log<'a> {
    pub(crate) open: &'a Open,
    pub(crate) subjects: &'a Subjects,
    pub(crate) id: &'a BookId,
}

impl Log<'_> {
    /// The book's last message, as its leader has it.
    pub(crate) async fn tail(&self) -> Result<Option<(u64, BookSync)>, TargetError> {
        let last = self.last(&self.subjects.book(self.id)).await?;
        last.map(|message| Ok((message.sequence, Heads::read(&message.headers)?.sync))).transpose()
    }

    async fn last(&self, subject: &str) -> Result<Option<StreamMessage>, TargetError> {
        match self.open.stream.get_last_raw_message_by_subject(subject).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(unavailable(&error)),
        }
    }

    /// Publishes one message behind the subject's message `expected` (0 for none). One that is too large has its
    /// beginning in parts, which are there before it. Returns its sequence number.
    ///
    /// Parts that nothing names, since the message did not follow, go with the next checkpoint.
    pub(crate) async fn append(
        &self,
        subject: String,
        expected: u64,
        behind: u64,
        sync: &BookSync,
        payload: &[u8],
    ) -> Result<u64, TargetError> {
        let mut pieces: Vec<&[u8]> = payload.chunks(self.open.part).collect();
        let last = pieces.pop().unwrap_or_default();
        let mut parts = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let part = PublishMessage::build().payload(piece.to_vec().into());
            // Of a part it does not matter whether it got there when its acknowledgement did not: nothing was applied.
            let sent = self.publish(self.subjects.parts(self.id), part).await;
            parts.push(sent.map_err(|error| TargetError::Unavailable { reason: error.to_string() })?);
        }
        let heads = Heads { sync: sync.clone(), behind, parts }.write()?;
        let message = PublishMessage::build().payload(last.to_vec().into()).headers(heads);
        self.publish(subject, message.expected_last_subject_sequence(expected)).await
    }

    async fn publish(&self, subject: String, message: PublishMessage) -> Result<u64, TargetError> {
        let sent = self.open.context.send_publish(subject, message).await;
        let acknowledged = sent.map_err(|error| of_publish(&error))?.await;
        acknowledged.map(|ack| ack.sequence).map_err(|error| of_publish(&error))
    }

    /// The whole payload of a message; `None`: a part of it is not there any more.
    async fn payload(&self, heads: &Heads, last: &[u8]) -> Result<Option<Vec<u8>>, TargetError> {
        let mut whole = Vec::new();
        for part in &heads.parts {
            match self.open.stream.get_raw_message(*part).await {
                Ok(part) => whole.extend_from_slice(&part.payload),
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(None),
                Err(error) => return Err(unavailable(&error)),
            }
        }
        whole.extend_from_slice(last);
        Ok(Some(whole))
    }

    /// The book as its messages make it; `None` when it has none.
    ///
    /// A checkpoint that is written meanwhile takes messages away: the hole is seen, and it is read once more.
    pub(crate) async fn fold(&self) -> Result<Option<Fold>, TargetError> {
        let mut hole = None;
        for _ in 0..MOST_ATTEMPTS {
            let Some((end, _)) = self.tail().await? else { return Ok(None) };
            let Some(mut fold) = self.checkpoint().await? else {
                hole = Some(0);
                continue;
            };
            if fold.seq > end {
                // The checkpoint covers what came after the last message was looked at.
                continue;
            }
            match self.fold_to(&mut fold, end).await? {
                Ok(()) => return Ok(Some(fold)),
                Err(after) => hole = Some(after),
            }
        }
        let id = self.id;
        Err(match hole {
            Some(after) => TargetError::Unusable {
                reason: format!(
                    "the messages of book {id} have a hole behind {after}: somebody deleted some; purge {} and it is \
                     written anew",
                    self.subjects.book(id)
                ),
            },
            None => unavailable("the book changes while it is read"),
        })
    }

    /// The book as of its checkpoint, or an empty one without any; `None`: a part of the checkpoint is not there.
    async fn checkpoint(&self) -> Result<Option<Fold>, TargetError> {
        let Some(message) = self.last(&self.subjects.checkpoint(self.id)).await? else {
            return Ok(Some(Fold::new(self.id.clone())));
        };
        let heads = Heads::read(&message.headers)?;
        let Some(payload) = self.payload(&heads, &message.payload).await? else { return Ok(None) };
        let ops = ops(&payload)?;
        Ok(Some(Fold::begin(self.id.clone(), heads.behind, heads.sync, &ops, payload.len())))
    }

    /// Folds the messages up to `end`, or says behind which one there is a hole.
    async fn fold_to(&self, fold: &mut Fold, end: u64) -> Result<Result<(), u64>, TargetError> {
        if fold.seq == end {
            return Ok(Ok(()));
        }
        let reader = reader(self.open, self.subjects.book(self.id), fold.seq + 1, false).await?;
        while fold.seq < end {
            let mut messages = batch(&reader).await?;
            let mut empty = true;
            while let Some(message) = messages.next().await {
                let message = message.map_err(|error| unavailable(&error))?;
                let seq = message.info().map_err(|error| unavailable(&error))?.stream_sequence;
                let heads = Heads::read(message.headers.as_ref().unwrap_or(&HeaderMap::new()))?;
                empty = false;
                if seq <= fold.seq {
                    continue;
                }
                let Some(payload) = self.payload(&heads, &message.payload).await? else {
                    return Ok(Err(fold.seq));
                };
                if fold.next(seq, heads.behind, heads.sync, &ops(&payload)?, payload.len()).is_err() {
                    return Ok(Err(fold.seq));
                }
                if fold.seq >= end {
                    return Ok(Ok(()));
                }
            }
            if empty {
                // The reader's server lags behind the leader, or the messages up to the end are gone.
                let Some((now, _)) = self.tail().await? else { return Ok(Err(fold.seq)) };
                if now != end {
                    return Ok(Err(fold.seq));
                }
            }
        }
        Ok(Ok(()))
    }

    /// Writes a checkpoint of the book, unless there is one that is as new, and purges what it covers. Returns its bytes.
    /// Whoever is ended in the middle leaves more messages than are needed, and no other book.
    pub(crate) async fn compact(&self) -> Result<usize, TargetError> {
        let subject = self.subjects.checkpoint(self.id);
        let (mut before, mut covered) = (0, 0);
        if let Some(message) = self.last(&subject).await? {
            (before, covered) = (message.sequence, Heads::read(&message.headers)?.behind);
        }
        let Some(fold) = self.fold().await? else { return Ok(0) };
        let Some(sync) = &fold.sync else { return Ok(0) };
        let (mut written, mut bytes) = (before, fold.base);
        if fold.seq > covered {
            let all = payload(&fold.state.documents().collect::<Vec<_>>())?;
            // Behind the checkpoint that was looked at: of two that are written at once the later is not followed by
            // the earlier.
            written = self.append(subject.clone(), before, fold.seq, sync, &all).await?;
            bytes = all.len();
        }
        // The last message stays: it says where the book stands, and what a chunk must follow.
        for (subject, below) in [
            (self.subjects.book(self.id), fold.seq),
            (self.subjects.parts(self.id), fold.seq),
            (subject, written),
        ] {
            if let Err(error) = self.open.stream.purge().filter(subject).sequence(below).await {
                // It is in the checkpoint; the next one purges it.
                tracing::debug!(book = %self.id, %error, "what a checkpoint covers is not purged");
            }
        }
        Ok(bytes)
    }
}

/// A reader of a subject's messages from a sequence number on; with `last_only`, of the last of each subject, and
/// their heads alone.
pub(crate) async fn reader(
    open: &Open,
    subject: String,
    from: u64,
    last_only: bool,
) -> Result<PullConsumer, TargetError> {
    let deliver_policy = if last_only {
        DeliverPolicy::LastPerSubject
    } else {
        DeliverPolicy::ByStartSequence { start_sequence: from }
    };
    let config = pull::Config {
        deliver_policy,
        ack_policy: AckPolicy::None,
        filter_subject: subject,
        headers_only: last_only,
        inactive_threshold: READER_TIME,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    };
    open.stream.create_consumer(config).await.map_err(|error| unavailable(&error))
}

/// The reader's next messages.
pub(crate) async fn batch(reader: &PullConsumer) -> Result<pull::Batch, TargetError> {
    let fetch = reader.fetch().max_messages(BATCH).expires(BATCH_TIME);
    fetch.messages().await.map_err(|error| unavailable(&error))
}
