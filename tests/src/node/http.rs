//! Just enough of HTTP/1.1 for a proxy and a plain client: messages read whole, bytes as they came.
//!
//! Not a client or server of its own: no upgrades, no `HEAD`, no trailers' meaning. A message keeps its bytes
//! as on the wire, so that what is passed on, or cut in the middle, is what the sender wrote.

use std::io::{self, BufRead, Read};

/// A head longer than this is not one.
const MAX_HEAD: u64 = 64 * 1024;

/// A request or an answer, complete.
#[derive(Debug, Clone)]
pub struct Message {
    /// Start line and headers, with the empty line that ends them.
    head: Vec<u8>,
    /// What followed, chunk sizes included.
    wire: Vec<u8>,
    /// The same without chunk sizes.
    body: Vec<u8>,
}

/// Which of the two is read: they end in different ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Without a length it has no body.
    Request,
    /// Without a length it ends with the connection.
    Answer,
}

impl Message {
    /// Reads one. `None` when the other side closed the connection before it began.
    ///
    /// # Errors
    /// Those of the connection; `UnexpectedEof` when it ends within the message, `InvalidData` when it is not
    /// HTTP.
    pub(super) fn read(reader: &mut impl BufRead, side: Side) -> io::Result<Option<Self>> {
        let mut head = Vec::new();
        loop {
            let room = MAX_HEAD.saturating_sub(head.len() as u64);
            let read = reader.by_ref().take(room).read_until(b'\n', &mut head)?;
            if read == 0 && head.is_empty() {
                return Ok(None);
            }
            if room == 0 {
                return Err(malformed("a head without end"));
            }
            if read == 0 {
                return Err(ended());
            }
            if head.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        let mut message = Self { head, wire: Vec::new(), body: Vec::new() };
        message.read_body(reader, side)?;
        Ok(Some(message))
    }

    fn read_body(&mut self, reader: &mut impl BufRead, side: Side) -> io::Result<()> {
        let bodyless = side == Side::Answer && matches!(self.status(), Some(100..200 | 204 | 304));
        if bodyless {
            return Ok(());
        }
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return self.read_chunks(reader);
        }
        if let Some(length) = self.header("content-length") {
            let length: u64 = length.parse().map_err(|_| malformed("a length that is no number"))?;
            reader.by_ref().take(length).read_to_end(&mut self.wire)?;
            if (self.wire.len() as u64) < length {
                return Err(ended());
            }
        } else if side == Side::Answer {
            reader.read_to_end(&mut self.wire)?;
        }
        self.body.clone_from(&self.wire);
        Ok(())
    }

    fn read_chunks(&mut self, reader: &mut impl BufRead) -> io::Result<()> {
        loop {
            let line = self.read_line(reader)?;
            let digits = line.split(|byte| *byte == b';' || *byte == b'\r').next().unwrap_or_default();
            let size = std::str::from_utf8(digits).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
            let size = size.ok_or_else(|| malformed("a chunk without a size"))?;
            if size == 0 {
                // Trailers, then the empty line.
                while self.read_line(reader)? != b"\r\n" {}
                return Ok(());
            }
            let begin = self.wire.len();
            reader.by_ref().take(size + 2).read_to_end(&mut self.wire)?;
            let chunk = self.wire.get(begin..).and_then(|chunk| chunk.strip_suffix(b"\r\n"));
            let chunk = chunk.filter(|chunk| chunk.len() as u64 == size).ok_or_else(ended)?;
            self.body.extend_from_slice(chunk);
        }
    }

    /// Reads a line of the body's framing, which is kept, and gives it with its end.
    fn read_line(&mut self, reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        reader.by_ref().take(MAX_HEAD).read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Err(ended());
        }
        self.wire.extend_from_slice(&line);
        Ok(line)
    }

    /// The words of the start line.
    fn start(&self) -> impl Iterator<Item = &str> {
        let line = self.head.split(|byte| *byte == b'\r').next().unwrap_or_default();
        std::str::from_utf8(line).unwrap_or_default().split(' ')
    }

    /// The method of a request; of an answer, the protocol.
    #[must_use]
    pub fn method(&self) -> &str {
        self.start().next().unwrap_or_default()
    }

    /// The path of a request, with its query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.start().nth(1).unwrap_or_default()
    }

    /// The status of an answer.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.start().nth(1)?.parse().ok()
    }

    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let head = std::str::from_utf8(&self.head).ok()?;
        let mut headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The body, without the framing of chunks.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Everything, as it was on the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.head.as_slice(), &self.wire].concat()
    }

    /// Whether the sender ends the connection with this message.
    pub(super) fn is_last(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not HTTP: {what}"))
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended within a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], side: Side) -> io::Result<Option<Message>> {
        Message::read(&mut &bytes[..], side)
    }

    #[test]
    fn a_message_keeps_its_bytes_and_shows_its_parts() {
        let bytes = b"POST /a?b HTTP/1.1\r\nHost: x\r\ncontent-length: 4\r\n\r\nbody";
        let request = read(bytes, Side::Request).unwrap().unwrap();
        assert_eq!((request.method(), request.path(), request.body()), ("POST", "/a?b", &b"body"[..]));
        assert_eq!(request.bytes(), bytes);
    }

    #[test]
    fn chunks_are_joined() {
        let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\n\r\n\r\n0\r\nT: 1\r\n\r\n";
        let answer = read(bytes, Side::Answer).unwrap().unwrap();
        assert_eq!((answer.status(), answer.body()), (Some(200), &b"abc\r\n"[..]));
        assert_eq!(answer.bytes(), bytes);
    }

    #[test]
    fn every_cut_of_a_message_is_an_error() {
        let whole: [(&[u8], Side); 2] = [
            (b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", Side::Request),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", Side::Answer),
        ];
        for (bytes, side) in whole {
            assert!(read(&[], side).unwrap().is_none());
            for length in 1..bytes.len() {
                assert!(read(&bytes[..length], side).is_err(), "{length} bytes");
            }
        }
        assert!(read(&b"a: b\r\n".repeat(20_000), Side::Request).is_err(), "a head without end");
    }

    #[test]
    fn an_answer_without_length_ends_with_its_connection() {
        let answer = read(b"HTTP/1.0 200 OK\r\n\r\nall of it", Side::Answer).unwrap().unwrap();
        assert_eq!(answer.body(), b"all of it");
        assert_eq!(read(b"GET / HTTP/1.1\r\n\r\nnext", Side::Request).unwrap().unwrap().body(), b"");
    }
}
