//! Sources in a directory: of one machine, or one that all of them see.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{SourceError, Sources, beside, blocking, checked, copy, file_error, place};

/// Sources in a directory, each a file that has its hash as its name.
#[derive(Debug, Clone)]
pub struct DirSources {
    directory: PathBuf,
}

impl DirSources {
    /// The sources of a directory, which is made when it is not there.
    ///
    /// # Errors
    /// [`SourceError::File`].
    pub fn new(directory: impl Into<PathBuf>) -> Result<Self, SourceError> {
        let directory = directory.into();
        std::fs::create_dir_all(&directory).map_err(|error| file_error(&directory, &error))?;
        Ok(Self { directory })
    }
}

#[async_trait]
impl Sources for DirSources {
    async fn put(&self, path: &Path) -> Result<String, SourceError> {
        let (directory, path) = (self.directory.clone(), path.to_owned());
        blocking(move || {
            let mut new = beside(&directory.join("new"))?;
            let new_path = new.path().to_owned();
            let sha256 = copy(&path, &mut new, &new_path)?;
            let to = directory.join(&sha256);
            if !to.exists() {
                place(new, &to)?;
            }
            Ok(sha256)
        })
        .await
    }

    async fn fetch(&self, sha256: &str, to: &Path) -> Result<(), SourceError> {
        checked(sha256)?;
        let (from, sha256, to) = (self.directory.join(sha256), sha256.to_owned(), to.to_owned());
        blocking(move || {
            if !from.exists() {
                return Err(SourceError::NotThere { sha256 });
            }
            let mut new = beside(&to)?;
            let found = copy(&from, &mut new, &to)?;
            if found != sha256 {
                return Err(SourceError::Damaged { sha256, found });
            }
            place(new, &to)
        })
        .await
    }

    async fn has(&self, sha256: &str) -> Result<bool, SourceError> {
        if checked(sha256).is_err() {
            return Ok(false);
        }
        let path = self.directory.join(sha256);
        blocking(move || Ok(path.exists())).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    #[tokio::test]
    async fn a_file_comes_back_under_its_hash_and_what_changed_does_not() {
        let place = tempfile::tempdir().unwrap();
        let sources = DirSources::new(place.path().join("sources")).unwrap();
        let (from, to) = (place.path().join("book.pdf"), place.path().join("out.pdf"));
        std::fs::write(&from, "hello").unwrap();
        assert_eq!(sources.has(HELLO).await, Ok(false));
        assert_eq!(sources.fetch(HELLO, &to).await, Err(SourceError::NotThere { sha256: HELLO.into() }));
        for _ in 0..2 {
            assert_eq!(sources.put(&from).await, Ok(HELLO.to_owned()));
        }
        assert_eq!(sources.has(HELLO).await, Ok(true));
        assert_eq!(sources.fetch(HELLO, &to).await, Ok(()));
        assert_eq!(std::fs::read(&to).unwrap(), b"hello");
        assert_eq!(
            std::fs::read_dir(place.path().join("sources")).unwrap().count(),
            1,
            "nothing is left beside"
        );

        std::fs::write(place.path().join("sources").join(HELLO), "hell").unwrap();
        let damaged = sources.fetch(HELLO, &to).await;
        assert!(matches!(damaged, Err(SourceError::Damaged { .. })), "{damaged:?}");
        assert_eq!(std::fs::read(&to).unwrap(), b"hello", "what was there stays");
        for strange in ["", "../book.pdf", &HELLO.to_uppercase()] {
            assert_eq!(sources.has(strange).await, Ok(false), "{strange}");
            let fetched = sources.fetch(strange, &to).await;
            assert!(matches!(fetched, Err(SourceError::NotThere { .. })), "{strange}");
        }
    }
}
