//! Text of made pages: what codes stand for, where text is kept, what a page may cost.

use super::made::{file, object, open, packed_blanks, page, stream, text};
use crate::page::SetAsideReason;
use crate::source::SourceError;

const HELVETICA: &str = "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>\
                         /B<</Type/Font/Subtype/Type1/BaseFont/Helvetica-BoldOblique/Encoding/WinAnsiEncoding>>>>";

/// A composite font as object 5; the descendant has `more`.
fn composite(encoding: &str, more: &str, unicode: &str) -> Vec<Vec<u8>> {
    vec![object(&format!(
        "<</Type/Font/Subtype/Type0/BaseFont/X/Encoding/{encoding}{unicode}/DescendantFonts[<</Type/Font\
         /Subtype/CIDFontType0/BaseFont/X{more}>>]>>"
    ))]
}

fn adobe(ordering: &str) -> String {
    format!("/CIDSystemInfo<</Registry(Adobe)/Ordering({ordering})/Supplement 1>>")
}

fn shown(hex: &str, font: Vec<Vec<u8>>) -> String {
    text(page(&format!("BT /F 10 Tf 72 600 Td <{hex}> Tj ET"), "/Font<</F 5 0 R>>", font))
}

#[test]
fn cids_without_a_map_to_unicode() {
    // CIDs of Adobe's collections.
    assert_eq!(
        shown("0411", composite("Identity-H", &adobe("Korea1"), "")),
        "가".replace('가', &korean(0x411))
    );
    // Predefined encodings: the codes are Shift-JIS, GBK and UCS-2.
    assert_eq!(shown("93FA967B", composite("90ms-RKSJ-H", &adobe("Japan1"), "")), "日本");
    assert_eq!(shown("D6D0CEC4", composite("GBK-EUC-H", &adobe("GB1"), "")), "中文");
    assert_eq!(shown("D55CAE00", composite("UniKS-UCS2-H", &adobe("Korea1"), "")), "한글");
    assert_eq!(shown("B0A1B3AA", composite("KSCms-UHC-H", &adobe("Korea1"), "")), "가나");
    assert_eq!(shown("A4A4A4E5", composite("ETen-B5-H", &adobe("CNS1"), "")), "中文");
}

/// What Adobe's table says of a CID.
fn korean(cid: u32) -> String {
    use hayro_cmap::{BfString, CMap, CMapName, load_embedded};
    let map = CMap::parse(load_embedded(CMapName::AdobeKorea1Ucs2).unwrap(), load_embedded).unwrap();
    match map.lookup_bf_string(cid) {
        Some(BfString::Char(c)) => c.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_map_that_is_only_a_name() {
    let font = composite("Identity-H", "", "/ToUnicode/Identity-H");
    assert_eq!(shown("0048006500790020041F", font), "Hey П");
}

#[test]
fn a_map_that_cannot_be_read_falls_back() {
    let mut font = composite("Identity-H", &adobe("Korea1"), "/ToUnicode 6 0 R");
    font.push(stream("", b"no map at all"));
    assert_eq!(shown("0411", font), korean(0x411));
}

#[test]
fn type_3_names_that_repeat_codes() {
    let font = vec![
        object(
            "<</Type/Font/Subtype/Type3/FontMatrix[0.024 0 0 0.024 0 0]/FontBBox[0 0 40 40]/FirstChar 12/LastChar 110\
         /Widths 6 0 R/CharProcs<<>>/Encoding<</Differences[12/a12 97/a97/a98]>>>>",
        ),
        object(&format!("[{}]", "21 ".repeat(99))),
    ];
    assert_eq!(text(page("BT /F 10 Tf 72 600 Td (\\014ab) Tj ET", "/Font<</F 5 0 R>>", font)), "fiab");
}

#[test]
fn actual_text_replaces_what_is_drawn() {
    let content =
        "BT /F 10 Tf 72 600 Td (be ) Tj /Span<</ActualText(office)>>BDC (o\\210ce) Tj EMC ( now) Tj ET";
    assert_eq!(text(page(content, HELVETICA, vec![])), "be office now");
    let same = "BT /F 10 Tf 72 600 Td /Span<</ActualText(two words)>>BDC (two words) Tj EMC ET";
    assert_eq!(text(page(same, HELVETICA, vec![])), "two words");
}

#[test]
fn spans_have_size_weight_and_slant() {
    let content = "BT /F 10 Tf 72 600 Td (plain ) Tj /B 12 Tf (strong) Tj ET";
    let page = open(page(content, HELVETICA, vec![])).page(1).unwrap();
    let styles: Vec<_> = page.blocks[0].lines[0]
        .spans
        .iter()
        .map(|s| (s.text.trim().to_owned(), s.style.size, s.style.bold, s.style.italic))
        .collect();
    assert_eq!(styles.first().unwrap(), &("plain".to_owned(), 10.0, false, false));
    assert_eq!(styles.last().unwrap(), &("strong".to_owned(), 12.0, true, true));
}

#[test]
fn turned_text_is_kept_and_text_across_the_page_is_set_aside() {
    let content = "BT /F 10 Tf 72 600 Td (upright and more of it) Tj ET \
                   BT /F 10 Tf 0 1 -1 0 300 200 Tm (turned) Tj ET \
                   BT /F 60 Tf 0.7 0.7 -0.7 0.7 100 100 Tm (DRAFT) Tj ET";
    let page = open(page(content, HELVETICA, vec![])).page(1).unwrap();
    let text = page.plain_text();
    assert!(text.contains("upright and more of it") && text.contains("turned"), "{text}");
    let [aside] = page.set_aside.as_slice() else { panic!("{:?}", page.set_aside) };
    assert_eq!((aside.page, aside.reason, aside.text.as_str()), (1, SetAsideReason::Watermark, "DRAFT"));
}

#[test]
fn a_page_whose_text_is_turned_is_turned() {
    let content = "BT /F 10 Tf 0 1 -1 0 100 50 Tm (first) Tj 0 -14 Td (second) Tj ET";
    let page = open(page(content, HELVETICA, vec![])).page(1).unwrap();
    assert_eq!((page.plain_text().trim(), page.size), ("first\nsecond", Some((700.0, 500.0))));
    let place = page.blocks[0].lines[0].place.unwrap();
    assert!(place.x0 >= 0.0 && place.y0 >= 0.0 && place.x1 <= 700.0 && place.y1 <= 500.0, "{place:?}");
}

#[test]
fn layers_that_are_off_are_not_read() {
    let objects = [
        object("<</Type/Catalog/Pages 2 0 R/OCProperties<</OCGs[6 0 R]/D<</OFF[6 0 R]>>>>>>"),
        object("<</Type/Pages/Count 1/Kids[3 0 R]>>"),
        object(&format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 500 700]/Contents 4 0 R\
             /Resources<<{HELVETICA}/Properties<</L 6 0 R>>>>>>"
        )),
        stream("", b"BT /F 10 Tf 72 600 Td (seen) Tj /OC/L BDC (hidden) Tj EMC ET"),
        object("null"),
        object("<</Type/OCG/Name(other language)>>"),
    ];
    assert_eq!(text(file(&objects)), "seen");
}

#[test]
fn a_stream_keyword_with_blanks() {
    let bytes = page("BT /F 10 Tf 72 600 Td (words) Tj ET", HELVETICA, vec![]);
    let broken = String::from_utf8(bytes).unwrap().replace(">>stream\n", ">>stream  \r\n").into_bytes();
    assert_eq!(text(broken), "words");
}

/// Forms that each draw the next one ten times over.
fn forms(depth: usize) -> Vec<u8> {
    let form = |i: usize| {
        let dict =
            format!("/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X {} 0 R>>>>", 6 + i);
        stream(&dict, "/X Do ".repeat(10).as_bytes())
    };
    let mut more: Vec<Vec<u8>> = (0..depth).map(form).collect();
    more.push(stream("/Type/XObject/Subtype/Form/BBox[0 0 9 9]", b"0 0 m"));
    page("/X Do", "/XObject<</X 5 0 R>>", more)
}

#[test]
fn a_page_over_budget_ends_with_its_reason() {
    let error = open(forms(12)).page(1).unwrap_err();
    let SourceError::BrokenPage { page: 1, reason } = error else { panic!("{error}") };
    assert!(reason.contains("draws more than"), "{reason}");
    open(forms(3)).page(1).unwrap();
}

#[test]
fn a_form_that_draws_itself_ends() {
    let form = stream("/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>", b"/X Do");
    open(page("/X Do", "/XObject<</X 5 0 R>>", vec![form])).page(1).unwrap();
}

#[test]
fn content_that_unpacks_to_more_than_a_page_is_refused() {
    let objects = [
        object("<</Type/Catalog/Pages 2 0 R>>"),
        object("<</Type/Pages/Count 1/Kids[3 0 R]>>"),
        object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 500 700]/Contents 4 0 R>>"),
        stream("/Filter/FlateDecode", &packed_blanks(140)),
    ];
    let error = open(file(&objects)).page(1).unwrap_err();
    assert!(error.to_string().contains("unpacks to more"), "{error}");
}
