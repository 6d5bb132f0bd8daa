//! Recorded tool calls of real agents, sent through a running gate over its public API, and scored.
//!
//! The gate sees what it would see live: the prompt as the task's purpose, the tool, its arguments, in order. Ids, attack
//! names, flags and decisive calls are read by `score` alone.

mod pack;
mod record;
mod score;
mod send;
mod tools;

pub use pack::write_pack;
pub use record::{Call, Run, Suite, Truth, read_runs, suites};
pub use score::{Fate, Scores, Table};
pub use send::{Plan, send_all};
pub use tools::Tool;
