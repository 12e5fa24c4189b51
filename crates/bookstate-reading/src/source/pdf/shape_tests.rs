//! What a PDF says of its own structure: bookmarks, page labels, links, language.

use super::made::{file, object, open, stream};
use crate::source::NavigationEntry;

/// Three pages; bookmarks by place, by name and by action, the last of which leads back; labels i, A-5, A-6; a link.
fn book() -> Vec<u8> {
    let page = |more: &str| {
        object(&format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 500 700]/Contents 6 0 R{more}>>"))
    };
    file(&[
        object(
            "<</Type/Catalog/Pages 2 0 R/Outlines 7 0 R/Lang(de-AT)/Names<</Dests<</Names[(second)[4 0 R/FitH 500]]>>>>\
             /PageLabels<</Nums[0<</S/r>>1<</P(A-)/S/D/St 5>>]>>>>",
        ),
        object("<</Type/Pages/Count 3/Kids[3 0 R 4 0 R 5 0 R]>>"),
        page("/Annots[<</Subtype/Link/Rect[72 590 172 610]/A<</S/GoTo/D[5 0 R/Fit]>>>>]"),
        page(""),
        page(""),
        stream("", b""),
        object("<</First 8 0 R/Last 10 0 R>>"),
        object("<</Title<FEFF00460061006800720074>/First 9 0 R/Next 10 0 R/Dest[3 0 R/XYZ 72 642 0]>>"),
        object("<</Title(Ablegen)/Dest(second)>>"),
        object("<</Title(Hafen)/A<</S/GoTo/D[5 0 R/Fit]>>/Next 8 0 R>>"),
    ])
}

#[test]
fn bookmarks_labels_links_and_language() {
    let source = open(book());
    let entry =
        |title: &str, level, page, top| NavigationEntry { title: title.into(), level, page: Some(page), top };
    assert_eq!(
        source.navigation(),
        [entry("Fahrt", 1, 1, Some(58.0)), entry("Ablegen", 2, 2, Some(200.0)), entry("Hafen", 1, 3, None),]
    );
    assert_eq!(source.info().language.as_deref(), Some("de-AT"));
    let pages: Vec<_> = (1..=3).map(|n| source.page(n).unwrap()).collect();
    let labels: Vec<_> = pages.iter().map(|p| p.label.as_deref().unwrap()).collect();
    assert_eq!(labels, ["i", "A-5", "A-6"]);
    let [link] = pages[0].links.as_slice() else { panic!("one link") };
    assert_eq!((link.page, link.place.y0, link.place.y1), (3, 90.0, 110.0));
    assert_eq!(pages[0].size, Some((500.0, 700.0)));
}
