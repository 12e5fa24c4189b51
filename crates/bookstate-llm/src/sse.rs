//! Server-sent events: from the bytes of a stream to the data of its frames.
//!
//! Pieces may end anywhere, in the middle of a character too. Comments are left out: OpenRouter sends them while a
//! request waits. Names, ids and retry times of events mean nothing here.

/// The longest line that is kept, in bytes.
const LONGEST_LINE: usize = 4 << 20;

/// See the module documentation.
#[derive(Debug, Default)]
pub struct Frames {
    line: Vec<u8>,
    data: Option<String>,
    is_too_long: bool,
}

impl Frames {
    /// Takes a piece of the stream: the data of each frame that ends in it.
    pub fn push(&mut self, piece: &[u8]) -> Vec<String> {
        let mut frames = Vec::new();
        for byte in piece {
            match byte {
                b'\n' => frames.extend(self.end_line()),
                // With it lines end in many streams, and nothing else does.
                b'\r' => {}
                _ if self.line.len() < LONGEST_LINE => self.line.push(*byte),
                _ => self.is_too_long = true,
            }
        }
        frames
    }

    /// The stream has ended: some servers leave out the last empty line.
    pub fn end(mut self) -> Option<String> {
        self.end_line().or(self.data)
    }

    fn end_line(&mut self) -> Option<String> {
        let line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.is_too_long) {
            return None;
        }
        if line.is_empty() {
            return self.data.take();
        }
        let line = String::from_utf8_lossy(&line);
        if let Some(data) = line.strip_prefix("data:") {
            let data = data.strip_prefix(' ').unwrap_or(data);
            match &mut self.data {
                Some(earlier) => {
                    earlier.push('\n');
                    earlier.push_str(data);
                }
                None => self.data = Some(data.to_owned()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAM: &str = ": OPENROUTER PROCESSING\n\ndata: {\"a\":\"ä€𝄞\"}\r\n\r\nevent: x\nid: 7\ndata:b\ndata: c\n\n\
                          : OPENROUTER PROCESSING\n\ndata: [DONE]";

    proptest! {
        /// Wherever the network cuts a stream, its frames are the same.
        #[test]
        fn frames_do_not_depend_on_where_a_stream_is_cut(cuts in proptest::collection::vec(0..STREAM.len(), 0..40)) {
            let mut cuts = cuts;
            cuts.extend([0, STREAM.len()]);
            cuts.sort_unstable();
            let (mut frames, mut read) = (Frames::default(), Vec::new());
            for cut in cuts.windows(2) {
                read.extend(frames.push(&STREAM.as_bytes()[cut[0]..cut[1]]));
            }
            read.extend(frames.end());
            prop_assert_eq!(read, ["{\"a\":\"ä€𝄞\"}", "b\nc", "[DONE]"]);
        }

        #[test]
        fn any_bytes_are_some_frames(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut frames = Frames::default();
            frames.push(&bytes);
            frames.end();
        }
    }
}
