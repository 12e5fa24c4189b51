//! The kill shim, tried on small programs: a shell, this test's own binary, and the `sqlite3` shell.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its own functions too")]

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

use bookstate_tests::shim::{Call, Counts, Errno, Shim};

const CHILD: &str = "BOOKSTATE_SHIM_CHILD";

/// Not a test by itself: what the other tests run as a child. Five records of ten bytes with a sync each,
/// then a rename, a truncation and a removal, each step said on standard output when it is done.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let directory = Path::new(&directory);
    let (old, new) = (directory.join("old"), directory.join("new"));
    let mut file = OpenOptions::new().create(true).append(true).open(&old).unwrap();
    for record in 0..5 {
        let said = match file.write(format!("record {record}\n\n").as_bytes()) {
            Ok(bytes) => format!("wrote {bytes}"),
            Err(error) => format!("{:?}", error.kind()),
        };
        println!("{said}");
        if let Err(error) = file.sync_data() {
            println!("sync: {:?}", error.kind());
        }
    }
    std::fs::rename(&old, &new).unwrap();
    file.set_len(7).unwrap();
    std::fs::remove_file(&new).unwrap();
    println!("done");
}

/// Not a test by itself: four threads that write fifty bytes each, one at a time, into files of their own.
#[test]
fn child_with_threads() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let directory = Path::new(&directory);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                let mut file = std::fs::File::create(directory.join(thread.to_string())).unwrap();
                for _ in 0..50 {
                    file.write_all(b"x").unwrap();
                }
            });
        }
    });
}

fn run_child(directory: &Path, shim: impl Fn(Shim) -> Shim) -> (Output, String, Counts) {
    run_named_child("child", directory, shim)
}

fn run_named_child(name: &str, directory: &Path, shim: impl Fn(Shim) -> Shim) -> (Output, String, Counts) {
    let counts = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(CHILD, directory);
    let output = shim(Shim::new(directory).count_to(counts.path())).run(&mut command).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, text, Counts::read(counts.path()).unwrap())
}

const KILLED: Option<i32> = Some(9);

#[test]
fn a_rust_program_is_counted_and_nothing_else_changes() {
    let directory = tempfile::tempdir().unwrap();
    let (output, text, counts) = run_child(directory.path(), |shim| shim);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("done"), "{text}");
    // The lines on standard output are writes too, but not below the directory.
    assert_eq!(Call::ALL.map(|call| counts.of(call)), [5, 5, 1, 1, 1]);
}

#[test]
fn a_kill_comes_at_the_call_asked_for_before_or_after_it() {
    for nth in 1..=5 {
        for before in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let (output, _, counts) = run_child(directory.path(), |shim| {
                if before { shim.kill_before(Call::Write, nth) } else { shim.kill_after(Call::Write, nth) }
            });
            assert_eq!(output.status.signal(), KILLED);
            assert_eq!((counts.of(Call::Write), counts.of(Call::Sync)), (nth, nth - 1));
            let written = std::fs::metadata(directory.path().join("old")).unwrap().len();
            assert_eq!(written, 10 * (nth - u64::from(before)), "write {nth}, before: {before}");
        }
    }
}

#[test]
fn calls_of_all_threads_are_counted_once() {
    let directory = tempfile::tempdir().unwrap();
    let (output, _, counts) = run_named_child("child_with_threads", directory.path(), |shim| shim);
    assert!(output.status.success());
    assert_eq!(counts.of(Call::Write), 200);
    // Other threads may be between their number and their write when the kill comes, one call each.
    let directory = tempfile::tempdir().unwrap();
    let (output, ..) =
        run_named_child("child_with_threads", directory.path(), |shim| shim.kill_after(Call::Write, 120));
    assert_eq!(output.status.signal(), KILLED);
    let files = std::fs::read_dir(directory.path()).unwrap();
    let written: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!((117..200).contains(&written), "{written}");
}

#[test]
fn every_kind_can_kill() {
    // What is there after a kill before and after the call: (old, length of new).
    let state = |directory: &Path| {
        (directory.join("old").exists(), std::fs::metadata(directory.join("new")).ok().map(|meta| meta.len()))
    };
    for (call, nth, before, after) in [
        (Call::Sync, 5, (true, None), (true, None)),
        (Call::Rename, 1, (true, None), (false, Some(50))),
        (Call::Truncate, 1, (false, Some(50)), (false, Some(7))),
        (Call::Unlink, 1, (false, Some(7)), (false, None)),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let (output, ..) = run_child(directory.path(), |shim| shim.kill_before(call, nth));
        assert_eq!((output.status.signal(), state(directory.path())), (KILLED, before), "before {call:?}");
        let directory = tempfile::tempdir().unwrap();
        let (output, ..) = run_child(directory.path(), |shim| shim.kill_after(call, nth));
        assert_eq!((output.status.signal(), state(directory.path())), (KILLED, after), "after {call:?}");
    }
}

#[test]
fn failures_are_once_or_from_there_on() {
    let directory = tempfile::tempdir().unwrap();
    let (_, text, counts) = run_child(directory.path(), |shim| shim.fail(Call::Write, 2, Errno::Enospc));
    assert_eq!((text.matches("StorageFull").count(), text.matches("wrote 10").count()), (1, 4), "{text}");
    assert_eq!(counts.of(Call::Write), 5);

    let directory = tempfile::tempdir().unwrap();
    let (_, text, _) = run_child(directory.path(), |shim| {
        shim.fail_from(Call::Write, 4, Errno::Enospc).tear(100, 0).kill_before(Call::Unlink, 1)
    });
    assert_eq!((text.matches("StorageFull").count(), text.matches("wrote 10").count()), (2, 3), "{text}");
    assert!(directory.path().join("new").exists(), "one shim can have several faults");

    let directory = tempfile::tempdir().unwrap();
    let (_, text, _) = run_child(directory.path(), |shim| shim.fail(Call::Sync, 3, Errno::Eio));
    assert_eq!(text.matches("sync: ").count(), 1, "{text}");
}

#[test]
fn a_torn_write_leaves_the_bytes_asked_for() {
    for bytes in [0, 1, 9, 10, 1000] {
        let directory = tempfile::tempdir().unwrap();
        let (output, ..) = run_child(directory.path(), |shim| shim.tear(3, bytes));
        assert_eq!(output.status.signal(), KILLED);
        let written = std::fs::metadata(directory.path().join("old")).unwrap().len();
        assert_eq!(written, 20 + bytes.min(10) as u64, "{bytes}");
    }
}

#[test]
fn what_a_shell_starts_is_watched_and_other_directories_are_not() {
    let (watched, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let script = "dd if=/dev/zero of=$OTHER/o bs=10 count=9 2>/dev/null
        exec dd if=/dev/zero of=file bs=10 count=9 2>/dev/null";
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).current_dir(watched.path()).env("OTHER", other.path());
    let output = Shim::new(watched.path()).kill_after(Call::Write, 4).run(&mut command).unwrap();
    assert_eq!(output.status.signal(), KILLED);
    assert_eq!(std::fs::metadata(watched.path().join("file")).unwrap().len(), 40);
    assert_eq!(std::fs::metadata(other.path().join("o")).unwrap().len(), 90);
}

#[test]
fn a_setting_that_means_nothing_stops_the_program() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "echo x > file"]).current_dir(directory.path());
    Shim::new(directory.path()).apply(&mut command).unwrap();
    for (name, value) in [("SHIM_KILL", "wirte:1"), ("SHIM_KILL", "write:0"), ("SHIM_FAIL", "write:1:ENONE")]
    {
        let output = command.env(name, value).output().unwrap();
        command.env_remove(name);
        assert_eq!(output.status.code(), Some(97), "{name}={value}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(value));
    }
}

#[test]
fn sqlite_is_counted_killed_and_recovers() {
    if Command::new("sqlite3").arg("--version").output().is_err() {
        eprintln!("SKIPPED: no sqlite3 shell on this machine");
        return;
    }
    let fill = |directory: &Path, shim: &dyn Fn(Shim) -> Shim| {
        let mut command = Command::new("sqlite3");
        command.arg(directory.join("books.db")).arg(
            "pragma journal_mode=wal; create table t(n); insert into t values(1); insert into t values(2);
             begin; insert into t values(3); insert into t values(4); commit;",
        );
        let counts = tempfile::NamedTempFile::new().unwrap();
        let output = shim(Shim::new(directory).count_to(counts.path())).run(&mut command).unwrap();
        (output, Counts::read(counts.path()).unwrap())
    };
    let directory = tempfile::tempdir().unwrap();
    let (output, counts) = fill(directory.path(), &|shim| shim);
    assert!(output.status.success(), "{output:?}");
    let writes = counts.of(Call::Write);
    assert!(writes > 5 && counts.of(Call::Sync) > 0 && counts.of(Call::Unlink) > 0, "{counts:?}");
    for nth in 1..=writes {
        let directory = tempfile::tempdir().unwrap();
        let (output, _) = fill(directory.path(), &|shim| shim.kill_after(Call::Write, nth));
        assert_eq!(output.status.signal(), KILLED, "write {nth} of {writes}");
        let read = Command::new("sqlite3")
            .arg(directory.path().join("books.db"))
            .arg("pragma integrity_check; select group_concat(n, ',') from t;")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&read.stdout).into_owned();
        let rows = text.lines().nth(1).unwrap_or_default();
        assert!(text.starts_with("ok"), "write {nth}: {text}");
        assert!(
            ["", "1", "1,2", "1,2,3,4"].contains(&rows),
            "write {nth}: all of a transaction or nothing: {text}"
        );
    }
}
