//! `bookstate rm BOOK…`: says what will go, asks, removes books from here and from every target.

use bookstate_api::view::BookDetails;
use bookstate_domain::{BookId, BookState};
use bookstate_jobs::{copy_of, file_names, remove_copy};
use bookstate_store::Library;
use serde::Serialize;
use serde_json::json;

use super::reset::cancel_interrupted;
use crate::{
    args::RmArgs,
    consent,
    failure::Failure,
    library,
    logging::say,
    output::{self, count, shortened},
    settings::Settings,
    source::Source,
};

/// A book that goes, for people and for programs.
#[derive(Debug, Serialize)]
struct Goes {
    book_id: BookId,
    title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    pages: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    documents: Option<usize>,
}

impl Goes {
    fn of(state: &BookState, file_name: Option<String>) -> Self {
        Self {
            book_id: state.book_id().clone(),
            title: state.book().and_then(|book| book.title.as_deref().map(str::to_owned)),
            file_name,
            pages: state.book().map_or(0, |book| book.page_count),
            documents: Some(state.document_count()),
        }
    }

    fn text(&self) -> String {
        let name = self.title.as_deref().or(self.file_name.as_deref());
        let name = name.map(|name| format!(" ({})", shortened(name, 40)));
        let pages = count(usize::try_from(self.pages).unwrap_or_default(), "page");
        let documents = self.documents.map(|documents| format!(", {}", count(documents, "document")));
        format!("{}{}: {pages}{}", self.book_id, name.unwrap_or_default(), documents.unwrap_or_default())
    }
}

/// Says what will go, and asks. False: it is only to be said.
fn agreed(books: &[Goes], place: &str, args: &RmArgs, json: bool) -> Result<bool, Failure> {
    if args.dry_run {
        if json {
            output::json(&json!({"would_be_removed": books, "from": place}))?;
        } else {
            books.iter().try_for_each(|book| output::line(&book.text()))?;
            output::line(&format!("from {place}; nothing was changed"))?;
        }
        return Ok(false);
    }
    for book in books {
        say("note", format_args!("removes {}", book.text()));
    }
    say("note", format_args!("{} from {place}; this cannot be undone", count(books.len(), "book")));
    consent::ask(args.yes).map(|()| true)
}

fn tell(books: &[Goes], json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&json!({"removed": books}));
    }
    books.iter().try_for_each(|book| output::line(&format!("{} is removed", book.book_id)))
}

/// Removes books of this data directory. A job that an interrupted process left active is cancelled by it.
///
/// # Errors
/// The data directory cannot be opened, a book is not there, the journal does not accept it, or a file cannot be
/// removed.
pub(crate) async fn run(settings: &Settings, args: &RmArgs, json: bool) -> Result<(), Failure> {
    // What is asked about is what goes: nothing changes between, since the data directory is ours.
    let library = library::open(settings)?;
    let mut names = file_names(library.dir());
    let mut books = Vec::new();
    for book in &args.books {
        let id = library::find(&library, book)?;
        let reading = library.read(&id).await?;
        let reading =
            reading.ok_or_else(|| Failure::input(format_args!("there is no book {id} any more")))?;
        if books.iter().all(|known: &Goes| known.book_id != id) {
            books.push(Goes::of(&reading.snapshot.state, names.remove(&id)));
        }
    }
    let targets: Vec<&str> = settings.targets.iter().map(|target| target.name.as_str()).collect();
    let place = match targets.as_slice() {
        [] => "the data directory".to_owned(),
        names => format!("the data directory and {}", names.join(", ")),
    };
    if !agreed(&books, &place, args, json)? {
        return Ok(());
    }
    let sink = library::start_sink(&library, settings)?;
    let mut done = Ok(());
    for book in &books {
        done = remove(&library, &book.book_id).await;
        if done.is_err() {
            break;
        }
    }
    library::finish(library, sink, settings).await?;
    done?;
    tell(&books, json)
}

async fn remove(library: &Library, id: &BookId) -> Result<(), Failure> {
    let handle = library.open_book(id, "rm")?;
    cancel_interrupted(&handle)?;
    handle.persist_book_removed()?;
    // The file goes last: without it the removal could not be taken back.
    handle.durable().await.map_err(|error| Failure::data_dir(error.to_string()))?;
    let file = copy_of(library.dir(), id).map(|file| file.display().to_string()).unwrap_or_default();
    remove_copy(library.dir(), id)
        .map_err(|error| Failure::data_dir(format_args!("{file} cannot be removed: {error}")))
}

/// Removes books of a server.
///
/// # Errors
/// The server cannot be asked, or refuses.
pub(crate) async fn remote(source: &Source, args: &RmArgs, json: bool) -> Result<(), Failure> {
    let server = source.server()?;
    let mut books: Vec<Goes> = Vec::new();
    for book in &args.books {
        let id = source.find(book).await?;
        let (details, _): (BookDetails, _) = server.get(&["api", "books", id.as_str()], &[]).await?;
        if books.iter().all(|known| known.book_id != id) {
            let title = details.title.as_deref().map(str::to_owned);
            books.push(Goes {
                book_id: id,
                title,
                file_name: None,
                pages: details.page_count,
                documents: None,
            });
        }
    }
    if !agreed(&books, &format!("the server at {} and its targets", server.host()), args, json)? {
        return Ok(());
    }
    for book in &books {
        server.delete(&["api", "books", book.book_id.as_str()]).await?;
    }
    tell(&books, json)
}
