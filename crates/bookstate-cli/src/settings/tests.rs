//! Precedence, messages, and the manual's table.

use std::collections::BTreeMap;

use super::*;

/// A directory with a configuration file, and what is loaded from it.
fn loaded(text: &str, variables: &[(&str, &str)], mut flags: Flags) -> Result<Settings, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bookstate.toml");
    std::fs::write(&path, text).unwrap();
    flags.config = Some(path.clone());
    let environment = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let shown = dir.path().display().to_string();
    load(&flags, &environment).map_err(|failure| {
        assert_eq!(failure.exit, crate::failure::Exit::Usage);
        failure.to_string().replace(&format!("{shown}/"), "")
    })
}

fn row(settings: &Settings, key: &str) -> (serde_json::Value, String) {
    let row = settings.rows.iter().find(|row| row.key == key).unwrap();
    let file = row.origin.rsplit('/').next().unwrap_or_default();
    (row.value.clone(), file.to_owned())
}

#[test]
fn later_sources_outweigh_earlier_ones() {
    let key = "jobs.variant";
    let flag = |text: &str| Flags { keys: vec![(key, "--variant", text.to_owned())], ..Flags::default() };
    let file = "jobs.variant = \"text-only\"";
    let variable = [("BOOKSTATE_JOBS_VARIANT", "ocr-only")];
    let of = |file, variables: &[_], flags| {
        let settings = loaded(file, variables, flags).unwrap();
        (settings.variant.as_str(), row(&settings, key).1)
    };
    assert_eq!(of("", &[], Flags::default()), ("standard", "default".to_owned()));
    assert_eq!(of(file, &[], Flags::default()), ("text-only", "bookstate.toml".to_owned()));
    assert_eq!(of(file, &variable, Flags::default()), ("ocr-only", "BOOKSTATE_JOBS_VARIANT".to_owned()));
    assert_eq!(of(file, &variable, flag("standard")), ("standard", "--variant".to_owned()));
}

#[test]
fn every_key_can_be_set_in_the_file() {
    let settings = loaded(
        r#"
        data_dir = "books"
        log.format = "json"
        [journal]
        policy = "always"
        interval_ms = 5
        segment_mb = 1
        [sink]
        drain_ms = 7
        local.linger_ms = 0
        [server]
        bind = "[::1]:1"
        token_file = "t"
        read_token_file = "/r"
        ingest_roots = ["books", "/b"]
        cors_origins = ["https://a.example"]
        upload_mb = 1
        connections = 100
        [fleet]
        token_file = "f"
        machine = "m1"
        address = "http://m1:7070"
        lease_seconds = 20
        [intake]
        max_pages = 10
        max_growth = 11
        split_spreads = false
        memory_mb = 256
        [stages]
        metadata = "p:m"
        classify = "p:m"
        toc_finder = "p:some/model-1.5"
        toc_extract = "p:other:latest"
        toc_link = "p:m"
        patterns = "p:m"
        on_failure = ["toc_link"]
        discover = "p:m"
        gaps = "p:m"
        polish = "p:n"
        [budget]
        per_book_usd = 2
        per_day_usd = 50.5
        [models]
        answers = "forgotten"
        prompts = "told"
        debug_agents = true
        [ocr]
        languages = ["deu"]
        page_seconds = 7
        paddle_models = "models"
        [jobs]
        workers = 3
        books = 2
        min_free_mb = 1
        stall_ms = 1
        variant = "ocr-only"
        ocr = ["a", "b"]
        analysis = "c"
        [targets.m]
        kind = "sqlite"
        path = "m.sqlite"
        linger_ms = 2
        timeout_ms = 3
        "#,
        &[],
        Flags::default(),
    )
    .unwrap();
    assert!(settings.data_dir.ends_with("books") && settings.data_dir.is_absolute(), "relative to the file");
    // A fleet needs a program that was built for NATS.
    let others = settings.rows.iter().filter(|row| row.key != "fleet.url");
    assert!(others.clone().all(|row| row.origin != "default"), "{:?}", settings.rows);
    assert!(!settings.split_spreads);
    assert!(
        settings.paddle_models.as_ref().is_some_and(|path| path.is_absolute() && path.ends_with("models"))
    );
    assert_eq!(settings.answers, super::KeptAnswers::Forgotten);
    assert_eq!(settings.segment_bytes, 1 << 20);
    assert_eq!(settings.workers, 3);
    assert_eq!(settings.engines.ocr.len(), 2);
    assert_eq!(
        &*settings.engines.analysis,
        "c metadata=p:m toc_finder=p:some/model-1.5 toc_extract=p:other:latest toc_link=p:m \
         patterns=p:m discover=p:m gaps=p:m classify=p:m polish=p:n"
    );
    assert!(settings.debug_agents);
    assert_eq!(settings.without_fallback, [Part::TocLink].into());
    assert!(settings.prompts.unwrap().is_absolute(), "relative to the file");
    assert_eq!(settings.budget.per_day, bookstate_llm::Usd::from_dollars(50.5));
    let target = settings.targets.first().unwrap();
    let super::Place::Sqlite { path } = &target.place else { panic!("{target:?}") };
    assert!(path.is_absolute() && path.ends_with("m.sqlite"));
    assert_eq!(target.pace.linger.as_millis(), 2);
    assert_eq!(target.pace.timeout.as_millis(), 3);
}

#[test]
fn an_unknown_key_is_an_error_that_names_key_file_and_nearest_key() {
    let error = |text| loaded(text, &[], Flags::default()).unwrap_err();
    assert_eq!(
        error("[journal]\npolcy = \"os\""),
        "unknown key journal.polcy in bookstate.toml: did you mean journal.policy?"
    );
    assert_eq!(
        error("[targets.m]\nkind = \"sqlite\"\npath = \"x\"\nlingerms = 1"),
        "unknown key targets.m.lingerms in bookstate.toml: did you mean targets.NAME.linger_ms?"
    );
    assert_eq!(
        error("[colours]"),
        "unknown key colours in bookstate.toml: `config show` lists the known ones"
    );
}

#[test]
fn a_wrong_value_is_an_error_that_says_what_is_expected() {
    let error = |text| loaded(text, &[], Flags::default()).unwrap_err();
    assert_eq!(
        error("journal.policy = \"never\""),
        "journal.policy is \"never\" in bookstate.toml: expected always, interval, os"
    );
    assert_eq!(
        error("journal.segment_mb = 0"),
        "journal.segment_mb is 0 in bookstate.toml: expected 1 to 1024"
    );
    assert_eq!(
        error("jobs.ocr = []"),
        "jobs.ocr is [] in bookstate.toml: expected a list of names of engines, or PROVIDER:MODEL"
    );
    assert_eq!(
        loaded("", &[("BOOKSTATE_JOBS_WORKERS", "many")], Flags::default()).unwrap_err(),
        "jobs.workers is \"many\" in BOOKSTATE_JOBS_WORKERS: expected 0 to 1024"
    );
}

#[test]
fn targets_are_checked_against_each_other_and_the_local_store() {
    let error = |text, targets: &[&str]| {
        let targets = targets.iter().map(|text| (*text).to_owned()).collect();
        loaded(text, &[], Flags { targets, ..Flags::default() }).unwrap_err()
    };
    let one = "[targets.a]\nkind = \"sqlite\"\npath = \"/x/m.sqlite\"\n";
    assert!(error(one, &["b=sqlite:/x/m.sqlite"]).contains("which is target a"));
    assert!(error("", &["b=sqlite:.bookstate/books.sqlite"]).contains("which is the local store"));
    assert!(error("", &["local=sqlite:x"]).contains("local"));
    assert!(error("", &["a"]).contains("NAME=sqlite:PATH"));
    assert!(error("", &["a=postgres:x"]).contains("sqlite:PATH"));
    assert!(error("[targets.a]\nkind = \"sqlite\"", &[]).contains("targets.a.path is missing"));
    assert!(
        error("[targets.a]\nkind = \"mysql\"\npath = \"x\"", &[])
            .contains("expected \"sqlite\", \"defradb\" or")
    );
    assert!(error("targets = 1", &[]).contains("[targets.NAME]"));
    let over =
        loaded(one, &[], Flags { targets: vec!["a=sqlite:/y".to_owned()], ..Flags::default() }).unwrap();
    assert_eq!(over.targets.len(), 1);
    assert_eq!(over.targets[0].place, super::Place::Sqlite { path: "/y".into() });
}

#[test]
fn a_node_is_told_by_its_url_and_its_token_is_never_shown() {
    let of = |text: &str, flags: &[&str]| {
        let targets = flags.iter().map(|text| (*text).to_owned()).collect();
        loaded(text, &[], Flags { targets, ..Flags::default() })
    };
    let error = |text: &str, flags: &[&str]| of(text, flags).unwrap_err();
    let url = "http://127.0.0.1:9181";
    let flagged = of("", &["defradb=http://127.0.0.1:9181"]).unwrap();
    assert_eq!(flagged.targets[0].place, super::Place::Defradb { url: url.to_owned(), token: None });
    let one = format!("[targets.d]\nurl = \"{url}\"\n");
    let row = |text: &str, key: &str| {
        let rows = of(text, &[]).unwrap().rows;
        rows.into_iter().find(|row| row.key == format!("targets.d.{key}")).map(|row| row.value)
    };
    assert_eq!(row(&one, "kind"), Some("defradb".into()));
    assert_eq!(row(&format!("{one}token_env = \"NODE_TOKEN\""), "token_env"), Some("NODE_TOKEN".into()));
    assert!(row(&format!("{one}token_file = \"secret\""), "token_file").is_some());
    assert!(error(&one, &["e=http://127.0.0.1:9181/"]).contains("which is target d"));
    assert!(error("", &["d=https://host"]).contains("TLS") || cfg!(feature = "tls"));
    assert!(error("", &["d=http://a:b@host"]).contains("http://HOST:PORT"));
    assert!(error(&format!("{one}path = \"x\""), &[]).contains("no key of a defradb target"));
    assert!(error(&format!("{one}token_env = \"a\"\ntoken_file = \"b\""), &[]).contains("keep one"));
    assert!(error("[targets.d]\nlinger_ms = 1", &[]).contains("targets.d.url is missing"));
}

#[test]
fn a_file_in_the_data_directory_cannot_say_where_that_is() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().display().to_string();
    let environment: BTreeMap<_, _> = [("BOOKSTATE_DATA_DIR".to_owned(), text)].into();
    std::fs::write(dir.path().join("config.toml"), "jobs.workers = 5").unwrap();
    assert_eq!(load(&Flags::default(), &environment).unwrap().workers, 5);
    std::fs::write(dir.path().join("config.toml"), "data_dir = \"elsewhere\"").unwrap();
    let error = load(&Flags::default(), &environment).unwrap_err().to_string();
    assert!(error.contains("found through it"), "{error}");
}

#[test]
fn providers_are_read_and_their_keys_are_not_shown() {
    const CANARY: &str = "sk-canary-4711";
    let provider = |lines: &str| loaded(&format!("[providers.p]\n{lines}"), &[], Flags::default());
    let settings = provider(
        "url = [\"http://a/v1\", \"http://b/v1\"]\nkey_env = \"A_KEY\"\nrequests_per_minute = 60\n\
         price = { \"some/model\" = { prompt = 0.1, completion = 1 } }\njson = \"prompt\"",
    );
    let settings = settings.unwrap();
    let [provider_p] = settings.providers.as_slice() else { panic!("{:?}", settings.providers) };
    assert_eq!(provider_p.key, KeySource::Variable("A_KEY".to_owned()));
    assert_eq!((provider_p.config.urls.len(), provider_p.config.limits.requests), (2, Some(60)));
    let price = provider_p.config.prices["some/model"];
    assert_eq!(price.of(1_000_000, 1_000_000), bookstate_llm::Usd::from_dollars(1.1).unwrap());
    assert_eq!(row(&settings, "providers.p.key_env").0, "A_KEY");
    for (lines, words) in [
        ("", "no URL"),
        ("url = \"ftp://x\"", "no URL"),
        ("url = \"http://a/v1\"\nconcurency = 1", "did you mean providers.NAME.concurrency?"),
        ("url = \"http://a/v1\"\nconcurrency = 0", "expected 1 to 1024"),
        ("url = \"http://a/v1\"\nprice = { m = { prompt = 1 } }", "completion = DOLLARS"),
        ("url = \"http://a/v1\"\nkey = \"sk-canary-4711\"", "unknown key providers.p.key"),
        ("url = \"http://a/v1\"\nkey_env = \"sk-canary-4711\"", "the name of a variable"),
        ("url = \"http://me:sk-canary-4711@a/v1\"", "no URL"),
    ] {
        let error = provider(lines).unwrap_err();
        assert!(error.contains(words) && !error.contains(CANARY), "{error}");
    }
}

#[test]
fn the_manual_has_every_key_of_a_provider() {
    let manual = include_str!("../../../../docs/models.md");
    for key in provider_keys::KEYS {
        assert!(manual.contains(&format!("| `{key}` |")), "{key}");
    }
}

#[test]
fn variables_that_are_no_keys_are_told() {
    let settings = loaded("", &[("BOOKSTATE_JURNAL", "x"), ("OTHER", "y")], Flags::default()).unwrap();
    assert_eq!(settings.unknown_variables, ["BOOKSTATE_JURNAL"]);
}

#[test]
fn the_manual_has_every_key() {
    let mut expected = vec!["| key | what it is | values | default | environment |".to_owned()];
    expected.push("|---|---|---|---|---|".to_owned());
    for key in Layers::keys() {
        let variable = key.variable.map(|name| format!("`{name}`")).unwrap_or_default();
        let default = key.default.map(|value| match value {
            serde_json::Value::String(text) => text,
            value => value.to_string(),
        });
        let default = default.unwrap_or_default();
        expected.push(format!(
            "| `{}` | {} | {} | `{default}` | {variable} |",
            key.name, key.about, key.expected
        ));
    }
    for key in target_keys::KEYS {
        expected.push(format!("| `{}` | {} | {} | {} | |", key.name, key.about, key.expected, key.default));
    }
    let manual = include_str!("../../../../docs/operating.md");
    let found = manual.lines().skip_while(|line| !line.starts_with("| key |"));
    let found: Vec<_> = found.take_while(|line| line.starts_with('|')).collect();
    assert_eq!(found, expected, "the table should be:\n{}", expected.join("\n"));
}
