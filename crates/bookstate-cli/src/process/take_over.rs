//! `--take-over`: books that another data directory wrote, before they are taken in.

use std::path::{Path, PathBuf};

use bookstate_jobs::identify;
use bookstate_sink::{CommandError, Sink, TakenEverywhere};

use crate::{commands::target::command_failure, failure::Failure, logging::say, output::count};

fn told(path: &Path, error: CommandError) -> Failure {
    match error {
        CommandError::Unanswered { .. } => {
            Failure::target(format_args!("{}: {error}: without --take-over it begins anew", path.display()))
        }
        error => command_failure(error),
    }
}

/// Takes over what the targets have of these files' books. Of a file that cannot be read nothing is said yet: it is when
/// it is taken in.
///
/// # Errors
/// A target does not answer, or has more of a book than is here.
pub(super) async fn all(sink: &Sink, files: &[PathBuf]) -> Result<(), Failure> {
    for path in files {
        let file = path.clone();
        let identified = tokio::task::spawn_blocking(move || identify(&file)).await;
        let Ok(id) = identified.map_err(Failure::unexpected)? else { continue };
        let taken = sink.take_over_everywhere(&id).await;
        let Some(everywhere) = taken.map_err(|error| told(path, error))? else { continue };
        let TakenEverywhere { made_from, taken, claimed, silent } = everywhere;
        let name = path.display();
        say("note", format_args!("{name} (book {id}) continues from target {made_from}"));
        if taken.in_flux || taken.parked > 0 {
            let parked = count(taken.parked, "document");
            say(
                "warning",
                format_args!(
                    "book {id}: the copy was not whole ({parked} refused, or in the middle of a batch)"
                ),
            );
        }
        for target in silent {
            say("warning", format_args!("target {target} does not say whether it has more of book {id}"));
        }
        for target in claimed {
            tracing::info!(book = %id, %target, "the target takes the book from here now");
        }
    }
    Ok(())
}
