//! A program that was built without NATS is in no fleet: its configuration says so where one is asked for.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bookstate_api::{Ownership, ServerConfig, ServerParts};

use crate::{failure::Failure, models::Models, settings::Settings};

/// Nobody.
#[derive(Debug)]
pub(crate) enum Joining {}

impl Joining {
    pub(crate) fn new(
        _: &Settings,
        _: &ServerParts,
        _: &ServerConfig,
        _: &Models,
    ) -> Result<Option<Self>, Failure> {
        Ok(None)
    }

    pub(crate) fn ownership(&self) -> Arc<dyn Ownership> {
        match *self {}
    }

    pub(crate) fn join(&mut self, _: SocketAddr) -> Result<(), Failure> {
        match *self {}
    }

    pub(crate) fn end(self, _: Duration) -> impl Future<Output = ()> {
        match self {}
        #[expect(unreachable_code, reason = "says of which type it would be")]
        std::future::ready(())
    }
}
