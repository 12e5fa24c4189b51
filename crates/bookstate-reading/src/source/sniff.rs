//! Which format a file is of, by its first bytes; only Markdown is told from plain text by the file's name.

use super::{SourceError, SourceKind};
use std::path::Path;

/// Readers accept a PDF header that is preceded by up to this many bytes of something else.
const PDF_HEADER_WITHIN: usize = 1024;

/// Starts of files that are known, and known not to be readable here.
const UNSUPPORTED: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a ZIP archive or EPUB book"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"AT&TFORM", "a DjVu file"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS", "a PostScript file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"<!DOCTYPE html", "an HTML page"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
];

pub(super) fn kind(path: &Path, bytes: &[u8]) -> Result<SourceKind, SourceError> {
    let head = bytes.get(..PDF_HEADER_WITHIN).unwrap_or(bytes);
    if head.windows(4).any(|w| w == b"%PDF") {
        return Ok(SourceKind::Pdf);
    }
    if let Some((_, kind)) = UNSUPPORTED.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(SourceError::Unsupported { path: path.into(), kind });
    }
    if has_extension(path, &["pdf"]) {
        let reason = "it has no PDF header".to_owned();
        return Err(SourceError::Broken { path: path.into(), reason });
    }
    let utf16 = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    if !utf16 && head.contains(&0) {
        return Err(SourceError::Unsupported { path: path.into(), kind: "a binary file" });
    }
    // A UTF-16 file goes on as text, where it is refused with the advice to convert it.
    if has_extension(path, &["md", "markdown", "mdown", "mkd"]) {
        Ok(SourceKind::Markdown)
    } else {
        Ok(SourceKind::Text)
    }
}

fn has_extension(path: &Path, any_of: &[&str]) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    any_of.iter().any(|e| extension.eq_ignore_ascii_case(e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_before_the_name() {
        let of = |name: &str, bytes: &[u8]| kind(Path::new(name), bytes);
        assert_eq!(of("a.txt", b"junk\n%PDF-1.4"), Ok(SourceKind::Pdf));
        assert_eq!(of("a.MD", b"# Title"), Ok(SourceKind::Markdown));
        assert_eq!(of("a", b"Title"), Ok(SourceKind::Text));
        assert!(matches!(of("a.pdf", b"Not found"), Err(SourceError::Broken { .. })));
        assert!(matches!(of("a.txt", b"a\0b"), Err(SourceError::Unsupported { .. })));
    }
}
