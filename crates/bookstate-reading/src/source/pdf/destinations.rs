//! Where a bookmark or a link of a PDF leads to.
//!
//! Invariants: a target is a page of this file, or there is none; names are collected once, at most
//! [`MOST_NAMES`] of them, from a tree that may be damaged or go in circles.

use hayro_syntax::Pdf;
use hayro_syntax::object::{Array, Dict, MaybeRef, Name, Object, ObjectIdentifier, String as PdfString};
use hayro_syntax::page::Page;
use kurbo::{Affine, Point};
use std::collections::{HashMap, HashSet};

/// More named places than any honest book has.
const MOST_NAMES: usize = 300_000;
/// Names that stand for names that stand for names.
const DEEPEST_NAME: u8 = 4;

/// A place in the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Target {
    /// The page, 0-based.
    pub(super) page: u32,
    /// How far below the page's upper edge, in points as it is read.
    pub(super) top: Option<f32>,
}

/// All places that the file gives a name or a number.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    by_object: HashMap<ObjectIdentifier, u32>,
    named: HashMap<Vec<u8>, Target>,
}

impl Destinations {
    pub(super) fn new(pdf: &Pdf) -> Self {
        let mut by_object = HashMap::with_capacity(pdf.pages().len());
        for (index, page) in pdf.pages().iter().enumerate() {
            if let (Some(id), Ok(index)) = (page.raw().obj_id(), u32::try_from(index)) {
                by_object.entry(id).or_insert(index);
            }
        }
        let raw = Resolver { pages: pdf.pages(), by_object: &by_object, named: &raw_names(pdf) };
        let named = raw.named.iter().filter_map(|(name, place)| {
            let target = raw.resolve(place, DEEPEST_NAME)?;
            Some((name.clone(), target))
        });
        let named = named.collect();
        Self { by_object, named }
    }

    /// Where `holder` (a bookmark or a link annotation) of `pdf`, whose destinations these are, leads to.
    pub(super) fn of<'a>(&self, pdf: &'a Pdf, holder: &Dict<'a>) -> Option<Target> {
        let resolver = Resolver { pages: pdf.pages(), by_object: &self.by_object, named: &self.named };
        if let Some(place) = holder.get::<Object<'a>>("Dest") {
            return resolver.resolve(&place, DEEPEST_NAME);
        }
        let action = holder.get::<Dict<'a>>("A")?;
        if action.get::<Name<'_>>("S").is_some_and(|kind| kind.as_ref() != b"GoTo") {
            return None;
        }
        resolver.resolve(&action.get::<Object<'a>>("D")?, DEEPEST_NAME)
    }
}

/// What a name stands for.
trait Named<'a> {
    fn target(&self, resolver: &Resolver<'_, 'a, Self>, deep: u8) -> Option<Target>
    where
        Self: Sized;
}

/// A place as the file has it, maybe a name again.
impl<'a> Named<'a> for Object<'a> {
    fn target(&self, resolver: &Resolver<'_, 'a, Self>, deep: u8) -> Option<Target> {
        resolver.resolve(self, deep.checked_sub(1)?)
    }
}

impl<'a> Named<'a> for Target {
    fn target(&self, _: &Resolver<'_, 'a, Self>, _: u8) -> Option<Target> {
        Some(*self)
    }
}

/// From a place as the file has it to the page.
struct Resolver<'t, 'a, N> {
    pages: &'a [Page<'a>],
    by_object: &'t HashMap<ObjectIdentifier, u32>,
    named: &'t HashMap<Vec<u8>, N>,
}

impl<'a, N: Named<'a>> Resolver<'_, 'a, N> {
    fn resolve(&self, place: &Object<'a>, deep: u8) -> Option<Target> {
        let named = |name: &[u8]| self.named.get(name)?.target(self, deep);
        match place {
            Object::Array(array) => self.explicit(array),
            Object::String(name) => named(name.as_bytes()),
            Object::Name(name) => named(name.as_ref()),
            Object::Dict(dict) => self.resolve(&dict.get::<Object<'a>>("D")?, deep.checked_sub(1)?),
            _ => None,
        }
    }

    fn explicit(&self, array: &Array<'a>) -> Option<Target> {
        let page = match array.raw_iter().next()? {
            MaybeRef::Ref(id) => *self.by_object.get(&id.into())?,
            MaybeRef::NotRef(Object::Number(n)) => u32::try_from(n.as_i64()).ok()?,
            MaybeRef::NotRef(_) => return None,
        };
        let shown = self.pages.get(page as usize)?;
        let mut rest = array.iter::<Object<'a>>().skip(1);
        let kind = rest.next().and_then(Object::into_name);
        let numbers: Vec<Option<f64>> = rest.take(4).map(|o| o.into_number().map(|n| n.as_f64())).collect();
        let at = |i: usize| numbers.get(i).copied().flatten();
        let point = match kind.as_ref().map(|k| k.as_ref()) {
            Some(b"XYZ") => at(1).map(|top| (at(0).unwrap_or(0.0), top)),
            Some(b"FitH" | b"FitBH") => at(0).map(|top| (0.0, top)),
            Some(b"FitR") => at(3).map(|top| (at(0).unwrap_or(0.0), top)),
            _ => None,
        };
        let upright = Affine::new(shown.initial_transform(true).as_coeffs());
        let height = f64::from(shown.render_dimensions().1);
        let top = point.map(|(x, y)| (upright * Point::new(x, y)).y).filter(|y| y.is_finite());
        Some(Target { page, top: top.map(|y| y.clamp(0.0, height) as f32) })
    }
}

/// The places with a name, as the file has them.
fn raw_names(pdf: &Pdf) -> HashMap<Vec<u8>, Object<'_>> {
    let mut named = HashMap::new();
    let catalog: Option<Dict<'_>> = pdf.xref().get(pdf.xref().root_id());
    let Some(catalog) = catalog else { return named };
    // The old way: a dictionary.
    if let Some(names) = catalog.get::<Dict<'_>>("Dests") {
        for name in names.keys().take(MOST_NAMES) {
            if let Some(place) = names.get::<Object<'_>>(&*name) {
                named.insert(name.to_vec(), place);
            }
        }
    }
    if let Some(tree) = catalog.get::<Dict<'_>>("Names").and_then(|n| n.get::<Dict<'_>>("Dests")) {
        collect_names(tree, &mut named);
    }
    named
}

fn collect_names<'a>(root: Dict<'a>, named: &mut HashMap<Vec<u8>, Object<'a>>) {
    let mut seen: HashSet<ObjectIdentifier> = HashSet::new();
    let mut stack = vec![root];
    while let Some(node) = stack.pop() {
        if named.len() >= MOST_NAMES || node.obj_id().is_some_and(|id| !seen.insert(id)) {
            continue;
        }
        if let Some(pairs) = node.get::<Array<'a>>("Names") {
            let mut items = pairs.iter::<Object<'a>>();
            while let (Some(name), Some(place)) = (items.next(), items.next()) {
                if let Some(name) = name.into_string() {
                    named.insert(string_bytes(&name), place);
                }
                if named.len() >= MOST_NAMES {
                    break;
                }
            }
        }
        if let Some(kids) = node.get::<Array<'a>>("Kids") {
            stack.extend(kids.iter::<Dict<'a>>().take(MOST_NAMES));
        }
    }
}

fn string_bytes(string: &PdfString<'_>) -> Vec<u8> {
    string.as_bytes().to_vec()
}
