//! Texts of Project Gutenberg and its like: what stands before and behind the work between two marked lines.
//!
//! The lines are `*** START OF …` and `*** END OF …`. What stands before the first gives facts (`Title: …`), and is a
//! page by itself; so is what stands behind the second. No word of either is the work's.

use super::SourceInfo;

/// The line stands within so many bytes of the file's beginning.
const HEAD_WITHIN: usize = 20_000;

/// Whether a line is a mark: where the work begins, or ends.
fn mark(line: &str, word: &str) -> bool {
    let line = line.trim();
    let Some(core) = line.strip_prefix("***") else { return false };
    let core = core.trim_start().to_ascii_uppercase();
    core.starts_with(word) && core.contains("GUTENBERG")
}

/// Cuts a page before and behind the marks.
pub(super) fn parted(page: &str) -> Vec<String> {
    if !page.contains("***") {
        return vec![page.to_owned()];
    }
    let mut parts = vec![String::new()];
    for line in page.split_inclusive('\n') {
        if mark(line, "END OF") {
            parts.push(line.to_owned());
            continue;
        }
        if let Some(part) = parts.last_mut() {
            part.push_str(line);
        }
        if mark(line, "START OF") {
            parts.push(String::new());
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// What the head says of the work.
pub(super) fn info(text: &str) -> SourceInfo {
    let mut end = HEAD_WITHIN.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let lines: Vec<&str> = text.get(..end).unwrap_or_default().lines().collect();
    let Some(start) = lines.iter().position(|line| mark(line, "START OF")) else {
        return SourceInfo::default();
    };
    let said = |name: &str| {
        let head = lines.get(..start)?.iter();
        let value = head
            .clone()
            .position(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))?;
        let first = lines.get(value)?.get(name.len() + 1..)?.trim().to_owned();
        // A long value goes on in lines that are indented.
        let more = head.skip(value + 1).take_while(|line| line.starts_with(' ') && !line.trim().is_empty());
        let all = more.fold(first, |all, line| format!("{all} {}", line.trim()));
        Some(all).filter(|value| !value.is_empty())
    };
    SourceInfo {
        title: said("Title"),
        author: said("Author"),
        language: said("Language"),
        ..SourceInfo::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_licence_are_pages_of_their_own() {
        let text = "The Project Gutenberg eBook of X\n\nTitle: The Work\n       and its Title\n\nAuthor: A. B.\n\n\
                    *** START OF THE PROJECT GUTENBERG EBOOK X ***\n\nCHAPTER 1\n\nText.\n* * *\nMore.\n\n\
                    *** END OF THE PROJECT GUTENBERG EBOOK X ***\n\nLicence.\n";
        let parts = parted(text);
        assert_eq!(parts.len(), 3);
        assert_eq!(parts.concat(), text);
        assert!(parts[1].trim_start().starts_with("CHAPTER 1") && parts[1].trim_end().ends_with("More."));
        let info = info(text);
        assert_eq!(info.title.as_deref(), Some("The Work and its Title"));
        assert_eq!(info.author.as_deref(), Some("A. B."));
    }
}
