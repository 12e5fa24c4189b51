//! How a font's text is set, from its name and its descriptor.

use hayro_syntax::object::{Dict, Name};

/// Weight, slant and width of a font.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FontStyle {
    pub(super) bold: bool,
    pub(super) italic: bool,
    pub(super) monospace: bool,
}

const FIXED_PITCH: i32 = 1;
const ITALIC: i32 = 1 << 6;
const FORCE_BOLD: i32 = 1 << 18;

impl FontStyle {
    pub(super) fn new(font: &Dict<'_>, descriptor: Option<&Dict<'_>>) -> Self {
        let name = font.get::<Name<'_>>("BaseFont").map(|n| n.as_str().to_owned()).unwrap_or_default();
        let mut style = Self::of_name(&name);
        if let Some(descriptor) = descriptor {
            let flags = descriptor.get::<i32>("Flags").unwrap_or(0);
            style.bold |=
                flags & FORCE_BOLD != 0 || descriptor.get::<f32>("FontWeight").is_some_and(|w| w >= 600.0);
            style.italic |=
                flags & ITALIC != 0 || descriptor.get::<f32>("ItalicAngle").is_some_and(|a| a.abs() > 2.0);
            style.monospace |= flags & FIXED_PITCH != 0;
        }
        style
    }

    fn of_name(name: &str) -> Self {
        let name = name.split_once('+').map_or(name, |(_, rest)| rest).to_ascii_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|p| name.contains(p));
        let starts = |parts: &[&str]| parts.iter().any(|p| name.starts_with(p));
        Self {
            bold: has(&["bold", "black", "heavy", "demi", "-bd", ",bd"])
                || starts(&["cmbx", "cmb1", "sfbx", "cmssbx", "ecbx", "ptmb", "phvb", "ppl8b"]),
            italic: has(&["italic", "oblique", "slant", "kursiv", "-it", ",it"])
                || starts(&["cmti", "cmsl", "cmbxti", "cmbxsl", "cmitt", "cmsltt", "sfti", "sfsl", "ecti"]),
            monospace: has(&["courier", "mono", "typewriter", "consol", "menlo", "fixed"])
                || starts(&["cmtt", "cmitt", "cmsltt", "sftt", "ectt", "lmtt", "pcrr"]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_style() {
        let of = |name| {
            let s = FontStyle::of_name(name);
            (s.bold, s.italic, s.monospace)
        };
        assert_eq!(of("ABCDEF+Times-BoldItalic"), (true, true, false));
        assert_eq!(of("CMBX12"), (true, false, false));
        assert_eq!(of("XYZABC+CMSLTT10"), (false, true, true));
        assert_eq!(of("DejaVuSansMono"), (false, false, true));
        assert_eq!(of("Garamond"), (false, false, false));
    }
}
