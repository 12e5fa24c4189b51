//! A fleet with everything that belongs to it, and what may happen to any part.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::Path,
    time::{Duration, Instant},
};

use bookstate_tests::{models::ModelServer, nats::Cluster, node::Node};
use rand::{RngExt, rngs::SmallRng};

use crate::{
    machine::{LEASE, Machine, until},
    mix::{KEY, models, stages},
    network::{Network, Seat},
    trail,
    units::Losses,
};

/// How many machines, and servers.
pub(crate) const MACHINES: usize = 3;

/// What may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Misfortune {
    /// A machine is killed, and started again over its data.
    MachineKilled,
    /// A machine is killed and its data directory deleted; a new one of its name is started.
    MachineLost,
    /// A machine stands still until its leases are over and another one has what it had, and goes on.
    MachineStandsStill,
    /// A machine's link is down until others have its books.
    LinkDown,
    /// One of the NATS servers is killed, and started again over its data.
    ServerKilled,
    /// Two of three NATS servers are down for some time.
    TwoServersDown,
    /// All NATS servers are killed and all that they have is deleted.
    ServersWiped,
    /// The DefraDB node is killed, and started again over its data.
    NodeKilled,
    /// Everything is started anew in good order, one after another.
    AllRestarted,
}

impl Misfortune {
    pub(crate) const ALL: [Self; 9] = [
        Self::MachineKilled,
        Self::MachineLost,
        Self::MachineStandsStill,
        Self::LinkDown,
        Self::ServerKilled,
        Self::TwoServersDown,
        Self::ServersWiped,
        Self::NodeKilled,
        Self::AllRestarted,
    ];
}

/// See the module documentation.
pub(crate) struct Fleet {
    // In this order they end.
    pub(crate) machines: Vec<Machine>,
    pub(crate) cluster: Cluster,
    pub(crate) node: Node,
    pub(crate) models: ModelServer,
    network: Option<Network>,
    pub(crate) losses: Losses,
    begun: Instant,
    /// How often what has happened.
    pub(crate) happened: BTreeMap<Misfortune, usize>,
    /// The servers have lost the books' files, and it was not seen that they have them again.
    lacks_files: bool,
}

impl Fleet {
    /// Three machines, three servers, a node and a server of models, in a network where links can go down if that is
    /// possible here.
    pub(crate) fn start(books: &Path, latency: Duration) -> Self {
        let network = Network::new(u8::try_from(MACHINES).unwrap());
        let network = network.map_err(|why| println!("no links go down: {why}")).ok();
        let host = network.as_ref().map_or(Ipv4Addr::LOCALHOST, Network::host);
        let cluster = Cluster::throwaway_at(host, MACHINES).unwrap();
        let node = Node::throwaway_at(host).unwrap();
        let models = models(host.into(), latency);
        let further =
            format!("[targets.node]\nurl = \"{}\"\n{}", node.url(), stages(&models.url(), &books.join(KEY)));
        let start = |number: u8| {
            let seat = network.as_ref().map_or_else(Seat::loopback, |network| network.seat(number));
            let name = ["a", "b", "c"][usize::from(number)];
            Machine::start_at(seat, name, &cluster.url(), books, &further)
        };
        let machines = (0..u8::try_from(MACHINES).unwrap()).map(start).collect();
        let (losses, begun) = (Losses::default(), Instant::now());
        Self {
            machines,
            cluster,
            node,
            models,
            network,
            losses,
            begun,
            happened: BTreeMap::new(),
            lacks_files: false,
        }
    }

    /// Says something, with its time.
    pub(crate) fn say(&self, what: &str) {
        println!("{:7.1} s: {what}", self.begun.elapsed().as_secs_f64());
    }

    /// A machine that owns books, if one does; else any.
    fn an_owner(&self, random: &mut SmallRng) -> usize {
        let fleet = self.machines[0].fleet();
        let rows = fleet["books"].as_array().unwrap();
        let owners: Vec<usize> = rows
            .iter()
            .filter_map(|row| {
                self.machines.iter().position(|machine| row["machine"] == machine.name.as_str())
            })
            .collect();
        match owners.is_empty() {
            true => random.random_range(0..MACHINES),
            false => owners[random.random_range(0..owners.len())],
        }
    }

    /// How many books a machine has, as another one hears.
    fn owned(&self, machine: usize) -> usize {
        let fleet = self.machines[(machine + 1) % MACHINES].fleet();
        let name = &self.machines[machine].name;
        fleet["books"].as_array().unwrap().iter().filter(|row| row["machine"] == name.as_str()).count()
    }

    /// Whether something may happen now. What the servers keep is not deleted while only they have some book's file: the
    /// machine that had it is lost, and none has gone on with the book.
    pub(crate) fn may_suffer(&self, misfortune: Misfortune, active: &[&str]) -> bool {
        if misfortune != Misfortune::ServersWiped {
            return true;
        }
        let files: Vec<String> = self.machines.iter().flat_map(Machine::files).collect();
        have_files(&files, active)
    }

    /// Waits until the servers have the files of books that are not complete, if all that they had was deleted: what only
    /// one disk has does not survive its loss.
    fn files_are_there(&mut self, active: &[&str]) {
        if !std::mem::take(&mut self.lacks_files) {
            return;
        }
        let waited = until("the files of all books", &self.machines, || {
            let files = trail::files(&self.cluster.url());
            // One that is complete by now has nobody who puts its file there.
            let is_active = |id: &&str| self.machines[0].status(id) != "complete";
            let active: Vec<&str> = active.iter().copied().filter(is_active).collect();
            have_files(&files, &active)
        });
        self.say(&format!("{waited:.1?} until the servers have the files again"));
    }

    /// Has something happen, and undoes it. `active`: the books that are not complete.
    pub(crate) fn suffer(&mut self, misfortune: Misfortune, active: &[&str], random: &mut SmallRng) {
        if misfortune == Misfortune::LinkDown && self.network.is_none() {
            return;
        }
        *self.happened.entry(misfortune).or_default() += 1;
        let machine = self.an_owner(random);
        let name = self.machines[machine].name.clone();
        let pause = Duration::from_millis(random.random_range(0..2 * LEASE * 1000));
        match misfortune {
            Misfortune::MachineKilled => {
                self.say(&format!("machine {name} is killed"));
                self.machines[machine].kill();
                std::thread::sleep(pause);
                self.machines[machine].run();
            }
            Misfortune::MachineLost => {
                self.files_are_there(active);
                self.say(&format!("machine {name} is lost with its disk"));
                self.losses.machine.push((Instant::now(), machine));
                self.machines[machine].lose();
                std::thread::sleep(pause);
                self.machines[machine].run();
            }
            Misfortune::MachineStandsStill => {
                self.say(&format!("machine {name} stands still"));
                self.machines[machine].stop_still();
                until("its leases are over", &self.machines, || self.owned(machine) == 0);
                std::thread::sleep(pause / 2);
                self.machines[machine].go_on();
            }
            Misfortune::LinkDown => {
                let Some(network) = &self.network else { return };
                self.say(&format!("the link of machine {name} is down"));
                network.link(u8::try_from(machine).unwrap(), false);
                self.machines[machine].is_cut_off(true);
                until("its leases are over", &self.machines, || self.owned(machine) == 0);
                std::thread::sleep(pause / 2);
                network.link(u8::try_from(machine).unwrap(), true);
                self.machines[machine].is_cut_off(false);
            }
            Misfortune::ServerKilled => {
                let server = random.random_range(0..MACHINES);
                self.say(&format!("NATS server {server} is killed"));
                self.cluster.servers()[server].kill();
                std::thread::sleep(pause);
                self.cluster.servers()[server].start().unwrap();
                self.cluster.wait().unwrap();
            }
            Misfortune::TwoServersDown => {
                let stays = random.random_range(0..MACHINES);
                self.say(&format!("all NATS servers but {stays} are killed, for {pause:.1?}"));
                for server in (0..MACHINES).filter(|server| *server != stays) {
                    self.cluster.servers()[server].kill();
                }
                std::thread::sleep(pause);
                for server in (0..MACHINES).filter(|server| *server != stays) {
                    self.cluster.servers()[server].start().unwrap();
                }
                self.cluster.wait().unwrap();
            }
            Misfortune::ServersWiped => {
                self.say("all that the NATS servers have is deleted");
                self.losses.stream.push(Instant::now());
                self.lacks_files = true;
                self.cluster.kill();
                self.cluster.servers().iter_mut().for_each(|server| server.delete_data().unwrap());
                self.cluster.servers().iter_mut().for_each(|server| server.start().unwrap());
                self.cluster.wait().unwrap();
            }
            Misfortune::NodeKilled => {
                self.say(&format!("the node is killed, for {pause:.1?}"));
                self.node.kill();
                std::thread::sleep(pause);
                self.node.start_again().unwrap();
            }
            Misfortune::AllRestarted => {
                self.say("everything is started anew");
                for machine in &mut self.machines {
                    machine.end();
                    machine.run();
                }
                for server in self.cluster.servers() {
                    server.stop().unwrap();
                    server.start().unwrap();
                    server.wait().unwrap();
                }
                self.node.stop().unwrap();
                self.node.start_again().unwrap();
            }
        }
    }
}

/// Whether each of these books has its file among those. A book's id has the beginning of its file's hash.
fn have_files(files: &[String], books: &[&str]) -> bool {
    books.iter().all(|id| files.iter().any(|file| file.starts_with(id.trim_start_matches("b-"))))
}
