//! Reads the head of a commit (book, seq, prev) out of its MessagePack, and skips everything else.
//!
//! The journal knows nothing else of a commit. Hand-written because recovery does it once per record: no
//! allocation, no recursion (input cannot exhaust the stack), and a long text is skipped in one step.

/// What the journal knows of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// The book's id.
    pub book: &'a str,
    /// The commit's number in its book.
    pub seq: u32,
    /// The number of the book's commit before this one; 0 for none.
    pub prev: u32,
}

/// Reads the head of `payload`: a map with at least `book: str` and `seq: u32`; `prev: u32` is `seq - 1` when
/// missing.
pub(super) fn read(payload: &[u8]) -> Result<Head<'_>, &'static str> {
    let mut input = Input(payload);
    let fields = match input.value()? {
        Value::Map(fields) => fields,
        _ => return Err("not a map"),
    };
    let (mut book, mut seq, mut prev) = (None, None, None);
    for _ in 0..fields {
        if let (Some(book), Some(seq), Some(prev)) = (book, seq, prev) {
            return Ok(Head { book, seq, prev });
        }
        let Value::Str(name) = input.value()? else { return Err("a field name is not text") };
        match name {
            b"book" => match input.value()? {
                Value::Str(text) => book = Some(std::str::from_utf8(text).map_err(|_| "book is not UTF-8")?),
                _ => return Err("book is not text"),
            },
            b"seq" => seq = Some(input.number()?),
            b"prev" => prev = Some(input.number()?),
            _ => input.skip()?,
        }
    }
    let book = book.ok_or("book is missing")?;
    let seq: u32 = seq.ok_or("seq is missing")?;
    Ok(Head { book, seq, prev: prev.unwrap_or_else(|| seq.saturating_sub(1)) })
}

const SHORT: &str = "it ends too early";

enum Value<'a> {
    Unsigned(u64),
    Str(&'a [u8]),
    Array(u64),
    Map(u64),
    Other,
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// The next value; of an array or map only its length, the elements follow.
    fn value(&mut self) -> Result<Value<'a>, &'static str> {
        let tag = u8::try_from(self.unsigned(1)?).map_err(|_| SHORT)?;
        Ok(match tag {
            0x00..=0x7f => Value::Unsigned(u64::from(tag)),
            0x80..=0x8f => Value::Map(u64::from(tag & 0x0f)),
            0x90..=0x9f => Value::Array(u64::from(tag & 0x0f)),
            0xa0..=0xbf => Value::Str(self.take(u64::from(tag & 0x1f))?),
            0xc1 => return Err("not MessagePack"),
            0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => Value::Other,
            0xc4..=0xc6 => self.sized(1 << (tag - 0xc4), 0)?,
            0xc7..=0xc9 => self.sized(1 << (tag - 0xc7), 1)?,
            0xca => self.other(4)?,
            0xcb => self.other(8)?,
            0xcc..=0xcf => Value::Unsigned(self.unsigned(1 << (tag - 0xcc))?),
            0xd0..=0xd3 => self.other(1 << (tag - 0xd0))?,
            0xd4..=0xd8 => self.other((1 << (tag - 0xd4)) + 1)?,
            0xd9..=0xdb => {
                let len = self.unsigned(1 << (tag - 0xd9))?;
                Value::Str(self.take(len)?)
            }
            0xdc | 0xdd => Value::Array(self.unsigned(2 << (tag - 0xdc))?),
            0xde | 0xdf => Value::Map(self.unsigned(2 << (tag - 0xde))?),
        })
    }

    fn number(&mut self) -> Result<u32, &'static str> {
        match self.value()? {
            Value::Unsigned(number) => u32::try_from(number).map_err(|_| "a seq is too large"),
            _ => Err("a seq is not a number"),
        }
    }

    fn skip(&mut self) -> Result<(), &'static str> {
        let mut pending = 1_u64;
        while pending > 0 {
            pending -= 1;
            let elements = match self.value()? {
                Value::Array(len) => len,
                Value::Map(len) => len * 2,
                Value::Unsigned(_) | Value::Str(_) | Value::Other => 0,
            };
            pending = pending.checked_add(elements).ok_or(SHORT)?;
        }
        Ok(())
    }

    fn sized(&mut self, len_bytes: usize, extra: u64) -> Result<Value<'a>, &'static str> {
        let len = self.unsigned(len_bytes)?;
        self.other(len + extra)
    }

    fn other(&mut self, len: u64) -> Result<Value<'a>, &'static str> {
        self.take(len)?;
        Ok(Value::Other)
    }

    fn unsigned(&mut self, len: usize) -> Result<u64, &'static str> {
        let bytes = self.take(len as u64)?;
        Ok(bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], &'static str> {
        let (taken, rest) =
            usize::try_from(len).ok().and_then(|len| self.0.split_at_checked(len)).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(serde::Serialize)]
    struct Commit<'a> {
        before: serde_json::Value,
        seq: u32,
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        prev: Option<u32>,
        bytes: Vec<(f64, i64)>,
        book: &'a str,
        after: serde_json::Value,
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<u64>().prop_map(Into::into),
            any::<f32>().prop_map(Into::into),
            ".{0,300}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 64, 20, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..20).prop_map(Into::into),
                prop::collection::btree_map(".{0,40}", inner, 0..20)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn reads_what_serde_wrote(
            book in ".{0,80}", seq: u32, prev: Option<u32>, text in ".{0,400}", before in json(), after in json()
        ) {
            let bytes = vec![(0.5, -1), (1e300, i64::MIN), (f64::NAN, 1 << 40)];
            let commit = Commit { before, seq, text: &text, prev, bytes, book: &book, after };
            let payload = rmp_serde::to_vec_named(&commit).unwrap();
            let expected = Head { book: &book, seq, prev: prev.unwrap_or(seq.saturating_sub(1)) };
            prop_assert_eq!(read(&payload), Ok(expected));
            for len in 0..payload.len() {
                // Never a panic, and never another head: at most the right one before the cut.
                if let Ok(head) = read(&payload[..len]) {
                    prop_assert_eq!(head, expected);
                }
            }
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&bytes).is_ok_and(|head| head.book.len() < bytes.len()) || read(&bytes).is_err());
        }
    }

    #[test]
    fn skips_binary_and_extension_values() {
        let mut payload = vec![0x84, 0xa1, b'x', 0xc4, 2, 9, 9, 0xa1, b'y', 0xd6, 5, 1, 2, 3, 4];
        payload.extend_from_slice(&[0xa4, b'b', b'o', b'o', b'k', 0xa1, b'b', 0xa3, b's', b'e', b'q', 7]);
        assert_eq!(read(&payload), Ok(Head { book: "b", seq: 7, prev: 6 }));
    }

    #[test]
    fn refuses_what_has_no_head() {
        for value in [serde_json::json!([1]), serde_json::json!({"book": "b"}), serde_json::json!({"seq": 1})]
        {
            assert!(read(&rmp_serde::to_vec_named(&value).unwrap()).is_err(), "{value}");
        }
        let large = serde_json::json!({"book": "b", "seq": 1_u64 << 32});
        assert_eq!(read(&rmp_serde::to_vec_named(&large).unwrap()), Err("a seq is too large"));
    }
}
