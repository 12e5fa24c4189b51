//! Everything that the bucket holds, then each change, for ever: begun anew whenever something is amiss, and now and then
//! without that, since of keys that somebody purges nothing is told.

use std::time::Duration;

use async_nats::{
    HeaderMap,
    jetstream::consumer::{AckPolicy, DeliverPolicy, pull},
};
use futures_util::StreamExt;
use tokio::sync::Notify;

use crate::{
    bucket::{Bucket, is_marker, unavailable},
    error::FleetError,
};

/// How soon it is noticed that nothing comes any more: twice this.
const HEARTBEAT: Duration = Duration::from_secs(1);

const EXPIRES: Duration = Duration::from_secs(10);

/// How long the servers keep a watch of which they hear nothing.
const KEPT: Duration = Duration::from_secs(15);

/// How many changes may be on their way.
const BATCH: usize = 500;

const REST: Duration = Duration::from_millis(200);

/// What a watch tells.
#[derive(Debug)]
pub(crate) enum Told<'a> {
    /// What follows is everything, from the beginning.
    Begin,
    /// What a key holds; `None`: it is gone.
    Key(&'a str, Option<&'a [u8]>),
    /// Everything was told; what follows are changes.
    Complete,
}

/// Watches until it is dropped. Everything is told anew after `every`, and when `again` is notified.
pub(crate) async fn watch(bucket: &Bucket, every: Duration, again: &Notify, mut told: impl FnMut(Told<'_>)) {
    let mut silent = false;
    loop {
        let error = tokio::select! {
            error = once(bucket, &mut told) => error,
            () = tokio::time::sleep(every) => continue,
            () = again.notified() => continue,
        };
        match error {
            Err(FleetError::Unusable { reason }) if !silent => {
                silent = true;
                tracing::error!(%reason, "the fleet's bucket cannot be used");
            }
            Err(error) => tracing::debug!(%error, "the fleet's bucket is watched anew"),
            Ok(()) => {}
        }
        tokio::time::sleep(REST).await;
    }
}

/// Watches until something is amiss.
async fn once(bucket: &Bucket, told: &mut impl FnMut(Told<'_>)) -> Result<(), FleetError> {
    let open = bucket.open().await?;
    let prefix = bucket.prefix();
    let config = pull::Config {
        deliver_policy: DeliverPolicy::LastPerSubject,
        ack_policy: AckPolicy::None,
        filter_subject: format!("{prefix}>"),
        inactive_threshold: KEPT,
        memory_storage: true,
        num_replicas: 1,
        ..pull::Config::default()
    };
    let consumer = open.stream.create_consumer(config).await.map_err(unavailable)?;
    let mut complete = consumer.cached_info().num_pending == 0;
    told(Told::Begin);
    if complete {
        told(Told::Complete);
    }
    let stream = consumer.stream().max_messages_per_batch(BATCH).heartbeat(HEARTBEAT).expires(EXPIRES);
    let mut messages = stream.messages().await.map_err(unavailable)?;
    let mut before = 0;
    while let Some(message) = messages.next().await {
        let message = message.map_err(unavailable)?;
        let info = message.info().map_err(unavailable)?;
        if info.consumer_sequence != before + 1 {
            return Err(unavailable("a change was lost on its way"));
        }
        before = info.consumer_sequence;
        let last = info.pending == 0;
        if let Some(key) = message.subject.strip_prefix(&prefix) {
            let gone = message.headers.as_ref().is_some_and(|heads: &HeaderMap| is_marker(heads));
            told(Told::Key(key, (!gone).then_some(&message.payload[..])));
        }
        if last && !complete {
            complete = true;
            told(Told::Complete);
        }
    }
    Ok(())
}
