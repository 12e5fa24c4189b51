//! Joining a fleet as it is configured.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bookstate_api::{Ownership, ServerConfig, ServerParts};
use bookstate_domain::Priority;
use bookstate_fleet::{FleetOptions, NatsSources};
use bookstate_jobs::JobRequest;
use bookstate_nats::NatsOptions;

use tokio::task::JoinSet;

use super::{
    member::{Member, MemberParts},
    quota, untold, work,
};
use crate::{failure::Failure, models::Models, served, settings::Settings};

/// How often it is looked whether everything was given back.
const LOOK: Duration = Duration::from_millis(10);

/// A member of a fleet that is told its address later: a port may be any that is free.
#[derive(Debug)]
pub(crate) struct Joining {
    member: Member,
    options: FleetOptions,
    /// Where others reach this machine, when that is not where it answers.
    address: Option<String>,
    /// What goes on beside requests.
    tasks: JoinSet<()>,
}

impl Joining {
    /// The member that the configuration asks for; none without a fleet. What the providers of `models` allow is shared
    /// from now on.
    ///
    /// # Errors
    /// The token cannot be read, or the options cannot be used.
    pub(crate) fn new(
        settings: &Settings,
        parts: &ServerParts,
        config: &ServerConfig,
        models: &Models,
    ) -> Result<Option<Self>, Failure> {
        let Some(fleet) = &settings.fleet else { return Ok(None) };
        let mut nats = NatsOptions::new(&fleet.url);
        nats.token = fleet.token.as_ref().map(crate::settings::TokenSource::read).transpose()?;
        let machine = fleet.machine.clone().unwrap_or_else(|| {
            let system = rustix::system::uname();
            system.nodename().to_string_lossy().into_owned()
        });
        let mut options = FleetOptions::new(nats.clone(), machine, String::new());
        options.ttl = fleet.lease;
        options.capacity = u32::try_from(settings.books_at_once).unwrap_or(u32::MAX);
        let sources = NatsSources::new(nats);
        let request = JobRequest {
            variant: config.variant,
            engines: config.engines.clone(),
            options: config.options.clone(),
            reset: None,
            priority: Priority::Bulk,
        };
        let member = Member::new(MemberParts {
            machine: options.machine.clone(),
            library: parts.library.clone(),
            sink: &parts.sink,
            scheduler: parts.scheduler.clone(),
            sources: Arc::new(sources),
            request,
            room: settings.books_at_once,
        });
        models.share_with(&quota::of(&member));
        Ok(Some(Self { member, options, address: fleet.address.clone(), tasks: JoinSet::new() }))
    }

    /// What the server asks.
    pub(crate) fn ownership(&self) -> Arc<dyn Ownership> {
        Arc::new(self.member.clone())
    }

    /// Joins, as a server that answers at `bound`, and begins to go on with jobs that no machine has.
    ///
    /// # Errors
    /// The options cannot be used, or others would not know where to reach this machine.
    pub(crate) fn join(&mut self, bound: SocketAddr) -> Result<(), Failure> {
        let address = match &self.address {
            Some(address) => address.clone(),
            None if bound.ip().is_unspecified() => {
                return Err(Failure::usage(format_args!(
                    "other machines of the fleet cannot reach {bound}: say where they reach this one, `--address \
                     http://HOST:{}`",
                    bound.port()
                )));
            }
            None => format!("http://{}", served::reachable(bound)),
        };
        let mut options = self.options.clone();
        options.address = address;
        self.member.join(options)?;
        let inner = || Arc::clone(&self.member.0);
        self.tasks.spawn(work::take(inner()));
        self.tasks.spawn(work::keep(inner()));
        self.tasks.spawn(untold::tell(inner()));
        self.tasks.spawn(work::claim(inner()));
        Ok(())
    }

    /// Gives everything back: as soon as another machine finds all of a book, or when `patience` is over. Nothing of the
    /// library or the sink is held behind it.
    pub(crate) async fn end(mut self, patience: Duration) {
        let looks = async {
            while self.member.owns_any() {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(patience, looks).await.is_err() {
            tracing::warn!(
                "books are given back of which no target has all: another machine may repeat some work"
            );
        }
        self.member.end().await;
        self.tasks.shutdown().await;
    }
}
