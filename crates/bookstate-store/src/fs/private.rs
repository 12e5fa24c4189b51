//! Files and directories that only their owner can read, made where no link stands.
//!
//! A data directory holds whole books, so what is made in it is for its owner alone, whatever the umask says. And
//! it may have come from somewhere else, a cloned repository for instance: a symbolic link in the place of a file
//! that we make would lead our writes to any file of the user. So no link is followed in a file's last component,
//! and nothing is emptied by the opening. What leads to the data directory may be a link: that is the user's.
//!
//! What exists keeps the mode that its owner gave it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Creates one directory for its owner alone.
///
/// # Errors
/// `AlreadyExists` when it is there, `NotADirectory` when something else is, else the operating system's.
pub fn create_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(dir).map_err(|error| {
        let is_other = error.kind() == io::ErrorKind::AlreadyExists && !dir.is_dir();
        if is_other { io::ErrorKind::NotADirectory.into() } else { error }
    })
}

/// Opens a file for reading and writing, and makes it for its owner alone when it is not there. Its contents stay.
///
/// # Errors
/// The operating system's; a symbolic link in its place is one.
pub fn open(path: &Path) -> io::Result<File> {
    open_as(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)
}

/// Makes a file for its owner alone and opens it for appending.
///
/// # Errors
/// `AlreadyExists` when anything has the name, a symbolic link included, else the operating system's.
pub fn create_new(path: &Path) -> io::Result<File> {
    open_as(OpenOptions::new().append(true).create_new(true), path)
}

/// Opens a file that is there for appending.
///
/// # Errors
/// The operating system's; a symbolic link in its place is one.
pub fn open_append(path: &Path) -> io::Result<File> {
    open_as(OpenOptions::new().append(true), path)
}

/// Makes an empty file for its owner alone, to be written and then renamed; what a process that died left under
/// this name goes.
///
/// # Errors
/// The operating system's.
pub fn create_temporary(path: &Path) -> io::Result<File> {
    match create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            create_new(path)
        }
        created => created,
    }
}

fn open_as(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
    options.mode(0o600).custom_flags(flags).open(path).map_err(|error| {
        if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) {
            io::Error::other("it is a symbolic link, which is not followed here; remove it, then try again")
        } else {
            error
        }
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::fs::{OsFs, create_dirs};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_its_owners_and_what_exists_stays() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("a/b");
        create_dirs(&OsFs, &dir).unwrap();
        create_dirs(&OsFs, &dir).unwrap();
        assert_eq!((mode(&temp.path().join("a")), mode(&dir)), (0o700, 0o700));
        for (make, name) in [(open as fn(&Path) -> _, "x"), (create_new, "y"), (create_temporary, "z")] {
            make(&dir.join(name)).unwrap();
            assert_eq!(mode(&dir.join(name)), 0o600);
        }
        fs::write(dir.join("x"), "kept").unwrap();
        fs::set_permissions(dir.join("x"), fs::Permissions::from_mode(0o640)).unwrap();
        open(&dir.join("x")).unwrap();
        open_append(&dir.join("x")).unwrap().write_all(b".").unwrap();
        assert_eq!(
            (fs::read_to_string(dir.join("x")).unwrap().as_str(), mode(&dir.join("x"))),
            ("kept.", 0o640)
        );
        assert_eq!(create_dir(&dir.join("x")).unwrap_err().kind(), io::ErrorKind::NotADirectory);
    }

    #[test]
    fn no_link_is_followed() {
        let temp = tempfile::tempdir().unwrap();
        let (victim, link) = (temp.path().join("victim"), temp.path().join("link"));
        fs::write(&victim, "mine").unwrap();
        symlink(&victim, &link).unwrap();
        for make in [open as fn(&Path) -> _, create_new, open_append] {
            make(&link).unwrap_err();
        }
        assert!(open(&link).unwrap_err().to_string().contains("symbolic link"));
        create_temporary(&link).unwrap().write_all(b"ours").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine");
        assert!(!link.is_symlink(), "the link itself has gone");
    }
}
