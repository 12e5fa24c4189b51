//! Names of files in the archive: what a link in one of them means.

/// The file, and the place in it, to which `href` in the file `from` leads; `None` for what is outside the book.
pub(super) fn resolve(from: &str, href: &str) -> Option<String> {
    let href = href.trim();
    let scheme = href.split(['/', '#', '?']).next().unwrap_or_default();
    if scheme.contains(':') || href.starts_with("//") {
        return None;
    }
    let (file, place) = href.split_once('#').map_or((href, None), |(file, place)| (file, Some(place)));
    let file = file.split('?').next().unwrap_or_default();
    let name = if file.is_empty() { from.to_owned() } else { join(from, &decoded(file)) };
    Some(match place {
        Some(place) if !place.is_empty() => format!("{name}#{}", decoded(place)),
        _ => name,
    })
}

/// A path as seen from the folder of `from`. It never leads above the archive's root.
pub(super) fn join(from: &str, path: &str) -> String {
    let base =
        if path.starts_with('/') { "" } else { from.rsplit_once('/').map_or("", |(folder, _)| folder) };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// `%20` as the character that it stands for.
pub(super) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = text
            .get(at + 1..at + 3)
            .filter(|_| *byte == b'%')
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(code.unwrap_or(*byte));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_seen_from_the_file_in_which_they_stand() {
        let cases = [
            ("OEBPS/text/a.xhtml", "../notes.xhtml#n%201", Some("OEBPS/notes.xhtml#n 1")),
            ("OEBPS/a.xhtml", "b%C3%A4.xhtml", Some("OEBPS/bä.xhtml")),
            ("a.xhtml", "#x", Some("a.xhtml#x")),
            ("a.xhtml", "../../../etc/passwd", Some("etc/passwd")),
            ("a.xhtml", "http://example.org/", None),
            ("a.xhtml", "mailto:a@b.c", None),
        ];
        for (from, href, expected) in cases {
            assert_eq!(resolve(from, href).as_deref(), expected, "{href}");
        }
    }
}
