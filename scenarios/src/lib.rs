//! Stories played against the real binary over its public API: the use cases of requirements.md as files that anyone can
//! read, and recorded calls of real agents.
//!
//! It is development only. It knows the API and nothing of a gate's inside: what it asserts, any client could see.

mod ambient;
pub mod cast;
pub mod dojo;
pub mod gate_process;
pub mod play;
pub mod scenario;
pub mod targets;
mod trouble;

pub use ambient::{Os, now_millis};
pub use trouble::{Outcome, Trouble, trouble};
