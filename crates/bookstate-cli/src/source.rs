//! Where reading commands read: the local store, or a running server. Either gives the same shapes.

use std::collections::BTreeMap;

use bookstate_api::{FleetView, view};
use bookstate_domain::{BookId, Seq};
use bookstate_jobs::{copy_of, figures::figures, file_name, file_names};
use bookstate_reading::{export, source::cover};
use bookstate_scans::images::ImageProgram;
use bookstate_store::TargetName;

use crate::{
    args::Format,
    book_ref::{self, Known},
    client::{Client, ServerAt},
    failure::Failure,
    library,
    local::LocalReader,
    settings::Settings,
    status::{BookLine, Process, Status, TargetLine},
};

/// How many rows a server is asked for at once: as many as it gives.
const ROWS: usize = 1000;

/// See the module documentation.
#[derive(Debug)]
pub(crate) enum Source {
    /// The local store of the data directory.
    Local {
        /// The store.
        reader: LocalReader,
        /// The program that makes images of pages.
        images: Box<ImageProgram>,
        /// The targets of the configuration.
        targets: Vec<TargetName>,
    },
    /// A server.
    Server(Client),
}

impl Source {
    /// Opens the server at a URL, or the local store without one.
    ///
    /// # Errors
    /// There is no local store, or the URL is none.
    pub(crate) fn open(settings: &Settings, server: Option<&ServerAt>) -> Result<Self, Failure> {
        match server {
            Some(at) => Ok(Self::Server(Client::new(at, settings.server.client_token()?)?)),
            None => Ok(Self::Local {
                reader: LocalReader::open(&settings.data_dir)?,
                images: Box::new(library::images(settings)?),
                targets: settings.targets.iter().map(|target| target.name.clone()).collect(),
            }),
        }
    }

    /// Whether a process works on the data directory. Of a server's job its row says whether it runs.
    pub(crate) fn is_at_work(&self) -> bool {
        matches!(self, Self::Local { reader, .. } if reader.holder().is_some())
    }

    /// The fleet, as a server of it hears of it.
    ///
    /// # Errors
    /// There is no server, or it is in no fleet.
    pub(crate) async fn fleet(&self) -> Result<FleetView, Failure> {
        match self {
            Self::Local { .. } => Err(Failure::usage(
                "no server has the data directory: `bookstate serve --fleet URL` joins a fleet, and --server URL asks \
                 another machine",
            )),
            Self::Server(server) => Ok(server.get(&["api", "fleet"], &[]).await?.0),
        }
    }

    /// All books.
    ///
    /// # Errors
    /// The source cannot be read; so it is with every function here.
    pub(crate) async fn books(&self) -> Result<view::Books, Failure> {
        match self {
            Self::Local { reader, .. } => {
                let books = reader.store().list_book_documents()?;
                reader.note_behind(None);
                let names = file_names(reader.data_dir());
                let books = books.iter().map(|book| view::BookRow::of(book, names.get(&book.book_id)));
                let books: Vec<_> = books.collect();
                Ok(view::Books { total: books.len(), books })
            }
            Self::Server(server) => {
                let mut all = view::Books { books: Vec::new(), total: 0 };
                loop {
                    let part = [("limit", ROWS.to_string()), ("offset", all.books.len().to_string())];
                    let (books, _): (view::Books, _) = server.get(&["api", "books"], &part).await?;
                    let more = books.books.len() == ROWS;
                    all.total = books.total;
                    all.books.extend(books.books);
                    if !more {
                        return Ok(all);
                    }
                }
            }
        }
    }

    /// The book that `text` means on a server.
    ///
    /// # Errors
    /// None or several are meant.
    pub(crate) async fn find(&self, text: &str) -> Result<BookId, Failure> {
        match self {
            Self::Local { reader, .. } => reader.find(text),
            Self::Server(_) => {
                let books = self.books().await?.books;
                let known = books.iter().filter_map(|book| {
                    let title = book.title.as_deref().map(str::to_owned);
                    Some(Known { id: BookId::new(&book.id).ok()?, title, file_name: book.file_name.clone() })
                });
                let known: Vec<Known> = known.collect();
                book_ref::resolve(text, &known)
            }
        }
    }

    /// The pages of a book.
    pub(crate) async fn pages(&self, book: &str) -> Result<view::Pages, Failure> {
        match self {
            Self::Local { reader, .. } => Ok(view::Pages::of(&reader.book(book)?.0, 0, usize::MAX)),
            Self::Server(server) => {
                let id = self.find(book).await?;
                let path = ["api", "books", id.as_str(), "pages"];
                let (mut all, _): (view::Pages, _) =
                    server.get(&path, &[("limit", ROWS.to_string())]).await?;
                while all.pages.len() < all.total {
                    let part = [("limit", ROWS.to_string()), ("offset", all.pages.len().to_string())];
                    let (more, _): (view::Pages, _) = server.get(&path, &part).await?;
                    if more.pages.is_empty() {
                        break;
                    }
                    all.pages.extend(more.pages);
                }
                Ok(all)
            }
        }
    }

    /// The table of contents of a book.
    pub(crate) async fn contents(&self, book: &str) -> Result<view::Contents, Failure> {
        match self {
            Self::Local { reader, .. } => Ok(view::Contents::of(&reader.book(book)?.0)),
            Self::Server(server) => {
                let id = self.find(book).await?;
                Ok(server.get(&["api", "books", id.as_str(), "toc"], &[]).await?.0)
            }
        }
    }

    /// The chapters of a book.
    pub(crate) async fn chapters(&self, book: &str, include_text: bool) -> Result<view::Chapters, Failure> {
        match self {
            Self::Local { reader, .. } => Ok(view::Chapters::of(&reader.book(book)?.0, include_text)),
            Self::Server(server) => {
                let id = self.find(book).await?;
                let query = [("include_text", include_text.to_string())];
                Ok(server.get(&["api", "books", id.as_str(), "chapters"], &query).await?.0)
            }
        }
    }

    /// Jobs, newest first: of a book, or of all.
    pub(crate) async fn jobs(&self, book: Option<&str>) -> Result<view::Jobs, Failure> {
        let only = match book {
            Some(book) => Some(self.find(book).await?),
            None => None,
        };
        match self {
            Self::Local { reader, .. } => {
                let mut jobs = reader.store().list_jobs()?;
                jobs.retain(|job| only.as_ref().is_none_or(|only| job.book_id == *only));
                jobs.sort_by(|a, b| (b.created_at, &b.book_id).cmp(&(a.created_at, &a.book_id)));
                let jobs: Vec<_> = jobs.iter().map(|job| view::JobRow::of(job, None)).collect();
                Ok(view::Jobs { total: jobs.len(), jobs })
            }
            Self::Server(server) => {
                let mut query = vec![("limit", ROWS.to_string())];
                query.extend(only.map(|only| ("book_id", only.to_string())));
                Ok(server.get(&["api", "jobs"], &query).await?.0)
            }
        }
    }

    /// A book as a file in a form that is made of its state: not those of page images.
    pub(crate) async fn export(
        &self,
        book: &str,
        format: Format,
        canonical: bool,
    ) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Local { reader, images, .. } => {
                let (state, seq) = reader.book(book)?;
                Ok(match format {
                    Format::Epub => {
                        let file = copy_of(reader.data_dir(), state.book_id());
                        let cover = file.as_deref().and_then(cover);
                        let figures =
                            file.map(|file| figures(&state, &file, Some(images))).unwrap_or_default();
                        export::epub(&state, cover.as_ref(), &figures)
                    }
                    Format::Html => export::html(&state).into_bytes(),
                    Format::Text => export::text(&state).into_bytes(),
                    Format::Json => {
                        let form =
                            if canonical { export::JsonForm::Canonical } else { export::JsonForm::Full };
                        let value = export::json(&state, seq, form).map_err(Failure::unexpected)?;
                        let text = serde_json::to_string_pretty(&value).map_err(Failure::unexpected)?;
                        (text + "\n").into_bytes()
                    }
                    Format::Markdown | Format::Pdf | Format::Hocr | Format::Alto => {
                        export::markdown(&state).into_bytes()
                    }
                })
            }
            Self::Server(server) => {
                let id = self.find(book).await?;
                let format = match (format, canonical) {
                    (Format::Epub, _) => "epub",
                    (Format::Html, _) => "html",
                    (Format::Text, _) => "text",
                    (Format::Json, true) => "canonical",
                    (Format::Json, false) => "json",
                    (Format::Markdown | Format::Pdf | Format::Hocr | Format::Alto, _) => "markdown",
                };
                let query = [("format", format.to_owned())];
                server.bytes(&["api", "books", id.as_str(), "export"], &query).await
            }
        }
    }

    /// What the file of a book was called.
    ///
    /// # Errors
    /// A server does not list its books.
    pub(crate) async fn file_name(&self, id: &BookId) -> Result<Option<String>, Failure> {
        match self {
            Self::Local { reader, .. } => Ok(file_name(reader.data_dir(), id)),
            Self::Server(_) => {
                let mut rows = self.books().await?.books.into_iter();
                Ok(rows.find(|row| row.id == id.as_str()).and_then(|row| row.file_name))
            }
        }
    }

    /// How far books are: one, or all; the names of files only of all, since one is asked for often.
    pub(crate) async fn status(&self, only: Option<&BookId>) -> Result<Status, Failure> {
        match self {
            Self::Local { reader, targets, .. } => local_status(reader, targets, only),
            Self::Server(server) => self.remote_status(server, only).await,
        }
    }

    async fn remote_status(&self, server: &Client, only: Option<&BookId>) -> Result<Status, Failure> {
        let (status, _): (view::Status, _) = server.get(&["api", "status"], &[]).await?;
        let rows = match only {
            Some(id) => vec![(id.to_string(), None)],
            None => self.books().await?.books.into_iter().map(|row| (row.id, row.file_name)).collect(),
        };
        let mut parked = Vec::new();
        for target in &status.targets {
            parked.extend(parked_of(server, &target.name).await?.parked);
        }
        let mut books = Vec::new();
        for (id, file_name) in rows {
            let (line, headers) = server.get(&["api", "jobs", "status", &id], &[]).await?;
            let seq = headers.get("x-bookstate-seq").and_then(|seq| seq.to_str().ok()?.parse().ok());
            let seq: u32 = seq.unwrap_or_default();
            let of = |target: &view::TargetRow| {
                let behind = target.behind.iter().find(|book| book.book_id == id);
                let refused = parked.iter().filter(|row| row.target == target.name && row.book_id == id);
                TargetLine {
                    name: target.name.clone(),
                    persisted_seq: behind.map_or(seq, |book| book.persisted_seq),
                    lag: behind.map_or(0, |book| book.seq.saturating_sub(book.persisted_seq)),
                    parked: refused.filter(|row| !row.dropped).count(),
                }
            };
            let (local, remote): (Vec<_>, Vec<_>) =
                status.targets.iter().map(of).partition(|target| target.name == TargetName::local().as_str());
            let persisted_seq = local.first().map_or(seq, |local| local.persisted_seq);
            books.push(BookLine { line, file_name, persisted_seq, targets: remote });
        }
        let process = Process {
            pid: status.process.pid,
            host: server.host().to_owned(),
            since: status.process.started_at,
            command: "bookstate serve".to_owned(),
        };
        Ok(Status { process: Some(process), behind: Vec::new(), books })
    }

    /// What targets refuse: one, or all.
    pub(crate) async fn parked(&self, target: Option<&str>) -> Result<view::Parked, Failure> {
        let server = match self {
            Self::Local { reader, .. } => {
                let parked = reader.store().parked(target, None)?;
                return Ok(view::Parked { parked: parked.iter().map(view::ParkedRow::of).collect() });
            }
            Self::Server(server) => server,
        };
        if let Some(target) = target {
            return parked_of(server, target).await;
        }
        let (targets, _): (view::Targets, _) = server.get(&["api", "targets"], &[]).await?;
        let mut all = view::Parked { parked: Vec::new() };
        for target in targets.targets {
            all.parked.extend(parked_of(server, &target.name).await?.parked);
        }
        Ok(all)
    }

    /// The server, for a change that is asked of it.
    ///
    /// # Errors
    /// The source is the local store.
    pub(crate) fn server(&self) -> Result<&Client, Failure> {
        match self {
            Self::Server(server) => Ok(server),
            Self::Local { .. } => Err(Failure::usage("a server is needed: give --server URL")),
        }
    }
}

async fn parked_of(server: &Client, target: &str) -> Result<view::Parked, Failure> {
    Ok(server.get(&["api", "targets", target, "parked"], &[]).await?.0)
}

fn local_status(
    reader: &LocalReader,
    targets: &[TargetName],
    only: Option<&BookId>,
) -> Result<Status, Failure> {
    let store = reader.store();
    let ids = match only {
        Some(id) => vec![id.clone()],
        None => store.list_books()?.into_iter().map(|(id, _)| id).collect(),
    };
    let mut names = if only.is_none() { file_names(reader.data_dir()) } else { BTreeMap::new() };
    let mut books = Vec::new();
    for id in ids {
        let Some(loaded) = store.load_book(&id)? else { continue };
        // Of a book that was removed its commits are counted, no more.
        if loaded.state.document_count() == 0 {
            continue;
        }
        let persisted_seq = loaded.sync.persisted_seq.get();
        let mut lines = Vec::new();
        for name in targets {
            let passed = store.progress(name.as_str(), &id)?.map_or(Seq::ZERO, |p| p.persisted_seq).get();
            let parked = store.parked(Some(name.as_str()), Some(&id))?;
            lines.push(TargetLine {
                name: name.to_string(),
                persisted_seq: passed,
                lag: persisted_seq.saturating_sub(passed),
                parked: parked.iter().filter(|document| !document.dropped).count(),
            });
        }
        let line = view::BookStatusLine::of(&loaded.state);
        books.push(BookLine { line, file_name: names.remove(&id), persisted_seq, targets: lines });
    }
    let process = reader.holder().map(|holder| Process {
        pid: holder.pid,
        host: holder.host,
        since: holder.started,
        command: holder.command,
    });
    Ok(Status { process, behind: reader.behind()?, books })
}
