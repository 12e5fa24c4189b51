//! The frame of a PDF file, written object by object: bytes go out as they come, only their places are kept.

use std::io::{self, Write};

use pdf_writer::{Chunk, Ref};

/// See the module documentation.
#[derive(Debug)]
pub(super) struct PdfFile<W> {
    out: W,
    written: u64,
    /// Where each object begins, by its number; 0: not written.
    places: Vec<u64>,
    next: i32,
}

impl<W: Write> PdfFile<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        let header = b"%PDF-1.7\n%\x80\x80\x80\x80\n\n";
        out.write_all(header)?;
        Ok(Self { out, written: header.len() as u64, places: vec![0], next: 1 })
    }

    /// A number for an object that will be written.
    pub(super) fn number(&mut self) -> Ref {
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.places.push(0);
        Ref::new(number)
    }

    /// Writes the object of this number, which is the only one in the chunk.
    pub(super) fn object(&mut self, number: Ref, chunk: &Chunk) -> io::Result<()> {
        if let Some(place) = usize::try_from(number.get()).ok().and_then(|n| self.places.get_mut(n)) {
            *place = self.written;
        }
        self.out.write_all(chunk.as_bytes())?;
        self.written += chunk.as_bytes().len() as u64;
        Ok(())
    }

    /// Writes the table of objects and the trailer.
    pub(super) fn finish(mut self, catalog: Ref, info: Ref) -> io::Result<W> {
        let table = self.written;
        writeln!(self.out, "xref\n0 {}\n0000000000 65535 f ", self.places.len())?;
        for place in self.places.iter().skip(1) {
            let state = if *place == 0 { 'f' } else { 'n' };
            writeln!(self.out, "{place:010} 00000 {state} ")?;
        }
        let (size, root, info) = (self.places.len(), catalog.get(), info.get());
        write!(
            self.out,
            "trailer\n<< /Size {size} /Root {root} 0 R /Info {info} 0 R >>\nstartxref\n{table}\n%%EOF\n"
        )?;
        self.out.flush()?;
        Ok(self.out)
    }
}
