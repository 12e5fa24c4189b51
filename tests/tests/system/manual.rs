//! The command blocks of the README and of the manual, run as they are written, page by page.
//!
//! What a block is may be said behind `sh`: nothing (it runs), `scans` (it reads page images), `defradb` (it has a
//! node), `install` (it changes the machine: its syntax is checked only). Programs are those of this build, and
//! addresses those of this run; all else is as on the page.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bookstate_tests::books::Book;
use bookstate_tests::node::Node;
use bookstate_tests::system::{Place, program};

/// The pages whose blocks run.
const PAGES: [&str; 10] = [
    "README.md",
    "docs/api.md",
    "docs/user/introduction.md",
    "docs/user/install.md",
    "docs/user/first-book.md",
    "docs/user/scans.md",
    "docs/user/reading.md",
    "docs/user/targets.md",
    "docs/user/server.md",
    "docs/user/trouble.md",
];

/// `bookstate` on the path: a server is left to run, an `open` that is one is ended once it answers, as by Ctrl-C.
const BOOKSTATE: &str = r#"#!/bin/sh
if [ "$1" = serve ] || { [ "$1" = open ] && [ ! -e .bookstate/server ]; }; then
  rm -f .bookstate/server
  "$PROGRAM" "$@" >served 2>&1 </dev/null &
  [ "$1" = open ] || echo $! >>servers
  until [ -e .bookstate/server ]; do kill -0 $! || { cat served; exit 1; }; sleep 0.05; done
  sed -n 's/.*"url":"\([^"]*\)".*/\1/p' .bookstate/server >url
  [ "$1" = serve ] || { kill -INT $! && wait $!; }
  exit
fi
exec "$PROGRAM" "$@"
"#;

/// `cargo` on the path: everything is built, a node runs, and this is a test.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
  "bookstate "*) shift; exec bookstate "$@";;
  "xtask defradb start"|test) exit;;
  "xtask sample-scan "*) mkdir -p "$3"; exec cp scans/old-book/* "$3";;
esac
echo "cargo $*: the manual's test does not know this command" >&2
exit 1
"#;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The blocks of commands in a page, each with what is said of it.
fn blocks(page: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let blocks = text.split("\n```sh").skip(1).map(|rest| {
        let (kind, rest) = rest.split_once('\n').unwrap();
        (kind.trim().to_owned(), rest.split("```").next().unwrap().to_owned())
    });
    blocks.collect()
}

/// A place with all that the pages speak of, and the programs.
fn furnished(with_scans: bool) -> Place {
    let made = Book::new("of the manual").pages(24).chapters(3).sections(3).make_pdf();
    let place = Place::with(&made);
    for folder in ["docs", "bin", "scans/old-book"] {
        std::fs::create_dir_all(place.path(folder)).unwrap();
    }
    std::fs::copy(root().join("docs/handbook.pdf"), place.path("docs/handbook.pdf")).unwrap();
    for (name, script) in [("bookstate", BOOKSTATE), ("cargo", CARGO)] {
        let path = place.path(&format!("bin/{name}"));
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    if with_scans {
        let drawn = Command::new("pdftoppm")
            .args(["-png", "-gray", "-r", "110", "-f", "5", "-l", "5"])
            .args([place.path("book.pdf"), place.path("scans/old-book/page")])
            .status();
        assert!(drawn.unwrap().success(), "apt-get install poppler-utils");
    }
    place
}

/// Runs a page's blocks in one place, in order, and stops at the first command that fails.
fn run(page: &str) {
    let blocks = blocks(page);
    let has = |kind: &str| blocks.iter().any(|(of, _)| of == kind);
    let place = furnished(has("scans"));
    let node = has("defradb").then(|| Node::throwaway().unwrap());
    let mut script = String::from("set -e\n");
    for (kind, block) in &blocks {
        match kind.as_str() {
            "" | "scans" | "defradb" => script.push_str(block),
            "install" => has_syntax(block),
            other => unreachable!("{page}: a block of commands is of the kind {other:?}"),
        }
    }
    script = script.replace("http://127.0.0.1:7070", "$(cat url)");
    if let Some(node) = &node {
        script = script.replace("http://127.0.0.1:9181", &node.url());
    }
    let mut shell = Command::new("bash");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BOOKSTATE_"))
    {
        shell.env_remove(name);
    }
    let path = std::env::join_paths(
        [place.path("bin")].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    shell.env("PATH", path.unwrap()).env("PROGRAM", program()).env("BROWSER", "true");
    shell.env("BOOKSTATE_SERVER_BIND", "127.0.0.1:0").env("XDG_CONFIG_HOME", place.path("config"));
    let ended =
        shell.args(["-c", &script]).current_dir(place.path(".")).stdin(Stdio::null()).output().unwrap();
    end_servers(&place.path("servers"));
    assert!(ended.status.success(), "{page}:\n{script}\n{}", String::from_utf8_lossy(&ended.stderr));
}

fn end_servers(pids: &PathBuf) {
    for pid in std::fs::read_to_string(pids).unwrap_or_default().lines() {
        // It may have ended by itself.
        drop(Command::new("kill").args(["-s", "KILL", pid]).status());
    }
}

fn has_syntax(block: &str) {
    let checked = Command::new("bash").args(["-n", "-c", block]).output().unwrap();
    assert!(checked.status.success(), "{block}{}", String::from_utf8_lossy(&checked.stderr));
}

/// The pages' own `cargo` stands in for these: here they are looked up, and their profile.
#[test]
fn what_the_pages_call_of_cargo_is_an_alias_of_this_clone() {
    let listed = Command::new(env!("CARGO")).arg("--list").current_dir(root()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for (alias, package) in [("bookstate", "bookstate-cli"), ("xtask", "xtask")] {
        let runs = format!("alias: run --profile quick --package {package} --");
        let line = listed.lines().find(|line| line.split_whitespace().next() == Some(alias));
        assert!(line.is_some_and(|line| line.ends_with(&runs)), "{line:?}");
    }
    assert!(std::fs::read_to_string(root().join("Cargo.toml")).unwrap().contains("\n[profile.quick]\n"));
}

#[test]
fn every_command_of_the_readme_and_the_manual_works_as_it_is_written() {
    let run_at_all = PAGES.map(|page| blocks(page).iter().filter(|(kind, _)| kind != "install").count());
    assert!(run_at_all.iter().sum::<usize>() >= 20, "the blocks are found: {run_at_all:?}");
    // Most of it is waiting: for a node, for tesseract.
    std::thread::scope(|scope| {
        let pages: Vec<_> = PAGES.iter().map(|page| scope.spawn(|| run(page))).collect();
        for page in pages {
            page.join().unwrap();
        }
    });
}

#[test]
fn every_command_block_of_the_documents_can_be_read_by_a_shell() {
    let documents = std::fs::read_dir(root().join("docs")).unwrap();
    for document in documents
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
    {
        blocks(document.to_str().unwrap()).iter().for_each(|(_, block)| has_syntax(block));
    }
}
