//! A connection to the servers, with what each must have so that it notices soon when it is cut off.

use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, ConnectOptions};

use crate::options::NatsOptions;

/// How soon a server that was cut off is noticed: with the client's own minute it would be believed to be there for as
/// long.
const PING: Duration = Duration::from_secs(1);

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NatsConnectError {
    /// The servers do not answer: try again.
    #[error("the NATS servers do not answer: {reason}")]
    Unavailable {
        /// What happened.
        reason: String,
    },
    /// The servers refuse this client, or the address is none: a person must act.
    #[error("the NATS servers cannot be used: {reason}")]
    Unusable {
        /// What is wrong.
        reason: String,
    },
}

impl NatsOptions {
    /// Connects. The client notices within two seconds that its server is cut off, and its requests end after the
    /// options' time. Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// No server answers, or they refuse this client.
    pub async fn connect(&self) -> Result<Client, NatsConnectError> {
        let servers =
            self.servers().map_err(|error| NatsConnectError::Unusable { reason: error.to_string() })?;
        let mut options = ConnectOptions::new()
            .name("bookstate")
            .ping_interval(PING)
            .connection_timeout(self.timeout)
            .request_timeout(Some(self.timeout));
        if let Some(token) = &self.token {
            options = options.token(token.clone());
        }
        options.connect(servers).await.map_err(|error| {
            let reason = error.to_string();
            match error.kind() {
                ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                    NatsConnectError::Unusable { reason }
                }
                _ => NatsConnectError::Unavailable { reason },
            }
        })
    }
}
