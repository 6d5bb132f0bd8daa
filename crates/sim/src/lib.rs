//! Development only: what proves the product, and no part of it.

#[cfg(feature = "gate")]
pub mod conformance;
pub mod mutants;
#[cfg(feature = "gate")]
pub mod postgres_server;
#[cfg(feature = "gate")]
pub mod pretend_target;
pub mod simulator;
