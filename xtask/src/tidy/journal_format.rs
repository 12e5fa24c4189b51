//! `docs/journal-format.md` against the constants of the code that reads and writes the journal.
//!
//! The constants are taken from the source by `syn` and computed, so that nothing has to be public for this check.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use syn::{BinOp, Expr, Item, Lit};

use super::tree::{Findings, Tree};

const PAGE: &str = "docs/journal-format.md";
const SOURCE: &str = "crates/bookstate-store/src/journal/format.rs";

pub(super) fn check(tree: &Tree) -> anyhow::Result<Findings> {
    let constants = Constants::of(&tree.text(SOURCE)?)?;
    let number = |name| constants.number(name);
    let (header, frame) = (number("HEADER_LEN")?, number("FRAME_LEN")?);
    let (version, largest) = (number("FORMAT_VERSION")?, number("MAX_PAYLOAD_LEN")?);
    let magic = constants.bytes("MAGIC")?;
    let magic = magic.strip_suffix(b"\0").context("the magic ends with no zero byte")?;
    let mark_magic: Vec<String> = constants.bytes("MARK_MAGIC")?.iter().map(|b| format!("{b:02X}")).collect();
    let sentences = [
        format!("# The journal's format, version {version}\n"),
        format!("A header of {header} bytes"),
        format!("| 0 | 8 | magic: `{}` and a zero byte |", String::from_utf8_lossy(magic)),
        format!("| 8 | 4 | format version, {version} |"),
        format!("| {} | 4 | CRC-32 (IEEE) of bytes 0 to {} |", header - 4, header - 5),
        format!("These {header} bytes have the same place"),
        format!("the bytes of kind and payload, 1 to {} (64 MiB + 64 KiB + 1)", with_commas(largest + 1)),
        format!("| {frame} | length − 1 | payload |"),
        format!("**Kind {}, commit.**", number("KIND_COMMIT")?),
        format!(
            "**Kind {}, sync mark.** {} bytes; the whole record has {}.",
            number("KIND_MARK")?,
            number("MARK_PAYLOAD_LEN")?,
            number("MARK_LEN")?
        ),
        format!("| 0 | 8 | magic `{}`;", mark_magic.join(" ")),
        format!("last segment without records (at most {header} bytes)"),
    ];
    let (mut findings, page) = (Findings::default(), tree.text(PAGE)?);
    for sentence in sentences {
        findings.expect(page.contains(&sentence), PAGE, || {
            format!("by {SOURCE} it should say: {}", sentence.trim_end())
        });
    }
    Ok(findings)
}

/// The constants of a source.
struct Constants(BTreeMap<String, Expr>);

impl Constants {
    fn of(source: &str) -> anyhow::Result<Self> {
        let file = syn::parse_file(source).with_context(|| format!("cannot parse {SOURCE}"))?;
        let constant = |item| match item {
            Item::Const(constant) => Some((constant.ident.to_string(), *constant.expr)),
            _ => None,
        };
        Ok(Self(file.items.into_iter().filter_map(constant).collect()))
    }

    fn get(&self, name: &str) -> anyhow::Result<&Expr> {
        self.0.get(name).with_context(|| format!("{SOURCE} has no constant {name}"))
    }

    fn number(&self, name: &str) -> anyhow::Result<u64> {
        self.value(self.get(name)?).with_context(|| format!("cannot compute {name} in {SOURCE}"))
    }

    fn value(&self, expr: &Expr) -> anyhow::Result<u64> {
        Ok(match expr {
            Expr::Lit(lit) => match &lit.lit {
                Lit::Int(int) => int.base10_parse()?,
                _ => bail!("a whole number is expected"),
            },
            Expr::Paren(paren) => self.value(&paren.expr)?,
            Expr::Path(path) => self.number(&path.path.require_ident()?.to_string())?,
            Expr::Binary(binary) => {
                let (left, right) = (self.value(&binary.left)?, self.value(&binary.right)?);
                match binary.op {
                    BinOp::Add(_) => left + right,
                    BinOp::Sub(_) => left - right,
                    BinOp::Mul(_) => left * right,
                    BinOp::Shl(_) => left << right,
                    _ => bail!("only + - * and << are known here"),
                }
            }
            _ => bail!("a number, a constant or a sum is expected"),
        })
    }

    /// The value of `*b"…"`.
    fn bytes(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        if let Expr::Unary(unary) = self.get(name)?
            && let Expr::Lit(lit) = &*unary.expr
            && let Lit::ByteStr(bytes) = &lit.lit
        {
            return Ok(bytes.value());
        }
        bail!("{name} in {SOURCE} is no byte string")
    }
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_computed() {
        let source = "const A: usize = (64 << 20) + B; pub(super) const B: usize = 2 * 3 - 1;\n\
                      const C: [u8; 3] = *b\"\\xc1S\\0\"; const D: u8 = f();";
        let constants = Constants::of(source).unwrap();
        assert_eq!(constants.number("A").unwrap(), (64 << 20) + 5);
        assert_eq!(constants.bytes("C").unwrap(), b"\xc1S\0");
        assert!(constants.number("D").is_err());
        assert_eq!(with_commas(67_174_401), "67,174,401");
        assert_eq!(with_commas(512), "512");
    }
}
