//! The crate from outside: bundles, the engine, and the pack that ships.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod bundle;
mod default_pack;
mod depth;
mod engine;
mod kit;
mod lint;
mod slicing;
mod threats;
