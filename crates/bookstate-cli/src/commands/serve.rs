//! `bookstate serve`: the scheduler and the HTTP interface over the library, until Ctrl-C or SIGTERM.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bookstate_api::{BindError, Limits, Server, ServerConfig, ServerParts};
use bookstate_jobs::UnitLog;
use bookstate_sink::Sink;
use bookstate_store::Library;
use serde_json::json;

use crate::{
    args::ServeArgs,
    failure::{Exit, Failure},
    file_limit,
    fleet::Joining,
    library,
    logging::say,
    models,
    output::{self, count},
    process::{scheduler, stop::Stop},
    reload,
    served::Address,
    settings::Settings,
};

/// How long to wait for requests that were cut off to let go of the library.
const LET_GO: Duration = Duration::from_secs(2);

/// Answers until it is asked to stop; then takes nothing new, brings the jobs to a safe point, and everything
/// to the local store and, as far as they can be reached in time, to the targets. `listening` is told the address.
///
/// # Errors
/// The data directory or the address is taken, a token is missing or unreadable, or the local store does not
/// have everything at the end.
pub(crate) async fn run(
    settings: &Settings,
    args: &ServeArgs,
    read: impl Fn() -> Result<Settings, Failure> + Send + 'static,
    listening: impl FnOnce(SocketAddr),
    json: bool,
) -> Result<Exit, Failure> {
    let tokens = settings.server.tokens()?;
    let (catalog, models) = models::engines(settings)?;
    catalog.resolve(&settings.engines).map_err(Failure::usage)?;
    let unit_log = args.unit_log.as_deref().map(UnitLog::open).transpose();
    let unit_log =
        unit_log.map_err(|error| Failure::usage(format_args!("the unit log cannot be written: {error}")))?;
    let library = match settings.fleet {
        Some(_) => library::open_shared(settings)?,
        None => library::open(settings)?,
    };
    let sink = Arc::new(library::start_sink(&library, settings)?);
    models.count_today(&library, settings).await?;
    reload::on_hangup(&sink, &settings.targets, models.clone(), read);
    let mut config = ServerConfig::new(settings.variant, settings.engines.clone());
    config.options = models.job_options(settings);
    config.ingest_roots.clone_from(&settings.server.ingest_roots);
    config.cors_origins.clone_from(&settings.server.cors_origins);
    config.tokens = tokens;
    config.intake = library::intake(settings)?;
    config.providers = Some(Arc::new(models.clone()));
    let connections = file_limit::connections(settings.server.connections, file_limit::raise());
    config.limits = Limits { upload_bytes: settings.server.upload_bytes, connections, ..Limits::default() };
    let parts = ServerParts {
        library: library.clone(),
        scheduler: scheduler(&library, catalog, &models, settings, unit_log),
        sink: sink.clone(),
    };
    let mut joining = Joining::new(settings, &parts, &config, &models)?;
    config.ownership = joining.as_ref().map(Joining::ownership);
    let served = serve(settings, parts, config, joining.as_mut(), listening, json).await;
    if let Some(joining) = joining {
        joining.end(settings.drain).await;
    }
    finish(library, sink, settings).await?;
    served.map(|()| Exit::Ok)
}

async fn serve(
    settings: &Settings,
    parts: ServerParts,
    config: ServerConfig,
    joining: Option<&mut Joining>,
    listening: impl FnOnce(SocketAddr),
    json: bool,
) -> Result<(), Failure> {
    let scheduler = parts.scheduler.clone();
    let server = Server::bind(settings.server.bind, parts, config).map_err(|error| {
        let exit = match error {
            BindError::Address { .. } => Exit::DataDir,
            _ => Exit::Usage,
        };
        Failure::caused(exit, &error)
    })?;
    let address = server.address().map_err(Failure::unexpected)?;
    if let Some(joining) = joining {
        joining.join(address)?;
    }
    let stop = Stop::watch();
    let left = Address::leave(&settings.data_dir, address).map_err(|error| {
        Failure::data_dir(format_args!("the server's address cannot be left in the data directory: {error}"))
    })?;
    if json {
        output::json(&json!({"listening": format!("http://{address}"), "pid": std::process::id()}))?;
    } else {
        output::line(&format!("listening on http://{address}"))?;
    }
    listening(address);
    server
        .run(async {
            stop.asked().await;
            let jobs = count(scheduler.jobs().len(), "job");
            say("note", format_args!(
                "stopping at a safe point ({jobs} at work); again to exit at once (nothing is lost either way)"
            ));
        })
        .await;
    drop(left);
    Ok(())
}

async fn finish(library: Library, sink: Arc<Sink>, settings: &Settings) -> Result<(), Failure> {
    let mut sink = sink;
    let deadline = tokio::time::Instant::now() + LET_GO;
    loop {
        match Arc::try_unwrap(sink) {
            Ok(sink) => return library::finish(library, sink, settings).await,
            Err(shared) => sink = shared,
        }
        if tokio::time::Instant::now() > deadline {
            // A request that cannot be ended still has the sink; what it holds up ends with the process.
            drop(tokio::time::timeout(settings.drain, sink.barrier()).await);
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
