//! A server leaves its address in the data directory that it holds, so that commands find it.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use bookstate_store::fs::private;
use serde::{Deserialize, Serialize};

use crate::local;

/// The file's name in the data directory.
const NAME: &str = "server";

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
struct Left {
    url: String,
    /// The process that answers there: another's address is out of date.
    pid: u32,
}

/// The address that this server has left. It is taken away with this value.
#[derive(Debug)]
pub(crate) struct Address(PathBuf);

impl Drop for Address {
    fn drop(&mut self) {
        // What stays behind names a process that does not hold the directory any more.
        drop(std::fs::remove_file(&self.0));
    }
}

impl Address {
    /// Leaves an address in a data directory that this process holds.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn leave(dir: &Path, address: SocketAddr) -> std::io::Result<Self> {
        let left = Left { url: format!("http://{}", reachable(address)), pid: std::process::id() };
        let (path, new) = (dir.join(NAME), dir.join("server.new"));
        let mut file = private::create_temporary(&new)?;
        file.write_all(&serde_json::to_vec(&left)?)?;
        std::fs::rename(&new, &path)?;
        Ok(Self(path))
    }
}

/// Where a server on this machine is reached that answers on every address.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// The URL of the server that holds a data directory, if one on this machine does: a server in a container, or on
/// another machine with the same disk, may have another way in than the one that it knows.
pub(crate) fn url(dir: &Path) -> Option<String> {
    let left: Left = serde_json::from_str(&std::fs::read_to_string(dir.join(NAME)).ok()?).ok()?;
    let here = rustix::system::uname();
    let holder = local::holder(dir)?;
    (holder.pid == left.pid && holder.host == here.nodename().to_string_lossy()).then_some(left.url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_reached_on_this_machine() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:7070"), "127.0.0.1:7070");
        assert_eq!(reached("[::]:1"), "[::1]:1");
        assert_eq!(reached("10.0.0.1:2"), "10.0.0.1:2");
    }

    #[test]
    fn an_address_without_its_process_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let address = Address::leave(dir.path(), "127.0.0.1:1".parse().unwrap()).unwrap();
        assert_eq!(url(dir.path()), None, "nobody holds the directory");
        drop(address);
        assert!(!dir.path().join(NAME).exists());
    }

    #[test]
    fn only_a_server_of_this_machine_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let _address = Address::leave(dir.path(), "127.0.0.1:1".parse().unwrap()).unwrap();
        let here = rustix::system::uname().nodename().to_string_lossy().into_owned();
        for (host, found) in [(here.as_str(), true), ("another-machine", false)] {
            let holder = serde_json::json!({
                "pid": std::process::id(), "host": host, "started": "2026-01-01T00:00:00Z", "command": "serve",
            });
            std::fs::write(dir.path().join("lock"), holder.to_string()).unwrap();
            assert_eq!(url(dir.path()).is_some(), found, "{host}");
        }
    }
}
