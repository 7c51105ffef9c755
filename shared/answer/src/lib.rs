//! The one way from a question to a number: plan, place, read, merge, finish.
//!
//! Whoever asks for a KPI's value asks here, so that pushed, fetched and recomputed values are one number:
//!
//! 1. **plan**: [`series::plan`] says what a request needs to know of each entity of its KPI
//! 2. **place**: each of these questions gets the tables that hold the entity's facts ([`Batch::add`])
//! 3. **merge** of questions: those of many requests that one read can answer are read together ([`merge`])
//! 4. **read**: [`facts::read`], all of them in one statement
//! 5. **finish**: [`series::answer`] merges the states that were read and finishes them to values ([`Answers::points`])
//!
//! [`ask`] does all of it for one request, [`ask_together`] for several of one client that belong together, [`ask_many`] for many questions of one client, a [`Batch`] for
//! those of many clients. [`Definitions`] is the one cache of clients' definitions.

mod ask;
mod batch;
mod definitions;
mod merge;
mod together;

pub use ask::{Answer, AskError, Step, ask};
pub use batch::{Answers, Asked, Batch, Outcome};
pub use definitions::Definitions;
pub use together::{Asking, Together, ask_many, ask_together};
