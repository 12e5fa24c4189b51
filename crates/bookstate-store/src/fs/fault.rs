//! A file system in memory that fails on purpose and can lose power: for tests.
//!
//! It keeps apart what a process sees and what would survive a power loss. Operations are counted, so that a test
//! can run once without a fault, and then again with a fault at each operation in turn. A failed sync loses the
//! writes it covered for good, though the process still sees them, as Linux does. Reads never fail.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::{File, Fs};

/// A kind of operation that can fail: a call of [`Fs`] or [`File`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    /// [`Fs::create_dir`].
    CreateDir,
    /// [`Fs::create_new`].
    Create,
    /// [`File::write`].
    Write,
    /// [`File::set_len`].
    SetLen,
    /// [`File::sync_data`].
    SyncData,
    /// [`Fs::sync_dir`].
    SyncDir,
    /// [`Fs::rename`].
    Rename,
    /// [`Fs::remove`].
    Remove,
}

/// What happens at the chosen operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It fails with this error and does nothing.
    Error(io::ErrorKind),
    /// A write writes only so many bytes and says so; other operations are not affected.
    Short(usize),
    /// A write writes only so many bytes, the next one fails with this error; others fail like `Error`.
    Torn(usize, io::ErrorKind),
    /// Too many files are open: what has to open one fails and does nothing; other operations are not affected.
    NoDescriptor,
    /// The process dies here: a write writes so many bytes, then this and everything after fails.
    Death(usize),
}

/// What a power loss leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashImage {
    /// Everything, and what was not synced still is not: the process was killed, the machine lives.
    Killed,
    /// Nothing.
    Synced,
    /// An arbitrary part, chosen by this seed: each write and each name whole, torn, or not at all.
    Random(u64),
}

/// The file system; clones share it.
#[derive(Clone, Debug, Default)]
pub struct FaultFs {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug, Default)]
struct Disk {
    inodes: Vec<Inode>,
    /// Files and directories; those of a directory are [`DIRECTORY`].
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Name changes since the last sync of the directory that they are in.
    pending_names: Vec<NameChange>,
    ops: Vec<Call>,
    faults: Vec<(u64, Fault)>,
    /// The rest of a `Torn` fault.
    next_write_fails: Option<io::ErrorKind>,
    dead: bool,
    space: Option<u64>,
    before_sync: Hook,
}

/// Something to be called.
#[derive(Clone, Default)]
struct Hook(Option<Arc<dyn Fn() + Send + Sync>>);

impl Hook {
    fn call(&self) {
        if let Some(hook) = &self.0 {
            hook();
        }
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Hook").field(&self.0.is_some()).finish()
    }
}

/// In place of an inode: the name is a directory's.
const DIRECTORY: usize = usize::MAX;

#[derive(Debug, Default)]
struct Inode {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8>, is_lost: bool },
    SetLen(usize),
}

#[derive(Clone, Debug)]
enum NameChange {
    Bind(PathBuf, usize),
    Unbind(PathBuf),
}

impl FaultFs {
    /// An empty disk without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the operation with this number, counted from 0 over all kinds, meet a fault.
    pub fn inject(&self, op: u64, fault: Fault) {
        self.disk.lock().faults.push((op, fault));
    }

    /// The operations so far, in order.
    #[must_use]
    pub fn ops(&self) -> Vec<Call> {
        self.disk.lock().ops.clone()
    }

    /// From now on only so many bytes can be written (none: no limit); writes beyond fail with `StorageFull`, after
    /// a part that still fits.
    pub fn set_space(&self, bytes: Option<u64>) {
        self.disk.lock().space = bytes;
    }

    /// Calls this at the beginning of each [`File::sync_data`] and [`Fs::sync_dir`] from now on, in the syncing thread:
    /// it may take its time there, or panic.
    pub fn before_sync(&self, hook: impl Fn() + Send + Sync + 'static) {
        self.disk.lock().before_sync = Hook(Some(Arc::new(hook)));
    }

    /// The disk as the next process finds it. This one stays as it is.
    #[must_use]
    pub fn crash(&self, image: CrashImage) -> Self {
        let disk = self.disk.lock();
        let mut random = Random(match image {
            CrashImage::Random(seed) => seed,
            CrashImage::Killed | CrashImage::Synced => 0,
        });
        let mut names = disk.durable_names.clone();
        for change in &disk.pending_names {
            let keeps = match image {
                CrashImage::Killed => true,
                CrashImage::Synced => false,
                CrashImage::Random(_) => random.below(2) == 0,
            };
            if keeps {
                change.apply(&mut names);
            }
        }
        // What is in a directory goes with it.
        let kept = names.clone();
        names.retain(|path, _| path.ancestors().skip(1).all(|dir| is_root(dir) || kept.contains_key(dir)));
        let inodes = disk.inodes.iter().map(|inode| match image {
            CrashImage::Killed => inode.after_kill(),
            CrashImage::Synced => Inode::whole(inode.durable.clone()),
            CrashImage::Random(_) => Inode::whole(inode.torn(&mut random)),
        });
        let mut next =
            Disk { inodes: inodes.collect(), durable_names: names.clone(), names, ..Disk::default() };
        if image == CrashImage::Killed {
            next.durable_names.clone_from(&disk.durable_names);
            next.pending_names.clone_from(&disk.pending_names);
        }
        Self { disk: Arc::new(Mutex::new(next)) }
    }

    /// The bytes of a file as the process sees them.
    ///
    /// # Errors
    /// There is no such file.
    pub fn contents(&self, path: &Path) -> io::Result<Vec<u8>> {
        let disk = self.disk.lock();
        disk.seen(path).map(<[u8]>::to_vec)
    }

    /// Puts a file with these bytes there, durably, whatever was there before.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut disk = self.disk.lock();
        let inode = disk.inodes.len();
        disk.inodes.push(Inode::whole(bytes.to_vec()));
        let dirs = path.ancestors().skip(1).filter(|dir| !is_root(dir)).map(|dir| (dir, DIRECTORY));
        for (path, inode) in std::iter::once((path, inode)).chain(dirs) {
            disk.names.insert(path.to_owned(), inode);
            disk.durable_names.insert(path.to_owned(), inode);
        }
    }

    /// All files, by path.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let disk = self.disk.lock();
        disk.names.iter().filter(|(_, inode)| **inode != DIRECTORY).map(|(path, _)| path.clone()).collect()
    }

    fn rebind(&self, op: Call, change: impl FnOnce(&Disk) -> io::Result<Vec<NameChange>>) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(op)?;
        for change in change(&disk)? {
            change.apply(&mut disk.names);
            disk.pending_names.push(change);
        }
        Ok(())
    }

    fn file(&self, inode: usize) -> Arc<dyn File> {
        Arc::new(FaultFile { disk: Arc::clone(&self.disk), inode })
    }
}

impl Fs for FaultFs {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let parent = dir.parent();
        self.rebind(Call::CreateDir, |disk| {
            if is_root(dir) || disk.is_dir(dir) {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            if disk.names.contains_key(dir) {
                return Err(io::ErrorKind::NotADirectory.into());
            }
            parent.map_or(Ok(()), |parent| disk.require_dir(parent))?;
            Ok(vec![NameChange::Bind(dir.to_owned(), DIRECTORY)])
        })
    }

    fn create_new(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut disk = self.disk.lock();
        disk.begin(Call::Create)?;
        if disk.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        path.parent().map_or(Ok(()), |parent| disk.require_dir(parent))?;
        let inode = disk.inodes.len();
        disk.inodes.push(Inode::default());
        disk.names.insert(path.to_owned(), inode);
        disk.pending_names.push(NameChange::Bind(path.to_owned(), inode));
        Ok(self.file(inode))
    }

    fn open_append(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let disk = self.disk.lock();
        Ok(self.file(disk.inode(path)?))
    }

    fn read(&self, path: &Path, limit: u64, into: &mut Vec<u8>) -> io::Result<()> {
        let disk = self.disk.lock();
        into.clear();
        into.extend(disk.seen(path)?.iter().take(usize::try_from(limit).unwrap_or(usize::MAX)));
        Ok(())
    }

    fn file_len(&self, path: &Path) -> io::Result<u64> {
        Ok(self.disk.lock().seen(path)?.len() as u64)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let disk = self.disk.lock();
        let in_dir = disk.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(in_dir.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.rebind(Call::Rename, |disk| {
            let inode = disk.inode(from)?;
            Ok(vec![NameChange::Bind(to.to_owned(), inode), NameChange::Unbind(from.to_owned())])
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.rebind(Call::Remove, |disk| disk.inode(path).map(|_| vec![NameChange::Unbind(path.to_owned())]))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let hook = self.disk.lock().before_sync.clone();
        hook.call();
        let mut disk = self.disk.lock();
        disk.begin(Call::SyncDir)?;
        disk.require_dir(dir)?;
        let pending = std::mem::take(&mut disk.pending_names);
        let (synced, pending): (Vec<_>, Vec<_>) =
            pending.into_iter().partition(|change| change.path().parent() == Some(dir));
        synced.iter().for_each(|change| change.apply(&mut disk.durable_names));
        disk.pending_names = pending;
        Ok(())
    }
}

#[derive(Debug)]
struct FaultFile {
    disk: Arc<Mutex<Disk>>,
    inode: usize,
}

impl FaultFile {
    fn with<T>(&self, act: impl FnOnce(&mut Inode) -> T, disk: &mut MutexGuard<'_, Disk>) -> io::Result<T> {
        disk.inodes.get_mut(self.inode).map(act).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl File for FaultFile {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.disk.lock();
        let (allowed, result) = disk.begin_write(bytes.len());
        let written = bytes.get(..allowed).unwrap_or(bytes);
        self.with(|inode| inode.append(written), &mut disk)?;
        result.map(|()| written.len())
    }

    fn sync_data(&self) -> io::Result<()> {
        let hook = self.disk.lock().before_sync.clone();
        hook.call();
        let mut disk = self.disk.lock();
        let result = disk.begin(Call::SyncData);
        self.with(|inode| inode.sync(result.is_ok()), &mut disk)?;
        result
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.disk.lock();
        disk.begin(Call::SetLen)?;
        self.with(|inode| inode.cut(usize::try_from(len).unwrap_or(usize::MAX)), &mut disk)
    }

    fn len(&self) -> io::Result<u64> {
        self.with(|inode| inode.seen.len() as u64, &mut self.disk.lock())
    }
}

impl Disk {
    fn inode(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.names.get(path) == Some(&DIRECTORY)
    }

    fn require_dir(&self, dir: &Path) -> io::Result<()> {
        if is_root(dir) || self.is_dir(dir) { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    fn seen(&self, path: &Path) -> io::Result<&[u8]> {
        let inode = self.inodes.get(self.inode(path)?);
        inode.map(|inode| inode.seen.as_slice()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn take_fault(&mut self, op: Call) -> Option<Fault> {
        let number = self.ops.len() as u64;
        self.ops.push(op);
        self.faults.iter().find(|(at, _)| *at == number).map(|(_, fault)| *fault)
    }

    fn begin(&mut self, op: Call) -> io::Result<()> {
        if self.dead {
            return Err(died());
        }
        match self.take_fault(op) {
            Some(Fault::NoDescriptor) if matches!(op, Call::Create | Call::SyncDir) => {
                Err(io::Error::from_raw_os_error(rustix::io::Errno::MFILE.raw_os_error()))
            }
            None | Some(Fault::Short(_) | Fault::NoDescriptor) => Ok(()),
            Some(Fault::Error(kind) | Fault::Torn(_, kind)) => Err(kind.into()),
            Some(Fault::Death(_)) => {
                self.dead = true;
                Err(died())
            }
        }
    }

    /// How many bytes are written, and what the call returns.
    fn begin_write(&mut self, len: usize) -> (usize, io::Result<()>) {
        if self.dead {
            return (0, Err(died()));
        }
        if let Some(kind) = self.next_write_fails.take() {
            self.ops.push(Call::Write);
            return (0, Err(kind.into()));
        }
        let allowed = match self.take_fault(Call::Write) {
            None | Some(Fault::NoDescriptor) => len,
            Some(Fault::Error(kind)) => return (0, Err(kind.into())),
            Some(Fault::Short(part)) => part.clamp(1, len),
            Some(Fault::Torn(part, kind)) => {
                if part == 0 {
                    return (0, Err(kind.into()));
                }
                self.next_write_fails = Some(kind);
                part.min(len.saturating_sub(1)).max(1)
            }
            Some(Fault::Death(part)) => {
                self.dead = true;
                return (part.min(len), Err(died()));
            }
        };
        let Some(space) = &mut self.space else { return (allowed, Ok(())) };
        if *space == 0 {
            return (0, Err(io::ErrorKind::StorageFull.into()));
        }
        let allowed = allowed.min(usize::try_from(*space).unwrap_or(usize::MAX));
        *space -= allowed as u64;
        (allowed, Ok(()))
    }
}

impl Inode {
    fn whole(bytes: Vec<u8>) -> Self {
        Self { seen: bytes.clone(), durable: bytes, pending: Vec::new() }
    }

    /// The kernel still has to write what the process left. What a failed sync lost counts as written anew: that
    /// a later process may see such bytes and never get them durable is beyond what a journal can help.
    fn after_kill(&self) -> Self {
        let mut pending = self.pending.clone();
        for change in &mut pending {
            if let Change::Write { is_lost, .. } = change {
                *is_lost = false;
            }
        }
        Self { seen: self.seen.clone(), durable: self.durable.clone(), pending }
    }

    fn append(&mut self, bytes: &[u8]) {
        let at = self.seen.len();
        self.seen.extend_from_slice(bytes);
        self.pending.push(Change::Write { at, bytes: bytes.to_vec(), is_lost: false });
    }

    fn cut(&mut self, len: usize) {
        self.seen.resize(len, 0);
        self.pending.push(Change::SetLen(len));
    }

    fn sync(&mut self, succeeds: bool) {
        if succeeds {
            for change in std::mem::take(&mut self.pending) {
                change.apply(&mut self.durable, usize::MAX);
            }
        } else {
            for change in &mut self.pending {
                if let Change::Write { is_lost, .. } = change {
                    *is_lost = true;
                }
            }
        }
    }

    fn torn(&self, random: &mut Random) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        // Sometimes a prefix in order, as most file systems leave it, else an arbitrary subset.
        let is_prefix = random.below(2) == 0;
        let cut = random.below(self.pending.len() as u64 + 1);
        for (index, change) in self.pending.iter().enumerate() {
            let is_before = (index as u64) < cut;
            match change {
                Change::Write { bytes: written, .. } => {
                    let part = match random.below(3) {
                        _ if is_prefix && is_before => usize::MAX,
                        1 if index as u64 == cut || !is_prefix => {
                            usize::try_from(random.below(written.len() as u64 + 1)).unwrap_or(0)
                        }
                        2 if !is_prefix => usize::MAX,
                        _ => continue,
                    };
                    change.apply(&mut bytes, part);
                }
                Change::SetLen(_) if !is_prefix || is_before => change.apply(&mut bytes, usize::MAX),
                Change::SetLen(_) => {}
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>, part: usize) {
        match self {
            Self::SetLen(len) => to.truncate(*len),
            Self::Write { at, bytes, is_lost } => {
                let bytes = bytes.get(..part.min(bytes.len())).unwrap_or_default();
                let end = at + bytes.len();
                if to.len() < end {
                    to.resize(end, 0);
                }
                if let Some(place) = to.get_mut(*at..end) {
                    if *is_lost {
                        place.fill(0);
                    } else {
                        place.copy_from_slice(bytes);
                    }
                }
            }
        }
    }
}

impl NameChange {
    fn path(&self) -> &Path {
        match self {
            Self::Bind(path, _) | Self::Unbind(path) => path,
        }
    }

    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Bind(path, inode) => names.insert(path.clone(), *inode),
            Self::Unbind(path) => names.remove(path),
        };
    }
}

/// Whether a path is where all others begin.
fn is_root(path: &Path) -> bool {
    path.parent().is_none()
}

fn died() -> io::Error {
    io::Error::other("the process is dead")
}

/// SplitMix64: a crash image depends on nothing but its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_sync_makes_the_names_in_that_directory_durable_and_no_others() {
        let fs = FaultFs::new();
        let [outer, inner] = ["/a", "/a/b"].map(Path::new);
        assert_eq!(fs.create_new(Path::new("/a/x")).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(fs.sync_dir(outer).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs.create_dir(outer).unwrap();
        fs.create_dir(inner).unwrap();
        let file = fs.create_new(Path::new("/a/b/x")).unwrap();
        file.write(b"bytes").unwrap();
        file.sync_data().unwrap();
        let left = |fs: &FaultFs| fs.crash(CrashImage::Synced).files().len();
        for (synced, expected) in [("/a/b", 0), ("/a", 0), ("/", 1)] {
            fs.sync_dir(Path::new(synced)).unwrap();
            assert_eq!(left(&fs), expected, "{synced}");
        }
        fs.remove(Path::new("/a/b/x")).unwrap();
        fs.sync_dir(outer).unwrap();
        assert_eq!(left(&fs), 1, "its removal is not durable");
        fs.sync_dir(inner).unwrap();
        assert_eq!(left(&fs), 0);
    }

    #[test]
    fn made_directories_are_durable_with_their_parents() {
        let fs = FaultFs::new();
        crate::fs::create_dirs(&fs, Path::new("/a/b/c")).unwrap();
        let after = fs.crash(CrashImage::Synced);
        assert!(["/a", "/a/b", "/a/b/c"].iter().all(|dir| after.disk.lock().is_dir(Path::new(dir))));
        // A process that was killed in between is finished by the next one.
        for at in 0..fs.ops().len() as u64 {
            let fs = FaultFs::new();
            fs.inject(at, Fault::Death(0));
            crate::fs::create_dirs(&fs, Path::new("/a")).ok();
            let next = fs.crash(CrashImage::Killed);
            crate::fs::create_dirs(&next, Path::new("/a")).unwrap();
            assert!(next.crash(CrashImage::Synced).disk.lock().is_dir(Path::new("/a")), "{at}");
        }
    }
}
