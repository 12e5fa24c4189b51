//! A network in which each machine has a namespace of its own, so that its link can go down. Needs root.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

/// Where a machine runs.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    /// Where it answers.
    pub(crate) address: IpAddr,
    /// Its network; none: that of the test.
    namespace: Option<String>,
}

impl Seat {
    /// Beside all others, on loopback.
    pub(crate) const fn loopback() -> Self {
        Self { address: IpAddr::V4(Ipv4Addr::LOCALHOST), namespace: None }
    }

    /// A command that runs there; its process id is that of the program.
    pub(crate) fn within(&self, command: Command) -> Command {
        let Some(namespace) = &self.namespace else { return command };
        let mut within = Command::new("ip");
        within.args(["netns", "exec", namespace]).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => within.env(name, value),
                None => within.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            within.current_dir(directory);
        }
        within
    }
}

/// A bridge, and namespaces whose only way out is a link to it. Gone with this value, and with this process.
#[derive(Debug)]
pub(crate) struct Network {
    name: String,
    number: u8,
    cleaner: Child,
}

impl Network {
    /// A network with so many machines.
    ///
    /// # Errors
    /// Why there can be none here.
    pub(crate) fn new(machines: u8) -> Result<Self, String> {
        // Another test process may have the first ones.
        let begin = u8::try_from(std::process::id() % 200).unwrap();
        let mut refused = String::new();
        for number in (begin..=255).chain(0..begin) {
            let name = format!("bsf{number}");
            match ip(&format!("link add {name} type bridge")) {
                Ok(()) => return Self::with(name, number, machines),
                Err(error) if error.contains("exists") => refused = error,
                Err(error) => return Err(error),
            }
        }
        Err(refused)
    }

    fn with(name: String, number: u8, machines: u8) -> Result<Self, String> {
        let mut clean = String::from("read -r line; ");
        for machine in 0..machines {
            clean += &format!("ip netns del {name}m{machine}; ");
        }
        let cleaner = Command::new("sh")
            .args(["-c", &format!("{clean} ip link del {name}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|error| error.to_string())?;
        let network = Self { name, number, cleaner };
        let name = &network.name;
        ip(&format!("addr add {}/24 dev {name}", network.host()))?;
        ip(&format!("link set {name} up"))?;
        for machine in 0..machines {
            let namespace = format!("{name}m{machine}");
            ip(&format!("netns add {namespace}"))?;
            ip(&format!("link add {namespace} type veth peer name eth0 netns {namespace}"))?;
            ip(&format!("link set {namespace} master {name}"))?;
            ip(&format!("link set {namespace} up"))?;
            ip(&format!("-n {namespace} link set lo up"))?;
            ip(&format!("-n {namespace} addr add {}/24 dev eth0", network.seat(machine).address))?;
            ip(&format!("-n {namespace} link set eth0 up"))?;
        }
        Ok(network)
    }

    /// Where the test answers, for the machines.
    pub(crate) const fn host(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 213, self.number, 1)
    }

    pub(crate) fn seat(&self, machine: u8) -> Seat {
        let address = Ipv4Addr::new(10, 213, self.number, 10 + machine).into();
        Seat { address, namespace: Some(format!("{}m{machine}", self.name)) }
    }

    /// A machine's link goes down, or is there again.
    pub(crate) fn link(&self, machine: u8, is_up: bool) {
        let to = if is_up { "up" } else { "down" };
        ip(&format!("link set {}m{machine} {to}", self.name)).unwrap();
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.cleaner.stdin.take() {
            // If the line does not get there the shell has gone already.
            drop(stdin.write_all(b"done\n"));
        }
        drop(self.cleaner.wait());
    }
}

fn ip(line: &str) -> Result<(), String> {
    let output = Command::new("ip").args(line.split_whitespace()).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("ip {line}: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("ip {line}: {error}")),
    }
}
