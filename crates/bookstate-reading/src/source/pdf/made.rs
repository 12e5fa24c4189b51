//! Small PDF files for tests, object by object.

use crate::source::Source;
use flate2::{Compress, Compression, FlushCompress};
use std::path::Path;

/// A file of numbered objects, the first of which is the catalog.
pub(super) fn file(objects: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (i, object) in objects.iter().enumerate() {
        offsets.push(out.len());
        out.extend(format!("{} 0 obj\n", i + 1).into_bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let (xref, size) = (out.len(), objects.len() + 1);
    out.extend(format!("xref\n0 {size}\n0000000000 65535 f \n").into_bytes());
    offsets.iter().for_each(|o| out.extend(format!("{o:010} 00000 n \n").into_bytes()));
    out.extend(format!("trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{xref}\n%%EOF\n").into_bytes());
    out
}

pub(super) fn object(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

pub(super) fn stream(dict: &str, data: &[u8]) -> Vec<u8> {
    let mut out = format!("<<{dict}/Length {}>>stream\n", data.len()).into_bytes();
    out.extend(data);
    out.extend(b"\nendstream");
    out
}

pub(super) fn open(bytes: Vec<u8>) -> Source {
    Source::from_bytes(Path::new("made.pdf"), bytes).unwrap()
}

/// A book of one page with `content`; its resources are `resources`, and `more` are objects from number 5 on.
pub(super) fn page(content: &str, resources: &str, more: Vec<Vec<u8>>) -> Vec<u8> {
    let mut objects = vec![
        object("<</Type/Catalog/Pages 2 0 R>>"),
        object("<</Type/Pages/Count 1/Kids[3 0 R]>>"),
        object(&format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 500 700]/Contents 4 0 R/Resources<<{resources}>>>>"
        )),
        stream("", content.as_bytes()),
    ];
    objects.extend(more);
    file(&objects)
}

/// The text of the first page, without its indents.
pub(super) fn text(bytes: Vec<u8>) -> String {
    let text = open(bytes).page_text(1).unwrap().text;
    text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n")
}

/// So many mebibytes of blanks, packed and without an end: one is packed, and stands there so often.
pub(super) fn packed_blanks(mebibytes: usize) -> Vec<u8> {
    let piece = vec![b' '; 1 << 20];
    let mut compress = Compress::new(Compression::fast(), true);
    let mut packed = || {
        let mut out = Vec::with_capacity(1 << 16);
        // Behind a full flush a piece needs nothing of those before it.
        compress.compress_vec(&piece, &mut out, FlushCompress::Full).unwrap();
        out
    };
    let (mut all, next) = (packed(), packed());
    (1..mebibytes).for_each(|_| all.extend(&next));
    all
}
