//! How to reach the servers, and what cannot be their address.

use std::{fmt, time::Duration};

use async_nats::ServerAddr;

/// Servers that cannot be a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NatsUrlError {
    /// Not the address of servers.
    #[error("{url:?} is not the address of NATS servers: nats://HOST:PORT,HOST:PORT is expected")]
    Url {
        /// What was given.
        url: String,
    },
    /// A name and password in the address would be shown wherever the address is.
    #[error("the address of NATS servers must not have a name and a password: put a token into a file")]
    Secret,
}

/// How to reach the servers.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NatsOptions {
    /// Some of the servers of one cluster, or one alone: `nats://HOST:PORT,HOST:PORT`; `tls://` with TLS. The others
    /// are found.
    pub url: String,
    /// The stream, made when it is not there; also the first word of its subjects.
    pub stream: String,
    /// A token, if the servers ask for one.
    pub token: Option<String>,
    /// How long a request may take.
    pub timeout: Duration,
}

impl NatsOptions {
    /// These servers, the stream `bookstate`, no token, 5 seconds per request.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), stream: "bookstate".to_owned(), token: None, timeout: Duration::from_secs(5) }
    }

    /// Whether the address is one of NATS servers.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self) -> Result<(), NatsUrlError> {
        self.servers().map(|_| ())
    }

    pub(crate) fn servers(&self) -> Result<Vec<ServerAddr>, NatsUrlError> {
        let wrong = || NatsUrlError::Url { url: self.url.clone() };
        let (scheme, hosts) = self.url.split_once("://").ok_or_else(wrong)?;
        if !["nats", "tls"].contains(&scheme) {
            return Err(wrong());
        }
        let mut servers = Vec::new();
        for host in hosts.trim_end_matches('/').split(',') {
            // Everything else that a URL can have would be passed over.
            if host.contains('@') {
                return Err(NatsUrlError::Secret);
            }
            if host.is_empty() || host.contains(['/', '?', '#']) {
                return Err(wrong());
            }
            servers.push(format!("{scheme}://{host}").parse().map_err(|_| wrong())?);
        }
        Ok(servers)
    }
}

impl fmt::Debug for NatsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let token = self.token.as_ref().map(|_| "(hidden)");
        f.debug_struct("NatsOptions")
            .field("url", &self.url)
            .field("stream", &self.stream)
            .field("token", &token)
            .field("timeout", &self.timeout)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_of_servers_or_an_error_that_says_what_is_expected() {
        let hosts = |url: &str| {
            let servers = NatsOptions::new(url).servers();
            servers
                .map(|all| all.iter().map(|one| format!("{}:{}", one.host(), one.port())).collect::<Vec<_>>())
        };
        assert_eq!(hosts("nats://a,b:1,[::1]:2/"), Ok(vec!["a:4222".into(), "b:1".into(), "::1:2".into()]));
        assert_eq!(hosts("tls://a"), Ok(vec!["a:4222".to_owned()]));
        for wrong in ["a:4222", "http://a", "nats://", "nats://a,,b", "nats://a/b", "nats://a?x=1", ""] {
            assert!(matches!(hosts(wrong), Err(NatsUrlError::Url { .. })), "{wrong}");
        }
        assert_eq!(hosts("nats://me:secret@a"), Err(NatsUrlError::Secret));
    }
}
