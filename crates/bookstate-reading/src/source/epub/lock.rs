//! Books that a seller's system locks (DRM): which one it is, by what it leaves in the archive.

use crate::archive::{Archive, ArchiveError};

use super::super::markup::Tree;
use super::path::decoded;

/// Ways to hide fonts, which lock no text.
const FONTS_ONLY: [&str; 2] = ["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"];

/// The name of the system that locks the book's text, if one does.
pub(super) fn locked_by(archive: &Archive) -> Result<Option<String>, ArchiveError> {
    let Some(bytes) = archive.file("META-INF/encryption.xml")? else { return Ok(None) };
    let tree = Tree::xml(&String::from_utf8_lossy(&bytes));
    let mut algorithm = None;
    for data in tree.all(Tree::ROOT, "encrypteddata") {
        let method = tree.all(data, "encryptionmethod").next();
        let name = method.and_then(|node| tree.element(node)?.attribute("Algorithm")).unwrap_or_default();
        let file = tree.all(data, "cipherreference").next();
        let file = decoded(file.and_then(|node| tree.element(node)?.attribute("URI")).unwrap_or_default());
        let is_font =
            [".ttf", ".otf", ".woff", ".woff2"].iter().any(|end| file.to_ascii_lowercase().ends_with(end));
        if !FONTS_ONLY.contains(&name) && !is_font {
            algorithm = Some(name.rsplit('#').next().unwrap_or(name).to_owned());
        }
    }
    let Some(algorithm) = algorithm else { return Ok(None) };
    let rights = archive.file("META-INF/rights.xml")?;
    let rights = rights.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    Ok(Some(if archive.has("META-INF/license.lcpl") {
        "DRM: Readium LCP".to_owned()
    } else if archive.has("META-INF/sinf.xml") || rights.contains("apple.com") {
        "DRM: Apple FairPlay".to_owned()
    } else if rights.contains("barnesandnoble") {
        "DRM: Barnes & Noble".to_owned()
    } else if rights.contains("kobo") || archive.has("rights.xml") {
        "DRM: Kobo".to_owned()
    } else if rights.contains("adobe.com/adept") {
        "DRM: Adobe ADEPT".to_owned()
    } else {
        format!("DRM: unknown system, {algorithm}")
    }))
}
