//! Two pages on one image: which images of a scan show two pages.
//!
//! It is decided once, when a book is taken in, and kept beside the file: from then on each half is a page of its own.
//! An image that is higher than wide shows one page. Of the others a few are looked at, all over the book; where they
//! show two pages, all of them do, those too on which one page is blank, but for those whose print runs across the
//! middle: a table that folds out.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use image::DynamicImage;
use serde::{Deserialize, Serialize};

use crate::{
    PageError,
    images::{PageImages, Resolution},
    prepare::{Fold, fold},
    private,
    sample::spread_over,
};

/// Two pages side by side are so many times as wide as high.
const WIDE: std::ops::RangeInclusive<f32> = 1.12..=2.2;
/// How many images are looked at, and how many where one of them is wide.
const FIRST: u32 = 3;
const MOST: u32 = 9;
/// How wide an image is when it is looked at, in pixels.
const WIDTH: u32 = 1000;

/// Which images of a scan show two pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spreads {
    /// Their numbers, counted from 1, in order; never empty.
    images: Vec<u32>,
}

/// Which page of an image is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Half {
    Left,
    Right,
}

/// A page by its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// The image, counted from 0.
    pub(crate) image: u32,
    /// Which half of it; `None`: it is the page.
    pub(crate) half: Option<Half>,
}

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

    /// What is kept beside the file of a scan.
    #[must_use]
    pub fn kept(file: &Path) -> Option<Self> {
        let kept: Self = serde_json::from_slice(&fs::read(beside(file)).ok()?).ok()?;
        let in_order = kept.images.is_sorted_by(|a, b| a < b) && kept.images.first() != Some(&0);
        (in_order && !kept.images.is_empty()).then_some(kept)
    }

    /// Keeps it beside the file of a scan, whole or not at all, for good.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, file: &Path) -> io::Result<()> {
        private::write_durably(&beside(file), &serde_json::to_vec(self)?)
    }

    /// Takes away what is kept beside the file of a scan, if anything is.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn forget(file: &Path) -> io::Result<()> {
        match fs::remove_file(beside(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// How many pages a scan of so many images has.
    pub(crate) fn page_count(&self, images: u32) -> u32 {
        let double = self.images.iter().filter(|image| **image <= images).count();
        images.saturating_add(u32::try_from(double).unwrap_or(u32::MAX))
    }

    /// The image of the page `index`, counted from 0.
    pub(crate) fn part(&self, index: u32) -> Part {
        // How many images that show two pages have begun before this page's image.
        let mut before = 0;
        for image in &self.images {
            let first = (image - 1).saturating_add(before);
            if index < first {
                break;
            }
            let half = match index - first {
                0 => Half::Left,
                1 => Half::Right,
                _ => {
                    before += 1;
                    continue;
                }
            };
            return Part { image: image - 1, half: Some(half) };
        }
        Part { image: index.saturating_sub(before), half: None }
    }
}

/// What an image shows; `None`: it is higher than wide.
fn look(images: &PageImages, page: u32) -> Result<Option<Fold>, PageError> {
    let pixels = images.image(page, Resolution::Width(WIDTH))?.pixels;
    let is_wide = WIDE.contains(&(pixels.width() as f32 / pixels.height().max(1) as f32));
    Ok(is_wide.then(|| fold(&pixels)))
}

/// The page on this half of an image.
pub(crate) fn half(pixels: &DynamicImage, half: Half) -> DynamicImage {
    let (width, height) = (pixels.width(), pixels.height());
    let share = match fold(pixels) {
        Fold::At(share) => share,
        Fold::Crossed | Fold::Unclear => 0.5,
    };
    let middle = ((share * width as f32) as u32).clamp(1.min(width), width.saturating_sub(1).max(1));
    match half {
        Half::Left => pixels.crop_imm(0, 0, middle, height),
        Half::Right => pixels.crop_imm(middle, 0, width.saturating_sub(middle).max(1), height),
    }
}

fn beside(file: &Path) -> PathBuf {
    file.with_extension("spreads")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every image has its pages, in order, and no page is twice.
        #[test]
        fn every_half_is_one_page(images in 1_u32..60, wide in proptest::collection::btree_set(1_u32..60, 1..60)) {
            let spreads = Spreads { images: wide.iter().copied().filter(|image| *image <= images).collect() };
            let mut expected = Vec::new();
            for image in 0..images {
                if spreads.images.contains(&(image + 1)) {
                    expected.push(Part { image, half: Some(Half::Left) });
                    expected.push(Part { image, half: Some(Half::Right) });
                } else {
                    expected.push(Part { image, half: None });
                }
            }
            let parts: Vec<Part> = (0..spreads.page_count(images)).map(|index| spreads.part(index)).collect();
            prop_assert_eq!(parts, expected);
        }
    }

    #[test]
    fn images_of_two_pages_are_told_from_pages_and_from_what_folds_out() {
        use crate::prepare::drawn::{paper, print};
        let place = tempfile::tempdir().unwrap();
        let images = place.path().join("images");
        fs::create_dir(&images).unwrap();
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

    #[test]
    fn what_is_kept_comes_back_and_nonsense_is_nothing() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("book.cbz");
        assert_eq!(Spreads::kept(&file), None);
        let spreads = Spreads { images: vec![2, 3, 7] };
        spreads.keep(&file).unwrap();
        assert_eq!(Spreads::kept(&file), Some(spreads));
        for nonsense in [r#"{"images":[]}"#, r#"{"images":[0,1]}"#, r#"{"images":[3,2]}"#, "[", ""] {
            fs::write(beside(&file), nonsense).unwrap();
            assert_eq!(Spreads::kept(&file), None, "{nonsense}");
        }
        Spreads::forget(&file).unwrap();
        Spreads::forget(&file).unwrap();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
