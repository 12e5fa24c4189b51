//! What was read on the image of a page, word by word.

use bookstate_domain::BookId;
use bookstate_scans::words;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A word of which its reader is less sure than this is doubtful: somebody should look.
///
/// On 40 pages of four scanned books one word in 20 is, a third of these are misread, and they are four in ten of all
/// that are misread. Below 0.6 it is one word in 40, and a quarter of what is misread; below 0.9 one in 11, of which
/// three in four are right.
pub const DOUBTFUL: f32 = 0.8;

/// A place on a page image, in its pixels, from the upper left corner.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Area {
    /// Left edge.
    pub x0: f32,
    /// Upper edge.
    pub y0: f32,
    /// Right edge.
    pub x1: f32,
    /// Lower edge.
    pub y1: f32,
}

impl From<words::Area> for Area {
    fn from(words::Area { x0, y0, x1, y1 }: words::Area) -> Self {
        Self { x0, y0, x1, y1 }
    }
}

/// A word with its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PageWord {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub area: Area,
    /// How sure the reader is, 0 to 1.
    pub confidence: f32,
    /// It is not sure enough: somebody should look.
    pub doubtful: bool,
    /// Which of the page's lines it stands in, from 0 in reading order.
    pub line: u32,
    /// Which of the page's blocks it stands in, from 0 in reading order.
    pub block: u32,
}

/// The words of a page with their places on its image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PageWords {
    /// The book's id.
    pub book_id: String,
    /// 1-based.
    pub page_num: i32,
    /// Width of the image that places are on, in pixels: the page's own, turned.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Dots per inch, as far as they are known or were guessed.
    pub dpi: f32,
    /// By how many degrees the print runs downwards to the right.
    pub skew: f32,
    /// By how many degrees, clockwise, the image must be turned to stand upright: 0, 90, 180 or 270.
    pub turned: u16,
    /// The languages that it was read with, as `tesseract` names them.
    pub languages: String,
    /// The words in reading order.
    pub words: Vec<PageWord>,
    /// Where pictures are.
    pub figures: Vec<Area>,
}

impl PageWords {
    /// The words of a page of a book.
    #[must_use]
    pub fn of(book_id: &BookId, page_num: i32, read: words::PageWords) -> Self {
        let words = read.words.into_iter().map(|word| PageWord {
            text: word.text,
            area: word.area.into(),
            confidence: word.confidence,
            doubtful: word.confidence < DOUBTFUL,
            line: word.line,
            block: word.block,
        });
        Self {
            book_id: book_id.to_string(),
            page_num,
            width: read.width,
            height: read.height,
            dpi: read.dpi,
            skew: read.skew,
            turned: read.turned,
            languages: read.languages,
            words: words.collect(),
            figures: read.figures.into_iter().map(Area::from).collect(),
        }
    }
}
