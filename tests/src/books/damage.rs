//! Files that a reader must refuse with a clear message.
//!
//! An empty file needs no function: it is `&[]`.

/// `pdf` behind a password: a standard security handler (40-bit) whose user password is not the empty one.
///
/// Only the dictionary is there: no reader gets past the password, so the content stays as it is. Bytes
/// without a trailer come back unchanged.
#[must_use]
pub fn encrypted(pdf: &[u8]) -> Vec<u8> {
    const TRAILER: &[u8] = b"trailer\n<<";
    let Some(at) = pdf.windows(TRAILER.len()).rposition(|window| window == TRAILER) else {
        return pdf.to_vec();
    };
    let (head, tail) = pdf.split_at(at + TRAILER.len());
    let owner = "5A".repeat(32);
    let user = "A5".repeat(32);
    let id = "00112233445566778899AABBCCDDEEFF";
    let handler = format!("/Filter /Standard /V 1 /R 2 /Length 40 /P -4 /O <{owner}> /U <{user}>");
    let encrypt = format!("\n  /Encrypt << {handler} >>\n  /ID [<{id}> <{id}>]");
    [head, encrypt.as_bytes(), tail].concat()
}

/// The first half of `pdf`: the pages are there in part, the catalog and the cross-reference table are not.
#[must_use]
pub fn truncated(pdf: &[u8]) -> Vec<u8> {
    pdf.get(..pdf.len() / 2).unwrap_or_default().to_vec()
}
