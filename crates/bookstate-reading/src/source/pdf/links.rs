//! Links of a page to other places of the book.

use super::destinations::Destinations;
use crate::page::{Link, Rect};
use hayro_syntax::Pdf;
use hayro_syntax::object::{Array, Dict, Name, Rect as PdfRect};
use hayro_syntax::page::Page;
use kurbo::{Affine, Point};

/// More links than any honest page has.
const MOST_LINKS: usize = 5_000;

pub(super) fn links<'a>(pdf: &'a Pdf, page: &Page<'a>, destinations: &Destinations) -> Vec<Link> {
    let Some(annotations) = page.raw().get::<Array<'a>>("Annots") else { return Vec::new() };
    let upright = Affine::new(page.initial_transform(true).as_coeffs());
    let link = |annotation: Dict<'a>| -> Option<Link> {
        if annotation.get::<Name<'_>>("Subtype")?.as_ref() != b"Link" {
            return None;
        }
        let area = annotation.get::<PdfRect>("Rect")?;
        let target = destinations.of(pdf, &annotation)?;
        let a = upright * Point::new(area.x0, area.y0);
        let b = upright * Point::new(area.x1, area.y1);
        let place = Rect::new(a.x as f32, a.y as f32, b.x as f32, b.y as f32);
        Some(Link { place, page: target.page + 1, top: target.top })
    };
    annotations.iter::<Dict<'a>>().take(MOST_LINKS).filter_map(link).collect()
}
