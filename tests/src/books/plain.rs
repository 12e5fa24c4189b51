//! Made books as plain text and as Markdown.

use super::builder::Book;
use super::key::{AnswerKey, ChapterLine, Made};
use super::plan::{Heading, Kind, headings};
use super::words::{Language, Words};

/// The kind of text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Markdown,
    Text,
}

const LINE_WIDTH: usize = 72;

/// `book` as a text file. It has no contents, and neither bibliography nor index.
pub(super) fn make(book: &Book, form: Form) -> Made {
    let mut words = Words::new(book.seed, book.language);
    let mut text = Text { lines: Vec::new(), chapters: Vec::new() };
    match form {
        Form::Markdown => {
            text.lines.extend([format!("# {}", book.title), String::new(), book.author.clone()])
        }
        Form::Text => {
            text.lines.extend([book.title.to_uppercase(), String::new(), format!("by {}", book.author)])
        }
    }
    for heading in headings(book, &mut words) {
        if matches!(heading.kind, Kind::Bibliography | Kind::Index) {
            continue;
        }
        text.heading(&heading, form, book.language);
        if heading.kind == Kind::Part {
            continue;
        }
        for _ in 0..3 + words.below(4) {
            text.paragraph(&words.paragraph(), form);
        }
    }
    let extension = if form == Form::Markdown { "md" } else { "txt" };
    Made {
        file_name: format!("{}.{extension}", book.name),
        bytes: (text.lines.join("\n") + "\n").into_bytes(),
        key: AnswerKey {
            name: book.name.clone(),
            title: book.title.clone(),
            author: book.author.clone(),
            pages: 0,
            toc_pages: Vec::new(),
            printed_toc: Vec::new(),
            outline: Vec::new(),
            chapters: text.chapters,
        },
    }
}

struct Text {
    lines: Vec<String>,
    chapters: Vec<ChapterLine>,
}

impl Text {
    fn heading(&mut self, heading: &Heading, form: Form, language: Language) {
        self.lines.push(String::new());
        let chapter = heading.kind == Kind::Chapter;
        let line = match form {
            Form::Markdown => {
                let marks = "#".repeat(heading.level as usize + 1);
                format!("{marks} {}", heading.full_title())
            }
            Form::Text if chapter && heading.number.is_some() => {
                let word = match language {
                    Language::English => "CHAPTER",
                    Language::German => "KAPITEL",
                };
                format!(
                    "{word} {}: {}",
                    heading.number.clone().unwrap_or_default(),
                    heading.title.to_uppercase()
                )
            }
            Form::Text => heading.full_title().to_uppercase(),
        };
        if form == Form::Text {
            self.lines.extend([String::new(), String::new()]);
        }
        self.lines.push(line.clone());
        if chapter || heading.kind == Kind::Preface {
            let title = if form == Form::Markdown { heading.full_title() } else { line };
            self.chapters
                .push(ChapterLine { title, line: u32::try_from(self.lines.len()).unwrap_or(u32::MAX) });
        }
    }

    fn paragraph(&mut self, paragraph: &str, form: Form) {
        self.lines.push(String::new());
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if form == Form::Text
                && !line.is_empty()
                && line.chars().count() + 1 + word.chars().count() > LINE_WIDTH
            {
                self.lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        self.lines.push(line);
    }
}
