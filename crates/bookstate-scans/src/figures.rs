//! The pictures of a page, cut out of its image.

use crate::{
    images::PageImage,
    tesseract::turned,
    words::{Area, PageWords},
};

/// A picture that lies in another one to this part is a part of it.
const WITHIN: f32 = 0.8;

/// The pictures of the page whose image is `image`, of any size, as JPEG files, from top to bottom. Where they are is
/// told by `words`, for an image of their own size.
#[must_use]
pub fn cut_out(image: &PageImage, words: &PageWords) -> Vec<Vec<u8>> {
    let upright = turned(&image.pixels, words.turned);
    let scale = upright.width() as f32 / words.width.max(1) as f32;
    let areas = &words.figures;
    let is_part = |n: usize, area: &Area| {
        let larger = |(other, of): (usize, &Area)| {
            other != n
                && area.covered_by(of) > WITHIN
                && (of.width() * of.height(), other) > (area.width() * area.height(), n)
        };
        areas.iter().enumerate().any(larger)
    };
    let mut whole: Vec<Area> =
        areas.iter().enumerate().filter(|(n, area)| !is_part(*n, area)).map(|(_, area)| *area).collect();
    whole.sort_by(|a, b| a.y0.total_cmp(&b.y0).then(a.x0.total_cmp(&b.x0)));
    let jpeg = |area: Area| {
        let area = area.scaled(scale);
        let (x, y) = (area.x0.max(0.0) as u32, area.y0.max(0.0) as u32);
        let (width, height) = (area.width().max(0.0) as u32, area.height().max(0.0) as u32);
        let pixels = upright.crop_imm(x, y, width, height);
        let is_empty = pixels.width() == 0 || pixels.height() == 0;
        (!is_empty).then(|| PageImage { pixels, dpi: None }.jpeg().ok()).flatten()
    };
    whole.into_iter().filter_map(jpeg).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(x0: f32, y0: f32, x1: f32, y1: f32) -> Area {
        Area { x0, y0, x1, y1 }
    }

    #[test]
    fn pictures_are_cut_out_upright_and_once() {
        let pixels = image::DynamicImage::new_luma8(400, 200);
        let figures = vec![
            area(10.0, 110.0, 90.0, 190.0),
            area(0.0, 0.0, 100.0, 100.0),
            area(20.0, 20.0, 60.0, 60.0),
            area(0.0, 390.0, 0.2, 390.1),
        ];
        let words = PageWords { width: 100, height: 200, turned: 90, figures, ..PageWords::default() };
        let found = cut_out(&PageImage { pixels, dpi: None }, &words);
        assert_eq!(found.iter().map(|jpeg| size(jpeg)).collect::<Vec<_>>(), [(200, 200), (160, 160)]);
    }

    fn size(jpeg: &[u8]) -> (u32, u32) {
        let image = image::load_from_memory(jpeg).unwrap();
        (image.width(), image.height())
    }
}
