//! A book as Markdown, and that a reader of Markdown shows it as it is.

use super::super::fixture::{book, book_record, pages_only, with_layout};
use super::*;

#[test]
fn a_book_is_its_title_and_its_chapters() {
    let expected = "\
# Moby Dick

*or, The Whale*

by Herman Melville

Harper, 1851, ISBN 9780142437247

## 1 Loomings

Call me Ishmael.[^1]

\\# not a heading

### On ships

Some years ago.

[^1]: Or so he says.

### 1.1 The Inn

### XV

Edited text.
";
    assert_eq!(markdown(&book()), expected);
}

#[test]
fn each_block_is_shown_as_what_it_is() {
    let item = |depth, marker: &str| LayoutKind::Item { depth, marker: marker.into() };
    let state = with_layout(&[
        (LayoutKind::Paragraph, "<system> is *no* tag"),
        (LayoutKind::Quote(1), "> quoted"),
        (LayoutKind::Quote(1), "again"),
        (LayoutKind::Code { language: Some("sh".into()) }, "# x\n```\n\n  <y>"),
        (item(0, "1."), "1. one"),
        (item(1, "•"), "• inner"),
        (item(0, "2."), "2. two"),
        (item(0, ""), "more of it"),
        (item(0, "7."), "7. seven"),
        (item(0, "(a)"), "(a) letter"),
        (LayoutKind::Verse, "line\n  line"),
        (LayoutKind::Table, "a\tb|c\n1"),
        (LayoutKind::Break, "* * *"),
        (LayoutKind::Caption, "Figure 1: a_b"),
    ]);
    let expected = "\
\\<system> is \\*no\\* tag

> \\> quoted
>
> again

````sh
# x
```

  <y>
````

1. one
   - inner
2. two

   more of it

<!-- -->

7. seven

<!-- -->

- (a) letter

line\\
&nbsp;&nbsp;line

| a | b\\|c |
| --- | --- |
| 1 |  |

***

Figure 1: a_b
";
    let text = markdown(&state);
    let (_, text) = text.split_once("## Chapter\n\n").unwrap();
    assert_eq!(text, expected);
}

#[test]
fn a_book_without_chapters_is_its_pages() {
    assert_eq!(markdown(&pages_only()), "# Untitled\n\nFirst page.\n\nSecond page.\n");
}

#[test]
fn a_book_without_anything_is_its_title() {
    assert_eq!(markdown(&book_record()), "# Untitled\n");
    let nothing = BookState::new(bookstate_domain::BookId::new("b-0").unwrap());
    assert_eq!(markdown(&nothing), "");
}

#[test]
fn levels_end_where_markdown_ends() {
    assert_eq!([1, 2, 5, 6, 99].map(heading_level), [2, 3, 6, 6, 6]);
}
