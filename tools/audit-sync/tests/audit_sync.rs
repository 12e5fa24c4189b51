//! `cargo audit-sync`: what it finds and does not find, on fixtures, on this workspace, and on a copy
//! of it with a planted fault.

#![allow(clippy::expect_used, clippy::panic, reason = "a test")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

fn audit(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cargo-audit-sync"))
        .arg("audit-sync")
        .args(arguments)
        .output()
        .expect("it starts")
}

fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn json(arguments: &[&str]) -> Value {
    let output = audit(&[arguments, &["--format", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&output)))
}

/// A Cargo package with these files, in a directory of its own.
fn package(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let manifest = "[package]\nname = \"shop\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
                    [dependencies]\nbookstate-store = \"0.1\"\n[workspace]\n";
    for (name, content) in [("Cargo.toml", manifest)].iter().chain(files) {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content).expect("a file");
    }
    dir
}

fn audit_package(files: &[(&str, &str)]) -> Output {
    let dir = package(files);
    audit(&["--manifest-path", &text(&dir.path().join("Cargo.toml"))])
}

const ROOT: &str = "[[root]]\npath = \"shop::hot\"\nwhy = \"it is\"\n";

fn rust_files(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn each_example_is_found_or_not_as_it_should() {
    let root = fixture("rules");
    let mut files = Vec::new();
    rust_files(&root, &mut files);
    let mut expected = BTreeSet::new();
    for file in files {
        let shown = file.strip_prefix(&root).expect("below").to_str().expect("UTF-8").to_owned();
        for (n, line) in fs::read_to_string(&file).expect("a file").lines().enumerate() {
            let rules = line.split_once("//~ ").map(|(_, rules)| rules).unwrap_or_default();
            expected.extend(rules.split_whitespace().map(|rule| format!("{shown}:{} {rule}", n + 1)));
        }
    }
    let outcome = json(&["--manifest-path", &text(&root.join("Cargo.toml"))]);
    let findings = outcome["findings"].as_array().expect("findings");
    let found = findings.iter().map(|finding| {
        let at = &finding["at"];
        format!(
            "{}:{} {}",
            at["file"].as_str().expect("a file"),
            at["line"],
            finding["rule"].as_str().expect("a rule")
        )
    });
    let found: BTreeSet<_> = found.collect();
    assert_eq!(found, expected);
    let rules: BTreeSet<_> =
        findings.iter().map(|finding| finding["rule"].as_str().expect("a rule")).collect();
    assert_eq!(rules.len(), 6, "an example of each rule: {rules:?}");
}

#[test]
fn the_chain_leads_from_the_root_over_crates_to_the_call() {
    let outcome = json(&["--manifest-path", &text(&fixture("rules/Cargo.toml"))]);
    let findings = outcome["findings"].as_array().expect("findings");
    let chain = |file: &str| -> Vec<String> {
        let finding = findings.iter().find(|finding| finding["at"]["file"] == file).expect("a finding");
        let steps = finding["chain"].as_array().expect("a chain").iter();
        steps.map(|step| step["function"].as_str().expect("a function").to_owned()).collect()
    };
    assert_eq!(
        chain("worker/src/deep.rs"),
        ["worker::deep::hot", "worker::deep::first", "worker::deep::second"]
    );
    assert_eq!(
        chain("pages/src/lib.rs"),
        ["worker::across::hot", "pages::Pages::settle", "pages::Pages::wait"]
    );
}

#[test]
fn an_exemption_without_a_reason_and_a_stale_one_are_failures() {
    let output = audit(&["--manifest-path", &text(&fixture("rules/Cargo.toml"))]);
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(said.contains("exempt.rs:10: the exemption from waits-for-storage has no reason"), "{said}");
    assert!(said.contains("exempt.rs:12: the exemption from blocks-the-thread is stale"), "{said}");
    let stale = format!(
        "{ROOT}[[allow]]\nrule = \"blocks-the-thread\"\nfunction = \"shop::hot\"\nreason = \"none\"\n"
    );
    let output = audit_package(&[("audit-sync.toml", &stale), ("src/lib.rs", "pub fn hot() {}\n")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(self::said(&output).contains("is stale"));
    let bare = format!("{ROOT}[[allow]]\nrule = \"blocks-the-thread\"\nfunction = \"shop::hot\"\n");
    let code = "pub fn hot() { std::thread::sleep(T); }\n";
    let output = audit_package(&[("audit-sync.toml", &bare), ("src/lib.rs", code)]);
    assert_eq!(output.status.code(), Some(2));
    let said = self::said(&output);
    assert!(said.contains("has no reason") && said.contains("1 findings"), "{said}");
}

#[test]
fn an_audit_of_nothing_is_a_failure() {
    let cases = [
        (ROOT, "pub fn cold() {}\n", "the hot root shop::hot does not exist"),
        ("", "pub fn hot() {}\n", "names no hot root"),
        (ROOT, "", "nothing was scanned"),
        (ROOT, "pub fn hot() {\n", "src/lib.rs:1:14: cannot parse"),
        ("[[roots]]\n", "pub fn hot() {}\n", "unknown field `roots`"),
        (
            "[[allow]]\nrule = \"sleeps\"\ncall = \".a\"\nreason = \"b\"\n",
            "pub fn hot() {}\n",
            "the rule sleeps",
        ),
    ];
    for (config, code, expected) in cases {
        let output = audit_package(&[("audit-sync.toml", config), ("src/lib.rs", code)]);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(expected), "{expected:?} in {said}");
    }
    let output = audit_package(&[("src/lib.rs", "pub fn hot() {}\n")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("cannot read"), "a missing configuration");
}

#[test]
fn a_project_that_uses_the_crates_is_audited_without_their_sources() {
    let code = "use bookstate_store::{BookHandle, StateStore, Target};\n\
                pub async fn hot(handle: &BookHandle, store: &dyn StateStore, target: &dyn Target) {\n\
                    handle.persisted(1, 2).await;\n\
                    store.upsert_and_wait(3).await;\n\
                    target.load_book(4).await;\n\
                    let _ = handle.persist_status();\n\
                    handle.commit(5).ok();\n\
                    match handle.persist_status() { Ok(_) => {} Err(error) => panic!(\"{error}\") }\n\
                }\n";
    let dir = package(&[("audit-sync.toml", ROOT), ("src/lib.rs", code)]);
    let outcome = json(&["--manifest-path", &text(&dir.path().join("Cargo.toml"))]);
    let findings = outcome["findings"].as_array().expect("findings").iter();
    let found: Vec<_> =
        findings.map(|finding| (finding["at"]["line"].as_u64(), finding["rule"].as_str())).collect();
    let expected = [
        (Some(3), Some("waits-for-storage")),
        (Some(4), Some("waits-for-storage")),
        (Some(5), Some("bypasses-the-sink")),
        (Some(6), Some("drops-a-persist-error")),
        (Some(7), Some("drops-a-persist-error")),
    ];
    assert_eq!(found, expected);
}

#[test]
fn calls_can_be_banned_and_macros_be_made_known_in_the_configuration() {
    let code = "pub fn hot() { crate::rows::write(1); known!(sink.barrier()); }\n\
                mod rows { pub fn write(_: u32) {} }\n";
    let ban = "[[ban]]\nrule = \"waits-for-storage\"\ncall = \"shop::rows::write\"\n";
    let config = format!("known-macros = [\"known\"]\n{ROOT}{ban}");
    let output = audit_package(&[("audit-sync.toml", &config), ("src/lib.rs", code)]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("`shop::rows::write`") && said.contains("`barrier`"), "{said}");
    assert!(said.contains("2 findings") && !said.contains("[unknown-macro]"), "{said}");
}

#[test]
fn modules_that_import_all_of_each_other_are_read() {
    let names: Vec<_> = (0..12).map(|n| format!("m{n}")).collect();
    let globs: String = names.iter().map(|name| format!("pub use super::{name}::*; ")).collect();
    let modules: String = names.iter().map(|name| format!("pub mod {name} {{ {globs} }}\n")).collect();
    let code = format!("{modules}use m0::*;\npub fn hot(a: Nowhere) {{ a.settle(); m0::m1::sleep(); }}\n");
    let output = audit_package(&[("audit-sync.toml", ROOT), ("src/lib.rs", &code)]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn a_program_is_a_crate_too() {
    let code = "pub fn hot() { std::thread::sleep(T); }\nfn main() { hot() }\n";
    let output = audit_package(&[("audit-sync.toml", ROOT), ("src/main.rs", code)]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    // Beside a library of the same name it is told apart.
    let config = "[[root]]\npath = \"shop_bin::hot\"\nwhy = \"it is\"\n";
    let library = ("src/lib.rs", "pub fn hot() {}\n");
    let output = audit_package(&[("audit-sync.toml", config), ("src/main.rs", code), library]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

#[test]
fn tests_are_left_out_unless_they_are_asked_for() {
    let code = "pub fn hot() {}\n#[cfg(test)]\nmod tests { #[test] fn hot() { std::thread::sleep(T); } }\n";
    let config = "[[root]]\npath = \"shop::*hot\"\nwhy = \"it is\"\n";
    let dir = package(&[("audit-sync.toml", config), ("src/lib.rs", code)]);
    let manifest = text(&dir.path().join("Cargo.toml"));
    assert_eq!(audit(&["--manifest-path", &manifest]).status.code(), Some(0));
    assert_eq!(audit(&["--manifest-path", &manifest, "--with-tests"]).status.code(), Some(1));
}

#[test]
fn sarif_is_valid() {
    let schema = fs::read_to_string(fixture("sarif/sarif-schema-2.1.0.json")).expect("the schema");
    // A lone bracket is itself in the regular expressions of JSON Schema; Rust's want it escaped.
    let schema = schema.replace("{2}]?$", r"{2}\\]?$");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let output = audit(&["--manifest-path", &text(&fixture("rules/Cargo.toml")), "--format", "sarif"]);
    let mut sarif: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let errors: Vec<_> = validator.iter_errors(&sarif).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let run = &sarif["runs"][0];
    assert!(run["results"].as_array().expect("results").len() > 30);
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let way = &run["results"][0]["codeFlows"][0]["threadFlows"][0]["locations"];
    assert_eq!(way.as_array().map(Vec::len), Some(4), "three functions and the call: {way:#}");
    // The validator does say no.
    sarif["runs"][0]["results"][0]["level"] = "fatal".into();
    assert!(!validator.is_valid(&sarif));
}

#[test]
fn github_gets_annotations() {
    let code = "pub fn hot() {\n    std::thread::sleep(T);\n}\n";
    let dir = package(&[("audit-sync.toml", ROOT), ("src/lib.rs", code)]);
    let output = audit(&["--manifest-path", &text(&dir.path().join("Cargo.toml")), "--format", "github"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.starts_with("::error file=src/lib.rs,line=2,col=18,title=audit-sync blocks-the-thread::"),
        "{said}"
    );
}

#[test]
fn every_rule_is_explained_and_documented() {
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/audit-sync.md");
    let manual = fs::read_to_string(manual).expect("the manual");
    let unknown = said(&audit(&["--explain", "nothing"]));
    let rules = unknown.split_once("the rules are ").expect("the rules").1.trim().to_owned();
    assert_eq!(rules.split(", ").count(), 6);
    for rule in rules.split(", ") {
        let output = audit(&["--explain", rule]);
        let said = said(&output);
        assert!(output.status.success() && said.contains("Why: ") && said.contains("Instead: "), "{said}");
        assert!(manual.contains(&format!("`{rule}`")), "{rule} is in docs/audit-sync.md");
    }
}

#[test]
fn this_workspace_has_no_findings() {
    let manifest = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml"));
    let output = audit(&["--manifest-path", &manifest, "--format", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let outcome: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let number = |name: &str| outcome["numbers"][name].as_u64().expect("a number");
    // It did look: the least that there was when this was written, by and large.
    assert!(number("files") > 150 && number("functions") > 1500 && number("edges") > 4000, "{outcome:#}");
    assert!(number("hot_functions") > 500, "{outcome:#}");
    assert!(number("calls_by_name") * 80 < number("calls"), "most receivers are told: {outcome:#}");
}

/// Copies the sources and manifests of a workspace.
fn copy_sources(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_str().expect("UTF-8").to_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | ".git" | "docs" | "fixtures") {
                copy_sources(&path, &to.join(name));
            }
        } else if name.ends_with(".rs") || name.ends_with(".toml") {
            fs::copy(&path, to.join(name)).expect("a copy");
        }
    }
}

#[test]
fn a_barrier_planted_three_calls_below_a_hot_root_is_found() {
    let copy = tempfile::tempdir().expect("a directory");
    let copy = copy.path();
    copy_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."), copy);
    let actor = copy.join("crates/bookstate-jobs/src/actor/mod.rs");
    let code = fs::read_to_string(&actor).expect("the actor");
    let (before, after) = code.split_once("    async fn take(").expect("a function three calls below `run`");
    let (head, body) = after.split_once("{\n").expect("its body");
    let planted =
        format!("{before}    async fn take({head}{{\n        self.parts.sink.barrier().await;\n{body}");
    fs::write(&actor, planted).expect("the actor");
    let line = before.lines().count() + head.lines().count() + 1;

    let outcome = json(&["--manifest-path", &text(&copy.join("Cargo.toml"))]);
    let findings = outcome["findings"].as_array().expect("findings");
    assert_eq!(findings.len(), 1, "{outcome:#}");
    let finding = &findings[0];
    assert_eq!(finding["rule"], "waits-for-storage");
    assert_eq!(finding["at"]["file"], "crates/bookstate-jobs/src/actor/mod.rs");
    assert_eq!(finding["at"]["line"], line);
    let steps = finding["chain"].as_array().expect("a chain").iter();
    let steps: Vec<_> = steps.map(|step| step["function"].as_str().expect("a function")).collect();
    // `take` is called in two functions that `work` calls: either way will do.
    let actor = |name: &str| format!("bookstate_jobs::actor::Actor::{name}");
    assert_eq!(steps.len(), 4, "{steps:?}");
    assert_eq!((steps[0], steps[1], steps[3]), (&*actor("run"), &*actor("work"), &*actor("take")));
}

#[test]
fn go_sources_are_counted_per_function() {
    let dir = text(&fixture("go"));
    let output = audit(&["--lang", "go", "--dir", &dir]);
    let table = said(&output);
    assert_eq!(output.status.code(), Some(1), "{table}");
    let row = |name: &str| -> Vec<String> {
        let line =
            table.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {table}"));
        line.split_whitespace().skip(name.split_whitespace().count()).map(str::to_owned).collect()
    };
    // SendSync, SendManySync, SendTracked, SendManyTracked, Flush, client.
    assert_eq!(row("jobs/stages.go SaveTocFinderResult"), ["1", "1", "-", "-", "-", "-"]);
    assert_eq!(row("jobs/stages.go BookJob.Finish"), ["-", "-", "1", "-", "1", "2"]);
    assert_eq!(row("jobs/stages.go BookJob.Start"), ["1", "-", "-", "-", "-", "-"]);
    assert_eq!(row("jobs/stages.go (package)"), ["1", "-", "-", "-", "-", "-"]);
    assert_eq!(row("sink/sink.go Sink.SendTrackedAll"), ["-", "-", "1", "-", "-", "-"]);
    assert_eq!(row("all"), ["3", "1", "2", "0", "1", "2"]);
    assert!(table.contains("2 Go files, 5 functions; 9 calls to convert in 5 functions"), "{table}");
    let counted = json(&["--lang", "go", "--dir", &dir]);
    assert_eq!(counted["uses"].as_array().map(Vec::len), Some(9));

    let empty = tempfile::tempdir().expect("a directory");
    assert_eq!(audit(&["--lang", "go", "--dir", &text(empty.path())]).status.code(), Some(2));
    fs::write(empty.path().join("done.go"), "package done\n\nfunc F(s Sink) { s.Send(1) }\n")
        .expect("a file");
    assert_eq!(audit(&["--lang", "go", "--dir", &text(empty.path())]).status.code(), Some(0));
}
