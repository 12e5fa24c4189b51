//! The standard fonts: their names, the code a character has in them, and its width.
//!
//! All text is in WinAnsi encoding, which readers map back to Unicode by themselves. What it lacks is either
//! spelt out by [`plain_text`] or has no code; nothing is replaced silently here.

use super::metrics::{self, Widths};

/// One of the standard fonts that every PDF reader brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Font {
    /// Times-Roman: body text.
    Roman,
    /// Times-Bold.
    RomanBold,
    /// Times-Italic.
    RomanItalic,
    /// Times-BoldItalic.
    RomanBoldItalic,
    /// Helvetica: running heads.
    Sans,
    /// Helvetica-Bold: headings.
    SansBold,
    /// Courier: code.
    Mono,
    /// Courier-Bold.
    MonoBold,
    /// Courier-Oblique.
    MonoItalic,
}

impl Font {
    /// All fonts, in the order of their resource names.
    pub const ALL: [Self; 9] = [
        Self::Roman,
        Self::RomanBold,
        Self::RomanItalic,
        Self::RomanBoldItalic,
        Self::Sans,
        Self::SansBold,
        Self::Mono,
        Self::MonoBold,
        Self::MonoItalic,
    ];

    /// The PostScript name that the PDF refers to.
    #[must_use]
    pub const fn base_name(self) -> &'static str {
        match self {
            Self::Roman => "Times-Roman",
            Self::RomanBold => "Times-Bold",
            Self::RomanItalic => "Times-Italic",
            Self::RomanBoldItalic => "Times-BoldItalic",
            Self::Sans => "Helvetica",
            Self::SansBold => "Helvetica-Bold",
            Self::Mono => "Courier",
            Self::MonoBold => "Courier-Bold",
            Self::MonoItalic => "Courier-Oblique",
        }
    }

    const fn widths(self) -> Option<&'static Widths> {
        match self {
            Self::Roman => Some(&metrics::TIMES_ROMAN),
            Self::RomanBold => Some(&metrics::TIMES_BOLD),
            Self::RomanItalic => Some(&metrics::TIMES_ITALIC),
            Self::RomanBoldItalic => Some(&metrics::TIMES_BOLD_ITALIC),
            Self::Sans => Some(&metrics::HELVETICA),
            Self::SansBold => Some(&metrics::HELVETICA_BOLD),
            Self::Mono | Self::MonoBold | Self::MonoItalic => None,
        }
    }

    /// The advance width of a character in thousandths of the type size; 0 for one without a glyph.
    #[must_use]
    pub fn advance(self, c: char) -> u16 {
        let Some(code) = encode(c) else { return 0 };
        match self.widths() {
            Some(widths) => widths.get(usize::from(code).wrapping_sub(0x20)).copied().unwrap_or(0),
            None => 600,
        }
    }
}

/// A font at a type size in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Style {
    /// The font.
    pub font: Font,
    /// The type size in points.
    pub size: f32,
}

impl Style {
    /// `font` at `size` points.
    #[must_use]
    pub const fn new(font: Font, size: f32) -> Self {
        Self { font, size }
    }

    /// The width of `text` in points, without any stretching.
    #[must_use]
    pub fn width(self, text: &str) -> f32 {
        let thousandths: u32 = text.chars().map(|c| u32::from(self.font.advance(c))).sum();
        thousandths as f32 * self.size / 1000.0
    }
}

/// The WinAnsi code of a character, `None` for one that the standard fonts cannot show.
pub(super) fn encode(c: char) -> Option<u8> {
    const HIGH: [(char, u8); 27] = [
        ('€', 0x80),
        ('‚', 0x82),
        ('ƒ', 0x83),
        ('„', 0x84),
        ('…', 0x85),
        ('†', 0x86),
        ('‡', 0x87),
        ('ˆ', 0x88),
        ('‰', 0x89),
        ('Š', 0x8A),
        ('‹', 0x8B),
        ('Œ', 0x8C),
        ('Ž', 0x8E),
        ('‘', 0x91),
        ('’', 0x92),
        ('“', 0x93),
        ('”', 0x94),
        ('•', 0x95),
        ('–', 0x96),
        ('—', 0x97),
        ('˜', 0x98),
        ('™', 0x99),
        ('š', 0x9A),
        ('›', 0x9B),
        ('œ', 0x9C),
        ('ž', 0x9E),
        ('Ÿ', 0x9F),
    ];
    match c {
        ' '..='~' | '\u{A1}'..='\u{FF}' => u8::try_from(u32::from(c)).ok(),
        // A no-break space has the glyph of a space; line breaking has seen it by now.
        '\u{A0}' => Some(0xA0),
        _ => HIGH.iter().find(|(high, _)| *high == c).map(|(_, code)| *code),
    }
}

/// `text` with what the standard fonts lack spelt out (`→` as `->`, box drawing as `-|+`).
///
/// # Errors
/// The first character that has neither a glyph nor a spelling.
pub fn plain_text(text: &str) -> Result<String, char> {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '→' | '⟶' => plain.push_str("->"),
            '←' => plain.push_str("<-"),
            '⇒' => plain.push_str("=>"),
            '↔' => plain.push_str("<->"),
            '≤' => plain.push_str("<="),
            '≥' => plain.push_str(">="),
            '≠' => plain.push_str("!="),
            '≈' => plain.push('~'),
            '−' | '‐' | '‑' => plain.push('-'),
            '─' | '━' | '═' => plain.push('-'),
            '│' | '┃' | '║' => plain.push('|'),
            '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '╭' | '╮' | '╯' | '╰' => {
                plain.push('+')
            }
            '▶' | '►' | '▸' => plain.push('>'),
            '◀' | '◄' => plain.push('<'),
            '▼' | '▾' | '↓' => plain.push('v'),
            '▲' | '↑' => plain.push('^'),
            '✓' | '✔' => plain.push_str("yes"),
            '✗' | '✘' => plain.push_str("no"),
            '∈' => plain.push_str(" in "),
            '⊆' => plain.push_str(" within "),
            'μ' => plain.push('µ'),
            '\u{2009}' | '\u{202F}' => plain.push('\u{A0}'),
            '\u{200B}' | '\u{FE0F}' | '\u{AD}' => {}
            '\t' => plain.push_str("    "),
            '\n' => plain.push('\n'),
            c if encode(c).is_some() => plain.push(c),
            c => return Err(c),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_adobe_metrics() {
        // Spot values of Adobe's metrics files: one per font and quarter of the table.
        for (font, c, width) in [
            (Font::Roman, ' ', 250),
            (Font::Roman, 'W', 944),
            (Font::Roman, 'ü', 500),
            (Font::RomanBold, 'm', 833),
            (Font::RomanItalic, '—', 889),
            (Font::RomanBoldItalic, 'Q', 722),
            (Font::Sans, 'i', 222),
            (Font::Sans, 'ß', 611),
            (Font::SansBold, 'M', 833),
            (Font::Mono, 'ÿ', 600),
        ] {
            assert_eq!(font.advance(c), width, "{font:?} {c}");
        }
        assert_eq!(Style::new(Font::Roman, 10.0).width("Wü"), 14.44);
    }

    #[test]
    fn every_encoded_character_has_a_width_in_every_font() {
        for c in ('\u{20}'..='\u{2FFF}').filter(|c| encode(*c).is_some()) {
            for font in Font::ALL {
                assert!(font.advance(c) > 0, "{font:?} {c:?}");
            }
        }
    }

    #[test]
    fn plain_text_spells_out_or_names_the_character() {
        assert_eq!(plain_text("a → b ≥ Größe").as_deref(), Ok("a -> b >= Größe"));
        assert_eq!(plain_text("日本"), Err('日'));
    }
}
