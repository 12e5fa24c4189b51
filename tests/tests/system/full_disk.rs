//! A disk that is full or broken: one clear line, nothing damaged, and with room again the same end.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use bookstate_tests::shim::{Call, Errno, Shim};
use bookstate_tests::system::{Place, Running};

use crate::kill::{PROCESS, ends_as_undisturbed, undisturbed};

/// `count` moments, spread over so many calls.
fn spread(calls: u64, count: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |n| 1 + n * (calls - 1) / (count - 1))
}

#[test]
fn one_write_that_finds_no_room() {
    let (mut went_on, mut stopped) = (0, 0);
    for nth in spread(undisturbed().counts.of(Call::Write), 25) {
        let place = Place::with(&undisturbed().made);
        let shim = Shim::new(place.data()).fail(Call::Write, nth, Errno::Enospc);
        let ended = place.run_with(&shim, PROCESS).unwrap();
        match ended.code {
            Some(0) => went_on += 1,
            _ => {
                println!("write {nth}: {}", ended.error());
                assert_eq!(ended.code, Some(4), "{ended:?}");
                stopped += 1;
            }
        }
        ends_as_undisturbed(&place, 1, &format_args!("write {nth} found no room"));
    }
    println!("{went_on} went on, {stopped} stopped");
    assert!(went_on > stopped, "a job goes on once there is room");
}

#[test]
fn a_disk_that_stays_full() {
    let (mut stalled, mut stopped) = (0, 0);
    for nth in spread(undisturbed().counts.of(Call::Write), 12) {
        let place = Place::with(&undisturbed().made);
        // Its end would wait for a local store that has no room either.
        place.write("bookstate.toml", "[sink]\ndrain_ms = 500\n");
        let shim = Shim::new(place.data()).fail_from(Call::Write, nth, Errno::Enospc);
        let mut job = place.start_with(&shim, PROCESS).unwrap();
        // Either it gives up, or it waits for room and says so.
        let waits = job.until_ended_or(|| place.said().contains("stalled"));
        if waits {
            job.signal("TERM");
        }
        let ended = job.wait();
        println!("write {nth} and later: {:?}, {}", ended.code, ended.err.lines().last().unwrap_or_default());
        assert!(!ended.err.contains("panicked"), "{ended:?}");
        match ended.code {
            Some(130 | 4) if waits => stalled += 1,
            // The last of it was on the disk already.
            Some(0) => {}
            // What it was doing found no room, and then its end.
            Some(4) => {
                assert!((1..=2).contains(&ended.errors().len()), "{ended:?}");
                stopped += 1;
            }
            _ => panic!("write {nth}: {ended:?}"),
        }
        std::fs::remove_file(place.path("bookstate.toml")).unwrap();
        ends_as_undisturbed(&place, 1, &format_args!("no room from write {nth} on"));
    }
    println!("{stalled} waited for room, {stopped} stopped");
    assert!(stalled > 0);
}

#[test]
fn a_disk_that_cannot_sync() {
    let mut stopped = 0;
    for nth in spread(undisturbed().counts.of(Call::Sync), 16) {
        let place = Place::with(&undisturbed().made);
        let shim = Shim::new(place.data()).fail(Call::Sync, nth, Errno::Eio);
        let ended = place.run_with(&shim, PROCESS).unwrap();
        println!("sync {nth}: {:?}, {}", ended.code, ended.err.lines().last().unwrap_or_default());
        // A sync of the local store is tried again, one of the journal never.
        if ended.code != Some(0) {
            assert_eq!(ended.code, Some(4), "{ended:?}");
            assert!((1..=2).contains(&ended.errors().len()), "{ended:?}");
            stopped += 1;
        }
        ends_as_undisturbed(&place, 1, &format_args!("sync {nth} failed"));
    }
    println!("{stopped} stopped");
    assert!(stopped > 0);
}

/// A file system of 100 MB, unmounted with this value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it; none when this user may not.
    fn mount(path: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=100m", "tmpfs"]).arg(path);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("SKIPPED: this user may not mount a small disk");
        }
        mounted.then(|| Self(path.to_owned()))
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }

    /// Leaves so many bytes.
    fn fill(&self, leave: usize) {
        let mut ballast = File::create(self.ballast()).unwrap();
        let block = vec![0; 64 << 10];
        // Until it is full: what the program has written is not known.
        while ballast.write_all(&block).is_ok() {}
        let full = ballast.metadata().unwrap().len();
        ballast.set_len(full.saturating_sub(leave as u64)).unwrap();
    }

    /// Leaves nothing to a process, which is stopped meanwhile: else it may be done before.
    fn fill_under(&self, job: &Running) {
        job.signal("STOP");
        self.fill(0);
        job.signal("CONT");
    }

    fn clear(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn a_small_disk_that_is_nearly_full() {
    let place = Place::with(&undisturbed().made);
    let Some(disk) = SmallDisk::mount(&place.data()) else { return };
    disk.fill(20 << 20);
    let mut job = place.start_logged(PROCESS);
    job.until("it is stalled", || place.said().contains("stalled"));
    assert_eq!(place.unit_log().units().len(), 0, "nothing is begun");
    job.signal("TERM");
    let ended = job.wait();
    assert_eq!(ended.code, Some(130), "{ended:?}");

    let mut job = place.start_logged(PROCESS);
    job.until("it is stalled", || place.said().contains("stalled"));
    disk.clear();
    assert_eq!(job.wait().code, Some(0), "{}", place.said());
    ends_as_undisturbed(&place, 0, &"a nearly full disk");
}

#[test]
fn a_small_disk_that_is_full() {
    let place = Place::with(&undisturbed().made);
    let Some(disk) = SmallDisk::mount(&place.data()) else { return };
    // Not even a data directory can be made.
    disk.fill(0);
    let ended = place.run(PROCESS);
    println!("{}", ended.err);
    ended.fails(4, &[]);

    // Full in the middle of a job, which waits, and goes on when there is room.
    disk.clear();
    let mut job = place.start_logged(PROCESS);
    job.until("some units are done", || place.unit_log().persisted() > 4);
    disk.fill_under(&job);
    job.until("it is stalled", || place.said().contains("stalled"));
    // Reading is possible all the same.
    place.ok("status");
    disk.clear();
    assert_eq!(job.wait().code, Some(0), "{}", place.said());
    ends_as_undisturbed(&place, 0, &"a disk that was full for a while");

    // Full in the middle of a job, and stopped there.
    std::fs::remove_file(place.path("units.jsonl")).unwrap();
    for entry in std::fs::read_dir(place.data()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            std::fs::remove_dir_all(path).unwrap()
        } else {
            std::fs::remove_file(path).unwrap()
        }
    }
    let mut job = place.start_logged(PROCESS);
    job.until("some units are done", || place.unit_log().persisted() > 4);
    disk.fill_under(&job);
    job.until("it is stalled", || place.said().contains("stalled"));
    job.signal("TERM");
    let ended = job.wait();
    println!("{:?}: {}", ended.code, place.said());
    assert!(matches!(ended.code, Some(130 | 4)), "{ended:?}");
    disk.clear();
    ends_as_undisturbed(&place, 1, &"stopped on a full disk");
}
