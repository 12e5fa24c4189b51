//! A running server as the commands' other source: the same routes that everybody uses.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bookstate_api::ProblemBody;
use reqwest::{
    Method, Url,
    header::HeaderMap,
    multipart::{Form, Part},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    failure::{Exit, Failure},
    settings::Secret,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerAt {
    /// Its URL.
    pub(crate) url: String,
    /// Certificates to trust beside the system's.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Trusts the system's certificates, and those of a file.
#[cfg(feature = "tls")]
fn trusting(http: reqwest::ClientBuilder, ca_file: Option<&Path>) -> Result<reqwest::ClientBuilder, Failure> {
    // An error says that the process has chosen a provider already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let Some(path) = ca_file else { return Ok(http) };
    let cannot =
        |error: &dyn std::fmt::Display| Failure::usage(format_args!("--ca-file {}: {error}", path.display()));
    let text = std::fs::read(path).map_err(|error| cannot(&error))?;
    let certificates = reqwest::Certificate::from_pem_bundle(&text).map_err(|error| cannot(&error))?;
    if certificates.is_empty() {
        return Err(cannot(&"it holds no certificate"));
    }
    Ok(http.tls_certs_merge(certificates))
}

/// Nothing is to be trusted without TLS.
#[cfg(not(feature = "tls"))]
fn trusting(http: reqwest::ClientBuilder, ca_file: Option<&Path>) -> Result<reqwest::ClientBuilder, Failure> {
    match ca_file {
        None => Ok(http),
        Some(_) => Err(Failure::usage(
            "--ca-file: this bookstate is built without TLS; build it with `--features tls`",
        )),
    }
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Client {
    base: Url,
    token: Option<Secret>,
    http: reqwest::Client,
}

impl Client {
    /// A client of the server at `url`. Nothing is asked yet.
    ///
    /// # Errors
    /// The text is no URL of a server.
    pub(crate) fn new(at: &ServerAt, token: Option<Secret>) -> Result<Self, Failure> {
        let url = &at.url;
        let wrong =
            || Failure::usage(format_args!("--server {url}: http://HOST:PORT or https://HOST is expected"));
        let base = Url::parse(url).map_err(|_| wrong())?;
        match base.scheme() {
            "http" | "https" if base.host_str().is_none() => return Err(wrong()),
            "http" => {}
            "https" if cfg!(feature = "tls") => {}
            "https" => {
                return Err(Failure::usage(format_args!(
                    "--server {url}: this bookstate is built without TLS; build it with `--features tls`"
                )));
            }
            _ => return Err(wrong()),
        }
        let http = reqwest::Client::builder().timeout(PATIENCE);
        let http = trusting(http, at.ca_file.as_deref())?.build().map_err(Failure::unexpected)?;
        Ok(Self { base, token, http })
    }

    /// The server's host and port.
    pub(crate) fn host(&self) -> &str {
        self.base.authority()
    }

    /// A path below the server's, each part escaped.
    fn url(&self, parts: &[impl AsRef<str>], query: &[(&str, String)]) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| Failure::usage("the server's URL has no path"))?
            .pop_if_empty()
            .extend(parts.iter().map(AsRef::as_ref));
        for (name, value) in query {
            url.query_pairs_mut().append_pair(name, value);
        }
        Ok(url)
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&serde_json::Value>,
    ) -> Result<reqwest::Response, Failure> {
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answered(request).await
    }

    async fn answered(&self, mut request: reqwest::RequestBuilder) -> Result<reqwest::Response, Failure> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.as_str());
        }
        let response = request.send().await.map_err(|error| {
            let why = if error.is_timeout() { "it does not answer in time" } else { "it cannot be reached" };
            Failure::new(Exit::Failed, format_args!("the server at {}: {why}", self.host()))
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refused(response).await)
    }

    async fn refused(&self, response: reqwest::Response) -> Failure {
        let status = response.status();
        let detail = match response.json::<ProblemBody>().await {
            Ok(problem) => problem.detail,
            Err(_) => format!("it answers {status}"),
        };
        let exit = match status.as_u16() {
            404 | 422 => Exit::Input,
            409 => Exit::DataDir,
            400..=499 => Exit::Usage,
            _ => Exit::Failed,
        };
        Failure::new(exit, format_args!("the server at {}: {detail}", self.host()))
    }

    /// What the server has at a path, and the answer's headers.
    ///
    /// # Errors
    /// The server cannot be reached, or answers with a problem, or with something else than is expected.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        parts: &[&str],
        query: &[(&str, String)],
    ) -> Result<(T, HeaderMap), Failure> {
        let response = self.send(Method::GET, self.url(parts, query)?, None).await?;
        let headers = response.headers().clone();
        let value = response.json().await;
        Ok((value.map_err(|_| self.unexpected())?, headers))
    }

    /// What the server has at a path, as it is.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn bytes(&self, parts: &[&str], query: &[(&str, String)]) -> Result<Vec<u8>, Failure> {
        let response = self.send(Method::GET, self.url(parts, query)?, None).await?;
        let bytes = response.bytes().await.map_err(|_| self.unexpected())?;
        Ok(bytes.into())
    }

    /// Asks for a change.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        parts: &[impl AsRef<str>],
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let body = body.map(serde_json::to_value).transpose().map_err(Failure::unexpected)?;
        let response = self.send(Method::POST, self.url(parts, &[])?, body.as_ref()).await?;
        response.json().await.map_err(|_| self.unexpected())
    }

    /// Sends a file as the form's field `file`, as it is read: it is not in memory at once.
    ///
    /// # Errors
    /// As [`get`](Self::get); the file cannot be read.
    pub(crate) async fn upload<T: DeserializeOwned>(
        &self,
        parts: &[&str],
        query: &[(&str, String)],
        file: &Path,
    ) -> Result<T, Failure> {
        let part = Part::file(file)
            .await
            .map_err(|error| Failure::input(format_args!("cannot read {}: {error}", file.display())))?;
        // How long it takes depends on the file; a server that has gone ends the connection.
        let request = self.http.post(self.url(parts, query)?).timeout(Duration::MAX);
        let response = self.answered(request.multipart(Form::new().part("file", part))).await?;
        response.json().await.map_err(|_| self.unexpected())
    }

    /// Asks for something to be dropped.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) async fn delete(&self, parts: &[impl AsRef<str>]) -> Result<(), Failure> {
        self.send(Method::DELETE, self.url(parts, &[])?, None).await.map(drop)
    }

    fn unexpected(&self) -> Failure {
        let host = self.host();
        Failure::new(Exit::Failed, format_args!("the server at {host} answers something else than expected"))
    }
}
