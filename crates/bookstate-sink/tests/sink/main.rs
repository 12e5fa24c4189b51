//! The sink against the simulated target: stories, one by one and at random.

mod schedules;
mod stories;
mod support;
