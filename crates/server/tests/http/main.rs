//! The API over a real port, one module a question.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod bad_input;
mod console;
mod doors;
mod fuzz;
mod journey;
mod matrix;
mod operations;
mod own_key;
mod point;
mod safety;
mod scim;
mod signals;
mod slow;
mod support;
mod walk;
