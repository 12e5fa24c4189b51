//! How images are encoded, as the first bytes of a file say.

/// How an image is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the codec of its name")]
pub enum Codec {
    Png,
    Jpeg,
    Webp,
    Tiff,
    Jpeg2000,
}

impl Codec {
    /// What the first bytes of a file say.
    #[must_use]
    pub fn of(head: &[u8]) -> Option<Self> {
        let is = |magic: &[u8]| head.starts_with(magic);
        if is(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if is(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if is(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
            Some(Self::Webp)
        } else if [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"].iter().any(|magic| is(*magic)) {
            Some(Self::Tiff)
        } else if is(b"\x00\x00\x00\x0cjP  ") || is(b"\xff\x4f\xff\x51") {
            Some(Self::Jpeg2000)
        } else {
            None
        }
    }

    /// The usual ending of a file's name.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Tiff => "tif",
            Self::Jpeg2000 => "jp2",
        }
    }
}
