//! What the command line takes, and that its reference has every command.

use clap::CommandFactory;

use super::*;

fn parsed(line: &str) -> Result<Cli, String> {
    Cli::try_parse_from(line.split(' ')).map_err(|error| error.to_string())
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn the_reference_has_every_command_and_which_a_server_takes() {
    let reference = include_str!("../../../../docs/operating.md");
    let servers = reference.lines().find(|line| line.starts_with("With `--server URL`")).unwrap();
    let program = Cli::command();
    for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        assert!(reference.contains(&format!("| `{name}")), "{name} is not in the table");
    }
    for line in [
        "pages b",
        "correct b 1 x",
        "reread b",
        "reset b ocr",
        "rm b",
        "open",
        "parked list",
        "export b --format epub",
    ] {
        let name = line.split(' ').next().unwrap();
        assert!(parsed(&format!("bookstate {line}")).unwrap().command.asks_servers(), "{name}");
        assert!(servers.contains(&format!("`{name}`")), "{name} asks a server");
    }
}

#[test]
fn every_command_of_the_manual_parses() {
    for line in [
        "books --wide",
        "process a.pdf b.md --variant ocr-only --reset toc_link --target n=sqlite:x --unit-log u.jsonl",
        "serve --bind 127.0.0.1:0 --target n=sqlite:x",
        "books --json",
        "status",
        "status b-1 --watch",
        "pages b-1",
        "toc b-1",
        "chapters b-1 --include-text",
        "jobs",
        "jobs b-1 --server http://127.0.0.1:7070",
        "export b-1 --format json --canonical -o x.json",
        "reset b-1 ocr",
        "pages b-1 --doubtful",
        "correct b-1 12 -",
        "reread b-1 --pages 10-20,33 --engine tesseract --yes",
        "reread b-1 --below 0.8",
        "reset b-1 ocr --dry-run",
        "reset b-1 ocr --yes",
        "journal inspect --book b-1",
        "journal verify",
        "journal quarantine 3",
        "parked list n",
        "parked retry n",
        "parked drop n Page/b-1/3",
        "target list",
        "target add n sqlite:x",
        "target remove n",
        "target verify n b-1 --target n=sqlite:x",
        "target resync n",
        "target takeover n b-1",
        "config show -vv --data-dir d --config c --log-format json",
        "config get jobs.workers",
        "config set jobs.workers 3 --user",
        "config unset jobs.workers",
        "doctor",
        "cancel b-1",
        "rm b-1 b-2 --yes",
        "rm b-1 --dry-run",
        "open",
        "open b-1",
        "completions bash",
    ] {
        parsed(&format!("bookstate {line}")).unwrap();
    }
}

#[test]
fn mistakes_are_told_with_what_is_possible() {
    let unknown = parsed("bookstate reset b-1 contents").unwrap_err();
    assert!(unknown.contains("toc_finder") && unknown.contains("structure"), "{unknown}");
    let variant = parsed("bookstate process a --variant all").unwrap_err();
    assert!(variant.contains("text-only"), "{variant}");
    let near = parsed("bookstate chapter b-1").unwrap_err();
    assert!(near.contains("chapters"), "{near}");
    assert!(parsed("bookstate process").unwrap_err().contains("FILE"));
}

#[test]
fn flags_are_keys() {
    let flags =
        parsed("bookstate process a --data-dir d --variant text-only --target n=sqlite:x").unwrap().flags();
    let keys: Vec<_> = flags.keys.iter().map(|(key, flag, text)| (*key, *flag, text.as_str())).collect();
    assert_eq!(keys, [("data_dir", "--data-dir", "d"), ("jobs.variant", "--variant", "text-only")]);
    assert_eq!(flags.targets, ["n=sqlite:x"]);
}
