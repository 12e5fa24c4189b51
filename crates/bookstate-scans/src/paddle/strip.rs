//! A line of text on the image of its page.

use image::{GrayImage, imageops};

use crate::words::Area;

/// A line's part of a page image.
#[derive(Debug)]
pub(super) struct Strip<'a> {
    page: &'a GrayImage,
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    /// What is as dark is ink.
    ink: u8,
}

impl<'a> Strip<'a> {
    /// The line at this place, as far as it is on the page. `ink`: what is as dark.
    pub(super) fn of(page: &'a GrayImage, place: &Area, ink: u8) -> Self {
        let begin = |at: f32, side: u32| (at.max(0.0) as u32).min(side.saturating_sub(1));
        let (x, y) = (begin(place.x0, page.width()), begin(place.y0, page.height()));
        let (width, height) = (place.width().ceil() as u32, place.height().ceil() as u32);
        let width = width.clamp(1, (page.width() - x).max(1));
        let height = height.clamp(1, (page.height() - y).max(1));
        Self { page, x, y, width, height, ink }
    }

    /// Its pixels.
    pub(super) fn pixels(&self) -> GrayImage {
        imageops::crop_imm(self.page, self.x, self.y, self.width, self.height).to_image()
    }

    /// Where the ink of a word is that stands between these shares of the line's width: as high as its letters, which says
    /// how large they are. From the middle of the line up and down to the first row of pixels without ink, so that the
    /// lines above and below are not part of it.
    pub(super) fn ink_between(&self, from: f32, to: f32) -> Area {
        let across = |share: f32| share.clamp(0.0, 1.0) * self.width as f32;
        let (x0, x1) = (across(from), across(to).max(across(from) + 1.0).min(self.width as f32));
        let columns = (x0 as u32)..(x1.ceil() as u32).min(self.width);
        let has_ink = |row: u32| {
            columns.clone().any(|column| {
                self.page.get_pixel_checked(self.x + column, self.y + row).is_some_and(|p| p.0[0] <= self.ink)
            })
        };
        let middle = self.height / 2;
        let inked: Vec<u32> = (0..self.height).filter(|row| has_ink(*row)).collect();
        let near = inked.iter().copied().min_by_key(|row| row.abs_diff(middle)).unwrap_or(middle);
        let top = (0..=near).rev().take_while(|row| inked.binary_search(row).is_ok()).last().unwrap_or(0);
        let bottom = (near..self.height).take_while(|row| inked.binary_search(row).is_ok()).last();
        let (top, bottom) = match inked.is_empty() {
            true => (0, self.height),
            false => (top, bottom.unwrap_or(near) + 1),
        };
        let (x, y) = (self.x as f32, self.y as f32);
        Area { x0: x + x0, y0: y + top as f32, x1: x + x1, y1: y + bottom as f32 }
    }
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    #[test]
    fn a_word_is_as_high_as_its_ink_and_no_part_of_the_next_line() {
        let mut page = GrayImage::from_pixel(200, 100, Luma([255]));
        let mut fill = |xs: std::ops::Range<u32>, ys: std::ops::Range<u32>| {
            for (x, y) in xs.flat_map(|x| ys.clone().map(move |y| (x, y))) {
                page.put_pixel(x, y, Luma([0]));
            }
        };
        fill(10..50, 42..54);
        fill(60..100, 36..54);
        fill(10..100, 30..33); // What hangs down from the line above.
        let strip = Strip::of(&page, &Area { x0: 10.0, y0: 30.0, x1: 110.0, y1: 60.0 }, 128);
        let (small, large) = (strip.ink_between(0.0, 0.4), strip.ink_between(0.5, 0.9));
        assert_eq!((small.y0, small.y1), (42.0, 54.0));
        assert_eq!((large.y0, large.y1), (36.0, 54.0));
        assert_eq!((small.x0, small.x1, large.x1), (10.0, 50.0, 100.0));
        let nothing = strip.ink_between(0.95, 1.0);
        assert_eq!((nothing.y0, nothing.y1), (30.0, 60.0), "where no ink is, the line");
    }

    #[test]
    fn a_strip_is_on_its_page() {
        let page = GrayImage::from_pixel(20, 10, Luma([255]));
        for place in [
            Area { x0: -5.0, y0: -5.0, x1: 50.0, y1: 50.0 },
            Area { x0: 30.0, y0: 30.0, x1: 31.0, y1: 31.0 },
            Area { x0: 5.0, y0: 5.0, x1: 5.0, y1: 5.0 },
            Area { x0: f32::NAN, y0: 0.0, x1: f32::NAN, y1: 0.0 },
        ] {
            let strip = Strip::of(&page, &place, 128);
            let pixels = strip.pixels();
            assert!(pixels.width() > 0 && pixels.height() > 0, "{place:?}");
            let area = strip.ink_between(0.0, 1.0);
            assert!(area.x1 <= 20.0 && area.y1 <= 10.0 && area.width() > 0.0, "{place:?}: {area:?}");
        }
    }
}
