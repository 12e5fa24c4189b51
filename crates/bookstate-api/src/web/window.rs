//! A part of a long list, and the links to what is before and behind it.
//!
//! How long a list is, a book's file decides, and it may be anybody's. So no page shows all of one.

use maud::{Markup, html};

/// How many rows a page shows of a list.
const ROWS: usize = 1000;

/// See the module documentation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    /// The parameter of the address that says where the part begins.
    name: &'static str,
    from: usize,
    total: usize,
}

impl Window {
    /// The part that begins behind `from` rows of `total`.
    pub(super) fn new(name: &'static str, from: u32, total: usize) -> Self {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Self { name, from: from.min(total.saturating_sub(1)) / ROWS * ROWS, total }
    }

    /// The first row, from 0.
    pub(super) const fn from(self) -> usize {
        self.from
    }

    /// Behind the last row.
    pub(super) fn to(self) -> usize {
        self.from.saturating_add(ROWS).min(self.total)
    }

    /// The rows of it.
    pub(super) fn of<T>(self, rows: &[T]) -> &[T] {
        rows.get(self.from..self.to()).unwrap_or_default()
    }

    /// Links to the parts beside it; nothing when the list is not longer than a part.
    pub(super) fn links(self, section: &str) -> Markup {
        let link = |from: usize| format!("?{}={from}#{section}", self.name);
        html! {
            @if self.total > ROWS {
                nav.steps aria-label={ "Parts of " (self.name) } {
                    @if self.from > 0 {
                        a href=(link(self.from.saturating_sub(ROWS))) rel="prev" { "Before" } " "
                    }
                    (self.from + 1) " to " (self.to()) " of " (self.total)
                    @if self.to() < self.total { " " a href=(link(self.to())) rel="next" { "After" } }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_bounded_and_lead_to_each_other() {
        let rows: Vec<usize> = (0..2500).collect();
        let at = |from| Window::new("pages", from, rows.len());
        assert_eq!((at(0).of(&rows).len(), at(2000).of(&rows).first()), (1000, Some(&2000)));
        assert_eq!(at(u32::MAX).of(&rows).len(), 500);
        let middle = at(1500).links("pages").into_string();
        assert!(middle.contains("?pages=0#") && middle.contains("?pages=2000#"), "{middle}");
        let short = Window::new("pages", 7, 3);
        assert_eq!((short.of(&rows[..3]).len(), short.links("pages").into_string().as_str()), (3, ""));
        assert_eq!(Window::new("pages", 0, 0).of(&rows[..0]).len(), 0);
    }
}
