//! Books made here: both versions, notes, page lists, locks, bombs.

use super::*;
use crate::archive::ArchiveWriter;
use crate::page::BlockKind;
use crate::source::{Source, SourceKind};

const CONTAINER: &str = "<?xml version='1.0'?><container xmlns='urn:oasis:names:tc:opendocument:xmlns:container'>\
    <rootfiles><rootfile full-path='OEBPS/content.opf' media-type='application/oebps-package+xml'/></rootfiles></container>";

const PACKAGE: &str = "<?xml version='1.0'?><package xmlns='http://www.idpf.org/2007/opf' version='3.0'>\
    <metadata xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:opf='http://www.idpf.org/2007/opf'>\
    <dc:title>The Book</dc:title><dc:creator opf:role='aut'>Ann Author</dc:creator>\
    <dc:creator opf:role='trl'>Tom Translator</dc:creator><dc:language>en</dc:language>\
    <dc:identifier>urn:isbn:9780142437247</dc:identifier><dc:date>1851-10-18</dc:date></metadata>\
    <manifest><item id='c' href='text/cover.xhtml' media-type='application/xhtml+xml'/>\
    <item id='b' href='text/two.xhtml' media-type='application/xhtml+xml'/>\
    <item id='a' href='text/one.xhtml' media-type='application/xhtml+xml'/>\
    <item id='n' href='text/notes.xhtml' media-type='application/xhtml+xml'/>\
    <item id='nav' href='nav.xhtml' properties='nav' media-type='application/xhtml+xml'/>\
    <item id='ncx' href='toc.ncx' media-type='application/x-dtbncx+xml'/>\
    <item id='p' href='cover.png' properties='cover-image' media-type='image/png'/></manifest>\
    <spine toc='ncx'><itemref idref='c'/><itemref idref='a'/><itemref idref='b'/><itemref idref='n'/></spine></package>";

const NAV: &str = "<html xmlns='http://www.w3.org/1999/xhtml' xmlns:epub='http://www.idpf.org/2007/ops'><body>\
    <nav epub:type='toc'><ol><li><a href='text/one.xhtml'>One</a><ol><li><a href='text/one.xhtml#s'>Part of one</a></li></ol></li>\
    <li><a href='text/two.xhtml'>Two</a></li></ol></nav>\
    <nav epub:type='page-list'><ol><li><a href='text/one.xhtml#p9'>9</a></li><li><a href='text/two.xhtml'>10</a></li></ol></nav></body></html>";

const NCX: &str = "<?xml version='1.0'?><ncx xmlns='http://www.daisy.org/z3986/2005/ncx/'><navMap><navPoint id='x'><navLabel>\
    <text>One</text></navLabel><content src='text/one.xhtml'/><navPoint id='y'><navLabel><text>Part of one</text></navLabel>\
    <content src='text/one.xhtml#s'/></navPoint></navPoint><navPoint id='z'><navLabel><text>Two</text></navLabel>\
    <content src='text/two.xhtml'/></navPoint></navMap></ncx>";

fn page(body: &str) -> String {
    format!(
        "<?xml version='1.0' encoding='utf-8'?><!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>\
         <html xmlns='http://www.w3.org/1999/xhtml' xmlns:epub='http://www.idpf.org/2007/ops'><head><title/></head><body>{body}</body></html>"
    )
}

fn book(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = ArchiveWriter::new();
    writer.stored("mimetype", b"application/epub+zip");
    writer.packed("META-INF/container.xml", CONTAINER.as_bytes());
    for (name, text) in files {
        writer.packed(name, text.as_bytes());
    }
    writer.finish()
}

fn whole(package: &str) -> Vec<u8> {
    let one = page(
        "<h1>One</h1><p>Text&nbsp;here<a epub:type='noteref' href='notes.xhtml#n1'>1</a>.</p>\
         <h2 id='s'>Part of one</h2><p id='p9'>&x;More &mdash; text.</p>",
    );
    let two = page("<h1>Two</h1><p>Last.</p>");
    let notes = page(
        "<section epub:type='endnotes'><h1>Notes</h1><ol><li id='n1'><p>1. The note.</p></li></ol></section>",
    );
    let cover = page("<img src='../cover.png' alt='Cover'/>");
    book(&[
        ("OEBPS/content.opf", package),
        ("OEBPS/nav.xhtml", NAV),
        ("OEBPS/toc.ncx", NCX),
        ("OEBPS/text/one.xhtml", &one),
        ("OEBPS/text/two.xhtml", &two),
        ("OEBPS/text/notes.xhtml", &notes),
        ("OEBPS/text/cover.xhtml", &cover),
        ("OEBPS/cover.png", "picture"),
    ])
}

#[test]
fn a_book_comes_in_its_reading_order_with_contents_labels_notes_and_facts() {
    let source = Source::from_bytes(Path::new("a.epub"), whole(PACKAGE)).unwrap();
    assert_eq!(source.kind(), SourceKind::Epub);
    let pages: Vec<_> = (1..=source.page_count()).map(|n| source.page(n).unwrap()).collect();
    let texts: Vec<String> =
        pages.iter().map(|p| p.plain_text().split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(texts, ["One Text here1. The note. Part of one", "&x;More — text.", "Two Last.", "Notes"]);
    let labels: Vec<_> = pages.iter().map(|p| p.label.as_deref()).collect();
    assert_eq!(labels, [None, Some("9"), Some("10"), None]);
    let note = &pages[0].blocks[2];
    assert_eq!(note.kind, BlockKind::Footnote { mark: "1".into() });
    let contents: Vec<_> = source.navigation().into_iter().map(|e| (e.title, e.level, e.page)).collect();
    let expected = [("One", 1, 1), ("Part of one", 2, 1), ("Two", 1, 3)];
    assert_eq!(contents, expected.map(|(title, level, page)| (title.to_owned(), level, Some(page))));
    let info = source.info();
    assert_eq!((info.title.as_deref(), info.author.as_deref()), (Some("The Book"), Some("Ann Author")));
    assert_eq!((info.isbn.as_deref(), info.published_year), (Some("urn:isbn:9780142437247"), Some(1851)));
    assert!(source.resources()[0].is_cover);
}

#[test]
fn version_2_has_the_same_contents() {
    let package = PACKAGE.replace(" properties='nav'", "");
    let source = Source::from_bytes(Path::new("a.epub"), whole(&package)).unwrap();
    let contents: Vec<_> = source.navigation().into_iter().map(|e| (e.title, e.level, e.page)).collect();
    let expected = [("One", 1, 1), ("Part of one", 2, 1), ("Two", 1, 2)];
    assert_eq!(contents, expected.map(|(title, level, page)| (title.to_owned(), level, Some(page))));
}

#[test]
fn a_locked_book_is_refused_with_the_name_of_the_lock() {
    let encryption = |algorithm: &str, file: &str| {
        format!(
            "<encryption xmlns='urn:oasis:names:tc:opendocument:xmlns:container'><enc:EncryptedData \
             xmlns:enc='http://www.w3.org/2001/04/xmlenc#'><enc:EncryptionMethod Algorithm='{algorithm}'/><enc:CipherData>\
             <enc:CipherReference URI='{file}'/></enc:CipherData></enc:EncryptedData></encryption>"
        )
    };
    let aes = encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "OEBPS/text/one.xhtml");
    let font = encryption("http://www.idpf.org/2008/embedding", "OEBPS/font.otf");
    let with = |files: &[(&str, &str)]| {
        let mut all = vec![("OEBPS/content.opf", PACKAGE)];
        let one = page("<p>Text.</p>");
        all.push(("OEBPS/text/one.xhtml", &one));
        all.extend_from_slice(files);
        Source::from_bytes(Path::new("a.epub"), book(&all))
    };
    let cases = [
        (
            vec![
                ("META-INF/encryption.xml", aes.as_str()),
                ("META-INF/rights.xml", "<r xmlns='http://ns.adobe.com/adept'/>"),
            ],
            "Adobe ADEPT",
        ),
        (vec![("META-INF/encryption.xml", aes.as_str()), ("META-INF/license.lcpl", "{}")], "Readium LCP"),
        (vec![("META-INF/encryption.xml", aes.as_str()), ("META-INF/sinf.xml", "<s/>")], "Apple FairPlay"),
        (vec![("META-INF/encryption.xml", aes.as_str())], "aes128-cbc"),
    ];
    for (files, name) in cases {
        match with(&files) {
            Err(SourceError::Encrypted { reason, .. }) => assert!(reason.contains(name), "{reason}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(with(&[("META-INF/encryption.xml", &font)]).is_ok());
}

#[test]
fn damage_is_said_and_never_a_panic() {
    let bytes = whole(PACKAGE);
    for at in (0..bytes.len()).step_by(7) {
        let mut bad = bytes.clone();
        bad[at] ^= 0x55;
        drop(Source::from_bytes(Path::new("a.epub"), bad));
        drop(Source::from_bytes(Path::new("a.epub"), bytes[..at].to_vec()));
    }
    let empty = Source::from_bytes(Path::new("a.epub"), book(&[])).unwrap_err();
    assert!(matches!(empty, SourceError::Broken { .. }), "{empty}");
}

#[test]
fn a_bomb_is_too_large() {
    let mut writer = ArchiveWriter::new();
    writer.packed("META-INF/container.xml", CONTAINER.as_bytes());
    writer.packed("OEBPS/content.opf", PACKAGE.as_bytes());
    writer.packed("OEBPS/text/one.xhtml", &vec![b' '; 64 << 20]);
    let error = Source::from_bytes(Path::new("a.epub"), writer.finish()).unwrap_err();
    assert!(matches!(error, SourceError::TooLarge { .. }), "{error}");
}
