//! A book as one HTML file: title, contents, chapters, notes. It needs nothing beside itself.

use bookstate_domain::BookState;

use super::content::{Above, content};
use super::escape::xml;
use super::markup::{ContentsLine, Dialect, STYLE, contents, section};

/// A book as one HTML file.
#[must_use]
pub fn html(state: &BookState) -> String {
    let content = content(state, Above::Title);
    let language =
        state.book().and_then(|book| book.language.as_deref()).filter(|language| is_language(language));
    let language = language.map(|language| format!(" lang=\"{language}\"")).unwrap_or_default();
    let mut out = format!("<!DOCTYPE html>\n<html{language}>\n<head>\n<meta charset=\"utf-8\"/>\n");
    out.push_str("<meta name=\"viewport\" content=\"width=device-width\"/>\n");
    out.push_str(&format!("<title>{}</title>\n", xml(content.title)));
    if !content.authors.is_empty() {
        out.push_str(&format!("<meta name=\"author\" content=\"{}\"/>\n", xml(&content.authors.join(", "))));
    }
    out.push_str(&format!(
        "<style>\nbody {{ max-width: 42em; margin: auto; padding: 1em; line-height: 1.5 }}\n{STYLE}</style>\n"
    ));
    out.push_str(&format!("</head>\n<body>\n<h1>{}</h1>\n", xml(content.title)));
    let lines = [content.subtitle.unwrap_or_default(), &content.authors.join(", "), &content.imprint];
    for line in lines.into_iter().filter(|line| !line.trim().is_empty()) {
        out.push_str(&format!("<p>{}</p>\n", xml(line)));
    }
    let named = content.sections.iter().enumerate().filter(|(_, section)| section.heading.is_some());
    let lines: Vec<ContentsLine> = named
        .map(|(n, section)| ContentsLine {
            name: section.name.to_string(),
            level: section.level,
            to: format!("#s{}", n + 1),
        })
        .collect();
    if lines.len() > 1 {
        out.push_str(&format!("<nav role=\"doc-toc\">\n{}</nav>\n", contents(&lines)));
    }
    for (n, of) in (1..).zip(&content.sections) {
        out.push_str(&section(of, n, 2, Dialect::Html));
    }
    out.push_str("</body>\n</html>\n");
    out
}

/// A tag of a language as documents may have it: `de`, `en-GB`.
pub(super) fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let first = parts
        .next()
        .is_some_and(|p| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphabetic()));
    first && parts.all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{book, with_layout};
    use super::*;
    use bookstate_domain::LayoutKind;

    #[test]
    fn a_book_is_one_document_with_its_contents_and_notes() {
        let text = html(&book());
        for part in [
            "<h1>Moby Dick</h1>",
            "<li><a href=\"#s1\">1 Loomings</a><ol>\n<li><a href=\"#s2\">1.1 The Inn</a></li>",
            "<h2>1 Loomings</h2>",
            "<p>Call me Ishmael.<a id=\"s1r1\" href=\"#s1n1\" role=\"doc-noteref\"><sup>*</sup></a></p>",
            "<aside id=\"s1n1\" role=\"doc-footnote\"><p><a href=\"#s1r1\" role=\"doc-backlink\">*</a> Or so he says.</p></aside>",
            "<h3>On ships</h3>",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert_eq!(text.matches("LOOMINGS").count(), 0, "the heading is said once");
    }

    #[test]
    fn lists_and_quotations_are_nested() {
        let item = |depth, marker: &str| LayoutKind::Item { depth, marker: marker.into() };
        let state = with_layout(&[
            (item(0, "1."), "1. one"),
            (item(1, "•"), "• inner"),
            (item(0, "2."), "2. two"),
            (item(0, ""), "more"),
            (item(0, "(a)"), "(a) letter"),
            (LayoutKind::Quote(2), "deep"),
            (LayoutKind::Quote(1), "less"),
            (LayoutKind::Code { language: None }, "<a>\n  b"),
        ]);
        let text = html(&state).replace('\n', "");
        let expected = "<ol><li value=\"1\"><p>one</p><ul><li><p>inner</p></li></ul></li><li value=\"2\"><p>two</p>\
                        <p>more</p></li></ol><ul class=\"plain\"><li><p>(a) letter</p></li></ul><blockquote><blockquote>\
                        <p>deep</p></blockquote><p>less</p></blockquote><pre><code>&lt;a&gt;  b</code></pre>";
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn languages_are_tags() {
        assert!(["de", "en-GB", "zh-Hant"].iter().all(|tag| is_language(tag)));
        assert!(["", "english", "e", "de_DE", "de-", "d\u{e9}"].iter().all(|tag| !is_language(tag)));
    }
}
