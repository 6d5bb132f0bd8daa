//! Promises and threats that are only worth something where they are kept: on real processes, files and commands.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "tests: helpers outside test functions"
)]

mod attested;
mod p02_killed;
mod p12_altered;
mod p13_tree_head;
mod p16_canary;
#[path = "../../../audit/tests/share/mod.rs"]
mod share;
mod two_gates;
mod untouched;
mod watched;
mod world;
