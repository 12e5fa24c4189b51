//! In which letters words are set.

use bookstate_tests::typeset::{Font, Style};

use super::markdown::Span;

/// The style of a span at a size; `strong` makes all of it bold.
pub(super) fn style(span: &Span, size: f32, strong: bool) -> Style {
    let font = match (span.code, span.bold || strong, span.italic) {
        // Courier looks larger than Times of the same size.
        (true, false, _) => return Style::new(Font::Mono, size * 0.88),
        (true, true, _) => return Style::new(Font::MonoBold, size * 0.88),
        (false, false, false) => Font::Roman,
        (false, false, true) => Font::RomanItalic,
        (false, true, false) => Font::RomanBold,
        (false, true, true) => Font::RomanBoldItalic,
    };
    Style::new(font, size)
}
