//! The fleet that this machine is part of.

use std::time::Duration;

use super::{
    keys::Layers,
    place::{Place, TokenSource},
    targets,
};
use crate::failure::Failure;

/// The name of the target that a fleet's servers are where no other stream is configured.
const TARGET: &str = "fleet";

/// See the module documentation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FleetSettings {
    /// The NATS servers.
    pub(crate) url: String,
    /// Where their token is.
    pub(crate) token: Option<TokenSource>,
    /// This machine's name.
    pub(crate) machine: Option<String>,
    /// Where others reach this machine.
    pub(crate) address: Option<String>,
    /// How long a lease lasts.
    pub(crate) lease: Duration,
}

impl FleetSettings {
    /// The fleet of the configuration; none unless its servers are named.
    ///
    /// # Errors
    /// The address is not one of NATS servers, or this program is built without them.
    pub(super) fn of(layers: &Layers) -> Result<Option<Self>, Failure> {
        let Some(url) = layers.fleet_url.value.0.clone() else { return Ok(None) };
        let origin = &layers.fleet_url.origin;
        let place = Place::parse(&url)?;
        if !matches!(place, Place::Nats { .. }) {
            return Err(Failure::usage(format_args!(
                "fleet.url is {url:?} in {origin}: expected nats://HOST:PORT"
            )));
        }
        if let Some(address) = &layers.fleet_address.value.0
            && !address.starts_with("http://")
        {
            return Err(Failure::usage(format_args!(
                "fleet.address is {address:?} in {}: expected http://HOST:PORT",
                layers.fleet_address.origin
            )));
        }
        Ok(Some(Self {
            url,
            token: layers.fleet_token_file.value.clone().map(TokenSource::File),
            machine: layers.fleet_machine.value.0.clone(),
            address: layers.fleet_address.value.0.clone(),
            lease: Duration::from_secs(layers.fleet_lease.value.0),
        }))
    }

    /// The stream in which the others find what this machine did, where none is configured.
    ///
    /// # Errors
    /// Another kind of target has its name.
    pub(super) fn stream(&self) -> Result<targets::TargetTable, Failure> {
        let place = Place::Nats { url: self.url.clone(), token: self.token.clone() };
        targets::of_fleet(TARGET, place)
    }
}
