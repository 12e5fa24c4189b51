//! `bookstate doctor`: whether everything is there that bookstate needs here. Looks, and changes nothing.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bookstate_scans::tesseract::{Tesseract, TesseractConfig, package_of};
use bookstate_store::{LibraryConfig, TargetError};
use serde::Serialize;

use crate::{
    failure::{Exit, Failure},
    grouped::grouped,
    local::LocalReader,
    output::{self, count},
    paddle,
    settings::{Settings, TargetSettings},
    time,
};

/// How long a target may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Nothing to do.
    Good,
    /// Something does not work that may not be needed.
    Warning,
    /// What everything needs does not work.
    Bad,
}

/// Something that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    subject: String,
    state: State,
    found: String,
    /// What to do about it.
    todo: Option<String>,
    #[serde(skip)]
    exit: Exit,
}

impl Check {
    fn good(subject: &str, found: impl Into<String>) -> Self {
        let (state, todo) = (State::Good, None);
        Self { subject: subject.to_owned(), state, found: found.into(), todo, exit: Exit::Ok }
    }

    fn warning(subject: &str, found: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { state: State::Warning, todo: Some(todo.into()), ..Self::good(subject, found) }
    }

    fn bad(subject: &str, found: impl Into<String>, todo: impl Into<String>, exit: Exit) -> Self {
        Self { state: State::Bad, exit, ..Self::warning(subject, found, todo) }
    }
}

/// Looks at everything and prints it. The exit code is that of the most serious trouble; a warning is none.
///
/// # Errors
/// Nobody reads what is printed.
pub(crate) async fn run(settings: &Settings, json: bool) -> Result<Exit, Failure> {
    let mut checks = vec![Check::good("bookstate", crate::args::VERSION), configuration(settings)];
    checks.extend(variables(settings));
    checks.extend(data_directory(settings));
    checks.push(scans(settings));
    checks.extend(settings.paddle_models.as_deref().map(paddle_models));
    for target in &settings.targets {
        checks.push(reached(target).await);
    }
    if json {
        output::json(&serde_json::json!({"checks": checks}))?;
    } else {
        for check in &checks {
            tell(check)?;
        }
    }
    Ok(checks.iter().map(|check| check.exit).max().unwrap_or(Exit::Ok))
}

fn tell(check: &Check) -> Result<(), Failure> {
    let state = match check.state {
        State::Good => "good",
        State::Warning => "warning",
        State::Bad => "bad",
    };
    output::judged(state, &format!("{}: {}", check.subject, check.found))?;
    check.todo.as_ref().map_or(Ok(()), |todo| output::line(&format!("         {todo}")))
}

/// Which files count. That they can be read is known: they were.
fn configuration(settings: &Settings) -> Check {
    let files = [settings.files.user.as_ref(), Some(&settings.files.project)];
    let there: Vec<String> = files
        .into_iter()
        .flatten()
        .filter(|file| file.exists)
        .map(|file| file.path.display().to_string())
        .collect();
    let found =
        if there.is_empty() { "no file; every key has its default".to_owned() } else { there.join(", ") };
    Check::good("configuration", found)
}

fn variables(settings: &Settings) -> Option<Check> {
    let unknown = settings.unknown_variables.join(", ");
    let todo = "they do nothing: `bookstate config show` lists the keys";
    (!unknown.is_empty()).then(|| Check::warning("unknown variables", unknown, todo))
}

fn data_directory(settings: &Settings) -> Vec<Check> {
    let dir = &settings.data_dir;
    let shown = dir.display();
    if !dir.exists() {
        let found = format!("{shown} is not there yet: the first `bookstate process` makes it");
        let mut checks = vec![Check::good("data directory", found)];
        checks.extend(room(settings, &existing_parent(dir)));
        return checks;
    }
    let mut checks = Vec::new();
    match rustix::fs::access(dir, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        Ok(()) => checks.push(Check::good("data directory", shown.to_string())),
        Err(error) => {
            let todo = "give it to the user who runs bookstate, or name another with --data-dir";
            checks.push(Check::bad("data directory", format!("{shown}: {error}"), todo, Exit::DataDir));
        }
    }
    checks.extend(room(settings, dir));
    match LocalReader::open(dir) {
        Ok(reader) => checks.extend(books(&reader)),
        Err(failure) if LibraryConfig::store_path(dir).exists() => {
            let todo = "see `bookstate journal verify`";
            checks.push(Check::bad("books", failure.to_string(), todo, Exit::DataDir));
        }
        Err(_) => checks.push(Check::good("books", "none yet")),
    }
    checks
}

/// The directory in which a directory would be made.
fn existing_parent(dir: &Path) -> PathBuf {
    let whole = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    whole.ancestors().find(|dir| dir.exists()).map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

fn room(settings: &Settings, dir: &Path) -> Option<Check> {
    let stat = rustix::fs::statvfs(dir).ok()?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let found = format!("{} MiB free", grouped(free >> 20));
    Some(if free < settings.min_free_bytes {
        let todo = "no unit of work is begun below jobs.min_free_mb: make room";
        Check::bad("disk", found, todo, Exit::DataDir)
    } else {
        Check::good("disk", found)
    })
}

fn books(reader: &LocalReader) -> Vec<Check> {
    let mut checks = Vec::new();
    match reader.store().list_book_documents() {
        Ok(books) => checks.push(Check::good("books", count(books.len(), "book"))),
        Err(error) => {
            let todo = "see `bookstate journal verify`";
            checks.push(Check::bad("books", error.to_string(), todo, Exit::DataDir));
        }
    }
    if let Some(mut holder) = reader.holder() {
        if let Ok(started) = holder.started.parse() {
            holder.started = time::local(started);
        }
        checks.push(Check::good("in use by", holder.to_string()));
    }
    match reader.behind() {
        Ok(behind) if behind.is_empty() => {
            checks.push(Check::good("journal", "the local store has all of it"))
        }
        Ok(behind) => {
            let commits = count(behind.iter().map(|book| book.commits).sum(), "commit");
            let found =
                format!("{commits} of {} are not in the local store yet", count(behind.len(), "book"));
            checks.push(Check::warning(
                "journal",
                found,
                "the next `bookstate process` or `serve` brings them in",
            ));
        }
        Err(failure) => {
            let todo = "see `bookstate journal verify`";
            checks.push(Check::bad("journal", failure.to_string(), todo, Exit::DataDir));
        }
    }
    checks
}

/// What reads scanned pages.
fn scans(settings: &Settings) -> Check {
    match Tesseract::find(TesseractConfig::default()) {
        Err(error) => Check::warning("scans", error.to_string(), "only scanned books need it"),
        Ok(tesseract) => {
            let there = tesseract.languages();
            let wanting = settings.languages.iter().find(|language| !there.contains(*language));
            if let Some(language) = wanting {
                let found = format!("tesseract has no data for the language {language}");
                return Check::warning("scans", found, format!("apt-get install {}", package_of(language)));
            }
            let languages: Vec<&str> = there.iter().map(String::as_str).collect();
            Check::good("scans", format!("tesseract reads {}", languages.join(", ")))
        }
    }
}

/// The models of the engine `paddle`, which the configuration names.
fn paddle_models(models: &Path) -> Check {
    match paddle::built::trouble(models) {
        Some(trouble) => Check::warning("paddle", trouble, "see the manual on scans"),
        None => Check::good("paddle", format!("its models are in {}", models.display())),
    }
}

/// Whether a target answers.
async fn reached(settings: &TargetSettings) -> Check {
    let subject = format!("target {}", settings.name);
    let target = match settings.place.target(PATIENCE) {
        Ok(target) => target,
        Err(failure) => {
            let todo = "correct the configuration";
            return Check::bad(&subject, failure.to_string(), todo, Exit::Usage);
        }
    };
    let place = &settings.place;
    let error = match target.list_books().await {
        Ok(books) => return Check::good(&subject, format!("{place}, {}", count(books.len(), "book"))),
        Err(error) => error,
    };
    let todo = match error {
        TargetError::Unusable { .. } => "it cannot be used like this; books and jobs go on without it",
        _ => "nothing is lost while it is away: it gets what it lacks when it answers",
    };
    Check::bad(&subject, format!("{place}: {error}"), todo, Exit::Target)
}
