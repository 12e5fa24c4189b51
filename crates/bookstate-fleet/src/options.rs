//! Who this machine is, and how it talks to the others.

use std::time::Duration;

use bookstate_nats::NatsOptions;

use crate::error::FleetError;

/// Who this machine is, and how it talks to the others.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FleetOptions {
    /// How to reach the servers. The stream of these options is not used.
    pub nats: NatsOptions,
    /// The bucket, made when it is not there: letters, digits, `_` and `-`.
    pub bucket: String,
    /// This machine's name, which no other one has.
    pub machine: String,
    /// Where others reach it.
    pub address: String,
    /// The version of its program.
    pub version: String,
    /// How many books it would work on at once.
    pub capacity: u32,
    /// How long a lease lasts without being renewed, in whole seconds. Renewed each third of it; this machine believes
    /// its own over a tenth of it sooner, by which the clocks of the servers may differ.
    pub ttl: Duration,
    /// The window of quotas that hold for all machines together, in whole seconds; the same for all machines.
    pub window: Duration,
}

impl FleetOptions {
    /// The bucket `bookstate-fleet`, leases of 15 seconds, quotas by the minute, one book at once.
    #[must_use]
    pub fn new(nats: NatsOptions, machine: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            nats,
            bucket: "bookstate-fleet".to_owned(),
            machine: machine.into(),
            address: address.into(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            capacity: 1,
            ttl: Duration::from_secs(15),
            window: Duration::from_secs(60),
        }
    }

    /// Whether they can be used.
    ///
    /// # Errors
    /// [`FleetError::Unusable`] with what is wrong.
    pub fn check(&self) -> Result<(), FleetError> {
        let unusable = |reason: String| Err(FleetError::Unusable { reason });
        if let Err(error) = self.nats.check() {
            return unusable(error.to_string());
        }
        let safe = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if self.bucket.is_empty() || !self.bucket.bytes().all(safe) {
            return unusable(format!(
                "{:?} is not the name of a bucket: use letters, digits, _ and -",
                self.bucket
            ));
        }
        if self.machine.is_empty() || self.machine.len() > 100 {
            return unusable("a machine needs a name of 1 to 100 bytes".to_owned());
        }
        if self.ttl < Duration::from_secs(2) || self.ttl.subsec_nanos() > 0 {
            return unusable("leases last whole seconds, 2 at least".to_owned());
        }
        if self.window.is_zero() || self.window.subsec_nanos() > 0 {
            return unusable("the window of quotas has whole seconds, 1 at least".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_cannot_work_are_refused() {
        let good = FleetOptions::new(NatsOptions::new("nats://a"), "m", "http://m");
        assert_eq!(good.check(), Ok(()));
        let changes: [fn(&mut FleetOptions); 6] = [
            |options| options.nats.url = "http://a".into(),
            |options| options.bucket = "a.b".into(),
            |options| options.machine = String::new(),
            |options| options.ttl = Duration::from_millis(2_500),
            |options| options.ttl = Duration::from_secs(1),
            |options| options.window = Duration::from_millis(500),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut options = good.clone();
            change(&mut options);
            assert!(matches!(options.check(), Err(FleetError::Unusable { .. })), "{number}");
        }
    }
}
