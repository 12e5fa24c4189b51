//! What is kept of a scan some of whose images show two pages, and which page is which half of an image.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use image::DynamicImage;
use serde::{Deserialize, Serialize};

use crate::{
    prepare::{Fold, fold},
    private,
};

/// Which images of a scan show two pages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spreads {
    /// Their numbers, counted from 1, in order; never empty.
    pub(super) images: Vec<u32>,
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

/// The page on this half of an image.
pub(crate) fn half_of(pixels: &DynamicImage, half: Half) -> DynamicImage {
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
