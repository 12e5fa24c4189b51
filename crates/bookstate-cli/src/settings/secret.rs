//! Tokens: texts that are not shown, in files that nobody else can read.

use std::{fmt, io::Read, os::unix::fs::MetadataExt, path::Path};

use crate::{failure::Failure, output::quoted};

/// What the mode of a token's file lets group and others do.
const OTHERS: u32 = 0o077;
/// How many bytes of a token's file are read.
const LONGEST: u64 = 4096;

/// A text that is not shown.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// A text without the blanks around it.
    pub(super) fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The token in a file.
    ///
    /// # Errors
    /// It cannot be read, or others than its owner can read or write it.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::usage(format_args!("the token file {} cannot be read: {error}", path.display()))
        };
        let mut file = std::fs::File::open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if metadata.is_file() && metadata.mode() & OTHERS != 0 {
            return Err(Failure::usage(format_args!(
                "the token file {} can be read or written by others: `chmod 600 {}`, and if others may have read it, \
                 take a new token",
                path.display(),
                quoted(&path.display().to_string())
            )));
        }
        let mut text = String::new();
        file.by_ref().take(LONGEST).read_to_string(&mut text).map_err(cannot)?;
        Ok(Self::new(&text))
    }
}
