//! A data directory, a server on it, and a client.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use bookstate_api::{Server, ServerConfig, ServerParts};
use bookstate_domain::{BookId, Engines, Variant};
use bookstate_jobs::{
    Scheduler, SchedulerConfig,
    engine::{BookContext, EngineResult, OcrEngine, OcrReading},
    engines::{EngineCatalog, EngineSpec, TextLayer},
};
use bookstate_sink::{Pace, RemoteTarget, Sink, SinkConfig};
use bookstate_store::{BookHandle, Library, LibraryConfig, SqliteTarget, Target};
use bookstate_tests::books::Book;
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinHandle,
};

/// How long anything may take; only a test that fails waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Reads a page when a test lets it.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<Semaphore>);

impl Gate {
    pub(crate) fn closed() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Lets so many more pages through.
    pub(crate) fn let_through(&self, pages: usize) {
        self.0.add_permits(pages);
    }

    /// Lets everything through from now on.
    pub(crate) fn open(&self) {
        self.0.add_permits(100_000);
    }
}

#[async_trait]
impl OcrEngine for Gate {
    async fn read(&self, book: BookContext, page: u32) -> EngineResult<OcrReading> {
        self.0.acquire().await.unwrap().forget();
        TextLayer.read(book, page).await
    }
}

/// A directory for everything of a test.
#[derive(Debug)]
pub(crate) struct Place {
    dir: tempfile::TempDir,
    pub(crate) gate: Gate,
}

impl Place {
    /// A place whose jobs read nothing until the gate is opened.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), gate: Gate::closed() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A target that is another SQLite file of the place.
    pub(crate) fn mirror(&self, name: &str) -> RemoteTarget {
        let target = SqliteTarget::mirror(self.path(&format!("{name}.sqlite")));
        remote(name, Arc::new(target))
    }

    pub(crate) fn server(&self) -> Running {
        self.server_with("data", Vec::new(), |_| {})
    }

    /// A server on the data directory of this name.
    pub(crate) fn server_with(
        &self,
        data: &str,
        targets: Vec<RemoteTarget>,
        configure: impl FnOnce(&mut ServerConfig),
    ) -> Running {
        let gated = EngineSpec { pool: "gated".into(), metered: true };
        let catalog = EngineCatalog::local().with_ocr("gated", gated, Arc::new(self.gate.clone()));
        self.server_of(data, catalog, targets, configure)
    }

    /// A server whose jobs read every page by this engine alone.
    pub(crate) fn server_reading(&self, name: &str, engine: Arc<dyn OcrEngine>) -> Running {
        let catalog = EngineCatalog::local().with_ocr(name, EngineSpec::local(), engine);
        self.server_of("data", catalog, Vec::new(), |config| config.engines.ocr = vec![name.into()])
    }

    fn server_of(
        &self,
        data: &str,
        catalog: EngineCatalog,
        targets: Vec<RemoteTarget>,
        configure: impl FnOnce(&mut ServerConfig),
    ) -> Running {
        let (library, _) = Library::open(LibraryConfig::new(self.path(data))).unwrap();
        let config = SchedulerConfig { pause_grace: Duration::from_millis(100), ..Default::default() };
        let scheduler = Scheduler::new(library.clone(), catalog, config);
        let sink = Arc::new(Sink::start(&library, targets, &SinkConfig::new()));
        let engines = Engines { ocr: vec!["gated".into()], analysis: "local".into() };
        let mut config = ServerConfig::new(Variant::Standard, engines);
        configure(&mut config);
        let parts = ServerParts { library: library.clone(), scheduler, sink: sink.clone() };
        let server = Server::bind(([127, 0, 0, 1], 0).into(), parts, config).unwrap();
        let address = server.address().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run(async { drop(stopped.await) }));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Running { address, client, library, sink, stop: Some(stop), task }
    }
}

pub(crate) fn remote(name: &str, target: Arc<dyn Target>) -> RemoteTarget {
    let pace = Pace {
        linger: Duration::from_millis(1),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(50),
        ..Pace::REMOTE
    };
    RemoteTarget { name: name.parse().unwrap(), target, pace }
}

/// A small book with a table of contents.
pub(crate) fn pdf() -> Vec<u8> {
    Book::new("a").chapters(3).sections(2).make_pdf().bytes
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, body: response.bytes().await.unwrap().to_vec() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The code of a problem, which is one in every respect.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16());
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
        problem["code"].as_str().unwrap().to_owned()
    }
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) client: reqwest::Client,
    pub(crate) library: Library,
    pub(crate) sink: Arc<Sink>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, self.url(path))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        Answer::of(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    pub(crate) async fn upload(&self, name: &str, bytes: Vec<u8>) -> Answer {
        let part = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        self.send(self.request(Method::POST, "/api/books/upload").multipart(form)).await
    }

    /// Uploads a book; its id and its job's.
    pub(crate) async fn book(&self) -> (BookId, String) {
        let answer = self.upload("a.pdf", pdf()).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
        let answer = answer.json();
        let book_id = BookId::new(answer["book_id"].as_str().unwrap()).unwrap();
        (book_id, answer["id"].as_str().unwrap().to_owned())
    }

    /// Waits until a JSON answer is as it should be.
    pub(crate) async fn until(&self, path: &str, good: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                last = self.get(path).await.json();
                if good(&last) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "{path} stays {last}");
        last
    }

    /// Waits for the end of a book's job.
    pub(crate) async fn done(&self, book_id: &BookId) -> Value {
        let over = |book: &Value| {
            book["settled"] == true
                && !["queued", "running"].contains(&book["job"]["status"].as_str().unwrap())
        };
        self.until(&format!("/api/jobs/status/{book_id}"), over).await
    }

    /// Keeps a book in memory as long as the result lives.
    pub(crate) async fn keep_live(&self, book_id: &BookId) -> BookHandle {
        let opened = tokio::time::timeout(PATIENCE, async {
            loop {
                match self.library.open_book(book_id, "a test") {
                    Ok(handle) => return handle,
                    // A job that has ended is about to let go of it.
                    Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        });
        opened.await.unwrap()
    }

    /// Ends the server as the program does.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
        let sink = Arc::try_unwrap(self.sink).expect("the server has let go of the sink");
        drop(sink.drain(Duration::from_secs(10)).await);
        drop(self.library.close());
    }
}

/// Writes a file, and its directories.
pub(crate) fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}
