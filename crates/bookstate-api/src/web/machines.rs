//! The machines of a fleet and their books, on `/targets`.

use maud::{Markup, html};

use crate::ownership::FleetView;

/// The machines that live, then the books that they own or that wait for one. Nothing without a fleet.
pub(super) fn machines(fleet: Option<&FleetView>) -> Markup {
    html! {
        @if let Some(fleet) = fleet {
            section #fleet data-live aria-labelledby="fleet-title" {
                h2 #fleet-title { "Machines" }
                p { "Each may be asked for any book. What waits is begun by whoever has room." }
                (living(fleet))
                (books(fleet))
            }
        }
    }
}

fn living(fleet: &FleetView) -> Markup {
    html! {
        @if fleet.machines.is_empty() {
            p.problem { "No machine was heard of yet: the fleet's NATS servers may be away." }
        } @else {
            div.wide { table {
                thead { tr {
                    th scope="col" { "Machine" } th.number scope="col" { "Books" } th.number scope="col" { "Room" }
                    th scope="col" { "Address" } th scope="col" { "Version" }
                } }
                tbody {
                    @for machine in &fleet.machines {
                        tr {
                            td { (machine.machine) @if machine.machine == fleet.machine { " (this one)" } }
                            td.number { (machine.books) }
                            td.number { (machine.capacity) }
                            td.words { (machine.address) }
                            td { (machine.version) }
                        }
                    }
                }
            } }
        }
    }
}

fn books(fleet: &FleetView) -> Markup {
    html! {
        @if fleet.books.is_empty() { p.empty { "No book is at work, and none waits." } }
        @else {
            div.wide { table {
                thead { tr {
                    th scope="col" { "Book" } th scope="col" { "Machine" } th scope="col" { "Job" }
                    th scope="col" { "Priority" } th.number scope="col" { "Epoch" }
                } }
                tbody {
                    @for book in &fleet.books {
                        tr {
                            td.words { a href={ "/books/" (book.book_id) } { (book.book_id) } }
                            td { (book.machine.as_deref().unwrap_or("waits for one")) }
                            td { (book.job_id.as_deref().unwrap_or_default()) }
                            td { (book.priority.as_deref().unwrap_or_default()) }
                            td.number { @if let Some(epoch) = book.epoch { (epoch) } }
                        }
                    }
                }
            } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ownership::{FleetBook, FleetMachine};

    #[test]
    fn a_fleet_is_shown_and_what_waits_in_it() {
        assert!(machines(None).into_string().is_empty());
        let machine = |name: &str| FleetMachine {
            machine: name.into(),
            address: "http://h:1".into(),
            version: "1".into(),
            capacity: 2,
            books: 1,
        };
        let book = |id: &str, machine: Option<&str>| FleetBook {
            book_id: id.into(),
            machine: machine.map(str::to_owned),
            epoch: machine.map(|_| 3),
            job_id: Some("job-1".into()),
            priority: Some("bulk".into()),
        };
        let fleet = FleetView {
            machine: "a".into(),
            machines: vec![machine("a"), machine("<b>")],
            books: vec![book("b-1", Some("a")), book("b-2", None)],
        };
        let text = machines(Some(&fleet)).into_string();
        assert!(text.contains("a (this one)") && text.contains("&lt;b&gt;"), "{text}");
        assert!(text.contains("waits for one") && text.contains("/books/b-2"), "{text}");
    }
}
