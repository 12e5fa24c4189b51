//! `bookstate fleet status`.

use bookstate_api::FleetView;

use crate::{
    failure::Failure,
    output,
    table::{Column, Table},
};

/// Lists the machines of a fleet, then the books that they own or that wait for one.
pub(crate) fn status(fleet: &FleetView, json: bool) -> Result<(), Failure> {
    if json {
        return output::json(fleet);
    }
    let mut machines = Table::new(&[
        Column::whole("machine"),
        Column::whole("address"),
        Column::count("books"),
        Column::count("room"),
        Column::text("version", 5).rank(1),
    ]);
    for machine in &fleet.machines {
        let name = if machine.machine == fleet.machine {
            format!("{} (asked)", machine.machine)
        } else {
            machine.machine.clone()
        };
        let (books, room) = (machine.books.to_string(), machine.capacity.to_string());
        machines.row([name, machine.address.clone(), books, room, machine.version.clone()]);
    }
    output::print(&machines, "no machine was heard of yet: its NATS servers may be away")?;
    let mut books = Table::new(&[
        Column::whole("book"),
        Column::text("machine", 8),
        Column::text("job", 8).rank(1),
        Column::text("priority", 8).rank(3),
        Column::number("epoch").rank(2),
    ]);
    for book in &fleet.books {
        let owner = book.machine.as_deref().unwrap_or("waits for a machine");
        let epoch = book.epoch.map(|epoch| epoch.to_string()).unwrap_or_default();
        let job = book.job_id.clone().unwrap_or_default();
        let priority = book.priority.clone().unwrap_or_default();
        books.row([book.book_id.clone(), owner.to_owned(), job, priority, epoch]);
    }
    output::line("")?;
    output::print(&books, "no book is owned by a machine, and none waits for one")
}
