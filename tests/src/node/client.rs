//! A plain client of a node, independent of the product's: what it sees is what is there.
//!
//! Blocking, one connection per request, no retries. It sends the GraphQL text it is given.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use super::error::NodeError;
use super::http::{Message, Side};

/// After this long without a byte there is no answer. Longer than any honest request takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A client of one node. Cheap to make and to copy; holds no connection.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    address: SocketAddr,
}

impl Client {
    /// A client of the node, or proxy, at an address.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Sends a request and gives the answer, whatever its status.
    ///
    /// # Errors
    /// [`NodeError::NoAnswer`].
    pub fn request(&self, method: &str, path: &str, body: &[u8]) -> Result<Message, NodeError> {
        self.request_with("", method, path, body)
    }

    /// The same with further lines of the head, each with its end.
    ///
    /// # Errors
    /// [`NodeError::NoAnswer`].
    pub fn request_with(
        &self,
        heads: &str,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Result<Message, NodeError> {
        let no_answer =
            |reason: String| NodeError::NoAnswer { url: format!("http://{}{path}", self.address), reason };
        let ask = || {
            let mut stream = TcpStream::connect(self.address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Type: application/json\r\n\
                 Content-Length: {}\r\n{heads}\r\n",
                self.address,
                body.len()
            );
            stream.write_all(&[head.as_bytes(), body].concat())?;
            Message::read(&mut BufReader::new(stream), Side::Answer)
        };
        ask().map_err(|error| no_answer(error.to_string()))?.ok_or_else(|| no_answer("it hung up".to_owned()))
    }

    /// Sends a GraphQL request and gives its `data`.
    ///
    /// # Errors
    /// [`NodeError::NoAnswer`]; [`NodeError::Refused`] when there are `errors`, whatever stands in `data`.
    pub fn graphql(&self, query: &str, variables: &Value) -> Result<Value, NodeError> {
        let body = json!({ "query": query, "variables": variables }).to_string();
        let answer = self.request("POST", "/api/v1/graphql", body.as_bytes())?;
        let mut envelope: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let refused = answer.status() != Some(200) || envelope.get("errors").is_some();
        match envelope.get_mut("data") {
            Some(data) if !refused => Ok(data.take()),
            _ => Err(NodeError::Refused { answer: format!("{:?} {}", answer.status(), answer.text()) }),
        }
    }

    /// Creates the collections of an SDL text.
    ///
    /// # Errors
    /// [`NodeError::NoAnswer`]; [`NodeError::Refused`] when one exists already or the text is not sound.
    pub fn add_collections(&self, sdl: &str) -> Result<(), NodeError> {
        let answer = self.request("POST", "/api/v1/collections", sdl.as_bytes())?;
        match answer.status() {
            Some(200) => Ok(()),
            status => Err(NodeError::Refused { answer: format!("{status:?} {}", answer.text()) }),
        }
    }

    /// Whether the node says that it is well.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.request("GET", "/health-check", b"").is_ok_and(|answer| answer.status() == Some(200))
    }
}
