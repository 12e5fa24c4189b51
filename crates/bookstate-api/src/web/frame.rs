//! What all pages have in common: head, navigation, and the headers that say what a page may do.

use axum::{
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};

use super::assets;

/// Scripts, styles and connections of this server only, and none of them in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
/// Under `no-referrer` a browser calls a form's origin `null`, which looks like another site's.
const REFERRER_POLICY: &str = "same-origin";
/// A book, as a picture in the page's address: browsers ask for one in any case.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
                    %3Cpath d='M3 2h9a1 1 0 0 1 1 1v11H4a2 2 0 0 1-2-2V3z' fill='%232f6f4f'/%3E\
                    %3Cpath d='M4 11.5h8V13H4z' fill='%23fff'/%3E%3C/svg%3E";

/// What the script is to do with a page.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// The event stream to follow.
    pub(super) events: Option<String>,
    /// The last commit that the page shows.
    pub(super) seq: Option<u32>,
    /// How often to ask for the page again, in milliseconds.
    pub(super) every_ms: Option<u32>,
}

/// A whole page.
#[derive(Debug)]
pub(super) struct Page(Markup);

impl Page {
    /// A page of this title and content.
    pub(super) fn new(title: &str, live: &Live, content: &Markup) -> Self {
        Self(html! {
            (DOCTYPE)
            html lang="en" {
                (head(title, html! { script defer src=(assets::script_url()) {} }))
                body {
                    a.skip href="#main" { "Skip to the content" }
                    header.top {
                        a.home href="/" { "bookstate" }
                        nav aria-label="Site" {
                            a href="/" { "Books" }
                            a href="/targets" { "Targets" }
                            a href="/docs" { "API" }
                        }
                        p #live role="status" hidden {}
                    }
                    main #main tabindex="-1" data-events=[&live.events] data-seq=[live.seq]
                        data-every=[live.every_ms] { (content) }
                }
            }
        })
    }

    /// A page for somebody who may not see anything yet: without navigation and script.
    pub(super) fn bare(title: &str, content: &Markup) -> Self {
        Self(html! {
            (DOCTYPE)
            html lang="en" {
                (head(title, html! {}))
                body {
                    header.top { span.home { "bookstate" } }
                    main #main { (content) }
                }
            }
        })
    }
}

fn head(title: &str, script: Markup) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            title { (in_one_direction(title)) " · bookstate" }
            link rel="icon" href=(ICON);
            link rel="stylesheet" href=(assets::style_url());
            (script)
        }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let mut response = Html(self.0.into_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static(REFERRER_POLICY));
        response
    }
}

/// A text without the characters that turn the order of what is read: a window's title has no bounds for them, as
/// elements have (`unicode-bidi` in the style).
fn in_one_direction(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().filter(|character| !turns(*character) && !character.is_control()).collect()
}

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_book_says_is_text() {
        let hostile = "</title><script>alert(1)</script>\"'&";
        let page = Page::new(hostile, &Live::default(), &html! { p title=(hostile) { (hostile) } });
        let text = page.0.into_string();
        assert!(!text.contains("<script>alert") && text.matches("&lt;script&gt;").count() == 3, "{text}");
        assert!(!text.contains("\"'&\""), "{text}");
    }

    #[test]
    fn a_title_does_not_turn_what_stands_beside_it() {
        let page = Page::new("Red\u{202e} Book\u{7}", &Live::default(), &html! {});
        assert!(page.0.into_string().contains("<title>Red Book · bookstate</title>"));
    }

    #[test]
    fn a_segment_stays_one() {
        assert_eq!(segment("ch_001"), "ch_001");
        assert_eq!(segment("a/b?c#d é\""), "a%2Fb%3Fc%23d%20%C3%A9%22");
    }
}
