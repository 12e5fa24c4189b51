//! Which format a file is of, by its first bytes; only Markdown is told from plain text by the file's name.

use super::{SourceError, SourceKind, epub};
use std::path::Path;

/// Readers accept a PDF header that is preceded by up to this many bytes of something else.
const PDF_HEADER_WITHIN: usize = 1024;

/// Starts of files that are known, and known not to be readable here.
const UNSUPPORTED: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "a ZIP archive"),
    (b"TPZ", "a Kindle book (Topaz)"),
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
];

pub(super) fn kind(path: &Path, bytes: &[u8]) -> Result<SourceKind, SourceError> {
    let head = bytes.get(..PDF_HEADER_WITHIN).unwrap_or(bytes);
    if head.windows(4).any(|w| w == b"%PDF") {
        return Ok(SourceKind::Pdf);
    }
    if epub::is_epub(bytes) {
        return Ok(SourceKind::Epub);
    }
    if let Some((_, kind)) = UNSUPPORTED.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(SourceError::Unsupported { path: path.into(), kind });
    }
    if bytes.get(60..68) == Some(b"BOOKMOBI") {
        return Err(SourceError::Unsupported { path: path.into(), kind: "a Kindle book (MOBI, AZW)" });
    }
    if has_extension(path, &["pdf"]) {
        let reason = "it has no PDF header".to_owned();
        return Err(SourceError::Broken { path: path.into(), reason });
    }
    if has_extension(path, &["epub"]) {
        let reason = "it is no ZIP archive with a META-INF folder".to_owned();
        return Err(SourceError::Broken { path: path.into(), reason });
    }
    if has_extension(path, &["md", "markdown", "mdown", "mkd"]) {
        Ok(SourceKind::Markdown)
    } else if is_html(head) || has_extension(path, &["html", "htm", "xhtml", "xht"]) {
        Ok(SourceKind::Html)
    } else {
        Ok(SourceKind::Text)
    }
}

/// It begins as documents of HTML do, behind marks, declarations and comments.
fn is_html(head: &[u8]) -> bool {
    let text: String = head.iter().filter(|b| **b != 0).map(|b| char::from(*b)).collect();
    let mut text = text.trim_start_matches(|c: char| !c.is_ascii() || c.is_whitespace());
    while let Some((_, rest)) =
        ["<?", "<!--"].iter().find(|open| text.starts_with(**open)).and_then(|_| text.split_once('>'))
    {
        text = rest.trim_start();
    }
    let text = text.to_ascii_lowercase();
    ["<!doctype html", "<html", "<head", "<body"].iter().any(|tag| text.starts_with(tag))
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
        assert_eq!(
            of("a.txt", b"<?xml version='1.0'?>\n<!-- x -->\n<!DOCTYPE HTML><title>"),
            Ok(SourceKind::Html)
        );
        assert_eq!(of("a.html", b"<p>x"), Ok(SourceKind::Html));
        assert_eq!(of("a.md", b"<html> is a tag"), Ok(SourceKind::Markdown));
        assert!(matches!(of("a.epub", b"<html>"), Err(SourceError::Broken { .. })));
    }
}
