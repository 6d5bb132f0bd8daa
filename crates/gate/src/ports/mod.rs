//! What the gate needs from the world, as traits. Their implementations live in other crates.

pub mod entropy;
pub mod executor;
pub mod facts;
pub mod issuer;
pub mod journal;
pub mod kept;
pub mod notifier;
pub mod store;
