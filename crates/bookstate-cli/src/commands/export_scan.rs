//! `bookstate export BOOK --format pdf|hocr|alto`: what is made of a book's page images and the words on them.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use bookstate_domain::BookState;
use bookstate_jobs::{copy_of, scan::page_words};
use bookstate_scans::{
    export::{self, About, ExportError, OutlineEntry, PageText},
    images::PageImages,
    words::PageWords,
};

use crate::{
    args::{ExportArgs, Format},
    failure::{Exit, Failure},
    local::LocalReader,
    settings::Settings,
};

/// Writes the book to a file or to standard output, page by page.
///
/// # Errors
/// The book or the copy of its file is not here, a page image cannot be had, or the file cannot be written.
pub(crate) fn run(settings: &Settings, args: &ExportArgs) -> Result<(), Failure> {
    let reader = LocalReader::open(&settings.data_dir)?;
    let (state, _) = reader.book(&args.book.book)?;
    let id = state.book_id();
    let file = copy_of(&settings.data_dir, id).ok_or_else(|| {
        Failure::input(format_args!("the copy of book {id} is not in the data directory: process it again"))
    })?;
    match &args.output {
        None => write(&state, &file, args.format, io::stdout().lock()).map(|_| ()),
        Some(path) => to_file(path, |out| write(&state, &file, args.format, out).map(|_| ())),
    }
}

/// Writes a file that is there whole or as it was before.
fn to_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::unexpected(format_args!("cannot write {}: {error}", path.display()));
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = PathBuf::from(name);
    let written = File::create(&temporary).map_err(failed).and_then(|file| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush().map_err(failed)?;
        out.get_ref().sync_all().map_err(failed)?;
        std::fs::rename(&temporary, path).map_err(failed)
    });
    if written.is_err() {
        // It may not be there; the error that matters is the one before.
        drop(std::fs::remove_file(&temporary));
    }
    written
}

fn write<W: Write>(state: &BookState, file: &Path, format: Format, out: W) -> Result<W, Failure> {
    let about = about(state);
    let pages = state.book().map_or(0, |book| u32::try_from(book.page_count).unwrap_or(0));
    let words = (1..=pages).filter_map(|page| page_words(state, file, page).map(|words| (page, words)));
    let written = match format {
        Format::Hocr => export::hocr(words, &about, out).map_err(ExportError::from),
        Format::Alto => export::alto(words, &about, out).map_err(ExportError::from),
        _ => {
            let images = PageImages::open(file).map_err(|error| Failure::caused(Exit::Input, &error))?;
            export::pdf(&images, |page| text_of(state, file, page), &about, out)
        }
    };
    written.map_err(|error| Failure::caused(Exit::Failed, &error))
}

fn text_of(state: &BookState, file: &Path, page: u32) -> Option<PageText> {
    let words: Option<PageWords> = page_words(state, file, page);
    words.map(PageText::Words).or_else(|| {
        let page = state.page(i32::try_from(page).ok()?)?;
        Some(PageText::Lines(page.ocr_markdown.as_deref()?.to_owned()))
    })
}

fn about(state: &BookState) -> About {
    let book = state.book();
    let entries = state.ordered_entries();
    let outline = entries.iter().filter_map(|entry| {
        Some(OutlineEntry {
            title: match (&entry.entry_number, &entry.title) {
                (Some(number), Some(title)) => format!("{number} {title}"),
                (number, title) => title.as_ref().or(number.as_ref())?.to_string(),
            },
            level: u32::try_from(entry.level).unwrap_or(1),
            page: u32::try_from(entry.actual_page?).ok()?,
        })
    });
    // The page that is printed as 1, as most entries have it.
    let mut firsts: Vec<i32> = entries
        .iter()
        .filter_map(|entry| {
            let printed: i32 = entry.printed_page_number.as_deref()?.trim().parse().ok()?;
            Some(entry.actual_page? - printed + 1)
        })
        .collect();
    firsts.sort_unstable();
    let votes = |first: &&i32| firsts.iter().filter(|other| other == first).count();
    let first = firsts.iter().max_by_key(votes).filter(|first| votes(first) >= 2 && **first >= 1);
    About {
        title: book.and_then(|book| book.title.as_ref().map(ToString::to_string)),
        author: book.and_then(|book| book.author.as_ref().map(ToString::to_string)),
        language: book.and_then(|book| book.language.as_ref().map(ToString::to_string)),
        outline: outline.collect(),
        first_numbered: first.and_then(|first| u32::try_from(*first).ok()),
    }
}
