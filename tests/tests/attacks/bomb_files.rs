//! Small files that are large, or do not end, once they are opened.

use std::io::{Cursor, Write};

use flate2::{Compression, write::ZlibEncoder};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// How many nested things there are in a page that does not end, and how often each is in the one around it.
const DEPTH: usize = 12;
const TIMES: usize = 10;

fn packed(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// A PDF file of one page; the page's resources and content, and the objects from number 5 on.
fn pdf(resources: &str, content: &str, more: Vec<Vec<u8>>) -> Vec<u8> {
    let page =
        format!("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<<{resources}>>/Contents 4 0 R>>");
    let mut objects = vec![
        b"<</Type/Catalog/Pages 2 0 R>>".to_vec(),
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>".to_vec(),
        page.into_bytes(),
        stream("", content.as_bytes()),
    ];
    objects.extend(more);
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut places = Vec::new();
    for (n, object) in objects.iter().enumerate() {
        places.push(out.len());
        out.extend(format!("{} 0 obj\n", n + 1).bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let (table, size) = (out.len(), objects.len() + 1);
    out.extend(format!("xref\n0 {size}\n0000000000 65535 f \n").bytes());
    places.iter().for_each(|place| out.extend(format!("{place:010} 00000 n \n").bytes()));
    out.extend(format!("trailer\n<</Size {size}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n").bytes());
    out
}

fn stream(dict: &str, data: &[u8]) -> Vec<u8> {
    let head = format!("<<{dict}/Length {}>>stream\n", data.len());
    [head.as_bytes(), data, b"\nendstream"].concat()
}

/// Objects from number `first` on, of which each has the next `TIMES` times; the last has `end` for its content.
/// `link`: how one names the next; `one`: its dictionary; `with`: what shows the next.
fn nested(first: usize, one: &str, link: impl Fn(usize) -> String, with: &str, end: &str) -> Vec<Vec<u8>> {
    let object = |n: usize| {
        let is_last = n + 1 == DEPTH;
        let resources = if is_last { String::new() } else { link(first + n + 1) };
        let content = if is_last { end.to_owned() } else { with.repeat(TIMES) };
        stream(&format!("{one}/Resources<<{resources}>>"), content.as_bytes())
    };
    (0..DEPTH).map(object).collect()
}

/// A page of forms within forms, which would show a word a hundred thousand million times.
pub(crate) fn nested_forms(name: &str) -> Vec<u8> {
    let font = "/Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>";
    let link = |next: usize| format!("{font}/XObject<</X {next} 0 R>>");
    let end = format!("BT /F 12 Tf ({name}) Tj ET");
    let one = format!("/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Name({name})");
    let mut forms = nested(5, &one, link, "/X Do ", &end);
    if let Some(last) = forms.last_mut() {
        *last = stream(&format!("{one}/Resources<<{font}>>"), end.as_bytes());
    }
    pdf("/XObject<</X 5 0 R>>", "/X Do", forms)
}

/// A scanned page with patterns within patterns over it: its image is never drawn to its end.
pub(crate) fn nested_patterns(name: &str) -> Vec<u8> {
    let scan = format!(
        "/Type/XObject/Subtype/Image/Name({name})/Width 100/Height 100/ColorSpace/DeviceGray/BitsPerComponent 8\
         /Filter/FlateDecode"
    );
    let one = "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 100 100]/XStep 100/YStep 100";
    let link = |next: usize| format!("/Pattern<</P {next} 0 R>>");
    let with = "/Pattern cs /P scn 0 0 100 100 re f ";
    let mut more = vec![stream(&scan, &packed(&[0; 10_000]))];
    more.extend(nested(6, one, link, with, "1 0 0 rg 0 0 10 10 re f"));
    let content = "q 595 0 0 842 0 0 cm /I Do Q /Pattern cs /P scn 0 0 595 842 re f";
    pdf("/XObject<</I 5 0 R>>/Pattern<</P 6 0 R>>", content, more)
}

/// A scanned page whose image has 256 million pixels, in a few kilobytes.
pub(crate) fn huge_scan() -> Vec<u8> {
    let side = 16_000;
    let once = packed(&vec![0; side * side]);
    let twice = packed(&once);
    let scan = format!(
        "/Type/XObject/Subtype/Image/Width {side}/Height {side}/ColorSpace/DeviceGray/BitsPerComponent 8\
         /Filter[/FlateDecode/FlateDecode]"
    );
    pdf("/XObject<</I 5 0 R>>", "595 0 0 842 0 0 cm /I Do", vec![stream(&scan, &twice)])
}

/// An image of each kind that claims ten thousand million pixels, or as many as it can claim.
pub(crate) fn huge_images() -> [(&'static str, Vec<u8>); 4] {
    let side = 100_000_u32;
    let both = [side.to_be_bytes(), side.to_be_bytes()].concat();
    let chunk = |name: &[u8], data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        let sum = crc32(&[name, data].concat()).to_be_bytes();
        [&length[..], name, data, &sum].concat()
    };
    let png = [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &[&both[..], &[8, 0, 0, 0, 0]].concat()),
        chunk(b"IDAT", &packed(&[0; 1 << 20])),
        chunk(b"IEND", b""),
    ];
    // The frame's head, with 65,500 lines of as many pixels, and a scan of nothing.
    let jpeg = [
        &b"\xff\xd8\xff\xc0\x00\x0b\x08"[..],
        &[0xff, 0xdc, 0xff, 0xdc, 1, 1, 0x11, 0],
        b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\x00\xff\xd9",
    ];
    // Width, height, bits, no compression, black is 0, one strip of all rows at 8.
    let entries = [
        (256_u16, 4_u16, side),
        (257, 4, side),
        (258, 3, 8),
        (259, 3, 1),
        (262, 3, 1),
        (273, 4, 8),
        (277, 3, 1),
        (278, 4, side),
        (279, 4, u32::MAX),
    ];
    let mut tiff = b"II*\0\x08\0\0\0".to_vec();
    tiff.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
    for (tag, kind, value) in entries {
        tiff.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        tiff.extend([1_u32.to_le_bytes(), value.to_le_bytes()].concat());
    }
    tiff.extend([0; 4]);
    // SIZ: capabilities, the size, no offset, one tile of that size, one component of 8 bits.
    let none = [0; 8];
    let jp2 = [
        &b"\xff\x4f\xff\x51\x00\x29\x00\x00"[..],
        &both,
        &none,
        &both,
        &none,
        b"\x00\x01\x07\x01\x01",
        b"\xff\x52\x00\x0c\x00\x00\x00\x01\x00\x05\x04\x04\x00\x01",
        b"\xff\x5c\x00\x13\x40\x40\x48\x48\x50\x48\x48\x50\x48\x48\x50\x48\x48\x50\x48\x48\x50",
        b"\xff\x90\x00\x0a\x00\x00\x00\x00\x00\x00\x00\x01\xff\x93\xff\xd9",
    ];
    [("a.png", png.concat()), ("a.jpg", jpeg.concat()), ("a.tif", tiff), ("a.jp2", jp2.concat())]
}

/// The sum that a PNG's chunks have.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(
            sum ^ u32::from(*byte),
            |sum, _| {
                if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 }
            },
        )
    })
}

/// What is in an archive's file: a beginning, and then zeros.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) beginning: &'a [u8],
    pub(crate) zeros: usize,
}

/// An archive.
pub(crate) fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let block = vec![0; 1 << 20];
    for Entry { name, beginning, zeros } in entries {
        let stored = CompressionMethod::Stored;
        let deflated = CompressionMethod::Deflated;
        let method = if *zeros == 0 { stored } else { deflated };
        let options = SimpleFileOptions::default().compression_method(method).compression_level(None);
        zip.start_file(*name, options).unwrap();
        zip.write_all(beginning).unwrap();
        (0..zeros >> 20).for_each(|_| zip.write_all(&block).unwrap());
    }
    zip.finish().unwrap().into_inner()
}

/// An EPUB with one chapter, whose files have this before their first element.
pub(crate) fn epub(doctype: &str, chapter: &str, zeros: usize) -> Vec<u8> {
    let container = format!(
        "<?xml version=\"1.0\"?>{doctype}<container version=\"1.0\" \
         xmlns=\"urn:oasis:names:tc:opendocument:xmlns:container\"><rootfiles><rootfile full-path=\"p.opf\" \
         media-type=\"application/oebps-package+xml\"/></rootfiles></container>"
    );
    let package = format!(
        "<?xml version=\"1.0\"?>{doctype}<package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\" \
         unique-identifier=\"i\"><metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:identifier id=\"i\">i\
         </dc:identifier><dc:title>The title &e;</dc:title><dc:language>en</dc:language></metadata><manifest>\
         <item id=\"c\" href=\"c.xhtml\" media-type=\"application/xhtml+xml\"/></manifest><spine>\
         <itemref idref=\"c\"/></spine></package>"
    );
    let text = format!(
        "<?xml version=\"1.0\"?>{doctype}<html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>A chapter</title>\
         </head><body><h1>A chapter</h1><p>It turned. {chapter}</p></body></html>"
    );
    let file = |name, beginning| Entry { name, beginning, zeros: 0 };
    archive(&[
        file("mimetype", &b"application/epub+zip"[..]),
        file("META-INF/container.xml", container.as_bytes()),
        file("p.opf", package.as_bytes()),
        Entry { name: "c.xhtml", beginning: text.as_bytes(), zeros },
    ])
}
