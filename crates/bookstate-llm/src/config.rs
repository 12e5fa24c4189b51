//! How a provider is used, and whether that makes sense.

use std::{collections::BTreeMap, time::Duration};

use crate::{key::Key, limiter::RateLimits, money::Price, request::JsonWay};

/// How a provider is used.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// Its name, in messages.
    pub name: String,
    /// Where it is: up to and with `/v1`. Several are used in turn, with the same key.
    pub urls: Vec<String>,
    /// The key; `None` for a server that wants none.
    pub key: Option<Key>,
    /// What may be sent in a minute.
    pub limits: RateLimits,
    /// How many requests may be in flight, at least 1.
    pub concurrency: usize,
    /// What models cost, where the server does not say.
    pub prices: BTreeMap<String, Price>,
    /// How long an attempt may take as a whole.
    pub timeout: Duration,
    /// How long a stream may say nothing.
    pub idle: Duration,
    /// Whether answers are asked for as streams.
    pub stream: bool,
    /// How the server is told to answer in JSON; `None`: what works is found out.
    pub json: Option<JsonWay>,
    /// What an image counts in estimates, in tokens.
    pub image_tokens: u32,
}

impl ProviderConfig {
    /// A provider without key, prices and limits of rate, four requests in flight.
    #[must_use]
    pub fn new(name: &str, url: &str) -> Self {
        Self {
            name: name.to_owned(),
            urls: vec![url.to_owned()],
            key: None,
            limits: RateLimits::NONE,
            concurrency: 4,
            prices: BTreeMap::new(),
            timeout: Duration::from_secs(300),
            idle: Duration::from_secs(60),
            stream: true,
            json: None,
            image_tokens: 1_600,
        }
    }
}

/// A provider cannot be used as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// There is no URL, or one is none.
    #[error("provider {name}: {url:?} is no URL of a server, like http://127.0.0.1:8080/v1")]
    Url {
        /// The provider.
        name: String,
        /// The URL.
        url: String,
    },
    /// The program has no TLS.
    #[error("provider {name}: {url} needs TLS, which this program was built without (feature tls)")]
    NoTls {
        /// The provider.
        name: String,
        /// The URL.
        url: String,
    },
    /// The HTTP client cannot be made.
    #[error("provider {name}: {reason}")]
    Client {
        /// The provider.
        name: String,
        /// Why not.
        reason: String,
    },
}

impl ProviderConfig {
    /// Whether its URLs are URLs that this program can use.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), ConfigError> {
        let name = || self.name.clone();
        if self.urls.is_empty() {
            return Err(ConfigError::Url { name: name(), url: String::new() });
        }
        for url in &self.urls {
            let parsed = reqwest::Url::parse(url).ok().filter(|url| {
                let is_plain = url.username().is_empty() && url.password().is_none();
                matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain
            });
            let Some(parsed) = parsed else {
                // One with a password in it is not repeated.
                let shown = if url.contains('@') { "…@…" } else { url };
                return Err(ConfigError::Url { name: name(), url: shown.to_owned() });
            };
            if parsed.scheme() == "https" && !cfg!(feature = "tls") {
                return Err(ConfigError::NoTls { name: name(), url: url.clone() });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_none_is_refused_and_a_password_in_it_not_repeated() {
        assert_eq!(ProviderConfig::new("x", "http://127.0.0.1:8080/v1").check(), Ok(()));
        for url in ["", "127.0.0.1:8080", "ftp://host/v1", "http://me:secret@host/v1"] {
            let error = ProviderConfig::new("x", url).check().unwrap_err();
            assert!(matches!(error, ConfigError::Url { .. }), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let https = ProviderConfig::new("x", "https://host/v1").check();
        assert_eq!(https.is_ok(), cfg!(feature = "tls"), "{https:?}");
    }
}
