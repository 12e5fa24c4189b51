//! Which images of a scan show two pages: by a few of them, looked at all over the book.

use std::collections::BTreeMap;

use super::pages::Spreads;
use crate::{
    PageError,
    images::{PageImages, Resolution},
    prepare::{Fold, fold},
    sample::spread_over,
};

/// Two pages side by side are so many times as wide as high.
const WIDE: std::ops::RangeInclusive<f32> = 1.12..=2.2;
/// How many images are looked at, and how many where one of them is wide.
const FIRST: u32 = 3;
const MOST: u32 = 9;
/// How wide an image is when it is looked at, in pixels.
const WIDTH: u32 = 1000;

impl Spreads {
    /// Looks at the images of a scan; `None`: each shows one page. `images`: a scan of which nothing is kept yet.
    /// Blocks, as long as a few images take to be made, and all of them where they show two pages.
    #[must_use]
    pub fn find(images: &PageImages) -> Option<Self> {
        let pages = images.page_count();
        let (mut looked_at, mut failed) = (BTreeMap::new(), 0);
        for many in [FIRST, MOST] {
            for page in spread_over(pages, many) {
                if looked_at.contains_key(&page) {
                    continue;
                }
                match look(images, page) {
                    Ok(seen) => drop(looked_at.insert(page, seen)),
                    // It took what making an image may take: a file of nothing else takes it each time.
                    Err(_) if failed == 1 => return None,
                    Err(_) => failed += 1,
                }
            }
            if looked_at.values().all(Option::is_none) {
                return None;
            }
        }
        let seen = |shows: fn(&Fold) -> bool| looked_at.values().flatten().filter(|fold| shows(fold)).count();
        let two = seen(|fold| matches!(fold, Fold::At(_)));
        let one = seen(|fold| matches!(fold, Fold::Crossed));
        if two <= 2 * one {
            return None;
        }
        let shows_two = |page: &u32| {
            // An image that cannot be made is no page that could be read.
            let seen = looked_at.get(page).copied().unwrap_or_else(|| look(images, *page).unwrap_or(None));
            seen.is_some_and(|fold| fold != Fold::Crossed)
        };
        let images: Vec<u32> = (1..=pages).filter(shows_two).collect();
        (!images.is_empty()).then_some(Self { images })
    }
}

/// What an image shows; `None`: it is higher than wide.
fn look(images: &PageImages, page: u32) -> Result<Option<Fold>, PageError> {
    let pixels = images.image(page, Resolution::Width(WIDTH))?.pixels;
    let is_wide = WIDE.contains(&(pixels.width() as f32 / pixels.height().max(1) as f32));
    Ok(is_wide.then(|| fold(&pixels)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_two_pages_are_told_from_pages_and_from_what_folds_out() {
        use crate::prepare::drawn::{paper, print};
        let place = tempfile::tempdir().unwrap();
        let images = place.path().join("images");
        std::fs::create_dir(&images).unwrap();
        for n in 1..=9 {
            let mut image = paper();
            match n {
                // A table, which runs across.
                4 => print(&mut image, 60, 940, 0..25),
                // A blank page beside a page.
                6 => print(&mut image, 60, 450, 0..25),
                _ => {
                    print(&mut image, 60, 450, 0..25);
                    print(&mut image, 530, 940, 0..25);
                }
            }
            if n == 1 || n == 9 {
                image = image::imageops::crop_imm(&image, 0, 0, 500, 700).to_image();
            }
            image.save(images.join(format!("{n}.png"))).unwrap();
        }
        let copy = place.path().join("copy.cbz");
        let scan = crate::input::Scan::find(&images).unwrap().unwrap();
        crate::input::write(&scan, &copy).unwrap();
        let found = Spreads::find(&PageImages::open(&copy).unwrap()).unwrap();
        assert_eq!(found.images, [2, 3, 5, 6, 7, 8]);
        found.keep(&copy).unwrap();
        let opened = PageImages::open(&copy).unwrap();
        assert_eq!(opened.page_count(), 15);
        // Nothing of an image is on neither of its pages.
        let width = |page| opened.image(page, Resolution::Native).unwrap().pixels.width();
        assert_eq!((width(1), width(2) + width(3), width(6)), (500, 1000, 1000));
    }
}
