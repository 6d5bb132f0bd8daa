//! Threat B9 from the terminal's side: a gate that was taken over lies to whoever asks it, with hashes to match. What follows from
//! the root that the client pinned it cannot make, so `gatehold show` and `gatehold approve` name the lie and nothing is signed.
//!
//! The gate is real. A liar stands where its public URL leads, passes everything on, and changes what the gate answers.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may panic"
)]

mod asked;
#[path = "../behind/mod.rs"]
mod behind;
mod changed;
#[path = "../gate/mod.rs"]
mod gate;
mod graded;
mod links;
mod shown;
