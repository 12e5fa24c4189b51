//! What a PDF says about itself: document information, XMP, language.

use super::strings;
use crate::source::SourceInfo;
use hayro_syntax::Pdf;
use hayro_syntax::object::{Dict, Stream, String as PdfString};

/// Longer metadata is not looked at.
const LONGEST_XMP: usize = 4 << 20;

pub(super) fn info(pdf: &Pdf) -> SourceInfo {
    let metadata = pdf.metadata();
    let text = |bytes: &Option<Box<[u8]>>| bytes.as_deref().and_then(strings::decode);
    let catalog: Option<Dict<'_>> = pdf.xref().get(pdf.xref().root_id());
    let xmp = catalog
        .as_ref()
        .and_then(|c| c.get::<Stream<'_>>("Metadata"))
        .and_then(|s| super::decode::bounded(&s, LONGEST_XMP).ok())
        .map(|bytes| Xmp::new(&bytes))
        .unwrap_or_default();
    let joined = |values: Vec<String>| (!values.is_empty()).then(|| values.join("; "));
    let language = catalog
        .and_then(|c| c.get::<PdfString<'_>>("Lang"))
        .and_then(|l| strings::decode(l.as_bytes()))
        .or_else(|| xmp.values("dc:language").into_iter().next().filter(|l| l != "x-default"));
    SourceInfo {
        title: text(&metadata.title).or_else(|| xmp.values("dc:title").into_iter().next()),
        author: text(&metadata.author).or_else(|| joined(xmp.values("dc:creator"))),
        subject: text(&metadata.subject).or_else(|| xmp.values("dc:description").into_iter().next()),
        keywords: text(&metadata.keywords).or_else(|| joined(xmp.values("dc:subject"))),
        creator: text(&metadata.creator),
        creation_year: metadata.creation_date.as_ref().map(|d| d.year),
        publisher: joined(xmp.values("dc:publisher")),
        language,
        ..SourceInfo::default()
    }
}

/// An XMP packet. It is well-formed XML with fixed names in practice; what is not found is not there.
#[derive(Default)]
struct Xmp(String);

impl Xmp {
    fn new(bytes: &[u8]) -> Self {
        Self(strings::decode(bytes).unwrap_or_default())
    }

    /// The values of a property: its list items, or its own text.
    fn values(&self, name: &str) -> Vec<String> {
        let Some(inner) = self.element(name) else { return Vec::new() };
        let mut found = Vec::new();
        let mut rest = inner;
        while let Some((_, after)) = rest.split_once("<rdf:li") {
            let Some((_, after)) = after.split_once('>') else { break };
            let Some((item, after)) = after.split_once("</rdf:li>") else { break };
            found.extend(value(item));
            rest = after;
        }
        if found.is_empty() && !inner.contains('<') {
            found.extend(value(inner));
        }
        found
    }

    fn element(&self, name: &str) -> Option<&str> {
        let (_, after) = self.0.split_once(&format!("<{name}"))?;
        let (attributes, after) = after.split_once('>')?;
        if attributes.ends_with('/') {
            return None;
        }
        after.split_once(&format!("</{name}>")).map(|(inner, _)| inner)
    }
}

fn value(text: &str) -> Option<String> {
    let mut plain = text.to_owned();
    for (entity, c) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")] {
        plain = plain.replace(entity, c);
    }
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_of_an_xmp_packet() {
        let xmp = Xmp::new(
            b"<x:xmpmeta><dc:title><rdf:Alt><rdf:li xml:lang='x-default'>Tide &amp;\n Time</rdf:li></rdf:Alt>\
              </dc:title><dc:creator><rdf:Seq><rdf:li>A. One</rdf:li><rdf:li>B. Two</rdf:li></rdf:Seq>\
              </dc:creator><dc:publisher/><dc:language>de</dc:language>",
        );
        assert_eq!(xmp.values("dc:title"), ["Tide & Time"]);
        assert_eq!(xmp.values("dc:creator"), ["A. One", "B. Two"]);
        assert_eq!(xmp.values("dc:publisher"), Vec::<String>::new());
        assert_eq!(xmp.values("dc:language"), ["de"]);
    }
}
