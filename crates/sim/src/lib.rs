//! Development only: what proves the product, and no part of it.

#[cfg(feature = "gate")]
pub mod conformance;
pub mod mutants;
#[cfg(feature = "gate")]
pub mod postgres_server;
#[cfg(feature = "gate")]
pub mod pretend_target;
pub mod simulator;
#[cfg(feature = "gate")]
pub mod ssh_server;
#[cfg(feature = "gate")]
#[expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fixture fails by panicking"
)]
mod system_server;
