//! The pictures on a scanned book's pages, cut out of their images for exports that have pictures.
//!
//! Where they are was seen when the pages were read, and is kept beside the words. All of this blocks, for as long as
//! the pages with pictures take to be made.

use std::path::Path;

use bookstate_domain::BookState;
use bookstate_reading::export::Figure;
use bookstate_scans::{
    PageError,
    figures::cut_out,
    images::{ImageProgram, PageImage, PageImages, Resolution},
};

use crate::scan::kept_words;

/// The longer side of the page that a picture is cut out of, in pixels.
const LONGEST: u32 = 1600;

/// The pictures of all pages of the book whose file's copy is `copy`, in the order of the pages. The images are made by
/// `program`, in a process of its own, where one is given. A page whose image cannot be had is logged and left out.
#[must_use]
pub fn figures(state: &BookState, copy: &Path, program: Option<&ImageProgram>) -> Vec<Figure> {
    let pages =
        state.pages().keys().filter_map(|key| Some((key.page_num, u32::try_from(key.page_num).ok()?)));
    let with_pictures = pages.filter_map(|(number, page)| {
        let words = kept_words(copy, page).filter(|words| !words.figures.is_empty())?;
        Some((number, page, words))
    });
    let mut opened = None;
    let mut found = Vec::new();
    for (number, page, words) in with_pictures {
        match image(copy, page, program, &mut opened) {
            Ok(image) => {
                found.extend(cut_out(&image, &words).into_iter().map(|jpeg| Figure { page: number, jpeg }))
            }
            Err(reason) => tracing::warn!(page, reason, "the pictures of a page are left out"),
        }
    }
    found
}

fn image(
    copy: &Path,
    page: u32,
    program: Option<&ImageProgram>,
    opened: &mut Option<PageImages>,
) -> Result<PageImage, String> {
    let size = Resolution::Within { width: LONGEST, height: LONGEST };
    let text = |error: PageError| error.to_string();
    if let Some(program) = program {
        return program.image(copy, page, size).map_err(text);
    }
    let images = match opened {
        Some(images) => images,
        None => opened.insert(PageImages::open(copy).map_err(|error| error.to_string())?),
    };
    images.image(page, size).map_err(text)
}
