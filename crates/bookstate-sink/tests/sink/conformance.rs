//! The simulated target keeps the laws of a target: else the stories would be about something that there is not.

use bookstate_sink::sim::SimTarget;

bookstate_store::target_conforms!(((), SimTarget::new()));
