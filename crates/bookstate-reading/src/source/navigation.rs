//! The way through a book that its file offers by itself: bookmarks, a navigation document.

/// An entry of the file's own table of contents.
#[derive(Debug, Clone, PartialEq)]
pub struct NavigationEntry {
    /// Its title, on one line.
    pub title: String,
    /// How deep it is nested, 1 the highest.
    pub level: u8,
    /// The page it leads to, 1-based, where it leads to one of this book.
    pub page: Option<u32>,
    /// How far below the page's upper edge its target is, in points, where the file says.
    pub top: Option<f32>,
}
