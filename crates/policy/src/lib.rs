//! Cedar in, verdict out: bundles of policy, checked whole before they are used, and the engine that asks them.
//!
//! The only crate that knows Cedar. It never sees who approved what: that is no input of policy.

pub mod bundle;
pub mod difference;
pub mod engine;
pub mod explain;
pub mod golden;
pub mod lint;
pub mod reference;

mod guard;
mod nesting;
mod schema;

pub use bundle::{Bundle, BundleProblem, Definitions};
pub use engine::{Engine, EnginePool};
