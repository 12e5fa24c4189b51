//! A server of language models that does as it is told, and keeps the books.
//!
//! A script says what each request is answered, when, and how the answer breaks off. The server runs on a thread of
//! its own, so that tests without a runtime, and programs that are killed, can use it. What it saw is the measure for
//! what clients claim: how many requests at what time, what they cost, and which of them were given up.
//!
//! Reading order: `answer` (what is sent back), `server`, `rates` (what it had to do).

mod answer;
mod rates;
mod server;

pub use answer::Answer;
pub use rates::{mean_use, most};
pub use server::{Asked, Ended, ModelServer, Seen};
