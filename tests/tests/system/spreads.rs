//! Two pages on one image: each is a page of the book, unless it is told otherwise.

use std::process::Command;

use bookstate_tests::{books::Book, system::Place};
use image::{DynamicImage, GrayImage, Luma, imageops};
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str};
use serde_json::Value;

/// A book as a scanner gives it that is opened flat: its first and last page alone, the others in pairs.
struct Opened {
    place: Place,
    images: Vec<GrayImage>,
    /// What each page begins with.
    begins: Vec<String>,
}

/// The first words of each page of a book: the long ones, which are read surely.
fn begins(place: &Place, book: &str) -> Vec<String> {
    let pages = place.ok(&format!("pages {book} --json")).json();
    let begins = pages["pages"].as_array().unwrap().iter().map(|page| page["begins"].as_str().unwrap());
    let long = |text: &str| -> String {
        let words =
            text.split_whitespace().filter(|word| word.len() > 4 && word.chars().all(char::is_alphabetic));
        words.take(2).collect::<Vec<_>>().join(" ").to_lowercase()
    };
    begins.map(long).collect()
}

fn opened() -> Opened {
    let place = Place::with(&Book::new("flat").chapters(1).pages(8).make_pdf());
    let drawn = Command::new("pdftoppm")
        .args(["-gray", "-png", "-r", "120", "-f", "4", "-l", "7"])
        .args([place.path("book.pdf"), place.path("page")])
        .status();
    assert!(drawn.unwrap().success());
    let mut drawn: Vec<_> =
        std::fs::read_dir(place.path("")).unwrap().map(|file| file.unwrap().path()).collect();
    drawn.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    drawn.sort();
    let pages: Vec<GrayImage> = drawn.iter().map(|path| image::open(path).unwrap().to_luma8()).collect();
    let [first, a, b, last] = pages.try_into().unwrap();
    let images = vec![first, beside(&a, &b), last];
    place.ok("process book.pdf");
    let begins = begins(&place, "book.pdf")[3..7].to_vec();
    Opened { place, images, begins }
}

/// Two pages with the shadow of the fold between them.
fn beside(left: &GrayImage, right: &GrayImage) -> GrayImage {
    let (width, height) = left.dimensions();
    let mut both = GrayImage::from_pixel(2 * width, height, Luma([255]));
    imageops::replace(&mut both, left, 0, 0);
    imageops::replace(&mut both, right, i64::from(width), 0);
    for (y, x) in (0..height).flat_map(|y| (width - 3..width + 3).map(move |x| (y, x))) {
        both.put_pixel(x, y, Luma([90]));
    }
    both
}

impl Opened {
    fn write_folder(&self, name: &str) {
        std::fs::create_dir(self.place.path(name)).unwrap();
        for (n, image) in self.images.iter().enumerate() {
            DynamicImage::ImageLuma8(image.clone())
                .save(self.place.path(&format!("{name}/{n}.png")))
                .unwrap();
        }
    }

    /// A PDF file of the images in this order; behind them a page of `text`, where there is any.
    fn write_pdf(&self, name: &str, order: [usize; 3], text: Option<&[u8]>) {
        let mut pdf = Pdf::new();
        let images = i32::try_from(self.images.len()).unwrap();
        let count = images + i32::from(text.is_some());
        let page = |n: i32| Ref::new(3 + 3 * n);
        pdf.catalog(Ref::new(1)).pages(Ref::new(2));
        pdf.pages(Ref::new(2)).kids((0..count).map(page)).count(count);
        if let Some(text) = text {
            let (content_id, font_id) = (Ref::new(4 + 3 * images), Ref::new(5 + 3 * images));
            let mut written = pdf.page(page(images));
            written.media_box(Rect::new(0.0, 0.0, 400.0, 600.0)).parent(Ref::new(2)).contents(content_id);
            written.resources().fonts().pair(Name(b"F"), font_id);
            written.finish();
            pdf.type1_font(font_id).base_font(Name(b"Helvetica"));
            let mut content = Content::new();
            content.begin_text().set_font(Name(b"F"), 12.0).next_line(40.0, 500.0).show(Str(text)).end_text();
            pdf.stream(content_id, &content.finish());
        }
        for (n, image) in (0..).zip(order.map(|n| &self.images[n])) {
            let (width, height) = (image.width() as f32 * 72.0 / 120.0, image.height() as f32 * 72.0 / 120.0);
            let (content_id, image_id) = (Ref::new(4 + 3 * n), Ref::new(5 + 3 * n));
            let mut written = pdf.page(page(n));
            written.media_box(Rect::new(0.0, 0.0, width, height)).parent(Ref::new(2)).contents(content_id);
            written.resources().x_objects().pair(Name(b"Im"), image_id);
            written.finish();
            let mut content = Content::new();
            content.transform([width, 0.0, 0.0, height, 0.0, 0.0]);
            content.x_object(Name(b"Im"));
            pdf.stream(content_id, &content.finish());
            let mut written = pdf.image_xobject(image_id, image.as_raw());
            written.width(i32::try_from(image.width()).unwrap());
            written.height(i32::try_from(image.height()).unwrap());
            written.color_space().device_gray();
            written.bits_per_component(8);
        }
        self.place.write(name, pdf.finish());
    }
}

#[test]
fn two_pages_on_one_image_are_two_pages_of_the_book() {
    let opened = opened();
    let place = &opened.place;
    opened.write_folder("flat");
    place.ok("process flat --languages eng");
    assert_eq!(begins(place, "flat"), opened.begins);
    // The exports have the pages, too, each with its own half.
    place.ok("export flat --format pdf -o flat-out.pdf");
    let said = Command::new("pdfinfo").arg(place.path("flat-out.pdf")).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert!(said.lines().any(|line| line.split_whitespace().eq(["Pages:", "4"])), "{said}");
    place.ok("rm flat --yes");

    place.ok("process flat --languages eng --whole-images");
    let whole = place.ok("pages flat --json").json();
    assert_eq!(whole["page_count"], 3, "{whole}");
    // A book that is known stays as it is.
    place.ok("process flat --languages eng");
    assert_eq!(place.ok("pages flat --json").json()["page_count"], 3);
    place.ok("rm flat --yes");

    opened.write_pdf("flat.pdf", [0, 1, 2], None);
    let job: Value = place.ok("process flat.pdf --languages eng --json").json();
    assert_eq!(job["status"], "complete", "{job}");
    assert_eq!(begins(place, "flat.pdf"), opened.begins);
    // A page that has a text of its own keeps it: then no page becomes an image.
    // The image of two pages is the first, where it is looked at.
    opened.write_pdf("mixed.pdf", [1, 0, 2], Some(b"What this page says is its text."));
    place.ok("process mixed.pdf --estimate");
    let books = place.ok("books --json").json();
    let pages: Vec<_> = books["books"].as_array().unwrap().iter().map(|book| &book["page_count"]).collect();
    let of_four = pages.iter().filter(|pages| ***pages == 4).count();
    assert_eq!(
        (pages.len(), of_four),
        (3, 2),
        "the images that were split, and those that were not: {books}"
    );
    place.ok("rm flat.pdf mixed.pdf book.pdf --yes");
    let left = std::fs::read_dir(place.data().join("sources")).unwrap().count();
    assert_eq!(left, 0, "nothing of a removed book is left");
}
