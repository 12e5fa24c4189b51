//! What a scanner adds at the edges: black borders, the shadow of the fold, the edge of the facing page.

use image::GrayImage;

use super::ink::{Component, Components};

/// Makes paper of ink at the image's edges that is no print.
pub(super) fn wipe(grey: &mut GrayImage, components: &Components) {
    let (width, height) = components.size();
    let is_border = |piece: &Component| is_border(piece, width, height);
    if components.pieces.iter().any(is_border) {
        components.wipe(grey, |_, piece| is_border(piece));
    }
}

fn is_border(piece: &Component, width: u32, height: u32) -> bool {
    // How far from the edge a border begins, and which share of a side it runs along.
    let (margin_x, margin_y) = (width / 12, height / 14);
    let touches = piece.x0 <= 2 || piece.y0 <= 2 || piece.x1 + 2 >= width || piece.y1 + 2 >= height;
    let inside_margin = piece.x1 <= margin_x
        || piece.x0 + margin_x >= width
        || piece.y1 <= margin_y
        || piece.y0 + margin_y >= height;
    let long = piece.height() > height / 5 || piece.width() > width / 4;
    let thin = piece.height() > 12 * piece.width() || piece.width() > 12 * piece.height();
    // A frame around the whole page has all of it inside; what it holds is other pieces.
    let frame = piece.width() > width * 9 / 10 && piece.height() > height * 9 / 10;
    (touches && (long || inside_margin)) || (inside_margin && long && thin) || (touches && frame)
}

#[cfg(test)]
mod tests {
    use image::Luma;

    use super::*;

    #[test]
    fn a_line_at_the_edge_goes_and_a_letter_stays() {
        let mut image = GrayImage::from_pixel(400, 600, Luma([255]));
        for y in 0..500 {
            image.put_pixel(390, y, Luma([0]));
            image.put_pixel(391, y, Luma([0]));
        }
        for y in 300..312 {
            for x in 200..206 {
                image.put_pixel(x, y, Luma([0]));
            }
        }
        let components = Components::of(&image);
        wipe(&mut image, &components);
        assert_eq!(image.get_pixel(390, 100).0[0], 255);
        assert_eq!(image.get_pixel(202, 305).0[0], 0);
    }
}
