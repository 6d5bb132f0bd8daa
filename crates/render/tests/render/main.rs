//! Rendering from outside: golden cases, and properties over arbitrary bytes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod corpus;
mod lossless;
mod quiet;
